"""Soft labels of nodes for training, from the links and from class prototypes, without using the node's own label."""

from __future__ import annotations

from typing import Any

import numpy as np

from workbench.foundation.errors import InputError
from workbench.graphs.coding_rate import by_prototypes, erase
from workbench.graphs.propagation import ALPHA, HOPS, propagate_labels
from workbench.graphs.smoothing import smooth_features

SHARPNESS = 2.0
"""Inverse temperature of the softmax over cosines with prototypes; 4, 7 and 10 restore fewer labels of block models."""


def denoise_labels(
    labels: Any, edges: Any, features: Any = None, *, mix: float = 0.5, k: int | None = None, alpha: float = ALPHA,
    hops: int = HOPS, epochs: int = 0, seed: int = 0,
) -> np.ndarray:  # fmt: skip
    """Compute soft labels of nodes: propagated labels mixed with the similarity to the prototype of each class.

    Parameters
    ----------
    labels, edges, k, alpha, hops : as in `propagate_labels`.
    features : float (n, d), optional; without features only propagated labels are used.
    mix : in [0, 1], weight of the propagated labels; the prototypes get weight 1 - mix.
    epochs : number of epochs for which a representation is trained, in which the prototypes are computed; with 0 they
        are computed from the smoothed features.
    seed : random seed of the representation.

    Returns
    -------
    float64 (n, k), rows sum to 1. Train on the most probable class, which may differ from the given label, or on the
    soft labels.

    Raises
    ------
    InputError : `mix` outside [0, 1], negative `epochs`, `epochs` without features, or arrays that do not match.

    Notes
    -----
    The prototype of a class is the mean of node features smoothed over two hops, weighted by the nodes' propagated
    probabilities of the class; each node is compared with prototypes computed without it. Similarity is the softmax of
    twice the cosine. A node's own label is not used, since it would support itself. For calibrated probabilities that a
    label is wrong use `find_issues(labels, edges=edges, embeddings=features)`.

    With `epochs`, as in ERASE: a linear map of the smoothed features is trained so that the classes span different
    subspaces (`workbench.graphs.coding_rate`), and the soft labels used for training are mixed anew after each epoch.
    A node's own label enters neither its propagated labels nor its prototypes. Whether this helps depends on the
    features: on Cora 50 epochs find more wrong labels, on block models with weak features fewer (BENCHMARKS.md).

    References
    ----------
    Chen et al. 2023, ERASE: Error-Resilient Representation Learning on Graphs for Label Noise Tolerance.
    """
    if not 0 <= mix <= 1:
        raise InputError.at("mix", f"is {mix!r}", "Pass a weight between 0 and 1.")
    spread = propagate_labels(labels, edges, k=k, alpha=alpha, hops=hops).astype(np.float64)
    if int(epochs) != epochs or epochs < 0 or (epochs and features is None):
        found = f"is {epochs!r}" + (" without features" if features is None else "")
        raise InputError.at("epochs", found, "Use a whole number from 0; a representation needs features.")
    if features is None or mix == 1:
        return spread
    x = smooth_features(features, edges, hops=2).astype(np.float64)
    if epochs:
        return erase(x, spread, mix=mix, epochs=int(epochs), seed=seed)[0]
    return mix * spread + (1 - mix) * by_prototypes(x - x.mean(axis=0), spread, SHARPNESS)
