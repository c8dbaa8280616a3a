"""Predict the label of a node from the labels of linked nodes, without its own label.

`propagate_labels` suits graphs in which linked nodes tend to share a label, over several hops; `linked_bayes` suits any
graph in which labels and links are related, even if linked nodes differ. `label_histograms` returns the counts.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from workbench.foundation.checks import check_given_labels, check_whole
from workbench.foundation.errors import InputError
from workbench.graphs.edges import Edges

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

ALPHA, HOPS = 0.9, 10
PRIOR = 0.05
"""Weight of the class shares in each row, relative to the average weight of a row."""
EXACT = 3000
"""Up to this many nodes returning walks are computed exactly; above, from the third hop on, with random signs."""
SIGNS = 64
COLUMNS_AT_A_TIME = 256
"""Columns of the identity that are propagated at a time."""
LEAST_MASS = 1e-9
PSEUDO_LINKS = 1.0
"""Pseudo-count of links per class in `linked_bayes`, spread evenly over classes."""


def propagate_labels(
    labels: Any, edges: Any, *, k: int | None = None, alpha: float = ALPHA, hops: int = HOPS, seed: int = 0
) -> np.ndarray:
    """Predict each node's label from the labels of the other nodes, propagated along the links.

    Parameters
    ----------
    labels : int (n,), class indices, -1 = unlabelled
    edges : as in `Edges.of`: (m, 2) row numbers, or a DataFrame with source, target, weight
    k : number of classes; by default the largest label + 1
    alpha : in (0, 1), discount factor per hop
    hops : maximum length of a walk, in links
    seed : random seed of the signs, used for more than 3,000 nodes

    Returns
    -------
    float32 (n, k), rows sum to 1; the class shares for a node that no label reaches

    Raises
    ------
    InputError : alpha or hops out of range, or labels or edges that do not match.

    Notes
    -----
    F = sum_{h=1..hops} (alpha S)^h Y with S = D^-1/2 A D^-1/2 and Y the one-hot labels: the series of Zhou, Bousquet,
    Lal, Weston & Scholkopf 2003 (Learning with Local and Global Consistency, equation 4) without its first term. Walks
    that return to a node would carry its own label: diag(F operator) times Y is subtracted, exactly up to 3,000 nodes.
    Above, the second hop is exact, and the others use diag(M) = E[v * M v] over 64 vectors v of random signs
    (Hutchinson 1990; Bekas, Kokiopoulou & Saad 2007). Remaining negative entries are set to 0, and the class shares are
    added with a twentieth of the average weight of a row. Cost: hops x links x (k + 32).
    """
    given, k, links = _read(labels, edges, k)
    if not 0 < alpha < 1:
        raise InputError.at("alpha", f"is {alpha!r}", "Use a number between 0 and 1, exclusive.")
    check_whole("hops", hops, 1)
    return propagated(given, links, k, (alpha,), int(hops), seed)[0]


def propagated(
    given: np.ndarray, links: csr_matrix, k: int, alphas: Sequence[float], hops: int = HOPS, seed: int = 0
) -> list[np.ndarray]:
    """`propagate_labels` for several `alphas` in one pass, with validated input."""
    scaled = symmetric(links)
    known = np.flatnonzero(given >= 0)
    back = ways_back(scaled, hops, seed)
    shares = shares_of_others(given, k)
    current = _one_hot(given, k)
    reached = [np.zeros_like(current) for _ in alphas]
    for hop in range(1, hops + 1):
        current = scaled @ current
        for total, alpha in zip(reached, alphas):
            total += alpha**hop * current
            total[known, given[known]] -= alpha**hop * back[hop - 1, known]
    out = []
    for total in reached:
        np.maximum(total, 0, out=total)
        weight = total.sum(axis=1)
        lean = PRIOR * (weight[weight > 0].mean() if (weight > 0).any() else 1.0)
        total += lean * shares
        total /= total.sum(axis=1, keepdims=True)
        out.append(total.astype(np.float32))
    return out


def label_histograms(labels: Any, edges: Any, *, k: int | None = None, hops: int = 3) -> np.ndarray:
    """Compute the labels reached by walks of 1, 2, ... links, excluding the node's own label.

    Parameters
    ----------
    labels : int (n,), class indices, -1 = unlabelled; or float (n, k), such as predicted probabilities
    edges, k : as in `propagate_labels`
    hops : maximum length of a walk, in links, at least 1

    Returns
    -------
    float32 (n, hops, k): for each length, the weight of walks that end at each class; rows sum to at most 1

    Notes
    -----
    (D^-1 A)^h Y without returning walks, which are counted exactly for up to 3,000 nodes and otherwise as in
    `propagate_labels`. These are the neighbourhood features of Li, Xiong & Hooi 2023, GraphCleaner: Detecting
    Mislabelled Samples in Popular Graph Learning Benchmarks, section 4.2.
    """
    check_whole("hops", hops, 1)
    values = np.asarray(labels)
    if values.ndim == 2:
        graph = Edges.of(edges, len(values))
        links, classes, own = graph.links, values.shape[1], values.astype(np.float64)
    else:
        given, classes, links = _read(labels, edges, k)
        own = _one_hot(given, classes).astype(np.float64)
    walk = _random_walk(links)
    back = ways_back(symmetric(links), int(hops))  # similar matrices: powers of the walk have the same diagonals
    out = np.empty((len(own), int(hops), classes), np.float32)
    current = own
    for hop in range(int(hops)):
        current = walk @ current
        out[:, hop] = np.maximum(current - back[hop][:, None] * own, 0)
    return out


def linked_bayes(labels: Any, edges: Any, *, k: int | None = None) -> np.ndarray:
    """Predict each node's label from the labels of linked nodes and the frequency of links between labels.

    Parameters
    ----------
    labels, edges, k : as in `propagate_labels`

    Returns
    -------
    float32 (n, k), rows sum to 1; the class shares for a node without labelled links

    Notes
    -----
    The network-only Bayes classifier of Macskassy & Provost 2007 (Classification in Networked Data, JMLR 8):
    P(c | links) ~ share_c prod_j P(label of j | c)^w_ij over linked nodes j, with weights scaled to a mean of 1 and
    P(d | c) from the links between labels d and c. A node's own links are left out of the P(d | c) used for it, so its
    label is not used. Linked nodes may have the same label or different ones.
    """
    given, k, links = _read(labels, edges, k)
    known = given >= 0
    hot = _one_hot(given, k).astype(np.float64)
    mean = links.data.mean() if links.nnz else 1.0
    seen = np.asarray(links @ hot) / mean  # weight of linked labels per node
    joint = hot.T @ seen  # (given, linked)
    pairs = joint + PSEUDO_LINKS / k
    total, each = pairs.sum(axis=1), seen.sum(axis=1)
    shares = np.log(shares_of_others(given, k))
    out = shares + seen @ np.log(pairs).T - each[:, None] * np.log(total)
    rows = np.flatnonzero(known)
    label, mine, every = given[rows], seen[rows], np.arange(len(rows))
    # without the node's own links: the column of its label in every row of the table, ...
    column = pairs.T[label]
    without = np.log(np.maximum(column - mine, LEAST_MASS)) - np.log(column)
    own = mine[every, label]
    fewer = np.log(np.maximum(total - mine, LEAST_MASS)) - np.log(total)
    out[rows] += own[:, None] * without - each[rows][:, None] * fewer
    # ... and the whole row of its label
    row = pairs[label] - mine
    row[every, label] -= own
    kept = np.maximum(total[label] - each[rows] - own, LEAST_MASS)
    likely = (mine * np.log(np.maximum(row, LEAST_MASS))).sum(axis=1) - each[rows] * np.log(kept)
    out[rows, label] = shares[rows, label] + likely
    out -= out.max(axis=1, keepdims=True)
    probs = np.exp(out)
    return (probs / probs.sum(axis=1, keepdims=True)).astype(np.float32)


def shares_of_others(given: np.ndarray, k: int) -> np.ndarray:
    """Return the share (n, k) of each class among the other nodes' labels, with a pseudo-count of one half."""
    counts = np.tile(np.bincount(given[given >= 0], minlength=k) + 0.5, (len(given), 1))
    known = np.flatnonzero(given >= 0)
    counts[known, given[known]] -= 1
    return counts / counts.sum(axis=1, keepdims=True)


def symmetric(links: csr_matrix, *, loops: bool = False) -> csr_matrix:
    """Return D^-1/2 A D^-1/2 of the links A, with self-loops if `loops`; rows without a link are 0."""
    from scipy.sparse import diags, eye

    if loops:
        links = links + eye(links.shape[0], format="csr") * (links.data.mean() if links.nnz else 1.0)
    degree = np.asarray(links.sum(axis=1)).ravel()
    root = diags(np.where(degree > 0, 1 / np.sqrt(np.maximum(degree, 1e-300)), 0))
    return (root @ links @ root).tocsr()


def _random_walk(links: csr_matrix) -> csr_matrix:
    from scipy.sparse import diags

    degree = np.asarray(links.sum(axis=1)).ravel()
    return (diags(np.where(degree > 0, 1 / np.maximum(degree, 1e-300), 0)) @ links).tocsr()


def _read(labels: Any, edges: Any, k: int | None) -> tuple[np.ndarray, int, csr_matrix]:
    """Return (labels, number of classes, links)."""
    given = np.asarray(labels)
    if given.ndim != 1:
        raise InputError.at("labels", f"has shape {given.shape}", "Give one class index per node, -1 = unlabelled.")
    most = max(int(given.max(initial=-1)) + 1, 1) if given.dtype.kind in "iuf" else 1
    k = most if k is None else int(k)
    given = check_given_labels(given, len(given), k)
    return given, k, Edges.of(edges, len(given)).links


def _one_hot(given: np.ndarray, k: int) -> np.ndarray:
    """Return one-hot labels (n, k) float64; rows of unlabelled nodes are 0."""
    hot = np.zeros((len(given), k))
    known = np.flatnonzero(given >= 0)
    hot[known, given[known]] = 1
    return hot


def ways_back(matrix: csr_matrix, hops: int, seed: int = 0) -> np.ndarray:
    """Return the diagonals (hops, n) of the powers 1, 2, ... of a symmetric matrix with zero diagonal.

    (M^(a + b))_ii is the sum over j of (M^a)_ij (M^b)_ij, so half of the powers are sufficient.
    """
    n = matrix.shape[0]
    back = np.zeros((hops, n))
    if n <= EXACT:
        for first in range(0, n, COLUMNS_AT_A_TIME):
            rows = np.arange(first, min(first + COLUMNS_AT_A_TIME, n))
            ones = np.zeros((n, len(rows)))
            ones[rows, np.arange(len(rows))] = 1
            for power, product in _products(matrix, ones, hops):
                back[power - 1, rows] = product.sum(axis=0)
    else:
        signs = np.random.default_rng(seed).choice(np.array([-1, 1], np.float32), size=(n, SIGNS))
        for power, product in _products(matrix.astype(np.float32), signs, hops):
            back[power - 1] = np.maximum(product.mean(axis=1), 0)
        if hops > 1:  # a sum of squares
            back[1] = np.asarray(matrix.multiply(matrix).sum(axis=1)).ravel()
    back[0] = 0
    return back


def _products(matrix: csr_matrix, start: np.ndarray, hops: int) -> Iterator[tuple[int, np.ndarray]]:
    """Yield (a + b, (M^a start) (M^b start)) for a + b from 2 to `hops`, with b = a or a + 1."""
    before = start
    for power in range(1, (hops + 1) // 2 + 1):
        current = matrix @ before
        if 1 < 2 * power - 1 <= hops:
            yield 2 * power - 1, before * current
        if 2 * power <= hops:
            yield 2 * power, current * current
        before = current
