"""Leave-one-out classifiers on embeddings, which never use the label of a row to predict that row.

Each classifier returns leave-one-out log probabilities (n, k) in closed form. `Ridge` is kernel ridge regression with a
Gaussian kernel for small data; `exact_ridge` and `landmark_ridge` do the same for more rows. `discriminant` is linear
discriminant analysis with a shrunken covariance. All use unit vectors (see `workbench.evidence.spaces`); a row without
an embedding gets the class shares. Unlabelled rows are predicted but not used for training.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from workbench.issues.kernels import class_sums, gaussian_kernel, median_width, parts_of

SMALL_KERNEL = 1000
PENALTIES = (1e-4, 3e-4, 1e-3, 3e-3)
SHARPNESSES = (2, 3, 4, 5, 6, 7, 8, 10)
SOFTENING = (0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.7, 1.0)
SAMPLE = 5000  # maximum number of rows used to choose penalty and sharpness
WIDTH_RANK = 21
LOO_FLOOR = 1e-6
LEAST_EIGENVALUE = 1e-5
"""Eigenvalues of the kernel below this are mostly rounding errors."""


def log_softmax(values: np.ndarray) -> np.ndarray:
    """Return log probabilities of rows, float32, floored at log 1e-6."""
    values = values.astype(np.float32, copy=True)
    values -= values.max(axis=1, keepdims=True)
    values -= np.log(np.exp(values).sum(axis=1, keepdims=True))
    return np.maximum(values, np.float32(np.log(LOO_FLOOR)), out=values)


def without_own(fitted: np.ndarray, targets: np.ndarray, taught: np.ndarray, leverage: np.ndarray) -> np.ndarray:
    """Return the predictions `fitted` (b, k), changed in place, each without its own target: PRESS (Allen 1974).

    Parameters
    ----------
    targets : int (b,) class indices, or float (b, k) soft labels. taught : bool (b,), rows whose target was learned.
    leverage : float (b,), in [0, 1); 0 for rows that were not.
    """
    if targets.ndim == 2:
        fitted -= leverage[:, None] * np.where(taught[:, None], targets, 0)
    else:
        known = np.flatnonzero(taught)
        fitted[known, targets[known]] -= leverage[known]
    fitted /= (1 - leverage)[:, None]
    return fitted


class Ridge:
    """Kernel ridge regression on all rows with leave-one-out predictions in closed form, for up to `SMALL_KERNEL` rows.

    Parameters
    ----------
    vectors : float32 (n, p), unit rows (or 0)
    taught : bool (n,), rows with a label and an embedding
    k : number of classes
    seed : not used, as nothing is random; accepted for the same signature as the classifiers for more rows

    Notes
    -----
    K(x, z) = exp(-|x - z|^2 / (2 w)), w the median squared distance to the 21st neighbour. The leave-one-out prediction
    of row i is (y^_i - h_ii y_i) / (1 - h_ii), with the leverages h (Allen 1974, PRESS). Cost: n^3, once for all
    penalties.
    """

    exact = True

    def __init__(self, vectors: np.ndarray, taught: np.ndarray, k: int, seed: int = 0) -> None:
        from scipy.linalg import eigh

        self.taught, self.k = taught, k
        self.rows = rows = np.flatnonzero(taught)
        self.landmarks = m = len(rows)
        known = vectors[rows].astype(np.float64)  # in float32, near-duplicates would give negative eigenvalues
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

    def log_probs(
        self, targets: np.ndarray, given: np.ndarray, settings: tuple[float, float] | None = None
    ) -> np.ndarray:
        """Return leave-one-out log probabilities (n, k) after fitting `targets`.

        Parameters
        ----------
        targets : int (n,) class indices, or float (n, k) soft labels; read only at training rows
        given : int (n,), labels whose likelihood selects penalty and sharpness; or bool (n, k), sets of classes
        settings : (penalty, sharpness) to use instead of choosing them. After a call they are in `self.settings`, and
            `self.likelihood` is the mean log probability of the labels under the chosen ones
        """
        taught = self._products(targets)
        if settings is None:
            settings = self._chosen(targets, taught, given[self._picked])
        self.settings = settings
        penalty, sharp = settings
        return log_softmax(sharp * self._left_out(slice(None), targets, taught, penalty))

    def _chosen(self, targets: np.ndarray, taught: np.ndarray, given: np.ndarray) -> tuple[float, float]:
        """Return the penalty and the sharpness that maximise the likelihood of the labels `given` of the sampled
        rows."""
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
        """Return the transposed features times the targets of the training rows (m, k)."""
        wanted = targets if targets.ndim == 2 else np.eye(self.k, dtype=np.float32)[targets]
        wanted = np.where(self.taught[:, None], wanted, 0).astype(np.float32)
        return (self.features.T @ wanted).astype(np.float64)

    def _left_out(
        self, rows: slice | np.ndarray, targets: np.ndarray, taught: np.ndarray, penalty: float
    ) -> np.ndarray:
        """Return the predictions (b, k) of the rows, each without its own target."""
        fitted = self.features[rows] @ (self._gain(penalty)[:, None] * taught).astype(np.float32)
        leverage = np.where(self.taught[rows], self._leverages[rows, PENALTIES.index(penalty)], 0)
        return without_own(fitted, targets[rows], self.taught[rows], leverage)


def discriminant(vectors: np.ndarray, taught: np.ndarray, given: np.ndarray, k: int) -> np.ndarray:
    """Return leave-one-out log probabilities (n, k) of linear discriminant analysis with a shrunken covariance.

    Parameters
    ----------
    vectors : float32 (n, p); taught : bool (n,); given : int (n,) class indices, read only at training rows

    Notes
    -----
    The within-class covariance is shrunk towards a multiple of the identity (Ledoit & Wolf 2004). Each row is left out
    of its class mean and of the covariance by the Sherman-Morrison formula (1950). The probabilities are raised to the
    power that maximises the likelihood of the given labels. A class with a single example cannot be predicted without
    that example, so for this example its own class gets the smallest probability.
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
        """Return -1/2 squared distance plus log share, with training rows left out."""
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
    """Return the mean log probability of the given labels under softmax(power * values), floored at log 1e-6, per
    power.

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
