"""The remarks of a run file: how they begin in its language, and where they are in its text."""

from __future__ import annotations

import re
from collections.abc import Callable

#: ending of a file -> what begins its remarks; JSON has none, and what is no language of its own is YAML
SIGNS = {".json": "", ".cue": "//"}

#: a text in quotes, in which nothing begins a remark; of one line, lest an open apostrophe hides what follows
QUOTED = r'"{3}[\s\S]*?"{3}|\'{3}[\s\S]*?\'{3}|(?<!\w)(?:"(?:\\.|[^"\\\n])*"|\'[^\'\n]*\')'


def sign(suffix: str) -> str:
    """What begins a remark in files with this ending; empty where there are none."""
    return SIGNS.get(suffix, "#")


def remarked(text: str, suffix: str, change: Callable[[str], str]) -> str:
    """A file's text with every remark changed, and nothing else.

    Args:
        text: All of it.
        suffix: The file's ending.
        change: Gets a remark with its sign, and with the lines below it that are remarks alone.
    """
    begins = re.escape(sign(suffix))
    if not begins:
        return text
    # in YAML `a#b` is one word
    first = begins if suffix in (".toml", ".cue") else rf"(?<!\S){begins}"
    parts = re.compile(rf"{QUOTED}|(?P<remark>{first}.*(?:\n[ \t]*{begins}.*)*)")
    return parts.sub(lambda found: change(found[0]) if found["remark"] else found[0], text)
