"""Exported circuits are programs of torch alone that give the circuit's numbers."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.export import Dim, export

from leyden import soen
from tests.soen.circuits import network, some_input, tree
from tests.soen.kernel.test_ways import CIRCUITS
from tests.soen.kernel.test_ways import network as random_network

#: every kind of sequence: matrices, circuits on connections, feedback, recurrent cells
NAMES = (
    "recurrent",
    "WICC",
    "NOCC",
    "WICC loop",
    "Jacobi",
    "feedback",
    "Jacobi feedback",
    "other kinds",
)


def circuit(name: str) -> Any:
    _, layers, connections, simulation = CIRCUITS[name]
    return random_network(layers, connections, **simulation)


def exported(net: Any, x: torch.Tensor, *, strict: bool = False) -> Any:
    return export(net, (x,), dynamic_shapes=({0: Dim("batch", min=2, max=4096)},), strict=strict)


def some_x(net: Any, batch: int = 3, steps: int = 2) -> torch.Tensor:
    return some_input(batch, steps, net.input_width)


@pytest.mark.parametrize(
    ("name", "strict"), [(n, False) for n in NAMES] + [("WICC", True), ("feedback", True)]
)
def test_an_exported_circuit_gives_the_same_numbers_for_any_batch(name: str, strict: bool) -> None:
    net = circuit(name)
    program = exported(net, some_x(net), strict=strict)
    assert not [n for n in program.graph.nodes if "leyden" in str(n.target)]
    x = some_x(net, batch=7)
    torch.testing.assert_close(program.module()(x), net(x), atol=1e-12, rtol=0)


@pytest.mark.parametrize("solver", ["PS", "PARARNN"])
def test_circuits_with_a_solver_export(solver: str) -> None:
    dendrite = {"layer_type": "SingleDendrite", "params": {"gamma_plus": 0.01, "solver": solver}}
    net = network(dendrite, "Soma", "LSTM", "LeakyGRU", "MinGRU", "MultiplierNOCC", "Softmax")
    x = some_input(5)
    torch.testing.assert_close(exported(net, some_input()).module()(x), net(x), atol=1e-12, rtol=0)


def test_an_exported_circuit_runs_where_there_is_no_leyden(tmp_path: Path) -> None:
    net = circuit("WICC")
    x = some_x(net)
    torch.export.save(exported(net, x), tmp_path / "circuit.pt2")
    torch.save((x, net(x).detach()), tmp_path / "known.pt")
    script = (
        "import sys; sys.modules['leyden'] = None\n"
        "import torch\n"
        "x, y = torch.load('known.pt')\n"
        "program = torch.export.load('circuit.pt2').module()\n"
        "torch.testing.assert_close(program(x), y, atol=1e-12, rtol=0)\n"
    )
    subprocess.run([sys.executable, "-c", script], cwd=tmp_path, check=True)


def test_a_program_keeps_within_boxes_signs_and_masks_whatever_was_exported() -> None:
    params = {"polarity": [1, -1, 0], "bias_current": {"value": 1.7, "constraints": {"max": 1.8}}}
    described = tree({"layer_type": "SingleDendrite", "params": params}, "Linear")
    described["connections"][1]["params"] = {
        "structure": {"type": "chain"},
        "constraints": {"min": -0.1, "max": 0.1},
    }
    net = soen.build(described, seed=0).double()
    with torch.no_grad():
        for weight in net.parameters():
            weight.add_(1.0)
    program = exported(net, some_input())
    torch.testing.assert_close(program.module()(some_input()), net(some_input()), atol=0, rtol=0)


def test_a_mask_that_is_loaded_or_written_to_moves_the_circuits() -> None:
    wicc = {"structure": {"type": "sparse", "params": {"sparsity": 0.5}}, "mode": "WICC"}
    described = tree("SingleDendrite")
    described["connections"][0]["params"] = wicc
    one, other = (soen.build(described, seed=s).double() for s in (1, 2))
    assert not torch.equal(one.masks["J_0_to_1"], other.masks["J_0_to_1"])
    x = some_input()
    expected = one(x)
    other(x)
    other.load_state_dict(one.state_dict())
    torch.testing.assert_close(exported(other, x).module()(x), expected, atol=1e-14, rtol=0)
    torch.testing.assert_close(other(x), expected, atol=0, rtol=0)
    other.masks["J_0_to_1"].fill_(True)
    assert other.simulate(x).final["J_0_to_1.0"].shape == (2, 9)


@pytest.mark.filterwarnings("ignore")  # the exporter's own
@pytest.mark.parametrize("name", ["WICC", "feedback"])
def test_a_circuit_exports_to_onnx(name: str, tmp_path: Path) -> None:
    runtime = pytest.importorskip("onnxruntime")
    net = circuit(name)
    file, batch = tmp_path / "circuit.onnx", ({0: Dim("batch", min=2, max=4096)},)
    torch.onnx.export(net, (some_x(net),), dynamo=True, dynamic_shapes=batch, verbose=False).save(file)
    session, x = runtime.InferenceSession(file), some_x(net, batch=5)
    (found,) = session.run(None, {session.get_inputs()[0].name: x.numpy()})
    # its comparisons and powers are single precision here and there
    torch.testing.assert_close(torch.from_numpy(found), net(x).detach(), atol=1e-6, rtol=0)
