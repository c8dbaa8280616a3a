"""Exchanged numbers are found if a linear model explains most of the variance, and do not distort the model."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.datasets import load_diabetes

import workbench as wb
from workbench.experiments.permuted import robust_fit
from workbench.foundation.errors import InputError

BETA = np.array([1.0, -0.8, 0.5, 0.2])


def world(family, share, spread=0.5, seed=1):
    """Return (x, true y, y with a share of the rows permuted in a cycle)."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(400, 4))
    eta = x @ BETA
    y = {"gaussian": 5 + 3 * eta + rng.normal(0, spread, 400), "poisson": rng.poisson(np.exp(2 + eta)).astype(float),
         "binomial": (rng.random(400) < 1 / (1 + np.exp(-6 * eta))).astype(float)}[family]  # fmt: skip
    rows = rng.choice(400, int(share * 400), replace=False)
    exchanged = y.copy()
    exchanged[rows] = y[np.roll(rows, 1)]
    return x, y, exchanged


@pytest.mark.parametrize("share", [0.05, 0.3])
def test_exchanged_numbers_come_home(share):
    x, true, given = world("gaussian", share, spread=0.1)
    found = wb.experiments.restore_pairing(given, x)
    wrong = given != true
    moved = np.zeros(400, bool)
    moved[found.moved.index] = True
    assert (moved & wrong).sum() / wrong.sum() > 0.85 and (moved & wrong).sum() / moved.sum() > 0.95
    assert (found.labels != true).mean() < 0.7 * wrong.mean(), "Hamming error of the pairing"
    assert np.abs(found.labels - true).mean() < 0.1 * np.abs(given - true).mean()
    usual = np.linalg.lstsq(np.c_[np.ones(400), x], given, rcond=None)[0][1:]
    assert np.linalg.norm(found.coefficients - 3 * BETA) < 0.2 * np.linalg.norm(usual - 3 * BETA)


def test_counts_too():
    x, true, given = world("poisson", 0.1)
    found = wb.experiments.restore_pairing(given, x, family="poisson")
    wrong, rows = given != true, found.moved.index
    assert wrong[rows].mean() > 0.8 and wrong[rows].sum() / wrong.sum() > 0.3
    assert np.abs(found.labels - true).sum() < 0.6 * np.abs(given - true).sum()
    one, other = (np.linalg.norm(robust_fit(np.c_[np.ones(400), x], y, "poisson")[1:] - BETA)
                  for y in (found.labels, given))  # fmt: skip
    assert one < other


def test_exchanged_answers_are_found_and_mostly_right():
    x, true, given = world("binomial", 0.1)
    found = wb.experiments.restore_pairing(given, x, family="binomial")
    wrong, rows = given != true, found.moved.index
    assert found.p_value <= 0.01
    assert wrong[rows].mean() > 0.7 and wrong[rows].sum() / wrong.sum() > 0.3
    assert sorted(found.labels) == sorted(given)
    assert (found.labels[rows] == 1 - given[rows]).all() and (found.moved["cycle"].value_counts() == 2).all()
    assert np.linalg.norm(found.coefficients - 6 * BETA) < 0.5 * np.linalg.norm(6 * BETA)


@pytest.mark.parametrize("slope", [0.5, 2.0, 6.0, 30.0])
def test_answers_that_were_not_exchanged_stay(slope):
    rng = np.random.default_rng(3)
    proposed = []
    for _ in range(6):
        x = rng.normal(size=(250, 4))
        y = (rng.random(250) < 1 / (1 + np.exp(-slope * (x @ BETA)))).astype(float)
        found = wb.experiments.restore_pairing(y, x, family="binomial")
        proposed.append(len(found.moved))
        assert np.isfinite(found.coefficients).all()
        assert proposed[-1] == 0 or found.p_value <= 0.01
    assert sum(one > 0 for one in proposed) <= 1


@pytest.mark.parametrize("family", ["gaussian", "binomial"])
def test_heavy_tails_are_not_taken_for_exchanges(family):
    proposed, words = 0, []
    for seed in range(6):
        rng = np.random.default_rng(seed)
        x, noise = rng.normal(size=(200, 4)), rng.standard_cauchy(200)
        y = 3 * (x @ BETA) + (0.5 if family == "gaussian" else 1.0) * noise
        found = wb.experiments.restore_pairing(y if family == "gaussian" else (y > 0) * 1, x, family=family)
        proposed += len(found.moved) > 0
        assert (found.why == "") == (len(found.moved) > 0) and 0 < found.p_value <= 1
        words.append(found.why)
    assert proposed <= 1 and any("heavier tails" in one or "tails are too heavy" in one for one in words)


def test_what_is_listed_is_an_exchange_and_can_be_approved_by_cycle():
    x, _, given = world("gaussian", 0.1, spread=0.1)
    found = wb.experiments.restore_pairing(given, x)
    assert sorted(found.labels) == sorted(given), "no number is made up or lost"
    assert found.p_value == 1 / 40 and found.why == ""
    moved = found.moved
    assert (moved["suggested_label"] == given[moved["from_row"]]).all() and (moved["gain"] > 0).all()
    assert (found.labels[moved.index] == moved["suggested_label"]).all()
    rest = np.setdiff1d(np.arange(400), moved.index)
    assert (found.labels[rest] == given[rest]).all()
    for _, part in moved.groupby("cycle"):
        assert set(part["from_row"]) == set(part.index) and part["gain"].nunique() == 1


def test_weak_models_and_clean_data_claim_nothing():
    x, y = load_diabetes(return_X_y=True)
    rng = np.random.default_rng(0)
    rows = rng.choice(len(y), 22, replace=False)
    given = y.copy()
    given[rows] = y[np.roll(rows, 1)]
    for labels in (y, given):
        assert len(wb.experiments.restore_pairing(labels, x).moved) <= 2
    x, true, _ = world("gaussian", 0.1)
    assert wb.experiments.restore_pairing(true, x).moved.empty


def test_the_robust_fit_without_errors_is_the_usual_one():
    x, true, _ = world("gaussian", 0.1, spread=0.1)
    usual = np.linalg.lstsq(np.c_[np.ones(400), x], true, rcond=None)[0]
    assert robust_fit(np.c_[np.ones(400), x], true, "gaussian") == pytest.approx(usual, abs=0.01)


@pytest.mark.parametrize(
    ("labels", "features", "family", "message"),
    [
        ([1.0, np.nan], [[1], [2]], "gaussian", "`labels` has shape"),
        ([1.0] * 9, np.zeros((9, 9)), "gaussian", "9 columns for 9 rows"),
        ([0.5] + [1] * 8, np.zeros((9, 1)), "poisson", "row 0 is 0.5"),
        ([2] + [1] * 8, np.zeros((9, 1)), "binomial", "Pass 0 or 1"),
        ([1] * 9, np.zeros((9, 1)), "gamma", "unknown family 'gamma'"),
    ],
)
def test_what_cannot_be_fitted_is_refused(labels, features, family, message):
    with pytest.raises(InputError, match=message):
        wb.experiments.restore_pairing(labels, features, family=family)
