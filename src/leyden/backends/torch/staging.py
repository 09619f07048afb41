"""Copies of a checkpoint's tensors, in host memory that is allocated once and used for every checkpoint."""

from __future__ import annotations

from typing import Any, cast

import torch
from torch import Tensor


class Staging:
    """Holds one checkpoint while it is written, so that training may change its tensors meanwhile.

    On an accelerator the copies are queued behind what was computed before; the host waits for them in
    `ready`, which the writer calls, and never in the loop.
    """

    def __init__(self) -> None:
        self._held: dict[str, Tensor] = {}
        self._copied: dict[tuple[Any, ...], Tensor] = {}
        self._devices: set[torch.device] = set()
        self._done: list[Any] = []

    def copy(self, tree: Any) -> Any:
        """The same tree of plain values, every tensor in it a copy; what shared memory still shares it.

        The copies of the tree before are overwritten, so its writer must be done.
        """
        self._copied = {}
        staged = self._walk(tree, "")
        cards = [device for device in self._devices if device.type == "cuda"]
        self._done = [torch.cuda.current_stream(device).record_event() for device in cards]
        return staged

    def ready(self) -> None:
        """Wait until every copy is there."""
        for event in self._done:
            event.synchronize()

    def _walk(self, value: Any, at: str) -> Any:
        if isinstance(value, Tensor):
            return self._tensor(value, at)
        if isinstance(value, dict):
            return {
                key: self._walk(item, f"{at}.{key}") for key, item in cast("dict[Any, Any]", value).items()
            }
        if isinstance(value, list):
            return [self._walk(item, f"{at}.{index}") for index, item in enumerate(cast("list[Any]", value))]
        return value

    def _tensor(self, source: Tensor, at: str) -> Tensor:
        key = (source.data_ptr(), source.dtype, source.shape, source.stride(), source.device)
        if source.numel() and key in self._copied:
            return self._copied[key]
        held = self._held.get(at)
        if held is None or held.shape != source.shape or held.dtype != source.dtype:
            pinned = source.device.type == "cuda"
            held = torch.empty_like(source, device="cpu", pin_memory=pinned, requires_grad=False)
            self._held[at] = held
        self._devices.add(source.device)
        self._copied[key] = held.copy_(source, non_blocking=True)
        return held
