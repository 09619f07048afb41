"""Noise and perturbation of one layer or connection during one forward."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import torch
from torch import Generator, Tensor

from ..connections import Connection
from ..disturbance import KEYS, Noise, Perturbation
from ..layers import Layer


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
    #: what is disturbed
    keys: frozenset[str] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "keys", frozenset(self.noise) | frozenset(self.perturb))

    @classmethod
    def of(cls, part: Layer | Connection) -> Levels:
        """What the description of a layer or a connection says."""
        return cls(part.noise.levels(), part.noise.relative, part.perturb.levels())

    def described(self) -> dict[str, Noise | Perturbation]:
        """The entries of a description that say the same; pydantic's ValidationError where none can."""
        means = {key: mean for key, (mean, _) in self.perturb.items()}
        stds = {key: std for key, (_, std) in self.perturb.items()}
        named = {f"{key}_mean": means.pop(key, 0.0) for key in KEYS}
        named |= {f"{key}_std": stds.pop(key, 0.0) for key in KEYS}
        noise = {key: self.noise.get(key, 0.0) for key in KEYS}
        extras = {key: std for key, std in self.noise.items() if key not in KEYS}
        return {
            "noise": Noise.model_validate(noise | {"relative": self.relative, "extras": extras}),
            "perturb": Perturbation.model_validate(named | {"extras_mean": means, "extras_std": stds}),
        }

    def with_noise(self, key: str, std: float, relative: bool = False) -> Levels:
        """The same levels with another standard deviation of the noise on ``key``; 0 removes it."""
        noise = {k: v for k, v in (dict(self.noise) | {key: std}).items() if v}
        return replace(self, noise=noise, relative=relative)

    def with_perturbation(self, key: str, mean: float, std: float) -> Levels:
        """The same levels with another offset on ``key``; zeros remove it."""
        perturb = {k: v for k, v in (dict(self.perturb) | {key: (mean, std)}).items() if any(v)}
        return replace(self, perturb=perturb)


SILENT = Levels()


@dataclass(frozen=True)
class Shake:
    """Noise on a tensor x, which becomes x + share |x| + added.

    Args:
        share: Noise relative to x.
        added: Noise, and offsets, that do not depend on x.
    """

    share: Tensor | None = None
    added: Tensor | None = None

    def on(self, x: Tensor) -> Tensor:
        """``x`` with the noise."""
        shaken = x if self.share is None else x + self.share * x.abs()
        return shaken if self.added is None else shaken + self.added

    @classmethod
    def stacked(cls, steps: Sequence[Shake], dim: int) -> Shake:
        """What was drawn step by step as one, with time along a new dimension."""
        shares, added = [s.share for s in steps], [s.added for s in steps]
        return cls(_stacked(shares, dim), _stacked(added, dim))


def _stacked(tensors: Sequence[Tensor | None], dim: int) -> Tensor | None:
    present = [t for t in tensors if t is not None]
    return torch.stack(present, dim) if present else None


@dataclass(frozen=True)
class ShakenWeights:
    """Noise on the weights of a connection: missing ones stay missing.

    Args:
        noise: Of the connection.
        mask: Which weights exist, (to, from).
    """

    noise: Disturbance
    mask: Tensor

    def __call__(self, weight: Tensor) -> Tensor:
        """The weights at one step, (to, from)."""
        return self.noise("j", weight) * self.mask


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
        return self.drawn(key, x).on(x)

    def drawn(self, key: str, like: Tensor) -> Shake:
        """What is done to a tensor of the shape of ``like``, drawn now."""
        std, share, added = self.levels.noise.get(key), None, None
        if std is not None:
            normal = self._normal(like, like.shape) * std
            share, added = (normal, None) if self.levels.relative else (None, normal)
        if key in self.levels.perturb:
            offset = self._offset(key, like)
            added = offset if added is None else added + offset
        return Shake(share, added)

    def sequence(self, key: str, like: Tensor, steps: int) -> Shake:
        """What is done at each of some steps to a tensor of the shape of ``like``, with time along dim 1."""
        if key not in self.levels.keys:
            return Shake()
        return Shake.stacked([self.drawn(key, like) for _ in range(steps)], 1)

    def forget(self, *keys: str) -> None:
        """Draw offsets anew from now on, those of some keys or all."""
        for key in keys or [*self.offsets]:
            self.offsets.pop(key, None)

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
