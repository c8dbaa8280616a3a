"""Monotone maps, the cut by expected false alarms, and what the reviewer's verdicts change."""

from __future__ import annotations

import time

import numpy as np
import pandas as pd
import pytest

from workbench.errors import InputError
from workbench.issues.calibrate import (
    along_score,
    around_share,
    calibration_error,
    expit,
    largest_set,
    logit,
    with_verdicts,
)


def test_calibration_error_by_hand():
    p = np.array([0.1, 0.1, 0.9, 0.9])
    assert calibration_error(p, np.array([0, 0, 1, 1])) == pytest.approx(0.1)
    assert calibration_error(p, np.array([0, 1, 1, 1])) == pytest.approx(0.25)
    assert calibration_error(np.array([]), np.array([])) == 0


def test_largest_set_by_hand():
    p = np.array([0.9, 0.2, 0.7, np.nan, 0.5])
    # false alarms expected among the top 1, 2, 3, 4: .1, .2, .3, .425
    assert largest_set(p, 0.2).tolist() == [True, False, True, False, False]
    assert largest_set(p, 0.3).tolist() == [True, False, True, False, True]
    assert largest_set(p, 0.05).sum() == 0
    assert largest_set(p, 1.0).tolist() == [True, True, True, False, True]


def test_largest_set_takes_equals_together():
    p = np.array([0.9, 0.6, 0.6, 0.6])
    assert largest_set(p, 0.26).sum() == 1
    assert largest_set(p, 0.325).sum() == 4


@pytest.mark.parametrize("fdr", [-0.1, 1.5, float("nan")])
def test_largest_set_refuses_what_is_no_share(fdr):
    with pytest.raises(InputError, match="`fdr` is"):
        largest_set(np.array([0.5]), fdr)


@pytest.mark.parametrize("fdr", [0.05, 0.2, 0.5])
def test_share_of_false_alarms_is_kept_when_probabilities_are_right(rng, fdr):
    achieved = []
    for _ in range(20):
        p = expit(rng.normal(-2, 2, 4000))
        wrong = rng.random(4000) < p
        chosen = largest_set(p, fdr)
        achieved.append(1 - wrong[chosen].mean())
    assert np.mean(achieved) == pytest.approx(fdr, abs=0.02)


def test_along_score_is_increasing_and_keeps_the_mean(rng):
    score = rng.normal(size=3000)
    rough = np.clip(expit(2 * score - 2) + rng.normal(0, 0.1, 3000), 0, 1)
    p = along_score(score, rough)
    order = np.argsort(score)
    assert (np.diff(p[order]) > 0).all()
    assert p.mean() == pytest.approx(rough.mean(), abs=1e-6)
    assert np.abs(p - expit(2 * score - 2)).mean() < 0.03


@pytest.mark.parametrize("rough", [np.zeros(5), np.ones(5), np.full(5, 0.3), np.array([0, 0, 0, 0, 1.0])])
def test_along_score_without_spread(rough):
    p = along_score(np.arange(5.0), rough)
    assert ((p >= 0) & (p <= 1)).all()
    assert p.mean() == pytest.approx(rough.mean(), abs=1e-3)
    assert along_score(np.zeros(5), rough).tolist() == pytest.approx([rough.mean()] * 5)


def test_around_share_leaves_unknown_rows_out():
    p = around_share(np.array([-1.0, 0.0, 1.0, np.nan]), 0.3)
    assert np.isnan(p[3])
    assert p[:3].mean() == pytest.approx(0.3)
    assert p[0] < p[1] < p[2]


def test_logit_is_the_inverse():
    p = np.array([0.01, 0.5, 0.99])
    np.testing.assert_allclose(expit(logit(p)), p)
    assert np.isfinite(logit(np.array([0.0, 1.0]))).all()


def truth_and_belief(rng, n=5000):
    """True probabilities, errors, and a belief that is off by a shift and a slope."""
    x = rng.normal(-2, 1.5, n)
    ids = [f"i{row}" for row in range(n)]
    wrong = pd.Series(rng.random(n) < expit(x), index=ids)
    return wrong, pd.Series(expit(0.6 * x - 1.5), index=ids)


def test_verdicts_correct_the_probabilities(rng):
    wrong, belief = truth_and_belief(rng)
    before = calibration_error(belief.to_numpy(), wrong.to_numpy())
    moved, words = with_verdicts(belief, wrong.sample(600, random_state=1))
    after = calibration_error(moved.to_numpy(), wrong.to_numpy())
    assert after < before / 2
    assert "600 verdicts" in words
    assert (moved.rank() == belief.rank()).all()


def test_verdicts_from_the_top_correct_the_top_and_spoil_nothing(rng):
    wrong, belief = truth_and_belief(rng)
    top = belief.sort_values(ascending=False).index[:600]
    moved, _ = with_verdicts(belief, wrong[top])
    gap = abs(moved[top].mean() - wrong[top].mean())
    assert gap < 0.02 < abs(belief[top].mean() - wrong[top].mean())
    assert calibration_error(moved.to_numpy(), wrong.to_numpy()) < calibration_error(belief.to_numpy(), wrong.to_numpy())


def test_few_verdicts_move_little(rng):
    wrong, belief = truth_and_belief(rng)
    one = belief.index[:1]
    moved, _ = with_verdicts(belief, wrong[one])
    assert np.abs(moved - belief).max() < 0.06


def test_no_usable_verdict_changes_nothing(rng):
    wrong, belief = truth_and_belief(rng, 50)
    for verdicts in (wrong[:0], pd.Series({"elsewhere": True})):
        moved, words = with_verdicts(belief, verdicts)
        assert moved is belief
        assert words == ""


def test_rows_without_a_probability_stay_without(rng):
    wrong, belief = truth_and_belief(rng, 100)
    belief.iloc[7] = np.nan
    moved, _ = with_verdicts(belief, wrong)
    assert moved.isna().tolist() == belief.isna().tolist()


def test_a_hundred_thousand_rows_in_under_a_second(rng):
    wrong, belief = truth_and_belief(rng, 100_000)
    start = time.process_time()
    with_verdicts(belief, wrong[:1000])
    assert time.process_time() - start < 1
