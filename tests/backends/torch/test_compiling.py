"""Models are compiled shape by shape, with the means of the torch that is there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn

from leyden.backends.torch.compiling import SHAPES, compile_by_shape

given: dict[str, Any] = {}


def newer(model: Callable[..., Any], *, dynamic: bool, recompile_limit: int | None = None) -> Any:
    given.update(dynamic=dynamic, recompile_limit=recompile_limit)
    return model


def older(model: Callable[..., Any], *, dynamic: bool) -> Any:
    given.update(dynamic=dynamic)
    return model


@pytest.mark.parametrize("compiler", [newer, older])
def test_no_shape_is_given_up_whether_torch_takes_the_limit_as_an_argument_or_not(
    compiler: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stand-in for torch.compile of either kind: the torch that is installed here is of one."""
    given.clear()
    monkeypatch.setattr(torch, "compile", compiler)
    limits = torch._dynamo.config
    with limits.patch(recompile_limit=8):
        compile_by_shape(nn.Linear(2, 2))
        assert given.pop("dynamic") is False
        assert given.get("recompile_limit", limits.recompile_limit) == SHAPES
