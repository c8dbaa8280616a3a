"""Which examples a confident-learning filter prunes in each class: those of the lowest score, or of the largest margin.

Partitions replace sorts, and contradicted rows are examined first. A full sort is done only if the border is tied, so
that ties are resolved as in cleanlab.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from workbench.confident.counting import SLACK, Rows
from workbench.foundation.reductions import float_rows

PAIRS = 1 << 20  # pairs of an example and another class that are examined together
LONG_CLASS = 256  # classes with more contradicted members are processed separately


def to_prune(counts: np.ndarray, classes: np.ndarray, at_least: int, frac_noise: float) -> np.ndarray:
    """Return the counts to prune of some classes (g, k).

    At least `at_least` examples are kept as correct, taken evenly from the other counts, which are then multiplied by
    `frac_noise`.
    """
    own = counts[classes, classes]
    kept = np.maximum(own.astype(np.int64), at_least)
    changed = np.arange(len(classes)) if frac_noise != 1.0 else np.flatnonzero(kept != own)
    pruned = counts[classes]
    for index in changed:
        row, class_, least = pruned[index], classes[index], max(int(own[index]), at_least)
        others = max(np.count_nonzero(row) - 1.0, 1.0)
        lowered = np.maximum(row - (least - row[class_]) / others, 0)
        lowered[class_] = least
        share = lowered * frac_noise
        share[class_] = least
        share[class_] += (lowered - share).sum()
        pruned[index] = share.astype(np.int64)
    return pruned


def lowest_of_classes(scores: np.ndarray, rows: Rows, classes: np.ndarray, how_many: np.ndarray) -> np.ndarray:
    """Return the rows (m,) with the `how_many` lowest scores of each class: `lowest` for many small classes at once."""
    members = [rows.classes.members(class_) for class_ in classes]
    lengths = np.array([len(some) for some in members])
    short = np.flatnonzero((lengths <= LONG_CLASS) & (how_many > 0))
    found = [members[index][lowest(scores[members[index]], how_many[index])]
             for index in np.flatnonzero((lengths > LONG_CLASS) & (how_many > 0))]  # fmt: skip
    if len(short):
        joined = np.concatenate([members[index] for index in short])
        pruned, tied = _ranked(scores[joined], lengths[short], how_many[short])
        found.append(joined[pruned])
        found += [members[index][lowest(scores[members[index]], int(how_many[index]))] for index in short[tied]]
    return np.concatenate(found) if found else np.zeros(0, np.int64)


def _ranked(values: np.ndarray, lengths: np.ndarray, many: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """For consecutive groups of values, return the places of the `many` smallest of each, and a mask of the groups (r,)
    that are skipped because the border is tied."""
    run = np.repeat(np.arange(len(lengths)), lengths)
    order = np.lexsort((values, run))
    first = np.cumsum(lengths) - lengths
    inside = np.flatnonzero(many < lengths)
    border = order[first[inside] + many[inside]], order[first[inside] + many[inside] - 1]
    tied = np.zeros(len(lengths), bool)
    tied[inside] = values[border[0]] == values[border[1]]
    taken = (np.arange(len(run)) - first[run] < many[run]) & ~tied[run]
    return order[taken], tied


def lowest(scores: np.ndarray, how_many: int, complete: Callable[[], np.ndarray] | None = None) -> np.ndarray:
    """Return a mask of the `how_many` lowest scores (NaN last); scores are sorted only if the border is tied.

    Scores above the border may be bounds; `complete` returns the exact ones in case they must be sorted.
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
    """Return rows (m,) of some classes that have, for any other class, one of the largest margins over their own class.

    Complete for contradicted rows only, which is sufficient: if enough of these have a margin that no other member can
    have, the other members need not be examined.

    Parameters
    ----------
    classes : int (g,), ascending; counts : int (g, k), number of rows to prune for each other class
    """
    members = [rows.classes.members(class_) for class_ in classes]
    group, column = np.nonzero(counts)
    many = counts[group, column].astype(np.int64)
    wanted = (column != classes[group]) & (many > 0)
    group, column, many = group[wanted], column[wanted], many[wanted]
    sizes = np.array([len(some) for some in members])
    whole = np.zeros(len(classes), bool)
    whole[group[many >= sizes[group]]] = True
    joined = np.concatenate(members)
    contradicted = rows.contradicted[joined]
    owner = np.repeat(np.arange(len(classes)), sizes)
    lengths = np.bincount(owner[contradicted], minlength=len(classes))
    found = [joined[whole[owner] & contradicted]]
    kept = ~whole[group]
    group, column, many = group[kept], column[kept], many[kept]
    order = np.lexsort((many, group))
    group, column, many = group[order], column[order], many[order]
    left = np.ones(len(group), bool)
    short = np.flatnonzero(lengths[group] <= LONG_CLASS)
    starts, inside = np.cumsum(lengths) - lengths, joined[contradicted]
    for cells in _chunks(short, lengths[group[short]]):
        own = group[cells]
        chosen, left[cells] = _clear(probs, rows, inside, starts[own], lengths[own], column[cells], many[cells])
        found.append(chosen)
    for index in np.flatnonzero(lengths > LONG_CLASS):
        cells = np.flatnonzero(group == index)
        some = inside[starts[index] : starts[index] + lengths[index]]
        chosen, left[cells] = _largest(probs, some, rows.p_given, column[cells], many[cells])
        found.append(chosen)
    short = np.flatnonzero(left & (sizes[group] <= LONG_CLASS))
    starts = np.cumsum(sizes) - sizes
    for cells in _chunks(short, sizes[group[short]]):
        own = group[cells]
        found.append(_settled(probs, rows, joined, starts[own], sizes[own], column[cells], many[cells]))
    left[short] = False
    for index in np.unique(group[left]):
        cells = np.flatnonzero(left & (group == index))
        found.append(_largest(probs, members[index], rows.p_given, column[cells], many[cells], every=True)[0])
    return np.concatenate(found)


def _chunks(cells: np.ndarray, lengths: np.ndarray) -> list[np.ndarray]:
    """Split the cells into parts with about PAIRS members in total."""
    return np.split(cells, np.flatnonzero(np.diff(np.cumsum(lengths) // PAIRS)) + 1) if len(cells) else []


def _pairs(starts: np.ndarray, lengths: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return cell and place of the members start : start + length of every cell, concatenated."""
    cell = np.repeat(np.arange(len(lengths)), lengths)
    return cell, np.arange(len(cell)) - np.repeat(np.cumsum(lengths) - lengths - starts, lengths)


def _margins(
    probs: np.ndarray, rows: Rows, members: np.ndarray, starts: np.ndarray, lengths: np.ndarray, column: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return cell, row and margin of the other class, for the members of every cell, concatenated."""
    cell, place = _pairs(starts, lengths)
    row = members[place]
    return cell, row, float_rows(probs[row, column[cell]]) - rows.p_given[row]


def _clear(
    probs: np.ndarray,
    rows: Rows,
    inside: np.ndarray,
    starts: np.ndarray,
    lengths: np.ndarray,
    column: np.ndarray,
    many: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Return, for pairs (class, other class), the rows that are certainly pruned, and a mask of undecided pairs.

    The contradicted members of a cell's class are `inside[start : start + length]`.
    """
    cell, row, margins = _margins(probs, rows, inside, starts, lengths, column)
    above = np.flatnonzero(margins > 10 * SLACK)
    cell, row, margins = cell[above], row[above], margins[above]
    sizes = np.bincount(cell, minlength=len(column))
    few = sizes < many
    enough = ~few[cell]
    pruned, tied = _ranked(-margins[enough], np.where(few, 0, sizes), many)
    return row[enough][pruned], few | tied


def _settled(
    probs: np.ndarray,
    rows: Rows,
    joined: np.ndarray,
    starts: np.ndarray,
    lengths: np.ndarray,
    column: np.ndarray,
    many: np.ndarray,
) -> np.ndarray:
    """Return, for pairs (class, other class), the rows pruned among all members `joined[start : start + length]` of the
    class; ties are resolved by a full sort."""
    _, row, margins = _margins(probs, rows, joined, starts, lengths, column)
    pruned, tied = _ranked(-margins, lengths, many)
    found = [row[pruned]]
    first = np.cumsum(lengths) - lengths
    for one in np.flatnonzero(tied):
        part = slice(first[one], first[one] + lengths[one])
        found.append(row[part][np.argsort(-margins[part])[: many[one]]])
    return np.concatenate(found)


def _largest(
    probs: np.ndarray,
    members: np.ndarray,
    p_given: np.ndarray,
    column: np.ndarray,
    many: np.ndarray,
    *,
    every: bool = False,
) -> tuple[np.ndarray, np.ndarray]:
    """`_clear` for some members of one large class, column by column; `many` is ascending.

    With `every`, these are all members, so every column is decided, with ties resolved by a full sort.
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
    """Return an array (columns, members), contiguous, float32 or float64."""
    if len(columns) * 4 >= probs.shape[1] and len(members) * probs.shape[1] <= 1 << 21:
        picked = float_rows(probs[members]).T[columns]
    else:
        picked = np.empty((len(columns), len(members)), float_rows(probs[:0]).dtype)
        for index, column in enumerate(columns):
            picked[index] = probs[members, column]
    return np.ascontiguousarray(picked)


def _top(margins: np.ndarray, many: int) -> tuple[np.ndarray, np.ndarray]:
    """Return which of the m are among the `many` largest in any row (rows, m), and the rows skipped because of ties."""
    m = margins.shape[1]
    border = margins.max(axis=1) if many == 1 else np.partition(margins, m - many, axis=1)[:, m - many]
    reached = margins >= border[:, None]
    tied = np.flatnonzero(np.count_nonzero(reached, axis=1) != many)
    reached[tied] = False
    return np.asarray(reached.any(axis=0)), tied
