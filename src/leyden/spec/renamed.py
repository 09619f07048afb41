"""Names that Lightning and other frameworks have for things, and what a run file has instead."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from .errors import shown

#: Lightning's Trainer arguments, of today and before, that a run file spells differently
TRAINER = {
    "gpus": "write `accelerator: gpu` and `devices: {value}`",
    "tpu_cores": "write `accelerator: tpu` and `devices: {value}`",
    "ipus": "Lightning dropped IPUs; write `accelerator: gpu` or `accelerator: cpu`",
    "hpus": "Lightning dropped HPUs; write `accelerator: gpu` or `accelerator: cpu`",
    "num_processes": "write `accelerator: cpu` and `devices: {value}`",
    "auto_select_gpus": "Lightning removed it; write `devices: 1`, or their numbers, `devices: [0]`",
    "auto_scale_batch_size": "Lightning removed it; `data.micro_batch_size: auto` finds what fits",
    "auto_lr_find": "Lightning removed it; sweep over `optimizer.lr`",
    "log_gpu_memory": "Lightning removed it; add `device_stats` to `callbacks`",
    "check_val_every_n_epochs": "write `check_val_every_n_epoch: {value}`",
    "val_check_percent": "write `val_check_interval: 0.25 epochs`, say",
    "val_percent_check": "write `limit_val_batches: {value}`",
    "train_percent_check": "write `limit_train_batches: {value}`",
    "test_percent_check": "write `limit_test_batches: {value}`",
    "overfit_pct": "write `overfit_batches: {value}`",
    "max_nb_epochs": "write `max_epochs: {value}`",
    "min_nb_epochs": "write `min_epochs: {value}`",
    "nb_gpu_nodes": "write `num_nodes: {value}`",
    "distributed_backend": "write `strategy: {value}`",
    "gradient_clip": "write `gradient_clip_val: {value}`",
    "track_grad_norm": "Lightning removed it; gradient norms are logged as `grad_norm`",
    "terminate_on_nan": "Lightning removed it; a step that is not finite never moves the weights",
    "progress_bar_refresh_rate": "write `enable_progress_bar: true` or `false`",
    "weights_summary": "Lightning removed it; `leyden check --deep` prints the parameters",
    "enable_model_summary": "`leyden check --deep` prints the parameters",
    "num_sanity_val_steps": "`leyden check --deep` tries a real batch before the run; remove the line",
    "default_root_dir": "write `root: {value}` under `folder`",
    "weights_save_path": "write `root: {value}` under `folder`",
    "logger": "name `trackers`, such as `trackers: [tensorboard]`",
    "callbacks": "`callbacks` is a section of its own, next to `trainer`",
    "enable_checkpointing": "write `checkpoint: {{save_top_k: 0, save_last: false}}` for none",
    "checkpoint_callback": "write `checkpoint: {{save_top_k: 0, save_last: false}}` for none",
    "resume_from_checkpoint": "the same command goes on where a run stopped; remove the line",
    "reload_dataloaders_every_n_epochs": "the order of samples is a function of the epoch; remove the line",
    "use_distributed_sampler": "every sampler is shared out over the devices; remove the line",
    "replace_sampler_ddp": "every sampler is shared out over the devices; remove the line",
    "inference_mode": "evaluation never keeps gradients; remove the line",
    "barebones": "write `trackers: []` and `enable_progress_bar: false`",
    "amp_backend": "Lightning removed it; write `precision: 16-mixed`",
    "amp_level": "Lightning removed it; write `precision: 16-mixed`",
    "move_metrics_to_cpu": "metrics stay on the device and are read when they are logged; remove the line",
    "multiple_trainloader_mode": "name one dataset under `data.train`",
    "plugins": "objects have no place in a file; use `strategy` and `precision`",
    "model_registry": "`leyden export` writes what other services load; remove the line",
    "enable_autolog_hparams": "trackers are given every setting; remove the line",
    "limit_predict_batches": "write `leyden predict` with `limit` under the dataset",
    "epochs": "write `max_epochs: {value}`",
    "steps": "write `max_steps: {value}`",
    "num_epochs": "write `max_epochs: {value}`",
    "batch_size": "write `batch_size: {value}` under `data`",
    "num_workers": "write `num_workers: {value}` under `data`",
    "lr": "write `lr: {value}` under `optimizer`",
    "learning_rate": "write `lr: {value}` under `optimizer`",
    "seed": "`seed` stands at the top of the file",
}

#: names that stand at the top elsewhere
TOP = {
    "epochs": "write `max_epochs: {value}` under `trainer`",
    "lr": "write `lr: {value}` under `optimizer`",
    "learning_rate": "write `lr: {value}` under `optimizer`",
    "lr_scheduler": "write `schedules: {{lr: ...}}`",
    "scheduler": "write `schedules: {{lr: ...}}`",
    "batch_size": "write `batch_size: {value}` under `data`",
    "logger": "name `trackers`, such as `trackers: [tensorboard]`",
    "seed_everything": "write `seed: {value}`",
    "extends": "`extends` is for files and stands at their top",
}

#: what other sections have other names for
SECTIONS: dict[str, dict[str, str]] = {
    "optimizer": {"learning_rate": "write `lr: {value}`"},
    "data": {
        "workers": "write `num_workers: {value}`",
        "shuffle": "write `sampler: shuffle` or `sampler: sequential`",
    },
    "checkpoint": {
        "every_n_epochs": "write `every: {value} epochs`",
        "every_n_train_steps": "write `every: {value} steps`",
        "dirpath": "checkpoints are in the run folder; see `folder`",
        "filename": "checkpoints are in the run folder; see `folder`",
    },
}

STRATEGIES = {
    "dp": "Lightning removed it; write `strategy: ddp`",
    "ddp2": "Lightning removed it; write `strategy: ddp`",
    "ddp_cpu": "write `accelerator: cpu`, `strategy: ddp` and `devices: 2`",
    "ddp_sharded": "Lightning removed it; write `strategy: fsdp`",
    "single_device": "write `devices: 1`",
}

PRECISIONS = {
    "16": "16-mixed", "32": "32-true", "64": "64-true", "bf16": "bf16-mixed", "fp16": "16-mixed",
    "fp32": "32-true",
}  # fmt: skip


def instead_of_key(path: tuple[str | int, ...], value: Any, tree: Any) -> str:
    """What to write instead of an unknown key that has a meaning elsewhere; empty if it has none."""
    name = str(path[-1])
    if path == ("trainer", "accumulate_grad_batches"):
        return _accumulation(value, tree)
    table = TOP if len(path) == 1 else TRAINER if path[0] == "trainer" else SECTIONS.get(str(path[0]), {})
    return table.get(name, "").format(value=_text(value))


def instead_of_value(path: tuple[str | int, ...], value: Any) -> str:
    """What to write instead of a value that Lightning had once, or spells in more than one way."""
    if path == ("trainer", "strategy"):
        return STRATEGIES.get(str(value), "")
    if path == ("trainer", "precision") and str(value) in PRECISIONS:
        return f"write `precision: {PRECISIONS[str(value)]}`"
    return ""


def _accumulation(value: Any, tree: Any) -> str:
    """Batches count for the optimizer step here, so accumulation is a larger batch in the same pieces."""
    data: Any = cast("Mapping[str, Any]", tree).get("data") if isinstance(tree, Mapping) else None
    old: Any = cast("Mapping[str, Any]", data).get("batch_size", 32) if isinstance(data, Mapping) else 32
    if type(value) is not int or type(old) is not int:
        return "`data.batch_size` is the samples of a step, `data.micro_batch_size` those of one pass"
    return f"write `batch_size: {value * old}` and `micro_batch_size: {old}` under `data`"


def _text(value: Any) -> str:
    return str(value) if isinstance(value, str) else shown(value)
