"""All probabilities about the labels pooled into one opinion per example, and what it says about the given label.

Views (heads on embeddings, the user's out-of-fold probabilities) are pooled by the geometric mean. Then Bayes' rule
with a noise matrix turns "which label would be given here" into "which label is true, given that this one was given".
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from workbench.evidence import Evidence
from workbench.issues.heads import Ridge, discriminant
from workbench.issues.sharpen import power_and_noise
from workbench.issues.space import Space, plain_space, unit_space

FLOOR = 1e-6
AGREEMENT = 0.6  # exponent of pooled probabilities beside the noise matrix: views that agree are not independent
ALONE = 0.8  # the same exponent for given probabilities alone
SMOOTHING = 0.65  # how far the noise matrix is drawn to "every wrong class alike"
PSEUDO = 15.0  # errors that a class's own count must exceed before it is trusted over the mean of all classes
ROUNDS = 3
SHARPENED = 10**7  # rows x classes on which the noise matrix of sharpened probabilities is counted
TIE = 1e-6
NEAREST = 50
NEAREST_ROWS = 30_000  # above, votes of nearest neighbours are left out: the search would cost the most
NEAR_ROWS, NEAR_COLUMNS = 256, 1 << 14  # of one block of distances in a search for some rows: 16 MB
DENSE = 2 * 10**7  # rows x classes up to which soft labels are learned again
WIDE = 2 * 10**8  # rows x classes above which heads give way to neighbours' votes
MANY_CLASSES = 2000  # above, the noise matrix is one rate


@dataclass(frozen=True)
class Opinion:
    """What the pooled views say, reduced to a few numbers per row.

    Attributes
    ----------
    p_given : float32 (n,), pooled probability of the given label; NaN for an unlabelled row
    other : int32 (n,), likeliest class beside the given one (of all classes for an unlabelled row); -1 for k = 1
    p_other : float32 (n,), its pooled probability
    p_wrong : float32 (n,), posterior probability that the given label is wrong, smoothed noise matrix: ranks best
    p_rough : float32 (n,), the same after sharpening (`sharpen`) and by the noise matrix of the sharpened
        probabilities: ranks less well, and its mean is the better estimate of the share of errors
    p_suggested : float32 (n,), posterior probability of `other`
    views : tuple of str, what was pooled
    notes : list of str
    control : float32 (n,) or None, probability of the given label by the first head alone
    vectors : float32 (n, p) or None, the space in which the heads worked
    """

    p_given: np.ndarray
    other: np.ndarray
    p_other: np.ndarray
    p_wrong: np.ndarray
    p_rough: np.ndarray
    p_suggested: np.ndarray
    views: tuple[str, ...]
    notes: list[str] = field(default_factory=list)
    control: np.ndarray | None = None
    vectors: np.ndarray | None = None


def opinion(evidence: Evidence, seed: int = 0) -> Opinion | None:
    """The pooled opinion of all out-of-sample views; None when there is none.

    Parameters
    ----------
    evidence : with out-of-fold `pred_probs`, `embeddings`, or both
    seed : of the landmarks of large sets
    """
    n, k, given = evidence.n, evidence.k, evidence.given_labels
    notes: list[str] = []
    views: list[str] = []
    control = None
    probs = evidence.get("pred_probs") if evidence.has("pred_probs") and evidence.out_of_fold else None
    if evidence.has("embeddings") and k > 1 and np.count_nonzero(np.bincount(given[given >= 0], minlength=k)) > 1:
        if n * k <= WIDE:
            space = _space(evidence, seed)
            pooled, views, control = _heads(evidence, space, probs, notes, seed)
            if pooled is not None:
                matrices = noise_matrices(_softmax(pooled), given, SMOOTHING)
                both = _reduce(pooled.__getitem__, matrices, evidence, tuple(views), notes, control, space.vectors)
                return _unbiased(both, evidence, probs)
        else:
            notes.append(f"{n} x {k} is too much for classifiers on embeddings: votes of neighbours instead")
            votes = evidence.get("neighbor_labels")
            views = ["neighbours' votes", *(["given pred_probs"] if probs is not None else [])]
            return _reduce(lambda rows: _voted(votes[rows], probs, rows, k), None, evidence, tuple(views), notes)
    return None if probs is None else _alone(evidence, probs, notes)


def _alone(evidence: Evidence, probs: np.ndarray, notes: list[str]) -> Opinion:
    """The opinion of the given probabilities without any other view."""
    given = evidence.given_labels
    matrices = noise_matrices(probs, given, SMOOTHING) if (given >= 0).any() else None
    return _reduce(lambda rows: _logs(probs[rows]), matrices, evidence, ("given pred_probs",), notes)


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
    return replace(both, p_rough=_alone(evidence, probs, []).p_rough)


def _heads(evidence: Evidence, space: Space, probs: np.ndarray | None, notes: list[str], seed: int):
    """Pooled log probabilities (n, k) of all heads and the given probabilities, their names, the first head alone."""
    n, k, given = evidence.n, evidence.k, evidence.given_labels
    taught = space.there & (given >= 0)
    if np.count_nonzero(np.bincount(given[taught], minlength=k)) < 2:
        notes.append("embeddings left out: fewer than two classes have one")
        return None, [], None
    ridge = Ridge(space.vectors, taught, k, seed)
    pooled = ridge.log_probs(given, given)
    every = np.arange(n)
    control = np.exp(pooled[every, np.maximum(given, 0)])
    control[given < 0] = np.nan
    views = ["kernel ridge"]
    how = "exact" if ridge.exact else f"{ridge.landmarks} landmarks"
    notes.append(f"kernel ridge, leave-one-out, {how}; {space.how}")
    alone = pooled.copy() if n * k <= DENSE else None
    pooled += discriminant(space.vectors, taught, given, k)
    views.append("linear discriminant")
    if alone is not None:
        start = pooled / 2
        pooled += _relearned(ridge, alone, given, taught, mix=False)
        pooled += _relearned(ridge, start, given, taught, mix=True)
        views += ["kernel ridge on corrected labels"] * 2
    else:
        notes.append("labels were not corrected and learned again: too many rows x classes")
    if n > NEAREST_ROWS:
        notes.append(f"no votes of neighbours above {NEAREST_ROWS:,} rows")
    elif n * k <= DENSE:
        pooled += votes(space.vectors, taught, given, k)
        views.append("nearest neighbours")
    if probs is not None:
        pooled += _logs(probs)
        views.append("given pred_probs")
    pooled /= len(views)
    views = list(dict.fromkeys(views))
    shares = np.bincount(given[given >= 0], minlength=k) / max((given >= 0).sum(), 1)
    lost = ~space.there
    if lost.any():
        notes.append(f"{int(lost.sum())} rows have no embedding")
        pooled[lost] = np.log(np.maximum(shares, FLOOR)) if probs is None else _logs(probs[lost])
    return pooled, views, control


def _space(evidence: Evidence, seed: int) -> Space:
    vectors = evidence.get("embeddings")
    if evidence.notes.get("embeddings", "").startswith("character n-grams"):
        return plain_space(vectors)
    return unit_space(vectors, seed=seed)


def _relearned(ridge: Ridge, start: np.ndarray, given: np.ndarray, taught: np.ndarray, mix: bool) -> np.ndarray:
    """Kernel ridge on soft labels P(true | x, given), three rounds: log probabilities (n, k).

    `mix`: the next soft labels come from the mean of `start` and the last answer, else from the last answer alone.
    """
    current = start
    settings = None
    for _ in range(ROUNDS):
        noise = noise_matrices(_softmax(current), given, 0)
        soft = np.zeros_like(current)
        if noise is None:
            soft[taught] = _symmetric(current[taught], given[taught], 0.1)
        else:
            soft[taught] = _softmax(current[taught] + np.log(np.maximum(noise[0][given[taught]], FLOOR)))
        again = ridge.log_probs(soft, given, settings)
        settings = ridge.settings
        current = (start + again) / 2 if mix else again
    return again


def votes(vectors: np.ndarray, taught: np.ndarray, given: np.ndarray, k: int) -> np.ndarray:
    """Log shares (n, k) of the labels of the 50 nearest taught rows, with two votes by the class shares."""
    from workbench.embeddings.neighbors import nearest

    n = len(given)
    rows = np.flatnonzero(taught)
    near = min(NEAREST, max(len(rows) // 5, 1))
    shares = np.bincount(given[rows], minlength=k) / len(rows)
    counts = np.tile((2 * shares).astype(np.float32), (n, 1))
    labels = np.where(taught, given, -1)
    found = nearest(np.where(vectors.any(axis=1)[:, None], vectors, np.nan), near).labels(labels)
    every, column = np.nonzero(found >= 0)
    np.add.at(counts, (every, found[every, column]), 1)
    return _logs(counts / counts.sum(axis=1, keepdims=True))


def labels_near(vectors: np.ndarray, rows: np.ndarray, given: np.ndarray, near: int) -> np.ndarray:
    """Labels (m, near) of the nearest other rows to `rows` by angle; an exact search for these rows only."""
    from workbench.embeddings.neighbors import smallest

    out = np.full((len(rows), near), -1, np.int64)
    for start in range(0, len(rows), NEAR_ROWS):
        some = rows[start : start + NEAR_ROWS]
        columns, distances = [], []
        for first in range(0, len(vectors), NEAR_COLUMNS):
            away = -vectors[some] @ vectors[first : first + NEAR_COLUMNS].T
            itself = np.flatnonzero((some >= first) & (some < first + NEAR_COLUMNS))
            away[itself, some[itself] - first] = np.inf
            best = smallest(away, min(near, away.shape[1]))
            columns.append(best + first)
            distances.append(np.take_along_axis(away, best, axis=1))
        best = smallest(np.concatenate(distances, axis=1), near)
        out[start : start + NEAR_ROWS] = given[np.take_along_axis(np.concatenate(columns, axis=1), best, axis=1)]
    return out


def noise_matrices(probs: np.ndarray, given: np.ndarray, *smoothings: float) -> list[np.ndarray] | None:
    """P(given = i | true = j) in row i, column j, from the confident joint, drawn to "every wrong class alike".

    Parameters
    ----------
    probs : float (n, k), out-of-sample
    given : int (n,), -1 = unlabelled
    smoothings : for each a matrix; 0 leaves the estimate, 1 keeps only its diagonal

    Returns
    -------
    list of float64 (k, k), columns sum to 1; None above 2,000 classes, where pairs of classes are too rare to count
    """
    from workbench.issues.confident import confident_joint

    n, k = probs.shape
    if k > MANY_CLASSES:
        return None
    if k == 1:
        return [np.ones((1, 1)) for _ in smoothings]
    if n * k <= WIDE:  # of equally likely classes the given one counts
        coarse = probs.dtype == np.float16
        probs = np.array(probs, np.float32)
        if coarse:  # such rows sum to 1 within a hundredth only
            probs /= probs.sum(axis=1, keepdims=True)
        labelled = np.flatnonzero(given >= 0)
        probs[labelled, given[labelled]] += TIE
    counts = confident_joint(given, probs, calibrate=False).astype(float)
    counts *= (np.bincount(given[given >= 0], minlength=k) / np.maximum(counts.sum(axis=1), 1))[:, None]
    return [smoothed(counts, smoothing) for smoothing in smoothings]


def smoothed(counts: np.ndarray, smoothing: float) -> np.ndarray:
    """Noise matrix of a joint (rows given, columns true); classes with few errors lean on the mean of all."""
    k = len(counts)
    totals = counts.sum(axis=0)
    off = counts.copy()
    np.fill_diagonal(off, 0)
    errors = off.sum(axis=0)
    overall = np.clip(errors.sum() / max(counts.sum(), 1e-12), 1e-4, 0.98)
    rate = np.clip((errors + PSEUDO) / (totals + PSEUDO / overall), 1e-4, 0.98)
    trust = (1 - smoothing) * errors / (errors + PSEUDO)
    matrix = rate * (trust * off / np.maximum(errors, 1e-12) + (1 - trust) / (k - 1))
    np.fill_diagonal(matrix, 1 - rate)
    return matrix


def _reduce(
    read, matrices, evidence: Evidence, views: tuple[str, ...], notes: list[str], control=None, vectors=None
) -> Opinion:
    """One pass over blocks of rows of log probabilities: everything that the detector needs of them."""
    n, k, given = evidence.n, evidence.k, evidence.given_labels
    step = max(1, (1 << 22) // k)
    parts = [slice(start, min(start + step, n)) for start in range(0, n, step)]
    rate = _rate(evidence, read, parts) if matrices is None else 0.0
    noise = None if matrices is None else [np.log(np.maximum(one, FLOOR)).astype(np.float32) for one in matrices]
    power, sharp_noise = (1.0, None) if matrices is None or k == 1 else _sharpened(read, given, matrices[0])
    exponent = ALONE if views == ("given pred_probs",) else AGREEMENT
    names = ("p_given", "p_other", "p_wrong", "p_rough", "p_suggested")
    out = {name: np.full(n, np.nan, np.float32) for name in names}
    other = np.full(n, -1, np.int32)
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
        if noise is None:
            posterior = _symmetric(logs[labelled], labels[labelled], rate)
            out["p_rough"][rows[labelled]] = 1 - posterior[here]
        else:
            sharpened = _softmax(power * logs[labelled] + sharp_noise[labels[labelled]])
            out["p_rough"][rows[labelled]] = 1 - sharpened[here]
            posterior = _softmax(exponent * logs[labelled] + noise[0][labels[labelled]])
        out["p_wrong"][rows[labelled]] = 1 - posterior[here]
        posterior[here] = -1
        best = posterior.argmax(axis=1)
        other[rows[labelled]] = best
        out["p_suggested"][rows[labelled]] = posterior[np.arange(len(labelled)), best]
        out["p_other"][rows[labelled]] = np.exp(logs[labelled, best])
    return Opinion(**out, other=other, views=views, notes=notes, control=control, vectors=vectors)


def _sharpened(read, given: np.ndarray, smooth: np.ndarray) -> tuple[float, np.ndarray]:
    """The power that sharpens the probabilities, and the log noise matrix (k, k) that they then show."""
    k = len(smooth)
    rows = np.flatnonzero(given >= 0)
    rows = rows[:: max(1, len(rows) * k // SHARPENED)]
    logs, labels = _normalised(read(rows)), given[rows]
    flips = smooth.copy()
    np.fill_diagonal(flips, 0)
    flips /= np.maximum(flips.sum(axis=0), 1e-30)
    power, _ = power_and_noise(logs, labels, flips)
    matrix = noise_matrices(_softmax(power * logs), labels, 0)[0]
    return power, np.log(np.maximum(matrix, FLOOR)).astype(np.float32)


def _rate(evidence: Evidence, read, parts: list[slice]) -> float:
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
    return _softmax(shifted)


def _voted(votes: np.ndarray, probs: np.ndarray | None, rows: slice, k: int) -> np.ndarray:
    """Log probabilities of a block from neighbours' labels, averaged with the given probabilities."""
    b, m = votes.shape
    block = np.full((b, k), 1.0 / (k * (m + 1)), np.float32)
    every, column = np.nonzero(votes >= 0)
    np.add.at(block, (every, votes[every, column]), 1.0 / (m + 1))
    if probs is not None:
        block = (block + probs[rows]) / 2
    return _logs(block)


def _logs(probs: np.ndarray) -> np.ndarray:
    return np.log(np.maximum(np.asarray(probs, np.float32), FLOOR))


def _normalised(logs: np.ndarray) -> np.ndarray:
    logs = logs - logs.max(axis=1, keepdims=True)
    return logs - np.log(np.exp(logs).sum(axis=1, keepdims=True))


def _softmax(logs: np.ndarray) -> np.ndarray:
    values = np.exp(logs - logs.max(axis=1, keepdims=True))
    values /= values.sum(axis=1, keepdims=True)
    return values
