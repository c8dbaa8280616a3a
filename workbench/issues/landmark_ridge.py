"""Kernel ridge regression on landmarks, for too many rows to compare all pairs.

The blocks of rows, and so the result, depend only on the numbers of rows and landmarks.
"""

from __future__ import annotations

import numpy as np

from workbench.foundation.reductions import in_threads
from workbench.issues.kernels import class_sums, features_of, landmarks_of, median_width, parts_of, summed_squares
from workbench.issues.loo_classifiers import (
    PENALTIES,
    SAMPLE,
    SHARPNESSES,
    WIDTH_RANK,
    log_softmax,
    sharpened_likelihoods,
    without_own,
)

MOST_LANDMARKS = 4000
"""Maximum number of landmarks."""
EFFORT = 2e11
"""Maximum rows x landmarks^2: some seconds on two cores."""
SKETCH_DIRECTIONS = 256


class LandmarkRidge:
    """Kernel ridge regression with leave-one-out predictions in closed form; parameters and kernel as of `Ridge`.

    Notes
    -----
    With m landmarks the kernel is approximated by K_nm K_mm^-1 K_mn (Williams & Seeger 2001), where the landmarks are
    centres of k-means (Zhang & Kwok 2008). The leave-one-out prediction of row i is (y^_i - h_ii y_i) / (1 - h_ii),
    with the leverages h (Allen 1974, PRESS). These are squared norms, estimated in 256 random directions (Drineas et
    al. 2012) with a relative error of about a tenth; they are small with so many rows. Cost: n m^2, memory n m floats.
    """

    exact = False

    def __init__(self, vectors: np.ndarray, taught: np.ndarray, k: int, seed: int = 0) -> None:
        self.taught, self.k = taught, k
        self.rows = rows = np.flatnonzero(taught)
        self._n = len(rows)
        self.landmarks = m = int(min(len(rows), MOST_LANDMARKS, max(np.sqrt(EFFORT / len(rows)), 64)))
        random = np.random.default_rng(seed)
        marks = vectors[np.sort(random.choice(rows, m, replace=False))]
        self.width = median_width(marks, min(WIDTH_RANK, m - 1) * m / len(rows))
        marks = landmarks_of(vectors if taught.all() else vectors[rows], m, random)
        self.features = features_of(vectors, marks, self.width)
        gram = summed_squares(lambda part: self.features[part][taught[part]], len(vectors), m)
        self._gram = gram
        self._picked = rows if len(rows) <= SAMPLE else np.sort(random.choice(rows, SAMPLE, replace=False))
        self._random = random.standard_normal((m, SKETCH_DIRECTIONS), np.float32) / np.float32(
            np.sqrt(SKETCH_DIRECTIONS)
        )
        self._factors: dict[float, tuple[np.ndarray, np.ndarray]] = {}
        self._leverages: dict[float, np.ndarray] = {}
        self._sampled: dict[float, np.ndarray] = {}

    def log_probs(
        self, targets: np.ndarray, given: np.ndarray, settings: tuple[float, float] | None = None
    ) -> np.ndarray:
        """Return leave-one-out log probabilities (n, k) after fitting `targets`, as `Ridge.log_probs`."""
        sums = self._products(targets)
        if settings is None:
            settings = self._chosen(targets, sums, given[self._picked])
        self.settings = settings
        penalty, sharp = settings
        weights = self._weights(penalty, sums)
        if penalty not in self._leverages:
            self._leverages[penalty] = self._all_leverages(penalty)
        leverages = self._leverages[penalty]
        out = np.empty((len(self.taught), sums.shape[1]), np.float32)

        def answer(part: slice) -> None:
            found = self._left_out(self.features[part], part, targets, weights, leverages[part])
            out[part] = log_softmax(sharp * found)

        in_threads(answer, parts_of(len(out), max(out.shape[1], self.landmarks), most=1 << 22), self.features.size)
        return out

    def _chosen(self, targets: np.ndarray, sums: np.ndarray, given: np.ndarray) -> tuple[float, float]:
        """Return the penalty and the sharpness that maximise the likelihood of the labels `given` of the sampled
        rows."""
        found = [(-np.inf, PENALTIES[0], SHARPNESSES[0])] * len(PENALTIES)
        known = self.features[self._picked]

        def judge(place: int) -> None:
            penalty = PENALTIES[place]
            if penalty not in self._sampled:
                self._sampled[penalty] = self._measured(self._picked, penalty)
            values = self._left_out(known, self._picked, targets, self._weights(penalty, sums), self._sampled[penalty])
            likelihoods = sharpened_likelihoods(values, given, SHARPNESSES)
            found[place] = max((found, penalty, sharp) for found, sharp in zip(likelihoods, SHARPNESSES))

        in_threads(judge, range(len(PENALTIES)), known.size)
        return max(found)[1:]

    def _factor(self, penalty: float) -> tuple[np.ndarray, np.ndarray]:
        """Return the Cholesky factor of gram + penalty n I, and the directions (m, d) in which leverages are
        estimated."""
        from scipy.linalg import solve_triangular

        if penalty not in self._factors:
            matrix = self._gram.copy()
            matrix[np.diag_indices(len(matrix))] += np.float32(penalty * self._n)
            factor = np.linalg.cholesky(matrix)  # unlike SciPy's, it releases the GIL
            seen = solve_triangular(factor, self._random, lower=True, trans=1, check_finite=False)
            self._factors[penalty] = factor, seen
        return self._factors[penalty]

    def _weights(self, penalty: float, sums: np.ndarray) -> np.ndarray:
        from scipy.linalg import cho_solve

        return cho_solve((self._factor(penalty)[0], True), sums.astype(np.float32), check_finite=False)

    def _products(self, targets: np.ndarray) -> np.ndarray:
        """Return the transposed features times the targets of the training rows, float64 (m, k)."""
        parts = parts_of(len(self.features), self.landmarks, most=1 << 22)
        found: list[np.ndarray] = [np.empty(0)] * len(parts)

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

    def _all_leverages(self, penalty: float) -> np.ndarray:
        out = np.empty(len(self.features), np.float32)
        self._factor(penalty)  # once, before the threads need it

        def measure(part: slice) -> None:
            out[part] = self._measured(part, penalty)

        in_threads(measure, parts_of(len(out), self.landmarks, most=1 << 21), self.features.size)
        return out

    def _measured(self, rows: slice | np.ndarray, penalty: float) -> np.ndarray:
        """Return the leverages of the rows; 0 for rows that are not used for training."""
        seen = self.features[rows] @ self._factor(penalty)[1]
        return np.where(self.taught[rows], np.minimum(np.einsum("ij,ij->i", seen, seen), 0.999), 0)

    def _left_out(
        self, features: np.ndarray, rows: slice | np.ndarray, targets: np.ndarray, weights: np.ndarray,
        leverage: np.ndarray,
    ) -> np.ndarray:  # fmt: skip
        """Return the predictions (b, k) of rows with features (b, m), each without its own target."""
        return without_own(features @ weights, targets[rows], self.taught[rows], leverage)
