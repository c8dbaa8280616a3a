"""Scores, joints and filters of tags, compared with cleanlab, and with slow loops if cells are unknown."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench import confident
from workbench.confident.label_issues import FILTERS, RANKINGS
from workbench.foundation.errors import InputError


def random_tags(seed, n=60, k=4, flip=0.15, ties=False):
    rng = np.random.default_rng(seed)
    true = (rng.random((n, k)) < rng.uniform(0.15, 0.7, k)).astype(int)
    p = np.clip(np.where(true == 1, 0.75, 0.25) + rng.normal(0, 0.25, true.shape), 0.01, 0.99)
    p = np.round(p, 1) if ties else p
    return np.where(rng.random(true.shape) < flip, 1 - true, true), p


def listed(table):
    return [np.flatnonzero(row).tolist() for row in table]


def test_known_answers(shared):
    file = shared / "golden" / "multilabel.npz"
    if not file.is_file():
        pytest.skip(f"no known answers at {file}")
    with np.load(file, allow_pickle=False) as known:
        labels, p = known["in_onehot"], known["in_pred_probs"]
        for method in RANKINGS:
            scores = confident.tag_scores(labels, p, method=method)
            np.testing.assert_allclose(scores, known[f"out_perclass_{method}"], rtol=1e-8)
            pooled = confident.tag_quality(labels, p, method=method)
            np.testing.assert_allclose(pooled, known[f"out_ema_{method}"], rtol=1e-8)
        np.testing.assert_allclose(confident.tag_quality(labels, p), known["out_default_ema"], rtol=1e-8)
        np.testing.assert_allclose(confident.tag_quality(labels, p, pool="softmin"), known["out_softmin"], rtol=1e-8)
        np.testing.assert_array_equal(confident.find_tag_issues(labels, p), known["out_perclass_mask"])
        np.testing.assert_array_equal(confident.find_tagged_examples(labels, p), known["out_filter_mask"])
        np.testing.assert_array_equal(confident.tag_joints(labels, p), known["out_confident_joint"])


@settings(max_examples=25)
@given(st.integers(0, 10**6), st.integers(2, 6), st.booleans(), st.sampled_from(sorted(RANKINGS)), st.floats(0.1, 1))
def test_scores_are_those_of_cleanlab(seed, k, ties, method, alpha):
    rank = pytest.importorskip("cleanlab.multilabel_classification.rank")
    labels, p = random_tags(seed, 25, k, ties=ties)
    options = {"method": method, "adjust_pred_probs": False}
    theirs = rank.get_label_quality_scores_per_class(listed(labels), p, **options)
    np.testing.assert_allclose(confident.tag_scores(labels, p, method=method), theirs, rtol=1e-10)
    told = {"method": "exponential_moving_average", "alpha": alpha}
    theirs = rank.get_label_quality_scores(listed(labels), p, aggregator_kwargs=told, **options)
    np.testing.assert_allclose(confident.tag_quality(labels, p, method=method, alpha=alpha), theirs, rtol=1e-10)
    theirs = rank.get_label_quality_scores(listed(labels), p, aggregator_kwargs={"method": np.min}, **options)
    np.testing.assert_allclose(confident.tag_quality(labels, p, method=method, pool="worst"), theirs, rtol=1e-10)


@settings(max_examples=15)
@given(st.integers(0, 10**6), st.integers(2, 5), st.sampled_from(FILTERS))
def test_filters_are_those_of_cleanlab(seed, k, by):
    multilabel = pytest.importorskip("cleanlab.multilabel_classification.filter")
    labels, p = random_tags(seed, 80, k)
    theirs = multilabel.find_multilabel_issues_per_class(listed(labels), p, filter_by=by, n_jobs=1)
    np.testing.assert_array_equal(confident.find_tag_issues(labels, p, by=by), theirs)
    theirs = multilabel.find_label_issues(listed(labels), p, filter_by=by, n_jobs=1)
    np.testing.assert_array_equal(confident.find_tagged_examples(labels, p, by=by), theirs)


@settings(max_examples=8)
@given(st.integers(0, 10**6))
def test_unknown_cells_enter_nothing(seed):
    labels, p = random_tags(seed)
    rng = np.random.default_rng(seed)
    hidden = rng.random(labels.shape) < 0.3
    hidden[0] = True
    table = np.where(hidden, -1, labels)
    other = np.where(hidden, rng.random(p.shape), p)
    for function in (confident.tag_scores, confident.tag_quality, confident.tag_joints, confident.find_tag_issues):
        np.testing.assert_array_equal(function(table, p), function(table, other))
    scores = confident.tag_scores(table, p)
    assert np.isnan(scores[hidden]).all() and not confident.find_tag_issues(table, p)[hidden].any()
    for tag in range(4):
        seen = ~hidden[:, tag]
        alone = confident.tag_joints(labels[seen][:, [tag]], p[seen][:, [tag]])
        np.testing.assert_array_equal(confident.tag_joints(table, p)[tag], alone[0])
    for pool in ("ema", "worst", "softmin"):
        pooled = confident.tag_quality(table, p, pool=pool)
        assert np.isnan(pooled[0])
        for row in range(1, 10):
            seen = ~hidden[row]
            if seen.any():
                alone = confident.tag_quality(labels[[row]][:, seen], p[[row]][:, seen], pool=pool)
                assert pooled[row] == pytest.approx(alone[0], rel=1e-12)


def test_rates_of_noise_have_honest_intervals():
    rng = np.random.default_rng(0)
    inside = []
    for _ in range(20):
        true = rng.random((1500, 3)) < 0.3
        p = np.where(true, 0.95, 0.05)
        given = np.where(true, rng.random(true.shape) >= [0.05, 0.2, 0.3], rng.random(true.shape) < [0.02, 0.01, 0.05])
        noise = confident.tag_noise(given.astype(int), p)
        wrong = [(true & ~given).sum(axis=0) / true.sum(axis=0), (~true & given).sum(axis=0) / (~true).sum(axis=0)]
        np.testing.assert_allclose([noise["missing"], noise["extra"]], wrong, atol=0.02)
        inside.append((noise["missing_low"] <= [0.05, 0.2, 0.3]) & (noise["missing_high"] >= [0.05, 0.2, 0.3]))
    assert np.mean(inside) > 0.85
    assert noise.index.tolist() == ["0", "1", "2"] and (noise["yes"] + noise["no"] == 1500).all()
    assert (noise["extra_low"] <= noise["extra"]).all() and (noise["extra"] <= noise["extra_high"]).all()


def test_forms_and_errors():
    labels, p = random_tags(0)
    wanted = confident.tag_scores(labels, p)
    for form in (scipy.sparse.csr_array(labels), listed(labels), labels.astype(float)):
        np.testing.assert_array_equal(confident.tag_scores(form, p), wanted)
    for change, message in (
        ({"labels": labels[:, :2]}, r"`pred_probs` has shape \(60, 4\) for 60 examples and 2 tags"),
        ({"labels": labels + 1}, r"`labels` row \d+ column \d+"),
        ({"pred_probs": p * 3}, r"`pred_probs` row \d+ column \d+"),
        ({"pred_probs": p[:, 0]}, "`pred_probs` has dtype"),
        ({"method": "wish"}, "unknown method 'wish'"),
    ):
        with pytest.raises(InputError, match=message):
            confident.tag_scores(**{"labels": labels, "pred_probs": p, **change})
    with pytest.raises(InputError, match="unknown way to pool 'mean'"):
        confident.tag_quality(labels, p, pool="mean")
    with pytest.raises(InputError, match="unknown filter 'x'"):
        confident.find_tagged_examples(labels, p, by="x")
    with pytest.raises(InputError, match="`level` is 2"):
        confident.tag_noise(labels, p, level=2)
