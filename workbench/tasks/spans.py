"""Labelled spans of texts, such as named entities: any number per example, nested ones too.

A unit is a span: a given one, or one proposed by a model. Code 0 of a unit is "nothing", that is, no span.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from workbench.foundation.errors import InputError, shortened
from workbench.foundation.lazy import LazyTable
from workbench.tasks.class_names import object_array
from workbench.tasks.keys import check_key, given_keys, number_of
from workbench.tasks.protocol import NOTHING, Decided, Met, TaskMixin
from workbench.tasks.scored_spans import met_spans
from workbench.tasks.span_reading import read_spans
from workbench.tasks.span_table import LAST_PLACE, SPANS_TYPE, SpanTable, places, stored_spans, table_of
from workbench.tasks.span_tags import tags_of_spans
from workbench.tasks.units import Units

VALUE = 'Use {"end": 5, "label": CLASS, "start": 3}, or null for no span.'


class Spans(TaskMixin):
    """Labels are Arrow structs (`workbench.tasks.span_table`); a value is {"start", "end", "label"}, or None."""

    name = "spans"
    nothing = True
    one_unit = "one span of one example"
    column = SPANS_TYPE
    recorded = True
    predictions = ("pred_probs", "predictions", "tokens", "texts", "embeddings", "tags", "tagger")
    formats = LazyTable(
        {
            "table": "workbench.review.export:TABLE",
            "conll": "workbench.review.span_files:CONLL",
            "spacy": "workbench.review.span_files:SPACY",
            "labelstudio": "workbench.review.span_files:LABEL_STUDIO",
            "brat": "workbench.review.span_files:BRAT",
            "argilla": "workbench.review.token_files:ARGILLA",
            "hf": "workbench.review.token_files:HF_TAGS",
        }
    )

    read = staticmethod(read_spans)

    def check(self, labels: pa.StructArray, classes: Sequence[str]) -> None:
        """Check for ordered, distinct spans of known classes within the tokens."""
        super().check(labels, classes)
        table = table_of(labels)
        todo = "Restore them, or read them with `Dataset.from_arrays(labels, task='spans')`."
        length = np.where(table.length < 0, LAST_PLACE, table.length)[table.rows]
        outside = (table.label < 0) | (table.label >= len(classes))
        for wrong, found in (
            (outside, "holds a span of the class {label} of {k}"),
            ((table.start < 0) | (table.start >= table.end) | (table.end > length), "holds a span {start} to {end}"),
            (_not_ascending(table), "does not list its spans in order"),
        ):
            if wrong.any():
                place = int(np.flatnonzero(wrong)[0])
                row, start, end, label = (int(one[place]) for one in table[:4])
                text = found.format(label=label, k=len(classes), start=start, end=end)
                raise InputError.at("labels", text, todo, row=row)

    def to_column(self, labels: pa.StructArray, classes: Sequence[str]) -> np.ndarray:
        """Lists of dicts {"start", "end", "label"}; BIO tags if all lengths in tokens are known and no spans overlap,
        and dicts {"length", "spans"} if some lengths are known."""
        table = table_of(labels)
        listed = _listed(table, classes)
        known = table.length[~table.missing] >= 0
        if known.any() and known.all() and not table.overlapping().any():
            tags = zip(listed, table.length.tolist())
            return object_array(
                one if one is None else tags_of_spans([tuple(span.values()) for span in one], length)
                for one, length in tags
            )
        if not known.any():
            return object_array(listed)
        lengths = [None if one < 0 else one for one in table.length.tolist()]
        pairs = zip(lengths, listed)
        return object_array(None if one is None else {"length": length, "spans": one} for length, one in pairs)

    def differ(self, labels: pa.StructArray, others: pa.StructArray) -> np.ndarray:
        """(n,) bool, whether the spans differ."""
        one, other = table_of(labels), table_of(others)
        different = one.missing != other.missing
        columns = [np.stack(table[:4]) for table in (one, other)]
        both = np.concatenate(columns, axis=1)
        if both.shape[1]:
            distinct, count = np.unique(both, axis=1, return_counts=True)
            different[distinct[0, count == 1]] = True
        return different

    def units(self, labels: pa.StructArray, classes: Sequence[str]) -> Units:
        """The given spans."""
        table = table_of(labels)
        return Units(
            table.n, table.rows, table.label + 1, given_keys(table.rows), shapes=places(table.start, table.end)
        )

    def value(self, code: int | float, shape: Mapping[str, Any] | None, classes: Sequence[str]) -> Any:
        """Class and position; None for no span."""
        return None if code < 1 or shape is None else _value(shape["start"], shape["end"], classes[int(code) - 1])

    def decode(self, text: str, classes: Sequence[str]) -> Any:
        """Class and position; None for no span."""
        value = self.decoded(text)
        if value is None:
            return None
        if not isinstance(value, dict) or set(value) != {"start", "end", "label"}:
            raise InputError.at("value", f"is {shortened(text)}", VALUE)
        start, end, label = value["start"], value["end"], value["label"]
        if type(start) is not int or type(end) is not int or not 0 <= start < end <= LAST_PLACE:
            raise InputError.at("value", f"is from {shortened(start)} to {shortened(end)}", VALUE)
        if not isinstance(label, str) or label not in classes:
            raise InputError.unknown("class", label, classes)
        return _value(start, end, label)

    def apply(self, labels: pa.StructArray, classes: Sequence[str], decided: Decided) -> pa.StructArray:
        """Return the labels with decided spans changed, removed and added; duplicates are stored once."""
        if not len(decided.keys):
            return labels
        table = table_of(labels)
        starts = np.searchsorted(table.rows, np.arange(table.n + 1))
        keep = np.ones(len(table.rows), bool)
        more: list[tuple[int, int, int, int]] = []
        code_of = {name: code for code, name in enumerate(classes)}
        for row, key, text in zip(decided.rows.tolist(), decided.keys, decided.values, strict=True):
            value = self.decode(text, classes)
            number = number_of(check_key(key))
            if number is not None:
                own = int(starts[row + 1] - starts[row])
                if key[0] != "g" or number >= own:
                    raise InputError.at("unit", f"is {key!r}", f"The example has {own} given spans.", row=row)
                keep[starts[row] + number] = False
            elif not key:
                raise InputError.at("unit", "is ''", "Name a span by its key, such as 'g0'.", row=row)
            if value is not None:
                length = int(table.length[row])
                if 0 <= length < value["end"]:
                    todo = "Spans lie within the tokens of the example."
                    raise InputError.at("value", f"ends at {value['end']} of {length} tokens", todo, row=row)
                more.append((row, value["start"], value["end"], code_of[value["label"]]))
        missing = table.missing.copy()
        missing[decided.rows] = False
        added = np.array(more, np.int64).reshape(-1, 4).T
        rows, start, end, label = (np.concatenate([one[keep], new]) for one, new in zip(table[:4], added))
        return stored_spans(SpanTable(rows, start, end, label, table.length, missing))

    def meet(self, units: Units, classes: Sequence[str], *, predictions: Any = None, **others: Any) -> Met:
        """Match scored spans with the given ones, and add those missing from the labels."""
        return Met(units, {}) if predictions is None else met_spans(units, predictions, classes)

    def choices(self, classes: Sequence[str]) -> tuple[str, ...]:
        """None, because a value includes a position."""
        return ()

    def in_words(self, value: Mapping[str, Any] | None) -> str:
        """The class and the position, half-open."""
        return NOTHING if value is None else f"{value['label']} {value['start']}:{value['end']}"


def _value(start: int, end: int, label: str) -> dict[str, Any]:
    return {"start": start, "end": end, "label": label}


def _listed(table: SpanTable, classes: Sequence[str]) -> list[list[dict[str, Any]] | None]:
    listed: list[list[dict[str, Any]] | None] = [None if gone else [] for gone in table.missing.tolist()]
    places = table.rows.tolist(), table.start.tolist(), table.end.tolist(), table.label.tolist()
    for row, start, end, label in zip(*places):
        spans = listed[row]
        assert spans is not None  # rows without a label have no spans
        spans.append(_value(start, end, classes[int(label)]))
    return listed


def _not_ascending(table: SpanTable) -> np.ndarray:
    """Return whether a span does not come after the previous one of its example, (m,) bool."""
    falls = np.zeros(len(table.rows), bool)
    same = np.diff(table.rows) == 0
    after = np.zeros(len(same), bool)
    for one in (table.label, table.end, table.start):
        step = np.diff(one)
        after = (step > 0) | ((step == 0) & after)
    falls[1:] = same & ~after
    return falls
