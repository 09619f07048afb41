"""Secrets come from the environment only; one that stands in a run file is refused and never repeated."""

from __future__ import annotations

import re
from dataclasses import replace

from .document import Document, Path, dotted, paths
from .errors import Problem

#: keys whose values are secrets whatever they look like
KEYS = re.compile(
    r"(?i)(^|_)(password|passwd|passphrase|secret|api_?key|(access|secret|private|auth)_?key|credentials)$"
)
#: keys whose values are secrets if they look random
TOKENS = re.compile(r"(?i)(^|_)(key|token|auth)$")
#: what the keys of well-known services look like
SERVICES = (
    r"sk-[\w-]{16,}|gh[pousr]_\w{20,}|github_pat_\w{20,}|glpat-[\w-]{16,}|hf_\w{20,}|AKIA[0-9A-Z]{16}"
    r"|ASIA[0-9A-Z]{16}|xox[abprs]-[\w-]{10,}|AIza[\w-]{30,}|ya29\.[\w-]{20,}"
    r"|eyJ[\w-]{10,}\.[\w-]{10,}\.[\w-]*"
)
VALUES = re.compile(rf"^({SERVICES}|-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*|\w+://[^/\s:@]+:[^/\s:@]+@.*)$")
#: the same in the middle of a text
IN_TEXT = re.compile(
    rf"\b(?:{SERVICES})|-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(?:-----END|\Z)"
    r"|(?<=://)[^/\s:@]+:[^/\s:@]+(?=@)"
)
#: what a text says of words that are `KEYS`
TOLD = re.compile(
    r"(?i)((?:password|passwd|passphrase|secret|api_?key|(?:access|private|auth)_?key|credentials)\s*[:=]\s*)\S+"
)
HIDDEN = "***"


def secrets(document: Document) -> list[tuple[Path, Problem]]:
    """The problems of values that look like secrets."""
    found = [path for path in paths(document.tree) if path and _is_secret(path, document.get(path))]
    return [(path, _problem(path, document)) for path in found]


def hidden(problems: list[tuple[Path, Problem]], secret: set[Path]) -> list[tuple[Path, Problem]]:
    """The problems without those of secret values, which have one; values that hold a secret are masked."""
    return [
        (path, replace(p, value=HIDDEN) if any(s[: len(path)] == path for s in secret) else p)
        for path, p in problems
        if path not in secret
    ]


def masked(text: str) -> str:
    """A run file's text without what its remarks and longer texts hold of secrets; its values hold none."""
    return IN_TEXT.sub(HIDDEN, TOLD.sub(rf"\1{HIDDEN}", text))


def _is_secret(path: Path, value: object) -> bool:
    if not isinstance(value, str) or not value:
        return False
    key = str(path[-1])
    return bool(KEYS.search(key) or VALUES.match(value) or (TOKENS.search(key) and _is_random(value)))


def _is_random(value: str) -> bool:
    """Long, without spaces, letters and digits mixed."""
    return (
        len(value) >= 20
        and not re.search(r"[\s/.]", value)
        and bool(re.search(r"\d.*[a-zA-Z]|[a-zA-Z].*\d", value))
    )


def _problem(path: Path, document: Document) -> Problem:
    return Problem(
        place=document.place(path),
        key=dotted(path),
        rule="this looks like a secret, and a run file is copied into every run folder",
        value=HIDDEN,
        hint="remove it, take the secret back, and set a new one in the environment variable of its service",
    )
