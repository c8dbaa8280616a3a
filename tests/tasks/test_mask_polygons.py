"""Masks become polygons that contain the same pixels: by our rule, by pycocotools' and by that of a drawing library."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageDraw
from scipy.ndimage import label

from workbench.tasks.mask_polygons import joined_outlines, mask_outlines
from workbench.tasks.run_lengths import decode_runs, from_polygons


def filled(polygon, shape):
    return decode_runs(from_polygons([polygon.ravel()], *shape), *shape)


def signed_area(ring):
    x, y = ring.T
    return float((x * np.roll(y, -1) - np.roll(x, -1) * y).sum() / 2)


@pytest.mark.parametrize("seed", range(8))
def test_a_polygon_has_the_pixels_of_its_mask(seed):
    """Masks of many parts, holes, and pixels that touch at a corner only."""
    rng = np.random.default_rng(seed)
    shape = int(rng.integers(1, 30)), int(rng.integers(1, 30))
    mask = rng.random(shape) < (0.1, 0.5, 0.9)[seed % 3]
    if seed > 4:
        mask = np.kron(mask, np.ones((3, 2), bool))
    mask.flat[0] = True
    outlines = mask_outlines(mask)
    polygon = joined_outlines(outlines)
    assert np.array_equal(filled(polygon, mask.shape), mask)
    turns = np.concatenate([np.abs(np.diff(one, axis=0, append=one[:1])) for one in outlines])
    assert ((turns == 0).sum(axis=1) == 1).all(), "along the edges of pixels, with corners only"
    coco = pytest.importorskip("pycocotools.mask")
    peer = coco.decode(coco.merge(coco.frPyObjects([polygon.ravel().tolist()], *mask.shape)))
    assert np.array_equal(peer.astype(bool), mask)


def test_outlines_are_those_of_parts_and_holes():
    mask = np.zeros((20, 30), bool)
    mask[2:12, 3:15] = True
    mask[4:8, 5:9] = mask[9:11, 10:13] = False
    mask[14:18, 20:27] = True
    outlines = mask_outlines(mask)
    assert sorted(abs(signed_area(one)) for one in outlines) == [6, 16, 28, 120]
    assert len(outlines) == label(mask)[1] + label(~mask)[1] - 1 and not mask_outlines(np.zeros((4, 5), bool))
    assert mask_outlines(mask[14:18, 20:27])[0].tolist() in ([[0, 0], [7, 0], [7, 4], [0, 4]],)
    assert len(joined_outlines(outlines)) == sum(map(len, outlines)) + 2 * 3

    large = Image.new("1", (300, 200))
    ImageDraw.Draw(large).polygon([tuple(one) for one in (10 * joined_outlines(outlines)).tolist()], fill=1)
    assert np.array_equal(np.asarray(large)[5::10, 5::10], mask), "another library, by the even-odd rule"
