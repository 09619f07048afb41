"""Dale's law: which nodes of a layer only excite and which only inhibit."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal, Self

import numpy as np
from pydantic import BeforeValidator, Field, ValidationInfo, model_validator

from leyden.spec.unions import OneOf

from .array_file import ArrayFile, one_of_few
from .frozen import Frozen, mended, whole
from .problems import CircuitError


class RandomPolarity(Frozen):
    """A random share of excitatory nodes.

    Args:
        excitatory_ratio: Share of nodes that excite.
        seed: Of the draw; without one, layers are drawn one after the other from the circuit's own.
    """

    excitatory_ratio: Annotated[float, Field(ge=0, le=1)] = 0.8
    seed: Annotated[int, Field(ge=0, lt=2**32)] | None = None


class Polarity(Frozen):
    """The sign of what each node of a source layer passes on: 1 excites, -1 inhibits, 0 is free.

    Args:
        polarity: One of -1, 0, 1 for each node.
        polarity_file: A `.npy` file with the same, or a `.npz` that has them as `polarity`.
        polarity_init: Alternating, all excitatory, all inhibitory, or a random share.
        polarity_enforcement_method: What becomes of first weights of the wrong sign: turned round, or zero.
    """

    polarity: list[Annotated[Literal[-1, 0, 1], BeforeValidator(whole)]] | None = None
    polarity_file: ArrayFile | None = None
    polarity_init: Annotated[
        Literal["alternating", "50_50", "excitatory", "inhibitory"] | RandomPolarity | None, OneOf()
    ] = None
    polarity_enforcement_method: Literal["sign_flip", "clip_to_zero"] = "sign_flip"

    @model_validator(mode="after")
    def _once(self, info: ValidationInfo) -> Self:
        told = [
            key for key in ("polarity", "polarity_file", "polarity_init") if getattr(self, key) is not None
        ]
        if len(told) > 1 and not mended(info, f"{told[0]} in place of {told[1]}"):
            raise ValueError(f"takes one of {' and '.join(told)}, not both")
        return self

    @property
    def polarised(self) -> bool:
        """Whether any node has a sign."""
        return not (self.polarity is None and self.polarity_file is None and self.polarity_init is None)

    @property
    def told(self) -> bool:
        """Whether the signs can be had from the description alone, without a draw or a file that has gone."""
        if not self.polarised or self.polarity is not None:
            return True
        if self.polarity_file is not None:
            return Path(self.polarity_file).is_file()
        return not isinstance(self.polarity_init, RandomPolarity) or self.polarity_init.seed is not None

    def signs(self, width: int, generator: np.random.RandomState) -> np.ndarray[Any, Any]:
        """The sign of each node, int64 of shape (width,).

        Args:
            width: Number of nodes.
            generator: Of a random share without a seed of its own.

        Raises:
            CircuitError: The file cannot be used or the length differs from the number of nodes.
        """
        init = self.polarity_init
        if self.polarity is not None:
            found = np.asarray(self.polarity)
        elif self.polarity_file is not None:
            found = one_of_few(self.polarity_file, "polarity", (width,), (-1, 0, 1))
        elif isinstance(init, RandomPolarity):
            # the original's draw, on generators of our own: numpy's legacy stream decides which nodes inhibit
            generator = generator if init.seed is None else np.random.RandomState(init.seed)
            found = np.ones(width, dtype=np.int64)
            count = int(width * (1 - init.excitatory_ratio))
            found[generator.choice(width, size=count, replace=False)] = -1
        else:
            found = np.ones(width, dtype=np.int64)
            if init in ("alternating", "50_50"):
                found[1::2] = -1
            elif init == "inhibitory":
                found[:] = -1
        if found.shape != (width,):
            raise CircuitError(
                [f"polarity must have one sign for each of {width} nodes, but got {found.shape}"]
            )
        return found.astype(np.int64)
