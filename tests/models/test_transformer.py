"""The transformer encoder: masks hide, positions order, sizes are as computed."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from leyden.models.model import Interface
from leyden.models.nets.attention import rotate
from leyden.models.nets.parameters import num_parameters
from leyden.models.nets.positions import sincos, turns
from leyden.models.transformer import transformer

SMALL = {"d_model": 16, "depth": 2, "heads": 4, "dropout": 0.0}
POOLS = ["mean", "cls", "last"]
POSITIONS = ["learned", "sincos", "rope", "none"]


def ids(time: int, outputs: int = 3) -> Interface:
    return Interface(input_shape=(time,), input_dtype="int64", num_outputs=outputs)


def features(time: int, width: int) -> Interface:
    return Interface(input_shape=(time, width), input_dtype="float32", num_outputs=3)


def sharp(net: nn.Module) -> nn.Module:
    """With weights so large that attention tells positions apart; fresh ones average everything."""
    for parameter in net.parameters():
        if parameter.ndim > 1:
            nn.init.normal_(parameter, std=0.3)
    return net.double().eval()


@pytest.mark.parametrize("pool", POOLS)
@pytest.mark.parametrize("pos", POSITIONS)
def test_padding_changes_nothing(pool: Any, pos: Any) -> None:
    torch.manual_seed(0)
    net = sharp(transformer(ids(5), vocab_size=9, pad_id=0, pool=pool, pos=pos, max_len=12, **SMALL))
    x = torch.randint(1, 9, (4, 5))
    padded = F.pad(x, (0, 6))
    torch.testing.assert_close(net(padded), net(x), rtol=0, atol=1e-10)


@pytest.mark.parametrize("pool", POOLS)
def test_a_mask_hides_whatever_stands_under_it(pool: Any) -> None:
    torch.manual_seed(0)
    net = sharp(transformer(features(6, 4), pool=pool, **SMALL))
    x = torch.randn(3, 6, 4, dtype=torch.float64)
    mask = torch.tensor([[1, 1, 1, 1, 0, 0], [0, 1, 0, 1, 1, 0], [1, 1, 1, 1, 1, 1]])
    noise = torch.where(mask.bool()[:, :, None], x, 1e6)
    torch.testing.assert_close(net(noise, mask=mask), net(x, mask=mask), rtol=0, atol=1e-10)
    torch.testing.assert_close(net(x[2:], mask=mask[2:]), net(x[2:]))


@pytest.mark.parametrize("pool", ["mean", "last"])
def test_a_sample_with_nothing_valid_pools_zeros_and_its_gradient_is_finite(pool: Any) -> None:
    net = transformer(ids(5), vocab_size=9, pad_id=0, pool=pool, **SMALL)
    x = torch.randint(1, 9, (3, 5))
    x[1] = 0
    outputs = net(x)
    torch.testing.assert_close(outputs[1], net.head.bias)  # type: ignore[arg-type]
    outputs.square().sum().backward()
    assert all(torch.isfinite(p.grad).all() for p in net.parameters() if p.grad is not None)


def test_without_positions_the_order_means_nothing() -> None:
    torch.manual_seed(0)
    x, order = torch.randn(3, 6, 4), torch.randperm(6)
    unordered = sharp(transformer(features(6, 4), pos="none", **SMALL))
    torch.testing.assert_close(unordered(x[:, order]), unordered(x), rtol=0, atol=1e-10)
    for pos in ("learned", "sincos", "rope"):
        ordered = sharp(transformer(features(6, 4), pos=pos, **SMALL))
        assert not torch.allclose(ordered(x[:, order]), ordered(x), atol=1e-3)


def test_rope_depends_on_distances_only() -> None:
    q, k, table = (
        torch.randn(8, dtype=torch.float64),
        torch.randn(8, dtype=torch.float64),
        turns(50, 8).double(),
    )
    at = lambda x, i: rotate(x[None, :], table[:, i : i + 1])[0]  # noqa: E731
    near, far = at(q, 3) @ at(k, 7), at(q, 41) @ at(k, 45)
    torch.testing.assert_close(near, far, rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(at(q, 0), q)


def test_waves_are_the_papers() -> None:
    table = sincos(20, 6)
    assert table[7, 1].item() == pytest.approx(torch.tensor(7 / 10_000 ** (2 / 6)).sin().item(), abs=1e-6)
    assert table[7, 3 + 2].item() == pytest.approx(torch.tensor(7 / 10_000 ** (4 / 6)).cos().item(), abs=1e-6)
    assert sincos(4, 5).shape == (4, 5)


@pytest.mark.parametrize("pool", POOLS)
def test_the_number_of_parameters_is_the_formula(pool: Any) -> None:
    d, depth, outputs, length = 16, 3, 5, 7
    net = transformer(ids(length, outputs), vocab_size=11, d_model=d, depth=depth, heads=2, pool=pool)
    token = pool == "cls"
    blocks = depth * ((4 * d * d + 4 * d) + (8 * d * d + 5 * d) + 4 * d)
    embeddings = 11 * d + (length + token) * d + token * d
    assert num_parameters(net) == blocks + embeddings + 2 * d + d * outputs + outputs


def test_attention_is_softmax_of_scaled_products() -> None:
    from leyden.models.nets.attention import Attention

    torch.manual_seed(0)
    layer, x = Attention(6, 2, 0.0).double(), torch.randn(2, 4, 6, dtype=torch.float64)
    q, k, v = (layer.qkv(x).reshape(2, 4, 3, 2, 3)[:, :, i].transpose(1, 2) for i in range(3))
    mixed = (q @ k.transpose(-1, -2) / 3**0.5).softmax(-1) @ v
    expected = layer.out(mixed.transpose(1, 2).reshape(2, 4, 6))
    torch.testing.assert_close(layer(x, None, None), expected)


def test_real_numbers_without_a_second_dimension_are_one_feature() -> None:
    net = transformer(Interface(input_shape=(6,), input_dtype="float64", num_outputs=3), **SMALL).eval()
    x = torch.randn(2, 6, dtype=torch.float64)
    torch.testing.assert_close(net(x), net(x.unsqueeze(2)))


@pytest.mark.parametrize("pos", POSITIONS)
def test_a_longer_sequence_than_max_len_is_an_error(pos: Any) -> None:
    net = transformer(ids(5), vocab_size=9, pos=pos, **SMALL)
    with pytest.raises(ValueError, match=r"max_len 5, .* has 6 positions; set model.max_len: 6"):
        net(torch.zeros(2, 6, dtype=torch.int64))


def test_a_mask_of_another_shape_is_an_error() -> None:
    net = transformer(ids(5), vocab_size=9, **SMALL)
    with pytest.raises(ValueError, match=r"\(batch, time\) = \(2, 5\) .* has shape \(2, 4\)"):
        net(torch.zeros(2, 5, dtype=torch.int64), mask=torch.ones(2, 4))


@pytest.mark.parametrize(
    ("interface", "settings", "sentence"),
    [
        (ids(5), {}, "token ids need vocab_size"),
        (ids(5), {"vocab_size": 9, "pad_id": 9}, "pad_id must be below vocab_size 9, but is 9"),
        (
            ids(5),
            {"vocab_size": 9, "d_model": 10, "heads": 4},
            "d_model must divide by heads, but 10 does not by 4",
        ),
        (ids(5), {"vocab_size": 9, "d_model": 12, "heads": 4, "pos": "rope"}, "gives 3 each, which is odd"),
        (ids(5), {"vocab_size": 9, "max_len": 4}, "but is 4 for 5"),
        (ids(5), {"vocab_size": 9, "max_len": 5, "pool": "cls"}, "class token, but is 5 for 6"),
        (features(5, 3), {"vocab_size": 9}, "vocab_size: 9 is for token ids"),
        (features(5, 3), {"pad_id": 0}, "pad_id: 0 is for token ids"),
        (
            Interface(input_shape=(3, 8, 8), input_dtype="float32", num_outputs=3),
            {},
            r"have shape \(3, 8, 8\)",
        ),
        (
            Interface(input_shape=(8, 8), input_dtype="uint8", num_outputs=3),
            {},
            "type uint8; reshape or convert",
        ),
    ],
)
def test_what_does_not_fit_is_an_error(interface: Interface, settings: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        transformer(interface, **{**SMALL, **settings})
