"""A low-rank approximation of a kernel with a corrected diagonal: cheap to invert, for use as a preconditioner."""

from __future__ import annotations

import numpy as np

from workbench.foundation.reductions import in_threads
from workbench.issues.kernels import Whitening, features_of, landmarks_of, parts_of, summed_squares

FEATURES = 600


class Sketch:
    """K ~ F F' + diag(rest), with the features F of landmarks and the remainder of the diagonal of K.

    Known as the fully independent training conditional (Snelson & Ghahramani 2006).

    Parameters
    ----------
    vectors : float32 (n, p). width : of the Gaussian kernel. random : generator for the choice of landmarks.
    """

    def __init__(self, vectors: np.ndarray, width: float, random: np.random.Generator) -> None:
        marks = landmarks_of(vectors, min(FEATURES, len(vectors)), random)
        self.features = features_of(vectors, marks, width)
        self.rest = np.maximum(1 - np.einsum("ij,ij->i", self.features, self.features), 0)
        self._known: dict[float, Shifted] = {}

    def times(self, values: np.ndarray) -> np.ndarray:
        """Multiply the sketch by values (n, c)."""
        return self.features @ (self.features.T @ values) + self.rest[:, None] * values

    def plus(self, shift: float) -> Shifted:
        """Return F F' + diag(rest) + shift I, ready to be inverted."""
        if shift not in self._known:
            self._known[shift] = Shifted(self.features, self.rest + np.float32(shift))
        return self._known[shift]


class Shifted:
    """A = F F' + diag(own), inverted by the Woodbury formula.

    Attributes
    ----------
    diagonal : float32 (n,), diagonal of A^-1
    own : float32 (n,)
    """

    def __init__(self, features: np.ndarray, own: np.ndarray) -> None:
        n, m = features.shape
        self._features, self.own = features, own
        inner = summed_squares(lambda part: features[part] / np.sqrt(own[part, None]), n, m)
        inner[np.diag_indices(m)] += 1
        whiten = Whitening(inner)
        self._inverse = (whiten.inverse.T @ whiten.inverse).astype(np.float32)
        self.diagonal = np.empty(n, np.float32)

        def measure(part: slice) -> None:
            solved = whiten(features[part])
            self.diagonal[part] = (1 - np.einsum("ij,ij->i", solved, solved) / own[part]) / own[part]

        in_threads(measure, parts_of(n, m, most=1 << 20), n * m)

    def solve(self, values: np.ndarray) -> np.ndarray:
        """Return A^-1 times values (n, c), float32."""
        n, m = self._features.shape
        parts = parts_of(n, m, most=1 << 19)
        scaled = np.empty_like(values)
        sums: list[np.ndarray] = [np.empty(0)] * len(parts)

        def gather(index: int) -> None:
            part = parts[index]
            np.divide(values[part], self.own[part, None], out=scaled[part])
            sums[index] = self._features[part].T @ scaled[part]

        in_threads(gather, range(len(parts)), n * m)
        inside = self._inverse @ sum(sums[1:], sums[0])

        def spread(part: slice) -> None:
            scaled[part] -= (self._features[part] @ inside) / self.own[part, None]

        in_threads(spread, parts, n * m)
        return scaled
