"""What is known of each cell without its own label: the views, pooled, as log odds of yes.

Every view is put on the scale of the given tags first (`lines`), since probabilities of other people's models, and
scores of ridge regression, are on scales of their own; then log odds are added with weights by likelihood. The
example's other tags enter only where they make the given ones clearly likelier.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from workbench.issues.calibration import logit
from workbench.issues.tags.heads import left_out
from workbench.issues.tags.lines import Cells, lines, log_likelihood
from workbench.issues.tags.sets import GAIN, from_other_tags

HEADS, GIVEN, SETS = "held-out heads on embeddings", "given probabilities", "other tags"


class TagViews(NamedTuple):
    """Of a table (n, k).

    Attributes
    ----------
    odds : float32 (n, k), pooled log odds of yes. used : names of views that have a say.
    sets : float32 (n, k), what the other tags predict, in standard deviations; None where they have no say.
    gain : relative gain in log likelihood by the other tags.
    cells : the known cells, at the places `known` (m,) of the flattened table.
    """

    odds: np.ndarray
    used: tuple[str, ...]
    sets: np.ndarray | None
    gain: float
    cells: Cells
    known: np.ndarray


def views(table: np.ndarray, probs: np.ndarray | None, vectors: np.ndarray | None) -> TagViews:
    """Pool what there is.

    Parameters
    ----------
    table : int8 (n, k), 1 yes, 0 no, -1 unknown. probs : (n, k) probabilities of yes, NaN where there is none.
    vectors : (n, d), rows with NaN have none.
    """
    n, k = table.shape
    there = table >= 0
    known = np.flatnonzero(there.ravel())
    tag = np.tile(np.arange(k), n)
    cells = Cells(tag[known], table.ravel()[known], k)
    base = (np.log(cells.share) - np.log1p(-cells.share)).astype(np.float32)
    scaled, used = [], []
    target = np.where(there, table, 0).astype(np.float32)
    found = {}
    if vectors is not None:
        found[HEADS] = left_out(vectors, target, there).ravel()
    if probs is not None:
        found[GIVEN] = logit(np.clip(probs, 1e-4, 1 - 1e-4)).astype(np.float32).ravel()
    for name, view in found.items():
        seen = ~np.isnan(view)
        mine = seen[known]
        if not mine.any():
            continue
        line = lines(Cells(cells.tag[mine], cells.y[mine], k), view[known][mine])
        odds = base[tag]
        odds[seen] = line.at(tag[seen], view[seen])
        scaled.append(odds)
        used.append(name)
    odds = scaled[0] if scaled else base[tag]
    if len(scaled) > 1:
        odds = lines(cells, *(one[known] for one in scaled)).at(tag, *scaled)
    sets, gain = None, 0.0
    if k > 1 and len(known):
        other = from_other_tags(target, there).ravel()
        both = lines(cells, odds[known], other[known]).at(tag, odds, other)
        alone = log_likelihood(odds[known], cells.y)
        gain = (log_likelihood(both[known], cells.y) - alone) / max(abs(alone), 1e-9)
        if gain >= GAIN:
            odds, sets = both, other.reshape(n, k)
            used.append(SETS)
    return TagViews(odds.reshape(n, k).astype(np.float32), tuple(used), sets, gain, cells, known)
