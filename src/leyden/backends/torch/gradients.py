"""A step's gradients: their sum over the ranks, their norm, and clipping, without waiting for the device."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn

from .place import Place

BUCKET = 1 << 25  # elements reduced together; bounds the extra memory


class Gradients:
    """The gradients of a module's parameters, however they came to be.

    With several ranks the floating-point buffers (BatchNorm's statistics) are averaged in the same reduction,
    so that every rank holds the same model at every border. That is this package's policy for buffers: none
    is broadcast.

    Args:
        module: Whose parameters.
        place: This process.
        clip: Largest norm, or largest absolute value, by ``algorithm``; None to leave gradients as they are.
    """

    def __init__(
        self,
        module: nn.Module,
        place: Place,
        clip: float | None = None,
        algorithm: Literal["norm", "value"] = "norm",
    ) -> None:
        self.parameters = [p for p in module.parameters() if p.requires_grad]
        self.buffers = [b for b in module.buffers() if b.is_floating_point()]
        self.place = place
        self.clip_value = clip if algorithm == "value" else None
        self.clip_norm = clip if algorithm == "norm" else None
        #: the norm is one kernel a parameter on mixed devices or types; nearly every model has one of each
        self.uniform = len({(p.device, p.dtype) for p in self.parameters}) == 1

    def present(self) -> list[Tensor]:
        """Gradients of the parameters that took part."""
        return [p.grad for p in self.parameters if p.grad is not None]

    def drop(self) -> None:
        """Forget all gradients."""
        for parameter in self.parameters:
            parameter.grad = None

    @torch.no_grad()
    def reduce(self) -> None:
        """Replace gradients by their sums over the ranks, and buffers by their means."""
        self._agree_on_presence()
        tensors = [*self.present(), *self.buffers]
        if self.buffers:
            torch._foreach_div_(self.buffers, self.place.world)
        for bucket in _buckets(tensors):
            flat = torch.cat([tensor.reshape(-1) for tensor in bucket])
            self.place.sum_over_ranks([flat])
            sums = flat.split([tensor.numel() for tensor in bucket])
            torch._foreach_copy_(bucket, [s.view_as(t) for s, t in zip(sums, bucket, strict=True)])

    def norm(self, gradients: list[Tensor]) -> Tensor:
        """The global 2-norm, a scalar on the device; not finite where any gradient is not."""
        if self.uniform:
            norms = torch._foreach_norm(gradients)
            return torch.linalg.vector_norm(torch.stack(norms))
        return nn.utils.get_total_norm(gradients)

    def clip(self, gradients: list[Tensor], norm: Tensor) -> None:
        """Scale down to the largest norm, as ``clip_grad_norm_`` does, or clamp to the largest value."""
        if self.clip_norm is not None:
            scale = torch.clamp(self.clip_norm / (norm + 1e-6), max=1.0)
            torch._foreach_mul_(gradients, scale)  # pyright: ignore[reportCallIssue, reportArgumentType]
        elif self.clip_value is not None:
            torch._foreach_clamp_min_(gradients, -self.clip_value)
            torch._foreach_clamp_max_(gradients, self.clip_value)

    def _agree_on_presence(self) -> None:
        """A parameter that took part on any rank has a gradient on all; no other has one anywhere."""
        missing = any(p.grad is None for p in self.parameters)
        if not self.place.vote.largest(int(missing))[0]:
            return
        present = self.place.vote.largest(*(int(p.grad is not None) for p in self.parameters))
        for parameter, somewhere in zip(self.parameters, present, strict=True):
            if somewhere and parameter.grad is None:
                parameter.grad = torch.zeros_like(parameter)


def _buckets(tensors: Sequence[Tensor]) -> list[list[Tensor]]:
    """Tensors of one type each, in the order given, at most `BUCKET` elements unless one alone is larger."""
    buckets: dict[torch.dtype, list[list[Tensor]]] = {}
    for tensor in tensors:
        of_type = buckets.setdefault(tensor.dtype, [[]])
        if of_type[-1] and sum(t.numel() for t in of_type[-1]) + tensor.numel() > BUCKET:
            of_type.append([])
        of_type[-1].append(tensor)
    return [bucket for of_type in buckets.values() for bucket in of_type if bucket]
