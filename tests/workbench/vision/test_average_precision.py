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

    def listed(table: pd.DataFrame, **others: str) -> list[dict]:
        boxes = table[CORNERS].to_numpy()
        boxes = np.hstack([boxes[:, :2], boxes[:, 2:] - boxes[:, :2]]).tolist()
        return [
            {"id": at + 1, "image_id": int(row), "category_id": int(label), "bbox": box}
            | {name: float(table[column].iloc[at]) for name, column in others.items()}
            for at, (row, label, box) in enumerate(zip(table["row"], table["label"], boxes))
        ]

    return judged(listed(given, area="area", iscrowd="crowd"), listed(found, score="score"), "bbox", most)


def judged(annotations: list[dict], results: list[dict], what: str, most: int = 100) -> tuple[np.ndarray, np.ndarray]:
    """The same of annotations and results in COCO's form; `what` is "bbox" or "segm"."""
    pytest.importorskip("pycocotools", reason="pycocotools is not installed (test extra)")
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    everything = [*annotations, *results]
    with contextlib.redirect_stdout(io.StringIO()):
        truth = COCO()
        truth.dataset = {
            "images": [
                {"id": row, "height": 120, "width": 160}
                for row in range(1 + max(one["image_id"] for one in everything))
            ],
            "annotations": annotations,
            "categories": [{"id": code} for code in sorted({one["category_id"] for one in everything})],
        }
        truth.createIndex()
        judged = COCOeval(truth, truth.loadRes(results), what)
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


def made_masks(seed: int, images: int, crowds: float):
    """Instances of three classes in 120 x 160 pixels, and predictions: eroded, grown, shifted, swapped, invented."""
    from scipy.ndimage import binary_dilation, binary_erosion

    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:120, :160]
    labels, found = [], []
    for _ in range(images):
        own, seen = {"masks": [], "labels": [], "more": []}, {"masks": [], "labels": [], "scores": []}
        for _ in range(int(rng.integers(0, 7))):
            cx, cy, r = rng.uniform(0, 160), rng.uniform(0, 120), 10 ** rng.uniform(0.3, 1.8)
            mask = (x - cx) ** 2 + rng.uniform(0.5, 2) * (y - cy) ** 2 < r * r
            mask[rng.integers(0, 120, 20)] = False
            crowd, area = rng.random() < crowds, float(mask.sum() * rng.uniform(0.3, 1))
            own["masks"].append(mask)
            own["labels"].append(int(rng.integers(3)))
            own["more"].append({"crowd": True} if crowd else {"area": area} if rng.random() < 0.5 else None)
            for _ in range(int(rng.integers(0, 4))):
                change = (binary_erosion, binary_dilation, lambda one: np.roll(one, 4, axis=1))[rng.integers(3)]
                seen["masks"].append(change(mask) if rng.random() < 0.8 else (x > cx) & (y > cy))
                seen["labels"].append(own["labels"][-1] if rng.random() < 0.9 else int(rng.integers(3)))
                seen["scores"].append(float(rng.integers(1, 8)) / 8)
        labels.append(own)
        found.append(seen)
    return labels, found


@pytest.mark.parametrize(("seed", "images", "crowds"), [(0, 12, 0.2), (1, 25, 0.0), (2, 3, 0.5)])
def test_masks_equal_pycocotools(seed, images, crowds):
    coco = pytest.importorskip("pycocotools.mask", reason="pycocotools is not installed (test extra)")
    labels, found = made_masks(seed, images, crowds)

    def annotations(entries: list[dict], name: str) -> list[dict]:
        listed = []
        for row, one in enumerate(entries):
            for mask, code, further in zip(one["masks"], one["labels"], one[name]):
                runs = coco.encode(np.asfortranarray(mask, np.uint8))
                own = {"id": len(listed) + 1, "image_id": row, "category_id": code, "segmentation": runs}
                more = {"score": further} if name == "scores" else further or {}
                area = float(more.get("area", mask.sum()))
                listed.append(own | more | {"area": area, "iscrowd": int("crowd" in more)})
        return listed

    stats, per_class = judged(annotations(labels, "more"), annotations(found, "scores"), "segm")
    data = wb.Dataset.from_arrays(labels, task="instances", classes=[0, 1, 2])
    ours = wb.vision.average_precision(data, found)
    for name, place in STATS.items():
        value = ours[name].mean()
        assert (np.isnan(value) and stats[place] == -1) or value == pytest.approx(stats[place], abs=1e-9), name
    np.testing.assert_allclose(ours["ap"], per_class, atol=1e-9)
    boxed = [{"bboxes": own["bboxes"], "labels": own["labels"]} for own in data.given]
    boxes = [
        {"bboxes": [_around(mask) for mask in one["masks"]], "labels": one["labels"], "scores": one["scores"]}
        for one in found
    ]
    of_boxes = wb.vision.average_precision(wb.Dataset.from_arrays(boxed, task="boxes", classes=[0, 1, 2]), boxes)
    assert abs(of_boxes["ap"] - ours["ap"]).max() > 0.01, "masks are compared, not the boxes around them"


def _around(mask: np.ndarray) -> list[int]:
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return [columns[0], rows[0], columns[-1] + 1, rows[-1] + 1] if len(rows) else [0, 0, 0, 0]


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
