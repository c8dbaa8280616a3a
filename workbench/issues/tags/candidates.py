"""Very many tags: select the cells to judge and compute their scores without a full table of all cells.

The selected cells are the given tags and, on average, about a dozen other tags per row that the embeddings or the given
probabilities rank highest. Cells below that threshold are counted but not listed. Scores are computed in blocks of
rows; leave-one-out predictions only for the selected cells. Lines are fitted only to cells above the threshold, because
that choice depends on the evidence and not on the labels.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import numpy as np

from workbench.foundation.progress import step
from workbench.foundation.reductions import in_threads
from workbench.issues.calibration import logit
from workbench.issues.tags.heads import best_penalty
from workbench.issues.tags.lines import Cells, lines, log_likelihood
from workbench.issues.tags.sets import GAIN
from workbench.issues.tags.tag_views import GIVEN, HEADS, SETS
from workbench.issues.tags.words import UnitVectors, unit_vectors
from workbench.tasks.tag_cells import NO, UNKNOWN, YES, TagCells, distinct

A_ROW = 12
"""Average number of cells selected per row, besides the given tags."""

SCORED_AT_A_TIME = 1000
"""Number of rows scored at once."""

MIRRORED_AT_A_TIME = 256
"""Columns of a triangle that are copied into the other at once."""

CELLS = 1 << 15
"""Number of cells predicted at once."""

TRIED_TAGS, TRIED_ROWS = 48, 20_000
"""Number of tags (those with the most positives) and rows used to choose the penalty."""

SET_PENALTY = 10.0

MOST_ASKED_TAGS = 12_000
"""Maximum number of tags for which other tags are used: a larger matrix would take over half a gigabyte."""


class Chosen(NamedTuple):
    """The m selected cells, sorted by row and tag.

    rows, tags : int64. given : int64, 1 yes, 0 no, -1 unknown. odds : float32, pooled log odds of yes. sets : float32,
    predictions from the other tags, in standard deviations, or None. above : bool, above the threshold. unlisted : (k,)
    number of known cells of each tag, all "no", that are not listed. used : names of views. vectors : of all rows, or
    None.
    """

    rows: np.ndarray
    tags: np.ndarray
    given: np.ndarray
    odds: np.ndarray
    sets: np.ndarray | None
    above: np.ndarray
    unlisted: np.ndarray
    used: list[str]
    vectors: UnitVectors | None


class _Sums(NamedTuple):
    """The centred table A = V + base mu', 0 in unknown cells: V sparse (n, k), base (n,), mu (k,)."""

    v: Any
    base: np.ndarray
    mean: np.ndarray
    known: np.ndarray


def chosen_cells(
    given: TagCells, k: int, probs: np.ndarray | None, vectors: np.ndarray | None, decided: np.ndarray
) -> Chosen:
    """Select cells and compute their log odds.

    Parameters
    ----------
    probs : (n, k) probabilities of yes, may be memory-mapped. vectors : (n, d). decided : (r, 2) rows and tags that are
        always listed.
    """
    sums = _centred(given, k)
    spread = np.sqrt(sums.mean * (1 - sums.mean)).astype(np.float32)
    places = [given.yes.rows * k + given.yes.tags, given.rest.rows * k + given.rest.tags]
    places += [decided[:, 0] * k + decided[:, 1]]
    heads = None if vectors is None else _Heads(vectors, sums, spread, given, k)
    step("the likeliest tags of each example")
    inverse = None
    if 1 < k <= MOST_ASKED_TAGS:  # in another thread; neither holds the GIL for long
        inverse = ThreadPoolExecutor(1).submit(_inverse, sums)
    high = [] if heads is None else [heads.likeliest()]
    high += [] if probs is None else [_likeliest(probs, given.n, k)]
    above = distinct(np.concatenate(high)) if len(high) > 1 else high[0]
    every = distinct(np.concatenate([above, *places]))
    rows, tags = np.divmod(every, k)
    listed = _states(given, k, every, rows)
    is_above = np.zeros(len(every), bool)
    is_above[np.searchsorted(every, above)] = True
    known = np.bincount(tags[listed >= 0], minlength=k)
    seen = np.flatnonzero(is_above & (listed >= 0))
    cells = Cells(tags[seen], listed[seen], k)
    odds, used = [], []
    if heads is not None:
        z = heads.left_out(rows, tags, listed)
        odds.append(lines(cells, z[seen]).at(tags, z))
        used.append(HEADS)
    if probs is not None:
        theirs = logit(np.clip(_gathered(probs, rows, tags), 1e-4, 1 - 1e-4)).astype(np.float32)
        theirs = np.where(np.isnan(theirs), np.nanmean(theirs) if len(theirs) else 0, theirs)
        odds.append(lines(cells, theirs[seen]).at(tags, theirs))
        used.append(GIVEN)
    pooled = odds[0]
    if len(odds) > 1:
        pooled = lines(cells, *(one[seen] for one in odds)).at(tags, *odds)
    sets = None
    if inverse is not None and len(seen):
        step("the other tags of each example")
        other = _from_other_tags(sums, inverse.result(), rows, tags, listed, spread)
        both = lines(cells, pooled[seen], other[seen]).at(tags, pooled, other)
        alone = log_likelihood(pooled[seen], cells.y)
        if log_likelihood(both[seen], cells.y) - alone >= GAIN * abs(alone):
            pooled, sets = both, other
            used.append(SETS)
    unlisted, unit = np.maximum(sums.known - known, 0), None if heads is None else heads.vectors
    return Chosen(rows, tags, listed, pooled, sets, is_above, unlisted, used, unit)


def _centred(given: TagCells, k: int) -> _Sums:
    from scipy.sparse import csr_array

    n = given.n
    closed = ~(given.open | given.missing)
    rest_open = given.open[given.rest.rows]
    yes = np.bincount(given.yes.tags, minlength=k)
    unknown = np.bincount(given.rest.tags[~rest_open], minlength=k)
    nos = np.bincount(given.rest.tags[rest_open], minlength=k)
    open_yes = np.bincount(given.yes.tags[given.open[given.yes.rows]], minlength=k)
    count = closed.sum() - unknown + nos + open_yes
    mean = ((yes + 0.5) / (count + 1)).astype(np.float32)
    value = np.where(given.open[given.yes.rows], 1 - mean[given.yes.tags], 1).astype(np.float32)
    other = np.where(rest_open, -mean[given.rest.tags], mean[given.rest.tags]).astype(np.float32)
    rows, tags = (np.concatenate(pair) for pair in zip(given.yes, given.rest))
    v = csr_array((np.concatenate([value, other]), (rows, tags)), shape=(n, k))
    return _Sums(v, np.where(closed, -1, 0).astype(np.float32), mean, count)


def _states(given: TagCells, k: int, every: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Return the given states of cells, addressed by row * k + tag, in order."""
    listed = np.where(given.open | given.missing, UNKNOWN, NO)[rows]
    listed[np.searchsorted(every, given.yes.rows * k + given.yes.tags)] = YES
    rest = np.searchsorted(every, given.rest.rows * k + given.rest.tags)
    listed[rest] = np.where(given.open[given.rest.rows], NO, UNKNOWN)
    return listed.astype(np.int64)


class _Heads:
    """Ridge regression of all tags on the embeddings, in primal form."""

    def __init__(self, vectors: np.ndarray, sums: _Sums, spread: np.ndarray, given: TagCells, k: int) -> None:
        self.vectors = unit_vectors(vectors)
        self.x, self.there = self.vectors
        self.sums, self.spread, self.k = sums, spread, k
        gram = (self.x.T @ self.x).astype(np.float64)
        part = self._penalty(given, k)
        inverse = np.linalg.inv(gram + part * self.there.sum() * np.eye(len(gram)))
        cross = (sums.v.T @ self.x).T + (self.x.T @ sums.base)[:, None] * sums.mean
        self.weights = np.ascontiguousarray((inverse @ cross).astype(np.float32))
        self.leverage = np.minimum(np.einsum("ij,ij->i", self.x @ inverse.astype(np.float32), self.x), 0.999)
        self.scaled = self.weights / spread

    def _penalty(self, given: TagCells, k: int) -> float:
        """Choose the penalty for the tags with the most positives, on about `TRIED_ROWS` rows."""
        some = np.argsort(-np.bincount(given.yes.tags, minlength=k), kind="stable")[:TRIED_TAGS]
        rows = np.flatnonzero(self.there & ~given.missing)
        rows = rows[:: max(1, len(rows) // TRIED_ROWS)]
        at = np.full(k, -1)
        at[some] = np.arange(len(some))
        row_at = np.full(given.n, -1)
        row_at[rows] = np.arange(len(rows))
        table = np.where(given.open[rows], UNKNOWN, NO)[:, None].repeat(len(some), axis=1)
        for listed, code in ((given.yes, np.full(len(given.yes.rows), YES)),
                             (given.rest, np.where(given.open[given.rest.rows], NO, UNKNOWN))):  # fmt: skip
            keep = (at[listed.tags] >= 0) & (row_at[listed.rows] >= 0)
            table[row_at[listed.rows[keep]], at[listed.tags[keep]]] = code[keep]
        known = table >= 0
        return best_penalty(self.x[rows], np.where(known, table, 0).astype(np.float32), known)

    def likeliest(self) -> np.ndarray:
        """Return the cells, as row * k + tag, whose standardised score exceeds a common threshold."""
        n = len(self.x)
        starts = range(0, n, SCORED_AT_A_TIME)
        floor = np.float32(_floor(self.x[:SCORED_AT_A_TIME] @ self.scaled))
        found: list[np.ndarray] = [np.empty(0, np.int64)] * len(starts)
        buffers: list[np.ndarray] = []  # one per thread

        def look(place: int) -> None:
            x = self.x[starts[place] : starts[place] + SCORED_AT_A_TIME]
            try:
                buffer = buffers.pop()
            except IndexError:
                buffer = np.empty((min(SCORED_AT_A_TIME, n), self.k), np.float32)
            scores = np.matmul(x, self.scaled, out=buffer[: len(x)])
            found[place] = np.flatnonzero(scores > floor) + starts[place] * self.k
            buffers.append(buffer)

        in_threads(look, range(len(starts)), n * self.k)
        return np.concatenate(found)

    def left_out(self, rows: np.ndarray, tags: np.ndarray, listed: np.ndarray) -> np.ndarray:
        """Return standardised leave-one-out predictions (m,) of cells."""
        turned = np.ascontiguousarray(self.weights.T)
        fitted = np.empty(len(rows), np.float32)

        def fit(part: slice) -> None:
            fitted[part] = np.einsum("ij,ij->i", self.x[rows[part]], turned[tags[part]])

        in_threads(
            fit, [slice(start, start + CELLS) for start in range(0, len(rows), CELLS)], self.x.shape[1] * len(rows)
        )
        mean = self.sums.mean[tags]
        centred = np.where(listed < 0, 0, listed - mean)
        h = self.leverage[rows]
        return ((fitted - h * centred) / (1 - h) / self.spread[tags]).astype(np.float32)


def _floor(scores: np.ndarray) -> float:
    """Return the threshold that about `A_ROW` scores per row exceed."""
    if scores.shape[1] <= A_ROW:
        return -np.inf
    flat = scores.ravel()
    take = min(len(scores) * A_ROW, len(flat) - 1)
    return float(-np.partition(-flat, take)[take])


def _likeliest(probs: np.ndarray, n: int, k: int) -> np.ndarray:
    """Return the cells, as row * k + tag, whose probability exceeds a common threshold."""
    floor, found = None, []
    for start in range(0, n, SCORED_AT_A_TIME):
        block = np.nan_to_num(np.asarray(probs[start : start + SCORED_AT_A_TIME], np.float32), nan=0.0)
        floor = max(_floor(block), 1e-6) if floor is None else floor
        found.append(np.flatnonzero(block > floor) + start * k)
    return np.concatenate(found)


def _gathered(probs: np.ndarray, rows: np.ndarray, tags: np.ndarray) -> np.ndarray:
    out = np.empty(len(rows), np.float32)
    for start in range(0, len(rows), 1 << 18):
        part = slice(start, start + (1 << 18))
        out[part] = probs[rows[part], tags[part]]
    return out


def _inverse(sums: _Sums) -> np.ndarray | None:
    """Return (A'A + l I)^-1 of the centred table, float32 (k, k), computed in place; None if it is singular."""
    from scipy.linalg import blas, lapack

    k, v, base, mean = len(sums.mean), sums.v, sums.base, sums.mean
    gram = (v.T @ v).toarray().astype(np.float32, copy=False).T  # in the order of Fortran, of which half is used
    gram[np.diag_indices(k)] += SET_PENALTY
    moved = np.asarray(v.T @ base) + float(base @ base) / 2 * mean
    gram = blas.ssyr2(1.0, moved.astype(np.float32), mean, a=gram, lower=1, overwrite_a=1)
    factor, info = lapack.spotrf(gram, lower=1, overwrite_a=1, clean=0)
    inverse, again = lapack.spotri(factor, lower=1, overwrite_c=1)
    if info or again:
        return None
    for start in range(0, k, MIRRORED_AT_A_TIME):
        own = slice(start, start + MIRRORED_AT_A_TIME)
        below = slice(own.stop, k)
        inverse[own, below] = inverse[below, own].T
        inverse[own, own] = np.tril(inverse[own, own]) + np.tril(inverse[own, own], -1).T
    return inverse


def _from_other_tags(
    sums: _Sums, inverse: np.ndarray | None, rows: np.ndarray, tags: np.ndarray, listed: np.ndarray,
    spread: np.ndarray,
) -> np.ndarray:  # fmt: skip
    """Predict cells (m,) from the other tags of their rows, each row left out, as in `sets` but for some cells only."""
    if inverse is None:
        return np.zeros(len(rows), np.float32)
    v, base, mean = sums.v, sums.base, sums.mean
    diagonal = np.diag(inverse)
    of_mean = inverse @ mean
    turned = base[rows] * of_mean[tags]
    by_tag = np.argsort(tags.astype(np.uint16 if len(mean) < 1 << 16 else np.int64), kind="stable")
    turned[by_tag] += _products(v, inverse, rows[by_tag], tags[by_tag])  # each column of the inverse is read at once
    own = _quadratic(v, inverse)
    own += 2 * base * np.asarray(v @ of_mean) + base**2 * float(mean @ of_mean)
    leverage = own[rows] - turned**2 / diagonal[tags]
    centred = np.where(listed < 0, 0, listed - mean[tags])
    return ((centred - turned / diagonal[tags] / np.maximum(1 - leverage, 1e-3)) / spread[tags]).astype(np.float32)


def _products(v: Any, inverse: np.ndarray, rows: np.ndarray, tags: np.ndarray) -> np.ndarray:
    """(m,) float32 (V P)[row, tag] of some cells; V sparse (n, k), P symmetric (k, k) in the order of Fortran."""
    flat, k = inverse.T.reshape(-1), len(inverse)
    out = np.zeros(len(rows), np.float32)
    at, left = np.arange(len(rows)), np.diff(v.indptr)[rows]
    stored, column = v.indptr[rows], tags.astype(np.int64) * k
    while len(at):  # the next stored cell of every row that has one
        more = np.flatnonzero(left)
        at, left, stored, column = at[more], left[more] - 1, stored[more], column[more]
        out[at] += v.data[stored] * flat.take(column + v.indices[stored])
        stored = stored + 1
    return out


def _quadratic(v: Any, inverse: np.ndarray) -> np.ndarray:
    """Return the diagonal of V P V', (n,) float32."""
    flat, k = inverse.T.reshape(-1), len(inverse)
    counts = np.diff(v.indptr)
    out = np.zeros(len(counts), np.float32)
    for place in range(int(counts.max(initial=0))):
        has = np.flatnonzero(counts > place)
        one = v.indptr[has] + place
        column = v.indices[one].astype(np.int64) * k
        for other in range(place + 1):
            two = v.indptr[has] + other
            both = v.data[one] * v.data[two] * flat.take(column + v.indices[two])
            out[has] += both if other == place else 2 * both
    return out
