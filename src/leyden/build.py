"""From a validated run to its live parts: datasets, plan, task, objective, and the functions that make the rest."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from leyden import spec
from leyden.backends.parts import Parts
from leyden.data.dataset import Dataset
from leyden.data.info import DataInfo
from leyden.data.plan import Plan
from leyden.data.sources.source import Source
from leyden.data.transforms.transform import Transform
from leyden.models.model import Interface
from leyden.schedules.schedule import Horizon
from leyden.spec.errors import DataError

if TYPE_CHECKING:
    from leyden.spec import Run


@dataclass(frozen=True, kw_only=True)
class Datasets:
    """What a run learns from; val and test are None where it has none."""

    train: Dataset
    val: Dataset | None
    test: Dataset | None

    def named(self) -> dict[str, Dataset]:
        """Those that there are, by name."""
        sets = {"train": self.train, "val": self.val, "test": self.test}
        return {name: dataset for name, dataset in sets.items() if dataset is not None}


def build(run: Run, repeat: int = 0) -> Parts:
    """Every part of one repeat. Models and optimizers come as functions, since a backend decides when to make them.

    Raises:
        DataError: the data cannot be used; the message names file and row.
    """
    seed = run.seed + repeat
    sets = datasets(run, seed)
    info = sets.train.info()
    task = spec.build(run.task) if run.task is not None else None
    sampler = spec.build(run.data.sampler)
    plan = plan_of(run, sampler.length(len(sets.train)))
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
        make_model=partial(spec.build, run.model, interface(info, task)),
        make_optimizer=_optimizer(run),
        schedules=spec.build(run.schedules),
        callbacks=spec.build(run.callbacks),
        trackers=spec.build(run.trackers),
    )


def datasets(run: Run, seed: int) -> Datasets:
    """The datasets of a run. What is measured on the training samples, such as means, holds for all of them."""
    data = run.data
    train: Source = spec.build(data.train)
    given = {name: spec.build(node) for name, node in (("val", data.val), ("test", data.test)) if node}
    rows = _split(run, train, given.keys(), seed)
    kept = rows["train"] if rows else np.arange(len(train), dtype=np.int64)
    fitted = train.fitted(kept)
    train = train.with_fitted(fitted)
    own: list[Transform] = spec.build(data.train.transforms)
    measured = [transform.fitted(train, kept) for transform in own]

    def made(source: Source, node: Any, chosen: np.ndarray | None) -> Dataset:
        limit = node.limit if node is not None else None
        nodes = node.transforms if node is not None else data.eval_transforms
        transforms = [_measured(t, own, measured) for t in spec.build(nodes)]
        return Dataset(source, indices=chosen, transforms=transforms, limit=limit)

    sets = {"train": made(train, data.train, rows["train"] if rows else None)}
    for name, node in (("val", data.val), ("test", data.test)):
        if name in given:
            sets[name] = made(given[name].with_fitted(fitted), node, None)
        elif rows and len(rows[name]):
            sets[name] = made(train, None, rows[name])
    return Datasets(train=sets["train"], val=sets.get("val"), test=sets.get("test"))


def plan_of(run: Run, positions: int) -> Plan:
    """The step arithmetic of a run with ``positions`` training samples an epoch.

    Raises:
        ValueError: there would be no step, or a setting needs a clock where steps are counted.
    """
    trainer, data = run.trainer, run.data
    plan = Plan(
        samples=positions,
        batch_size=data.batch_size,
        drop_last=data.drop_last,
        steps_per_call=trainer.steps_per_call,
        max_steps=trainer.max_steps or -1,
        max_epochs=-1 if trainer.max_epochs is None else trainer.max_epochs,
        validate_every_epochs=trainer.check_val_every_n_epoch,
    )
    limit = _batches(trainer.overfit_batches or trainer.limit_train_batches, plan.steps_per_epoch)
    plan = replace(plan, limit_steps=limit)
    if trainer.fast_dev_run:
        plan = replace(plan, max_steps=int(trainer.fast_dev_run), max_epochs=-1)
    if trainer.val_check_interval is None:
        return plan
    every = trainer.val_check_interval.steps(plan.total_steps, plan.steps_per_epoch)
    return replace(plan, validate_every_steps=max(1, every), validate_every_epochs=0)


def interface(info: DataInfo, task: Any) -> Interface:
    """What a model is told about its data and its task."""
    field = info.fields["input"]
    outputs = task.num_outputs(info) if task is not None else None
    return Interface(input_shape=field.shape, input_dtype=field.dtype, num_outputs=outputs)


def _split(run: Run, train: Source, given: Any, seed: int) -> Mapping[str, np.ndarray]:
    if run.data.split is None:
        return {}
    rows = spec.build(run.data.split).parts(len(train), train.labels(), seed)
    for name in given:
        if len(rows[name]):
            raise DataError(
                f"data.{name} and data.split both give samples for {name}; remove data.{name}, or set {name}: 0 in data.split"
            )
    return rows


def _measured(transform: Transform, own: list[Transform], measured: list[Any]) -> Transform:
    """A transform with what its like measured on the training samples."""
    for other, values in zip(own, measured, strict=True):
        if type(other) is type(transform) and values:
            return transform.with_fitted(values)
    return transform


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
            module, lr=settings["lr"], weight_decay=settings.get("weight_decay", 0.0), no_decay=node.no_decay, rules=rules
        )
        return spec.build(node, groups)

    return make
