"""Pooled log odds of yes of each cell, from views that do not use its own label.

Each view is first calibrated to the given tags (`lines`), since probabilities of other models and scores of ridge
regression have different scales. Then log odds are added with weights chosen by likelihood. The other tags of the
example are used only if they clearly increase the likelihood of the given ones.
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
    """Pooled views of a table (n, k).

    Attributes
    ----------
    odds : float32 (n, k), pooled log odds of yes. used : names of the views used.
    sets : float32 (n, k), predictions from the other tags, in standard deviations; None if not used.
    gain : relative gain in log likelihood from the other tags.
    cells : the known cells, at the positions `known` (m,) of the flattened table.
    """

    odds: np.ndarray
    used: tuple[str, ...]
    sets: np.ndarray | None
    gain: float
    cells: Cells
    known: np.ndarray


def views(table: np.ndarray, probs: np.ndarray | None, vectors: np.ndarray | None) -> TagViews:
    """Pool the available views.

    Parameters
    ----------
    table : int8 (n, k), 1 yes, 0 no, -1 unknown. probs : (n, k) probabilities of yes, NaN for missing ones.
    vectors : (n, d), NaN in rows without one.
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
