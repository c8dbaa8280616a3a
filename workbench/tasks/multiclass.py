"""One of k classes per example, the simplest kind of label. Its units are the examples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from workbench.foundation.checks import UNLABELLED, check_pred_probs
from workbench.foundation.errors import InputError
from workbench.foundation.lazy import LazyTable
from workbench.tasks.classes import class_codes
from workbench.tasks.keys import WHOLE_EXAMPLE
from workbench.tasks.label_type import LabelType
from workbench.tasks.protocol import Decided, Met, TaskMixin
from workbench.tasks.units import Units


def check_class_probs(values: np.ndarray, n: int, k: int) -> None:
    """Check that values are probabilities (n, k) whose rows sum to 1."""
    if values.shape != (n, k):
        found = f"has shape {values.shape} for {n} examples and {k} classes"
        raise InputError.at("pred_probs", found, "Pass one row per example and one column per class.")
    if n:
        check_pred_probs(values)


class Multiclass(TaskMixin):
    """Labels are (n,) int64 class indices, -1 for unlabelled examples; a value is a class name."""

    name = "multiclass"
    one_class = True
    one_unit = "one example"
    recorded = True
    column = pa.int32()
    predictions = ("pred_probs",)
    stored = "pred_probs"
    formats = LazyTable({"table": "workbench.review.export:TABLE", "hf": "workbench.review.hf_files:HF_CLASSES"})

    read = staticmethod(class_codes)

    def check(self, labels: np.ndarray, classes: Sequence[str]) -> None:
        """Check that labels are an integer vector in [-1, k)."""
        if not isinstance(labels, np.ndarray) or labels.ndim != 1 or labels.dtype.kind not in "iu":
            found = f"has dtype {getattr(labels, 'dtype', type(labels).__name__)} and shape {np.shape(labels)}"
            raise InputError.at("given_labels", found, "Pass class indices, an int array of shape (n,).")
        outside = (labels < UNLABELLED) | (labels >= len(classes))
        if outside.any():
            row = int(np.flatnonzero(outside)[0])
            found = f"is {int(labels[row])} for {len(classes)} classes"
            raise InputError.at("given_labels", found, "Use 0 to k-1, or -1 for no label.", row=row)

    def to_arrow(self, labels: np.ndarray) -> pa.Array:
        """int32, null for unlabelled examples."""
        return pa.array(labels, self.column, mask=labels == UNLABELLED)

    def from_arrow(self, column: pa.Array) -> np.ndarray:
        """(n,) int64, -1 for null."""
        return column.cast(pa.int64()).fill_null(UNLABELLED).to_numpy(zero_copy_only=False)

    def label_type(self, labels: Any, classes: Sequence[object] | None) -> LabelType:
        """The type of the column, or of the classes if they are named."""
        return LabelType.of(labels, classes)

    def to_column(self, labels: np.ndarray, classes: Sequence[str]) -> np.ndarray:
        """Class names, None for unlabelled examples."""
        return np.array([*classes, None], dtype=object)[labels]

    def missing(self, labels: np.ndarray) -> np.ndarray:
        """(n,) bool, whether the index is -1."""
        return labels < 0

    def differ(self, labels: np.ndarray, others: np.ndarray) -> np.ndarray:
        """(n,) bool, whether the indices differ."""
        return labels != others

    def units(self, labels: np.ndarray, classes: Sequence[str]) -> Units:
        """Each example is its own unit."""
        return Units.of_examples(labels)

    def meet(self, units: Units, classes: Sequence[str], *, pred_probs: Any = None) -> Met:
        """Probabilities (n, k) are used for the units without conversion."""
        return Met(units, {} if pred_probs is None else {"pred_probs": pred_probs})

    def check_predictions(self, values: np.ndarray, n: int, classes: Sequence[str]) -> None:
        """Check that values are probabilities (n, k) whose rows sum to 1."""
        check_class_probs(values, n, len(classes))

    def value(self, code: int | float, shape: Mapping[str, Any] | None, classes: Sequence[str]) -> str | None:
        """The class name; None for an unlabelled example."""
        return None if code < 0 else classes[int(code)]

    def encode(self, value: str) -> str:
        """The class name."""
        if not isinstance(value, str):
            raise InputError.at("value", f"is {value!r}", "Pass the name of a class.")
        return value

    def decode(self, text: str, classes: Sequence[str]) -> str:
        """The class name, which must be among `classes`."""
        if text not in classes:
            raise InputError.unknown("class", text, classes)
        return text

    def apply(self, labels: np.ndarray, classes: Sequence[str], decided: Decided) -> np.ndarray:
        """Return a copy of the labels with the decided classes."""
        labels, code_of = labels.copy(), {name: code for code, name in enumerate(classes)}
        for name in set(decided.values) - code_of.keys():
            raise InputError.unknown("class", name, classes)
        for key in set(decided.keys) - {WHOLE_EXAMPLE}:
            raise InputError.at("unit", f"is {key!r}", "The only unit of an example with one class is ''.")
        labels[decided.rows] = [code_of[name] for name in decided.values]
        return labels

    def in_words(self, value: str | None) -> str:
        """The class name, or "no label"."""
        return "no label" if value is None else value
