"""Residual convolutional network."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from leyden.spec.errors import UserError

from ._fit import Activation, outputs_of
from .model import Interface, model

if TYPE_CHECKING:
    from torch import nn

Count = Annotated[int, Field(ge=1)]


@model("cnn", runs_on=("torch",))
def cnn(
    interface: Interface,
    /,
    *,
    channels: Annotated[list[Count], Field(min_length=1)] = [16, 32],  # noqa: B006  # never written to
    blocks: Count | list[Count] = 2,
    stem: Literal["cifar", "imagenet"] = "cifar",
    norm: Literal["batch", "group"] = "group",
    groups: Count | None = None,
    activation: Activation = "relu",
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0,
    zero_init_residual: bool = True,
) -> nn.Module:
    """Residual network on images (channels, height, width); (height, width) is read as one channel.

    A stem, then stages of residual blocks, each stage after the first at half the resolution, then the mean
    over all positions and a linear layer (He et al. 2015, arXiv:1512.03385). Channels 64, 128, 256, 512 with
    two blocks each, the imagenet stem and batch norm make ResNet-18.

    Args:
        interface: what data and task ask for.
        channels: width of each stage.
        blocks: residual blocks of each stage; one number for all.
        stem: cifar keeps the resolution (3 x 3), imagenet quarters it (7 x 7 and a pooling).
        norm: group, or batch, which makes a step depend on how it is cut into micro-batches.
        groups: groups of channels that are normalised together; null is 8.
        activation: function after each normalisation.
        dropout: share of pooled features that is zeroed while training.
        zero_init_residual: start every block as the identity.

    Raises:
        UserError: inputs that are no image, or too small; channels that do not divide into groups.

    Example:
        {type: cnn, channels: [16, 32], blocks: 2}
    """
    from .nets.residual import ResidualNetwork

    depths = [blocks] * len(channels) if isinstance(blocks, int) else blocks
    if len(depths) != len(channels):
        raise UserError(
            f"blocks takes one number for each stage, but has {len(depths)} for {len(channels)} channels; "
            "write one number, or as many as there are channels"
        )
    return ResidualNetwork(
        _image_channels(interface, stem, len(channels)),
        outputs_of("cnn", interface),
        channels=channels,
        blocks=depths,
        stem=stem,
        groups=_groups(norm, groups, channels),
        activation=activation,
        dropout=dropout,
        zero_init_residual=zero_init_residual,
    )


def _image_channels(interface: Interface, stem: str, stages: int) -> int:
    """Channels of one image, after making sure that it is one."""
    shape = interface.input_shape
    if len(shape) not in (2, 3):
        raise UserError(
            f"cnn reads images of shape (channels, height, width), but the inputs have shape {shape}; "
            "reshape them, or use model: mlp"
        )
    channels, height, width = (1, *shape) if len(shape) == 2 else shape
    if width in (1, 3, 4) and channels > 4:
        raise UserError(
            f"cnn reads images with channels first, but the inputs have shape {shape}; store them as "
            f"({width}, {channels}, {height})"
        )
    stride = 2 ** (stages - 1) * (4 if stem == "imagenet" else 1)
    if min(height, width) < stride:
        raise UserError(
            f"cnn with {stages} stages and the {stem} stem halves images until they are {stride} times "
            f"smaller, but they are {height} x {width}; use fewer channels, the cifar stem, or larger images"
        )
    return channels


def _groups(norm: str, groups: int | None, channels: list[int]) -> int | None:
    """Groups of a group norm; None for batch norm."""
    if norm == "batch":
        if groups is not None:
            raise UserError(f"groups belongs to norm: group, but norm is batch; remove `groups: {groups}`")
        return None
    wanted = groups or 8
    if odd := [c for c in channels if c % wanted]:
        raise UserError(
            f"channels must divide into {wanted} groups, but {odd[0]} does not; choose multiples of "
            f"{wanted}, or set groups"
        )
    return wanted
