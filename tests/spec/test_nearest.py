"""The nearest spelling."""

from __future__ import annotations

import pytest

from leyden.spec.nearest import edits, nearest


@pytest.mark.parametrize(
    ("a", "b", "count"),
    [
        ("", "", 0),
        ("abc", "abc", 0),
        ("abc", "ab", 1),
        ("abc", "abd", 1),
        ("abc", "acb", 1),
        ("abc", "xabc", 1),
        ("kitten", "sitting", 3),
        ("", "abc", 3),
        ("ca", "abc", 3),
    ],
)
def test_edits_is_the_optimal_string_alignment_distance(a: str, b: str, count: int):
    assert edits(a, b) == edits(b, a) == count


@pytest.mark.parametrize(
    ("word", "right"),
    [
        ("max_epcohs", "max_epochs"),
        ("epochs", "max_epochs"),
        ("Max-Epochs", "max_epochs"),
        ("max_step", "max_steps"),
        ("batchsize", "batch_size"),
        ("l", "lr"),
        ("rl", "lr"),
        ("acc", "accuracy"),
    ],
)
def test_slips_beginnings_and_endings_are_recognised(word: str, right: str):
    known = ["min_epochs", "max_epochs", "max_steps", "batch_size", "lr", "accuracy", "label_smoothing"]
    assert nearest(word, ["max_epochs", *known]) == right


@pytest.mark.parametrize("word", ["zebra", "x", "", "something_else_entirely"])
def test_what_is_far_from_everything_gets_nothing(word: str):
    assert nearest(word, ["max_epochs", "batch_size", "a"]) == ""


def test_ties_go_to_the_first_letter_and_then_to_the_earlier_one():
    assert nearest("ac", ["bc", "ad"]) == "ad"
    assert nearest("max_x", ["max_a", "max_b"]) == "max_a"
