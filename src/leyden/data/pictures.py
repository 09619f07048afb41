"""Pictures: finding them in folders and manifests, and decoding them."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from leyden.data.files import nearest_file, require_file
from leyden.spec.errors import DataError

if TYPE_CHECKING:
    from PIL.Image import Image

Mode = Literal["rgb", "grayscale"]


@dataclass(frozen=True, kw_only=True)
class Listed:
    """A picture and its class, and where the pair is written down."""

    path: Path
    label: str
    place: str


def pictures_in_folders(
    root: Path, extensions: tuple[str, ...], allow_empty: bool
) -> tuple[list[Listed], list[str]]:
    """Pictures of a folder with one folder a class, in order of their names, and the names of the classes.

    Hidden files and folders are skipped; folders inside a class belong to it.

    Raises:
        DataError: There is no such folder, no class in it, a class without pictures, or a picture outside.
    """
    if not root.is_dir():
        if root.exists():
            raise DataError(f"{root}: a folder is needed, but this is a file")
        raise DataError(f"{root}: no such folder; {nearest_file(root)}")
    classes = sorted(
        entry.name for entry in root.iterdir() if entry.is_dir() and not entry.name.startswith(".")
    )
    if not classes:
        raise DataError(f"{root}: needs one folder a class with pictures in it, but holds no folder")
    stray = [entry for entry in sorted(root.iterdir()) if entry.is_file() and _suffix(entry) in extensions]
    if stray:
        raise DataError(f"{stray[0]}: a picture must lie in the folder of its class, but lies beside them")
    listed: list[Listed] = []
    for name in classes:
        found = [path for path in _files(root / name) if _suffix(path) in extensions]
        if not found and not allow_empty:
            raise DataError(
                f"{root / name}: holds no picture ({', '.join(extensions)}); "
                f"remove the folder, or set allow_empty to keep it as a class"
            )
        listed += [Listed(path=path, label=name, place=str(path)) for path in found]
    return listed, classes


def pictures_in_manifest(
    manifest: Path, root: Path, image: str, label: str
) -> tuple[list[Listed], list[str]]:
    """Pictures and classes as a CSV file lists them, paths relative to ``root``.

    Raises:
        DataError: The file cannot be read, a column or a value is missing, or a picture does not exist.
    """
    require_file(manifest)
    listed: list[Listed] = []
    try:
        with manifest.open(newline="", encoding="utf-8-sig") as file:
            rows = csv.DictReader(file)
            header = list(rows.fieldnames or ())
            for column in (image, label):
                if column not in header:
                    close = get_close_matches(column, header, n=1)
                    hint = (
                        f"did you mean `{close[0]}`?" if close else f"it has {', '.join(header) or 'nothing'}"
                    )
                    raise DataError(f"{manifest}: no column `{column}`; {hint}")
            for row in rows:
                place = f"{manifest} line {rows.line_num}"
                for column in (image, label):
                    if not row[column]:
                        raise DataError(f"{place}: column `{column}` is empty")
                path = root / row[image]
                if not path.is_file():
                    raise DataError(f"{place}: picture {path} does not exist; {nearest_file(path)}")
                listed.append(Listed(path=path, label=row[label], place=f"{place} ({path})"))
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{manifest}: is no CSV file in UTF-8 ({error})") from None
    names = {entry.label for entry in listed}
    whole = all(name.lstrip("-").isdecimal() for name in names)
    return listed, sorted(names, key=int) if whole else sorted(names)


def overlooked(root: Path, extensions: tuple[str, ...]) -> list[str]:
    """Files that Pillow knows as pictures but whose extension was not asked for, as a problem each."""
    from PIL import Image

    known = Image.registered_extensions()
    return [
        f"{path}: is a picture by its name, but extensions are {', '.join(extensions)}; "
        f"add `{_suffix(path)}` or remove the file"
        for path in _files(root)
        if _suffix(path) not in extensions and f".{_suffix(path)}" in known
    ]


def decode(entry: Listed, mode: Mode, size: tuple[int, int] | None) -> np.ndarray:
    """Pixels (channels, height, width) as bytes, upright as EXIF says.

    Raises:
        DataError: The picture is missing, damaged, or has more than 8 bits a channel.
    """
    from PIL import Image, ImageOps

    try:
        with Image.open(entry.path) as image:
            if image.mode.startswith(("I", "F")):
                raise DataError(
                    f"{entry.place}: pictures must have 8 bits a channel, but its mode is {image.mode}"
                )
            upright = ImageOps.exif_transpose(image)
            if upright.mode == "P":
                upright = upright.convert(
                    "RGBA"
                )  # its palette may hold transparency, which RGB alone warns of
            pixels = upright.convert("RGB" if mode == "rgb" else "L")
            if size is not None:
                pixels = pixels.resize((size[1], size[0]), Image.Resampling.BILINEAR)
            array = np.asarray(pixels)
    except DataError:
        raise
    except (
        Exception
    ) as error:  # Pillow's decoders raise whatever they meet: OSError, SyntaxError, struct.error ...
        raise DataError(f"{entry.place}: cannot be read as a picture ({error})") from None
    return np.ascontiguousarray(array.transpose(2, 0, 1)) if array.ndim == 3 else array[None]


def upright_size(entry: Listed) -> tuple[int, int]:
    """Height and width from the header alone, as decoding will give them.

    Raises:
        DataError: The header cannot be read.
    """
    from PIL import Image

    try:
        with Image.open(entry.path) as image:
            width, height = image.size
            return (width, height) if _lies_on_its_side(image) else (height, width)
    except Exception as error:  # as in `decode`
        raise DataError(f"{entry.place}: cannot be read as a picture ({error})") from None


def _lies_on_its_side(image: Image) -> bool:
    return image.getexif().get(0x0112, 1) >= 5


def _files(folder: Path) -> Iterator[Path]:
    """Every file below a folder, sorted; links are followed, each folder is entered once."""
    entered: set[str] = set()
    for place, folders, names in os.walk(folder, followlinks=True):
        real = os.path.realpath(place)
        if real in entered:
            folders.clear()
            continue
        entered.add(real)
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        yield from (Path(place) / name for name in sorted(names) if not name.startswith("."))


def _suffix(path: Path) -> str:
    return path.suffix[1:].lower()
