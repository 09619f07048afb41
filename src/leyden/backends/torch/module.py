"""Our LightningModule: manual optimisation, one Lightning batch is one window of optimizer steps."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any, cast

from lightning.pytorch import LightningModule
from torch import Tensor, nn
from torch.optim import Optimizer

from leyden.backends.parts import Parts
from leyden.data.order import Order, indices_of_step
from leyden.data.plan import share
from leyden.schedules.schedule import MeasuredSchedule

from .closed import closed_weights
from .compiling import compile_by_shape
from .ema import Average, NoAverage
from .evaluation import Pass
from .gradients import Gradients
from .holders import held
from .loaders import eval_batch_size
from .place import Place
from .precision import Format
from .rates import Rates
from .reports import Reports, report_file
from .score import Score
from .session import Session
from .step import Step
from .window import Cut, Held, Window
from .working_size import WorkingSize

PASSES = {"val": "validation", "test": "test"}


class Module(LightningModule):
    """A thin shell, and the `Driver` of it: step, evaluation and their state are plain objects beside it.

    Args:
        model: What is trained.
        parts: The run.
        session: Where the fit stands.
        cuts: Which batches an evaluation has, by its name: ``val``, ``test``.
    """

    hooked = False
    #: a rank may have no batch of an evaluation
    allow_zero_length_dataloader_with_multiple_devices = True

    def __init__(
        self, model: nn.Module, parts: Parts, session: Session, cuts: Mapping[str, Callable[[], Cut]]
    ) -> None:
        super().__init__()
        self.automatic_optimization = False
        self.model = model
        self.parts = parts
        self.session = session
        self.cuts = cuts
        self.score = Score(parts.objective, parts.metrics)
        self.evaluation_memory = WorkingSize(eval_batch_size(parts))
        self.average = NoAverage()
        self.swap = ExitStack()
        self.place = Place()
        self.running: Pass | None = None

    def configure_optimizers(self) -> Optimizer:
        """Called by Lightning once the weights are where they stay."""
        optimizer: Optimizer = self.parts.make_optimizer(self.model)
        weights = self.parts.objective.weights.items()
        measured = {f"weight/{name}": w for name, w in weights if isinstance(w, MeasuredSchedule)}
        self.rates = Rates(optimizer, self.parts.schedules, measured, self.session.horizon)
        self.rates.factor = self.session.slowdown
        self.session.read_rates = self.rates.current
        return optimizer

    def prepare(self, place: Place) -> None:
        """Put the step together."""
        trainer, ema, wanted = (
            self.parts.run.trainer,
            self.parts.run.ema,
            self.parts.run.data.micro_batch_size,
        )
        self.prepare_forward(place)
        if ema is not None:
            self.average = Average(self.model, ema.decay, ema.every)
        share, wanted = -(-self.parts.plan.batch_size // place.world), self.parts.run.data.micro_batch_size
        self.memory = WorkingSize(share if wanted == "auto" else min(wanted, share), self._reports())
        self.evaluation_memory.reports = self._reports(evaluates=True)
        clip, algorithm = trainer.gradient_clip_val, trainer.gradient_clip_algorithm or "norm"
        self.step = Step(
            self.model,
            cast(Optimizer, self.optimizers(use_pl_optimizer=False)),
            task=self.parts.task,
            score=self.score,
            place=place,
            format=self.format,
            gradients=Gradients(self.model, place, clip, algorithm),
            rates=self.rates,
            average=self.average,
            memory=self.memory,
            seed=self.parts.seed,
            skips=trainer.non_finite == "skip",
        )
        self.step.log_every = trainer.log_every_n_steps
        self.step.samples_of = self._samples_of

    def _reports(self, evaluates: bool = False) -> Reports:
        """Who tells of memory that runs out."""
        return Reports(
            self.model,
            run=self.parts.run,
            place=self.place,
            file=report_file(Path(self.trainer.default_root_dir), self.place),
            holders=lambda: held(
                self.model,
                [cast(Optimizer, self.optimizers(use_pl_optimizer=False))],
                list(self.average.state().values()),
            ),
            evaluates=evaluates,
        )

    def _samples_of(self, step: int, rows: list[int]) -> list[int]:
        """Samples of the training set at positions of this rank's share of a step."""
        if not rows:
            return []
        parts = self.parts
        order = Order(
            parts.sampler, num_samples=len(parts.train), seed=parts.seed, labels=parts.train.labels()
        )
        indices = indices_of_step(parts.plan, order, step)
        first, end = share(len(indices), self.place.rank, self.place.world)
        return [int(indices[first:end][row]) for row in rows]

    @property
    def torn(self) -> str:
        """Why the weights are half an update further than they should be; empty if they are not."""
        return self.step.update.torn

    def prepare_forward(self, place: Place) -> None:
        """What evaluation needs, too."""
        self.place = place
        self.format = Format(self.trainer.precision_plugin)
        if self.parts.run.trainer.compile:
            compile_by_shape(self.model)

    def training_step(self, window: Window, batch_idx: int = 0) -> None:
        """Every optimizer step of a window."""
        step, every = self.step, self.step.log_every
        for item in window:
            step(item.step, item.batch)
            if (item.step + 1) % every == 0:
                self.flush(item.step + 1)
        step.backlog.settle()

    def window(self, loop: Any, window: Window, index: int) -> None:
        """Straight to the step: Lightning's way there costs as much as a small model does."""
        self.training_step(window, index)

    def end_epoch(self, loop: Any) -> None:
        """Nothing: what we schedule is a function of the step."""

    def flush(self, step: int) -> None:
        """Read what was summed up since the last time, after ``step`` steps; waits for the device."""
        self.step.guard.settle()
        if not self.step.unread:
            return
        self.step.backlog.settle()
        values = self.score.values(self.step.tally, "train", step - 1) | self.rates.current()
        self.step.tally.clear()
        self.step.unread = 0
        self.session.record(step, values)
        self.session.call("on_log", values)

    def settle(self) -> None:
        """Look at the newest gradients' flag."""
        self.step.guard.settle()

    def abandon(self) -> None:
        """As if the running pass had not begun."""
        self.swap.close()
        self.evaluation_memory.restore(self.memory_before)

    def observe(self, step: int) -> None:
        """Tell the schedules that follow a metric."""
        self.rates.observe(step, self.session.metrics)

    def on_validation_epoch_start(self) -> None:
        self._begin_pass("val")

    def validation_step(self, batch: Held, batch_idx: int) -> None:
        assert self.running is not None
        with self.format.outside(self.place.device):
            self.running.add(batch)

    def on_validation_epoch_end(self) -> None:
        """Measured values reach Lightning's callbacks here, before any ``on_validation_end``."""
        self.session.record(self.session.position.step, self._end_pass("val"))

    def on_test_epoch_start(self) -> None:
        self._begin_pass("test")

    def test_step(self, batch: Held, batch_idx: int) -> None:
        self.validation_step(batch, batch_idx)

    def on_test_epoch_end(self) -> None:
        self.session.record(self.session.position.step, self._end_pass("test"))

    def _begin_pass(self, name: str) -> None:
        self.swap.enter_context(self.average.swapped())
        self.memory_before = self.evaluation_memory.state()
        self.running = Pass(
            self.model,
            task=self.parts.task,
            score=self.score,
            place=self.place,
            format=self.format,
            cut=self.cuts[name](),
            memory=self.evaluation_memory,
            at=f"the {PASSES[name]} after optimizer step {self.session.position.step - 1}",
        )

    def _end_pass(self, name: str) -> dict[str, float]:
        self.swap.close()
        assert self.running is not None
        return self.running.values(name, max(self.session.position.step - 1, 0))

    def steady(self, before_update: Callable[[], None]) -> list[Tensor]:
        """Moments, the moving average, and the weights if no unknown code could write them."""
        self.step.before_update = before_update
        moments = [value for values in self.step.optimizer.state.values() for value in values.values()]
        found = [value for value in moments if isinstance(value, Tensor)]
        return [*found, *self.average.state().values(), *closed_weights(self.model, self.parts.task)]

    def state(self) -> dict[str, Any]:
        """Schedules that follow a metric, the moving average and the working size."""
        return {
            "rates": self.rates.state(),
            "average": self.average.state(),
            "memory": self.memory.state(),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from what `state` gave."""
        self.rates.restore(state["rates"])
        self.average.restore(state["average"])
        self.memory.restore(state["memory"])

    def rank_state(self) -> dict[str, Any]:
        """Running sums, and the working size of evaluations, which processes do not agree on."""
        return {
            "tally": self.step.tally.state(),
            "unread": self.step.unread,
            "evaluation": self.evaluation_memory.state(),
        }

    def restore_rank(self, state: Mapping[str, Any]) -> None:
        """Go on from what `rank_state` gave."""
        self.step.backlog.drop()
        self.step.tally.restore(state["tally"])
        self.step.unread = state["unread"]
        self.evaluation_memory.restore(state["evaluation"])
