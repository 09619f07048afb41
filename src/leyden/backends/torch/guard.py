"""Notices gradients that are not finite, without making the host wait for the device."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

from .place import Place


class NonFiniteError(ValueError):
    """A gradient was NaN or infinite; the update that it belongs to was not saved."""

    def __init__(self, step: int, where: str = "", samples: Sequence[int] = ()) -> None:
        self.step, self.where, self.samples = step, where, list(samples)
        first = f" It begins in {where}." if where else ""
        if samples:
            first += f" Samples of the training set: {', '.join(map(str, self.samples[:10]))}"
            first += f" and {len(self.samples) - 10} more." if len(self.samples) > 10 else "."
        super().__init__(
            f"gradients must be finite, but in optimizer step {step} one is NaN or infinite.{first} "
            "No checkpoint has it in it. Look at the samples of this step, lower optimizer.lr or set "
            "trainer.gradient_clip_val; `trainer.detect_anomaly: true` names the operation"
        )


class Guard:
    """Looks at the norm of each step's gradients, and raises or has the step left out.

    Where the device is the host, it looks before the update, which is then never applied. On an accelerator
    it would have to wait: there it looks one step late, fused optimizers are told on the device to leave
    weights and state alone (``found_inf``), and `settle` looks before anything is saved.
    """

    def __init__(self, place: Place, optimizer: Optimizer, skips: bool = False) -> None:
        self.skips = skips
        self.optimizer: Any = optimizer
        self.fused = any(group.get("fused") for group in optimizer.param_groups)
        # an optimizer that cannot leave a step out by itself has to be told in time
        self.late = place.device.type == "cuda" and (self.fused or not skips)
        self._flag = torch.zeros(1, pin_memory=self.late)
        self._ready: Any = torch.cuda.Event() if self.late else None
        self._step = -1  # whose flag is on its way

    def check(self, step: int, norm: Tensor) -> bool:
        """Look at ``norm`` of this step, or ask for it and look at the step before; False: leave it out."""
        if not self.late:
            return math.isfinite(norm.item()) or self._refuse(step)
        self.settle()
        bad = (~torch.isfinite(norm)).float().reshape(1)
        if self.fused:
            self.optimizer.found_inf, self.optimizer.grad_scale = bad, None
        self._flag.copy_(bad, non_blocking=True)
        self._ready.record()
        self._step = step
        return True

    def _refuse(self, step: int) -> bool:
        """Raise, or say that the step is left out."""
        if not self.skips:
            raise NonFiniteError(step)
        warnings.warn(
            f"a gradient of optimizer step {step} is NaN or infinite; the step is left out", stacklevel=2
        )
        return False

    def settle(self) -> None:
        """Look at the flag that is on its way, if there is one."""
        if self._step < 0:
            return
        self._ready.synchronize()  # waits for that copy alone, not for what was queued since
        step, self._step = self._step, -1
        if self._flag.item():
            self._refuse(step)
