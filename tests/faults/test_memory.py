"""Memory that runs out anywhere in a step: the run completes, with the weights of the run that had enough."""

from __future__ import annotations

import json
import resource
import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from leyden.backends.torch.gradients import Gradients
from leyden.backends.torch.working_size import WorkingSize
from leyden.callbacks.callback import Callback, Fit
from tests.backends.torch.toy import Net, newest, records, toy_parts, train
from tests.faults import runs
from tests.faults.children import Child, Fresh
from tests.faults.ranks import ranks
from tests.faults.scale import chance, count
from tests.faults.spoiling import shortage_in_update

pytestmark = pytest.mark.filterwarnings("ignore::leyden.backends.torch.shortage.ShortageWarning")

WIDTH = 1 << 18

#: where memory runs out -> method of `Gradients` that it happens in, if it is one
PLACES = {
    "forward": "",
    "backward": "",
    "sum of gradients": "reserve",
    "norm": "norm",
    "clipping": "clip",
    "optimizer": "",
    "validation": "",
}


class Shortage:
    """Raises out-of-memory once, at the n-th time that a place is passed."""

    def __init__(self, place: str, after: int) -> None:
        self.place, self.left = place, after
        self.struck = False

    def pass_by(self, place: str, samples: int = 2) -> None:
        if place != self.place or self.struck or samples < 2:
            return
        self.left -= 1
        if self.left < 0:
            self.struck = True
            raise torch.OutOfMemoryError(f"injected in {place}")


class InBackward(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, shortage: Shortage) -> torch.Tensor:
        ctx.shortage = shortage
        return x.clone()

    @staticmethod
    def backward(ctx: Any, grad: torch.Tensor) -> Any:
        ctx.shortage.pass_by("backward", len(grad))
        return grad, None


class Hungry(Net):
    """Passes a shortage by wherever it computes."""

    def __init__(self, shortage: Shortage) -> None:
        super().__init__(dropout=0.0)
        self.shortage = shortage

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.shortage.pass_by("forward" if self.training else "validation", len(x))
        y = super().forward(x)
        return InBackward.apply(y, self.shortage) if self.training else y


class HungryAdamW(torch.optim.AdamW):
    def __init__(self, parameters: Any, shortage: Shortage) -> None:
        super().__init__(parameters, lr=0.01)
        self.shortage = shortage

    def step(self, closure: Any = None) -> Any:
        self.shortage.pass_by("optimizer")
        return super().step(closure)


@contextmanager
def in_gradients(shortage: Shortage) -> Generator[None]:
    """The methods of gradients pass the shortage by."""
    with pytest.MonkeyPatch.context() as patch:
        for place, method in PLACES.items():
            if method:
                patch.setattr(Gradients, method, passing(getattr(Gradients, method), shortage, place))
        yield


def passing(method: Callable[..., Any], shortage: Shortage, place: str) -> Callable[..., Any]:
    def passes(self: Gradients, *args: Any) -> Any:
        shortage.pass_by(place)
        return method(self, *args)

    return passes


def run(shortage: Shortage, folder: Path, devices: int = 1) -> int:
    parts = toy_parts(
        model=lambda: Hungry(shortage),
        optimizer=lambda model: HungryAdamW(model.parameters(), shortage),
        trainer={"devices": devices, "gradient_clip_val": 0.1},
    )
    with in_gradients(shortage):
        return train(parts, folder).exit_code


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return newest(folder)["state_dict"]


def worst(a: Path, b: Path) -> float:
    """Largest difference of any weight, and of any number that was measured in a validation."""
    first, second = weights(a), weights(b)
    measured = [[row for row in records(folder) if "val/loss" in row] for folder in (a, b)]
    by_metric = [abs(x["val/loss"] - y["val/loss"]) for x, y in zip(*measured, strict=True)]
    return max(*(float((first[name] - second[name]).abs().max()) for name in first), *by_metric)


@pytest.fixture(scope="module")
def rich(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("rich")
    run(Shortage("nowhere", 0), folder)
    return folder


@pytest.mark.parametrize("place", PLACES)
def test_the_run_completes_with_the_same_weights(
    place: str, rich: Path, tmp_path: Path, say: Callable[..., None]
) -> None:
    found: list[float] = []
    for trial in range(count(2, 25)):
        shortage = Shortage(place, chance("oom", place, trial).randrange(10 if place == "validation" else 21))
        run(shortage, tmp_path / str(trial))
        assert shortage.struck
        found.append(worst(rich, tmp_path / str(trial)))
    equal = sum(difference == 0 for difference in found)
    say(f"out of memory in {place}", trials=len(found), bitwise=equal, worst=max(found))
    assert max(found) < 1e-6
    if place in ("norm", "clipping", "optimizer"):
        assert equal == len(found)  # the same update, so the same bits


@pytest.mark.parametrize("place", PLACES)
def test_one_rank_of_two_may_run_out(
    place: str, rich: Path, tmp_path: Path, say: Callable[..., None]
) -> None:
    found: list[float] = []
    for trial in range(count(1, 5)):
        rng, folder = chance("oom of ranks", place, trial), tmp_path / str(trial)
        poor, after = rng.randrange(2), rng.randrange(2 if place == "validation" else 15)

        def work(rank: int, poor: int = poor, after: int = after, folder: Path = folder) -> int:
            return run(Shortage(place if rank == poor else "nowhere", after), folder, devices=2)

        children = ranks(2, work, tmp_path / f"log{trial}")
        assert [child.wait() for child in children] == [0, 0], children[0].said() + children[1].said()
        found.append(worst(rich, folder))
    say(f"out of memory in {place} of one rank of two", trials=len(found), worst=max(found))
    assert max(found) < 1e-6


def test_half_an_update_is_taken_back_by_going_back_to_the_newest_checkpoint(tmp_path: Path) -> None:
    from tests.backends.torch.death import differences

    def poor() -> int:
        with shortage_in_update(11):
            return runs.train(tmp_path / "poor", "plain")

    for name, work in {"rich": lambda: runs.train(tmp_path / "rich", "plain"), "poor": poor}.items():
        child = Child(work, tmp_path / f"{name}.log")
        assert child.wait() == 0, child.said()
    assert (
        "going back to the newest checkpoint"
        in (runs.home(tmp_path / "poor").logs(0) / "log.txt").read_text()
    )
    assert differences(runs.ended(tmp_path / "rich"), runs.ended(tmp_path / "poor")) == []


class Wide(nn.Module):
    """Keeps 13 MiB a sample for its backward pass.

    Args:
        tried: Takes the samples of every forward pass.
    """

    def __init__(self, tried: list[int]) -> None:
        super().__init__()
        self.first, self.last = nn.Linear(8, WIDTH), nn.Linear(WIDTH, 3)
        self.layers = nn.Sequential(*(nn.Tanh() for _ in range(12)))
        self.tried = tried

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.tried.append(len(x))
        return self.last(self.layers(self.first(x)))


class Limited(Callback):
    """After the first step the process may take ``room`` bytes more; after the third, as many as it likes."""

    def __init__(self, room: int) -> None:
        self.room = room

    def on_step_end(self, fit: Fit, /) -> None:
        limit = resource.RLIM_INFINITY
        if fit.step == 1:
            pages = int(Path("/proc/self/statm").read_text().split()[0])
            limit = pages * resource.getpagesize() + self.room
        if fit.step in (1, 3):
            resource.setrlimit(resource.RLIMIT_AS, (limit, resource.RLIM_INFINITY))


def train_wide(folder: Path, *callbacks: Callback) -> list[int]:
    """Train ten steps of 16 samples (the seventh has 5); the samples of every forward pass."""
    tried: list[int] = []
    WorkingSize.PATIENCE = 2
    parts = toy_parts(
        model=lambda: Wide(tried),
        optimizer=lambda model: torch.optim.SGD(model.parameters(), lr=1e-4),
        trainer={"max_epochs": None, "max_steps": 10, "val_check_interval": "5 steps"},
        data={"eval_batch_size": 16},
        callbacks=list(callbacks),
    )
    assert train(parts, folder).exit_code == 0
    return tried


POOR = """\
import json, pathlib, sys
from tests.faults.test_memory import Limited, train_wide

folder = pathlib.Path(sys.argv[1])
folder.with_suffix(".json").write_text(json.dumps(train_wide(folder, Limited(160 << 20))))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="limits a process's address space, and reads /proc")
def test_an_allocator_that_truly_fails_costs_nothing_but_time(
    tmp_path: Path, say: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(WorkingSize, "PATIENCE", WorkingSize.PATIENCE)
    # A process of its own, whose heap holds nothing yet that a tensor could go into, and whose freed
    # tensors (these two settings of glibc) go back to the system.
    monkeypatch.setenv("MALLOC_MMAP_THRESHOLD_", str(1 << 20))
    monkeypatch.setenv("MALLOC_ARENA_MAX", "1")
    process = Fresh(POOR, tmp_path / "poor", log=tmp_path / "log")
    assert process.wait() == 0, process.said()
    poor = json.loads((tmp_path / "poor.json").read_text())
    rich = train_wide(tmp_path / "rich")
    page = (tmp_path / "poor" / "logs" / "repeat_0" / "oom_report.txt").read_text()
    difference = worst(tmp_path / "rich", tmp_path / "poor")
    say("address space limited", passes=poor, worst=difference)
    assert "DefaultCPUAllocator: can't allocate memory: you tried to allocate" in page
    assert "address space at most" in page and "layers." in page
    assert poor[:6] == [16, 16, 8, 8, 8, 8]
    assert poor[-5:] == rich[-5:]  # whole batches again
    assert 0 < difference < 1e-6
