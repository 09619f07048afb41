"""How many threads are worth their start."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

import torch

#: source function evaluations and multiplications below which a second thread costs more than it saves
SMALL = 4e6
#: a source function costs about as much as so many multiplications
EVALUATION = 80
#: elements of a step up to which a second thread costs more than it saves
FEW = 8192


def worthwhile(batch: int, work: float) -> int:
    """Threads for a call of the kernel that does so much ``work``."""
    return 1 if work < SMALL else max(1, min(torch.get_num_threads(), batch))


@contextmanager
def few_threads(elements: int) -> Generator[None]:
    """One thread inside the block where steps have few elements.

    Other threads keep theirs, but one whose first work on torch falls into the block starts with one.

    Args:
        elements: Of a step.
    """
    before = torch.get_num_threads()
    if elements > FEW or before == 1:
        yield
        return
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
