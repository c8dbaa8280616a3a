"""Conversion of labels of any type to class indices and class names; missing and ambiguous labels are detected."""

from __future__ import annotations

import warnings
from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from workbench.foundation.checks import UNLABELLED, in_memory, one_column
from workbench.foundation.errors import InputError, first_few, outside, shortened
from workbench.tasks.class_names import check_names, class_text, object_array, plain_value

MOST_UNASKED_CLASSES = 30
"""Number of distinct labels up to which they are assumed to be classes, without a check."""


def class_codes(labels: Any, classes: Sequence[object] | None) -> tuple[np.ndarray, tuple[str, ...]]:
    """Return class indices (n,) int64, with -1 for missing labels, and the class names."""
    try:
        series = labels if isinstance(labels, pd.Series) else pd.Series(_plain(labels))
    except UnicodeError as error:
        raise InputError.at("labels", f"holds text that is not Unicode ({error})", "Decode it properly.") from error
    _refuse_mixed(series, classes is not None)
    if isinstance(series.dtype, pd.CategoricalDtype):
        classes = list(series.cat.categories) if classes is None else classes
        series = series.astype(object)
    try:
        positions, found = pd.factorize(series, use_na_sentinel=True)
    except TypeError as error:
        row = next((row for row, value in enumerate(series) if not isinstance(value, Hashable)), None)
        found = "is not a label" if row is None else f"is a {type(series.iloc[row]).__name__}"
        raise InputError.at("labels", found, "Pass one label per example: a str, int or bool.", row=row) from error
    distinct = [plain_value(value) for value in found]
    if classes is None:
        _warn_of_no_classes(distinct, int((positions >= 0).sum()), series.name)
        classes = sorted(distinct, key=lambda value: (isinstance(value, str), value))
    classes = [plain_value(name) for name in classes]
    names = tuple(class_text(name) for name in classes)
    check_names(names, "labels", "Class names must be unique as text.")  # pandas before 3 lets any text through
    lookup: dict[object, int] = {name: code for code, name in enumerate(classes)}
    if all(isinstance(name, str) for name in classes) and distinct and all(type(value) is int for value in distinct):
        lookup = {code: code for code in range(len(names))}
    else:  # a label and its class may be of different types: 3 and "3"
        lookup = {name: code for code, name in enumerate(names)} | lookup
    found = [lookup.get(value, lookup.get(class_text(value), -2)) for value in distinct]
    code_of_distinct = np.array([*found, UNLABELLED], dtype=np.int64)
    codes = code_of_distinct[positions]
    if (codes == -2).any():
        row = int(np.flatnonzero(codes == -2)[0])
        value = distinct[positions[row]]
        todo = f"Known classes: {first_few(list(names), 12)}."
        if value == UNLABELLED:
            todo += f" If there is no label yet, pass None instead of -1 ({int((codes == -2).sum())} rows)."
        raise InputError.at("labels", f"is {shortened(value)}", todo, row=row)
    return codes, names


def _refuse_mixed(series: pd.Series, named: bool) -> None:
    """Refuse labels that are one class for pandas and two for the user, or vice versa.

    Parameters
    ----------
    series : the labels.
    named : whether the caller named the classes, so that -1 may be one of them.
    """
    values = series.to_numpy(object) if series.dtype == object else None
    if values is not None and pd.api.types.infer_dtype(values, skipna=True).startswith("mixed"):
        kinds = np.array([isinstance(value, (bool, np.bool_)) for value in values])
        numbers = np.array([isinstance(value, (int, float, np.number)) for value in values]) & ~kinds
        numbers &= ~series.isna().to_numpy(bool)
        if kinds.any() and numbers.any():
            row = int(np.flatnonzero(numbers if kinds[0] else kinds)[0])
            found = f"is {shortened(values[row])} among {'numbers' if kinds[row] else 'True and False'}"
            todo = "In Python True equals 1: convert them to one type, for example with str(label)."
            raise InputError.at("labels", found, todo, row=row)
    if named or (values is None and series.dtype.kind not in "if"):
        return
    low = np.flatnonzero((series == UNLABELLED).fillna(False).to_numpy(bool))
    if low.size:
        todo = "Pass None if there is no label yet; if -1 is a class, name the classes: classes=[-1, ...]."
        raise InputError.at("labels", f"is -1 ({len(low):,} rows)", todo, row=int(low[0]))


def _warn_of_no_classes(distinct: list[object], labelled: int, column: object) -> None:
    """Warn about labels that look like measurements, ids or texts, since nearly every value would be a class."""
    if len(distinct) <= MOST_UNASKED_CLASSES:
        return
    numbers = any(isinstance(value, float) for value in distinct)
    if not numbers and len(distinct) <= labelled / 2:
        return
    name = "the labels" if column is None else f"{column!r}"
    what = "looks like measurements" if numbers else "has a different class in nearly every row"
    what = what.replace("looks", "look").replace("has", "have", 1) if column is None else what
    message = f"{name} {what}: {len(distinct):,} classes in {labelled:,} labelled rows. Name the column of labels."
    warnings.warn(message, stacklevel=outside())


def _plain(labels: Any) -> object:
    """Convert labels, including torch tensors, to a form that pandas reads without changing ints."""
    if labels is None:
        raise InputError.at("labels", "is None", "Pass one label per example, None for rows without a label.")
    labels = one_column(in_memory("labels", labels))
    if not isinstance(labels, np.ndarray):
        return labels if isinstance(labels, pd.Series) else object_array(labels)
    if labels.ndim != 1:
        raise InputError.at("labels", f"has shape {labels.shape}", "Pass one label per example, shape (n,).")
    return labels
