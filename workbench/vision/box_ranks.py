"""Boxes of an image-level tag chosen among proposals by several heads."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from workbench.foundation.errors import InputError


def choose_boxes(
    scores: Any, images: Sequence[Any], boxes: Any, *, weights: Sequence[float] | None = None
) -> pd.DataFrame:
    """Rank the proposals of a tag by several heads, and choose a box for each image.

    Parameters
    ----------
    scores : float (m, heads), score of the tag for each proposal by each refinement head, larger = better
    images : m values, the image of each proposal; for several tags, pairs of image and tag
    boxes : float (m, 4), x0, y0, x1, y1 of each proposal
    weights : weight of each head, at least 0; by default the mean correlation of its ranks with those of the others,
        at least 0

    Returns
    -------
    DataFrame, one row per proposal, in the given order
        image, x0, y0, x1, y1
        rank : float64 in [0, 1], weighted mean of the ranks, 1 = best of all heads
        disagreement : float64, standard deviation of the ranks over the heads
        chosen : bool, whether it is the proposed box of the image; equal ranks: the first
        attrs : weights, float64 (heads,), which sum to 1

    Raises
    ------
    InputError : other lengths, values that are not finite, or weights that are negative or all 0

    Notes
    -----
    The rank of a proposal by a head is its place among the proposals of the image, from 0 (worst) to 1, equal scores
    sharing the mean place; a single proposal has 1. Heads whose ranks nobody shares get little weight.

    References
    ----------
    Cyclic-Bootstrap Labeling for Weakly Supervised Object Detection, where ranks teach the first head.

    Examples
    --------
    >>> boxes = [[0, 0, 4, 4], [2, 2, 8, 8]]
    >>> choose_boxes([[0.9, 0.2], [0.1, 0.4]], ["a", "a"], boxes, weights=[2, 1])["chosen"].tolist()
    [True, False]
    """
    values, places = np.asarray(scores, np.float64), np.asarray(boxes, np.float64)
    if values.ndim != 2 or not values.size or not np.isfinite(values).all():
        raise InputError.at("scores", f"has shape {values.shape}", "Pass finite numbers (proposals, heads).")
    if places.shape != (len(values), 4) or not np.isfinite(places).all():
        found = f"has shape {places.shape}"
        raise InputError.at("boxes", found, f"Pass {len(values)} boxes of four finite numbers.")
    if len(images) != len(values):
        raise InputError.at("images", f"has {len(images)} entries for {len(values)} proposals", "Pass one for each.")
    group, keys = pd.factorize(pd.Series(list(images), dtype=object))
    ranked = pd.DataFrame(values).groupby(group)
    count = np.bincount(group)[group][:, None]
    ranks = np.where(count > 1, (ranked.rank().to_numpy() - 1) / np.maximum(count - 1, 1), 1.0)
    own = _head_weights(ranks, weights)
    mean = ranks @ own
    found = pd.DataFrame(places, columns=["x0", "y0", "x1", "y1"])
    found.insert(0, "image", [keys[one] for one in group])
    found["rank"], found["disagreement"] = mean, ranks.std(axis=1)
    best = pd.Series(mean).groupby(group).idxmax()
    found["chosen"] = np.isin(np.arange(len(values)), best)
    found.attrs["weights"] = own.tolist()
    return found


def _head_weights(ranks: np.ndarray, weights: Sequence[float] | None) -> np.ndarray:
    heads = ranks.shape[1]
    if weights is not None:
        own = np.asarray(weights, np.float64)
        if own.shape != (heads,) or not (own >= 0).all() or not own.sum() > 0:
            raise InputError.at(
                "weights", f"is {weights!r} for {heads} heads", "Pass numbers of at least 0, not all 0."
            )
        return own / own.sum()
    spread = ranks.std(axis=0) > 0
    agreement = np.zeros(heads)
    if spread.sum() > 1:
        known = np.corrcoef(ranks[:, spread].T)
        agreement[spread] = np.maximum((known.sum(axis=1) - 1) / (spread.sum() - 1), 0)
    return agreement / agreement.sum() if agreement.sum() > 0 else np.full(heads, 1 / heads)
