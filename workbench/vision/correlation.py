"""Labels of pixels spread through similar features, and through regions cut from correlation maps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from workbench.foundation.checks import check_share, check_whole
from workbench.foundation.errors import InputError
from workbench.foundation.rows import unit_rows
from workbench.tasks.mask_table import IGNORE
from workbench.vision.image_arrays import as_passed, check_sizes, label_images, score_images

TEMPERATURE = 0.05
MOST_ANCHORS = 1000
CORRELATION_MAPS = 64


@dataclass(frozen=True)
class Propagation:
    """Labels after each step.

    Attributes
    ----------
    steps : dict of "given", "similarity" and "regions" to the labels after it, -1 = not labelled, in the form of the
        given labels. confidence : float64 in [0, 1], share of the vote for the label of the last step.
    """

    steps: dict[str, Any]
    confidence: Any

    @property
    def labels(self) -> Any:
        """The labels after the last step."""
        return self.steps["regions"]


def propagate_by_similarity(
    features: Any, labels: Any, *, temperature: float = TEMPERATURE, least_confidence: float = 0.6,
    least_share: float = 0.6, anchors: int = MOST_ANCHORS, maps: int = CORRELATION_MAPS, seed: int = 0,
) -> Propagation:  # fmt: skip
    """Spread confident pixel labels to similar pixels of the same image, then through regions of similar pixels.

    Parameters
    ----------
    features : float (n, d, h, w), (d, h, w) or a list of (d, h, w)
    labels : int (n, h, w), (h, w) or a list of (h, w): class codes of the confident pixels, -1 elsewhere
    temperature : > 0, of the softmax over labelled pixels; smaller values follow the most similar ones
    least_confidence : in [0, 1], smallest share of the vote for a label; pixels below it stay without in the first step
    least_share : in [0, 1], smallest share of a region with its most frequent label
    anchors : largest number of labelled pixels of an image that vote, drawn at random
    maps : number of correlation maps per image, at least 1
    seed : random seed of the draws

    Returns
    -------
    Propagation. Given labels are kept; images without any stay without.

    Raises
    ------
    InputError : other shapes, or parameters out of range

    Notes
    -----
    Similarity is the cosine of features minus their mean over all images. Step 1: each pixel takes the label with the
    largest sum of softmax(cosine / temperature) over the labelled pixels. Step 2: the correlation map of a labelled
    pixel, drawn evenly from the classes, is averaged over 3 x 3 pixels and cut midway between the means of its values
    above and below the cut (isodata). A connected piece of at least `least_share` pixels with the same label, among
    those with one, votes for it. Pixels take the label with most votes, weighted by that share, together with their own
    vote of step 1. Cost: pixels x (anchors + maps) x d per image.

    References
    ----------
    CorrMatch: Label Propagation via Correlation Matching for Semi-Supervised Semantic Segmentation.

    Examples
    --------
    >>> features = np.array([[[1.0, 0.9, -0.9, -1.0]], [[0.1, 0.0, 0.0, -0.1]]])
    >>> propagate_by_similarity(features, np.array([[0, -1, -1, 1]])).labels
    array([[0, 0, 1, 1]])
    """
    images = score_images("features", features)
    given = label_images("labels", labels)
    check_sizes("labels", given, "features", images)
    check_share("least_confidence", least_confidence)
    check_share("least_share", least_share)
    if not temperature > 0:
        raise InputError.at("temperature", f"is {temperature!r}", "Use a positive number.")
    check_whole("anchors", anchors, 1)
    check_whole("maps", maps, 1)
    k = max((int(one.max()) for one in given if one.size), default=IGNORE) + 1
    mean = np.mean([one.reshape(len(one), -1).mean(axis=1) for one in images], axis=0)
    rng = np.random.default_rng(seed)
    first, last, confidence = [], [], []
    for image, own in zip(images, given):
        x = unit_rows(image.reshape(len(image), -1).T.astype(np.float64) - mean)
        flat = own.ravel()
        votes = _similar(x, flat, k, temperature, anchors, rng)
        one = _decided(votes, flat, least_confidence)
        together = votes + _regions(x, flat, one, k, least_share, maps, rng, own.shape)
        two = _decided(together, flat, 0.0)
        total = together.sum(axis=1)
        share = np.divide(together.max(axis=1, initial=0), total, out=np.zeros(len(x)), where=total > 0)
        first.append(one.reshape(own.shape))
        last.append(two.reshape(own.shape))
        confidence.append(np.where(flat != IGNORE, 1.0, share).reshape(own.shape))
    steps = {"given": given, "similarity": first, "regions": last}
    return Propagation(
        {name: as_passed(one, labels, 2) for name, one in steps.items()}, as_passed(confidence, labels, 2)
    )


def _similar(
    x: np.ndarray, labels: np.ndarray, k: int, temperature: float, anchors: int, rng: np.random.Generator
) -> np.ndarray:
    """Return the share (pixels, k) of each class in the votes of labelled pixels; 0 without any."""
    known = np.flatnonzero(labels != IGNORE)
    votes = np.zeros((len(x), k))
    if not len(known):
        return votes
    if len(known) > anchors:
        known = np.sort(rng.choice(known, anchors, replace=False))
    hot = np.eye(k)[labels[known]]
    step = max(1, (1 << 22) // len(known))
    for start in range(0, len(x), step):
        weights = np.exp((x[start : start + step] @ x[known].T - 1) / temperature)
        votes[start : start + step] = weights @ hot
    return votes / np.maximum(votes.sum(axis=1, keepdims=True), 1e-300)


def _regions(
    x: np.ndarray, given: np.ndarray, labels: np.ndarray, k: int, least_share: float, maps: int,
    rng: np.random.Generator, shape: tuple[int, ...],
) -> np.ndarray:  # fmt: skip
    """Return the mean share (pixels, k) of the regions that vote for each class."""
    from scipy.ndimage import label as pieces_of
    from scipy.ndimage import uniform_filter

    known = np.flatnonzero(given != IGNORE)
    votes = np.zeros((len(x), max(k, 1)))
    if not len(known):
        return votes[:, :k]
    count = np.bincount(given[known], minlength=k)
    chance = 1 / count[given[known]]
    drawn = rng.choice(known, min(maps, len(known)), replace=False, p=chance / chance.sum())
    labelled = labels != IGNORE
    number = np.zeros(len(x))
    for one in drawn:
        similarity = uniform_filter((x @ x[one]).reshape(shape), 3, mode="nearest").ravel()
        pieces, most = pieces_of((similarity > _midpoint(similarity)).reshape(shape))
        piece = np.asarray(pieces).ravel()
        votes_of = np.bincount(piece[labelled] * k + labels[labelled], minlength=(most + 1) * k).reshape(-1, k)
        total = votes_of.sum(axis=1)
        share = np.divide(votes_of.max(axis=1), total, out=np.zeros(len(total)), where=total > 0)
        clear = (share >= least_share) & (total > 0)
        clear[0] = False
        inside = np.flatnonzero(clear[piece])
        votes[inside, votes_of.argmax(axis=1)[piece[inside]]] += share[piece[inside]]
        number[inside] += 1
    return votes / np.maximum(number, 1)[:, None]


def _midpoint(values: np.ndarray) -> float:
    """Return the cut that lies midway between the means of the values above and below it (isodata)."""
    cut = float(values.mean())
    for _ in range(20):
        above, below = values[values > cut], values[values <= cut]
        if not len(above) or not len(below):
            break
        cut, last = (float(above.mean()) + float(below.mean())) / 2, cut
        if abs(cut - last) < 1e-4:
            break
    return cut


def _decided(votes: np.ndarray, given: np.ndarray, least: float) -> np.ndarray:
    """Return the class with most votes, -1 if its share is below `least` or nothing votes; given labels are kept."""
    if not votes.shape[1]:
        return given.copy()
    total = votes.sum(axis=1)
    share = np.divide(votes.max(axis=1), total, out=np.zeros(len(votes)), where=total > 0)
    best = np.where((total > 0) & (share >= least), votes.argmax(axis=1), IGNORE)
    return np.where(given != IGNORE, given, best)
