"""The most informative epoch, on trainings with a known answer."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from workbench.evidence.most_informative_epoch import epoch_weights, learned_shares, most_informative_epoch


def test_epochs_that_can_tell_weigh_most():
    given = np.repeat([0, 1], 50)
    correct = np.zeros((4, 100))
    correct[0, given == 0] = 1  # only the first class: not learned yet
    correct[1] = np.arange(100) % 10 > 1  # learned, labels not memorised
    correct[2] = np.arange(100) % 20 > 0
    correct[3] = 1  # memorised
    weights = epoch_weights(correct, given, 2)
    assert weights.argmax() == 1
    assert weights[3] == weights.min()
    assert weights.sum() == pytest.approx(1)


def test_learned_shares_by_hand():
    given = np.array([0, 0, 0, 1, -1])
    correct = np.array([[1, 1, 1, 0, np.nan], [1, np.nan, 0, 1, 1]])
    balanced, missed = learned_shares(correct, given, 3)
    assert balanced.tolist() == [0.5, 0.75], "mean over the classes that are there; unlabelled rows do not count"
    assert missed.tolist() == [0.25, pytest.approx(1 / 3)]


def test_embeddings_are_taken_before_labels_are_memorised():
    given = np.repeat([0, 1], 50)
    correct = np.ones((3, 100))
    correct[0] = np.arange(100) % 2  # nothing learned
    correct[1] = np.arange(100) % 10 > 1  # learned
    run = SimpleNamespace(
        mode="train", k=2, epochs=(0, 1, 2), embedding_epochs=(0, 1, 2), stat_matrix=lambda name: correct,
        dataset=SimpleNamespace(given_labels=given),
    )  # fmt: skip
    assert most_informative_epoch(run) == 1
    run.embedding_epochs = (0, 2)
    assert most_informative_epoch(run) == 2, "an epoch that has not learned the classes is the last choice"
    run.mode = "import"
    assert most_informative_epoch(run) == 2
