"""IoU and boundary F1 of label images, per class, and their change with an interval over images."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from workbench.experiments.intervals import INTERVAL_LEVEL, RESAMPLES, verdict
from workbench.foundation.errors import InputError
from workbench.tasks.mask_table import IGNORE
from workbench.vision.image_arrays import check_sizes, label_images

DIAGONAL_SHARE = 0.0075
"""Default tolerance of boundaries, relative to the diagonal of an image."""

FEWEST_IMAGES = 5
"""Images, from which an interval over images is given."""

SEGMENT_METRICS = ("iou", "boundary_f1")


def mask_metrics(
    truth: Any, predicted: Any, *, classes: Sequence[Any] | None = None, tolerance: float | None = None
) -> pd.DataFrame:
    """Compute the IoU and the boundary F1 of each class.

    Parameters
    ----------
    truth : int (n, h, w), (h, w), or a list of (h, w): class codes, -1 = pixels that do not count
    predicted : the same shapes; -1 = no class
    classes : names of the codes; by default the codes
    tolerance : distance in pixels up to which boundaries match; by default 0.75 % of the diagonal of each image, at
        least 1

    Returns
    -------
    DataFrame indexed by class, with "mean" as the last row: the mean over the classes of the truth
        iou : float64 in [0, 1], pixels of all images pooled; NaN for a class without any pixel
        boundary_f1 : float64 in [0, 1], boundary pixels of all images pooled; NaN for a class without boundary
        pixels : int64, true pixels
        images : int64, images with true pixels of the class

    Raises
    ------
    InputError : other shapes or codes, or a truth without any label

    Notes
    -----
    IoU = TP / (TP + FP + FN). A boundary pixel has a neighbour to the left, right, above or below with another label;
    precision is the share of predicted boundary pixels of a class within the tolerance of a true one, recall that of
    true ones, and F1 = 2 P R / (P + R) (Csurka, Larlus and Perronnin 2013, section 3.2, with counts pooled over images
    instead of averaged F1).

    Examples
    --------
    >>> truth = np.array([[0, 0, 1, 1]])
    >>> mask_metrics(truth, np.array([[0, 1, 1, 1]]))["iou"].round(3).to_dict()
    {0: 0.5, 1: 0.667, 'mean': 0.583}
    """
    true, guess, names = _checked(truth, predicted, "predicted", classes)
    counts = _counts(true, guess, len(names), tolerance)
    pooled = {key: value.sum(axis=0) for key, value in counts.items()}
    scores = _scores(pooled)
    found = pd.DataFrame(
        {**scores, "pixels": pooled["true"].astype(np.int64), "images": (counts["true"] > 0).sum(axis=0)},
        index=pd.Index(names, name="class", dtype=object),
    )
    own = found[found["pixels"] > 0]
    found.loc["mean"] = [own["iou"].mean(), own["boundary_f1"].mean(), own["pixels"].sum(), len(true)]
    return found.astype({"pixels": np.int64, "images": np.int64})


def compare_masks(
    truth: Any, before: Any, after: Any, *, classes: Sequence[Any] | None = None, tolerance: float | None = None,
    seed: int = 0,
) -> pd.DataFrame:  # fmt: skip
    """Compare the IoU and the boundary F1 before and after a change, per class, with an interval over images.

    Parameters
    ----------
    truth, classes, tolerance : as in `mask_metrics`
    before, after : predicted classes, or labels before and after correction, in the shapes of the truth
    seed : random seed of the bootstrap

    Returns
    -------
    DataFrame indexed by (metric, class), with the class "mean"
        before, after, difference : float64
        low, high : 95 % interval of the difference; NaN with fewer than five images, which cannot support one
        verdict : "better", "worse" or "no difference that this comparison can show"
        images : int64, images with true pixels of the class

    Raises
    ------
    InputError : as in `mask_metrics`

    Notes
    -----
    Percentile interval over 2,000 bootstrap samples of images; both sides use the same images, so that difficulty that
    affects both cancels. The models or labels themselves are fixed.
    """
    true, old, names = _checked(truth, before, "before", classes)
    new = _checked(truth, after, "after", names)[1]
    sides = [_counts(true, guess, len(names), tolerance) for guess in (old, new)]
    present = sides[0]["true"] > 0
    n = len(true)
    rng = np.random.default_rng(seed)
    weights = np.vstack([np.ones((1, n)), rng.multinomial(n, np.full(n, 1 / n), size=RESAMPLES)])
    drawn = [_scores({key: weights @ value for key, value in side.items()}) for side in sides]
    counted = (weights @ present) > 0
    rows = []
    for metric in SEGMENT_METRICS:
        values = [np.where(counted, side[metric], np.nan) for side in drawn]
        shared = ~np.isnan(values[0]) & ~np.isnan(values[1])
        mean = [_row_means(side, shared) for side in values]
        columns = [*zip(names, values[0].T, values[1].T, present.sum(axis=0)), ("mean", *mean, n)]
        for name, one, other, images in columns:
            apart = other - one
            low, high = _interval(apart[1:], int(images))
            row = {"metric": metric, "class": name, "before": one[0], "after": other[0], "difference": apart[0]}
            rows.append({**row, "low": low, "high": high, "verdict": verdict(low, high), "images": int(images)})
    return pd.DataFrame(rows).set_index(["metric", "class"])


def _interval(resampled: np.ndarray, images: int) -> tuple[float, float]:
    known = resampled[~np.isnan(resampled)]
    if images < FEWEST_IMAGES or not len(known):
        return np.nan, np.nan
    low, high = np.quantile(known, [(1 - INTERVAL_LEVEL) / 2, (1 + INTERVAL_LEVEL) / 2])
    return float(low), float(high)


def _row_means(values: np.ndarray, shared: np.ndarray) -> np.ndarray:
    """Return the mean (r,) of the `shared` values of each row (r, k), NaN if there are none."""
    number = shared.sum(axis=1)
    return np.divide(
        np.where(shared, values, 0).sum(axis=1), number, out=np.full(len(values), np.nan), where=number > 0
    )


def _scores(counts: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return IoU and boundary F1 of counts of any shape, NaN where nothing is counted."""

    def ratio(one: np.ndarray, all_: np.ndarray) -> np.ndarray:
        return np.divide(one, all_, out=np.full(np.shape(all_), np.nan), where=all_ > 0)

    either = counts["true"] + counts["predicted"] - counts["both"]
    edges = counts["true_edge"] + counts["predicted_edge"]
    precision = ratio(counts["predicted_near"], counts["predicted_edge"])
    recall = ratio(counts["true_near"], counts["true_edge"])
    f1 = ratio(2 * precision * recall, precision + recall)
    return {"iou": ratio(counts["both"], either), "boundary_f1": np.where(edges > 0, np.nan_to_num(f1), np.nan)}


def _counts(
    true: Sequence[np.ndarray], predicted: Sequence[np.ndarray], k: int, tolerance: float | None
) -> dict[str, np.ndarray]:
    """Return numbers of pixels, float64 (n, k): of both, true, predicted, their edges, and edges near to the other."""
    names = ("both", "true", "predicted", "true_edge", "predicted_edge", "true_near", "predicted_near")
    counts = {name: np.zeros((len(true), k)) for name in names}
    for row, (one, other) in enumerate(zip(true, predicted)):
        known = one != IGNORE
        other = np.where(known, other, IGNORE)
        counts["true"][row] = np.bincount(one[known], minlength=k)
        counts["predicted"][row] = np.bincount(other[other != IGNORE], minlength=k)
        counts["both"][row] = np.bincount(one[known & (one == other)], minlength=k)
        reach = tolerance if tolerance is not None else max(1.0, DIAGONAL_SHARE * float(np.hypot(*one.shape)))
        edges = _edge(one, known), _edge(other, known)
        for code in np.flatnonzero(counts["true"][row] + counts["predicted"][row]):
            masks = edges[0] & (one == code), edges[1] & (other == code)
            counts["true_edge"][row, code], counts["predicted_edge"][row, code] = masks[0].sum(), masks[1].sum()
            counts["true_near"][row, code] = _near(masks[0], masks[1], reach)
            counts["predicted_near"][row, code] = _near(masks[1], masks[0], reach)
    return counts


def _edge(codes: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Return pixels (h, w) with a neighbour of another label; neighbours outside the image or ignored do not count."""
    edge = np.zeros(codes.shape, bool)
    for axis in (0, 1):
        one, other = [slice(None)] * 2, [slice(None)] * 2
        one[axis], other[axis] = slice(None, -1), slice(1, None)
        a, b = tuple(one), tuple(other)
        apart = (codes[a] != codes[b]) & known[a] & known[b]
        edge[a] |= apart
        edge[b] |= apart
    return edge


def _near(edge: np.ndarray, other: np.ndarray, reach: float) -> int:
    """Return the number of pixels of an edge within `reach` of another edge."""
    from scipy.ndimage import distance_transform_edt

    y, x = np.nonzero(edge)
    if not len(y) or not other.any():
        return 0
    pad = int(np.ceil(reach)) + 1
    top, left = max(y.min() - pad, 0), max(x.min() - pad, 0)
    part = (slice(top, y.max() + pad + 1), slice(left, x.max() + pad + 1))
    if not other[part].any():
        return 0
    distance = np.asarray(distance_transform_edt(~other[part]))
    return int((distance[y - top, x - left] <= reach).sum())


def _checked(
    truth: Any, predicted: Any, field: str, classes: Sequence[Any] | None
) -> tuple[list[np.ndarray], list[np.ndarray], list[Any]]:
    """Return both as lists of label images of the same sizes, and the names of the classes."""
    k = None if classes is None else len(classes)
    true, guess = label_images("truth", truth, k=k), label_images(field, predicted, k=k)
    check_sizes(field, guess, "truth", true)
    largest = max((int(one.max()) for one in true if one.size), default=IGNORE)
    if largest == IGNORE:
        raise InputError.at("truth", "has no labelled pixel", "Pass class codes of at least 0.")
    most = max([largest, *(int(one.max()) for one in guess if one.size)])
    return true, guess, list(range(most + 1)) if classes is None else list(classes)
