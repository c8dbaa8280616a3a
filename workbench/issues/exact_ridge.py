"""Kernel ridge regression on all rows, without landmarks, for some thousand of them.

Hidden here: systems of equations in the whole kernel are solved by conjugate gradients, which a sketch of the kernel
(`sketch`) starts and steers, so that a few products with the kernel do. How they are cut into blocks depends on
nothing but the number of rows, nor does the result.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from workbench.foundation.reductions import in_threads
from workbench.issues.kernels import gaussian_kernel, median_width
from workbench.issues.landmark_ridge import LandmarkRidge
from workbench.issues.loo_classifiers import (
    PENALTIES,
    SAMPLE,
    SHARPNESS,
    SMALL,
    WIDTH_RANK,
    Ridge,
    log_softmax,
    sharpened_likelihoods,
)
from workbench.issues.sketch import Sketch

EXACT = 10_000  # rows at most: a kernel of this size has 0.4 GB
TILE = 512
PROBES = 8  # of the diagonal's sum
MANY_PROBES = 128  # of what the sketch leaves out in each row
PRECISE = 1e-3
"""Largest residual of a solution, as a share of the right hand side."""
MOST_STEPS = 60
NARROW = 1e-3
"""Width of the kernel below which float32 distances would mostly be rounding."""


def ridge(vectors: np.ndarray, taught: np.ndarray, k: int, seed: int = 0) -> Ridge | ExactRidge | LandmarkRidge:
    """The classifier for so many rows: parameters as of `Ridge`."""
    if np.count_nonzero(taught) <= SMALL:
        return Ridge(vectors, taught, k, seed)
    kind = ExactRidge if len(vectors) <= EXACT else LandmarkRidge
    return kind(vectors, taught, k, seed)


class ExactRidge:
    """Kernel ridge regression with leave-one-out predictions in closed form; parameters and kernel as of `Ridge`.

    Notes
    -----
    With A = K + penalty n I over the n taught rows and a = A^-1 y, left out, row i predicts y_i - a_i / (A^-1)_ii
    (Rasmussen & Williams 2006, 5.12). The system is solved to a thousandth. The diagonal d is that of the sketch of A,
    d + c d q, with q the squares that the sketch leaves out in each row of K and c such that the sum is right. Both are
    measured with random signs z: z' A^-1 z is the sum on average (Hutchinson 1990). For 5,000 images the standard
    deviation of the relative error was .001, .003 and .01 for penalties of 1e-3, 3e-4 and 1e-4. The penalty is the
    likelier one of two: that of the sketch, which counts what it leaves out as penalty, and the next smaller one.
    """

    exact = True

    def __init__(self, vectors: np.ndarray, taught: np.ndarray, k: int, seed: int = 0) -> None:
        self.taught, self.k = taught, k
        self.rows = rows = np.flatnonzero(taught)
        self.others = np.flatnonzero(~taught)
        self.landmarks = n = len(rows)
        known = vectors[rows]
        random = np.random.default_rng(seed)
        self.width = median_width(known, min(WIDTH_RANK, n - 1))
        self._kernel = _kernel(known, self.width)
        self._across = gaussian_kernel(vectors[self.others], known, self.width)
        self._sketch = Sketch(known, self.width, random)
        signs = random.choice(np.array([-1, 1], np.float32), size=(n, MANY_PROBES))
        left = self._times(signs) - self._sketch.times(signs)
        self._left_out_squares = np.einsum("ij,ij->i", left, left) / MANY_PROBES
        self._signs = np.ascontiguousarray(signs[:, :PROBES])
        self._picked = np.arange(n) if n <= SAMPLE else np.sort(random.choice(n, SAMPLE, replace=False))
        self._known: dict[float, tuple[np.ndarray, np.ndarray, np.ndarray]] = {}

    def log_probs(self, targets: np.ndarray, given: np.ndarray, settings: tuple | None = None) -> np.ndarray:
        """Leave-one-out log probabilities (n, k) after learning `targets`, as of `Ridge.log_probs`."""
        rows = self.rows
        wanted = targets[rows] if targets.ndim == 2 else np.eye(self.k, dtype=np.float32)[targets[rows]]
        wanted = wanted.astype(np.float32, copy=False)
        tried = self._penalties(wanted, given[rows]) if settings is None else settings[:1]
        best: tuple | None = None
        for penalty in tried:
            solved, diagonal = self._solved(penalty, wanted)
            left_out = wanted - solved / diagonal[:, None]
            likelihoods = [0.0] if settings else sharpened_likelihoods(left_out, given[rows], SHARPNESS)
            if best is None or max(likelihoods) > best[0]:
                sharp = settings[1] if settings else SHARPNESS[int(np.argmax(likelihoods))]
                best = max(likelihoods), (penalty, sharp), left_out, solved
        _, settings, left_out, solved = best
        self.settings = settings
        values = np.empty((len(self.taught), wanted.shape[1]), np.float32)
        values[rows] = left_out
        values[self.others] = self._across @ solved
        return log_softmax(settings[1] * values)

    def _penalties(self, wanted: np.ndarray, given: np.ndarray) -> tuple[float, ...]:
        """The penalty under which the given labels are likeliest by the sketch, and the next smaller one."""
        some, best = self._picked, []
        for penalty in PENALTIES:
            shifted = self._sketch.plus(penalty * len(wanted))
            values = wanted[some] - shifted.solve(wanted)[some] / shifted.diagonal[some, None]
            best.append((max(sharpened_likelihoods(values, given[some], SHARPNESS)), penalty))
        place = PENALTIES.index(max(best)[1])
        return PENALTIES[max(place - 1, 0) : place + 1][::-1]

    def _solved(self, penalty: float, wanted: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(a, diagonal of A^-1) for this penalty."""
        shift = np.float32(penalty * len(wanted))
        shifted = self._sketch.plus(float(shift))
        if penalty in self._known:
            before, solved, diagonal = self._known[penalty]
            start = solved + shifted.solve(wanted - before)  # soft labels change little from round to round
            solved = conjugate(lambda values: self._times(values) + shift * values, shifted.solve, wanted, start)
        else:
            right = np.concatenate([wanted, self._signs], axis=1)
            start = shifted.solve(right)
            found = conjugate(lambda values: self._times(values) + shift * values, shifted.solve, right, start)
            solved = np.ascontiguousarray(found[:, :-PROBES])
            more = np.einsum("ij,ij->", self._signs, (found - start)[:, -PROBES:], dtype=np.float64) / PROBES
            diagonal = shifted.diagonal.astype(np.float64)
            rises = diagonal * self._left_out_squares / shifted.own
            diagonal = (diagonal + rises * (more / max(float(rises.sum()), 1e-30))).astype(np.float32)
        self._known[penalty] = wanted, solved, diagonal
        return solved, diagonal

    def _times(self, values: np.ndarray) -> np.ndarray:
        """The kernel times (n, k) values."""
        out = np.empty_like(values)

        def rows(tile: slice) -> None:
            np.matmul(self._kernel[tile], values, out=out[tile])

        in_threads(rows, _tiles(len(out)), self._kernel.size)
        return out


def conjugate(
    times: Callable[[np.ndarray], np.ndarray], nearly: Callable[[np.ndarray], np.ndarray], right: np.ndarray,
    start: np.ndarray,
) -> np.ndarray:  # fmt: skip
    """Solve A x = b for each column b of `right` by conjugate gradients (Hestenes & Stiefel 1952), preconditioned.

    Parameters
    ----------
    times : A v for values v (n, c); A symmetric and positive definite
    nearly : about A^-1 v
    right : float32 (n, c)
    start : (n, c), a first x

    Returns
    -------
    float32 (n, c), residuals at most `PRECISE` of their right hand sides
    """
    solved = start.copy()
    away = right - times(solved)
    least = PRECISE * np.sqrt(_dots(right, right))
    toward = along = None
    for _ in range(MOST_STEPS):
        if (np.sqrt(_dots(away, away)) <= least).all():
            break
        better = nearly(away)
        size = _dots(away, better)
        along = better if toward is None else better + (size / np.maximum(toward, 1e-30)).astype(np.float32) * along
        turned = times(along)
        step = (size / np.maximum(_dots(along, turned), 1e-30)).astype(np.float32)
        solved += step * along
        away -= step * turned
        toward = size
    return solved


def _dots(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Products of the columns of (n, c) arrays, (c,) float64."""
    return np.einsum("ij,ij->j", a, b, dtype=np.float64)


def _kernel(known: np.ndarray, width: float) -> np.ndarray:
    """Gaussian kernel (n, n) of all rows, each pair computed once."""
    n = len(known)
    kernel = np.empty((n, n), np.float32)
    exact = known.astype(np.float64) if width < NARROW else known

    def compare(tile: slice) -> None:
        block = gaussian_kernel(exact[tile], exact[: tile.stop], width)
        kernel[tile, : tile.stop] = block
        kernel[: tile.start, tile] = block[:, : tile.start].T

    in_threads(compare, _tiles(n)[::-1], kernel.size)
    kernel[np.diag_indices(n)] = 1
    return kernel


def _tiles(n: int) -> list[slice]:
    return [slice(start, min(start + TILE, n)) for start in range(0, n, TILE)]
