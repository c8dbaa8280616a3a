"""The detector on unusual data: few rows, odd values, missing parts, many classes, large data, no evidence."""

from __future__ import annotations

import numpy as np
import pytest
from planted import blobs, probabilities, ranked_auroc, softmax, training

from workbench.evidence.evidence import Evidence
from workbench.foundation.errors import InputError, MissingEvidence
from workbench.issues.detector import find_issues

COLUMNS = ["given_label", "suggested_label", "p_error", "p_suggested", "is_issue", "reasons", "reason_kinds", "row"]


@pytest.mark.parametrize("kind", ["embeddings", "pred_probs", "logits"])
@pytest.mark.parametrize("n", [1, 2, 3, 5, 20])
def test_a_handful_of_rows(rng, kind, n):
    given = np.arange(n) % 2
    value = {
        "embeddings": rng.normal(size=(n, 3)),
        "pred_probs": softmax(rng.normal(size=(n, 2))),
        "logits": rng.normal(size=(2, n, 2)),
    }[kind]
    evidence = Evidence.from_arrays(given, 2, **{kind: value})
    if kind == "embeddings" and n == 1:
        with pytest.raises(MissingEvidence, match="at least two classes"):
            find_issues(evidence)
        return
    found = find_issues(evidence)
    assert len(found) == n
    assert found["p_error"].between(0, 1).all()


def test_no_rows_at_all():
    found = find_issues(Evidence.from_arrays(np.zeros(0, int), 2, logits=np.zeros((2, 0, 2))))
    assert found.columns.tolist() == COLUMNS
    assert len(found) == 0


def test_one_class_can_not_be_wrong():
    found = find_issues(Evidence.from_arrays(np.zeros(6, int), 1, pred_probs=np.ones((6, 1))))
    assert (found["p_error"] == 0).all()
    assert not found["is_issue"].any()
    assert (found["suggested_label"] == 0).all()


def test_a_class_that_is_never_given(rng):
    vectors, given, true = blobs(rng, k=4)
    evidence = Evidence.from_arrays(given, 6, embeddings=vectors, pred_probs=probabilities(rng, true, 6))
    found = find_issues(evidence)
    assert found["p_error"].notna().all()
    assert ranked_auroc(found, given != true) > 0.95


def test_a_class_with_a_single_row(rng):
    vectors, given, _ = blobs(rng, k=3, noise=0.0)
    given = given.copy()
    given[0] = 3
    found = find_issues(Evidence.from_arrays(given, 4, embeddings=vectors))
    assert found["p_error"].notna().all()


def test_equal_probabilities_say_nothing():
    found = find_issues(Evidence.from_arrays(np.arange(30) % 3, 3, pred_probs=np.full((30, 3), 1 / 3)))
    assert np.ptp(found["p_error"]) < 1e-5
    assert found["p_error"].max() < 0.01


def test_equal_embeddings_say_nothing():
    found = find_issues(Evidence.from_arrays(np.arange(40) % 2, 2, embeddings=np.ones((40, 5))))
    assert found["p_error"].between(0, 1).all()


def test_zero_and_one_as_probabilities(rng):
    true = rng.integers(0, 3, 200)
    given = true.copy()
    given[:20] = (given[:20] + 1) % 3
    found = find_issues(Evidence.from_arrays(given, 3, pred_probs=np.eye(3)[true].astype(np.float16)))
    assert set(found["row"][:20]) == set(range(20))
    assert found["p_error"].notna().all()


def test_rows_without_an_embedding(rng):
    vectors, given, true = blobs(rng)
    vectors[:11] = np.nan
    found = find_issues(Evidence.from_arrays(given, 4, embeddings=vectors))
    assert found["p_error"].notna().all()
    assert "11 rows have no embedding" in found.attrs["method"]
    assert ranked_auroc(found.query("row > 10").assign(row=lambda f: f["row"] - 11), (given != true)[11:]) > 0.95


def test_infinite_embeddings_are_refused_as_where_they_are_stored(rng):
    vectors, given, _ = blobs(rng)
    vectors[10, 3] = np.inf
    with pytest.raises(InputError, match=r"`embeddings` row 10 \(id 10\) holds infinity. Check the layer"):
        find_issues(Evidence.from_arrays(given, 4, embeddings=vectors))


def test_no_usable_embedding_is_one_clear_error():
    with pytest.raises(MissingEvidence, match="at least two classes with labelled examples that have an embedding"):
        find_issues(Evidence.from_arrays(np.arange(10) % 2, 2, embeddings=np.full((10, 3), np.nan)))


def test_unlabelled_rows_are_not_judged_but_get_a_suggestion(rng):
    vectors, given, true = blobs(rng)
    blind = given.copy()
    blind[:30] = -1
    found = find_issues(Evidence.from_arrays(blind, 4, embeddings=vectors, pred_probs=probabilities(rng, true, 4)))
    free = found[found["row"] < 30]
    assert free["p_error"].isna().all()
    assert not free["is_issue"].any()
    assert free["given_label"].isna().all()
    assert (free["suggested_label"].astype(int) == true[free["row"]]).mean() > 0.9
    assert found.iloc[-30:]["row"].max() < 30
    assert found.attrs["unlabelled"] == 30
    assert found.attrs["judged"] == len(given) - 30


def test_no_label_at_all(rng):
    found = find_issues(Evidence.from_arrays(np.full(5, -1), 2, pred_probs=softmax(rng.normal(size=(5, 2)))))
    assert found["p_error"].isna().all()
    assert not found["is_issue"].any()
    assert found["suggested_label"].notna().all()


def test_epochs_that_were_not_recorded_for_a_row(rng):
    _, given, true = blobs(rng)
    logits = training(rng, given, true, 4)
    margin = np.sort(logits, axis=2)
    own = np.take_along_axis(logits, given[None, :, None], axis=2)[:, :, 0]
    beside = np.where(own == margin[:, :, -1], margin[:, :, -2], margin[:, :, -1])
    values = (own - beside).astype(np.float32)
    values[:, 0] = np.nan
    values[3:, 1] = np.nan
    found = find_issues(Evidence.from_arrays(given, 4, statistics={"margin": values}))
    assert found["p_error"].notna().all()
    assert ranked_auroc(found, given != true) > 0.9


def test_many_classes(rng):
    n, k = 900, 90
    true = rng.integers(0, k, n)
    given = np.where(rng.random(n) < 0.1, rng.integers(0, k, n), true)
    vectors = (rng.normal(size=(k, 32)) * 3)[true] + rng.normal(size=(n, 32))
    found = find_issues(Evidence.from_arrays(given, k, embeddings=vectors, pred_probs=probabilities(rng, true, k, 8)))
    assert ranked_auroc(found, given != true) > 0.97


def test_thousands_of_classes(rng, monkeypatch):
    """Above `WIDE` rows x classes (lowered here for speed), no classifier is fitted."""
    monkeypatch.setattr("workbench.issues.posterior.WIDE", 6_000_000)
    monkeypatch.setattr("workbench.issues.noise.WIDE", 6_000_000)
    n, k = 4_500, 1_500
    true = rng.integers(0, k, n)
    given = np.where(rng.random(n) < 0.1, rng.integers(0, k, n), true)
    vectors = ((rng.normal(size=(k, 32)) * 3)[true] + rng.normal(size=(n, 32))).astype(np.float32)
    found = find_issues(Evidence.from_arrays(given, k, embeddings=vectors))
    assert "votes of neighbours" in found.attrs["method"]
    assert ranked_auroc(found, given != true) > 0.75


# ---- refusals


def test_nothing_to_go_by():
    with pytest.raises(MissingEvidence, match="pred_probs, embeddings or recorded epochs"):
        find_issues(Evidence.from_arrays(np.zeros(3, int), 2))


@pytest.mark.parametrize("arguments", [{"fdr": 1.2}, {"fdr": -0.1}, {"threshold": 2}])
def test_shares_outside_0_and_1(arguments):
    with pytest.raises(InputError, match="between 0 and 1"):
        find_issues(Evidence.from_arrays(np.zeros(3, int), 2, pred_probs=np.full((3, 2), 0.5)), **arguments)


# ---- size


def test_large_sets_use_landmarks_in_little_memory(rng, monkeypatch):
    import tracemalloc

    monkeypatch.setattr("workbench.issues.landmark_ridge.MOST_LANDMARKS", 200)
    monkeypatch.setattr("workbench.issues.exact_ridge.EXACT_KERNEL_ROWS", 3_000)
    vectors, given, true = blobs(rng, n=4_000, k=10, d=64, noise=0.1)
    tracemalloc.start()
    found = find_issues(Evidence.from_arrays(given, 10, embeddings=vectors))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert "landmarks" in found.attrs["method"]
    assert ranked_auroc(found, given != true) > 0.99
    assert peak < 5e7  # all pairs of rows would be 128 MB


@pytest.mark.parametrize("n", [7, 500, 1603])
def test_neighbours_of_some_rows_are_those_of_a_full_sort(rng, n, monkeypatch):
    from workbench.issues.nearby import labels_near

    monkeypatch.setattr("workbench.issues.nearby.NEAR_ROWS", 4)
    monkeypatch.setattr("workbench.issues.nearby.NEAR_COLUMNS", 601)
    vectors = rng.normal(size=(n, 5)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    rows = rng.permutation(n)[:6]
    nearest = [[other for other in np.argsort(-vectors @ vectors[row]) if other != row][:4] for row in rows]
    found = labels_near(vectors, rows, np.arange(n), 4)  # each row is its own label
    np.testing.assert_array_equal(np.sort(found, axis=1), np.sort(nearest, axis=1))
