from __future__ import annotations

import math
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure

from leyden.reports import curves as module
from leyden.reports.curves import draw
from leyden.runs import atomic
from leyden.runs.folder import RunFolder
from leyden.runs.results import Row
from leyden.spec.errors import UserError

PNG = b"\x89PNG\r\n\x1a\n"
Rows = Sequence[dict[str, float]]


def folder_with(
    path: Path, *repeats: Rows, monitor: str | None = None, status: str = "finished"
) -> RunFolder:
    folder = RunFolder(path)
    summary = {"name": "digits", "repeats": len(repeats), "digest": "", "checkpoint": {"monitor": monitor}}
    atomic.write_json(folder.environment, {"run": summary})
    for repeat, rows in enumerate(repeats):
        names = list(dict.fromkeys(name for row in rows for name in row))
        lines = [",".join(["step", *names])]
        for step, row in enumerate(rows, start=1):
            lines.append(
                ",".join([str(10 * step), *(repr(row[name]) if name in row else "" for name in names)])
            )
        atomic.write_text(folder.logs(repeat) / "metrics.csv", "\n".join(lines) + "\n")
        best = {"value": 0.25, "step": 20, "path": "x"} if monitor else None
        folder.record(
            Row(repeat=repeat, seed=1, status=status, best=best, metrics={"test/accuracy": 0.5 + repeat / 10})  # type: ignore[arg-type]
        )
    return folder


@pytest.fixture
def figures(monkeypatch: pytest.MonkeyPatch) -> list[Figure]:
    """Every figure that is drawn."""
    drawn: list[Figure] = []
    head = module._head

    def noted(figure: Figure, *others: Any) -> None:
        drawn.append(figure)
        head(figure, *others)

    monkeypatch.setattr(module, "_head", noted)
    return drawn


def titles(figure: Figure) -> list[str]:
    return [axis.get_title(loc="left") for axis in figure.axes]


LEARNING: Rows = [
    {"lr": 1e-3, "train/loss": 1.0, "throughput": 5.0, "train/accuracy": 0.1},
    {"lr": 5e-4, "train/loss": 0.5, "val/loss": 0.25, "val/accuracy": 0.75, "val/f1": 0.5},
]


def test_a_panel_each_for_loss_metrics_and_rates(tmp_path: Path, figures: list[Figure]) -> None:
    assert draw(folder_with(tmp_path, LEARNING))
    assert titles(figures[0]) == ["loss", "accuracy", "f1", "learning rate"]
    loss, accuracy = figures[0].axes[:2]
    assert [text.get_text() for text in loss.get_legend().get_texts()] == ["train", "val"]
    assert [text.get_text() for text in accuracy.get_legend().get_texts()] == ["train", "val"]
    assert (tmp_path / "curves.png").read_bytes().startswith(PNG)


def test_repeats_are_a_mean_and_a_band(tmp_path: Path, figures: list[Figure]) -> None:
    draw(
        folder_with(tmp_path, [{"val/loss": 1.0}, {"val/loss": 0.5}], [{"val/loss": 3.0}, {"val/loss": 0.5}])
    )
    (axis,) = figures[0].axes
    np.testing.assert_allclose(axis.lines[0].get_ydata(), [2.0, 0.5])
    (band,) = axis.collections
    edges = band.get_paths()[0].vertices
    assert edges[:, 1].min() == pytest.approx(0.5) and edges[:, 1].max() == pytest.approx(2 + math.sqrt(2))
    head = figures[0].get_suptitle()
    assert "mean ± standard deviation of 2 repeats" in head and "test/accuracy 0.55 ± 0.071" in head


def test_the_best_checkpoint_is_marked(tmp_path: Path, figures: list[Figure]) -> None:
    draw(folder_with(tmp_path, LEARNING, monitor="val/loss"))
    assert [text.get_text() for text in figures[0].axes[0].texts] == ["best 0.25"]
    assert not figures[0].axes[1].texts


def test_a_curve_that_ends_in_nan_says_where(tmp_path: Path, figures: list[Figure]) -> None:
    draw(folder_with(tmp_path, [{"train/loss": 1.0}, {"train/loss": math.nan}, {"train/loss": math.inf}]))
    labels = [text.get_text() for text in figures[0].axes[0].get_legend().get_texts()]
    assert labels == ["train", "not finite from step 20"]


def test_a_run_without_one_number_is_drawn(tmp_path: Path, figures: list[Figure]) -> None:
    assert draw(folder_with(tmp_path, [{"train/loss": math.nan}]))
    labels = [text.get_text() for text in figures[0].axes[0].get_legend().get_texts()]
    assert labels == ["train", "not finite from step 10"]


def test_a_loss_that_falls_through_decades_is_logarithmic(tmp_path: Path, figures: list[Figure]) -> None:
    draw(folder_with(tmp_path, [{"train/loss": 10.0**-k, "train/accuracy": 10.0**-k} for k in range(4)]))
    assert [axis.get_yscale() for axis in figures[0].axes] == ["log", "linear"]


def test_many_metrics_leave_room_for_the_learning_rate(tmp_path: Path, figures: list[Figure]) -> None:
    draw(folder_with(tmp_path, [{"lr": 1.0} | {f"val/metric_{k}": float(k) for k in range(20)}]))
    assert len(figures[0].axes) == module.MOST_PANELS
    assert titles(figures[0])[-1] == "learning rate"


@pytest.mark.parametrize("rows", [[], [{"throughput": 1.0}]])
def test_nothing_is_drawn_of_nothing(tmp_path: Path, rows: Rows) -> None:
    folder = folder_with(tmp_path, rows)
    assert not draw(folder) and not folder.curves.exists()


def test_the_extra_is_named_where_matplotlib_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(UserError, match=r'pip install "leyden\[plots\]"'):
        draw(folder_with(tmp_path, LEARNING))


def test_importing_reports_imports_no_plotting() -> None:
    code = "import sys, leyden.reports.curves; print({'matplotlib', 'torch', 'pandas'} & sys.modules.keys())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"
