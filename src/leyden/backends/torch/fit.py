"""Train one repeat of a run, going back to a checkpoint where that is wanted or needed."""

from __future__ import annotations

import gc
import logging
from collections.abc import Callable

import torch

from leyden.backends.outcome import Outcome
from leyden.backends.parts import Parts
from leyden.runs.folder import RunFolder

from . import lightning_private as private
from .attempt import Attempt
from .guard import NonFiniteError as NonFiniteError
from .inference import evaluate as evaluate
from .inference import predict as predict
from .signals import Signals
from .update import HalfUpdateError as HalfUpdateError

#: times that a run goes back to a checkpoint by itself
MOST_RETURNS = 3


def fit(make: Callable[[], Parts], folder: RunFolder) -> Outcome:
    """Train, or go on where the newest intact checkpoint of this repeat in ``folder`` stands.

    After half an update, and after gradients that are not finite where the run file says so, all processes
    of the run begin again with newly made parts: what comes of it is what a new process would make of the
    checkpoint, but for the learning rate.

    Args:
        make: Makes the parts of the run.
        folder: Where everything is.

    Raises:
        ValueError: A setting that the torch backend cannot honour, or gradients that are not finite.
        SaveError: The last state could not be saved.
    """
    with Signals() as signals:
        attempts = [Attempt(make(), folder, signals)]
        signals.forward = private.children_signaller(attempts[0].trainer)

        def work() -> Outcome:
            signals.listen()
            for _ in range(MOST_RETURNS):
                if (outcome := _tried(attempts[0])) is not None:
                    return outcome
                restores = attempts.pop().session.restores
                gc.collect()  # the trainer refers to itself; there may be no room for two of it
                torch.cuda.empty_cache()
                attempts.append(Attempt(make(), folder, signals, restores))
                private.take_launcher(attempts[0].trainer)
            return attempts[0].run()

        outcome = private.launch(attempts[0].trainer, work)
        if not outcome.exit_code:
            signals.leave_to_next()
        return outcome


def _tried(attempt: Attempt) -> Outcome | None:
    """How an attempt ended; None if the run has to go back. All processes come to the same answer."""
    try:
        return attempt.run()
    except HalfUpdateError as error:
        why = str(error)
    except NonFiniteError as error:
        if attempt.parts.run.trainer.non_finite != "restore" or attempt.session.restores >= MOST_RETURNS:
            raise
        attempt.session.restores += 1
        why = f"{error} The learning rate is halved"
    if attempt.keeper.place.rank == 0:
        restored = attempt.keeper.shelf.index.newest_good(finite=attempt.session.restores > 0)
        there = restored.entry is not None
        where = (
            "going back to the newest checkpoint" if there else "beginning anew: there is no checkpoint yet"
        )
        logging.getLogger("leyden").warning("%s; %s", why, where)
    return None
