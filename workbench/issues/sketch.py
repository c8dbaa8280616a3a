"""A kernel as a few features plus a rest on its diagonal: cheap to invert, and near enough to lead to the inverse."""

from __future__ import annotations

import numpy as np

from workbench.foundation.reductions import in_threads
from workbench.issues.kernels import features_of, landmarks_of, summed_squares

FEATURES = 600
BLOCK = 2048


class Sketch:
    """K ~ F F' + diag(rest), where F are the features of landmarks and rest is what the diagonal of K lacks then.

    Known as the fully independent training conditional (Snelson & Ghahramani 2006).

    Parameters
    ----------
    vectors : float32 (n, p). width : of the Gaussian kernel. random : for the landmarks
    """

    def __init__(self, vectors: np.ndarray, width: float, random: np.random.Generator) -> None:
        marks = landmarks_of(vectors, min(FEATURES, len(vectors)), random)
        self.features = features_of(vectors, marks, width)
        self.rest = np.maximum(1 - np.einsum("ij,ij->i", self.features, self.features), 0)
        self._known: dict[float, Shifted] = {}

    def times(self, values: np.ndarray) -> np.ndarray:
        """The kernel's sketch times (n, c) values."""
        return self.features @ (self.features.T @ values) + self.rest[:, None] * values

    def plus(self, shift: float) -> Shifted:
        """F F' + diag(rest) + shift I, ready to be inverted."""
        if shift not in self._known:
            self._known[shift] = Shifted(self.features, self.rest + np.float32(shift))
        return self._known[shift]


class Shifted:
    """A = F F' + diag(own), by the formula of Woodbury.

    Attributes
    ----------
    diagonal : float32 (n,), of A^-1
    own : float32 (n,)
    """

    def __init__(self, features: np.ndarray, own: np.ndarray) -> None:
        from scipy.linalg import cholesky
        from scipy.linalg.blas import strsm

        n, m = features.shape
        self._features, self.own = features, own
        inner = summed_squares(lambda part: features[part] / np.sqrt(own[part, None]), n, m)
        inner[np.diag_indices(m)] += 1
        self._factor = cholesky(inner.astype(np.float64), lower=True, check_finite=False)
        factor = np.asfortranarray(self._factor, np.float32)
        self.diagonal = np.empty(n, np.float32)

        def part_of(start: int) -> None:
            part = slice(start, min(start + BLOCK, n))
            block = features[part] / own[part, None]
            solved = strsm(1.0, factor, block.T, lower=1, overwrite_b=1)
            self.diagonal[part] = 1 / own[part] - np.einsum("ij,ij->j", solved, solved)

        in_threads(part_of, range(0, n, BLOCK), n * m)

    def solve(self, values: np.ndarray) -> np.ndarray:
        """A^-1 times (n, c) values, float32."""
        from scipy.linalg import cho_solve

        scaled = values / self.own[:, None]
        inside = cho_solve((self._factor, True), (self._features.T @ scaled).astype(np.float64), check_finite=False)
        scaled -= (self._features @ inside.astype(np.float32)) / self.own[:, None]
        return scaled
