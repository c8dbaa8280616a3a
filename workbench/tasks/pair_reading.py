"""Read graded (query, item) pairs as passed by users: lists per query, or a table with one row per pair."""

from __future__ import annotations

import re
from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from workbench.foundation.cells import is_missing, same_within
from workbench.foundation.errors import InputError, first_few, shortened
from workbench.tasks.class_names import check_names, class_text, object_array, plain_value
from workbench.tasks.pair_table import UNJUDGED, PairTable, stored_pairs

PAIR_FORMS = (
    "Pass a DataFrame with the columns query, item and grade, or n lists of (item, grade), with the grade None for an "
    "unjudged item."
)
GRADES_TODO = "Grades are whole numbers; name others in order, from irrelevant to most relevant: classes=[...]."
ONCE = "List each item once per query; average or drop the others."
GRADES_LIMIT = 101
"""Maximum number of grades without `classes`; more are scores of a ranker rather than grades."""

QUERY_COLUMN, ITEM_COLUMN, GRADE_COLUMN = "query", "item", "grade"
"""Default names of the columns of a table of pairs."""

OF_TABLES = ("item", "passage", "classes")
"""Arguments that only tables with one row per pair need."""

_WHOLE_TEXT = re.compile(r"-?[0-9]{1,9}(\.0+)?\Z")

PASSAGES = "passages"
"""Column of the metadata with what is known of the items of each query: dicts {"item", "text"}."""


def read_pairs(
    labels: Any, classes: Sequence[object] | None, *, item: str | None = None, passage: str | None = None
) -> tuple[pa.ListArray, tuple[str, ...]]:
    """Return stored grades and the names of the grades, in ascending order.

    Parameters
    ----------
    labels : n lists of (item, grade), as tuples or dicts {"item", "grade"}, or n dicts of item to grade. The grade None
        or NaN means unjudged; None instead of a list, that nothing is known of the query.
    classes : the grades in ascending order; by default whole numbers from 0 (or the lowest one) to the highest one.
    item, passage : columns of a table with one row per pair (`Dataset.from_frame`): of the ids of items, by default
        "item", and of their texts.

    Raises
    ------
    InputError : an item without an id, an item that a query lists twice, or a value that is not a grade.
    """
    if item is not None or passage is not None:
        todo = "Pass a DataFrame with one row per pair, or leave them out."
        raise InputError.at("item" if item is not None else "passage", "names a column of labels in lists", todo)
    to_list = getattr(labels, "to_pylist", None)
    labels = labels if to_list is None else to_list()
    if isinstance(labels, (str, bytes, Mapping, pd.DataFrame)) or not hasattr(labels, "__iter__"):
        raise InputError.at("labels", f"is a {type(labels).__name__}", PAIR_FORMS)
    rows: list[int] = []
    items: list[str] = []
    grades: list[object] = []
    missing: list[bool] = []
    for row, cell in enumerate(labels):
        listed = _listed(cell, row)
        missing.append(listed is None)
        for place, pair in enumerate(listed or ()):
            one, grade = _pair(pair, place, row)
            rows.append(row)
            items.append(one)
            grades.append(grade)
    numbers = np.array(rows, np.int64)
    codes, names = grade_codes(grades, classes, numbers)
    table = PairTable(numbers, object_array(items), codes, np.array(missing, bool))
    refuse_twice(table)
    return stored_pairs(table), names


def _listed(cell: Any, row: int) -> list[Any] | None:
    """Return the pairs of one query; None without a list."""
    cell = cell.tolist() if isinstance(cell, np.ndarray) else cell
    if is_missing(cell):
        return None
    if isinstance(cell, Mapping):
        return list(cell.items())
    if isinstance(cell, (str, bytes)) or not isinstance(cell, (list, tuple, pd.Series)):
        raise InputError.at("labels", f"is {shortened(cell)}", PAIR_FORMS, row=row)
    return list(cell)


def _pair(pair: Any, place: int, row: int) -> tuple[str, object]:
    """Return (item, grade), with None for an unjudged item."""
    parts: Any = pair.tolist() if isinstance(pair, np.ndarray) else pair
    if isinstance(pair, Mapping):
        parts = (pair[ITEM_COLUMN], pair[GRADE_COLUMN]) if set(pair) == {ITEM_COLUMN, GRADE_COLUMN} else None
    if not isinstance(parts, (list, tuple)) or len(parts) != 2:
        raise InputError.at("labels", f"item {place} is {shortened(pair)}", PAIR_FORMS, row=row)
    item, grade = parts
    return item_name(item, row), None if is_missing(grade) else grade


def item_name(item: object, row: int | None = None, field: str = "labels") -> str:
    """Return the id of an item as text, or raise an error that names the row."""
    if is_missing(item) or isinstance(item, (bool, np.bool_)) or not isinstance(item, (str, int, float, np.generic)):
        raise InputError.at(field, f"names the item {shortened(item)}", "Pass ids of items, str or int.", row=row)
    name = class_text(item)
    if not name:
        raise InputError.at(field, "names an item ''", "Pass ids of items, str or int.", row=row)
    try:
        name.encode()
    except UnicodeEncodeError as error:
        found = f"names an item that is not Unicode ({error})"
        raise InputError.at(field, found, "Decode it properly.", row=row) from error
    return name


def grade_codes(
    grades: Sequence[object], classes: Sequence[object] | None, rows: np.ndarray
) -> tuple[np.ndarray, tuple[str, ...]]:
    """Return codes (m,), -1 for unjudged, and the names of the grades; errors name the row."""
    known = [(place, plain_value(one)) for place, one in enumerate(grades) if not is_missing(one)]
    known = [(place, _whole(one, classes is None)) for place, one in known]
    named = _whole_grades(known, rows) if classes is None else list(getattr(classes, "categories", classes))
    names = tuple(class_text(one) for one in named)
    check_names(names, "classes", "Name each grade once.")
    if "" in names:
        raise InputError.at("classes", "holds the empty name", "Name each grade.")
    code_of: dict[str, int] = {name: code for code, name in enumerate(names)}
    indices = not any(name.lstrip("-").isdigit() for name in names)
    codes = np.full(len(grades), UNJUDGED, np.int64)
    for place, grade in known:
        text = class_text(grade) if isinstance(grade, Hashable) else None
        code = code_of.get(text) if text is not None else None
        if code is None and indices and isinstance(grade, int) and 0 <= grade < len(names):
            code = grade
        if code is None:
            row = int(rows[place])
            todo = f"Known grades: {first_few(list(names), 12)}. None or NaN means unjudged."
            raise InputError.at("labels", f"holds the grade {shortened(grade)}", todo, row=row)
        codes[place] = code
    return codes, names


def _whole(grade: Any, numbers: bool) -> Any:
    """Return bools as 0 and 1; if grades are numbers, also those in the text of a CSV file as numbers."""
    text = numbers and isinstance(grade, str) and _WHOLE_TEXT.match(grade)
    return int(float(grade)) if text or isinstance(grade, bool) else grade


def _whole_grades(known: list[tuple[int, Any]], rows: np.ndarray) -> list[int]:
    """Return all whole numbers from 0 (or the lowest grade) to the highest one, at least 1."""
    for place, grade in known:
        if not isinstance(grade, int):
            raise InputError.at("labels", f"holds the grade {shortened(grade)}", GRADES_TODO, row=int(rows[place]))
    found = [0, 1, *(grade for _, grade in known)]
    low, high = min(found), max(found)
    if high - low >= GRADES_LIMIT:
        todo = "Grades are few whole numbers. Pass scores of rankers as `scores=`."
        raise InputError.at("labels", f"holds grades from {low} to {high}", todo)
    return list(range(low, high + 1))


def refuse_twice(table: PairTable) -> None:
    """Raise if a query lists an item twice."""
    seen: set[tuple[int, str]] = set()
    for pair in zip(table.rows.tolist(), table.items.tolist()):
        if pair in seen:
            found = f"lists the item {shortened(pair[1])} twice"
            raise InputError.at("labels", found, ONCE, row=pair[0])
        seen.add(pair)


def gathered(frame: pd.DataFrame, named: Mapping[str, Any]) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Convert a table with one row per pair to one with one row per query.

    Parameters
    ----------
    frame : DataFrame. A table without a column of items already has one row per query, and is returned unchanged.
    named : arguments of `Dataset.from_frame`: label, id, text, classes, and options: item, passage.

    Returns
    -------
    frame : columns of the query, of its list of grades, those that are the same in all rows of each query, and
        `passages` with the texts of the items. By default the column "text" is the text of the query, and "passage"
        that of the item.
    named : the arguments for it.
    """
    item = named.get("item") or ITEM_COLUMN
    if item not in frame.columns and not named.get("item"):
        return frame, {name: value for name, value in named.items() if name not in OF_TABLES}
    default = named["label"] == "label" and "label" not in frame.columns
    label = GRADE_COLUMN if default else named["label"]
    query, text, passage = named["id"] or QUERY_COLUMN, named["text"], named.get("passage")
    passage = "passage" if passage is None and "passage" in frame.columns else passage
    text = "text" if text is None and "text" in frame.columns else text
    roles = {"label": label, "id": query, "item": item, "text": text, "passage": passage}
    for role, name in roles.items():
        if name is not None and name not in frame.columns:
            todo = f"Name it with `{role}=`; a table of pairs has a query, an item and a grade in each row."
            raise InputError.unknown("column", name, frame.columns, todo)
    frame = frame.reset_index(drop=True)
    lost = frame[query].isna()
    if lost.any():
        row = int(np.flatnonzero(lost)[0])
        raise InputError.at(query, "is missing", "Name the query of each pair.", row=row)
    codes, queries = pd.factorize(frame[query], sort=False)
    items = [item_name(one, row, item) for row, one in enumerate(frame[item].tolist())]
    _refuse_pairs_twice(codes, items, queries)
    grade_codes(frame[label].tolist(), named.get("classes"), np.arange(len(frame)))  # errors name a row of this table
    pairs: list[list[dict[str, object]]] = [[] for _ in range(len(queries))]
    for code, one, grade in zip(codes.tolist(), items, frame[label].tolist()):
        pairs[code].append({ITEM_COLUMN: one, GRADE_COLUMN: None if is_missing(grade) else plain_value(grade)})
    first = frame.groupby(codes, sort=True).nth(0).reset_index(drop=True)
    made = pd.DataFrame({query: np.asarray(queries), label: pd.Series(pairs, dtype=object)})
    for name in frame.columns:
        if name not in (query, label, item, passage) and (name == text or same_within(frame[name], codes)):
            made[name] = first[name]
    if passage is not None:
        texts = [None if is_missing(one) else str(one) for one in frame[passage].tolist()]
        held: list[list[dict[str, str | None]]] = [[] for _ in range(len(queries))]
        for code, one, words in zip(codes.tolist(), items, texts):
            held[code].append({"item": one, "text": words})
        made[PASSAGES] = pd.Series(held, dtype=object)
    rest = {name: value for name, value in named.items() if name not in OF_TABLES}
    return made, rest | {"label": label, "id": query, "text": text}


def _refuse_pairs_twice(codes: np.ndarray, items: list[str], queries: Any) -> None:
    seen: dict[tuple[int, str], int] = {}
    for row, pair in enumerate(zip(codes.tolist(), items)):
        if pair in seen:
            names = f"query {shortened(queries[pair[0]])}, item {shortened(pair[1])}"
            raise InputError.at("labels", f"repeats the pair of row {seen[pair]}: {names}", ONCE, row=row)
        seen[pair] = row
