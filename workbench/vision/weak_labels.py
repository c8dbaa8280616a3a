"""Masks from weak labels: Gaussian mixtures around class centres of pixel features."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from workbench.foundation.checks import check_whole
from workbench.foundation.errors import InputError
from workbench.foundation.rows import softmax
from workbench.tasks.mask_table import IGNORE
from workbench.vision.image_arrays import as_passed, check_sizes, label_images, score_images

CENTER_PIXELS = 50.0
"""Pixels that the centre of a class over all images counts for in the centre of one image."""

CLUSTERS_PER_CLASS = 3
LEAST_LIFT = 0.5


@dataclass(frozen=True)
class WeakMasks:
    """Pixel labels from weak labels.

    Attributes
    ----------
    labels : class codes of all pixels. confidence : float64, probability of that class. probs : float64, those of all
    classes. In the form of the features: (h, w), (h, w) and (k, h, w) for one image, arrays or lists of them for more.
    """

    labels: Any
    confidence: Any
    probs: Any


def masks_from_weak_labels(
    features: Any, *, labels: Any = None, boxes: Any = None, tags: Any = None, k: int | None = None,
    background: int | None = 0, rounds: int = 10, shrinkage: float = CENTER_PIXELS, seed: int = 0,
) -> WeakMasks:  # fmt: skip
    """Label all pixels from points, scribbles, blocks, boxes or tags, with confidence.

    Parameters
    ----------
    features : float (n, d, h, w), (d, h, w) or a list of (d, h, w), such as activations of a network; append pixel
        coordinates to make places count
    labels : int (n, h, w), (h, w) or a list of (h, w): codes of the labelled pixels (points, scribbles, blocks), -1
        elsewhere
    boxes : n lists of (x0, y0, x1, y1, code), half-open pixels: inside is the class or the background, outside of all
        boxes the background
    tags : bool (n, k), or n lists of codes: the classes of each image, beside the background
    k : number of classes with the background; by default the largest code + 1
    background : its code, which every image may have; None if there is none
    rounds : rounds of expectation and maximization
    shrinkage : at least 0, number of pixels that the centre of a class over all images counts for in one image
    seed : random seed of the clusters from which tags start

    Returns
    -------
    WeakMasks. Labelled pixels keep their label; classes that no weak label names have probability 0.

    Raises
    ------
    InputError : other shapes, none or several of `labels`, `boxes` and `tags` (tags can be combined with the others),
        tags that the features do not explain, or boxes without a background

    Notes
    -----
    In each image, the features of class c are Gaussian around a centre, with a diagonal variance that all images share;
    centres, variances and shares are fitted by EM, where weak labels restrict the classes of a pixel. Centres start at
    the mean of the labelled pixels, or of the pixels that may be of the class. With tags alone, pixels of all images
    are clustered by k-means, and a cluster starts as the class whose tag explains best in which images it occurs, or as
    background if none does. Confidence is the posterior of the mixture: compare it with true labels before relying on
    it.

    References
    ----------
    Modeling the Label Distributions for Weakly-Supervised Semantic Segmentation.

    Examples
    --------
    >>> features = np.array([[[0.0, 0.1, 0.9, 1.0]]])
    >>> masks_from_weak_labels(features, labels=np.array([[0, -1, -1, 1]])).labels
    array([[0, 0, 1, 1]])
    """
    maps = score_images("features", features)
    allowed = _allowed(maps, labels, boxes, tags, k, background)
    check_whole("rounds", rounds, 1)
    if not shrinkage >= 0:
        raise InputError.at("shrinkage", f"is {shrinkage!r}", "Use a number of at least 0.")
    x = [one.reshape(len(one), -1).T.astype(np.float64) for one in maps]
    may = [one.reshape(len(one), -1).T for one in allowed]
    if labels is None and boxes is None:
        weights = _started_from_tags(x, may, background, seed)
    else:
        weights = _started_from_pixels(may)
    probs = _mixtures(x, may, weights, int(rounds), float(shrinkage))
    shaped = [one.T.reshape(-1, *own.shape[1:]) for one, own in zip(probs, maps)]
    return WeakMasks(
        as_passed([one.argmax(axis=0) for one in shaped], features, 3),
        as_passed([one.max(axis=0) for one in shaped], features, 3),
        as_passed(shaped, features, 3),
    )


def _allowed(
    maps: Sequence[np.ndarray], labels: Any, boxes: Any, tags: Any, k: int | None, background: int | None
) -> list[np.ndarray]:
    """Return the classes that each pixel may have, bool (k, h, w) for each image."""
    if (labels is not None) + (boxes is not None) > 1 or all(one is None for one in (labels, boxes, tags)):
        todo = "Pass `labels`, `boxes` or `tags`; tags can be combined with the others."
        raise InputError.at("labels", "and `boxes` are both given, or all kinds of weak labels missing", todo)
    points = None if labels is None else label_images("labels", labels, k=k)
    objects = None if boxes is None else [_boxes(own, row) for row, own in enumerate(_per_image("boxes", boxes, maps))]
    named = None if tags is None else [_codes(own, row) for row, own in enumerate(_per_image("tags", tags, maps))]
    if points is not None:
        check_sizes("labels", points, "features", maps)
    seen = [one[one != IGNORE] for one in points or ()] + [one[:, 4] for one in objects or ()] + list(named or ())
    classes = k or int(max((one.max() for one in seen if len(one)), default=-1)) + 1
    if classes < 1 or (k and any(len(one) and one.max() >= k for one in seen)):
        raise InputError.at("k", f"is {k} for these codes", "Pass weak labels with codes 0 .. k - 1.")
    labelled = np.isin(np.arange(classes), np.concatenate(seen)) if points is not None else np.ones(classes, bool)
    found = []
    for row, image in enumerate(maps):
        may = np.ones((classes, *image.shape[1:]), bool)
        if named is not None:
            may[np.setdiff1d(np.arange(classes), [*named[row], *([] if background is None else [background])])] = False
        if objects is not None:
            if background is None:
                raise InputError.at("background", "is None with `boxes`", "Pass the code of the background.")
            may &= _within(objects[row].astype(int), background, may.shape)
        if points is not None:
            given = points[row]
            may = np.where(given != IGNORE, np.arange(classes)[:, None, None] == given, may & labelled[:, None, None])
        if not may.any(axis=0).all():
            raise InputError.at("tags", "name no labelled class", "Label pixels of each class.", row=row)
        found.append(may)
    return found


def _within(boxes: np.ndarray, background: int, shape: tuple[int, ...]) -> np.ndarray:
    """Return the classes (k, h, w) that boxes allow: the background, and inside of boxes their class."""
    may = np.zeros(shape, bool)
    may[background] = True
    for x0, y0, x1, y1, code in boxes:
        may[code, max(y0, 0) : max(y1, 0), max(x0, 0) : max(x1, 0)] = True
    return may


def _boxes(own: Any, row: int) -> np.ndarray:
    boxes = np.asarray(own, np.float64).reshape(-1, 5) if np.size(own) % 5 == 0 else np.zeros((0, 0))
    if boxes.shape[1:] != (5,) or not np.isfinite(boxes).all() or (boxes[:, 2:4] <= boxes[:, :2]).any():
        raise InputError.at("boxes", "has a box that is not (x0, y0, x1, y1, code) with x1 > x0, y1 > y0", "", row=row)
    return np.column_stack([np.floor(boxes[:, :2]), np.ceil(boxes[:, 2:4]), boxes[:, 4]])


def _codes(own: Any, row: int) -> np.ndarray:
    values = np.asarray(own)
    values = np.flatnonzero(values) if values.dtype == bool else values
    if values.ndim != 1 or (len(values) and (values.dtype.kind not in "iu" or values.min() < 0)):
        raise InputError.at("tags", f"is {own!r}", "Pass class codes, or bool (n, k).", row=row)
    return values.astype(np.int64)


def _per_image(field: str, values: Any, maps: Sequence[np.ndarray]) -> list[Any]:
    if len(values) != len(maps):
        raise InputError.at(field, f"has {len(values)} entries for {len(maps)} images", "Pass one list per image.")
    return list(values)


def _started_from_pixels(may: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Return the weights (pixels, k) from which centres start: labelled pixels, or those that may be of the class."""
    sure = [one & (one.sum(axis=1, keepdims=True) == 1) for one in may]
    number = np.sum([one.sum(axis=0) for one in sure], axis=0)
    return [np.where(number > 0, one, other).astype(np.float64) for one, other in zip(sure, may)]


def _started_from_tags(
    x: Sequence[np.ndarray], may: Sequence[np.ndarray], background: int | None, seed: int
) -> list[np.ndarray]:
    """Return the weights (pixels, k) from which centres start: clusters, each of the class whose images have it."""
    from sklearn.cluster import KMeans

    classes = may[0].shape[1]
    tags = np.stack([one[0] if len(one) else np.zeros(classes, bool) for one in may]).astype(np.float64)
    clusters = KMeans(CLUSTERS_PER_CLASS * classes, n_init=3, random_state=seed)
    of = clusters.fit_predict(np.concatenate(x))
    cuts = np.cumsum([len(one) for one in x])[:-1]
    shares = np.stack([np.bincount(one, minlength=clusters.n_clusters) / len(one) for one in np.split(of, cuts)])
    inside = (shares.T @ tags) / np.maximum(shares.sum(axis=0), 1e-12)[:, None]
    prevalence = tags.mean(axis=0)
    lift = np.where(prevalence < 1, (inside - prevalence) / np.maximum(1 - prevalence, 1e-12), -np.inf)
    if background is not None:
        lift[:, background] = LEAST_LIFT
    best = lift.argmax(axis=1)
    lost = np.setdiff1d(np.flatnonzero(tags.any(axis=0)), best)
    if len(lost):
        todo = "Pass more images with and without it, other features, or another kind of weak labels."
        raise InputError.at("tags", f"and the features do not show what class {lost[0]} is", todo)
    return [np.eye(classes)[best[one]] * own for one, own in zip(np.split(of, cuts), may)]


def _mixtures(
    x: Sequence[np.ndarray], may: Sequence[np.ndarray], weights: list[np.ndarray], rounds: int, shrinkage: float
) -> list[np.ndarray]:
    """Return the posterior (pixels, k) of each image after `rounds` of EM."""
    middle = np.concatenate(x).mean(axis=0)  # differences of squares are exact enough around 0
    x = [own - middle for own in x]
    squared = [own**2 for own in x]
    whole = np.concatenate(x).var(axis=0) + 1e-12
    for _ in range(rounds):
        counts = [one.sum(axis=0)[:, None] for one in weights]
        sums = [one.T @ own for one, own in zip(weights, x)]
        total = np.maximum(np.sum(counts, axis=0), 1e-9)
        center = np.sum(sums, axis=0) / total
        centers = [(one + shrinkage * center) / (own + shrinkage + 1e-9) for one, own in zip(sums, counts)]
        squares = np.sum([one.T @ own for one, own in zip(weights, squared)], axis=0)
        squares += sum(mean * (mean * own - 2 * one) for mean, own, one in zip(centers, counts, sums))
        variance = (np.maximum(squares, 0) + whole) / (total + 1) + 1e-3 * whole  # one pixel more, with that of all
        logs = np.log(variance).sum(axis=1)
        weights = []
        for own, square, allowed, mean in zip(x, squared, may, centers):
            distance = square @ (1 / variance).T - 2 * own @ (mean / variance).T + (mean**2 / variance).sum(axis=1)
            weights.append(_posterior(np.where(allowed, -0.5 * (distance + logs), -np.inf)))
    return weights


def _posterior(scores: np.ndarray) -> np.ndarray:
    """Return class probabilities (pixels, k) of log likelihoods, with the shares of the classes in the image."""
    p = softmax(scores)
    for _ in range(2):
        share = (p.sum(axis=0) + 1) / (len(p) + p.shape[1])
        p = softmax(scores + np.log(share))
    return p
