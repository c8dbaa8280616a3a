"""Labels and tables of pandas as plain arrays: class names become indices, columns and rows are matched by name.

Hidden here: which of the many forms in which people hold labels and probabilities was handed in. Arrays go by position;
where a table names its rows or columns, names win, and a name that is missing is an error.
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
"""Classes at most, labels of each at least, and rows about which it is asked whether columns are in another order."""

LIKELIER, SURE, LEAST_CHANCE = 0.3, 5.0, 1e-3
"""By how much (mean log likelihood, and in standard errors) another order must fit better; chances count from the last.
"""

_ORDERED: dict[int, tuple[weakref.ref, tuple[str, ...]]] = {}  # arrays that the product made, by id, and their classes


def row_names(labels: Any) -> np.ndarray | None:
    """Ids that come with the labels: the index of a Series, unless it only counts 0 .. n-1."""
    if not isinstance(labels, (pd.Series, pd.DataFrame)) or not labels.index.is_unique:
        return None
    index = labels.index
    counts = pd.api.types.is_integer_dtype(index.dtype) and np.array_equal(index.to_numpy(), np.arange(len(index)))
    return None if counts else index.to_numpy()


def check_dataset(value: Any, field: str = "dataset") -> None:
    """Refuse what is no Dataset, and say how to make one of it."""
    if isinstance(value, Dataset):
        return
    if isinstance(value, pd.DataFrame):
        todo = "Make a Dataset of it: Dataset.from_frame(frame, label=COLUMN, id=COLUMN)."
    else:
        todo = "Make one: Dataset.from_arrays(labels, ids=..., images=...), or Dataset.from_frame(frame, label=COLUMN)."
    raise InputError.at(field, f"is a {type(value).__name__}", todo)


def encode_labels(
    given_labels: Any, classes: Sequence[object] | None, pred_probs: Any
) -> tuple[Any, Sequence[object] | None, LabelType]:
    """(labels, classes, type in which labels go back to the user): class indices where names came in.

    Parameters
    ----------
    given_labels : int array (n,) goes through as it is, unless the classes are named by numbers; anything else (str,
        bool, categorical, with gaps) is looked up among the classes.
    classes : class names in order; without them the column names of `pred_probs`, or the sorted distinct labels.
    pred_probs : looked at only for the names of its columns.
    """
    named = classes
    if named is None and isinstance(pred_probs, pd.DataFrame) and not _counts(pred_probs.columns):
        named = list(pred_probs.columns)
    if given_labels is None:
        raise InputError.at("given_labels", "is None", "Give one label per row; None in a row that has none.")
    given_labels = list(given_labels) if hasattr(given_labels, "__next__") else given_labels
    label_type = LabelType.of(given_labels, named)
    given_labels = one_column(in_memory("given_labels", given_labels))
    array = given_labels if isinstance(given_labels, pd.Series) else one_column(np.asarray(given_labels))
    if named is not None and label_type.kind in ("int", "float") and not _counts(pd.Index(named)):
        labels = array if isinstance(array, pd.Series) or array.dtype == object else pd.Series(array)
        if UNLABELLED not in named and getattr(labels.dtype, "kind", "O") in "iuf":
            labels = labels.mask(labels == UNLABELLED)
        return *class_codes(labels, named), label_type  # numbers that name classes are no indices
    whole = array.dtype == object and named is None and infer_dtype(array, skipna=True) == "integer"
    if not whole and (array.dtype == object or array.dtype.kind not in "iuf"):
        codes, names = class_codes(given_labels, named)
        return codes, names, label_type
    if array.ndim == 1 and (missing := np.asarray(pd.isna(array))).any():  # numbers with gaps
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
    """Remember that the columns of this very array are these classes, as the product made it; returns the array."""
    key = id(values)
    held = weakref.ref(values, lambda _: _ORDERED.pop(key, None))
    _ORDERED[key] = (held, tuple(class_text(name) for name in classes))
    return values


def warn_if_permuted(field: str, values: np.ndarray, labels: np.ndarray, classes: Sequence[object]) -> None:
    """Warn where the columns of an array without names seem to be the classes in another order.

    That is where the largest value of a row agrees with its label less than half as often as in the best order, which
    must agree with half of the labels, and where an order that one half of the rows suggests makes the labels of the
    other half likelier by `SURE` standard errors and by `LIKELIER` on average. So neither chance nor a model that is
    hardly better than the class shares (left out, it agrees with fewer labels than chance) is taken for another order.
    Looked at where there are ten labels for each of at most 1,000 classes, and never at an array of known order.

    Parameters
    ----------
    field : name of the array; "logits" are taken as such, anything else as probabilities
    values : (n, k) probabilities or logits
    labels : int (n,), places in `classes`; -1 = unlabelled
    classes : k names in the order that is taken for that of the columns
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
        f"The columns of `{field}` have no names and are taken to be {first_few([*classes], 12)}, in this order: its "
        f"largest values then agree with {agree:.0%} of the given labels. In the order "
        f"{first_few([classes[one] for one in np.argsort(better)], 12)} they would agree with {best:.0%}. If the "
        "columns have another order, say which: classes=[...], or a DataFrame with columns named by class."
    )
    warnings.warn(message, stacklevel=outside())


def _known_order(values: Any) -> tuple[str, ...] | None:
    """The classes of an array that `note_order` knows, or of a view of all of it."""
    whole = np.shape(values)
    while isinstance(values, np.ndarray) and values.shape == whole:
        held = _ORDERED.get(id(values))
        if held is not None and held[0]() is values:
            return held[1]
        values = values.base
    return None


def _best_order(leaders: np.ndarray, labels: np.ndarray, k: int) -> np.ndarray:
    """(k,) for each class the column that leads most among its rows, each column once."""
    from scipy.optimize import linear_sum_assignment

    counts = np.bincount(labels * k + leaders, minlength=k * k).reshape(k, k)
    return linear_sum_assignment(counts, maximize=True)[1]


def _numbers_to(k: int) -> list[str]:
    return [str(code) for code in range(k)]


def to_matrix(field: str, table: Any, ids: np.ndarray | None, columns: Sequence[object] | None = None) -> Any:
    """The values of a DataFrame, rows in the order of `ids` and columns in that of `columns`; else an array as it is.

    Raises
    ------
    InputError : a row or a column that is asked for is not in the table, or one too many is.
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
        return values  # refused where they are looked at


def _numbers(field: str, values: Any) -> np.ndarray:
    """An array; Python numbers in an array of objects become floats, rows of different lengths are refused."""
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
        return array  # refused where its values are looked at


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
    """Whether names only count 0 .. k-1 and so say nothing."""
    return bool(np.array_equal(names.to_numpy(), np.arange(len(names))))


def classes_among(labels: np.ndarray, k: int | None, classes: Any, pred_probs: Any, logits: Any) -> int:
    """The number of classes, and one error when two sources disagree."""
    said = {"k": k, "classes": None if classes is None else len(classes)}
    said["pred_probs"] = None if pred_probs is None else (np.shape(pred_probs) or (None,))[-1]
    said["logits"] = None if logits is None else (np.shape(logits) or (None,))[-1]
    there = {name: int(value) for name, value in said.items() if value is not None}
    if not there:
        return max(int(labels.max(initial=-1)) + 1, 1)
    if len(set(there.values())) > 1:
        found = ", ".join(f"{name} says {value}" for name, value in there.items())
        raise InputError.at("k", f"is not clear: {found}", "Give arrays of the same number of classes.")
    return next(iter(there.values()))
