"""Muon for matrices and AdamW for everything else, as one optimizer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.optim import AdamW, Optimizer

Group = dict[str, Any]


class MuonWithAdamW(Optimizer):
    """One list of groups and one state over two of torch's optimizers; ``algorithm`` says whose a group is.

    Args:
        matrices: groups of parameters with two dimensions.
        others: groups of all other parameters.
        lr: learning rate of groups that have none of their own.
        muon: settings of ``torch.optim.Muon``.
        adamw: settings of ``torch.optim.AdamW``.
    """

    def __init__(
        self, matrices: Sequence[Group], others: Sequence[Group], *, lr: float, muon: Group, adamw: Group
    ) -> None:
        named = [
            *({**muon, **group, "algorithm": "muon"} for group in matrices),
            *({**adamw, **group, "algorithm": "adamw"} for group in others),
        ]
        super().__init__(named, {"lr": lr})
        self._share()

    @torch.no_grad()
    def step(self, closure: Callable[[], Tensor] | None = None) -> Tensor | None:  # type: ignore[override]
        """One update of both kinds from the gradients that are there."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for optimizer in self._both:
            optimizer.step()
        return loss

    def __setstate__(self, state: dict[str, Any]) -> None:
        # also how loading, copying and unpickling end, each of which brings new groups and states
        super().__setstate__(state)
        self._share()

    def _share(self) -> None:
        """Let the two optimizers work on this one's groups and states themselves, not on copies."""
        self._both: list[Optimizer] = []
        for algorithm, make in (("muon", torch.optim.Muon), ("adamw", AdamW)):
            groups = [group for group in self.param_groups if group["algorithm"] == algorithm]
            if groups:
                optimizer = make(groups)
                optimizer.state = self.state
                self._both.append(optimizer)
