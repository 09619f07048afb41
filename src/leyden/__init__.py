"""Leyden: one validated run file in, one trained model out, and nothing that the run did is ever lost."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .main.build import build as build
    from .main.check import check as check
    from .main.train import train as train
    from .runs.scalars import read_scalars as read_scalars
    from .spec import load as load

#: public name -> module; looked up on first use, so that `leyden --help` imports nothing of them
_NAMES = {
    "build": "main.build",
    "check": "main.check",
    "load": "spec",
    "read_scalars": "runs.scalars",
    "train": "main.train",
}

__all__ = ["build", "check", "load", "read_scalars", "train"]


def __getattr__(name: str) -> Any:
    import importlib

    if name not in _NAMES:
        raise AttributeError(f"module 'leyden' has no attribute '{name}'")
    return getattr(importlib.import_module(f"leyden.{_NAMES[name]}"), name)
