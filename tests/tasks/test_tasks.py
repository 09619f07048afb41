"""Tasks infer what a model needs, say what does not fit, and write readable predictions."""

from __future__ import annotations

import re

import numpy as np
import pytest
import torch
from torch import nn

from leyden.data.info import DataInfo, Field
from leyden.losses.bce import BinaryCrossEntropy
from leyden.losses.cross_entropy import CrossEntropy
from leyden.losses.mse import MeanSquaredError
from leyden.metrics.accuracy import Accuracy
from leyden.metrics.r2 import RSquared
from leyden.tasks.classification import Classification
from leyden.tasks.regression import Regression


def data(
    shape: tuple[int, ...] = (),
    dtype: str = "int64",
    counts: tuple[int, ...] = (),
    classes: tuple[str, ...] = (),
) -> DataInfo:
    fields = {"input": Field(shape=(8,), dtype="float32"), "target": Field(shape=shape, dtype=dtype)}
    return DataInfo(num_samples=100, fields=fields, classes=classes, class_counts=counts)


@pytest.mark.parametrize(
    ("task", "info", "outputs"),
    [
        (Classification(num_classes=10), data(), 10),
        (Classification(), data(counts=(5, 5, 5)), 3),
        (Classification(), data(classes=("cat", "dog")), 2),
        (Classification(), data(), None),
        (Classification(multi_label=True), data((6,)), 6),
        (Classification(multi_label=True), data(), 1),
        (Regression(), data(dtype="float32"), 1),
        (Regression(), data((4,), "float32"), 4),
        (Regression(), data((3, 8, 8), "float32"), None),
        (Regression(num_targets=2), data((2,), "float32"), 2),
    ],
)
def test_the_number_of_outputs_follows_from_the_data(
    task: Classification | Regression, info: DataInfo, outputs: int | None
) -> None:
    assert task.num_outputs(info) == outputs


@pytest.mark.parametrize(
    ("task", "info"),
    [
        (Classification(num_classes=10), data(counts=(5,) * 9)),
        (Classification(), data(counts=(5, 5), dtype="uint8")),
        (Classification(num_classes=3), data((16,))),
        (Classification(multi_label=True, num_classes=6), data((6,), "float32")),
        (Classification(multi_label=True), data(counts=(5, 5))),
        (Regression(), data(dtype="float64")),
        (Regression(num_targets=4), data((4,), "float32")),
        (Regression(), data(dtype="int64", counts=(1, 2))),
    ],
)
def test_what_fits_is_not_complained_about(task: Classification | Regression, info: DataInfo) -> None:
    assert task.check(info) == []


@pytest.mark.parametrize(
    ("task", "info", "sentence"),
    [
        (Classification(num_classes=9), data(counts=(5,) * 10), "label 9; set num_classes: 10"),
        (Classification(num_classes=3), data(dtype="float32"), "targets are float32; .* task: regression"),
        (Classification(num_classes=3), data((1,)), r"shape \(1,\); store them with shape \(samples,\)"),
        (Classification(), data(), "set task.num_classes"),
        (Classification(), data(counts=(7,)), "at least 2 classes, but there is 1"),
        (Classification(multi_label=True, num_classes=3), data((6,)), r"shape \(6,\); set num_classes: 6"),
        (Classification(multi_label=True), data(counts=(5, 5, 5)), "labels up to 2; remove multi_label"),
        (Classification(), DataInfo(num_samples=3, fields={}), "needs a `target`"),
        (Regression(), DataInfo(num_samples=3, fields={}), "needs a `target`"),
        (Regression(), data(dtype="<U5"), "numbers, but these are <U5"),
        (Regression(num_targets=2), data((3,), "float32"), r"shape \(3,\); leave num_targets out"),
        (Regression(num_targets=3), data((3, 8), "float32"), r"shape \(3, 8\)"),
    ],
)
def test_what_does_not_fit_is_said_in_one_sentence(
    task: Classification | Regression, info: DataInfo, sentence: str
) -> None:
    (problem,) = task.check(info)
    assert re.search(sentence, problem)


def test_predictions_of_classes_have_names_and_probabilities() -> None:
    logits = torch.tensor([[0.0, 2.0], [3.0, 0.0]], dtype=torch.bfloat16, requires_grad=True)
    columns = Classification().predict(logits, ("cat", "dog"))
    assert columns["class"].tolist() == [1, 0]
    assert columns["name"].tolist() == ["dog", "cat"]
    np.testing.assert_allclose(columns["probabilities"].sum(1), 1.0, rtol=1e-6)
    assert "name" not in Classification().predict(logits)


def test_predictions_of_independent_labels_are_yes_or_no() -> None:
    columns = Classification(multi_label=True).predict(torch.tensor([[0.1, -3.0, 4.0]]))
    assert columns["labels"].tolist() == [[True, False, True]]
    np.testing.assert_allclose(columns["probabilities"], torch.tensor([[0.1, -3.0, 4.0]]).sigmoid())


def test_one_predicted_number_a_sample_is_a_column() -> None:
    assert Regression().predict(torch.zeros(5, 1))["prediction"].shape == (5,)
    assert Regression().predict(torch.zeros(5, 3))["prediction"].shape == (5, 3)


def test_targets_meet_outputs_in_one_shape() -> None:
    assert Regression().targets({"target": torch.zeros(5)}).shape == (5, 1)
    assert Regression().targets({"target": torch.zeros(5, 3)}).shape == (5, 3)
    assert Classification(multi_label=True).targets({"target": torch.zeros(5)}).shape == (5, 1)
    labels = Classification().targets({"target": torch.zeros(5, dtype=torch.uint8)})
    assert labels.shape == (5,) and labels.dtype == torch.int64


class Masked(nn.Module):
    """Sums what its mask lets through."""

    def forward(self, x: torch.Tensor, mask: torch.Tensor | None = None) -> torch.Tensor:
        return (x if mask is None else x * mask).sum(1)


class Plain(nn.Module):
    """Sums everything."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.sum(1)


def test_a_mask_goes_to_models_that_take_one() -> None:
    batch = {"input": torch.ones(2, 3), "mask": torch.tensor([[1, 1, 0], [1, 0, 0]])}
    assert Regression().forward(Masked(), batch).tolist() == [2.0, 1.0]
    assert Regression().forward(Plain(), batch).tolist() == [3.0, 3.0]
    assert Regression().forward(Masked(), {"input": batch["input"]}).tolist() == [3.0, 3.0]


LOSSES = {"ce": CrossEntropy(), "bce": BinaryCrossEntropy(), "mse": MeanSquaredError()}
METRICS = {"accuracy": Accuracy(), "r2": RSquared()}


@pytest.mark.parametrize(
    ("task", "keys"),
    [
        (Classification(), ["loss.bce", "loss.mse", "metrics.r2"]),
        (Classification(multi_label=True), ["loss.ce", "metrics.r2"]),
        (Regression(), ["loss.ce", "metrics.accuracy"]),
    ],
)
def test_losses_and_metrics_of_other_targets_are_named(
    task: Classification | Regression, keys: list[str]
) -> None:
    assert [key for key, _ in task.misfits(LOSSES, METRICS)] == keys


def test_a_misfit_says_what_would_fit() -> None:
    ((_, sentence),) = Regression().misfits({}, {"accuracy": Accuracy()})
    assert "accuracy compares classes or labels, but this task's targets are numbers; use mse" in sentence
