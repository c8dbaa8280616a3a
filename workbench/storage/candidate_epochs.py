"""One epoch of a training on candidate sets: reduce a batch to lines, and read them.

The files have the format of `workbench.storage.tag_epochs`: row, unit (the class index) and logit, here the log
probability of the class. With at most 100 classes, all are kept; with more, the candidates of each row and the 20 most
likely classes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from workbench.foundation.tag_statistics import finite_logits
from workbench.storage.tag_epochs import TagEpoch, kept_lines
from workbench.tasks.candidates import members_of

CANDIDATE_STATISTICS = ("p", "inside", "weight")


class GivenSets(NamedTuple):
    """The given sets of n examples: candidates codes[starts[i]:starts[i + 1]] of row i, ascending; k classes."""

    starts: np.ndarray
    codes: np.ndarray
    k: int

    @classmethod
    def of(cls, labels: pa.ListArray, k: int) -> GivenSets:
        """Create from stored labels."""
        rows, codes = members_of(labels)
        return cls(np.concatenate([[0], np.cumsum(np.bincount(rows, minlength=len(labels)))]), codes, k)

    def listed_in(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the candidates of some rows (b,): index into `rows` and class, (m,) int64 each."""
        counts = self.starts[rows + 1] - self.starts[rows]
        place = np.repeat(np.arange(len(rows)), counts)
        within = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
        return place, self.codes[self.starts[rows][place] + within]

    def inside(self, rows: np.ndarray, classes: np.ndarray) -> np.ndarray:
        """Return whether each class (m,) is a candidate of its row (m,), bool (m,)."""
        sizes = np.diff(self.starts)
        keys = np.repeat(np.arange(len(sizes)), sizes) * self.k + self.codes
        wanted = rows * self.k + classes
        if not len(keys):
            return np.zeros(len(wanted), bool)
        at = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
        return keys[at] == wanted


def described_candidates(
    found: TagEpoch, labels: pa.ListArray, k: int, names: Sequence[str] | None = None
) -> dict[str, np.ndarray]:
    """Return columns by name: row, unit, logit and `CANDIDATE_STATISTICS`; all by default.

    Parameters
    ----------
    found : lines sorted by row. labels, k : stored sets of all examples, number of classes.

    Returns
    -------
    dict of arrays: p, float32 in [0, 1], probability of the class; inside, bool, whether it is a candidate; weight,
    float32 in [0, 1], p as a share of the set, 0 outside (`workbench.confident.candidate_weights`).

    Raises
    ------
    InputError : an unknown name.
    """
    columns, names = found.columns(names, CANDIDATE_STATISTICS)
    columns["p"] = np.exp(found.logits)
    if {"inside", "weight"} & set(names):
        columns["inside"] = inside = GivenSets.of(labels, k).inside(found.rows, found.tags)
        columns["weight"] = _weights(found, inside)
    return {name: columns[name] for name in names}


def _weights(found: TagEpoch, inside: np.ndarray) -> np.ndarray:
    """Return the probability of each candidate as a share of its set, (m,) float32; 0 outside."""
    rows, logits = found.rows[inside], found.logits[inside].astype(np.float64)
    out = np.zeros(len(inside), np.float32)
    if len(rows):
        first = np.flatnonzero(np.diff(rows, prepend=-1))
        size = np.diff(np.append(first, len(rows)))
        part = np.exp(logits - np.repeat(np.maximum.reduceat(logits, first), size))
        out[inside] = part / np.repeat(np.add.reduceat(part, first), size)
    return out


def reduced_candidates(given: GivenSets, rows: np.ndarray, logits: np.ndarray) -> TagEpoch:
    """Select the classes of a batch that are kept.

    Parameters
    ----------
    given : sets of all examples. rows : (b,) int64 of the examples. logits : (b, k), before the softmax.

    Raises
    ------
    InputError : a number is not finite; the message names the row of the batch.
    """
    from scipy.special import log_softmax

    values = log_softmax(finite_logits(logits), axis=1).astype(np.float32)
    return kept_lines(rows, values, given.listed_in)
