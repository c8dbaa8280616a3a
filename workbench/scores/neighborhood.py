"""What an example's neighbours in the embedding say: do they agree with its given label, and how far away are they."""

from __future__ import annotations

import numpy as np

from workbench.scores.registry import register


@register(
    suspicious="high",
    range=(0.0, 1.0),
    source="Smith, Martinez, Giraud-Carrier 2014, An instance level analysis of data complexity, kDN",
)
def neighbor_disagreement(given_labels: np.ndarray, neighbor_labels: np.ndarray) -> np.ndarray:
    """Share of the nearest neighbours whose given label differs.

    Parameters
    ----------
    given_labels : int array (n,), class index; -1 = unlabelled
    neighbor_labels : int array (n, m), given labels of the m nearest neighbours, the example itself left out;
        -1 where there is none

    Returns
    -------
    float32 array (n,), in [0, 1]; high is suspicious. Unlabelled neighbours are not counted. NaN for an unlabelled
    example and for one without a labelled neighbour.

    Notes
    -----
    An example's own label has no part in it, but an embedding that was trained on the labels may have moved a wrong
    one among its like.

    Examples
    --------
    >>> neighbor_disagreement(np.array([0, 1, -1]), np.array([[0, 1, 1, -1], [1, 1, 1, 1], [0, 0, 0, 0]])).round(3)
    array([0.667, 0.   ,   nan], dtype=float32)
    """
    given = np.asarray(given_labels)[:, None]
    near = np.asarray(neighbor_labels)
    counted = ((near >= 0) & (given >= 0)).sum(axis=1)
    differ = ((near >= 0) & (near != given)).sum(axis=1)
    share = np.full(len(near), np.nan, np.float32)
    np.divide(differ, counted, out=share, where=counted > 0, casting="unsafe")
    return share


@register(
    suspicious="high",
    range=(0.0, float("inf")),
    source="Angiulli & Pizzuti 2002, Fast outlier detection in high dimensional spaces: the weight, divided by k",
)
def neighbor_distance(neighbor_distances: np.ndarray) -> np.ndarray:
    """Mean distance to the nearest neighbours: high for an outlier, whatever its label.

    Parameters
    ----------
    neighbor_distances : float array (n, m), distances to the m nearest neighbours, the example itself left out; NaN
        where there is none

    Returns
    -------
    float32 array (n,), in the unit of the distances (cosine: [0, 2]); high is suspicious. NaN without a neighbour.

    Notes
    -----
    An outlier need not be mislabelled: it may be rare, broken, or of no class at all. Kuan & Mueller 2022 (Back to the
    Basics) find this mean a strong baseline for out-of-distribution examples on embeddings of a trained network.
    `workbench.issues.outliers` says which values count as far.

    Examples
    --------
    >>> neighbor_distance(np.array([[0.1, 0.3], [0.2, np.nan], [np.nan, np.nan]])).round(3)
    array([0.2, 0.2, nan], dtype=float32)
    """
    away = np.asarray(neighbor_distances, np.float32)
    there = ~np.isnan(away)
    counted = there.sum(axis=1)
    mean = np.full(len(away), np.nan, np.float32)
    np.divide(np.where(there, away, 0).sum(axis=1), counted, out=mean, where=counted > 0, casting="unsafe")
    return mean
