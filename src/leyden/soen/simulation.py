"""How a circuit is evaluated: time step, order of evaluation, what is recorded, early stopping."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, cast

from pydantic import Field, ValidationInfo, field_validator, model_validator

from .frozen import Frozen, Switch, one_of

Method = Literal["layerwise", "stepwise_gauss_seidel", "stepwise_jacobi"]

#: every spelling of an evaluation order that files of the original use
METHODS: dict[str, Method] = {
    "layerwise": "layerwise",
    "layer": "layerwise",
    "layer_sequence": "layerwise",
    "layer-sequence": "layerwise",
    "stepwise_gauss_seidel": "stepwise_gauss_seidel",
    "stepwise_gs": "stepwise_gauss_seidel",
    "stepwise (gauss-seidel)": "stepwise_gauss_seidel",
    "stepwise (gauss–seidel)": "stepwise_gauss_seidel",  # noqa: RUF001  (the original writes an en dash)
    "stepwise_jacobi": "stepwise_jacobi",
    "stepwise (jacobi)": "stepwise_jacobi",
}


#: numbers of early stopping -> the smallest that makes sense; the original takes it for smaller ones
SMALLEST: dict[str, float] = {
    "early_stopping_tolerance": 0.0,
    "early_stopping_patience": 1,
    "early_stopping_min_steps": 0,
    "steady_window_min": 0,
    "steady_tol_abs": 0.0,
    "steady_tol_rel": 0.0,
}

#: settings that files of the original do not know
OWN = {"out_of_range", "noise_in"}


class Simulation(Frozen):
    """How a circuit is evaluated. Every quantity is dimensionless; ``dt = 37`` are 37/omega_c = 0.0999 ns.

    Args:
        dt: Time step.
        dt_learnable: Whether the time step is a trainable parameter.
        input_type: `state`: the input is the first layer's state; `flux`: it is the flux into the first
            layer.
        network_evaluation_method: Whole sequences layer by layer, or all layers at each step: Gauss-Seidel
            uses states that
            this step has already updated, Jacobi only those of the step before.
        track_power: Record power and energy of dendrites.
        track_phi: Record the flux that source functions see.
        track_g: Record what source functions give.
        track_s: Record states without the initial one.
        early_stopping_forward_pass: Stop a stepwise simulation once states no longer change.
        early_stopping_tolerance: Largest change of a state in one step that counts as none.
        early_stopping_patience: Steps in a row without change after which the simulation stops.
        early_stopping_min_steps: Steps before the first check.
        steady_window_min: Steps over which the change is compared; 0 turns the window off.
        steady_tol_abs: Absolute tolerance of the window.
        steady_tol_rel: Tolerance of the window relative to the largest state.
        out_of_range: What a rate table gives for a current outside its range: 0 with a warning, or its edge.
        noise_in: Whether noise and perturbation act always or in training mode only.
    """

    dt: Annotated[float, Field(gt=0)] = 37.0
    dt_learnable: Switch = False
    input_type: Literal["state", "flux"] = "state"
    network_evaluation_method: Method = "layerwise"
    track_power: Switch = False
    track_phi: Switch = False
    track_g: Switch = False
    track_s: Switch = False
    early_stopping_forward_pass: Switch = False
    early_stopping_tolerance: Annotated[float, Field(ge=0)] = 1e-6
    early_stopping_patience: Annotated[int, Field(ge=1)] = 1
    early_stopping_min_steps: Annotated[int, Field(ge=0)] = 1
    steady_window_min: Annotated[int, Field(ge=0)] = 50
    steady_tol_abs: Annotated[float, Field(ge=0)] = 1e-5
    steady_tol_rel: Annotated[float, Field(ge=0)] = 1e-3
    out_of_range: Literal["zero", "edge"] = "zero"
    noise_in: Literal["always", "training"] = "always"

    @model_validator(mode="before")
    @classmethod
    def _as_the_original_reads_it(cls, data: Any, info: ValidationInfo) -> Any:
        mended = (info.context or {}).get("mended")
        if mended is None or not isinstance(data, Mapping):
            return data
        tree = dict(cast(Mapping[str, Any], data))
        for name, value in cast(Mapping[str, Any], data).items():
            if value is None:
                continue
            if name in SMALLEST:
                tree[name] = _clamped(value, SMALLEST[name], cls.model_fields[name].default)
            elif name == "network_evaluation_method" and _unknown(value):
                tree[name] = "layerwise"
            if tree[name] != value:
                mended.append(f"{name} {value!r} for {tree[name]!r}")
        return tree

    @field_validator("network_evaluation_method", mode="before")
    @classmethod
    def _spelled(cls, value: Any) -> Any:
        return (
            one_of(value.strip().lower(), METHODS, "the evaluation method")
            if isinstance(value, str)
            else value
        )

    @property
    def stepwise(self) -> bool:
        """Whether all layers advance together, one step at a time."""
        return self.network_evaluation_method != "layerwise"

    @property
    def tracks(self) -> bool:
        """Whether anything besides the states is recorded."""
        return self.track_power or self.track_phi or self.track_g or self.track_s

    def original(self) -> dict[str, Any]:
        """Every setting that files of the original know."""
        return self.model_dump(exclude=OWN)

    def own(self) -> dict[str, Any]:
        """The settings that they do not know, defaults left out."""
        return self.model_dump(include=OWN, exclude_defaults=True)


def _clamped(value: Any, smallest: float, default: float) -> float:
    """A number of early stopping as the original reads it: what is no number becomes the default."""
    try:
        return max(smallest, type(default)(value))
    except (TypeError, ValueError, OverflowError):
        return default


def _unknown(method: Any) -> bool:
    return method is not None and str(method).strip().lower() not in METHODS
