"""What a model weighs, and what training it takes."""

from __future__ import annotations

import copy
import weakref

import pytest
import torch
from torch import nn

from leyden.models.nets.memory import optimizer_bytes, training_memory
from leyden.models.nets.parameters import num_buffers, num_parameters, parameter_table, size_bytes
from leyden.models.nets.retained import retained


def small() -> nn.Module:
    net = nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3), nn.Linear(3, 2))
    net[0].weight.requires_grad_(False)
    return net


def test_counts_are_those_of_the_layers() -> None:
    net = small()
    assert num_parameters(net) == 15 + 6 + 8
    assert num_parameters(net, trainable_only=True) == 3 + 6 + 8
    assert num_buffers(net) == 3 + 3 + 1
    assert size_bytes(net) == 4 * 29 + 4 * 6 + 8
    assert size_bytes(net, include_buffers=False) == 4 * 29


def test_a_shared_weight_counts_once() -> None:
    net = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 4))
    net[1].weight = net[0].weight
    assert num_parameters(net) == 16 + 4 + 4


def test_the_table_has_the_whole_and_its_modules() -> None:
    rows = {row.path: row for row in parameter_table(small())}
    assert list(rows) == ["", "0", "1", "2"]
    assert (rows["0"].kind, rows["0"].total, rows["0"].trainable, rows["0"].frozen) == ("Linear", 15, 3, 12)
    assert rows[""].total == sum(rows[path].total for path in "012")
    assert rows["2"].share == pytest.approx(8 / 29)
    assert rows["2"].dtypes == ("float32",)
    assert rows["2"].bytes == 32


def test_a_lazy_parameter_is_an_error_that_says_what_to_do() -> None:
    with pytest.raises(ValueError, match=r"0\.weight takes its shape from the first batch; push one batch"):
        num_parameters(nn.Sequential(nn.LazyLinear(3)))


@pytest.mark.parametrize(
    ("make", "each"),
    [(torch.optim.Adam, 8), (torch.optim.SGD, 0), (torch.optim.RMSprop, 4)],
    ids=lambda x: str(x),
)
def test_the_optimizers_state_is_measured_and_the_model_left_alone(make: type, each: int) -> None:
    net = small()
    before = copy.deepcopy(net.state_dict())
    state = optimizer_bytes(net, lambda module: make(module.parameters(), lr=0.1))
    trainable = num_parameters(net, trainable_only=True)
    assert each * trainable <= state <= each * trainable + 4 * 5  # and a step count for each of five tensors
    assert all(torch.equal(before[name], value) for name, value in net.state_dict().items())
    assert all(p.grad is None for p in net.parameters())


def test_an_optimizer_that_looks_at_values_is_measured_too() -> None:
    net = nn.Linear(64, 32, bias=False)
    state = optimizer_bytes(net, lambda module: torch.optim.Adafactor(module.parameters()))
    assert 4 * (64 + 32) <= state <= 4 * (64 + 32 + 1)


def test_activations_grow_with_the_batch_and_hold_no_weights() -> None:
    net = nn.Sequential(nn.Linear(10, 1000), nn.ReLU(), nn.Linear(1000, 1))
    kept: list[int] = []
    for size in (1, 2, 4):
        with retained(net) as tally:
            net(torch.randn(size, 10)).sum()
        kept.append(tally.bytes)
    assert kept[2] - kept[1] == 2 * (kept[1] - kept[0])
    assert kept[0] == 4 * (10 + 1000)  # the input, and the hidden layer after its ReLU


class Stage(nn.Module):
    """A hyperbolic tangent, which keeps what it gives, and sometimes an error behind it."""

    def __init__(self, fails: bool = False) -> None:
        super().__init__()
        self.fails = fails
        self.gave: list[weakref.ref[torch.Tensor]] = []

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = x.tanh()
        self.gave.append(weakref.ref(y))
        if self.fails:
            raise RuntimeError
        return y


def test_what_is_kept_has_the_names_of_the_modules_that_keep_it() -> None:
    net = nn.Sequential(nn.Linear(4, 8), nn.Sequential(Stage(), nn.Dropout(0.5)), nn.Flatten())
    batch = torch.randn(6, 4)
    with retained(net, [batch]) as kept:
        for _ in range(2):  # only the first pass counts
            (net(batch) ** 2).sum().backward()
    # 6 samples of 8 floats behind the tanh, and of the mask and the square
    assert kept.by_module == {"1.0": 192, "1.1": 192, "": 192}
    with retained(net.eval(), [batch]) as kept, torch.no_grad():
        net(batch)
    assert kept.by_module == {"0": 192, "1.0": 192}  # the others give what they were given
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in net.modules())


def test_a_forward_pass_that_fails_keeps_nothing() -> None:
    net = nn.Sequential(nn.Linear(4, 8), Stage(), Stage(fails=True))
    with retained(net), pytest.raises(RuntimeError):
        net(torch.randn(6, 4))
    assert [stage.gave[0]() for stage in net[1:]] == [None, None]


def test_the_estimate_adds_up() -> None:
    net = small()
    memory = training_memory(net, 1000, lambda module: torch.optim.Adam(module.parameters()))
    assert memory.weights == size_bytes(net)
    assert memory.gradients == 4 * num_parameters(net, trainable_only=True)
    assert memory.total == memory.weights + memory.gradients + memory.optimizer + 1000
