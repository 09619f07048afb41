"""leyden schema: The JSON Schema of run files, for editors that complete and check.

With the schema beside a run file, one comment in the run file's first line is
enough:

  # yaml-language-server: $schema=leyden.schema.json

VS Code understands it with the extension "YAML" (redhat.vscode-yaml), PyCharm
after choosing the file under Settings, JSON Schema Mappings. Plug-ins
installed in this environment are part of the schema.

Examples:
  leyden schema                            to standard output
  leyden schema -o leyden.schema.json      to a file
"""

from __future__ import annotations

import json
from argparse import ArgumentParser, Namespace
from pathlib import Path

from leyden.cli import output


def arguments(parser: ArgumentParser) -> None:
    """Words and options of the command."""
    parser.add_argument(
        "-o", "--output", type=Path, metavar="FILE", help="write to FILE instead of standard output"
    )


def run(args: Namespace) -> int:
    """Write the schema."""
    text = schema_text()
    if args.output is None:
        print(text, end="")
    else:
        output.ready(args.output, "--output")
        with output.replacing(args.output) as file:
            file.write_text(text)
        print(f"{args.output}: the schema of run files. Name it in a run file's first line:")
        print(f"# yaml-language-server: $schema={args.output}")
    return 0


def schema_text() -> str:
    """The schema as it is written to files."""
    from leyden.spec import json_schema

    return json.dumps(json_schema(), indent=1, ensure_ascii=False) + "\n"
