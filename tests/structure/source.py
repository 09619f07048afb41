"""The source of Leyden as syntax trees, so that rules about its shape hold without importing it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "src" / "leyden"
FILES = sorted(PACKAGE.rglob("*.py"))

Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


@cache
def tree(path: Path) -> ast.Module:
    """The syntax tree of one file."""
    return ast.parse(path.read_text(), filename=str(path))


def short(path: Path) -> str:
    """The path as a reader of the repository would write it."""
    return path.relative_to(ROOT).as_posix()


def lines(node: Definition) -> int:
    """How many lines a definition spans, decorators apart."""
    assert node.end_lineno is not None
    return node.end_lineno - node.lineno + 1


def statements(node: Definition) -> int:
    """Lines of a definition without its docstring, which may be as long as it is useful."""
    first = node.body[0]
    documented = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant)
    assert first.end_lineno is not None
    return lines(node) - (first.end_lineno - first.lineno + 1 if documented else 0)


def definitions(path: Path) -> Iterator[tuple[str, Definition]]:
    """Every function and class of a file with its dotted name, in order."""
    yield from _inside(tree(path), "")


def _inside(node: ast.AST, prefix: str) -> Iterator[tuple[str, Definition]]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, Definition):
            yield prefix + child.name, child
            yield from _inside(child, f"{prefix}{child.name}.")
        elif not isinstance(child, ast.expr):
            yield from _inside(child, prefix)


def module_level(path: Path) -> Iterator[ast.stmt]:
    """Statements that run on import: not those in functions, nor those for type checkers only."""
    yield from _running(tree(path).body)


def _running(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    for statement in body:
        if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        if isinstance(statement, ast.If) and "TYPE_CHECKING" in ast.unparse(statement.test):
            yield from _running(statement.orelse)
            continue
        yield statement
        for name in ("body", "orelse", "finalbody"):
            yield from _running(getattr(statement, name, []))
        for handler in getattr(statement, "handlers", []):
            yield from _running(handler.body)


def imported(statement: ast.stmt) -> list[str]:
    """Modules that a statement imports, as written; nothing where it is no import."""
    if isinstance(statement, ast.Import):
        return [alias.name for alias in statement.names]
    if isinstance(statement, ast.ImportFrom) and statement.module and not statement.level:
        return [statement.module]
    return []
