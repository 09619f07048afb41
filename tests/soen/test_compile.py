"""`torch.compile` takes a circuit whole and gives its numbers; a longer sequence is no longer program."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Iterator
from typing import Any

import pytest
import torch

from leyden.soen.kernel import abi
from leyden.soen.kernel.ways import at_most
from tests.soen.kernel.circuits import edge, layer, network
from tests.soen.kernel.test_ways import CIRCUITS

#: one of each that a compiled program is put together of
NAMES = (
    "recurrent", "recorded", "multiplier", "learnable time step", "feedback", "Jacobi feedback",
    "sparse loop", "multipliers in a multiplier loop", "other kinds", "NOCC", "mixed Jacobi",
)  # fmt: skip


@pytest.fixture(autouse=True)
def _from_scratch() -> Iterator[None]:
    torch.compiler.reset()
    yield
    torch.compiler.reset()


def circuit(name: str) -> Any:
    _, layers, connections, simulation = CIRCUITS[name]
    return network(layers, connections, **simulation)


def some_x(net: Any, batch: int = 3, steps: int = 5) -> torch.Tensor:
    generator = torch.Generator().manual_seed(batch + steps)
    return torch.rand(batch, steps, net.input_width, dtype=net.dt.dtype, generator=generator)


def trained(run: Any, net: Any, x: torch.Tensor) -> tuple[torch.Tensor, dict[str, torch.Tensor | None]]:
    """The output and all gradients of one training step."""
    net.zero_grad()
    output = run(x)
    output.square().sum().backward()
    return output.detach(), {n: p.grad for n, p in net.named_parameters()}


def compare(run: Any, net: Any, x: torch.Tensor) -> None:
    output, gradients = trained(run, net, x)
    expected, exact = trained(net, net, x)
    torch.testing.assert_close(output, expected, atol=1e-12, rtol=0)
    for name, gradient in exact.items():
        zero = torch.zeros(1, dtype=x.dtype)
        found, wanted = (zero if g is None else g for g in (gradients[name], gradient))
        scale = 1.0 + float(wanted.abs().max())
        torch.testing.assert_close(found / scale, (wanted / scale).expand_as(found), atol=1e-12, rtol=0)


class Graphs:
    """A compiler that runs programs as they are, and counts them and their operations."""

    def __init__(self) -> None:
        self.sizes: list[int] = []

    def __call__(self, program: torch.fx.GraphModule, _: Any) -> Any:
        self.sizes.append(sum(node.op in ("call_function", "call_method") for node in program.graph.nodes))
        return program


@pytest.mark.parametrize("name", NAMES)
def test_a_compiled_circuit_is_one_graph_with_the_same_numbers(name: str) -> None:
    net = circuit(name)
    compare(torch.compile(net, fullgraph=True, backend="eager"), net, some_x(net))


@pytest.mark.parametrize("name", ["recurrent", "other kinds"])  # both operators
def test_a_compiled_gradient_has_the_same_numbers(name: str) -> None:
    net = circuit(name)
    compare(torch.compile(net, fullgraph=True, backend="aot_eager"), net, some_x(net))


@pytest.mark.filterwarnings("ignore:.*script_method:DeprecationWarning")  # torch's own import
def test_the_default_compiler_gives_the_same_numbers() -> None:
    net = network([layer("Linear", 2), layer("SingleDendrite", 3)], [edge(0, 1)])
    compare(torch.compile(net, fullgraph=True), net, some_x(net))


@pytest.mark.parametrize("name", ["feedback", "sparse loop", "WICC", "other kinds"])
def test_a_compiled_program_does_not_grow_with_the_sequence(name: str) -> None:
    net, graphs = circuit(name), Graphs()
    torch.compile(net, fullgraph=True, backend=graphs)(some_x(net, steps=400))
    (size,) = graphs.sizes
    assert size < 200  # half an operation a step


def test_other_batch_sizes_and_lengths_do_not_compile_again_and_again() -> None:
    net, graphs = circuit("recurrent"), Graphs()
    run = torch.compile(net, fullgraph=True, backend=graphs)
    for batch, steps in ((3, 6), (5, 6), (9, 6), (64, 6), (9, 8), (2, 31), (17, 100)):
        x = some_x(net, batch, steps)
        torch.testing.assert_close(run(x), net(x), atol=1e-13, rtol=0)
    assert len(graphs.sizes) <= 3  # as given, any batch, any length


def test_a_compiled_circuit_stays_within_its_boxes() -> None:
    net = circuit("recurrent")
    run = torch.compile(net, fullgraph=True, backend="eager")
    run(some_x(net))
    with torch.no_grad():
        net.layer(1).bias_current.fill_(-1.0)
    run(some_x(net))
    assert not net.layer(1).bias_current.any()


@pytest.mark.parametrize("name", ["feedback", "multiplier"])
def test_a_compiled_circuit_needs_no_library(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    net = circuit(name)
    x = some_x(net)
    expected, exact = trained(net, net, x)
    monkeypatch.setattr(abi, "library", lambda: abi.Library(problem="there is none"))
    output, gradients = trained(torch.compile(net, fullgraph=True, backend="eager"), net, x)
    torch.testing.assert_close(output, expected, atol=1e-12, rtol=0)
    for key, gradient in exact.items():
        torch.testing.assert_close(gradients[key], gradient, atol=1e-10, rtol=1e-10)


def test_a_compiled_circuit_takes_no_faster_way_than_allowed() -> None:
    net, graphs = circuit("recurrent"), Graphs()
    run = torch.compile(net, fullgraph=True, backend=graphs)
    x = some_x(net, steps=2)
    run(x)
    with at_most("steps"):
        run(x)
    assert len(graphs.sizes) == 2 and graphs.sizes[1] > graphs.sizes[0]


def test_copies_of_a_circuit_compile_to_programs_of_their_own() -> None:
    net = circuit("WICC")
    for other in (copy.deepcopy(net), pickle.loads(pickle.dumps(net))):
        with torch.no_grad():
            other.masks["J_0_to_1"][0] = False
        torch.compiler.reset()
        other(some_x(other))
        compare(torch.compile(other, fullgraph=True, backend="eager"), other, some_x(other))
    compare(torch.compile(net, fullgraph=True, backend="eager"), net, some_x(net))


def test_a_compiled_circuit_trains_as_it_would_uncompiled() -> None:
    weights = []
    for compiled in (False, True):
        net = circuit("other kinds")
        run = torch.compile(net, fullgraph=True, backend="aot_eager") if compiled else net
        optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
        for _ in range(3):
            optimizer.zero_grad()
            run(some_x(net)).square().sum().backward()
            optimizer.step()
        weights.append(net.state_dict())
    for name, tensor in weights[0].items():
        torch.testing.assert_close(weights[1][name], tensor, atol=1e-12, rtol=1e-12, msg=name)
