"""The contract of optimizers: a function from parameter groups to a ``torch.optim.Optimizer``."""

from __future__ import annotations

from leyden.spec.parts import Kind

optimizer = Kind("optimizer", machinery=("groups",))


class Optimizer:
    """Annotation for signatures that take any optimizer part."""


optimizer.contract(Optimizer)
