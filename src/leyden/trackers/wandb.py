"""Runs on Weights & Biases."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from leyden.trackers._link import Link
from leyden.trackers.tracker import Tracker, tracker


@tracker("wandb", requires=("wandb",), extra="wandb")
class WandB(Tracker):
    """Logs settings and numbers to Weights & Biases. A resumed run goes on in the same W&B run.

    The key comes from ``WANDB_API_KEY`` or ``wandb login`` only. A service that cannot be reached is warned
    about once and never stops training.

    Args:
        project: Name of the project; without it that of the run.
        entity: User or team; without it the key's own.
        mode: ``offline`` writes into the log folder for ``wandb sync``.
        tags: Tags of the run.

    Example:
        type: wandb
        project: digits
        mode: offline
    """

    def __init__(
        self,
        *,
        project: str | None = None,
        entity: str | None = None,
        mode: Literal["online", "offline"] = "online",
        tags: list[str] | None = None,
    ) -> None:
        self._settings = {"entity": entity, "mode": mode, "tags": tags}
        self._project = project
        self._link = Link("wandb")
        self._run: Any = None
        self._id = ""

    def open(self, folder: Path, resolved: Mapping[str, Any], state: Mapping[str, Any], /) -> None:
        self._link = Link("wandb")
        self._id = str(state.get("id", ""))
        folder.mkdir(parents=True, exist_ok=True)
        self._link.call("begin its run", lambda: self._begin(folder, resolved))

    def log(self, step: int, values: Mapping[str, float], /) -> None:
        self._link.call("log numbers", lambda: self._run.log(dict(values), step=step))

    def state(self) -> dict[str, Any]:
        return {"id": self._id}

    def close(self) -> None:
        if self._run is not None:
            self._link.call("end its run", lambda: self._run.finish())
        self._run = None

    def _begin(self, folder: Path, resolved: Mapping[str, Any]) -> None:
        import wandb

        name = str(resolved.get("name", "run"))
        self._run = wandb.init(
            project=self._project or name,
            name=name,
            dir=str(folder),
            config=dict(resolved),
            id=self._id or None,
            resume="allow",
            **self._settings,
        )
        self._id = self._run.id
