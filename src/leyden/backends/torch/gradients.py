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
        self._absent: list[bool] = []  # of `parameters`, which had no gradient of this rank's
        self._rooms: dict[torch.dtype, Tensor] = {}  # a bucket of each type

    def present(self) -> list[Tensor]:
        """Gradients of the parameters that took part."""
        return [p.grad for p in self.parameters if p.grad is not None]

    def drop(self) -> None:
        """Forget all gradients."""
        for parameter in self.parameters:
            parameter.grad = None
        self._rooms = {}

    def reserve(self) -> None:
        """Take all memory that `reduce` needs; where there is none, no rank waits in a reduction yet."""
        if self.place.world == 1:
            return
        self._absent = [p.grad is None for p in self.parameters]
        for parameter, absent in zip(self.parameters, self._absent, strict=True):
            if absent:
                parameter.grad = torch.zeros_like(parameter)
        for tensors in _by_type([*self.present(), *self.buffers]):
            sizes = [tensor.numel() for tensor in tensors]
            room = torch.empty(
                min(sum(sizes), max(BUCKET, *sizes)), dtype=tensors[0].dtype, device=self.place.device
            )
            self._rooms[room.dtype] = room

    @torch.no_grad()
    def reduce(self) -> None:
        """Replace gradients by their sums over the ranks, and buffers by their means; after `reserve`."""
        self._agree_on_presence()
        if self.buffers:
            torch._foreach_div_(self.buffers, self.place.world)
        for bucket in _buckets([*self.present(), *self.buffers]):
            sizes = [tensor.numel() for tensor in bucket]
            flat = self._rooms[bucket[0].dtype][: sum(sizes)]
            sums = [part.view(t.shape) for part, t in zip(flat.split(sizes), bucket, strict=True)]
            torch._foreach_copy_(sums, bucket)
            self.place.sum_over_ranks([flat])
            torch._foreach_copy_(bucket, sums)
        self._rooms = {}

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
        if not self.place.vote.largest(int(any(self._absent)))[0]:
            return
        present = self.place.vote.largest(*(int(not absent) for absent in self._absent))
        for parameter, somewhere in zip(self.parameters, present, strict=True):
            if not somewhere:
                parameter.grad = None


def _by_type(tensors: Sequence[Tensor]) -> list[list[Tensor]]:
    """Tensors of one type each, in the order given."""
    of_type: dict[torch.dtype, list[Tensor]] = {}
    for tensor in tensors:
        of_type.setdefault(tensor.dtype, []).append(tensor)
    return list(of_type.values())


def _buckets(tensors: Sequence[Tensor]) -> list[list[Tensor]]:
    """Tensors of one type each, in the order given, at most `BUCKET` elements unless one alone is larger."""
    buckets: list[list[Tensor]] = []
    for of_type in _by_type(tensors):
        buckets.append([])
        for tensor in of_type:
            if buckets[-1] and sum(t.numel() for t in buckets[-1]) + tensor.numel() > BUCKET:
                buckets.append([])
            buckets[-1].append(tensor)
    return buckets
