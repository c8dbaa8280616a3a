"""A recalled function computes equal inputs once, and different ones again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_matrix

from workbench.foundation import recall
from workbench.foundation.recall import digest_of, recalled
from workbench.issues.detector import find_issues

pytestmark = pytest.mark.usefixtures("recalling")


class Named(NamedTuple):
    values: np.ndarray
    name: str


@dataclass(frozen=True)
class Held:
    values: np.ndarray
    name: str


@pytest.fixture
def counted():
    """A recalled sum, and the list of its calls."""
    calls = []

    @recalled
    def total(values, *, more=0):
        calls.append(more)
        return [np.asarray(values).sum(axis=0) + np.full(2, float(more))]

    return total, calls


def test_equal_inputs_are_computed_once_and_others_again(counted):
    total, calls = counted
    values = np.arange(6.0).reshape(3, 2)
    first, again = total(values), total(values.copy(), more=0)
    assert first[0] is not again[0] and len(calls) == 2, "a default is not the same call"
    assert total(values.copy())[0] is first[0] and len(calls) == 2
    values[0, 0] = 1
    assert total(values)[0].tolist() == [7.0, 9.0] and len(calls) == 3, "the same array with other numbers"
    first.append("mine")
    assert len(total(np.arange(6.0).reshape(3, 2))) == 1, "a list is not shared"
    with pytest.raises(ValueError, match="read-only"):
        first[0][0] = 5


def test_the_oldest_results_are_dropped_and_large_ones_never_kept(counted, monkeypatch):
    total, calls = counted
    for number in [*range(recall.KEPT_RESULTS + 1), 1, 0]:
        total(np.full((1, 2), number))
    assert len(calls) == recall.KEPT_RESULTS + 2, "only 0 was dropped"
    before = len(calls)
    for name, most, again in (("MOST_RECALLED", 15, 2), ("MOST_RECALLED", 31, 1), ("MOST_DIGESTED", 15, 2)):
        with monkeypatch.context() as patch:
            patch.setattr(recall, name, most)
            for _ in range(2):
                total(np.full((1, 2), -float(most)))
        assert len(calls) == before + again, (name, most)
        before = len(calls)
    total(np.full((1, 2), 0))
    assert len(calls) == before + 1, "one of two results of 16 bytes was kept in 31"
    monkeypatch.setattr(recall, "KEPT_RESULTS", 0)
    total(np.full((1, 2), 0))
    assert len(calls) == before + 2


def test_digests_tell_values_types_shapes_and_their_places_apart():
    array, sparse = np.arange(4), csr_matrix(np.eye(3))
    values = [
        *(None, 0, 0.0, False, "0", np.float32(0), np.float64(0), "", (), [], ((),), {}, {"a": 1}, {"b": 1}, ("a", 1)),
        *(array, array.astype(float), array.reshape(2, 2), array.reshape(2, 2).T, array[::-1], array[:0]),
        *(Named(array, "a"), Held(array, "a"), Held(array, "b"), Held(array + 1, "a"), (array, "a"), [array, "a"]),
        *(sparse, sparse * 2, np.array(["a", None], object), np.array(["a", "b"], object), np.array(["a", "b"])),
        *(("ab", "c"), ("a", "bc"), (("a",), "b"), ("a", ("b",)), np.zeros((0, 3)), np.zeros((3, 0)), (array, array)),
    ]
    digests = [digest_of(one) for one in values]
    assert None not in digests and len(set(digests)) == len(values)
    assert digest_of(np.asfortranarray(array.reshape(2, 2))) == digest_of(array.reshape(2, 2))
    assert digest_of((1, object())) is None and digest_of(np.array([object()])) is None
    assert digest_of(pd.Series([1])) is None and digest_of(Held) is None


def test_what_cannot_be_compared_is_computed_again(counted):
    total, calls = counted
    for _ in range(2):
        total(pd.Series([1, 2]))
    assert len(calls) == 2


@pytest.mark.parametrize("kind", ["boxes", "numbers", "spans", "pairs"])
def test_a_table_of_the_same_evidence_is_the_same_and_cheap(rng, kind, monkeypatch):
    """The second shape of the table trains nothing; with recall off, it has the same numbers."""
    labels, evidence = LABELS[kind](rng)
    monkeypatch.setattr("workbench.issues.boxes.planted_odds.BOX_TREES", 3)
    whole = find_issues(labels, task=kind, **evidence)
    with monkeypatch.context() as patch:
        patch.setattr(HEAVY[kind], _refuse)
        units = find_issues(labels, task=kind, per="unit", **evidence)
    monkeypatch.setattr(recall, "KEPT_RESULTS", 0)
    for shape, kept in {"example": whole, "unit": units}.items():
        pd.testing.assert_frame_equal(kept, find_issues(labels, task=kind, per=shape, **evidence))


def _refuse(*args: object, **kwargs: object) -> None:
    raise AssertionError("trained again")


HEAVY = {
    "boxes": "workbench.issues.boxes.planted_odds._fitted",
    "numbers": "workbench.issues.numbers.fits.forest",
    "spans": "workbench.issues.spans.tagger.fit_logistic",
    "pairs": "workbench.issues.pairs.ordinal.OrdinalModel",
}


def _boxes(rng):
    corners = rng.uniform(0, 60, (90, 2))
    places = np.hstack([corners, corners + rng.uniform(15, 30, (90, 2))])
    labels = [{"bboxes": places[row : row + 1], "labels": [["cat", "dog"][row % 2]]} for row in range(90)]
    chances = [np.roll([[0.9, 0.1]], row % 2, axis=1) for row in range(90)]
    noise = rng.normal(0, 1, (90, 1, 4))
    found = [{"bboxes": places[row : row + 1] + noise[row], "class_scores": chances[row]} for row in range(90)]
    return labels, {"predictions": found}


def _numbers(rng):
    features = rng.normal(size=(60, 2))
    return features @ [1.0, 2.0] + rng.normal(0, 0.1, 60), {"features": features}


def _spans(rng):
    sentences = [["we", "met", ["Ann", "Bob"][row % 2], "in", ["Rome", "Oslo"][row % 3 // 2]] for row in range(40)]
    return [[{"start": 2, "end": 3, "label": "person"}] for _ in sentences], {"tokens": sentences}


def _pairs(rng):
    rows = [(f"q{row // 5}", f"d{row % 5}", int(row % 5 < 2)) for row in range(150)]
    pairs = pd.DataFrame(rows, columns=["query", "item", "grade"])
    scores = pairs[["query", "item"]].assign(dense=pairs["grade"] + rng.normal(0, 0.5, 150))
    return pairs, {"scores": scores}


LABELS = {"boxes": _boxes, "numbers": _numbers, "spans": _spans, "pairs": _pairs}
