"""Evidence that two nodes are linked, from the rest of the graph, features and labels, never from their own link."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from workbench.foundation.errors import InputError
from workbench.foundation.rows import unit_rows
from workbench.graphs.edges import Edges

PAIRS_AT_A_TIME = 4096
LINK_PRIOR = 1.0
"""Pseudo links of each pair of classes, relative to what links between random nodes would give."""


def pair_evidence(
    pairs: Any, edges: Any, *, n: int | None = None, features: Any = None, labels: Any = None
) -> pd.DataFrame:
    """Describe pairs of nodes as if the link between them, if any, did not exist.

    Parameters
    ----------
    pairs : int (p, 2), row numbers of two different nodes.
    edges : as in `Edges.of`; weights are ignored.
    n : number of nodes; by default that of `features` or `labels`, or the largest row number + 1.
    features : float (n, d), optional.
    labels : int (n,), class indices, -1 = unlabelled, optional.

    Returns
    -------
    DataFrame (p rows)
        linked : bool, whether the two are linked.
        shared : number of common neighbours. adamic_adar : sum of 1 / log(degree) over them (Adamic & Adar 2003).
        paths3 : sum of 1 / sqrt(degree x degree) of the two inner nodes over paths of three links (Kovacs et al. 2019).
        least_degree, most_degree : numbers of other links of the two.
        With features: cosine of the two; cosine_near, mean cosine of each with the sum of the other's neighbours.
        With labels: label_odds, log odds of links between the two classes against random ones; 0 if one is unknown.

    Raises
    ------
    InputError : a pair that is no pair of nodes, or arrays that do not match.
    """
    size = next((len(one) for one in (features, labels) if one is not None), None) if n is None else n
    if size is None:
        size = edges.n if isinstance(edges, Edges) else int(np.max(np.asarray(edges), initial=-1)) + 1
    graph = Edges.of(edges, size)
    links = graph.links.copy()
    links.data[:] = 1.0
    ends = _checked_pairs(pairs, size)
    linked = graph.are_linked(*ends.T)
    degree = np.asarray(links.sum(axis=1)).ravel()
    shared, adamic, paths = _structure(links, ends, degree, linked)
    own = degree[ends] - linked[:, None]
    columns = {
        "linked": linked, "shared": shared.astype(np.int64), "adamic_adar": adamic, "paths3": paths,
        "least_degree": own.min(axis=1).astype(np.int64), "most_degree": own.max(axis=1).astype(np.int64),
    }  # fmt: skip
    if features is not None:
        columns |= _by_features(np.asarray(features), links, ends, linked)
    if labels is not None:
        columns["label_odds"] = _by_labels(np.asarray(labels), links, ends, linked, degree)
    return pd.DataFrame(columns)


def _checked_pairs(pairs: Any, n: int) -> np.ndarray:
    ends = np.asarray(pairs)
    if ends.ndim != 2 or ends.shape[1] != 2 or ends.dtype.kind not in "iu":
        found = f"has shape {ends.shape} and dtype {ends.dtype}"
        raise InputError.at("pairs", found, "Pass row numbers of two nodes per pair, an int array (p, 2).")
    wrong = (ends < 0).any(axis=1) | (ends >= n).any(axis=1) | (ends[:, 0] == ends[:, 1])
    if wrong.any():
        row = int(np.flatnonzero(wrong)[0])
        todo = f"Use two different row numbers from 0 to {n - 1:,}."
        raise InputError.at("pairs", f"is {ends[row].tolist()}", todo, row=row)
    return ends.astype(np.int64)


def _structure(
    links: Any, ends: np.ndarray, degree: np.ndarray, linked: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(p,) common neighbours, their Adamic-Adar sum, and weighted paths of three links without the own one."""
    from scipy.sparse import diags

    logs = diags(np.where(degree > 1, 1 / np.log(np.maximum(degree, 2)), 0.0))
    root = 1 / np.sqrt(np.maximum(degree, 1))
    scaled = (diags(root) @ links @ diags(root)).tocsr()
    out = np.empty((3, len(ends)))
    for first in range(0, len(ends), PAIRS_AT_A_TIME):
        part = slice(first, first + PAIRS_AT_A_TIME)
        one, other = links[ends[part, 0]], links[ends[part, 1]]
        out[0, part] = np.asarray(one.multiply(other).sum(axis=1)).ravel()
        out[1, part] = np.asarray((one @ logs).multiply(other).sum(axis=1)).ravel()
        out[2, part] = np.asarray((one @ scaled).multiply(other).sum(axis=1)).ravel()
    # walks u-v-y-v and u-x-u-v take the own link; u-v-u-v is among both
    back = root * np.asarray(links @ root).ravel()
    u, v = ends.T
    out[2] -= linked * (back[u] + back[v] - root[u] * root[v])
    return out[0], out[1], np.maximum(out[2], 0.0)


def _by_features(features: np.ndarray, links: Any, ends: np.ndarray, linked: np.ndarray) -> dict[str, np.ndarray]:
    if features.ndim != 2 or len(features) != links.shape[0] or features.dtype.kind not in "fiu":
        found = f"has shape {features.shape} and dtype {features.dtype}"
        raise InputError.at("features", found, f"Pass one row of numbers per node ({links.shape[0]:,}).")
    centred = np.nan_to_num(features.astype(np.float32))
    unit = unit_rows(centred - centred.mean(axis=0))
    near = np.asarray(links @ unit, np.float32)
    cosine, around = np.empty(len(ends)), np.empty(len(ends))
    for first in range(0, len(ends), PAIRS_AT_A_TIME):
        part = slice(first, first + PAIRS_AT_A_TIME)
        u, v, own = ends[part, 0], ends[part, 1], linked[part, None]
        cosine[part] = np.einsum("pd,pd->p", unit[u], unit[v])
        of_u, of_v = unit_rows(near[u] - own * unit[v]), unit_rows(near[v] - own * unit[u])
        around[part] = (np.einsum("pd,pd->p", unit[u], of_v) + np.einsum("pd,pd->p", unit[v], of_u)) / 2
    return {"cosine": cosine, "cosine_near": around}


def _by_labels(labels: np.ndarray, links: Any, ends: np.ndarray, linked: np.ndarray, degree: np.ndarray) -> np.ndarray:
    """(p,) log of the number of links between the two classes over that among random ends, without the own link."""
    if labels.shape != (links.shape[0],) or labels.dtype.kind not in "iu":
        found = f"has shape {labels.shape} and dtype {labels.dtype}"
        raise InputError.at("labels", found, f"Pass one class index per node ({links.shape[0]:,}), -1 = unlabelled.")
    k = int(labels.max(initial=-1)) + 1
    if k < 1:
        return np.zeros(len(ends))
    known = labels >= 0
    coo = links.tocoo()
    both = known[coo.row] & known[coo.col]
    counts = np.bincount(labels[coo.row[both]] * k + labels[coo.col[both]], minlength=k * k).reshape(k, k).astype(float)
    ends_of = np.bincount(labels[known], degree[known], k)
    random = np.outer(ends_of, ends_of) / max(ends_of.sum(), 1)
    a, b = labels[ends].T
    there = (a >= 0) & (b >= 0)
    a, b = np.maximum(a, 0), np.maximum(b, 0)
    own = linked * np.where(a == b, 2.0, 1.0)
    odds = np.log(np.maximum(counts[a, b] - own, 0) + LINK_PRIOR) - np.log(random[a, b] + LINK_PRIOR)
    return np.where(there, odds, 0.0)
