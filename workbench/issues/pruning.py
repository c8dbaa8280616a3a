"""How many examples a confident-learning filter prunes in each class, and which: the lowest, or those by margin.

Hidden here: partitions instead of sorts, contradicted rows before all others, and a full sort only where the border is
tied, so that the choice among equals is cleanlab's.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from workbench.issues.counting import SLACK, Rows
from workbench.reductions import float_rows

PAIRS = 1 << 20  # pairs of an example and another class that are looked at together


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


def by_margin(probs: np.ndarray, rows: Rows, classes: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Rows (m,) of some classes that are, for any other class, among so many with the largest margin over their own.

    Complete for contradicted rows, which is all that is asked for: where enough of these have a margin that no other
    member can have, the others need not be looked at.

    Parameters
    ----------
    classes : int (g,), ascending; counts : int (g, k), how many to prune for each other class
    """
    members = [rows.classes.members(klass) for klass in classes]
    wanted = counts > 0
    wanted[np.arange(len(classes)), classes] = False
    sizes = np.array([len(some) for some in members])
    whole = (wanted & (counts >= sizes[:, None])).any(axis=1)
    inside = [some[rows.contradicted[some]] for some in members]
    found = [members[index] for index in np.flatnonzero(whole)]
    group, column = np.nonzero(wanted & ~whole[:, None])
    many = counts[group, column]
    lengths = np.array([len(some) for some in inside])
    starts, inside = np.cumsum(lengths) - lengths, np.concatenate(inside)
    part = np.cumsum(lengths[group]) // PAIRS
    left = []
    for cells in np.split(np.arange(len(group)), np.flatnonzero(np.diff(part)) + 1):
        chosen, unsettled = _clear(
            probs, rows, inside, starts[group[cells]], lengths[group[cells]], column[cells], many[cells]
        )
        found.append(chosen)
        left.append(cells[unsettled])
    left = np.concatenate(left)
    for index in np.unique(group[left]):
        cells = left[group[left] == index]
        cells = cells[np.argsort(many[cells], kind="stable")]
        found.append(members[index][_among_all(probs, members[index], rows.p_given, column[cells], many[cells])])
    return np.concatenate(found)


def _clear(
    probs: np.ndarray,
    rows: Rows,
    inside: np.ndarray,
    starts: np.ndarray,
    lengths: np.ndarray,
    column: np.ndarray,
    many: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """For some (class, other class): rows that are pruned beyond doubt, and a mask of those that are not settled so.

    The contradicted members of a cell's class are `inside[start : start + length]`.
    """
    cell = np.repeat(np.arange(len(column)), lengths)
    place = np.arange(len(cell)) - np.repeat(np.cumsum(lengths) - lengths - starts, lengths)
    row = inside[place]
    margins = float_rows(probs[row, column[cell]]) - rows.p_given[row]
    above = np.flatnonzero(margins > 10 * SLACK)
    cell, row, margins = cell[above], row[above], margins[above]
    order = np.lexsort((-margins, cell))
    cell, row, margins = cell[order], row[order], margins[order]
    sizes = np.bincount(cell, minlength=len(column))
    first = np.cumsum(sizes) - sizes
    settled = sizes >= many
    beyond = np.flatnonzero(sizes > many)
    border = first[beyond] + many[beyond]
    settled[beyond] = margins[border - 1] != margins[border]
    pruned = (np.arange(len(cell)) - first[cell] < many[cell]) & settled[cell]
    return row[pruned], ~settled


def _among_all(
    probs: np.ndarray, members: np.ndarray, p_given: np.ndarray, column: np.ndarray, many: np.ndarray
) -> np.ndarray:
    """Mask over all members of one class: for each column, so many with the largest margin; `many` ascending."""
    found = np.zeros(len(members), bool)
    counts = dict(zip(column.tolist(), many.tolist()))
    for part, margins in _margins(probs, members, p_given[members], column):
        wanted = np.array([counts[one] for one in part.tolist()])
        for one in np.unique(wanted):
            group = margins[wanted == one]
            reached, tied = _top(group, int(one))
            found |= reached
            for row in tied:  # the order of a full sort decides between equals
                found[np.argsort(-group[row])[:one]] = True
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
