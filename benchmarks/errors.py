"""How long until a typing error is told, beside LightningCLI; how often the right spelling is suggested.

.venv/bin/python benchmarks/errors.py
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from interleave import Goal, finish, in_turns, table

ROOT = Path(__file__).resolve().parents[1]
RECIPE = ROOT / "recipes" / "digits" / "run.yaml"
LEYDEN = Path(sys.executable).with_name("leyden")
SLIP = "max_epcohs"
MISSPELLINGS = 1500

#: the least that LightningCLI can be given: a model of one layer
THEIR_PROGRAM = """\
import torch
from lightning.pytorch import LightningModule
from lightning.pytorch.cli import LightningCLI


class Small(LightningModule):
    def __init__(self, width: int = 8) -> None:
        super().__init__()
        self.layer = torch.nn.Linear(width, 10)

    def training_step(self, batch, index):
        return self.layer(batch).sum()

    def configure_optimizers(self):
        return torch.optim.Adam(self.parameters())


if __name__ == "__main__":
    LightningCLI(Small)
"""


def refused(command: Sequence[str | Path]) -> subprocess.CompletedProcess[str]:
    """A command that has to refuse its file; its last words are the message."""
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True)
    assert done.returncode == 2 and SLIP in done.stderr, f"{command} did not refuse:\n{done.stderr}"
    return done


def time_to_error(folder: Path) -> tuple[dict[str, float], dict[str, str]]:
    """Least seconds from the start of the process to its end, and the last line of what it said."""
    ours, theirs, program = folder / "run.yaml", folder / "theirs.yaml", folder / "theirs.py"
    ours.write_text(RECIPE.read_text().replace("max_epochs", SLIP))
    theirs.write_text(f"trainer:\n  {SLIP}: 20\n")
    program.write_text(THEIR_PROGRAM)
    commands: dict[str, list[str | Path]] = {
        "leyden check": [LEYDEN, "check", ours],
        "leyden train": [LEYDEN, "train", ours],
        "LightningCLI fit": [sys.executable, program, "fit", "--config", theirs],
    }
    work: dict[str, Callable[[], object]] = {name: (lambda c=c: refused(c)) for name, c in commands.items()}
    said = {name: refused(c).stderr.strip().splitlines()[-1].strip() for name, c in commands.items()}
    return in_turns(work, rounds=3), said


def suggestions() -> tuple[int, int]:
    """How many misspellings get the right suggestion at the right line, and how many there are."""
    sys.path.insert(0, str(ROOT))
    from leyden.spec import RunFileError
    from tests.spec.mutations import misspellings, outcome

    hits, corpus = 0, misspellings(seed=2026, count=MISSPELLINGS)
    for mutation in corpus:
        error = outcome(mutation.text)
        assert isinstance(error, RunFileError)
        hits += mutation.right in {p.nearest for p in error.problems if p.place.line == mutation.line}
    return hits, len(corpus)


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        took, said = time_to_error(Path(folder))
    lightning = took["LightningCLI fit"]
    print(table(["command", "seconds", "of LightningCLI"], [[n, t, t / lightning] for n, t in took.items()]))
    print()
    for name, line in said.items():
        print(f"{name} says: {line.replace(f'{folder}/', '')}")
    hits, count = suggestions()
    print(f"\n{hits} of {count} misspellings get the right suggestion at the right line\n")
    finish(
        "errors",
        [
            Goal(
                what="leyden check / LightningCLI, time to error",
                value=took["leyden check"] / lightning,
                at_most=0.1,
            ),
            Goal(what="right suggestions, share of misspellings", value=hits / count, at_least=0.98),
        ],
    )


if __name__ == "__main__":
    main()
