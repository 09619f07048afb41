"""leyden parts: The catalogue of everything a run file can name, with its settings.

Examples:
  leyden parts                      every kind, with the names of its parts
  leyden parts loss                 the losses, a line each
  leyden parts loss focal           one of them: settings, defaults, an example
"""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Iterable
from typing import TYPE_CHECKING

from leyden.cli import terminal
from leyden.cli.parser import guess

if TYPE_CHECKING:
    from leyden.spec.catalogue import PartDescription, SettingDescription
    from leyden.spec.parts import Kind


def arguments(parser: ArgumentParser) -> None:
    """Words and options of the command."""
    parser.add_argument("kind", metavar="KIND", nargs="?", help="e.g. loss, metric, model, source")
    parser.add_argument("name", metavar="NAME", nargs="?", help="e.g. focal")


def run(args: Namespace) -> int:
    """Print what was asked for."""
    from leyden.spec.parts import ROOMS, kind_named

    if args.kind is None:
        terminal.table(["kind", "parts"], [[kind, ", ".join(kind_named(kind).names())] for kind in ROOMS])
        print("\n`leyden parts KIND` says what each is.")
        return 0
    kind = kind_named(known(args.kind, ROOMS, "kind of parts"))
    if args.name is None:
        tell_kind(kind)
    else:
        tell_part(kind, known(args.name, kind.names(), kind.name))
    return 0


def known(word: str, words: Iterable[str], what: str) -> str:
    """``word`` if it is one of ``words``.

    Raises:
        UserError: It is not; with the nearest that is.
    """
    from leyden.spec.errors import UserError

    words = list(words)
    if word not in words:
        raise UserError(f"there is no {what} `{word}`.{guess(word, words)} There are {', '.join(words)}.")
    return word


def tell_kind(kind: Kind) -> None:
    """Every part of a kind in a line."""
    from leyden.spec.catalogue import catalogue

    terminal.table([kind.name, "what it is"], [[part.name, prose(part.summary)] for part in catalogue(kind)])
    print(f"\n`leyden parts {kind.name} NAME` shows settings and an example.")


def tell_part(kind: Kind, name: str) -> None:
    """All about one part."""
    from leyden.spec.catalogue import describe

    part = kind.find(name)
    assert part is not None
    about = describe(part)
    print(f"{terminal.bold(f'{about.kind} {about.name}')}: {prose(about.summary)}\n")
    if about.settings:
        terminal.table(["setting", "takes", "default", "what it does"], [row(one) for one in about.settings])
    else:
        print("There is nothing to set.")
    if about.example:
        print("\nExample:\n" + "\n".join(f"  {line}" for line in about.example.splitlines()))
    for line in remarks(about):
        print(f"\n{line}")


def row(setting: SettingDescription) -> list[str]:
    """A setting's cells."""
    from leyden.spec.yaml_lines import flow

    default = "required" if setting.required else flow(setting.default)
    takes = setting.type.replace(" such as `500 steps`", "")
    return [setting.name, takes, default, prose(setting.doc)]


def prose(text: str) -> str:
    """Documentation as people read it: code in single quotation marks."""
    return text.replace("``", "`")


def remarks(about: PartDescription) -> list[str]:
    """Where the part works, and what it still needs."""
    said = [f"Runs on {' and '.join(about.runs_on)}."]
    if not about.installed:
        said.append(f'Needs {", ".join(about.requires)}: pip install "leyden[{about.extra}]"')
    return said
