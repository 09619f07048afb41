"""One real batch through everything: whether shapes fit, how large the model is, what memory a step takes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from leyden.main.build import build
from leyden.spec.errors import RunFileError
from leyden.spec.seeds import fold_in

if TYPE_CHECKING:
    from torch import nn

    from leyden.backends.parts import Parts
    from leyden.data.sources.source import Source
    from leyden.spec import Run

#: what a wrong setting makes torch raise
MISFITS = (ValueError, RuntimeError, IndexError, TypeError)


@dataclass(frozen=True, kw_only=True)
class Found:
    """Problems as (key, sentence), and facts by topic."""

    problems: tuple[tuple[str, str], ...] = ()
    facts: dict[str, str] = field(default_factory=dict[str, str])


def push_one_batch(run: Run, sources: Mapping[str, Source]) -> Found:
    """Take one batch forward and backward through a new model, up to the first thing that does not fit."""
    import torch

    parts = build(run, sources=sources)
    torch.manual_seed(fold_in(parts.seed, "init"))
    try:
        model = parts.make_model()
    except RunFileError as error:
        return Found(problems=_plain(error))
    except (ValueError, TypeError) as error:
        return Found(problems=(("model", str(error)),))
    facts = {"model": _size(model)}
    if not run.loss:  # a user's own LightningModule knows what to do with a batch
        return Found(facts=facts)
    reached: dict[str, Any] = {"key": "model"}
    try:
        facts |= _step(model, parts, reached)
    except RunFileError as error:
        return Found(problems=_plain(error), facts=facts)
    except MISFITS as error:
        return Found(
            problems=((reached["key"], f"one real batch does not get through: {error}"),), facts=facts
        )
    return Found(facts=facts)


def _plain(error: RunFileError) -> tuple[tuple[str, str], ...]:
    return tuple((problem.key, problem.rule) for problem in error.problems)


def _step(model: nn.Module, parts: Parts, reached: dict[str, Any]) -> dict[str, str]:
    """One step's work on a few samples; ``reached`` says which key of the run file it has come to."""
    import torch

    from leyden.models.nets.memory import training_memory
    from leyden.models.nets.retained import retained

    share = (
        parts.run.data.batch_size
        if parts.run.data.micro_batch_size == "auto"
        else parts.run.data.micro_batch_size
    )
    rows = np.arange(min(share, len(parts.train), 8), dtype=np.int64)
    batch = {n: torch.from_numpy(a) for n, a in parts.train.batch(rows, seed=parts.seed, epoch=0).items()}
    with retained(model) as kept:
        outputs = parts.task.forward(model, batch)
        reached["key"] = "loss"
        targets = parts.task.targets(batch)
        value, _ = parts.objective.total(outputs, targets, parts.objective.counts(targets), 0)
    value.backward()
    for name, metric in parts.metrics.items():
        reached["key"] = f"metrics.{name}"
        metric.compute(metric.sums(outputs.detach(), targets).cpu().numpy())
    reached["key"] = "optimizer"
    memory = training_memory(model, kept.bytes * share // len(rows), parts.make_optimizer)
    mebibytes = {
        name: f"{getattr(memory, name) / 2**20:.1f}"
        for name in ("weights", "gradients", "optimizer", "activations")
    }
    told = ", ".join(f"{name} {size}" for name, size in mebibytes.items())
    return {
        "memory": f"about {memory.total / 2**20:.1f} MiB a device ({told}), {share} samples at once",
        "outputs": f"{list(outputs.shape[1:])} a sample, first loss {value.item():.4g}",
    }


def _size(model: nn.Module) -> str:
    from leyden.models.nets.parameters import num_parameters

    total, trained = num_parameters(model), num_parameters(model, trainable_only=True)
    frozen = f", {total - trained:,} of them frozen" if trained < total else ""
    return f"{total:,} parameters{frozen}"
