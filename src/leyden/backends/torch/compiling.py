"""A model compiled for each shape by itself, with whatever torch has for that."""

from __future__ import annotations

import inspect
from typing import Any

import torch
from torch import nn

#: shapes that a model is compiled for at most: batches, the last of an epoch, halves of both
SHAPES = 256


def compile_by_shape(model: nn.Module) -> None:
    """Compile ``model`` in place, so that names in checkpoints stay as they are.

    Each shape by itself and never given up, so that what is computed does not depend on the shapes there were
    since the process began.
    """
    if "recompile_limit" in inspect.signature(torch.compile).parameters:
        model.compile(dynamic=False, recompile_limit=SHAPES)
        return
    # an older torch has one limit for the whole process, under one of two names
    limits: Any = torch._dynamo.config
    name = "recompile_limit" if hasattr(limits, "recompile_limit") else "cache_size_limit"
    setattr(limits, name, max(SHAPES, getattr(limits, name)))
    model.compile(dynamic=False)
