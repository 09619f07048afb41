"""What is known of a dataset without training on it."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True)
class Field:
    """Shape and type of one entry of a sample, without the batch."""

    shape: tuple[int, ...]
    dtype: str  # numpy's name


@dataclass(frozen=True, kw_only=True)
class DataInfo:
    """Shapes, classes and sizes of a dataset."""

    num_samples: int
    fields: dict[str, Field] = field(default_factory=dict[str, Field])  # "input", "target", ...
    classes: tuple[str, ...] = ()  # names in label order; empty where targets are no classes
    class_counts: tuple[int, ...] = ()
