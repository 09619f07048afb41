"""A fit that callbacks can be shown without training anything."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass
class FakeFit:
    """Remembers what callbacks log and ask."""

    step: int = 0
    epoch: int = 0
    total_steps: int = 100
    samples: int = 0
    metrics: Mapping[str, float] = field(default_factory=dict)
    rates: Mapping[str, float] = field(default_factory=dict)
    logged: list[tuple[int, dict[str, float]]] = field(default_factory=list)
    reason: str = ""

    def log(self, values: Mapping[str, float], /) -> None:
        self.logged.append((self.step, dict(values)))

    def stop(self, reason: str, /) -> None:
        self.reason = self.reason or reason
