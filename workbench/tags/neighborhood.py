"""Votes of neighbours on tags: in an embedding space, through side information, decoded by a low-rank label code."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from workbench.evidence.neighbors import nearest
from workbench.foundation.checks import check_whole
from workbench.foundation.errors import InputError
from workbench.tags.tables import TagTable, read_scores, read_vectors, table_of_tags

VOTE_SHARPNESS = 10.0
"""The weight of a neighbour is exp(VOTE_SHARPNESS x cosine)."""


def neighbor_votes(
    labels: Any, embeddings: Any, *, k: int = 10, tag_vectors: Any = None, side: Any = None,
    code_rank: int | None = None, classes: Sequence[object] | None = None,
) -> np.ndarray:  # fmt: skip
    """Compute the weighted share of an example's neighbours that have each tag, excluding its own tags.

    Parameters
    ----------
    labels : as in `proposals`; unknown cells of a neighbour do not vote.
    embeddings : float (n, d), finite, compared by cosine.
    k : number of neighbours, at least 1.
    tag_vectors : float (k, d), embeddings of the tags' texts in the same space. If given, neighbours are searched by
        descriptors: the cosines of each example with all tags, standardised.
    side : (n, s), dense or scipy.sparse, side information: non-negative weights of the s items (authors, links, users)
        associated with each example. Examples that share an item vote for each other, with weight 1 / number of
        examples of the item; examples without items get the mean items of their neighbours in the embedding. The votes
        by embeddings and by items are averaged.
    code_rank : decode the votes with the first `code_rank` singular vectors of the table of tags, so that related tags
        get votes too.
    classes : as in `proposals`.

    Returns
    -------
    float64 (n, k) in [0, 1]; the overall share of the tag if no neighbour votes. Pass it to `proposals`: a high value
    supports a tag that is not given, a low value contradicts a given one.

    Raises
    ------
    InputError : `k` or `code_rank` out of range, or labels, embeddings or side information in an unsupported form.

    Notes
    -----
    A vote has weight exp(10 cosine). Only the label code has seen an example's own tags, among those of all others.

    References
    ----------
    Ribadas-Pena et al. 2022, Improving Large-Scale k-Nearest Neighbor Text Categorization with Label Autoencoders
    (votes and code; theirs is a network); Chien et al. 2023, PINA (side information); Chen et al. 2023, BoMD
    (descriptors).

    Examples
    --------
    >>> neighbor_votes(np.array([[1], [1], [0]]), [[0.0, 1.0], [0.1, 1.0], [0.0, 0.9]], k=2).round(2).ravel()
    array([0.49, 0.5 , 1.  ])
    """
    table = table_of_tags(labels, classes)
    x = read_vectors("embeddings", embeddings, len(table.given))
    check_whole("k", k, 1, "Use at least one neighbour.")
    if tag_vectors is not None:
        x = _descriptors(x, read_vectors("tag_vectors", tag_vectors, len(table.names)))
    near = nearest(x, min(int(k), max(len(x) - 1, 1)))
    weights = np.where(near.indices >= 0, np.exp(VOTE_SHARPNESS * (1 - np.nan_to_num(near.distances))), 0.0)
    votes, there = _votes(table, near.indices, weights)
    if side is not None:
        other, also = _by_side(table, _side(side, len(x)), near.indices, weights)
        count = there.astype(float) + also
        votes = np.where(count > 0, (votes * there + other * also) / np.maximum(count, 1), votes)
    if code_rank is not None:
        votes = _decoded(table, votes, code_rank)
    return votes


def smooth_tags(labels: Any, votes: Any, *, mix: float = 0.5, classes: Sequence[object] | None = None) -> np.ndarray:
    """Mix given tags with the votes of neighbours.

    Parameters
    ----------
    labels : as in `proposals`. votes : float (n, k) in [0, 1], as of `neighbor_votes`. classes : as in `proposals`.
    mix : in [0, 1], weight of the given tags: 1 returns the given tags, 0 the votes.

    Returns
    -------
    float64 (n, k) in [0, 1], mix x given + (1 - mix) x votes; the votes in unknown cells.

    Raises
    ------
    InputError : `mix` outside [0, 1], or labels or votes in an unsupported form.

    Examples
    --------
    >>> smooth_tags(np.array([[1, 0, -1]]), [[0.2, 0.4, 0.3]], mix=0.75)
    array([[0.8, 0.1, 0.3]])
    """
    if not 0 <= mix <= 1:
        raise InputError.at("mix", f"is {mix!r}", "Give a weight between 0 and 1.")
    table = table_of_tags(labels, classes)
    values = read_scores("votes", votes, table, probabilities=True)
    return np.where(table.given < 0, values, mix * table.given + (1 - mix) * values)


def _descriptors(x: np.ndarray, tags: np.ndarray) -> np.ndarray:
    """Return the cosines (n, k) with the tags, standardised per tag."""
    if x.shape[1] != tags.shape[1]:
        found = f"have {tags.shape[1]} columns, `embeddings` {x.shape[1]}"
        raise InputError.at("tag_vectors", found, "Embed texts of tags and examples in one space.")
    unit = [one / np.maximum(np.linalg.norm(one, axis=1, keepdims=True), 1e-12) for one in (x, tags)]
    cosines = unit[0] @ unit[1].T
    return (cosines - cosines.mean(axis=0)) / np.maximum(cosines.std(axis=0), 1e-12)


def _votes(table: TagTable, indices: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the weighted share of yes among known cells of the neighbours, (n, k), and where there are known cells."""
    yes, known = np.zeros(table.given.shape), np.zeros(table.given.shape)
    for place in range(indices.shape[1]):
        codes, weight = table.given[indices[:, place]], weights[:, place, None]
        yes += weight * (codes == 1)
        known += weight * (codes >= 0)
    return np.where(known > 0, yes / np.where(known > 0, known, 1), _shares(table)), known > 0


def _shares(table: TagTable) -> np.ndarray:
    known = (table.given >= 0).sum(axis=0)
    return (table.given == 1).sum(axis=0) / np.maximum(known, 1)


def _side(side: Any, n: int) -> Any:
    from scipy.sparse import csr_array

    found = csr_array(side)
    if found.shape[0] != n or (found.data < 0).any() or not np.isfinite(found.data).all():
        raise InputError.at("side", f"has shape {found.shape}", f"Pass weights from 0, {n} rows.")
    return found.astype(np.float64)


def _by_side(table: TagTable, side: Any, indices: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the votes of examples that share items: A Y / A 1 with A = S D^-1 S' without its diagonal."""
    from scipy.sparse import csr_array, diags_array

    n = len(table.given)
    bare = np.diff(side.indptr) == 0
    if bare.any():
        rows = np.repeat(np.arange(n), indices.shape[1])
        links = csr_array((weights.ravel(), (rows, np.maximum(indices, 0).ravel())), shape=(n, n))
        total = np.maximum(links.sum(axis=1), 1e-12)
        predicted = diags_array(bare / total) @ links @ side
        side = csr_array(side + predicted)
    size = np.maximum(side.sum(axis=0), 1e-12)
    scaled = csr_array(side @ diags_array(1 / size))
    own = np.asarray((scaled.multiply(side)).sum(axis=1))[:, None]
    yes, known = (table.given == 1).astype(float), (table.given >= 0).astype(float)
    counted = [scaled @ (side.T @ one) - own * one for one in (yes, known)]
    there = counted[1] > 1e-9
    return np.where(there, np.clip(counted[0] / np.where(there, counted[1], 1), 0, 1), 0.0), there


def _decoded(table: TagTable, votes: np.ndarray, rank: int) -> np.ndarray:
    most = min(table.given.shape)
    if int(rank) != rank or not 1 <= rank <= most:
        raise InputError.at("code_rank", f"is {rank!r}", f"Give a whole number from 1 to {most}.")
    mean = _shares(table)
    centred = np.where(table.given < 0, 0, table.given - mean)
    _, _, directions = np.linalg.svd(centred, full_matrices=False)
    code = directions[: int(rank)]
    return np.clip((votes - mean) @ code.T @ code + mean, 0, 1)
