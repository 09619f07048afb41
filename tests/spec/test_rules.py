"""Rules between sections: each is broken once, told with its key and repair."""

from __future__ import annotations

from pathlib import Path

import pytest

from leyden.spec.rules import RULES
from tests.spec.conftest import PLAIN

NO_VALIDATION = PLAIN.replace("  split: {type: random, val: 0.2}\n", "").replace(
    "monitor: val/accuracy", "monitor: train/accuracy"
)
STOPPING = "callbacks:\n  - {type: early_stopping, monitor: %s, mode: max}\n"

BROKEN = {
    # rule: text, overrides, key, words of the message
    "an_end": (PLAIN.replace("max_epochs: 2", "log_every_n_steps: 5"), [], "trainer", "needs an end"),
    "smallest_below_largest": (PLAIN, ["trainer.min_epochs=3"], "trainer.min_epochs", "at most `max_epochs`"),
    "smallest_below_largest ": (
        PLAIN,
        ["trainer.min_steps=30", "trainer.max_steps=20"],
        "trainer.min_steps",
        "at most",
    ),
    "parts_that_learn": (PLAIN.replace("loss: cross_entropy\n", ""), [], "loss", "missing"),
    "monitors_are_measured": (
        PLAIN,
        ["checkpoint.monitor=val/acuracy"],
        "checkpoint.monitor",
        "`val/accuracy`?",
    ),
    "monitors_are_measured ": (PLAIN + STOPPING % "val/los", [], "callbacks.0.monitor", "`val/loss`?"),
    "monitors_are_measured  ": (
        NO_VALIDATION + STOPPING % "val/loss",
        [],
        "callbacks.0.monitor",
        "no validation data",
    ),
    "modes_fit_metrics": (PLAIN, ["checkpoint.mode=min"], "checkpoint.mode", "write `mode: max`"),
    "best_of_what": (
        PLAIN.replace("{monitor: val/accuracy, mode: max}", "{save_top_k: 3}"),
        [],
        "checkpoint.save_top_k",
        "monitor",
    ),
    "exactness": (
        PLAIN,
        ["trainer.deterministic=true", "trainer.benchmark=true"],
        "trainer.benchmark",
        "`deterministic`",
    ),
    "workers_have_settings": (PLAIN, ["data.prefetch_factor=4"], "data.prefetch_factor", "num_workers: 2"),
    "workers_have_settings ": (PLAIN, ["data.persistent_workers=true"], "data.persistent_workers", "is 0"),
    "pieces_of_a_batch": (PLAIN, ["data.micro_batch_size=64"], "data.micro_batch_size", "which is 32"),
    "a_sample_for_each_device": (PLAIN, ["trainer.devices=64"], "data.batch_size", "64"),
    "devices_exist": (PLAIN, ["trainer.devices=0"], "trainer.devices", "at least 1"),
    "cpu_can": (
        PLAIN,
        ["trainer.accelerator=cpu", "trainer.precision=16-mixed"],
        "trainer.precision",
        "bf16-mixed",
    ),
    "cpu_can ": (
        PLAIN,
        ["trainer.accelerator=cpu", "trainer.sync_batchnorm=true"],
        "trainer.sync_batchnorm",
        "GPUs only",
    ),
    "clipping": (
        PLAIN,
        ["trainer.gradient_clip_algorithm=norm"],
        "trainer.gradient_clip_algorithm",
        "`gradient_clip_val`",
    ),
    "validation_has_data": (
        NO_VALIDATION,
        ["trainer.val_check_interval=5 steps"],
        "trainer.val_check_interval",
        "`data.val`",
    ),
    "validation_has_data ": (
        NO_VALIDATION,
        ["trainer.check_val_every_n_epoch=2"],
        "trainer.check_val_every_n_epoch",
        "`data.val`",
    ),
    "split_has_work": (PLAIN, ["data.val={type: toy}", "data.test={type: toy}"], "data.split", "remove it"),
    "split_has_work ": (
        NO_VALIDATION,
        ["data.eval_transforms=[{type: noise, std: 0.1}]"],
        "data.eval_transforms",
        "`data.val`",
    ),
    "backends_fit": (PLAIN, ["backend=jax"], "model", "runs on torch"),
    "targets_of_schedules": (PLAIN, ["schedules.lrr=linear"], "schedules.lrr", "`lr`?"),
    "warm_ups_end": (
        PLAIN,
        ["schedules.lr={type: cosine, warmup: 100 steps}", "trainer.max_steps=50"],
        "schedules.lr.warmup",
        "max_steps: 50",
    ),
    "warm_ups_end ": (
        PLAIN,
        ["schedules.lr={type: cosine, warmup: 2 epochs}"],
        "schedules.lr.warmup",
        "max_epochs: 2",
    ),
    "seeds_of_repeats": (PLAIN, ["seed=4294967295", "repeats=2"], "seed", "4294967296"),
    "one_way_to_be_short": (
        PLAIN,
        ["trainer.overfit_batches=2", "trainer.limit_train_batches=4"],
        "trainer.overfit_batches",
        "keep one",
    ),
    "something_is_trained": (PLAIN, ["trainer.max_steps=0"], "trainer.max_steps", "-1 for no limit"),
    "something_is_trained ": (PLAIN, ["trainer.max_epochs=0"], "trainer.max_epochs", "at least 1"),
    "something_is_trained  ": (
        PLAIN,
        ["trainer.limit_train_batches=0.0"],
        "trainer.limit_train_batches",
        "something to train on",
    ),
    "mode_of_what": (PLAIN, ["checkpoint={mode: max}"], "checkpoint.mode", "`monitor`"),
    "one_rhythm_of_validation": (
        PLAIN,
        ["trainer.val_check_interval=5 steps", "trainer.check_val_every_n_epoch=3"],
        "trainer.check_val_every_n_epoch",
        "keep one",
    ),
    "groups_differ": (PLAIN, ["optimizer.groups=[{match: head.*}]"], "optimizer.groups.0", "`lr`"),
    "something_decays": (
        PLAIN,
        ["optimizer.no_decay=true", "optimizer.weight_decay=0.0"],
        "optimizer.no_decay",
        "nothing decays",
    ),
    "trackers_once": (PLAIN, ["trackers=[csv, csv]"], "trackers.1", "stands twice"),
    "cpu_can  ": (
        PLAIN,
        ["trainer.accelerator=cpu", "trainer.devices=[0, 1]"],
        "trainer.devices",
        "`devices: 2`",
    ),
    "monitors_are_measured   ": (
        PLAIN,
        ["trainer.limit_val_batches=0"],
        "checkpoint.monitor",
        "`limit_val_batches` is 0",
    ),
}


@pytest.mark.parametrize("rule", BROKEN)
def test_broken_rules_are_told_with_key_and_repair(refused, rule: str):
    text, overrides, key, words = BROKEN[rule]
    problems = {p.key: p for p in refused(text, overrides=overrides).problems}
    assert key in problems
    assert words in str(problems[key])


def test_every_rule_is_broken_somewhere():
    of_modules = {"modules_bring_their_own"}  # broken below, with a module
    assert {rule.__name__ for rule in RULES} == {name.strip() for name in BROKEN} | of_modules


def test_rules_wait_for_keys_that_are_wrong_by_themselves(refused):
    assert [p.key for p in refused(overrides=["trainer.max_epochs=ten"]).problems] == ["trainer.max_epochs"]
    assert [p.key for p in refused(PLAIN.replace("max_epochs", "max_epcohs")).problems] == [
        "trainer.max_epcohs"
    ]


def test_rules_are_told_together_with_other_problems(refused):
    keys = {
        p.key for p in refused(overrides=["optimizer.lr=fast", "data.prefetch_factor=4", "moodel=3"]).problems
    }
    assert keys == {"optimizer.lr", "data.prefetch_factor", "moodel"}


def test_a_metric_or_term_is_measured_under_its_name(loaded):
    text = PLAIN.replace("loss: cross_entropy", "loss: {a: cross_entropy, b: focal}")
    assert loaded(text.replace("val/accuracy, mode: max", "val/loss/b")).checkpoint.monitor == "val/loss/b"


def test_rules_of_a_single_loss_stand_where_it_is_written(refused):
    text = PLAIN.replace(
        "loss: cross_entropy", "loss: {type: cross_entropy, weight: {type: cosine, warmup: 9 epochs}}"
    )
    [problem] = refused(text).problems
    assert problem.key == "loss.weight.warmup"
    assert problem.place.line == 8


def test_a_lightning_module_brings_its_own_parts(loaded, refused, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("sys.path", ["", *__import__("sys").path])
    Path("my_module_for_rules.py").write_text("class Mine:\n    def training_step(self): ...\n")
    text = "data: {train: {type: toy}}\nmodel: my_module_for_rules:Mine\ntrainer: {max_epochs: 1}\n"
    run = loaded(text + "checkpoint: {monitor: anything}\n", allow_imports=True)
    assert run.optimizer is None
    given = "optimizer: {type: adamw, lr: 1.0}\nmetrics: [accuracy]\nema: {}\n"
    problems = refused(text + given, ["trainer.compile=true"], allow_imports=True).problems
    assert {p.key for p in problems} == {"optimizer", "metrics", "ema", "trainer.compile"}


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("checkpoint.every=0 steps", "longer than nothing"),
        ("trainer.deadline=0 s", "longer than nothing"),
        ("trainer.max_time=0 min", "longer than nothing"),
        ("data.train.limit=0 %", "above 0 % and up to 100 %"),
        ("data.train.limit=101 %", "above 0 % and up to 100 %"),
        ("name=../mine", "no slashes"),
        ("seed=4294967296", "less than 4294967296"),
        ("optimizer.groups=[{match: 're:(', lr: 1.0}]", "regular expression"),
        ("data.split.val=1.5", "less than 1"),
    ],
)
def test_values_that_could_only_be_half_honoured_are_refused(refused, override: str, words: str):
    [problem] = refused(overrides=[override]).problems
    assert words in str(problem)
