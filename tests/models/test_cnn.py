"""The residual network."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from leyden.models.cnn import cnn
from leyden.models.model import Interface
from leyden.models.nets.parameters import num_parameters


def images(*shape: int) -> Interface:
    return Interface(input_shape=shape, input_dtype="float32", num_outputs=10)


def test_resnet_18_has_its_11689512_parameters() -> None:
    interface = Interface(input_shape=(3, 224, 224), input_dtype="float32", num_outputs=1000)
    net = cnn(interface, channels=[64, 128, 256, 512], blocks=2, stem="imagenet", norm="batch")
    assert num_parameters(net) == 11_689_512


def test_blocks_start_as_the_identity() -> None:
    torch.manual_seed(0)
    net = cnn(images(1, 8, 8), channels=[8], blocks=1)
    x = torch.randn(2, 8, 4, 4).relu()
    torch.testing.assert_close(net.blocks[0](x), x)  # type: ignore[index]
    random = cnn(images(1, 8, 8), channels=[8], blocks=1, zero_init_residual=False)
    assert not torch.allclose(random.blocks[0](x), x)  # type: ignore[index]


def test_an_image_without_channels_is_one_channel() -> None:
    torch.manual_seed(0)
    net = cnn(images(8, 8)).eval()
    x = torch.randn(3, 8, 8)
    torch.testing.assert_close(net(x), net(x.unsqueeze(1)))


def test_the_default_does_not_depend_on_the_rest_of_the_batch() -> None:
    torch.manual_seed(0)
    net = cnn(images(1, 8, 8))
    x = torch.randn(6, 1, 8, 8)
    torch.testing.assert_close(net(x)[:2], net(x[:2]))


def test_every_stage_but_the_first_halves_the_resolution() -> None:
    sizes: list[int] = []
    net = cnn(images(3, 64, 64), channels=[8, 16, 24], blocks=[1, 2, 1], stem="imagenet")
    for block in net.blocks:  # type: ignore[union-attr]
        block.register_forward_hook(lambda _m, _i, out: sizes.append(out.shape[-1]))
    net(torch.randn(1, 3, 64, 64))
    assert sizes == [16, 8, 8, 4]
    assert len([m for m in net.modules() if isinstance(m, nn.MaxPool2d)]) == 1


@pytest.mark.parametrize(
    ("shape", "settings", "sentence"),
    [
        ((64,), {}, r"inputs have shape \(64,\); reshape them, or use model: mlp"),
        ((3, 2, 8, 8), {}, r"inputs have shape \(3, 2, 8, 8\)"),
        ((32, 32, 3), {}, r"channels first, .* store them as \(3, 32, 32\)"),
        ((1, 8, 8), {"channels": [8] * 5}, "16 times smaller, but they are 8 x 8"),
        ((3, 16, 16), {"stem": "imagenet", "channels": [8] * 4}, "32 times smaller, but they are 16 x 16"),
        ((1, 8, 8), {"blocks": [1, 2, 3]}, "has 3 for 2 channels"),
        ((1, 8, 8), {"channels": [12, 16]}, "8 groups, but 12 does not"),
        ((1, 8, 8), {"norm": "batch", "groups": 4}, "norm is batch; remove `groups: 4`"),
    ],
)
def test_what_does_not_fit_is_an_error(
    shape: tuple[int, ...], settings: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(ValueError, match=sentence):
        cnn(images(*shape), **settings)
