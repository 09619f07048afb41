"""The `leyden` command: finds the command's file, runs it, and turns what happened into an exit code.

Nothing heavy is imported on the way to a command: `leyden --help` answers before a person notices.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path

from leyden.cli.commands import COMMANDS, GROUPS, TABLE
from leyden.cli.outlet import outliving_readers

INTRODUCTION = """\
usage: leyden COMMAND ...

Trains models from run files: one validated file in, one trained model out.
"""

START = """\
Start here:
  leyden new                   the recipes there are
  leyden new digits            copies one, with its data
  leyden train digits/run.yaml

`leyden COMMAND --help` says what a command takes, with examples."""


def main(words: Sequence[str] | None = None) -> int:
    """Run one command line and return its exit code.

    0 done · 2 the command line, run file or data is wrong · 75 preempted, the same command goes on ·
    130 interrupted · 1 anything else.
    """
    with outliving_readers():
        return run(list(sys.argv[1:] if words is None else words) or ["--help"])


def run(words: Sequence[str]) -> int:
    """Run the command that the first word names."""
    command, *rest = words
    if command == "help":
        command, rest = (rest[0], ["--help"]) if rest else ("--help", [])
    if command in ("-h", "--help"):
        print(overview())
        return 0
    if command in ("-V", "--version"):
        from importlib.metadata import version

        print(f"leyden {version('leyden')}")
        return 0
    if command not in COMMANDS:
        print(unknown(command), file=sys.stderr)
        return 2
    return group(command, rest) if command in GROUPS else start(command, rest)


def group(name: str, words: Sequence[str]) -> int:
    """Run one command of a group, such as `leyden soen show`."""
    table = GROUPS[name]
    command, *rest = list(words) or ["--help"]
    if command in ("-h", "--help"):
        width = max(map(len, table)) + 3
        lines = [f"  {one:{width}}{line}" for one, line in table.items()]
        print("\n".join([f"usage: leyden {name} COMMAND ...\n", *lines]))
        return 0
    if command not in table:
        print(unknown(command, table, f"leyden {name}"), file=sys.stderr)
        return 2
    return start(f"{name} {command}", rest)


def start(name: str, words: Sequence[str]) -> int:
    """Read ``words`` with the command's own parser and run it, with every error turned into a message."""
    import logging

    from leyden.cli.outcome import guarded
    from leyden.cli.parser import Parser

    # what is logged goes into a run's log.txt; whoever types commands is told by warnings
    logging.getLogger("leyden").addHandler(logging.NullHandler())

    command = import_module("leyden.cli." + name.replace(" ", ".").replace("-", "_"))
    parser = Parser(name, command.__doc__ or "")
    command.arguments(parser)
    try:
        args = parser.read(words)
    except SystemExit as end:  # argparse's way out: after `--help`, or after its message
        return int(end.code or 0)
    return guarded(command.run, args)


def overview() -> str:
    """What `leyden --help` prints."""
    width = max(map(len, COMMANDS)) + 3
    groups = [
        f"{heading}:\n" + "\n".join(f"  {name:{width}}{line}" for name, line in group.items())
        for heading, group in TABLE.items()
    ]
    return "\n\n".join([INTRODUCTION.rstrip(), *groups, START])


def unknown(word: str, known: Mapping[str, str] = COMMANDS, program: str = "leyden") -> str:
    """The message for a first word that is no command."""
    from leyden.cli.parser import guess

    if known is COMMANDS and Path(word).exists():
        return f"leyden: `{word}` is a file, not a command. To train it: `leyden train {word}`."
    return f"{program}: there is no command `{word}`.{guess(word, known)} `{program} --help` lists them."
