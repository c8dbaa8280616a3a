"""Kernel ridge regression on all rows, without landmarks, for some thousands of rows.

Linear systems in the full kernel are solved by conjugate gradients, preconditioned and initialised by a sketch of the
kernel (`sketch`), so that a few products with the kernel suffice. The blocks, and so the result, depend only on the
number of rows.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from workbench.foundation.reductions import in_threads
from workbench.issues.kernels import gaussian_kernel, kernel_with, median_width
from workbench.issues.landmark_ridge import LandmarkRidge
from workbench.issues.loo_classifiers import (
    PENALTIES,
    SAMPLE,
    SHARPNESSES,
    SMALL_KERNEL,
    WIDTH_RANK,
    Ridge,
    log_softmax,
    sharpened_likelihoods,
)
from workbench.issues.sketch import Sketch

EXACT_KERNEL_ROWS = 20_000  # maximum number of rows: the kernel takes 1.6 GB, and enough landmarks would take longer
TILE = 512
PROBES = 8  # for the sum of the diagonal
MANY_PROBES = 128  # for the residual of the sketch in each row
PRECISE = 3e-3
"""Maximum residual of a solution, relative to the right-hand side."""
MOST_STEPS = 60
NARROWEST = 1e-3
"""Minimum width of the kernel; below it, float32 distances would mostly be rounding errors."""


def ridge(vectors: np.ndarray, taught: np.ndarray, k: int, seed: int = 0) -> Ridge | ExactRidge | LandmarkRidge:
    """Return the classifier for this number of rows; parameters as of `Ridge`."""
    if np.count_nonzero(taught) <= SMALL_KERNEL:
        return Ridge(vectors, taught, k, seed)
    kind = ExactRidge if len(vectors) <= EXACT_KERNEL_ROWS else LandmarkRidge
    return kind(vectors, taught, k, seed)


class _Solved(NamedTuple):
    """Solution of (K + penalty n I) a = `wanted`: a in `solved`, its residual in `away`, the diagonal of the
    inverse."""

    wanted: np.ndarray
    solved: np.ndarray
    away: np.ndarray
    diagonal: np.ndarray


class ExactRidge:
    """Kernel ridge regression with leave-one-out predictions in closed form; parameters and kernel as of `Ridge`.

    Notes
    -----
    With A = K + penalty n I over the n training rows and a = A^-1 y, the leave-one-out prediction of row i is
    y_i - a_i / (A^-1)_ii (Rasmussen & Williams 2006, 5.12). The system is solved to a relative residual of 0.003. The
    diagonal of A^-1 is approximated by d + c d q, where d is that of the sketch, q are the squared residuals of the
    sketch in each row of K, and c makes the sum correct. q and the sum are estimated with random signs z, since the
    mean of z' A^-1 z is the trace (Hutchinson 1990). For 5,000 images the standard deviation of the relative error was
    .001, .003 and .01 for penalties of 1e-3, 3e-4 and 1e-4. The penalty is the more likely of two: the one chosen with
    the sketch, whose residual acts as an additional penalty, and the next smaller one.
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
        self._known: dict[float, _Solved] = {}
        self._before = len(PENALTIES) // 2

    def log_probs(
        self, targets: np.ndarray, given: np.ndarray, settings: tuple[float, float] | None = None
    ) -> np.ndarray:
        """Return leave-one-out log probabilities (n, k) after fitting `targets`, as `Ridge.log_probs`."""
        rows = self.rows
        wanted = targets[rows] if targets.ndim == 2 else np.eye(self.k, dtype=np.float32)[targets[rows]]
        wanted = wanted.astype(np.float32, copy=False)
        tried = self._penalties(wanted, given[rows]) if settings is None else settings[:1]
        best: tuple[float, tuple[float, float], np.ndarray, np.ndarray] | None = None
        for penalty, found in zip(tried, self._solved(tried, wanted)):
            left_out = wanted - found.solved / found.diagonal[:, None]
            likelihoods = [0.0] if settings else sharpened_likelihoods(left_out, given[rows], SHARPNESSES)
            if best is None or max(likelihoods) > best[0]:
                sharp = settings[1] if settings else SHARPNESSES[int(np.argmax(likelihoods))]
                best = max(likelihoods), (penalty, sharp), left_out, found.solved
        assert best is not None  # at least one penalty is tried
        _, self.settings, left_out, solved = best
        values = np.empty((len(self.taught), wanted.shape[1]), np.float32)
        values[rows] = left_out
        values[self.others] = self._across @ solved
        return log_softmax(self.settings[1] * values)

    def _penalties(self, wanted: np.ndarray, given: np.ndarray) -> tuple[float, ...]:
        """Return the penalty that maximises the likelihood of the given labels under the sketch, and the next smaller
        one."""
        some = self._picked
        found: dict[int, float] = {}

        def judge(place: int) -> None:
            shifted = self._sketch.plus(PENALTIES[place] * len(wanted))
            values = wanted[some] - shifted.solve(wanted)[some] / shifted.diagonal[some, None]
            found[place] = max(sharpened_likelihoods(values, given[some], SHARPNESSES))

        place = self._before  # hill climbing from the last choice
        while True:
            near = [one for one in (place - 1, place, place + 1) if 0 <= one < len(PENALTIES)]
            in_threads(judge, [one for one in near if one not in found], self._sketch.features.size)
            best = max(near, key=lambda one: (found[one], one))
            if best == place:
                break
            place = best
        self._before = place
        return PENALTIES[max(place - 1, 0) : place + 1][::-1]

    def _solved(self, penalties: tuple[float, ...], wanted: np.ndarray) -> list[_Solved]:
        """Solve the system of each penalty; they share the products with the kernel."""
        rights = []
        for penalty in penalties:
            if penalty in self._known:
                before = self._known[penalty]
                rights.append(wanted - before.wanted + before.away)  # soft labels change little in a round
            else:
                rights.append(np.concatenate([wanted, self._signs], axis=1))
        owner = np.repeat(np.arange(len(rights)), [one.shape[1] for one in rights])
        shifts = np.array(penalties, np.float32)[owner] * np.float32(len(wanted))

        def times(values: np.ndarray, columns: np.ndarray) -> np.ndarray:
            return self._times(values) + shifts[columns] * values

        def nearly(values: np.ndarray, columns: np.ndarray) -> np.ndarray:
            out = np.empty_like(values)
            for place, penalty in enumerate(penalties):
                mine = owner[columns] == place
                if mine.any():
                    out[:, mine] = self._sketch.plus(penalty * len(wanted)).solve(values[:, mine])
            return out

        lengths = np.sqrt(np.concatenate([_dots(wanted, wanted), _dots(self._signs, self._signs)]))
        least = PRECISE * np.concatenate([lengths[: one.shape[1]] for one in rights])
        found, away = conjugate(times, nearly, np.concatenate(rights, axis=1), least)
        for place, penalty in enumerate(penalties):
            solved, left = found[:, owner == place], away[:, owner == place]
            if penalty in self._known:
                solved += self._known[penalty].solved
                diagonal = self._known[penalty].diagonal
            else:
                diagonal = self._diagonal(penalty, solved[:, -PROBES:])
                solved, left = solved[:, :-PROBES], left[:, :-PROBES]
            self._known[penalty] = _Solved(wanted, np.ascontiguousarray(solved), left, diagonal)
        return [self._known[penalty] for penalty in penalties]

    def _diagonal(self, penalty: float, solved: np.ndarray) -> np.ndarray:
        """Return the diagonal of A^-1, float32 (n,). solved : (n, PROBES), A^-1 times the signs."""
        shifted = self._sketch.plus(penalty * len(solved))
        more = np.einsum("ij,ij->", self._signs, solved - shifted.solve(self._signs), dtype=np.float64) / PROBES
        diagonal = shifted.diagonal.astype(np.float64)
        rises = diagonal * self._left_out_squares / shifted.own
        return (diagonal + rises * (more / max(float(rises.sum()), 1e-30))).astype(np.float32)

    def _times(self, values: np.ndarray) -> np.ndarray:
        """Multiply the kernel by values (n, k)."""
        out = np.empty_like(values)

        def rows(tile: slice) -> None:
            np.matmul(self._kernel[tile], values, out=out[tile])

        in_threads(rows, _tiles(len(out)), self._kernel.size)
        return out


def conjugate(
    times: Callable[[np.ndarray, np.ndarray], np.ndarray], nearly: Callable[[np.ndarray, np.ndarray], np.ndarray],
    right: np.ndarray, least: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
    """Solve A x = b for each column b of `right` by preconditioned conjugate gradients (Hestenes & Stiefel 1952).

    Parameters
    ----------
    times : function of values v (n, c) and their column indices (c,) that returns A v; each column may have an A of its
        own, symmetric and positive definite
    nearly : function of the same arguments that returns an approximation of A^-1 v
    right : float32 (n, c)
    least : (c,), tolerance of the norm of b - A x

    Returns
    -------
    (x, b - A x), float32 (n, c)
    """
    solved, left = np.zeros_like(right), right.copy()
    away, columns = right, np.arange(right.shape[1])
    toward = along = None
    for _ in range(MOST_STEPS):
        short = np.sqrt(_dots(away, away)) > least[columns]
        if not short.all():  # drop the columns that are solved
            columns, away = columns[short], np.ascontiguousarray(away[:, short])
            if toward is not None and along is not None:
                toward, along = toward[short], np.ascontiguousarray(along[:, short])
        if not len(columns):
            break
        better = nearly(away, columns)
        size = _dots(away, better)
        if toward is None or along is None:
            along = better
        else:
            along = better + (size / np.maximum(toward, 1e-30)).astype(np.float32) * along
        turned = times(along, columns)
        step = (size / np.maximum(_dots(along, turned), 1e-30)).astype(np.float32)
        solved[:, columns] += step * along
        away = away - step * turned
        left[:, columns] = away
        toward = size
    return solved, left


def _dots(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return the dot products (c,) of the columns of (n, c) arrays, float64."""
    return np.einsum("ij,ij->j", a, b, dtype=np.float64)


def _kernel(known: np.ndarray, width: float) -> np.ndarray:
    """Return the Gaussian kernel (n, n) of all rows: the lower half is computed, and mirrored tile by tile."""
    n = len(known)
    kernel = np.empty((n, n), np.float32)
    exact = known.astype(np.float64) if width < NARROWEST else known
    tiles = _tiles(n)
    against = [kernel_with(exact[tile], width) for tile in tiles]

    def compare(place: int) -> None:
        mine = tiles[place]
        for values, other in zip(against[: place + 1], tiles):
            block = values(exact[mine])
            kernel[mine, other] = block
            if other != mine:
                kernel[other, mine] = block.T

    in_threads(compare, range(len(tiles))[::-1], kernel.size)  # the longest first
    kernel[np.diag_indices(n)] = 1
    return kernel


def _tiles(n: int) -> list[slice]:
    return [slice(start, min(start + TILE, n)) for start in range(0, n, TILE)]
