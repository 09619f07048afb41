"""The contract of models: a function from what is known of the data to a module."""

from __future__ import annotations

from dataclasses import dataclass

from leyden.spec.parts import Kind

model = Kind("model")


@dataclass(frozen=True, kw_only=True)
class Interface:
    """What the data gives a model and what the task wants of it: every model part's first argument."""

    input_shape: tuple[int, ...]  # one sample's, without the batch
    input_dtype: str  # numpy's name, e.g. "float32", "int64"
    num_outputs: int | None  # None where the task leaves it to the model


class Model:
    """Annotation for signatures that take any model part: a function that gives a ``torch.nn.Module``."""


model.contract(Model)
