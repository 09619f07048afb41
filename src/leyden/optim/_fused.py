"""Whether an optimizer updates all parameters in one kernel."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import TYPE_CHECKING, Any

from leyden.spec.errors import UserError

if TYPE_CHECKING:
    from torch.optim import Optimizer


def with_fused(
    make: Callable[..., Optimizer],
    groups: Sequence[dict[str, Any]],
    fused: bool | None,
    devices: Collection[str] = ("cpu", "cuda"),
    /,
    **settings: Any,
) -> Optimizer:
    """``make(groups, **settings)``, fused where that is wanted, or left open and possible for all parameters.

    One kernel is as reproducible as many: the same numbers in the same order on one machine. ``devices`` are
    those on which torch has had it since 2.6 and it is tested here.

    Raises:
        UserError: fused is wanted for parameters that the kernel does not take.
    """
    tensors = [parameter for group in groups for _, parameter in group["params"]]
    fits = all(t.device.type in devices and t.is_floating_point() for t in tensors)
    if fused and not fits:
        kinds = ", ".join(sorted({f"{t.dtype} on {t.device.type}".removeprefix("torch.") for t in tensors}))
        raise UserError(
            f"fused: true is for real parameters on {' or '.join(devices)}, but the model's are {kinds}; "
            "leave fused out"
        )
    # None, not False: False would also turn off torch's second best, one loop over many tensors
    return make(groups, fused=True if fits and fused is not False else None, **settings)
