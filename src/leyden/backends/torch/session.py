"""The live state of one fit, and what callbacks see of it. Plain values; the tensors are elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from leyden.callbacks.callback import Callback
from leyden.data.plan import Plan, Position
from leyden.schedules.schedule import Horizon
from leyden.trackers.tracker import Tracker


class Session:
    """Where a fit stands. Callbacks get it as their `Fit`.

    Args:
        plan: Steps and borders.
        callbacks: Ours; Lightning's are the trainer's.
        trackers: Where numbers go; none on ranks other than 0.
    """

    def __init__(self, plan: Plan, callbacks: Sequence[Callback], trackers: Sequence[Tracker]) -> None:
        self.plan = plan
        self.position = Position()
        self.horizon = Horizon(steps=plan.total_steps, steps_per_epoch=plan.steps_per_epoch)
        self.callbacks = list(callbacks)
        self.trackers = list(trackers)
        self.metrics: dict[str, float] = {}
        self.recorded: dict[str, int] = {}  # after how many steps each was measured
        self.restores = 0  # times that the run has gone back to a checkpoint with half the learning rate
        self.reason = ""  # why a callback wants the fit to end
        self.read_rates: Callable[[], Mapping[str, float]] = dict[str, float]
        self.mirror: Callable[[Mapping[str, float]], None] = lambda values: (
            None
        )  # into Lightning's callback_metrics

    @property
    def watchers(self) -> list[Callback]:
        """Callbacks that look at every window."""
        return [c for c in self.callbacks if type(c).on_step_end is not Callback.on_step_end]

    @property
    def step(self) -> int:
        """Optimizer steps completed."""
        return self.position.step

    @property
    def epoch(self) -> int:
        """The running epoch."""
        return self.plan.epoch(self.position)

    @property
    def total_steps(self) -> int:
        """Optimizer steps of the whole run."""
        return self.plan.total_steps

    @property
    def samples(self) -> int:
        """Samples trained on, over all devices and epochs."""
        plan = self.plan
        epochs, steps = divmod(self.position.step, plan.steps_per_epoch)
        whole = min(plan.steps_per_epoch * plan.batch_size, plan.samples)
        return epochs * whole + min(steps * plan.batch_size, plan.samples)

    @property
    def rates(self) -> Mapping[str, float]:
        """Learning rates of the last step."""
        return self.read_rates()

    def slowdown(self) -> float:
        """Factor of every learning rate."""
        return 0.5**self.restores

    def log(self, values: Mapping[str, float], /) -> None:
        """Hand numbers to every tracker at the current step."""
        self.record(self.position.step, values)

    def record(self, step: int, values: Mapping[str, float]) -> None:
        """Remember numbers measured after ``step`` optimizer steps, and hand them to every tracker."""
        if not values:
            return
        self.note(step, values)
        self.mirror(values)
        for tracker in self.trackers:
            tracker.log(step, values)

    def note(self, step: int, values: Mapping[str, float]) -> None:
        """Remember numbers measured after ``step`` optimizer steps."""
        self.metrics.update(values)
        self.recorded.update(dict.fromkeys(values, step))

    def fresh(self) -> dict[str, float]:
        """What was measured at the present step; a checkpoint is ranked by nothing older."""
        return {name: value for name, value in self.metrics.items() if self.recorded[name] == self.step}

    def stop(self, reason: str, /) -> None:
        """End the fit at the next border, in good order."""
        self.reason = self.reason or reason

    def call(self, hook: str, *args: Any) -> None:
        """Call a hook of every callback, in the order of the run file."""
        for callback in self.callbacks:
            getattr(callback, hook)(self, *args)

    def state(self) -> dict[str, Any]:
        """Everything of this page that must survive a restart."""
        return {
            "position": {"step": self.position.step, "pending": self.position.pending},
            "reason": self.reason,
            "restores": self.restores,
            "metrics": dict(self.metrics),
            "recorded": dict(self.recorded),
            "callbacks": {
                n: s for n, c in zip(names(self.callbacks), self.callbacks, strict=True) if (s := c.state())
            },
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from what `state` gave; a callback that was not part of the run then begins anew."""
        self.position.step = int(state["position"]["step"])
        self.position.pending = state["position"]["pending"]
        self.reason = state["reason"]
        self.restores = max(self.restores, int(state["restores"]))
        self.metrics = dict(state["metrics"])
        self.recorded = dict(state["recorded"])
        for name, callback in zip(names(self.callbacks), self.callbacks, strict=True):
            if name in state["callbacks"]:
                callback.restore(state["callbacks"][name])


def names(parts: Sequence[object]) -> list[str]:
    """A name for each of several objects: its class, numbered from the second of a class on."""
    seen: dict[str, int] = {}
    result: list[str] = []
    for part in parts:
        name = type(part).__name__
        seen[name] = seen.get(name, 0) + 1
        result.append(name if seen[name] == 1 else f"{name}/{seen[name]}")
    return result
