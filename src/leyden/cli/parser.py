"""Reading command lines: argparse, with errors that say what to type instead."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Sequence
from functools import partial
from itertools import takewhile
from typing import Any, NoReturn


def guess(word: str, known: Iterable[str]) -> str:
    """`` Did you mean `train`?`` with the known word nearest to ``word``; empty if none is near."""
    from leyden.spec.nearest import nearest

    close = nearest(word, known)
    return f" Did you mean `{close}`?" if close else ""


class Parser(argparse.ArgumentParser):
    """The parser of one command. ``docstring`` is the command file's, and becomes the help text.

    Options and words may come in any order; abbreviated options are refused, so that a later option cannot
    change what an old command line means.
    """

    def __init__(self, command: str, docstring: str) -> None:
        description, _, examples = docstring.partition("\nExamples:\n")
        super().__init__(
            prog=f"leyden {command}",
            description=description.strip().partition(": ")[2],
            epilog=f"examples:\n{examples.rstrip()}" if examples else None,
            formatter_class=partial(argparse.RawDescriptionHelpFormatter, max_help_position=26),
            allow_abbrev=False,
        )
        self._positionals.title = "words"
        self.set_defaults(
            run_folder=None
        )  # where a command that writes one says so, for the traceback's file

    def read(self, words: Sequence[str]) -> argparse.Namespace:
        """The parsed words; what is wrong with them is one message on stderr and exit code 2."""
        self.add_argument("--traceback", action="store_true", help="show an error's Python traceback")
        self.usage = " ".join(["%(prog)s", *map(_usage, self._get_positional_actions()), "[options]"])
        # first, or argparse complains of what was left out where it is only misspelt
        for word in takewhile(lambda word: word != "--", words):
            if word.startswith("--") and word.partition("=")[0] not in self._options():
                self.error(self._unknown(word))
        args, rest = self.parse_known_intermixed_args(words)
        if rest:
            self.error(self._unknown(rest[0]))
        return args

    def error(self, message: str) -> NoReturn:
        print(f"{self.prog}: {message}", file=sys.stderr)
        print(f"`{self.prog} --help` shows what it takes.", file=sys.stderr)
        raise SystemExit(2)

    def _unknown(self, word: str) -> str:
        if word.startswith("-"):
            option = word.partition("=")[0]
            return f"there is no option `{option}`.{guess(option, self._options())}"
        return f"one word too many: `{word}`."

    def _options(self) -> list[str]:
        return [option for action in self._actions for option in action.option_strings if len(option) > 2]

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        if action.choices is not None and value not in action.choices:
            known = [str(choice) for choice in action.choices]
            raise argparse.ArgumentError(
                action, f"unknown `{value}`, one of {', '.join(known)}.{guess(str(value), known)}"
            )


def _usage(word: argparse.Action) -> str:
    """A word in the usage line; in brackets where it may be left out."""
    return {"?": f"[{word.metavar}]", "*": f"[{word.metavar} ...]"}.get(str(word.nargs), str(word.metavar))
