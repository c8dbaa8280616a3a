"""Two models and two domains: counts as by hand, and overlap on made entity vectors with wrong types."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from workbench.foundation.errors import InputError
from workbench.spans import compare_predictions, domain_overlap

TRUE = [[(0, 2, "PER"), (3, 4, "LOC")], [(1, 2, "LOC")], [(0, 1, "PER")], None]
BASE = [[(0, 1, "PER"), (3, 4, "LOC")], [(1, 2, "PER")], [(0, 1, "PER"), (2, 3, "PER")], [(0, 1, "PER")]]
OTHER = [[(0, 2, "PER"), (3, 4, "LOC")], [(1, 2, "PER"), (4, 5, "LOC")], [], [(0, 1, "LOC")]]


def test_counts_are_those_by_hand():
    found = compare_predictions(TRUE, BASE, OTHER)
    columns = ["both right", "fixed", "broken", "both wrong", "spurious in both", "spurious fixed", "spurious made"]
    assert found.columns.tolist() == columns
    assert found.loc["PER"].tolist() == [0, 1, 1, 0, 1, 2, 0]
    assert found.loc["LOC"].tolist() == [1, 0, 0, 1, 0, 0, 1]
    assert compare_predictions(TRUE, OTHER, BASE).loc["PER"].tolist() == [0, 1, 1, 0, 1, 0, 2]
    with pytest.raises(InputError):
        compare_predictions(TRUE, BASE[:2], OTHER)


@pytest.fixture
def entities():
    """200 source entities of two types, 15 % with the wrong type, and 60 of another domain, half of them among them."""
    rng = np.random.default_rng(0)
    centers = np.eye(4)[:3] * 3
    type_ = rng.integers(0, 2, 200)
    source = centers[type_] + rng.normal(0, 0.5, (200, 4))
    wrong = rng.random(200) < 0.15
    inside = np.arange(60) < 30
    target = np.where(inside[:, None], centers[1], centers[2]) + rng.normal(0, 0.5, (60, 4))
    return source, np.array(["DRUG", "GENE"], object)[np.where(wrong, 1 - type_, type_)], wrong, target, inside


def test_entities_of_another_domain_overlap_where_they_fall_among_the_first(entities):
    source, types, wrong, target, inside = entities
    placed, given = domain_overlap(source, types, target, texts=[f"e{row}" for row in range(60)])
    assert roc_auc_score(inside[placed.index], placed["overlap"]) > 0.99
    assert (placed["nearest_type"][inside[placed.index]] == "GENE").mean() > 0.9
    assert placed["text"].iloc[0] == f"e{placed.index[0]}" and placed["overlap"].is_monotonic_decreasing
    assert placed.attrs["overlap"] == pytest.approx(placed["overlap"].mean())
    assert roc_auc_score(wrong[given.index], given["doubt"]) > 0.95
    same, _ = domain_overlap(source, types, source)
    assert same.attrs["overlap"] > 0.5 > placed.attrs["overlap"]


def test_wrong_entities_are_refused(entities):
    source, types, _, target, _ = entities
    with pytest.raises(InputError, match="`types` has 3 entries for 200 entities"):
        domain_overlap(source, types[:3], target)
    with pytest.raises(InputError, match="`source` has 4 entities"):
        domain_overlap(source[:4], types[:4], target)
