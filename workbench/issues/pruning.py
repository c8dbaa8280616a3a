"""How many examples a confident-learning filter prunes in each class, and which: the lowest, or those by margin.

Hidden here: partitions instead of sorts, contradicted rows before all others, and a full sort only where the border is
tied, so that the choice among equals is cleanlab's.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from workbench.issues.counting import SLACK, Rows
from workbench.reductions import float_rows

PAIRS = 1 << 20  # pairs of an example and another class that are looked at together
LONG = 256  # classes with more contradicted members are worth calls of their own


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


def lowest(scores: np.ndarray, how_many: int, complete: Callable[[], np.ndarray] | None = None) -> np.ndarray:
    """Mask of the so many lowest scores (NaN last); a sort decides only where the border is tied.

    Scores above the border may be bounds: `complete` then gives the right ones, should they have to be sorted.
    """
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
        mask[np.argsort(scores if complete is None else complete())[:how_many]] = True
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
    lengths = np.array([len(some) for some in inside])
    group, column = np.nonzero(wanted & ~whole[:, None])
    order = np.lexsort((counts[group, column], group))
    group, column = group[order], column[order]
    many = counts[group, column]
    left = np.ones(len(group), bool)
    short = np.flatnonzero(lengths[group] <= LONG)
    starts, joined = np.cumsum(lengths) - lengths, np.concatenate(inside)
    for cells in np.split(short, np.flatnonzero(np.diff(np.cumsum(lengths[group[short]]) // PAIRS)) + 1):
        own = group[cells]
        chosen, left[cells] = _clear(probs, rows, joined, starts[own], lengths[own], column[cells], many[cells])
        found.append(chosen)
    for index in np.flatnonzero(lengths > LONG):
        cells = np.flatnonzero(group == index)
        chosen, left[cells] = _largest(probs, inside[index], rows.p_given, column[cells], many[cells])
        found.append(chosen)
    for index in np.unique(group[left]):
        cells = np.flatnonzero(left & (group == index))
        found.append(_largest(probs, members[index], rows.p_given, column[cells], many[cells], every=True)[0])
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


def _largest(
    probs: np.ndarray,
    members: np.ndarray,
    p_given: np.ndarray,
    column: np.ndarray,
    many: np.ndarray,
    *,
    every: bool = False,
) -> tuple[np.ndarray, np.ndarray]:
    """`_clear` for some members of one large class, column by column; `many` ascending.

    `every`: these are all members, so that each column is settled, ties by the order of a full sort.
    """
    found, left = np.zeros(len(members), bool), np.zeros(len(column), bool)
    own = p_given[members]
    step = max(1, PAIRS // max(len(members), 1))
    for start in range(0, len(column), step):
        part = slice(start, start + step)
        margins = _columns(probs, members, column[part])
        margins -= own
        enough = np.ones(len(margins), bool)
        if not every:
            enough = np.count_nonzero(margins > 10 * SLACK, axis=1) >= many[part]
        for one in np.unique(many[part][enough]):
            cells = np.flatnonzero(enough & (many[part] == one))
            reached, tied = _top(margins[cells], int(one))
            found |= reached
            if every:
                for cell in cells[tied]:
                    found[np.argsort(-margins[cell])[:one]] = True
            else:
                enough[cells[tied]] = False
        left[part] = ~enough
    return members[found], left


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
