"""Noise and perturbation of one layer or connection during one forward."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import torch
from torch import Generator, Tensor


@dataclass(frozen=True)
class Levels:
    """How strongly something is disturbed; replaced, never changed, when a callback anneals it.

    Args:
        noise: What -> standard deviation of what is drawn anew at every step.
        relative: Whether those are multiplied by the magnitude of what they disturb.
        perturb: What -> (mean, standard deviation) of an offset that lasts one forward.
    """

    noise: Mapping[str, float] = field(default_factory=dict[str, float])
    relative: bool = False
    perturb: Mapping[str, tuple[float, float]] = field(default_factory=dict[str, tuple[float, float]])

    def with_noise(self, key: str, std: float, relative: bool = False) -> Levels:
        """The same levels with another standard deviation of the noise on ``key``; 0 removes it."""
        noise = {k: v for k, v in (dict(self.noise) | {key: std}).items() if v}
        return replace(self, noise=noise, relative=relative)

    def with_perturbation(self, key: str, mean: float, std: float) -> Levels:
        """The same levels with another offset on ``key``; zeros remove it."""
        perturb = {k: v for k, v in (dict(self.perturb) | {key: (mean, std)}).items() if any(v)}
        return replace(self, perturb=perturb)

    @property
    def keys(self) -> frozenset[str]:
        """What is disturbed."""
        return frozenset(self.noise) | frozenset(self.perturb)


SILENT = Levels()


class Disturbance:
    """What ``levels`` do to the tensors of one forward; offsets are drawn at first use and kept.

    Args:
        levels: How strongly.
        generator: Of the draws; torch's own of the device where None, as for dropout.
    """

    def __init__(self, levels: Levels, generator: Generator | None = None) -> None:
        self.levels = levels
        self.generator = generator
        self.offsets: dict[str, Tensor] = {}

    def __call__(self, key: str, x: Tensor) -> Tensor:
        """``x`` disturbed as ``key``: (batch, nodes), (batch, time, nodes), or weights (to, from)."""
        std = self.levels.noise.get(key)
        if std is not None:
            scale = std * x.abs() if self.levels.relative else std
            x = x + self._normal(x, x.shape) * scale
        if key in self.levels.perturb:
            x = x + self._offset(key, x)
        return x

    def forget(self) -> None:
        """Draw offsets anew from now on."""
        self.offsets = {}

    def _offset(self, key: str, x: Tensor) -> Tensor:
        shape = (x.shape[0], x.shape[-1])
        if key not in self.offsets:
            mean, std = self.levels.perturb[key]
            self.offsets[key] = mean + std * self._normal(x, torch.Size(shape))
        offset = self.offsets[key]
        return offset.unsqueeze(1) if x.dim() == 3 else offset

    def _normal(self, like: Tensor, shape: torch.Size) -> Tensor:
        # the numbers of torch.randn, which takes no generator and no symbolic shape at once
        return like.new_empty(shape).normal_(generator=self.generator)
