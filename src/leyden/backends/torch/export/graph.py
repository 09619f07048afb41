"""The model as a graph with a free batch dimension, the step before torch.export's and ONNX's files."""

from __future__ import annotations

import warnings
from collections.abc import Generator
from contextlib import contextmanager
from logging import CRITICAL, getLogger

import torch
from torch.export import Dim, ExportedProgram

from leyden.backends.torch.export.format import Exportable, ExportError


def traced(thing: Exportable, format_name: str) -> ExportedProgram:
    """The model's graph for batches of any size.

    Raises:
        ExportError: The model's Python depends on values or on the batch's size.
    """
    batch = Dim("batch", min=1)
    inputs = tuple(thing.samples.values())
    with quiet():
        try:
            shapes = {"inputs": tuple({0: batch} for _ in inputs)}
            return torch.export.export(thing.model, inputs, dynamic_shapes=shapes)
        except Exception as error:  # torch raises a dozen private kinds here, all of them about the model
            raise ExportError(
                f"{format_name}: the model has no graph that holds for batches of any size: "
                f"{first_line(error)}\n`--format safetensors` writes the weights of any model."
            ) from error


def first_line(error: Exception) -> str:
    """What a long exporter message says first."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__


@contextmanager
def quiet() -> Generator[None]:
    """Keep exporters from talking about packages and deprecations that the user can do nothing about."""
    logger = getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
