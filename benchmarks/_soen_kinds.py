"""How much faster the compiled loop is than single steps, for every kind of layer, connection and noise."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from interleave import in_turns, table
from leyden import soen
from leyden.soen.kernel.ways import Way, at_most

BATCH, STEPS, NODES = 16, 64, 32
#: every parameter is at its default, except weights
DENDRITE = {"layer_type": "SingleDendrite", "params": {"dim": NODES}}
STEPWISE = {"network_evaluation_method": "stepwise_gauss_seidel"}


def _connection(source: int, target: int, mode: str = "fixed", **rest: Any) -> dict[str, Any]:
    params = {"mode": mode, "init": {"name": "uniform", "params": {"min": -0.05, "max": 0.15}}}
    return {"from_layer": source, "to_layer": target, "params": params} | rest


def _layer(kind: str, **rest: Any) -> dict[str, Any]:
    return {"layer_type": kind, "params": {"dim": NODES}} | rest


#: name -> layers behind the input, connections behind that of the input, simulation
KINDS: dict[str, tuple[list[Any], list[Any], dict[str, Any]]] = {
    "dendrites": ([DENDRITE], [_connection(1, 1)], {}),
    "NOCC multipliers": ([_layer("MultiplierNOCC")], [_connection(1, 1)], {}),
    "somas": ([_layer("Soma")], [_connection(1, 1)], {}),
    "WICC loop": ([DENDRITE], [_connection(1, 1, "WICC")], {}),
    "NOCC loop": ([DENDRITE], [_connection(1, 1, "NOCC")], {}),
    "noisy parameters": ([DENDRITE | {"noise": {"bias_current": 0.01}}], [_connection(1, 1)], {}),
    "noisy weights": ([DENDRITE], [_connection(1, 1, noise={"j": 0.01})], {}),
    "feedback": ([DENDRITE, DENDRITE], [_connection(1, 2), _connection(2, 1)], STEPWISE),
    "feedback through circuits": (
        [DENDRITE, DENDRITE],
        [_connection(1, 2), _connection(2, 1, "WICC")],
        STEPWISE,
    ),
    "RNN": ([_layer("RNN")], [], {}),
    "GRU": ([_layer("GRU")], [], {}),
    "LSTM": ([_layer("LSTM")], [], {}),
    "LeakyGRU": ([_layer("LeakyGRU")], [], {}),
}


def _rivals(name: str) -> dict[str, Callable[[], object]]:
    layers, connections, simulation = KINDS[name]
    kinds = [{"layer_type": "Linear", "params": {"dim": NODES}}, *layers]
    network = soen.build(
        {
            "layers": [kind | {"layer_id": n} for n, kind in enumerate(kinds)],
            "connections": [_connection(0, 1), *connections],
            "simulation": {"dt": 37.0} | simulation,
        },
        seed=0,
    )
    x = 0.5 * torch.rand(BATCH, STEPS, NODES, generator=torch.Generator().manual_seed(1))

    def by(way: Way) -> Callable[[], object]:
        def work() -> object:
            with at_most(way):
                network.zero_grad()
                network(x).square().mean().backward()
            return None

        return work

    return {"steps": by("steps"), "compiled": by("compiled")}


def kinds(rounds: int) -> None:
    """Print milliseconds of a forward with backward of each kind, by single steps and compiled."""
    rows: list[list[object]] = []
    for name in KINDS:
        took = in_turns(_rivals(name), rounds=rounds)
        steps, compiled = took["steps"] * 1e3, took["compiled"] * 1e3
        rows.append([name, f"{steps:.1f}", f"{compiled:.2f}", f"{steps / compiled:.1f}"])
    print(f"\nforward + backward, {NODES} nodes, batch {BATCH}, {STEPS} steps, milliseconds")
    print(table(("kind", "single steps", "compiled", "times"), rows))
