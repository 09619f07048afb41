"""The catalogue says what a part is, what can be set, and shows an example."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import pytest
from pydantic import Field

from leyden.spec import Duration, catalogue
from leyden.spec.catalogue import type_in_words
from leyden.spec.parts import ROOMS
from tests.spec.gadgets import Gadget


def test_parts_are_described():
    bolt = next(part for part in catalogue("gadget") if part.name == "bolt")
    assert bolt.summary == "Holds things together."
    assert bolt.runs_on == ("torch",)
    assert bolt.example == "{type: bolt, size: 3}"
    size, copy = bolt.settings
    assert (size.name, size.type, size.required, size.default) == ("size", "a number > 0", False, 1.0)
    assert size.doc == "How long it is, in millimetres."
    assert copy.name == "copy"


def test_what_is_not_installed_is_listed_all_the_same():
    rare = next(part for part in catalogue("gadget") if part.name == "rare")
    assert not rare.installed
    assert rare.extra == "rare"


@pytest.mark.parametrize("kind", ROOMS)
def test_every_kind_has_a_catalogue(kind: str):
    names = [part.name for part in catalogue(kind)]
    assert names == sorted(names)


@pytest.mark.parametrize(
    ("hint", "words"),
    [
        (int, "an integer"),
        (float | None, "a number or null"),
        (Annotated[float, Field(gt=0, le=1)], "a number > 0 and <= 1"),
        (Annotated[float, Field(gt=0)] | None, "a number > 0 or null"),
        (list[int], "a list of integers"),
        (list[Annotated[int, Field(ge=1)]], "a list of integers >= 1"),
        (tuple[int, int], "[an integer, an integer]"),
        (Literal["sum", "mean"], "`sum`, `mean`"),
        (int | Literal["auto"], "an integer or `auto`"),
        (Duration, "a duration such as `500 steps`"),
        (Gadget, "a gadget"),
        (list[Gadget], "a list of gadgets"),
        (dict[str, Gadget], "a mapping to gadgets"),
        (float | Gadget, "a number or a gadget"),
        (Any, "Any"),
    ],
)
def test_types_are_put_in_words(hint: Any, words: str):
    assert type_in_words(hint) == words
