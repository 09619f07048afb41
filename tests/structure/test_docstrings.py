"""Every public name says what it is."""

from __future__ import annotations

import ast

import pytest

from tests.structure.source import FILES, Definition, definitions, short, tree


def is_public(name: str) -> bool:
    return not any(word.startswith("_") for word in name.split("."))


def is_stub(node: Definition) -> bool:
    """A body of `...`: the protocol's or contract's docstring speaks for it."""
    return all(
        isinstance(s, ast.Expr) and isinstance(s.value, ast.Constant) and s.value.value is ...
        for s in node.body
    )


def overrides_something(node: Definition, parents: dict[str, Definition], name: str) -> bool:
    """A method of a class with bases: the contract documents it, repeating it would only age."""
    owner = parents.get(name.rpartition(".")[0])
    return isinstance(owner, ast.ClassDef) and bool(owner.bases or owner.decorator_list)


@pytest.mark.parametrize("path", FILES, ids=short)
def test_module_has_a_docstring(path):
    if path.name == "__init__.py" and not path.read_text().strip('"\n '):
        return  # a package that lists nothing
    assert ast.get_docstring(tree(path)), f"{short(path)} does not say what it is"


@pytest.mark.parametrize("path", FILES, ids=short)
def test_public_names_have_docstrings(path):
    found = dict(definitions(path))
    functions = {name for name, node in found.items() if not isinstance(node, ast.ClassDef)}
    silent = [
        f"{short(path)}:{node.lineno} {name}"
        for name, node in found.items()
        if is_public(name)
        and name.rpartition(".")[0] not in functions  # what is defined inside a function is its own business
        and not ast.get_docstring(node)
        and not is_stub(node)
        and not overrides_something(node, found, name)
    ]
    assert silent == []
