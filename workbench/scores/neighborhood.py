"""Scores from an example's neighbours in the embedding: label disagreement and distance."""

from __future__ import annotations

import numpy as np

from workbench.scores.registry import register


@register(
    suspicious="high",
    range=(0.0, 1.0),
    source="Smith, Martinez, Giraud-Carrier 2014, An instance level analysis of data complexity, kDN",
)
def neighbor_disagreement(given_labels: np.ndarray, neighbor_labels: np.ndarray) -> np.ndarray:
    """Share of the nearest neighbours that have a different given label.

    Parameters
    ----------
    given_labels : int array (n,), class index; -1 = unlabelled
    neighbor_labels : int array (n, m), given labels of the m nearest neighbours, excluding the example itself;
        -1 = no neighbour or no label

    Returns
    -------
    float32 array (n,), in [0, 1]; high is suspicious. Unlabelled neighbours are not counted. NaN for an unlabelled
    example and for one without a labelled neighbour.

    Notes
    -----
    Neighbours do not include the example itself, but an embedding trained on the labels may place a mislabelled
    example among examples of the class it was given.

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
    """Mean distance to the nearest neighbours: high for outliers, regardless of the label.

    Parameters
    ----------
    neighbor_distances : float array (n, m), distances to the m nearest neighbours, excluding the example itself; NaN =
        no neighbour

    Returns
    -------
    float32 array (n,), in the unit of the distances (cosine: [0, 2]); high is suspicious. NaN without a neighbour.

    Notes
    -----
    An outlier is not necessarily mislabelled: it may be rare, corrupt, or belong to no class. Kuan & Mueller 2022 (Back
    to the Basics) find this mean a strong baseline for detecting out-of-distribution examples on embeddings of a
    trained network. `workbench.issues.outliers` decides which values count as outliers.

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
