"""A circuit in words: layers, connections, parameters, and what they are in the laboratory."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from .connections import Connection
from .files import TABLE_BESIDE
from .layers import Layer
from .parameters import Constant, Parameter
from .saved import Saved
from .units import convert, standard

#: parameter -> (quantity it stands for, its symbol, factor to the unit, unit)
LABORATORY = {
    "bias_current": ("i", "I", 1e6, "µA"),
    "gamma_plus": ("gamma_plus", "L", 1e9, "nH"),
    "gamma_minus": ("gamma_minus", "tau_physical", 1e9, "ns"),
    "alpha": ("alpha", "r_leak", 1.0, "Ohm"),
    "beta": ("beta_L", "L", 1e9, "nH"),
    "beta_out": ("beta_L", "L", 1e9, "nH"),
}


def summary(saved: Saved) -> str:
    """A page about a circuit."""
    return "\n".join([*_head(saved), "", *_layers(saved), "", *_connections(saved)])


def _head(saved: Saved) -> Iterator[str]:
    circuit, k = saved.circuit, saved.circuit.simulation
    nodes = sum(layer.params.dim for layer in circuit.layers)
    yield f"{len(circuit.layers)} layers, {nodes} nodes, {len(circuit.connections)} connections"
    step = convert(k.dt, "t_prime", "t") * 1e9
    learnt = ", trained" if k.dt_learnable else ""
    yield f"time step     {k.dt:g} = {step:.4g} ns (omega_c = {standard().omega_c:.4g} rad/s){learnt}"
    yield f"evaluation    {k.network_evaluation_method}, the input is the first layer's {k.input_type}"
    recorded = [name for name in ("s", "phi", "g", "power") if getattr(k, f"track_{name}")]
    yield f"records       {', '.join(['histories', *recorded])}"
    if circuit.quantization is not None:
        levels = circuit.quantization.codebook()
        yield f"quantisation  {len(levels)} levels from {levels[0]:g} to {levels[-1]:g}"
    if circuit.compat:
        yield f"compat        {', '.join(sorted(circuit.compat))}"
    if circuit.uses_table:
        yield f"rate table    {_table(saved)}"
    if saved.state:
        count = sum(a.size for name, a in saved.state.items() if name.startswith("connections."))
        yield f"numbers       from the file; {count} weights"


def _table(saved: Saved) -> str:
    if saved.table is None:
        return "the one that ships"
    place = f"{TABLE_BESIDE} beside the file" if saved.table is saved.beside else "carried by the file"
    currents, rates = saved.table.currents, saved.table.rates
    return f"{place}, {' x '.join(map(str, rates.shape))}, currents {currents[0]:g} to {currents[-1]:g}"


def _layers(saved: Saved) -> Iterator[str]:
    yield "layers"
    for place, layer in enumerate(saved.circuit.ordered):
        params = layer.params
        about = [
            f"{params.dim} nodes",
            getattr(params, "source_func", ""),
            params.solver if len(params.solvers) > 1 else "",
        ]
        yield f"  {layer.layer_id}  {layer.layer_type}: {', '.join(a for a in about if a)}{_disturbed(layer)}"
        for name, rule in params.rules().items():
            stored = saved.state.get(f"layers.{place}.{'log_' if rule.log else ''}{name}")
            values = None if stored is None else np.exp(stored) if rule.log else np.asarray(stored)
            yield f"       {name:<14} {_shown(name, params.parameter(name), values)}"


def _disturbed(layer: Layer) -> str:
    noise, offsets = layer.noise.levels(), layer.perturb.levels()
    said = [f"noise on {', '.join(noise)}"] if noise else []
    said += [f"perturbed {', '.join(offsets)}"] if offsets else []
    return "; " + "; ".join(said) if said else ""


def _shown(
    name: str, parameter: Parameter, values: np.ndarray[tuple[int, ...], np.dtype[np.float64]] | None
) -> str:
    distribution = parameter.distribution
    if values is None and isinstance(distribution, Constant) and distribution.value is not None:
        values = np.array([distribution.value])
    if values is None:
        settings = distribution.model_dump(exclude_defaults=True)
        return f"{distribution.name} {settings}" if settings else distribution.name
    low, high = float(values.min()), float(values.max())
    plain = f"{low:.4g}" if low == high else f"{low:.4g} to {high:.4g}, mean {float(values.mean()):.4g}"
    if name not in LABORATORY or low <= 0:
        return plain
    quantity, target, factor, unit = LABORATORY[name]
    ends = sorted({round(convert(v, quantity, target) * factor, 12) for v in (low, high)})
    return f"{plain}  = {' to '.join(f'{v:.4g}' for v in ends)} {unit}"


def _connections(saved: Saved) -> Iterator[str]:
    yield "connections"
    if not saved.circuit.connections:
        yield "  none"
    for c in saved.circuit.connections:
        yield f"  {c.key}: {_connection(saved, c)}"


def _connection(saved: Saved, c: Connection) -> str:
    source, target = saved.circuit.layer(c.from_layer).params.dim, saved.circuit.layer(c.to_layer).params.dim
    settings = c.params.structure.pattern.model_dump(exclude_none=True)
    said = [f"{c.params.structure.pattern.name} {settings or ''}".strip(), f"{source} to {target} nodes"]
    mask, weights = saved.masks.get(c.key), saved.state.get(f"connections.{c.key}")
    if mask is not None:
        said.append(f"{int((np.asarray(mask) > 0).sum())} weights")
    if weights is not None:
        said.append(f"{float(weights.min()):.3g} to {float(weights.max()):.3g}")
    else:
        said.append(f"first weights {c.params.init.initialiser.name}")
    said += [c.params.mode] if c.params.mode != "fixed" else []
    said += [] if c.trained else ["not trained"]
    return ", ".join(said)
