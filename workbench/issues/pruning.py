"""How many examples a confident-learning filter prunes in each class, and which: the lowest, or those by margin.

Hidden here: partitions instead of sorts, contradicted rows before all others, and a full sort only where the border is
tied, so that the choice among equals is cleanlab's.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from workbench.issues.counting import SLACK
from workbench.reductions import float_rows


def to_prune(counts: np.ndarray, klass: int, at_least: int, frac_noise: float) -> np.ndarray:
    """One class's counts to prune (k,): at least so many kept as right, taken evenly from the rest; then the share."""
    kept = max(int(counts[klass]), at_least)
    if frac_noise == 1.0 and kept == counts[klass]:
        return counts
    others = max(np.count_nonzero(counts) - 1.0, 1.0)
    lowered = np.maximum(counts - (kept - counts[klass]) / others, 0)
    lowered[klass] = kept
    share = lowered * frac_noise
    share[klass] = kept
    share[klass] += (lowered - share).sum()
    return share.astype(np.int64)


def lowest(scores: np.ndarray, how_many: int) -> np.ndarray:
    """Mask of the so many lowest scores (NaN last); a sort decides only where the border is tied."""
    mask = np.zeros(len(scores), bool)
    if how_many <= 0:
        return mask
    if how_many >= len(scores):
        mask[:] = True
        return mask
    border = np.partition(scores, how_many - 1)[how_many - 1]
    np.less_equal(scores, border, out=mask)
    if mask.sum() != how_many:
        mask[:] = False
        mask[np.argsort(scores)[:how_many]] = True
    return mask


def by_margin(
    probs: np.ndarray,
    members: np.ndarray,
    klass: int,
    p_given: np.ndarray,
    contradicted: np.ndarray,
    counts: np.ndarray,
) -> np.ndarray:
    """Mask over the members of one class: for every other class, so many with the largest margin over their own.

    Right at least for contradicted members, which is all that is asked for: where enough of these have a margin that
    no other member can have, the others need not be looked at.
    """
    found = np.zeros(len(members), bool)
    wanted = np.flatnonzero(counts > 0)
    wanted = wanted[wanted != klass]
    if (counts[wanted] >= len(members)).any():
        found[:] = True
        return found
    wanted = wanted[np.argsort(counts[wanted], kind="stable")]
    inside = np.flatnonzero(contradicted)
    left = []
    for part, margins in _margins(probs, members[inside], p_given[inside], wanted):
        enough = np.count_nonzero(margins > 10 * SLACK, axis=1) >= counts[part]
        for many in np.unique(counts[part[enough]]):
            group = np.flatnonzero(enough & (counts[part] == many))
            reached, tied = _top(margins[group], int(many))
            found[inside] |= reached
            enough[group[tied]] = False
        left.append(part[~enough])
    for part, margins in _margins(probs, members, p_given, np.concatenate(left) if left else wanted):
        for many in np.unique(counts[part]):
            group = margins[counts[part] == many]
            reached, tied = _top(group, int(many))
            found |= reached
            for row in tied:  # the order of a full sort decides between equals
                found[np.argsort(-group[row])[:many]] = True
    return found


def _margins(
    probs: np.ndarray, rows: np.ndarray, p_given: np.ndarray, wanted: np.ndarray
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Some of the wanted columns at a time, and their margins over the given label (columns, rows)."""
    step = max(1, (1 << 20) // max(len(rows), 1))
    for start in range(0, len(wanted), step):
        margins = _columns(probs, rows, wanted[start : start + step])
        margins -= p_given
        yield wanted[start : start + step], margins


def _columns(probs: np.ndarray, members: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """(columns, members), contiguous, as float32 or float64."""
    if len(columns) * 4 >= probs.shape[1] and len(members) * probs.shape[1] <= 1 << 21:
        picked = float_rows(probs[members]).T[columns]
    else:
        picked = np.empty((len(columns), len(members)), float_rows(probs[:0]).dtype)
        for index, column in enumerate(columns):
            picked[index] = probs[members, column]
    return np.ascontiguousarray(picked)


def _top(margins: np.ndarray, many: int) -> tuple[np.ndarray, np.ndarray]:
    """Which of the m are among the so many largest in any row (rows, m), and the rows left out for ties."""
    m = margins.shape[1]
    border = margins.max(axis=1) if many == 1 else np.partition(margins, m - many, axis=1)[:, m - many]
    reached = margins >= border[:, None]
    tied = np.flatnonzero(np.count_nonzero(reached, axis=1) != many)
    reached[tied] = False
    return reached.any(axis=0), tied
