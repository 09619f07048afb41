"""The run folder: what lies where.

<root>/project_<p>/experiment_<e>/group_<g>/
  run.yaml  resolved.yaml  environment.json      as given; with every default; code, packages, machine, data
  checkpoints/repeat_<k>/  index.json  step=<n>.ckpt ...  last.ckpt -> the newest
  logs/repeat_<k>/         metrics.csv  events.out.tfevents.*  log.txt
  results.json  curves.png                       a row a repeat, mean and standard deviation; their picture
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from leyden.runs import atomic, results
from leyden.runs.index import CheckpointIndex
from leyden.runs.lock import Lock
from leyden.runs.results import Row
from leyden.runs.retention import Retention

if TYPE_CHECKING:
    from leyden.spec.run import Run

Status = Literal["new", "running", "interrupted", "failed", "finished"]


@dataclass(frozen=True)
class RunFolder:
    """One group folder.

    Args:
        path: The folder; need not exist.
    """

    path: Path

    @property
    def resolved(self) -> Path:
        """The run file with every default; itself a run file."""
        return self.path / "resolved.yaml"

    @property
    def environment(self) -> Path:
        """Code, packages, machine, data, and a summary of the run."""
        return self.path / "environment.json"

    @property
    def results(self) -> Path:
        """A row a repeat."""
        return self.path / "results.json"

    @property
    def curves(self) -> Path:
        """The picture of the learning curves."""
        return self.path / "curves.png"

    def checkpoints(self, repeat: int) -> Path:
        """The checkpoint folder of a repeat."""
        return self.path / "checkpoints" / f"repeat_{repeat}"

    def logs(self, repeat: int) -> Path:
        """The log folder of a repeat; trackers write here."""
        return self.path / "logs" / f"repeat_{repeat}"

    def index(self, repeat: int, retention: Retention | None = None) -> CheckpointIndex:
        """The checkpoints of a repeat; without ``retention``, kept as the run file of this folder says."""
        return CheckpointIndex(
            self.checkpoints(repeat), retention or Retention(**self._told.get("checkpoint", {}))
        )

    def rows(self) -> list[Row]:
        """The rows of ``results.json``."""
        return results.read(self.results)

    def record(self, row: Row) -> list[Row]:
        """Enter how a repeat went; seconds of its earlier processes are added. Returns all rows.

        The path of the best checkpoint is written relative to this folder, which may be moved.
        """
        if row.best is not None:
            file = Path(row.best["path"]).absolute()
            if file.is_relative_to(self.path.absolute()):
                row = replace(row, best={**row.best, "path": str(file.relative_to(self.path.absolute()))})
        return results.record(self.results, row)

    @property
    def lock(self) -> Lock:
        """The lock that whoever trains into this folder holds."""
        return Lock(self.path / ".lock")

    @property
    def exists(self) -> bool:
        """Whether a run was begun here. `begin` writes this file last."""
        return self.environment.is_file()

    @property
    def summary(self) -> dict[str, Any]:
        """What `begin` noted of the run: ``name``, ``seed``, ``repeats``, ``digest``, ``checkpoint``."""
        return self._told

    @property
    def status(self) -> Status:
        """Where the run stands."""
        if not self.exists:
            return "new"
        if self.lock.holder():
            return "running"
        rows = self.rows()
        if sum(row.is_done for row in rows) >= int(self._told["repeats"]):
            return "finished"
        return "failed" if any(row.status == "failed" for row in rows) else "interrupted"

    @property
    def _told(self) -> dict[str, Any]:
        return atomic.read_json(self.environment)["run"] if self.exists else {}


def home(run: Run) -> Path:
    """Where the run file says that the run goes."""
    root = Path(run.folder.root)
    return root / f"project_{run.folder.project}" / f"experiment_{run.experiment}" / f"group_{run.group}"
