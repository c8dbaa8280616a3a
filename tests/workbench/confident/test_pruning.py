"""Pruning many small classes at once gives the same result as the plain rules class by class, including ties."""

from __future__ import annotations

import numpy as np
import pytest

from workbench.confident import counting, pruning
from workbench.confident.label_issues import find_label_issues


def sample(rng, k, ties):
    n = int(rng.integers(40, 700))
    probs = rng.random((n, k)) ** 3
    if ties:
        probs = np.round(probs * 4) / 4 + 0.01
    labels = rng.integers(0, k, n)
    return labels, (probs / probs.sum(axis=1, keepdims=True)).astype(np.float32)


def one_by_one(labels, probs, counts, k):
    """Return the two masks by full sorts, class by class."""
    by_class, by_margin = np.zeros((2, len(labels)), bool)
    for class_ in range(k):
        members = np.flatnonzero(labels == class_)
        if len(members) <= 1:
            continue
        own = probs[members, class_]
        row = pruning.to_prune(counts, np.array([class_]), 1, 1.0)[0]
        by_class[members] = pruning.lowest(own, len(members) - row[class_])
        for other in np.flatnonzero(row > 0):
            if other != class_:
                by_margin[members] |= pruning.lowest(own - probs[members, other], row[other])
    return by_class, by_margin


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("long", [0, 7, 256])
def test_all_ways_of_grouping_give_one_answer(rng, monkeypatch, ties, long):
    monkeypatch.setattr(pruning, "LONG_CLASS", long)
    monkeypatch.setattr(pruning, "PAIRS", 500 if long == 7 else 1 << 20)
    pruned = 0
    for _ in range(6):
        k = int(rng.integers(2, 40))
        labels, probs = sample(rng, k, ties)
        rows = counting.read_probs(labels, probs)
        by_class, by_margin = one_by_one(labels, probs, rows.calibrated(), k)
        pruned += by_class.sum() + by_margin.sum()
        for name, mask in (("prune_by_class", by_class), ("prune_by_noise_rate", by_margin)):
            np.testing.assert_array_equal(find_label_issues(labels, probs, by=name), mask & rows.contradicted)
    assert pruned > 0


def test_rounding_only_the_rows_that_must_give_way_changes_nothing(rng):
    for trial in range(60):
        k = int(rng.integers(2, 50))
        raw = rng.integers(0, 4, (k, k)) * (rng.random((k, k)) < 0.3)
        np.fill_diagonal(raw, rng.integers(trial % 2, 9, k))
        counts = rng.integers(0, 30, k)
        sizes = np.maximum(raw.sum(axis=1), counting.TINY)
        scaled = raw / sizes[:, None] * counts[:, None]
        total = max(np.ascontiguousarray(scaled.T).sum(), counting.TINY)
        wanted = counting._round_rows(scaled / total * counts.sum())
        np.testing.assert_array_equal(counting.calibrate_counts(raw, counts), wanted)


def test_the_one_entry_that_was_rounded_furthest_gives_way():
    rows = np.array([[1.4, 1.3, 0.3], [0.6, 0.7, 1.7], [2.0, 0.0, 1.0]])
    assert counting._round_rows(rows).tolist() == [[2, 1, 0], [0, 1, 2], [2, 0, 1]]
