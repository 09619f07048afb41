"""Learning rates as a function of the optimizer step, written into the optimizer's groups."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from torch.optim import Optimizer

from leyden.schedules.schedule import Horizon, MeasuredSchedule, Schedule


class Rates:
    """Writes the learning rate of each step into every group, in proportion to the group's first rate.

    Args:
        optimizer: As built; its default learning rate is the schedule's base.
        schedules: target -> schedule; ``lr`` is read here.
        measured: Schedules of loss weights that follow a metric, by name, so that one place tells all of
            them.
        horizon: The run's length.

    Raises:
        ValueError: A schedule is given for an optimizer without a learning rate.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        schedules: Mapping[str, Schedule],
        measured: Mapping[str, MeasuredSchedule],
        horizon: Horizon,
    ) -> None:
        self.optimizer = optimizer
        self.horizon = horizon
        self.factor: Callable[[], float] = lambda: 1.0
        self.schedule = schedules.get("lr")
        self.base = float(optimizer.defaults.get("lr", 0.0))
        if self.schedule is not None and not self.base:
            raise ValueError(
                "schedules.lr needs an optimizer with a learning rate above 0, but "
                f"{type(optimizer).__name__} has {optimizer.defaults.get('lr')}; "
                "set optimizer.lr or drop the schedule"
            )
        self.shares = [group["lr"] / self.base if self.base else 1.0 for group in optimizer.param_groups]
        lr = {"lr": self.schedule} if isinstance(self.schedule, MeasuredSchedule) else {}
        self.measured: dict[str, MeasuredSchedule] = {**lr, **measured}

    def write(self, step: int) -> None:
        """Set what optimizer step ``step`` uses."""
        factor = self.factor()
        if self.schedule is None and factor == 1.0:
            return
        plain = self.base if self.schedule is None else self.schedule.value(step, self.base, self.horizon)
        rate = plain * factor
        for group, share in zip(self.optimizer.param_groups, self.shares, strict=True):
            group["lr"] = rate * share

    def current(self) -> dict[str, float]:
        """The rate of the last step by group: ``lr``, and ``lr/1`` ... where there are several groups."""
        groups = self.optimizer.param_groups
        rates = [float(group["lr"]) for group in groups if "lr" in group]
        return {("lr" if index == 0 else f"lr/{index}"): rate for index, rate in enumerate(rates)}

    def observe(self, step: int, metrics: Mapping[str, float]) -> None:
        """Tell the schedules that follow a metric what a validation gave."""
        for name, schedule in self.measured.items():
            schedule.observe(step, metrics, self.base if name == "lr" else 1.0, self.horizon)

    def state(self) -> dict[str, Any]:
        """State of the schedules that have one."""
        return {name: schedule.state() for name, schedule in self.measured.items()}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from what `state` gave."""
        for name, schedule in self.measured.items():
            schedule.restore(state[name])
