"""Read labelled spans as passed by users: tags per token, or lists of (start, end, class).

Errors name the row and the invalid token or span.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from workbench.foundation.cells import is_missing
from workbench.foundation.errors import InputError, first_few, outside, shortened
from workbench.tasks.classes import class_codes
from workbench.tasks.span_table import LAST_PLACE, SpanTable, stored_spans
from workbench.tasks.span_tags import OUTSIDE, SCHEMES, scheme_of, spans_of_tags, split_tag

SPAN_FORMS = (
    "Pass n lists of tags, such as ['B-PER', 'I-PER', 'O'], or n lists of spans (start, end, class), half-open, [] for "
    "an example without spans and None for one without a label."
)
SPAN_PARTS = ("start", "end", "label")


@dataclass
class _Found:
    """The result of reading: columns of spans, and the number of tokens (n,), -1 unknown, -2 no label."""

    rows: list[int] = field(default_factory=list)
    start: list[int] = field(default_factory=list)
    end: list[int] = field(default_factory=list)
    names: list[object] = field(default_factory=list)
    length: list[int] = field(default_factory=list)


def read_spans(
    labels: Any, classes: Sequence[object] | None, *, scheme: str | None = None
) -> tuple[pa.StructArray, tuple[str, ...]]:
    """Return stored spans and the class names.

    Parameters
    ----------
    labels : n lists of tags (str, or indices into `classes` if these are names of tags), n lists of spans (start, end,
        class), as tuples or dicts {"start", "end", "label"}, or n dicts {"length": tokens, "spans": [...]}.
    classes : names of the classes, or of the tags ("O", "B-PER", ...); by default those that occur, sorted.
    scheme : scheme of the tags, one of `SCHEMES`; by default it is recognised.

    Warns
    -----
    UserWarning : tags that are invalid after the previous ones in their scheme; they are read as described in
        `spans_of_tags`.
    """
    if scheme is not None and scheme not in SCHEMES:
        raise InputError.unknown("scheme", scheme, SCHEMES)
    to_list = getattr(labels, "to_pylist", None)
    labels = labels if to_list is None else to_list()
    if isinstance(labels, (str, bytes, Mapping)) or not hasattr(labels, "__iter__"):
        raise InputError.at("labels", f"is a {type(labels).__name__}", SPAN_FORMS)
    tag_names, names = _class_names(classes)
    listed = [_plain(one, row) for row, one in enumerate(labels)]
    tagged = {row: _tags(one, row, tag_names) for row, one in enumerate(listed) if _is_tags(one, tag_names)}
    found = _Found()
    if tagged:
        _add_tags(found, listed, tagged, scheme)
    for row, one in enumerate(listed):
        if row not in tagged:
            _add_spans(found, one, row, bool(tagged) and isinstance(one, list) and not one)
    order = np.argsort(np.array(found.rows, np.int64), kind="stable")
    codes, known = _codes(found, names)
    size = np.array(found.length, np.int64)
    rows, start, end = (np.array(one, np.int64)[order] for one in (found.rows, found.start, found.end))
    table = SpanTable(rows, start, end, codes[order], np.maximum(size, -1), size == -2)
    stored = stored_spans(table)
    if tagged or not len(table.rows):
        return stored, known
    columns = np.stack([table.rows, table.start, table.end, table.label], axis=1)
    distinct, first = np.unique(columns, axis=0, return_index=True)
    if len(distinct) < len(columns):
        place = int(np.setdiff1d(np.arange(len(columns)), first)[0])
        row, start, end, label = columns[place].tolist()
        found_twice = f"lists the span ({start}, {end}, {known[label]!r}) twice"
        raise InputError.at("labels", found_twice, "List each span once.", row=row)
    return stored, known


def _class_names(classes: Any) -> tuple[list[str] | None, list[object] | None]:
    """Return (names of tags, or None; names of classes, or None)."""
    if classes is None:
        return None, None
    listed = list(getattr(classes, "categories", classes))
    if OUTSIDE not in listed or not all(isinstance(one, str) for one in listed):
        return None, listed
    return listed, list(dict.fromkeys(name for _, name in map(split_tag, listed) if name))


def _plain(one: Any, row: int) -> Any:
    """Return a label as None, a list, or a dict with a list of spans."""
    if hasattr(one, "to_pylist"):
        one = one.to_pylist()
    if isinstance(one, np.ndarray):
        one = one.tolist()
    if is_missing(one):
        return None
    if isinstance(one, Mapping) and set(one) == {"length", "spans"}:
        length, spans = one["length"], _plain(one["spans"], row)
        length = None if is_missing(length) else _whole(length, "length", row)
        return {"length": length, "spans": [] if spans is None else spans}
    if isinstance(one, (str, bytes, Mapping)) or not isinstance(one, (list, tuple, pd.Series, pd.Index)):
        raise InputError.at("labels", f"is {shortened(one)}", SPAN_FORMS, row=row)
    return list(one)


def _is_tags(one: Any, tag_names: list[str] | None) -> bool:
    """Whether a label is a list of tags, by its first entry."""
    if not isinstance(one, list) or not one:
        return False
    first = one[0]
    return isinstance(first, str) or (tag_names is not None and isinstance(first, (int, np.integer)))


def _tags(one: list[Any], row: int, tag_names: list[str] | None) -> list[str]:
    """Return the tags of one sentence as text."""
    tags = []
    for place, tag in enumerate(one):
        if tag_names is not None and isinstance(tag, (int, np.integer)) and not isinstance(tag, bool):
            if not 0 <= tag < len(tag_names):
                todo = f"Pass indices of the {len(tag_names)} tags in `classes`."
                raise InputError.at("labels", f"token {place} is {int(tag)}", todo, row=row)
            tag = tag_names[int(tag)]
        try:
            split_tag(tag)
        except InputError as error:
            found = f"token {place} is {shortened(tag)}"
            raise InputError.at("labels", found, error.parts["todo"], row=row) from error
        tags.append(str(tag))
    return tags


def _add_tags(found: _Found, listed: list[Any], tagged: dict[int, list[str]], scheme: str | None) -> None:
    if scheme is None:
        scheme = scheme_of(tag for tags in tagged.values() for tag in (*tags, None))
    odd = []
    for row, tags in tagged.items():
        spans, repaired = spans_of_tags(tags, scheme)
        odd += [(row, place, tags[place]) for place in repaired[:1]]
        for start, end, name in spans:
            found.rows.append(row)
            found.start.append(start)
            found.end.append(end)
            found.names.append(name)
    found.length = [len(tagged[row]) if row in tagged else -2 for row in range(len(listed))]
    if odd:
        row, place, tag = odd[0]
        message = f"`labels` row {row} token {place} is {tag!r}, which does not follow in {scheme} ({len(odd):,} rows)"
        warnings.warn(f"{message}. It was read as the boundary of a span.", stacklevel=outside())


def _add_spans(found: _Found, one: Any, row: int, among_tags: bool) -> None:
    """Add a label that is a list of spans or None.

    among_tags : whether the label is empty and the other labels are tags, so it is a sentence without tokens.
    """
    if len(found.length) <= row:
        found.length.append(-2)
    if one is None:
        return
    length = one["length"] if isinstance(one, dict) else None
    found.length[row] = 0 if among_tags else -1 if length is None else length
    for place, span in enumerate(one["spans"] if isinstance(one, dict) else one):
        start, end, name = _span(span, place, row)
        if length is not None and end > length:
            raise InputError.at("labels", f"span {place} ends at {end} of {length} tokens", SPAN_FORMS, row=row)
        found.rows.append(row)
        found.start.append(start)
        found.end.append(end)
        found.names.append(name)


def _span(span: Any, place: int, row: int) -> tuple[int, int, object]:
    """Return (start, end, class) of a span, or raise an error."""
    parts: Any = span
    if isinstance(span, Mapping):
        parts = [span[name] for name in SPAN_PARTS] if set(span) == set(SPAN_PARTS) else None
    elif isinstance(span, np.ndarray):
        parts = span.tolist()
    if not isinstance(parts, (list, tuple)) or len(parts) != 3:
        raise InputError.at("labels", f"span {place} is {shortened(span)}", SPAN_FORMS, row=row)
    start, end = (_whole(one, f"span {place}: {name}", row) for one, name in zip(parts[:2], SPAN_PARTS))
    if not 0 <= start < end <= LAST_PLACE:
        found = f"span {place} is from {start} to {end}"
        raise InputError.at("labels", found, "A span has 0 <= start < end; `end` is exclusive.", row=row)
    name = parts[2]
    if is_missing(name) or not isinstance(name, (str, int, np.integer)):
        raise InputError.at("labels", f"span {place} has the class {shortened(name)}", SPAN_FORMS, row=row)
    return start, end, name


def _whole(value: Any, what: str, row: int) -> int:
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, (int, np.integer)):
        raise InputError.at("labels", f"{what} is {shortened(value)}", "Pass an integer of at least 0.", row=row)
    return int(value)


def _codes(found: _Found, classes: list[object] | None) -> tuple[np.ndarray, tuple[str, ...]]:
    try:
        codes, names = class_codes(pd.Series(found.names, dtype=object), classes)
    except InputError as error:
        place = error.parts.get("row")
        raise error if place is None else error.but(row=found.rows[place]) from error
    if "" in names:
        raise InputError.at("classes", f"holds the empty name: {first_few(list(names))}", "Name each class.")
    return codes, names
