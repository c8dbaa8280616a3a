"""Read tags from the forms that users pass: tables of 1, 0 and -1, dense or sparse, and lists of tags.

Errors name the row, and the column or tag that is invalid.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from workbench.foundation.cells import is_missing
from workbench.foundation.errors import InputError, first_few, shortened
from workbench.tasks.class_names import check_names
from workbench.tasks.tag_cells import UNKNOWN, Listed, distinct, of_dense, stored_cells

PARTS = ("yes", "no", "unknown")
FORMS = (
    "Pass an (n, k) table of 1 (yes), 0 (no) and -1 (unknown), dense or scipy.sparse, or n lists of tags; "
    'a dict {"yes": [...], "no": [...]} if all others are unknown, {"yes": [...], "unknown": [...]} if they are no.'
)


def read_tags(
    labels: Any, classes: Sequence[object] | None, *, open_world: bool = False
) -> tuple[pa.StructArray, tuple[str, ...]]:
    """Return stored tags and the names of the tags."""
    if not isinstance(open_world, (bool, np.bool_)):
        raise InputError.at("open_world", f"is {shortened(open_world)}", "Pass True or False.")
    if hasattr(labels, "detach"):
        labels = labels.detach().cpu().numpy()
    if hasattr(labels, "tocsr"):
        return _of_sparse(labels, classes, bool(open_world))
    if isinstance(labels, pd.DataFrame):
        named = list(labels.columns) if classes is None else classes
        if classes is not None and {str(one) for one in classes} == {str(one) for one in labels.columns}:
            labels = labels.set_axis(labels.columns.map(str), axis=1)[[str(one) for one in classes]]
        return _of_table(labels.to_numpy(), named, bool(open_world))
    if isinstance(labels, np.ndarray) and labels.ndim != 1:
        return _of_table(labels, classes, bool(open_world))
    if isinstance(labels, (str, bytes, Mapping)) or not hasattr(labels, "__iter__"):
        raise InputError.at("labels", f"is a {type(labels).__name__}", FORMS)
    return _of_lists(list(labels), classes, bool(open_world))


def _of_table(
    table: np.ndarray, classes: Sequence[object] | None, open_world: bool
) -> tuple[pa.Array, tuple[str, ...]]:
    if table.ndim != 2:
        raise InputError.at("labels", f"has shape {table.shape}", FORMS)
    names = _names(classes, table.shape[1])
    if table.dtype == object:
        flat = [UNKNOWN if is_missing(one) else one for one in table.ravel()]
        bad = next(
            (place for place, one in enumerate(flat) if not isinstance(one, (bool, int, float, np.number))), None
        )
        if bad is not None:
            raise _cell_error(bad // table.shape[1], bad % table.shape[1], flat[bad], names)
        table = np.array(flat, np.float64).reshape(table.shape)
    if table.dtype.kind not in "biuf":
        raise InputError.at("labels", f"has dtype {table.dtype}", FORMS)
    if table.dtype.kind == "f":
        table = np.where(np.isnan(table), UNKNOWN, table)
    right = (table == 0) | (table == 1)
    if table.dtype.kind in "if":
        right |= table == UNKNOWN
    if not right.all():
        row, column = (int(one[0]) for one in np.nonzero(~right))
        raise _cell_error(row, column, table[row, column], names)
    return of_dense(table.astype(np.int8), open_world=open_world), names


def _of_sparse(matrix: Any, classes: Sequence[object] | None, open_world: bool) -> tuple[pa.Array, tuple[str, ...]]:
    """Read a sparse matrix of 1, 0 and -1; a cell that is not stored is "no", or unknown in an open world."""
    cells = matrix.tocoo()
    if len(cells.shape) != 2:
        raise InputError.at("labels", f"has shape {cells.shape}", FORMS)
    n, k = cells.shape
    names = _names(classes, k)
    values = np.asarray(cells.data)
    right = np.isin(values, (0, 1, UNKNOWN))
    if not right.all():
        bad = int(np.flatnonzero(~right)[0])
        raise _cell_error(int(cells.row[bad]), int(cells.col[bad]), values[bad], names)
    place = cells.row.astype(np.int64) * max(k, 1) + cells.col
    if len(distinct(place)) < len(place):
        twice = np.sort(place)
        row, column = divmod(int(twice[1:][twice[1:] == twice[:-1]][0]), max(k, 1))
        raise InputError.at("labels", f"stores the cell of {names[column]!r} twice", "Store each cell once.", row=row)
    rows, tags = cells.row.astype(np.int64), cells.col.astype(np.int64)
    rest = values == (0 if open_world else UNKNOWN)
    yes = Listed(rows[values == 1], tags[values == 1])
    return stored_cells(n, k, yes, Listed(rows[rest], tags[rest]), np.full(n, open_world), np.zeros(n, bool)), names


def _of_lists(
    listed: list[Any], classes: Sequence[object] | None, open_world: bool
) -> tuple[pa.Array, tuple[str, ...]]:
    n = len(listed)
    missing, open_ = np.zeros(n, bool), np.full(n, open_world)
    rows: dict[str, list[int]] = {name: [] for name in PARTS}
    tags: dict[str, list[object]] = {name: [] for name in PARTS}
    for row, one in enumerate(listed):
        if is_missing(one):
            missing[row] = True
            continue
        parts = _parts(one, row)
        open_[row] = "no" in parts or ("unknown" not in parts and open_world)
        for name, part in parts.items():
            rows[name] += [row] * len(part)
            tags[name] += part
    names, codes = _codes(tags, rows, classes)
    found = {name: Listed(np.array(rows[name], np.int64), codes[name]) for name in PARTS}
    every = Listed(*(np.concatenate([found[name][part] for name in PARTS]) for part in (0, 1)))
    _refuse_twice(every, names)
    rest = Listed(*(np.concatenate([found[name][part] for name in ("no", "unknown")]) for part in (0, 1)))
    return stored_cells(n, len(names), found["yes"], rest, open_, missing), names


def _parts(one: object, row: int) -> dict[str, list[Any]]:
    """Return the lists of tags of one example, by their state: "yes", "no" or "unknown"."""
    said: dict[str, Any] = {"yes": one}
    if isinstance(one, Mapping):
        said = {str(name): part for name, part in one.items() if part is not None}
        wrong = [name for name in said if name not in PARTS]
        if wrong or "yes" not in said or ("no" in said and "unknown" in said):
            raise InputError.at("labels", f"is {shortened(dict(one))}", FORMS, row=row)
    parts: dict[str, list[Any]] = {}
    for name, part in said.items():
        if isinstance(part, (str, bytes)) or not isinstance(part, (list, tuple, set, frozenset, np.ndarray, pd.Series)):
            raise InputError.at("labels", f"is {shortened(part)}, which is not a list of tags", FORMS, row=row)
        parts[name] = sorted(part, key=str) if isinstance(part, (set, frozenset)) else list(part)
        for tag in parts[name]:
            tag = tag.item() if isinstance(tag, np.generic) else tag
            if not isinstance(tag, (str, int)):
                todo = "A tag must be text or an integer."
                raise InputError.at("labels", f"holds the tag {shortened(tag)}", todo, row=row)
    return parts


def _codes(
    tags: dict[str, list[Any]], rows: dict[str, list[int]], classes: Any
) -> tuple[tuple[str, ...], dict[str, np.ndarray]]:
    """Return the names of the tags, and the index of each listed tag."""
    plain = {name: [one.item() if isinstance(one, np.generic) else one for one in part] for name, part in tags.items()}
    distinct = {one for part in plain.values() for one in part}
    if classes is None:
        ordered = sorted(distinct, key=lambda one: (isinstance(one, str), one))
        names = _names(ordered, len(ordered))
        code_of: dict[object, int] = {one: code for code, one in enumerate(ordered)}
    else:
        names = _names(classes, None)
        own = [one.item() if isinstance(one, np.generic) else one for one in classes]
        code_of = {one: code for code, one in enumerate(own)}
        if distinct and all(type(one) is int for one in distinct) and all(isinstance(one, str) for one in own):
            code_of = {code: code for code in range(len(names))}
    codes = {}
    for name, part in plain.items():
        found = [code_of.get(one, -1) for one in part]
        if -1 in found:
            place = found.index(-1)
            todo = f"Known tags: {first_few(list(names), 12)}."
            raise InputError.at("labels", f"holds the tag {shortened(part[place])}", todo, row=rows[name][place])
        codes[name] = np.array(found, np.int64)
    return names, codes


def _names(classes: Sequence[object] | None, k: int | None) -> tuple[str, ...]:
    """Return the names of k tags, distinct as text."""
    listed = list(range(k or 0)) if classes is None else list(classes)
    names = tuple(str(one.item() if isinstance(one, np.generic) else one) for one in listed)
    if k is not None and len(names) != k:
        raise InputError.at("classes", f"names {len(names)} tags for {k} columns", "Name each column once.")
    check_names(names, "classes", "Names of tags must be unique as text.")
    return names


def tags_by_number(labels: Any) -> bool:
    """Return whether lists of tags refer to tags by number."""
    listed = (one for part in labels if hasattr(part, "__iter__") and not isinstance(part, (str, dict)) for one in part)
    return all(isinstance(one, (int, np.integer)) for one in listed)


def _refuse_twice(cells: Listed, names: Sequence[str]) -> None:
    """Raise if a tag is listed twice in an example."""
    order = np.lexsort((cells.tags, cells.rows))
    rows, tags = cells.rows[order], cells.tags[order]
    twice = np.flatnonzero((rows[1:] == rows[:-1]) & (tags[1:] == tags[:-1]))
    if len(twice):
        place = int(twice[0])
        found = f"lists the tag {names[int(tags[place])]!r} twice"
        raise InputError.at(
            "labels", found, "List each tag once, and under one of yes, no, unknown.", row=int(rows[place])
        )


def _cell_error(row: int, column: int, value: Any, names: Sequence[str]) -> InputError:
    found = f"column {column} ({shortened(names[column])}) is {shortened(value)}"
    return InputError.at("labels", found, "A cell is 1 (yes), 0 (no) or -1 (unknown).", row=row)
