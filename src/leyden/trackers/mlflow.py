"""Runs on an MLflow server."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from leyden.trackers._link import Link
from leyden.trackers.tracker import Tracker, tracker


@tracker("mlflow", requires=("mlflow",), extra="mlflow")
class MLflow(Tracker):
    """Logs settings and numbers to MLflow. A resumed run goes on in the same MLflow run.

    The server's address comes from ``tracking_uri`` or ``MLFLOW_TRACKING_URI``, names and passwords from
    MLflow's own environment variables only. A server that cannot be reached is warned about once and never
    stops training. MLflow deletes no points, so steps that are computed again after a resume appear twice,
    with equal values.

    Args:
        tracking_uri: Address of the server; without it MLflow's own default.
        experiment: Name of the experiment; without it that of the run.

    Example:
        type: mlflow
        tracking_uri: http://localhost:5000
        experiment: digits
    """

    def __init__(self, *, tracking_uri: str | None = None, experiment: str | None = None) -> None:
        self._tracking_uri = tracking_uri
        self._experiment = experiment
        self._link = Link("mlflow")
        self._client: Any = None
        self._id = ""

    def open(self, folder: Path, resolved: Mapping[str, Any], state: Mapping[str, Any], /) -> None:
        self._link = Link("mlflow")
        self._id = str(state.get("id", ""))
        self._link.call("begin its run", lambda: self._begin(resolved))

    def log(self, step: int, values: Mapping[str, float], /) -> None:
        self._link.call("log numbers", lambda: self._log(step, values))

    def state(self) -> dict[str, Any]:
        return {"id": self._id}

    def close(self) -> None:
        if self._client is not None:
            self._link.call("end its run", lambda: self._client.set_terminated(self._id))
        self._client = None

    def _begin(self, resolved: Mapping[str, Any]) -> None:
        from mlflow import MlflowClient

        self._client = MlflowClient(tracking_uri=self._tracking_uri)
        if self._id:
            self._client.update_run(self._id, status="RUNNING")
            return
        name = self._experiment or str(resolved.get("name", "run"))
        known = self._client.get_experiment_by_name(name)
        experiment = known.experiment_id if known is not None else self._client.create_experiment(name)
        self._id = self._client.create_run(experiment, run_name=str(resolved.get("name", "run"))).info.run_id
        self._client.log_dict(self._id, dict(resolved), "resolved.json")

    def _log(self, step: int, values: Mapping[str, float]) -> None:
        from mlflow.entities import Metric

        now = int(time.time() * 1000)
        points = [Metric(name, float(value), now, step) for name, value in values.items()]
        self._client.log_batch(self._id, metrics=points)
