"""Soft labels of nodes before a training: what the links say and what the class looks like, without the own label."""

from __future__ import annotations

from typing import Any

import numpy as np

from workbench.foundation.errors import InputError
from workbench.graphs.propagation import ALPHA, HOPS, propagate_labels
from workbench.graphs.smoothing import smooth_features

SHARPNESS = 2.0
"""Of the softmax over cosines with the prototypes; 4, 7 and 10 restore fewer labels of block models."""


def denoise_labels(
    labels: Any, edges: Any, features: Any = None, *, mix: float = 0.5, k: int | None = None, alpha: float = ALPHA,
    hops: int = HOPS,
) -> np.ndarray:  # fmt: skip
    """Soft labels of nodes: labels propagated along the links, mixed with the likeness to each class's prototype.

    Parameters
    ----------
    labels, edges, k, alpha, hops : as in `propagate_labels`.
    features : float (n, d), optional; without them the propagated labels stand alone.
    mix : in [0, 1], weight of the propagated labels; the prototypes have the rest.

    Returns
    -------
    float64 (n, k), rows sum to 1. A node whose given label is not the largest has lost it; train on the largest, or on
    the soft labels as they are.

    Raises
    ------
    InputError : `mix` outside [0, 1], or labels, edges or features that do not fit.

    Notes
    -----
    The prototype of a class is the mean of the features of its nodes, each weighted by how far its propagated label is
    of the class and smoothed over two hops; a node's own weight is taken out of the prototypes that it is compared
    with. Likeness is the softmax of twice the cosine. No own label enters: it would vote for itself. For calibrated
    probabilities that a label is wrong use `find_issues(labels, edges=edges, embeddings=features)`.

    References
    ----------
    Chen et al. 2023, ERASE: Error-Resilient Representation Learning on Graphs for Label Noise Tolerance, who mix
    propagated and prototype labels in each epoch of a training of the representation, which is not done here.
    """
    if not 0 <= mix <= 1:
        raise InputError.at("mix", f"is {mix!r}", "Give a weight between 0 and 1.")
    spread = propagate_labels(labels, edges, k=k, alpha=alpha, hops=hops).astype(np.float64)
    if features is None or mix == 1:
        return spread
    x = smooth_features(features, edges, hops=2).astype(np.float64)
    x = x - x.mean(axis=0)
    sums, weights = spread.T @ x, spread.sum(axis=0)
    size = np.sqrt((sums**2).sum(axis=1))
    inner, length = x @ sums.T, (x**2).sum(axis=1)[:, None]
    # of each node, against the sums without its own share: <x, S - w x> / |x| |S - w x|
    without = inner - spread * length
    norm = np.sqrt(np.maximum(size**2 - 2 * spread * inner + spread**2 * length, 1e-12))
    cosine = np.where(weights - spread > 1e-9, without / (norm * np.sqrt(np.maximum(length, 1e-12))), -1.0)
    likeness = np.exp(SHARPNESS * (cosine - cosine.max(axis=1, keepdims=True)))
    return mix * spread + (1 - mix) * likeness / likeness.sum(axis=1, keepdims=True)
