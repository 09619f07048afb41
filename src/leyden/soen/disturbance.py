"""Noise (fresh at every step) and perturbation (drawn once a forward) of a layer or a connection."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Annotated, Self

from pydantic import Field, model_validator

from .frozen import Frozen, Switch

Std = Annotated[float, Field(ge=0)]

#: what every layer or connection can be disturbed in, besides its own parameters by name (`extras`)
KEYS = ("phi", "g", "s", "bias_current", "j")


class Noise(Frozen):
    """Standard deviations of Gaussian noise that is drawn anew at every step, sample and node.

    Args:
        phi: Of the flux that reaches a layer.
        g: Of what the source function gives.
        s: Of the new state.
        bias_current: Of the bias current.
        j: Of the weights of a connection.
        relative: Whether standard deviations are multiplied by the magnitude of what they disturb.
        extras: Standard deviations of further parameters by name.
    """

    phi: Std = 0.0
    g: Std = 0.0
    s: Std = 0.0
    bias_current: Std = 0.0
    j: Std = 0.0
    relative: Switch = False
    extras: dict[str, Std] = Field(default_factory=dict[str, Std])

    @model_validator(mode="after")
    def _disjoint(self) -> Self:
        _not_twice(KEYS, self.extras)
        return self

    def levels(self) -> dict[str, float]:
        """What is disturbed -> its standard deviation, the zeros left out."""
        return _nonzero({key: getattr(self, key) for key in KEYS} | self.extras)

    def written(self, key: str) -> tuple[str, ...]:
        """Where the level of ``key`` stands among the settings."""
        return (key,) if key in KEYS else ("extras", key)


class Perturbation(Frozen):
    """Means and standard deviations of a Gaussian offset per sample and node, kept through one forward.

    Args:
        phi_mean: Of the flux that reaches a layer; `phi_std` likewise.
        phi_std: See `phi_mean`.
        g_mean: Of what the source function gives.
        g_std: See `g_mean`.
        s_mean: Of the new state.
        s_std: See `s_mean`.
        bias_current_mean: Of the bias current.
        bias_current_std: See `bias_current_mean`.
        j_mean: Of the weights of a connection.
        j_std: See `j_mean`.
        extras_mean: Means of further parameters by name.
        extras_std: Standard deviations of further parameters by name.
    """

    phi_mean: float = 0.0
    phi_std: Std = 0.0
    g_mean: float = 0.0
    g_std: Std = 0.0
    s_mean: float = 0.0
    s_std: Std = 0.0
    bias_current_mean: float = 0.0
    bias_current_std: Std = 0.0
    j_mean: float = 0.0
    j_std: Std = 0.0
    extras_mean: dict[str, float] = Field(default_factory=dict[str, float])
    extras_std: dict[str, Std] = Field(default_factory=dict[str, Std])

    @model_validator(mode="after")
    def _disjoint(self) -> Self:
        _not_twice([f"{key}_mean" for key in KEYS], {f"{key}_mean" for key in self.extras_mean})
        _not_twice([f"{key}_std" for key in KEYS], {f"{key}_std" for key in self.extras_std})
        return self

    def levels(self) -> dict[str, tuple[float, float]]:
        """What is perturbed -> (mean, standard deviation), the zeros left out."""
        means = _nonzero({key: getattr(self, f"{key}_mean") for key in KEYS} | self.extras_mean)
        stds = _nonzero({key: getattr(self, f"{key}_std") for key in KEYS} | self.extras_std)
        return {key: (means.get(key, 0.0), stds.get(key, 0.0)) for key in sorted(means | stds)}

    def written(self, key: str) -> tuple[str, ...]:
        """Where the mean of ``key`` stands, its standard deviation where there is no mean."""
        kind = "mean" if self.levels()[key][0] else "std"
        return (f"{key}_{kind}",) if key in KEYS else (f"extras_{kind}", key)


def _not_twice(own: Iterable[str], extras: Collection[str]) -> None:
    """Refuses an extra that has a key of its own."""
    for key in own:
        if key in extras:
            raise ValueError(f"{key} has a key of its own; write it there, not among the extras")


def _nonzero(values: Mapping[str, float]) -> dict[str, float]:
    return {key: value for key, value in values.items() if value}
