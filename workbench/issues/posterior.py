"""Pool all out-of-sample probabilities into one opinion per example, and derive the posterior of the given label.

Views (heads on embeddings, the user's out-of-fold probabilities) are pooled by the geometric mean. Bayes' rule with a
noise matrix then gives the posterior of the true label (`opinions`).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache, partial, reduce

import numpy as np

from workbench.evidence.evidence import Evidence
from workbench.evidence.spaces import Space, plain_space
from workbench.foundation.progress import step
from workbench.foundation.recall import recalled
from workbench.foundation.rows import softmax
from workbench.issues import counts
from workbench.issues.calibration import expit
from workbench.issues.exact_ridge import ExactRidge, ridge
from workbench.issues.landmark_ridge import LandmarkRidge
from workbench.issues.likelihood import fit_sample
from workbench.issues.linked import LINKS, Linked, along_edges, copies_labels, linked
from workbench.issues.loo_classifiers import Ridge, discriminant
from workbench.issues.nearby import logs_of, voted_by_neighbors, votes
from workbench.issues.noise import SMOOTHING, WIDE, noise_matrices
from workbench.issues.opinions import FLOOR, GIVEN_PROBS, VOTES, Opinion, by_votes, reduced, under_one_rate
from workbench.issues.own_influence import support_of_similar_rows
from workbench.issues.smoothed import of_similar_rows
from workbench.issues.telling_columns import telling_space
from workbench.issues.weighing import CONTRADICTED, HELD, SMOOTHED, TOO_GOOD, EvidenceView, weigh

LINKS_BASE = 2.0  # default weight of the labels of linked nodes, relative to five classifiers on embeddings
ROUNDS = 3
ASK = (
    "whether the embeddings were trained on these labels is not known; if so, they may hide wrong labels (up to .08 "
    "lower average precision): specify `embeddings_saw_labels=` or `save_embeddings(trained_on_labels=)`"
)
NEAREST_ROWS = 30_000  # above, votes of nearest neighbours are left out, because the search would dominate the cost
RELEARNED_CELLS = 2 * 10**7  # rows x classes up to which soft labels are learned again


@dataclass(frozen=True)
class Heads:
    """Predictions of the classifiers on embeddings.

    Attributes
    ----------
    pooled : float32 (n, k), mean log probability; the class shares for rows without an embedding
    names : names of the heads, one for each part of the mean
    rows : int (m,), rows with a label and an embedding on which evidence is weighed
    honest : float32 (m, k), mean of the heads that have not seen a row's own label in any way
    apart : the log probabilities (m, k) of the ridge and of the discriminant alone
    control : float32 (n,), probability of the given label by the first head
    notes : remarks for the description of the method
    """

    pooled: np.ndarray
    names: list[str]
    rows: np.ndarray
    honest: np.ndarray
    apart: tuple[np.ndarray, ...]
    control: np.ndarray
    notes: tuple[str, ...]


def opinion(evidence: Evidence, seed: int = 0) -> Opinion | None:
    """Return the pooled opinion of all out-of-sample views; None if there are none.

    Parameters
    ----------
    evidence : with out-of-fold `pred_probs`, `embeddings`, edges, or several of them
    seed : random seed of the landmarks for large sets
    """
    n, k, given = evidence.n, evidence.k, evidence.given_labels
    notes: list[str] = []
    probs = evidence.get("pred_probs") if evidence.has("pred_probs") and evidence.out_of_fold else None
    links = linked(evidence, notes, seed) if evidence.edges is not None and k > 1 else None
    if evidence.has("embeddings") and k > 1 and np.count_nonzero(np.bincount(given[given >= 0], minlength=k)) > 1:
        if n * k > WIDE:
            notes.append(f"{n} x {k} is too much for classifiers on embeddings; votes of neighbours are used")
            return _by_neighbors(evidence, probs, notes)
        space = _space(evidence, seed)
        if evidence.edges is not None:
            space, links = along_edges(evidence, space, links, notes, seed)
        heads = _heads(space, given, k, seed)
        if heads is None:
            notes.append("embeddings ignored: fewer than two classes have any")
        else:
            notes += heads.notes
            return _together(evidence, space, heads, probs, notes, links)
    if links is not None:
        return _by_links(evidence, links, probs, notes)
    if probs is not None:
        return _alone(evidence, probs, notes)
    return _votes_alone(evidence, notes) if evidence.votes is not None and k > 1 else None


def _votes_alone(evidence: Evidence, notes: list[str]) -> Opinion:
    """Return the opinion of annotators' votes without any model."""
    n, k, given = evidence.n, evidence.k, evidence.given_labels
    voted, _ = by_votes(evidence, None, None)
    assert voted is not None  # votes are set aside beside a model only
    rows = voted.rows
    unknown = np.full(n, np.nan, np.float32)
    p_wrong, p_other, other = unknown.copy(), unknown.copy(), np.full(n, -1, np.int32)
    p_wrong[rows], p_other[rows], other[rows] = expit(voted.odds), voted.p_other, voted.other
    total = counts.votes_count(p_wrong[rows][given[rows] >= 0], k)
    return Opinion(
        unknown, other, p_other, p_wrong, p_wrong.copy(), p_wrong.copy(), p_other.copy(), (VOTES,), total, notes,
        voted=voted,
    )  # fmt: skip


def _alone(evidence: Evidence, probs: np.ndarray, notes: list[str]) -> Opinion:
    """Return the opinion of the given probabilities without any other view."""
    given = evidence.given_labels
    weights = None
    if evidence.k > 1 and (given >= 0).any():
        rows = fit_sample(np.flatnonzero(given >= 0), evidence.k)
        weights = weigh([EvidenceView("pred_probs", 1.0, logs_of(probs[rows]))], given[rows], evidence.k)
        notes += [f"{name} {reason}" for name, reason in weights.held.items()]
    matrices = noise_matrices(probs, given, SMOOTHING) if (given >= 0).any() else None
    return reduced(lambda rows: logs_of(probs[rows]), matrices, evidence, (GIVEN_PROBS,), notes, weights)


def _by_links(evidence: Evidence, links: Linked, probs: np.ndarray | None, notes: list[str]) -> Opinion:
    """Return the opinion of linked nodes and given probabilities, without classifiers on embeddings."""
    given, k = evidence.given_labels, evidence.k
    rows = fit_sample(np.flatnonzero(given >= 0), k)
    copied = "" if probs is None else copies_labels(links, logs_of(probs[rows]), rows, given)
    views = [] if copied else [EvidenceView(LINKS, 1.0, links.logs[rows])]
    views += [] if probs is None else [EvidenceView("pred_probs", 1.0, logs_of(probs[rows]))]
    weights = weigh(views, given[rows], k)
    weights = replace(weights, aside={**weights.aside, LINKS: copied}) if copied else weights
    if LINKS not in weights.shares:
        assert probs is not None  # for their sake the links were set aside
        return replace(_alone(evidence, probs, notes), weights=weights)
    share = weights.shares.get("pred_probs", 0.0)
    pooled, names = links.logs, (LINKS,)
    if probs is not None and share > 0:
        pooled = share * logs_of(probs) + (1 - share) * pooled
        pooled[~links.there] = logs_of(probs[~links.there])
        names = (LINKS, GIVEN_PROBS)
    notes.append(links.how)
    matrices = noise_matrices(softmax(pooled), given, SMOOTHING)
    found = reduced(pooled.__getitem__, matrices, evidence, names, notes, weights, looked=rows)
    return replace(found, linked=links)


def _together(
    evidence: Evidence, space: Space, heads: Heads, probs: np.ndarray | None, notes: list[str], links: Linked | None
) -> Opinion:
    """Return the weighted opinion of classifiers on embeddings, given probabilities and links."""
    given, k = evidence.given_labels, evidence.k
    saw = evidence.saw_labels("embeddings")
    columns = np.shape(evidence.get("embeddings"))[1]
    views = [EvidenceView("embeddings", len(heads.names), heads.honest, bool(saw), made_here=True, columns=columns)]
    if probs is not None:
        logs = logs_of(probs[heads.rows])
        support = cache(partial(_support, space, heads.rows, logs, given))
        views.append(EvidenceView("pred_probs", 1.0, logs, support=support))
    if links is not None and not links.aside:
        views.append(EvidenceView(LINKS, LINKS_BASE, links.logs[heads.rows]))
    step("weighing the evidence")
    weights = weigh(views, given[heads.rows], k)
    if links is not None and links.aside:
        weights = replace(weights, aside={**weights.aside, LINKS: links.aside})
    if saw is None and "embeddings" in weights.shares:
        notes.append(ASK)
    why = {HELD: TOO_GOOD, CONTRADICTED: CONTRADICTED}.get(weights.held.get("pred_probs", ""))
    if probs is not None and why is not None and evidence.n <= NEAREST_ROWS:
        probs = of_similar_rows(space.vectors, probs, space.there)
        views[1] = replace(views[1], honest=logs_of(probs[heads.rows]), made_here=True, support=None, limited=True)
        again = weigh(views, given[heads.rows], k)
        weights = replace(again, held={**again.held, "pred_probs": f"{why}; {SMOOTHED}"})
    notes += [f"{name} {reason}" for name, reason in weights.held.items()]
    share, of_links = weights.shares.get("pred_probs", 0.0), weights.shares.get(LINKS, 0.0)
    if "embeddings" not in weights.shares and links is not None and of_links > 0:
        probs = probs if share > 0 else None
        return replace(_by_links(evidence, links, probs, notes), weights=weights, control=heads.control)
    if "embeddings" not in weights.shares:
        assert probs is not None  # for their sake embeddings were set aside
        return replace(_alone(evidence, probs, notes), weights=weights, control=heads.control)
    pooled, names = heads.pooled, list(dict.fromkeys(heads.names))
    pooled = pooled if pooled.flags.writeable else pooled.copy()  # it is read-only where others recall it
    lost = ~space.there
    if probs is not None and share > 0:
        names.append(GIVEN_PROBS)
        pooled *= 1 - share / (1 - of_links)
        pooled += share / (1 - of_links) * logs_of(probs)
        pooled[lost] = logs_of(probs[lost])
    if links is not None and of_links > 0:
        names.append(LINKS)
        notes.append(links.how)
        pooled[links.there] += of_links / (1 - of_links) * links.logs[links.there]
        pooled[links.there] *= 1 - of_links
        pooled[links.there & lost] = links.logs[links.there & lost]
    matrices = noise_matrices(softmax(pooled), given, SMOOTHING)
    both = reduced(
        pooled.__getitem__, matrices, evidence, tuple(names), notes, weights, heads.control, space.vectors, heads.apart,
        heads.rows,
    )  # fmt: skip
    return _unbiased(replace(both, linked=links), evidence, probs if share > 0 else None)


def _support(space: Space, rows: np.ndarray, logs: np.ndarray, given: np.ndarray) -> float:
    """Return `support_of_similar_rows` of given probabilities."""
    return support_of_similar_rows(space.vectors[rows], logs, given[rows])


def _by_neighbors(evidence: Evidence, probs: np.ndarray | None, notes: list[str]) -> Opinion:
    """Return the opinion of neighbours' labels and given probabilities, for too many rows x classes for heads."""
    given, k = evidence.given_labels, evidence.k
    votes = evidence.get("neighbor_labels")
    rows = fit_sample(np.flatnonzero(given >= 0), k)
    views = [EvidenceView("embeddings", 1.0, voted_by_neighbors(votes[rows], None, rows, k))]
    if probs is not None:
        views.append(EvidenceView("pred_probs", 1.0, logs_of(probs[rows])))
    weights = weigh(views, given[rows], k)
    if "embeddings" not in weights.shares:
        assert probs is not None  # for their sake neighbours were set aside
        return replace(_alone(evidence, probs, notes), weights=weights)
    probs = probs if "pred_probs" in weights.shares else None
    names = ("neighbours' votes", *([GIVEN_PROBS] if probs is not None else []))
    return reduced(lambda rows: voted_by_neighbors(votes[rows], probs, rows, k), None, evidence, names, notes, weights)


def _unbiased(both: Opinion, evidence: Evidence, probs: np.ndarray | None) -> Opinion:
    """Estimate the share of errors from clean probabilities only, if the embedding has seen the labels.

    A network trained on wrong labels moves these examples towards them: its embedding still ranks well but
    underestimates the number of errors.
    """
    if not evidence.saw_labels("embeddings"):
        return both
    if probs is None or evidence.saw_labels("pred_probs"):
        both.notes.append("the embedding has learned these labels, so there may be more errors than expected")
        return both
    both.notes.append("number of errors by pred_probs alone, since the embedding has learned these labels")
    alone = _alone(evidence, probs, [])
    return replace(both, p_rough=alone.p_rough, p_least=alone.p_least, count=alone.count)


@recalled
def _heads(space: Space, given: np.ndarray, k: int, seed: int) -> Heads | None:
    """Fit all classifiers on the embeddings; None if fewer than two classes have an embedding."""
    n, notes = len(given), []
    taught = space.there & (given >= 0)
    if np.count_nonzero(np.bincount(given[taught], minlength=k)) < 2:
        return None
    rows = fit_sample(np.flatnonzero(taught), k)
    step("kernel ridge on embeddings")
    kernel = ridge(space.vectors, taught, k, seed)
    pooled = kernel.log_probs(given, given)
    every = np.arange(n)
    control = np.exp(pooled[every, np.maximum(given, 0)])
    control[given < 0] = np.nan
    parts = [pooled[rows]]
    names = ["kernel ridge"]
    how = "exact" if kernel.exact else f"{kernel.landmarks} landmarks"
    notes.append(f"kernel ridge, leave-one-out, {how}; {space.how}")
    alone = pooled.copy() if n * k <= RELEARNED_CELLS else None
    linear = discriminant(space.vectors, taught, given, k)
    pooled += linear
    parts.append(linear[rows])
    names.append("linear discriminant")
    if alone is not None:
        step("kernel ridge on corrected labels")
        start = pooled / 2
        pooled += _relearned(kernel, alone, given, taught, mix=False)
        pooled += _relearned(kernel, start, given, taught, mix=True)
        names += ["kernel ridge on corrected labels"] * 2
    else:
        notes.append("no second pass on corrected labels: too many rows x classes")
    if n > NEAREST_ROWS:
        notes.append(f"no votes of neighbours above {NEAREST_ROWS:,} rows")
    elif n * k <= RELEARNED_CELLS:
        step("nearest neighbours")
        near = votes(space.vectors, taught, given, k)
        pooled += near
        parts.append(near[rows])
        names.append("nearest neighbours")
    pooled /= len(names)
    shares = np.bincount(given[given >= 0], minlength=k) / max((given >= 0).sum(), 1)
    lost = ~space.there
    if lost.any():
        notes.append(f"{int(lost.sum())} rows have no embedding")
        pooled[lost] = np.log(np.maximum(shares, FLOOR))
    return Heads(pooled, names, rows, reduce(np.add, parts) / len(parts), tuple(parts[:2]), control, tuple(notes))


def _space(evidence: Evidence, seed: int) -> Space:
    vectors = evidence.get("embeddings")
    if evidence.of_texts:
        return plain_space(vectors)
    return telling_space(vectors, evidence.given_labels, evidence.k, seed)


def _relearned(
    kernel: Ridge | ExactRidge | LandmarkRidge, start: np.ndarray, given: np.ndarray, taught: np.ndarray, mix: bool
) -> np.ndarray:
    """Fit kernel ridge to soft labels P(true | x, given) in three rounds; return log probabilities (n, k).

    With `mix`, the next soft labels come from the mean of `start` and the last result, otherwise from the last result.
    """
    current = again = start
    settings = None
    for _ in range(ROUNDS):
        noise = noise_matrices(softmax(current), given, 0)
        soft = np.zeros_like(current)
        if noise is None:
            soft[taught] = under_one_rate(current[taught], given[taught], 0.1)
        else:
            soft[taught] = softmax(current[taught] + np.log(np.maximum(noise[0][given[taught]], FLOOR)))
        again = kernel.log_probs(soft, given, settings)
        settings = kernel.settings
        current = (start + again) / 2 if mix else again
    return again
