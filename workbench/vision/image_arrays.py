"""Label images, class scores and features of images as lists of checked arrays."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from workbench.foundation.errors import InputError, shortened
from workbench.tasks.mask_table import IGNORE

MOST_CODES = 1 << 15
"""Classes of pixels; larger codes are ids of something else."""


def label_images(field: str, labels: Any, *, k: int | None = None, most: int | None = MOST_CODES) -> list[np.ndarray]:
    """Return label images as a list of integer arrays (h, w): class codes, -1 = ignored.

    Parameters
    ----------
    field : name of the argument, for errors
    labels : (h, w) or (n, h, w), or a list of (h, w)
    k : number of classes, if known
    most : limit of the codes if `k` is not known, since tables of classes are made; None for numbers of regions

    Raises
    ------
    InputError : another shape, values that are not integers, or outside of -1 .. k - 1; names the image
    """
    found = []
    limit = most if k is None else k
    for row, image in enumerate(_listed(field, labels, 2)):
        codes = _array(field, image, row)
        if codes.dtype.kind == "f" and (codes == np.rint(codes)).all():
            codes = codes.astype(np.int64)
        if codes.ndim != 2 or codes.dtype.kind not in "iub":
            found_here = f"has shape {codes.shape} and dtype {codes.dtype}"
            raise InputError.at(field, found_here, "Pass class codes (h, w) as integers, -1 = ignored.", row=row)
        codes = codes.astype(np.uint8) if codes.dtype == bool else codes
        if codes.size and (codes.min() < IGNORE or (limit is not None and codes.max() >= limit)):
            wrong = codes.min() if codes.min() < IGNORE else codes.max()
            known = "at least 0" if limit is None else f"0 .. {limit - 1:,}"
            todo = f"Class codes are {known}, or -1 = ignored."
            todo += " If 255 is ignored: np.where(codes == 255, -1, codes.astype(int))." if wrong == 255 else ""
            raise InputError.at(field, f"holds {wrong}", todo, row=row)
        found.append(codes)
    return found


def score_images(field: str, scores: Any, *, probabilities: bool = False) -> list[np.ndarray]:
    """Return maps of each image as a list of float arrays (k, h, w), of the same k.

    Parameters
    ----------
    field : name of the argument, for errors
    scores : (k, h, w) or (n, k, h, w), or a list of (k, h, w)
    probabilities : whether the values of a pixel must be probabilities that sum to 1 within 0.01

    Raises
    ------
    InputError : another shape, values that are not finite numbers, or no probabilities; names the image
    """
    found = []
    for row, image in enumerate(_listed(field, scores, 3)):
        maps = _array(field, image, row)
        if maps.ndim != 3 or maps.dtype.kind not in "fiub" or not len(maps):
            found_here = f"has shape {maps.shape} and dtype {maps.dtype}"
            raise InputError.at(field, found_here, "Pass numbers (k, h, w), one map per class or feature.", row=row)
        if found and len(maps) != len(found[0]):
            raise InputError.at(field, f"has {len(maps)} maps, the first image {len(found[0])}", "", row=row)
        maps = maps if maps.dtype.kind == "f" else maps.astype(np.float64)
        if not np.isfinite(maps).all():
            raise InputError.at(field, "holds NaN or infinity", "Pass finite numbers.", row=row)
        if probabilities and maps.size and (maps.min() < -1e-5 or np.abs(maps.sum(axis=0) - 1).max() > 0.01):
            todo = "The probabilities of each pixel lie in [0, 1] and sum to 1. Apply softmax to logits."
            raise InputError.at(field, f"has sums from {maps.sum(axis=0).min():.3g}", todo, row=row)
        found.append(maps)
    return found


def check_sizes(field: str, images: Sequence[np.ndarray], other: str, others: Sequence[np.ndarray]) -> None:
    """Raise InputError unless both hold the same number of images, and each pair has the same height and width."""
    if len(images) != len(others):
        raise InputError.at(field, f"has {len(images)} images, `{other}` {len(others)}", "Pass one for each image.")
    for row, (one, two) in enumerate(zip(images, others)):
        if one.shape[-2:] != two.shape[-2:]:
            found = f"has {one.shape[-2]} x {one.shape[-1]} pixels, `{other}` {two.shape[-2]} x {two.shape[-1]}"
            raise InputError.at(field, found, "Resize one of them.", row=row)


def as_passed(images: Sequence[np.ndarray], passed: Any, dimensions: int) -> Any:
    """Return results in the form of an argument: one array for one image of `dimensions`, an array for an array, else a
    list."""
    if getattr(passed, "ndim", None) == dimensions:
        return images[0]
    return np.stack(images) if hasattr(passed, "ndim") and len(images) else list(images)


def _listed(field: str, images: Any, dimensions: int) -> Sequence[Any]:
    """Return a list of images, of which one has `dimensions` dimensions."""
    own = getattr(images, "ndim", None)
    if own == dimensions:
        return [images]
    if own not in (None, dimensions + 1):
        raise InputError.at(field, f"has {own} dimensions", f"One image has {dimensions}, several have one more.")
    if isinstance(images, (str, bytes)) or not hasattr(images, "__iter__"):
        raise InputError.at(field, f"is {shortened(images)}", "Pass an array, or a list of one array per image.")
    return list(images)


def _array(field: str, image: Any, row: int) -> np.ndarray:
    try:
        return np.asarray(image)
    except (TypeError, ValueError) as error:
        raise InputError.at(field, f"is no image ({error})", "Pass one array per image.", row=row) from error
