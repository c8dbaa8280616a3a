"""Read tags and scores as tables, and list the cells that scores contradict."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, cast

import numpy as np
import pandas as pd
import pyarrow as pa

from workbench.data.dataset import Dataset
from workbench.data.inputs import to_matrix
from workbench.foundation.checks import check_whole
from workbench.foundation.errors import InputError, shortened
from workbench.runs.run import Run, opened
from workbench.tasks import find_task, require_task
from workbench.tasks.multilabel import VALUES
from workbench.tasks.tag_cells import NO, UNKNOWN, YES, cells_of
from workbench.tasks.tag_reading import tags_by_number

CELL_ERRORS = {YES: "missing", NO: "wrong"}
"""Kind of error in a cell, by its correct value."""


class TagTable(NamedTuple):
    """The tags of n examples.

    Attributes
    ----------
    given : int8 (n, k), 1 yes, 0 no, -1 unknown. names : names of the k tags. ids : (n,), row numbers if the labels
        have no ids.
    """

    given: np.ndarray
    names: tuple[str, ...]
    ids: np.ndarray


class StoredTags(NamedTuple):
    """As `TagTable`, but stored by example (`workbench.tasks.tag_cells`): an Arrow array of n structs of lists."""

    labels: pa.StructArray
    names: tuple[str, ...]
    ids: np.ndarray


def stored_tags(labels: Any, classes: Sequence[object] | None = None, *, k: int | None = None) -> StoredTags:
    """Read labels from a Run (with its corrections), a Dataset, an (n, k) table or n lists of tags.

    Parameters
    ----------
    classes : names of the tags in order, if the labels do not name them. k : number of tags, for lists of numbers.

    Raises
    ------
    InputError : labels in an unsupported form or of another kind.
    """
    source = opened(labels)
    if isinstance(source, (Run, Dataset)):
        require_task(source, "multilabel", "a table of tags")
        dataset = source.extended() if isinstance(source, Run) else source
        stored = source.labels() if isinstance(source, Run) else source.labels
        return StoredTags(cast(pa.StructArray, stored), tuple(dataset.classes), dataset.ids)
    if classes is None and k is not None and not hasattr(labels, "shape") and tags_by_number(labels):
        classes = range(k)
    stored, names = find_task("multilabel").read(labels, classes)
    ids = labels.index.to_numpy() if isinstance(labels, pd.DataFrame) else np.arange(len(stored))
    return StoredTags(cast(pa.StructArray, stored), tuple(map(str, names)), ids)


def table_of_tags(labels: Any, classes: Sequence[object] | None = None, *, k: int | None = None) -> TagTable:
    """Return the labels that `stored_tags` reads as a dense table."""
    stored = stored_tags(labels, classes, k=k)
    return TagTable(cells_of(stored.labels).dense(len(stored.names)), stored.names, stored.ids)


def read_scores(field: str, scores: Any, table: TagTable, *, probabilities: bool = False) -> np.ndarray:
    """Return scores (n, k) as float64, matching a DataFrame by name; NaN = no score.

    Raises
    ------
    InputError : wrong shape, infinite scores, or probabilities outside [0, 1].
    """
    shape = (len(table.given), len(table.names))
    named = table.ids if isinstance(scores, pd.DataFrame) and set(scores.index) == set(table.ids) else None
    values = np.asarray(to_matrix(field, scores, named, table.names))
    if values.shape != shape or values.dtype.kind not in "fiub":
        found = f"has shape {values.shape} and dtype {values.dtype} for {shape[0]} examples and {shape[1]} tags"
        raise InputError.at(field, found, "Pass numbers, one column per tag.")
    values = values.astype(np.float64)
    bad = np.isinf(values) | ((values < 0) | (values > 1) if probabilities else False)
    if bad.any():
        row, column = (int(one[0]) for one in np.nonzero(bad))
        todo = "Pass probabilities, in [0, 1]." if probabilities else "Pass finite numbers, NaN if missing."
        found = f"column {column} ({shortened(table.names[column])}) is {values[row, column]:g}"
        raise InputError.at(field, found, todo, row=row)
    return values


def read_both(
    labels: Any, scores: Any, *, field: str = "scores", classes: Sequence[object] | None = None,
    probabilities: bool = False,
) -> tuple[TagTable, np.ndarray]:  # fmt: skip
    """Return labels and scores."""
    if classes is None and isinstance(scores, pd.DataFrame) and not hasattr(labels, "shape"):
        classes = list(scores.columns)
    shape = np.shape(scores)
    table = table_of_tags(labels, classes, k=shape[1] if len(shape) == 2 else None)
    return table, read_scores(field, scores, table, probabilities=probabilities)


def read_vectors(field: str, values: Any, n: int | None = None) -> np.ndarray:
    """Return finite numbers (n, d) as float64.

    Raises
    ------
    InputError : wrong shape or number of rows, NaN or infinity.
    """
    found = np.asarray(to_matrix(field, values, None))
    if found.ndim != 2 or found.dtype.kind not in "fiub" or (n is not None and len(found) != n):
        rows = "" if n is None else f", {n} rows"
        raise InputError.at(field, f"has shape {found.shape} and dtype {found.dtype}", f"Pass numbers (n, d){rows}.")
    found = found.astype(np.float64)
    bad = ~np.isfinite(found).all(axis=1)
    if bad.any():
        row = int(np.flatnonzero(bad)[0])
        raise InputError.at(field, "holds NaN or infinity", "Leave such examples out, or fill the gaps.", row=row)
    return found


def cells_frame(table: TagTable, rows: np.ndarray, tags: np.ndarray, suggested: np.ndarray, **columns: Any) -> Any:
    """Return cells as a DataFrame indexed by (id, unit), in the format of `find_issues(per="unit")`.

    Parameters
    ----------
    rows, tags : (m,) int64. suggested : (m,) 1 or 0. columns : additional columns (m,), inserted before `kind`.
    """
    return units_frame(table.names, table.ids, table.given[rows, tags], rows, tags, suggested, **columns)


def units_frame(
    names: Sequence[str], ids: np.ndarray, given: np.ndarray, rows: np.ndarray, tags: np.ndarray,
    suggested: np.ndarray, **columns: Any,
) -> pd.DataFrame:  # fmt: skip
    """Return cells as `cells_frame` does. names, ids : of all tags and examples. given : (m,) 1, 0 or -1."""
    values = np.array([VALUES[0], VALUES[1], None], object)
    kinds = np.where(suggested == YES, CELL_ERRORS[YES], CELL_ERRORS[NO]).astype(object)
    kinds[given == suggested] = None
    frame = pd.DataFrame(
        {
            "tag": np.array([*names, ""], object)[tags],
            "given_label": values[given],
            "suggested_label": values[suggested],
            **columns,
            "kind": kinds,
            "row": rows,
        }
    )
    units = [f"p{tag}" for tag in tags.tolist()]
    frame.index = pd.MultiIndex.from_arrays([ids[rows], units], names=["id", "unit"])
    return frame


def proposals(
    labels: Any, scores: Any, *, add_above: float | None = None, drop_below: float | None = None,
    limit: int | None = None, classes: Sequence[object] | None = None,
) -> pd.DataFrame:  # fmt: skip
    """List tags to add, whose score is high but that are not given, and given tags to drop, whose score is low.

    Parameters
    ----------
    labels : a Run, with its corrections; a Dataset; (n, k) of 1, 0, -1, dense or scipy.sparse; or n lists of tags.
    scores : float (n, k), high = the tag belongs to the example, on any scale: probabilities, matches of descriptions,
        votes of neighbours, attributions. NaN = no score.
    add_above : minimum score of tags to add; by default only `limit` applies.
    drop_below : maximum score of given tags to drop; by default none are dropped.
    limit : maximum number of tags to add, and of tags to drop.
    classes : names of the tags in order, if the labels do not name them.

    Returns
    -------
    DataFrame indexed by (id, unit)
        tag, given_label ("yes", "no" or None for unknown), suggested_label, score, kind ("missing", also for unknown
        cells, or "wrong"), row. Tags to add come first, by decreasing score, then tags to drop, by increasing score;
        ties in the order of rows and tags.

    Raises
    ------
    InputError : neither a threshold nor a limit, or labels or scores in an unsupported form.

    Notes
    -----
    The index is that of `find_issues(per="unit")`, so decisions take one line:
    ``run.journal.relabel(ids, found["suggested_label"], old=found["given_label"].fillna("unknown"), units=units)``.

    Examples
    --------
    >>> found = proposals([["sea"], ["sky", "sea"]], [[0.9, 0.8], [0.1, 0.9]], add_above=0.7, drop_below=0.2)
    >>> found[["tag", "suggested_label", "kind"]].to_numpy().tolist()
    [['sky', 'yes', 'missing'], ['sea', 'no', 'wrong']]
    """
    if add_above is None and drop_below is None and limit is None:
        raise InputError.at("add_above", "is not given", "Give `add_above`, `drop_below` or `limit`.")
    if limit is not None:
        check_whole("limit", limit, 1)
    table, values = read_both(labels, scores, classes=classes)
    found = []
    if add_above is not None or drop_below is None:
        least = -np.inf if add_above is None else add_above
        found.append(_first((table.given != YES) & (values >= least), -values, limit))
    if drop_below is not None:
        found.append(_first((table.given == YES) & (values <= drop_below), values, limit))
    rows, tags = (np.concatenate(pair) for pair in zip(*found))
    suggested = np.where(table.given[rows, tags] == YES, NO, YES)
    return cells_frame(table, rows, tags, suggested, score=values[rows, tags])


def _first(chosen: np.ndarray, order: np.ndarray, limit: int | None) -> tuple[np.ndarray, np.ndarray]:
    """Return rows and tags of the chosen cells by increasing `order`."""
    rows, tags = np.nonzero(chosen)
    first = np.argsort(order[rows, tags], kind="stable")[:limit]
    return rows[first], tags[first]


class Filled(NamedTuple):
    """Tags after filling unknown cells.

    Attributes
    ----------
    labels : int8 (n, k), 1 yes, 0 no, -1 still unknown. doubtful : DataFrame indexed by (id, unit) of the cells that
        are still unknown, in the format of `proposals`, with `distance` from the midpoint of the thresholds, nearest
        first.
    """

    labels: np.ndarray
    doubtful: pd.DataFrame


def fill_unknown(
    labels: Any, scores: Any, *, yes_above: float | None = None, no_below: float | None = None,
    yes_share: float = 0.0, no_share: float = 0.0, classes: Sequence[object] | None = None,
) -> Filled:  # fmt: skip
    """Fill unknown cells with clear scores, by thresholds or by shares of each tag, and list the remaining ones.

    Parameters
    ----------
    labels : as in `proposals`; known cells are not changed.
    scores : float (n, k), high = the tag belongs to the example; cells with NaN are not filled.
    yes_above, no_below : minimum score of a yes, and maximum score of a no.
    yes_share, no_share : in [0, 1], shares of each tag's unknown cells that become yes (highest scores) and no (lowest
        scores), if no threshold is given. Different shares give the asymmetric pseudo-labels of Zhou et al. 2022, who
        fill many no and hardly any yes.
    classes : as in `proposals`.

    Returns
    -------
    Filled, with `labels` and `doubtful`
        `doubtful` has the cells that are still unknown, nearest to the midpoint of the two thresholds first (with
        shares, of the two cuts of each tag), with their score and, as `suggested_label`, the side of the midpoint.

    Raises
    ------
    InputError : thresholds or shares that overlap, or labels or scores in an unsupported form.

    References
    ----------
    Zhou et al. 2022, Acknowledging the Unknown for Multi-label Learning with Single Positive Labels.
    """
    for name, share in (("yes_share", yes_share), ("no_share", no_share)):
        if not 0 <= share <= 1 or yes_share + no_share > 1:
            raise InputError.at(name, f"is {share!r}", "Give shares in [0, 1] that sum to at most 1.")
    if yes_above is not None and no_below is not None and no_below >= yes_above:
        raise InputError.at("no_below", f"is {no_below!r}, not below `yes_above`", "Leave a gap for unknown cells.")
    table, values = read_both(labels, scores, classes=classes)
    out, k = table.given.copy(), len(table.names)
    middle = np.zeros(k)
    for tag in range(k):
        rows = np.flatnonzero((table.given[:, tag] == UNKNOWN) & ~np.isnan(values[:, tag]))
        order = rows[np.argsort(values[rows, tag], kind="stable")]
        column = values[order, tag]
        low = round(no_share * len(order)) if no_below is None else int((column <= no_below).sum())
        high = len(order) - round(yes_share * len(order))
        high = max(high, low) if yes_above is None else int((column < yes_above).sum())
        out[order[:low], tag], out[order[max(high, low) :], tag] = NO, YES
        rest = column[low : max(high, low)]
        bottom = no_below if no_below is not None else rest[0] if len(rest) else 0.0
        top = yes_above if yes_above is not None else rest[-1] if len(rest) else 0.0
        middle[tag] = (bottom + top) / 2
    rows, tags = np.nonzero((out == UNKNOWN) & ~np.isnan(values))
    away = values[rows, tags] - middle[tags]
    first = np.argsort(np.abs(away), kind="stable")
    rows, tags, away = rows[first], tags[first], away[first]
    frame = cells_frame(table, rows, tags, (away >= 0).astype(int), score=values[rows, tags], distance=np.abs(away))
    return Filled(out, frame)


def prompt_probabilities(positive: Any, negative: Any, *, temperature: float = 1.0) -> np.ndarray:
    """Compute the probability of each tag from the scores of a positive and a negative prompt.

    Parameters
    ----------
    positive, negative : float (n, k), similarity of each example to the two prompts of each tag.
    temperature : positive; divides the similarities (about 0.01 for cosines of a CLIP model).

    Returns
    -------
    float64 (n, k) in [0, 1], exp(a) / (exp(a) + exp(b)) of a = positive / temperature, b = negative / temperature: the
    logistic function of the margin.

    Raises
    ------
    InputError : shapes that differ, values that are not finite, or a temperature that is not positive.

    References
    ----------
    Sun, Hu & Saenko 2022, DualCoOp: Fast Adaptation to Multi-Label Recognition with Limited Annotations.

    Examples
    --------
    >>> prompt_probabilities([[0.3, 0.2]], [[0.3, 0.3]], temperature=0.1).round(3)
    array([[0.5  , 0.269]])
    """
    if not temperature > 0:
        raise InputError.at("temperature", f"is {temperature!r}", "Give a positive number.")
    yes = read_vectors("positive", positive)
    no = read_vectors("negative", negative, len(yes))
    if yes.shape != no.shape:
        raise InputError.at("negative", f"has shape {no.shape}, `positive` {yes.shape}", "Pass one of each per cell.")
    from scipy.special import expit

    return expit((yes - no) / temperature)
