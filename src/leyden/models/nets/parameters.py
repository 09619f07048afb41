"""How many parameters a model has, where, and what they weigh."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain

from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from leyden.spec.errors import UserError


@dataclass(frozen=True, kw_only=True)
class Row:
    """One module, with everything below it."""

    path: str  # "" is the model itself
    kind: str  # class name
    total: int
    trainable: int
    dtypes: tuple[str, ...]
    bytes: int
    share: float  # of all the model's parameters

    @property
    def frozen(self) -> int:
        """Parameters that take no gradient."""
        return self.total - self.trainable


def num_parameters(module: nn.Module, *, trainable_only: bool = False) -> int:
    """Numbers in all parameters, shared ones counted once.

    Raises:
        UserError: a lazy parameter that has no shape yet.
    """
    return sum(p.numel() for p in _parameters(module) if p.requires_grad or not trainable_only)


def num_buffers(module: nn.Module) -> int:
    """Numbers in all buffers, e.g. running means, shared ones counted once."""
    return sum(b.numel() for b in module.buffers())


def size_bytes(module: nn.Module, *, include_buffers: bool = True) -> int:
    """Memory of parameters and buffers, shared ones counted once."""
    tensors: Iterator[Tensor] = chain(_parameters(module), module.buffers() if include_buffers else ())
    return sum(t.numel() * t.element_size() for t in tensors)


def parameter_table(module: nn.Module, *, depth: int = 1) -> list[Row]:
    """One row for the model and one for each module down to ``depth`` that has parameters.

    A parameter that two modules share is in both of their rows, and once in the model's.
    """
    everything = num_parameters(module)
    named = [(path, m) for path, m in module.named_modules() if len(path.split(".")) <= depth or not path]
    rows = [_row(path, m, everything) for path, m in named]
    return [row for row in rows if row.total or not row.path]


def _row(path: str, module: nn.Module, everything: int) -> Row:
    total = num_parameters(module)
    return Row(
        path=path,
        kind=type(module).__name__,
        total=total,
        trainable=num_parameters(module, trainable_only=True),
        dtypes=tuple(sorted({str(p.dtype).removeprefix("torch.") for p in module.parameters()})),
        bytes=size_bytes(module, include_buffers=False),
        share=total / everything if everything else 0.0,
    )


def _parameters(module: nn.Module) -> Iterator[nn.Parameter]:
    for name, parameter in module.named_parameters():
        if is_lazy(parameter):
            raise UserError(
                f"parameters must have a shape to be counted, but {name} takes its shape from the first "
                "batch; push one batch through the model before"
            )
        yield parameter
