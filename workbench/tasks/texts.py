"""Texts: one caption, instruction, answer or correction per example, or one in each of several columns.

A unit is a text: an example if there is one column of texts, an (example, column) pair otherwise. The columns take the
place of the classes of other kinds. The question is whether the text is right; a decision is the text itself, so that
the journal holds every version.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from workbench.foundation.cells import is_missing
from workbench.foundation.checks import in_memory
from workbench.foundation.errors import InputError, shortened
from workbench.foundation.lazy import LazyTable
from workbench.tasks.keys import WHOLE_EXAMPLE, check_key, number_of, position_keys
from workbench.tasks.numbers import Numbers, check_lengths
from workbench.tasks.protocol import Decided, Met, TaskMixin
from workbench.tasks.units import Units

ONE_TEXT = "text"
"""Name of a single column that has none, and of the column of texts in a DataFrame that is passed as labels."""

TEXTS_TYPE = pa.list_(pa.string())
"""Arrow type of the labels."""

TEXT_SHAPE = pa.struct([("text", pa.string())])
"""Arrow type of `Units.shapes`, which hold the texts."""

MOST_CHARACTERS = 1_000_000
"""Maximum number of characters of a text."""

MATCH_COLUMN = "match"
"""Column of match scores; a column for one of several sources is named "match_" and the name of the source."""

TEXT_FORMS = "Pass n texts, None for an example without one; for several columns of texts, a DataFrame of these."


class Texts(TaskMixin):
    """Labels are lists of t strings with null for missing texts; the whole list is null if all are missing.

    An empty text is a text. A value is a text (str).
    """

    name = "texts"
    asks = "yes/no"
    one_unit = "one text of one example"
    column = TEXTS_TYPE
    text_cells = True
    predictions = ("match", "embeddings", "text_embeddings", "alternatives", "alternative_match", "objects")
    evidence_forms = LazyTable(
        {
            "match": "workbench.issues.texts.text_forms:MATCH",
            "text_embeddings": "workbench.issues.texts.text_forms:TEXT_EMBEDDINGS",
            "alternatives": "workbench.issues.texts.text_forms:ALTERNATIVES",
            "alternative_match": "workbench.issues.texts.text_forms:ALTERNATIVE_MATCH",
            "objects": "workbench.issues.texts.text_forms:OBJECTS",
        }
    )
    formats = LazyTable(
        {
            "table": "workbench.review.export:TABLE",
            "hf": "workbench.review.text_files:HF_TEXTS",
            "history": "workbench.review.text_files:HISTORY",
        }
    )

    to_column = Numbers.to_column
    unit_name = Numbers.unit_name

    def read(self, labels: Any, classes: Sequence[object] | None = None) -> tuple[pa.Array, tuple[str, ...]]:
        """Read texts (n,) or (n, t): a list, array or Series of text, or a DataFrame of t columns.

        Parameters
        ----------
        labels : str; None, NaN or NA for missing texts. Integers become their digits, since tables read them as such.
        classes : t names of the columns; by default those of a Series or DataFrame, else "text" or 0 .. t - 1.
        """
        rows = _rows(labels, None if classes is None else len(classes))
        t = max((len(one) for one in rows if one is not None), default=1 if classes is None else len(classes))
        t = t if classes is None else len(classes)
        for row, one in enumerate(rows):
            if one is not None and len(one) != t:
                raise InputError.at("labels", f"holds {len(one)} texts for {t} columns", TEXT_FORMS, row=row)
        names = _names(labels, t) if classes is None else tuple(str(one) for one in classes)
        if len(set(names)) < len(names):
            raise InputError.at("classes", f"repeats a name among {list(names)}", "Name each column of texts once.")
        return stored_texts([[None] * t if one is None else one for one in rows], t), names

    def of_frame(self, frame: pd.DataFrame) -> Mapping[str, str] | None:
        """The columns "text" and, if there is one, "id"."""
        if ONE_TEXT not in frame.columns:
            return None
        return {"label": ONE_TEXT} | ({"id": "id"} if "id" in frame.columns else {})

    def evidence_in(self, metadata: pd.DataFrame) -> dict[str, Any]:
        """The columns "match" or "match_SOURCE", "alternatives", "alternative_match" and "objects"."""
        found: dict[str, Any] = {name: metadata[name] for name in self.predictions[3:] if name in metadata.columns}
        names = [name for name in metadata.columns if name == MATCH_COLUMN or str(name).startswith(f"{MATCH_COLUMN}_")]
        return found | ({MATCH_COLUMN: metadata[names]} if names else {})

    def check(self, labels: Any, classes: Sequence[str]) -> None:
        """Check that labels are lists with a text, or null, for each column."""
        super().check(labels, classes)
        check_lengths(labels, classes, "text")

    def units(self, labels: pa.Array, classes: Sequence[str]) -> Units:
        """Each example, or each of its texts with the column as group; the given answer is "yes", the text is right."""
        n, t = len(labels), len(classes)
        texts = pa.array([text for one in text_rows(labels, t) for text in one], pa.string())
        given = np.where(texts.is_null().to_numpy(zero_copy_only=False), -1, 1).astype(np.int64)
        shapes = pa.StructArray.from_arrays([texts], fields=list(TEXT_SHAPE))
        if t == 1:
            return Units(n, np.arange(n), given, shapes=shapes)
        columns = np.tile(np.arange(t), n)
        return Units(n, np.repeat(np.arange(n), t), given, position_keys(columns), groups=columns, shapes=shapes)

    def meet(self, units: Units, classes: Sequence[str], **predictions: Any) -> Met:
        """Evidence is used without conversion; the estimator of this kind reads it by column."""
        return Met(units, predictions)

    def value(self, code: int | float, shape: Mapping[str, Any] | None, classes: Sequence[str]) -> str | None:
        """The text; None if it is missing."""
        return None if code < 1 or shape is None else shape["text"]

    def encode(self, value: Any) -> str:
        """The text as a JSON string."""
        return super().encode(checked_text(value))

    def decode(self, text: str, classes: Sequence[str]) -> str:
        """The text."""
        value = self.decoded(text)
        if not isinstance(value, str):
            raise InputError.at("value", f"is {shortened(text)}", 'Use a JSON string, such as "a red circle".')
        return checked_text(value)

    def apply(self, labels: pa.Array, classes: Sequence[str], decided: Decided) -> pa.Array:
        """Return the labels with the decided texts."""
        if not len(decided.keys):
            return labels
        t = len(classes)
        rows = text_rows(labels, t)
        for row, key, text in zip(decided.rows.tolist(), decided.keys, decided.values, strict=True):
            rows[row][_column_of(key, t, row)] = self.decode(text, classes)
        return stored_texts(rows, t)

    def choices(self, classes: Sequence[str]) -> tuple[str, ...]:
        """None: the answer is any text."""
        return ()

    def in_words(self, value: str | None) -> str:
        """The text in quotation marks, "no text" for None."""
        return "no text" if value is None else f"“{value}”"


def text_rows(labels: Any, t: int) -> list[list[str | None]]:
    """Return stored labels as n lists of t texts, None for missing texts."""
    return [one or [None] * t for one in labels.to_pylist()]


def stored_texts(rows: Sequence[Sequence[str | None]], t: int) -> pa.Array:
    """Convert n lists of t texts to labels as a Dataset stores them."""
    flat = pa.array([text for one in rows for text in one], pa.string())
    unknown = [all(text is None for text in one) for one in rows]
    return pa.ListArray.from_arrays(
        pa.array(np.arange(len(rows) + 1) * t, pa.int32()), flat, mask=pa.array(unknown, pa.bool_())
    )


def checked_text(value: Any, field: str = "value", row: int | None = None) -> str:
    """Return a text; raise `InputError` if it is not text, not valid Unicode, or too long."""
    if isinstance(value, (int, np.integer)) and not isinstance(value, (bool, np.bool_)):
        value = str(int(value))
    where: dict[str, Any] = {} if row is None else {"row": row}
    if not isinstance(value, str):
        raise InputError.at(field, f"is {shortened(value)}, which is not text", "Pass a str.", **where)
    if len(value) > MOST_CHARACTERS:
        raise InputError.at(field, f"has {len(value):,} characters", f"Pass at most {MOST_CHARACTERS:,}.", **where)
    try:
        value.encode()
    except UnicodeEncodeError as error:
        todo = "Decode it from its bytes again, for example with errors='replace'."
        raise InputError.at(field, f"is not valid Unicode at character {error.start}", todo, **where) from error
    if "\x00" in value:
        raise InputError.at(field, "contains the character NUL", "Remove it.", **where)
    return value


def _column_of(key: str, t: int, row: int) -> int:
    if t == 1 and key == WHOLE_EXAMPLE:
        return 0
    column = number_of(check_key(key))
    if t == 1 or key[:1] != "p" or column is None or column >= t:
        todo = "Its only text has the key ''." if t == 1 else f"Use p0 to p{t - 1}."
        raise InputError.at("unit", f"is {key!r} of an example with {t} columns", todo, row=row)
    return column


def _rows(labels: Any, t: int | None) -> list[list[str | None] | None]:
    """Return the texts of each example as a list; None for an example that is missing."""
    if labels is None or isinstance(labels, (str, bytes, Mapping)):
        raise InputError.at("labels", f"is a {type(labels).__name__}", TEXT_FORMS)
    to_list = getattr(labels, "to_pylist", None)
    labels = in_memory("labels", labels if to_list is None else to_list())
    if isinstance(labels, pd.DataFrame):
        labels = labels.to_numpy(object)
    if isinstance(labels, np.ndarray) and labels.ndim > 2:
        raise InputError.at("labels", f"has shape {labels.shape}", TEXT_FORMS)
    return [_row(one, t, row) for row, one in enumerate(labels)]


def _row(one: Any, t: int | None, row: int) -> list[str | None] | None:
    if isinstance(one, str) and t is not None and t > 1 and one[:1] == "[":  # a cell of a CSV file
        one = _listed(one, row)
    if isinstance(one, (list, tuple, np.ndarray)) and np.ndim(np.asarray(one, object)):
        return [None if is_missing(text) else checked_text(text, "labels", row) for text in one]
    return None if is_missing(one) else [checked_text(one, "labels", row)]


def _listed(cell: str, row: int) -> list[Any]:
    try:
        found = json.loads(cell)
    except (ValueError, RecursionError) as error:
        todo = "Write the texts of an example as a JSON list."
        raise InputError.at("labels", f"is {shortened(cell)}, which is not JSON", todo, row=row) from error
    return found


def _names(labels: Any, t: int) -> tuple[str, ...]:
    if isinstance(labels, pd.DataFrame):
        return tuple(str(name) for name in labels.columns)
    if t > 1:
        return tuple(str(column) for column in range(t))
    name = getattr(labels, "name", None)
    return (ONE_TEXT if name is None else str(name),)
