"""The `Task` protocol of a kind of label, defaults for most of its methods, and the records that they exchange.

Kinds of labels differ only in reading labels, reading predictions, decisions and export. Everything else works on
`Units` and asks for one of three kinds of answer: a choice, yes or no, a number.

Terms
-----
labels : the labels of n examples as a Dataset stores them: an Arrow array of type `Task.column`; with one class per
    example, (n,) int64 class indices with -1 for "no label".
answers : the names of the codes of a unit; code 0 is "nothing here" if that is an answer.
value : the decision of a person about one unit, as a Python object: a class name, None for "nothing here", a number, or
    a dict of a class and a position. Values contain class names, so that a journal can be read without the run.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, Protocol

import numpy as np
import pandas as pd
import pyarrow as pa

from workbench.foundation.errors import InputError, shortened
from workbench.tasks.evidence_forms import EvidenceForm
from workbench.tasks.label_type import PLAIN, LabelType
from workbench.tasks.units import Units

Labels = np.ndarray | pa.Array

NOTHING = "nothing"
"""Name of the answer with code 0, for kinds of labels with objects."""


class Decided(NamedTuple):
    """Decisions about d units: rows (d,) int64; d keys (str); d values (str) encoded with `Task.encode`.

    They are in the order of the decisions, and each unit occurs once.
    """

    rows: np.ndarray
    keys: Sequence[str]
    values: Sequence[str]


@dataclass(frozen=True)
class Met:
    """Predictions matched to the given labels.

    Attributes
    ----------
    units : the units, including those that only a model proposes.
    evidence : dict of name to array (m, ...), names as in `workbench.evidence.evidence.NAMES`: "pred_probs"
        (m, answers), "embeddings", ...
    overlap : (m,) float in [0, 1], overlap of the predicted and given positions; NaN if one is missing. None if units
        have no positions.
    shapes : (m,) Arrow structs like those of the units, the predicted positions; null without a prediction.
    below : float, expected number of units that were predicted below the score threshold and are not included.
    """

    units: Units
    evidence: Mapping[str, np.ndarray] = field(default_factory=dict)
    overlap: np.ndarray | None = None
    shapes: pa.Array | None = None
    below: float = 0.0


@dataclass(frozen=True)
class Format:
    """A file format of a kind of label.

    Attributes
    ----------
    suffixes : suffixes of its files, the usual one first.
    read : function (path, **options) that returns a Dataset.
    write : function (run, path, **options) that writes the corrected labels and returns the path.
    loses : descriptions of what the format cannot store; empty if it stores everything.
    """

    suffixes: tuple[str, ...]
    read: Callable[..., Any]
    write: Callable[..., Any]
    loses: tuple[str, ...] = ()


class Task(Protocol):
    """A kind of label. Inherit from `TaskMixin` and override what differs.

    Attributes
    ----------
    name : name of the kind, as in `Dataset.from_frame(..., task=name)`.
    asks : kind of answer that a unit needs.
    nothing : whether "no object here" is an answer; it then has code 0.
    one_class : whether each example has exactly one class index, stored as (n,) int64.
    one_unit : what a unit is, in words, such as "one tag of one example".
    long_tables : whether labels can be a table with one row per unit, which `gather` converts.
    recorded : whether a `Recorder` keeps statistics of its trainings, epoch by epoch.
    text_cells : whether a label with one part is plain text, which a table holds as it is; others are JSON.
    path_cells : whether a label may be the path of a file, besides JSON.
    column : Arrow type of the given labels in examples.parquet.
    predictions : names of the arguments of `meet`, or of the estimator of the kind (`workbench.issues.kinds`).
    stored : the one of them that a run stores, as a float array (n, width); "" for none.
    evidence_forms : those of them that a run stores as tables (`Run.save_evidence`), and how.
    formats : dict of name to file format.
    """

    name: str
    asks: Literal["choice", "yes/no", "number"]
    nothing: bool
    one_class: bool
    one_unit: str
    long_tables: bool
    recorded: bool
    text_cells: bool
    path_cells: bool
    column: pa.DataType
    predictions: tuple[str, ...]
    stored: str
    evidence_forms: Mapping[str, EvidenceForm]
    formats: Mapping[str, Format]

    def read(self, labels: Any, classes: Sequence[object] | None, **options: Any) -> tuple[Labels, tuple[str, ...]]:
        """Convert labels from the forms that users pass (a column, arrays, lists); return them and the class names."""
        ...

    def gather(self, frame: pd.DataFrame, named: Mapping[str, Any]) -> tuple[pd.DataFrame, dict[str, Any]]:
        """Convert a table with several rows per example to one row per example.

        `named` are the arguments of `Dataset.from_frame`, options included; those for the converted table are returned.
        """
        ...

    def of_frame(self, frame: pd.DataFrame) -> Mapping[str, Any] | None:
        """Return arguments of `Dataset.from_frame` for a DataFrame passed as labels; None if it holds labels only."""
        ...

    def evidence_in(self, metadata: pd.DataFrame) -> dict[str, Any]:
        """Return the evidence in the user's columns, by names of `predictions`."""
        ...

    def label_type(self, labels: Any, classes: Sequence[object] | None) -> LabelType:
        """Return the user's type of the labels passed to `read`, in which labels are returned to the user."""
        ...

    def check(self, labels: Labels, classes: Sequence[str]) -> None:
        """Raise `InputError` if labels are not valid for this kind, for example because a file is damaged."""
        ...

    def check_metadata(self, labels: Labels, metadata: pd.DataFrame) -> None:
        """Raise `InputError` if labels contradict the user's other columns, such as the sizes of images."""
        ...

    def to_arrow(self, labels: Labels) -> pa.Array:
        """Convert labels to the Arrow array that is stored."""
        ...

    def from_arrow(self, column: pa.Array) -> Labels:
        """Convert a stored column, of type `column`, to labels."""
        ...

    def to_column(self, labels: Labels, classes: Sequence[Any]) -> np.ndarray:
        """Return labels as (n,) object array for a user's table, None = no label; `read` converts it back.

        `classes` are names, or values of the user's type (`Dataset.class_values`).
        """
        ...

    def missing(self, labels: Labels) -> np.ndarray:
        """(n,) bool, whether an example has no label yet. A label without objects counts as a label."""
        ...

    def differ(self, labels: Labels, others: Labels) -> np.ndarray:
        """(n,) bool, whether the labels of an example differ."""
        ...

    def answers(self, classes: Sequence[str]) -> tuple[str, ...]:
        """Names of the codes of a unit; empty if the answer is a number."""
        ...

    def units(self, labels: Labels, classes: Sequence[str]) -> Units:
        """Return the units of the given labels."""
        ...

    def meet(self, units: Units, classes: Sequence[str], **predictions: Any) -> Met:
        """Match predictions to the given labels, and add units for objects that the labels lack."""
        ...

    def check_predictions(self, values: np.ndarray, n: int, classes: Sequence[str]) -> None:
        """Raise `InputError` if floats (n, width) are not predictions that a run can store as `stored`."""
        ...

    def value(self, code: int | float, shape: Mapping[str, Any] | None, classes: Sequence[str]) -> Any:
        """Return the value of a code (or number) and a position."""
        ...

    def implied(
        self, labels: Labels, row: int, key: str, classes: Sequence[str], said: str | None = None
    ) -> str | None:
        """Return the given value, encoded, that a label implies for a key that is not a unit; None for no value.

        `said` is a value that was decided or suggested for the key, for kinds whose given value depends on its place.
        """
        ...

    def takes(self, key: str, classes: Sequence[str]) -> bool:
        """Whether decisions can be made under a key that is not a unit of an example."""
        ...

    def encode(self, value: Any) -> str:
        """Encode a value as text for the journal."""
        ...

    def decode(self, text: str, classes: Sequence[str]) -> Any:
        """Decode a value; raise `InputError` if it is not valid for this kind and these classes."""
        ...

    def apply(self, labels: Labels, classes: Sequence[str], decided: Decided) -> Labels:
        """Return the labels with decisions applied; the input is not modified."""
        ...

    def contradicts(self, said: str, given: str | None) -> bool | None:
        """Whether a decided value means that the given one is wrong (both encoded); None if that is undetermined."""
        ...

    def in_words(self, value: Any) -> str:
        """Describe a value in plain text for people."""
        ...

    def unit_name(self, key: str, classes: Sequence[str]) -> str:
        """Name of a unit for people, such as its tag or column; "" for the only unit of an example."""
        ...

    def choices(self, classes: Sequence[str]) -> tuple[str, ...]:
        """Encoded values from which a person can choose; empty if the answer is a number or a position."""
        ...


class TaskMixin:
    """Default implementation: labels in an Arrow array, a choice among the classes, values encoded as JSON."""

    name: str
    asks: Literal["choice", "yes/no", "number"] = "choice"
    nothing = False
    one_class = False
    one_unit = "one part of the label of one example"
    long_tables = False
    recorded = False
    text_cells = False
    path_cells = False
    column: pa.DataType
    predictions: tuple[str, ...] = ()
    stored = ""
    evidence_forms: Mapping[str, EvidenceForm] = {}
    formats: Mapping[str, Format] = {}

    def gather(self, frame: pd.DataFrame, named: Mapping[str, Any]) -> tuple[pd.DataFrame, dict[str, Any]]:
        """The table, unchanged: it has one row per example."""
        return frame, {name: value for name, value in named.items() if name != "classes"}

    def of_frame(self, frame: pd.DataFrame) -> Mapping[str, Any] | None:
        """None: a DataFrame holds labels only."""
        return None

    def evidence_in(self, metadata: pd.DataFrame) -> dict[str, Any]:
        """None."""
        return {}

    def label_type(self, labels: Any, classes: Sequence[object] | None) -> LabelType:
        """Plain class names."""
        return PLAIN

    def check(self, labels: Any, classes: Sequence[str]) -> None:
        """Check that labels are an Arrow array of type `column`."""
        if not isinstance(labels, pa.Array) or labels.type != self.column:
            found = f"is {labels.type if isinstance(labels, pa.Array) else type(labels).__name__}"
            raise InputError.at("labels", found, f"Pass an Arrow array of {self.column}.")

    def check_metadata(self, labels: Labels, metadata: pd.DataFrame) -> None:
        """No check."""

    def to_arrow(self, labels: Labels) -> pa.Array:
        """The labels, unchanged."""
        return labels

    def from_arrow(self, column: pa.Array) -> Labels:
        """The column, unchanged."""
        return column

    def check_predictions(self, values: np.ndarray, n: int, classes: Sequence[str]) -> None:
        """Raise, since by default no predictions can be stored."""
        todo = "Pass them to `find_issues` with the run."
        raise InputError.at("task", f"is {self.name!r}, whose predictions a run does not store", todo)

    def missing(self, labels: pa.Array) -> np.ndarray:
        """(n,) bool, whether the array is null."""
        return labels.is_null().to_numpy(zero_copy_only=False)

    def differ(self, labels: pa.Array, others: pa.Array) -> np.ndarray:
        """(n,) bool, whether the values, as Python lists, differ."""
        pairs = zip(labels.to_pylist(), others.to_pylist(), strict=True)
        return np.fromiter((one != other for one, other in pairs), bool, len(labels))

    def answers(self, classes: Sequence[str]) -> tuple[str, ...]:
        """The classes, after "nothing" if that is an answer; empty for numbers."""
        if self.asks == "number":
            return ()
        if self.asks == "yes/no":
            return ("no", "yes")
        return (NOTHING, *classes) if self.nothing else tuple(classes)

    def value(self, code: int | float, shape: Mapping[str, Any] | None, classes: Sequence[str]) -> Any:
        """The name of the answer; None for "nothing here" and unknown answers."""
        known = code >= (1 if self.nothing else 0)
        return self.answers(classes)[int(code)] if known else None

    def implied(
        self, labels: Labels, row: int, key: str, classes: Sequence[str], said: str | None = None
    ) -> str | None:
        """ "nothing", if that is an answer."""
        return self.encode(None) if self.nothing else None

    def takes(self, key: str, classes: Sequence[str]) -> bool:
        """True if "nothing" is an answer, since there can then be more objects than were stored."""
        return self.nothing

    def encode(self, value: Any) -> str:
        """JSON without spaces and with sorted keys."""
        try:
            return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False)
        except (TypeError, ValueError) as error:
            todo = "Pass text, numbers, lists and dicts of them, or None."
            raise InputError.at("value", f"is {shortened(value)} ({error})", todo) from error

    def decoded(self, text: str) -> Any:
        """Parse the JSON of an encoded value, which `decode` then validates."""
        try:
            return json.loads(text, parse_constant=_refused)
        except (TypeError, ValueError, RecursionError) as error:
            found = f"is {shortened(text)}, which is not a value of the task {self.name!r}"
            raise InputError.at("value", found, "Pass a result of the task's `encode`.") from error

    def unit_name(self, key: str, classes: Sequence[str]) -> str:
        """The key itself."""
        return key

    def choices(self, classes: Sequence[str]) -> tuple[str, ...]:
        """The classes, and "nothing here" if that is an answer."""
        if self.asks == "number":
            return ()
        return tuple(self.encode(name) for name in ([None, *classes] if self.nothing else classes))

    def contradicts(self, said: str, given: str | None) -> bool | None:
        """Whether the values differ."""
        return said != given

    def in_words(self, value: Any) -> str:
        """The text of a value, "nothing" for None."""
        return NOTHING if value is None else str(value)


def reading_options(task: Task) -> tuple[str, ...]:
    """Return the names of the options of `task.read` other than labels and classes."""
    return keyword_options(task.read)


def keyword_options(function: Callable[..., Any]) -> tuple[str, ...]:
    """Return the names of the keyword-only parameters of a function."""
    named = inspect.signature(function).parameters.values()
    return tuple(one.name for one in named if one.kind is inspect.Parameter.KEYWORD_ONLY)


def _refused(constant: str) -> None:
    raise ValueError(f"{constant} is not a JSON number")
