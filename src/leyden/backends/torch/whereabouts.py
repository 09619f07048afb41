"""Where an error came up, in the words of a training: read from its traceback, so that steps pay nothing."""

from __future__ import annotations

import traceback
from dataclasses import dataclass
from typing import Any

from torch import nn
from torch.optim import Optimizer

from leyden.losses.loss import Loss
from leyden.metrics.metric import Metric

#: functions, ours and Lightning's, and what they do
PHASES = {
    "to_device": "copy to the device",
    "batch_to_device": "copy to the device",
    "model_to_device": "copy to the device",
    "dump_checkpoint": "checkpoint",
}


@dataclass(frozen=True)
class Whereabouts:
    """A phase of a step, and the module that was running.

    Args:
        phase: ``forward pass``, ``backward pass``, ``update`` ...; empty where it is not known.
        module: Its name in the model and its class; empty where none was running, or a backward pass ran.
        evaluates: Whether a LightningModule's own evaluation was running.
    """

    phase: str = ""
    module: str = ""
    evaluates: bool = False


def whereabouts(error: BaseException, model: nn.Module) -> Whereabouts:
    """Where ``error`` came up while ``model`` was trained or measured."""
    names = {module: name for name, module in model.named_modules()}
    phase, module, evaluates = "", "", False
    for frame, _ in traceback.walk_tb(error.__traceback__):
        code, owner = frame.f_code, frame.f_locals.get("self")
        evaluates |= code.co_name in ("validation_step", "test_step")
        if isinstance(owner, nn.Module) and owner in names:
            phase = phase if phase == "backward pass" else "forward pass"
            module = f"`{names[owner]}` ({type(owner).__name__})" if names[owner] else ""
        elif code.co_name == "backward" and "torch/autograd/" in code.co_filename.replace("\\", "/"):
            phase, module = "backward pass", ""
        elif spoken := _phase(code.co_name, owner):
            phase, module = spoken, ""
    return Whereabouts(phase, module, evaluates)


def _phase(function: str, owner: Any) -> str:
    if isinstance(owner, Optimizer):
        return "update"
    if isinstance(owner, Loss):
        return f"loss `{type(owner).__name__}`"
    if isinstance(owner, Metric):
        return f"metric `{type(owner).__name__}`"
    return PHASES.get(function, "")
