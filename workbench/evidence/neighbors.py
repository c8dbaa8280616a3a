"""Nearest neighbours of every example, computed once per embedding and shared by scores, projection and views.

Up to `EXACT_ROWS` rows the search is exact, by blocks of matrix products. Larger sets are searched in the nearest cells
of a k-means partition, with a target recall that is measured. The module also handles duplicates, rows without an
embedding, and the cache in the run.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from workbench.foundation.checks import check_whole
from workbench.foundation.devices import device_of
from workbench.foundation.errors import InputError
from workbench.foundation.reductions import in_threads
from workbench.foundation.rows import unit_rows
from workbench.runs.remote_work import Place, on_one_worker
from workbench.storage.cache import embedding_key, load, store

if TYPE_CHECKING:
    from torch import Tensor
    from torch import device as Device

    from workbench.runs.run import Run

METRICS = ("cosine", "euclidean")

EXACT_ROWS = 30_000
"""Up to this many rows the search is exact; the notes of `nearest` give timings."""

DEVICE_EXACT_ROWS = 300_000
"""The same limit on an accelerator, which computes products hundreds of times faster."""

AT_LEAST = 50
"""Minimum number of neighbours that `neighbors` computes, so that later calls can slice the same graph."""

DISTANCES_AT_A_TIME = 1 << 21  # distances that a thread holds at a time: 8 MB; products of fewer rows are slower
DIFFERENCES = 1 << 18  # elements of the differences that a thread holds at a time
DEVICE_DISTANCES = 1 << 24
GROUP = 16  # columns represented by their minimum in a first selection
CELL_ROUNDS = 5  # of k-means
ENOUGH = 0.96  # share of the true neighbours that the searched cells must hold
SPARE = 8  # extra candidates beyond k; distances of all candidates are recomputed in full precision
RECALL_SAMPLE = 500  # rows on which the recall of an approximate search is measured
LARGEST = 1e17  # larger numbers count as infinite: their sum of squares would overflow float32


@dataclass(frozen=True)
class Neighbors:
    """The k nearest neighbours of n rows, nearest first, excluding the row itself.

    Attributes
    ----------
    indices : (n, k) int32 row numbers; -1 = no neighbour (this row, or too many other rows, have no embedding).
    distances : (n, k) float32, ascending; NaN = no neighbour. Cosine: 1 - cosine similarity, in [0, 2].
    metric : "cosine" or "euclidean".
    recall : share of the true neighbours that were found: 1.0 for an exact search, otherwise measured on 500 rows.
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
        """Description of the search method."""
        if self.recall == 1.0:
            return f"exact search, {self.metric} distance"
        return f"approximate search, {self.metric} distance, recall {self.recall:.3f} measured on {RECALL_SAMPLE} rows"

    def first(self, k: int) -> Neighbors:
        """Return the graph of the k nearest only."""
        return Neighbors(self.indices[:, :k], self.distances[:, :k], self.metric, self.recall)

    def labels(self, codes: np.ndarray) -> np.ndarray:
        """Return the labels (n, k) of the neighbours, given `codes` (n,); -1 for no neighbour or no label."""
        return np.where(self.indices < 0, -1, np.append(codes, -1)[self.indices])


def nearest(
    embeddings: np.ndarray,
    k: int = 15,
    metric: str = "cosine",
    *,
    exact: bool | None = None,
    seed: int = 0,
    device: str = "auto",
) -> Neighbors:
    """Find the k nearest neighbours of every row among all other rows.

    Parameters
    ----------
    embeddings : float array (n, d); rows with NaN or infinity are neither queries nor neighbours.
    k : number of neighbours; at most n - 1 are returned.
    metric : "cosine" or "euclidean". The cosine distance of a row of zeros, which has no direction, is 0 to other such
        rows and .5 to all others.
    exact : search exactly (True), approximately (False), or depending on the number of rows (None).
    seed : random seed of the approximate search.
    device : "auto" (a CUDA device if there is one; for at most 30,000 rows only if torch is loaded), "cpu", "cuda", ...

    Returns
    -------
    Neighbors, with k = min(k, n - 1)

    Raises
    ------
    InputError : not two-dimensional, k below 1, an unknown metric, a device that cannot be used.

    Notes
    -----
    Seconds on one core for k = 50, d = 128: exact search 1.5 at 5,000 rows, 5 at 20,000, 11 at 40,000, and four times
    as long for twice the rows. Approximate search 3 at 50,000 rows in 50 groups, 6 at 40,000 rows without groups
    (rank 20 plus noise). It aims at a recall of .96 and measures what it reaches.
    On a CUDA device up to 300,000 rows are searched exactly; distances agree within 1e-5, so near ties may swap.
    """
    embeddings = np.asarray(embeddings)
    if embeddings.ndim != 2 or embeddings.dtype.kind not in "fiu":
        found = f"has shape {embeddings.shape} and dtype {embeddings.dtype}"
        raise InputError.at("embeddings", found, "Pass one row of d numbers per example.")
    if metric not in METRICS:
        raise InputError.unknown("metric", metric, METRICS)
    check_whole("k", k, 1, "Use at least one neighbour.")
    n = len(embeddings)
    k = min(int(k), max(n - 1, 0))
    there = finite_rows(embeddings)
    rows = np.flatnonzero(there)
    indices = np.full((n, k), -1, np.int32)
    distances = np.full((n, k), np.nan, np.float32)
    found, recall = min(k, max(len(rows) - 1, 0)), 1.0
    if found:
        vectors = _prepared(embeddings, rows, metric)
        where = _accelerator(device, len(rows))
        limit = EXACT_ROWS if where is None else DEVICE_EXACT_ROWS
        if exact if exact is not None else len(rows) <= limit:
            every = np.arange(len(vectors))
            place, squared = _search(vectors, every, every, found, where)
        else:
            place, squared, recall = _approximate(vectors, found, seed, where=where)
        indices[rows, :found] = rows[place]
        distances[rows, :found] = squared / 2 if metric == "cosine" else np.sqrt(squared)
    return Neighbors(indices, distances, metric, recall)


def nearest_of(
    embeddings: np.ndarray, among: np.ndarray, k: int = 15, metric: str = "cosine", *, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Find, for every row, its k nearest among some of the rows.

    Parameters
    ----------
    embeddings : float array (n, d), all finite.
    among : more than k distinct row numbers.
    k, metric, seed : as in `nearest`.

    Returns
    -------
    (n, k) int64 row numbers from `among`, and (n, k) float32 distances; exact up to `EXACT_ROWS` rows.
    If a row finds itself, it is listed last, at infinite distance.
    """
    vectors = _prepared(embeddings, np.arange(len(embeddings)), metric)
    if len(vectors) <= EXACT_ROWS:
        place, squared = _search(vectors, np.arange(len(vectors)), among, k)
    else:
        place, squared, _ = _approximate(vectors, k, seed, among)
    return place, squared / 2 if metric == "cosine" else np.sqrt(squared)


def neighbors(
    run: Run, epoch: int = -1, k: int = 15, *, metric: str = "cosine", device: str = "auto", client: Any = None
) -> Neighbors:
    """Find the k nearest neighbours by the embeddings of one epoch, and keep them in the run's cache.

    Parameters
    ----------
    run : a Run or its path.
    epoch : an epoch with embeddings; -1 is the last.
    k : number of neighbours. The first call computes at least 50; smaller k are slices, larger ones are recomputed.
    metric : "cosine" or "euclidean".
    device : device of the search, if the result is not in the cache.
    client : a dask.distributed Client; one of its workers searches, if the result is not in the cache.

    Returns
    -------
    Neighbors: `indices` and `distances`, both (n, k), nearest first.

    Raises
    ------
    MissingEvidence : the run has no embeddings.
    """
    epoch = run.resolve_embedding_epoch(epoch)
    if metric not in METRICS:
        raise InputError.unknown("metric", metric, METRICS)
    name = f"neighbors-epoch={epoch:04d}-{metric}"
    key = {"embeddings": embedding_key(run.layout, epoch), "metric": metric}
    wanted = min(k, max(run.n - 1, 0))
    stored = load(run.layout, name, key)
    if stored is None or stored["indices"].shape[1] < wanted:
        if client is not None:
            there = functools.partial(_nearest_of, epoch=epoch, k=max(k, AT_LEAST), metric=metric, device=device)
            graph = on_one_worker(there, run, client)
        else:
            graph = nearest(run.embeddings(epoch), max(k, AT_LEAST), metric, device=device)
        stored = {"indices": graph.indices, "distances": graph.distances, "recall": np.asarray(graph.recall)}
        store(run.layout, name, key, stored)
    return Neighbors(stored["indices"], stored["distances"], metric, float(stored["recall"])).first(wanted)


def _nearest_of(place: Place, epoch: int, k: int, metric: str, device: str) -> Neighbors:
    return nearest(place.run().embeddings(epoch), k, metric, device=device)


def finite_rows(values: np.ndarray) -> np.ndarray:
    """Return which rows of (n, d) hold only numbers whose squares can be summed, (n,) bool; works in blocks."""
    n, d = values.shape
    if values.dtype.kind != "f":
        return np.ones(n, bool)
    step = max(1, (1 << 22) // max(d, 1))
    usable = np.isfinite if values.dtype == np.float16 else lambda part: np.abs(part) <= LARGEST
    parts = [usable(values[start : start + step]).all(axis=1) for start in range(0, n, step)]
    return np.concatenate(parts) if parts else np.zeros(0, bool)


def _prepared(embeddings: np.ndarray, rows: np.ndarray, metric: str) -> np.ndarray:
    """Return (m, d) float32 vectors whose squared Euclidean distance is the metric's (cosine: twice the distance)."""
    vectors = np.asarray(embeddings[rows], dtype=np.float32)
    if metric == "euclidean":
        return np.ascontiguousarray(vectors - vectors.mean(axis=0, dtype=np.float64).astype(np.float32))
    return unit_rows(vectors)


def _accelerator(wanted: str | Device | None, rows: int) -> Device | None:
    """Return the device for a search of so many rows; None for the CPU, which needs no torch.

    Loading torch takes as long as searching ten thousand rows, so "auto" looks for an accelerator only if torch is
    loaded or the search is long.
    """
    if wanted == "cpu" or (wanted in (None, "auto") and rows <= EXACT_ROWS and "torch" not in sys.modules):
        return None
    place = device_of(wanted)
    return None if place.type == "cpu" else place


def _search(
    vectors: np.ndarray, queries: np.ndarray, among: np.ndarray, k: int, where: Device | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Return the nearest other rows of `queries` among `among` (more than k distinct rows), and squared distances.

    Candidates come from |a|^2 + |b|^2 - 2ab, which loses digits for near duplicates. Their distances are recomputed
    from differences, and ties go to the lower row.
    """
    m = len(among)
    candidates = vectors if m == len(vectors) and (among == np.arange(m)).all() else vectors[among]
    take = min(k + SPARE, m)
    step = min(max(1, (DISTANCES_AT_A_TIME if where is None else DEVICE_DISTANCES) // m), max(1, len(queries)))
    there = None if where is None else _there(candidates, among, where)
    squares = np.einsum("ij,ij->i", candidates, candidates) if where is None else None
    places = np.empty((len(queries), k), np.int64)
    squared = np.empty((len(queries), k), np.float32)
    spare: list[np.ndarray] = []  # arrays of a block that no thread uses: new ones would cost as much as the products

    def search(part: slice) -> None:
        block = queries[part]
        if there is None:
            try:
                held = spare.pop()
            except IndexError:
                held = np.empty((step, m), np.float32)
            values = np.matmul(-2 * vectors[block], candidates.T, out=held[: len(block)])
            values += squares
            found = _refined(vectors, block, among[smallest(values, take)], k)
            spare.append(held)
        else:
            found = there(vectors[block], block, take, k)
        places[part], squared[part] = found

    parts = [slice(start, min(start + step, len(queries))) for start in range(0, len(queries), step)]
    in_threads(search, parts, len(queries) * m, threads=None if where is None else 1)
    return places, squared


def smallest(values: np.ndarray, take: int) -> np.ndarray:
    """Return the columns (b, take) of the smallest values of each row, in any order.

    They lie in the `take` groups of columns with the smallest minima, so only members of those groups are compared.
    """
    b, m = values.shape
    groups = m // GROUP
    if groups <= 4 * take:
        return np.argpartition(values, take - 1, axis=1)[:, :take]
    minima = values[:, :groups].copy()
    for start in range(groups, groups * GROUP, groups):
        np.minimum(minima, values[:, start : start + groups], out=minima)
    best = np.argpartition(minima, take - 1, axis=1)[:, :take]
    members = (best[:, None, :] + groups * np.arange(GROUP)[None, :, None]).reshape(b, -1)
    rest = np.broadcast_to(np.arange(groups * GROUP, m), (b, m - groups * GROUP))
    columns = np.concatenate([members, rest], axis=1)
    inside = smallest(np.take_along_axis(values, columns, axis=1), take)
    return np.take_along_axis(columns, inside, axis=1)


def _refined(vectors: np.ndarray, rows: np.ndarray, near: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the k nearest of the candidates `near` (b, c), by squared differences; the row itself comes last."""
    squared = np.empty(near.shape, np.float32)
    step = max(1, DIFFERENCES // max(near.shape[1] * vectors.shape[1], 1))
    for start in range(0, len(rows), step):
        part = slice(start, start + step)
        difference = vectors[near[part]]
        difference -= vectors[rows[part], None]
        squared[part] = np.einsum("bcd,bcd->bc", difference, difference)
    squared[near == rows[:, None]] = np.inf
    order = np.lexsort((near, squared), axis=1)[:, :k]
    return np.take_along_axis(near, order, 1), np.take_along_axis(squared, order, 1)


def _there(
    candidates: np.ndarray, among: np.ndarray, where: Device
) -> Callable[[np.ndarray, np.ndarray, int, int], tuple[np.ndarray, np.ndarray]]:
    """Return the same search on a device; the candidates are copied to it once."""
    import torch

    rows, place = torch.from_numpy(candidates).to(where), torch.from_numpy(among).to(where)
    squares = (rows * rows).sum(1)

    def search(queries: np.ndarray, block: np.ndarray, take: int, k: int) -> tuple[np.ndarray, np.ndarray]:
        asked = torch.from_numpy(queries).to(where)
        near = _smallest_there(torch.addmm(squares, asked, rows.T, alpha=-2), take)
        return _refined_there(rows, asked, near, place, block, k)

    return search


def _smallest_there(values: Tensor, take: int) -> Tensor:
    """`smallest` on the device of the tensor; groups are adjacent columns."""
    import torch

    b, m = values.shape
    if m <= 4 * GROUP * take:
        return values.topk(take, largest=False, sorted=False).indices
    whole = m // GROUP * GROUP
    minima = values[:, :whole].reshape(b, -1, GROUP).amin(2)
    groups = minima.topk(take, largest=False, sorted=False).indices
    inside = torch.arange(GROUP, device=values.device)
    columns = (groups[:, :, None] * GROUP + inside).reshape(b, -1)
    columns = torch.cat([columns, torch.arange(whole, m, device=values.device).expand(b, -1)], 1)
    return columns.gather(1, values.gather(1, columns).topk(take, largest=False, sorted=False).indices)


def _refined_there(
    candidates: Tensor, asked: Tensor, near: Tensor, among: Tensor, rows: np.ndarray, k: int
) -> tuple[np.ndarray, np.ndarray]:
    """`_refined` on the device of the tensors; `near` indexes the candidates."""
    import torch

    near = near.sort(dim=1).values  # ties go to the lower row
    squared = torch.empty(near.shape, device=near.device)
    step = max(1, (1 << 26) // max(near.shape[1] * asked.shape[1], 1))
    for start in range(0, len(near), step):
        part = slice(start, start + step)
        squared[part] = (candidates[near[part]] - asked[part, None]).square().sum(2)
    place = among[near]
    squared[place == torch.from_numpy(rows).to(near.device)[:, None]] = torch.inf
    order = squared.sort(dim=1, stable=True).indices[:, :k]
    return place.gather(1, order).cpu().numpy(), squared.gather(1, order).cpu().numpy()


def _approximate(
    vectors: np.ndarray, k: int, seed: int, some: np.ndarray | None = None, where: Device | None = None
) -> tuple[np.ndarray, np.ndarray, float]:
    """Search the nearest cells of a k-means partition; return places, squared distances and the measured recall.

    Every row is a query; the candidates are all rows, or `some` of them.

    The number of cells to search is chosen on a sample whose true neighbours are known: enough cells to hold a share
    of `ENOUGH` of them. For data without structure that is nearly all cells, and the search is nearly exact.
    """
    from tqdm.auto import tqdm

    m = len(vectors)
    rng = np.random.default_rng(seed)
    rows = np.arange(m)
    some = rows if some is None else some
    centres = _centres(vectors, some, int(np.sqrt(len(some))), rng)
    cell = nearest_centre(vectors, centres)
    queries = _by_cell(rows, cell, len(centres))
    members = queries if some is rows else _by_cell(some, cell[some], len(centres))
    by_nearness = np.argsort(_to_centres(centres, centres), axis=1, kind="stable")

    sample = rng.choice(m, min(RECALL_SAMPLE, m), replace=False)
    true_places, true_squared = _search(vectors, sample, some, k, where)
    rank = np.empty(by_nearness.shape, np.int32)
    np.put_along_axis(rank, by_nearness, np.arange(len(centres), dtype=np.int32)[None], 1)
    needed = np.sort(rank[cell[sample][:, None], cell[true_places]], axis=None)
    probes = int(needed[min(int(np.ceil(ENOUGH * needed.size)), needed.size - 1)]) + 1

    places = np.empty((m, k), np.int64)
    squared = np.empty((m, k), np.float32)
    with tqdm(total=m, desc="neighbours", unit="row", unit_scale=True, delay=2, leave=False) as bar:
        for one, rows in enumerate(queries):
            if not len(rows):
                continue
            near = by_nearness[one]
            take, held = probes, sum(len(members[c]) for c in near[:probes])
            while held <= k + SPARE and take < len(near):
                held += len(members[near[take]])
                take += 1
            among = np.concatenate([members[c] for c in near[:take]])
            places[rows], squared[rows] = _search(vectors, rows, among, k, where)
            bar.update(len(rows))
    recall = float((squared[sample] <= true_squared[:, -1:] * (1 + 1e-5)).mean())
    return places, squared, recall


def _by_cell(rows: np.ndarray, cell: np.ndarray, count: int) -> list[np.ndarray]:
    """Return the rows of each of `count` cells; cell[i] is the cell of rows[i]."""
    order = np.argsort(cell, kind="stable")
    ends = np.searchsorted(cell[order], np.arange(count + 1))
    return [rows[order[ends[i] : ends[i + 1]]] for i in range(count)]


def _centres(vectors: np.ndarray, some: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    """Return `count` centres of the rows `some`, by k-means on a sample; empty cells restart at random rows."""
    from scipy.sparse import csr_matrix

    sample = vectors[some[rng.choice(len(some), min(len(some), 40 * count), replace=False)]]
    centres = sample[:count].copy()
    every, one = np.arange(len(sample)), np.ones(len(sample), np.float32)
    for _ in range(CELL_ROUNDS):
        cell = nearest_centre(sample, centres)
        sizes = np.bincount(cell, minlength=count)
        sums = csr_matrix((one, (cell, every)), shape=(count, len(sample))) @ sample
        centres = sums / np.maximum(sizes, 1)[:, None].astype(np.float32)
        empty = np.flatnonzero(sizes == 0)
        centres[empty] = sample[rng.integers(len(sample), size=len(empty))]
    return centres


def nearest_centre(rows: np.ndarray, centres: np.ndarray) -> np.ndarray:
    """Return the index of the centre nearest to each row, (m,) int64."""
    step = max(1, DISTANCES_AT_A_TIME // len(centres))
    parts = [_to_centres(rows[start : start + step], centres).argmin(axis=1) for start in range(0, len(rows), step)]
    return np.concatenate(parts)


def _to_centres(rows: np.ndarray, centres: np.ndarray) -> np.ndarray:
    """Return squared distances (m, c) of rows to centres, minus each row's squared norm, which keeps the order."""
    products = rows @ centres.T
    products *= -2
    products += np.einsum("ij,ij->i", centres, centres)
    return products
