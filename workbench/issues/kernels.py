"""The Gaussian kernel on unit vectors: its width, landmarks that represent all rows, and features that approximate it.

Sums and products are computed in blocks of rows in threads. The blocks, and so the result, depend only on the numbers
of rows and landmarks.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import numpy as np

from workbench.evidence.neighbors import nearest_centre
from workbench.foundation.reductions import in_threads

KMEANS_ROUNDS = 3  # rounds of k-means after which the initial centres hardly matter
PER_LANDMARK = 20  # maximum number of rows per landmark for k-means
SUMS = 8
CUTS = 8  # blocks of columns of a triangular matrix: 9/16 of the work of a full one


def gaussian_kernel(a: np.ndarray, b: np.ndarray, width: float) -> np.ndarray:
    """Return exp(-|x - z|^2 / (2 width)) for all rows x of `a` and z of `b`: (n, m) in their dtype."""
    return kernel_with(b, width)(a)


def kernel_with(b: np.ndarray, width: float) -> Callable[[np.ndarray], np.ndarray]:
    """Return the function of rows `a` that computes `gaussian_kernel(a, b, width)`."""
    narrow = b.dtype.type(1 / width)
    right = _beside(b, b, -narrow / 2, 1).T

    def compare(a: np.ndarray) -> np.ndarray:
        values = _beside(a * narrow, a, -narrow / 2, 0) @ right  # the exponent as a single product
        np.minimum(values, 0, out=values)
        return np.exp(values, out=values)

    return compare


def _beside(rows: np.ndarray, of: np.ndarray, scale: float, first: int) -> np.ndarray:
    """Append two columns to the rows (n, p): ones, and the scaled squared norms of the rows `of`, in the order
    `first`."""
    out = np.ones((len(rows), rows.shape[1] + 2), rows.dtype)
    out[:, :-2] = rows
    out[:, -2 + first] = scale * np.einsum("ij,ij->i", of, of)
    return out


def median_width(marks: np.ndarray, rank: float) -> float:
    """Return the median squared distance to the neighbour of this rank (scaled to all rows) among landmarks, above
    0."""
    m = len(marks)
    if m < 2:
        return 1.0
    rank = int(np.clip(round(rank), 1, m - 1))
    picked = marks[:: max(1, m // 1000)]
    squared = (picked * picked).sum(axis=1)[:, None] + (marks * marks).sum(axis=1)[None] - 2 * picked @ marks.T
    width = float(np.median(np.partition(np.maximum(squared, 0), rank, axis=1)[:, rank]))
    return width if width > 1e-6 else max(float(squared.mean()), 1e-3)


def parts_of(n: int, width: int, most: int = 1 << 23) -> list[slice]:
    step = max(1, most // max(width, 1))
    return [slice(start, min(start + step, n)) for start in range(0, n, step)]


def class_sums(values: np.ndarray, labels: np.ndarray, k: int) -> np.ndarray:
    """Return the sums (k, p) of the rows (n, p) of each class, without rows of label -1."""
    from scipy.sparse import csr_matrix

    known = np.flatnonzero(labels >= 0)
    place = (labels[known], known)
    return csr_matrix((np.ones(len(known), np.float32), place), shape=(k, len(values))) @ values


def landmarks_of(vectors: np.ndarray, m: int, random: np.random.Generator) -> np.ndarray:
    """Return landmarks (m, p): k-means centres of a sample of rows, in random order; all rows if there are m."""
    n = len(vectors)
    if m == n:
        return vectors
    some = vectors if n <= PER_LANDMARK * m else vectors[np.sort(random.choice(n, PER_LANDMARK * m, replace=False))]
    return _centres(some, vectors[random.choice(n, m, replace=False)])


def _centres(points: np.ndarray, centres: np.ndarray) -> np.ndarray:
    """Run some rounds of k-means from centres (m, p); a centre without points keeps its place."""
    for _ in range(KMEANS_ROUNDS):
        owner = np.empty(len(points), np.int64)

        def assign(part: slice, owner: np.ndarray = owner, centres: np.ndarray = centres) -> None:
            owner[part] = nearest_centre(points[part], centres)

        in_threads(assign, parts_of(len(points), len(centres), most=1 << 21), len(points) * len(centres))
        sizes = np.bincount(owner, minlength=len(centres)).astype(np.float32)
        means = class_sums(points, owner, len(centres)) / np.maximum(sizes, 1)[:, None]
        centres = np.where(sizes[:, None] > 0, means, centres).astype(np.float32)
    return centres


def features_of(vectors: np.ndarray, marks: np.ndarray, width: float) -> np.ndarray:
    """Return features, float32 (n, m), whose products are K_nm K_mm^-1 K_mn for the Gaussian kernel of this width."""
    n, m = len(vectors), len(marks)
    exact = marks.astype(np.float64)  # in float32, near-duplicates and few dimensions would give negative eigenvalues
    among = gaussian_kernel(exact, exact, width)
    among[np.diag_indices(m)] += 1e-6
    whiten = Whitening(among)
    features = np.empty((n, m), np.float32)

    def embed(part: slice) -> None:
        whiten(gaussian_kernel(vectors[part], marks, width), out=features[part])

    in_threads(embed, parts_of(n, m, most=1 << 21), n * m)
    return features


class Whitening:
    """Multiply rows (b, m) by L^-T, with L L' = a positive definite matrix (m, m), so that products are x' matrix^-1 z.

    This uses matrix products of NumPy because the triangular solvers of SciPy block all other threads. The inverse of
    the factor is computed in float64; products skip its upper half.
    """

    def __init__(self, matrix: np.ndarray) -> None:
        self.inverse = inverse_factor(matrix)
        turned = np.ascontiguousarray(self.inverse.T, np.float32)
        ends = np.unique(np.linspace(0, len(turned), CUTS + 1).astype(int))
        self._cuts = [(int(start), int(end)) for start, end in pairwise(ends)]
        self._blocks = [np.ascontiguousarray(turned[:end, start:end]) for start, end in self._cuts]

    def __call__(self, rows: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
        out = np.empty_like(rows) if out is None else out
        for (start, end), block in zip(self._cuts, self._blocks):
            np.matmul(rows[:, :end], block, out=out[:, start:end])
        return out


def inverse_factor(matrix: np.ndarray) -> np.ndarray:
    """Return L^-1, float64 and lower triangular, with L L' = matrix (m, m), positive definite."""
    from scipy.linalg import cholesky
    from scipy.linalg.lapack import dtrtri

    return dtrtri(cholesky(matrix.astype(np.float64), lower=True, check_finite=False), lower=1, overwrite_c=1)[0]


def summed_squares(read: Callable[[slice], np.ndarray], n: int, m: int) -> np.ndarray:
    """Return X'X, float32 (m, m), of the rows X (n, m) that `read` returns block by block."""
    parts = parts_of(n, m, most=1 << 20)
    groups = [parts[start::SUMS] for start in range(min(SUMS, len(parts)))]
    sums = [np.zeros((m, m), np.float32) for _ in groups]

    def add(index: int) -> None:
        for part in groups[index]:
            block = np.ascontiguousarray(read(part))
            sums[index] += block.T @ block  # NumPy computes one half and mirrors it

    in_threads(add, range(len(groups)), n * m)
    return sum(sums[1:], sums[0]) if sums else np.zeros((m, m), np.float32)
