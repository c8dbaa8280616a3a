"""Pictures with known boxes, made of scikit-learn's digits, and errors planted into their labels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from workbench.foundation.checks import check_share
from workbench.foundation.errors import InputError
from workbench.tasks.box_overlaps import box_ious

BRIGHT = 0.15
"""Brightness from which a pixel belongs to a digit."""

MOST_TRIES = 200
MOST_COVERED = 0.05
"""Largest IoU of two digits of a canvas."""

PLANTED_BOX_ERRORS = ("overlooked", "spurious", "class", "place")
"""Kinds of planted errors, as in `find_issues`."""


def digit_canvases(
    n: int = 200, *, side: int = 96, digits: tuple[int, int] = (3, 6), scales: tuple[int, int] = (2, 4),
    classes: Sequence[int] = tuple(range(10)), seed: int = 0,
) -> tuple[np.ndarray, list[dict[str, np.ndarray]]]:  # fmt: skip
    """Make pictures of several digits, with a box around each.

    Parameters
    ----------
    n : number of pictures. side : their width and height in pixels, at least 12 times the largest scale.
    digits : smallest and largest number of digits of a picture; fewer if no place is left.
    scales : smallest and largest number of pixels, in each direction, per pixel of a digit (these have 8 x 8).
    classes : the digits to use. seed : random seed.

    Returns
    -------
    images : (n, side, side) uint8. labels : n dicts {"bboxes": (b, 4) float64 x0, y0, x1, y1 in pixels, half-open,
        "labels": (b,) int64, 0 to 9}.

    Raises
    ------
    InputError : pictures too small for the digits, or classes that are no digits.

    Notes
    -----
    The digits are those of `sklearn.datasets.load_digits`, enlarged, with noise around them.

    Examples
    --------
    >>> import workbench as wb
    >>> images, labels = wb.experiments.digit_canvases(10)
    >>> images.shape, labels[0]["bboxes"].shape
    ((10, 96, 96), (3, 4))
    """
    from sklearn.datasets import load_digits

    if side < 12 * scales[1]:
        raise InputError.at(
            "side", f"is {side}", f"Pass at least {12 * scales[1]} pixels for scales up to {scales[1]}."
        )
    data = load_digits()
    used = np.flatnonzero(np.isin(data.target, list(classes)))
    if not len(used):
        raise InputError.at("classes", f"is {list(classes)}", "Name some of the digits 0 to 9.")
    rng = np.random.default_rng(seed)
    images = np.clip(rng.normal(0.08, 0.05, (n, side, side)), 0, 1)
    labels = []
    for image in images:
        own: list[np.ndarray] = []
        codes = []
        wanted = int(rng.integers(digits[0], digits[1] + 1))
        for _ in range(MOST_TRIES):
            if len(own) == wanted:
                break
            one, scale = int(rng.choice(used)), int(rng.integers(scales[0], scales[1] + 1))
            pixels = _cut(np.kron(data.images[one] / 16, np.ones((scale, scale))))
            height, width = pixels.shape
            x, y = (int(rng.integers(side - length)) for length in (width, height))
            box = np.array([x, y, x + width, y + height], np.float64)
            if own and box_ious(np.tile(box, (len(own), 1)), np.array(own)).max() > MOST_COVERED:
                continue
            part = image[y : y + height, x : x + width]
            np.maximum(part, pixels * rng.uniform(0.6, 1), out=part)
            own.append(box)
            codes.append(int(data.target[one]))
        labels.append({"bboxes": np.array(own).reshape(-1, 4), "labels": np.array(codes, np.int64)})
    return (images * 255).round().astype(np.uint8), labels


def _cut(pixels: np.ndarray) -> np.ndarray:
    ink = np.argwhere(pixels > BRIGHT)
    (top, left), (bottom, right) = ink.min(axis=0), ink.max(axis=0) + 1
    return pixels[top:bottom, left:right]


def plant_box_errors(
    labels: list[dict[str, Any]], size: tuple[int, int], *, drop: float = 0.0, shift: float = 0.0, swap: float = 0.0,
    spurious: float = 0.0, seed: int = 0,
) -> tuple[list[dict[str, np.ndarray]], pd.DataFrame]:  # fmt: skip
    """Plant errors into correct boxes.

    Parameters
    ----------
    labels : n dicts {"bboxes": (b, 4) in pixels, "labels": (b,) int}. size : width and height of all images.
    drop : share in [0, 1) of the boxes that are left out.
    shift : float, share of those that are moved and resized, to an IoU with the true box between .1 and .5.
    swap : float, share of those that get another class. The three sum to less than 1.
    spurious : number of boxes where nothing is, as a share of all boxes, with sizes of real ones.
    seed : random seed.

    Returns
    -------
    given : n dicts of the labels with errors, {"bboxes": (b, 4) float64, "labels": (b,)}.
    errors : DataFrame of e rows, one per error: row (of the image), unit (key of the box in `given`, "" if it was left
        out), kind ("overlooked", "place", "class", "spurious"), and x0, y0, x1, y1, label of the true box, missing if
        there is none.

    Raises
    ------
    InputError : a share outside [0, 1], or shares that sum to 1 or more.

    Examples
    --------
    >>> import workbench as wb
    >>> _, labels = wb.experiments.digit_canvases(50)
    >>> given, errors = wb.experiments.plant_box_errors(labels, (96, 96), drop=0.1)
    >>> sorted(errors["kind"].unique())
    ['overlooked']
    """
    for name, share in (("drop", drop), ("shift", shift), ("swap", swap), ("spurious", spurious)):
        check_share(name, share)
    if drop + shift + swap >= 1:
        raise InputError.at(
            "drop", f"+ shift + swap is {drop + shift + swap:g}", "Pass shares that sum to less than 1."
        )
    rng = np.random.default_rng(seed)
    classes = np.unique(np.concatenate([np.asarray(one["labels"]) for one in labels]))
    sizes = np.concatenate(
        [np.asarray(one["bboxes"], float)[:, 2:] - np.asarray(one["bboxes"])[:, :2] for one in labels]
    )
    extra = rng.integers(len(labels), size=round(spurious * len(sizes)))
    given, errors = [], []
    for row, one in enumerate(labels):
        places, codes = np.array(one["bboxes"], np.float64), np.array(one["labels"])
        draw = rng.random(len(places))
        kept: list[tuple[np.ndarray, Any]] = []
        for place, code, chance in zip(places, codes, draw):
            truth = (*place.tolist(), code)
            unit = f"g{len(kept)}"
            if chance < drop:
                errors.append((row, "", PLANTED_BOX_ERRORS[0], *truth))
                continue
            if chance < drop + shift:
                kept.append((_moved(place, size, rng), code))
                errors.append((row, unit, PLANTED_BOX_ERRORS[3], *truth))
            elif chance < drop + shift + swap and len(classes) > 1:
                kept.append((place, rng.choice(classes[classes != code])))
                errors.append((row, unit, PLANTED_BOX_ERRORS[2], *truth))
            else:
                kept.append((place, code))
        for _ in range(int((extra == row).sum())):
            box = _free(places, sizes[rng.integers(len(sizes))], size, rng)
            if box is not None:
                errors.append((row, f"g{len(kept)}", PLANTED_BOX_ERRORS[1], *[np.nan] * 4, None))
                kept.append((box, rng.choice(classes)))
        boxes = np.array([place for place, _ in kept]).reshape(-1, 4)
        given.append({"bboxes": boxes, "labels": np.array([code for _, code in kept], classes.dtype)})
    columns = ["row", "unit", "kind", "x0", "y0", "x1", "y1", "label"]
    return given, pd.DataFrame(errors, columns=columns)


def _moved(place: np.ndarray, size: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
    """Return a box that overlaps another one with an IoU between .1 and .5."""
    limit = np.array([*size, *size], float)
    side, middle = place[2:] - place[:2], (place[:2] + place[2:]) / 2
    box = place
    for _ in range(MOST_TRIES):
        half = side * rng.uniform(0.5, 1.6, 2) / 2
        center = middle + rng.uniform(-0.6, 0.6, 2) * side
        box = np.clip(np.r_[center - half, center + half], 0, limit)
        if 0.1 < box_ious(box[None], place[None])[0] < 0.5:
            break
    return box


def _free(places: np.ndarray, side: np.ndarray, size: tuple[int, int], rng: np.random.Generator) -> np.ndarray | None:
    """Return a box of this size where no other is, None if there is no room."""
    for _ in range(MOST_TRIES):
        corner = rng.uniform(0, np.maximum(np.array(size) - side, 1))
        box = np.r_[corner, corner + side]
        if not len(places) or box_ious(np.tile(box, (len(places), 1)), places).max() <= MOST_COVERED:
            return box
    return None
