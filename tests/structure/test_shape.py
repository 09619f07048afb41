"""The shape that the code promises to keep: small files, small classes, small functions, honest names."""

from __future__ import annotations

import ast

import pytest

from tests.structure.source import FILES, PACKAGE, definitions, lines, short, statements, tree

LONGEST_FILE = 400
LONGEST_CLASS = 300
LONGEST_FUNCTION = 60
MOST_PARAMETERS = 12
EMPTY_NAMES = {"utils", "util", "helpers", "helper", "common", "misc"}


def too_much(measured: list[tuple[str, int]], most: int) -> list[str]:
    """The names over the bound with their numbers, largest first."""
    over = sorted((item for item in measured if item[1] > most), key=lambda item: -item[1])
    return [f"{name}: {number}, at most {most}" for name, number in over]


def test_no_file_is_over_400_lines():
    measured = [(short(path), len(path.read_text().splitlines())) for path in FILES]
    assert too_much(measured, LONGEST_FILE) == []


def test_no_class_is_over_300_lines():
    measured = [
        (f"{short(path)} {name}", lines(node))
        for path in FILES
        for name, node in definitions(path)
        if isinstance(node, ast.ClassDef)
    ]
    assert too_much(measured, LONGEST_CLASS) == []


def test_no_function_is_over_60_lines():
    measured = [
        (f"{short(path)} {name}", statements(node))
        for path in FILES
        for name, node in definitions(path)
        if not isinstance(node, ast.ClassDef)
    ]
    assert too_much(measured, LONGEST_FUNCTION) == []


def test_no_constructor_has_over_12_parameters():
    # A frozen dataclass or pydantic section lists fields; its parameters are a table, not an order.
    measured: list[tuple[str, int]] = []
    for path in FILES:
        for name, node in definitions(path):
            if not isinstance(node, ast.ClassDef) and node.name == "__init__":
                given = node.args
                count = len(given.posonlyargs) + len(given.args) + len(given.kwonlyargs) - 1  # without self
                measured.append((f"{short(path)} {name}", count))
    assert too_much(measured, MOST_PARAMETERS) == []


def test_no_module_has_an_empty_name():
    empty = {path for path in PACKAGE.rglob("*") if path.stem.strip("_") in EMPTY_NAMES}
    assert sorted(map(short, empty)) == []


@pytest.mark.parametrize("path", [p for p in FILES if p.name == "__init__.py"], ids=short)
def test_package_files_only_list_names(path):
    for statement in tree(path).body:
        docstring = isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
        listing = isinstance(statement, ast.ImportFrom | ast.Assign | ast.AnnAssign)
        checking = isinstance(statement, ast.If) and ast.unparse(statement.test) == "TYPE_CHECKING"
        # PEP 562: names that are looked up on demand, so that importing the package stays cheap
        lazy = isinstance(statement, ast.FunctionDef) and statement.name in {"__getattr__", "__dir__"}
        assert docstring or listing or checking or lazy, (
            f"{short(path)}:{statement.lineno} does more than list names"
        )
