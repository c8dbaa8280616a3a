"""Classifiers on embeddings that never use a row's own label to predict that row.

Each head answers with log probabilities (n, k), leave-one-out in closed form. `Ridge` is kernel ridge regression on a
Gaussian kernel: exact for some thousand rows, on Nystroem landmarks above. `discriminant` is linear discriminant
analysis with a shrunken covariance. Both look at unit vectors (see `space`); a row without an embedding gets the class
shares. Unlabelled rows are predicted but teach nothing.
"""

from __future__ import annotations

import numpy as np

LANDMARKS = 2500
EFFORT = 2.5e11  # rows x landmarks^2 that are affordable: some seconds on two cores
PENALTIES = (1e-4, 3e-4, 1e-3, 3e-3)
SHARPNESS = (2, 3, 4, 5, 6, 7, 8, 10)
SAMPLE = 5000  # rows on which penalty and sharpness are chosen
WIDTH_RANK = 21
FLOOR = 1e-6


def log_softmax(values: np.ndarray) -> np.ndarray:
    """Log probabilities of rows, floored at log 1e-6; float32."""
    values = values.astype(np.float32, copy=True)
    values -= values.max(axis=1, keepdims=True)
    values -= np.log(np.exp(values).sum(axis=1, keepdims=True))
    return np.maximum(values, np.float32(np.log(FLOOR)), out=values)


class Ridge:
    """Kernel ridge regression with leave-one-out predictions in closed form.

    Parameters
    ----------
    vectors : float32 (n, p), unit rows (or 0)
    taught : bool (n,), rows with a label and an embedding
    k : number of classes
    seed : of the choice of landmarks

    Notes
    -----
    K(x, z) = exp(-|x - z|^2 / (2 w)), w the median squared distance to the 21st neighbour. With m landmarks the kernel
    is approximated by K_nm K_mm^-1 K_mn (Williams & Seeger 2001); with m = n it is exact. Left out, row i predicts
    (y^_i - h_ii y_i) / (1 - h_ii), h the leverages (Allen 1974, PRESS). Cost: n m^2, memory n m floats.
    """

    def __init__(self, vectors: np.ndarray, taught: np.ndarray, k: int, seed: int = 0) -> None:
        from scipy.linalg import cholesky, eigh, solve_triangular

        self.taught, self.k = taught, k
        rows = np.flatnonzero(taught)
        m = int(min(len(rows), LANDMARKS, max(np.sqrt(EFFORT / max(len(rows), 1)), 64)))
        random = np.random.default_rng(seed)
        chosen = rows if m == len(rows) else np.sort(random.choice(rows, m, replace=False))
        marks = vectors[chosen]
        self.width = _width(marks, min(WIDTH_RANK, m - 1) * m / max(len(rows), 1))
        exact = marks.astype(np.float64)  # in float32 near-duplicates and few dimensions leave negative eigenvalues
        among = self._kernel(exact, exact).astype(np.float64)
        among[np.diag_indices(m)] += 1e-6
        inverse = solve_triangular(cholesky(among, lower=True, check_finite=False), np.eye(m), lower=True)
        inverse = inverse.T.astype(np.float32)
        self.features = np.empty((len(vectors), m), np.float32)
        for part in _parts(len(vectors), m):
            self.features[part] = self._kernel(vectors[part], marks) @ inverse
        gram = np.zeros((m, m), np.float32)
        for part in _parts(len(rows), m):
            block = self.features[rows[part]]
            gram += block.T @ block
        values, axes = eigh(gram, check_finite=False, overwrite_a=True, driver="evd")
        self.values = np.maximum(values, 0).astype(np.float64)
        for part in _parts(len(vectors), m):
            self.features[part] = self.features[part] @ axes
        self.rows = rows
        self.landmarks = m
        self.exact = m == len(rows)
        self._leverages: dict[float, np.ndarray] = {}
        picked = rows if len(rows) <= SAMPLE else np.sort(random.choice(rows, SAMPLE, replace=False))
        self._picked = picked

    def _kernel(self, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        values = a @ b.T  # in place from here: a new array of this size costs more than the arithmetic
        values *= -2
        values += np.einsum("ij,ij->i", a, a)[:, None]
        values += np.einsum("ij,ij->i", b, b)
        np.maximum(values, 0, out=values)
        values *= np.float32(-0.5 / self.width)
        return np.exp(values, out=values)

    def log_probs(self, targets: np.ndarray, given: np.ndarray, settings: tuple | None = None) -> np.ndarray:
        """Leave-one-out log probabilities (n, k) after learning `targets`.

        Parameters
        ----------
        targets : int (n,) class indices, or float (n, k) soft labels; read at taught rows only
        given : int (n,), labels whose likelihood chooses penalty and sharpness
        settings : (penalty, sharpness) to use instead of choosing; `self.settings` after a call
        """
        soft = targets.ndim == 2
        taught = self._products(targets)
        if settings is None:
            settings = max(
                (
                    (_likelihood(sharp * values, given[self._picked]), penalty, sharp)
                    for penalty in PENALTIES
                    for values in [self._left_out(self._picked, targets, taught, penalty, soft)]
                    for sharp in SHARPNESS
                ),
            )[1:]
        self.settings = settings
        penalty, sharp = settings
        out = np.empty((len(self.taught), taught.shape[1]), np.float32)
        parts = _parts(len(out), max(out.shape[1], self.landmarks))
        if penalty not in self._leverages:  # they do not hang on the targets
            gain = self._gain(penalty)
            self._leverages[penalty] = np.concatenate([self._leverage(self.features[part], gain) for part in parts])
        for part in parts:
            values = self._left_out(part, targets, taught, penalty, soft, self._leverages[penalty][part])
            out[part] = log_softmax(sharp * values)
        return out

    def _gain(self, penalty: float) -> np.ndarray:
        return 1 / (self.values + penalty * len(self.rows))

    @staticmethod
    def _leverage(block: np.ndarray, gain: np.ndarray) -> np.ndarray:
        return np.minimum((block * block) @ gain.astype(np.float32), 0.999)

    def _products(self, targets: np.ndarray) -> np.ndarray:
        """Features' transpose times the targets of the taught rows: (m, k)."""
        if targets.ndim == 2:
            total = np.zeros((self.landmarks, targets.shape[1]))
            for part in _parts(len(self.features), self.landmarks):
                total += self.features[part].T @ np.where(self.taught[part, None], targets[part], 0).astype(np.float32)
            return total
        total = np.zeros((self.landmarks, self.k))
        for part in _parts(len(self.features), self.landmarks):
            total += class_sums(self.features[part], np.where(self.taught[part], targets[part], -1), self.k).T
        return total

    def _left_out(
        self,
        rows: np.ndarray | slice,
        targets: np.ndarray,
        taught: np.ndarray,
        penalty: float,
        soft: bool,
        leverage: np.ndarray | None = None,
    ) -> np.ndarray:
        """Predictions (rows, k) with each row's own target taken out."""
        gain = self._gain(penalty)
        block = self.features[rows]
        fitted = block @ (gain[:, None] * taught).astype(np.float32)
        leverage = np.where(self.taught[rows], self._leverage(block, gain) if leverage is None else leverage, 0)
        if soft:
            own = np.where(self.taught[rows][:, None], targets[rows], 0)
            fitted -= leverage[:, None] * own
        else:
            known = np.flatnonzero(self.taught[rows])
            fitted[known, targets[rows][known]] -= leverage[known]
        return fitted / (1 - leverage)[:, None]


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
    soften = max((_likelihood(s * trial, given[picked]), s) for s in (0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.7, 1.0))[1]
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


def _likelihood(values: np.ndarray, given: np.ndarray) -> float:
    return float(log_softmax(values)[np.arange(len(given)), given].mean())


def _width(marks: np.ndarray, rank: float) -> float:
    """Median squared distance among landmarks to the neighbour of this rank (scaled to all rows), above 0."""
    m = len(marks)
    if m < 2:
        return 1.0
    rank = int(np.clip(round(rank), 1, m - 1))
    picked = marks[:: max(1, m // 1000)]
    squared = (picked * picked).sum(axis=1)[:, None] + (marks * marks).sum(axis=1)[None] - 2 * picked @ marks.T
    width = float(np.median(np.partition(np.maximum(squared, 0), rank, axis=1)[:, rank]))
    return width if width > 1e-6 else max(float(squared.mean()), 1e-3)


def _parts(n: int, width: int) -> list[slice]:
    step = max(1, (1 << 23) // max(width, 1))
    return [slice(start, min(start + step, n)) for start in range(0, n, step)]
