"""Scores and filters of tokens against cleanlab's token classification, and input that cleanlab does not accept."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench import confident
from workbench.confident.label_issues import FILTERS, RANKINGS
from workbench.foundation.errors import InputError

SIZES = st.lists(st.integers(1, 9), min_size=1, max_size=12)


def sentences(seed, sizes, k, ties=False):
    """Random sentences of these sizes, with labels that mostly agree with the probabilities."""
    rng = np.random.default_rng(seed)
    t = sum(sizes)
    true = rng.integers(0, k, t)
    logits = rng.normal(size=(t, k)) + 2.5 * np.eye(k)[true]
    probs = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    if ties:
        probs = np.round(probs, 1) + 1e-3
        probs /= probs.sum(axis=1, keepdims=True)
    given = np.where(rng.random(t) < 0.2, rng.integers(0, k, t), true)
    given[:k] = np.arange(k)[:t]
    cuts = np.cumsum(sizes)[:-1]
    return [one.tolist() for one in np.split(given, cuts)], np.split(probs, cuts)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6), SIZES, st.integers(2, 9), st.booleans(), st.sampled_from(sorted(RANKINGS)))
def test_scores_are_those_of_cleanlab(seed, sizes, k, ties, method):
    rank = pytest.importorskip("cleanlab.token_classification.rank")
    labels, probs = sentences(seed, [*sizes, k], k, ties)
    for pool, temperature in (("min", 0.05), ("softmin", 0.05), ("softmin", 0.7), ("softmin", 1e-3)):
        options = {"sentence_score_method": pool, "sentence_score_kwargs": {"temperature": temperature}}
        whole, tokens = rank.get_label_quality_scores(labels, probs, token_score_method=method, **options)
        found = confident.sentence_scores(labels, probs, method=method, pool=pool, temperature=temperature)
        np.testing.assert_allclose(found, whole, rtol=1e-9)
    mine = confident.token_scores(labels, probs, method=method)
    for one, other in zip(mine, tokens, strict=True):
        np.testing.assert_allclose(one, other.to_numpy(), rtol=1e-9)
    for threshold in (0.1, 0.5, 2.0):
        theirs = rank.issues_from_scores(whole, token_scores=[one.tolist() for one in mine], threshold=threshold)
        assert confident.lowest_tokens(mine, threshold=threshold).tolist() == [list(one) for one in theirs]


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10**6), st.integers(2, 6), st.sampled_from(FILTERS), st.sampled_from(sorted(RANKINGS)))
def test_filters_are_those_of_cleanlab(seed, k, by, ranked_by):
    filters = pytest.importorskip("cleanlab.token_classification.filter")
    labels, probs = sentences(seed, [5, 1, 14, 3, 8, 20, 9], k)
    options = {"return_indices_ranked_by": ranked_by, "filter_by": by, "n_jobs": 1}
    theirs = filters.find_label_issues(labels, probs, **options)
    mine = confident.find_token_issues(labels, probs, by=by, ranked_by=ranked_by)
    assert mine.tolist() == [list(one) for one in theirs]


def test_words_are_counted_as_by_cleanlab(capsys):
    summary = pytest.importorskip("cleanlab.token_classification.summary")
    labels, probs = sentences(3, [6] * 20, 3)
    words = [[f"w{(row * place) % 5}" for place in range(6)] for row in range(20)]
    issues = confident.find_token_issues(labels, probs, by="predicted_neq_given")
    pairs = [tuple(one) for one in issues.tolist()]
    names = ["O", "PER", "LOC"]
    theirs = summary.common_label_issues(pairs, words, labels=labels, pred_probs=probs, class_names=names)
    mine = confident.common_token_issues(issues, words, labels, probs, classes=names)
    columns = ["token", "given_label", "predicted_label"]
    assert mine["issues"].is_monotonic_decreasing
    counted = dict(zip(map(tuple, mine[columns].to_numpy()), mine["issues"]))
    assert counted == dict(zip(map(tuple, theirs[columns].to_numpy()), theirs["num_label_issues"]))


def test_a_pencil_can_check_these():
    labels, probs = [[0, 1], [1]], [np.array([[0.75, 0.25], [0.5, 0.5]]), np.array([[0.25, 0.75]])]
    assert [one.tolist() for one in confident.token_scores(labels, probs)] == [[0.75, 0.5], [0.75]]
    assert confident.sentence_scores(labels, probs).tolist() == [0.5, 0.75]
    weight = np.exp(0.25 / 0.5)
    wanted = (0.75 + weight * 0.5) / (1 + weight)
    assert confident.sentence_scores(labels, probs, pool="softmin", temperature=0.5)[0] == pytest.approx(wanted)


@pytest.mark.parametrize("padding", [-1, -100])
def test_tokens_without_a_label_enter_nothing(padding):
    """cleanlab supports neither such tokens nor sentences without tokens."""
    labels, probs = sentences(5, [4, 6, 3, 9], 3)
    padded = [[*one, padding, padding] for one in labels]
    wider = [np.concatenate([one, np.full((2, 3), 1 / 3)]) for one in probs]
    for pool in ("min", "softmin"):
        assert (
            confident.sentence_scores(padded, wider, pool=pool) == confident.sentence_scores(labels, probs, pool=pool)
        ).all()
    assert (confident.find_token_issues(padded, wider) == confident.find_token_issues(labels, probs)).all()
    scores = confident.token_scores(padded, wider)
    assert all(np.isnan(one[-2:]).all() and not np.isnan(one[:-2]).any() for one in scores)
    empty = confident.sentence_scores([*labels, [], [padding]], [*probs, np.empty((0, 3)), np.full((1, 3), 1 / 3)])
    assert np.isnan(empty[-2:]).all() and not np.isnan(empty[:-2]).any()
    assert confident.sentence_scores([], []).shape == (0,)
    table = np.stack([np.array(one) for one in ([0, 1, padding], [1, 0, 0])])
    cube = np.full((2, 3, 2), 0.5)
    assert np.isnan(confident.token_scores(table, cube)[0][2])


def test_a_wrong_shape_gets_one_error_with_its_place():
    labels, probs = sentences(0, [2, 3], 2)
    for wrong, values, words in (
        ([[0, 1]], probs, "`pred_probs` has 2 sentences for 1 of the labels"),
        ([[0, 1], [1, 0]], probs, r"`pred_probs` row 1 has shape \(3, 2\) for 2 tokens and 2 columns"),
        ([[0, 1], [1, 5, 0]], probs, "row 1 token 1 is 5"),
        ([[0, 1], [1, "O", 0]], probs, "`labels` row 1 token 1 is 'O'"),
        ([[0, 1], [1, 0.5, 0]], probs, "`labels` row 1 token 1 is 0.5"),
        ([[0, 1], 3], probs, "`labels` row 1 is 3"),
        ("abc", probs, "`labels` is a str"),
        (labels, [probs[0], probs[1] * 2], "`pred_probs` row 1 token 0"),
    ):
        with pytest.raises(InputError, match=words):
            confident.token_scores(wrong, values)
    for options, words in (({"pool": "mean"}, "unknown way to pool"), ({"temperature": 0}, "`temperature` is 0")):
        with pytest.raises(InputError, match=words):
            confident.sentence_scores(labels, probs, **options)
    with pytest.raises(InputError, match="unknown ranking"):
        confident.find_token_issues(labels, probs, ranked_by="size")
    with pytest.raises(InputError, match=r"`issues` row 0 is \[0, 9\]"):
        confident.common_token_issues([[0, 9]], [["a", "b"], ["c", "d", "e"]], labels, probs)


def test_permuting_sentences_permutes_scores(rng):
    labels, probs = sentences(1, rng.integers(1, 9, 30).tolist(), 4)
    order = rng.permutation(30)
    found = confident.sentence_scores([labels[i] for i in order], [probs[i] for i in order], pool="softmin")
    np.testing.assert_array_equal(found, confident.sentence_scores(labels, probs, pool="softmin")[order])
