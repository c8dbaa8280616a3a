"""Embeddings in two dimensions, for looking at: UMAP or PCA, reproducible, kept in the run's cache.

Hidden here: UMAP starts from the principal components and the run's shared neighbour graph instead of a search of its
own; rows without an embedding; sets too small for UMAP; the warnings of numba and umap-learn that a reader cannot act
on. Distances in a UMAP picture say who is near whom, not how far apart groups are.
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import numpy as np

from workbench.errors import InputError
from workbench.neighbors import Neighbors, finite_rows
from workbench.storage.cache import cached, embedding_key

if TYPE_CHECKING:
    from workbench.run import Run

METHODS = ("umap", "pca")

NEIGHBORS = 15
"""Size of a neighbourhood for UMAP, the row itself counted."""

MIN_DIST = 0.1
EPOCHS = 200
"""Rounds of UMAP's optimisation: its own choice for large sets; 500 look the same and take 2.5 times as long."""

FEWEST = 5
"""With fewer rows than this UMAP has nothing to arrange; PCA is drawn instead, with a warning."""

LONG = 20_000  # rows from which UMAP shows a progress bar


def of_run(run: Run, epoch: int = -1, method: str = "umap", seed: int = 0) -> np.ndarray:
    """Two coordinates of every example by the embeddings of one epoch, computed once per method and seed.

    Parameters
    ----------
    epoch : an epoch with embeddings; -1 is the last.
    method : "umap" or "pca".
    seed : of UMAP; PCA needs none.

    Returns
    -------
    float32 array (n, 2), centred; NaN where a row has no embedding.

    Raises
    ------
    MissingEvidence : the run has no embeddings. InputError : an unknown method.

    Notes
    -----
    The same seed gives the same picture on the same machine. UMAP of an earlier epoch starts at that of the last one,
    and PCA is flipped like it, so that pictures of several epochs can be compared. 5,000 x 128, neighbours included, in
    seconds of one core: UMAP 11 in a fresh process (imports and compilation, 13 s more the first time after an
    installation), then 2; PCA 0.1.
    """
    if method not in METHODS:
        raise InputError.unknown("projection method", method, METHODS)
    epoch, last = run.resolve_embedding_epoch(epoch), run.resolve_embedding_epoch(-1)
    key: dict[str, object] = {"embeddings": embedding_key(run, epoch), "method": method}
    name = f"projection-epoch={epoch:04d}-{method}"
    if method == "umap":
        key |= {"seed": seed, "neighbors": NEIGHBORS, "min_dist": MIN_DIST, "epochs": EPOCHS}
        name += f"-seed={seed}"
    if epoch != last:
        key["last"] = embedding_key(run, last)

    def make() -> dict[str, np.ndarray]:
        embeddings = run.embeddings(epoch)
        final = None if epoch == last else of_run(run, last, method, seed)
        if method == "pca":
            points = pca(embeddings)
            return {"points": points if final is None else _flipped(points, final)}
        graph = run.neighbors(epoch, NEIGHBORS - 1) if run.n > 1 else None
        return {"points": umap(embeddings, graph, seed, start=final)}

    return cached(run, name, key, make)["points"]


def pca(embeddings: np.ndarray) -> np.ndarray:
    """The first two principal components.

    Parameters
    ----------
    embeddings : float array (n, d); rows with NaN or infinity are left out.

    Returns
    -------
    float32 array (n, 2), centred, NaN for rows left out; a component without variance is 0. The sign of each is such
    that its largest loading is positive.
    """
    points = np.full((len(embeddings), 2), np.nan, np.float32)
    rows = np.flatnonzero(finite_rows(embeddings))
    if len(rows):
        points[rows] = _principal(np.asarray(embeddings[rows], dtype=np.float32))
    return points


def umap(
    embeddings: np.ndarray, graph: Neighbors | None = None, seed: int = 0, *, start: np.ndarray | None = None
) -> np.ndarray:
    """UMAP (McInnes, Healy, Melville 2018) from a neighbour graph.

    Parameters
    ----------
    embeddings : float array (n, d); rows with NaN or infinity are left out.
    graph : neighbours of the same rows; computed by cosine distance when missing.
    seed : of the optimisation.
    start : (n, 2) places to start from; the principal components when missing.

    Returns
    -------
    float32 array (n, 2), centred; NaN for rows left out.
    """
    rows = np.flatnonzero(finite_rows(embeddings))
    m = len(rows)
    if m < FEWEST:
        found = f"UMAP needs at least {FEWEST} examples with an embedding, there are {m}: this is PCA."
        warnings.warn(found, stacklevel=2)
        return pca(embeddings)
    size = min(NEIGHBORS, m)
    if graph is None:
        from workbench.neighbors import nearest

        graph = nearest(embeddings, size - 1)
    if start is None:
        begin = _principal(np.asarray(embeddings[rows], dtype=np.float32))
    else:
        begin = np.nan_to_num(np.asarray(start, dtype=np.float32)[rows])  # without a place: in the middle
    noise = np.random.default_rng(seed).normal(size=begin.shape).astype(np.float32)
    begin = begin / max(float(begin.std()), 1e-12) + noise * 1e-3  # equal rows must be able to part
    place = np.full(len(embeddings), -1, np.int32)
    place[rows] = np.arange(m)
    indices = np.column_stack([np.arange(m), place[graph.indices[rows, : size - 1]]]).astype(np.int32)
    distances = np.column_stack([np.zeros(m), graph.distances[rows, : size - 1]]).astype(np.float32)
    points = np.full((len(embeddings), 2), np.nan, np.float32)
    points[rows] = _layout(begin, indices, distances, seed)
    points -= points[rows].mean(axis=0)
    return points


def _flipped(points: np.ndarray, like: np.ndarray) -> np.ndarray:
    """The points with each axis turned round where it runs against that of `like`."""
    both = np.isfinite(points).all(axis=1) & np.isfinite(like).all(axis=1)
    against = (points[both].astype(np.float64) * like[both]).sum(axis=0) < 0
    return np.where(against, -points, points).astype(np.float32)


def _layout(start: np.ndarray, indices: np.ndarray, distances: np.ndarray, seed: int) -> np.ndarray:
    """(m, 2) UMAP layout of a graph whose first column is the row itself."""
    bar = {"disable": len(start) < LONG, "desc": "UMAP", "leave": False, "bar_format": None, "unit": "round"}
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module=r"(umap|numba|pynndescent|llvmlite)(\.|$)")
        from umap import UMAP

        model = UMAP(
            n_neighbors=indices.shape[1],
            min_dist=MIN_DIST,
            n_epochs=EPOCHS,
            init=start,
            random_state=seed,
            n_jobs=1,
            precomputed_knn=(indices, distances),
            force_approximation_algorithm=True,  # or else fewer than 4,096 rows would be searched again
            transform_seed=seed,
            tqdm_kwds=bar,
        )
        return np.asarray(model.fit_transform(start), dtype=np.float32)


def _principal(X: np.ndarray) -> np.ndarray:
    """(m, 2) float32 coordinates along the two directions of largest variance."""
    X = X - X.mean(axis=0, dtype=np.float64).astype(np.float32)
    m, d = X.shape
    out = np.zeros((m, 2), np.float32)
    if d == 0:
        return out
    scatter = (X.T @ X if d <= 4 * m else X @ X.T).astype(np.float64)
    values, vectors = np.linalg.eigh(scatter)
    there = [at for at in (-1, -2) if len(values) + at >= 0 and values[at] > 1e-7 * max(values[-1], 1e-30)]
    for axis, at in enumerate(there):
        direction = vectors[:, at] if d <= 4 * m else X.T.astype(np.float64) @ vectors[:, at]
        direction = direction / np.linalg.norm(direction)
        direction *= np.sign(direction[np.abs(direction).argmax()])
        out[:, axis] = X @ direction.astype(np.float32)
    return out
