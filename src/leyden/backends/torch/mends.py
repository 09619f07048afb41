"""What would make a training need less memory: settings of the run file, the cheapest first."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

#: share of the allocator's memory above which pieces that nobody can use are worth a word
FRAGMENTED = 0.2


@dataclass(frozen=True, kw_only=True)
class Need:
    """What a training takes, and how it is set.

    Args:
        run: The run's settings.
        own_module: Whether it is a user's LightningModule, with steps and an optimizer of its own.
        evaluates: Whether it ran out in an evaluation.
        tried: Samples that were too many at once.
        now: Samples that go through at once now; 0 where not even one does.
        held: Bytes that stay from step to step, by whose they are.
        activations: Bytes that ``tried`` samples keep of the forward pass; 0 where it is not known.
        device: Bytes that the device tells, by what they are.
    """

    run: Any
    own_module: bool
    evaluates: bool
    tried: int
    now: int
    held: Mapping[str, int]
    activations: int
    device: Mapping[str, int]


@dataclass(frozen=True)
class Mend:
    """A setting, how many bytes it saves (0: not known), and what it costs."""

    setting: str
    saves: int
    costs: str


def mends(need: Need) -> list[Mend]:
    """What helps, from what leaves the results alone to what changes the training."""
    return [*_samples(need), *_allocator(need), *_precision(need), *_state(need)]


def _samples(need: Need) -> list[Mend]:
    """Fewer samples at once."""
    half = need.now or need.tried // 2
    saves = need.activations * (need.tried - half) // max(1, need.tried)
    if not 0 < half < need.tried:
        return []
    if need.evaluates:
        return [Mend(f"data.eval_batch_size: {half}", saves, "nothing: an evaluation is a sum over samples")]
    if need.own_module:
        half = need.run.data.batch_size // 2
        return (
            [Mend(f"data.batch_size: {half}", saves, "another training: a batch is one step")] if half else []
        )
    return [Mend(f"data.micro_batch_size: {half}", saves, "nothing: the same update, to rounding")]


def _allocator(need: Need) -> list[Mend]:
    """Less memory that is reserved in pieces too small for what was asked."""
    idle = need.device.get("reserved", 0) - need.device.get("allocated", 0)
    if idle <= FRAGMENTED * need.device.get("reserved", 0):
        return []
    costs = "nothing; set in the environment, it lets the allocator join its pieces"
    return [Mend("PYTORCH_CUDA_ALLOC_CONF=expandable_segments:True", idle, costs)]


def _precision(need: Need) -> list[Mend]:
    """Smaller numbers."""
    half, now = need.activations // 2, need.run.trainer.precision
    kept = sum(need.held[name] for name in ("parameters", "gradients", "optimizer state"))
    if now == "64-true":
        return [Mend("trainer.precision: 32-true", half + kept // 2, "7 digits, not 16")]
    if now != "32-true":
        return []
    found: list[Mend] = []
    if need.tried:
        found.append(Mend("trainer.precision: bf16-mixed", half, "the forward pass has 3 digits, not 7"))
    if kept > half and not need.evaluates:
        found.append(
            Mend("trainer.precision: bf16-true", half + kept // 2, "weights and updates have 3 digits, too")
        )
    return found


def _state(need: Need) -> list[Mend]:
    """Less beside the weights; nothing of it is a user's module's business here."""
    if need.own_module or need.evaluates:
        return []
    found: list[Mend] = []
    state, weights = need.held["optimizer state"], need.held["gradients"]
    if state > 1.5 * weights:
        found.append(Mend("optimizer.type: lion", state - weights, "another training: needs its own lr"))
    if state > 0.5 * weights:
        found.append(Mend("optimizer.type: sgd", state, "another training; without momentum"))
    if need.run.ema is not None:
        found.append(Mend("ema: null", need.held["moving average"], "the average of the weights"))
    return found
