"""Confident learning on the pixels of masks: scores of pixels, pooled per image, and a filter of pixels.

Labels are masks of class indices, and `pred_probs` out-of-sample probabilities of each pixel. If all pixels have a
label, the results equal those of cleanlab's `segmentation`, except that of equally suspicious pixels at the cut the
first ones are chosen. Pixels without a label (-1, and 255 with fewer than 256 classes) enter nothing.

Arrays are read in bands of rows, so that they may be larger than the memory if they are mapped from files.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from workbench.foundation.errors import InputError
from workbench.tasks.class_names import class_text
from workbench.tasks.mask_blocks import blocks
from workbench.tasks.mask_predictions import MaskPredictions, class_count, mask_predictions
from workbench.tasks.mask_reading import IGNORED_VALUE, read_masks
from workbench.tasks.mask_table import IGNORE, MaskTable, band_edges, masks_of

MASK_POOLINGS = ("softmin", "issues")
MASK_TEMPERATURE = 0.1

RARE_THRESHOLD, FUZZ = 2e-6, 1e-6
"""Smallest threshold of a class, and how far below its threshold a probability may be, as in cleanlab."""

PIXELS_AT_ONCE = 2**26
"""Number of pixels up to which all scores are kept to find the cut; above, it is found in two passes."""

ARRAY_PIXELS = 2**16
"""Number of pixels of a block of labels that are arrays."""


class _Masks(NamedTuple):
    """n masks: height and width (n, 2) int64, 0 without a label; and a function that yields blocks of labelled images:
    images, given class indices (g, h, w), -1 without a label, and first row."""

    sizes: np.ndarray
    blocks: Callable[[], Iterator[tuple[list[int], np.ndarray, int]]]


def pixel_scores(labels: Any, pred_probs: Any) -> np.ndarray | list[np.ndarray]:
    """Return the probability of the given class of each pixel.

    Parameters
    ----------
    labels : int array (n, h, w) or n arrays (h, w) of class indices in [0, k), or paths of such images; -1, and 255
        with fewer than 256 classes, for pixels without a label.
    pred_probs : float array (n, k, h, w), also mapped from a file, or n arrays (k, h, w); they sum to 1 over the
        classes, out-of-sample.

    Returns
    -------
    (n, h, w) float array in [0, 1], low = suspicious, NaN without a label; a list if the sizes differ.

    Raises
    ------
    InputError : numbers of images, classes or pixels that differ, a label that is not a class, invalid probabilities;
        the message names the image and the pixel.

    Examples
    --------
    >>> probs = np.array([[[[0.75, 0.5]], [[0.25, 0.5]]]])
    >>> pixel_scores([[[0, 1]]], probs).tolist()
    [[[0.75, 0.5]]]
    """
    masks, predictions = _read(labels, pred_probs)
    found = [np.full((h, w), np.nan, np.float32) for h, w in masks.sizes.tolist()]
    for rows, given, top in masks.blocks():
        values = predictions.given_probability(rows, given, top)
        values[given < 0] = np.nan
        for row, one in zip(rows, values):
            if found[row].dtype != one.dtype:
                found[row] = found[row].astype(one.dtype)
            found[row][top : top + len(one)] = one
    return _stacked(found)


def mask_image_scores(
    labels: Any, pred_probs: Any, *, pool: str = "softmin", temperature: float = MASK_TEMPERATURE
) -> np.ndarray:
    """Score the mask of each image.

    Parameters
    ----------
    labels, pred_probs : as in `pixel_scores`.
    pool : {"softmin", "issues"}
        The mean of the scores of pixels with weights softmax((1 - s) / temperature), or the share of pixels that are
        not in `find_pixel_issues`.
    temperature : positive, for "softmin".

    Returns
    -------
    (n,) float64 in [0, 1], low = suspicious; NaN for an image without labelled pixels.

    Raises
    ------
    InputError : an unknown pooling, a temperature that is not positive, or as in `pixel_scores`.

    References
    ----------
    Lad and Mueller 2023, Estimating label quality and errors in semantic segmentation data via any model, section 3.

    Examples
    --------
    >>> probs = np.array([[[[0.75, 0.5]], [[0.25, 0.5]]]])
    >>> mask_image_scores([[[0, 1]]], probs, temperature=1e-3).round(3).tolist()
    [0.5]
    """
    if pool not in MASK_POOLINGS:
        raise InputError.unknown("way to pool", pool, MASK_POOLINGS)
    if not temperature > 0:
        raise InputError.at("temperature", f"is {temperature!r}", "Pass a positive number.")
    masks, predictions = _read(labels, pred_probs)
    n = len(masks.sizes)
    if pool == "issues":
        known = np.zeros(n)
        wrong = np.array([one.sum() for one in _issues(masks, predictions)], float)
        for rows, given, _ in masks.blocks():
            known[rows] += (given >= 0).sum(axis=(1, 2))
        return np.where(known > 0, 1 - wrong / np.maximum(known, 1), np.nan)
    mean, weight, lowest = np.zeros(n), np.zeros(n), np.full(n, np.inf)
    for rows, given, top in masks.blocks():
        score = predictions.given_probability(rows, given, top).reshape(len(rows), -1)
        if given.min() < 0:
            score[given.reshape(len(rows), -1) < 0] = np.inf
        low = np.minimum(lowest[rows], score.min(axis=1))
        known = np.isfinite(low)
        rows, score, low = np.asarray(rows)[known], score[known] if not known.all() else score, low[known]
        # The weights are exp(near), near = (lowest - score) / temperature, so the mean is lowest - temperature * near.
        near = score.astype(np.float64)
        np.subtract(low[:, None], near, out=near)
        near *= 1 / temperature
        here = np.exp(near)
        if given.min() < 0:
            near[here == 0] = 0
        moved = np.where(weight[rows] > 0, (low - lowest[rows]) / temperature, 0)
        shrink = np.exp(moved)
        mean[rows] = (mean[rows] + weight[rows] * moved) * shrink + np.matmul(near[:, None], here[:, :, None]).ravel()
        weight[rows] = weight[rows] * shrink + here.sum(axis=1)
        lowest[rows] = low
    mean = np.divide(mean, weight, out=np.full(n, np.nan), where=weight > 0)
    return np.where(weight > 0, lowest, 0) - temperature * mean


def find_pixel_issues(labels: Any, pred_probs: Any) -> np.ndarray | list[np.ndarray]:
    """Find the pixels whose labels confident learning considers wrong.

    Parameters
    ----------
    labels, pred_probs : as in `pixel_scores`.

    Returns
    -------
    (n, h, w) bool, a list if the sizes differ.

    Raises
    ------
    InputError : as in `pixel_scores`.

    Notes
    -----
    With t_c the mean p(c) of the pixels labelled c, the number of wrong pixels is estimated as the number of those
    whose most likely class c is not the given one and has p(c) >= t_c. As many pixels with the smallest p(given) are
    selected, except those whose most likely class is the given one (Lad and Mueller 2023, section 3).

    Examples
    --------
    >>> probs = np.array([[[[0.9, 0.9, 0.2, 0.1]], [[0.1, 0.1, 0.8, 0.9]]]])
    >>> find_pixel_issues([[[0, 1, 1, 1]]], probs).tolist()
    [[[False, True, False, False]]]
    """
    return _stacked(_issues(*_read(labels, pred_probs)))


def common_pixel_issues(
    issues: Any, labels: Any, pred_probs: Any, *, classes: Sequence[object] | None = None
) -> pd.DataFrame:
    """Count suspicious pixels by their given and their most likely class.

    Parameters
    ----------
    issues : bool array (n, h, w) or n arrays (h, w), such as the result of `find_pixel_issues`.
    labels, pred_probs : as in `pixel_scores`. classes : k class names; "0", "1", ... by default.

    Returns
    -------
    DataFrame, one row per pair of classes that occurs, the most frequent first: given_label, predicted_label, str;
    pixels, int64.

    Raises
    ------
    InputError : another number of images, another size, or as in `pixel_scores`.
    """
    masks, predictions = _read(labels, pred_probs)
    n = len(masks.sizes)
    if len(issues) != n:
        raise InputError.at("issues", f"has {len(issues)} images for {n} labels", "Pass one mask per image.")
    for row, (h, w) in enumerate(masks.sizes.tolist()):
        if np.shape(issues[row]) != (h, w):
            todo = f"Pass a mask of the size of the label, {h} x {w}."
            raise InputError.at("issues", f"has the shape {np.shape(issues[row])}", todo, row=row)
    k = predictions.k
    names = [str(code) for code in range(k)] if classes is None else [class_text(one) for one in classes]
    if len(names) != k:
        raise InputError.at("classes", f"has {len(names)} names for {k} classes", "Name each class.")
    counts = np.zeros((k, k), np.int64)
    for rows, given, top in masks.blocks():
        chosen = np.stack([np.asarray(issues[row][top : top + given.shape[1]], bool) for row in rows])
        chosen &= given >= 0
        predicted = predictions.look(rows, given, top).predicted
        pairs = given[chosen].astype(np.int64) * k + predicted[chosen]
        counts += np.bincount(pairs, minlength=k * k).reshape(k, k)
    given, predicted = np.nonzero(counts)
    order = np.argsort(-counts[given, predicted], kind="stable")
    given, predicted = given[order], predicted[order]
    named = np.array(names, object)
    return pd.DataFrame(
        {"given_label": named[given], "predicted_label": named[predicted], "pixels": counts[given, predicted]}
    )


def _read(labels: Any, pred_probs: Any) -> tuple[_Masks, MaskPredictions]:
    k = class_count(pred_probs)
    masks = _of_arrays(labels, k)
    if masks is None:
        table = masks_of(read_masks(labels, [str(code) for code in range(k)])[0])
        masks = _Masks(np.stack([table.height, table.width], axis=1), lambda: _of_table(table))
    return masks, mask_predictions(masks.sizes, k, pred_probs)


def _of_table(table: MaskTable) -> Iterator[tuple[list[int], np.ndarray, int]]:
    for rows, given, top, inner in blocks(table):
        yield rows, given[:, inner], top


def _of_arrays(labels: Any, k: int) -> _Masks | None:
    """Return masks that are integer arrays without making runs of them; None for other ones, and if a value is not a
    class."""
    if not isinstance(labels, (list, tuple, np.ndarray)) or not len(labels):
        return None
    for one in labels:
        if not isinstance(one, np.ndarray) or one.ndim != 2 or one.dtype.kind not in "iu" or not one.size:
            return None
        if one.max() >= k and (k > IGNORED_VALUE or one.max() != IGNORED_VALUE or _other_than_ignored(one, k)):
            return None
        if one.min() < IGNORE:
            return None
    sizes = np.array([one.shape for one in labels], np.int64)
    return _Masks(sizes, lambda: _array_blocks(labels, sizes, k))


def _other_than_ignored(mask: np.ndarray, k: int) -> bool:
    edges = band_edges(*mask.shape)
    return any(((mask[top:end] >= k) & (mask[top:end] != IGNORED_VALUE)).any() for top, end in edges)


def _array_blocks(labels: Any, sizes: np.ndarray, k: int) -> Iterator[tuple[list[int], np.ndarray, int]]:
    first = 0
    while first < len(labels):
        height, width = sizes[first].tolist()
        stop = first + 1
        most = first + max(ARRAY_PIXELS // (height * width), 1)
        while stop < min(most, len(labels)) and tuple(sizes[stop]) == (height, width):
            stop += 1
        rows = list(range(first, stop))
        for top, end in band_edges(height, width, ARRAY_PIXELS):
            given = (
                labels[first:stop, top:end]
                if isinstance(labels, np.ndarray)
                else np.stack([labels[row][top:end] for row in rows])
            )
            if given.max() >= k:
                given = given.astype(np.int64)
                given[given >= k] = IGNORE
            yield rows, given, top
        first = stop


def _stacked(images: list[np.ndarray]) -> np.ndarray | list[np.ndarray]:
    return np.stack(images) if images and len({one.shape for one in images}) == 1 else images


def _issues(masks: _Masks, predictions: MaskPredictions) -> list[np.ndarray]:
    """Return the suspicious pixels of each image, bool (h, w)."""
    k = predictions.k
    total, count = np.zeros(k), np.zeros(k)
    few = masks.sizes.prod(axis=1).sum() <= PIXELS_AT_ONCE
    kept: list[np.ndarray] = []

    def scores() -> Iterator[np.ndarray]:
        return (predictions.given_probability(rows, given, top) for rows, given, top in masks.blocks())

    for (_, given, _), own in zip(masks.blocks(), scores(), strict=True):
        known = given >= 0
        every = known.all()
        labels, values = (given.ravel(), own.ravel()) if every else (given[known], own[known])
        total += np.bincount(labels, values, minlength=k)
        count += np.bincount(labels, minlength=k)
        if few:
            kept.append(own)
    thresholds = np.maximum(total / np.maximum(count, 1), RARE_THRESHOLD) - FUZZ
    wrong = 0
    found = [np.zeros((h, w), bool) for h, w in masks.sizes.tolist()]
    for rows, given, top in masks.blocks():
        seen = predictions.look(rows, given, top)
        differ = (given >= 0) & (seen.predicted != given)
        wrong += int((seen.p_predicted[differ] >= thresholds[seen.predicted[differ]]).sum())
        for row, one in zip(rows, differ):
            found[row][top : top + len(one)] = one
    if not wrong:
        return [np.zeros_like(one) for one in found]

    def labelled() -> Iterator[np.ndarray]:
        for (_, given, _), own in zip(masks.blocks(), kept or scores(), strict=True):
            yield own[given >= 0]

    cut, ties = _cut(labelled, int(count.sum()), wrong)
    for (rows, given, top), own in zip(masks.blocks(), kept or scores(), strict=True):
        chosen = own < cut
        equal = np.flatnonzero((given >= 0) & (own == cut))[: max(ties, 0)]
        ties -= len(equal)
        chosen.ravel()[equal] = True
        for row, one in zip(rows, chosen):
            found[row][top : top + len(one)] &= one
    return found


def _cut(scores: Callable[[], Iterator[np.ndarray]], pixels: int, wrong: int) -> tuple[float, int]:
    """Return the score of the pixel number `wrong` in ascending order, and how many pixels of this score are among
    them."""
    if pixels <= PIXELS_AT_ONCE:
        values = np.concatenate(list(scores()))
        cut = np.partition(values, wrong - 1)[wrong - 1]
        return cut, wrong - int((values < cut).sum())
    high = np.zeros(2**16, np.int64)
    for values in scores():
        high += np.bincount(_bits(values) >> 16, minlength=2**16)
    upper = int(np.searchsorted(np.cumsum(high), wrong))
    before = int(high[:upper].sum())
    low = np.zeros(2**16, np.int64)
    for values in scores():
        bits = _bits(values)
        low += np.bincount(bits[bits >> 16 == upper] & 0xFFFF, minlength=2**16)
    lower = int(np.searchsorted(np.cumsum(low), wrong - before))
    cut = np.array([upper << 16 | lower], np.uint32).view(np.float32)[0]
    return cut, wrong - before - int(low[:lower].sum())


def _bits(values: np.ndarray) -> np.ndarray:
    """Return integers that are ordered like the scores as float32, which are at least 0."""
    return np.maximum(values.astype(np.float32), np.float32(0)).view(np.uint32).astype(np.int64)
