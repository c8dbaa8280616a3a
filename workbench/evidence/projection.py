"""Two-dimensional projections of embeddings: UMAP or PCA, reproducible, kept in the run's cache.

UMAP starts from the principal components (or from an earlier projection) and uses the run's shared neighbour graph
instead of its own search. Large sets are laid out by landmarks. The module also handles rows without an embedding, sets
too small for UMAP, and warnings of numba and umap-learn that users cannot act on. Distances in a UMAP projection say
which examples are near each other, not how far apart groups are.
"""

from __future__ import annotations

import contextlib
import functools
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np

from workbench.evidence.neighbors import Neighbors, finite_rows, nearest, nearest_of, neighbors
from workbench.foundation.errors import InputError
from workbench.runs.run import Run
from workbench.storage.cache import cached, digest, embedding_key

if TYPE_CHECKING:
    import pandas as pd


PROJECTIONS = ("umap", "pca")

UMAP_NEIGHBORS = 15
"""Size of a neighbourhood for UMAP, including the row itself."""

MIN_DIST = 0.1
EPOCHS = 200
"""UMAP's optimisation epochs: its own default for large sets; 500 look the same and take 2.5 times as long."""

GENTLE = 0.5
"""Learning rate when starting from an earlier projection (else 1): points move by .12 of the spread instead of .17."""

FEWEST = 5
"""With fewer rows than this, PCA replaces UMAP, with a warning."""

LANDMARK_ROWS = 150_000
"""Above this many rows UMAP lays out `LANDMARKS` of them, and the other rows are placed between them."""

LANDMARKS = 50_000
ANCHORS = 5  # nearest landmarks that determine the place of another row
LONG = 20_000  # from this many rows on UMAP shows a progress bar


def project(
    run: Run,
    epoch: int = -1,
    method: str = "umap",
    seed: int = 0,
    *,
    like: Run | pd.DataFrame | np.ndarray | None = None,
) -> np.ndarray:
    """Project the embeddings of one epoch to two dimensions; computed once per method and seed.

    Parameters
    ----------
    run : a Run or its path.
    epoch : an epoch with embeddings; -1 is the last.
    method : "umap" or "pca".
    seed : random seed of UMAP; PCA needs none.
    like : an earlier projection that this one should resemble: another run (joined by id), a DataFrame indexed by id
        whose first two columns are x and y, or an array (n, 2), NaN for new rows.

    Returns
    -------
    float32 array (n, 2); NaN for rows without an embedding. Centred, or aligned with `like`.

    Raises
    ------
    MissingEvidence : the run has no embeddings. InputError : an unknown method.

    Notes
    -----
    The same seed gives the same projection on the same machine. With `like`, UMAP starts from those points (new rows
    start among their neighbours) and the result is rotated, scaled and moved to fit them best (Procrustes); axes of PCA
    are flipped to match. An earlier epoch of a run is laid out like its last one, so that epochs can be compared. Above
    150,000 rows see `by_landmarks`. If UMAP is interrupted, nothing is kept. Seconds on one core for 5,000 x 128,
    including neighbours: UMAP 2, plus imports in a new process, plus 10 to 20 once after an installation to compile
    (the result is kept on disk); PCA 0.1.
    """
    if method not in PROJECTIONS:
        raise InputError.unknown("projection method", method, PROJECTIONS)
    epoch, last = run.resolve_embedding_epoch(epoch), run.resolve_embedding_epoch(-1)
    key: dict[str, object] = {"embeddings": embedding_key(run.layout, epoch), "method": method}
    name = f"projection-epoch={epoch:04d}-{method}"
    if method == "umap":
        key |= {"seed": seed, "neighbors": UMAP_NEIGHBORS, "min_dist": MIN_DIST, "epochs": EPOCHS, "rate": GENTLE}
        name += f"-seed={seed}"
    if like is not None:
        like = _places(run, like, method, seed)
        key["like"] = digest(like)
        name += f"-like={key['like'][:8]}"
    elif epoch != last:
        key["last"] = embedding_key(run.layout, last)

    def make() -> dict[str, np.ndarray]:
        embeddings = run.embeddings(epoch)
        model = project(run, last, method, seed) if like is None and epoch != last else like
        if method == "pca":
            points = pca(embeddings)
            return {"points": points if model is None else _flipped(points, model)}
        if run.n > LANDMARK_ROWS:
            return {"points": by_landmarks(embeddings, LANDMARKS, seed, like=model)}
        graph = neighbors(run, epoch, UMAP_NEIGHBORS - 1) if run.n > 1 else None
        return {"points": umap(embeddings, graph, seed, like=model)}

    return cached(run.layout, name, key, make)["points"]


def pca(embeddings: np.ndarray) -> np.ndarray:
    """Project to the first two principal components.

    Parameters
    ----------
    embeddings : float array (n, d); rows with NaN or infinity are left out.

    Returns
    -------
    float32 array (n, 2), centred, NaN for rows left out; a component without variance is 0. The sign of each component
    makes its largest loading positive.
    """
    points = np.full((len(embeddings), 2), np.nan, np.float32)
    rows = np.flatnonzero(finite_rows(embeddings))
    if len(rows):
        points[rows] = _principal(np.asarray(embeddings[rows], dtype=np.float32))
    return points


def umap(
    embeddings: np.ndarray, graph: Neighbors | None = None, seed: int = 0, *, like: np.ndarray | None = None
) -> np.ndarray:
    """Project by UMAP (McInnes, Healy, Melville 2018) from a neighbour graph.

    Parameters
    ----------
    embeddings : float array (n, d); rows with NaN or infinity are left out.
    graph : neighbours of the same rows; by default computed by cosine distance.
    seed : random seed of the optimisation.
    like : (n, 2) points to start from and to fit, NaN for rows without one; by default the principal components.

    Returns
    -------
    float32 array (n, 2), NaN for rows left out; centred, or fitted to `like`.
    """
    rows = np.flatnonzero(finite_rows(embeddings))
    m = len(rows)
    if m < FEWEST:
        found = f"UMAP needs at least {FEWEST} examples with an embedding, but there are {m}; PCA is used instead."
        warnings.warn(found, stacklevel=2)
        return pca(embeddings)
    size = min(UMAP_NEIGHBORS, m)
    if graph is None:
        graph = nearest(embeddings, size - 1)
    if like is None:
        begin = _principal(np.asarray(embeddings[rows], dtype=np.float32))
    else:
        begin = _filled(np.asarray(like, dtype=np.float32), graph)[rows]
    noise = np.random.default_rng(seed).normal(size=begin.shape).astype(np.float32)
    begin = begin / max(float(begin.std()), 1e-12) + noise * 1e-3  # lets equal rows separate
    place = np.full(len(embeddings), -1, np.int32)
    place[rows] = np.arange(m)
    indices = np.column_stack([np.arange(m), place[graph.indices[rows, : size - 1]]]).astype(np.int32)
    distances = np.column_stack([np.zeros(m), graph.distances[rows, : size - 1]]).astype(np.float32)
    points = np.full((len(embeddings), 2), np.nan, np.float32)
    points[rows] = _layout(begin, indices, distances, seed, 1.0 if like is None else GENTLE)
    points -= points[rows].mean(axis=0)
    return points if like is None else fitted(points, like)


def by_landmarks(
    embeddings: np.ndarray, count: int = LANDMARKS, seed: int = 0, *, like: np.ndarray | None = None
) -> np.ndarray:
    """Project some rows, the landmarks, by UMAP, and place the others between their nearest landmarks.

    Parameters
    ----------
    embeddings : float array (n, d); rows with NaN or infinity are left out.
    count : number of landmarks, drawn at random.
    seed : random seed of the draw and of UMAP.
    like : as in `umap`.

    Returns
    -------
    float32 array (n, 2), NaN for rows left out; centred, or fitted to `like`.

    Notes
    -----
    Row i lies at sum_j w_j y_j / sum_j w_j over its 5 nearest landmarks, w_j = exp(-(d_j - d_1) / s), s the mean of
    d_j - d_1: the first step of UMAP's own transform, without its refinement. Besides UMAP of `count` rows this costs a
    search of n rows among `count`.
    """
    rows = np.flatnonzero(finite_rows(embeddings))
    if len(rows) <= count:
        return umap(embeddings, seed=seed, like=like)
    X = np.asarray(embeddings[rows], dtype=np.float32)
    chosen = np.sort(np.random.default_rng(seed).choice(len(rows), count, replace=False))
    layout = umap(X[chosen], seed=seed, like=None if like is None else np.asarray(like, np.float32)[rows[chosen]])
    place, distance = nearest_of(X, chosen, min(ANCHORS, count - 1), seed=seed)
    beyond = distance - distance[:, :1]
    weight = np.exp(-beyond / np.maximum(beyond.mean(axis=1, keepdims=True), 1e-12))
    weight /= weight.sum(axis=1, keepdims=True)
    at = np.searchsorted(chosen, place)
    found = np.einsum("nk,nkd->nd", weight.astype(np.float32), layout[at])
    found[chosen] = layout
    points = np.full((len(embeddings), 2), np.nan, np.float32)
    points[rows] = found
    if like is not None:
        return fitted(points, like)
    return points - points[rows].mean(axis=0)


def fitted(points: np.ndarray, like: np.ndarray) -> np.ndarray:
    """Rotate, mirror, scale and move the points to lie as near as possible to `like` (Procrustes analysis).

    Parameters
    ----------
    points, like : (n, 2), NaN where there is no point; at least three rows must have both.

    Returns
    -------
    float32 (n, 2) : s (p - mean p) R + mean q with the least-squares scale s and orthogonal R (Gower 1975).
    """
    both = np.isfinite(points).all(axis=1) & np.isfinite(like).all(axis=1)
    p, q = points[both].astype(np.float64), np.asarray(like)[both].astype(np.float64)
    if len(p) < 3:
        return points
    u, s, vt = np.linalg.svd((p - p.mean(axis=0)).T @ (q - q.mean(axis=0)))
    spread = ((p - p.mean(axis=0)) ** 2).sum()
    scale = s.sum() / spread if spread > 0 and s.sum() > 0 else 1.0
    return (scale * (points - p.mean(axis=0)) @ (u @ vt) + q.mean(axis=0)).astype(np.float32)


def _places(run: Run, like: Any, method: str, seed: int) -> np.ndarray:
    """Return the points (n, 2) float32 of an earlier projection for the run's examples, NaN for missing ones."""
    if isinstance(like, Run):
        ids, there = like.dataset.ids, project(like, -1, method, seed)
    elif hasattr(like, "iloc"):
        ids, there = like.index.to_numpy(), like.iloc[:, :2].to_numpy(np.float32)
    else:
        there = np.asarray(like, np.float32)
        if there.shape != (run.n, 2):
            todo = "Pass an array (n, 2), a DataFrame indexed by id, or a run."
            raise InputError.at("like", f"has shape {there.shape} for {run.n} examples", todo)
        return there
    out = np.full((run.n, 2), np.nan, np.float32)
    rows, known = run.dataset.find(ids)
    out[rows] = there[known]
    if not np.isfinite(out).all(axis=1).any():
        raise InputError.at("like", "has no point for any of the examples", "Use the same ids in both.")
    return out


def _filled(places: np.ndarray, graph: Neighbors) -> np.ndarray:
    """Fill missing points with the mean of the neighbours' points (three rounds), otherwise with the overall mean."""
    places = places.copy()
    for _ in range(3):
        rows = np.flatnonzero(~np.isfinite(places).all(axis=1))
        near = graph.indices[rows]
        found = np.where((near >= 0)[..., None], places[near], np.nan)
        there = np.asarray(np.isfinite(found).all(axis=2))
        total = np.where(there[..., None], found, 0).sum(axis=1)
        count = there.sum(axis=1)
        places[rows[count > 0]] = (total / np.maximum(count, 1)[:, None])[count > 0]
    known = np.asarray(np.isfinite(places).all(axis=1))
    places[~known] = places[known].mean(axis=0) if known.any() else 0
    return places


def _flipped(points: np.ndarray, like: np.ndarray) -> np.ndarray:
    """Flip each axis that is negatively correlated with that of `like`."""
    both = np.isfinite(points).all(axis=1) & np.isfinite(like).all(axis=1)
    against = (points[both].astype(np.float64) * like[both]).sum(axis=0) < 0
    return np.where(against, -points, points).astype(np.float32)


def _layout(start: np.ndarray, indices: np.ndarray, distances: np.ndarray, seed: int, rate: float) -> np.ndarray:
    """Return the UMAP layout (m, 2) of a graph whose first column is the row itself."""
    bar = {"disable": len(start) < LONG, "desc": "UMAP", "leave": False, "bar_format": None, "unit": "round"}
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module=r"(umap|numba|pynndescent|llvmlite)(\.|$)")
        from umap import UMAP

        _keep_compiled()
        model = UMAP(
            n_neighbors=indices.shape[1],
            min_dist=MIN_DIST,
            n_epochs=EPOCHS,
            learning_rate=rate,
            init=start,
            random_state=seed,
            n_jobs=1,
            precomputed_knn=(indices, distances),
            force_approximation_algorithm=True,  # otherwise fewer than 4,096 rows would be searched again
            transform_seed=seed,
            tqdm_kwds=bar,
        )
        return np.asarray(model.fit_transform(start), dtype=np.float32)


@functools.cache
def _keep_compiled() -> None:
    """Let numba cache the compiled functions of UMAP, so that the next process loads them in hundredths of a second.

    umap-learn compiles these three functions in each process, which takes longer than a layout of thousands of rows.
    numba compiles again if the file, numba or the processor changes. If the cache cannot be written, or umap-learn
    renames the functions, each process compiles them itself.
    """
    from umap import layouts, umap_

    for module, name in (
        (umap_, "smooth_knn_dist"),
        (umap_, "compute_membership_strengths"),
        (layouts, "_nb_optimize_layout_euclidean_single_epoch"),
    ):
        enable = getattr(getattr(module, name, None), "enable_caching", None)
        if enable is not None:
            with contextlib.suppress(RuntimeError):  # numba: no place to write
                enable()


def _principal(X: np.ndarray) -> np.ndarray:
    """Return the coordinates (m, 2) float32 along the two directions of largest variance."""
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
