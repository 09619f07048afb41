"""Run files spoilt in every way get an answer: never a traceback, the right line, the right suggestion."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import jsonschema
import pytest

from leyden.spec import RunFileError, json_schema, load
from leyden.spec.yaml import read_yaml
from tests.spec.mutations import Mutation, misspellings, other_mistakes, outcome, sources

SEED = 20261121
CORPUS = [*misspellings(SEED, 1500), *other_mistakes(SEED)]


def of(*kinds: str) -> list[Mutation]:
    return [m for m in CORPUS if m.kind in kinds]


def lines_told(mutation: Mutation) -> set[int]:
    error = outcome(mutation.text)
    assert isinstance(error, RunFileError), f"{mutation.file} {mutation.what}: accepted"
    assert all(p.place.line for p in error.problems), str(error)
    return {p.place.line for p in error.problems}


def elsewhere(found: list[Mutation]) -> list[str]:
    """Mutations whose line is not told."""
    return [f"{m.file} {m.kind} {m.what} (line {m.line})" for m in found if m.line not in lines_told(m)]


def test_corpus_is_large_and_of_every_sort():
    counts = Counter(m.kind for m in CORPUS)
    assert len(CORPUS) >= 2000, counts
    assert set(counts) == {
        "key",
        "part",
        "value",
        "type",
        "combination",
        "missing",
        "syntax",
        "noise",
        "file",
    }
    assert min(counts.values()) >= len(sources()), counts


@pytest.mark.parametrize(("name", "text"), sources(), ids=lambda value: value if len(value) < 60 else "")
def test_unspoilt_files_are_right(name: str, text: str):
    assert not isinstance(found := outcome(text), RunFileError), str(found)


def test_misspellings_get_the_right_line_and_suggestion():
    missed: list[str] = []
    for mutation in (found := of("key", "part", "value")):
        error = outcome(mutation.text)
        assert isinstance(error, RunFileError)
        here = [p for p in error.problems if p.place.line == mutation.line]
        assert here, f"{mutation.file} {mutation.what}: line {mutation.line} is not told\n{error}"
        if mutation.right not in {p.nearest for p in here}:
            missed.append(f"{mutation.file}: {mutation.what}, told {[p.nearest or p.hint for p in here]}")
    assert len(missed) <= 0.02 * len(found), "\n".join(missed)


def test_one_misspelling_is_one_problem():
    several = [m for m in of("key", "part", "value") if len(outcome(m.text).problems) > 1]  # type: ignore[union-attr]
    assert len(several) <= 0.02 * len(CORPUS), [f"{m.file} {m.what}\n{outcome(m.text)}" for m in several]


def test_schema_refuses_misspellings_that_are_no_matter_of_other_sections():
    schema = jsonschema.Draft202012Validator(json_schema())
    closed = [m for m in of("key", "part", "value") if "/" not in m.right][:300]
    accepted = [m.what for m in closed if schema.is_valid(read_yaml(m.text, m.file).tree)]
    assert accepted == []


@pytest.mark.parametrize("kind", ["type", "combination", "missing"])
def test_other_mistakes_get_the_right_line(kind: str):
    assert elsewhere(of(kind)) == []


def test_broken_syntax_gets_the_right_line():
    assert elsewhere([m for m in of("syntax") if m.line]) == []


def test_noise_gets_an_answer():
    for mutation in [m for m in of("syntax", "noise") if not m.line]:
        found = outcome(mutation.text)
        if isinstance(found, RunFileError):
            assert str(found)


def test_missing_files_get_the_right_line(tmp_path: Path):
    for mutation in of("file"):
        path = tmp_path / "run.yaml"
        path.write_text(mutation.text)
        with pytest.raises(RunFileError, match=r"nowhere\.yaml' does not exist") as caught:
            load(path, environ={})
        assert caught.value.problems[0].place.line == mutation.line
