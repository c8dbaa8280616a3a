"""Candidate sets: choice of the true class, detection and number of sets without it, on synthetic and real sets."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_digits
from sklearn.metrics import average_precision_score, roc_auc_score

import workbench as wb
from workbench.foundation.errors import InputError, MissingEvidence
from workbench.issues.calibration import calibration_error
from workbench.issues.loo_classifiers import sharpened_likelihoods
from workbench.issues.partial.canaries import count_outside
from workbench.issues.partial.pooling import pooled, weights_of

pytestmark = pytest.mark.usefixtures("recalling_here")


@pytest.fixture(scope="module")
def digits():
    """(features, sets with one or two further candidates, true classes, which sets lack the true class)."""
    x, true = load_digits(return_X_y=True)
    rng = np.random.default_rng(0)
    some = rng.permutation(len(true))[:500]
    x, true = x[some] + rng.normal(0, 3, (500, 64)), true[some]
    ranks = rng.random((500, 10))
    ranks[np.arange(500), true] = -1
    sets = ranks.argsort(axis=1).argsort(axis=1) <= rng.integers(1, 3, 500)[:, None]
    wrong = np.zeros(500, bool)
    wrong[rng.choice(500, 50, replace=False)] = True
    for row in np.flatnonzero(wrong):
        sets[row, rng.choice(np.flatnonzero(~sets[row]))] = True
        sets[row, true[row]] = False
    return x, sets, true, wrong


@pytest.fixture(scope="module")
def found(digits):
    x, sets, _, _ = digits
    return wb.find_issues(sets, task="candidates", embeddings=x).sort_values("row")


def test_the_true_candidate_is_chosen_and_wrong_sets_are_found(digits, found):
    _, sets, true, wrong = digits
    p = found["p_error"].to_numpy()
    assert roc_auc_score(wrong, p) > 0.95 and average_precision_score(wrong, p) > 0.85
    assert calibration_error(p, wrong) < 0.06
    right = found["suggested_label"].astype(int).to_numpy() == true
    assert right[~wrong].mean() > 0.95 and right[p > 0.5].mean() > 0.85
    low, high = found.attrs["expected_errors_interval"]
    assert low <= 50 <= high and found.attrs["errors_identified"]
    inside = sets[np.arange(500), found["suggested_label"].astype(int)]
    assert (inside == ~found["is_issue"]).all()
    assert sets[np.arange(500), found["likeliest_candidate"].astype(int)].all()
    assert found["given_label"].iloc[0] == np.flatnonzero(sets[0]).tolist()
    assert found["mass_inside"].between(0, 1).all() and found["margin"].between(0, 1).all()
    assert found["mass_inside"][p > 0.5].max() < found["mass_inside"][p < 0.1].max()
    first = found.loc[found["p_error"].idxmax(), "reasons"]
    assert first.startswith("held-out models: ") and "is a candidate of" in first


def test_the_cut_at_a_share_of_false_alarms_holds(digits):
    x, sets, _, wrong = digits
    issues = wb.find_issues(sets, task="candidates", embeddings=x, fdr=0.2).sort_values("row")["is_issue"]
    assert issues.sum() >= 10 and (issues & ~wrong).sum() <= 0.25 * issues.sum()


def test_given_probabilities_and_a_training_are_pooled_in(digits, found):
    x, sets, true, wrong = digits
    rng = np.random.default_rng(1)
    probs = np.eye(10)[true] * 0.9 + 0.01
    alone = wb.find_issues(sets, task="candidates", pred_probs=probs).sort_values("row")
    assert roc_auc_score(wrong, alone["p_error"]) > 0.99 and alone.attrs["evidence"] == "given probabilities"
    both = wb.find_issues(sets, task="candidates", pred_probs=probs, embeddings=x).sort_values("row")
    assert average_precision_score(wrong, both["p_error"]) > average_precision_score(wrong, found["p_error"])
    logits = np.log(probs) + rng.normal(0, 1, (3, 500, 10))
    trained = wb.find_issues(sets, task="candidates", logits=logits, embeddings=x).sort_values("row")
    assert average_precision_score(wrong, trained["p_error"]) > average_precision_score(wrong, found["p_error"])
    assert "a training on the sets" in trained.attrs["evidence"] and "over 3 epochs" in trained["reasons"].iloc[0]
    only = wb.find_issues(sets, task="candidates", logits=logits)
    assert not only.attrs["errors_identified"] and "has seen the sets" in only.attrs["errors_in_words"]
    same = wb.find_issues(sets, task="candidates", pred_probs=probs, out_of_fold=False)
    assert not same.attrs["errors_identified"]
    with pytest.warns(UserWarning, match="cannot be guaranteed"):
        assert not wb.find_issues(sets, task="candidates", logits=logits, fdr=0.2)["is_issue"].any()


def test_where_nothing_can_be_told_it_is_said(digits):
    _, sets, _, _ = digits
    noise = np.random.default_rng(0).normal(size=(500, 5))
    found = wb.find_issues(sets, task="candidates", embeddings=noise)
    assert not found.attrs["errors_identified"] and "can hardly be distinguished" in found.attrs["errors_in_words"]
    assert found["p_error"].mean() < 0.2
    with pytest.raises(MissingEvidence):
        wb.find_issues(sets[:5], task="candidates", embeddings=noise[:5])


def test_unlabelled_whole_and_blind_rows(digits):
    x, sets, true, _ = digits
    lists = [list(map(int, np.flatnonzero(row))) for row in sets]
    lists[3], lists[4] = None, list(range(10))
    x = x.copy()
    x[5] = np.nan
    found = wb.find_issues(lists, task="candidates", classes=range(10), embeddings=x).sort_values("row")
    assert np.isnan(found["p_error"].iloc[3]) and found["given_label"].iloc[3] is None
    assert found["suggested_label"].iloc[3] == true[3] and pd.isna(found["likeliest_candidate"].iloc[3])
    assert found["p_error"].iloc[4] == 0 and 0 < found["p_error"].iloc[5] < 0.3
    assert found.attrs["unlabelled"] == 1


def test_classes_with_an_order_lend_each_other_strength():
    rng = np.random.default_rng(0)
    age = rng.integers(0, 40, 400)
    x = np.stack([turn(age * part / 20) for part in (1, 2, 3) for turn in (np.sin, np.cos)], axis=1)
    x += rng.normal(0, 0.5, x.shape)
    sets = np.eye(40, dtype=bool)[age]
    np.put_along_axis(sets, rng.integers(0, 40, (400, 3)), True, axis=1)
    away = {}
    for ordered in (False, True):
        classes = pd.CategoricalDtype([str(one) for one in range(40)], ordered=ordered)
        dataset = wb.Dataset.from_arrays(sets, task="candidates", classes=classes)
        found = wb.find_issues(dataset, embeddings=x, threshold=1.0).sort_values("row")
        away[ordered] = np.abs(found["suggested_label"].astype(int) - age).mean()
    assert away[True] < 0.8 * away[False]


def test_evidence_that_does_not_fit_gets_one_error(digits):
    x, sets, _, _ = digits
    for evidence, words in (
        ({"pred_probs": np.ones((500, 9))}, r"`pred_probs` has shape \(500, 9\) for 500 examples and 10 classes"),
        ({"pred_probs": np.ones((500, 10))}, "`pred_probs` row 0"),
        ({"logits": np.zeros((500, 10))}, r"`logits` has shape \(500, 10\)"),
        ({"logits": np.full((1, 500, 10), np.nan)}, "`logits` row 0 is not finite in epoch 0"),
        ({"embeddings": x[:9]}, "`embeddings` has shape"),
        ({"features": x}, "unknown array 'features'"),
    ):
        with pytest.raises(InputError, match=words):
            wb.find_issues(sets, task="candidates", **evidence)


def test_a_set_is_as_likely_as_its_classes_together():
    values = np.array([[2.0, 1.0, 0.0], [0.0, 0.0, 3.0]], np.float32)
    sets = np.array([[True, True, False], [False, False, True]])
    probs = np.exp(values) / np.exp(values).sum(axis=1, keepdims=True)
    wanted = np.log([probs[0, :2].sum(), probs[1, 2]]).mean()
    assert sharpened_likelihoods(values, sets, [1])[0] == pytest.approx(wanted, abs=1e-6)
    single = np.array([0, 2])
    same = sharpened_likelihoods(values, np.eye(3, dtype=bool)[single], [1, 4])
    assert same == pytest.approx(sharpened_likelihoods(values, single, [1, 4]), abs=1e-6)


def test_a_useless_opinion_gets_no_weight():
    rng = np.random.default_rng(0)
    sets = np.eye(4, dtype=bool)[rng.integers(0, 4, 300)]
    good = np.log(np.where(sets, 0.7, 0.1)).astype(np.float32)
    noise = np.log(rng.dirichlet(np.ones(4) / 4, 300) + 1e-4).astype(np.float32)
    weights = weights_of([good, noise], sets)
    assert weights[1] <= 0.1 < weights[0]
    assert np.exp(pooled([good, noise], weights)).sum(axis=1) == pytest.approx(np.ones(300), abs=1e-5)


@pytest.mark.parametrize("share", [0.0, 0.05, 0.2])
def test_planted_sets_count_the_wrong_ones(share):
    """With correct probabilities the estimated number is close to the truth, and 0 if no set is wrong."""
    rng = np.random.default_rng(0)
    n, k = 4000, 8
    true = rng.integers(0, k, n)
    logits = rng.normal(0, 1, (n, k)) + 4 * np.eye(k)[true]
    probs = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    sets = np.eye(k, dtype=bool)[true] | (rng.random((n, k)) < 0.2)
    sets[sets.all(axis=1), 0] = False
    sets[np.arange(n), true] = True
    wrong = rng.random(n) < share
    for row in np.flatnonzero(wrong):
        sets[row, rng.choice(np.flatnonzero(~sets[row]))] = True
        sets[row, true[row]] = False
    found = count_outside(probs, probs, sets, seed=0)
    assert abs(found.share - share) < 0.02 and found.apart > 0.9
    assert calibration_error(found.p_error, wrong) < 0.07
