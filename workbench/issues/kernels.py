"""The Gaussian kernel on unit vectors: its width, landmarks that stand for all rows, features that approximate it.

Sums and products run over blocks of rows in threads; how these are cut depends on nothing but the numbers of rows and
landmarks, nor does the result.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from workbench.foundation.reductions import in_threads

ROUNDS = 3  # of k-means: the choice of the first centres then matters little
PER_LANDMARK = 20  # rows at most that each landmark is the centre of
SUMS = 8


def gaussian_kernel(a: np.ndarray, b: np.ndarray, width: float) -> np.ndarray:
    """exp(-|x - z|^2 / (2 width)) for all rows x of `a` and z of `b`: (n, m) of their dtype."""
    values = a @ b.T  # in place from here: a new array of this size costs more than the arithmetic
    values *= -2
    values += np.einsum("ij,ij->i", a, a)[:, None]
    values += np.einsum("ij,ij->i", b, b)
    np.maximum(values, 0, out=values)
    values *= np.float32(-0.5 / width)
    return np.exp(values, out=values)


def median_width(marks: np.ndarray, rank: float) -> float:
    """Median squared distance among landmarks to the neighbour of this rank (scaled to all rows), above 0."""
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
    """(k, p) sums of the rows (n, p) of each class; label -1 counts for none."""
    from scipy.sparse import csr_matrix

    known = np.flatnonzero(labels >= 0)
    place = (labels[known], known)
    return csr_matrix((np.ones(len(known), np.float32), place), shape=(k, len(values))) @ values


def landmarks_of(vectors: np.ndarray, m: int, random: np.random.Generator) -> np.ndarray:
    """Landmarks (m, p): centres of k-means in random order, from some of the rows; all rows where there are m."""
    n = len(vectors)
    if m == n:
        return vectors
    some = vectors if n <= PER_LANDMARK * m else vectors[np.sort(random.choice(n, PER_LANDMARK * m, replace=False))]
    return _centres(some, vectors[random.choice(n, m, replace=False)])


def _centres(points: np.ndarray, centres: np.ndarray) -> np.ndarray:
    """Centres (m, p) after some rounds of k-means; one that no point is nearest to stays where it was."""
    from workbench.evidence.neighbors import nearest_centre

    for _ in range(ROUNDS):
        owner = np.empty(len(points), np.int64)

        def assign(part: slice, owner: np.ndarray = owner, centres: np.ndarray = centres) -> None:
            owner[part] = nearest_centre(points[part], centres)

        in_threads(assign, parts_of(len(points), len(centres), most=1 << 21), len(points) * len(centres))
        sizes = np.bincount(owner, minlength=len(centres)).astype(np.float32)
        means = class_sums(points, owner, len(centres)) / np.maximum(sizes, 1)[:, None]
        centres = np.where(sizes[:, None] > 0, means, centres).astype(np.float32)
    return centres


def features_of(vectors: np.ndarray, marks: np.ndarray, width: float) -> np.ndarray:
    """Features (n, m), float32, whose products are K_nm K_mm^-1 K_mn for the Gaussian kernel of this width."""
    from scipy.linalg import cholesky
    from scipy.linalg.blas import strsm

    n, m = len(vectors), len(marks)
    exact = marks.astype(np.float64)  # in float32 near-duplicates and few dimensions leave negative eigenvalues
    among = gaussian_kernel(exact, exact, width)
    among[np.diag_indices(m)] += 1e-6
    factor = np.asfortranarray(cholesky(among, lower=True, check_finite=False), np.float32)
    features = np.empty((n, m), np.float32)

    def embed(part: slice) -> None:
        block = gaussian_kernel(vectors[part], marks, width)
        features[part] = strsm(1.0, factor, block.T, lower=1, overwrite_b=1).T  # block.T is Fortran's order: in place

    in_threads(embed, parts_of(n, m, most=1 << 22), n * m)
    return features


def summed_squares(read: Callable[[slice], np.ndarray], n: int, m: int) -> np.ndarray:
    """X'X (m, m), float32, of the rows X (n, m) that `read` gives for a block; both halves."""
    from scipy.linalg.blas import ssyrk

    parts = parts_of(n, m, most=1 << 21)
    groups = [parts[start::SUMS] for start in range(min(SUMS, len(parts)))]
    sums: list[np.ndarray] = [np.zeros((m, m), np.float32, order="F") for _ in groups]

    def add(index: int) -> None:
        for part in groups[index]:
            block = np.ascontiguousarray(read(part))
            sums[index] = ssyrk(1.0, block.T, beta=1.0, c=sums[index], lower=1, overwrite_c=1)

    in_threads(add, range(len(groups)), n * m)
    total = sum(sums[1:], sums[0]) if sums else np.zeros((m, m), np.float32)
    return np.tril(total) + np.tril(total, -1).T
