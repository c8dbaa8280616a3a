"""What a kind of label is: the `Task` protocol, defaults for most of it, and the records that pass through it.

Kinds of labels differ at four borders only: labels in, predictions in, decisions, export. Everything between works on
`Units` and asks for one of three answers: a choice, yes or no, a number.

Terms
-----
labels : the labels of n examples as a Dataset holds them: an Arrow array of type `Task.column`, or (n,) int64 class
    indices with -1 for "no label" where an example has one class.
answers : the names that a unit's codes stand for; code 0 is "nothing here" where that is an answer.
value : what a person decides about one unit, in plain Python: the name of a class, None for "nothing here", a number,
    or a dict of a class and a place. It names classes, so that a journal can be read without the run.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, Protocol

import numpy as np
import pyarrow as pa

from workbench.foundation.errors import InputError, shortened
from workbench.tasks.label_type import PLAIN, LabelType
from workbench.tasks.units import Units

Labels = np.ndarray | pa.Array

NOTHING = "nothing"
"""Name of the answer with code 0 of kinds with objects."""


class Decided(NamedTuple):
    """What was decided on d units: rows (d,) int64; keys and values, d texts each, values as `Task.encode` writes them.

    In the order of the decisions, each unit once.
    """

    rows: np.ndarray
    keys: Sequence[str]
    values: Sequence[str]


@dataclass(frozen=True)
class Met:
    """Predictions brought together with what is given.

    Attributes
    ----------
    units : the units, those that only a model proposes among them.
    evidence : array (m, ...) by name, as in `workbench.evidence.evidence.NAMES`: "pred_probs" (m, answers),
        "embeddings", ...
    overlap : (m,) float in [0, 1], how well the predicted place fits the given one; NaN without both. None: no places.
    shapes : (m,) Arrow structs like those of the units, the predicted places; null where nothing is predicted.
    below : float, expected number of units that were predicted below the floor and are not among these.
    """

    units: Units
    evidence: Mapping[str, np.ndarray] = field(default_factory=dict)
    overlap: np.ndarray | None = None
    shapes: pa.Array | None = None
    below: float = 0.0


@dataclass(frozen=True)
class Format:
    """A file format of one kind of label.

    Attributes
    ----------
    suffixes : of its files, the first is the usual one.
    read : (path, **options) gives a Dataset.
    write : (run, path, **options) writes the labels as corrected and gives the path.
    loses : what such a file cannot hold, in words; empty when it holds everything.
    """

    suffixes: tuple[str, ...]
    read: Callable[..., Any]
    write: Callable[..., Any]
    loses: tuple[str, ...] = ()


class Task(Protocol):
    """A kind of label. Inherit from `TaskMixin` and write what differs.

    Attributes
    ----------
    name : as in `Dataset.from_frame(..., task=name)`.
    asks : what a unit is asked for.
    nothing : whether "no object here" is an answer; then it has code 0.
    one_class : whether each example has exactly one class index, held as (n,) int64.
    column : Arrow type of the given labels in examples.parquet.
    predictions : names of what `meet`, or the estimator of the kind (`workbench.issues.kinds`), takes.
    stored : which of them a run stores, as an array of floats (n, width); "" for none.
    formats : file formats by name.
    """

    name: str
    asks: Literal["choice", "yes/no", "number"]
    nothing: bool
    one_class: bool
    column: pa.DataType
    predictions: tuple[str, ...]
    stored: str
    formats: Mapping[str, Format]

    def read(self, labels: Any, classes: Sequence[object] | None, **options: Any) -> tuple[Labels, tuple[str, ...]]:
        """Labels in the forms that users pass (a column, arrays, lists), as `labels`, and the names of the classes."""
        ...

    def label_type(self, labels: Any, classes: Sequence[object] | None) -> LabelType:
        """In which type the user gave the labels that `read` takes, for what goes back to the user."""
        ...

    def check(self, labels: Labels, classes: Sequence[str]) -> None:
        """Raise `InputError` when labels are none of this kind; they can come from a damaged file."""
        ...

    def to_arrow(self, labels: Labels) -> pa.Array:
        """Labels as they are stored."""
        ...

    def from_arrow(self, column: pa.Array) -> Labels:
        """The inverse, of a column of the right type."""
        ...

    def to_column(self, labels: Labels, classes: Sequence[str]) -> np.ndarray:
        """(n,) object array, as a user's table holds them: `read` makes the same labels of it; None = no label."""
        ...

    def missing(self, labels: Labels) -> np.ndarray:
        """(n,) bool, which examples have no label yet. An example without objects has one."""
        ...

    def differ(self, labels: Labels, others: Labels) -> np.ndarray:
        """(n,) bool, which examples have other labels."""
        ...

    def answers(self, classes: Sequence[str]) -> tuple[str, ...]:
        """Names of the codes of a unit; empty where numbers are asked for."""
        ...

    def units(self, labels: Labels, classes: Sequence[str]) -> Units:
        """The units of what is given."""
        ...

    def meet(self, units: Units, classes: Sequence[str], **predictions: Any) -> Met:
        """Bring predictions together with what is given: match objects, add what was overlooked."""
        ...

    def check_predictions(self, values: np.ndarray, n: int, classes: Sequence[str]) -> None:
        """Raise `InputError` where floats (n, width) are no predictions that a run can store as `stored`."""
        ...

    def value(self, code: int | float, shape: Mapping[str, Any] | None, classes: Sequence[str]) -> Any:
        """The value that a code (or number) and a place stand for."""
        ...

    def implied(self, labels: Labels, row: int, key: str, classes: Sequence[str]) -> str | None:
        """What is given, as the journal stores it, of something that is no unit; None for nothing."""
        ...

    def takes(self, key: str, classes: Sequence[str]) -> bool:
        """Whether something that is no unit of an example can be decided under this key."""
        ...

    def encode(self, value: Any) -> str:
        """A value as the journal stores it."""
        ...

    def decode(self, text: str, classes: Sequence[str]) -> Any:
        """The inverse; `InputError` for what is no value of this kind and these classes."""
        ...

    def apply(self, labels: Labels, classes: Sequence[str], decided: Decided) -> Labels:
        """Labels with decisions; those given stay as they are."""
        ...

    def contradicts(self, said: str, given: str | None) -> bool | None:
        """Whether who says this value calls what is given wrong, both as the journal holds them; None: neither."""
        ...

    def in_words(self, value: Any) -> str:
        """A value for people, plain text."""
        ...

    def unit_name(self, key: str, classes: Sequence[str]) -> str:
        """What people call the unit with this key of an example: its tag, its column; "" for the only one."""
        ...

    def choices(self, classes: Sequence[str]) -> tuple[str, ...]:
        """Values of a unit to choose from, as the journal holds them; none where numbers or places are asked for."""
        ...


class TaskMixin:
    """Defaults: labels in an Arrow array, a choice among the classes, values stored as JSON."""

    name: str
    asks: Literal["choice", "yes/no", "number"] = "choice"
    nothing = False
    one_class = False
    column: pa.DataType
    predictions: tuple[str, ...] = ()
    stored = ""
    formats: Mapping[str, Format] = {}

    def label_type(self, labels: Any, classes: Sequence[object] | None) -> LabelType:
        """Text: names of classes."""
        return PLAIN

    def check(self, labels: Any, classes: Sequence[str]) -> None:
        """Labels are an Arrow array of the type of the column."""
        if not isinstance(labels, pa.Array) or labels.type != self.column:
            found = f"is {labels.type if isinstance(labels, pa.Array) else type(labels).__name__}"
            raise InputError.at("labels", found, f"Pass an Arrow array of {self.column}.")

    def to_arrow(self, labels: Labels) -> pa.Array:
        """As they are."""
        return labels

    def from_arrow(self, column: pa.Array) -> Labels:
        """As they are."""
        return column

    def check_predictions(self, values: np.ndarray, n: int, classes: Sequence[str]) -> None:
        """None can be stored."""
        todo = "Pass them to `find_issues` with the run."
        raise InputError.at("task", f"is {self.name!r}, whose predictions a run does not store", todo)

    def missing(self, labels: pa.Array) -> np.ndarray:
        """Where the array is null."""
        return labels.is_null().to_numpy(zero_copy_only=False)

    def differ(self, labels: pa.Array, others: pa.Array) -> np.ndarray:
        """Where the lists of plain values differ."""
        pairs = zip(labels.to_pylist(), others.to_pylist(), strict=True)
        return np.fromiter((one != other for one, other in pairs), bool, len(labels))

    def answers(self, classes: Sequence[str]) -> tuple[str, ...]:
        """The classes, after "nothing" where that is an answer; none for numbers."""
        if self.asks == "number":
            return ()
        if self.asks == "yes/no":
            return ("no", "yes")
        return (NOTHING, *classes) if self.nothing else tuple(classes)

    def value(self, code: int | float, shape: Mapping[str, Any] | None, classes: Sequence[str]) -> Any:
        """The name of the answer; None for "nothing here" and where nothing is known."""
        known = code >= (1 if self.nothing else 0)
        return self.answers(classes)[int(code)] if known else None

    def implied(self, labels: Labels, row: int, key: str, classes: Sequence[str]) -> str | None:
        """Nothing, where that is an answer."""
        return self.encode(None) if self.nothing else None

    def takes(self, key: str, classes: Sequence[str]) -> bool:
        """Yes, where nothing is an answer: there can be more than was stored."""
        return self.nothing

    def encode(self, value: Any) -> str:
        """JSON without spaces, keys in order."""
        try:
            return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False)
        except (TypeError, ValueError) as error:
            todo = "Pass text, numbers, lists and dicts of them, or None."
            raise InputError.at("value", f"is {shortened(value)} ({error})", todo) from error

    def decoded(self, text: str) -> Any:
        """The JSON of a text, for `decode` to check."""
        try:
            return json.loads(text, parse_constant=_refused)
        except (TypeError, ValueError, RecursionError) as error:
            found = f"is {shortened(text)}, which is not a value of the task {self.name!r}"
            raise InputError.at("value", found, "Pass what `encode` of the task wrote.") from error

    def unit_name(self, key: str, classes: Sequence[str]) -> str:
        """The key itself."""
        return key

    def choices(self, classes: Sequence[str]) -> tuple[str, ...]:
        """The classes, and "nothing here" where that is an answer."""
        if self.asks == "number":
            return ()
        return tuple(self.encode(name) for name in ([None, *classes] if self.nothing else classes))

    def contradicts(self, said: str, given: str | None) -> bool | None:
        """Another value."""
        return said != given

    def in_words(self, value: Any) -> str:
        """The text of a value, "nothing" for None."""
        return NOTHING if value is None else str(value)


def reading_options(task: Task) -> tuple[str, ...]:
    """Names of the options of `task.read` besides labels and classes."""
    named = inspect.signature(task.read).parameters.values()
    return tuple(one.name for one in named if one.kind is inspect.Parameter.KEYWORD_ONLY)


def _refused(constant: str) -> None:
    raise ValueError(f"{constant} is not a JSON number")
