"""What all models promise: fitting shapes, one seed one set of weights, copies, compilation, export."""

from __future__ import annotations

import copy
import io
from collections.abc import Callable

import numpy as np
import onnxruntime
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from leyden.models.cnn import cnn
from leyden.models.mlp import mlp
from leyden.models.model import Interface
from leyden.models.transformer import transformer

IDS = Interface(input_shape=(6,), input_dtype="int64", num_outputs=3)
FEATURES = Interface(input_shape=(6, 5), input_dtype="float32", num_outputs=3)
IMAGES = Interface(input_shape=(2, 8, 8), input_dtype="float32", num_outputs=3)
SMALL = {"d_model": 16, "depth": 2, "heads": 4}

MODELS: dict[str, tuple[Callable[[], nn.Module], Interface]] = {
    "mlp": (lambda: mlp(FEATURES, hidden=[8], norm="layer", activation="gelu"), FEATURES),
    "cnn": (lambda: cnn(IMAGES, channels=[8, 16], blocks=1), IMAGES),
    "cnn-batch": (lambda: cnn(IMAGES, channels=[8, 16], blocks=1, norm="batch", activation="silu"), IMAGES),
    "ids": (lambda: transformer(IDS, vocab_size=9, pad_id=0, **SMALL), IDS),
    "cls": (lambda: transformer(FEATURES, pool="cls", pos="sincos", norm="rms", **SMALL), FEATURES),
    "rope": (lambda: transformer(IDS, vocab_size=9, pad_id=0, pos="rope", pool="last", **SMALL), IDS),
}


def batch(interface: Interface, size: int = 4) -> Tensor:
    generator = torch.Generator().manual_seed(7)
    if interface.input_dtype == "int64":
        return torch.randint(0, 9, (size, *interface.input_shape), generator=generator)
    return torch.randn(size, *interface.input_shape, generator=generator)


@pytest.fixture(params=MODELS, name="case")
def a_case(request: pytest.FixtureRequest) -> tuple[nn.Module, Tensor]:
    make, interface = MODELS[request.param]
    torch.manual_seed(0)
    return make(), batch(interface)


def test_outputs_have_the_shape_that_the_task_asks_for(case: tuple[nn.Module, Tensor]) -> None:
    net, x = case
    assert net(x).shape == (4, 3)


def test_every_parameter_gets_a_gradient(case: tuple[nn.Module, Tensor]) -> None:
    net, x = case
    F.cross_entropy(net(x), torch.tensor([0, 1, 2, 0])).backward()
    assert [name for name, p in net.named_parameters() if p.grad is None] == []


@pytest.mark.parametrize("name", MODELS)
def test_one_seed_gives_one_set_of_weights(name: str) -> None:
    make, _ = MODELS[name]
    states: list[dict[str, Tensor]] = []
    for _ in range(2):
        torch.manual_seed(5)
        states.append(make().state_dict())
    assert all(torch.equal(a, b) for a, b in zip(states[0].values(), states[1].values(), strict=True))


@pytest.mark.parametrize("name", MODELS)
def test_weights_can_be_made_without_memory_and_drawn_later(name: str) -> None:
    make, interface = MODELS[name]
    with torch.device("meta"):
        ghost = make()
    ghost = ghost.to_empty(device="cpu")
    ghost.reset_parameters()  # type: ignore[operator]
    for module in ghost.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.reset_running_stats()
    torch.manual_seed(5)
    ghost.reset_parameters()  # type: ignore[operator]
    torch.manual_seed(5)
    real = make()
    real.reset_parameters()  # type: ignore[operator]
    torch.manual_seed(5)
    real.reset_parameters()  # type: ignore[operator]
    x = batch(interface)
    torch.testing.assert_close(ghost.eval()(x), real.eval()(x), rtol=0, atol=0)


def test_a_copy_is_independent_and_equal(case: tuple[nn.Module, Tensor]) -> None:
    net, x = case
    twin = copy.deepcopy(net).eval()
    torch.testing.assert_close(twin(x), net.eval()(x), rtol=0, atol=0)
    assert not {p.data_ptr() for p in twin.parameters()} & {p.data_ptr() for p in net.parameters()}


def test_torch_export_takes_any_batch_size(case: tuple[nn.Module, Tensor]) -> None:
    net, x = case
    net.eval()
    program = torch.export.export(net, (x,), dynamic_shapes=({0: torch.export.Dim("batch")},))
    torch.testing.assert_close(program.module()(x[:3]), net(x[:3]))


@pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::DeprecationWarning")
def test_onnx_takes_any_batch_size(case: tuple[nn.Module, Tensor]) -> None:
    net, x = case
    net.eval()
    program = torch.onnx.export(
        net, (x,), dynamo=True, dynamic_shapes=({0: torch.export.Dim("batch")},), verbose=False
    )
    assert program is not None
    file = io.BytesIO()
    program.save(file)
    session = onnxruntime.InferenceSession(file.getvalue())
    (theirs,) = session.run(None, {session.get_inputs()[0].name: x[:3].numpy()})
    np.testing.assert_allclose(theirs, net(x[:3]).detach().numpy(), rtol=1e-4, atol=1e-5)


def test_forward_traces_into_one_graph(case: tuple[nn.Module, Tensor]) -> None:
    # the eager backend captures as torch.compile does, without a compiler; a break in the graph is an error
    net, x = case
    net.eval()
    compiled = torch.compile(net, backend="eager", fullgraph=True)
    torch.testing.assert_close(compiled(x), net(x))


@pytest.mark.parametrize("name", ["cnn", "cnn-batch"])
def test_channels_last_changes_nothing(name: str) -> None:
    make, interface = MODELS[name]
    net, x = make().eval(), batch(interface)
    expected = net(x)
    net = net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    torch.testing.assert_close(
        net(x.contiguous(memory_format=torch.channels_last)), expected, rtol=0, atol=1e-5
    )


@pytest.mark.parametrize("dtype", [torch.float64, torch.uint8, torch.int64])
@pytest.mark.parametrize("name", ["mlp", "cnn"])
def test_inputs_of_another_type_are_taken_as_numbers(name: str, dtype: torch.dtype) -> None:
    make, interface = MODELS[name]
    net, x = make(), (batch(interface) * 10).abs().to(dtype)
    torch.testing.assert_close(net(x), net(x.float()))


@pytest.mark.parametrize("make", [mlp, cnn, transformer])
def test_a_task_without_a_number_of_outputs_is_an_error(make: Callable[[Interface], nn.Module]) -> None:
    shape = (6, 5) if make is transformer else (1, 8, 8)
    with pytest.raises(ValueError, match="needs the number of outputs"):
        make(Interface(input_shape=shape, input_dtype="float32", num_outputs=None))
