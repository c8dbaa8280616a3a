"""Numbers: one measured or estimated value per example, or one in each of several columns.

A unit is a cell: an example if there is one column, an (example, column) pair otherwise. The columns take the place of
the classes of other kinds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from numbers import Real
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from workbench.foundation.cells import is_missing
from workbench.foundation.checks import in_memory
from workbench.foundation.errors import InputError, shortened
from workbench.foundation.lazy import LazyTable
from workbench.tasks.class_names import object_array
from workbench.tasks.keys import WHOLE_EXAMPLE, check_key, number_of, position_keys
from workbench.tasks.protocol import Decided, Met, TaskMixin
from workbench.tasks.units import Units

ONE = "value"
"""Name of a single column that has none."""


def check_lengths(labels: Any, classes: Sequence[str], what: str) -> None:
    """Raise InputError unless each list of labels has one value per column; `what` names a value."""
    lengths = np.diff(labels.offsets.to_numpy())[~labels.is_null().to_numpy(zero_copy_only=False)]
    if (lengths != len(classes)).any():
        found = f"holds lists of {int(lengths[lengths != len(classes)][0])} {what}s for {len(classes)} columns"
        raise InputError.at("labels", found, f"Each example must have one {what}, or null, per column.")


class Numbers(TaskMixin):
    """Labels are lists of t float64 with null for unknown numbers; the whole list is null if all are unknown."""

    name = "numbers"
    asks = "number"
    one_unit = "one number of one example"
    column = pa.list_(pa.float64())
    predictions = ("predictions", "features", "embeddings")
    stored = "predictions"
    formats = LazyTable({"table": "workbench.review.export:TABLE", "hf": "workbench.review.hf_files:HF_NUMBERS"})

    def read(self, labels: Any, classes: Sequence[object] | None = None) -> tuple[pa.Array, tuple[str, ...]]:
        """Read numbers (n,) or (n, t): an array, a Series, a DataFrame of t columns, or a list of numbers or lists.

        Parameters
        ----------
        labels : int or float; NaN or None for unknown numbers.
        classes : t names of the columns; by default those of a Series or DataFrame, else "value" or 0 .. t - 1.
        """
        values = matrix_of(labels, None if classes is None else len(classes))
        found = _names(labels, values.shape[1]) if classes is None else tuple(str(one) for one in classes)
        if len(set(found)) < len(found):
            raise InputError.at("classes", f"repeats a name among {list(found)}", "Name each column of numbers once.")
        return stored_numbers(values), found

    def check(self, labels: Any, classes: Sequence[str]) -> None:
        """Check that labels are lists with a finite number, or null, for each column."""
        super().check(labels, classes)
        check_lengths(labels, classes, "number")
        if np.isinf(values_of(labels, len(classes))).any():
            raise InputError.at("labels", "holds infinity", "Numbers must be finite, or null.")

    def to_column(self, labels: pa.Array, classes: Sequence[str]) -> np.ndarray:
        """Numbers; lists of numbers if there are several columns."""
        listed = labels.to_pylist()
        return object_array(one and one[0] for one in listed) if len(classes) == 1 else object_array(listed)

    def differ(self, labels: pa.Array, others: pa.Array) -> np.ndarray:
        """(n,) bool, whether any number differs; two unknown numbers are equal."""
        t = max(_width(labels), _width(others))
        one, other = values_of(labels, t), values_of(others, t)
        return ((one != other) & ~(np.isnan(one) & np.isnan(other))).any(axis=1)

    def units(self, labels: pa.Array, classes: Sequence[str]) -> Units:
        """Each example, or each of its cells with the column as group."""
        values, t = values_of(labels, len(classes)), len(classes)
        if t == 1:
            return Units.of_examples(values[:, 0])
        n = len(values)
        columns = np.tile(np.arange(t), n)
        return Units(n, np.repeat(np.arange(n), t), values.ravel(), position_keys(columns), groups=columns)

    def meet(self, units: Units, classes: Sequence[str], **predictions: Any) -> Met:
        """Predictions are used without conversion; the estimator of this kind reads them by column."""
        return Met(units, predictions)

    def check_predictions(self, values: np.ndarray, n: int, classes: Sequence[str]) -> None:
        """Check that values are numbers (n, t), or (n, models) for one column; NaN means no prediction."""
        fits = values.ndim == 2 and len(values) == n and values.shape[1] >= 1
        if not fits or (len(classes) > 1 and values.shape[1] != len(classes)):
            found = f"has shape {values.shape} for {n} examples and {len(classes)} columns"
            todo = "Pass one prediction per example and column; for a single column, one or more per example."
            raise InputError.at("predictions", found, todo)
        endless = np.flatnonzero(np.isinf(values).any(axis=1))
        if len(endless):
            raise InputError.at("predictions", "is infinite", "Pass finite numbers, or NaN.", row=int(endless[0]))

    def value(self, code: float, shape: Mapping[str, Any] | None, classes: Sequence[str]) -> float | None:
        """The number; None for NaN."""
        return None if code != code else float(code)

    def encode(self, value: Any) -> str:
        """The shortest text that represents this number exactly; -0 becomes 0."""
        return super().encode(_finite(value) + 0.0)

    def decode(self, text: str, classes: Sequence[str]) -> float:
        """The number, which must be finite."""
        try:
            return _finite(self.decoded(text)) + 0.0
        except InputError as error:
            raise InputError.at("value", f"is {shortened(text)}", "Use a finite number, such as 12.5.") from error

    def apply(self, labels: pa.Array, classes: Sequence[str], decided: Decided) -> pa.Array:
        """Return the labels with the decided numbers."""
        values = values_of(labels, len(classes))
        for row, key, text in zip(decided.rows.tolist(), decided.keys, decided.values, strict=True):
            column = 0 if len(classes) == 1 and key == WHOLE_EXAMPLE else number_of(check_key(key))
            fits = key[:1] == "p" and len(classes) > 1 and column is not None and column < len(classes)
            if not fits and (key != WHOLE_EXAMPLE or len(classes) > 1):
                todo = "Its only number has the key ''." if len(classes) == 1 else f"Use p0 to p{len(classes) - 1}."
                raise InputError.at("unit", f"is {key!r} of an example with {len(classes)} columns", todo, row=row)
            values[row, column] = self.decode(text, classes)
        return stored_numbers(values)

    def unit_name(self, key: str, classes: Sequence[str]) -> str:
        """The name of the column."""
        column = 0 if key == WHOLE_EXAMPLE else number_of(key)
        return classes[column] if column is not None and column < len(classes) else key

    def in_words(self, value: float | None) -> str:
        """The number with up to 12 significant digits, "no number" for None."""
        return "no number" if value is None else f"{value:.12g}"


def stored_numbers(values: np.ndarray) -> pa.Array:
    """Convert (n, t) floats to labels as a Dataset stores them."""
    n, t = values.shape
    flat = pa.array(values.ravel(), pa.float64(), from_pandas=True)
    unknown = np.isnan(values).all(axis=1) if t else np.ones(n, bool)
    offsets = pa.array(np.arange(n + 1) * t, pa.int32())
    return pa.ListArray.from_arrays(offsets, flat, mask=pa.array(unknown))


def values_of(labels: pa.Array, t: int) -> np.ndarray:
    """Return a copy of stored labels as (n, t) float64, NaN for unknown numbers."""
    values = np.full((len(labels), t), np.nan)
    there = ~labels.is_null().to_numpy(zero_copy_only=False)
    flat = labels.flatten().to_numpy(zero_copy_only=False).astype(np.float64)  # of rows that are not null
    values[there] = flat.reshape(int(there.sum()), t)
    return values


def matrix_of(labels: Any, t: int | None, field: str = "labels") -> np.ndarray:
    """Convert numbers in any form to float64 (n, t), NaN for unknown numbers; `t` is checked if given."""
    if labels is None:
        raise InputError.at(field, "is None", "Pass one number per example, NaN for rows without one.")
    labels = in_memory(field, labels)
    array = labels.to_numpy() if isinstance(labels, (pd.Series, pd.DataFrame)) else labels
    if not isinstance(array, np.ndarray) or array.dtype.kind not in "iuf":
        array = _of_cells(array, t, field)
    array = array.astype(np.float64)
    array = array[:, None] if array.ndim == 1 else array
    if array.ndim != 2 or (t is not None and array.shape[1] != t) or not array.shape[1]:
        wanted = "(n,) or (n, t)" if t is None else f"(n, {t})"
        raise InputError.at(field, f"has shape {array.shape}", f"Pass numbers of shape {wanted}.")
    endless = np.flatnonzero(np.isinf(array).any(axis=1))
    if len(endless):
        raise InputError.at(field, "is infinite", "Pass finite numbers, NaN if unknown.", row=int(endless[0]))
    return array


def _of_cells(cells: Any, t: int | None, field: str) -> np.ndarray:
    """Convert numbers, None, or lists of these, one per example, to an array."""
    try:
        listed = list(cells)
    except TypeError as error:
        raise InputError.at(field, f"is {shortened(cells)}", "Pass one number per example.") from error
    rows = [_as_row(one) for one in listed]
    wide = t or max((len(one) for one in rows if one is not None), default=1)
    out = np.full((len(rows), wide), np.nan)
    for row, one in enumerate(rows):
        if one is None:
            continue
        if len(one) != wide:
            found = f"holds {len(one)} numbers where {wide} are expected"
            raise InputError.at(field, found, "Give each example one number, or None, per column.", row=row)
        for column, cell in enumerate(one):
            if is_missing(cell):
                continue
            try:
                out[row, column] = _finite(cell)
            except InputError:
                place = "" if wide == 1 else f" in column {column}"
                todo = "Give a finite number, or None if it is unknown."
                raise InputError.at(field, f"is {shortened(cell)}{place}", todo, row=row) from None
    return out


def _as_row(cell: Any) -> list[Any] | None:
    """Return the numbers of one example as a list; None if it has none."""
    if isinstance(cell, (list, tuple, np.ndarray)) and np.ndim(cell):
        return list(cell)
    return None if is_missing(cell) else [cell]


def _names(labels: Any, t: int) -> tuple[str, ...]:
    if isinstance(labels, pd.DataFrame):
        return tuple(str(name) for name in labels.columns)
    if t > 1:
        return tuple(str(column) for column in range(t))
    name = getattr(labels, "name", None)
    return (ONE if name is None else str(name),)


def _finite(value: Any) -> float:
    """Convert a number to float; raise `InputError` for anything else, including bools and text."""
    number = isinstance(value, (Real, np.number)) and not isinstance(value, (bool, np.bool_))
    try:
        found = float(value) if number else np.nan
    except OverflowError:
        found = np.inf
    if not np.isfinite(found):
        raise InputError.at("value", f"is {shortened(value)}", "Give a finite number.")
    return found


def _width(labels: pa.Array) -> int:
    lengths = np.diff(labels.offsets.to_numpy())[~labels.is_null().to_numpy(zero_copy_only=False)]
    return int(lengths[0]) if len(lengths) else 1
