"""How tensors lie in memory, and what a library that reads them there must be able to expect."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from ..problems import CircuitError

#: where a tensor is, and its strides
Place = tuple[int | None, tuple[int, ...]]
NOWHERE: Place = (None, (0,))


def places(tensors: Sequence[Tensor | None]) -> list[Place]:
    """Where tensors are."""
    return [NOWHERE if t is None else (t.data_ptr(), t.stride()) for t in tensors]


def followed(t: Tensor, strided: bool = True) -> Tensor:
    """The tensor laid out such that only its samples may lie apart, where they may."""
    return t if strided and t.dim() == 3 and rows_follow(t) else t.contiguous()


def rows_follow(t: Tensor) -> bool:
    """Whether the steps of a sample lie one behind the other; samples may lie apart."""
    return t.stride(2) == 1 and t.stride(1) == t.shape[2]


def refuse_mixture(tensors: Sequence[Tensor | None]) -> None:
    """A kernel reads numbers of one precision from one memory, whatever they are.

    Raises:
        CircuitError: The tensors differ in type or device.
    """
    kinds = {(t.dtype, t.device) for t in tensors if t is not None}
    if len(kinds) > 1:
        found = " and ".join(
            sorted(f"{str(dtype).removeprefix('torch.')} on {device}" for dtype, device in kinds)
        )
        rule = "a circuit computes in one precision on one device"
        raise CircuitError(
            [f"{rule}, but got {found}; write network.to(dtype=..., device=...)"], "the tensors"
        )
