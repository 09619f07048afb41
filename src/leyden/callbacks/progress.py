"""Shows how far a run is: a bar on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from typing import Annotated, Any, TextIO

from pydantic import Field

from leyden.callbacks.callback import Callback, Fit, callback

SHOWN = ("train/loss", "val/loss")


@callback("progress")
class Progress(Callback):
    """A bar with the remaining time on a terminal; elsewhere one line every ``every`` seconds.

    It reads numbers that were measured anyway, so it changes none, and costs nothing between redraws.

    Args:
        every: Seconds between lines where there is no terminal.

    Example:
        type: progress
        every: 60
    """

    def __init__(self, *, every: Annotated[float, Field(gt=0)] = 30.0) -> None:
        self.every = every
        self.out: TextIO = sys.stderr
        self.bar: Any = None
        self.next = 0.0

    def on_fit_start(self, fit: Fit, /) -> None:
        self.begin, self.first = time.monotonic(), fit.step
        if self.out.isatty():
            self.bar = _bar(fit.total_steps, fit.step, self.out)
            self.every = 0.1
        self.next = self.begin + self.every

    def on_step_end(self, fit: Fit, /) -> None:
        if time.monotonic() >= self.next:
            self._show(fit)

    def on_validation_end(self, fit: Fit, metrics: Mapping[str, float], /) -> None:
        if time.monotonic() >= self.next:
            self._show(fit)

    def on_fit_end(self, fit: Fit, error: BaseException | None, /) -> None:
        if self.bar is not None:
            self._show(fit)
            self.bar.stop()
            self.bar = None
        elif error is None:
            self._show(fit)

    def _show(self, fit: Fit) -> None:
        self.next = time.monotonic() + self.every
        if self.bar is None:
            print(self.line(fit), file=self.out, flush=True)
            return
        shown = numbers(fit.metrics)
        self.bar.update(self.bar.task_ids[0], completed=fit.step, numbers=shown, epoch=fit.epoch)
        self.bar.refresh()

    def line(self, fit: Fit) -> str:
        """Where the run stands, in one line."""
        share = fit.step / fit.total_steps
        done = fit.step - self.first
        seconds = time.monotonic() - self.begin
        left = (fit.total_steps - fit.step) * seconds / done if done else float("nan")
        remaining = f", {duration(left)} left" if done and fit.step < fit.total_steps else ""
        return (
            f"step {fit.step}/{fit.total_steps} ({share:.0%}), epoch {fit.epoch}{remaining}"
            f"{'  ' if fit.metrics else ''}{numbers(fit.metrics)}"
        )


def numbers(metrics: Mapping[str, float]) -> str:
    """The losses, and whatever else was measured in validation."""
    names = [*SHOWN, *(name for name in metrics if name.startswith("val/") and name not in SHOWN)]
    return "  ".join(f"{name} {metrics[name]:.4g}" for name in names if name in metrics)


def duration(seconds: float) -> str:
    """Seconds for people: ``42 s``, ``3 min 05 s``, ``2 h 07 min``."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def _bar(total: int, done: int, out: TextIO) -> Any:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    bar = Bar(
        TextColumn("epoch {task.fields[epoch]}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[numbers]}"),
        console=Console(file=out),
        auto_refresh=False,  # a thread that draws would take time from small steps
    )
    bar.add_task("train", total=total, completed=done, numbers="", epoch=0)
    bar.start()
    return bar
