"""The main path of Leyden: load, check, place, build, fit, record."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from leyden.backends.torch.signals import one_run
from leyden.data.sources.source import Source
from leyden.main.build import build, opened
from leyden.main.check import Report, check, named
from leyden.runs import atomic
from leyden.runs.begin import begin
from leyden.runs.folder import RunFolder
from leyden.runs.place import place
from leyden.runs.processes import rank
from leyden.runs.results import Row, Spread, spreads
from leyden.spec import Run, RunFileError, UserError, load

if TYPE_CHECKING:
    from leyden.backends.outcome import Outcome

#: where the processes that rank 0 starts find the run; rank 0 has resolved it once, for all
FOLDER = "LEYDEN_RUN_FOLDER"

Announce = Callable[[RunFolder, Report], None]


@dataclass(frozen=True, kw_only=True)
class Result:
    """How a run ended.

    Args:
        folder: Where everything is.
        rows: One row a repeat.
        exit_code: 0 done, 75 preempted and resumable, 130 interrupted.
        already_done: Whether the run was finished before, so that nothing was left to do.
    """

    folder: RunFolder
    rows: Sequence[Row]
    exit_code: int = 0
    already_done: bool = False

    @property
    def metrics(self) -> dict[str, Spread]:
        """Mean and standard deviation of every metric over the repeats that came to their end."""
        return spreads(self.rows)


def train(
    run: Run | str | os.PathLike[str],
    *overrides: str,
    fresh: bool = False,
    allow_imports: bool = False,
    announce: Announce = lambda folder, report: None,
) -> Result:
    """Train, or go on where an earlier process of the same run stopped.

    Args:
        run: A run file's path, or a validated run.
        overrides: Words such as ``optimizer.lr=1e-3``, for a run given by its path.
        fresh: Begin anew, beside what is there.
        allow_imports: Whether the run file may name code of the user's.
        announce: Called once with the folder and the check's report, before training begins.

    Raises:
        RunFileError: the run file is wrong; every problem is in it.
        DataError: the data is.
    """
    if rank() != 0:
        return _take_part(run, overrides, fresh, allow_imports)
    run = run if isinstance(run, Run) else load(run, overrides, allow_imports=allow_imports)
    folder = place(run, fresh=fresh)
    if folder.status == "finished":
        return Result(folder=folder, rows=folder.rows(), already_done=True)
    report = check(run)
    report.require(str(run.path))
    with folder.lock, one_run():
        assert report.sets is not None
        begin(folder, run, {name: one.fingerprint() for name, one in named(report.sets).items()})
        announce(folder, report)
        code = 0
        for repeat in range(run.repeats):
            if any(row.repeat == repeat and row.is_done for row in folder.rows()):
                continue
            if code := _one(run, repeat, folder, report.sources):
                break
        _draw(folder)
    return Result(folder=folder, rows=folder.rows(), exit_code=code)


def _one(run: Run, repeat: int, folder: RunFolder, sources: Mapping[str, Source]) -> int:
    """Train one repeat and record how it went; the exit code it asks for."""
    with _logging_to(folder.logs(repeat) / "log.txt"), _told_to_children(folder):
        try:
            outcome = _fit(run, repeat, folder, sources)
        except Exception as error:
            said = error.problems[0] if isinstance(error, RunFileError) else error
            reason = f"{type(error).__name__}: {said}".partition("\n")[0]
            folder.record(Row(repeat=repeat, seed=run.seed + repeat, status="failed", reason=reason))
            logging.getLogger("leyden").exception("repeat %d failed", repeat)
            raise
    folder.record(
        Row(
            repeat=repeat,
            seed=run.seed + repeat,
            status=outcome.status,
            steps=outcome.steps,
            epochs=outcome.epochs,
            metrics=outcome.metrics,
            best=None if outcome.best is None else vars(outcome.best),
            seconds=outcome.seconds,
            weights_sha256=outcome.weights_sha256,
            reason=outcome.reason,
        )
    )
    return outcome.exit_code


def _fit(run: Run, repeat: int, folder: RunFolder, sources: Mapping[str, Source]) -> Outcome:
    from leyden.backends.torch.fit import fit

    return fit(partial(build, run, repeat, sources), folder)


def _take_part(
    run: Run | str | os.PathLike[str], overrides: Sequence[str], fresh: bool, allow_imports: bool
) -> Result:
    """What every process but that of rank 0 does: the same fits; folder and results are rank 0's to write."""
    started = os.environ.pop(FOLDER, "")
    if started:
        folder = RunFolder(Path(started))
        run = load(folder.resolved, allow_imports=allow_imports, environ={})
    elif fresh:
        raise UserError(
            "--fresh cannot be agreed on by processes that another program starts; set folder.group instead"
        )
    else:
        run = run if isinstance(run, Run) else load(run, overrides, allow_imports=allow_imports)
        folder = place(run)
    done = {row.repeat for row in folder.rows() if row.is_done}
    sources, code = opened(run), 0
    with one_run():
        for repeat in sorted(set(range(run.repeats)) - done):
            if code := _fit(run, repeat, folder, sources).exit_code:
                break
    return Result(folder=folder, rows=(), exit_code=code)


@contextmanager
def _told_to_children(folder: RunFolder) -> Generator[None]:
    """Processes that are started meanwhile find the run in their environment."""
    os.environ[FOLDER] = str(folder.path.absolute())
    try:
        yield
    finally:
        del os.environ[FOLDER]


@contextmanager
def _logging_to(file: Path) -> Generator[None]:
    """What Leyden logs meanwhile goes into ``file``, too."""
    atomic.make(file.parent)
    handler = logging.FileHandler(file)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    logger = logging.getLogger("leyden")
    before = logger.level
    logger.setLevel(logging.INFO)
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.setLevel(before)
        logger.removeHandler(handler)
        handler.close()


def _draw(folder: RunFolder) -> None:
    """The picture of the learning curves; a picture that cannot be drawn costs no results."""
    try:
        from leyden.reports.curves import draw

        draw(folder)
    except Exception as error:
        logging.getLogger("leyden").warning("no picture of the curves: %s: %s", type(error).__name__, error)
