"""How long until `leyden --help` and `leyden check` answer, beside importing what a run stands on.

.venv/bin/python benchmarks/startup.py
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from interleave import Goal, finish, in_turns, table

RECIPE = Path(__file__).resolve().parents[1] / "recipes" / "digits" / "run.yaml"
LEYDEN = Path(sys.executable).with_name("leyden")


def process(*words: str | Path) -> Callable[[], object]:
    """Work that starts a process and waits for it; a process that fails is no measurement."""
    return lambda: subprocess.run(list(map(str, words)), check=True, capture_output=True)


def main() -> None:
    took = in_turns(
        {
            "python -c pass": process(sys.executable, "-c", "pass"),
            "leyden --help": process(LEYDEN, "--help"),
            "leyden check recipes/digits/run.yaml": process(LEYDEN, "check", RECIPE),
            "python -c 'import torch'": process(sys.executable, "-c", "import torch"),
            "python -c 'import lightning'": process(sys.executable, "-c", "import lightning"),
        }
    )
    torch = took["python -c 'import torch'"]
    print(
        table(["command", "seconds", "of import torch"], [[name, t, t / torch] for name, t in took.items()])
    )
    finish(
        "startup",
        [
            Goal(what=f"{command} / import torch", value=took[command] / torch, at_most=0.5)
            for command in ("leyden --help", "leyden check recipes/digits/run.yaml")
        ],
    )


if __name__ == "__main__":
    main()
