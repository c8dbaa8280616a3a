"""Reasons: their contents, order and grammar."""

from __future__ import annotations

import numpy as np

from workbench.issues import reasons


def test_neighbours_by_hand():
    labels = np.array([[1, 1, 1, 0], [0, 0, 0, 0], [1, 1, -1, -1], [-1, -1, -1, -1], [0, 0, 1, 1]])
    strength, words, _ = reasons.of_neighbors(labels, np.array([0, 0, 0, 0, -1]))
    assert words[:3].tolist() == ["3 of 4 neighbours disagree", "4 of 4 neighbours agree", "2 of 2 neighbours disagree"]
    assert np.isnan(strength[3:]).all()
    assert strength[0] > strength[1]


def test_learning_by_hand():
    strength, words, _ = reasons.learning(np.array([0, 3, 20, -1, 0]), np.array([20, 20, 20, 0, 1]), np.zeros(5, int))
    assert words[0] == "never learned in 20 epochs"
    assert words[1] == "learned in 3 of 20 epochs"
    assert words[2] == "learned in 20 of 20 epochs"
    assert words[4] == "never learned in 1 epoch"
    assert np.isnan(strength[3])
    assert strength[0] > strength[1] > strength[2]


def test_predicted_puts_the_likelier_class_first():
    strength, words, _ = reasons.of_predictions(
        "out-of-fold",
        np.array([0.02, 0.9, 1.0]),
        np.array([1, 1, -1]),
        np.array([0.93, 0.1, np.nan]),
        np.array([0, 0, 0]),
        ["cat", "dog"],
    )
    assert words.tolist() == ["out-of-fold: dog .93, cat .02", "out-of-fold: cat .90, dog .10", "out-of-fold: cat 1.00"]
    assert strength[0] > strength[1]


def test_strongest_first_and_at_most_three():
    def words(text):
        return np.array([text, text], object)

    parts = [
        reasons.Reason(np.array([1.0, np.nan]), words("one"), reasons.STANDING_KIND),
        reasons.Reason(np.array([4.0, np.nan]), words("four"), reasons.VOTES_KIND),
        reasons.Reason(np.array([2.0, 0.0]), words("two"), reasons.LEARNING),
        reasons.Reason(np.array([3.0, np.nan]), words("three"), reasons.NEIGHBORS_KIND),
    ]
    said, kinds = reasons.strongest(parts, 2)
    assert said.tolist() == ["four; three; two", "two"]
    assert kinds.tolist() == ["votes; neighbors; learning", "learning"]
    assert [one.tolist() for one in reasons.strongest([], 2)] == [["", ""], ["", ""]]


def test_reasons_come_apart_whatever_classes_are_called():
    """A class named "a; b" does not split a reason."""
    said = reasons.of_predictions(
        reasons.HELD_OUT, np.array([0.2]), np.array([1]), np.array([0.8]), np.array([0]), ["a; b", "c"]
    )
    words, kinds = reasons.strongest([said], 1)
    assert len(reasons.apart(words[0])) == len(reasons.apart(kinds[0])) == 1
    assert reasons.meaning(kinds[0]).startswith("probabilities of models that did not see")


def test_standing_among_its_own_class():
    p = np.array([0.1, 0.9, 0.5, 0.7, np.nan, 0.2, 0.3])
    strength, words, _ = reasons.standing(p, np.array([0, 0, 0, 0, 0, 1, -1]), ["cat", "dog"])
    assert words[:4].tolist() == [
        "less likely than 88% of cat labels",
        "more likely than 88% of cat labels",
        "less likely than 62% of cat labels",
        "more likely than 62% of cat labels",
    ]
    assert strength[0] > strength[2] > strength[3] > strength[1]
    assert np.isnan(strength[4:]).all()
    assert reasons.standing(np.zeros(0), np.zeros(0, int), ["cat"])[1].tolist() == []
