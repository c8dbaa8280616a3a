"""All probabilities about the labels pooled into one opinion per example, and what it says about the given label.

Views (heads on embeddings, the user's out-of-fold probabilities) are pooled by the geometric mean. Then Bayes' rule
with a noise matrix turns "which label would be given here" into "which label is true, given that this one was given".
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import reduce

import numpy as np

from workbench.evidence.evidence import Evidence
from workbench.evidence.spaces import Space, plain_space
from workbench.foundation.progress import step
from workbench.foundation.rows import softmax
from workbench.issues import counts
from workbench.issues.calibration import expit, logit, shifted_to
from workbench.issues.exact_ridge import ExactRidge, ridge
from workbench.issues.landmark_ridge import LandmarkRidge
from workbench.issues.likelihood import fit_sample
from workbench.issues.linked import LINKS, Linked, along_edges, copies_labels, linked
from workbench.issues.loo_classifiers import Ridge, discriminant
from workbench.issues.nearby import Read, logs_of, voted_by_neighbors, votes
from workbench.issues.noise import SMOOTHING, WIDE, flips_of, noise_matrices
from workbench.issues.telling_columns import telling_space
from workbench.issues.temperature import power_and_noise
from workbench.issues.voting import Voted, class_shares, usable, weigh_votes
from workbench.issues.weighing import EvidenceView, Weights, weigh

GIVEN_PROBS = "given pred_probs"
VOTES = "annotators' votes"
FLOOR = 1e-6
AGREEMENT = 0.6  # exponent of pooled probabilities beside the noise matrix: views that agree are not independent
LINKS_BASE = 2.0  # usual weight of the labels of linked nodes beside five classifiers on embeddings
ALONE = 0.8  # the same exponent for given probabilities alone
ROUNDS = 3
SHARPENED = 10**7  # rows x classes on which the noise matrix of sharpened probabilities is counted
ASK = (
    "whether the embeddings were trained on these labels is not known; if they were, they may hide wrong labels (it "
    "cost up to .08 average precision): say so with `embeddings_saw_labels=` or `save_embeddings(trained_on_labels=)`"
)
NEAREST_ROWS = 30_000  # above, votes of nearest neighbours are left out: the search would cost the most
DENSE = 2 * 10**7  # rows x classes up to which soft labels are learned again


@dataclass(frozen=True)
class Opinion:
    """What the pooled views say, reduced to a few numbers per row.

    Attributes
    ----------
    p_given : float32 (n,), pooled probability of the given label; NaN for an unlabelled row
    other : int32 (n,), most probable class other than the given one (of all for an unlabelled row); -1 for k = 1
    p_other : float32 (n,), its pooled probability
    p_wrong : float32 (n,), posterior probability that the given label is wrong, smoothed noise matrix: ranks best
    p_rough : float32 (n,), the same after sharpening (`sharpen`), by the noise that `counts` found: ranks less well,
        and its mean is the estimated share of errors
    p_least : float32 (n,), the same by the least noise that the labels allow (by half-way noise where errors clearly
        go between classes that the model confuses): for cuts that must hold
    p_suggested : float32 (n,), posterior probability of `other`
    views : tuple of str, what was pooled
    count : how many labels are wrong, and whether the labels can say so
    notes : list of str
    weights : how much each kind of evidence counts, and what was set aside; None for one kind with k = 1
    control : float32 (n,) or None, probability of the given label by the first head alone
    vectors : float32 (n, p) or None, the space in which the heads worked
    voted : what annotators' votes add, of the rows that have any; None without votes
    linked : what the labels of linked nodes say; None without edges
    """

    p_given: np.ndarray
    other: np.ndarray
    p_other: np.ndarray
    p_wrong: np.ndarray
    p_rough: np.ndarray
    p_least: np.ndarray
    p_suggested: np.ndarray
    views: tuple[str, ...]
    count: counts.Count
    notes: list[str] = field(default_factory=list)
    weights: Weights | None = None
    control: np.ndarray | None = None
    vectors: np.ndarray | None = None
    voted: Voted | None = None
    linked: Linked | None = None

    def log_odds(self) -> np.ndarray:
        """(n,) float64 log odds that the given label is wrong, by the votes too; NaN for an unlabelled row."""
        odds = logit(self.p_wrong.astype(float))
        if self.voted is not None:
            odds[self.voted.rows] = self.voted.odds
        return odds


@dataclass(frozen=True)
class Heads:
    """What the classifiers on embeddings say.

    Attributes
    ----------
    pooled : float32 (n, k), mean log probability; the class shares where there is no embedding
    names : of the heads, one for each part of the mean
    rows : int (m,), rows with a label and an embedding by which evidence is weighed
    honest : float32 (m, k), mean of the heads that never saw a row's own label in any way
    apart : the log probabilities (m, k) of the ridge and of the discriminant alone
    control : float32 (n,), probability of the given label by the first head
    """

    pooled: np.ndarray
    names: list[str]
    rows: np.ndarray
    honest: np.ndarray
    apart: tuple[np.ndarray, ...]
    control: np.ndarray


def opinion(evidence: Evidence, seed: int = 0) -> Opinion | None:
    """The pooled opinion of all out-of-sample views; None when there is none.

    Parameters
    ----------
    evidence : with out-of-fold `pred_probs`, `embeddings`, edges, or several of them
    seed : of the landmarks of large sets
    """
    n, k, given = evidence.n, evidence.k, evidence.given_labels
    notes: list[str] = []
    probs = evidence.get("pred_probs") if evidence.has("pred_probs") and evidence.out_of_fold else None
    links = linked(evidence, notes, seed) if evidence.edges is not None and k > 1 else None
    if evidence.has("embeddings") and k > 1 and np.count_nonzero(np.bincount(given[given >= 0], minlength=k)) > 1:
        if n * k > WIDE:
            notes.append(f"{n} x {k} is too much for classifiers on embeddings: votes of neighbours instead")
            return _by_neighbors(evidence, probs, notes)
        space = _space(evidence, seed)
        if evidence.edges is not None:
            space, links = along_edges(evidence, space, links, notes, seed)
        heads = _heads(evidence, space, notes, seed)
        if heads is not None:
            return _together(evidence, space, heads, probs, notes, links)
    if links is not None:
        return _by_links(evidence, links, probs, notes)
    if probs is not None:
        return _alone(evidence, probs, notes)
    return _votes_alone(evidence, notes) if evidence.votes is not None and k > 1 else None


def _votes_alone(evidence: Evidence, notes: list[str]) -> Opinion:
    """The opinion of annotators' votes without any model."""
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
    """The opinion of the given probabilities without any other view."""
    given = evidence.given_labels
    weights = None
    if evidence.k > 1 and (given >= 0).any():
        rows = fit_sample(np.flatnonzero(given >= 0), evidence.k)
        weights = weigh([EvidenceView("pred_probs", 1.0, logs_of(probs[rows]))], given[rows], evidence.k)
    matrices = noise_matrices(probs, given, SMOOTHING) if (given >= 0).any() else None
    return _reduce(lambda rows: logs_of(probs[rows]), matrices, evidence, (GIVEN_PROBS,), notes, weights)


def _by_links(evidence: Evidence, links: Linked, probs: np.ndarray | None, notes: list[str]) -> Opinion:
    """The opinion of the labels of linked nodes and given probabilities, without classifiers on embeddings."""
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
    found = _reduce(pooled.__getitem__, matrices, evidence, names, notes, weights, looked=rows)
    return replace(found, linked=links)


def _together(
    evidence: Evidence, space: Space, heads: Heads, probs: np.ndarray | None, notes: list[str], links: Linked | None
) -> Opinion:
    """The opinion of classifiers on embeddings and given probabilities, each weighed by what it is worth."""
    given, k = evidence.given_labels, evidence.k
    saw = evidence.saw_labels("embeddings")
    views = [EvidenceView("embeddings", len(heads.names), heads.honest, bool(saw), made_here=True)]
    if probs is not None:
        views.append(EvidenceView("pred_probs", 1.0, logs_of(probs[heads.rows])))
    if links is not None and not links.aside:
        views.append(EvidenceView(LINKS, LINKS_BASE, links.logs[heads.rows]))
    step("weighing the evidence")
    weights = weigh(views, given[heads.rows], k)
    if links is not None and links.aside:
        weights = replace(weights, aside={**weights.aside, LINKS: links.aside})
    if saw is None and "embeddings" in weights.shares:
        notes.append(ASK)
    notes += [f"{name} {reason}" for name, reason in weights.held.items()]
    share, of_links = weights.shares.get("pred_probs", 0.0), weights.shares.get(LINKS, 0.0)
    if "embeddings" not in weights.shares and links is not None and of_links > 0:
        probs = probs if share > 0 else None
        return replace(_by_links(evidence, links, probs, notes), weights=weights, control=heads.control)
    if "embeddings" not in weights.shares:
        assert probs is not None  # for their sake embeddings were set aside
        return replace(_alone(evidence, probs, notes), weights=weights, control=heads.control)
    pooled, names = heads.pooled, list(dict.fromkeys(heads.names))
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
    both = _reduce(
        pooled.__getitem__, matrices, evidence, tuple(names), notes, weights, heads.control, space.vectors, heads.apart,
        heads.rows,
    )  # fmt: skip
    return _unbiased(replace(both, linked=links), evidence, probs if share > 0 else None)


def _by_neighbors(evidence: Evidence, probs: np.ndarray | None, notes: list[str]) -> Opinion:
    """The opinion of neighbours' labels and given probabilities, where there are too many rows x classes for heads."""
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
    return _reduce(lambda rows: voted_by_neighbors(votes[rows], probs, rows, k), None, evidence, names, notes, weights)


def _unbiased(both: Opinion, evidence: Evidence, probs: np.ndarray | None) -> Opinion:
    """The share of errors from honest probabilities alone, where the embedding has seen the labels.

    A network that was trained on wrong labels has moved these examples towards them: its embedding still ranks well,
    and says less often that a label is wrong.
    """
    if not evidence.saw_labels("embeddings"):
        return both
    if probs is None or evidence.saw_labels("pred_probs"):
        both.notes.append("the embedding has learned these labels, so there may be more errors than expected")
        return both
    both.notes.append("number of errors by pred_probs alone, since the embedding has learned these labels")
    alone = _alone(evidence, probs, [])
    return replace(both, p_rough=alone.p_rough, p_least=alone.p_least, count=alone.count)


def _heads(evidence: Evidence, space: Space, notes: list[str], seed: int) -> Heads | None:
    """All classifiers on the embeddings; None where fewer than two classes have one."""
    n, k, given = evidence.n, evidence.k, evidence.given_labels
    taught = space.there & (given >= 0)
    if np.count_nonzero(np.bincount(given[taught], minlength=k)) < 2:
        notes.append("embeddings left out: fewer than two classes have one")
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
    alone = pooled.copy() if n * k <= DENSE else None
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
        notes.append("labels were not corrected and learned again: too many rows x classes")
    if n > NEAREST_ROWS:
        notes.append(f"no votes of neighbours above {NEAREST_ROWS:,} rows")
    elif n * k <= DENSE:
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
    return Heads(pooled, names, rows, reduce(np.add, parts) / len(parts), tuple(parts[:2]), control)


def _space(evidence: Evidence, seed: int) -> Space:
    vectors = evidence.get("embeddings")
    if evidence.of_texts:
        return plain_space(vectors)
    return telling_space(vectors, evidence.given_labels, evidence.k, seed)


def _relearned(
    kernel: Ridge | ExactRidge | LandmarkRidge, start: np.ndarray, given: np.ndarray, taught: np.ndarray, mix: bool
) -> np.ndarray:
    """Kernel ridge on soft labels P(true | x, given), three rounds: log probabilities (n, k).

    `mix`: the next soft labels come from the mean of `start` and the last answer, else from the last answer alone.
    """
    current = again = start
    settings = None
    for _ in range(ROUNDS):
        noise = noise_matrices(softmax(current), given, 0)
        soft = np.zeros_like(current)
        if noise is None:
            soft[taught] = _symmetric(current[taught], given[taught], 0.1)
        else:
            soft[taught] = softmax(current[taught] + np.log(np.maximum(noise[0][given[taught]], FLOOR)))
        again = kernel.log_probs(soft, given, settings)
        settings = kernel.settings
        current = (start + again) / 2 if mix else again
    return again


def _reduce(
    read: Read, matrices: list[np.ndarray] | None, evidence: Evidence, views: tuple[str, ...], notes: list[str],
    weights: Weights | None = None, control: np.ndarray | None = None, vectors: np.ndarray | None = None,
    apart: tuple[np.ndarray, ...] = (), looked: np.ndarray | None = None,
) -> Opinion:  # fmt: skip
    """One pass over blocks of rows of log probabilities: everything that the detector needs of them."""
    n, k, given = evidence.n, evidence.k, evidence.given_labels
    step = max(1, (1 << 22) // k)
    parts = [slice(start, min(start + step, n)) for start in range(0, n, step)]
    rate = _rate(evidence, read, parts) if matrices is None else 0.0
    noise = None if matrices is None else [np.log(np.maximum(one, FLOOR)).astype(np.float32) for one in matrices]
    power, sharp_noise = (1.0, None) if matrices is None or k == 1 else _sharpened(read, given, matrices[0])
    share = (weights.shares if weights is not None else {}).get("pred_probs", float(views == (GIVEN_PROBS,)))
    exponent = AGREEMENT + (ALONE - AGREEMENT) * share
    names = ("p_given", "p_other", "p_wrong", "p_rough", "p_suggested")
    out = {name: np.full(n, np.nan, np.float32) for name in names}
    other = np.full(n, -1, np.int32)
    labelled_rows = np.flatnonzero(given >= 0)
    found = flips = None
    if k > 1 and len(labelled_rows):
        if looked is None:
            looked = fit_sample(labelled_rows, k)
        flips = None if matrices is None else flips_of(matrices[0])
        found = counts.look(_normalised(read(looked)), given[looked], flips, apart)
    slips = [np.full(n, np.nan, np.float32) for _ in range(2)]
    disagree = 0
    for part in parts:
        rows = np.arange(part.start, part.stop)
        labels = given[part]
        logs = _normalised(read(part))
        labelled = np.flatnonzero(labels >= 0)
        own = logs[labelled, labels[labelled]]
        beside = logs.copy()
        beside[labelled, labels[labelled]] = -np.inf
        if k > 1:
            best = beside.argmax(axis=1)
            other[part] = best
            out["p_other"][part] = np.exp(beside[np.arange(len(rows)), best])
        out["p_given"][rows[labelled]] = np.exp(own)
        out["p_suggested"][part] = out["p_other"][part]
        if k == 1:
            out["p_wrong"][rows[labelled]] = out["p_rough"][rows[labelled]] = 0
            continue
        here = (np.arange(len(labelled)), labels[labelled])
        disagree += int((out["p_other"][rows[labelled]] > out["p_given"][rows[labelled]]).sum())
        if found is not None:
            for values, e in zip(slips, (found.noise, found.low)):
                values[rows[labelled]] = counts.slip(found.power * logs[labelled], labels[labelled], flips, e)
        if noise is None or sharp_noise is None:
            posterior = _symmetric(logs[labelled], labels[labelled], rate)
            out["p_rough"][rows[labelled]] = 1 - posterior[here]
        else:
            sharpened = softmax(power * logs[labelled] + sharp_noise[labels[labelled]])
            out["p_rough"][rows[labelled]] = 1 - sharpened[here]
            posterior = softmax(exponent * logs[labelled] + noise[0][labels[labelled]])
        out["p_wrong"][rows[labelled]] = 1 - posterior[here]
        posterior[here] = -1
        best = posterior.argmax(axis=1)
        other[rows[labelled]] = best
        out["p_suggested"][rows[labelled]] = posterior[np.arange(len(labelled)), best]
        out["p_other"][rows[labelled]] = np.exp(logs[labelled, best])
    total = counts.Count(True, 0.0, 0.0, 0.0)
    out["p_least"] = out["p_rough"]
    if found is not None:
        total = counts.count(
            found, out["p_rough"], slips[0], disagree / len(labelled_rows), len(labelled_rows), k, bool(apart),
            weights is None or weights.tells, counts.MOST_APART if LINKS in views and not apart else np.inf,
        )  # fmt: skip
        out["p_rough"], out["p_least"] = counts.mixed(total, out["p_rough"], *slips)
    voted = None
    if evidence.votes is not None and k > 1:
        tells = weights is None or weights.tells
        voted, why = by_votes(evidence, read if tells else None, None if matrices is None else matrices[0])
        if voted is None:
            notes.append(f"{VOTES} set aside: they {why}")
        else:
            rows = voted.rows
            other[rows], out["p_wrong"][rows], out["p_suggested"][rows] = voted.other, expit(voted.odds), voted.p_other
            out["p_other"][rows] = np.exp(_normalised(read(rows))[np.arange(len(rows)), voted.other])
            views = (*views, VOTES)
            known = rows[given[rows] >= 0]
            for name in ("p_rough", "p_least"):  # the posterior ranks, the model's count sets the level
                out[name] = out[name].copy()
                level = float(out[name][known].mean())
                if 0 < level < 1:
                    out[name][known] = expit(shifted_to(logit(out["p_wrong"][known].astype(float)), level))
    return Opinion(
        **out, other=other, views=views, count=total, notes=notes, weights=weights, control=control, vectors=vectors,
        voted=voted, linked=None,
    )  # fmt: skip


def by_votes(evidence: Evidence, read: Read | None, matrix: np.ndarray | None) -> tuple[Voted | None, str]:
    """What the votes add to a model (`read`: log probabilities of rows) or say alone (None); and why not."""
    votes, k, given = evidence.votes, evidence.k, evidence.given_labels
    if votes is None:
        return None, "are none"
    if read is not None:
        predicted = read(np.unique(votes.rows)).argmax(axis=1)
        votes, why = usable(votes, predicted, given)
        if votes is None:
            return None, why
    rows = np.unique(votes.rows)
    logs = class_shares(given, k, len(rows)) if read is None else _normalised(read(rows))
    return weigh_votes(votes, logs, given, matrix, model=read is not None), ""


def _sharpened(read: Read, given: np.ndarray, smooth: np.ndarray) -> tuple[float, np.ndarray]:
    """The power that sharpens the probabilities, and the log noise matrix (k, k) that they then show."""
    k = len(smooth)
    rows = np.flatnonzero(given >= 0)
    rows = rows[:: max(1, len(rows) * k // SHARPENED)]
    logs, labels = _normalised(read(rows)), given[rows]
    power, _ = power_and_noise(logs, labels, flips_of(smooth))
    matrices = noise_matrices(softmax(power * logs), labels, 0)
    assert matrices is not None  # of as many classes as `smooth`
    return power, np.log(np.maximum(matrices[0], FLOOR)).astype(np.float32)


def _rate(evidence: Evidence, read: Read, parts: list[slice]) -> float:
    """Share of labelled rows whose given label is not the likeliest: a rough error rate for very many classes."""
    wrong = total = 0
    for part in parts:
        labels = evidence.given_labels[part]
        labelled = np.flatnonzero(labels >= 0)
        wrong += int((read(part)[labelled].argmax(axis=1) != labels[labelled]).sum())
        total += len(labelled)
    return min(max(wrong / max(total, 1), 1e-3), 0.5)


def _symmetric(logs: np.ndarray, labels: np.ndarray, rate: float) -> np.ndarray:
    """Posterior under one error rate spread evenly over the other classes."""
    shifted = logs.copy()
    shifted[np.arange(len(labels)), labels] += np.log((1 - rate) / rate * (logs.shape[1] - 1))
    return softmax(shifted)


def _normalised(logs: np.ndarray) -> np.ndarray:
    logs = logs - logs.max(axis=1, keepdims=True)
    return logs - np.log(np.exp(logs).sum(axis=1, keepdims=True))
