"""Where each circuit of a connection starts and ends."""

from __future__ import annotations

from torch import Tensor, nn


class Ends(nn.Module):
    """The two nodes of every existing weight of a connection, row by row of the mask.

    They are looked up once, since their number depends on the data: compiled and exported programs have them
    as constants.

    Args:
        mask: Which weights exist, (to, from).
    """

    stop: Tensor  # (edges,)
    start: Tensor  # (edges,)

    def __init__(self, mask: Tensor) -> None:
        super().__init__()
        for name, nodes in zip(("stop", "start"), _looked_up(mask), strict=True):
            self.register_buffer(name, nodes, persistent=False)
        self._mask, self._version = mask, _version(mask)

    def follow(self, mask: Tensor) -> None:
        """Look them up again if the mask is another one, or has been written to."""
        if mask is self._mask and _version(mask) == self._version != UNKNOWN:
            return
        self.stop, self.start = _looked_up(mask)
        self._mask, self._version = mask, _version(mask)


UNKNOWN = -1


def _looked_up(mask: Tensor) -> tuple[Tensor, Tensor]:
    stop, start = mask.nonzero(as_tuple=True)
    # apart from each other: a file of a program has whole storages
    return stop.clone(), start.clone()


def _version(tensor: Tensor) -> int:
    """How often a tensor has been written to; tensors made for inference alone do not count that."""
    return UNKNOWN if tensor.is_inference() else tensor._version
