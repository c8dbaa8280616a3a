"""Average precision equals that of pycocotools on random objects of many shapes, with crowds, ties and areas."""

from __future__ import annotations

import contextlib
import io

import numpy as np
import pandas as pd
import pytest

import workbench as wb

CORNERS = ["x0", "y0", "x1", "y1"]
STATS = {"ap": 0, "ap50": 1, "ap75": 2, "ap_small": 3, "ap_medium": 4, "ap_large": 5, "recall": 8}


def made(seed: int, images: int, classes: int, most: int, crowds: float, whole: bool) -> tuple[pd.DataFrame, ...]:
    """Objects, and detections of them that are shifted, repeated, swapped, missing and invented."""
    rng = np.random.default_rng(seed)
    count = rng.integers(0, most + 1, images)
    row = np.repeat(np.arange(images), count)
    corner, size = rng.uniform(0, 300, (len(row), 2)), 10 ** rng.uniform(0.7, 2.3, (len(row), 2))
    given = pd.DataFrame(np.hstack([corner, corner + size]), columns=CORNERS)
    given = given.assign(row=row, label=rng.integers(0, classes, len(row)), crowd=rng.random(len(row)) < crowds)
    given["area"] = size.prod(axis=1) * rng.uniform(0.3, 1, len(row))
    parts = [given[rng.random(len(given)) < share] for share in (0.9, 0.4, 0.1)]
    found = pd.concat([*parts, given.sample(len(given) // 3, random_state=seed).assign(row=rng.integers(0, images))])
    wide = found[["x1", "y1"]].to_numpy() - found[["x0", "y0"]].to_numpy()
    moved = found[CORNERS].to_numpy() + np.tile(rng.normal(0, 0.12, (len(found), 2)) * wide, 2)
    found = found.assign(**dict(zip(CORNERS, moved.T)))
    swapped = rng.random(len(found)) < 0.1
    found["label"] = np.where(swapped, rng.integers(0, classes, len(found)), found["label"])
    found["score"] = rng.integers(1, 6, len(found)) / 5 if whole else rng.random(len(found))
    if whole:
        given[CORNERS], found[CORNERS] = given[CORNERS].round(), found[CORNERS].round()
    return given, found[["row", *CORNERS, "label", "score"]].reset_index(drop=True)


def by_pycocotools(given: pd.DataFrame, found: pd.DataFrame, most: int = 100) -> tuple[np.ndarray, np.ndarray]:
    """COCO's summary, and the AP of each class."""
    pytest.importorskip("pycocotools", reason="pycocotools is not installed (test extra)")
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    rows = range(1 + int(max(given["row"].max(), found["row"].max())))

    def listed(table: pd.DataFrame, **others: str) -> list[dict]:
        boxes = table[CORNERS].to_numpy()
        boxes = np.hstack([boxes[:, :2], boxes[:, 2:] - boxes[:, :2]]).tolist()
        return [
            {"id": at + 1, "image_id": int(row), "category_id": int(label), "bbox": box}
            | {name: float(table[column].iloc[at]) for name, column in others.items()}
            for at, (row, label, box) in enumerate(zip(table["row"], table["label"], boxes))
        ]

    with contextlib.redirect_stdout(io.StringIO()):
        truth = COCO()
        truth.dataset = {
            "images": [{"id": row} for row in rows],
            "annotations": listed(given, area="area", iscrowd="crowd"),
            "categories": [{"id": code} for code in sorted({*given["label"], *found["label"]})],
        }
        truth.createIndex()
        judged = COCOeval(truth, truth.loadRes(listed(found, score="score")), "bbox")
        judged.params.maxDets = [1, 10, most]
        judged.evaluate()
        judged.accumulate()
        if most == 100:
            judged.summarize()
    precision = judged.eval["precision"][:, :, :, 0, 2].mean(axis=(0, 1))
    return np.asarray(judged.stats, float), np.where(precision < 0, np.nan, precision)


@pytest.mark.parametrize(
    "shape", [(1, 1, 4, 0.0), (30, 3, 6, 0.2), (12, 2, 40, 0.05), (60, 10, 3, 0.5), (2, 1, 150, 0.02), (8, 5, 1, 0.0)]
)
@pytest.mark.parametrize("whole", [False, True])
def test_equals_pycocotools(shape, whole):
    given, found = made(2 + whole, *shape, whole)
    stats, per_class = by_pycocotools(given, found)
    ours = wb.vision.average_precision(given, found)
    for name, place in STATS.items():
        value = ours[name].mean()
        assert (np.isnan(value) and stats[place] == -1) or value == pytest.approx(stats[place], abs=1e-9), name
    np.testing.assert_allclose(ours["ap"].sort_index(), per_class, atol=1e-9)


def test_counts_only_the_best_detections_of_an_image():
    given, found = made(4, 5, 2, 30, 0.1, True)
    _, per_class = by_pycocotools(given, found, most=12)
    ours = wb.vision.average_precision(given, found, max_detections=12)
    np.testing.assert_allclose(ours["ap"].sort_index(), per_class, atol=1e-9)
    assert ours["detections"].sum() < len(found)


def test_classes_without_objects_are_nan_and_without_detections_zero():
    given, found = made(1, 4, 1, 5, 0.0, False)
    ours = wb.vision.average_precision(given.assign(label="a"), found.assign(label="b"))
    assert ours.loc["a", "ap"] == 0 and np.isnan(ours.loc["b", "ap"]) and ours.loc["b", "objects"] == 0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"x0": np.nan}, "has no number in 'x0'"),
        ({"x1": np.inf}, "column 'x1' holds inf"),
        ({"x1": -5.0}, "holds the box"),
        ({"label": None}, "has the label None"),
        ({"y1": None}, "has no number in 'y1'"),
    ],
)
def test_bad_boxes_name_their_row(change, message):
    given, found = made(1, 4, 2, 5, 0.0, False)
    found = found.astype({"label": object})
    for name, value in change.items():
        found.loc[2, name] = value
    with pytest.raises(wb.errors.InputError, match=message) as raised:
        wb.vision.average_precision(given, found)
    assert "row 2" in str(raised.value)
