"""Settings that were given and cannot act in the circuit they are in, each with its key and the reason."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from .connections import Connection
from .frozen import Fault, Frozen
from .layers import Layer, LayerParams, LeakyGRU
from .patterns import BlockStructure
from .polarity import Polarity
from .sources import SOURCES
from .weights import KaimingNormal

if TYPE_CHECKING:
    from .circuit import Circuit

EARLY = "early_stopping_forward_pass is off"


def idle(circuit: Circuit) -> list[Fault]:
    """What to tell a person who thinks that these settings do something. Defaults are never among them."""
    found = [*_of_simulation(circuit), *_of_quantization(circuit)]
    driven = circuit.ordered[0] if circuit.simulation.input_type == "state" else None
    for i, layer in enumerate(circuit.layers):
        leaving = [c for c in circuit.connections if c.from_layer == layer.layer_id]
        faults = [
            *_of_polarity(layer.params, bool(leaving)),
            *_of_loop(layer.params, any(c.internal for c in leaving)),
            *(_of_driven(layer) if layer is driven else _of_layer(layer, circuit.simulation.track_power)),
        ]
        found += [(("layers", i, *path), why) for path, why in faults]
    for i, connection in enumerate(circuit.connections):
        ends = [circuit.layer(number).params.dim for number in (connection.from_layer, connection.to_layer)]
        found += [(("connections", i, *path), why) for path, why in _of_connection(connection, *ends)]
    return found


def _given(model: Frozen, names: Sequence[str] = ()) -> list[str]:
    """Settings, of these or of all, that were given as something else than their defaults."""
    names = names or [*type(model).model_fields]
    return [n for n in names if n in model.model_fields_set and getattr(model, n) != _default(model, n)]


def _default(model: Frozen, name: str) -> Any:
    return type(model).model_fields[name].get_default(call_default_factory=True, validated_data={})


def _of_simulation(circuit: Circuit) -> Iterator[Fault]:
    simulation = circuit.simulation
    stopping = ("early_stopping_tolerance", "early_stopping_patience", "early_stopping_min_steps")
    window = ("steady_tol_abs", "steady_tol_rel")
    why = dict[str, str]()
    if not simulation.early_stopping_forward_pass:
        why |= dict.fromkeys((*stopping, "steady_window_min", *window), EARLY)
    elif not simulation.steady_window_min:
        why |= dict.fromkeys(window, "steady_window_min is 0")
    if not circuit.uses_table:
        why["out_of_range"] = "no source function looks a rate table up"
    owners = (*circuit.layers, *circuit.connections)
    if not any(owner.noise.levels() or owner.perturb.levels() for owner in owners):
        why["noise_in"] = "there is neither noise nor perturbation"
    if why:
        yield from ((("simulation", name), why[name]) for name in _given(simulation, [*why]))


def _of_quantization(circuit: Circuit) -> Iterator[Fault]:
    if circuit.quantization is not None and not any(circuit.quantizes(c) for c in circuit.connections):
        listed = circuit.quantization.connections is not None
        yield ("quantization",), "connections is empty" if listed else "no connection is trained; name some"


def _of_driven(layer: Layer) -> Iterator[Fault]:
    """The first layer shows its input, with noise on that; nothing else of it is evaluated."""
    why = "the input is the state of this layer; write input_type: flux"
    kept = {"dim", *Polarity.model_fields}
    yield from ((("params", name), why) for name in _given(layer.params) if name not in kept)
    yield from ((path, why) for key, path in _disturbed(layer) if key != "s")
    yield from _of_noise(layer)


def _of_layer(layer: Layer, powered: bool) -> Iterator[Fault]:
    params = layer.params
    for name in params.rules():
        ends, box = params.parameter(name).distribution.ends, params.box(name)
        if ends and not box.touches(*ends):
            yield ("params", name), f"constraints move it into their box, {box}"
    source = getattr(params, "source_func", None)
    if source is not None and not SOURCES[source].uses_current and not powered:
        why = f"{source} does not depend on the current"
        if params.parameter("bias_current").distribution != _default(params, "bias_current").distribution:
            yield ("params", "bias_current"), why
        yield from ((path, why) for key, path in _disturbed(layer) if key == "bias_current")
    if isinstance(params, LeakyGRU):
        yield from _of_time_constants(params)
    yield from _of_noise(layer)


def _disturbed(layer: Layer) -> Iterator[tuple[str, tuple[str, ...]]]:
    """What noise and perturbation act on, each with the key that says so."""
    yield from ((key, ("noise", *layer.noise.written(key))) for key in layer.noise.levels())
    yield from ((key, ("perturb", *layer.perturb.written(key))) for key in layer.perturb.levels())


def _of_noise(owner: Layer | Connection) -> Iterator[Fault]:
    if owner.noise.relative and not owner.noise.levels():
        yield ("noise", "relative"), "there is no noise to be relative"


def _of_time_constants(params: LeakyGRU) -> Iterator[Fault]:
    if (
        params.parameter("decay_bias").distribution
        != LeakyGRU.model_fields["decay_bias"].default.distribution
    ):
        names, why = ["tau_init", "tau_spacing", "tau_eps"], "decay_bias decides the time constants"
    elif not isinstance(params.tau_init, list) or len(params.tau_init) != 2:
        names, why = ["tau_spacing"], "tau_init is no [smallest, largest]"
    else:
        return
    yield from ((("params", name), why) for name in _given(params, names))


def _of_polarity(params: Polarity, leaving: bool) -> Iterator[Fault]:
    if not params.polarised:
        names, why = ["polarity_enforcement_method"], "the layer has no polarity"
    elif not leaving:
        names, why = [*Polarity.model_fields], "no connection leaves the layer"
    else:
        return
    yield from ((("params", name), why) for name in _given(params, names))


def _of_loop(params: LayerParams, looped: bool) -> Iterator[Fault]:
    if not looped and "connectivity.weight" in params.learnable_params:
        yield ("params", "learnable_params", "connectivity.weight"), "the layer has no self connection"


def _of_connection(connection: Connection, width: int, height: int) -> Iterator[Fault]:
    params = connection.params
    pattern, init, circuit = params.structure.pattern, params.init.initialiser, params.connection_params
    if (
        isinstance(pattern, BlockStructure)
        and pattern.connection_mode == "none"
        and pattern.cross_block_density
    ):
        yield ("params", "structure", "params", "cross_block_density"), "connection_mode is none"
    if isinstance(init, KaimingNormal) and init.nonlinearity != "leaky_relu":
        yield from ((("params", "init", "params", n), "it is of leaky_relu") for n in _given(init, ["a"]))
    if width != height and not params.allow_self_connections:
        yield ("params", "allow_self_connections"), "layers of different size have no nodes in common"
    source: Any = getattr(circuit, "source_func", None)
    if circuit is not None and not SOURCES[source].uses_current:
        why = f"{source} does not depend on the current"
        yield from ((("params", "connection_params", n), why) for n in _given(circuit, ["bias_current"]))
    if params.learnable is not None and not connection.learnable and params.learnable:
        yield ("learnable",), "params.learnable decides"
    yield from _of_noise(connection)
