"""The structures of c/abi.h for ctypes, and the library's functions."""

from __future__ import annotations

import ctypes
from ctypes import c_double, c_int, c_int32, c_int64, c_void_p
from dataclasses import dataclass
from functools import cache
from logging import getLogger
from typing import TYPE_CHECKING, Any

from . import compiler

if TYPE_CHECKING:
    from ..torch.rates import Rates

#: changes with LEYDEN_SOEN_ABI in c/abi.h
ABI = 6

#: source functions in the order of `enum source`
SOURCES = (
    "Tanh",
    "Telu",
    "SimpleGELU",
    "ReLU",
    "TanhGauss1p7IBFit",
    "Heaviside_state_dep",
    "RateArray",
    "RateArray, edge",
)


FUNCTIONS = (
    "leyden_soen_cells",
    "leyden_soen_cells_adjoint",
    "leyden_soen_edges",
    "leyden_soen_edges_adjoint",
    "leyden_soen_together",
    "leyden_soen_together_adjoint",
)

#: kinds of layers in the order of `enum kind`
KINDS = ("dendrite", "coils", "arms", "soma")

#: `SLOTS`
SLOTS = 5


class Table(ctypes.Structure):
    """`table` of abi.h."""

    _fields_ = (
        ("cells", c_void_p),
        ("rows", c_int64),
        ("columns", c_int64),
        ("low", c_double),
        ("high", c_double),
    )


def table(rates: Rates | None) -> Table:
    """A rate table for the library, which points into ``rates``; an empty one without."""
    if rates is None:
        return Table()
    return Table(rates.bordered.data_ptr(), rates.rows, rates.columns, float(rates.low), float(rates.high))


class Segment(ctypes.Structure):
    """`segment` of abi.h."""

    _fields_ = (
        ("nodes", c_int64),
        ("source", c_int32),
        ("arms", c_int32),
        *((name, c_int64) for name in ("logs", "phi_stride", "start_stride", "given_stride")),
        *((name, c_void_p) for name in ("phi", "start", "offset", "bias", "plus", "minus")),
        *((name, c_void_p) for name in ("g_noise", "s_noise", "flux", "history", "given")),
        *((name, c_void_p) for name in ("by_phi", "by_start", "by_offset", "by_bias", "by_plus", "by_minus")),
    )


class Outer(ctypes.Structure):
    """`outer` of abi.h."""

    _fields_ = (("nodes", c_int64), ("stride", c_int64), ("at", c_void_p), ("by", c_void_p))


class Wire(ctypes.Structure):
    """`wire` of abi.h."""

    _fields_ = (
        *((name, c_int64) for name in ("source", "to", "late")),
        *((name, c_void_p) for name in ("weight", "by")),
    )


class Cells(ctypes.Structure):
    """`cells` of abi.h."""

    _fields_ = (
        *((name, c_int64) for name in ("batch", "steps", "threads", "segments", "outers", "wires")),
        ("segment", ctypes.POINTER(Segment)),
        ("outer", ctypes.POINTER(Outer)),
        ("wire", ctypes.POINTER(Wire)),
        ("table", Table),
        ("dt", c_double),
        ("by_dt", c_double),
    )


class Edges(ctypes.Structure):
    """`edges` of abi.h."""

    _fields_ = (
        *((name, c_int64) for name in ("batch", "steps", "from", "to", "edges", "threads", "source")),
        *((name, c_int64) for name in ("coils", "keep", "signal_stride")),
        *((name, c_void_p) for name in ("signal", "start", "first")),
        ("program_stride", c_int64),
        *((name, c_void_p) for name in ("program", "out", "inductance")),
        *((name, c_void_p) for name in ("states", "flux")),
        ("table", Table),
        *((name, c_double) for name in ("dt", "j_in", "bias", "plus", "minus", "alpha", "beta", "beta_out")),
    )


class EdgesAdjoint(ctypes.Structure):
    """`edges_adjoint` of abi.h."""

    _fields_ = (
        ("flux_stride", c_int64),
        ("flux", c_void_p),
        ("states", c_void_p),
        ("signal", c_void_p),
        ("program", c_void_p),
        ("dt", c_void_p),
    )


class Field(ctypes.Structure):
    """`field` of abi.h."""

    _fields_ = (("at", c_void_p), ("gradient", c_void_p), ("by_sample", c_int64), ("by_step", c_int64))


class Noise(ctypes.Structure):
    """`noise` of abi.h."""

    _fields_ = (("share", c_void_p), ("added", c_void_p))


class Layer(ctypes.Structure):
    """`layer` of abi.h."""

    _fields_ = (
        *((name, c_int64) for name in ("start", "nodes", "hidden", "connections")),
        ("kind", c_int32),
        ("source", c_int32),
        ("slot", Field * SLOTS),
        ("fan_in", c_void_p),
        *((name, Noise) for name in ("phi", "g", "s")),
        ("width", c_double),
        ("height", c_double),
    )


class Connection(ctypes.Structure):
    """`connection` of abi.h."""

    _fields_ = (
        ("source", c_int64),
        *((name, c_int32) for name in ("loop", "late", "fresh")),
        ("weight", c_void_p),
        ("weight_stride", c_int64),
        ("edges", ctypes.POINTER(Edges)),
        ("states", c_int64),
        ("program", c_void_p),
    )


class Together(ctypes.Structure):
    """`together` of abi.h."""

    _fields_ = (
        *((name, c_int64) for name in ("batch", "steps", "nodes", "hidden", "states", "layers", "threads")),
        *((name, c_int64) for name in ("jacobi", "keep", "phi_stride")),
        *((name, c_void_p) for name in ("phi", "flux", "history", "hiddens", "circuits")),
        ("layer", ctypes.POINTER(Layer)),
        ("connection", ctypes.POINTER(Connection)),
        ("table", Table),
        ("dt", c_double),
    )


class TogetherAdjoint(ctypes.Structure):
    """`together_adjoint` of abi.h."""

    _fields_ = (
        ("given_stride", c_int64),
        *((name, c_void_p) for name in ("given", "flux_given", "hiddens_given", "phi", "start")),
        *((name, c_void_p) for name in ("hidden", "circuits", "sums")),
    )


@dataclass(frozen=True)
class Library:
    """The loaded library.

    Args:
        loaded: It, where there is one.
        problem: Why there is none.
    """

    loaded: Any = None
    problem: str = ""

    def call(self, name: str, double: bool, *structures: ctypes.Structure) -> None:
        """Call a function of the library in one precision."""
        function = getattr(self.loaded, f"{name}_f{64 if double else 32}")
        if function(*map(ctypes.byref, structures)):
            raise MemoryError("the circuit kernel ran out of memory")


@cache
def library() -> Library:
    """The library of this machine; where there is none, the log says once why."""
    try:
        loaded = ctypes.CDLL(str(compiler.library()))
        if loaded.leyden_soen_abi() != ABI:
            raise OSError(f"the library has ABI {loaded.leyden_soen_abi()}, but this version needs {ABI}")
    except (compiler.NoCompilerError, OSError) as error:
        getLogger("leyden").info("circuits run on torch operations, which is slower: %s", error)
        return Library(problem=str(error))
    for name in FUNCTIONS:
        for precision in ("f32", "f64"):
            getattr(loaded, f"{name}_{precision}").restype = c_int
    return Library(loaded)
