"""The fixed sections of a run file. Strict: nothing unknown, nothing coerced, nothing ignored."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, WithJsonSchema
from pydantic_core import PydanticCustomError

from .durations import Duration
from .slots import FilePath, PartSpec, Slot
from .strict import Strict
from .trainer import Count, Interval
from .unions import OneOf


def _of_shape(shape: str, rule: str, right: Callable[[str], bool] = bool) -> AfterValidator:
    """A check of a text's shape that says in words what is wanted; editors are told the expression."""

    def check(text: str) -> str:
        if not (re.match(shape, text) and right(text)):
            raise PydanticCustomError("shape", "{rule}", {"rule": rule, "hint": ""})
        return text

    return AfterValidator(check)


def _is_expression(match: str) -> bool:
    try:
        re.compile(match.removeprefix("re:"))
    except re.error:
        return not match.startswith("re:")
    return True


SHARE, WORD = r"^\s*\d+(\.\d+)?\s*%\s*$", r"^[^\s/\\][^/\\]*$"
Share = Annotated[
    str,
    _of_shape(SHARE, "must be a share above 0 % and up to 100 %", lambda s: 0 < float(s.strip(" %")) <= 100),
    WithJsonSchema({"type": "string", "pattern": SHARE}),
]
Word = Annotated[  # a folder is named after it
    str,
    _of_shape(WORD, "must be a name of a folder: no slashes, and no space at its beginning"),
    WithJsonSchema({"type": "string", "pattern": WORD}),
]
Match = Annotated[
    str,
    _of_shape(
        "", "must be a regular expression after `re:`; a glob such as `head.*` needs no `re:`", _is_expression
    ),
]


class DatasetSpec(PartSpec):
    """A source, and what is done with its samples before they are batched."""

    transforms: list[Annotated[PartSpec, Slot("transform")]] = Field(
        default=[], description="Transforms in order; random ones draw from (seed, epoch, sample)."
    )
    limit: Annotated[Count | Share | None, OneOf()] = Field(
        default=None, description="Use only the first samples: a number, or a share such as `10 %`."
    )


class TermSpec(PartSpec):
    """One term of the objective."""

    weight: Annotated[float | Annotated[PartSpec, Slot("schedule")], OneOf()] = Field(
        default=1.0, description="Factor of this term: a number, or a schedule whose unscheduled value is 1."
    )


class Group(Strict):
    """Parameters that are optimised with settings of their own."""

    match: Match = Field(
        description="Pattern of parameter names: a glob such as `head.*`, or `re:` and an expression."
    )
    lr: Annotated[float, Field(ge=0)] | None = Field(
        default=None, description="Learning rate; without it the optimizer's."
    )
    weight_decay: Annotated[float, Field(ge=0)] | None = Field(
        default=None, description="Weight decay; without it the optimizer's."
    )


class OptimizerSpec(PartSpec):
    """An optimizer, and which parameters it treats differently."""

    groups: list[Group] = Field(default=[], description="Groups by pattern; the first that matches counts.")
    no_decay: bool = Field(default=False, description="No weight decay on biases, norms and other vectors.")


Dataset = Annotated[DatasetSpec, Slot("source", DatasetSpec)]


class Folder(Strict):
    """Where the run folder goes: ``<root>/project_<p>/experiment_<e>/group_<g>``."""

    root: FilePath = Field(default=Path("runs"), description="Folder of all runs.")
    project: Word = Field(default="default", description="Name of the project.")
    experiment: Word | None = Field(
        default=None, description="Name of the experiment; without it the run's name."
    )
    group: Word | None = Field(
        default=None, description="Name of the group; without it a digest of the settings."
    )


class Data(Strict):
    """What is learnt from, and in which batches."""

    train: Dataset = Field(description="Training data.")
    val: Dataset | None = Field(
        default=None, description="Validation data; without it `split` may hold some out."
    )
    test: Dataset | None = Field(default=None, description="Test data; without it `split` may hold some out.")
    split: Annotated[PartSpec, Slot("split")] | None = Field(
        default=None,
        description="Which training samples are held out for validation and test, where these are absent.",
    )
    eval_transforms: list[Annotated[PartSpec, Slot("transform")]] = Field(
        default=[], description="Transforms of samples that `split` holds out."
    )
    batch_size: Count = Field(default=32, description="Samples of one optimizer step, over all devices.")
    micro_batch_size: Annotated[Count | Literal["auto"], OneOf()] = Field(
        default="auto",
        description="Most samples that go through one device at once; the step is the same, to rounding and "
        "dropout's masks.",
    )
    eval_batch_size: Count | None = Field(
        default=None, description="Samples of one batch of evaluation; without it batch_size."
    )
    num_workers: Annotated[int, Field(ge=0)] = Field(
        default=0, description="Processes that read ahead; 0 reads in this one."
    )
    sampler: Annotated[PartSpec, Slot("sampler")] = Field(
        default="shuffle",  # pyright: ignore[reportAssignmentType]  # defaults are validated, and become specs, like given values
        description="Order of the training samples.",
    )
    drop_last: bool = Field(default=False, description="Leave out the last, smaller batch of an epoch.")
    prefetch_factor: Count | None = Field(default=None, description="Batches that each worker reads ahead.")
    persistent_workers: bool | None = Field(
        default=None, description="Keep workers from one epoch to the next."
    )
    pin_memory: bool = Field(
        default=True, description="Page-locked memory for faster copies to a GPU; no effect without one."
    )


class Ema(Strict):
    """A moving average of the weights, which is what evaluation and exports use."""

    decay: Annotated[float, Field(gt=0, lt=1)] = Field(
        default=0.999, description="Share of the average kept at each update."
    )
    every: Count = Field(default=1, description="Optimizer steps between two updates.")


class Checkpoint(Strict):
    """Which checkpoints are written and kept."""

    monitor: str | None = Field(
        default=None, description="Measured name that decides which are best, e.g. `val/loss`."
    )
    mode: Literal["min", "max"] = Field(default="min", description="Whether a low or a high value is good.")
    save_top_k: Annotated[int, Field(ge=-1)] = Field(
        default=1, description="How many of the best are kept; -1: all."
    )
    save_last: bool = Field(default=True, description="Keep the newest too, to go on from.")
    every: Interval = Field(default=Duration(1, "epochs"), description="How often one is written.")
    max_failures: Count = Field(
        default=3,
        description="Saves in a row that may fail, e.g. on a full disk, before the run stops; each warns.",
    )
