"""The check of a run: everything that can be known to be wrong before anything is built."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from leyden import spec
from leyden.backends.torch.refusals import refusals
from leyden.data.dataset import Dataset
from leyden.data.datasets import Datasets
from leyden.data.plan import Plan, arithmetic
from leyden.data.sources.source import Source
from leyden.main.build import datasets, named_data, plan_of
from leyden.main.located import problem_at
from leyden.runs.place import place
from leyden.runs.writable import obstacle
from leyden.schedules.schedule import Horizon
from leyden.spec.errors import Problem, RunFileError, UserError
from leyden.spec.walk import steps_by_itself

if TYPE_CHECKING:
    from leyden.spec import Run


@dataclass(frozen=True, kw_only=True)
class Report:
    """What a check found.

    Args:
        problems: What has to be mended, in the order of the file.
        warnings: What works, but perhaps not as meant.
        facts: What the run will do, by topic.
        sources: The data as it was opened, for whoever goes on to use it.
        sets: The datasets of the first repeat; None where the data is wrong.
    """

    problems: tuple[Problem, ...] = ()
    warnings: tuple[str, ...] = ()
    facts: dict[str, str] = field(default_factory=dict[str, str])
    sources: dict[str, Source] = field(default_factory=dict[str, Source])
    sets: Datasets | None = None

    def require(self, name: str) -> None:
        """Raise a `RunFileError` with every problem, if there is one."""
        if self.problems:
            raise RunFileError(self.problems, name)


def check(run: Run, deep: bool = False) -> Report:
    """Every problem of a validated run with its data; imports no torch unless ``deep``.

    Args:
        run: From `leyden.load`, which has found everything that needs no data.
        deep: Push one real batch through model, task, losses and metrics, too.
    """
    problems: list[Problem] = []
    sources: dict[str, Source] = {}
    sets = _data(run, sources, problems)
    problems += _folder(run)
    if sets is None:
        return Report(problems=tuple(problems))
    plan = _plan(run, sets, problems)
    _task(run, sets, problems)
    _monitors(run, sets, problems)
    problems += [problem_at(run, key, rule) for key, rule in refusals(run)]
    facts = {"data": _sizes(sets)}
    if plan is not None:
        facts["steps"] = arithmetic(plan, run.data.micro_batch_size, _devices(run), run.trainer.num_nodes)
        _schedules(run, plan, problems)
    if deep and not problems:
        from leyden.main.deep import push_one_batch

        found = push_one_batch(run, sources)
        facts |= found.facts
        problems += [problem_at(run, key, rule) for key, rule in found.problems]
    warnings = tuple(_warnings(run, sets))
    return Report(problems=tuple(problems), warnings=warnings, facts=facts, sources=sources, sets=sets)


def named(sets: Datasets) -> dict[str, Dataset]:
    """The datasets that there are, by name."""
    every = {"train": sets.train, "val": sets.val, "test": sets.test}
    return {name: dataset for name, dataset in every.items() if dataset is not None}


def _folder(run: Run) -> list[Problem]:
    """Whether the run folder can be made and written."""
    if why := obstacle(place(run).environment):
        return [problem_at(run, "folder.root", f"must lead to a folder, but {why}; name another place")]
    return []


def _data(run: Run, sources: dict[str, Source], problems: list[Problem]) -> Datasets | None:
    """Open the data into ``sources``; the datasets, unless the data is wrong."""
    for name, node in named_data(run).items():
        try:
            sources[name] = spec.build(node)
            rules = sources[name].check()
        except UserError as error:
            rules = [str(error)]
        problems += [problem_at(run, f"data.{name}", rule) for rule in rules]
    if problems:
        return None
    try:
        return datasets(run, run.seed, sources)
    except UserError as error:
        problems.append(problem_at(run, "data", str(error)))
        return None


def _plan(run: Run, sets: Datasets, problems: list[Problem]) -> Plan | None:
    sampler = spec.build(run.data.sampler)
    try:
        return plan_of(run, sets, sampler.length(len(sets.train)))
    except ValueError as error:
        problems.append(problem_at(run, "data", str(error)))
        return None


def _task(run: Run, sets: Datasets, problems: list[Problem]) -> None:
    if run.task is None:
        return
    task = spec.build(run.task)
    said: set[str] = set()
    for name, dataset in named(sets).items():
        new = [rule for rule in task.check(dataset.info()) if rule not in said]
        said.update(new)
        problems += [problem_at(run, "task", f"{rule} (data.{name})") for rule in new]
    losses = {name: node.part.target for name, node in run.loss.items()}
    metrics = {name: node.part.target for name, node in run.metrics.items()}
    problems += [problem_at(run, key, rule) for key, rule in task.misfits(losses, metrics)]


def _monitors(run: Run, sets: Datasets, problems: list[Problem]) -> None:
    if sets.val is not None:
        return
    watched = {"checkpoint.monitor": run.checkpoint.monitor}
    for number, node in enumerate(run.callbacks):
        watched[f"callbacks.{number}.monitor"] = node.settings().get("monitor")
    for key, monitor in watched.items():
        if isinstance(monitor, str) and monitor.startswith("val/"):
            rule = f"`{monitor}` is never measured without validation data; set data.val or data.split"
            problems.append(problem_at(run, key, rule))


def _schedules(run: Run, plan: Plan, problems: list[Problem]) -> None:
    horizon = Horizon(steps=plan.total_steps, steps_per_epoch=plan.steps_per_epoch)
    named: dict[str, Any] = {f"schedules.{name}": node for name, node in run.schedules.items()}
    named |= {f"loss.{n}.weight": t.weight for n, t in run.loss.items() if not isinstance(t.weight, float)}
    for key, node in named.items():
        problems += [problem_at(run, key, rule) for rule in spec.build(node).check(horizon)]


def _sizes(sets: Datasets) -> str:
    sizes = ", ".join(f"{len(dataset)} {name}" for name, dataset in named(sets).items())
    info = sets.train.info()
    fields = ", ".join(f"{n} {f.dtype}{list(f.shape)}" for n, f in info.fields.items())
    classes = f"; {len(info.classes)} classes" if info.classes else ""
    return f"{sizes} samples; {fields}{classes}"


def _devices(run: Run) -> int:
    """Devices of one node, as far as the run file says; `auto` is at least one."""
    devices = run.trainer.devices
    return (
        len(devices)
        if isinstance(devices, list)
        else devices
        if isinstance(devices, int) and devices > 0
        else 1
    )


def _warnings(run: Run, sets: Datasets) -> list[str]:
    found: list[str] = []
    if steps_by_itself(run):
        from leyden.backends.torch.user_module import LOSSES  # the user's file has imported Lightning anyway

        found += LOSSES
    if sets.val is None:
        found.append(
            "there is no validation data: nothing tells whether the model learns more than its samples"
        )
    if run.data.num_workers and all(dataset.cheap for dataset in named(sets).values()):
        found.append(
            f"data.num_workers is {run.data.num_workers}, but the data is in memory, where gathering a batch "
            "is faster than fetching it from another process: no worker is started"
        )
    if run.data.sampler.type in ("balanced", "weighted"):
        weighted = [n for n, term in run.loss.items() if term.settings().get("class_weight") is not None]
        found += [
            f"classes are balanced twice, by data.sampler and by loss.{name}.class_weight; one is enough"
            for name in weighted
        ]
    counts = sets.train.info().class_counts
    if counts and min(counts) == 0:
        empty = [str(number) for number, count in enumerate(counts) if count == 0]
        found.append(f"no training sample has class {', '.join(empty)}")
    return found
