"""What the torch backend cannot honour, known without importing it."""

from __future__ import annotations

from leyden.spec.run import Run
from leyden.spec.walk import steps_by_itself

#: run file's strategy -> how processes start, for strategies in which every rank holds the whole model
REPLICATED = {
    "auto": "popen",
    "ddp": "popen",
    "ddp_fork": "fork",
    "ddp_notebook": "fork",
}


def refusals(run: Run) -> list[tuple[str, str]]:
    """Settings that cannot be honoured, as (key, sentence with rule, value and repair)."""
    settings, problems = run.trainer, list[tuple[str, str]]()
    if not steps_by_itself(run) and settings.strategy not in REPLICATED:
        rule = (
            f"must be one of {', '.join(REPLICATED)} for a run file's model, but got {settings.strategy}: "
            "the step reduces gradients itself, after all processes have agreed on it"
        )
        problems.append(("trainer.strategy", rule))
    if settings.accelerator in ("mps", "tpu"):
        rule = (
            f"must be auto, cpu, gpu or cuda, but got {settings.accelerator}, which has no float64 to add "
            "metrics up in"
        )
        problems.append(("trainer.accelerator", rule))
    if settings.non_finite != "raise" and steps_by_itself(run):
        problems.append(
            (
                "trainer.non_finite",
                "must be raise for a LightningModule, whose gradients are its own; drop it",
            )
        )
    return problems
