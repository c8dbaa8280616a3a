"""Masks from seeds and saliency, and samples of masks that agree with a box."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import binary_erosion, gaussian_filter
from scipy.stats import spearmanr

import workbench as wb
from workbench.foundation.errors import InputError
from workbench.vision.proposal_masks import paired_iou


def seeded(scenes, row):
    """Return seeds in the middle of each shape, and a blurred saliency map with noise."""
    rng = np.random.default_rng(row)
    labels = scenes.labels[row]
    seeds = np.full(labels.shape, -1)
    for mask, code in scenes.shapes[row]:
        seeds[binary_erosion(mask, iterations=3)] = code
    blurred = gaussian_filter((labels > 0).astype(float), 0.8)
    return seeds, np.clip(blurred + rng.normal(0, 0.05, labels.shape), 0, 1)


def test_both_together_are_better_than_each(scenes, miou):
    found = {"both": [], "seeds": [], "saliency": []}
    for row in range(16):
        seeds, saliency = seeded(scenes, row)
        commonest = np.bincount(seeds[seeds >= 0]).argmax()
        masks = {
            "both": wb.vision.combine_seeds(seeds, saliency).labels,
            "seeds": np.maximum(seeds, 0),
            "saliency": np.where(saliency >= 0.5, commonest, 0),
        }
        for name, mask in masks.items():
            found[name].append(mask)
    quality = {name: miou(scenes.labels, np.stack(masks), 5) for name, masks in found.items()}
    assert quality["both"] > 0.85 and quality["both"] > max(quality["seeds"], quality["saliency"]) + 0.2


def test_the_source_of_each_pixel_and_fixing_a_seed():
    seeds = np.array([[-1, 1, -1, -1, 3, -1, -1, -1], [-1] * 7 + [2]])
    saliency = np.array([[0.9] * 5 + [0.1] * 3, [0.1] * 5 + [0.9, 0.1, 0.1]])
    found = wb.vision.combine_seeds(seeds, saliency)
    assert found.labels.tolist() == [[1, 1, 1, 3, 3, 0, 0, 0], [0, 0, 0, 0, 0, -1, 0, 2]]
    names = "background", "seed", "saliency", "both", "undecided"
    words = [[names[code] for code in row] for row in found.source]
    assert words[0] == ["saliency", "both", "saliency", "saliency", "both", *["background"] * 3]
    assert words[1] == [*["background"] * 5, "undecided", "background", "seed"]
    fixed = found.fix(4, 0, 1)
    assert fixed.labels[0].tolist() == [1, 1, 1, 1, 1, 0, 0, 0] and found.seeds[0, 4] == 3, "the first is unchanged"
    assert found.fix(7, 1, -1).labels[1].tolist() == [0, 0, 0, 0, 0, -1, 0, 0]
    assert found.fix(5, 1, 2).labels[1, 5] == 2


@pytest.fixture(scope="module")
def scored(scenes):
    """Score maps of the shapes, each with noise of its own strength: (true mask, box, scores)."""
    rng = np.random.default_rng(7)
    found = []
    for shapes in scenes.shapes:
        for mask, _ in shapes:
            noise = gaussian_filter(rng.normal(size=mask.shape), 2)
            noise *= rng.uniform(0.3, 2.5) / noise.std()
            blurred = gaussian_filter(mask.astype(float), 1.5)
            scores = 1 / (1 + np.exp(-(8 * (blurred - 0.5) + noise)))
            y, x = np.nonzero(mask)
            found.append((mask, (x.min(), y.min(), x.max() + 1, y.max() + 1), scores))
    return found


def test_samples_agree_with_the_box_and_their_disagreement_shows_the_error(scored):
    error, doubt, best, cut = [], [], [], []
    for mask, box, scores in scored:
        found = wb.vision.sample_masks(scores, box=box, slack=3)
        x0, y0, x1, y1 = box
        outside = found.masks.copy()
        outside[:, y0:y1, x0:x1] = False
        assert not outside.any() and len(found.masks) >= 2
        best.append(paired_iou(found.best[None], mask[None])[0])
        cut.append(paired_iou((scores > 0.5)[None], mask[None])[0])
        error.append(1 - best[-1])
        doubt.append(found.uncertainty)
        assert found.disagreement().max() <= 1
    assert np.mean(best) > 0.8 and np.mean(best) > np.mean(cut) + 0.05
    assert spearmanr(doubt, error).statistic > 0.4


def test_pixels_in_dispute_are_wrong_more_often(scored):
    right, wrong = [], []
    for mask, box, scores in scored[:10]:
        found = wb.vision.sample_masks(scores, box=box, slack=3)
        right += found.disagreement()[found.best == mask].tolist()
        wrong += found.disagreement()[found.best != mask].tolist()
    assert np.mean(wrong) > 3 * np.mean(right)


def test_a_tag_alone_restricts_nothing(scored):
    mask, _, scores = scored[0]
    found = wb.vision.sample_masks(scores, number=5)
    assert found.tried == 5 and found.masks.shape == (5, *mask.shape)
    again = wb.vision.sample_masks(scores, number=5)
    np.testing.assert_array_equal(found.masks, again.masks)


def test_refusals(scored):
    with pytest.raises(InputError, match="`seeds` has no seed"):
        wb.vision.combine_seeds(np.full((2, 2), -1), np.ones((2, 2)))
    with pytest.raises(InputError, match="`saliency` has shape"):
        wb.vision.combine_seeds(np.zeros((2, 2), int), np.ones((2, 3)))
    with pytest.raises(InputError, match="has 2 x 1 pixels"):
        wb.vision.combine_seeds([[0, 1]], [[0.0, 1.0]]).fix(2, 0, 1)
    scores = scored[0][2]
    with pytest.raises(InputError, match="gave 0 masks that agree with the box in 400 draws"):
        wb.vision.sample_masks(np.full((30, 30), 0.001), box=(5, 5, 20, 20))
    with pytest.raises(InputError, match=r"Pass .* inside the image of 32 x 32"):
        wb.vision.sample_masks(scores, box=(50, 50, 60, 60))
    with pytest.raises(InputError, match=r"values outside \[0, 1\]"):
        wb.vision.sample_masks(scores * 3)
