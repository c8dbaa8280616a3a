"""Find duplicate examples: equal bytes, equal texts, or nearly equal embeddings.

Duplicates with different labels are label errors that can be found without a model; duplicates across a split are
leakage. Only files of equal size are read, and results are cached.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from workbench.data.media import MAX_BYTES, media_path, read_media
from workbench.evidence.evidence import NEIGHBORS
from workbench.evidence.neighbors import neighbors
from workbench.foundation.errors import InputError, MissingEvidence, WorkbenchError
from workbench.runs.run import opened
from workbench.storage.cache import cached, fingerprint

if TYPE_CHECKING:
    from workbench.data.dataset import Dataset
    from workbench.runs.run import Run

NEAR = 0.13
"""Two examples are near-duplicates if their distance is at most this share of the median distance to the nearest
neighbour, the default of cleanlab's Datalab."""

DUPLICATE_KINDS = ("exact", "near")


def duplicates(run: Run, *, near: float = NEAR, epoch: int = -1) -> pd.DataFrame:
    """Find examples that have duplicates, in groups.

    Parameters
    ----------
    run : a Run or its path.
    near : share of the median distance to the nearest neighbour, in [0, 1], up to which two embeddings count as
        duplicates; with 0 only equal embeddings do
    epoch : epoch of the embeddings; -1 is the last

    Returns
    -------
    DataFrame indexed by id, groups in the order of their first row
        group : int, from 0; members are joined by chains of duplicates.
        kind : "exact" (the same media) or "near" (only the embedding).
        given_label : in the type in which labels were given.
        twin : id of the nearest duplicate, preferring one with another label.
        distance : cosine distance to the twin, in [0, 2]; 0 for exact duplicates.
        conflict : bool, whether a duplicate of the example has another label (unlabelled ones never conflict).
        `.attrs`: threshold (distance), near, exact (number of examples), conflicts (number of examples), unreadable
        (number of files that could not be read), how (in words).

    Raises
    ------
    InputError : `near` is not in [0, 1].
    MissingEvidence : the run has neither images, sounds, texts nor embeddings.

    Notes
    -----
    Exact: equal bytes of an image or a sound, or texts that are equal up to white space.
    Near: the distance to one of the 30 nearest neighbours by cosine distance is at most `near` times the median over
    all examples of the distance to the nearest neighbour. Of 5,000 images of CIFAR-10 with embeddings of an
    EfficientNet, one pair is that near; embeddings contracted by long training have more. Cost: one pass over the
    media and one over the shared neighbour graph; both are cached.
    """
    run = opened(run)
    if not 0.0 <= near <= 1.0:
        raise InputError.at("near", f"is {near!r}", "Pass a share of the median distance, 0 to 1.")
    codes, unreadable, what = media_groups(run)
    given = _equal_labels(run.dataset)
    pairs = [_exact_pairs(codes, given)]
    threshold, how = float("nan"), [f"exact: {what}"] if what else []
    if run.embedding_epochs:
        graph = neighbors(run, epoch, NEIGHBORS)
        typical = float(np.nanmedian(graph.distances[:, 0])) if graph.k and run.n else 0.0
        threshold = near * typical
        pairs.append(_near_pairs(graph.indices, graph.distances, threshold, codes))
        how.append(f"near: cosine distance at most {threshold:.3g}, {near:g} of the median to the nearest neighbour")
    elif not what:
        hint = "Add images or texts to the Dataset, or record embeddings."
        raise MissingEvidence.needed("Finding duplicates", ["image", "text", "embeddings"], hint)
    table = _table(run.dataset, codes, np.concatenate(pairs), given)
    table.attrs = {
        "threshold": threshold, "near": near, "exact": int((table["kind"] == "exact").sum()),
        "conflicts": int(table["conflict"].sum()), "unreadable": unreadable, "how": "; ".join(how),
    }  # fmt: skip
    return table


def media_groups(run: Run) -> tuple[np.ndarray, int, str]:
    """Return ((n,) int64 code shared by examples with equal media, -1 = no twin; unreadable files; description)."""
    dataset = run.dataset
    what = "images" if dataset.images is not None else "sounds"
    if dataset.images is None and dataset.sounds is None:
        if dataset.text_column is None:
            return np.full(run.n, -1, np.int64), 0, ""
        return _twins(_text_digests(dataset)), 0, "texts that are equal up to white space"
    sizes = _sizes(dataset)
    key: dict[str, object] = {"examples": fingerprint([run.layout.examples], run.layout)}
    if sizes is not None:
        key["files"] = hashlib.blake2b(sizes.tobytes(), digest_size=12).hexdigest()
    found = cached(run.layout, "duplicates", key, lambda: _media_codes(dataset, sizes))
    return found["codes"], int(found["unreadable"]), f"{what} with equal bytes"


def _text_digests(dataset: Dataset) -> np.ndarray:
    """Return the texts with single spaces, (n,) object; None for empty ones."""
    texts = dataset.metadata[dataset.text_column]
    whole = texts.astype(object).where(texts.notna(), "").astype(str)
    return np.array([" ".join(text.split()) or None for text in whole], object)


def _sizes(dataset: Dataset) -> np.ndarray | None:
    """Return size and modification time of every file, (n, 2) int64, -1 if unreadable; None if media are not files."""
    if dataset.media_root is None or not dataset.n:
        return None
    out = np.full((dataset.n, 2), -1, np.int64)
    one = dataset.image if dataset.images is not None else dataset.sound
    for row in range(dataset.n):
        image = one(row)
        if isinstance(image, bytes):
            return None
        if image is None:
            continue
        try:
            stat = media_path(image, dataset.media_root).stat()
        except (WorkbenchError, OSError):
            continue  # counted as unreadable
        out[row] = stat.st_size, stat.st_mtime_ns
    return out


def _media_codes(dataset: Dataset, sizes: np.ndarray | None) -> dict[str, np.ndarray]:
    """Return digests of images or sounds as codes; only files that share their size with another are read."""
    from tqdm.auto import tqdm

    one, field = (dataset.image, "image") if dataset.images is not None else (dataset.sound, "audio")
    digests = np.full(dataset.n, None, object)
    unreadable = 0
    rows = np.arange(dataset.n)
    if sizes is not None:
        there = sizes[:, 0] >= 0
        unreadable = int((~there).sum())
        _, which, total = np.unique(sizes[:, 0], return_inverse=True, return_counts=True)
        rows = np.flatnonzero(there & (total[which] > 1))
    for row in tqdm(rows, desc="duplicates", unit="file", delay=2, leave=False):
        try:
            data = read_media(one(int(row)), dataset.media_root, field, MAX_BYTES)
        except WorkbenchError:
            unreadable += 1
            continue
        if data is not None:
            digests[row] = hashlib.blake2b(data, digest_size=16).digest()
    return {"codes": _twins(digests), "unreadable": np.array(unreadable, np.int64)}


def _twins(digests: np.ndarray) -> np.ndarray:
    """Return a code for each digest that occurs at least twice, otherwise -1, (n,) int64."""
    codes, _ = pd.factorize(digests)
    total = np.bincount(codes[codes >= 0], minlength=1)
    return np.where((codes >= 0) & (total[codes] > 1), codes, -1).astype(np.int64)


def _exact_pairs(codes: np.ndarray, given: np.ndarray) -> np.ndarray:
    """Return pairs (row, row, 0) within groups of equal media, (p, 3) float, preferring partners with another label."""
    rows = np.flatnonzero(codes >= 0)
    if not len(rows):
        return np.empty((0, 3))
    frame = pd.DataFrame({"row": rows, "code": codes[rows], "label": given[rows]})
    frame = frame.sort_values(["code", "label", "row"], key=lambda v: v < 0 if v.name == "label" else v, kind="stable")
    first = frame.groupby("code", sort=False)[["row", "label"]].transform("first")
    other = frame[(frame["label"] != first["label"]) & (frame["label"] >= 0)].groupby("code")["row"].first()
    other = frame["code"].map(other).fillna(first["row"]).astype(np.int64)
    partner = np.where(frame["label"] == first["label"], other, first["row"])
    pairs = np.stack([frame["row"].to_numpy(), partner, np.zeros(len(frame))], axis=1).astype(float)
    return pairs[pairs[:, 0] != pairs[:, 1]]


def _near_pairs(indices: np.ndarray, distances: np.ndarray, threshold: float, codes: np.ndarray) -> np.ndarray:
    """Return (row, neighbour, distance) of pairs within the threshold that are not exact duplicates, (p, 3) float."""
    with np.errstate(invalid="ignore"):
        row, place = np.nonzero((distances <= threshold) & (indices >= 0))
    other, away = indices[row, place], distances[row, place]
    fresh = (codes[row] < 0) | (codes[row] != codes[other])
    return np.stack([row[fresh], other[fresh], away[fresh]], axis=1).astype(float).reshape(-1, 3)


def _equal_labels(dataset: Dataset) -> np.ndarray:
    """Return numbers that are equal for equal labels, (n,) int64, -1 for unlabelled examples."""
    if dataset.kind.one_class:
        return dataset.given_labels
    labels = dataset.kind.to_arrow(dataset.labels).to_pylist()
    texts = np.array([None if label is None else repr(label) for label in labels], object)
    return pd.factorize(texts)[0].astype(np.int64)


def _table(dataset: Dataset, codes: np.ndarray, pairs: np.ndarray, given: np.ndarray) -> pd.DataFrame:
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    n = dataset.n
    a, b, away = pairs[:, 0].astype(np.int64), pairs[:, 1].astype(np.int64), pairs[:, 2]
    _, component = connected_components(coo_matrix((np.ones(len(a)), (a, b)), shape=(n, n)), directed=False)
    rows = np.unique(np.concatenate([a, b]))
    both = pd.DataFrame({"row": np.concatenate([a, b]), "twin": np.concatenate([b, a]), "distance": np.tile(away, 2)})
    left, right = given[both["row"]], given[both["twin"]]
    both["agree"] = ~((left != right) & (left >= 0) & (right >= 0))
    best = both.sort_values(["row", "agree", "distance", "twin"], kind="stable").drop_duplicates("row").set_index("row")
    best = best.loc[rows]
    _, first, group = np.unique(component[rows], return_index=True, return_inverse=True)
    number = np.empty(len(first), np.int64)
    number[np.argsort(first)] = np.arange(len(first))
    table = pd.DataFrame(
        {
            "group": number[group],
            "kind": np.array(DUPLICATE_KINDS, object)[(codes[rows] < 0).astype(int)],
            "given_label": dataset.given[rows],
            "twin": dataset.ids[best["twin"].to_numpy(np.int64)],
            "distance": best["distance"].to_numpy(float),
            "conflict": ~best["agree"].to_numpy(bool),
        },
        index=pd.Index(dataset.ids[rows], name="id"),
    )
    return table.iloc[np.lexsort((rows, table["group"].to_numpy()))]
