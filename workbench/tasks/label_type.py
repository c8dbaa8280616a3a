"""In which type class labels were given, so that they come back in it: int, float, bool, text, or a pandas categorical.

Inside, a class is an index and has a name, which is text: files, the journal and the view hold names. What a user gets
back holds the values that the user gave.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd

from workbench.foundation.checks import in_memory, one_column
from workbench.foundation.errors import InputError, shortened
from workbench.tasks.class_names import class_text, object_array

Kind = Literal["text", "int", "float", "bool"]

DTYPES = {"text": "object", "int": "int64", "float": "float64", "bool": "bool"}
"""Of a column without a dtype of its own, such as a list."""

KIND_IN_WORDS = {"text": "text", "int": "whole numbers", "float": "numbers", "bool": "True and False"}

SMALLEST, LARGEST_INTEGER = -(2**63), 2**64 - 1
"""Whole numbers that a column of integers can hold; others are taken as text."""


@dataclass(frozen=True)
class LabelType:
    """What the values of a column of labels are, and what the column is.

    Attributes
    ----------
    kind : what the names of classes stand for.
    dtype : of the column that was given, as pandas writes it; of its categories where it is categorical.
    categorical, ordered : whether it was a pandas categorical, and one with an order.
    """

    kind: Kind = "text"
    dtype: str = "object"
    categorical: bool = False
    ordered: bool = False

    @classmethod
    def of(cls, labels: Any, classes: Sequence[object] | np.ndarray | None = None) -> LabelType:
        """The type of labels that users pass; where the classes are named, theirs.

        Parameters
        ----------
        labels : a Series, array or sequence that can be read more than once.
        classes : the names of the classes as the user gave them, if so.
        """
        labels = one_column(in_memory("labels", _with_gaps_apart(labels)))
        dtype = getattr(labels, "dtype", None)
        categorical = dtype if isinstance(dtype, pd.CategoricalDtype) else None
        kind, own = _kind_and_dtype(labels if categorical is None else categorical.categories)
        if categorical is not None and kind == "text" and pd.api.types.is_string_dtype(categorical.categories.dtype):
            own = str(categorical.categories.dtype)
        if classes is not None:
            named, other = _kind_and_dtype(list(classes))
            kind, own = (kind, own) if named == kind else (named, other)
        return cls(kind, own, categorical is not None, categorical is not None and bool(categorical.ordered))

    @property
    def plain(self) -> bool:
        """Whether labels are just the names of classes."""
        return self.kind == "text" and not self.categorical

    def values(self, classes: Iterable[str]) -> list[Any]:
        """The value that each class stands for, in plain Python.

        Raises
        ------
        InputError : a name stands for no value of this kind.
        """
        return [self.value(name) for name in classes]

    def value(self, name: str) -> Any:
        """The value of one class; InputError as for `values`."""
        try:
            value = {"text": str, "int": int, "float": float, "bool": _bool}[self.kind](name)
        except ValueError:
            value = None
        outside = self.kind == "int" and value is not None and not SMALLEST <= value <= LARGEST_INTEGER
        if value is None or outside or class_text(value) != name:
            todo = f"The labels of this data set are {KIND_IN_WORDS[self.kind]}."
            raise InputError.at("class", f"is {shortened(name)}", todo)
        return value

    def fitting(self, classes: Sequence[str]) -> LabelType:
        """This type where all classes are of it, else plain text."""
        try:
            self.values(classes)
        except InputError:
            return PLAIN
        return self

    def index(self, classes: Sequence[str], name: str | None = None) -> pd.Index:
        """The classes as rows or columns of a table."""
        values = self.values(classes)
        try:
            return pd.Index(values, dtype=self.dtype, name=name)
        except OverflowError:  # a class that was added
            return pd.Index(values, name=name)

    def column(self, codes: np.ndarray, classes: Sequence[str]) -> Any:
        """Labels as a column of the user's type.

        Parameters
        ----------
        codes : (m,) class indices, -1 where there is no label.

        Returns
        -------
        (m,) array: NumPy's where the dtype has room for all of it, else the nullable one of pandas (Int64, boolean);
        text is an object array with None, a categorical has all classes as its categories.
        """
        codes = np.asarray(codes, np.int64)
        if self.categorical:
            return pd.Categorical.from_codes(codes, self.index(classes), ordered=self.ordered)
        values = self.values(classes)
        if self.kind == "text" or self.dtype == "object":
            return object_array([*values, None])[codes]
        if self.kind == "float":
            whole = np.array([*values, np.nan], np.float64)[codes]
            return whole if self.dtype == "float64" else pd.array(whole, dtype=self.dtype)
        return self._whole(np.array(values, bool if self.kind == "bool" else None), codes)

    def _whole(self, values: np.ndarray, codes: np.ndarray) -> Any:
        """A column of integers or bools, nullable where there are gaps."""
        missing = codes < 0
        taken = np.append(values, values.dtype.type(0))[codes]
        numpy_dtype = _numpy_dtype(self.dtype)
        if numpy_dtype is not None and not missing.any():
            return taken if numpy_dtype == taken.dtype else _narrowed(taken, numpy_dtype)
        if self.kind == "bool":
            column = pd.arrays.BooleanArray(taken, missing)
        else:
            column = pd.arrays.IntegerArray(_narrowed(taken, numpy_dtype), missing)
        own = self.dtype if numpy_dtype is None else column.dtype
        return column if own == column.dtype else pd.array(column, dtype=own)

    def to_json(self) -> str:
        """As it is stored beside the labels."""
        return json.dumps(self.__dict__)

    @classmethod
    def from_json(cls, text: str | bytes, classes: Sequence[str]) -> LabelType:
        """The inverse; plain text where what is stored does not fit the classes or is damaged."""
        try:
            found = json.loads(text)
            made = cls(*(found[name] for name in ("kind", "dtype", "categorical", "ordered")))
            if made.kind not in DTYPES or not all(isinstance(one, bool) for one in (made.categorical, made.ordered)):
                return cls()
            if _kind_of_dtype(pd.api.types.pandas_dtype(made.dtype)) not in (made.kind, None):
                return cls()
            made.column(np.arange(-1, len(classes)), classes)
            return made
        except (InputError, ValueError, KeyError, TypeError, AttributeError, RecursionError, ImportError):
            return cls()


PLAIN = LabelType()
"""Names of classes as they are."""


def _with_gaps_apart(labels: Any) -> Any:
    """Labels that are whole numbers as such, where gaps would make them floats: of masked arrays and of Arrow."""
    if isinstance(labels, np.ma.MaskedArray):
        return labels.data
    return labels.to_pylist() if hasattr(labels, "to_pylist") and hasattr(labels, "to_pandas") else labels


def _kind_and_dtype(labels: Any) -> tuple[Kind, str]:
    dtype = getattr(labels, "dtype", None)
    if hasattr(labels, "detach"):  # a tensor
        labels = labels.detach().cpu().numpy()
        dtype = labels.dtype
    known = _kind_of_dtype(dtype) if isinstance(dtype, (np.dtype, pd.api.extensions.ExtensionDtype)) else None
    if known is not None:
        return known, str(dtype) if known != "text" else "object"
    if isinstance(dtype, np.dtype):
        return _kind_of_values(labels), "object"
    kind = _kind_of_values(object_array(labels))
    return kind, DTYPES[kind]


def _kind_of_dtype(dtype: Any) -> Kind | None:
    """What values of a dtype are; None where that depends on the values."""
    if pd.api.types.is_bool_dtype(dtype):
        return "bool"
    if pd.api.types.is_integer_dtype(dtype):
        return "int"
    if pd.api.types.is_float_dtype(dtype):
        return "float"
    return None if dtype == np.dtype(object) else "text"


def _kind_of_values(values: Any) -> Kind:
    found = pd.api.types.infer_dtype(values, skipna=True)
    return _KINDS.get(found, "text")


_KINDS: dict[str, Kind] = {"boolean": "bool", "integer": "int", "floating": "float", "mixed-integer-float": "float"}


def _bool(name: str) -> bool | None:
    return {"True": True, "False": False}.get(name)


def _numpy_dtype(dtype: str) -> np.dtype | None:
    """The NumPy dtype of a name; None for dtypes of pandas."""
    try:
        return np.dtype(dtype)
    except TypeError:
        return None


def _narrowed(values: np.ndarray, dtype: np.dtype | None) -> np.ndarray:
    """Integers in the dtype they had, unless a class that was added does not fit."""
    if dtype is None or dtype.kind not in "iu" or not values.size:
        return values if dtype is None or dtype.kind not in "iu" else values.astype(dtype)
    limits = np.iinfo(dtype)
    fits = int(values.min()) >= limits.min and int(values.max()) <= limits.max
    return values.astype(dtype) if fits else values


def codes_among(values: Any, classes: Sequence[str]) -> np.ndarray:
    """(m,) int64 class indices of labels: values of the user's type or names; -1 for missing ones and for no class."""
    if isinstance(getattr(values, "dtype", None), pd.CategoricalDtype):
        values = pd.Categorical(values)
        positions, distinct = np.asarray(values.codes, np.int64), values.categories
    else:
        column = values if hasattr(values, "dtype") else object_array(values)
        positions, distinct = pd.factorize(pd.Series(column), use_na_sentinel=True)
    code_of = {name: code for code, name in enumerate(classes)}
    found = [code_of.get(class_text(one), -1) for one in distinct]
    return np.array([*found, -1], np.int64)[positions]


def names_in(values: Any) -> Iterator[str | None]:
    """The name of the class of each label, None where there is none."""
    for value in values:
        yield None if value is None or (pd.api.types.is_scalar(value) and pd.isna(value)) else class_text(value)
