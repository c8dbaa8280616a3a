"""Classifiers on embeddings that never use a row's own label to predict that row.

Each head answers with log probabilities (n, k), leave-one-out in closed form. `Ridge` is kernel ridge regression on a
Gaussian kernel for small sets; `exact_ridge` and `landmark_ridge` are the same for more rows.
`discriminant` is linear discriminant analysis with a shrunken covariance. Both look at unit vectors (see `space`); a
row without an embedding gets the class shares. Unlabelled rows are predicted but teach nothing.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from workbench.issues.kernels import class_sums, gaussian_kernel, median_width, parts_of

SMALL_KERNEL = 1000
PENALTIES = (1e-4, 3e-4, 1e-3, 3e-3)
SHARPNESSES = (2, 3, 4, 5, 6, 7, 8, 10)
SOFTENING = (0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.7, 1.0)
SAMPLE = 5000  # rows on which penalty and sharpness are chosen
WIDTH_RANK = 21
LOO_FLOOR = 1e-6
LEAST_EIGENVALUE = 1e-5
"""Eigenvalues of the kernel below this are mostly rounding."""


def log_softmax(values: np.ndarray) -> np.ndarray:
    """Log probabilities of rows, floored at log 1e-6; float32."""
    values = values.astype(np.float32, copy=True)
    values -= values.max(axis=1, keepdims=True)
    values -= np.log(np.exp(values).sum(axis=1, keepdims=True))
    return np.maximum(values, np.float32(np.log(LOO_FLOOR)), out=values)


class Ridge:
    """Kernel ridge regression on all rows with leave-one-out predictions in closed form, for up to `SMALL_KERNEL` rows.

    Parameters
    ----------
    vectors : float32 (n, p), unit rows (or 0)
    taught : bool (n,), rows with a label and an embedding
    k : number of classes
    seed : not used, since nothing is random: for the same call as of the classifiers for more rows

    Notes
    -----
    K(x, z) = exp(-|x - z|^2 / (2 w)), w the median squared distance to the 21st neighbour. Left out, row i predicts
    (y^_i - h_ii y_i) / (1 - h_ii), h the leverages (Allen 1974, PRESS). Cost: n^3, one time for all penalties.
    """

    exact = True

    def __init__(self, vectors: np.ndarray, taught: np.ndarray, k: int, seed: int = 0) -> None:
        from scipy.linalg import eigh

        self.taught, self.k = taught, k
        self.rows = rows = np.flatnonzero(taught)
        self.landmarks = m = len(rows)
        known = vectors[rows].astype(np.float64)  # in float32 near-duplicates leave negative eigenvalues
        self.width = median_width(vectors[rows], min(WIDTH_RANK, m - 1))
        kernel = gaussian_kernel(known, known, self.width)
        kernel[np.diag_indices(m)] = 1
        values, axes = eigh(kernel.astype(np.float32), check_finite=False, overwrite_a=True, driver="evd")
        self.values = np.maximum(values, LEAST_EIGENVALUE).astype(np.float64)
        gains = np.stack([self._gain(penalty) for penalty in PENALTIES], axis=1).astype(np.float32)
        self.features = np.empty((len(vectors), m), np.float32)
        root = np.sqrt(self.values).astype(np.float32)
        self.features[rows] = axes * root
        axes /= root
        others = np.flatnonzero(~taught)
        for part in parts_of(len(others), m):
            across = gaussian_kernel(vectors[others[part]].astype(np.float64), known, self.width)
            self.features[others[part]] = across.astype(np.float32) @ axes
        self._leverages = np.empty((len(vectors), len(PENALTIES)), np.float32)
        for part in parts_of(len(vectors), m):
            self._leverages[part] = np.minimum(self.features[part] ** 2 @ gains, 0.999)
        self._picked = rows

    def log_probs(self, targets: np.ndarray, given: np.ndarray, settings: tuple | None = None) -> np.ndarray:
        """Leave-one-out log probabilities (n, k) after learning `targets`.

        Parameters
        ----------
        targets : int (n,) class indices, or float (n, k) soft labels; read at taught rows only
        given : int (n,), labels whose likelihood chooses penalty and sharpness; or bool (n, k), sets of classes
        settings : (penalty, sharpness) to use instead of choosing; `self.settings` after a call, and
            `self.likelihood`, the mean log probability of the labels by which they were chosen
        """
        taught = self._products(targets)
        if settings is None:
            settings = self._chosen(targets, taught, given[self._picked])
        self.settings = settings
        penalty, sharp = settings
        return log_softmax(sharp * self._left_out(slice(None), targets, taught, penalty))

    def _chosen(self, targets: np.ndarray, taught: np.ndarray, given: np.ndarray) -> tuple[float, float]:
        """The penalty and the sharpness under which the labels `given` of the picked rows are likeliest."""
        best = (-np.inf, PENALTIES[0], SHARPNESSES[0])
        for penalty in PENALTIES:
            values = self._left_out(self._picked, targets, taught, penalty)
            likelihoods = sharpened_likelihoods(values, given, SHARPNESSES)
            best = max(best, *((found, penalty, sharp) for found, sharp in zip(likelihoods, SHARPNESSES)))
        self.likelihood = best[0]
        return best[1:]

    def _gain(self, penalty: float) -> np.ndarray:
        return 1 / (self.values + penalty * len(self.rows))

    def _products(self, targets: np.ndarray) -> np.ndarray:
        """Features' transpose times the targets of the taught rows: (m, k)."""
        wanted = targets if targets.ndim == 2 else np.eye(self.k, dtype=np.float32)[targets]
        wanted = np.where(self.taught[:, None], wanted, 0).astype(np.float32)
        return (self.features.T @ wanted).astype(np.float64)

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
    for part in parts_of(n, p):
        sums += class_sums(vectors[rows[part]], labels[part], k)
    means = sums / np.maximum(counts, 1)[:, None]
    scatter, fourth = np.zeros((p, p)), 0.0
    for part in parts_of(n, p):
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
    for part in parts_of(len(vectors), max(k, p)):
        out[part] = log_softmax(soften * evidence(np.arange(part.start, min(part.stop, len(vectors)))))
    return out


def sharpened_likelihoods(values: np.ndarray, given: np.ndarray, powers: Sequence[float]) -> list[float]:
    """Mean log probability of what is given under softmax(power * values), floored at log 1e-6, for each power.

    Parameters
    ----------
    given : int (n,) class indices; or bool (n, k), sets of classes, whose probability is the sum over the set.
    """
    beside = values - values.max(axis=1, keepdims=True)
    own = beside[np.arange(len(given)), given] if given.ndim == 1 else None
    found = []
    for power in powers:
        each = np.exp(np.float32(power) * beside)
        total = np.log(each.sum(axis=1))
        if own is not None:
            likely = power * own - total
        else:
            likely = np.log(np.maximum(np.where(given, each, 0).sum(axis=1), np.float32(1e-30))) - total
        found.append(float(np.maximum(likely, np.log(LOO_FLOOR)).mean(dtype=np.float64)))
    return found
