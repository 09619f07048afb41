"""leyden show: The resolved run file: every value, and where it came from.

What is printed is itself a run file, the one that `leyden train` writes into
the run folder as resolved.yaml. Later origins win: default, `extends`, the
file, .env, environment (LEYDEN__OPTIMIZER__LR), command line.

Examples:
  leyden show run.yaml
  leyden show run.yaml optimizer.lr=1e-3     as an override changes it
  leyden show run.yaml --json | jq .optimizer
"""

from __future__ import annotations

import json
from argparse import ArgumentParser, Namespace
from collections.abc import Mapping

from leyden.cli import run_file, terminal
from leyden.spec.yaml_lines import Line, yaml_lines

#: longer lines get their remark after two spaces, not in the column
REMARK_COLUMN = 60


def arguments(parser: ArgumentParser) -> None:
    """Words and options of the command."""
    run_file.arguments(parser)
    parser.add_argument("--json", action="store_true", help="print JSON, without origins")


def run(args: Namespace) -> int:
    """Print the resolved run."""
    resolved = run_file.load_run(args)
    if args.json:
        print(json.dumps(resolved.tree(), indent=2, ensure_ascii=False))
        return 0
    lines = list(yaml_lines(resolved.tree()))
    column = min(REMARK_COLUMN, max(len(text) for text, _ in lines) + 2)
    for line in lines:
        print(remarked(line, resolved.origins, column))
    return 0


def remarked(line: Line, origins: Mapping[str, str], column: int) -> str:
    """A line with where its value came from, as a comment in ``column``."""
    text, path = line
    if not path:
        return text
    gap = " " * max(2, column - len(text))
    return f"{text}{gap}{terminal.dim(f'# {origin(path, origins)}')}"


def origin(path: str, origins: Mapping[str, str]) -> str:
    """Where the value at ``path`` came from; a list in one line may come from several places."""
    places = [place for key, place in origins.items() if key == path or key.startswith(f"{path}.")]
    return ", ".join(dict.fromkeys(places))
