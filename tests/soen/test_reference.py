"""Random circuits of every kind come out as an independent evaluation of the equations has them."""

from __future__ import annotations

import random
from typing import Any

import pytest
import torch

from leyden import soen
from leyden.soen.kernel.ways import at_most
from tests.soen.reference import SOURCES, simulated

KINDS = ("SingleDendrite", "MultiplierWICC", "MultiplierNOCC", "Linear", "Readout", "ScalingLayer", "Softmax")
LOOPS = ("SingleDendrite", "MultiplierWICC", "MultiplierNOCC")
STRUCTURES = (
    {"type": "dense"},
    {"type": "sparse", "params": {"sparsity": 0.6}},
    {"type": "one_to_one"},
    {"type": "chain"},
)
METHODS = ("layerwise", "stepwise_gauss_seidel", "stepwise_jacobi")


def layer(draw: random.Random, number: int) -> dict[str, Any]:
    kind = draw.choice(KINDS) if number else draw.choice(("Linear", "SingleDendrite"))
    params: dict[str, Any] = {"dim": draw.randint(2, 4)}
    if kind in (*LOOPS, "Readout"):
        params["source_func"] = draw.choice([*SOURCES])
    if kind in ("SingleDendrite", "MultiplierWICC"):
        params |= {"gamma_plus": draw.uniform(1e-3, 5e-3), "gamma_minus": draw.uniform(1e-3, 5e-3)}
    if kind == "Softmax":
        params["beta"] = 2.0
    return {"layer_id": 3 * number, "layer_type": kind, "params": params}


def connection(draw: random.Random, source: int, target: int) -> dict[str, Any]:
    params: dict[str, Any] = {
        "structure": draw.choice(STRUCTURES),
        "init": {"name": "uniform", "params": {"min": -0.3, "max": 0.4}},
    }
    params["mode"] = draw.choice(("fixed", "fixed", "WICC", "NOCC"))
    if params["mode"] != "fixed":
        params["connection_params"] = {
            "source_func": draw.choice([*SOURCES]),
            "half_flux_offset": draw.random() < 0.5,
            "j_in": draw.uniform(0.2, 0.6),
        }
    return {"from_layer": 3 * source, "to_layer": 3 * target, "params": params}


def circuit(seed: int) -> dict[str, Any]:
    """Skip connections, loops and, where it is evaluated step by step, feedback."""
    draw = random.Random(seed)
    method, input_type = draw.choice(METHODS), draw.choice(("state", "flux"))
    layers = [layer(draw, n) for n in range(draw.randint(2, 4))]
    connections = []
    for source in range(len(layers)):
        for target in range(len(layers)):
            reached = target > 0 or input_type == "flux"
            if source == target:
                wanted = reached and layers[target]["layer_type"] in LOOPS and draw.random() < 0.5
            else:
                wanted = target == source + 1 or draw.random() < 0.4
                wanted = wanted and reached and (target > source or method != "layerwise")
            if wanted:
                connections.append(connection(draw, source, target))
    draw.shuffle(connections)
    simulation = {"network_evaluation_method": method, "input_type": input_type, "dt": 20.0}
    return {"layers": layers, "connections": connections, "simulation": simulation}


@pytest.mark.parametrize("seed", range(40))
def test_a_random_circuit_is_what_its_equations_say(seed: int) -> None:
    net = soen.build(circuit(seed), seed=seed).double()
    generator = torch.Generator().manual_seed(seed)
    x = torch.rand(2, 6, net.input_width, dtype=torch.float64, generator=generator)
    start = {
        la.layer_id: 0.2 * torch.rand(2, la.params.dim, dtype=torch.float64, generator=generator)
        for la in net.ordered
    }
    expected = simulated(net, x.numpy(), {i: s.numpy() for i, s in start.items()})
    for way in ("compiled", "steps"):
        with at_most(way):
            found = net.simulate(x, start).histories
        for i, history in expected.items():
            torch.testing.assert_close(
                found[i].detach(), torch.from_numpy(history), atol=1e-10, rtol=0, msg=way
            )
