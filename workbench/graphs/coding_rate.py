"""Representations of nodes whose classes lie apart, trained on soft labels by the coding rates of ERASE."""

from __future__ import annotations

import numpy as np

from workbench.foundation.rows import softmax, unit_rows

WIDEST_INPUT, REPRESENTATION_WIDTH = 128, 64
"""Dimensions of the features, reduced to the largest principal components, and of the representation."""

PRECISION = 0.5
"""Squared distortion of the coding rates; .05 finds fewer errors on Cora."""

ADAM_RATE, ADAM_MOMENTUM, ADAM_SQUARES, ADAM_TINY = 0.01, 0.9, 0.999, 1e-8
"""Step length and averages of Adam (Kingma & Ba 2015)."""

LIKENESS = 5.0
"""Inverse temperature of the softmax over cosines with prototypes of a trained representation."""


def erase(
    inputs: np.ndarray, spread: np.ndarray, *, mix: float, epochs: int, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Train a representation, and soft labels by it.

    Parameters
    ----------
    inputs : float (n, d), smoothed features. spread : float (n, k), propagated labels, rows sum to 1.
    mix : in [0, 1], weight of the propagated labels. epochs : at least 1. seed : of the first weights.

    Returns
    -------
    (n, k) soft labels, rows sum to 1; (n, r) representation, unit rows.

    Notes
    -----
    Z = unit rows of X W; W by Adam on R(Z) - Rc(Z, P), where R(Z) = log det(I + d / (n e) Z'Z) / 2 and Rc is the same
    of each class, its rows weighted by soft labels P, times the class's share (Yu et al. 2020, MCR2). After each epoch
    P = mix x spread + (1 - mix) x softmax(cosine with the class means of Z), each node against means without it.
    """
    rng = np.random.default_rng(seed)
    x = _reduced(inputs - inputs.mean(axis=0), seed)
    x /= max(float(x.std()), 1e-12)
    width = min(REPRESENTATION_WIDTH, x.shape[1])
    weights = rng.normal(size=(x.shape[1], width)) / np.sqrt(x.shape[1])
    first, second = np.zeros_like(weights), np.zeros_like(weights)
    labels = spread
    z = unit_rows(x @ weights)
    for epoch in range(1, epochs + 1):
        raw = x @ weights
        length = np.maximum(np.linalg.norm(raw, axis=1, keepdims=True), 1e-12)
        z = raw / length
        slope = rate_slope(z, labels)
        slope = (slope - z * (z * slope).sum(axis=1, keepdims=True)) / length
        gradient = x.T @ slope
        first = ADAM_MOMENTUM * first + (1 - ADAM_MOMENTUM) * gradient
        second = ADAM_SQUARES * second + (1 - ADAM_SQUARES) * gradient**2
        step = first / (1 - ADAM_MOMENTUM**epoch) / (np.sqrt(second / (1 - ADAM_SQUARES**epoch)) + ADAM_TINY)
        weights = weights + ADAM_RATE * step
        z = unit_rows(x @ weights)
        labels = mix * spread + (1 - mix) * by_prototypes(z, spread, LIKENESS)
    return labels, z


def _reduced(x: np.ndarray, seed: int) -> np.ndarray:
    """Return the largest principal components of centred features, if there are many."""
    if x.shape[1] <= WIDEST_INPUT or len(x) <= WIDEST_INPUT:
        return x
    from sklearn.decomposition import TruncatedSVD

    return TruncatedSVD(WIDEST_INPUT, random_state=seed).fit_transform(x)


def rate_slope(z: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """(n, r) derivative of R(Z) - Rc(Z, P)."""
    n, width = z.shape
    scale = width / (n * PRECISION)
    out = scale * z @ np.linalg.inv(np.eye(width) + scale * z.T @ z)
    for column in labels.T:
        size = max(float(column.sum()), 1e-9)
        own = column[:, None] * z
        inner = np.eye(width) + width / (size * PRECISION) * z.T @ own
        out -= scale * own @ np.linalg.inv(inner)
    return out


def by_prototypes(x: np.ndarray, weights: np.ndarray, sharpness: float) -> np.ndarray:
    """(n, k) softmax of `sharpness` times the cosine of each row with the class means without it.

    Parameters
    ----------
    x : float (n, d). weights : float (n, k), by which rows enter the class means.
    """
    sums, total = weights.T @ x, weights.sum(axis=0)
    inner, length = x @ sums.T, (x**2).sum(axis=1)[:, None]
    # cosine of each node with the sums without its own share: <x, S - w x> / |x| |S - w x|
    without = inner - weights * length
    norm = np.sqrt(np.maximum((sums**2).sum(axis=1) - 2 * weights * inner + weights**2 * length, 1e-12))
    cosine = np.where(total - weights > 1e-9, without / (norm * np.sqrt(np.maximum(length, 1e-12))), -1.0)
    return softmax(sharpness * cosine)
