"""leyden new: A tested recipe, copied into a folder: run file, data, explanation.

Each recipe trains something real and is meant to be changed. The JSON Schema
is put beside the run file, so that an editor completes and checks it from the
first line on.

Examples:
  leyden new                     the recipes there are
  leyden new digits              into the folder digits
  leyden new table my_table      into another one
"""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from pathlib import Path

from leyden.cli import output, recipes, terminal
from leyden.cli.parser import guess
from leyden.cli.schema import schema_text


def arguments(parser: ArgumentParser) -> None:
    """Words and options of the command."""
    parser.add_argument("recipe", metavar="RECIPE", nargs="?", help="which; without it they are listed")
    parser.add_argument(
        "folder", metavar="FOLDER", nargs="?", type=Path, help="a new or empty folder [RECIPE]"
    )


def run(args: Namespace) -> int:
    """List the recipes, or copy one."""
    known = recipes.recipes()
    if args.recipe is None:
        terminal.table(["recipe", "what it trains"], [[name, recipes.summary(known[name])] for name in known])
        print("\n`leyden new RECIPE` copies one.")
        return 0
    if args.recipe not in known:
        from leyden.spec.errors import UserError

        raise UserError(
            f"there is no recipe `{args.recipe}`.{guess(args.recipe, known)} There are {', '.join(known)}."
        )
    folder = args.folder or Path(args.recipe)
    output.ready(folder / "run.yaml", "FOLDER")
    recipes.copy(known[args.recipe], folder)
    (folder / "leyden.schema.json").write_text(schema_text())
    recipes.prepare(folder)
    print(told(folder))
    return 0


def told(folder: Path) -> str:
    """What is there now and what to do with it."""
    return f"""\
{folder}: ready. run.yaml says what is trained, README.md what to look at and what to change.

Next:
  cd {folder}
  leyden check run.yaml     finds mistakes in a fraction of a second
  leyden train run.yaml     trains"""
