"""Optimizers are torch's, or their formula; they resume exactly, and fused is a matter of speed alone."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn
from torch.optim import Optimizer

from leyden.optim.adafactor import adafactor
from leyden.optim.adagrad import adagrad
from leyden.optim.adam import adam
from leyden.optim.adamw import adamw
from leyden.optim.groups import parameter_groups
from leyden.optim.lion import lion
from leyden.optim.muon import muon
from leyden.optim.rmsprop import rmsprop
from leyden.optim.sgd import sgd

PARTS: dict[str, Callable[..., Optimizer]] = {
    "adam": adam,
    "adamw": adamw,
    "sgd": sgd,
    "rmsprop": rmsprop,
    "adagrad": adagrad,
    "adafactor": adafactor,
    "lion": lion,
    "muon": muon,
}


def net() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(5, 7), nn.Tanh(), nn.Linear(7, 7), nn.Tanh(), nn.Linear(7, 3))


def steps(optimizer: Optimizer, module: nn.Module, first: int, last: int) -> None:
    """Regression on noise that is the same for each step number."""
    for step in range(first, last):
        generator = torch.Generator().manual_seed(step)
        x, y = torch.randn(16, 5, generator=generator), torch.randn(16, 3, generator=generator)
        optimizer.zero_grad()
        (module(x) - y).square().mean().backward()
        optimizer.step()


def weights(module: nn.Module) -> torch.Tensor:
    return torch.cat([p.detach().flatten() for p in module.parameters()])


def groups_of(module: nn.Module, lr: float = 1e-2, **settings: Any) -> list[dict[str, Any]]:
    return parameter_groups(module, lr=lr, **settings)


TORCH: list[tuple[Callable[..., Optimizer], type[Optimizer], dict[str, Any]]] = [
    (adam, torch.optim.Adam, {"lr": 1e-2, "betas": (0.8, 0.9), "amsgrad": True}),
    (adamw, torch.optim.AdamW, {"lr": 1e-2, "weight_decay": 0.1, "eps": 1e-6}),
    (sgd, torch.optim.SGD, {"lr": 1e-2, "momentum": 0.9, "nesterov": True, "weight_decay": 0.1}),
    (rmsprop, torch.optim.RMSprop, {"lr": 1e-2, "momentum": 0.5, "centered": True}),
    (adagrad, torch.optim.Adagrad, {"lr": 1e-2, "lr_decay": 0.01, "initial_accumulator_value": 0.1}),
    (adafactor, torch.optim.Adafactor, {"lr": 1e-2, "weight_decay": 0.1, "d": 2.0}),
]


@pytest.mark.parametrize(("part", "reference", "settings"), TORCH, ids=[t[1].__name__ for t in TORCH])
def test_parts_are_torchs_optimizers(
    part: Callable[..., Optimizer], reference: type[Optimizer], settings: dict[str, Any]
) -> None:
    ours, theirs = net(), net()
    steps(part(groups_of(ours, weight_decay=settings.get("weight_decay", 0.0)), **settings), ours, 0, 20)
    steps(reference(theirs.parameters(), **settings), theirs, 0, 20)
    torch.testing.assert_close(weights(ours), weights(theirs), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(("part", "reference", "_"), TORCH, ids=[t[1].__name__ for t in TORCH])
def test_defaults_are_torchs(part: Callable[..., Optimizer], reference: type[Optimizer], _: Any) -> None:
    theirs = {name: p.default for name, p in inspect.signature(reference).parameters.items()}
    for name, parameter in inspect.signature(part).parameters.items():
        if parameter.kind is parameter.KEYWORD_ONLY:
            assert parameter.default == theirs[name], name


def test_lion_is_its_formula() -> None:
    lr, (b1, b2), decay = 0.02, (0.9, 0.99), 0.1
    module = net()
    w, m = weights(module).double(), torch.zeros(weights(module).numel(), dtype=torch.float64)
    optimizer = lion(groups_of(module, lr, weight_decay=decay), lr=lr, betas=(b1, b2), weight_decay=decay)
    for step in range(10):
        steps(optimizer, module, step, step + 1)
        g = torch.cat([p.grad.flatten() for p in module.parameters() if p.grad is not None]).double()
        w = w - lr * ((b1 * m + (1 - b1) * g).sign() + decay * w)
        m = b2 * m + (1 - b2) * g
    torch.testing.assert_close(weights(module).double(), w, rtol=1e-5, atol=1e-6)


def test_muon_is_torchs_on_hidden_matrices_and_adamw_elsewhere() -> None:
    class Named(nn.Module):
        """An embedding, two hidden matrices and a head."""

        def __init__(self) -> None:
            super().__init__()
            self.embed, self.head = nn.Linear(5, 7), nn.Linear(7, 3)
            self.hidden = nn.Sequential(nn.Linear(7, 7), nn.Tanh(), nn.Linear(7, 7))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.head(self.hidden(self.embed(x)))

    torch.manual_seed(0)
    ours = Named()
    theirs = copy.deepcopy(ours)
    optimizer = muon(groups_of(ours, weight_decay=0.1, no_decay=True), lr=1e-2, weight_decay=0.1)
    assert [(g["name"], g["algorithm"], g["param_names"]) for g in optimizer.param_groups] == [
        ("default", "muon", ["hidden.0.weight", "hidden.2.weight"]),
        ("default/adamw", "adamw", ["embed.weight", "head.weight"]),
        ("default/no_decay/adamw", "adamw", ["embed.bias", "head.bias", "hidden.0.bias", "hidden.2.bias"]),
    ]
    hidden = [theirs.hidden[0].weight, theirs.hidden[2].weight]
    edges = [theirs.embed.weight, theirs.head.weight]
    vectors = [p for p in theirs.parameters() if p.ndim == 1]
    first = torch.optim.Muon(hidden, lr=1e-2, weight_decay=0.1, adjust_lr_fn="match_rms_adamw")
    second = torch.optim.AdamW(
        [{"params": edges, "weight_decay": 0.1}, {"params": vectors, "weight_decay": 0.0}], 1e-2
    )

    class Both(Optimizer):
        """Steps two optimizers."""

        def __init__(self) -> None:
            super().__init__(theirs.parameters(), {})

        def step(self, closure: Any = None) -> None:
            first.step()
            second.step()

    steps(optimizer, ours, 0, 10)
    steps(Both(), theirs, 0, 10)
    torch.testing.assert_close(weights(ours), weights(theirs), rtol=0, atol=0)


def test_muon_says_what_it_cannot_do(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match="two dimensions between hidden layers, but this model has none"):
        muon(groups_of(nn.Conv1d(3, 4, 5)))
    with pytest.raises(ValueError, match="`embedding` matches none"):
        muon(groups_of(net()), adamw=["embedding"])
    monkeypatch.delattr(torch.optim, "Muon")
    with pytest.raises(ValueError, match=r"torch 2\.9 or newer, but this is"):
        muon(groups_of(net()))


@pytest.mark.parametrize("name", PARTS)
def test_a_step_takes_the_rate_that_stands_in_the_group(name: str) -> None:
    module = net()
    optimizer = PARTS[name](groups_of(module), lr=1e-2)
    assert optimizer.defaults["lr"] == 1e-2
    for group in optimizer.param_groups:
        group["lr"] = 0.0
    before = weights(module)
    steps(optimizer, module, 0, 2)
    torch.testing.assert_close(weights(module), before, rtol=0, atol=0)


@pytest.mark.parametrize("name", PARTS)
def test_rules_reach_the_groups_and_names_the_checkpoint(name: str) -> None:
    rules = [{"match": "4.*", "lr": 0.5, "weight_decay": 0.25}]
    optimizer = PARTS[name](groups_of(net(), weight_decay=0.1, rules=rules), lr=1e-2, weight_decay=0.1)
    rates = {n: (g["lr"], g["weight_decay"]) for g in optimizer.param_groups for n in g["param_names"]}
    assert rates["4.weight"] == rates["4.bias"] == (0.5, 0.25)
    assert rates["0.weight"] == rates["2.bias"] == (1e-2, 0.1)
    saved = optimizer.state_dict()["param_groups"]
    assert {n for g in saved for n in g["param_names"]} == set(rates)
    assert all(g["initial_lr"] == g["lr"] and g["name"] for g in saved)


@pytest.mark.parametrize("name", PARTS)
def test_a_restored_optimizer_goes_on_bit_for_bit(name: str) -> None:
    rules = [{"match": "2.*", "lr": 3e-3}]
    whole, parted = net(), net()
    optimizer = PARTS[name](groups_of(whole, rules=rules))
    steps(optimizer, whole, 0, 12)
    first = PARTS[name](groups_of(parted, rules=rules))
    steps(first, parted, 0, 5)
    saved = copy.deepcopy((parted.state_dict(), first.state_dict()))
    again = net()
    again.load_state_dict(saved[0])
    second = PARTS[name](groups_of(again, rules=rules))
    second.load_state_dict(saved[1])
    steps(second, again, 5, 12)
    torch.testing.assert_close(weights(again), weights(whole), rtol=0, atol=0)


@pytest.mark.parametrize("name", ["muon", "lion", "adamw"])
def test_a_copied_optimizer_goes_on_bit_for_bit(name: str) -> None:
    module = net()
    optimizer = PARTS[name](groups_of(module))
    steps(optimizer, module, 0, 3)
    twin, twins = copy.deepcopy((module, optimizer))
    steps(optimizer, module, 3, 6)
    steps(twins, twin, 3, 6)
    torch.testing.assert_close(weights(twin), weights(module), rtol=0, atol=0)


@pytest.mark.parametrize("name", ["adam", "adamw", "sgd", "adagrad"])
def test_fused_is_taken_where_the_device_has_it_and_repeats_bit_for_bit(name: str) -> None:
    runs: list[torch.Tensor] = []
    for fused in (None, True, False):
        module = net()
        optimizer = PARTS[name](groups_of(module), fused=fused)
        assert bool(optimizer.defaults["fused"]) is (fused is not False)
        steps(optimizer, module, 0, 10)
        runs.append(weights(module))
    torch.testing.assert_close(runs[0], runs[1], rtol=0, atol=0)
    torch.testing.assert_close(runs[0], runs[2], rtol=1e-5, atol=1e-6)


def test_fused_is_left_out_where_the_device_lacks_it() -> None:
    with torch.device("meta"):
        module = nn.Linear(3, 3)
    assert not adamw(groups_of(module)).defaults["fused"]
    with pytest.raises(
        ValueError, match=r"real parameters on cpu or cuda, but the model's are float32 on meta"
    ):
        adamw(groups_of(module), fused=True)


def test_settings_of_sgd_that_contradict_each_other_are_an_error() -> None:
    with pytest.raises(ValueError, match=r"momentum is 0\.0 and dampening 0\.0; set momentum"):
        sgd(groups_of(net()), nesterov=True)
    with pytest.raises(ValueError, match=r"dampening 0\.5; set momentum"):
        sgd(groups_of(net()), nesterov=True, momentum=0.9, dampening=0.5)
    with pytest.raises(ValueError, match=r"remove `dampening: 0\.5`"):
        sgd(groups_of(net()), dampening=0.5)
