"""What `test`, `predict` and `export` start from: a trained run, named by its folder or its run file."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from leyden.cli import run_file

if TYPE_CHECKING:
    from leyden.backends.parts import Parts
    from leyden.runs.folder import RunFolder
    from leyden.spec import Run


@dataclass(frozen=True, kw_only=True)
class Trained:
    """A run that was trained, and which of its states is meant."""

    run: Run
    folder: RunFolder
    repeat: int
    checkpoint: Path

    @property
    def shortage_report(self) -> Path:
        """Where a page is written if memory runs out, beside that of the training."""
        return self.folder.logs(self.repeat) / "oom_report.txt"

    def parts(self) -> Parts:
        """The run's live parts."""
        from leyden.main.build import build

        return build(self.run, self.repeat)


def arguments(parser: ArgumentParser) -> None:
    """Add the run, overrides, and ``--checkpoint``."""
    run_file.arguments(parser)
    parser.add_argument(
        "--checkpoint",
        default="best",
        metavar="best|last|PATH",
        help="which of the run's states to take [best]",
    )


def repeat_argument(parser: ArgumentParser) -> None:
    """Add ``--repeat``, for commands that take one of several."""
    parser.add_argument("--repeat", type=int, default=0, metavar="K", help="which repeat of the run [0]")


def trained(args: Namespace) -> Trained:
    """The run, folder and checkpoint that the command line names.

    Raises:
        RunFileError: The run file is wrong.
        UserError: There is no such run or checkpoint, or its file is damaged.
    """
    return state(args, *found(args), args.repeat)


def found(args: Namespace) -> tuple[Run, RunFolder]:
    """The run that the command line names, and its folder.

    Raises:
        RunFileError: The run file is wrong.
        UserError: It was not trained.
    """
    from leyden.runs.folder import RunFolder

    run = run_file.load_run(args)
    folder = RunFolder(args.file) if args.file.is_dir() else _folder_of(run, run_file.command("train", args))
    args.run_folder = folder.path
    return run, folder


def state(args: Namespace, run: Run, folder: RunFolder, repeat: int) -> Trained:
    """The state of a repeat that ``--checkpoint`` means.

    Raises:
        UserError: There is no such repeat or checkpoint, or its file is damaged.
    """
    from leyden.spec import UserError

    if not 0 <= repeat < int(folder.summary["repeats"]):
        raise UserError(
            f"--repeat must be one of the run's {folder.summary['repeats']}, counted from 0, but got {repeat}"
        )
    checkpoint = _checkpoint(folder, repeat, args.checkpoint)
    return Trained(run=run, folder=folder, repeat=repeat, checkpoint=checkpoint)


def repeats(folder: RunFolder) -> list[int]:
    """The repeats that have something to load; the first, where none has."""
    every = range(int(folder.summary["repeats"]))
    return [repeat for repeat in every if folder.index(repeat).entries()] or [0]


def _folder_of(run: Run, command: str) -> RunFolder:
    from leyden.runs.place import place
    from leyden.spec import UserError

    folder = place(run)
    if not folder.exists:
        raise UserError(
            f"{run.path} was not trained with these settings: there is no {folder.path}. "
            f"`leyden ls` lists what was trained; this trains it:\n  {command}"
        )
    return folder


def _checkpoint(folder: RunFolder, repeat: int, wanted: str) -> Path:
    """The file of a checkpoint by its word, its name in the folder, or its path."""
    from leyden.spec import UserError

    index = folder.index(repeat)
    if wanted not in ("best", "last"):
        for path in (Path(wanted), folder.checkpoints(repeat) / wanted):
            if path.is_file():
                return path
        names = ", ".join(entry.file for entry in index.entries())
        raise UserError(f"there is no checkpoint {wanted}; the run has {names or 'none'}")
    entry = index.best() if wanted == "best" else index.newest_good().entry
    if entry is None and index.entries():
        raise UserError(
            f"no checkpoint of repeat {repeat} in {folder.path} is the best: {index.retention.monitor} was "
            "measured at none. `--checkpoint last` takes the newest."
        )
    if entry is None:
        raise UserError(f"{folder.path} has no checkpoint of repeat {repeat} yet; the run is {folder.status}")
    if problem := index.problem(entry):
        raise UserError(
            f"{index.path(entry)} is damaged: {problem}. `--checkpoint last` takes the newest that is intact."
        )
    return index.path(entry)
