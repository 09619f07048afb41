"""leyden train: Train a run file, or go on where it stopped.

The run file is checked whole first. What the run writes goes into one run
folder: the resolved run file, checkpoints, every number, results. If the run
was interrupted, the same command goes on with the next step; if it is
finished, it says so. Leaves with code 0 when done, 2 if the run file or the
data is wrong, 75 if it was preempted and can go on, 130 after Ctrl-C, 1 after
anything else. A terminal that is closed, or output that nobody reads any more,
stops nothing; Ctrl-C does, and `kill` where the terminal is gone.

Examples:
  leyden train run.yaml
  leyden train run.yaml optimizer.lr=1e-3 trainer.max_epochs=50
  leyden train run.yaml repeats=5        mean and deviation over five seeds
  leyden train run.yaml --fresh          from the beginning
"""

from __future__ import annotations

import signal
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Generator
from contextlib import contextmanager, nullcontext
from types import FrameType
from typing import TYPE_CHECKING, Any

from leyden.backends.torch.signals import CODES, held_back, keep
from leyden.cli import check, results, run_file, terminal
from leyden.cli.outcome import INTERRUPTED, PREEMPTED
from leyden.runs.processes import several

if TYPE_CHECKING:
    from leyden.main.check import Report
    from leyden.main.train import Result
    from leyden.runs.folder import RunFolder


def arguments(parser: ArgumentParser) -> None:
    """Words and options of the command."""
    run_file.arguments(parser)
    parser.add_argument("--fresh", action="store_true", help="begin anew; what was there is kept beside")


def run(args: Namespace) -> int:
    """Train, and say how it went."""
    with preemptible():
        return _run(args)


@contextmanager
def preemptible() -> Generator[None]:
    """Leave with `PREEMPTED` on SIGTERM and SIGUSR1 around the training, which has its own way to leave.

    A terminal that is closed is no request to leave: the training goes on without it.
    One of several processes would leave the others waiting for it: what it is sent before the training, or
    between two repeats, is kept for the training, which all of them leave together.
    """

    together = several()

    def leave(number: int, frame: FrameType | None) -> None:
        for each in before:
            signal.signal(each, signal.SIG_IGN)  # it may come twice, and this process is on its way out
        before.clear()
        print("preempted; nothing is lost, and the same command goes on", file=sys.stderr)
        raise SystemExit(PREEMPTED)

    requests = [number for number, code in CODES.items() if together or code == PREEMPTED]
    handlers: dict[int, Any] = dict.fromkeys(requests, keep if together else leave)
    if hasattr(signal, "SIGHUP"):  # Windows has none
        handlers[signal.SIGHUP] = signal.SIG_IGN
    before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    try:
        with held_back() if together else nullcontext():
            yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _run(args: Namespace) -> int:
    run = run_file.load_run(args)
    from leyden.main.train import train

    def announce(folder: RunFolder, report: Report) -> None:
        args.run_folder = folder.path
        entries = folder.index(0).entries()
        going_on = f" (going on from step {entries[-1].step:,})" if entries else ""
        print(f"{terminal.bold(run.name)}, read from {args.file}")
        check.tell(report, {"run folder": f"{folder.path}{going_on}"})
        print(flush=True)

    result = train(run, fresh=args.fresh, allow_imports=args.allow_imports, announce=announce)
    if result.rows:  # empty in all processes but the first of several
        print(ending(result, run_file.command("train", args)))
        results.tell(result)
    return result.exit_code


def ending(result: Result, command: str) -> str:
    """How the run ended, in a line or two."""
    if result.exit_code in (PREEMPTED, INTERRUPTED):
        word = "preempted" if result.exit_code == PREEMPTED else "interrupted"
        step = f"{result.rows[-1].steps:,}"
        return f"\n{word} after step {step}; everything is saved, and this goes on from there:\n  {command}"
    if result.already_done:
        return (
            f"finished before, so there is nothing to do; this trains it anew, beside:\n  {command} --fresh"
        )
    stopped = [f"repeat {row.repeat}: {row.reason}" for row in result.rows if row.status == "stopped"]
    steps, seconds = sum(row.steps for row in result.rows), sum(row.seconds for row in result.rows)
    return "\n".join([f"\nfinished: {steps:,} steps in {terminal.duration(seconds)}", *stopped])
