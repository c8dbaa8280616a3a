"""Statistics of one tag of one example in one epoch, computed from its logit and the given tag.

Each tag has its own sigmoid, so probability, loss, margin and correctness are functions of the logit and the given tag.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from workbench.foundation.errors import InputError

ALL_TAGS = 100
"""Maximum number of tags for which all cells are kept."""

TOP_CELLS = 20
"""Number of cells kept in each row with more tags, besides the given ones: those with the largest logits."""

TAG_STATISTICS = ("p_given", "margin", "loss", "correct")


def tag_statistics(logits: Any, given: Any) -> dict[str, np.ndarray]:
    """Compute statistics of cells (pairs of example and tag).

    Parameters
    ----------
    logits : float array of any shape, before the sigmoid, finite.
    given : int array of the same shape, 1 yes, 0 no, -1 unknown.

    Returns
    -------
    dict of arrays of that shape
        p_given : float32, in [0, 1], probability of the given state: s(z) for yes, 1 - s(z) for no, with
        s(z) = 1 / (1 + exp(-z)). margin : float32, z for yes, -z for no. loss : float32, non-negative, -log p_given in
        nats (binary cross-entropy). correct : bool, whether z > 0 if and only if yes is given.
        An unknown cell has NaN in the first three and is not `correct`.

    Examples
    --------
    >>> s = tag_statistics([2.0, 2.0, 2.0], [1, 0, -1])
    >>> s["margin"].tolist(), s["correct"].tolist()
    ([2.0, -2.0, nan], [True, False, False])
    """
    z, given = np.asarray(logits, np.float32), np.asarray(given)
    if z.shape != given.shape:
        found = f"has shape {given.shape} for logits of shape {z.shape}"
        raise InputError.at("given", found, "Pass 1, 0 or -1 for each logit.")
    yes, known = given == 1, given >= 0
    margin = np.where(known, np.where(yes, z, -z), np.float32(np.nan))
    with np.errstate(invalid="ignore"):
        loss = np.logaddexp(np.float32(0), -margin)
    return {"p_given": np.exp(-loss), "margin": margin, "loss": loss, "correct": known & ((z > 0) == yes)}


def finite_logits(logits: np.ndarray) -> np.ndarray:
    """Convert logits (b, k) to float32.

    Raises
    ------
    InputError : a row contains NaN, infinity or a number beyond float32; the message names the row and the column.
    """
    with np.errstate(over="ignore"):
        values = np.asarray(logits, np.float32)
    finite = np.isfinite(values)
    if not finite.all():
        row, column = (int(one[0]) for one in np.nonzero(~finite))
        found = f"holds {logits[row, column]:g} in column {column}"
        todo = "Pass finite numbers before the sigmoid; look for a diverged loss or a missing value."
        raise InputError.at("logits", found, todo, row=row)
    return values


def kept_cells(logits: np.ndarray, rows: np.ndarray, tags: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the cells of a batch to keep: all with up to `ALL_TAGS` tags, otherwise the top ones and the given ones.

    Parameters
    ----------
    logits : (b, k) float. rows, tags : (g,) int64, the given cells, by row of the batch and column.

    Returns
    -------
    (rows, tags) : (m,) int64 each, sorted by both, each cell once.
    """
    b, k = logits.shape
    if k <= ALL_TAGS:
        return np.repeat(np.arange(b), k), np.tile(np.arange(k), b)
    top = np.argpartition(logits, k - TOP_CELLS, axis=1)[:, k - TOP_CELLS :]
    kept = np.zeros((b, k), bool)
    np.put_along_axis(kept, top, True, axis=1)
    kept[rows, tags] = True
    found = np.nonzero(kept)
    return found[0], found[1]
