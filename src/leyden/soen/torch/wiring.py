"""From a connection's description and tensors to what it does during one forward."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import cast

from torch import Tensor, nn

from ..connections import Connection, Nocc, Wicc
from .edges import Edge, Fixed, NoccEdge, WiccEdge
from .ends import Ends
from .noise import ShakenWeights
from .rates import Rates
from .sources import source


class Tensors(nn.Module):
    """Named buffers that are saved and moved with a network.

    Args:
        tensors: By name.
    """

    def __init__(self, tensors: Mapping[str, Tensor]) -> None:
        super().__init__()
        for name, tensor in tensors.items():
            self.register_buffer(name, tensor)

    def __getitem__(self, name: str) -> Tensor:
        return cast(Tensor, self._buffers[name])

    def __contains__(self, name: str) -> bool:
        return name in self._buffers

    def __iter__(self) -> Iterator[str]:
        return iter(self._buffers)


def edge(
    connection: Connection,
    weight: Tensor,
    mask: Tensor,
    ends: Ends | None,
    dt: Tensor,
    rates: Rates | None,
    disturbed: ShakenWeights | None,
    *,
    as_fixed: bool = False,
) -> Edge:
    """What a connection does.

    Args:
        connection: Its description.
        weight: (to, from), masked and quantised.
        mask: Which weights exist.
        ends: Where each of its circuits starts and ends, where it has circuits.
        dt: Time step.
        rates: The rate table, where a circuit needs one.
        disturbed: Noise on the weights.
        as_fixed: Whether to leave the multiplier circuits out.
    """
    settings = connection.params.connection_params
    if settings is None or ends is None or as_fixed:
        return Fixed(weight, disturbed)
    g = source(settings.source_func, rates)
    if isinstance(settings, Wicc):
        return WiccEdge(settings, weight, mask, ends, dt, g, disturbed)
    assert isinstance(settings, Nocc)
    return NoccEdge(settings, weight, mask, ends, dt, g, disturbed)
