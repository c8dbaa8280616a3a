"""Votes of neighbours equal a loop, find dropped tags, and improve with side information and a label code."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import average_precision_score

import workbench as wb
from workbench.foundation.errors import InputError


def recall_of_dropped(true, given, votes, most):
    """Fraction of dropped tags among the `most` highest-scored proposals of their row."""
    ranks = (-np.where(given == 1, -np.inf, votes)).argsort(axis=1).argsort(axis=1)
    dropped = (true == 1) & (given == 0)
    return (ranks[dropped] < most).mean()


@pytest.fixture(scope="module")
def topics():
    """200 documents with tags out of 30 from 6 topics; a fifth of the tags dropped; weak embeddings."""
    rng = np.random.default_rng(0)
    topic = rng.integers(0, 6, 300)
    chance = np.where(np.arange(30)[None] // 5 == topic[:, None], 0.7, 0.03)
    true = (rng.random((300, 30)) < chance).astype(int)
    given = np.where((true == 1) & (rng.random(true.shape) < 0.2), 0, true)
    x = np.eye(6)[topic] + rng.normal(0, 0.7, (300, 6))
    return true, given, x, topic


def test_votes_are_those_of_a_loop(topics):
    _, given, x, _ = topics
    given = given[:60].copy()
    given[3, :4] = -1
    x = x[:60]
    unit = x / np.linalg.norm(x, axis=1, keepdims=True)
    cosines = unit @ unit.T
    np.fill_diagonal(cosines, -np.inf)
    found = wb.tags.neighbor_votes(given, x, k=7)
    for row in range(60):
        near = np.argsort(-cosines[row])[:7]
        weight = np.exp(10 * cosines[row, near])
        for tag in range(30):
            known = given[near, tag] >= 0
            votes = (weight * known * (given[near, tag] == 1)).sum() / (weight * known).sum()
            assert found[row, tag] == pytest.approx(votes, rel=1e-4, abs=1e-6)


def test_a_label_code_finds_more_of_what_was_dropped(topics):
    true, given, x, _ = topics
    plain = recall_of_dropped(true, given, wb.tags.neighbor_votes(given, x), 5)
    coded = recall_of_dropped(true, given, wb.tags.neighbor_votes(given, x, code_rank=6), 5)
    assert coded > plain + 0.01 and plain > 2 * 5 / 30


def test_side_information_finds_more_of_what_was_dropped(topics):
    true, given, x, topic = topics
    rng = np.random.default_rng(1)
    side = np.zeros((300, 36))
    side[np.arange(300), topic * 6 + rng.integers(0, 6, 300)] = 1  # six authors for each topic
    side[rng.random(300) < 0.3] = 0  # unknown for three in ten
    without = recall_of_dropped(true, given, wb.tags.neighbor_votes(given, x), 5)
    with_ = recall_of_dropped(true, given, wb.tags.neighbor_votes(given, x, side=side), 5)
    assert with_ > without + 0.05


def test_votes_by_side_information_leave_out_the_own_tags():
    given = np.array([[1, 0], [0, 1], [0, 1]])
    x = np.eye(3)
    found = wb.tags.neighbor_votes(given, x, k=1, side=np.array([[1.0], [1.0], [1.0]]))
    alone = wb.tags.neighbor_votes(given, x, k=1)
    assert ((found[0] + found[0] - alone[0]) == [0, 1]).all(), "the half that comes by the shared thing"


def test_descriptors_smoothing_and_flips(digits):
    """Neighbours among descriptors: flipped tags have low support, and smoothed tags beat the given ones."""
    rng = np.random.default_rng(2)
    true = digits.true
    wrong = rng.random(true.shape) < 0.25
    given = np.where(wrong, 1 - true, true)
    centred = digits.x - digits.x.mean(axis=0)
    texts = np.stack([centred[one == 1].mean(axis=0) for one in true.T])  # stand-in for a text encoder
    votes = wb.tags.neighbor_votes(given, centred, tag_vectors=texts, k=20)
    doubt = np.where(given == 1, 1 - votes, votes)
    assert average_precision_score(wrong.ravel(), doubt.ravel()) > 2 * wrong.mean()
    smoothed = wb.tags.smooth_tags(given, votes, mix=0.3)
    assert ((smoothed > 0.5) == true).mean() > (given == true).mean() + 0.03
    assert np.array_equal(wb.tags.smooth_tags(given, votes, mix=1), given)


@pytest.mark.parametrize(
    ("named", "message"),
    [
        ({"k": 0}, "`k` is 0"),
        ({"code_rank": 9}, "`code_rank` is 9"),
        ({"tag_vectors": np.zeros((2, 5))}, "have 5 columns"),
        ({"side": -np.ones((3, 1))}, "weights from 0"),
        ({"embeddings": np.array([[0, 1], [np.nan, 1], [0, 0]])}, "row 1 holds NaN"),
    ],
)
def test_what_cannot_vote_is_refused(named, message):
    embeddings = named.pop("embeddings", np.eye(3)[:, :2])
    with pytest.raises(InputError, match=message):
        wb.tags.neighbor_votes(np.array([[1, 0], [0, 1], [1, 1]]), embeddings, **named)
