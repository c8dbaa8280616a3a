"""Images with labelled boxes of which some are wrong, and predictions of a simulated detector."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pytest

from workbench.data.dataset import Dataset
from workbench.issues.kinds import ESTIMATORS
from workbench.issues.kinds.contract import Asked

CLASSES = ("car", "bus", "van")
SIDE = 200.0

SHIFT = np.array([10.0, 6, 10, 6])
"""By which misplaced boxes are moved: the overlap of their object is about .38."""


class Simulated(NamedTuple):
    """labels, predictions : n dicts, as `find_issues` takes them. wrong : kind of error by image and key. missing :
    places of boxes that were left out, by image."""

    labels: list[dict]
    predictions: list[dict]
    wrong: dict[tuple[int, str], str]
    missing: dict[int, list[np.ndarray]]


def simulated(n: int = 150, seed: int = 0, k: int = 3) -> Simulated:
    """Boxes on a grid, so that they do not overlap; a detector that sees most of them."""
    rng = np.random.default_rng(seed)
    labels, predictions = [], []
    wrong: dict[tuple[int, str], str] = {}
    missing: dict[int, list[np.ndarray]] = {}
    for image in range(n):
        cells = rng.choice(16, int(rng.integers(3, 9)), replace=False)
        true = [placed(int(cell), rng) for cell in cells]
        codes = rng.integers(0, k, len(true))
        given, given_codes = [], []
        for box, code in zip(true, codes.tolist()):
            draw = rng.random()
            if draw < 0.06:
                missing.setdefault(image, []).append(box)
                continue
            kind = ""
            if draw < 0.10 and k > 1:
                kind, code = "class", (code + 1) % k
            elif draw < 0.15:
                kind, box = "place", box + SHIFT
            if kind:
                wrong[image, f"g{len(given)}"] = kind
            given.append(box)
            given_codes.append(code)
        free = np.setdiff1d(np.arange(16), cells)
        if rng.random() < 0.2 and len(free):
            wrong[image, f"g{len(given)}"] = "spurious"
            given.append(placed(int(rng.choice(free)), rng))
            given_codes.append(int(rng.integers(k)))
        labels.append({"bboxes": np.array(given).reshape(-1, 4), "labels": [CLASSES[code] for code in given_codes]})
        predictions.append(detected(true, codes, free, k, rng))
    return Simulated(labels, predictions, wrong, missing)


def placed(cell: int, rng: np.random.Generator) -> np.ndarray:
    corner = np.array([cell % 4, cell // 4]) * SIDE / 4 + rng.uniform(2, 8, 2)
    return np.concatenate([corner, corner + rng.uniform(26, 36, 2)])


def detected(true, codes, free, k: int, rng: np.random.Generator) -> dict:
    """Predictions: of each object with its class, sometimes another class beside it, and some of nothing."""
    boxes, labels, scores = [], [], []
    for box, code in zip(true, codes.tolist()):
        if rng.random() < 0.05:
            continue
        score = rng.beta(6, 2)
        boxes.append(box + rng.normal(0, 1, 4))
        labels.append(CLASSES[code])
        scores.append(score)
        if k > 1 and rng.random() < 0.4:
            boxes.append(box + rng.normal(0, 2, 4))
            labels.append(CLASSES[(code + 2) % k])
            scores.append(rng.uniform(0, 1 - score))
    for cell in rng.choice(free, min(2, len(free)), replace=False):
        boxes.append(placed(int(cell), rng))
        labels.append(CLASSES[int(rng.integers(k))])
        scores.append(rng.beta(1, 6))
    return {"bboxes": np.array(boxes).reshape(-1, 4), "scores": np.clip(scores, 0.01, 1), "labels": labels}


def places_of_units(made: Simulated) -> dict[tuple[int, str], list[float]]:
    """The place of each unit, by image and key."""
    dataset = Dataset.from_arrays(made.labels, task="boxes", classes=CLASSES)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("workbench.issues.boxes.planted_odds.BOX_TREES", 1)  # places do not depend on probabilities
        units = ESTIMATORS["boxes"].judge(Asked(dataset, {"predictions": made.predictions})).units
    places = [list(one.values()) for one in units.shapes.to_pylist()]
    return dict(zip(zip(units.rows.tolist(), units.keys.to_pylist()), places, strict=True))


def is_wrong(index, made: Simulated, places: dict[tuple[int, str], list[float]]) -> np.ndarray:
    """Whether each unit (image, key) is wrong."""

    def wrong(image: int, key: str) -> bool:
        if key.startswith("g"):
            return (image, key) in made.wrong
        return any(np.abs(np.array(places[image, key]) - box).max() < 10 for box in made.missing.get(image, []))

    return np.array([wrong(image, key) for image, key in index])
