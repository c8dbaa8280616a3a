"""Scores of masks equal those of cleanlab, also where images are read in bands."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench import confident
from workbench.confident import mask_issues
from workbench.foundation.errors import InputError
from workbench.tasks import mask_blocks

SIZES = st.tuples(st.integers(1, 4), st.integers(2, 5), st.integers(1, 9), st.integers(1, 9))


def pixels(seed, n, k, h, w, noise=0.3, dtype=np.float64):
    """Masks (n, h, w) with wrong pixels, and probabilities (n, k, h, w) without ties."""
    random = np.random.default_rng(seed)
    true = random.integers(0, k, (n, h, w))
    scores = random.normal(size=(n, k, h, w)) + 2 * (np.arange(k)[:, None, None] == true[:, None])
    probs = np.exp(scores)
    probs = (probs / probs.sum(axis=1, keepdims=True)).astype(dtype)
    labels = np.where(random.random((n, h, w)) < noise, random.integers(0, k, (n, h, w)), true)
    return labels, probs


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6), SIZES, st.sampled_from([0.02, 0.1, 0.7]), st.sampled_from([np.float32, np.float64]))
def test_scores_are_those_of_cleanlab(seed, size, temperature, dtype):
    rank = pytest.importorskip("cleanlab.segmentation.rank")
    labels, probs = pixels(seed, *size, dtype=dtype)
    options = {"verbose": False, "n_jobs": 1}
    images, each = rank.get_label_quality_scores(labels, probs, temperature=temperature, **options)
    mine = confident.mask_image_scores(labels, probs, temperature=temperature)
    np.testing.assert_allclose(mine, images, rtol=1e-6)
    np.testing.assert_allclose(confident.pixel_scores(labels, probs), each, rtol=1e-6)
    images, each = rank.get_label_quality_scores(labels, probs, method="num_pixel_issues", **options)
    np.testing.assert_allclose(confident.mask_image_scores(labels, probs, pool="issues"), images, rtol=1e-6, atol=1e-12)
    np.testing.assert_allclose(confident.pixel_scores(labels, probs), each, rtol=1e-6)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6), SIZES, st.sampled_from([0.0, 0.3, 1.0]))
def test_the_filter_is_that_of_cleanlab(seed, size, noise):
    filters = pytest.importorskip("cleanlab.segmentation.filter")
    labels, probs = pixels(seed, *size, noise=noise)
    theirs = filters.find_label_issues(labels, probs, verbose=False, n_jobs=1)
    assert np.array_equal(confident.find_pixel_issues(labels, probs), theirs)


def test_pairs_are_counted_as_by_cleanlab():
    summary = pytest.importorskip("cleanlab.segmentation.summary")
    labels, probs = pixels(3, 4, 3, 12, 10)
    issues = confident.find_pixel_issues(labels, probs)
    theirs = summary.common_label_issues(issues, labels, probs, class_names=["a", "b", "c"], verbose=False)
    mine = confident.common_pixel_issues(issues, labels, probs, classes=["a", "b", "c"])
    assert mine["pixels"].is_monotonic_decreasing and mine["pixels"].sum() == issues.sum() > 20
    wanted = dict(zip(zip(theirs["given_label"], theirs["predicted_label"]), theirs["num_pixel_issues"]))
    assert dict(zip(zip(mine["given_label"], mine["predicted_label"]), mine["pixels"])) == wanted


def test_of_equal_scores_at_the_cut_the_first_pixels_are_chosen():
    """cleanlab chooses as an unstable sort happens to order them."""
    probs = np.array([[[[0.6, 0.3, 0.3, 0.3, 0.9, 0.9]], [[0.4, 0.7, 0.7, 0.7, 0.1, 0.1]]]])
    labels = np.array([[[0, 0, 0, 0, 1, 1]]])
    thresholds = (0.6 + 3 * 0.3) / 4, 0.1
    wrong = sum(p >= thresholds[c] for p, c in ((0.7, 1), (0.7, 1), (0.7, 1), (0.9, 0), (0.9, 0)))
    assert wrong == 5
    assert confident.find_pixel_issues(labels, probs).tolist() == [[[False, True, True, True, True, True]]]
    fewer = np.array([[[[0.55, 0.3, 0.3, 0.3, 0.45]], [[0.45, 0.7, 0.7, 0.7, 0.55]]]])
    labels = np.array([[[0, 1, 0, 0, 1]]])
    # thresholds: 0 (.55 + .3 + .3) / 3 = .383, 1 (.7 + .55) / 2 = .625; two wrong pixels, equal scores
    assert confident.find_pixel_issues(labels, fewer).tolist() == [[[False, False, True, True, False]]]
    three = np.concatenate([fewer, fewer], axis=3)
    three[..., 2] = [[[0.39], [0.61]]]  # below the threshold of class 1, so of four pixels three are chosen
    found = confident.find_pixel_issues(np.concatenate([labels, labels], axis=2), three)
    assert np.flatnonzero(found).tolist() == [3, 7, 8]


def test_bands_and_passes_change_nothing(monkeypatch):
    labels, probs = pixels(5, 3, 4, 31, 17, dtype=np.float32)
    wanted = [
        confident.pixel_scores(labels, probs),
        confident.find_pixel_issues(labels, probs),
        confident.mask_image_scores(labels, probs),
    ]
    bands = mask_blocks.blocks
    monkeypatch.setattr(mask_issues, "blocks", lambda table: bands(table, most=50))
    monkeypatch.setattr(mask_issues, "ARRAY_PIXELS", 50)
    for masks, at_once in ((labels, 10), (labels.tolist(), 10), (list(labels.astype(np.int8)), 10**6)):
        monkeypatch.setattr(mask_issues, "PIXELS_AT_ONCE", at_once)
        found = [
            confident.pixel_scores(masks, probs),
            confident.find_pixel_issues(masks, probs),
            confident.mask_image_scores(masks, probs),
        ]
        for one, other in zip(found, wanted, strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-9)


def test_pixels_without_a_label_enter_nothing():
    """cleanlab does not support them."""
    labels, probs = pixels(7, 3, 3, 6, 8)
    wider = np.pad(labels, ((0, 0), (0, 2), (0, 0)), constant_values=255)
    more = np.concatenate([probs, np.full((3, 3, 2, 8), 1 / 3)], axis=2)
    for pool in ("softmin", "issues"):
        mine = confident.mask_image_scores(wider, more, pool=pool)
        np.testing.assert_allclose(mine, confident.mask_image_scores(labels, probs, pool=pool), rtol=1e-12)
    assert np.array_equal(confident.find_pixel_issues(wider, more)[:, :6], confident.find_pixel_issues(labels, probs))
    assert np.isnan(confident.pixel_scores(wider, more)[:, 6:]).all()
    blank = confident.mask_image_scores([labels[0], np.full((2, 2), -1)], [probs[0], np.full((3, 2, 2), 1 / 3)])
    assert np.isfinite(blank[0]) and np.isnan(blank[1])


def test_wrong_shapes_are_one_error():
    labels, probs = pixels(0, 2, 3, 4, 5)
    for wrong, values, words in (
        (labels[:1], probs, "`pred_probs` has 2 images for 1 labels"),
        (labels, probs[:, :, :3], "`pred_probs` row 0 has the size 3 x 5, and the label has 4 x 5"),
        (labels + 2, probs, "`labels` row 0 holds the value"),
        (labels, probs[0], r"`pred_probs` has the shape \(3, 4, 5\)"),
        (labels, probs * 3, "`pred_probs` row 0 holds"),
    ):
        with pytest.raises(InputError, match=words):
            confident.find_pixel_issues(wrong, values)
    with pytest.raises(InputError, match="unknown way to pool 'mean'"):
        confident.mask_image_scores(labels, probs, pool="mean")
    with pytest.raises(InputError, match="`temperature` is 0"):
        confident.mask_image_scores(labels, probs, temperature=0)
    with pytest.raises(InputError, match=r"`issues` row 0 has the shape \(4, 4\)"):
        confident.common_pixel_issues(np.zeros((2, 4, 4), bool), labels, probs)
