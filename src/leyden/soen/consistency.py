"""What the parts of a circuit must agree on: numbers, ends, evaluation order, solvers, polarity."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence

from .connections import Connection
from .frozen import Fault
from .layers import Layer, SingleDendrite
from .patterns import Dense, HierarchicalBlocks, InverseOneToOne, OneToOne, Spatial
from .quantization import Quantization
from .simulation import Simulation
from .sources import SOURCES

RELATIVE = "relative noise cannot be combined with a perturbation; choose one"
REPAIR = "write network_evaluation_method: stepwise_gauss_seidel"


#: weights of one connection beyond this are a slip of the pen: the matrix alone has 16 GiB
MOST_WEIGHTS = 2**32


def inconsistencies(
    layers: Sequence[Layer],
    connections: Sequence[Connection],
    simulation: Simulation,
    quantization: Quantization | None,
    compat: frozenset[str],
) -> list[Fault]:
    """Every contradiction between parts that are each right by themselves, with the key it is about."""
    broken = [*_numbering(layers, connections)]
    if broken:
        return broken  # the rest could not be told
    known = {layer.layer_id: layer for layer in layers}
    found: list[Fault] = []
    for i, connection in enumerate(connections):
        source, target = known[connection.from_layer], known[connection.to_layer]
        faults = [*_of_connection(connection, source, target, simulation)]
        if "unused_connections" not in compat:
            faults += _without_effect(connection, target, simulation, first=target.layer_id == min(known))
        found += [(("connections", i, *path), f"{connection.key}: {text}") for path, text in faults]
    for i, layer in enumerate(layers):
        faults = [
            *_of_layer(layer, [c for c in connections if c.internal and c.from_layer == layer.layer_id])
        ]
        unheard = [*_unheard(layer)]
        if "unused_noise" not in compat:
            faults += unheard
        elif unheard:
            texts = "; ".join(f"layer {layer.layer_id}: {text}" for _, text in unheard)
            warnings.warn(f"compat `unused_noise` drops noise: {texts}", stacklevel=2)
        found += [(("layers", i, *path), f"layer {layer.layer_id}: {text}") for path, text in faults]
    if simulation.early_stopping_forward_pass and not simulation.stepwise:
        found.append(
            (("simulation", "early_stopping_forward_pass"), f"needs a stepwise evaluation; {REPAIR}")
        )
    return [*found, *_of_quantization(quantization, [c.key for c in connections])]


def _numbering(layers: Sequence[Layer], connections: Sequence[Connection]) -> Iterator[Fault]:
    """Layers and connections that cannot be told apart, or do not exist."""
    ids, keys = [layer.layer_id for layer in layers], [c.key for c in connections]
    if not layers:
        yield ("layers",), "there must be at least one layer"
    for i, number in enumerate(ids):
        if number in ids[:i]:
            text = f"layer_id must be unique, but {number} occurs {ids.count(number)} times"
            yield ("layers", i, "layer_id"), text
    for i, connection in enumerate(connections):
        for end in ("from_layer", "to_layer"):
            number = getattr(connection, end)
            if number not in ids:
                text = f"{connection.key} needs layer {number}, which does not exist; layers: {sorted(ids)}"
                yield ("connections", i, end), text
        if connection.key in keys[:i]:
            text = f"{connection.key} must be one connection, but there are {keys.count(connection.key)}"
            yield ("connections", i), text


def _of_connection(
    connection: Connection, source: Layer, target: Layer, simulation: Simulation
) -> Iterator[Fault]:
    params = connection.params
    if not connection.internal and connection.to_layer < connection.from_layer and not simulation.stepwise:
        yield (), f"leads back, which layerwise evaluation cannot follow; {REPAIR}"
    if source.params.polarised and params.mode != "fixed":
        text = f"{params.mode} cannot keep the polarity of layer {source.layer_id}; write mode: fixed"
        yield ("params", "mode"), text
    if connection.noise.relative and connection.perturb.levels():
        yield ("noise", "relative"), RELATIVE
    width, height = source.params.dim, target.params.dim
    if width * height > MOST_WEIGHTS:
        yield (), f"may have at most {MOST_WEIGHTS:,} weights, but has {height} x {width}"
    yield from ((("params", "structure"), text) for text in _of_pattern(connection, width, height))
    j_out = getattr(params.connection_params, "j_out", None)
    if isinstance(j_out, list) and len(j_out) != height:
        text = f"j_out must have one entry for each of {height} nodes, but got {len(j_out)}"
        yield ("params", "connection_params", "j_out"), text


def _without_effect(
    connection: Connection, target: Layer, simulation: Simulation, *, first: bool
) -> Iterator[Fault]:
    if connection.internal and not target.params.internal:
        yield (), f"a {target.layer_type} layer does not act on a self connection; remove it"
    elif first and simulation.input_type == "state":
        yield (), "reaches the input layer; remove it, or write input_type: flux"


def _of_pattern(connection: Connection, width: int, height: int) -> Iterator[str]:
    pattern = connection.params.structure.pattern
    if isinstance(pattern, (InverseOneToOne, HierarchicalBlocks)) and width != height:
        yield f"{pattern.name} needs layers of one size, but got {width} and {height}"
    if isinstance(pattern, HierarchicalBlocks) and pattern.base_size**pattern.levels != width:
        yield f"{pattern.name} needs {pattern.base_size**pattern.levels} nodes, but got {width}"
    if isinstance(pattern, Spatial) and pattern.connection_scope == "internal" and height > width:
        yield (
            f"{pattern.name} of connection_scope internal needs targets on the grid of the sources, but got "
            f"{width} sources and {height} targets; write connection_scope: external"
        )
    if (
        isinstance(pattern, OneToOne)
        and pattern.source_start_node_id is not None
        and pattern.source_end_node_id is not None
    ):
        count = pattern.source_end_node_id - pattern.source_start_node_id + 1
        if pattern.source_end_node_id >= width or count > height:
            yield f"the range of {count} source nodes must exist among {width} and fit {height} targets"


def _of_layer(layer: Layer, loops: Sequence[Connection]) -> Iterator[Fault]:
    params = layer.params
    if params.polarity is not None and len(params.polarity) != params.dim:
        text = f"polarity must have {params.dim} signs, but got {len(params.polarity)}"
        yield ("params", "polarity"), text
    if layer.noise.relative and layer.perturb.levels():
        yield ("noise", "relative"), RELATIVE
    if isinstance(params, SingleDendrite) and params.solver != "FE":
        for text in _of_solver(layer, params, loops):
            yield ("params", "solver"), f"solver {params.solver} {text}"


def _unheard(layer: Layer) -> Iterator[Fault]:
    """Noise on what a layer does not have."""
    allowed = layer.params.disturbable()
    for block, disturbance in (("noise", layer.noise), ("perturb", layer.perturb)):
        for key in sorted({*disturbance.levels()} - {*allowed}):
            path = (block, *disturbance.written(key))
            yield path, f"{layer.layer_type} has no {key} to disturb; known: {', '.join(allowed)}"


def _of_quantization(quantization: Quantization | None, keys: Sequence[str]) -> Iterator[Fault]:
    for i, key in enumerate((quantization.connections or []) if quantization else []):
        if key not in keys:
            text = f"quantization.connections has {key!r}, which is none of {', '.join(keys)}"
            yield ("quantization", "connections", i), text


def _of_solver(layer: Layer, params: SingleDendrite, loops: Sequence[Connection]) -> Iterator[str]:
    disturbed = {*layer.noise.levels(), *layer.perturb.levels()} - {"phi"}
    if disturbed:
        yield f"integrates without noise on {', '.join(sorted(disturbed))}; write solver: FE"
    if params.solver == "PS":
        if loops:
            yield f"needs a layer without self connection, but there is {loops[0].key}; write solver: FE"
        if SOURCES[params.source_func].uses_current:
            yield (
                f"needs a recurrence that is linear in the state, which g of {params.source_func} is not; "
                "write solver: FE, or PARARNN"
            )
    elif loops and not _may_be_diagonal(loops[0], params.dim):
        yield f"needs a diagonal, fixed self connection, which {loops[0].key} is not; write solver: FE"


def _may_be_diagonal(loop: Connection, width: int) -> bool:
    """Whether a self connection can turn out diagonal; most are known only once their weights are."""
    full = isinstance(loop.params.structure.pattern, Dense) and loop.params.init.initialiser.random
    return loop.params.mode == "fixed" and not (full and width > 1)
