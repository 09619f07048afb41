"""What the parts of a circuit must agree on: numbers, ends, evaluation order, solvers, polarity."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence

from .connections import Connection
from .layers import Layer, SingleDendrite
from .patterns import Custom, Dense, HierarchicalBlocks, InverseOneToOne, OneToOne
from .quantization import Quantization
from .simulation import Simulation
from .sources import SOURCES

RELATIVE = "relative noise cannot be combined with a perturbation; choose one"
REPAIR = "write network_evaluation_method: stepwise_gauss_seidel"


def inconsistencies(
    layers: Sequence[Layer],
    connections: Sequence[Connection],
    simulation: Simulation,
    quantization: Quantization | None,
    compat: frozenset[str],
) -> list[str]:
    """Every contradiction between parts that are each right by themselves."""
    broken = [*_numbering(layers, connections)]
    if broken:
        return broken  # the rest could not be told
    known = {layer.layer_id: layer for layer in layers}
    found: list[str] = []
    for connection in connections:
        source, target = known[connection.from_layer], known[connection.to_layer]
        found += _of_connection(connection, source, target, simulation)
        if "unused_connections" not in compat:
            found += _without_effect(connection, target, simulation, first=target.layer_id == min(known))
    for layer in layers:
        found += _of_layer(layer, [c for c in connections if c.internal and c.from_layer == layer.layer_id])
        unheard = _unheard(layer)
        if "unused_noise" not in compat:
            found += unheard
        elif unheard:
            warnings.warn(f"compat `unused_noise` drops noise: {'; '.join(unheard)}", stacklevel=2)
    if simulation.early_stopping_forward_pass and not simulation.stepwise:
        found.append(f"early_stopping_forward_pass needs a stepwise evaluation; {REPAIR}")
    keys = [c.key for c in connections]
    for key in (quantization.connections or []) if quantization else []:
        if key not in keys:
            found.append(f"quantization.connections has {key!r}, which is none of {', '.join(keys)}")
    return found


def _numbering(layers: Sequence[Layer], connections: Sequence[Connection]) -> Iterator[str]:
    """Layers and connections that cannot be told apart, or do not exist."""
    ids, keys = [layer.layer_id for layer in layers], [c.key for c in connections]
    if not layers:
        yield "there must be at least one layer"
    for number in sorted({i for i in ids if ids.count(i) > 1}):
        yield f"layer_id must be unique, but {number} occurs {ids.count(number)} times"
    for connection in connections:
        for number in {connection.from_layer, connection.to_layer} - {*ids}:
            yield f"{connection.key} needs layer {number}, which does not exist; layers: {sorted(ids)}"
    for key in sorted({k for k in keys if keys.count(k) > 1}):
        yield f"{key} must be one connection, but there are {keys.count(key)}"


def _of_connection(
    connection: Connection, source: Layer, target: Layer, simulation: Simulation
) -> Iterator[str]:
    key, params = connection.key, connection.params
    if not connection.internal and connection.to_layer < connection.from_layer and not simulation.stepwise:
        yield f"{key} leads back, which layerwise evaluation cannot follow; {REPAIR}"
    if source.params.polarised and params.mode != "fixed":
        yield f"{key}: {params.mode} cannot keep the polarity of layer {source.layer_id}; write mode: fixed"
    if connection.noise.relative and connection.perturb.levels():
        yield f"{key}: {RELATIVE}"
    yield from (f"{key}: {text}" for text in _of_pattern(connection, source.params.dim, target.params.dim))


def _without_effect(
    connection: Connection, target: Layer, simulation: Simulation, *, first: bool
) -> Iterator[str]:
    if connection.internal and not target.params.internal:
        yield f"{connection.key}: a {target.layer_type} layer does not act on a self connection; remove it"
    elif first and simulation.input_type == "state":
        yield f"{connection.key} reaches the input layer; remove it, or write input_type: flux"


def _of_pattern(connection: Connection, width: int, height: int) -> Iterator[str]:
    pattern = connection.params.structure.pattern
    if isinstance(pattern, (InverseOneToOne, HierarchicalBlocks)) and width != height:
        yield f"{pattern.name} needs layers of one size, but got {width} and {height}"
    if isinstance(pattern, HierarchicalBlocks) and pattern.base_size**pattern.levels != width:
        yield f"{pattern.name} needs {pattern.base_size**pattern.levels} nodes, but got {width}"
    if (
        isinstance(pattern, OneToOne)
        and pattern.source_start_node_id is not None
        and pattern.source_end_node_id is not None
    ):
        count = pattern.source_end_node_id - pattern.source_start_node_id + 1
        if pattern.source_end_node_id >= width or count > height:
            yield f"the range of {count} source nodes must exist among {width} and fit {height} targets"
    if connection.params.mode == "WICC":
        j_out = getattr(connection.params.connection_params, "j_out", None)
        if isinstance(j_out, list) and len(j_out) != height:
            yield f"j_out must have one entry for each of {height} nodes, but got {len(j_out)}"
    assert not isinstance(pattern, Custom) or pattern.mask_file


def _of_layer(layer: Layer, loops: Sequence[Connection]) -> Iterator[str]:
    params, place = layer.params, f"layer {layer.layer_id}"
    if params.polarity is not None and len(params.polarity) != params.dim:
        yield f"{place}: polarity must have {params.dim} signs, but got {len(params.polarity)}"
    if layer.noise.relative and layer.perturb.levels():
        yield f"{place}: {RELATIVE}"
    if isinstance(params, SingleDendrite) and params.solver != "FE":
        yield from (f"{place}: solver {params.solver} {text}" for text in _of_solver(layer, params, loops))


def _unheard(layer: Layer) -> list[str]:
    """Noise on what a layer does not have."""
    allowed = layer.params.disturbable()
    return [
        f"layer {layer.layer_id}: {layer.layer_type} has no {key} to disturb; known: {', '.join(allowed)}"
        for key in sorted({*layer.noise.levels(), *layer.perturb.levels()} - {*allowed})
    ]


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
