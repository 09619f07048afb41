"""Everything that a run says, and every name that it measures."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, cast

from .document import Document, Path
from .run import Run
from .slots import PartSpec
from .strict import Strict


def walk(node: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    """Every value of a section, a spec or a container, outer ones first, each with its key path."""
    yield path, node
    if isinstance(node, PartSpec):
        node = node.settings() | {key: getattr(node, key) for key in node.reserved()}
    elif isinstance(node, Strict):
        node = {key: getattr(node, key) for key in type(node).model_fields}
    if isinstance(node, Mapping):
        for key, value in cast("Mapping[str, Any]", node).items():
            yield from walk(value, (*path, key))
    elif isinstance(node, (list, tuple)):
        for i, value in enumerate(cast("list[Any]", node)):
            yield from walk(value, (*path, i))


def parts_of(run: Run) -> list[tuple[Path, PartSpec]]:
    """Every spec of a run, outer ones first, each with its key path."""
    return [(path, node) for path, node in walk(run) if isinstance(node, PartSpec)]


def steps_by_itself(run: Run) -> bool:
    """Whether the model is a LightningModule of the user's, with its own losses, metrics and optimizers."""
    return run.model.part.foreign and hasattr(run.model.part.target, "training_step")


def measured(run: Run) -> list[str]:
    """Names of everything that is measured during a fit."""
    sets = ["train", "val"] if validates(run) else ["train"]
    names = [f"{s}/{what}" for s in sets for what in ("loss", *run.metrics)]
    terms = [f"{s}/loss/{term}" for s in sets for term in run.loss] if len(run.loss) > 1 else []
    return [*names, *terms, "lr"]


def has_validation(run: Run) -> bool:
    """Whether there are validation data, given or held out."""
    return run.data.val is not None or run.data.split is not None


def validates(run: Run) -> bool:
    """Whether there are validations during a fit."""
    return has_validation(run) and run.trainer.limit_val_batches != 0


def written(path: Path, document: Document) -> Path:
    """The path of a value as the file has it, where a single loss or listed metrics got names on the way."""
    if path[:1] == ("loss",) and len(path) > 1 and not document.has(path[:2]):
        return ("loss", *path[2:])
    if path[:1] == ("metrics",) and len(path) > 1 and document.has(("metrics",)):
        items: Any = document.get(("metrics",))
        if isinstance(items, list):
            types = [
                i.get("type", i.get("@type")) if isinstance(i, dict) else i for i in cast("list[Any]", items)
            ]
            return ("metrics", types.index(path[1]), *path[2:]) if path[1] in types else path
    return path
