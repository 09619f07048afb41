"""Secrets are refused, and never repeated."""

from __future__ import annotations

import pytest

from tests.spec.conftest import PLAIN


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("api_key", "short"),
        ("wandb_api_key", "0123456789abcdef0123456789abcdef01234567"),
        ("password", "hunter2"),
        ("aws_secret_access_key", "wJalrXUtnFEMI"),
        ("token", "0123456789abcdef0123456789"),
        ("note", "sk-abcdefghijklmnopqrstuv"),
        ("note", "ghp_abcdefghijklmnopqrstuv0123456789"),
        ("note", "hf_abcdefghijklmnopqrstuv"),
        ("note", "AKIAIOSFODNN7EXAMPLE"),
        ("note", "postgres://me:word@host/db"),
    ],
)
def test_secrets_are_refused_and_masked(refused, key: str, value: str):
    for error in (refused(PLAIN + f"{key}: {value}\n"), refused(overrides=[f"{key}={value}"])):
        assert "looks like a secret" in str(error)
        assert value not in str(error)
        assert not any(value in repr(problem) for problem in error.problems)


def test_values_that_hold_a_secret_are_masked_too(refused):
    error = refused(PLAIN + "extra: {password: hunter2}\n")
    assert "hunter2" not in str(error)
    assert "hunter2" not in repr([p.value for p in error.problems])


@pytest.mark.parametrize("override", ["name=monkey", "name=a_token_of_love", "folder.project=key"])
def test_ordinary_words_are_no_secrets(loaded, override: str):
    loaded(overrides=[override])
