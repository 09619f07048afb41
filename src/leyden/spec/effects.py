"""Rules of settings that would change nothing where they stand: nothing in a run file is silently ignored."""

from __future__ import annotations

from collections.abc import Iterator

from .finding import Finding, Rule
from .run import Run
from .walk import has_validation


def something_is_trained(run: Run) -> Iterator[Finding]:
    """No limit leaves nothing to do; 0 would otherwise have to mean something of its own."""
    t = run.trainer
    for key in ("max_epochs", "max_steps"):
        if getattr(t, key) == 0:
            yield Finding(path=("trainer", key), rule="must be at least 1, or -1 for no limit", value=0)
    if t.limit_train_batches == 0:
        rule = "must leave something to train on"
        path = ("trainer", "limit_train_batches")
        yield Finding(path=path, rule=rule, value=t.limit_train_batches, hint="remove it, or write 1 or more")


def mode_of_what(run: Run) -> Iterator[Finding]:
    """A mode is that of something monitored."""
    if run.checkpoint.monitor is None and run.checkpoint.mode == "max":
        path, other = ("checkpoint", "mode"), ("checkpoint", "monitor")
        rule = "has no effect without `monitor`"
        yield Finding(
            path=path, rule=rule, hint="write `monitor: val/accuracy`, say, or remove it", others=(other,)
        )


def one_rhythm_of_validation(run: Run) -> Iterator[Finding]:
    """Only one setting says when to validate."""
    t = run.trainer
    if t.val_check_interval is not None and t.check_val_every_n_epoch != 1:
        path, other = ("trainer", "check_val_every_n_epoch"), ("trainer", "val_check_interval")
        rule = "`val_check_interval` says when to validate, so this would have no effect"
        yield Finding(path=path, rule=rule, value=t.check_val_every_n_epoch, hint="keep one", others=(other,))


def groups_differ(run: Run) -> Iterator[Finding]:
    """Groups of parameters have settings of their own."""
    for i, group in enumerate(run.optimizer.groups if run.optimizer else ()):
        if group.lr is None and group.weight_decay is None:
            rule = "a group needs an `lr` or a `weight_decay` of its own"
            yield Finding(path=("optimizer", "groups", i), rule=rule, hint="add one, or remove the group")


def something_decays(run: Run) -> Iterator[Finding]:
    """What is spared the decay would decay without."""
    node = run.optimizer
    if node is None:
        return
    decays = [node.settings().get("weight_decay"), *(group.weight_decay for group in node.groups)]
    if node.no_decay and not any(decays):
        others = (("optimizer", "weight_decay"), ("optimizer", "groups"))
        hint = "write `weight_decay: 0.01`, say, or remove it"
        rule = "nothing decays, so this would have no effect"
        yield Finding(path=("optimizer", "no_decay"), rule=rule, hint=hint, others=others)


def trackers_once(run: Run) -> Iterator[Finding]:
    """No tracker stands twice: both would write to the same place."""
    for i, node in enumerate(run.trackers):
        if node in run.trackers[:i]:
            rule = f"`{node.type}` stands twice, and both would write to the same place"
            yield Finding(path=("trackers", i), rule=rule, hint="remove one")


def workers_have_settings(run: Run) -> Iterator[Finding]:
    """Settings of workers need workers."""
    if run.data.num_workers:
        return
    for key in ("prefetch_factor", "persistent_workers"):
        if getattr(run.data, key):
            rule = f"`{key}` is about worker processes, and `num_workers` is 0"
            hint = "write `num_workers: 2`, or remove it"
            yield Finding(path=("data", key), rule=rule, hint=hint, others=(("data", "num_workers"),))


def clipping(run: Run) -> Iterator[Finding]:
    """Clipping has a bound."""
    if run.trainer.gradient_clip_algorithm and run.trainer.gradient_clip_val is None:
        path, other = ("trainer", "gradient_clip_algorithm"), ("trainer", "gradient_clip_val")
        yield Finding(
            path=path, rule="has no effect without `gradient_clip_val`", hint="add it", others=(other,)
        )


def validation_has_data(run: Run) -> Iterator[Finding]:
    """Settings of validation need validation data."""
    if has_validation(run):
        return
    t = run.trainer
    keys = [key for key in ("val_check_interval", "limit_val_batches") if getattr(t, key) is not None]
    if t.check_val_every_n_epoch != 1:
        keys.append("check_val_every_n_epoch")
    others = (("data", "val"), ("data", "split"))
    rule, hint = "there are no validation data", "add `data.val` or `data.split`, or remove it"
    for key in keys:
        yield Finding(path=("trainer", key), rule=rule, hint=hint, others=others)


def split_has_work(run: Run) -> Iterator[Finding]:
    """A split holds something out, and what it holds out is there to be transformed."""
    d = run.data
    if d.split is not None and d.val is not None and d.test is not None:
        rule = "`val` and `test` are given, so nothing is left to hold out"
        yield Finding(
            path=("data", "split"), rule=rule, hint="remove it", others=(("data", "val"), ("data", "test"))
        )
    if d.split is None and d.eval_transforms:
        rule, hint = "they are for what `split` holds out", "put them under `data.val` as `transforms`"
        yield Finding(path=("data", "eval_transforms"), rule=rule, hint=hint, others=(("data", "split"),))


def one_way_to_be_short(run: Run) -> Iterator[Finding]:
    """Only one setting says which few batches to train on."""
    t = run.trainer
    if t.overfit_batches and (t.limit_train_batches is not None or t.fast_dev_run):
        other = "fast_dev_run" if t.fast_dev_run else "limit_train_batches"
        rule = f"`overfit_batches` and `{other}` both say which batches to train on"
        yield Finding(
            path=("trainer", "overfit_batches"), rule=rule, hint="keep one", others=(("trainer", other),)
        )


EFFECTS: tuple[Rule, ...] = (
    something_is_trained,
    mode_of_what,
    one_rhythm_of_validation,
    groups_differ,
    something_decays,
    trackers_once,
    workers_have_settings,
    clipping,
    validation_has_data,
    split_has_work,
    one_way_to_be_short,
)
