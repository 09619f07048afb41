"""NaN that begins in a random module, step and sample: both are named, and no weight has moved."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from leyden.backends.torch.guard import NonFiniteError
from leyden.callbacks.callback import Callback, Fit
from tests.backends.torch.toy import toy_parts, train
from tests.faults.scale import chance, count

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


def poison(model: nn.Module, name: str, step: int, steps: Steps, row: int, backward: bool) -> None:
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
        module.register_forward_pre_hook(spoil_inputs)
    else:
        module.register_forward_hook(spoil)


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
