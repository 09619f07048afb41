"""From a validated run to its live parts: datasets, plan, task, objective, and what makes the rest."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from leyden import spec
from leyden.backends.parts import Parts
from leyden.data.dataset import Dataset
from leyden.data.datasets import Datasets, Wanted
from leyden.data.datasets import datasets as made
from leyden.data.info import DataInfo
from leyden.data.plan import Plan
from leyden.data.sources.source import Source
from leyden.main.located import telling
from leyden.models.model import Interface
from leyden.schedules.schedule import Horizon
from leyden.trackers.csv import Csv

if TYPE_CHECKING:
    from leyden.spec import Run


def build(run: Run, repeat: int = 0, sources: Mapping[str, Source] | None = None) -> Parts:
    """Every part of one repeat. Models and optimizers come as functions: a backend decides when to make them.

    Args:
        run: A validated run.
        repeat: Number of the repeat, from 0.
        sources: What `opened` gave, so that nothing is read twice; None opens them.

    Raises:
        DataError: the data cannot be used; the message names file and row.
    """
    seed = run.seed + repeat
    sets = datasets(run, seed, opened(run) if sources is None else sources)
    info = sets.train.info()
    task: Any = spec.build(run.task)  # None for a LightningModule of the user's, which needs none
    sampler = spec.build(run.data.sampler)
    plan = plan_of(run, sets, sampler.length(len(sets.train)))
    return Parts(
        run=run,
        repeat=repeat,
        seed=seed,
        train=sets.train,
        val=sets.val,
        test=sets.test,
        info=info,
        plan=plan,
        sampler=sampler,
        task=task,
        objective=_objective(run, info, plan),
        metrics=spec.build(run.metrics),
        make_model=telling(run, "model", partial(spec.build, run.model, interface(info, task))),
        make_optimizer=telling(run, "optimizer", _optimizer(run)),
        schedules=spec.build(run.schedules),
        callbacks=spec.build(run.callbacks),
        trackers=_trackers(run),
    )


def opened(run: Run) -> dict[str, Source]:
    """The sources that the run file names, by their role."""
    return {name: spec.build(node) for name, node in named_data(run).items()}


def named_data(run: Run) -> dict[str, Any]:
    """The nodes of the run file that name data, by their role."""
    every = {"train": run.data.train, "val": run.data.val, "test": run.data.test}
    return {name: node for name, node in every.items() if node is not None}


def datasets(run: Run, seed: int, sources: Mapping[str, Source]) -> Datasets:
    """The datasets of a run, together with what was measured on the training samples."""
    data = run.data
    wanted = {
        name: Wanted(source=sources[name], transforms=spec.build(node.transforms), limit=node.limit)
        for name, node in named_data(run).items()
    }
    sets = made(
        train=wanted["train"],
        val=wanted.get("val"),
        test=wanted.get("test"),
        split=spec.build(data.split),
        seed=seed,
        eval_transforms=spec.build(data.eval_transforms),
    )
    if run.trainer.overfit_batches:
        return replace(sets, train=_few(sets.train, run.trainer.overfit_batches, data.batch_size))
    return sets


def plan_of(run: Run, sets: Datasets, positions: int) -> Plan:
    """The step arithmetic of a run on ``sets`` with ``positions`` training samples an epoch.

    Raises:
        ValueError: there would be no step, or a setting needs a clock where steps are counted.
    """
    trainer, data = run.trainer, run.data
    validates = sets.val is not None and trainer.limit_val_batches != 0
    plan = Plan(
        samples=positions,
        batch_size=data.batch_size,
        drop_last=data.drop_last,
        steps_per_call=trainer.steps_per_call,
        max_steps=trainer.max_steps or -1,
        max_epochs=-1 if trainer.max_epochs is None else trainer.max_epochs,
        validate_every_epochs=trainer.check_val_every_n_epoch if validates else 0,
    )
    limit = _batches(trainer.limit_train_batches, plan.steps_per_epoch)
    plan = replace(plan, limit_steps=limit)
    if trainer.fast_dev_run:
        plan = replace(plan, max_steps=int(trainer.fast_dev_run), max_epochs=-1)
    if trainer.val_check_interval is None or not validates:
        return plan
    every = trainer.val_check_interval.steps(plan.total_steps, plan.steps_per_epoch)
    return replace(plan, validate_every_steps=max(1, every), validate_every_epochs=0)


def interface(info: DataInfo, task: Any) -> Interface:
    """What a model is told about its data and its task."""
    field = info.fields["input"]
    outputs = task.num_outputs(info) if task is not None else None
    return Interface(input_shape=field.shape, input_dtype=field.dtype, num_outputs=outputs)


def _few(train: Dataset, batches: int | float, batch_size: int) -> Dataset:
    """The first samples of a training set, to see whether a model can learn them by heart."""
    wanted = batches * batch_size if isinstance(batches, int) else max(1, int(batches * len(train)))
    rows = np.arange(min(wanted, len(train)), dtype=np.int64)
    chosen = rows if train.rows is None else train.rows[rows]
    return Dataset(train.source, indices=chosen, transforms=train.transforms)


def _trackers(run: Run) -> list[Any]:
    """The trackers of the run file, and the table in the run folder: a run's own record is never left out."""
    named = [node.type for node in run.trackers]
    return [*([] if "csv" in named else [Csv()]), *spec.build(run.trackers)]


def _batches(limit: float | int | None, batches: int) -> int:
    """A limit given as a number of batches or as a share, as a number; -1 for none."""
    if limit is None or limit == 0:
        return -1
    return limit if isinstance(limit, int) else max(1, int(limit * batches))


def _objective(run: Run, info: DataInfo, plan: Plan) -> Any:
    from leyden.losses.objective import Objective

    if not run.loss:
        return None
    terms = {name: spec.build(node, info.class_counts) for name, node in run.loss.items()}
    weights = {name: spec.build(node.weight) for name, node in run.loss.items()}
    return Objective(terms, weights, Horizon(steps=plan.total_steps, steps_per_epoch=plan.steps_per_epoch))


def _optimizer(run: Run) -> Callable[[Any], Any]:
    def make(module: Any) -> Any:
        from leyden.optim.groups import parameter_groups

        node = run.optimizer
        assert node is not None
        settings = node.settings()
        rules = [group.model_dump() for group in node.groups]
        groups = parameter_groups(
            module,
            lr=settings["lr"],
            weight_decay=settings.get("weight_decay", 0.0),
            no_decay=node.no_decay,
            rules=rules,
        )
        return spec.build(node, groups)

    return make
