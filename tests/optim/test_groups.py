"""Parameter groups partition what is trained, in one order, and never ignore a rule."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from leyden.optim.groups import matching, parameter_groups


def net() -> nn.Module:
    """Two blocks with a norm, an embedding and a head."""
    blocks = nn.Sequential(*[nn.Sequential(nn.Linear(4, 4), nn.LayerNorm((2, 4))) for _ in range(2)])
    return nn.ModuleDict({"embed": nn.Embedding(5, 4), "blocks": blocks, "head": nn.Linear(4, 2)})


def members(group: dict[str, object]) -> list[str]:
    return [name for name, _ in group["params"]]  # type: ignore[attr-defined]


def test_without_rules_there_is_one_group() -> None:
    (group,) = parameter_groups(net(), lr=0.1, weight_decay=0.01)
    assert {k: v for k, v in group.items() if k != "params"} == {
        "name": "default",
        "lr": 0.1,
        "initial_lr": 0.1,
        "weight_decay": 0.01,
    }
    assert members(group) == [name for name, _ in net().named_parameters()]


def test_biases_norms_and_vectors_can_be_spared_from_decay() -> None:
    decayed, spared = parameter_groups(net(), lr=0.1, weight_decay=0.01, no_decay=True)
    assert members(decayed) == ["embed.weight", "blocks.0.0.weight", "blocks.1.0.weight", "head.weight"]
    # the norm's weight has two dimensions here: its type counts, not its shape
    assert members(spared) == [
        "blocks.0.0.bias",
        "blocks.0.1.weight",
        "blocks.0.1.bias",
        "blocks.1.0.bias",
        "blocks.1.1.weight",
        "blocks.1.1.bias",
        "head.bias",
    ]
    assert (decayed["name"], decayed["weight_decay"]) == ("default", 0.01)
    assert (spared["name"], spared["weight_decay"]) == ("default/no_decay", 0.0)


def test_without_decay_there_is_nothing_to_spare() -> None:
    assert len(parameter_groups(net(), lr=0.1, weight_decay=0.0, no_decay=True)) == 1


def test_the_first_rule_that_matches_counts() -> None:
    rules = [
        {"match": "head.*", "lr": 1.0, "weight_decay": None},
        {"match": r"re:\.weight$", "lr": None, "weight_decay": 0.5},
    ]
    groups = parameter_groups(net(), lr=0.1, weight_decay=0.01, no_decay=True, rules=rules)
    summary = {g["name"]: (g["lr"], g["initial_lr"], g["weight_decay"], len(g["params"])) for g in groups}
    assert summary == {
        "default/no_decay": (0.1, 0.1, 0.0, 4),
        "head.*": (1.0, 1.0, 0.01, 1),
        "head.*/no_decay": (1.0, 1.0, 0.0, 1),
        r"re:\.weight$": (0.1, 0.1, 0.5, 3),
        r"re:\.weight$/no_decay": (0.1, 0.1, 0.0, 2),
    }


patterns = st.sampled_from(
    ["head.*", "*.bias", "re:blocks", "embed.weight", "re:[01]\\.weight", "blocks.1.*"]
)


@given(chosen=st.lists(patterns, unique=True), frozen=st.sets(st.integers(0, 10)), no_decay=st.booleans())
def test_every_trainable_parameter_is_in_exactly_one_group(
    chosen: list[str], frozen: set[int], no_decay: bool
) -> None:
    module = net()
    for index, parameter in enumerate(module.parameters()):
        parameter.requires_grad_(index not in frozen)
    rules = [{"match": pattern, "lr": 0.5} for pattern in chosen]
    try:
        groups = parameter_groups(module, lr=0.1, weight_decay=0.01, no_decay=no_decay, rules=rules)
    except ValueError as error:
        assert (
            "are frozen" in str(error) or "earlier groups" in str(error) or "takes a gradient" in str(error)
        )
        return
    found = [name for group in groups for name in members(group)]
    assert sorted(found) == sorted(name for name, p in module.named_parameters() if p.requires_grad)
    assert all(group["params"] for group in groups)
    torch.optim.SGD(groups, lr=0.1)  # torch refuses duplicates


def test_a_shared_parameter_is_in_one_group() -> None:
    module = net()
    module["tied"] = nn.Linear(4, 5, bias=False)  # type: ignore[operator]
    module["tied"].weight = module["embed"].weight  # type: ignore[index]
    (group,) = parameter_groups(module, lr=0.1)
    assert members(group).count("embed.weight") == 1 and "tied.weight" not in members(group)


@pytest.mark.parametrize(
    ("pattern", "sentence"),
    [
        ("head", r"`head` matches none; did you mean `head\.\*`"),
        ("haed.*", r"`haed\.\*` matches none; did you mean `head\.\*`"),
        ("embed.wieght", r"did you mean `embed\.weight`"),
        ("decoder.*", r"matches none; names are embed\.weight"),
        ("re:(", "must be a regular expression after `re:`"),
    ],
)
def test_a_pattern_that_matches_nothing_is_an_error_with_what_is_near(pattern: str, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        parameter_groups(net(), lr=0.1, rules=[{"match": pattern, "lr": 1.0}])


def test_a_rule_that_others_have_emptied_is_an_error() -> None:
    rules = [{"match": "head.*", "lr": 1.0}, {"match": "head.bias", "lr": 2.0}]
    with pytest.raises(ValueError, match=r"the 1 that `head\.bias` matches are in earlier groups"):
        parameter_groups(net(), lr=0.1, rules=rules)


def test_frozen_parameters_are_in_no_group() -> None:
    module = net()
    module["head"].requires_grad_(False)  # type: ignore[index]
    (group,) = parameter_groups(module, lr=0.1)
    assert not [name for name in members(group) if name.startswith("head")]
    with pytest.raises(ValueError, match=r"the 2 that `head\.\*` matches are frozen"):
        parameter_groups(module, lr=0.1, rules=[{"match": "head.*", "lr": 1.0}])
    with pytest.raises(ValueError, match="the model has none; unfreeze some"):
        parameter_groups(module.requires_grad_(False), lr=0.1)


def test_globs_are_of_the_whole_name_and_expressions_of_any_part() -> None:
    names = ["a.weight", "a.bias", "b.a.weight"]
    assert matching("a.*", names) == ["a.weight", "a.bias"]
    assert matching("*weight", names) == ["a.weight", "b.a.weight"]
    assert matching("re:a\\.", names) == names
    assert matching("re:^a", names) == ["a.weight", "a.bias"]
