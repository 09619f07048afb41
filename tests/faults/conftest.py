"""What fault tests share: a way to print their line of figures through pytest's capture."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.faults.scale import figures


@pytest.fixture
def say(capsys: pytest.CaptureFixture[str]) -> Callable[..., None]:
    """Print the figures of a test."""

    def print_line(name: str, **found: Any) -> None:
        with capsys.disabled():
            print(figures(name, **found), flush=True)

    return print_line
