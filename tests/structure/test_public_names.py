"""A name is public only if the list says so, and the list can be read."""

from __future__ import annotations

import ast

import leyden
from tests.structure.source import PACKAGE, tree


def test_the_list_is_sorted():
    assert list(leyden.__all__) == sorted(leyden.__all__, key=str.casefold)


def test_every_name_in_the_list_exists():
    for name in leyden.__all__:
        assert getattr(leyden, name) is not None


def test_every_name_the_package_file_brings_in_is_in_the_list():
    brought = {
        alias.asname or alias.name
        for statement in ast.walk(tree(PACKAGE / "__init__.py"))
        if isinstance(statement, ast.ImportFrom) and statement.module not in {"__future__", "typing"}
        for alias in statement.names
    }
    assert {name for name in brought if not name.startswith("_")} <= set(leyden.__all__)


def test_the_names_of_the_design_are_there():
    assert {"load", "build", "train", "read_scalars"} <= set(leyden.__all__)
