"""NaN that begins in a random module, step and sample: both are named, and no weight has moved."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from leyden.backends.torch.guard import NonFiniteError
from leyden.callbacks.callback import Callback, Fit
from tests.backends.torch.toy import newest, toy_parts, train
from tests.faults import runs
from tests.faults.children import Child
from tests.faults.scale import chance, count
from tests.faults.spoiling import nan_in_passes

MODULES = ("first", "act", "deep.0", "deep.1", "deep.2", "last")


class Deep(nn.Module):
    """A few layers, one of them nested."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.act = nn.Linear(8, 16), nn.Tanh()
        self.deep = nn.Sequential(nn.Linear(16, 16), nn.LayerNorm(16), nn.Dropout(0.1))
        self.last = nn.Linear(16, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.last(self.deep(self.act(self.first(x))))


class Steps(Callback):
    """Counts steps for whoever asks."""

    def __init__(self) -> None:
        self.done = 0

    def on_step_end(self, fit: Fit, /) -> None:
        self.done = fit.step


class BadGradient(torch.autograd.Function):
    """The identity, with a gradient of NaN."""

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor) -> torch.Tensor:
        return x.clone()

    @staticmethod
    def backward(ctx: Any, *grads: torch.Tensor) -> Any:
        return grads[0] * float("nan")


def poison(model: nn.Module, name: str, step: int, steps: Steps, row: int, backward: bool) -> Any:
    """Make a module's output (one sample of it), or what it hands back, NaN from a step on."""

    def spoil(module: nn.Module, inputs: Any, output: torch.Tensor) -> torch.Tensor:
        if not model.training or steps.done < step:
            return output
        spoilt = output.clone()
        spoilt[row % len(output), 0] = float("nan")
        return spoilt

    def spoil_inputs(module: nn.Module, inputs: Any) -> Any:
        return (BadGradient.apply(inputs[0]),) if model.training and steps.done >= step else None

    module = model.get_submodule(name)
    if backward:
        return module.register_forward_pre_hook(spoil_inputs)
    return module.register_forward_hook(spoil)


def caught(folder: Path, name: str, step: int, row: int, *, backward: bool, micro: Any) -> tuple[Any, Any]:
    """The error of a poisoned run, and its weights beside those before the bad step."""
    kept: list[nn.Module] = []
    steps = Steps()

    def model() -> nn.Module:
        kept.append(Deep())
        poison(kept[0], name, step, steps, row, backward)
        return kept[0]

    parts = toy_parts(model=model, callbacks=[steps], data={"micro_batch_size": micro})
    with pytest.raises(NonFiniteError) as error:
        train(parts, folder)
    return error.value, kept[0]


def test_the_module_is_named(tmp_path: Path, say: Callable[..., None]) -> None:
    hits, wrong = Counter[str](), list[str]()
    for trial in range(count(16, 300)):
        rng = chance("nan", trial)
        name, step, row = rng.choice(MODULES), rng.randrange(20), rng.randrange(5)
        # what the first module hands back to the data is nobody's gradient
        backward = rng.random() < 0.4 and name != "first"
        micro = rng.choice(("auto", 5))
        error, model = caught(tmp_path / str(trial), name, step, row, backward=backward, micro=micro)
        kind = "backward" if backward else "forward"
        right = (
            error.step == step
            and f"{'backward pass' if backward else 'output'} of module `{name}`" in error.where
        )
        right &= backward or len(error.samples) == 1
        right &= all(bool(torch.isfinite(weight).all()) for weight in model.parameters())
        hits[kind] += right
        if not right:
            wrong.append(
                f"{trial}: {kind} of {name} at {step}, said {error.step} {error.where} {error.samples}"
            )
    trials = sum(hits.values()) + len(wrong)
    say("NaN", trials=trials, named_right=sum(hits.values()), by=hits)
    assert len(wrong) <= 0.01 * trials, wrong[:5]


def test_a_step_that_is_not_finite_is_left_out_and_nothing_else(tmp_path: Path) -> None:
    """Weights, moments and step count of the optimizer stay; the step after goes on from them."""
    steps = Steps()
    kept: list[nn.Module] = []

    def model() -> nn.Module:
        kept.append(Deep())
        hook = poison(kept[0], "last", 5, steps, 0, False)
        kept[0].last.register_forward_hook(lambda *_: hook.remove() if steps.done >= 5 else None)
        return kept[0]

    with pytest.warns(UserWarning, match="optimizer step 5 is NaN or infinite; the step is left out"):
        outcome = train(toy_parts(model=model, callbacks=[steps], trainer={"non_finite": "skip"}), tmp_path)
    assert outcome.status == "finished"
    assert all(bool(torch.isfinite(weight).all()) for weight in kept[0].parameters())
    optimizer = newest(tmp_path)["optimizer_states"][0]["state"]
    assert {float(state["step"]) for state in optimizer.values()} == {20.0}


def test_a_restored_run_learns_as_well_as_one_that_was_never_hurt(
    tmp_path: Path, say: Callable[..., None]
) -> None:
    words = (
        "trainer.non_finite=restore",
        "trainer.max_epochs=8",
        "data.train.noise=3.0",
        "data.val.noise=3.0",
    )
    clean, hurt = list[float](), list[float]()
    for seed in range(count(5, 30)):
        at = chance("restore", seed).randrange(10, 50)
        for name, losses in (("clean", clean), ("hurt", hurt)):
            folder = tmp_path / f"{name}{seed}"

            def work(folder: Path = folder, name: str = name, seed: int = seed, at: int = at) -> int:
                with nan_in_passes({at} if name == "hurt" else ()):
                    return runs.train(folder, "plain", *words, f"seed={seed}")

            child = Child(work, folder.with_suffix(".log"))
            assert child.wait() == 0, child.said()
            (row,) = runs.home(folder).rows()
            losses.append(row.metrics["val/loss"])
        log = (runs.home(tmp_path / f"hurt{seed}").logs(0) / "log.txt").read_text()
        assert "The learning rate is halved; " in log
    spread, far = statistics.stdev(clean), statistics.mean(hurt) - statistics.mean(clean)
    say(
        "restore", seeds=len(clean), clean_loss=statistics.mean(clean), deviation=spread, hurt_minus_clean=far
    )
    assert abs(far) < spread


def test_going_back_is_limited(tmp_path: Path) -> None:
    def work() -> int:
        def spoil(module: nn.Module, inputs: Any, output: Any) -> Any:
            return output * float("nan") if isinstance(module, nn.Dropout) and module.training else None

        nn.modules.module.register_module_forward_hook(spoil)
        return runs.train(tmp_path, "plain", "trainer.non_finite=restore")

    child = Child(work, tmp_path / "log")
    assert child.wait() == 1
    assert "gradients must be finite, but in optimizer step 0" in child.said()
