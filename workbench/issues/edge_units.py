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
from workbench.issues.counts import AUDIT_SIZE
from workbench.issues.edge_words import reasons_of_pairs
from workbench.issues.review import with_verdicts

LINK_CLASSES = ("not linked", "linked")
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

RATIO_QUANTILES = np.linspace(0.1, 0.9, 9)
"""Quantiles of the random pairs, up to each of which the share of links bounds the share of wrong ones."""

LEAST_APART = 0.91
"""Minimum probability that a link has larger odds than a random pair for the number of wrong edges to be known."""

USUAL_WRONG = MISSING_SHARE = 0.05
"""Assumed shares of wrong edges, if they look like correct ones, and of missing links, which edges do not determine."""


class EdgeIssues(NamedTuple):
    """Result of `edge_issues`.

    dataset : Dataset, one example per pair of nodes, classes "not linked" and "linked", metadata source, target and the
    evidence. issues : DataFrame as from `find_issues(dataset)`, indexed by the id of the pair.
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
    EdgeIssues : import `dataset` as a run, and pass `issues=issues` to `widgets.Explorer` or `audit` with that run.
        The columns of `issues` are those of `find_issues`, and kind: "wrong" (a given edge) or "missing".

    Raises
    ------
    InputError : fewer than 20 links, a negative number of absent pairs, or arrays that do not match.

    Notes
    -----
    Logistic regression on the evidence of `pair_evidence`, which never contains the pair's own link, distinguishes
    links from random pairs, in five folds; r(x) is the ratio of their densities. If wrong edges are random pairs, a
    given edge is wrong with probability a / r(x), where a is their share. For every t, a is at most the share of links
    with r <= t divided by that of random pairs; the least of these bounds is used (Blanchard, Lee & Scott 2010).

    A second such model distinguishes links from all absent pairs that have common neighbours or similar features; the
    likeliest of these are proposed. If the share b of the links is missing at random, a proposed pair is a missing link
    with odds b / (1 - b) times those of a given link. The edges do not determine b; 5 % is assumed until `verdicts`
    recalibrate it.
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
    wrong = _wrong_share(of_links, of_random)
    of_pool = _odds(evidence[0], evidence[2], seed)[1]
    best = np.sort(np.argsort(-of_pool, kind="stable")[: round(absent * len(given))])
    pairs, evidence[2] = np.concatenate([given, pool[best]]), evidence[2].iloc[best]
    missing = expit(logit(MISSING_SHARE) + of_pool[best])
    p_error = np.concatenate([_wrong(of_links, wrong.share), missing])
    shown = pd.concat([evidence[0], evidence[2]], ignore_index=True)
    dataset = _dataset(pairs, shown, size, ids)
    return EdgeIssues(dataset, _issues(dataset, shown, evidence[1], p_error, verdicts, wrong))


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


def _odds(linked: pd.DataFrame, other: pd.DataFrame, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return log odds that a pair is one of the linked rather than one of the other pairs, out of fold, for both."""
    if not len(other):
        return np.zeros(len(linked)), np.empty(0)
    both = pd.concat([linked, other], ignore_index=True)
    first = np.arange(len(both)) < len(linked)
    fold = deal_folds(first.astype(np.int64), EDGE_FOLDS, seed)
    odds = np.empty(len(both))
    for one in range(EDGE_FOLDS):
        odds[fold == one] = LinkModel(both[fold != one], first[fold != one]).odds(both[fold == one])
    return odds[first], odds[~first]


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


class WrongShare(NamedTuple):
    """bound : upper bound of the share of wrong edges. apart : probability that a link has larger odds than a random
    pair. share : the share that p_error adds up to: the bound, shrunk to the usual one if links look like random pairs.
    """

    bound: float
    apart: float
    share: float


def _wrong_share(links: np.ndarray, random: np.ndarray) -> WrongShare:
    """Bound the share of random pairs among the links by their log odds; the least bound plus one standard error."""
    bounds = []
    for quantile, limit in zip(RATIO_QUANTILES, np.quantile(random, RATIO_QUANTILES)):
        low = int(np.count_nonzero(links <= limit))
        bounds.append((low + np.sqrt(low + 1)) / len(links) / quantile)
    bound = float(np.clip(min(bounds), 0.5 / len(links), 0.9))
    apart = float(np.searchsorted(np.sort(random), links).mean() / len(random))
    weight = np.clip((apart - 0.5) / (LEAST_APART - 0.5), 0, 1)
    return WrongShare(bound, apart, float(expit(weight * logit(bound) + (1 - weight) * logit(USUAL_WRONG))))


def _wrong(odds: np.ndarray, share: float) -> np.ndarray:
    """Return the probability that each link is a random pair, with the mean `share`."""
    return expit(shifted_to(logit(np.clip(share * np.exp(-odds), 1e-6, 0.98)), share))


def _dataset(pairs: np.ndarray, evidence: pd.DataFrame, n: int, ids: Sequence[Any] | None) -> Dataset:
    names = np.arange(n) if ids is None else np.asarray(ids)
    frame = pd.DataFrame({"source": names[pairs[:, 0]], "target": names[pairs[:, 1]]})
    frame["edge"] = [f"{one} – {other}" for one, other in zip(frame["source"], frame["target"])]
    frame["link"] = np.array(LINK_CLASSES, object)[evidence["linked"].to_numpy(int)]
    shown = evidence.drop(columns="linked").round(3)
    return Dataset.from_frame(frame.join(shown), label="link", id="edge", classes=LINK_CLASSES)


def _issues(
    dataset: Dataset, evidence: pd.DataFrame, random: pd.DataFrame, p_error: np.ndarray, verdicts: pd.Series | None,
    found: WrongShare,
) -> pd.DataFrame:  # fmt: skip
    """Return the table, most suspicious first, with the attributes of `find_issues`."""
    linked, words = evidence["linked"].to_numpy(bool), ""
    links = int(linked.sum())
    if verdicts is not None and len(verdicts):
        moved, words = with_verdicts(pd.Series(p_error, index=dataset.ids), verdicts, linked.astype(np.int64))
        p_error = moved.to_numpy()
    doubted = p_error >= 0.5
    names = np.array(LINK_CLASSES, object)
    given = linked.astype(int)
    frame = pd.DataFrame(
        {
            "given_label": names[given],
            "suggested_label": names[np.where(doubted, 1 - given, given)],
            "p_error": p_error,
            "p_suggested": np.where(doubted, p_error, 1 - p_error),
            "is_issue": doubted,
            "kind": np.where(linked, "wrong", "missing").astype(object),
            "reasons": reasons_of_pairs(evidence, random),
            "row": np.arange(len(p_error)),
        },
        index=pd.Index(dataset.ids, name="id"),
    )
    wrong, missing = float(p_error[linked].sum()), float(p_error[~linked].sum())
    deviation = 2 * float(np.sqrt((p_error[linked] * (1 - p_error[linked])).sum()))
    interval = (round(max(0.5 * wrong - deviation, 0), 1), round(min(1.5 * wrong + deviation, links) + missing, 1))
    audited = verdicts is not None and len(verdicts) >= AUDIT_SIZE
    sure = found.apart >= LEAST_APART or audited
    text = f"about {wrong:,.0f} of {links:,} edges are expected to be wrong, if wrong edges are random pairs of nodes"
    if not sure:
        interval = (0.0, round(found.bound * links + missing, 1))
        text = f"0 to {found.bound * links:,.0f} of {links:,} edges may be wrong: links have larger odds than random "
        text += f"pairs in only {found.apart:.0%} of comparisons; audit {AUDIT_SIZE} pairs to find out"
    if (~linked).any() and not audited:
        text += "; how many are missing is not known: audit the proposed pairs"
    frame = frame.iloc[np.lexsort((frame["row"], -p_error))]
    frame.attrs = {
        "evidence": "links of the other pairs" + "".join(
            f", {name}" for name, column in (("features", "cosine"), ("labels", "label_odds")) if column in evidence
        ),
        "pred_probs": "none", "threshold": "p_error >= 0.5", "expected_errors": round(wrong + missing, 1),
        "expected_errors_interval": interval, "errors_identified": sure and (audited or not (~linked).any()),
        "errors_in_words": text, "judged": len(p_error), "unlabelled": 0, "method": words, "sources": {},
        "verdicts": 0 if verdicts is None else len(verdicts),
    }  # fmt: skip
    return frame
