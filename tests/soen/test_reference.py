"""Random circuits of every kind come out as an independent evaluation of the equations has them."""

from __future__ import annotations

import random
from typing import Any

import pytest
import torch

from leyden import soen
from leyden.soen.kernel.ways import at_most
from tests.soen.golden_case import table_of
from tests.soen.reference import SOURCES, simulated

LOOPS = ("SingleDendrite", "MultiplierWICC", "MultiplierNOCC", "RNN", "GRU", "LSTM", "MinGRU", "LeakyGRU")
PHYSICAL = (*LOOPS[:3], "Readout", "NonLinear")
KINDS = (*PHYSICAL, "SingleDendrite", *LOOPS[3:], "Linear", "Input", "ScalingLayer", "Softmax")
STRUCTURES = (
    {"type": "dense"},
    {"type": "sparse", "params": {"sparsity": 0.6}},
    {"type": "one_to_one"},
    {"type": "chain"},
)
METHODS = ("layerwise", "stepwise_gauss_seidel", "stepwise_jacobi")
NAMES = [*SOURCES, "RateArray", "RateArray"]


def parameters(draw: random.Random, kind: str) -> dict[str, Any]:
    params: dict[str, Any] = {"dim": draw.randint(2, 4)}
    if kind in PHYSICAL:
        params["source_func"] = draw.choice(NAMES)
        params["bias_current"] = {"value": draw.uniform(1.5, 2.2), "constraints": {"min": 1.6, "max": 2.1}}
    if kind in ("SingleDendrite", "MultiplierWICC"):
        params |= {"gamma_plus": draw.uniform(1e-3, 5e-3), "gamma_minus": draw.uniform(1e-3, 5e-3)}
    if kind in ("SingleDendrite", "Readout", "NonLinear"):
        params["phi_offset"] = draw.uniform(0.0, 0.5)
    if kind == "Softmax":
        params["beta"] = 2.0
    if kind == "LeakyGRU":
        params |= {"candidate_diag": draw.choice(("zero", "one", "free")), "tau_init": [20.0, 300.0]}
    if draw.random() < 0.2:
        params["polarity_init"] = draw.choice(("alternating", "inhibitory", "excitatory"))
    return params


def layer(draw: random.Random, number: int) -> dict[str, Any]:
    kind = draw.choice(KINDS) if number else draw.choice(("Linear", "SingleDendrite"))
    entry = {"layer_id": 3 * number, "layer_type": kind, "params": parameters(draw, kind)}
    if draw.random() < 0.4:
        entry["perturb"] = {f"{key}_mean": draw.uniform(-0.05, 0.05) for key in ("phi", "s")}
        if kind in ("Readout", "NonLinear"):
            entry["perturb"] |= {
                "g_mean": 0.03,
                "bias_current_mean": 0.02,
                "extras_mean": {"phi_offset": 0.1},
            }
        if kind == "SingleDendrite":
            entry["perturb"] |= {"bias_current_mean": -0.03, "extras_mean": {"gamma_minus": 1e-3}}
    return entry


def connection(draw: random.Random, source: int, target: int, polarised: bool) -> dict[str, Any]:
    params: dict[str, Any] = {
        "structure": draw.choice(STRUCTURES),
        "init": {"name": "uniform", "params": {"min": -0.3, "max": 0.4}},
    }
    if draw.random() < 0.3:
        params["constraints"] = {"min": -0.15, "max": 0.2}
    params["mode"] = "fixed" if polarised else draw.choice(("fixed", "fixed", "WICC", "NOCC"))
    if params["mode"] != "fixed":
        params["connection_params"] = {
            "source_func": draw.choice(NAMES),
            "half_flux_offset": draw.random() < 0.5,
            "j_in": draw.uniform(0.2, 0.6),
            **({"j_out": 0.4} if draw.random() < 0.3 else {}),
        }
    perturb = {"j_mean": 0.04} if source != target and draw.random() < 0.2 else {}
    return {"from_layer": 3 * source, "to_layer": 3 * target, "params": params, "perturb": perturb}


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
                polarised = "polarity_init" in layers[source]["params"]
                connections.append(connection(draw, source, target, polarised))
    draw.shuffle(connections)
    simulation = {"network_evaluation_method": method, "input_type": input_type, "dt": 20.0}
    simulation |= {"track_phi": True, "track_g": True} if draw.random() < 0.5 else {}
    quantization = {"min": -0.3, "max": 0.2, "bits": draw.randint(2, 4)} if draw.random() < 0.2 else None
    return {
        "layers": layers,
        "connections": connections,
        "simulation": simulation,
        "quantization": quantization,
    }


@pytest.mark.filterwarnings("ignore::leyden.soen.torch.health.OutOfRangeWarning")
@pytest.mark.parametrize("theirs", [False, True])
@pytest.mark.parametrize("seed", range(60))
def test_a_random_circuit_is_what_its_equations_say(seed: int, theirs: bool) -> None:
    described = soen.Circuit.read(circuit(seed), compat="soen" if theirs else None)
    net = soen.build(described, seed=seed, table=table_of(described)).double()
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for weight in net.connections.values():  # out of their boxes, signs and masks
            weight.add_(0.05 * torch.randn(weight.shape, dtype=weight.dtype, generator=generator))
    x = torch.rand(2, 6, net.input_width, dtype=torch.float64, generator=generator)
    start = {
        la.layer_id: 0.2 * torch.rand(2, la.params.dim, dtype=torch.float64, generator=generator)
        for la in net.ordered
    }
    expected = simulated(net, x.numpy(), {i: s.numpy() for i, s in start.items()}, theirs=theirs)
    for way in ("compiled", "steps"):
        with at_most(way), torch.no_grad():
            found = net.simulate(x, start)
        for what, of in (("s", found.histories), ("phi", found.phi), ("g", found.g)):
            for i, recorded in of.items():
                if what == "g" and i not in expected["g"]:
                    continue  # multipliers without coil have two
                said = torch.from_numpy(expected[what][i])
                # index 0 is another question where the original is asked for
                here = slice(1, None) if what == "s" and theirs else slice(None)
                torch.testing.assert_close(
                    recorded[:, here], said[:, here], atol=1e-10, rtol=0, msg=f"{way}, {what} of layer {i}"
                )
