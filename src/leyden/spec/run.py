"""A validated run file."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, PrivateAttr

from .by_name import ByName
from .sections import Checkpoint, Data, Ema, Folder, OptimizerSpec, TermSpec, Word
from .slots import PartSpec, Slot, plain
from .strict import Strict
from .trainer import Trainer

#: what does not change what a run computes, and so does not count in its digest
NOT_IN_DIGEST = ("folder", "trackers")

Default = Any  # defaults are validated, and become specs, like given values


class Run(Strict):
    """One training run: everything that it does is a function of this, the seed and the step."""

    name: Word = Field(default="run", description="Name of the run.")
    seed: Annotated[int, Field(ge=0, lt=2**32)] = Field(
        default=42, description="All randomness follows from it."
    )
    repeats: Annotated[int, Field(ge=1)] = Field(default=1, description="Runs with seeds seed, seed + 1, ...")
    backend: Literal["torch", "jax"] = Field(default="torch", description="What computes.")
    imports: list[str] = Field(
        default=[], description="Modules of yours that register parts; only taken with --allow-imports."
    )
    folder: Folder = Field(default=Folder(), description="Where results go.")
    data: Data = Field(description="What is learnt from.")
    model: Annotated[PartSpec, Slot("model")] = Field(description="What learns.")
    task: Annotated[PartSpec, Slot("task")] | None = Field(
        default=None, description="What is learnt; not needed where the model is a LightningModule."
    )
    loss: Annotated[dict[str, TermSpec], ByName(Slot("loss", TermSpec), single=True)] = Field(
        default={}, description="What is minimised: one loss, or a weighted sum of named ones."
    )
    metrics: Annotated[dict[str, PartSpec], ByName(Slot("metric"), listed=True)] = Field(
        default={}, description="What is measured: a list, or a mapping from names."
    )
    optimizer: Annotated[OptimizerSpec, Slot("optimizer", OptimizerSpec)] | None = Field(
        default=None, description="How weights are moved; not needed where the model is a LightningModule."
    )
    schedules: dict[str, Annotated[PartSpec, Slot("schedule")]] = Field(
        default={},
        description="Values that change with the step: `lr`.",
        json_schema_extra={"propertyNames": {"enum": ["lr"]}},
    )
    ema: Ema | None = Field(default=None, description="A moving average of the weights.")
    trainer: Trainer = Field(default=Trainer(), description="How long, on what, how exactly.")
    checkpoint: Checkpoint = Field(default=Checkpoint(), description="Which checkpoints are kept.")
    callbacks: list[Annotated[PartSpec, Slot("callback")]] = Field(
        default=[], description="What else happens."
    )
    trackers: list[Annotated[PartSpec, Slot("tracker")]] = Field(
        default=[], description="Where numbers go, besides the run folder's own metrics.csv."
    )
    launch: Annotated[PartSpec, Slot("launcher")] = Field(
        default_factory=lambda: _default("local"), description="Who starts the processes."
    )

    _path: Path = PrivateAttr(default=Path("run.yaml"))
    _origins: Mapping[str, str] = PrivateAttr(default_factory=dict[str, str])

    @property
    def path(self) -> Path:
        """The file this run was read from."""
        return self._path

    @property
    def origins(self) -> Mapping[str, str]:
        """Where each value is from, by dotted key: ``run.yaml:12``, ``command line``, ``default``, ..."""
        return self._origins

    @property
    def experiment(self) -> str:
        """Name of the experiment."""
        return self.folder.experiment or self.name

    @property
    def group(self) -> str:
        """Name of the group: runs that compute the same are in one."""
        return self.folder.group or self.digest()

    def digest(self) -> str:
        """Eight hexadecimal digits, equal for equal settings but for where results go and are shown."""
        tree = {k: v for k, v in self.tree().items() if k not in NOT_IN_DIGEST}
        tree["trainer"].pop("enable_progress_bar")
        return hashlib.sha256(json.dumps(tree, sort_keys=True).encode()).hexdigest()[:8]

    def tree(self) -> dict[str, Any]:
        """Plain containers with every default filled in, which validate again to an equal run."""
        return plain(self)

    def from_file(self, path: Path, origins: Mapping[str, str]) -> Run:
        """This run, knowing where it came from."""
        self._path, self._origins = path, dict(origins)
        return self

    def __eq__(self, other: object) -> bool:
        """Equal settings make equal runs, wherever they were written."""
        return isinstance(other, Run) and self.tree() == other.tree()

    __hash__ = None  # type: ignore[assignment]

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickled as a tree, because classes of specs are made from signatures and cannot be imported."""
        return _restored, (self.tree(), self._path, dict(self._origins))


def _default(name: str) -> Default:
    return name


def _restored(tree: dict[str, Any], path: Path, origins: dict[str, str]) -> Run:
    # Imports were allowed when the run was first made.
    return Run.model_validate(tree, context={"allow_imports": True}).from_file(path, origins)
