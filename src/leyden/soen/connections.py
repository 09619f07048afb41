"""Connections between layers: pattern, first weights, box, and the circuit that carries each weight."""

from __future__ import annotations

import warnings
from collections.abc import Collection, Mapping
from typing import Annotated, Any, Literal, cast

from pydantic import Field, ValidationInfo, field_validator, model_validator

from leyden.spec.nearest import nearest
from leyden.spec.unions import OneOf

from .disturbance import Noise, Perturbation
from .frozen import Frozen, Number, Switch, one_of, settings, under
from .old_names import OLD_BLOCKS
from .parameters import Box
from .patterns import PATTERN_NAMES, PATTERNS, Structure
from .sources import SourceName
from .weights import INITIALISERS, Init

Positive = Annotated[float, Field(gt=0)]
NotNegative = Annotated[float, Field(ge=0)]
Mode = Literal["fixed", "WICC", "NOCC"]


class Wicc(Frozen):
    """One multiplier with collection coil an edge: the weight is the flux that programs it.

    Args:
        source_func: The source function of both arms.
        gamma_plus: Drive of the edge state.
        gamma_minus: Leak of the edge state.
        bias_current: Bias of both arms.
        j_in: Coupling from the source node's state into both arms.
        j_out: Coupling from edge states to the target; from its fan-in where absent.
        half_flux_offset: Whether half a flux quantum is added to the weight.
    """

    source_func: SourceName = "RateArray"
    gamma_plus: NotNegative = 1e-3
    gamma_minus: NotNegative = 1e-3
    bias_current: float = 2.0
    j_in: float = 0.38
    j_out: Annotated[float | list[float] | None, OneOf()] = None
    half_flux_offset: Switch = False


class Nocc(Frozen):
    """One multiplier without collection coil an edge, with a common output for each target node.

    Args:
        source_func: The source function of both arms.
        alpha: Leak of the arms and the output.
        beta: Inductance of an arm.
        beta_out: Inductance of the output.
        bias_current: Bias of both arms.
        j_in: Coupling from the source node's state into both arms.
        j_out: Coupling from the common output to the target.
        half_flux_offset: Whether half a flux quantum is added to the weight.
    """

    source_func: SourceName = "RateArray"
    alpha: float = 1.64053
    beta: Positive = 303.85
    beta_out: NotNegative = 91.156
    bias_current: float = 2.1
    j_in: float = 0.38
    j_out: float = 0.38
    half_flux_offset: Switch = False


#: spellings of a mode, beside the three names, in older files; None: to be told from the settings
OLD_MODES: dict[str, Mode | None] = {
    "programmable": "WICC",
    "dynamic_v1": "WICC",
    "v1": "WICC",
    "dynamic_v2": "NOCC",
    "multiplier_v2": "NOCC",
    "v2": "NOCC",
    "dynamic": None,
    "multiplier": None,
}
MODES = {"fixed": Frozen, "WICC": Wicc, "NOCC": Nocc}
OWN_KEYS = (
    "structure",
    "init",
    "allow_self_connections",
    "constraints",
    "learnable",
    "mode",
    "connection_params",
)


class ConnectionParams(Frozen):
    """Everything of a connection but its ends.

    Args:
        structure: The pattern.
        init: The first weights.
        allow_self_connections: Whether a node may reach the node of its own number.
        constraints: The box weights stay in.
        learnable: Whether weights are trained, above the connection's own setting.
        mode: `fixed`: weight times state; `WICC`, `NOCC`: one multiplier circuit an edge.
        connection_params: Settings of those circuits.
    """

    structure: Structure = Structure()
    init: Init = Init()
    allow_self_connections: Switch = True
    constraints: Box = Box()
    learnable: Switch | None = None
    mode: Mode = "fixed"
    connection_params: Wicc | Nocc | None = None

    @model_validator(mode="before")
    @classmethod
    def _mode_of(cls, data: Any, info: ValidationInfo) -> Any:
        if not isinstance(data, Mapping):
            return data
        tree = {
            k: v for k, v in cast(Mapping[str, Any], data).items() if v is not None or k not in OLD_BLOCKS
        }
        for old in OLD_BLOCKS:
            if old in tree:
                if "connection_params" in tree:
                    raise ValueError(f"takes either connection_params or its older name {old}, not both")
                tree["connection_params"] = tree.pop(old)
        block = tree.get("connection_params")
        if isinstance(block, (Wicc, Nocc)):
            return {"mode": type(block).__name__.upper(), **tree}
        if _unsaid(tree.get("mode")):
            theirs = (info.context or {}).get("dropped") is not None
            with under("connection_params"):
                tree["mode"] = (
                    _told(block, theirs=theirs) if block and isinstance(block, Mapping) else "fixed"
                )
        return tree

    @field_validator("mode", mode="before")
    @classmethod
    def _named(cls, value: Any) -> Any:
        value = OLD_MODES.get(value.lower(), value) if isinstance(value, str) else value
        one_of(value, MODES, "the mode of a connection")
        return value

    @field_validator("connection_params", mode="before")
    @classmethod
    def _of_mode(cls, value: Any, info: ValidationInfo) -> Any:
        mode = info.data.get("mode")  # absent where it is wrong, and then nothing can be said of its settings
        if mode not in ("WICC", "NOCC"):
            return _without_circuit(value, info) if mode else None
        return settings(value, (Wicc, Nocc), MODES[mode], info)


def _without_circuit(value: Any, info: ValidationInfo) -> None:
    """What settings of a circuit are worth where there is none: a problem, unless compat drops them."""
    dropped = (info.context or {}).get("dropped")
    if value and dropped is not None:
        dropped.append("connection_params of mode fixed")
    elif value or not isinstance(value, Mapping | None):
        meant = _told(value, theirs=True) if isinstance(value, Mapping) else "WICC"
        raise ValueError(f"belong to WICC and NOCC, but mode is fixed; write mode: {meant}")


def _unsaid(mode: object) -> bool:
    """Whether a mode is left to the settings, as two older names of it do."""
    return mode is None or (isinstance(mode, str) and OLD_MODES.get(mode.lower(), mode) is None)


def _told(settings: Mapping[str, Any], *, theirs: bool = False) -> Mode:
    """Which circuit settings without a mode are meant for; ``theirs``: as the original understands them."""
    if {"alpha", "beta", "beta_out"} & set(settings):
        return "NOCC"
    if "gamma_plus" not in settings:
        return "NOCC"
    if "bias_current" in settings and not theirs:
        raise ValueError(
            "gamma_plus belongs to WICC, but the original takes settings with bias_current for NOCC; "
            "write mode: WICC, or leave gamma_plus out"
        )
    return "NOCC" if "bias_current" in settings else "WICC"


class Connection(Frozen):
    """The connection from one layer to another or to itself. Its weights have shape (to, from).

    Args:
        from_layer: Number of the source layer.
        to_layer: Number of the target layer.
        connection_type: Name of the pattern.
        params: Everything else about it.
        learnable: Whether weights are trained.
        noise: Noise of the weights at every step (`j`).
        perturb: Offsets of the weights that last one forward (`j_mean`, `j_std`).
        visualization_metadata: Kept for the original's viewer; nothing here reads it.
    """

    from_layer: Number
    to_layer: Number
    connection_type: str = "dense"
    params: ConnectionParams = ConnectionParams()
    learnable: Switch = True
    noise: Noise = Noise()
    perturb: Perturbation = Perturbation()
    visualization_metadata: Any = None

    @model_validator(mode="before")
    @classmethod
    def _one_layout(cls, data: Any) -> Any:
        """Older files have settings of pattern and initialiser side by side; sort them into two blocks."""
        if not isinstance(data, Mapping) or isinstance(data.get("params"), ConnectionParams):
            return data
        tree = dict(cast(Mapping[str, Any], data))
        given = tree.get("params")
        if given is not None and not isinstance(given, Mapping):
            return tree  # refused under its own key
        params = _own_nodes({k: v for k, v in (given or {}).items() if v is not None or k not in OWN_KEYS})
        kind = _pattern_name(tree.get("connection_type"), params)
        if isinstance(params.get("structure"), Mapping):
            params["structure"] = {"type": kind, **params["structure"]}
        if isinstance(params.get("init"), str) or "structure" not in params:
            params = _nested(params, kind)
        return tree | {"connection_type": kind, "params": params}

    @field_validator("noise", "perturb")
    @classmethod
    def _weights_only(cls, value: Noise | Perturbation, info: ValidationInfo) -> Noise | Perturbation:
        others = sorted(set(value.levels()) - {"j"})
        dropped = (info.context or {}).get("dropped")
        if others and dropped is not None:
            dropped += [f"{type(value).__name__}.{key} of a connection" for key in others]
            kept = {"j", "relative", "j_mean", "j_std"} & {*type(value).model_fields}
            return type(value)(**{key: getattr(value, key) for key in kept})
        if others:
            raise ValueError(f"a connection has noise on its weights only (`j`), but got {others}")
        return value

    @property
    def key(self) -> str:
        """Its name in state dictionaries and files, e.g. ``J_0_to_1``."""
        return f"J_{self.from_layer}_to_{self.to_layer}"

    @property
    def internal(self) -> bool:
        """Whether it goes from a layer to itself."""
        return self.from_layer == self.to_layer

    @property
    def trained(self) -> bool:
        """Whether its weights are trained; ``params.learnable`` decides where it is given."""
        return self.learnable if self.params.learnable is None else self.params.learnable


def _pattern_name(given: object, params: Mapping[str, Any]) -> str:
    structure = params.get("structure")
    inner = structure.get("type") if isinstance(structure, Mapping) else getattr(structure, "type", None)
    told = PATTERN_NAMES.get(inner) if isinstance(inner, str) else None  # the structure refuses other words
    if given is None:
        return told or "dense"
    with under("connection_type"):
        outer: str = one_of(given, PATTERN_NAMES, "connection_type")
    if told and told != outer:
        warnings.warn(
            f"a connection is {told}, as structure.type says, whatever connection_type {outer} says",
            stacklevel=2,
        )
    return told or outer


def _own_nodes(params: dict[str, Any]) -> dict[str, Any]:
    """The settings with `allow_self_connections` where it belongs: files may have it within the structure."""
    key, structure = "allow_self_connections", params.get("structure")
    inner = structure.get("params") if isinstance(structure, Mapping) else None
    if not isinstance(inner, Mapping) or key not in inner or key in params:
        return params
    kept = {k: v for k, v in cast(Mapping[str, Any], inner).items() if k != key}
    return params | {key: inner[key], "structure": {**cast(Mapping[str, Any], structure), "params": kept}}


def _nested(params: dict[str, Any], kind: str) -> dict[str, Any]:
    """``{sparsity: .1, init: normal, std: .2}`` as a structure and an init block."""
    kept = {key: params.pop(key) for key in [*params] if key in OWN_KEYS or key in OLD_BLOCKS}
    init = kept.get("init", "normal")
    if isinstance(init, str):
        with under("params", "init"):
            known = {*one_of(init, INITIALISERS, "an initialiser").model_fields}
        known |= {"a", "b"} if init == "uniform" else set()
        pattern = PATTERNS[kind].model_fields
        mine = [
            key for key in params if key not in pattern and (key in known or _closer(key, known, pattern))
        ]
        kept["init"] = {"name": init, "params": {key: params.pop(key) for key in mine}}
    if "structure" not in kept:
        kept["structure"] = {"type": kind, "params": {key: params.pop(key) for key in [*params]}}
    return kept | params


def _closer(key: str, known: Collection[str], others: Collection[str]) -> bool:
    """Whether a misspelt key is one of the initialiser's, and not of the pattern's."""
    return bool(nearest(key, known)) and not nearest(key, others)
