"""From specs to live objects."""

from __future__ import annotations

from leyden.spec import build
from leyden.spec.slots import Slot
from tests.spec.gadgets import Bolt, Engine

SLOT = Slot("gadget")


def test_nested_parts_are_built_first():
    engine = build(
        SLOT.parse({"type": "engine", "bolts": ["bolt", {"type": "bolt", "size": 2}], "fuel": "diesel"})
    )
    assert isinstance(engine, Engine)
    assert engine.bolts == [Bolt(), Bolt(size=2.0)]
    assert engine.fuel == "diesel"


def test_what_stands_left_of_the_slash_is_handed_over():
    holder = [1]
    assert build(SLOT.parse({"type": "waiting", "tag": "x"}), holder) == ([1], 0, "x")
    assert build(SLOT.parse({"type": "waiting", "tag": "x"}), holder, 5) == ([1], 5, "x")


def test_parts_that_take_nothing_leave_what_is_handed_aside():
    assert build(SLOT.parse("bolt"), "something") == Bolt()


def test_nested_parts_that_wait_arrive_as_callables():
    kept = build(SLOT.parse({"type": "keeper", "kept": {"type": "waiting", "tag": "x"}}))
    assert kept([2]) == ([2], 0, "x")


def test_containers_of_specs_are_built():
    specs = {"a": SLOT.parse("bolt"), "b": [SLOT.parse({"type": "bolt", "size": 3})]}
    assert build(specs) == {"a": Bolt(), "b": [Bolt(size=3.0)]}
