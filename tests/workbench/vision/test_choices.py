"""Boxes chosen by several heads, identities, candidates compared pairwise."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_digits

import workbench as wb
from workbench.foundation.errors import InputError


def test_the_ensemble_of_heads_chooses_better_boxes_than_each():
    """100 images with 20 proposals each; the heads see the IoU with noise, one of them badly."""
    rng = np.random.default_rng(0)
    iou = rng.beta(2, 3, (100, 20)).ravel()
    scores = np.stack([iou + rng.normal(0, noise, 2000) for noise in (0.2, 0.2, 0.25, 1.0)], axis=1)
    images = np.repeat(np.arange(100), 20)
    boxes = np.column_stack([np.zeros((2000, 2)), np.ones((2000, 2))])
    found = wb.vision.choose_boxes(scores, images, boxes)
    assert found.groupby("image")["chosen"].sum().eq(1).all()
    chosen = iou[found["chosen"]].mean()
    single = [iou[pd.Series(scores[:, head]).groupby(images).idxmax()].mean() for head in range(4)]
    flat = wb.vision.choose_boxes(scores, images, boxes, weights=[1, 1, 1, 1])
    assert chosen > max(single) + 0.02 and chosen >= iou[flat["chosen"]].mean()
    assert np.argmin(found.attrs["weights"]) == 3
    error = np.abs(found["rank"] - pd.Series(iou).groupby(images).rank(pct=True))
    assert np.corrcoef(found["disagreement"], error)[0, 1] > 0.1


def test_ranks_by_hand():
    scores = [[0.9, 0.1], [0.5, 0.3], [0.1, 0.2], [0.4, 0.4]]
    boxes = np.arange(16.0).reshape(4, 4)
    found = wb.vision.choose_boxes(scores, ["a", "a", "a", "b"], boxes, weights=[3, 1])
    np.testing.assert_allclose(found["rank"], [0.75, 0.625, 0.125, 1])
    np.testing.assert_allclose(found["disagreement"], [0.5, 0.25, 0.25, 0])
    assert found["chosen"].tolist() == [True, False, False, True] and found["x1"].tolist() == [2, 6, 10, 14]


@pytest.fixture(scope="module")
def crops():
    """Digits 0, 1, 4 and 6 as identities, seen at three scales: (n, scales, d) embeddings and the identities."""
    digits = load_digits()
    rows = np.flatnonzero(np.isin(digits.target, [0, 1, 4, 6]))[:120]
    images = digits.images[rows]
    scales = [images, np.kron(images[:, ::2, ::2], np.ones((2, 2)))]
    scales.append((images + np.roll(images, 1, 2)) / 2)
    found = np.stack([one.reshape(len(rows), -1) for one in scales], axis=1)
    return found - found.mean(axis=0), digits.target[rows]


def test_digits_at_several_scales_become_identities(crops):
    embeddings, true = crops
    found = wb.vision.cluster_identities(embeddings, distance=0.5)
    quality = wb.vision.identity_quality(found.labels, true)
    one_scale = wb.vision.cluster_identities(embeddings[:, 1], distance=0.5)
    single = wb.vision.identity_quality(one_scale.labels, true)
    assert quality["purity"] > 0.85 and quality["f1"] > 0.75
    assert quality["f1"] >= single["f1"], "the coarse scale alone is worse"


def test_identities_are_split_and_merged(crops):
    embeddings, true = crops
    whole = wb.vision.cluster_identities(embeddings, distance=2.0)
    assert set(whole.labels) == {0} and wb.vision.identity_quality(whole.labels, true)["recall"] == 1
    parts = whole.split(0, 4)
    quality = wb.vision.identity_quality(parts.labels, true)
    assert sorted(set(parts.labels)) == [0, 1, 2, 3] and quality["purity"] > 0.6
    assert parts.spread.mean() < whole.spread.mean()
    again = parts.merge(0, 1).merge(2, 3).merge(0, 2)
    np.testing.assert_array_equal(again.labels, whole.labels)
    np.testing.assert_allclose(again.spread, whole.spread)
    single = wb.vision.cluster_identities(embeddings[:1])
    assert single.labels.tolist() == [0]


def test_identity_quality_by_pairs():
    rng = np.random.default_rng(1)
    one, other = rng.integers(0, 5, 60), rng.integers(0, 4, 60)
    pairs = np.triu_indices(60, 1)
    same, true = (np.equal.outer(value, value)[pairs] for value in (one, other))
    found = wb.vision.identity_quality(one, other)
    assert found["precision"] == pytest.approx((same & true).sum() / same.sum())
    assert found["recall"] == pytest.approx((same & true).sum() / true.sum())


@pytest.fixture(scope="module")
def judged():
    """150 items with three candidates of known IoU; a judge who is right in 90 % of the pairs, in both orders."""
    rng = np.random.default_rng(2)
    iou = rng.uniform(0.3, 1, (150, 3))
    rows = []
    for item in range(150):
        for one in range(3):
            for other in range(3):
                if one != other:
                    better = 1 if iou[item, one] > iou[item, other] else 2
                    rows.append((item, one, other, better if rng.random() < 0.9 else 3 - better))
    return pd.DataFrame(rows, columns=["item", "first", "second", "winner"]), iou


def test_the_best_of_three_candidates_is_adopted(judged):
    judgements, iou = judged
    found = wb.vision.choose_candidates(judgements, adopt=0.8)
    best = found["best"].to_numpy() == iou.argmax(axis=1)
    assert best.mean() > 0.8 and best[found["adopted"]].mean() > best.mean()
    assert found.attrs["adopted"] + found.attrs["review"] == 150
    assert found.attrs["saved"] == found["adopted"].sum() * 30 / 3600
    assert (found["quality"] >= 0.5).all() and (found["judgements"] == 6).all()
    rng = np.random.default_rng(3)
    quality = {(item, one): float(np.mean(rng.random(5) < (0.9 if iou[item, one] > 0.8 else 0.1)))
               for item in range(150) for one in range(3)}  # fmt: skip
    checked = wb.vision.choose_candidates(judgements, quality=quality, adopt=0.6)
    chosen = iou[np.arange(150), checked["best"].astype(int)]
    assert (chosen[checked["adopted"]] > 0.8).mean() > 0.95, "a check of single candidates keeps bad ones out"


def test_refusals(crops, judged):
    boxes = np.zeros((2, 4))
    with pytest.raises(InputError, match="Pass 2 boxes"):
        wb.vision.choose_boxes([[1.0], [2.0]], [1, 1], boxes[:1])
    with pytest.raises(InputError, match="`weights` is"):
        wb.vision.choose_boxes([[1.0], [2.0]], [1, 1], boxes, weights=[0])
    with pytest.raises(InputError, match="`scores` has shape"):
        wb.vision.choose_boxes([[np.nan]], [1], boxes[:1])
    with pytest.raises(InputError, match="`embeddings` row 1 is 0"):
        wb.vision.cluster_identities([[1.0, 0], [0, 0]])
    with pytest.raises(InputError, match="has 20,001 crops"):
        wb.vision.cluster_identities(np.ones((20_001, 1)))
    with pytest.raises(InputError, match="unknown identity 999"):
        wb.vision.cluster_identities(crops[0]).merge(0, 999)
    with pytest.raises(InputError, match="has 2 crops for 3 parts"):
        wb.vision.cluster_identities([[1.0, 0], [1, 0]]).split(0, 3)
    with pytest.raises(InputError, match="unknown column of `judgements` 'winner'"):
        wb.vision.choose_candidates(judged[0].drop(columns="winner"))
    with pytest.raises(InputError, match="`quality` has nan"):
        wb.vision.choose_candidates(judged[0], quality={})
    apart = pd.DataFrame({"item": [0, 0], "first": [1, 3], "second": [2, 4], "winner": [1, 1]})
    with pytest.raises(InputError, match=r"item 0: .*never compared"):
        wb.vision.choose_candidates(apart)
