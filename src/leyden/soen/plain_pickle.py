"""Reads pickles as plain data: numbers, text, containers, arrays. Nothing of a file is ever executed.

A pickle names functions and calls them. Here every name is looked up in one short list of stand-ins that
rebuild arrays from
bytes; any other name ends the reading. The stand-ins have no attributes that a file could change.
"""

from __future__ import annotations

import io
import pickle
from collections.abc import Callable, Mapping
from typing import Any, cast

import numpy as np

from .problems import CircuitError

DTYPES = {
    "Double": "f8",
    "Float": "f4",
    "Half": "f2",
    "Long": "i8",
    "Int": "i4",
    "Short": "i2",
    "Char": "i1",
    "Byte": "u1",
    "Bool": "?",
}


class Refused(Exception):
    """A file wants more than plain data."""


class StandIn:
    """What a file gets under an allowed name; can be called and nothing else."""

    __slots__ = ("_call",)

    def __init__(self, call: Callable[..., Any]) -> None:
        self._call = call

    def __call__(self, *arguments: Any) -> Any:
        return self._call(*arguments)


class Table(dict[Any, Any]):
    """An ordered dictionary whose further attributes are dropped."""

    __slots__ = ()

    def __setstate__(self, state: object) -> None:
        """Torch hangs version numbers of modules on state dictionaries; nothing here needs them."""


class Array:
    """An array of numpy that is filled after it was made, as pickles do it."""

    __slots__ = ("value",)

    def __init__(self) -> None:
        self.value = np.zeros(0)

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        _, shape, dtype, fortran, raw = state
        if not isinstance(dtype, Dtype) or not isinstance(raw, bytes):
            raise Refused("an array of objects")
        self.value = np.frombuffer(raw, dtype.value).reshape(shape, order="F" if fortran else "C").copy()


class Dtype:
    """The type of an array's numbers."""

    __slots__ = ("value",)

    def __init__(self, name: str, *_: Any) -> None:
        self.value = np.dtype(str(name))
        if self.value.kind not in "biuf":
            raise Refused(f"an array of {name}")

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        order = state[1]
        if order in ("<", ">"):
            self.value = self.value.newbyteorder(order)


def tensor(storage: object, offset: int, shape: tuple[int, ...], strides: tuple[int, ...], *_: Any) -> Any:
    """A tensor as an array: a view of a storage, copied, never beyond the storage's end."""
    if not isinstance(storage, np.ndarray) or len(shape) != len(strides):
        raise Refused("a tensor without a storage")
    size = int(np.prod(shape, dtype=np.int64))
    last = offset + sum((n - 1) * s for n, s in zip(shape, strides, strict=True)) if size else offset
    if offset < 0 or min((*shape, *strides, 0)) < 0 or (size and last >= storage.size):
        raise Refused("a tensor that reaches beyond its storage")
    byte_strides = [s * storage.itemsize for s in strides]
    return np.lib.stride_tricks.as_strided(storage[offset:], shape, byte_strides).copy()


def _scalar(dtype: object, raw: object) -> Any:
    if not isinstance(dtype, Dtype) or not isinstance(raw, bytes):
        raise Refused("a scalar of objects")
    return np.frombuffer(raw, dtype.value)[0].item()


def _encoded(text: str, encoding: str = "latin1") -> bytes:
    if encoding != "latin1":
        raise Refused(f"text in {encoding}")
    return text.encode("latin1")


def _allowed() -> dict[tuple[str, str], Any]:
    names: dict[tuple[str, str], Callable[..., Any]] = {
        ("collections", "OrderedDict"): Table,
        ("torch._utils", "_rebuild_tensor_v2"): tensor,
        ("torch._utils", "_rebuild_parameter"): lambda data, *_: data,
        ("torch", "Size"): lambda shape: tuple(shape),
        ("torch", "device"): lambda *parts: ":".join(map(str, parts)),
        ("_codecs", "encode"): _encoded,
        ("numpy", "ndarray"): lambda *_: Array(),
        ("numpy", "dtype"): Dtype,
    }
    for module in (
        "numpy.core.multiarray",
        "numpy._core.multiarray",
        "numpy.core.numeric",
        "numpy._core.numeric",
    ):
        names[module, "_reconstruct"] = lambda *_: Array()
        names[module, "scalar"] = _scalar
    found: dict[tuple[str, str], Any] = {name: StandIn(call) for name, call in names.items()}
    return found | {("torch", f"{kind}Storage"): dtype for kind, dtype in DTYPES.items()}


class Reader(pickle.Unpickler):
    """An unpickler that knows the stand-ins and nothing else.

    Args:
        data: The pickle.
        storages: Numbers that lie beside it, by key.
    """

    def __init__(self, data: bytes, storages: Mapping[str, bytes]) -> None:
        super().__init__(io.BytesIO(data))
        self._storages = storages
        self._names = _allowed()

    def find_class(self, module_name: str, global_name: str, /) -> Any:
        """The stand-in for a name."""
        if (module_name, global_name) not in self._names:
            raise Refused(f"it names {module_name}.{global_name}")
        return self._names[module_name, global_name]

    def persistent_load(self, pid: Any) -> Any:
        """The numbers of a storage."""
        if not (isinstance(pid, tuple) and len(pid) == 5 and pid[0] == "storage" and isinstance(pid[1], str)):
            raise Refused(f"it refers to {pid!r}")
        _, dtype, key, _, count = cast(tuple[Any, ...], pid)
        raw = self._storages.get(str(key))
        if raw is None or not isinstance(count, int) or len(raw) < count * np.dtype(dtype).itemsize:
            raise Refused(f"storage {key!r} is missing or too short")
        return np.frombuffer(raw, np.dtype(dtype), count)


def read(data: bytes, name: str, storages: Mapping[str, bytes] | None = None) -> Any:
    """What a pickle holds, arrays as numpy's.

    Args:
        data: The pickle.
        name: What to call it in messages.
        storages: Numbers that lie beside it, by key.

    Raises:
        CircuitError: The file is damaged, or wants more than plain data. Nothing was executed.
    """
    try:
        return _plain(Reader(data, storages or {}).load())
    except Refused as error:
        raise CircuitError(
            [f"{name} is not plain data: {error}; nothing of it was executed"], "the file"
        ) from None
    except Exception as error:
        # a damaged pickle can fail in any way; whatever it was, the file cannot be used
        raise CircuitError(
            [f"{name} is damaged or no pickle: {error!r}; nothing of it was executed"], "the file"
        ) from None


def _plain(value: Any) -> Any:
    if isinstance(value, (Array, Dtype)):
        return value.value
    if isinstance(value, StandIn):
        raise Refused("a function")
    if isinstance(value, dict):
        return {_plain(k): _plain(v) for k, v in cast(dict[Any, Any], value).items()}
    if isinstance(value, (list, tuple)):
        items = [_plain(v) for v in cast(list[Any], value)]
        return tuple(items) if isinstance(value, tuple) else items
    return value
