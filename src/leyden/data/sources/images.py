"""Pictures with one class each, from folders or a manifest."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from copy import copy
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field

from leyden.data import pictures
from leyden.data.info import DataInfo
from leyden.data.info import Field as Entry
from leyden.data.sources.source import Batch, Sample, Source, source
from leyden.spec.errors import DataError

LOOKED_AT = 10_000  # headers that check() reads, evenly spread
DECODED = 256  # of them, pictures that it decodes
NAMED = 5  # problems that are spelt out; the rest is counted

EXTENSIONS = ("jpg", "jpeg", "png", "bmp", "webp", "tif", "tiff")

Pixels = Annotated[int, Field(ge=1)]


@source("images", requires=("PIL",), extra="images")
class Images(Source):
    """Pictures as (channels, height, width) from 0 to 1 and their classes.

    Without a manifest, `path` holds one folder a class, named as it; classes are in alphabetical order.

    Args:
        path: Folder of the pictures.
        manifest: CSV file with one picture a line, its path relative to `path`; null goes by folders.
        image: Column of the manifest with the path.
        label: Column of the manifest with the class.
        mode: Three channels or one.
        resize: Height and width that every picture is scaled to, or one number for both; null leaves them.
        extensions: What ends the name of a picture.
        allow_empty: Keep folders without a picture as classes instead of refusing them.
        cache: Decode everything once and keep it in memory, as bytes.

    Example:
        type: images
        path: pictures/train
        resize: [64, 64]
    """

    def __init__(
        self,
        *,
        path: Path,
        manifest: Path | None = None,
        image: str = "path",
        label: str = "label",
        mode: Literal["rgb", "grayscale"] = "rgb",
        resize: Pixels | tuple[Pixels, Pixels] | None = None,
        extensions: Annotated[tuple[str, ...], Field(min_length=1)] = EXTENSIONS,
        allow_empty: bool = False,
        cache: bool = False,
    ) -> None:
        self.path = path
        self.manifest = manifest
        self.columns = (image, label)
        self.mode: pictures.Mode = mode
        self.size = (resize, resize) if isinstance(resize, int) else resize
        self.extensions = tuple(ending.lower().lstrip(".") for ending in extensions)
        self.allow_empty = allow_empty
        self.in_memory = cache
        self._train_classes: tuple[str, ...] = ()

    @cached_property
    def _found(self) -> tuple[list[pictures.Listed], list[str]]:
        if self.manifest is None:
            return pictures.pictures_in_folders(self.path, self.extensions, self.allow_empty)
        return pictures.pictures_in_manifest(self.manifest, self.path, *self.columns)

    @property
    def _listed(self) -> list[pictures.Listed]:
        return self._found[0]

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes in label order."""
        return self._train_classes or tuple(self._found[1])

    def __len__(self) -> int:
        return len(self._listed)

    def __getitem__(self, index: int, /) -> Sample:
        if not -len(self) <= index < len(self):
            raise IndexError(f"picture {index} of {len(self)}")
        return {name: array[0] for name, array in self.gather(np.array([index % len(self)])).items()}

    def gather(self, indices: np.ndarray, /) -> Batch:
        if self.in_memory:
            pixels = self._decoded.take(indices, axis=0)
        else:
            pixels = self._stacked([self._listed[int(index)] for index in indices])
        # (batch, channels, height, width) from 0 to 1
        return {"input": pixels.astype(np.float32) / np.float32(255), "target": self.labels().take(indices)}

    @cached_property
    def _decoded(self) -> np.ndarray:
        return self._stacked(self._listed)

    def _stacked(self, entries: Sequence[pictures.Listed]) -> np.ndarray:
        decoded = [pictures.decode(entry, self.mode, self.size) for entry in entries]
        for entry, pixels in zip(entries, decoded, strict=True):
            if pixels.shape != decoded[0].shape:
                raise DataError(_sizes_differ(entries[0], decoded[0].shape[1:], entry, pixels.shape[1:]))
        if not decoded:
            return np.zeros((0, *self.info().fields["input"].shape), np.uint8)
        return np.stack(decoded)

    def info(self) -> DataInfo:
        channels = 3 if self.mode == "rgb" else 1
        height, width = self.size or pictures.upright_size(self._listed[0])
        return DataInfo(
            num_samples=len(self),
            fields={
                "input": Entry(shape=(channels, height, width), dtype="float32"),
                "target": Entry(shape=(), dtype="int64"),
            },
            classes=self.classes,
            class_counts=tuple(int(n) for n in np.bincount(self.labels(), minlength=len(self.classes))),
        )

    def labels(self) -> np.ndarray:
        return self._labels

    @cached_property
    def _labels(self) -> np.ndarray:
        number = {name: label for label, name in enumerate(self.classes)}
        for entry in self._listed:
            if entry.label not in number:
                known = ", ".join(self.classes)
                raise DataError(
                    f"{entry.place}: class `{entry.label}` is not among those trained on ({known})"
                )
        return np.array([number[entry.label] for entry in self._listed], np.int64)

    def fitted(self, indices: np.ndarray, /) -> dict[str, Any]:
        return {"classes": list(self.classes)}

    def with_fitted(self, fitted: Mapping[str, Any], /) -> Images:
        like = copy(self)
        vars(like).pop("_labels", None)
        like._train_classes = tuple(fitted["classes"])
        like.labels()  # refuses a class that is not among them
        return like

    def fingerprint(self) -> str:
        digest = hashlib.blake2b(digest_size=16)
        digest.update(repr((self.mode, self.size, self.classes)).encode())
        for entry in self._listed:
            name = _below(entry.path, self.path)
            digest.update(repr((name, entry.path.stat().st_size, entry.label)).encode())
        return digest.hexdigest()

    def check(self) -> Sequence[str]:
        try:
            entries, _ = self._found
            self.labels()
        except DataError as error:
            return [str(error)]
        if not entries:
            return [f"{self.manifest or self.path}: there is no picture"]
        problems = pictures.overlooked(self.path, self.extensions) if self.manifest is None else []
        problems += self._unreadable(entries)
        more = len(problems) - NAMED
        return [*problems[:NAMED], f"{more} more pictures have such problems"] if more > 0 else problems

    def _unreadable(self, entries: Sequence[pictures.Listed]) -> list[str]:
        headers = entries[:: max(1, len(entries) // LOOKED_AT)]
        decoded = set(range(0, len(headers), max(1, len(headers) // DECODED)))
        problems: list[str] = []
        sizes: dict[tuple[int, int], pictures.Listed] = {}
        for number, entry in enumerate(headers):
            try:
                sizes.setdefault(pictures.upright_size(entry), entry)
                if number in decoded:
                    pictures.decode(entry, self.mode, self.size)
            except DataError as error:
                problems.append(str(error))
        if self.size is None and len(sizes) > 1:
            (first, one), (second, other) = list(sizes.items())[:2]
            problems.append(_sizes_differ(one, first, other, second))
        return problems


def _sizes_differ(
    one: pictures.Listed, first: tuple[int, ...], other: pictures.Listed, second: tuple[int, ...]
) -> str:
    return (
        f"{other.place}: pictures must be of one size, but it is {second[0]} x {second[1]} and {one.path} is "
        f"{first[0]} x {first[1]}; set `resize: [height, width]`"
    )


def _below(path: Path, root: Path) -> str:
    """The path below ``root`` where it is below, so that a moved set keeps its fingerprint."""
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else str(path)
