"""Intervals: by hand, compared with the exact distribution, by properties, and in simulations."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from workbench.experiments.intervals import corrected_t, paired_bootstrap, points, verdict


def test_corrected_t_by_hand():
    """Differences 0.01, 0.03: mean .02, s^2 = .0002; t(.975, 1) = 12.706; (1/2 + 30/70) s^2."""
    low, high = corrected_t(np.array([0.01, 0.03]), 300, 700)
    width = 12.7062047 * np.sqrt((0.5 + 30 / 70) * 0.0002)
    assert low == pytest.approx(0.02 - width)
    assert high == pytest.approx(0.02 + width)


def test_splits_that_agree_by_luck_are_not_certain():
    """Two splits with 100 tested examples: a gain of .02 is two examples, whose number varies like a Poisson
    variable."""
    low, high = corrected_t(np.array([0.02, 0.02]), 100, 100)
    assert high - 0.02 == pytest.approx(12.7062047 * np.sqrt(1.5 * 0.02 * 0.98 / 100))
    assert low < 0
    assert corrected_t(np.array([0.0, 0.0]), 100, 100) == (0, 0)


def test_the_bootstrap_against_every_resample_there_is():
    """Four examples have 4^4 equally likely resamples; the quantiles equal those over all of them."""
    gains = np.array([1.0, 0.0, -1.0, 1.0])
    every = np.array([np.mean([gains[place] for place in draw]) for draw in product(range(4), repeat=4)])
    low, high = paired_bootstrap(gains, resamples=20_000)
    assert low == np.quantile(every, 0.025)
    assert high == np.quantile(every, 0.975)


def test_the_bootstrap_of_one_repeat_is_near_the_normal_interval(rng):
    gains = rng.choice([-1.0, 0.0, 1.0], 4000, p=[0.03, 0.9, 0.07])
    low, high = paired_bootstrap(gains)
    half = 1.96 * gains.std() / np.sqrt(4000)
    assert low == pytest.approx(gains.mean() - half, abs=0.1 * half)
    assert high == pytest.approx(gains.mean() + half, abs=0.1 * half)


def test_examples_that_were_not_tested_do_not_count(rng):
    gains = rng.choice([-1.0, 0.0, 1.0], (3, 500))
    padded = np.concatenate([gains, np.full((3, 500), np.nan)], axis=1)
    assert paired_bootstrap(padded)[0] == pytest.approx(paired_bootstrap(gains)[0], abs=0.02)


def test_same_gains_in_every_repeat_count_once(rng):
    """Ten copies of one repeat have no more information than one: examples are drawn, not pairs of repeat and
    example."""
    gains = rng.choice([-1.0, 0.0, 1.0], (1, 400))
    one, ten = paired_bootstrap(gains), paired_bootstrap(np.repeat(gains, 10, axis=0))
    assert one == pytest.approx(ten, abs=1e-9)


def test_repeats_that_differ_widen_the_interval(rng):
    gains = np.clip(rng.choice([-1.0, 0.0, 1.0], (6, 300)) + np.array([-1, -1, 0, 0, 1, 1])[:, None], -1, 1)
    narrow, wide = paired_bootstrap(gains), paired_bootstrap(gains, repeats_too=True)
    assert wide[1] - wide[0] > 1.5 * (narrow[1] - narrow[0])


def test_coverage_of_the_bootstrap_in_a_simulation(rng):
    """With a true gain of .04, close to 95 of 100 intervals contain it."""
    held = 0
    for seed in range(200):
        gains = rng.choice([-1.0, 0.0, 1.0], 300, p=[0.06, 0.84, 0.10])
        low, high = paired_bootstrap(gains, resamples=200, seed=seed)
        held += low <= 0.04 <= high
    assert 180 <= held <= 199


def test_plain_words():
    assert points(0.018, 0.009, 0.026) == "+1.8 points, 95 % 0.9 to 2.6"
    assert points(-0.0004, -0.01, 0.01) == "+0.0 points, 95 % -1.0 to 1.0"
    assert [verdict(0.1, 0.2), verdict(-0.2, -0.1)] == ["better", "worse"]
    assert verdict(-0.1, 0.2).startswith("no difference")
