"""Kernel ridge regression on all rows, without landmarks, for some thousand of them.

Hidden here: the inverse of a Cholesky factor, block by block in threads of our own. How it is cut depends on nothing
but the number of rows, nor does the result.
"""

from __future__ import annotations

import numpy as np

from workbench.foundation.reductions import in_threads
from workbench.issues.loo_classifiers import (
    LANDMARKS,
    SHARPNESS,
    WIDTH_RANK,
    Ridge,
    gaussian_kernel,
    log_softmax,
    median_width,
    sharpened_likelihoods,
)

EXACT = 6000  # rows at most: two factors of this size cost some seconds of processor time, and 0.45 GB
PILOT = 500  # landmarks of the model that chooses the penalty
TILE = 512


def ridge(vectors: np.ndarray, taught: np.ndarray, k: int, seed: int = 0) -> Ridge | ExactRidge:
    """The classifier for so many rows: parameters as of `Ridge`."""
    if np.count_nonzero(taught) > LANDMARKS and len(vectors) <= EXACT:
        return ExactRidge(vectors, taught, k, seed)
    return Ridge(vectors, taught, k, seed)


class ExactRidge:
    """Kernel ridge regression with leave-one-out predictions in closed form; parameters and kernel as of `Ridge`.

    Notes
    -----
    With A = K + penalty n I over the n taught rows and a = A^-1 y, left out, row i predicts y_i - a_i / (A^-1)_ii
    (Rasmussen & Williams 2006, 5.12). Both come from the inverse of the Cholesky factor: 2/3 n^3 multiplications and
    additions for a penalty, n^2 for other targets. Landmarks choose the penalty, whose likelihoods differ little
    between a few and all rows; the sharpness is chosen on all.
    """

    exact = True

    def __init__(self, vectors: np.ndarray, taught: np.ndarray, k: int, seed: int = 0) -> None:
        self.taught, self.k = taught, k
        self.rows = rows = np.flatnonzero(taught)
        self.others = np.flatnonzero(~taught)
        self.landmarks = len(rows)
        self._pilot = Ridge(vectors, taught, k, seed, most=PILOT)
        known = vectors[rows]
        self.width = median_width(known, min(WIDTH_RANK, len(rows) - 1))
        wide = known.astype(np.float64)  # in float32, distances among near-duplicates are mostly rounding
        self._kernel = np.empty((len(rows), len(rows)), np.float32)  # of which the lower half is used

        def compare(part: slice) -> None:
            self._kernel[part, : part.stop] = gaussian_kernel(wide[part], wide[: part.stop], self.width)

        in_threads(compare, _tiles(len(rows))[::-1], self._kernel.size)
        self._across = gaussian_kernel(vectors[self.others], known, self.width)
        self._penalty: float | None = None

    def log_probs(self, targets: np.ndarray, given: np.ndarray, settings: tuple | None = None) -> np.ndarray:
        """Leave-one-out log probabilities (n, k) after learning `targets`, as of `Ridge.log_probs`."""
        rows = self.rows
        wanted = targets[rows] if targets.ndim == 2 else np.eye(self.k)[targets[rows]]
        wanted = wanted.astype(np.float32, copy=False)
        penalty = self._pilot.choose(targets, given)[0] if settings is None else settings[0]
        self._factorise(penalty)
        solved = self._inverse.T @ (self._inverse @ wanted)
        left_out = wanted - solved / self._diagonal[:, None]
        if settings is None:
            likelihoods = sharpened_likelihoods(left_out, given[rows], SHARPNESS)
            settings = penalty, max(zip(likelihoods, SHARPNESS))[1]
        self.settings = settings
        values = np.empty((len(self.taught), wanted.shape[1]), np.float32)
        values[rows] = left_out
        values[self.others] = self._across @ solved
        return log_softmax(settings[1] * values)

    def _factorise(self, penalty: float) -> None:
        """Inverse of the Cholesky factor for this penalty, and the diagonal of the inverse: those of one are kept."""
        if penalty == self._penalty:
            return
        self._inverse = None  # room for the next
        matrix = self._kernel.copy()
        matrix[np.diag_indices(len(matrix))] += np.float32(penalty * len(matrix))
        self._inverse = inverse_factor(matrix)
        self._diagonal = np.einsum("ij,ij->j", self._inverse, self._inverse)
        self._penalty = penalty


def inverse_factor(matrix: np.ndarray) -> np.ndarray:
    """Inverse of the lower Cholesky factor of a matrix.

    Parameters
    ----------
    matrix : float32 (n, n), symmetric and positive definite; its lower half is read, and overwritten

    Returns
    -------
    float32 (n, n), lower triangular

    Raises
    ------
    numpy.linalg.LinAlgError
        The matrix is not positive definite.
    """
    from scipy.linalg import cholesky, solve_triangular

    tiles = _tiles(len(matrix))
    inverse = np.zeros_like(matrix)
    for tile in tiles:
        factor = cholesky(matrix[tile, tile].astype(np.float64), lower=True, check_finite=False)
        inverse[tile, tile] = turned = solve_triangular(factor, np.eye(len(factor)), lower=True).astype(np.float32)
        below = [other for other in tiles if other.start > tile.start]

        def scale(other: slice, tile: slice = tile, turned: np.ndarray = turned) -> None:
            matrix[other, tile] = matrix[other, tile] @ turned.T

        def reduce(other: slice, tile: slice = tile) -> None:
            matrix[other, tile.stop : other.stop] -= matrix[other, tile] @ matrix[tile.stop : other.stop, tile].T

        in_threads(scale, below, matrix.size)
        in_threads(reduce, below[::-1], matrix.size)

    def column(tile: slice) -> None:
        for other in tiles:
            if other.start > tile.start:
                done = slice(tile.start, other.start)
                inverse[other, tile] = -inverse[other, other] @ (matrix[other, done] @ inverse[done, tile])

    in_threads(column, tiles, matrix.size)
    return inverse


def _tiles(n: int) -> list[slice]:
    return [slice(start, min(start + TILE, n)) for start in range(0, n, TILE)]
