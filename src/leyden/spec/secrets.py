"""Secrets come from the environment only; one that stands in a run file is refused and never repeated."""

from __future__ import annotations

import re
from dataclasses import replace

from .document import Document, Path, dotted, paths
from .errors import Problem
from .remarks import remarked

#: words whose values are secrets whatever they look like
WORDS = r"password|passwd|passphrase|secret|api[_ -]?key|(?:access|secret|private|auth)[_ -]?key|credentials"
#: words whose values are secrets if they look random
TOKENS = r"key|token|auth"
KEY, TOKEN_KEY = (re.compile(rf"(?i)(^|_)({words})$") for words in (WORDS, TOKENS))
#: what the keys of well-known services look like, private keys, and addresses with a password
SECRET = re.compile(
    r"\b(?:sk-[\w-]*?[A-Za-z0-9]{16,}[\w-]*|gh[pousr]_[A-Za-z0-9]{20,}|github_pat_\w{20,}|glpat-[\w-]{16,}"
    r"|hf_[A-Za-z0-9]{20,}|A[KS]IA[0-9A-Z]{16}|xox[abprs]-[\w-]{10,}|AIza[\w-]{30,}|ya29\.[\w-]{20,}"
    r"|eyJ[\w-]{10,}\.[\w-]{10,}\.[\w-]*)"
    r"|-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(?:-----END|\Z)|(?<=://)[^/\s:@]+:[^/\s:@]+(?=@)"
)
#: what a remark says of such words: `password: x`, `key=x`, `the token is x`
TOLD = re.compile(
    rf"""(?i)((?:(?P<word>{WORDS})|(?<![a-z])(?:{TOKENS}))["']?[ \t]*(?:[:=]|\bis\b)[ \t]*)"""
    r"""(?P<told>"[^"\n]*"|'[^'\n]*'|\S+)"""
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


def masked(text: str, suffix: str) -> str:
    """A run file's text without what its remarks tell of secrets; its values hold none, and stay as they are.

    Args:
        text: All of it.
        suffix: The file's ending, which says what is a remark.
    """
    return remarked(text, suffix, lambda remark: SECRET.sub(HIDDEN, TOLD.sub(_masked, remark)))


def _masked(told: re.Match[str]) -> str:
    secret = told["word"] or _is_random(told["told"].strip("\"',;)}]"))
    return told[1] + HIDDEN if secret else told[0]


def _is_secret(path: Path, value: object) -> bool:
    if not isinstance(value, str) or not value:
        return False
    key = str(path[-1])
    return bool(KEY.search(key) or SECRET.search(value) or (TOKEN_KEY.search(key) and _is_random(value)))


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
