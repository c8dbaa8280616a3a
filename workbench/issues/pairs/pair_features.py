"""Features of a pair within its query: the higher, the more relevant its item should be."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

from workbench.foundation.recall import recalled
from workbench.issues.pairs.lexical import WITHOUT_BM25, Similarities, has_bm25, lexical_scores
from workbench.issues.pairs.pair_evidence import PairEvidence

EQUAL_WORDS, EQUAL_VECTORS = 0.95, 0.985
"""Similarity of items that say the same: of their words, and of their embeddings."""

LEAST_SPREAD = 1e-9

FEW_VOTERS = 12
"""Voters up to which each has a weight of its own; more share one by family, the begin of their names."""


@dataclass(frozen=True)
class PairFeatures:
    """Features of m pairs.

    Attributes
    ----------
    x : (m, d) float64, standardised; 0 where unknown. names : of the columns.
    z : (m,) float64, mean standing among the rankers within the query, in standard deviations; NaN without any.
    standing : (m, rankers) the same by ranker. rankers : their names, with that of the words.
    above : (m,) int64, number of relevant items of the query that it is ranked above, itself left out.
    others : (m,) int64, number of relevant items of the query, itself left out.
    like : (m,) int64, pair of the most similar relevant item, -1 for none. alike : (m,) its similarity.
    same : (m,) int64, group of items of a query that say the same, -1 for none.
    voted : (m,) float64, mean grade of the votes, NaN without.
    used : the kinds of evidence, in words.
    """

    x: np.ndarray
    names: list[str]
    z: np.ndarray
    standing: np.ndarray
    rankers: tuple[str, ...]
    above: np.ndarray
    others: np.ndarray
    like: np.ndarray
    alike: np.ndarray
    same: np.ndarray
    voted: np.ndarray
    used: tuple[str, ...]


@recalled
def pair_features(evidence: PairEvidence) -> PairFeatures:
    """Compute the features of all pairs."""
    scores, rankers = evidence.scores, evidence.rankers
    used = [f"rankers {', '.join(rankers)}"] if rankers else []
    words, method = lexical_scores(evidence.queries, evidence.texts, evidence.rows)
    standing = within_queries(scores, evidence.starts)
    if np.isfinite(words).any():
        of_words = within_queries(words[:, None], evidence.starts)
        standing = np.column_stack([standing, np.where(np.isfinite(words)[:, None], of_words, np.nan)])
        rankers = (*rankers, method)
        used.append(method if has_bm25() else WITHOUT_BM25)
    z = _mean(standing)
    positive = evidence.grades >= evidence.relevant
    similar = Similarities(evidence.texts, evidence.vectors)
    like, alike, same, apart = _similar(evidence, similar, positive)
    if similar.any:
        used.append("similarity of embeddings" if similar.of_embeddings else "similarity of texts")
    columns: dict[str, np.ndarray] = {}
    for at, name in enumerate(rankers):
        columns[name] = standing[:, at]
    if len(rankers):
        columns["standing"] = z
        columns["lead"] = np.maximum(z - 1, 0)
        columns["margin"] = _margin(z, evidence, positive)
        columns["query"] = query_offsets(z, evidence)
    columns["similar"] = np.where(like >= 0, alike, np.nan)
    columns["unlike"] = -apart
    voted = _mean(evidence.votes)
    if len(evidence.voters):
        columns |= _votes(evidence)
        used.append(f"votes of {', '.join(evidence.voters[:3])}{' and others' if len(evidence.voters) > 3 else ''}")
        families = _mean(np.column_stack([columns[name] for name in columns if name.startswith("votes ")]))
        columns["query of votes"] = query_offsets(families, evidence)
        columns["votes in query"] = families - _query_means(families, evidence.starts)[evidence.rows]
    kept = {name: values for name, values in columns.items() if np.isfinite(values).any()}
    x = np.column_stack([_standardised(name, values) for name, values in kept.items()] or [np.zeros(len(z))])
    above, others = _ranked_above(z, evidence, positive)
    return PairFeatures(
        x, list(kept), z, standing, rankers, above, others, like, alike, same, voted, tuple(used)
    )  # fmt: skip


def within_queries(scores: np.ndarray, starts: np.ndarray) -> np.ndarray:
    """Standardise the scores (m, r) of each ranker within each query; an item that it does not return stands with the
    worst one that it does. NaN for queries that it does not rank."""
    found = np.full(scores.shape, np.nan)
    for start, stop in zip(starts[:-1].tolist(), starts[1:].tolist()):
        for at in range(scores.shape[1]):
            own = scores[start:stop, at]
            known = np.isfinite(own)
            if not known.any():
                continue
            filled = np.where(known, own, own[known].min())
            spread = filled.std()
            found[start:stop, at] = (filled - filled.mean()) / spread if spread > LEAST_SPREAD else 0.0
    return found


def _mean(values: np.ndarray) -> np.ndarray:
    """Return the mean of each row without NaN; NaN for a row without numbers."""
    known = np.isfinite(values)
    count = known.sum(axis=1)
    total = np.where(known, values, 0).sum(axis=1)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def _query_means(values: np.ndarray, starts: np.ndarray) -> np.ndarray:
    """Return the mean of each query (n,), NaN without numbers."""
    known = np.isfinite(values)
    rows = np.repeat(np.arange(len(starts) - 1), np.diff(starts))
    count = np.bincount(rows[known], minlength=len(starts) - 1)
    total = np.bincount(rows[known], values[known], minlength=len(starts) - 1)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def _standardised(name: str, values: np.ndarray) -> np.ndarray:
    """Return zero where unknown; an offset keeps its scale, since one that hardly varies must not be enlarged."""
    known = np.isfinite(values)
    if name.startswith("query"):
        return np.where(known, values, 0.0)
    spread = values[known].std()
    return np.where(known, (values - values[known].mean()) / (spread if spread > LEAST_SPREAD else 1.0), 0.0)


def _margin(z: np.ndarray, evidence: PairEvidence, positive: np.ndarray) -> np.ndarray:
    """Return how far a pair stands above the weakest other relevant item of its query; NaN without any."""
    found = np.full(len(z), np.nan)
    for start, stop in zip(evidence.starts[:-1].tolist(), evidence.starts[1:].tolist()):
        places = start + np.flatnonzero(positive[start:stop] & np.isfinite(z[start:stop]))
        if not len(places):
            continue
        order = places[np.argsort(z[places], kind="stable")]
        weakest = np.full(stop - start, z[order[0]])
        weakest[order[0] - start] = z[order[1]] if len(order) > 1 else np.nan
        found[start:stop] = z[start:stop] - weakest
    return found


def _ranked_above(z: np.ndarray, evidence: PairEvidence, positive: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the numbers of other relevant items of the query: those ranked below a pair, and all."""
    above, others = np.zeros(len(z), np.int64), np.zeros(len(z), np.int64)
    for start, stop in zip(evidence.starts[:-1].tolist(), evidence.starts[1:].tolist()):
        good = np.sort(z[start:stop][positive[start:stop] & np.isfinite(z[start:stop])])
        above[start:stop] = np.searchsorted(good, np.nan_to_num(z[start:stop], nan=-np.inf))
        others[start:stop] = int(positive[start:stop].sum()) - positive[start:stop]
    return above, others


def query_offsets(z: np.ndarray, evidence: PairEvidence) -> np.ndarray:
    """Return how much higher the other items of a query are graded than their standing suggests, (m,).

    Notes
    -----
    r = standardised grade - slope z over judged pairs; the offset of a pair is sum r / (count + s / t) over the others
    of its query, with the variances s within and t between queries by the method of moments; 0 if queries do not differ
    more than by chance.
    """
    known = evidence.judged & np.isfinite(z)
    grades = evidence.gains[np.maximum(evidence.grades, 0)]
    offsets = np.zeros(len(z))
    if known.sum() < 3 or grades[known].std() < LEAST_SPREAD:
        return offsets
    y = (grades - grades[known].mean()) / grades[known].std()
    spread = z[known].var()
    slope = float(np.cov(z[known], y[known])[0, 1] / spread) if spread > LEAST_SPREAD else 0.0
    r = np.where(known, y - slope * np.nan_to_num(z - z[known].mean()), 0.0)
    n = evidence.n
    count = np.bincount(evidence.rows[known], minlength=n).astype(float)
    total = np.bincount(evidence.rows, r, minlength=n)
    mean = np.divide(total, count, out=np.zeros(n), where=count > 0)
    within = float(np.where(known, (r - mean[evidence.rows]) ** 2, 0).sum() / max(known.sum() - (count > 0).sum(), 1))
    between = float((count * mean**2).sum() - (count > 0).sum() * within) / max(count.sum(), 1)
    if between <= 0:
        return offsets
    rest = count[evidence.rows] - known
    return (total[evidence.rows] - r) / (rest + within / between)


def _similar(
    evidence: PairEvidence, similar: Similarities, positive: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return the most similar relevant item and its similarity, groups of equal items, and the similarity with the most
    similar irrelevant item (NaN for none), (m,) each."""
    m = len(evidence.rows)
    like, alike, same, apart = np.full(m, -1), np.full(m, np.nan), np.full(m, -1), np.full(m, np.nan)
    if not similar.any:
        return like, alike, same, apart
    equal = EQUAL_VECTORS if similar.of_embeddings else EQUAL_WORDS
    negative = evidence.judged & ~positive
    group = 0
    for start, stop in zip(evidence.starts[:-1].tolist(), evidence.starts[1:].tolist()):
        if stop - start < 2:
            continue
        own = slice(start, stop)
        table = np.nan_to_num(similar.within(own), nan=-2.0)
        for chosen, best, place in ((positive[own], alike, like), (negative[own], apart, None)):
            if not chosen.any():
                continue
            among = np.flatnonzero(chosen)
            most = table[:, among].max(axis=1)
            there = most > -2
            best[own] = np.where(there, most, np.nan)
            if place is not None:
                place[own] = np.where(there, start + among[table[:, among].argmax(axis=1)], -1)
        for one in range(stop - start):
            twins = np.flatnonzero(table[one] >= equal)
            if len(twins) and same[start + one] < 0:
                there = same[start + twins]
                number = int(there[there >= 0][0]) if (there >= 0).any() else group
                group += number == group
                same[start + one] = number
                same[start + twins[there < 0]] = number
    return like, alike, same, apart


def _votes(evidence: PairEvidence) -> dict[str, np.ndarray]:
    """Return the standardised mean vote of each family of voters: those whose names begin alike."""
    families: dict[str, list[int]] = {}
    for at, name in enumerate(evidence.voters):
        families.setdefault(re.split(r"[-_./: ]", name, maxsplit=1)[0], []).append(at)
    votes = evidence.gains[np.nan_to_num(evidence.votes).astype(int)]
    votes = np.where(np.isfinite(evidence.votes), votes, np.nan)
    for at in range(votes.shape[1]):
        known = np.isfinite(votes[:, at])
        spread = votes[known, at].std() if known.any() else 0.0
        if spread > LEAST_SPREAD:
            votes[:, at] = (votes[:, at] - votes[known, at].mean()) / spread
    if len(evidence.voters) <= FEW_VOTERS:
        families = {name: [at] for at, name in enumerate(evidence.voters)}
    return {f"votes {name}": _mean(votes[:, columns]) for name, columns in families.items()}
