"""How far an example's neighbours in the embedding agree with its given label."""

from __future__ import annotations

import numpy as np

from workbench.scores.registry import score


@score(
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
