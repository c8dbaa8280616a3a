"""Several masks that agree with a weak annotation, drawn from a score map, and how much they disagree."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from workbench.foundation.checks import check_whole
from workbench.foundation.errors import InputError
from workbench.issues.calibration import logit
from workbench.issues.masks.fusion import soft_iou

TRIES = 20
"""Draws for each wanted mask."""


@dataclass(frozen=True)
class SampledMasks:
    """Masks drawn from a score map.

    Attributes
    ----------
    masks : bool (m, h, w). best : bool (h, w), the mask with the largest soft IoU with the mean of all. share : float64
        (h, w), share of the masks at each pixel. uncertainty : float64 in [0, 1], 1 minus the mean soft IoU of the
        masks with the mean of all. tried : number of draws, of which the m consistent ones were kept.
    """

    masks: np.ndarray
    best: np.ndarray
    share: np.ndarray
    uncertainty: float
    tried: int

    def disagreement(self) -> np.ndarray:
        """Return the disagreement 4 p (1 - p) of the masks at each pixel, float64 (h, w) in [0, 1]."""
        return 4 * self.share * (1 - self.share)


def sample_masks(
    scores: Any, *, box: tuple[float, float, float, float] | None = None, number: int = 20, noise: float = 1.0,
    scale: float = 3.0, slack: float = 2.0, seed: int = 0,
) -> SampledMasks:  # fmt: skip
    """Draw masks of one object from a score map, keeping those that agree with its box.

    Parameters
    ----------
    scores : float (h, w) in [0, 1], probability that a pixel belongs to the object
    box : (x0, y0, x1, y1), half-open pixels: the mask lies inside and touches all four sides; None for a tag, where any
        mask with a pixel agrees
    number : number of masks, at least 2
    noise : > 0, standard deviation of the noise of the boundary, in logits
    scale : > 0, pixels over which the noise is smooth
    slack : at least 0, pixels by which the mask may miss a side of the box
    seed : random seed of the noise

    Returns
    -------
    SampledMasks

    Raises
    ------
    InputError : values outside [0, 1], a box without pixels, or fewer than two of 20 x `number` draws agree with the
        box: then scores and box contradict each other

    Notes
    -----
    A draw is the largest connected piece of logit(score) + noise > 0 inside the box, with smooth Gaussian noise.
    Rejection keeps the draws whose extent is that of the box, so that the kept ones are samples of the score map given
    the annotation. Their disagreement shows where the annotation leaves the boundary open, not errors that all share.

    References
    ----------
    Weakly Supervised Instance Segmentation by Learning Annotation Consistent Instances, where the conditional
    distribution is a network.

    Examples
    --------
    >>> scores = np.full((6, 6), 0.02)
    >>> scores[1:5, 1:4] = 0.98
    >>> sample_masks(scores, box=(1, 1, 4, 5)).best[2].astype(int).tolist()
    [0, 1, 1, 1, 0, 0]
    """
    from scipy.ndimage import gaussian_filter

    values = np.asarray(scores, np.float64)
    if values.ndim != 2 or not values.size or not ((values >= 0) & (values <= 1)).all():
        raise InputError.at("scores", f"has shape {values.shape}, or values outside [0, 1]", "Pass (h, w) in [0, 1].")
    check_whole("number", number, 2)
    for name, value in (("noise", noise), ("scale", scale)):
        if not value > 0:
            raise InputError.at(name, f"is {value!r}", "Use a positive number.")
    h, w = values.shape
    x0, y0, x1, y1 = (0, 0, w, h) if box is None else _pixels(box, h, w)
    logits = logit(values[y0:y1, x0:x1])
    rng = np.random.default_rng(seed)
    kept, tried = [], 0
    while len(kept) < number and tried < TRIES * number:
        tried += 1
        field = gaussian_filter(rng.normal(size=logits.shape), scale, mode="reflect")
        field *= noise / max(float(field.std()), 1e-12) if field.size > 1 else noise
        piece = _largest_piece(logits + field > 0)
        if piece.any() and (box is None or _fills(piece, slack)):
            kept.append(piece)
    if len(kept) < 2:
        todo = "Check the box, or allow more with `noise=` or `slack=`."
        raise InputError.at("scores", f"gave {len(kept)} masks that agree with the box in {tried} draws", todo)
    masks = np.zeros((len(kept), h, w), bool)
    masks[:, y0:y1, x0:x1] = kept
    share = masks.mean(axis=0)
    overlap = soft_iou(masks, share)
    return SampledMasks(masks, masks[int(overlap.argmax())], share, float(1 - overlap.mean()), tried)


def _pixels(box: tuple[float, float, float, float], h: int, w: int) -> tuple[int, int, int, int]:
    """Return the pixels of a box, clipped to the image."""
    x0, y0, x1, y1 = np.asarray(box, np.float64)
    found = max(int(np.floor(x0)), 0), max(int(np.floor(y0)), 0), min(int(np.ceil(x1)), w), min(int(np.ceil(y1)), h)
    if found[2] <= found[0] or found[3] <= found[1]:
        raise InputError.at("box", f"is {tuple(box)}", f"Pass (x0, y0, x1, y1) inside the image of {w} x {h} pixels.")
    return found


def _largest_piece(mask: np.ndarray) -> np.ndarray:
    from scipy.ndimage import label as pieces_of

    pieces = np.asarray(pieces_of(mask)[0])
    sizes = np.bincount(pieces.ravel())[1:]
    return pieces == sizes.argmax() + 1 if len(sizes) else mask


def _fills(piece: np.ndarray, slack: float) -> bool:
    """Return whether a mask (h, w) reaches all four sides of its array, up to `slack` pixels."""
    y, x = np.nonzero(piece)
    h, w = piece.shape
    return bool(max(y.min(), x.min(), h - 1 - y.max(), w - 1 - x.max()) <= slack)
