"""Evidence from edges between examples: predictions from the labels of linked nodes, and smoothed features.

A label is never used in its own prediction. As for all evidence, links count only if they predict given labels: random
edges are set aside and do not change features.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from workbench.evidence.spaces import Space
from workbench.foundation.rows import unit_rows
from workbench.graphs.edges import Edges
from workbench.graphs.propagation import linked_bayes, propagated, symmetric
from workbench.graphs.smoothing import SMOOTHED_HOPS
from workbench.issues import reasons
from workbench.issues.kernels import parts_of
from workbench.issues.likelihood import fit_sample, surfaces
from workbench.issues.nearby import labels_near, logs_of
from workbench.issues.telling_columns import TRIED, head_on
from workbench.issues.weighing import (
    AGREEING,
    NEVER_LESS,
    NEVER_SO_OFTEN,
    REPEATING,
    REPEATS,
    SURE_AT,
    SURE_ROWS,
    WEAK_GAIN,
    EvidenceView,
    best_fit,
    stacked,
    weigh,
)

if TYPE_CHECKING:
    from workbench.evidence.evidence import Evidence

LINKS = "edges"
"""Name of the view in `shares` and `aside`."""

PROPAGATED_CELLS = 2 * 10**7
"""Maximum rows x classes for label propagation."""

LINK_NEIGHBORS, LOOKED_NODES, MOSTLY_NEAR = 30, 500, 0.6
"""Edges repeat the features if more than the share `MOSTLY_NEAR` of the links of 500 nodes is among the 30 nearest
neighbours: at least .78 in graphs of nearest neighbours, .25 for citations with the words of the papers."""
LINKS_ARE_NEAREST = "connect nearest neighbours by the embeddings, which are used already"

PLAIN_VIEW, SMOOTHED_VIEW = "features", "features smoothed along the edges"

ALPHAS = (0.5, 0.9)
SMOOTHED_DIRECTIONS = 128
"""Dimension of smoothed features."""
PULL_ROWS = 2.0
"""Strength with which the weights of the views of the links are shrunk to equal ones, in rows."""


@dataclass(frozen=True)
class Linked:
    """Predictions from the labels of linked nodes.

    Attributes
    ----------
    logs : float32 (n, k), log probabilities; the class shares for a node without a labelled link.
    there : bool (n,), which nodes have a labelled link.
    how : description of what was pooled. aside : why it is not used, or "".
    """

    logs: np.ndarray
    there: np.ndarray
    how: str
    aside: str = ""


def linked(evidence: Evidence, notes: list[str], seed: int = 0) -> Linked | None:
    """Predict labels from the links; None if no link ends at a labelled node.

    Parameters
    ----------
    evidence : with edges and at least two classes. notes : a note is appended if the links cannot be used.
    seed : random seed of the signs in `propagate_labels`

    Notes
    -----
    Three views (propagated labels with alpha .5 and .9, and the classes of linked nodes by Bayes' rule), pooled with
    the weights >= 0 that maximise the likelihood of the given labels (`weighing.stacked`).
    """
    edges, given, k = evidence.edges, evidence.given_labels, evidence.k
    assert edges is not None  # asked only with edges
    if len(given) * k > PROPAGATED_CELLS:
        notes.append(f"edges ignored: {len(given)} x {k} is too much to propagate labels")
        return None
    known = given >= 0
    there = np.asarray(edges.links @ known.astype(np.float64)).ravel() > 0
    rows = np.flatnonzero(there & known)
    if not len(rows):
        notes.append("edges ignored: none connects two labelled examples")
        return None
    views = [logs_of(one) for one in propagated(given, edges.links, k, ALPHAS, seed=seed)]
    views.append(logs_of(linked_bayes(given, edges, k=k)))
    rows = fit_sample(rows, k)
    weights = stacked([one[rows] for one in views], given[rows], pull=PULL_ROWS)
    if not weights.sum():
        weights = np.ones(len(views)) / len(views)
    logs = np.einsum("v,vnk->nk", weights.astype(np.float32), np.stack(views))
    logs -= logs.max(axis=1, keepdims=True)
    logs -= np.log(np.exp(logs).sum(axis=1, keepdims=True))
    names = (*(f"propagated labels (alpha {alpha:g})" for alpha in ALPHAS), "classes of linked nodes")
    how = ", ".join(f"{name} {weight:.2f}" for name, weight in zip(names, weights))
    return Linked(logs_of(np.exp(logs)), there, f"weights of the links: {how}")


def along_edges(
    evidence: Evidence, space: Space, links: Linked | None, notes: list[str], seed: int = 0
) -> tuple[Space, Linked | None]:
    """Smooth features along the edges, and set links aside, depending on what the edges add to the features.

    Parameters
    ----------
    evidence : with edges. space : its features as unit vectors. links : predictions from the labels of linked nodes.
    notes : notes are appended if edges repeat the features, or seem to be derived from the labels.
    """
    edges, given, k = evidence.edges, evidence.given_labels, evidence.k
    assert edges is not None  # asked only with edges
    if _nearest_already(space, edges, seed):
        return space, None if links is None else replace(links, aside=LINKS_ARE_NEAREST)
    rows = np.flatnonzero(space.there & (given >= 0))
    rows = rows if len(rows) <= TRIED else np.sort(np.random.default_rng(seed).choice(rows, TRIED, replace=False))
    if not edges.links.nnz or np.count_nonzero(np.bincount(given[rows], minlength=k)) < 2:
        return space, links
    tried = head_on(space, rows, given[rows], k)
    if links is not None and (reason := copies_labels(links, tried[0], rows, given)):
        return space, replace(links, aside=reason)
    return _smoothed_space(space, evidence, rows, tried, notes), links


def copies_labels(links: Linked, plain: np.ndarray, rows: np.ndarray, given: np.ndarray) -> str:
    """Return why the edges seem to be derived from the labels, by log probabilities `plain` (m, k); "" if they do not.

    Either the edges agree with labels that `plain` confidently rejects as noise, including noise between confused
    classes; or they contradict no label while `plain` contradicts some.
    """
    among = links.there[rows]
    rows, plain = rows[among], plain[among]
    if len(rows) < SURE_ROWS:
        return ""
    labels, k = given[rows], plain.shape[1]
    agrees = links.logs[rows].argmax(axis=1) == labels
    if agrees.mean() > NEVER_SO_OFTEN and (plain.argmax(axis=1) == labels).mean() < agrees.mean() - NEVER_LESS:
        return AGREEING
    fit = best_fit(EvidenceView(PLAIN_VIEW, 1.0, plain), labels, k)
    shares = np.bincount(labels, minlength=k) / len(labels)
    by_chance = float((shares[shares > 0] * np.log(shares[shares > 0])).sum())
    rejected = fit.doubts() > SURE_AT
    if fit.value - by_chance < WEAK_GAIN * (surfaces(links.logs[rows], labels, [None])[0].value - by_chance):
        return ""  # a much weaker view is confident of its own mistakes
    return REPEATING if rejected.sum() >= SURE_ROWS and agrees[rejected].mean() > REPEATS else ""


def _nearest_already(space: Space, edges: Edges, seed: int) -> bool:
    """Return whether most links connect nearest neighbours by the same features."""
    there = np.flatnonzero(space.there & (edges.degree > 0))
    near = min(LINK_NEIGHBORS, len(there) // 10)
    if not near:
        return False
    rows = (
        there
        if len(there) <= LOOKED_NODES
        else np.sort(np.random.default_rng(seed).choice(there, LOOKED_NODES, replace=False))
    )
    found = labels_near(space.vectors, rows, np.arange(edges.n), near)
    hits = sum(int(np.isin(edges.linked(row), one).sum()) for row, one in zip(rows.tolist(), found))
    return hits > MOSTLY_NEAR * int(edges.degree[rows].sum())


def _smoothed_space(
    space: Space, evidence: Evidence, rows: np.ndarray, tried: tuple[np.ndarray, float], notes: list[str]
) -> Space:
    """Return the features, concatenated with smoothed ones if that predicts the labels better.

    Notes
    -----
    [V, S V, S^2 V, S^3 V], each with unit rows (`graphs.smooth_features`), reduced to the 128 largest principal
    components. Both spaces are tried on these rows, at most 800, as in `telling_columns`, and the smoothed one must
    pass the tests of `weighing`: edges derived from the labels would leak them into the features.
    """
    given, k = evidence.given_labels, evidence.k
    assert evidence.edges is not None  # asked only with edges
    wide = _smoothed(space.vectors, evidence.edges)
    there = np.zeros(len(given), bool)
    for block in wide:
        there |= block.any(axis=1)
    smooth = Space(_reduced(wide, there), there, "")
    plain, before = tried
    along, after = head_on(smooth, rows, given[rows], k)
    if 2 * len(rows) * (after - before) < np.log(len(rows)):
        return space
    weights = weigh(
        [EvidenceView(PLAIN_VIEW, 1.0, plain, made_here=True), EvidenceView(SMOOTHED_VIEW, 1.0, along)], given[rows], k
    )
    if SMOOTHED_VIEW in weights.aside:
        notes.append(f"{SMOOTHED_VIEW} set aside: a classifier on them {weights.aside[SMOOTHED_VIEW]}")
        return space
    return Space(smooth.vectors, there, f"{space.how}, smoothed along the edges over {SMOOTHED_HOPS} hops")


def _smoothed(vectors: np.ndarray, edges: Edges) -> list[np.ndarray]:
    scaled = symmetric(edges.links, loops=True).astype(np.float32)
    blocks, current = [vectors], vectors
    for _ in range(SMOOTHED_HOPS):
        current = scaled @ current
        blocks.append(unit_rows(current))
    return blocks


def _reduced(blocks: list[np.ndarray], there: np.ndarray) -> np.ndarray:
    """Return unit rows, float32 (n, 128): the first principal components of the concatenated blocks."""
    from scipy.linalg import eigh

    n, width = len(there), sum(block.shape[1] for block in blocks)
    parts = list(parts_of(n, width))
    mean = np.concatenate([block[there].mean(axis=0) for block in blocks])
    squares = np.zeros((width, width))
    for part in parts:
        away = np.hstack([block[part] for block in blocks])[there[part]] - mean
        squares += away.T @ away
    kept = min(SMOOTHED_DIRECTIONS, width)
    axes = eigh(squares, subset_by_index=[width - kept, width - 1])[1].astype(np.float32)
    out = np.zeros((n, kept), np.float32)
    for part in parts:
        out[part] = (np.hstack([block[part] for block in blocks]) - mean) @ axes
    out[~there] = 0
    return unit_rows(out)


def linked_reason(evidence: Evidence, found: Linked) -> reasons.Reason:
    """Return the most frequent label of the linked nodes of each node, weighted by how much it contradicts the given
    one."""
    given, k = evidence.given_labels, evidence.k
    assert evidence.edges is not None  # the links are theirs
    table = evidence.edges.label_counts(given, k)
    known = given >= 0
    usual = np.zeros((k, k), np.int64)
    np.add.at(usual, given[known], table[known])
    own = found.logs[np.arange(len(given)), np.maximum(given, 0)]
    strength = np.where(found.there & (given >= 0), -own, np.nan)
    return reasons.of_links(table, usual, given, strength, evidence.classes)
