"""Edges as examples: which given ones are probably wrong, and which pairs of nodes probably lack one.

Each given link, and each absent one that the rest of the graph makes likely, becomes an example with the class "linked"
or "not linked". A probability of error is estimated without the link itself; review, audit and export are as for other
labels.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from workbench.data.dataset import Dataset
from workbench.evidence.neighbors import nearest
from workbench.evidence.out_of_fold import deal_folds
from workbench.foundation.errors import InputError
from workbench.graphs.edges import Edges
from workbench.graphs.pairs import pair_evidence
from workbench.issues.calibration import expit, logit, shifted_to
from workbench.issues.edge_table import P_LINKED, RANK_RANDOM, pair_issues, pairs_dataset, wrong_share
from workbench.issues.edge_words import COSINE_RANK

EDGE_FOLDS = 5
FEWEST_LINKS = 20
"""Minimum number of links."""

RANDOM_PAIRS = 2.0
"""Number of random absent pairs per link, which show how pairs without a link look."""

NEAR_LINKS, NEAR_FEATURES = 20, 10
"""Absent partners considered per node: those with the most common neighbours (Adamic-Adar), and nearest by features."""

MOST_LINKS = 1000
"""Common neighbours with more links than this are passed over in that search."""

NODES_AT_A_TIME = 2048
LINK_PENALTY = 1.0
"""Inverse strength of the penalty of the logistic regression, on standardised evidence."""

LINK_TREES = {"max_iter": 120, "learning_rate": 0.07, "max_leaf_nodes": 15, "min_samples_leaf": 40}
"""Settings of the boosted trees."""

LABEL_STEP = 0.1
"""Step to which trees see the odds of two classes: exact ones would show which pair has left out its own link."""

MISSING_SHARE = 0.05
"""Assumed share of missing links, which the edges do not determine."""


class EdgeIssues(NamedTuple):
    """Result of `edge_issues`.

    dataset : Dataset, one example per pair of nodes, classes "not linked" and "linked". Its metadata: source, target,
    the evidence, p_linked (probability of a link, before verdicts), rank_random (share of random pairs whose odds of a
    link are smaller) and, with features, cosine_rank (share of random pairs that are less similar). issues : DataFrame,
    as from `find_issues(dataset)`, indexed by the id of the pair.
    """

    dataset: Dataset
    issues: pd.DataFrame


def edge_issues(
    edges: Any, *, ids: Sequence[Any] | None = None, n: int | None = None, features: Any = None, labels: Any = None,
    absent: float = 0.5, verdicts: pd.Series | None = None, seed: int = 0,
) -> EdgeIssues:  # fmt: skip
    """Find edges that are probably wrong, and pairs of nodes that probably lack one.

    Parameters
    ----------
    edges : as in `Edges.of`: DataFrame with source and target, (m, 2) row numbers, or a sparse matrix. Links are
        undirected and unweighted.
    ids : (n,) ids of the nodes; by default row numbers.
    n : number of nodes, if neither ids, features nor labels determine it.
    features : float (n, d), optional. labels : int (n,), class indices, -1 = unlabelled, optional.
    absent : number of proposed absent pairs per link, the most likely ones, at least 0.
    verdicts : bool indexed by the id of the pair, True = what is given is wrong; recalibrates p_error.
    seed : random seed of folds and random pairs.

    Returns
    -------
    EdgeIssues : import `dataset` as a run to review it. It carries its evidence, so `find_issues(run)`, the Explorer
        and the audit need nothing else. The columns of `issues` are those of `find_issues`, and kind: "wrong" (a given
        edge) or "missing".

    Raises
    ------
    InputError : fewer than 20 links, a negative number of absent pairs, or arrays that do not match.

    Notes
    -----
    Logistic regression on the evidence of `pair_evidence`, which never contains the pair's own link, distinguishes
    links from random pairs, in five folds; r(x) is the ratio of their densities. If wrong edges are random pairs, a
    given edge is wrong with probability a / r(x), where a is their share. For every t, a is at most the share of links
    with r <= t divided by that of random pairs; the least of these bounds is used (Blanchard, Lee & Scott 2010).

    A second such model, and gradient boosted trees, distinguish links from all absent pairs that have common neighbours
    or similar features; their log odds are averaged, and the likeliest of these pairs are proposed. If the share b of
    the links is missing at random, a proposed pair is a missing link with odds b / (1 - b) times those of a given link.
    The edges do not determine b; 5 % is assumed until `verdicts` recalibrate it.
    """
    if not absent >= 0:
        raise InputError.at("absent", f"is {absent!r}", "Pass a number of absent pairs per link, such as 0.5.")
    size = next((len(one) for one in (ids, features, labels) if one is not None), n)
    if size is None:
        size = edges.n if isinstance(edges, Edges) else int(np.max(np.asarray(edges), initial=-1)) + 1
    graph = Edges.of(edges, size, ids)
    coo = graph.links.tocoo()
    upper = coo.row < coo.col
    given = np.stack([coo.row[upper], coo.col[upper]], axis=1).astype(np.int64)
    if len(given) < FEWEST_LINKS:
        raise InputError.at("edges", f"has {len(given)} links", f"Pass at least {FEWEST_LINKS}.")

    def described(pairs: np.ndarray) -> pd.DataFrame:
        return pair_evidence(pairs, graph, features=features, labels=labels)

    random = _random_absent(graph, round(RANDOM_PAIRS * len(given)), np.random.default_rng(seed))
    pool = _pool(graph, features) if absent else np.empty((0, 2), np.int64)
    evidence = [described(pairs) for pairs in (given, random, pool)]
    of_links, of_random = (odds + np.log(len(random) / len(given)) for odds in _odds(evidence[0], evidence[1], seed))
    ranks = _rank(of_random, of_links)
    of_pool = np.mean([_odds(evidence[0], evidence[2], seed, one)[1] for one in (LinkModel, LinkTrees)], axis=0)
    best = np.sort(np.argsort(-of_pool, kind="stable")[: round(absent * len(given))])
    pairs, evidence[2] = np.concatenate([given, pool[best]]), evidence[2].iloc[best]
    missing = expit(logit(MISSING_SHARE) + of_pool[best])
    shown = pd.concat([evidence[0], evidence[2]], ignore_index=True)
    shown[P_LINKED] = np.concatenate([1 - _wrong(of_links, wrong_share(ranks).share), missing])
    whole = LinkModel(*_stacked(evidence[0], evidence[1])).odds(evidence[2]) if len(best) else np.empty(0)
    shown[RANK_RANDOM] = np.concatenate([ranks, _rank(of_random, whole + np.log(len(random) / len(given)))])
    if "cosine" in shown:
        shown[COSINE_RANK] = _rank(evidence[1]["cosine"].to_numpy(float), shown["cosine"].to_numpy(float))
    dataset = pairs_dataset(pairs, shown, size, ids)
    return EdgeIssues(dataset, pair_issues(dataset, verdicts))


def _random_absent(graph: Edges, count: int, rng: np.random.Generator) -> np.ndarray:
    """Draw (r, 2) pairs of different nodes without a link, uniformly."""
    found = np.empty((0, 2), np.int64)
    for _ in range(20):
        drawn = np.sort(rng.integers(0, graph.n, (2 * count + 10, 2)), axis=1)
        drawn = drawn[drawn[:, 0] < drawn[:, 1]]
        drawn = drawn[~graph.are_linked(*drawn.T)]
        found = np.unique(np.concatenate([found, drawn]), axis=0)
        if len(found) >= count:
            break
    return found[np.sort(rng.permutation(len(found))[:count])]


def _pool(graph: Edges, features: Any) -> np.ndarray:
    """Return (q, 2) absent pairs that may be missing: with many common neighbours, or near by features."""
    links = graph.links.copy()
    links.data[:] = 1.0
    middle = np.where((graph.degree > 1) & (graph.degree <= MOST_LINKS), 1 / np.log(np.maximum(graph.degree, 2)), 0.0)
    parts = [np.empty((0, 2), np.int64)]
    for start in range(0, graph.n, NODES_AT_A_TIME):
        rows = np.arange(start, min(start + NODES_AT_A_TIME, graph.n))
        found = (links[rows].multiply(middle[None]).tocsr() @ links).tocoo()
        there = (found.data > 0) & (found.row + start != found.col)
        row, column, value = found.row[there] + start, found.col[there], found.data[there]
        without = ~graph.are_linked(row, column)
        row, column, value = row[without], column[without], value[without]
        order = np.lexsort((column, -value, row))
        row, column = row[order], column[order]
        best = np.arange(len(row)) - np.searchsorted(row, row) < NEAR_LINKS
        parts.append(np.stack([row[best], column[best]], axis=1).astype(np.int64))
    if features is not None:
        near = nearest(np.asarray(features, np.float32), min(NEAR_FEATURES, graph.n - 1)).indices
        pairs = np.stack([np.repeat(np.arange(graph.n), near.shape[1]), near.ravel()], axis=1).astype(np.int64)
        parts.append(pairs[near.ravel() >= 0])
    pairs = np.sort(np.concatenate(parts), axis=1)
    codes = np.unique(pairs[:, 0] * graph.n + pairs[:, 1])
    pairs = np.stack(np.divmod(codes, graph.n), axis=1)
    return pairs[~graph.are_linked(*pairs.T)]


def _odds(
    linked: pd.DataFrame, other: pd.DataFrame, seed: int, model: type[LinkModel | LinkTrees] | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Return log odds that a pair is one of the linked rather than one of the other pairs, out of fold, for both."""
    if not len(other):
        return np.zeros(len(linked)), np.empty(0)
    both, first = _stacked(linked, other)
    fold = deal_folds(first.astype(np.int64), EDGE_FOLDS, seed)
    odds = np.empty(len(both))
    for one in range(EDGE_FOLDS):
        odds[fold == one] = (model or LinkModel)(both[fold != one], first[fold != one]).odds(both[fold == one])
    return odds[first], odds[~first]


def _stacked(linked: pd.DataFrame, other: pd.DataFrame) -> tuple[pd.DataFrame, np.ndarray]:
    """Return both tables as one, and bool (m,), which rows are of the first."""
    both = pd.concat([linked, other], ignore_index=True)
    return both, np.arange(len(both)) < len(linked)


def _rank(random: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Return the share of the random values that are smaller, (m,)."""
    return np.searchsorted(np.sort(random), values) / max(len(random), 1)


class LinkModel:
    """Logistic regression on standardised evidence, with logarithms of counts, and squares."""

    def __init__(self, evidence: pd.DataFrame, linked: np.ndarray) -> None:
        from sklearn.linear_model import LogisticRegression

        x = self._columns(evidence)
        self.mean, self.spread = x.mean(axis=0), np.maximum(x.std(axis=0), 1e-9)
        self.model = LogisticRegression(C=LINK_PENALTY, max_iter=500)
        self.model.fit(self._design(x), linked)

    @staticmethod
    def _columns(evidence: pd.DataFrame) -> np.ndarray:
        table = evidence.drop(columns="linked").astype(float)
        counts = [name for name in table if not name.startswith(("cosine", "label"))]
        return table.assign(**{name: np.log1p(10 * table[name]) for name in counts}).to_numpy()

    def _design(self, x: np.ndarray) -> np.ndarray:
        z = np.clip((x - self.mean) / self.spread, -5, 5)
        return np.hstack([z, z**2])

    def odds(self, evidence: pd.DataFrame) -> np.ndarray:
        """Return the log odds of a link, (m,)."""
        return self.model.decision_function(self._design(self._columns(evidence)))


class LinkTrees:
    """Gradient boosted trees on the evidence: combinations of it, such as similar features and few links."""

    def __init__(self, evidence: pd.DataFrame, linked: np.ndarray) -> None:
        from sklearn.ensemble import HistGradientBoostingClassifier

        self.model = HistGradientBoostingClassifier(
            **LINK_TREES, l2_regularization=1.0, early_stopping=False, random_state=0
        )
        self.model.fit(self._columns(evidence), linked)

    @staticmethod
    def _columns(evidence: pd.DataFrame) -> np.ndarray:
        table = evidence.drop(columns="linked").astype(float)
        if "label_odds" in table:
            table["label_odds"] = (table["label_odds"] / LABEL_STEP).round()
        return table.to_numpy()

    def odds(self, evidence: pd.DataFrame) -> np.ndarray:
        """Return the log odds of a link, (m,)."""
        return self.model.decision_function(self._columns(evidence))


def _wrong(odds: np.ndarray, share: float) -> np.ndarray:
    """Return the probability that each link is a random pair, with the mean `share`."""
    return expit(shifted_to(logit(np.clip(share * np.exp(-odds), 1e-6, 0.98)), share))
