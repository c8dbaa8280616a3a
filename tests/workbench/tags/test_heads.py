"""Losses by hand; heads for incomplete tags rank better than heads that treat every unmarked cell as negative."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from sklearn.metrics import average_precision_score

import workbench as wb
from workbench.experiments.robust_training.networks import Setup
from workbench.foundation.errors import InputError
from workbench.tags import losses


def precision(true, scores):
    return np.mean([average_precision_score(y, p) for y, p in zip(true.T, scores.T)])


@pytest.fixture(scope="module")
def single(digits):
    """One positive kept per row, everything else unknown."""
    rng = np.random.default_rng(2)
    given = np.full(digits.true.shape, -1)
    for row, one in enumerate(digits.true):
        if one.any():
            given[row, rng.choice(np.flatnonzero(one))] = 1
    return given


@pytest.fixture(scope="module")
def missed(digits):
    """Four in ten positives left unmarked."""
    rng = np.random.default_rng(3)
    return np.where((digits.true == 1) & (rng.random(digits.true.shape) < 0.4), 0, digits.true)


def test_losses_by_their_formulas():
    logits = torch.tensor([[-2.0, 0.3, 1.7]], dtype=torch.float64)
    given = torch.tensor([[1.0, 0.0, -1.0]], dtype=torch.float64)
    p = [1 / (1 + math.exp(-one)) for one in logits[0].tolist()]
    entropy = -(p[2] * math.log(p[2]) + (1 - p[2]) * math.log(1 - p[2]))
    assert losses.binary_cross_entropy(logits, given)[0].tolist() == pytest.approx(
        [-math.log(p[0]), -math.log(1 - p[1]), -math.log(1 - p[2])]
    )
    assert losses.entropy_maximisation(logits, given, alpha=0.3)[0].tolist() == pytest.approx(
        [-math.log(p[0]), -math.log(1 - p[1]), -0.3 * entropy]
    )
    shifted = [max(one - 0.1, 0) for one in p]
    assert losses.asymmetric(logits, given, 1.0, 3.0, 0.1)[0].tolist() == pytest.approx(
        [-(1 - p[0]) * math.log(p[0]), *(-(q**3) * math.log(1 - q) for q in shifted[1:])]
    )
    same = losses.asymmetric(logits, given, 0.0, 0.0, 0.0)
    assert torch.allclose(same, losses.binary_cross_entropy(logits, given))


def test_the_discard_point_has_the_steepest_gradient_of_autograd():
    x = torch.linspace(-2.5, 6, 4001, dtype=torch.float64, requires_grad=True)
    losses.asymmetric(x[:, None], torch.zeros(4001, 1)).sum().backward()
    steepest = torch.sigmoid(x.detach()[x.grad.argmax()]).item()
    assert losses.discard_point() == pytest.approx(steepest, abs=2e-3)


def test_the_risk_of_positive_and_unlabelled_cells_is_right_on_average():
    """With the true priors and enough cells, it equals the risk under complete labels."""
    rng = np.random.default_rng(0)
    true = rng.random(200_000) < 0.3
    logits = torch.from_numpy(rng.normal(np.where(true, 1.0, -1.0))).double()[:, None]
    marked = torch.from_numpy(true & (rng.random(len(true)) < 0.5)).double()[:, None]
    found = losses.non_negative_pu(logits, marked, torch.tensor([0.3]), marked.mean(dim=0)).mean()
    full = losses.binary_cross_entropy(logits, torch.from_numpy(true).double()[:, None]).mean()
    assert found.item() == pytest.approx(full.item(), abs=0.01)
    clipped = losses.non_negative_pu(-20 * marked, marked, torch.tensor([0.9]), marked.mean(dim=0))
    assert torch.isfinite(clipped).all()


def test_single_positives_are_completed(digits, single):
    """Likely missed positives are right far more often than chance, and heads rank better than the baseline."""
    baseline = wb.tags.cross_val_predict(single, digits.x, folds=2)
    scores = wb.tags.cross_val_predict(single, digits.x, folds=2, method="neighbors")
    assert precision(digits.true, scores) > precision(digits.true, baseline) + 0.01
    open_ = wb.tags.cross_val_predict(single, digits.x, folds=2, method="entropy")
    found = wb.tags.proposals(single, open_, limit=100)
    tags = found.index.get_level_values("unit").str[1:].astype(int)
    assert digits.true[found["row"], tags].mean() > 0.75 > 2.5 * digits.true[single < 1].mean()


def test_unmarked_positives_and_their_number_are_found(digits, missed):
    heads = wb.tags.train(missed, digits.x, method="nnpu")
    share = digits.true.mean(axis=0)
    assert np.abs(heads.priors - share).mean() < np.abs(missed.mean(axis=0) - share).mean() / 2
    assert (heads.priors > missed.mean(axis=0)).all()
    p = wb.tags.cross_val_predict(missed, digits.x, folds=2, method="nnpu", priors=digits.true.mean(axis=0))
    usual = wb.tags.cross_val_predict(missed, digits.x, folds=2)
    assert precision(digits.true, p) > precision(digits.true, usual) - 0.01
    found = wb.tags.proposals(missed, p, limit=100)
    assert digits.true[found["row"], found.index.get_level_values("unit").str[1:].astype(int)].mean() > 0.8
    away = [np.abs(one.mean(axis=0) - share).mean() for one in (p, usual)]
    assert away[0] < away[1] / 2, "probabilities are of having the tag, not of being marked"


def test_what_the_asymmetric_loss_gives_up_is_mostly_a_missed_tag(digits, missed):
    p = wb.tags.cross_val_predict(missed, digits.x, folds=2, method="asymmetric")
    found = wb.tags.proposals(missed, p, add_above=losses.discard_point())
    right = digits.true[found["row"], found.index.get_level_values("unit").str[1:].astype(int)]
    assert len(found) > 10 and right.mean() > 0.7 > 2 * digits.true[missed == 0].mean()


def test_heads_of_one_view_work_on_another(digits):
    rng = np.random.default_rng(4)
    texts, images = digits.x, digits.x + rng.normal(0, 2, digits.x.shape)
    half = np.arange(len(texts)) < 300
    heads = wb.tags.train(digits.true[half], texts[half], setup=Setup(decay=1.0))
    assert precision(digits.true[~half], heads.predict(images[~half])) > 0.85
    with pytest.raises(InputError, match="have 3 columns"):
        heads.predict(np.zeros((2, 3)))


def test_soft_tags_get_better_by_turns(digits):
    rng = np.random.default_rng(5)
    true = digits.true
    first = np.clip(np.where(true, 0.6, 0.4) + rng.normal(0, 0.2, true.shape), 0, 1)
    refined = wb.tags.refine_tags(first, digits.x, rounds=1, folds=2)
    assert precision(true, refined) > precision(true, first) + 0.05
    assert refined.min() >= 0 and refined.max() <= 1


def test_the_same_seed_gives_the_same_heads(digits, missed):
    short = Setup(epochs=1)
    one, two = (wb.tags.train(missed, digits.x, seed=3, setup=short).predict(digits.x[:9]) for _ in range(2))
    assert np.array_equal(one, two)


@pytest.mark.parametrize(
    ("named", "message"),
    [
        ({"method": "magic"}, "unknown method 'magic'"),
        ({"method": "bce", "alpha": 1}, "unknown option of 'bce'"),
        ({"features": np.zeros((3, 2))}, "600 rows"),
        ({"labels": np.zeros((600, 2), int)}, "no cell that is yes"),
        ({"method": "nnpu", "priors": [0.5]}, "`priors` are"),
    ],
)
def test_what_cannot_be_trained_is_refused(digits, named, message):
    arrays = {"labels": digits.true, "features": digits.x} | named
    with pytest.raises(InputError, match=message):
        wb.tags.train(arrays.pop("labels"), arrays.pop("features"), **arrays)
