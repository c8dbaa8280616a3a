"""Pseudo-labels of pixels and instances: weights, thresholds per image and class, classes that are out of question."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from workbench.foundation.checks import check_share
from workbench.foundation.errors import InputError
from workbench.tasks.mask_table import IGNORE
from workbench.vision.image_arrays import as_passed, check_sizes, label_images, score_images

CLASS_SHARE, MOMENTUM, HARDNESS = 0.5, 0.9, 8.0
UNRELIABLE_SHARE = 0.2


def weight_pseudo_masks(
    class_scores: Any, mask_scores: Any, *, balance: float = 0.5, power: float = 2.0
) -> pd.DataFrame:
    """Weight pseudo-instances by their class score and their mask score, instead of a threshold on one of them.

    Parameters
    ----------
    class_scores : float (m,) in [0, 1], confidence in the class of each instance
    mask_scores : float (m,) in [0, 1], predicted quality of its mask, such as a predicted IoU
    balance : in [0, 1], share of the class score; 1 ignores the mask score
    power : at least 0; larger values give more weight to the best instances, 0 gives all the same

    Returns
    -------
    DataFrame, one row per instance
        class_score, mask_score : float64
        weight : float64 in [0, 1]
        attrs : effective, the number of instances with equal weights that has the same variance: (sum w)^2 / sum w^2

    Raises
    ------
    InputError : different lengths, or values outside [0, 1]

    Notes
    -----
    weight = (class^balance mask^(1 - balance))^power. A high class score does not imply a good mask, so that a
    threshold on the class score keeps bad masks and drops good ones.

    References
    ----------
    Pseudo-label Alignment for Semi-supervised Instance Segmentation, where both scores enter the loss of an instance.

    Examples
    --------
    >>> weight_pseudo_masks([0.9, 0.9, 0.4], [0.9, 0.1, 0.9])["weight"].round(2).tolist()
    [0.81, 0.09, 0.36]
    """
    check_share("balance", balance)
    if not power >= 0:
        raise InputError.at("power", f"is {power!r}", "Use a number of at least 0.")
    one, other = _shares("class_scores", class_scores), _shares("mask_scores", mask_scores)
    if len(one) != len(other):
        raise InputError.at("mask_scores", f"has {len(other)} values for {len(one)} instances", "Pass one for each.")
    weight = (one**balance * other ** (1 - balance)) ** power
    found = pd.DataFrame({"class_score": one, "mask_score": other, "weight": weight})
    squares = float((weight**2).sum())
    found.attrs["effective"] = float(weight.sum()) ** 2 / squares if squares else 0.0
    return found


@dataclass(frozen=True)
class PixelThresholds:
    """Thresholds of pseudo-labels.

    Attributes
    ----------
    thresholds : float64 (n, k), of each image and class, in [0, 1]. labels : the predicted class of each kept pixel, -1
        elsewhere, in the form of the probabilities. kept : float64 (n, k), share of the pixels predicted as the class
        that are kept, NaN without any. areas : DataFrame indexed by class: predicted, kept (pixels), share, threshold
        (mean over images) and hard (whether the confidence in the class is below the mean of all classes).
    """

    thresholds: np.ndarray
    labels: Any
    kept: np.ndarray
    areas: pd.DataFrame


def pixel_thresholds(
    probs: Any, *, share: float = CLASS_SHARE, momentum: float = MOMENTUM, hardness: float = HARDNESS,
    raise_hard: float = 0.0,
) -> PixelThresholds:  # fmt: skip
    """Choose thresholds of pseudo-labels for each image and class, with a running average over the images.

    Parameters
    ----------
    probs : float (n, k, h, w) or a list of (k, h, w): class probabilities, in the order of the images
    share : in [0, 1], share of the pixels of a class that are kept if the threshold of the class is 1
    momentum : in [0, 1], weight of the earlier images; 0 uses each image alone
    hardness : at least 0; the larger, the fewer pixels of classes with a low threshold are kept
    raise_hard : in [0, 1], how much more is kept of hard classes, whose mean confidence is below that of the others: 1
        keeps the whole `share` of the hardest class

    Returns
    -------
    PixelThresholds

    Raises
    ------
    InputError : another shape, values that are not probabilities, or parameters out of range

    Notes
    -----
    theta_c <- momentum theta_c + (1 - momentum) q_c, where q_c is the confidence at rank share theta_c^hardness among
    the pixels of the image that are predicted as c, from the highest; theta_c begins with 0.9 (Mei et al. 2020,
    Instance Adaptive Self-Training, equations 4 to 6). With `raise_hard`, the share of c is share (theta_c^hardness +
    raise_hard hard_c (1 - theta_c^hardness)), where hard_c in [0, 1] is how far the mean confidence in c is below the
    mean of the classes, relative to the hardest class.

    References
    ----------
    Hard-aware Instance Adaptive Self-training for Unsupervised Cross-domain Semantic Segmentation.
    """
    for name, value in (("share", share), ("momentum", momentum), ("raise_hard", raise_hard)):
        check_share(name, value)
    if not hardness >= 0:
        raise InputError.at("hardness", f"is {hardness!r}", "Use a number of at least 0.")
    maps = score_images("probs", probs, probabilities=True)
    k = len(maps[0]) if maps else 0
    predicted, sums = np.zeros((len(maps), k), np.int64), np.zeros(k)
    for row, one in enumerate(maps):
        guess, top = one.argmax(axis=0).ravel(), one.max(axis=0).ravel()
        predicted[row] = np.bincount(guess, minlength=k)
        sums += np.bincount(guess, weights=top, minlength=k)
    hard = _hardness(sums, predicted.sum(axis=0))
    theta = np.full(k, 0.9)
    thresholds, labels, kept = np.empty((len(maps), k)), [], np.full((len(maps), k), np.nan)
    for row, one in enumerate(maps):
        guess, top = one.argmax(axis=0), one.max(axis=0)
        for code in np.flatnonzero(predicted[row]):
            own = np.sort(top[guess == code])[::-1]
            part = theta[code] ** hardness
            part = share * (part + raise_hard * hard[code] * (1 - part))
            at = own[min(int(part * len(own)), len(own) - 1)]
            theta[code] = momentum * theta[code] + (1 - momentum) * at
        thresholds[row] = theta
        label = np.where(top >= theta[guess], guess, IGNORE)
        labels.append(label)
        number = np.bincount(label[label != IGNORE], minlength=k)
        np.divide(number, predicted[row], out=kept[row], where=predicted[row] > 0)
    pixels = np.array([np.bincount(one[one != IGNORE], minlength=k) for one in labels]).reshape(-1, k).sum(axis=0)
    total = predicted.sum(axis=0)
    areas = pd.DataFrame(
        {
            "predicted": total, "kept": pixels, "share": pixels / np.where(total > 0, total, np.nan),
            "threshold": thresholds.mean(axis=0) if len(maps) else np.full(k, np.nan), "hard": hard > 0,
        },
        index=pd.RangeIndex(k, name="class"),
    )  # fmt: skip
    return PixelThresholds(thresholds, as_passed(labels, probs, 3), kept, areas)


@dataclass(frozen=True)
class UnlikelyClasses:
    """Pixels with and without a reliable label.

    Attributes
    ----------
    reliable : bool images, in the form of the probabilities, True for pixels with low entropy. candidates : bool, in
        the shape of the probabilities: classes that are not excluded; only the predicted one for reliable pixels.
    entropy : float64 images, in [0, 1] (divided by log k). threshold : entropy from which pixels are unreliable.
    sizes : DataFrame indexed by the number of candidates: pixels, and their share of the unreliable ones.
    """

    reliable: Any
    candidates: Any
    entropy: Any
    threshold: float
    sizes: pd.DataFrame


def unlikely_classes(
    probs: Any, *, unreliable: float = UNRELIABLE_SHARE, below: float = 0.05, first: int | None = None
) -> UnlikelyClasses:
    """Split pixels by entropy, and exclude the classes that unreliable pixels surely do not have.

    Parameters
    ----------
    probs : float (n, k, h, w), (k, h, w) or a list of (k, h, w), class probabilities
    unreliable : in [0, 1], share of the pixels with the highest entropy, of all images together
    below : in [0, 1), classes with a smaller probability are excluded
    first : keep this many of the most probable classes instead of using `below`, at least 1

    Returns
    -------
    UnlikelyClasses

    Raises
    ------
    InputError : another shape, values that are not probabilities, or parameters out of range

    Notes
    -----
    Unreliable pixels are negative examples of the excluded classes. The candidates are sets of classes as in
    `find_issues(task="candidates")`. `candidate_recall` shows how often they contain the true class.

    References
    ----------
    Using Unreliable Pseudo-Labels for Label-Efficient Semantic Segmentation (U2PL), where classes are excluded by rank.

    Examples
    --------
    >>> found = unlikely_classes(np.array([[[0.9, 0.5]], [[0.1, 0.5]], [[0.0, 0.0]]]), unreliable=0.5)
    >>> found.candidates[:, 0].astype(int).tolist()
    [[1, 1], [0, 1], [0, 0]]
    """
    check_share("unreliable", unreliable)
    maps = score_images("probs", probs, probabilities=True)
    k = len(maps[0]) if maps else 1
    if first is not None and not 1 <= first <= k:
        raise InputError.at("first", f"is {first!r} of {k} classes", f"Use 1 .. {k}.")
    if not 0 <= below < 1:
        raise InputError.at("below", f"is {below!r}", "Use a probability in [0, 1).")
    entropy = [_entropy(one) for one in maps]
    every = np.concatenate([one.ravel() for one in entropy]) if entropy else np.zeros(1)
    threshold = float(np.quantile(every, 1 - unreliable)) if unreliable < 1 else -1.0
    reliable, candidates, sizes = [], [], np.zeros(k + 1, np.int64)
    for one, doubt in zip(maps, entropy):
        sure = doubt <= threshold
        best = one.argmax(axis=0)
        order = np.argsort(np.argsort(-one, axis=0, kind="stable"), axis=0)
        kept = one >= below if first is None else order < first
        kept = np.where(sure, False, kept)
        np.put_along_axis(kept, best[None], True, axis=0)
        reliable.append(sure)
        candidates.append(kept)
        sizes += np.bincount(kept.sum(axis=0)[~sure], minlength=k + 1)
    share = sizes[1:] / max(sizes.sum(), 1)
    table = pd.DataFrame({"pixels": sizes[1:], "share": share}, index=pd.RangeIndex(1, k + 1, name="candidates"))
    return UnlikelyClasses(
        as_passed(reliable, probs, 3), as_passed(candidates, probs, 3), as_passed(entropy, probs, 3), threshold, table
    )


def candidate_recall(probs: Any, truth: Any, *, unreliable: float = UNRELIABLE_SHARE) -> pd.DataFrame:
    """Show how often the candidates of unreliable pixels contain the true class, for sets of 1 .. k classes.

    Parameters
    ----------
    probs, unreliable : as in `unlikely_classes`
    truth : int (n, h, w), (h, w) or a list of (h, w): true class codes, -1 = unknown, such as those of a few images

    Returns
    -------
    DataFrame indexed by the number of candidates, the most probable classes
        recall : float64 in [0, 1], share of the unreliable pixels whose true class is among them
        reliable : float64, the same share of reliable pixels

    Raises
    ------
    InputError : as in `unlikely_classes`, or no unreliable pixel with a true class
    """
    found = unlikely_classes(probs, unreliable=unreliable)
    maps = score_images("probs", probs)
    k = len(maps[0])
    true = label_images("truth", truth, k=k)
    check_sizes("truth", true, "probs", maps)
    sure = [found.reliable] if isinstance(found.reliable, np.ndarray) and found.reliable.ndim == 2 else found.reliable
    counts = np.zeros((2, k))
    for one, label, own in zip(maps, true, sure):
        known = label != IGNORE
        score = np.take_along_axis(one, np.where(known, label, 0)[None], axis=0)
        rank = (one > score).sum(axis=0)
        for side, part in enumerate((~own & known, own & known)):
            counts[side] += np.bincount(rank[part], minlength=k)
    if not counts[0].sum():
        raise InputError.at("truth", "has no unreliable pixel with a class", "Pass more images or `unreliable=`.")
    shares = np.cumsum(counts, axis=1) / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    index = pd.RangeIndex(1, k + 1, name="candidates")
    return pd.DataFrame({"recall": shares[0], "reliable": shares[1]}, index=index)


def _entropy(probs: np.ndarray) -> np.ndarray:
    """Return the entropy (h, w) of probabilities (k, h, w), divided by log k."""
    p = np.maximum(probs, 1e-12)
    return np.asarray(-(p * np.log(p)).sum(axis=0) / np.log(max(len(p), 2)), np.float64)


def _hardness(sums: np.ndarray, number: np.ndarray) -> np.ndarray:
    """Return in [0, 1] how far the mean confidence (k,) is below the mean over classes, relative to the hardest."""
    mean = sums / np.where(number > 0, number, np.nan)
    if np.isnan(mean).all():
        return np.zeros(len(mean))
    less = np.nan_to_num(np.maximum(np.nanmean(mean) - mean, 0))
    return less / less.max() if less.max() > 0 else less


def _shares(field: str, values: Any) -> np.ndarray:
    array = np.asarray(values, np.float64)
    bad = np.flatnonzero(~((array >= 0) & (array <= 1))) if array.ndim == 1 else [0]
    if len(bad):
        found = f"is {array[bad[0]]}" if array.ndim == 1 else f"has shape {array.shape}"
        raise InputError.at(field, found, "Pass one number in [0, 1] per instance.", row=int(bad[0]))
    return array
