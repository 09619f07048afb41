"""From a validated run to live parts."""

from __future__ import annotations

import leyden
from leyden.backends.torch.loaders import cut_of


def test_overfitting_trains_on_the_same_few_samples_in_every_epoch(run_file):
    parts = leyden.build(leyden.load(run_file, ["trainer.overfit_batches=2"]))
    assert len(parts.train) == 32 and parts.plan.steps_per_epoch == 2
    half = leyden.build(leyden.load(run_file, ["trainer.overfit_batches=0.5"]))
    assert len(half.train) == 35


def test_the_table_of_numbers_is_written_whatever_the_trackers(run_file):
    for words in ([], ["trackers=[]"], ["trackers=[csv]"]):
        trackers = leyden.build(leyden.load(run_file, words)).trackers
        assert [type(tracker).__name__ for tracker in trackers].count("Csv") == 1


def test_a_validation_interval_in_shares_of_an_epoch_becomes_steps(run_file):
    plan = leyden.build(leyden.load(run_file, ["trainer.val_check_interval=0.4 epochs"])).plan
    assert plan.validate_every_steps == 2 and plan.validate_every_epochs == 0


def test_limits_of_batches_limit_the_steps_of_an_epoch(run_file):
    for limit, steps in (("3", 3), ("0.5", 2)):
        plan = leyden.build(leyden.load(run_file, [f"trainer.limit_train_batches={limit}"])).plan
        assert plan.steps_per_epoch == steps


def test_a_run_without_validation_plans_none(run_file):
    without = ["data.split=null", "checkpoint.monitor=null"]
    for words in (["trainer.limit_val_batches=0", "checkpoint.monitor=null"], without):
        plan = leyden.build(leyden.load(run_file, words)).plan
        assert plan.validations == 0
    never = ["trainer.limit_val_batches=0", "checkpoint.monitor=null"]
    steps = leyden.check(leyden.load(run_file, never)).facts["steps"]
    assert "0 validations" in steps


def test_a_share_of_the_validation_batches_is_one_batch_at_least(run_file):
    parts = leyden.build(leyden.load(run_file, ["trainer.limit_val_batches=0.1"]))
    assert parts.plan.validations == 3
    assert cut_of(parts, parts.val, 0.1).batches == 1  # of two
    assert cut_of(parts, parts.val, 0.0).batches == 0
