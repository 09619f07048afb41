"""Deaths of a run: a process that is gone at a chosen point, and what two runs must have in common."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch

from leyden.callbacks.callback import Callback, Fit

KILLED = 9


class Killer(Callback):
    """Ends the process without a word in a hook, the first time that ``step`` steps are done."""

    def __init__(self, hook: str, step: int) -> None:
        self.hook, self.when = hook, step
        if hook == "on_step_end":  # this one is only called where it is overridden
            self.__class__ = _InStep

    def on_log(self, fit: Fit, values: Mapping[str, float], /) -> None:
        self._maybe("on_log", fit)

    def on_validation_end(self, fit: Fit, metrics: Mapping[str, float], /) -> None:
        self._maybe("on_validation_end", fit)

    def on_epoch_end(self, fit: Fit, /) -> None:
        self._maybe("on_epoch_end", fit)

    def _maybe(self, hook: str, fit: Fit) -> None:
        if hook == self.hook and fit.step >= self.when:
            os._exit(KILLED)


class _InStep(Killer):
    def on_step_end(self, fit: Fit, /) -> None:
        self._maybe("on_step_end", fit)


def in_child(work: Callable[[], int]) -> int:
    """Run ``work`` in a forked process; gives its exit code."""
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            code = work()
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def differences(a: Any, b: Any, at: str = "") -> list[str]:
    """Where two trees of tensors and plain values are not equal bit by bit."""
    if isinstance(a, Mapping) and isinstance(b, Mapping):
        if a.keys() != b.keys():
            return [f"{at}: keys {sorted(map(str, a.keys() ^ b.keys()))}"]
        return [found for key in a for found in differences(a[key], b[key], f"{at}.{key}")]
    if isinstance(a, list) and isinstance(b, list):
        if len(a) != len(b):
            return [f"{at}: lengths {len(a)} and {len(b)}"]
        return [found for i in range(len(a)) for found in differences(a[i], b[i], f"{at}[{i}]")]
    if isinstance(a, torch.Tensor):
        return [] if a.dtype == b.dtype and torch.equal(a.nan_to_num(7), b.nan_to_num(7)) else [at]
    return [] if a == b or (a != a and b != b) else [f"{at}: {a} and {b}"]


def what_must_agree(checkpoint: dict[str, Any], folder: Path) -> dict[str, Any]:
    """All of a finished run but the time that it took."""
    leyden = {key: value for key, value in checkpoint["leyden"].items() if key != "seconds"}
    lines = (folder / "logs" / "repeat_0" / "lines.jsonl").read_text()
    return {**checkpoint, "leyden": leyden, "lines": lines}
