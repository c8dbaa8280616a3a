"""Polygons of text lines that were merged or cut, and soft labels of point clouds."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.ndimage import binary_dilation
from scipy.ndimage import label as pieces_of

import workbench as wb
from workbench.foundation.errors import InputError


def box(x0, y0, x1, y1):
    return [x0, y0, x1, y0, x1, y1, x0, y1]


@pytest.fixture(scope="module")
def page():
    """A page of 24 rendered text lines: the pixels with ink, and the polygon of each line."""
    rng = np.random.default_rng(0)
    ink, lines = np.zeros((260, 200), bool), []
    for row in range(12):
        for column in range(2):
            x0, y0 = 5 + 100 * column + int(rng.integers(0, 8)), 6 + 21 * row
            x1 = x0 + int(rng.integers(40, 85))
            ink[y0 : y0 + 10, x0:x1] = rng.random((10, x1 - x0)) < 0.5
            lines.append((x0, y0, x1, y0 + 10))
    return ink, lines


def detected(ink):
    """Return the instances of a simple detector: pieces of the ink, grown along the line."""
    pieces, number = pieces_of(binary_dilation(ink, np.ones((3, 7))))
    return [(pieces == one + 1) & binary_dilation(ink) for one in range(number)]


def test_merged_and_cut_polygons_are_found(page):
    ink, lines = page
    polygons, wanted = [], []
    for row in range(0, 24, 2):
        left, right = lines[row], lines[row + 1]
        if row % 6 == 0:  # both columns in one polygon
            polygons.append(box(left[0], left[1], right[2], right[3]))
            wanted.append("merged")
        elif row % 6 == 2:  # half of the left line
            polygons += [box(left[0], left[1], (left[0] + left[2]) // 2, left[3]), box(*right)]
            wanted += ["part", ""]
        else:
            polygons += [box(*left), box(*right)]
            wanted += ["", ""]
    predicted = detected(ink)
    assert len(predicted) == 24
    found = wb.vision.polygon_issues(polygons, predicted, ink.shape)
    merged, true = found["kind"] == "merged", np.array(wanted) == "merged"
    assert (merged & true).sum() / merged.sum() >= 0.9 and (merged & true).sum() / true.sum() >= 0.9
    assert found["kind"].tolist() == wanted
    assert found.loc[true, "instances"].map(len).eq(2).all() and not found["crowded"].any()
    assert found.loc[true, "length_to_width"].min() > found.loc[~true, "length_to_width"].max()


def test_polygons_by_hand():
    predicted = [box(0, 0, 4, 4), box(4, 0, 8, 4), box(0, 10, 4, 14)]
    given = [box(0, 0, 8, 4), box(0, 10, 4, 12), box(12, 12, 16, 16), box(10, 0, 60, 2)]
    found = wb.vision.polygon_issues(given, predicted, (16, 64))
    assert found["kind"].tolist() == ["merged", "part", "unseen", "unseen"]
    assert found["instances"].tolist() == [[0, 1], [], [], []] and found["missed"].tolist() == [0, 0.5, 0, 0]
    assert found["extreme"].tolist() == [False, False, False, True] and found["pixels"].tolist() == [32, 8, 16, 100]
    np.testing.assert_allclose(found["length_to_width"], [2, 2, 1, 25])
    assert found["crowded"].tolist() == [True, False, False, True], "two pixels apart"
    assert wb.vision.polygon_issues([], predicted, (16, 64)).empty
    assert wb.vision.polygon_issues(given, [], (16, 64))["kind"].eq("unseen").all()


@pytest.fixture(scope="module")
def cloud():
    """Points of cubes (0), spheres (1) and ground (2) with soft scores: better for some points."""
    rng = np.random.default_rng(1)
    n = 3000
    true = rng.integers(0, 3, n)
    sure = rng.beta(2, 1, n)
    logits = 5 * sure[:, None] * np.eye(3)[true] + rng.normal(0, 1, (n, 3))
    return np.exp(logits), true


def test_accuracy_rises_with_the_ignored_share(cloud):
    scores, true = cloud
    found = wb.vision.quality_by_ignored(scores, true)
    assert found.index.tolist() == pytest.approx(np.arange(10) / 10)
    assert found.loc[0.5, "accuracy"] > found.loc[0, "accuracy"] + 0.05 and found.iloc[-1]["accuracy"] > 0.99
    assert (np.diff(found["points"]) < 0).all() and found.loc[0, "points"] == 3000
    hard = wb.vision.soft_labels(scores, "hard")
    assert found.loc[0, "accuracy"] == pytest.approx((hard == true).mean())
    soft = wb.vision.soft_labels(scores, "soft")
    assert found.loc[0, "soft"] == pytest.approx(soft[np.arange(3000), true].mean())
    kept = wb.vision.soft_labels(scores, "ignore", threshold=found["threshold"].iloc[3])
    assert (kept == -1).mean() == pytest.approx(0.3, abs=0.01)
    assert found["accuracy"].iloc[3] == pytest.approx((kept == true)[kept >= 0].mean())


def test_the_three_exports(cloud, tmp_path):
    scores, _ = cloud
    names = ["cube", "sphere", "ground"]
    for form in ("hard", "ignore", "soft"):
        wb.vision.export_soft_labels(scores, tmp_path / f"{form}.npy", form)
        np.testing.assert_array_equal(np.load(tmp_path / f"{form}.npy"), wb.vision.soft_labels(scores, form))
        wb.vision.export_soft_labels(scores, tmp_path / f"{form}.csv", form, classes=names)
    read = pd.read_csv(tmp_path / "ignore.csv")["label"]
    codes = read.map({name: code for code, name in enumerate(names)}).fillna(-1)
    np.testing.assert_array_equal(codes, wb.vision.soft_labels(scores, "ignore"))
    np.testing.assert_allclose(pd.read_csv(tmp_path / "soft.csv"), wb.vision.soft_labels(scores, "soft"))
    with pytest.raises(wb.errors.WorkbenchError, match="exists"):
        wb.vision.export_soft_labels(scores, tmp_path / "soft.csv", "soft")


def test_refusals(page, cloud):
    with pytest.raises(InputError, match="`polygons` row 0 holds a polygon of 4 numbers"):
        wb.vision.polygon_issues([[0, 0, 1, 1]], [], (5, 5))
    with pytest.raises(InputError, match="`predicted` row 0 has shape"):
        wb.vision.polygon_issues([box(0, 0, 2, 2)], [np.ones((4, 5), bool)], (5, 5))
    with pytest.raises(InputError, match="unknown form 'soft-ish'"):
        wb.vision.soft_labels(cloud[0], "soft-ish")
    with pytest.raises(InputError, match="negative or infinite values"):
        wb.vision.soft_labels(-cloud[0])
    with pytest.raises(InputError, match="`truth` has no class"):
        wb.vision.quality_by_ignored(cloud[0], np.full(3000, -1))
    assert wb.vision.soft_labels([[0.0, 0.0]], "hard").tolist() == [-1]
