"""Secrets are refused, and never repeated."""

from __future__ import annotations

import pytest

from leyden.spec.secrets import masked
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
        ("note", "it is sk-proj-a1B2-c3D4e5F6g7H8i9J0k1L2_m3"),
        ("note", "see https://me:word@host"),
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


@pytest.mark.parametrize(
    "override",
    [
        "name=monkey",
        "name=a_token_of_love",
        "folder.project=key",
        "name=sk-learn-digits-images-2024",
        "folder.root=/data/hf_models_of_the_year_2024",
    ],
)
def test_ordinary_words_are_no_secrets(loaded, override: str):
    loaded(overrides=[override])


@pytest.mark.parametrize(
    ("suffix", "text", "kept"),
    [
        (".yaml", "a: 1\n# password = hunter2 and more\n", "a: 1\n# password = *** and more\n"),
        (".yaml", "# the password is hunter2\n", "# the password is ***\n"),
        (".yaml", 'a: b  # "api-key": "hunter2 x", c\n', 'a: b  # "api-key": ***, c\n'),
        (".yaml", "# token: hunter2abcd1234abcd1234\n", "# token: ***\n"),
        (".yaml", "# see https://me:hunter2@host/x\n", "# see https://***@host/x\n"),
        (".yaml", "a: it's # don't: password: hunter2\n", "a: it's # don't: password: ***\n"),
        (".yaml", "a: 'it''s # x' # secret: hunter2\r\nb: 1", "a: 'it''s # x' # secret: ***\r\nb: 1"),
        (".toml", 'a = "#"# password: hunter2\n', 'a = "#"# password: ***\n'),
        (".cue", 'a: "//b" // password: hunter2\n', 'a: "//b" // password: ***\n'),
        (
            ".yaml",
            "a: 1 # -----BEGIN PRIVATE KEY-----\n  # hunter2\n  # -----END PRIVATE KEY-----\nb: 2\n",
            "a: 1 # *** PRIVATE KEY-----\nb: 2\n",
        ),
    ],
)
def test_remarks_are_copied_without_the_secrets_they_tell(suffix: str, text: str, kept: str):
    assert masked(text, suffix) == kept


@pytest.mark.parametrize(
    ("suffix", "text"),
    [
        (".yaml", "# credentials:\nname: digits\n"),
        (".yaml", "# token: of love\nmodel: cnn # the key = value\n"),
        (".yaml", "data: {path: /data/sk-learn-digits-images-2024/x.npz, note: 'password: x'}\n"),
        (".yaml", 'a: "b # password: x"\nc: d#secret: e\n'),
        (".json", '{"note": "# password: x", "a": 1}'),
        (".toml", 'a = """\n# password: x\n"""\n'),
    ],
)
def test_everything_else_is_copied_as_it_is(suffix: str, text: str):
    assert masked(text, suffix) == text
