"""Monotone maps, and selection by expected false alarms."""

from __future__ import annotations

import numpy as np
import pytest

from workbench.foundation.errors import InputError
from workbench.issues.calibration import (
    along_score,
    around_share,
    calibration_error,
    debiased_calibration_error,
    expit,
    largest_set,
    logit,
)


def test_calibration_error_by_hand():
    p = np.array([0.1, 0.1, 0.9, 0.9])
    assert calibration_error(p, np.array([0, 0, 1, 1])) == pytest.approx(0.1)
    assert calibration_error(p, np.array([0, 1, 1, 1])) == pytest.approx(0.25)
    assert calibration_error(np.array([]), np.array([])) == 0


def test_debiased_calibration_error_by_hand():
    p, came = np.repeat([0.2, 0.6], 5), np.array([1, 0, 0, 0, 1, 1, 1, 1, 0, 1])
    # gaps .2 and .2; shares .4 and .8 have variances .24 / 4 and .16 / 4
    assert debiased_calibration_error(p, came) == pytest.approx(-np.sqrt((0.06 + 0.04) / 2 - 0.04))
    some = np.random.default_rng(0).permutation(10)
    assert debiased_calibration_error(p[some], came[some]) == pytest.approx(debiased_calibration_error(p, came))
    assert debiased_calibration_error(np.full(4, 0.3), np.ones(4)) == pytest.approx(0.7)
    assert debiased_calibration_error(np.array([0.5]), np.array([1])) == 0


@pytest.mark.parametrize(
    "n, shift, slope", [(140, 0.0, 1.0), (1000, 0.0, 1.0), (140, 0.5, 1.0), (1000, 0.0, 0.6), (300, 0.0, 1.6)]
)
def test_the_debiased_calibration_error_is_right_on_average_where_the_other_is_too_large(rng, n, shift, slope):
    plain, squares, true = [], [], []
    for _ in range(120):
        x = rng.normal(-1.5, 1.5, n)
        p, right = expit(x), expit(shift + slope * x)
        came = rng.random(n) < right
        error = debiased_calibration_error(p, came)
        plain.append(calibration_error(p, came))
        squares.append(error * abs(error))
        true.append(((p - right) ** 2).mean())
    assert np.mean(plain) > np.sqrt(np.mean(true)) - 0.01  # the mean absolute error is the smaller one
    chance = 4 * np.std(squares) / np.sqrt(120)
    assert np.mean(squares) == pytest.approx(np.mean(true), abs=chance + 0.0004)
    if slope == 1 and not shift:
        assert np.mean(plain) > (0.06 if n == 140 else 0.02)
        assert abs(np.mean(squares)) < 0.0004


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
