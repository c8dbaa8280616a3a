"""As many random changes: the same number, the same pairs of classes, other examples."""

from __future__ import annotations

import numpy as np

from workbench.experiments.comparisons.treatments import ARMS, arms, random_changes


def test_the_control_has_the_changes_of_the_correction_by_pair_of_classes(rng):
    given = rng.integers(-1, 4, 300)
    corrected = given.copy()
    moved = rng.choice(300, 60, replace=False)
    corrected[moved] = rng.integers(-1, 4, 60)
    train = np.sort(rng.choice(300, 200, replace=False))
    made = random_changes(given, corrected, train, rng)

    def pairs(labels):
        return np.bincount((given[train] + 1) * 5 + labels[train] + 1, minlength=25)

    np.testing.assert_array_equal(pairs(made), pairs(corrected))
    outside = np.setdiff1d(np.arange(300), train)
    np.testing.assert_array_equal(made[outside], given[outside])
    assert (made[train] != corrected[train]).any()


def test_where_examples_are_many_the_control_picks_others(rng):
    given = np.zeros(10_000, int)
    corrected = given.copy()
    corrected[:20] = 1
    made = random_changes(given, corrected, np.arange(10_000), rng)
    assert made.sum() == 20
    assert made[:20].sum() < 5


def test_every_arm_leaves_the_given_labels_as_they_are(rng):
    given = rng.integers(0, 3, 50)
    corrected = (given + (rng.random(50) < 0.2)) % 3
    before = given.copy()
    made = arms(given, corrected, corrected != given, np.arange(50), rng)
    assert tuple(made) == ARMS
    np.testing.assert_array_equal(given, before)
    np.testing.assert_array_equal(made["dropped"] == -1, corrected != given)
    np.testing.assert_array_equal(made["corrected"], corrected)
