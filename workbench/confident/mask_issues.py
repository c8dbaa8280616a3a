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
from workbench.tasks.mask_reading import read_masks
from workbench.tasks.mask_table import MaskTable, masks_of

MASK_POOLINGS = ("softmin", "issues")
MASK_TEMPERATURE = 0.1

RARE_THRESHOLD, FUZZ = 2e-6, 1e-6
"""Smallest threshold of a class, and how far below its threshold a probability may be, as in cleanlab."""

PIXELS_AT_ONCE = 2**26
"""Number of pixels up to which all scores are kept to find the cut; above, it is found in two passes."""


class _Block(NamedTuple):
    """Pixels of g images: images, first row; given and predicted class, their probabilities (g, h, w) each."""

    rows: list[int]
    top: int
    given: np.ndarray
    predicted: np.ndarray
    p_given: np.ndarray
    p_predicted: np.ndarray


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
    table, predictions = _read(labels, pred_probs)
    found = [np.full((h, w), np.nan, np.float32) for h, w in zip(table.height.tolist(), table.width.tolist())]
    for block in _blocks(table, predictions):
        values = np.where(block.given >= 0, block.p_given, np.nan)
        for row, one in zip(block.rows, values):
            if found[row].dtype != one.dtype:
                found[row] = found[row].astype(one.dtype)
            found[row][block.top : block.top + len(one)] = one
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
    table, predictions = _read(labels, pred_probs)
    known = np.zeros(table.n)
    if pool == "issues":
        wrong = np.array([one.sum() for one in _issues(table, predictions)], float)
        for block in _blocks(table, predictions):
            known[block.rows] += (block.given >= 0).sum(axis=(1, 2))
        return np.where(known > 0, 1 - wrong / np.maximum(known, 1), np.nan)
    total, weight, top = np.zeros(table.n), np.zeros(table.n), np.full(table.n, -np.inf)
    for block in _blocks(table, predictions):
        labelled = block.given >= 0
        raised = np.where(labelled, (1 - block.p_given.astype(np.float64)) / temperature, -np.inf)
        new = np.maximum(top[block.rows], raised.max(axis=(1, 2)))
        here = np.exp(raised - np.where(np.isfinite(new), new, 0)[:, None, None])
        shrink = np.exp(np.minimum(top[block.rows] - np.where(np.isfinite(new), new, 0), 0))
        total[block.rows] = total[block.rows] * shrink + (here * block.p_given).sum(axis=(1, 2))
        weight[block.rows] = weight[block.rows] * shrink + here.sum(axis=(1, 2))
        top[block.rows] = new
    return np.divide(total, weight, out=np.full(table.n, np.nan), where=weight > 0)


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
    table, predictions = _read(labels, pred_probs)
    if len(issues) != table.n:
        raise InputError.at("issues", f"has {len(issues)} images for {table.n} labels", "Pass one mask per image.")
    for row in range(table.n):
        size = (int(table.height[row]), int(table.width[row]))
        if np.shape(issues[row]) != size:
            todo = f"Pass a mask of the size of the label, {size[0]} x {size[1]}."
            raise InputError.at("issues", f"has the shape {np.shape(issues[row])}", todo, row=row)
    k = predictions.k
    names = [str(code) for code in range(k)] if classes is None else [class_text(one) for one in classes]
    if len(names) != k:
        raise InputError.at("classes", f"has {len(names)} names for {k} classes", "Name each class.")
    counts = np.zeros((k, k), np.int64)
    for block in _blocks(table, predictions):
        height = block.given.shape[1]
        chosen = np.stack([np.asarray(issues[row][block.top : block.top + height], bool) for row in block.rows])
        chosen &= block.given >= 0
        pairs = block.given[chosen].astype(np.int64) * k + block.predicted[chosen]
        counts += np.bincount(pairs, minlength=k * k).reshape(k, k)
    given, predicted = np.nonzero(counts)
    order = np.argsort(-counts[given, predicted], kind="stable")
    given, predicted = given[order], predicted[order]
    named = np.array(names, object)
    return pd.DataFrame(
        {"given_label": named[given], "predicted_label": named[predicted], "pixels": counts[given, predicted]}
    )


def _read(labels: Any, pred_probs: Any) -> tuple[MaskTable, MaskPredictions]:
    k = class_count(pred_probs)
    table = masks_of(read_masks(labels, [str(code) for code in range(k)])[0])
    return table, mask_predictions(np.stack([table.height, table.width], axis=1), k, pred_probs)


def _blocks(table: MaskTable, predictions: MaskPredictions) -> Iterator[_Block]:
    """Yield all labelled images, block by block."""
    for rows, given, top, inner in blocks(table):
        pixels = predictions.look(rows, given[:, inner], top=top)
        yield _Block(rows, top, given[:, inner], *pixels)


def _stacked(images: list[np.ndarray]) -> np.ndarray | list[np.ndarray]:
    return np.stack(images) if images and len({one.shape for one in images}) == 1 else images


def _issues(table: MaskTable, predictions: MaskPredictions) -> list[np.ndarray]:
    """Return the suspicious pixels of each image, bool (h, w)."""
    k = predictions.k
    total, count = np.zeros(k), np.zeros(k)
    for block in _blocks(table, predictions):
        known = block.given >= 0
        own = block.given[known]
        total += np.bincount(own, block.p_given[known], minlength=k)
        count += np.bincount(own, minlength=k)
    thresholds = np.maximum(total / np.maximum(count, 1), RARE_THRESHOLD) - FUZZ

    def scores() -> Iterator[np.ndarray]:
        for block in _blocks(table, predictions):
            yield block.p_given[block.given >= 0]

    wrong = 0
    for block in _blocks(table, predictions):
        differ = (block.given >= 0) & (block.predicted != block.given)
        wrong += int((block.p_predicted >= thresholds[block.predicted])[differ].sum())
    found = [np.zeros((h, w), bool) for h, w in zip(table.height.tolist(), table.width.tolist())]
    if not wrong:
        return found
    cut, ties = _cut(scores, int(count.sum()), wrong)
    for block in _blocks(table, predictions):
        known = block.given >= 0
        chosen = known & (block.p_given < cut)
        equal = np.flatnonzero(known & (block.p_given == cut))[: max(ties, 0)]
        ties -= len(equal)
        chosen.ravel()[equal] = True
        chosen &= block.predicted != block.given
        for row, one in zip(block.rows, chosen):
            found[row][block.top : block.top + len(one)] = one
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
