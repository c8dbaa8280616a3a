"""Soft labels of nodes for training, from the links and from class prototypes, without using the node's own label."""

from __future__ import annotations

from typing import Any

import numpy as np

from workbench.foundation.errors import InputError
from workbench.graphs.propagation import ALPHA, HOPS, propagate_labels
from workbench.graphs.smoothing import smooth_features

SHARPNESS = 2.0
"""Inverse temperature of the softmax over cosines with prototypes; 4, 7 and 10 restore fewer labels of block models."""


def denoise_labels(
    labels: Any, edges: Any, features: Any = None, *, mix: float = 0.5, k: int | None = None, alpha: float = ALPHA,
    hops: int = HOPS,
) -> np.ndarray:  # fmt: skip
    """Compute soft labels of nodes: propagated labels mixed with the similarity to the prototype of each class.

    Parameters
    ----------
    labels, edges, k, alpha, hops : as in `propagate_labels`.
    features : float (n, d), optional; without features only propagated labels are used.
    mix : in [0, 1], weight of the propagated labels; the prototypes get weight 1 - mix.

    Returns
    -------
    float64 (n, k), rows sum to 1. Train on the most probable class, which may differ from the given label, or on the
    soft labels.

    Raises
    ------
    InputError : `mix` outside [0, 1], or labels, edges or features that do not match.

    Notes
    -----
    The prototype of a class is the mean of node features smoothed over two hops, weighted by the nodes' propagated
    probabilities of the class; each node is compared with prototypes computed without it. Similarity is the softmax of
    twice the cosine. A node's own label is not used, since it would support itself. For calibrated probabilities that a
    label is wrong use `find_issues(labels, edges=edges, embeddings=features)`.

    References
    ----------
    Chen et al. 2023, ERASE: Error-Resilient Representation Learning on Graphs for Label Noise Tolerance, who mix
    propagated and prototype labels in every epoch of representation learning, which is not done here.
    """
    if not 0 <= mix <= 1:
        raise InputError.at("mix", f"is {mix!r}", "Pass a weight between 0 and 1.")
    spread = propagate_labels(labels, edges, k=k, alpha=alpha, hops=hops).astype(np.float64)
    if features is None or mix == 1:
        return spread
    x = smooth_features(features, edges, hops=2).astype(np.float64)
    x = x - x.mean(axis=0)
    sums, weights = spread.T @ x, spread.sum(axis=0)
    size = np.sqrt((sums**2).sum(axis=1))
    inner, length = x @ sums.T, (x**2).sum(axis=1)[:, None]
    # cosine of each node with the sums without its own share: <x, S - w x> / |x| |S - w x|
    without = inner - spread * length
    norm = np.sqrt(np.maximum(size**2 - 2 * spread * inner + spread**2 * length, 1e-12))
    cosine = np.where(weights - spread > 1e-9, without / (norm * np.sqrt(np.maximum(length, 1e-12))), -1.0)
    likeness = np.exp(SHARPNESS * (cosine - cosine.max(axis=1, keepdims=True)))
    return mix * spread + (1 - mix) * likeness / likeness.sum(axis=1, keepdims=True)
