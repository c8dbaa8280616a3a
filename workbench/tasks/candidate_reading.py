"""Read candidate sets from the forms that users pass: tables of True and False, dense or sparse, and lists of classes.

Errors name the row, and the column or class that is invalid.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from workbench.foundation.cells import is_missing
from workbench.foundation.errors import InputError, shortened
from workbench.tasks.classes import class_codes

SETS_TYPE = pa.list_(pa.int32())
"""Arrow type of the given sets: class indices, ascending."""

CANDIDATE_FORMS = (
    "Pass an (n, k) table of True and False, dense or scipy.sparse, or n lists of classes, None without a label."
)
EMPTY = "Name at least one class, or pass None if there is no label yet."


def read_candidates(labels: Any, classes: Any) -> tuple[pa.ListArray, tuple[str, ...]]:
    """Return stored sets and the class names; `classes` may be an ordered `pandas.CategoricalDtype`."""
    classes = classes.categories if isinstance(classes, pd.CategoricalDtype) else classes
    if hasattr(labels, "detach"):
        labels = labels.detach().cpu().numpy()
    if hasattr(labels, "tocoo"):
        return _of_sparse(labels.tocoo(), classes)
    if isinstance(labels, pd.DataFrame):
        return _of_table(labels.to_numpy(), labels.columns if classes is None else classes)
    if isinstance(labels, np.ndarray) and labels.ndim != 1:
        return _of_table(labels, classes)
    to_list = getattr(labels, "to_pylist", None)
    labels = labels if to_list is None else to_list()
    if isinstance(labels, (str, bytes, Mapping)) or not hasattr(labels, "__iter__"):
        raise InputError.at("labels", f"is a {type(labels).__name__}", CANDIDATE_FORMS)
    return _of_lists(list(labels), classes)


def class_values(labels: Any, classes: Any) -> list[object]:
    """The classes as passed by the user; for tables without names, the column numbers."""
    if classes is not None:
        return list(classes.categories if isinstance(classes, pd.CategoricalDtype) else classes)
    if isinstance(labels, pd.DataFrame):
        return list(labels.columns)
    if len(getattr(labels, "shape", ())) == 2:
        return list(range(labels.shape[1]))
    to_list = getattr(labels, "to_pylist", None)
    listed = (_members(one, row) for row, one in enumerate(labels if to_list is None else to_list()))
    return [value for members in listed for value in members or ()]


def stored(n: int, rows: np.ndarray, codes: np.ndarray, missing: np.ndarray) -> pa.ListArray:
    """Return sets as a Dataset stores them, from pairs of `rows` and `codes` in any order; null in `missing` rows."""
    order = np.lexsort((codes, rows))
    offsets = np.concatenate([[0], np.cumsum(np.bincount(rows, minlength=n))]).astype(np.int32)
    values = pa.array(codes[order].astype(np.int32))
    return pa.ListArray.from_arrays(pa.array(offsets), values, mask=pa.array(missing))


def _of_table(table: np.ndarray, classes: Sequence[object] | None) -> tuple[pa.ListArray, tuple[str, ...]]:
    if table.ndim != 2:
        raise InputError.at("labels", f"has shape {table.shape}", CANDIDATE_FORMS)
    names = _names(classes, table.shape[1])
    missing = np.zeros(len(table), bool)
    if table.dtype.kind in "fO":
        gaps = np.vectorize(is_missing, otypes=[bool])(table) if table.dtype == object else np.isnan(table)
        missing = gaps.all(axis=1) & (table.shape[1] > 0)
        table = np.where(missing[:, None], False, table)
    right = np.isin(table, (0, 1)) if table.dtype.kind in "biufO" else np.zeros(table.shape, bool)
    if not right.all():
        row, column = (int(one[0]) for one in np.nonzero(~right))
        found = f"column {column} ({shortened(names[column])}) is {shortened(table[row, column])}"
        raise InputError.at("labels", found, "A cell is True (candidate) or False.", row=row)
    rows, codes = np.nonzero(table.astype(bool))
    _refuse_empty(np.bincount(rows, minlength=len(table)), missing)
    return stored(len(table), rows, codes, missing), names


def _of_sparse(cells: Any, classes: Sequence[object] | None) -> tuple[pa.ListArray, tuple[str, ...]]:
    n, k = cells.shape
    names = _names(classes, k)
    values = np.asarray(cells.data)
    if not np.isin(values, (0, 1)).all():
        bad = int(np.flatnonzero(~np.isin(values, (0, 1)))[0])
        row, column = int(cells.row[bad]), int(cells.col[bad])
        found = f"column {column} ({shortened(names[column])}) is {shortened(values[bad])}"
        raise InputError.at("labels", found, "A cell is True (candidate) or False.", row=row)
    place = np.unique(cells.row[values == 1].astype(np.int64) * max(k, 1) + cells.col[values == 1])
    rows, codes = np.divmod(place, max(k, 1))
    missing = np.zeros(n, bool)
    _refuse_empty(np.bincount(rows, minlength=n), missing)
    return stored(n, rows, codes, missing), names


def _of_lists(listed: list[Any], classes: Sequence[object] | None) -> tuple[pa.ListArray, tuple[str, ...]]:
    missing = np.zeros(len(listed), bool)
    rows: list[int] = []
    values: list[object] = []
    for row, one in enumerate(listed):
        members = _members(one, row)
        missing[row] = members is None
        rows += [row] * len(members or ())
        values += members or ()
    try:
        codes, names = class_codes(pd.Series(values, dtype=object), classes)
    except InputError as error:
        place = error.parts.get("row")
        raise error if place is None else error.but(row=rows[place]) from error
    place = np.array(rows, np.int64)
    order = np.lexsort((codes, place))
    twice = np.flatnonzero((np.diff(place[order]) == 0) & (np.diff(codes[order]) == 0))
    if len(twice):
        at = order[twice[0]]
        found = f"lists the class {names[int(codes[at])]!r} twice"
        raise InputError.at("labels", found, "List each candidate once.", row=int(place[at]))
    return stored(len(listed), place, codes, missing), names


def _members(one: Any, row: int) -> list[Any] | None:
    """Return the classes of one set; None if there is no label. A single label is a set of one class."""
    if hasattr(one, "to_pylist"):
        one = one.to_pylist()
    if isinstance(one, np.ndarray) and one.ndim == 0:
        one = one.item()
    if is_missing(one):
        return None
    if isinstance(one, (str, int, float, np.generic)):
        return [one]
    if not isinstance(one, (list, tuple, set, frozenset, np.ndarray, pd.Series, pd.Index)):
        raise InputError.at("labels", f"is {shortened(one)}, which is not a list of classes", CANDIDATE_FORMS, row=row)
    members = list(one)
    if not members:
        raise InputError.at("labels", "is an empty set", EMPTY, row=row)
    for member in members:
        if is_missing(member) or not isinstance(member, (str, int, float, np.generic)):
            found = f"holds the class {shortened(member)}"
            raise InputError.at("labels", found, "A class must be a str, int or bool.", row=row)
    return members


def _names(classes: Sequence[object] | None, k: int) -> tuple[str, ...]:
    """Return the names of k classes, distinct as text; by default their numbers."""
    _, names = class_codes(pd.Series([], dtype=object), list(range(k)) if classes is None else list(classes))
    if len(names) != k:
        raise InputError.at("classes", f"names {len(names)} classes for {k} columns", "Name each column once.")
    return names


def _refuse_empty(sizes: np.ndarray, missing: np.ndarray) -> None:
    empty = np.flatnonzero((sizes == 0) & ~missing)
    if len(empty):
        found = f"is an empty set ({len(empty):,} rows)" if len(empty) > 1 else "is an empty set"
        raise InputError.at("labels", found, EMPTY, row=int(empty[0]))
