"""Pure step arithmetic of a run: epochs, windows, validations and the end, functions of the optimizer step.

A *step* is one optimizer step; a *window* is what the fit loop takes in one call: up to ``steps_per_call`` of
them. ``border(step)`` ends the window that starts at ``step``. With 10 steps an epoch, 4 steps a call and a
validation every 3 steps, the windows of the first epoch are

    steps     0   1   2 | 3 | 4   5 | 6   7 | 8 | 9 | 10  ...
    why it ends         3   4       3       4   3   epoch
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations
from typing import Literal

Pending = Literal["", "validate", "epoch_end"]


@dataclass(slots=True)
class Position:
    """The only loop state of a run: optimizer steps done, and what the border at ``step`` still owes."""

    step: int = 0
    pending: Pending = ""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """How long a run is and where its borders are. Every method costs the same for any step.

    Args:
        samples: Positions in one epoch (the sampler's length), over all devices.
        batch_size: Samples of one optimizer step, over all devices.
        drop_last: Leave out an epoch's ragged last step.
        steps_per_call: Most steps in one window.
        max_steps: Optimizer steps after which the run ends; -1 for no such limit.
        max_epochs: Epochs after which the run ends; -1 for no such limit.
        validate_every_steps: Validate after each multiple of so many steps; 0 for never.
        validate_every_epochs: Validate at the end of each so-manieth epoch; 0 for never.
        limit_steps: Most steps in one epoch; -1 for no such limit.

    Raises:
        ValueError: A number is out of range, or there would be no step at all.
    """

    samples: int
    batch_size: int
    drop_last: bool = False
    steps_per_call: int = 1
    max_steps: int = -1
    max_epochs: int = -1
    validate_every_steps: int = 0
    validate_every_epochs: int = 1
    limit_steps: int = -1

    def __post_init__(self) -> None:
        for name, least in (
            ("batch_size", 1),
            ("steps_per_call", 1),
            ("validate_every_steps", 0),
            ("validate_every_epochs", 0),
        ):
            if getattr(self, name) < least:
                raise ValueError(f"{name} must be at least {least}, but got {getattr(self, name)}")
        for name in ("max_steps", "max_epochs", "limit_steps"):
            if getattr(self, name) < 1 and getattr(self, name) != -1:
                raise ValueError(
                    f"{name} must be at least 1, or -1 for no limit, but got {getattr(self, name)}"
                )
        if self.max_steps == -1 and self.max_epochs == -1:
            raise ValueError("a run must end, but neither max_steps nor max_epochs is given; set one of them")
        if self.samples < 1:
            raise ValueError(
                f"training needs at least one sample, but got {self.samples}; look at the data and its limit"
            )
        if self.drop_last and self.samples < self.batch_size:
            raise ValueError(
                f"drop_last leaves no step: {self.samples} samples are fewer than batch_size "
                f"{self.batch_size}; set drop_last to false or batch_size to at most {self.samples}"
            )

    @cached_property
    def steps_per_epoch(self) -> int:
        """Optimizer steps in one epoch, a ragged last one included unless it is dropped."""
        steps = self.samples // self.batch_size if self.drop_last else -(-self.samples // self.batch_size)
        return steps if self.limit_steps == -1 else min(steps, self.limit_steps)

    @cached_property
    def total_steps(self) -> int:
        """Optimizer steps of the whole run."""
        limits = [self.max_steps] if self.max_steps != -1 else []
        if self.max_epochs != -1:
            limits.append(self.max_epochs * self.steps_per_epoch)
        return min(limits)

    @property
    def validations(self) -> int:
        """How often the whole run validates."""
        return _multiples(self.total_steps, self._validation_periods)

    def epoch(self, position: Position) -> int:
        """The epoch a position is in; an epoch whose end still owes work has not ended."""
        epoch, within = divmod(position.step, self.steps_per_epoch)
        return epoch - 1 if position.pending and within == 0 else epoch

    def border(self, step: int) -> int:
        """The step at which the window that starts at ``step`` ends (exclusive), also past the run's end."""
        end = min([step - step % period + period for period in self._periods])
        return self.total_steps if step < self.total_steps < end else end

    def validation_due(self, step: int) -> bool:
        """Whether a validation follows once ``step`` steps are done."""
        return step > 0 and any(step % period == 0 for period in self._validation_periods)

    def epoch_ends(self, step: int) -> bool:
        """Whether an epoch is complete once ``step`` steps are done."""
        return step > 0 and step % self.steps_per_epoch == 0

    def windows_before(self, step: int) -> int:
        """Windows of the run that end at or before ``step``."""
        cut = step >= self.total_steps and all(self.total_steps % period for period in self._periods)
        return _multiples(step, self._periods) + cut

    def windows(self, epoch: int) -> int:
        """Windows of one epoch; fewer where the run ends inside it."""
        first, end = self._bounds(epoch)
        return self.windows_before(end) - self.windows_before(first) if end > first else 0

    def starts(self, epoch: int) -> Iterator[int]:
        """First steps of the windows of one epoch."""
        step, end = self._bounds(epoch)
        while step < end:
            yield step
            step = self.border(step)

    def positions(self, step: int) -> tuple[int, int, int]:
        """Epoch of a step, and its first position in that epoch and the one after its last."""
        epoch, within = divmod(step, self.steps_per_epoch)
        first = within * self.batch_size
        return epoch, first, min(first + self.batch_size, self.samples)

    def _bounds(self, epoch: int) -> tuple[int, int]:
        first = epoch * self.steps_per_epoch
        return first, min(first + self.steps_per_epoch, self.total_steps)

    @cached_property
    def _periods(self) -> tuple[int, ...]:
        by_step = (self.validate_every_steps,) if self.validate_every_steps else ()
        return (self.steps_per_epoch, self.steps_per_call, *by_step)

    @cached_property
    def _validation_periods(self) -> tuple[int, ...]:
        by_step = (self.validate_every_steps,) if self.validate_every_steps else ()
        by_epoch = (self.validate_every_epochs * self.steps_per_epoch,) if self.validate_every_epochs else ()
        return by_step + by_epoch


def _multiples(last: int, periods: tuple[int, ...]) -> int:
    """How many of 1..last are a multiple of any period, by inclusion and exclusion."""
    return sum(
        (-1) ** (size + 1) * (last // math.lcm(*chosen))
        for size in range(1, len(periods) + 1)
        for chosen in combinations(periods, size)
    )


def share(count: int, rank: int, world: int) -> tuple[int, int]:
    """First and end of rank ``rank``'s contiguous share of ``count``; shares differ by one at most."""
    return count * rank // world, count * (rank + 1) // world


def arithmetic(plan: Plan, micro: int | Literal["auto"], devices: int, nodes: int) -> str:
    """How a step's samples are cut, and how many steps there are, in two sentences for ``leyden check``."""
    world = devices * nodes
    largest = -(-plan.batch_size // world)
    size = largest if micro == "auto" else min(micro, largest)
    pieces = -(-largest // size)
    exact = size * pieces * world == plan.batch_size
    product = f"{size} (micro-batch) x {pieces} (pieces) x {devices} (devices) x {nodes} (nodes)"
    cut = f"batch size {plan.batch_size} = {product}"
    if not exact:
        cut = f"batch size {plan.batch_size}: at most {product}, shares and pieces as even as they come"
    ragged = plan.samples - (plan.steps_per_epoch - 1) * plan.batch_size
    last = f", the last with {_counted(ragged, 'sample')}" if 0 < ragged < plan.batch_size else ""
    epoch = f"{_counted(plan.samples, 'sample')}: {_counted(plan.steps_per_epoch, 'step')} an epoch{last}"
    run = f"{_counted(plan.total_steps, 'step')} and {_counted(plan.validations, 'validation')} in all"
    return f"{cut}.\n{epoch}; {run}."


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
