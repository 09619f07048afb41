"""A page of documentation as what can be run: its fenced blocks, in order."""

from __future__ import annotations

import doctest
import re
from dataclasses import dataclass
from pathlib import Path

FENCE = re.compile(
    r"^```(?P<language>\w+)(?:[ ]+file=(?P<file>\S+))?[ ]*\n(?P<text>.*?)^```[ ]*$",
    re.DOTALL | re.MULTILINE,
)


@dataclass(frozen=True, kw_only=True)
class Block:
    """One fenced block: ```` ```python file=tweedie.py ```` has a language and is the content of a file."""

    page: str
    line: int
    language: str
    file: str | None
    text: str

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


def blocks(path: Path) -> list[Block]:
    """Every fenced block of a page but the nodes of the catalogue, which `tests/contract` validates."""
    text = path.read_text()
    return [
        Block(
            page=path.name,
            line=text.count("\n", 0, found.start()) + 1,
            language=found["language"],
            file=found["file"],
            text=found["text"],
        )
        for found in FENCE.finditer(text)
    ]


@dataclass(frozen=True, kw_only=True)
class Command:
    """A line after ``$`` in a console block, and what the page says it prints (``...`` is anything)."""

    words: str
    output: str
    exit_code: int


def commands(block: Block) -> list[Command]:
    """The commands of a console block. A last line ``[exit code 2]`` says that this is how it ends."""
    found: list[Command] = []
    for part in re.split(r"^\$ ", block.text, flags=re.MULTILINE)[1:]:
        words, _, output = part.partition("\n")
        ended = re.search(r"^\[exit code (\d+)\]\n?", output, re.MULTILINE)
        if ended:
            output = output[: ended.start()]
        found.append(Command(words=words, output=output.strip(), exit_code=int(ended[1]) if ended else 0))
    return found


def matches(said: str, printed: str) -> bool:
    """Whether what was printed is what the page says; ``...`` is anything, blanks are line ends."""
    rules = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    return doctest.OutputChecker().check_output(said, printed, rules)
