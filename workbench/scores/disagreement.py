"""Disagreement between the annotators of an example."""

from __future__ import annotations

import numpy as np

from workbench.scores.registry import register


@register(
    suspicious="high",
    range=(0.0, 1.0),
    source="Fleiss 1971, Measuring nominal scale agreement among many raters, 1 - P_i",
)
def annotator_disagreement(vote_counts: np.ndarray) -> np.ndarray:
    """Share of pairs of annotators who gave different labels.

    Parameters
    ----------
    vote_counts : int array (n, k), number of annotators who chose each class

    Returns
    -------
    float32 array (n,), in [0, 1]; 0 = full agreement, high is suspicious. NaN with fewer than two votes.

    Notes
    -----
    1 - sum_j v_j (v_j - 1) / (v (v - 1)), with v_j votes for class j and v votes in total. The given label is not used.

    Examples
    --------
    >>> annotator_disagreement(np.array([[3, 0], [2, 1], [1, 1], [1, 0]])).round(3)
    array([0.   , 0.667, 1.   ,   nan], dtype=float32)
    """
    counts = np.asarray(vote_counts, np.float64)
    total = counts.sum(axis=1)
    out = np.full(len(counts), np.nan, np.float32)
    same = (counts * (counts - 1)).sum(axis=1)
    pairs = total * (total - 1)
    np.divide(pairs - same, pairs, out=out, where=pairs > 0, casting="unsafe")
    return out
