"""Recall: how much of a class is found."""

from __future__ import annotations

import numpy as np

from ._confusion import LabelScore, quotient
from .metric import metric


@metric("recall", runs_on=("torch",))
class Recall(LabelScore):
    """Right predictions of a class among all its samples.

    Equal to scikit-learn's with 0 for 0 / 0. Predicted is the class of the largest logit; where targets hold
    one 0 or 1 for each output, every label whose probability passes ``threshold``.

    Args:
        average: macro (mean over the classes that are true or predicted anywhere), weighted (by how often a
            class is true), micro (all classes' counts together) or binary (class 1 of two).
        threshold: probability from which on an independent label is predicted.
        ignore_index: samples (or positions) with this label are left out.

    Example:
        {type: recall, average: macro}
    """

    def score(self, hits: np.ndarray, predicted: np.ndarray, true: np.ndarray, /) -> np.ndarray:
        return quotient(hits, true)
