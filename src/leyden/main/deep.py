"""One real batch through everything: whether shapes fit, and how large the model is."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from leyden.main.build import build
from leyden.spec.errors import UserError
from leyden.spec.seeds import fold_in

if TYPE_CHECKING:
    from leyden.spec import Run


@dataclass(frozen=True, kw_only=True)
class Found:
    """Problems as (key, sentence), and facts by topic."""

    problems: tuple[tuple[str, str], ...] = ()
    facts: dict[str, str] = field(default_factory=dict[str, str])


def push_one_batch(run: Run) -> Found:
    """Take one batch forward and backward through a new model, up to the first thing that does not fit."""
    import torch

    parts = build(run)
    torch.manual_seed(fold_in(parts.seed, "init"))
    try:
        model = parts.make_model()
    except (ValueError, TypeError) as error:
        return Found(problems=(("model", str(error)),))
    facts = {"model": _size(model)}
    if parts.objective is None:
        return Found(facts=facts)
    rows = np.arange(min(run.data.batch_size, len(parts.train), 8), dtype=np.int64)
    batch = {n: torch.from_numpy(a) for n, a in parts.train.batch(rows, seed=parts.seed, epoch=0).items()}
    key = "model"
    try:
        outputs = parts.task.forward(model, batch)
        key = "loss"
        targets = parts.task.targets(batch)
        value, _ = parts.objective.total(outputs, targets, parts.objective.counts(targets), 0)
        value.backward()
        for name, metric in parts.metrics.items():
            key = f"metrics.{name}"
            metric.compute(metric.sums(outputs.detach(), targets).cpu().numpy())
        key = "optimizer"
        parts.make_optimizer(model)
    except (UserError, ValueError, RuntimeError, IndexError, TypeError) as error:
        return Found(problems=((key, f"one real batch does not get through: {error}"),), facts=facts)
    return Found(
        facts=facts | {"outputs": f"{list(outputs.shape[1:])} a sample", "first loss": f"{value.item():.4g}"}
    )


def _size(model: object) -> str:
    from torch import nn

    assert isinstance(model, nn.Module)
    every = list(model.parameters())
    total, trained = sum(p.numel() for p in every), sum(p.numel() for p in every if p.requires_grad)
    # Weights, gradients and the two moments of Adam-like optimizers; activations come on top.
    megabytes = (sum(p.numel() * p.element_size() for p in every) + 12 * trained) / 2**20
    frozen = f", {total - trained:,} of them frozen" if trained < total else ""
    return f"{total:,} parameters{frozen}; about {megabytes:.1f} MiB with gradients and moments"
