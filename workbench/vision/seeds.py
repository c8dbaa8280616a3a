"""Class seeds and a saliency map combined into a mask."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from workbench.foundation.checks import check_share
from workbench.foundation.errors import InputError
from workbench.tasks.mask_table import IGNORE
from workbench.vision.image_arrays import label_images

MASK_SOURCES = ("background", "seed", "saliency", "both", "undecided")
"""What decided a pixel, by code."""


@dataclass(frozen=True)
class SeededMask:
    """A mask from seeds and saliency.

    Attributes
    ----------
    labels : int64 (h, w), class codes; -1 for salient pixels without a seed. source : int8 (h, w), see `MASK_SOURCES`:
        0 background, 1 seed alone, 2 saliency alone, 3 both, 4 undecided. seeds, saliency, threshold, background : as
        passed.
    """

    labels: np.ndarray
    source: np.ndarray
    seeds: np.ndarray
    saliency: np.ndarray
    threshold: float
    background: int

    def fix(self, x: int, y: int, code: int) -> SeededMask:
        """Return the mask with another class for the seed at pixel (x, y); -1 as `code` removes the seed.

        The seed is the connected piece of equal codes there. On a pixel without a seed, the pixel becomes one.

        Raises
        ------
        InputError : a pixel outside the image, or a code below -1
        """
        from scipy.ndimage import label as pieces_of

        h, w = self.seeds.shape
        if not (0 <= x < w and 0 <= y < h):
            raise InputError.at("x", f"and `y` are ({x}, {y})", f"The image has {w} x {h} pixels.")
        if code < IGNORE:
            raise InputError.at("code", f"is {code}", "Use a class code, or -1 to remove the seed.")
        seeds = self.seeds.copy()
        pieces = np.asarray(pieces_of(seeds == seeds[y, x], np.ones((3, 3)))[0])
        piece = pieces == pieces[y, x]
        if seeds[y, x] == IGNORE:
            piece = np.zeros(seeds.shape, bool)
            piece[y, x] = True
        seeds[piece] = code
        labels, source = _combined(seeds, self.saliency >= self.threshold, self.background)
        return replace(self, labels=labels, source=source, seeds=seeds)


def combine_seeds(seeds: Any, saliency: Any, *, threshold: float = 0.5, background: int = 0) -> SeededMask:
    """Combine class seeds, which say what, and a saliency map, which says where, into a mask.

    Parameters
    ----------
    seeds : int (h, w), class codes of small sure parts of objects, such as peaks of class activation maps; -1 elsewhere
    saliency : float (h, w) in [0, 1], how much each pixel stands out
    threshold : in [0, 1], smallest saliency of a salient pixel
    background : code of the background

    Returns
    -------
    SeededMask, with the source of each pixel

    Raises
    ------
    InputError : other shapes, values outside [0, 1], or no seed at all: saliency alone does not name a class

    Notes
    -----
    Each connected piece of salient pixels takes the class of the seeds inside; with seeds of several classes, each
    pixel that of the nearest seed. Seeds outside of salient pixels are kept as they are. Salient pieces without a seed
    are left undecided, -1; the rest is background.

    References
    ----------
    Exploiting saliency for object segmentation from image level labels (strategy G2, without its fully connected CRF).

    Examples
    --------
    >>> found = combine_seeds([[-1, 2, -1, -1]], [[0.9, 0.9, 0.1, 0.9]])
    >>> found.labels.tolist(), [MASK_SOURCES[code] for code in found.source[0]]
    ([[2, 2, 0, -1]], ['saliency', 'both', 'background', 'undecided'])
    """
    codes = label_images("seeds", np.asarray(seeds))[0].astype(np.int64)
    values = np.asarray(saliency, np.float64)
    check_share("threshold", threshold)
    if values.shape != codes.shape or not ((values >= 0) & (values <= 1)).all():
        found = f"has shape {values.shape} for seeds {codes.shape}, or values outside [0, 1]"
        raise InputError.at("saliency", found, "Pass one number in [0, 1] per pixel.")
    if (codes == IGNORE).all():
        raise InputError.at("seeds", "has no seed", "Saliency alone does not name a class. Pass at least one.")
    labels, source = _combined(codes, values >= threshold, background)
    return SeededMask(labels, source, codes, values, threshold, background)


def _combined(seeds: np.ndarray, salient: np.ndarray, background: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the labels and their sources, (h, w) each."""
    from scipy.ndimage import distance_transform_edt
    from scipy.ndimage import label as pieces_of

    seeded = seeds != IGNORE
    pieces = np.asarray(pieces_of(salient)[0])
    labels = np.where(salient, IGNORE, background)
    source = np.where(salient, 4, 0).astype(np.int8)
    for piece in np.unique(pieces[seeded & salient]):
        inside = pieces == piece
        own = seeded & inside
        nearest = np.asarray(distance_transform_edt(~own, return_distances=False, return_indices=True))
        labels[inside] = seeds[tuple(nearest)][inside]
        source[inside] = 2
        source[own] = 3
    labels[seeded] = seeds[seeded]
    source[seeded & ~salient] = 1
    return labels, source
