"""Cohen's kappa: by hand, against scikit-learn and a bootstrap, and from a journal; speed of a reviewer."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

from workbench.foundation.errors import InputError
from workbench.review.kappa import agreement, cohen_kappa
from workbench.review.pace import pace_of, review_pace
from workbench.runs.journal import Journal


def test_by_hand():
    """Two raters of 50: 20 yes by both, 15 no by both, 5 and 10 between: .7 observed, .5 expected."""
    a = ["yes"] * 25 + ["no"] * 25
    b = ["yes"] * 20 + ["no"] * 5 + ["yes"] * 10 + ["no"] * 15
    found = cohen_kappa(a, b)
    assert (found.observed, found.expected, found.kappa) == pytest.approx((0.7, 0.5, 0.4))
    assert str(found) == f"kappa 0.40 ({found.low:.2f} to {found.high:.2f}), 70% the same of 50"


def test_value_and_interval_by_other_routes(rng):
    metrics = pytest.importorskip("sklearn.metrics")
    a = rng.integers(0, 4, 300)
    b = np.where(rng.random(300) < 0.65, a, rng.integers(0, 4, 300))
    found = cohen_kappa(a, b)
    assert found.kappa == pytest.approx(metrics.cohen_kappa_score(a, b))
    draws = [cohen_kappa(a[rows], b[rows]).kappa for rows in rng.integers(0, 300, (400, 300))]
    low, high = np.percentile(draws, [2.5, 97.5])
    assert found.low == pytest.approx(low, abs=0.02)
    assert found.high == pytest.approx(high, abs=0.02)
    back = cohen_kappa(b, a)
    assert (back.kappa, back.low, back.high) == pytest.approx((found.kappa, found.low, found.high))


def test_edges():
    perfect = cohen_kappa(["x", "y"] * 10, ["x", "y"] * 10)
    assert perfect.kappa == perfect.high == 1
    assert perfect.low == pytest.approx((0.05 ** (1 / 20) - 0.5) / 0.5), "agreeing 20 times proves no certainty"
    assert np.isnan(cohen_kappa(["x"] * 5, ["x"] * 5).kappa), "one class: chance alone agrees"
    assert cohen_kappa([], []).n == 0
    opposite = cohen_kappa(["x", "y"], ["y", "x"])
    assert opposite.kappa == pytest.approx(-1)
    with pytest.raises(InputError, match=r"has shape \(1,\) for \(2,\)"):
        cohen_kappa([1, 2], [1])
    with pytest.raises(InputError, match="`level` is 2"):
        cohen_kappa([1], [1], level=2)


def test_authors_of_a_journal(tmp_path):
    journal = Journal(tmp_path / "journal.sqlite")
    assert agreement(journal).empty
    journal.relabel(["a", "b"], "dog", old="cat", author="anna", source="review")
    journal.keep(["c"], old="cat", author="anna")
    journal.skip(["d"], author="anna")
    journal.relabel(["a"], "dog", old="cat", author="bo")
    journal.keep(["b", "c", "d"], old="cat", author="bo", source="review")
    journal.keep(["c"], old="cat", author="cy")
    table = agreement(journal)
    assert table[["a", "b", "n"]].values.tolist() == [["anna", "bo", 3], ["anna", "cy", 1], ["bo", "cy", 1]]
    assert table["observed"].tolist() == pytest.approx([2 / 3, 1, 1])
    assert table["differ"].tolist() == [["b"], [], []]
    journal.undo("bo")
    assert agreement(journal)["n"].tolist() == [1, 1], "what was undone is no opinion"


def test_suggestions_accepted_in_bulk_are_nobodys_opinion(tmp_path):
    journal = Journal(tmp_path / "journal.sqlite")
    journal.keep(["a"], old="cat", author="anna")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        journal.relabel(["a", "b", "c"], "dog", old="cat", author="bo", source="explorer: accept selection")
        assert agreement(journal).empty
    other = Journal(tmp_path / "other.sqlite")
    for who in ("anna", "bo"):
        other.keep(["a", "b"], old="cat", author=who)
    with pytest.warns(UserWarning, match="none of the 2 decisions counts.*source='review'"):
        assert agreement(other).empty


def test_pace_of_the_newest_sitting():
    morning = [f"2026-01-05T08:0{minute}:00.000Z" for minute in range(6)]
    later = [f"2026-01-05T09:00:{second:02}.000Z" for second in range(0, 60, 10)]
    found = pace_of([*morning, *later])
    assert (found.decisions, found.minutes, found.per_minute) == pytest.approx((6, 50 / 60, 6))
    assert pace_of(morning).per_minute == pytest.approx(1)
    assert np.isnan(pace_of(later[:3]).per_minute)
    assert pace_of([]).decisions == 0


def test_pace_counts_decisions_not_examples(tmp_path):
    journal = Journal(tmp_path / "journal.sqlite", author="anna")
    journal.keep(["a", "b", "c"], old="x")
    journal.skip(["d"])
    journal.flag(["d"])
    journal.relabel(["e"], "y", old="x", author="bo")
    journal.undo()
    journal.keep(["f"], old="x", source="a script")
    assert review_pace(journal).decisions == 2
    assert review_pace(journal, "bo").decisions == 1
