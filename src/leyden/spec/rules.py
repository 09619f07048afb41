"""Rules between the sections of a run file, those that need no data. One small function a rule."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from .document import Path
from .durations import Duration
from .effects import EFFECTS
from .finding import Finding, Rule
from .run import Run
from .walk import has_validation, measured, parts_of, steps_by_itself, validates


def an_end(run: Run) -> Iterator[Finding]:
    """A run ends somewhere."""
    t = run.trainer
    ends = [t.max_epochs not in (None, -1), t.max_steps != -1, t.max_time is not None, bool(t.fast_dev_run)]
    if not any(ends):
        others = tuple(("trainer", k) for k in ("max_epochs", "max_steps", "max_time", "fast_dev_run"))
        rule = "a run needs an end: epochs, steps or time"
        yield Finding(
            path=("trainer",), rule=rule, hint="write `max_epochs: 10` under `trainer`, say", others=others
        )


def smallest_below_largest(run: Run) -> Iterator[Finding]:
    """`min_epochs` and `min_steps` leave room below their maxima."""
    t = run.trainer
    for unit, low, high in (("epochs", t.min_epochs, t.max_epochs), ("steps", t.min_steps, t.max_steps)):
        if low is not None and high is not None and high != -1 and low > high:
            rule = f"must be at most `max_{unit}`, which is {high}"
            yield Finding(
                path=("trainer", f"min_{unit}"), rule=rule, value=low, others=(("trainer", f"max_{unit}"),)
            )


def parts_that_learn(run: Run) -> Iterator[Finding]:
    """Task, loss and optimizer are there, unless a LightningModule brings its own."""
    needed = {"task": run.task, "loss": run.loss, "optimizer": run.optimizer}
    for section, value in needed.items():
        if not value and not steps_by_itself(run):
            yield Finding(path=(section,), rule="a required key is missing", others=(("model",),))


def modules_bring_their_own(run: Run) -> Iterator[Finding]:
    """What a LightningModule does by itself is not set in the run file."""
    if not steps_by_itself(run):
        return
    own = {"loss": run.loss, "metrics": run.metrics, "optimizer": run.optimizer, "schedules": run.schedules}
    for section, value in own.items():
        if value:
            rule = f"a LightningModule brings its own {section}, so this would have no effect"
            yield Finding(path=(section,), rule=rule, hint="remove it", others=(("model",),))
    without = {("ema",): run.ema is not None, ("trainer", "compile"): run.trainer.compile}
    for path, given in without.items():
        if given:
            rule = "has no effect on a LightningModule, whose steps are its own"
            yield Finding(
                path=path, rule=rule, hint="remove it, and do it in the module", others=(("model",),)
            )


def monitors_are_measured(run: Run) -> Iterator[Finding]:
    """What is monitored is measured."""
    if steps_by_itself(run):
        return  # it logs names of its own
    known = tuple(measured(run))
    for path, name in _monitors(run):
        if name not in known:
            rule = "nothing of this name is measured"
            if name.startswith("val/") and not validates(run):
                absent = "`limit_val_batches` is 0" if has_validation(run) else "there are no validation data"
                rule = f"{rule}; {absent}"
            others = (
                ("metrics",),
                ("loss",),
                ("data", "val"),
                ("data", "split"),
                ("trainer", "limit_val_batches"),
            )
            yield Finding(path=path, rule=rule, value=name, allowed=known, others=others)


def modes_fit_metrics(run: Run) -> Iterator[Finding]:
    """`mode` agrees with what is known of the metric."""
    monitors = dict(_monitors(run))
    for path, name in monitors.items():
        metric = run.metrics.get(name.partition("/")[2])
        mode = _sibling(run, path, "mode")
        if metric is None or mode not in ("min", "max"):
            continue
        right = "max" if getattr(metric.part.target, "higher_is_better", True) else "min"
        if mode != right:
            high = "high" if right == "max" else "low"
            rule = f"a {high} `{name}` is a good one, so the mode must be {right}"
            yield Finding(
                path=(*path[:-1], "mode"),
                rule=rule,
                value=mode,
                hint=f"write `mode: {right}`",
                others=(path,),
            )


def best_of_what(run: Run) -> Iterator[Finding]:
    """Keeping the best few needs something to be best in."""
    c = run.checkpoint
    if c.monitor is None and c.save_top_k > 1:
        rule = f"the best {c.save_top_k} of what? `monitor` is not set"
        path = ("checkpoint", "save_top_k")
        yield Finding(
            path=path, rule=rule, hint="write `monitor: val/loss`, say", others=(("checkpoint", "monitor"),)
        )


def exactness(run: Run) -> Iterator[Finding]:
    """Speed by trial and exact repetition exclude each other."""
    if run.trainer.deterministic and run.trainer.benchmark:
        rule = "`benchmark` chooses algorithms by their speed, which `deterministic` excludes"
        yield Finding(
            path=("trainer", "benchmark"),
            rule=rule,
            hint="remove one",
            others=(("trainer", "deterministic"),),
        )


def pieces_of_a_batch(run: Run) -> Iterator[Finding]:
    """A micro-batch is no larger than the batch."""
    whole, piece = run.data.batch_size, run.data.micro_batch_size
    if isinstance(piece, int) and piece > whole:
        rule = f"a piece must be at most `batch_size`, which is {whole}"
        yield Finding(
            path=("data", "micro_batch_size"), rule=rule, value=piece, others=(("data", "batch_size"),)
        )


def a_sample_for_each_device(run: Run) -> Iterator[Finding]:
    """Every device gets a sample."""
    t = run.trainer
    on_node = (
        len(t.devices) if isinstance(t.devices, list) else t.devices if isinstance(t.devices, int) else 1
    )
    devices = on_node * t.num_nodes
    if devices > run.data.batch_size:
        rule = f"`batch_size` is shared by all devices and must be at least their number, {devices}"
        others = (("trainer", "devices"), ("trainer", "num_nodes"))
        yield Finding(path=("data", "batch_size"), rule=rule, value=run.data.batch_size, others=others)


def devices_exist(run: Run) -> Iterator[Finding]:
    """There is a device to run on."""
    if run.trainer.devices == 0:
        yield Finding(path=("trainer", "devices"), rule="must be -1 (all) or at least 1", value=0)


def cpu_can(run: Run) -> Iterator[Finding]:
    """A CPU is asked for what it can do."""
    t = run.trainer
    if t.accelerator != "cpu":
        return
    others = (("trainer", "accelerator"),)
    if t.precision in ("16-mixed", "16-true"):
        hint = f"write `precision: b{t.precision.replace('16', 'f16')}`"
        path = ("trainer", "precision")
        rule = "CPUs have no arithmetic in 16-bit floats"
        yield Finding(path=path, rule=rule, value=t.precision, hint=hint, others=others)
    if t.sync_batchnorm:
        rule = "batch norm is synchronised between GPUs only"
        yield Finding(path=("trainer", "sync_batchnorm"), rule=rule, hint="remove it", others=others)
    if isinstance(t.devices, list):
        rule, hint = "a CPU has no numbered devices", f"write how many processes: `devices: {len(t.devices)}`"
        yield Finding(path=("trainer", "devices"), rule=rule, value=t.devices, hint=hint, others=others)
    if t.devices == -1:
        rule = "how many processes on a CPU? -1 means all devices, and there is one"
        yield Finding(path=("trainer", "devices"), rule=rule, hint="write their number", others=others)


def backends_fit(run: Run) -> Iterator[Finding]:
    """Every part runs on the backend."""
    for path, spec in parts_of(run):
        if run.backend not in spec.part.runs_on:
            only = " and ".join(spec.part.runs_on)
            rule = f"{spec.part.kind} `{spec.type}` runs on {only}, and `backend` is {run.backend}"
            yield Finding(
                path=path, rule=rule, hint=f"write `backend: {spec.part.runs_on[0]}`", others=(("backend",),)
            )


def targets_of_schedules(run: Run) -> Iterator[Finding]:
    """Schedules have targets that exist."""
    for target in run.schedules:
        if target != "lr":
            hint = (
                "a loss weight takes its schedule as `weight` in the loss's own node"
                if target in run.loss
                else ""
            )
            rule = "a schedule needs a target"
            yield Finding(path=("schedules", target), rule=rule, value=target, allowed=("lr",), hint=hint)


def warm_ups_end(run: Run) -> Iterator[Finding]:
    """A warm-up ends before the run, where both lengths are known."""
    total = run.trainer.max_steps
    for path, spec in parts_of(run):
        warmup = spec.settings().get("warmup")
        if spec.part.kind != "schedule" or not isinstance(warmup, Duration):
            continue
        others = (("trainer", "max_steps"), ("trainer", "max_epochs"))
        here = (*path, "warmup")
        if total > 0 and warmup.unit == "steps" and warmup.value >= total:
            rule = f"the warm-up must be shorter than the run, which has `max_steps: {total}`"
            yield Finding(path=here, rule=rule, value=str(warmup), others=others)
        epochs = run.trainer.max_epochs
        if epochs and epochs > 0 and warmup.unit == "epochs" and warmup.value >= epochs:
            rule = f"the warm-up must be shorter than the run, which has `max_epochs: {epochs}`"
            yield Finding(path=here, rule=rule, value=str(warmup), others=others)
        if warmup.unit == "%" and warmup.value >= 100:
            yield Finding(path=here, rule="the warm-up must be shorter than the run", value=str(warmup))


def seeds_of_repeats(run: Run) -> Iterator[Finding]:
    """The seeds of all repeats are seeds."""
    if run.seed + run.repeats > 2**32:
        rule = f"the last repeat would have seed {run.seed + run.repeats - 1}; seeds end at {2**32 - 1}"
        yield Finding(path=("seed",), rule=rule, value=run.seed, others=(("repeats",),))


RULES: tuple[Rule, ...] = (
    an_end,
    smallest_below_largest,
    parts_that_learn,
    modules_bring_their_own,
    monitors_are_measured,
    modes_fit_metrics,
    best_of_what,
    exactness,
    pieces_of_a_batch,
    a_sample_for_each_device,
    devices_exist,
    cpu_can,
    backends_fit,
    targets_of_schedules,
    warm_ups_end,
    seeds_of_repeats,
    *EFFECTS,
)


def findings(run: Run) -> list[Finding]:
    """Every broken rule, in the order of `RULES`."""
    return [finding for rule in RULES for finding in rule(run)]


def _monitors(run: Run) -> Iterator[tuple[Path, str]]:
    """Key path and value of every setting that names something measured."""
    if run.checkpoint.monitor is not None:
        yield ("checkpoint", "monitor"), run.checkpoint.monitor
    for path, spec in parts_of(run):
        name = spec.settings().get("monitor")
        if isinstance(name, str) and not spec.part.foreign:
            yield (*path, "monitor"), name


def _sibling(run: Run, path: Path, key: str) -> Any:
    """The value of another key in the node that ``path`` is in."""
    if path[0] == "checkpoint":
        return getattr(run.checkpoint, key)
    return dict(parts_of(run))[path[:-1]].settings().get(key)
