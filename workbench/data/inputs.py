"""Conversion of labels and pandas tables to plain arrays: class names to indices, rows and columns matched by name.

Labels and probabilities come in many forms, which callers need not distinguish. Arrays are matched by position. If a
table names its rows or columns, it is matched by name, and a missing name is an error.
"""

from __future__ import annotations

import warnings
import weakref
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from pandas.api.types import infer_dtype

from workbench.data.dataset import Dataset
from workbench.foundation.checks import UNLABELLED, in_memory, one_column
from workbench.foundation.errors import InputError, first_few, outside
from workbench.tasks.class_names import class_text
from workbench.tasks.classes import class_codes
from workbench.tasks.label_type import LabelType

MOST_ORDERED = 1000
LEAST_LABELS = 10
ORDER_ROWS = 20_000
"""Limits of the check for permuted columns: most classes, fewest labels per class, most rows."""

LIKELIER, SURE, LEAST_CHANCE = 0.3, 5.0, 1e-3
"""By how much another order must fit better (mean log likelihood, and in standard errors), and the lowest probability
that is distinguished."""

_ORDERED: dict[int, tuple[weakref.ref[Any], tuple[str, ...]]] = {}  # by id(): arrays made by the project, their classes


def row_names(labels: Any) -> np.ndarray | None:
    """Return the index of a Series or DataFrame of labels as ids, or None if it is 0 .. n-1 or not unique."""
    if not isinstance(labels, (pd.Series, pd.DataFrame)) or not labels.index.is_unique:
        return None
    index = labels.index
    counts = pd.api.types.is_integer_dtype(index.dtype) and np.array_equal(index.to_numpy(), np.arange(len(index)))
    return None if counts else index.to_numpy()


def check_dataset(value: Any, field: str = "dataset") -> None:
    """Raise InputError if `value` is not a Dataset; the message says how to create one."""
    if isinstance(value, Dataset):
        return
    if isinstance(value, pd.DataFrame):
        todo = "Create a Dataset from it: Dataset.from_frame(frame, label=COLUMN, id=COLUMN)."
    else:
        todo = (
            "Create a Dataset: Dataset.from_arrays(labels, ids=..., images=...), or "
            "Dataset.from_frame(frame, label=COLUMN)."
        )
    raise InputError.at(field, f"is a {type(value).__name__}", todo)


def encode_labels(
    given_labels: Any, classes: Sequence[object] | None, pred_probs: Any
) -> tuple[Any, Sequence[object] | None, LabelType]:
    """Convert labels to class indices. Returns (labels, classes, type in which labels are returned to the user).

    Parameters
    ----------
    given_labels : an int array (n,) is returned unchanged, unless the class names are numbers; anything else (str,
        bool, categorical, with missing values) is looked up among the classes.
    classes : class names in order. Default: the column names of `pred_probs`, or the sorted distinct labels.
    pred_probs : used only for the names of its columns.
    """
    named = classes
    if named is None and isinstance(pred_probs, pd.DataFrame) and not _counts(pred_probs.columns):
        named = list(pred_probs.columns)
    if given_labels is None:
        raise InputError.at("given_labels", "is None", "Give one label per row, None for rows without a label.")
    given_labels = list(given_labels) if hasattr(given_labels, "__next__") else given_labels
    label_type = LabelType.of(given_labels, named)
    given_labels = one_column(in_memory("given_labels", given_labels))
    array = given_labels if isinstance(given_labels, pd.Series) else one_column(np.asarray(given_labels))
    if named is not None and label_type.kind in ("int", "float") and not _counts(pd.Index(named)):
        labels = array if isinstance(array, pd.Series) or array.dtype == object else pd.Series(array)
        if UNLABELLED not in named and getattr(labels.dtype, "kind", "O") in "iuf":
            labels = labels.mask(labels == UNLABELLED)
        return *class_codes(labels, named), label_type  # numbers that are class names, not indices
    whole = array.dtype == object and named is None and infer_dtype(array, skipna=True) == "integer"
    if not whole and (array.dtype == object or array.dtype.kind not in "iuf"):
        codes, names = class_codes(given_labels, named)
        return codes, names, label_type
    if array.ndim == 1 and (missing := np.asarray(pd.isna(array))).any():  # numbers with missing values
        series = array if isinstance(array, pd.Series) else pd.Series(array)
        return np.where(missing, UNLABELLED, series.to_numpy(np.float64, na_value=np.nan)), named, label_type
    if whole:
        try:
            array = array.astype(np.int64)
        except OverflowError as error:
            todo = "Give class indices from 0, or names as text."
            raise InputError.at("given_labels", "holds an integer beyond 64 bits", todo) from error
    return array, named, label_type


def note_order(values: np.ndarray, classes: Sequence[object]) -> np.ndarray:
    """Remember the classes of the columns of an array that the project made, and return the same array."""
    key = id(values)
    held = weakref.ref(values, lambda _: _ORDERED.pop(key, None))
    _ORDERED[key] = (held, tuple(class_text(name) for name in classes))
    return values


def warn_if_permuted(field: str, values: np.ndarray, labels: np.ndarray, classes: Sequence[object]) -> None:
    """Warn if the columns of an array without column names seem to be in another order than the classes.

    The best order assigns each class the column that is largest most often. The warning is given if the largest column
    agrees with the labels less than half as often in the present order as in the best one, the best order agrees with
    at least half of the labels, and the order found on one half of the rows increases the log likelihood of the labels
    of the other half by `LIKELIER` on average and by `SURE` standard errors. So neither chance nor a model that hardly
    beats the class frequencies (out of fold, it agrees with fewer labels than chance) causes a warning. Arrays are
    checked if there are at most 1,000 classes and on average ten labels per class, and their order is not known.

    Parameters
    ----------
    field : name of the array; "logits" are treated as logits, anything else as probabilities
    values : (n, k) probabilities or logits
    labels : int (n,), class indices; -1 = unlabelled
    classes : k class names, in the assumed order of the columns
    """
    k = len(classes)
    if _known_order(values) == tuple(class_text(name) for name in classes):
        return
    rows = np.flatnonzero(labels >= 0)
    in_order = [class_text(name) for name in classes] == _numbers_to(k)
    if not 2 <= k <= MOST_ORDERED or len(rows) < LEAST_LABELS * k or in_order:
        return
    rows = rows[:: max(1, len(rows) // ORDER_ROWS)]
    labels, values = labels[rows], np.asarray(values[rows])
    leaders = values.argmax(axis=1)
    agree = (leaders == labels).mean()
    if agree >= 0.5:
        return
    better = _best_order(leaders, labels, k)
    best = (leaders == better[labels]).mean()
    if best < 0.5 or agree > best / 2:
        return
    gain = np.zeros(len(rows))
    every = np.arange(len(rows))
    for half in (0, 1):
        other = _best_order(leaders[every % 2 != half], labels[every % 2 != half], k)
        asked = every[every % 2 == half]
        pair = [values[asked, column[labels[asked]]].astype(float) for column in (other, np.arange(k))]
        if field != "logits":
            pair = [np.log(np.maximum(one, LEAST_CHANCE)) for one in pair]
        gain[asked] = pair[0] - pair[1]
    if gain.mean() < max(LIKELIER, SURE * gain.std() / np.sqrt(len(gain))):
        return
    message = (
        f"The columns of `{field}` have no names and are assumed to be {first_few([*classes], 12)}, in this order: the "
        f"largest value of a row then agrees with {agree:.0%} of the given labels. In the order "
        f"{first_few([classes[one] for one in np.argsort(better)], 12)} it would agree with {best:.0%}. If the "
        "columns are in another order, pass it: classes=[...], or a DataFrame with columns named by class."
    )
    warnings.warn(message, stacklevel=outside())


def _known_order(values: Any) -> tuple[str, ...] | None:
    """Return the classes of an array registered with `note_order`, or of a view of the whole array; else None."""
    whole = np.shape(values)
    while isinstance(values, np.ndarray) and values.shape == whole:
        held = _ORDERED.get(id(values))
        if held is not None and held[0]() is values:
            return held[1]
        values = values.base
    return None


def _best_order(leaders: np.ndarray, labels: np.ndarray, k: int) -> np.ndarray:
    """Return (k,) the column of each class that maximizes the number of rows whose largest column is their label's."""
    from scipy.optimize import linear_sum_assignment

    counts = np.bincount(labels * k + leaders, minlength=k * k).reshape(k, k)
    return linear_sum_assignment(counts, maximize=True)[1]


def _numbers_to(k: int) -> list[str]:
    return [str(code) for code in range(k)]


def to_matrix(field: str, table: Any, ids: np.ndarray | None, columns: Sequence[object] | None = None) -> Any:
    """Return the values of a DataFrame, rows in the order of `ids` and columns in that of `columns`.

    Other inputs become arrays without reordering.

    Raises
    ------
    InputError : the rows or columns of the table are not exactly the requested ones.
    """
    table = in_memory(field, table)
    if not isinstance(table, pd.DataFrame):
        return table if table is None else _numbers(field, table)
    if columns is not None and not _counts(table.columns):
        table = table.set_axis([class_text(column) for column in table.columns], axis=1)
        table = _matched(field, "column", table, pd.Index([class_text(name) for name in columns]), 1)
    if ids is not None:
        table = _matched(field, "row", table, pd.Index(ids), 0)
    values = table.to_numpy()
    if values.dtype != object:
        return values
    try:
        return table.to_numpy(np.float64, na_value=np.nan)
    except (TypeError, ValueError):
        return values  # refused where the values are validated


def _numbers(field: str, values: Any) -> np.ndarray:
    """Convert to an array; Python numbers in an object array become floats. Rows of different lengths are an error."""
    try:
        array = np.asanyarray(values)
    except ValueError as error:
        lengths = sorted({np.size(row) for row in values})
        found = f"has rows of different lengths ({first_few(lengths)})"
        raise InputError.at(field, found, "Give rows of the same length.") from error
    if array.dtype != object:
        return array
    try:
        return array.astype(np.float64)
    except (TypeError, ValueError):
        return array  # refused where the values are validated


def _matched(field: str, what: str, table: pd.DataFrame, wanted: pd.Index, axis: int) -> pd.DataFrame:
    there = table.axes[axis]
    if there.equals(wanted):
        return table
    if not there.is_unique:
        found = f"names the {what} {there[there.duplicated()][0]!r} twice"
        raise InputError.at(field, found, f"Name each {what} once.")
    lost, more = wanted.difference(there, sort=False), there.difference(wanted, sort=False)
    if len(lost) or len(more):
        parts = [f"has no {what} {first_few(list(lost))}"] if len(lost) else []
        parts += [f"has the {what} {first_few(list(more))}, which is not among the labels"] if len(more) else []
        todo = f"Give one {what} per {'class' if axis else 'label'}, or `.to_numpy()` to go by position."
        raise InputError.at(field, " and ".join(parts), todo)
    return table.reindex(wanted, axis=axis)


def _counts(names: pd.Index) -> bool:
    """Whether names are just 0 .. k-1 and so carry no information."""
    return bool(np.array_equal(names.to_numpy(), np.arange(len(names))))


def classes_among(labels: np.ndarray, k: int | None, classes: Any, pred_probs: Any, logits: Any) -> int:
    """Return the number of classes; raise InputError if two sources disagree."""
    said = {"k": k, "classes": None if classes is None else len(classes)}
    said["pred_probs"] = None if pred_probs is None else (np.shape(pred_probs) or (None,))[-1]
    said["logits"] = None if logits is None else (np.shape(logits) or (None,))[-1]
    there = {name: int(value) for name, value in said.items() if value is not None}
    if not there:
        return max(int(labels.max(initial=-1)) + 1, 1)
    if len(set(there.values())) > 1:
        found = ", ".join(f"{name} says {value}" for name, value in there.items())
        raise InputError.at("k", f"is not clear: {found}", "Give arrays with the same number of classes.")
    return next(iter(there.values()))
