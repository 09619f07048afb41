"""Names that Lightning and others have are answered with what to write instead."""

from __future__ import annotations

import inspect

import pytest

from leyden.spec.renamed import TRAINER
from leyden.spec.trainer import Trainer


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("trainer.gpus=8", "`accelerator: gpu` and `devices: 8`"),
        ("trainer.tpu_cores=8", "`accelerator: tpu`"),
        ("trainer.auto_select_gpus=true", "`devices: 1`"),
        ("trainer.log_gpu_memory=all", "`device_stats`"),
        ("trainer.check_val_every_n_epochs=2", "`check_val_every_n_epoch: 2`"),
        ("trainer.strategy=dp", "`strategy: ddp`"),
        ("trainer.strategy=ddp2", "`strategy: ddp`"),
        ("trainer.strategy=ddp_cpu", "`accelerator: cpu`"),
        ("trainer.precision=16", "`precision: 16-mixed`"),
        ("trainer.precision=bf16", "`precision: bf16-mixed`"),
        ("trainer.accumulate_grad_batches=4", "`batch_size: 128` and `micro_batch_size: 32`"),
        ("trainer.callbacks=[]", "next to `trainer`"),
        ("trainer.logger=true", "`trackers`"),
        ("trainer.default_root_dir=x", "`root: x` under `folder`"),
        ("trainer.num_sanity_val_steps=2", "`leyden check --deep`"),
        ("trainer.val_check_interval=100", "`100 steps`"),
        ("trainer.val_check_interval=0.25", "needs a number and a unit"),
        ("trainer.limit_val_batches=true", "an integer or a number"),
        ("trainer.limit_val_batches=1.5", "at most 1"),
        ("max_epochs=3", "belongs under `trainer`"),
        ("epochs=3", "`max_epochs: 3` under `trainer`"),
        ("lr=0.1", "`lr: 0.1` under `optimizer`"),
        ("trainer.seed=3", "at the top"),
        ("data.lr=3", "unknown key"),
        ("optimizer.learning_rate=0.1", "`lr: 0.1`"),
        ("checkpoint.every_n_epochs=2", "`every: 2 epochs`"),
        ("trainer.batch_size=8", "`batch_size: 8` under `data`"),
        ("data.metrics=[]", "at the top"),
    ],
)
def test_other_names_are_answered_with_ours(refused, override: str, words: str):
    [problem] = refused(overrides=[override]).problems
    assert words in str(problem)


def test_every_argument_of_lightnings_trainer_is_taken_or_answered():
    from lightning.pytorch import Trainer as Lightning

    theirs = set(inspect.signature(Lightning.__init__).parameters) - {"self"}
    answered = {*Trainer.model_fields, *TRAINER, "accumulate_grad_batches"}
    assert theirs - answered == set()
