"""Digits on canvases as instances, seeded errors in their masks, and a small detector that segments them."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from scipy.ndimage import binary_dilation, binary_erosion, gaussian_filter

import workbench as wb
from workbench.tasks.run_lengths import encode_runs, to_text

SIDE, BRIGHT = 96, 0.28
RATES = {"overlooked": 0.06, "class": 0.05, "outline": 0.08, "spurious": 0.05}
"""Shares of the objects with each error. Outlines are moved, eroded, grown, cut or merged with the next object."""

DRAWS = 30
BAD_OUTLINE = (0.1, 0.75)
"""IoU of a seeded outline with the true one."""


class DigitInstances(NamedTuple):
    """n images (n, 96, 96) uint8; lists of n dicts {"masks", "labels"}: true ones and given ones with errors, and
    `predictions`, which have "scores" too; kinds: for each given instance the seeded error, "" for none."""

    images: np.ndarray
    true: list[dict[str, Any]]
    given: list[dict[str, Any]]
    kinds: list[list[str]]
    predictions: list[dict[str, Any]]


def runs(mask: np.ndarray) -> dict[str, Any]:
    return {"size": list(mask.shape), "counts": to_text(encode_runs(mask))}


def iou(one: np.ndarray, other: np.ndarray) -> float:
    return float((one & other).sum() / max((one | other).sum(), 1))


def damaged(mask: np.ndarray, other: np.ndarray, rng: np.random.Generator) -> np.ndarray | None:
    """Return a bad outline of a mask, None if none was found; `other` is another object of the image."""
    for _ in range(DRAWS):
        way = int(rng.integers(5))
        if way == 0:
            far = (rng.uniform(-0.5, 0.5, 2) * np.ptp(np.argwhere(mask), axis=0)).round().astype(int)
            now = np.roll(mask, far, axis=(0, 1))
        elif way < 3:
            change = binary_erosion if way == 1 else binary_dilation
            now = change(mask, iterations=int(rng.integers(1, 4)))
        elif way == 3:
            points = np.argwhere(mask)
            axis = int(np.ptp(points[:, 1]) > np.ptp(points[:, 0]))
            now = mask.copy()
            now[tuple(points[points[:, axis] > np.quantile(points[:, axis], rng.uniform(0.3, 0.7))].T)] = False
        else:
            now = mask | other
        if BAD_OUTLINE[0] < iou(now, mask) < BAD_OUTLINE[1]:
            return now
    return None


def seeded(true: list[dict[str, Any]], rng: np.random.Generator) -> tuple[list[dict[str, Any]], list[list[str]]]:
    """Return given instances with errors, and the error of each."""
    given, kinds = [], []
    stock = [one for own in true for one in own["masks"]]
    for own in true:
        masks, labels, errors = [], [], []
        every = np.any(own["masks"], axis=0) if len(own["masks"]) else np.zeros((SIDE, SIDE), bool)
        for at, (mask, label) in enumerate(zip(own["masks"], own["labels"])):
            kind = str(rng.choice([*RATES, ""], p=[*RATES.values(), 1 - sum(RATES.values())]))
            if kind == "overlooked":
                continue
            if kind == "class":
                label = (label + int(rng.integers(1, 10))) % 10
            elif kind == "outline":
                changed = damaged(mask, own["masks"][(at + 1) % len(own["masks"])], rng)
                mask, kind = (mask, "") if changed is None else (changed, kind)
            if kind == "spurious":
                shape = stock[int(rng.integers(len(stock)))]
                for _ in range(DRAWS):
                    now = np.roll(shape, rng.integers(0, SIDE, 2), axis=(0, 1))
                    if iou(now, every) < 0.02 and not (now & every).sum() > 5:
                        masks.append(now)
                        labels.append(int(rng.integers(10)))
                        errors.append(kind)
                        break
                kind = ""
            masks.append(mask)
            labels.append(int(label))
            errors.append(kind)
        given.append({"masks": masks, "labels": labels})
        kinds.append(errors)
    return given, kinds


def boxes_around(own: dict[str, Any]) -> dict[str, Any]:
    """Return the boxes of the masks of one image."""
    found = []
    for mask in own["masks"]:
        points = np.argwhere(mask)
        found.append([*points.min(axis=0)[::-1], *(points.max(axis=0)[::-1] + 1)])
    return {"bboxes": np.array(found, float).reshape(-1, 4), "labels": own["labels"]}


def segmented(image: np.ndarray, box: np.ndarray) -> np.ndarray:
    """Return the bright pixels of an image within a box, with a margin of a pixel."""
    x0, y0 = np.maximum(np.floor(box[:2]).astype(int) - 1, 0)
    x1, y1 = np.ceil(box[2:]).astype(int) + 1
    found = np.zeros(image.shape, bool)
    found[y0:y1, x0:x1] = gaussian_filter(image[y0:y1, x0:x1] / 255, 0.7) > BRIGHT
    return found


def digit_instances(n: int, seed: int, cache: Path | None = None) -> DigitInstances:
    """Return canvases; the detector is trained on the boxes around the given masks, and its boxes are segmented."""
    rng = np.random.default_rng(seed)
    images, labels = wb.experiments.digit_canvases(n, side=SIDE, seed=seed)
    true = []
    for image, own in zip(images, labels):
        masks = []
        for x0, y0, x1, y1 in own["bboxes"].astype(int).tolist():
            mask = np.zeros((SIDE, SIDE), bool)
            mask[y0:y1, x0:x1] = gaussian_filter(image[y0:y1, x0:x1] / 255, 0.7) > BRIGHT
            masks.append(mask)
        true.append({"masks": masks, "labels": own["labels"].tolist()})
    given, kinds = seeded(true, rng)
    file = None if cache is None else cache / f"digit-instances-{n}-{seed}.npz"
    if file is not None and file.exists():
        with np.load(file, allow_pickle=False) as data:
            flat = {name: data[name] for name in data.files}
    else:
        found = wb.experiments.detect_out_of_fold(images, [boxes_around(own) for own in given], seed=seed)
        flat = {name: np.concatenate([one[name] for one in found]) for name in ("bboxes", "scores", "labels")}
        flat["rows"] = np.repeat(np.arange(n), [len(one["scores"]) for one in found])
        if file is not None:
            file.parent.mkdir(parents=True, exist_ok=True)
            np.savez_compressed(file, **flat)
    predictions = []
    for row in range(n):
        own = flat["rows"] == row
        masks = [runs(segmented(images[row], box)) for box in flat["bboxes"][own]]
        predictions.append({"masks": masks, "scores": flat["scores"][own], "labels": flat["labels"][own]})
    return DigitInstances(images, true, given, kinds, predictions)
