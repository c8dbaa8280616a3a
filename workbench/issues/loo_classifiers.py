"""Classifiers on embeddings that never use a row's own label to predict that row.

Each head answers with log probabilities (n, k), leave-one-out in closed form. `Ridge` is kernel ridge regression on a
Gaussian kernel, on Nystroem landmarks where there are more rows (`exact_ridge` does without for some thousand).
`discriminant` is linear discriminant analysis with a shrunken covariance. Both look at unit vectors (see `space`); a
row without an embedding gets the class shares. Unlabelled rows are predicted but teach nothing.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import numpy as np

from workbench.foundation.reductions import in_threads

LANDMARKS = 1000
EFFORT = 1.5e11  # rows x landmarks^2 that are affordable: some seconds on two cores
ROUNDS = 3  # of k-means, whose centres are the landmarks: the choice of the first ones then matters little
PER_LANDMARK = 20  # rows at most that each landmark is the centre of
PENALTIES = (1e-4, 3e-4, 1e-3, 3e-3)
SHARPNESS = (2, 3, 4, 5, 6, 7, 8, 10)
SOFTENING = (0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.7, 1.0)
SAMPLE = 5000  # rows on which penalty and sharpness are chosen
WIDTH_RANK = 21
FLOOR = 1e-6


def log_softmax(values: np.ndarray) -> np.ndarray:
    """Log probabilities of rows, floored at log 1e-6; float32."""
    values = values.astype(np.float32, copy=True)
    values -= values.max(axis=1, keepdims=True)
    values -= np.log(np.exp(values).sum(axis=1, keepdims=True))
    return np.maximum(values, np.float32(np.log(FLOOR)), out=values)


def gaussian_kernel(a: np.ndarray, b: np.ndarray, width: float) -> np.ndarray:
    """exp(-|x - z|^2 / (2 width)) for all rows x of `a` and z of `b`: (n, m) of their dtype."""
    values = a @ b.T  # in place from here: a new array of this size costs more than the arithmetic
    values *= -2
    values += np.einsum("ij,ij->i", a, a)[:, None]
    values += np.einsum("ij,ij->i", b, b)
    np.maximum(values, 0, out=values)
    values *= np.float32(-0.5 / width)
    return np.exp(values, out=values)


class Ridge:
    """Kernel ridge regression with leave-one-out predictions in closed form.

    Parameters
    ----------
    vectors : float32 (n, p), unit rows (or 0)
    taught : bool (n,), rows with a label and an embedding
    k : number of classes
    seed : of the choice of landmarks
    most : landmarks, at most

    Notes
    -----
    K(x, z) = exp(-|x - z|^2 / (2 w)), w the median squared distance to the 21st neighbour. With m landmarks the kernel
    is approximated by K_nm K_mm^-1 K_mn (Williams & Seeger 2001), the landmarks being centres of k-means (Zhang & Kwok
    2008); with m = n it is exact. Left out, row i predicts
    (y^_i - h_ii y_i) / (1 - h_ii), h the leverages (Allen 1974, PRESS). Cost: n m^2, memory n m floats.
    """

    def __init__(self, vectors: np.ndarray, taught: np.ndarray, k: int, seed: int = 0, most: int | None = None) -> None:
        self.taught, self.k = taught, k
        self.rows = rows = np.flatnonzero(taught)
        m = int(min(len(rows), LANDMARKS if most is None else most, max(np.sqrt(EFFORT / max(len(rows), 1)), 64)))
        random = np.random.default_rng(seed)
        chosen = rows if m == len(rows) else np.sort(random.choice(rows, m, replace=False))
        self.landmarks, self.exact = m, m == len(rows)
        marks = vectors[chosen]
        self.width = median_width(marks, min(WIDTH_RANK, m - 1) * m / max(len(rows), 1))
        if not self.exact:
            seen = rows if len(rows) <= PER_LANDMARK * m else random.choice(rows, PER_LANDMARK * m, replace=False)
            marks = _centres(vectors[np.sort(seen)], marks)
        self._decompose(vectors, marks)
        self._picked = rows if len(rows) <= SAMPLE else np.sort(random.choice(rows, SAMPLE, replace=False))

    def _decompose(self, vectors: np.ndarray, marks: np.ndarray) -> None:
        """Features (n, m) whose Gram matrix over the taught rows is diagonal, its diagonal, and the leverages.

        Blocks of rows are worked on in threads; how they are cut depends on nothing else, nor does the result.
        """
        from scipy.linalg import cholesky, eigh
        from scipy.linalg.blas import strsm

        n, m = len(vectors), len(marks)
        exact = marks.astype(np.float64)  # in float32 near-duplicates and few dimensions leave negative eigenvalues
        among = gaussian_kernel(exact, exact, self.width)
        among[np.diag_indices(m)] += 1e-6
        factor = np.asfortranarray(cholesky(among, lower=True, check_finite=False), np.float32)
        self.features = np.empty((n, m), np.float32)
        parts = _parts(n, m, most=1 << 22)
        grams: list[Any] = [None] * len(parts)

        def embed(index: int) -> None:
            part = parts[index]
            block = gaussian_kernel(vectors[part], marks, self.width)
            solved = strsm(1.0, factor, block.T, lower=1, overwrite_b=1).T  # block.T is in Fortran's order: in place
            self.features[part] = solved
            known = self.taught[part]
            solved = solved if known.all() else solved[known]
            grams[index] = solved.T @ solved

        in_threads(embed, range(len(parts)), n * m)
        gram = functools.reduce(np.add, grams) if grams else np.zeros((m, m), np.float32)
        values, axes = eigh(gram, check_finite=False, overwrite_a=True, driver="evd")
        self.values = np.maximum(values, 0).astype(np.float64)
        gains = np.stack([self._gain(penalty) for penalty in PENALTIES], axis=1).astype(np.float32)
        self._leverages = np.empty((n, len(PENALTIES)), np.float32)

        def turn(part: slice) -> None:
            turned = self.features[part] @ axes
            self.features[part] = turned
            np.square(turned, out=turned)
            self._leverages[part] = np.minimum(turned @ gains, 0.999)

        in_threads(turn, parts, n * m)

    def log_probs(self, targets: np.ndarray, given: np.ndarray, settings: tuple | None = None) -> np.ndarray:
        """Leave-one-out log probabilities (n, k) after learning `targets`.

        Parameters
        ----------
        targets : int (n,) class indices, or float (n, k) soft labels; read at taught rows only
        given : int (n,), labels whose likelihood chooses penalty and sharpness
        settings : (penalty, sharpness) to use instead of choosing; `self.settings` after a call
        """
        taught = self._products(targets)
        if settings is None:
            settings = self._chosen(targets, taught, given[self._picked])
        self.settings = settings
        penalty, sharp = settings
        out = np.empty((len(self.taught), taught.shape[1]), np.float32)

        def answer(part: slice) -> None:
            out[part] = log_softmax(sharp * self._left_out(part, targets, taught, penalty))

        in_threads(answer, _parts(len(out), max(out.shape[1], self.landmarks)), self.features.size)
        return out

    def choose(self, targets: np.ndarray, given: np.ndarray) -> tuple[float, float]:
        """The penalty and the sharpness that `log_probs` would choose."""
        return self._chosen(targets, self._products(targets), given[self._picked])

    def _chosen(self, targets: np.ndarray, taught: np.ndarray, given: np.ndarray) -> tuple[float, float]:
        """The penalty and the sharpness under which the labels `given` of the picked rows are likeliest."""
        best = (-np.inf, PENALTIES[0], SHARPNESS[0])
        for penalty in PENALTIES:
            values = self._left_out(self._picked, targets, taught, penalty)
            likelihoods = sharpened_likelihoods(values, given, SHARPNESS)
            best = max(best, *((found, penalty, sharp) for found, sharp in zip(likelihoods, SHARPNESS)))
        return best[1:]

    def _gain(self, penalty: float) -> np.ndarray:
        return 1 / (self.values + penalty * len(self.rows))

    def _products(self, targets: np.ndarray) -> np.ndarray:
        """Features' transpose times the targets of the taught rows: (m, k)."""
        parts = _parts(len(self.features), self.landmarks)
        found: list[Any] = [None] * len(parts)

        def product(index: int) -> None:
            part = parts[index]
            if targets.ndim == 2:
                wanted = np.where(self.taught[part, None], targets[part], 0).astype(np.float32)
                found[index] = self.features[part].T @ wanted
            else:
                labels = np.where(self.taught[part], targets[part], -1)
                found[index] = class_sums(self.features[part], labels, self.k).T

        in_threads(product, range(len(parts)), self.features.size)
        return sum((one.astype(np.float64) for one in found), np.zeros((self.landmarks, 1)))

    def _left_out(self, rows: slice | np.ndarray, targets: np.ndarray, taught: np.ndarray, penalty: float):
        """What the rows are predicted to be, (b, k), each without its own target."""
        fitted = self.features[rows] @ (self._gain(penalty)[:, None] * taught).astype(np.float32)
        leverage = np.where(self.taught[rows], self._leverages[rows, PENALTIES.index(penalty)], 0)
        if targets.ndim == 2:
            fitted -= leverage[:, None] * np.where(self.taught[rows][:, None], targets[rows], 0)
        else:
            known = np.flatnonzero(self.taught[rows])
            fitted[known, targets[rows][known]] -= leverage[known]
        fitted /= (1 - leverage)[:, None]
        return fitted


def discriminant(vectors: np.ndarray, taught: np.ndarray, given: np.ndarray, k: int) -> np.ndarray:
    """Leave-one-out log probabilities (n, k) of linear discriminant analysis with a shrunken covariance.

    Parameters
    ----------
    vectors : float32 (n, p); taught : bool (n,); given : int (n,) class indices, read at taught rows

    Notes
    -----
    Shrinkage of the within-class covariance towards a multiple of the identity by Ledoit & Wolf 2004; a row's own
    share in its class mean and in the covariance is taken out by the formulas of Sherman & Morrison 1950. The
    probabilities are softened by the one exponent that makes the given labels most likely. A class with a single
    example cannot be predicted without that example: there its own class gets the least probability.
    """
    rows = np.flatnonzero(taught)
    n, p = len(rows), vectors.shape[1]
    labels = given[rows]
    counts = np.bincount(labels, minlength=k).astype(float)
    sums = np.zeros((k, p))
    for part in _parts(n, p):
        sums += class_sums(vectors[rows[part]], labels[part], k)
    means = sums / np.maximum(counts, 1)[:, None]
    scatter, fourth = np.zeros((p, p)), 0.0
    for part in _parts(n, p):
        away = vectors[rows[part]] - means[labels[part]].astype(np.float32)
        scatter += away.T @ away
        fourth += float((np.einsum("ij,ij->i", away, away).astype(float) ** 2).sum())
    free = max(n - np.count_nonzero(counts), 1)
    covariance = scatter / free
    level = max(np.trace(covariance) / p, 1e-12)
    spread = ((covariance - level * np.eye(p)) ** 2).sum()
    noise = max(fourth / n**2 - (covariance**2).sum() / n, 0)
    shrink = float(np.clip(noise / max(spread, 1e-30), 1e-3, 1))
    covariance = (1 - shrink) * covariance + shrink * level * np.eye(p)
    whiten = np.linalg.cholesky(np.linalg.inv(covariance)).astype(np.float32)
    centres = (means @ whiten).astype(np.float32)
    log_share = np.log(np.maximum(counts, 0.5) / max(n, 1)).astype(np.float32)
    log_share[counts == 0] = -30

    def evidence(some: np.ndarray) -> np.ndarray:
        """-1/2 squared distance plus log share, own row left out where it was taught."""
        points = vectors[some] @ whiten
        length = np.einsum("ij,ij->i", points, points)
        squared = length[:, None] - 2 * points @ centres.T + (centres * centres).sum(axis=1)[None]
        known = np.flatnonzero(taught[some])
        own = given[some[known]]
        away = points[known] - centres[own]
        size = counts[own]
        grow = size / np.maximum(size - 1, 1)
        mine = squared[known, own]
        rest = np.maximum(1 - grow * mine / free, 1e-3)
        dots = np.einsum("ij,ij->i", points[known], away)[:, None] - away @ centres.T
        squared[known] += (grow / free / rest)[:, None] * dots**2
        squared[known, own] = grow**2 * mine + grow / free / rest * (grow * mine) ** 2
        alone = known[size < 2]
        squared[alone, given[some[alone]]] = squared[alone].max(axis=1) + 20
        return -0.5 * np.maximum(squared, 0) + log_share

    picked = rows if n <= SAMPLE else rows[np.linspace(0, n - 1, SAMPLE).astype(int)]
    trial = evidence(picked)
    soften = max(zip(sharpened_likelihoods(trial, given[picked], SOFTENING), SOFTENING))[1]
    out = np.empty((len(vectors), k), np.float32)
    for part in _parts(len(vectors), max(k, p)):
        out[part] = log_softmax(soften * evidence(np.arange(part.start, min(part.stop, len(vectors)))))
    return out


def class_sums(values: np.ndarray, labels: np.ndarray, k: int) -> np.ndarray:
    """(k, p) sums of the rows (n, p) of each class; label -1 counts for none."""
    from scipy.sparse import csr_matrix

    known = np.flatnonzero(labels >= 0)
    place = (labels[known], known)
    return csr_matrix((np.ones(len(known), np.float32), place), shape=(k, len(values))) @ values


def sharpened_likelihoods(values: np.ndarray, given: np.ndarray, powers: Sequence[float]) -> list[float]:
    """Mean log probability of the labels `given` under softmax(power * values), floored at log 1e-6, for each power."""
    beside = values - values.max(axis=1, keepdims=True)
    own = beside[np.arange(len(given)), given]
    found = []
    for power in powers:
        total = np.exp(np.float32(power) * beside).sum(axis=1)
        found.append(float(np.maximum(power * own - np.log(total), np.log(FLOOR)).mean(dtype=np.float64)))
    return found


def _centres(points: np.ndarray, centres: np.ndarray) -> np.ndarray:
    """Centres (m, p) after some rounds of k-means; one that no point is nearest to stays where it was."""
    from workbench.evidence.neighbors import nearest_centre

    for _ in range(ROUNDS):
        owner = nearest_centre(points, centres)
        sizes = np.bincount(owner, minlength=len(centres)).astype(np.float32)
        means = class_sums(points, owner, len(centres)) / np.maximum(sizes, 1)[:, None]
        centres = np.where(sizes[:, None] > 0, means, centres).astype(np.float32)
    return centres


def median_width(marks: np.ndarray, rank: float) -> float:
    """Median squared distance among landmarks to the neighbour of this rank (scaled to all rows), above 0."""
    m = len(marks)
    if m < 2:
        return 1.0
    rank = int(np.clip(round(rank), 1, m - 1))
    picked = marks[:: max(1, m // 1000)]
    squared = (picked * picked).sum(axis=1)[:, None] + (marks * marks).sum(axis=1)[None] - 2 * picked @ marks.T
    width = float(np.median(np.partition(np.maximum(squared, 0), rank, axis=1)[:, rank]))
    return width if width > 1e-6 else max(float(squared.mean()), 1e-3)


def _parts(n: int, width: int, most: int = 1 << 23) -> list[slice]:
    step = max(1, most // max(width, 1))
    return [slice(start, min(start + step, n)) for start in range(0, n, step)]
