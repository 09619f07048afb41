"""Whether an exported file computes what the model computes, on real samples and on other batch sizes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from leyden.backends.torch.export.format import Exportable, ExportError, Reader

#: largest difference allowed, as a part of the largest output (of 1, where outputs are smaller); runtimes sum
#: in another order, which costs float32 a few 1e-6, while a layer left in training mode costs 1e-1
TOLERANCE = 1e-4


@dataclass(frozen=True, kw_only=True)
class Parity:
    """How far the file's outputs are from the model's."""

    difference: float  # the largest, absolute
    scale: float  # the largest absolute output of the model
    batch_sizes: tuple[int, ...]


def compare(thing: Exportable, exported: Reader, batch_sizes: Sequence[int] = (1, 3, 8)) -> Parity:
    """Run both on the same samples in each batch size.

    Raises:
        ExportError: They differ by more than `TOLERANCE`, or the model's outputs are not finite.
    """
    differences: list[float] = []
    scales: list[float] = []
    for size in batch_sizes:
        inputs = {
            name: np.resize(tensor.numpy(), (size, *tensor.shape[1:]))
            for name, tensor in thing.samples.items()
        }
        with torch.no_grad():
            ours = thing.model(*(torch.from_numpy(array) for array in inputs.values())).numpy()
        theirs = _tried(exported, inputs, size)
        if not np.isfinite(ours).all():
            raise ExportError("the model's own outputs on the run's data are not finite")
        if ours.shape != theirs.shape:
            raise ExportError(
                f"a batch of {size}: the model's outputs are {ours.shape}, the exported file's {theirs.shape}"
            )
        scales.append(float(np.abs(ours).max(initial=0)))
        differences.append(float(np.abs(ours.astype(np.float64) - theirs).max(initial=0)))
    parity = Parity(difference=max(differences), scale=max(scales), batch_sizes=tuple(batch_sizes))
    if not parity.difference <= TOLERANCE * max(1.0, parity.scale):  # not <=, so that NaN is refused as well
        raise ExportError(
            f"the exported file differs from the model by {parity.difference:.3g} where outputs reach "
            f"{parity.scale:.3g}; at most {TOLERANCE:g} of that is allowed. Nothing was kept."
        )
    return parity


def _tried(exported: Reader, inputs: dict[str, np.ndarray], size: int) -> np.ndarray:
    try:
        return exported(inputs)
    except Exception as error:  # the reader is another runtime: its errors have no common class
        raise ExportError(f"the exported file does not run on a batch of {size}: {error}") from error
