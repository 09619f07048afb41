"""Residual convolutional network."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from .activations import ACTIVATIONS
from .init import NORMS, initialise


class Block(nn.Module):
    """Two 3 x 3 convolutions beside a shortcut: x -> activation(shortcut(x) + convolutions(x))."""

    def __init__(self, before: int, after: int, *, stride: int, groups: int | None, activation: str) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(before, after, 3, stride, 1, bias=False)
        self.norm1 = _norm(after, groups)
        self.conv2 = nn.Conv2d(after, after, 3, 1, 1, bias=False)
        self.norm2 = _norm(after, groups)
        self.activation = ACTIVATIONS[activation]()
        same = stride == 1 and before == after
        self.shortcut = (
            nn.Identity()
            if same
            else nn.Sequential(nn.Conv2d(before, after, 1, stride, bias=False), _norm(after, groups))
        )

    def forward(self, x: Tensor) -> Tensor:
        """(batch, before, height, width) -> (batch, after, height / stride, width / stride)."""
        y = self.norm2(self.conv2(self.activation(self.norm1(self.conv1(x)))))
        return self.activation(y + self.shortcut(x))


class ResidualNetwork(nn.Module):
    """A stem, stages of blocks, the mean over all positions, a linear head. ``groups`` None is batch norm."""

    def __init__(
        self,
        inputs: int,
        outputs: int,
        *,
        channels: Sequence[int],
        blocks: Sequence[int],
        stem: str,
        groups: int | None,
        activation: str,
        dropout: float,
        zero_init_residual: bool,
    ) -> None:
        super().__init__()
        size, stride, padding = (7, 2, 3) if stem == "imagenet" else (3, 1, 1)
        self.stem = nn.Sequential(
            nn.Conv2d(inputs, channels[0], size, stride, padding, bias=False),
            _norm(channels[0], groups),
            ACTIVATIONS[activation](),
            nn.MaxPool2d(3, 2, 1) if stem == "imagenet" else nn.Identity(),
        )
        stages: list[nn.Module] = []
        before = channels[0]
        for stage, (after, depth) in enumerate(zip(channels, blocks, strict=True)):
            strides = [2 if stage else 1] + [1] * (depth - 1)
            widths = [before] + [after] * (depth - 1)
            stages += [
                Block(width, after, stride=s, groups=groups, activation=activation)
                for width, s in zip(widths, strides, strict=True)
            ]
            before = after
        self.blocks = nn.Sequential(*stages)
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(before, outputs)
        self.zero_init_residual = zero_init_residual
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw all weights anew."""
        initialise(self, linear="kaiming")
        for block in self.blocks if self.zero_init_residual else ():
            assert isinstance(block, Block) and isinstance(block.norm2, NORMS)
            nn.init.zeros_(block.norm2.weight)

    def forward(self, x: Tensor) -> Tensor:
        """(batch, channels, height, width), or (batch, height, width) of one channel -> (batch, outputs)."""
        x = (x if x.ndim == 4 else x.unsqueeze(1)).to(self.head.weight.dtype)
        x = self.blocks(self.stem(x)).mean((2, 3))
        return self.head(self.dropout(x))


def _norm(channels: int, groups: int | None) -> nn.Module:
    return nn.BatchNorm2d(channels) if groups is None else nn.GroupNorm(groups, channels)
