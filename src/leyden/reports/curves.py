"""``curves.png``: what was measured over the steps of a run, mean and spread over its repeats."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from leyden.runs import atomic
from leyden.runs.folder import RunFolder
from leyden.runs.results import spreads
from leyden.runs.series import Series, read_series
from leyden.spec.errors import UserError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLORS = {"train": "#3b6ea8", "val": "#d9662b"}
MORE_COLORS = ("#4a4a4a", "#7a9e3b", "#8a5aa8", "#b08a2e")
INK, FAINT = "#333333", "#d9d9d9"
MOST_PANELS = 9
MOST_MARKERS = 40  # more points than this speak for themselves


@dataclass(frozen=True)
class Curve:
    """One metric over repeats.

    Args:
        name: Its full name, e.g. ``val/loss``.
        steps: Every step at which some repeat measured it. (points,)
        mean: Mean over the repeats that did. (points,)
        std: Sample standard deviation over them; 0 where one did. (points,)
    """

    name: str
    steps: np.ndarray
    mean: np.ndarray
    std: np.ndarray


def draw(folder: RunFolder) -> bool:
    """Draw ``curves.png`` into a run folder; False where there is nothing to draw.

    Raises:
        UserError: matplotlib is not installed.
    """
    repeats = [read_series(file) for file in sorted((folder.path / "logs").glob("repeat_*/metrics.csv"))]
    panels = _panels(_curves(repeats))
    if not panels:
        return False
    try:
        from matplotlib import rc_context
        from matplotlib.figure import Figure
    except ImportError:
        raise UserError(
            'curves.png needs matplotlib, which is not installed; pip install "leyden[plots]"'
        ) from None
    style: Any = {
        "font.size": 9,
        "text.color": INK,
        "axes.labelcolor": INK,
        "axes.edgecolor": "#999999",
    }
    with rc_context({**style, "xtick.color": INK, "ytick.color": INK}):
        columns = min(len(panels), 2 if len(panels) in (2, 4) else 3)
        rows = math.ceil(len(panels) / columns)
        figure = Figure(figsize=(4.2 * columns, 0.6 + 2.9 * rows), dpi=150, layout="constrained")
        for place, (title, curves) in enumerate(panels.items(), start=1):
            axis = figure.add_subplot(rows, columns, place)
            _panel(axis, title, curves)
            _mark_best(axis, curves, folder)
            axis.set_xlim(0, 1.03 * max(curve.steps[-1] for curves in panels.values() for curve in curves))
        _head(figure, folder, len(repeats))
        with atomic.replacing(folder.curves) as temporary:
            figure.savefig(temporary, format="png", facecolor="white")
    return True


def _curves(repeats: Sequence[Mapping[str, Series]]) -> list[Curve]:
    names = list(dict.fromkeys(name for repeat in repeats for name in repeat))
    return [_over_repeats(name, [repeat[name] for repeat in repeats if name in repeat]) for name in names]


def _over_repeats(name: str, series: Sequence[Series]) -> Curve:
    points: dict[int, list[float]] = {}
    for one in series:
        for step, value in zip(one.steps, one.values, strict=True):
            points.setdefault(step, []).append(value)
    steps = sorted(points)
    mean = [
        math.fsum(points[s]) / len(points[s]) if np.isfinite(points[s]).all() else math.nan for s in steps
    ]
    with np.errstate(invalid="ignore"):
        std = [np.std(points[s], ddof=1) if len(points[s]) > 1 else 0.0 for s in steps]
    return Curve(name, np.array(steps), np.array(mean), np.array(std))


def _named(name: str) -> tuple[str, str]:
    """On which set, and what: of ``val/loss``, or of ``val_loss`` as users' own modules name it."""
    where, _, what = name.partition("/" if "/" in name else "_")
    return where, what


def _panels(curves: Sequence[Curve]) -> dict[str, list[Curve]]:
    """Curves by what they measure: the loss, metrics, learning rates; others are no learning curves."""
    panels: dict[str, list[Curve]] = {"loss": []}
    rates: list[Curve] = []
    for curve in curves:
        where, what = _named(curve.name)
        if where == "lr":
            rates.append(curve)
        elif where in COLORS:
            panels.setdefault(what, []).append(curve)
    chosen = [(what, found) for what, found in panels.items() if found][: MOST_PANELS - bool(rates)]
    return {
        what: sorted(found, key=lambda curve: list(COLORS).index(_named(curve.name)[0]))
        for what, found in chosen
    } | ({"learning rate": rates} if rates else {})


def _panel(axis: Axes, title: str, curves: Sequence[Curve]) -> None:
    for curve, spare in zip(curves, MORE_COLORS * len(curves), strict=False):
        where = _named(curve.name)[0]
        color = COLORS.get(where, spare)
        marker = "o" if len(curve.steps) <= MOST_MARKERS and where != "lr" else ""
        label = where if where in COLORS else curve.name
        axis.plot(
            curve.steps, curve.mean, color=color, linewidth=1.6, marker=marker, markersize=3, label=label
        )
        low, high = curve.mean - curve.std, curve.mean + curve.std
        if curve.std.any():
            axis.fill_between(curve.steps, low, high, color=color, alpha=0.18, linewidth=0)
        _mark_end(axis, curve, color)
    if _wants_log(curves):
        axis.set_yscale("log")
    else:
        axis.yaxis.set_major_formatter(lambda value, _: f"{value:g}")  # no factor above the axis
    axis.set_title(title, loc="left", fontsize=10, fontweight="bold")
    axis.set_xlabel("optimizer step")
    axis.grid(True, color=FAINT, linewidth=0.6)
    axis.set_axisbelow(True)
    axis.spines[["top", "right"]].set_visible(False)
    if len(curves) > 1 or curves[0].name.partition("/")[0] in COLORS:
        axis.legend(frameon=False, loc="best", handlelength=1.4)


def _mark_end(axis: Axes, curve: Curve, color: str) -> None:
    """A cross on the last number of a curve that ends in something else."""
    numbers = np.flatnonzero(np.isfinite(curve.mean))
    last = int(numbers[-1]) if numbers.size else -1
    if last == len(curve.mean) - 1:
        return
    at = ([curve.steps[last]], [curve.mean[last]]) if last >= 0 else ([], [])
    text = f"not finite from step {curve.steps[last + 1]}"
    axis.plot(*at, "x", markersize=7, markeredgewidth=1.8, color=color, label=text)


def _wants_log(curves: Sequence[Curve]) -> bool:
    """A loss that falls through decades is read on a logarithmic scale; learning rates and shares are not."""
    values = np.concatenate([curve.mean[np.isfinite(curve.mean)] for curve in curves])
    is_loss = curves[0].name.partition("/")[2].startswith("loss")
    return bool(is_loss and values.size and values.min() > 0 and values.max() / values.min() > 100)


def _mark_best(axis: Axes, curves: Sequence[Curve], folder: RunFolder) -> None:
    """A ring around the best checkpoint, where there is one repeat and thus one such."""
    rows, monitor = folder.rows(), folder.summary.get("checkpoint", {}).get("monitor")
    best = rows[0].best if len(rows) == 1 else None
    if best is None or monitor not in [curve.name for curve in curves]:
        return
    axis.plot([best["step"]], [best["value"]], "o", markersize=8, markerfacecolor="none", color=INK, zorder=5)
    align = "right" if best["step"] > 0.8 * max(curve.steps[-1] for curve in curves) else "center"
    at, text = (best["step"], best["value"]), f"best {best['value']:.4g}"
    axis.annotate(text, at, (4, 9), textcoords="offset points", ha=align)


def _head(figure: Figure, folder: RunFolder, repeats: int) -> None:
    """Name of the run, and what the test data said."""
    tests = [
        f"{name} {spread}" for name, spread in spreads(folder.rows()).items() if name.startswith("test/")
    ]
    many = [f"mean ± standard deviation of {repeats} repeats"] if repeats > 1 else []
    name = str(folder.summary.get("name", folder.path.name))
    figure.suptitle("   ·   ".join([name, *many, *tests[:3]]), x=0.01, ha="left", fontsize=11)
