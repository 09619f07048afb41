"""The section ``trainer``: how long, on what, how exactly. Its keys are Lightning's own argument names."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from .durations import Duration
from .strict import Strict
from .unions import OneOf

Count = Annotated[int, Field(ge=1)]
Fraction = Annotated[float, Field(ge=0, le=1)]


def _some(duration: Duration) -> Duration:
    if not duration.value:
        raise PydanticCustomError("duration", "{rule}", {"rule": "must be longer than nothing", "hint": ""})
    return duration


def _by_the_clock(duration: Duration) -> Duration:
    if not duration.is_time:
        context = {"rule": "a time is wanted, such as `30 min` or `2 h`", "hint": ""}
        raise PydanticCustomError("duration", "{rule}", context)
    return duration


Interval = Annotated[Duration, AfterValidator(_some)]
Time = Annotated[Duration, AfterValidator(_by_the_clock), AfterValidator(_some)]
Limit = Annotated[Annotated[int, Field(ge=0)] | Fraction | None, OneOf()]

Precision = Literal[
    "32-true", "16-mixed", "bf16-mixed", "16-true", "bf16-true", "64-true",
    "transformer-engine", "transformer-engine-float16",
]  # fmt: skip
Strategy = Literal[
    "auto", "ddp", "ddp_fork", "ddp_notebook", "ddp_find_unused_parameters_true",
    "ddp_find_unused_parameters_false", "fsdp", "fsdp_cpu_offload", "deepspeed", "deepspeed_stage_1",
    "deepspeed_stage_2", "deepspeed_stage_3", "deepspeed_stage_2_offload", "deepspeed_stage_3_offload", "xla",
]  # fmt: skip
Accelerator = Literal["auto", "cpu", "gpu", "cuda", "mps", "tpu"]


class Trainer(Strict):
    """How long a run is, on what it runs and how exactly."""

    max_epochs: Annotated[int, Field(ge=-1)] | None = Field(
        default=None, description="End after this many epochs; -1: no limit."
    )
    max_steps: Annotated[int, Field(ge=-1)] = Field(
        default=-1, description="End after this many optimizer steps; -1: no limit."
    )
    max_time: Time | None = Field(default=None, description="End after this time, e.g. `12 h`.")
    deadline: Time | None = Field(
        default=Duration(30, "min"),
        description="How long the run may stand still (no step, no batch of an evaluation) before it is "
        "ended and the process that hangs is named with its stack; null: for ever.",
    )
    min_epochs: Count | None = Field(
        default=None, description="No callback ends the run before this many epochs."
    )
    min_steps: Count | None = Field(
        default=None, description="No callback ends the run before this many optimizer steps."
    )

    accelerator: Accelerator = Field(
        default="auto", description="Kind of device; auto takes the best there is."
    )
    devices: Annotated[
        Literal["auto"]
        | Annotated[int, Field(ge=-1)]
        | Annotated[list[Annotated[int, Field(ge=0)]], Field(min_length=1)],
        OneOf(),
    ] = Field(
        default="auto", description="How many devices on each node (-1: all), or the numbers of those to use."
    )
    num_nodes: Count = Field(default=1, description="Machines that take part.")
    strategy: Strategy = Field(default="auto", description="How several devices share the work.")
    precision: Precision = Field(
        default="32-true", description="Type of the arithmetic; `-mixed` keeps weights in 32 bits."
    )
    sync_batchnorm: bool = Field(
        default=False, description="Batch norm statistics over all devices instead of each its own."
    )

    gradient_clip_val: Annotated[float, Field(gt=0)] | None = Field(
        default=None, description="Clip gradients to this; null: do not."
    )
    gradient_clip_algorithm: Literal["norm", "value"] | None = Field(
        default=None, description="Clip the norm of all gradients together (default), or each value."
    )
    non_finite: Literal["raise", "skip", "restore"] = Field(
        default="raise",
        description="Where a gradient is NaN or infinite: end the run; leave the step out; or go back to the "
        "newest checkpoint with half the learning rate, three times at most.",
    )
    deterministic: bool = Field(
        default=False, description="Only operations that give the same bits every time; may be slower."
    )
    benchmark: bool | None = Field(
        default=None, description="Let cuDNN try algorithms first; good where shapes stay the same."
    )
    detect_anomaly: bool = Field(default=False, description="Find the operation that made a NaN; very slow.")
    compile: bool = Field(default=False, description="Compile the model with torch.compile.")
    steps_per_call: Count = Field(
        default=1, description="Optimizer steps done in one go, without coming back to the loop."
    )

    log_every_n_steps: Count = Field(
        default=50, description="Optimizer steps between two readings of the training metrics."
    )
    check_val_every_n_epoch: Count = Field(default=1, description="Validate after every so many epochs.")
    val_check_interval: Interval | None = Field(
        default=None, description="Validate this often instead, e.g. `500 steps` or `0.25 epochs`."
    )
    limit_train_batches: Limit = Field(
        default=None, description="Batches of an epoch to train on: a number, or a share up to 1.0."
    )
    limit_val_batches: Limit = Field(
        default=None, description="Batches to validate on: a number, or a share up to 1.0; 0: never."
    )
    limit_test_batches: Limit = Field(
        default=None, description="Batches to test on: a number, or a share up to 1.0."
    )
    fast_dev_run: Annotated[bool | Annotated[int, Field(ge=0)], OneOf()] = Field(
        default=False,
        description="Only this many batches of each kind (true: 1), to see whether it runs; nothing is kept.",
    )
    overfit_batches: Annotated[Annotated[int, Field(ge=0)] | Fraction, OneOf()] = Field(
        default=0, description="Train on the same few batches again and again: a number, or a share; 0: off."
    )
    enable_progress_bar: bool = Field(
        default=True, description="Show a progress bar, or lines where there is no terminal."
    )
    profiler: Literal["simple", "advanced", "pytorch"] | None = Field(
        default=None, description="Measure where time goes, into `fit-profile.txt` in the log folder."
    )
