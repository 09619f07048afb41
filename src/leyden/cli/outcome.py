"""What a person and a shell are told at the end: one message, one exit code, never an unasked traceback."""

from __future__ import annotations

import os
import site
import sys
import sysconfig
import tempfile
import traceback
from argparse import Namespace
from collections.abc import Callable
from pathlib import Path

import leyden
from leyden.cli import terminal

DONE = 0
FAILED = 1  # neither the user's input nor an interruption: a bug, a full disk, a lost device
WRONG_INPUT = 2
PREEMPTED = 75  # EX_TEMPFAIL: schedulers requeue it, and the same command goes on
INTERRUPTED = 130


def guarded(run: Callable[[Namespace], int], args: Namespace) -> int:
    """Run a command; whatever it raises becomes one message on stderr and an exit code."""
    try:
        return run(args)
    except KeyboardInterrupt:
        print("\ninterrupted", file=sys.stderr)
        return INTERRUPTED
    except Exception as error:
        return _told(error, args)


def _told(error: Exception, args: Namespace) -> int:
    if args.traceback:
        traceback.print_exc()
    if is_users(error):
        print(terminal.wrapped(str(error), sys.stderr), file=sys.stderr)
        return WRONG_INPUT
    message = f"leyden: stopped by {type(error).__name__}{_where(error)}: {_first_paragraph(error)}"
    print(terminal.wrapped(message, sys.stderr), file=sys.stderr)
    if not args.traceback:
        print(
            f"The full traceback is in {_written(error, args.run_folder)}; `--traceback` shows it.",
            file=sys.stderr,
        )
    return FAILED


def is_users(error: Exception) -> bool:
    """Whether a person can mend it: a `UserError`, or any other `ValueError` that this package raised."""
    from leyden.spec.errors import UserError

    place = error.__traceback__
    while place is not None and place.tb_next is not None:
        place = place.tb_next
    raised_in = "" if place is None else str(place.tb_frame.f_globals.get("__name__"))
    return isinstance(error, UserError) or (isinstance(error, ValueError) and raised_in.startswith("leyden."))


def _where(error: Exception) -> str:
    """The last line of somebody's own code on the way to the error: neither installed nor of this package."""
    frames = traceback.extract_tb(error.__traceback__)
    places = (*site.getsitepackages(), sysconfig.get_path("stdlib"), str(Path(leyden.__file__).parent))
    own = [frame for frame in frames if not frame.filename.startswith((*places, "<"))]
    return f" in {own[-1].filename}:{own[-1].lineno}" if own else ""


def _first_paragraph(error: Exception) -> str:
    """Enough of the message to recognise it; deep libraries write pages."""
    text = str(error).strip().partition("\n\n")[0]
    return text if len(text) < 500 else f"{text[:500]} ..."


def _written(error: Exception, run_folder: Path | None) -> Path:
    """Where the traceback was put: the run's folder if it exists already, else the temporary folder."""
    home = (
        run_folder / "logs" if run_folder is not None and run_folder.is_dir() else Path(tempfile.gettempdir())
    )
    home.mkdir(exist_ok=True)
    path = home / f"error-{os.getpid()}.txt"
    path.write_text("".join(traceback.format_exception(error)))
    return path
