"""The contract of callbacks: hooks that read plain values and may ask the run to stop."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from leyden.spec.parts import Kind

callback = Kind("callback")


class Fit(Protocol):
    """What a callback may see of a running fit and ask of it. All numbers are host values."""

    @property
    def step(self) -> int:
        """Optimizer steps completed."""
        ...

    @property
    def epoch(self) -> int:
        """The running epoch; at an epoch's end still that one."""
        ...

    @property
    def total_steps(self) -> int:
        """Optimizer steps of the whole run."""
        ...

    @property
    def samples(self) -> int:
        """Samples trained on, over all devices and epochs."""
        ...

    @property
    def rates(self) -> Mapping[str, float]:
        """Learning rates of the last step: ``lr``, and ``lr/1`` ... for further parameter groups."""
        ...

    @property
    def metrics(self) -> Mapping[str, float]:
        """The newest value of everything measured, e.g. ``val/loss``."""
        ...

    def log(self, values: Mapping[str, float], /) -> None:
        """Hand numbers to every tracker at the current step."""
        ...

    def stop(self, reason: str, /) -> None:
        """End the fit at the next border, in good order."""
        ...


@callback.contract
class Callback:
    """Eight hooks; override what you need. ``docs/design.md`` draws the order within a step.

    Values are the same on every rank, so every rank decides the same; only rank 0 has trackers to log to.
    """

    #: metrics that this callback reads; checked against what the run measures before anything is built
    monitors: tuple[str, ...] = ()

    def on_fit_start(self, fit: Fit, /) -> None: ...

    def on_step_end(self, fit: Fit, /) -> None:
        """After a call of K optimizer steps (``trainer.steps_per_call``); must not read device memory."""

    def on_log(self, fit: Fit, values: Mapping[str, float], /) -> None:
        """Every ``log_every_n_steps``, with the training values just read back from the device."""

    def on_validation_end(self, fit: Fit, metrics: Mapping[str, float], /) -> None: ...

    def on_epoch_end(self, fit: Fit, /) -> None: ...

    def on_fit_end(self, fit: Fit, error: BaseException | None, /) -> None: ...

    def state(self) -> dict[str, Any]:
        """What must survive a restart: plain containers, numbers, strings and arrays."""
        return {}

    def restore(self, state: Mapping[str, Any], /) -> None: ...
