"""Which floating point type a loss is computed in."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch
    from torch import Tensor


def full_precision(values: Tensor) -> Tensor:
    """``values`` as float32, or as they are where they are float64: half precision sums overflow at 65504."""
    import torch

    return values if values.dtype in (torch.float32, torch.float64) else values.float()


def counting_type(device: torch.device) -> torch.dtype:
    """The type that counts add up in: float64 (exact to 2^53), or float32 on MPS, which has no float64."""
    import torch

    return torch.float32 if device.type == "mps" else torch.float64
