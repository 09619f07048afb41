"""Each loss's sum / count is torch's own mean, and nothing broadcasts."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from sklearn.utils.class_weight import compute_class_weight
from torch.nn import functional as F

from leyden.losses.bce import BinaryCrossEntropy
from leyden.losses.cross_entropy import CrossEntropy
from leyden.losses.focal import Focal
from leyden.losses.huber import Huber
from leyden.losses.l1 import MeanAbsoluteError
from leyden.losses.loss import Loss
from leyden.losses.mse import MeanSquaredError

WEIGHTS = [0.5, 2.0, 0.0, 1.25]


def mean(loss: Loss, outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    total, count = loss(outputs, targets)
    assert total.shape == ()
    return total / count


def logits_and_labels(shape: tuple[int, ...] = (37,), seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(shape[0], 4, *shape[1:], generator=generator, dtype=torch.float64)
    return logits, torch.randint(0, 4, shape, generator=generator)


@pytest.mark.parametrize("shape", [(37,), (5, 3), (2, 3, 4)])
@pytest.mark.parametrize("weight", [None, WEIGHTS])
@pytest.mark.parametrize("smoothing", [0.0, 0.1, 1.0])
@pytest.mark.parametrize("ignored", [False, True])
def test_cross_entropy_is_torchs_mean(
    shape: tuple[int, ...], weight: list[float] | None, smoothing: float, ignored: bool
) -> None:
    logits, labels = logits_and_labels(shape)
    if ignored:
        labels.view(-1)[::3] = -100
    loss = CrossEntropy(class_weight=weight, label_smoothing=smoothing)
    reference = F.cross_entropy(
        logits,
        labels,
        weight=None if weight is None else torch.tensor(weight).double(),
        label_smoothing=smoothing,
    )
    torch.testing.assert_close(mean(loss, logits, labels), reference, rtol=1e-12, atol=0)


def test_another_ignore_index_leaves_out_that_label() -> None:
    logits, labels = logits_and_labels()
    reference = F.cross_entropy(logits, labels, ignore_index=2, weight=torch.tensor(WEIGHTS).double())
    loss = CrossEntropy(class_weight=WEIGHTS, ignore_index=2)
    torch.testing.assert_close(mean(loss, logits, labels), reference, rtol=1e-12, atol=0)


def test_cross_entropy_takes_probabilities_as_targets() -> None:
    logits, _ = logits_and_labels((6, 5))
    targets = torch.rand(6, 4, 5, dtype=torch.float64).softmax(1)
    reference = F.cross_entropy(logits, targets, weight=torch.tensor(WEIGHTS).double(), label_smoothing=0.2)
    loss = CrossEntropy(class_weight=WEIGHTS, label_smoothing=0.2)
    torch.testing.assert_close(mean(loss, logits, targets), reference, rtol=1e-12, atol=0)


def test_balanced_weights_are_scikit_learns() -> None:
    labels = [0] * 7 + [1] * 2 + [2] * 31
    loss = CrossEntropy([7, 2, 31], class_weight="balanced")
    assert loss.weights.values == pytest.approx(
        compute_class_weight("balanced", classes=np.arange(3), y=labels)
    )


def test_balanced_weights_leave_an_empty_class_out_and_say_so() -> None:
    with pytest.warns(UserWarning, match="weight 0 to 1"):
        loss = CrossEntropy([4, 0, 4], class_weight="balanced")
    assert loss.weights.values == (1.0, 0.0, 1.0)


def test_balanced_weights_need_the_counts() -> None:
    with pytest.raises(ValueError, match="balanced needs the number of samples of every class"):
        CrossEntropy(class_weight="balanced")


def test_focal_with_gamma_zero_is_weighted_cross_entropy() -> None:
    logits, labels = logits_and_labels()
    labels[5] = -100
    settings = {"class_weight": WEIGHTS, "label_smoothing": 0.1}
    torch.testing.assert_close(
        mean(Focal(gamma=0.0, **settings), logits, labels),
        mean(CrossEntropy(**settings), logits, labels),
        rtol=1e-12,
        atol=0,
    )


def test_focal_is_its_closed_form() -> None:
    logits, labels = torch.tensor([[2.0, 0.0]], dtype=torch.float64), torch.tensor([0])
    p = 1 / (1 + math.exp(-2))
    torch.testing.assert_close(
        mean(Focal(gamma=2.0), logits, labels).item(), (1 - p) ** 2 * -math.log(p), rtol=1e-12, atol=0
    )


def test_focal_gamma_by_class_uses_the_true_classes() -> None:
    logits, labels = logits_and_labels()
    gammas, alphas = torch.tensor([0.0, 1.0, 2.0, 3.5]).double(), torch.tensor(WEIGHTS).double()
    p = logits.softmax(1)[torch.arange(len(labels)), labels]
    expected = (alphas[labels] * (1 - p) ** gammas[labels] * -p.log()).sum() / alphas[labels].sum()
    loss = Focal(gamma=gammas.tolist(), class_weight=WEIGHTS)
    torch.testing.assert_close(mean(loss, logits, labels), expected, rtol=1e-10, atol=0)


@pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0])
def test_focal_slope_stays_finite_where_the_model_is_certain(gamma: float) -> None:
    logits = torch.tensor([[200.0, -200.0], [-200.0, 200.0]], requires_grad=True)
    Focal(gamma=gamma).total(logits, torch.tensor([0, 0])).backward()
    assert logits.grad is not None
    assert torch.isfinite(logits.grad).all()


@pytest.mark.parametrize("shape", [(9,), (9, 3), (4, 3, 5)])
@pytest.mark.parametrize("pos_weight", [None, 2.5, [0.5, 1.0, 4.0]])
def test_bce_is_torchs_mean(shape: tuple[int, ...], pos_weight: float | list[float] | None) -> None:
    if isinstance(pos_weight, list) and len(shape) == 1:
        pos_weight = [3.0]
    logits = torch.randn(shape, dtype=torch.float64)
    labels = torch.randint(0, 2, shape)
    weight = (
        None if pos_weight is None else torch.tensor(pos_weight).double().reshape(-1, *[1] * (len(shape) - 2))
    )
    reference = F.binary_cross_entropy_with_logits(logits, labels.double(), pos_weight=weight)
    torch.testing.assert_close(
        mean(BinaryCrossEntropy(pos_weight=pos_weight), logits, labels), reference, rtol=1e-12, atol=0
    )


@pytest.mark.parametrize(
    ("loss", "reference"),
    [
        (MeanSquaredError(), F.mse_loss),
        (MeanAbsoluteError(), F.l1_loss),
        (Huber(delta=0.3), lambda a, b: F.huber_loss(a, b, delta=0.3)),
    ],
)
@pytest.mark.parametrize("shape", [(7,), (7, 1), (3, 2, 5)])
def test_regression_losses_are_torchs_mean(loss: Loss, reference: object, shape: tuple[int, ...]) -> None:
    outputs, targets = torch.randn(shape, dtype=torch.float64), torch.randn(shape)
    torch.testing.assert_close(
        mean(loss, outputs, targets),
        reference(outputs, targets.double()),
        rtol=1e-12,
        atol=0,  # type: ignore[operator]
    )


@pytest.mark.parametrize("loss", [MeanSquaredError(), MeanAbsoluteError(), Huber(), BinaryCrossEntropy()])
def test_a_missing_dimension_never_broadcasts(loss: Loss) -> None:
    with pytest.raises(ValueError, match=r"one shape, but got outputs \(8, 1\) and targets \(8,\)"):
        loss.total(torch.zeros(8, 1), torch.zeros(8))


@pytest.mark.parametrize("loss", [CrossEntropy(), Focal()])
@pytest.mark.parametrize(
    ("outputs", "targets"),
    [((8, 3), (8, 1)), ((8,), (8,)), ((8, 3), (7,)), ((8, 3, 2), (8,)), ((8, 3), (8, 3))],
)
def test_labels_of_another_shape_are_an_error(
    loss: Loss, outputs: tuple[int, ...], targets: tuple[int, ...]
) -> None:
    with pytest.raises(ValueError, match="compares logits"):
        loss.total(torch.zeros(outputs), torch.zeros(targets, dtype=torch.int64))


@pytest.mark.parametrize("loss", [CrossEntropy(), Focal()])
def test_real_numbers_as_labels_are_an_error(loss: Loss) -> None:
    with pytest.raises(ValueError, match="integer class labels"):
        loss.total(torch.zeros(8, 3), torch.zeros(8))


@pytest.mark.parametrize(
    "loss",
    [
        CrossEntropy(class_weight=[1.0, 2.0]),
        Focal(gamma=[1.0, 2.0]),
        BinaryCrossEntropy(pos_weight=[1.0, 2.0]),
    ],
)
def test_a_list_that_does_not_fit_the_classes_is_an_error(loss: Loss) -> None:
    targets = torch.zeros(8, 3) if isinstance(loss, BinaryCrossEntropy) else torch.zeros(8, dtype=torch.int64)
    with pytest.raises(ValueError, match=r"has 2 for outputs .* 3 numbers"):
        loss.total(torch.zeros(8, 3), targets)


LOSSES = [CrossEntropy(), Focal(), BinaryCrossEntropy(), MeanSquaredError(), MeanAbsoluteError(), Huber()]


@pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: type(loss).__name__)
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_outputs_are_summed_in_float32(loss: Loss, dtype: torch.dtype) -> None:
    by_class = isinstance(loss, CrossEntropy | Focal)
    outputs = torch.full((50_000, 2), 3.0, dtype=dtype)
    targets = torch.zeros(50_000, dtype=torch.int64) if by_class else torch.zeros(50_000, 2)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        total = loss.total(outputs, targets)
    assert total.dtype == torch.float32
    torch.testing.assert_close(total, loss.total(outputs.double(), targets).float(), rtol=1e-4, atol=0)


@pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: type(loss).__name__)
def test_gradients_are_right(loss: Loss) -> None:
    outputs = torch.randn(5, 3, dtype=torch.float64, requires_grad=True)
    targets = (
        torch.randint(0, 3, (5,)) if isinstance(loss, CrossEntropy | Focal) else torch.rand(5, 3).double()
    )
    assert torch.autograd.gradcheck(lambda x: loss.total(x, targets), outputs)
