"""Registration: what is refused, what is found without being imported."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

from leyden.spec.parts import Kind, kind_named
from leyden.spec.signature import argument_docs, section, signature_of, summary
from tests.spec.gadgets import GADGET, Bolt, Engine


def test_positional_or_keyword_parameters_are_refused():
    with pytest.raises(TypeError, match="right of `\\*`"):

        @GADGET("loose")
        def loose(size: int) -> None: ...


def test_parameters_without_annotation_are_refused():
    with pytest.raises(TypeError, match="'size' must be annotated"):

        @GADGET("untyped")
        def untyped(*, size=3) -> None: ...


@pytest.mark.parametrize("kind", ["*args", "**kwargs"])
def test_open_ended_parameters_are_refused(kind: str):
    names: dict[str, Any] = {}
    exec(f"def open_ended({kind}: int) -> None: ...", names)
    with pytest.raises(TypeError, match="must be left of"):
        GADGET("open_ended")(names["open_ended"])


def test_reserved_keys_are_refused():
    with pytest.raises(TypeError, match="'weight' is reserved in every loss's node"):

        @kind_named("loss")("weighty")
        def weighty(*, weight: float = 1.0) -> None: ...


def test_a_name_is_registered_once():
    with pytest.raises(ValueError, match="gadget 'bolt' is registered already"):

        @GADGET("bolt")
        def other() -> None: ...


def test_what_was_refused_is_not_registered():
    assert not {"loose", "untyped", "open_ended"} & set(GADGET.names())


def test_names_are_listed_without_importing_a_part():
    code = (
        "import sys; from leyden.spec.parts import ROOMS, kind_named\n"
        "for kind in ROOMS:\n"
        "    names = kind_named(kind).names()\n"
        "    assert names, f'no parts of kind {kind}'\n"
        "    assert not [n for n in names if f'{ROOMS[kind]}.{n}' in sys.modules], kind\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_a_part_is_imported_when_it_is_found():
    loss = kind_named("loss")
    part = loss.find("mse")
    assert part is not None
    assert part.target.__module__ == "leyden.losses.mse"
    assert loss.find("no_such_loss") is None
    assert loss.find("objective") is None  # machinery of the room, no part


def test_plug_ins_register_by_entry_points(tmp_path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "plugged.py").write_text(
        "from tests.spec.gadgets import GADGET\n\n\n"
        "@GADGET('plugged')\ndef plugged(*, n: int = 1) -> int:\n    return n\n"
    )
    info = tmp_path / "plugged-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: plugged\nVersion: 1\n")
    (info / "entry_points.txt").write_text("[leyden.parts]\ngadget.plugged = plugged\n")
    monkeypatch.syspath_prepend(tmp_path)
    from leyden.spec.parts import _plugins

    _plugins.cache_clear()
    assert "plugged" in GADGET.names()
    assert "plugged" not in GADGET.parts
    part = GADGET.find("plugged")
    assert part is not None and part.target() == 1
    _plugins.cache_clear()
    del GADGET.parts["plugged"]


def test_kinds_without_a_room_have_what_is_registered():
    empty = Kind("empty_kind")
    assert empty.names() == []
    assert empty.find("anything") is None


def test_docs_of_arguments_are_one_line_each():
    assert argument_docs(Bolt)["size"] == "How long it is, in millimetres."
    assert summary(Bolt) == "Holds things together."


def test_sections_of_docstrings_end_where_the_next_begins():
    text = "What.\n\nArgs:\n    a: An a.\n\nExample:\n    type: x\n    b:\n      c: 1\n\nRaises:\n    No."
    assert section(text, "Example") == "type: x\nb:\n  c: 1"
    assert section(text, "Returns") == ""


def test_signatures_tell_what_is_handed_from_what_is_set():
    part = GADGET.find("waiting")
    assert part is not None
    assert part.signature.handed == ("holder", "extra")
    assert part.signature.needed == 1
    assert [s.name for s in part.signature.settings] == ["tag"]


def test_foreign_signatures_are_taken_as_they_are():
    def ordinary(size, *args: int, flag: bool = True, unknown: "NoSuchName" = None, **kwargs: int): ...  # noqa: F821, UP037

    found = signature_of(ordinary, foreign=True)
    assert {s.name: s.hint for s in found.settings} == {"size": Any, "flag": bool, "unknown": Any}


def test_annotations_that_only_checkers_know_hurt_nobody():
    assert [s.name for s in signature_of(Engine).settings] == ["bolts", "fuel"]
