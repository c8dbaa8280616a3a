"""The nearest neighbours of every example, computed once per embedding and shared by scores, projection and views.

Hidden here: exact search by blocks of matrix products where that is fast, nearest-neighbour descent (pynndescent)
above `EXACT_ROWS` rows, duplicates, rows without an embedding, and the cache in the run.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from workbench.cache import embedding_key, load, store
from workbench.errors import InputError

if TYPE_CHECKING:
    from torch import Tensor

    from workbench.run import Run

METRICS = ("cosine", "euclidean")

EXACT_ROWS = 30_000
"""Up to this many rows the search is exact. See benchmarks in the docstring of `nearest`."""

AT_LEAST = 50
"""Neighbours that `of_run` computes at least, so that later wishes are slices of one graph."""

BLOCK = 1 << 24  # distances held at a time: 64 MB
GROUP = 16  # columns whose minimum stands for them in a first selection
SPARE = 8  # candidates beyond k, whose distances are computed again in full precision
SAMPLE = 500  # rows on which the recall of an approximate search is measured


@dataclass(frozen=True)
class Neighbors:
    """The k nearest neighbours of n rows, nearest first, the row itself left out.

    Attributes
    ----------
    indices : (n, k) int32 row numbers; -1 where there is none (the row, or too many others, have no embedding).
    distances : (n, k) float32, ascending; NaN where there is none. Cosine: 1 - cosine similarity, in [0, 2].
    metric : "cosine" or "euclidean".
    recall : share of the true neighbours that were found: 1.0 for an exact search, else measured on 500 rows.
    """

    indices: np.ndarray
    distances: np.ndarray
    metric: str = "cosine"
    recall: float = 1.0

    @property
    def n(self) -> int:
        """Number of rows."""
        return self.indices.shape[0]

    @property
    def k(self) -> int:
        """Neighbours per row."""
        return self.indices.shape[1]

    @property
    def how(self) -> str:
        """How the search was done, in words."""
        if self.recall == 1.0:
            return f"exact search, {self.metric} distance"
        return f"approximate search, {self.metric} distance, recall {self.recall:.3f} measured on {SAMPLE} rows"

    def first(self, k: int) -> Neighbors:
        """The same graph with only the k nearest."""
        return Neighbors(self.indices[:, :k], self.distances[:, :k], self.metric, self.recall)

    def labels(self, codes: np.ndarray) -> np.ndarray:
        """(n, k) labels of the neighbours, out of `codes` (n,); -1 where there is no neighbour or no label."""
        return np.where(self.indices < 0, -1, np.append(codes, -1)[self.indices])


def nearest(
    embeddings: np.ndarray, k: int = 15, metric: str = "cosine", *, exact: bool | None = None, seed: int = 0
) -> Neighbors:
    """The k nearest neighbours of every row among all others.

    Parameters
    ----------
    embeddings : float array (n, d); rows that hold NaN or infinity are neither queries nor neighbours.
    k : how many; at most n - 1 are returned.
    metric : "cosine" or "euclidean". By cosine a row of zeros, which has no direction, is at
        distance 0 from other such rows and .5 from the rest.
    exact : search exactly (True), approximately (False), or by the number of rows (None).
    seed : of the approximate search.

    Returns
    -------
    Neighbors, with k = min(k, n - 1)

    Raises
    ------
    InputError : not two-dimensional, k below 1, an unknown metric.
    """
    embeddings = np.asarray(embeddings)
    if embeddings.ndim != 2 or embeddings.dtype.kind not in "fiu":
        found = f"has shape {embeddings.shape} and dtype {embeddings.dtype}"
        raise InputError.at("embeddings", found, "Pass one row of d numbers per example.")
    if metric not in METRICS:
        raise InputError.unknown("metric", metric, METRICS)
    if int(k) != k or k < 1:
        raise InputError.at("k", f"is {k!r}", "Ask for at least one neighbour.")
    n = len(embeddings)
    k = min(int(k), max(n - 1, 0))
    there = finite_rows(embeddings)
    rows = np.flatnonzero(there)
    indices = np.full((n, k), -1, np.int32)
    distances = np.full((n, k), np.nan, np.float32)
    found, recall = min(k, max(len(rows) - 1, 0)), 1.0
    if found:
        vectors = _prepared(embeddings, rows, metric)
        if exact if exact is not None else len(rows) <= EXACT_ROWS:
            place, squared = _exact(vectors, found)
        else:
            place, squared, recall = _approximate(vectors, found, seed)
        indices[rows, :found] = rows[place]
        distances[rows, :found] = squared / 2 if metric == "cosine" else np.sqrt(squared)
    return Neighbors(indices, distances, metric, recall)


def of_run(run: Run, epoch: int = -1, k: int = 15, metric: str = "cosine") -> Neighbors:
    """The k nearest neighbours by the embeddings of one epoch, computed once and kept in the run's cache.

    Parameters
    ----------
    epoch : an epoch with embeddings; -1 is the last.
    k : how many. At least 50 are computed at first, more when more are asked for; fewer are a slice.
    metric : "cosine" or "euclidean".

    Raises
    ------
    MissingEvidence : the run has no embeddings.
    """
    epoch = run.resolve_embedding_epoch(epoch)
    if metric not in METRICS:
        raise InputError.unknown("metric", metric, METRICS)
    name = f"neighbors-epoch={epoch:04d}-{metric}"
    key = {"embeddings": embedding_key(run, epoch), "metric": metric}
    wanted = min(k, max(run.n - 1, 0))
    stored = load(run, name, key)
    if stored is None or stored["indices"].shape[1] < wanted:
        graph = nearest(run.embeddings(epoch), max(k, AT_LEAST), metric)
        stored = {"indices": graph.indices, "distances": graph.distances, "recall": np.float64(graph.recall)}
        store(run, name, key, stored)
    return Neighbors(stored["indices"], stored["distances"], metric, float(stored["recall"])).first(wanted)


def finite_rows(values: np.ndarray) -> np.ndarray:
    """(n,) bool: which rows of (n, d) hold only finite numbers, looked at block by block."""
    n, d = values.shape
    if values.dtype.kind != "f":
        return np.ones(n, bool)
    step = max(1, (1 << 22) // max(d, 1))
    parts = [np.isfinite(values[start : start + step]).all(axis=1) for start in range(0, n, step)]
    return np.concatenate(parts) if parts else np.zeros(0, bool)


def _prepared(embeddings: np.ndarray, rows: np.ndarray, metric: str) -> np.ndarray:
    """(m, d) float32 whose squared Euclidean distances are those wanted (cosine: twice the cosine distance)."""
    vectors = np.asarray(embeddings[rows], dtype=np.float32)
    if metric == "euclidean":
        return np.ascontiguousarray(vectors - vectors.mean(axis=0, dtype=np.float64).astype(np.float32))
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.divide(vectors, lengths, out=np.zeros_like(vectors), where=lengths > 0)


def _exact(vectors: np.ndarray, k: int, queries: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
    """(q, k) places and squared distances of the nearest other rows, of all rows or of `queries`.

    Candidates come from |a|^2 + |b|^2 - 2ab, which loses digits for near duplicates; their distances are then
    computed from differences, and ties go to the lower row.
    """
    import torch

    m = len(vectors)
    everything = torch.from_numpy(vectors)
    squares = (everything * everything).sum(1)
    queries = np.arange(m) if queries is None else queries
    take = min(k + SPARE, m)
    step = max(1, BLOCK // m)
    places = np.empty((len(queries), k), np.int64)
    squared = np.empty((len(queries), k), np.float32)
    for start in range(0, len(queries), step):
        block = queries[start : start + step]
        away = torch.addmm(squares, everything[torch.from_numpy(block)], everything.T, alpha=-2)
        away[torch.arange(len(block)), torch.from_numpy(block)] = torch.inf
        near = _smallest(away, take).numpy()
        places[start : start + step], squared[start : start + step] = _refined(vectors, block, near, k)
    return places, squared


def _smallest(values: Tensor, take: int) -> Tensor:
    """(b, take) columns of the smallest values of each row.

    The `take` smallest lie in the `take` groups of columns with the smallest minima, so only those are sorted.
    """
    import torch

    b, m = values.shape
    if m <= 4 * GROUP * take:
        return values.topk(take, largest=False, sorted=False).indices
    whole = m // GROUP * GROUP
    minima = values[:, :whole].reshape(b, -1, GROUP).amin(2)
    groups = minima.topk(take, largest=False, sorted=False).indices
    columns = (groups[:, :, None] * GROUP + torch.arange(GROUP)).reshape(b, -1)
    columns = torch.cat([columns, torch.arange(whole, m).expand(b, -1)], 1)
    return columns.gather(1, values.gather(1, columns).topk(take, largest=False, sorted=False).indices)


def _refined(vectors: np.ndarray, rows: np.ndarray, near: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """The k nearest of the candidates `near` (b, c), by squared differences; the row itself goes last."""
    squared = np.empty(near.shape, np.float32)
    step = max(1, (1 << 22) // max(near.shape[1] * vectors.shape[1], 1))
    for start in range(0, len(rows), step):
        part = slice(start, start + step)
        difference = vectors[near[part]] - vectors[rows[part], None]
        squared[part] = np.einsum("bcd,bcd->bc", difference, difference)
    squared[near == rows[:, None]] = np.inf
    order = np.lexsort((near, squared), axis=1)[:, :k]
    return np.take_along_axis(near, order, 1), np.take_along_axis(squared, order, 1)


def _approximate(vectors: np.ndarray, k: int, seed: int) -> tuple[np.ndarray, np.ndarray, float]:
    """Places, squared distances and measured recall of nearest-neighbour descent."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module=r"(numba|pynndescent|llvmlite)(\.|$)")
        from pynndescent import NNDescent

        index = NNDescent(vectors, metric="euclidean", n_neighbors=k + 1, random_state=seed, compressed=True)
        near = index.neighbor_graph[0]
    own = np.arange(len(vectors))
    short = (near < 0).any(axis=1)
    near = np.where(near < 0, own[:, None], near)
    places, squared = _refined(vectors, own, near, k)
    holes = np.flatnonzero(short | ~np.isfinite(squared).all(axis=1))
    if len(holes):
        places[holes], squared[holes] = _exact(vectors, k, holes)
    sample = np.random.default_rng(seed).choice(len(vectors), min(SAMPLE, len(vectors)), replace=False)
    truth = _exact(vectors, k, sample)[1][:, -1:]
    recall = float((squared[sample] <= truth * (1 + 1e-5)).mean())
    return places, squared, recall
