"""The user's type of class labels (int, float, bool, text or a pandas categorical), in which labels are returned.

Internally a class is an index with a name, which is text: files, the journal and the view use names. Results for the
user contain values of the user's type.
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
"""dtype of labels that have none, such as a list."""

KIND_IN_WORDS = {"text": "text", "int": "whole numbers", "float": "numbers", "bool": "True and False"}

SMALLEST, LARGEST_INTEGER = -(2**63), 2**64 - 1
"""Range of the integers that a column of integers can hold; labels beyond it are treated as text."""


@dataclass(frozen=True)
class LabelType:
    """The type of the values of a label column, and of the column itself.

    Attributes
    ----------
    kind : type of the values that class names represent.
    dtype : name of the pandas dtype of the column, or of its categories if it is categorical.
    categorical, ordered : whether the column was a pandas categorical, and whether it was ordered.
    """

    kind: Kind = "text"
    dtype: str = "object"
    categorical: bool = False
    ordered: bool = False

    @classmethod
    def of(cls, labels: Any, classes: Sequence[object] | np.ndarray | None = None) -> LabelType:
        """Determine the type of a user's labels; if the classes are named, the type of these.

        Parameters
        ----------
        labels : a Series, array or sequence that can be read more than once.
        classes : class names as the user passed them, optional.
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
        """Whether labels are plain class names."""
        return self.kind == "text" and not self.categorical

    def values(self, classes: Iterable[str]) -> list[Any]:
        """Return the value of each class as a Python object.

        Raises
        ------
        InputError : a name does not represent a value of this kind.
        """
        return [self.value(name) for name in classes]

    def value(self, name: str) -> Any:
        """Return the value of one class; raises the errors of `values`."""
        try:
            value: Any = {"text": str, "int": int, "float": float, "bool": _bool}[self.kind](name)
        except ValueError:
            value = None
        outside = self.kind == "int" and value is not None and not SMALLEST <= value <= LARGEST_INTEGER
        if value is None or outside or class_text(value) != name:
            todo = f"The labels of this data set are {KIND_IN_WORDS[self.kind]}."
            raise InputError.at("class", f"is {shortened(name)}", todo)
        return value

    def fitting(self, classes: Sequence[str]) -> LabelType:
        """Return this type if all classes have it, else plain text."""
        try:
            self.values(classes)
        except InputError:
            return PLAIN
        return self

    def index(self, classes: Sequence[str], name: str | None = None) -> pd.Index:
        """Return the classes as a pandas Index, for the rows or columns of a table."""
        values = self.values(classes)
        try:
            return pd.Index(values, dtype=self.dtype, name=name)
        except OverflowError:  # a class that was added
            return pd.Index(values, name=name)

    def column(self, codes: np.ndarray, classes: Sequence[str]) -> Any:
        """Convert class indices to a column of the user's type.

        Parameters
        ----------
        codes : (m,) class indices, -1 for missing labels.
        classes : class names.

        Returns
        -------
        (m,) array: a NumPy array if the dtype can represent all values, else a nullable pandas array (Int64, boolean).
        Text is an object array with None for missing labels; a categorical has all classes as its categories.
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
        """Return a column of integers or bools, nullable if there are missing values."""
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
        """Return the type as JSON, to be stored with the labels."""
        return json.dumps(self.__dict__)

    @classmethod
    def from_json(cls, text: str | bytes, classes: Sequence[str]) -> LabelType:
        """Create the type from JSON; plain text if the JSON is damaged or does not fit the classes."""
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
"""The type of labels that are plain class names."""


def _with_gaps_apart(labels: Any) -> Any:
    """Return the values of masked and Arrow arrays, so that missing values do not turn integers into floats."""
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
    """Return the kind of the values of a dtype; None if it depends on the values."""
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
    """Return the NumPy dtype of a name; None for pandas dtypes."""
    try:
        return np.dtype(dtype)
    except TypeError:
        return None


def _narrowed(values: np.ndarray, dtype: np.dtype | None) -> np.ndarray:
    """Convert integers to their original dtype, unless an added class does not fit into it."""
    if dtype is None or dtype.kind not in "iu" or not values.size:
        return values if dtype is None or dtype.kind not in "iu" else values.astype(dtype)
    limits = np.iinfo(dtype)
    fits = int(values.min()) >= limits.min and int(values.max()) <= limits.max
    return values.astype(dtype) if fits else values


def codes_among(values: Any, classes: Sequence[str]) -> np.ndarray:
    """Convert labels, values of the user's type or names, to class indices (m,) int64; -1 if missing or unknown."""
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
    """Yield the class name of each label, None for missing labels."""
    for value in values:
        yield None if value is None or (pd.api.types.is_scalar(value) and pd.isna(value)) else class_text(value)
