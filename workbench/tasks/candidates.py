"""Candidate sets (partial labels): a few classes per example, one of which should be the true one.

A unit is an example, and the question is whether the true class is in its set. A set of one class is an ordinary label.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from workbench.foundation.errors import InputError, first_few, shortened
from workbench.foundation.lazy import LazyTable
from workbench.tasks.candidate_reading import SETS_TYPE, class_values, read_candidates, stored
from workbench.tasks.class_names import class_text, object_array
from workbench.tasks.keys import WHOLE_EXAMPLE
from workbench.tasks.label_type import LabelType
from workbench.tasks.multiclass import check_class_probs
from workbench.tasks.protocol import Decided, Met, TaskMixin
from workbench.tasks.units import Units

SHAPE = pa.struct([("candidates", SETS_TYPE)])
"""Arrow type of `Units.shapes`, which contain the set."""


class Candidates(TaskMixin):
    """Labels are ascending lists of class indices, null for unlabelled examples; a value is a list of class names."""

    name = "candidates"
    asks = "yes/no"
    one_unit = "the set of one example"
    column = SETS_TYPE
    predictions = ("pred_probs", "embeddings", "texts", "logits")
    stored = "pred_probs"
    recorded = True
    formats = LazyTable({"table": "workbench.review.export:TABLE", "hf": "workbench.review.tag_files:HF_SETS"})

    read = staticmethod(read_candidates)

    def check_predictions(self, values: np.ndarray, n: int, classes: Sequence[str]) -> None:
        """Check that values are probabilities (n, k) whose rows sum to 1."""
        check_class_probs(values, n, len(classes))

    def label_type(self, labels: Any, classes: Sequence[object] | None) -> LabelType:
        """Return the type of the classes in the sets, or of `classes`; ordered for an ordered categorical."""
        found = LabelType.of(class_values(labels, classes))
        ordered = getattr(classes, "ordered", None) is True
        return LabelType(found.kind, found.dtype, categorical=ordered, ordered=ordered)

    def check(self, labels: pa.ListArray, classes: Sequence[str]) -> None:
        """Check that labels are non-empty ascending lists of distinct class indices in [0, k)."""
        super().check(labels, classes)
        rows, codes = members_of(labels)
        todo = "Restore them, or read them with `Dataset.from_arrays(labels, task='candidates')`."
        outside = np.flatnonzero((codes < 0) | (codes >= len(classes)))
        if len(outside):
            place = int(outside[0])
            found = f"holds the class {int(codes[place])} of {len(classes)}"
            raise InputError.at("labels", found, todo, row=int(rows[place]))
        falling = np.flatnonzero((np.diff(rows) == 0) & (np.diff(codes) <= 0))
        if len(falling):
            raise InputError.at("labels", "does not list its classes in order", todo, row=int(rows[falling[0]]))
        empty = np.flatnonzero((np.bincount(rows, minlength=len(labels)) == 0) & ~self.missing(labels))
        if len(empty):
            raise InputError.at("labels", "is an empty set", todo, row=int(empty[0]))

    def to_column(self, labels: pa.ListArray, classes: Sequence[Any]) -> np.ndarray:
        """Lists of members of `classes`."""
        return object_array(one and [classes[code] for code in one] for one in labels.to_pylist())

    def differ(self, labels: pa.ListArray, others: pa.ListArray) -> np.ndarray:
        """(n,) bool, whether the sets differ."""
        (rows, codes), (other_rows, other_codes) = members_of(labels), members_of(others)
        sizes = np.bincount(rows, minlength=len(labels))
        different = sizes != np.bincount(other_rows, minlength=len(others))
        pair = codes[~different[rows]] != other_codes[~different[other_rows]]
        different[rows[~different[rows]][pair]] = True
        return different

    def units(self, labels: pa.ListArray, classes: Sequence[str]) -> Units:
        """Each example, with its set as shape; the given answer is "yes", the true class is in the set."""
        n = len(labels)
        given = np.where(self.missing(labels), -1, 1).astype(np.int64)
        return Units(n, np.arange(n), given, shapes=pa.StructArray.from_arrays([labels], fields=list(SHAPE)))

    def meet(self, units: Units, classes: Sequence[str], *, pred_probs: Any = None, **others: Any) -> Met:
        """Convert class probabilities (n, k) to (n, 2): that the true class is outside the set, and inside."""
        if pred_probs is None:
            return Met(units, {})
        probs = np.asarray(pred_probs, float)
        self.check_predictions(probs, units.n, classes)
        assert units.shapes is not None  # the sets
        inside = np.clip(np.where(sets_of(units.shapes.field(0), len(classes)), probs, 0).sum(axis=1), 0, 1)
        return Met(units, {"pred_probs": np.stack([1 - inside, inside], axis=1)})

    def value(self, code: int | float, shape: Mapping[str, Any] | None, classes: Sequence[str]) -> list[str] | None:
        """The names of the classes in the set."""
        return None if code < 1 or shape is None else [str(classes[one]) for one in shape["candidates"]]

    def encode(self, value: Any) -> str:
        """A JSON list of class names in alphabetical order; a single class is a set of one."""
        names = [value] if isinstance(value, (str, int, float, np.generic)) else value
        if not isinstance(names, (list, tuple, set, frozenset, np.ndarray)) or not len(names):
            raise InputError.at("value", f"is {shortened(value)}", "Pass a class, or a list of classes.")
        texts = [class_text(name) for name in names if isinstance(name, (str, int, float, np.generic))]
        if len(set(texts)) < len(names):
            raise InputError.at("value", f"is {shortened(value)}", "Pass distinct names of classes.")
        return super().encode(sorted(texts))

    def decode(self, text: str, classes: Sequence[str]) -> list[str]:
        """The names of the classes, in the order of the classes."""
        names = self.decoded(text)
        if not isinstance(names, list) or not names or not all(isinstance(name, str) for name in names):
            raise InputError.at("value", f"is {shortened(text)}", 'Use a JSON list of classes, such as ["cat", "dog"].')
        unknown = sorted(set(names) - set(classes))
        if unknown or len(set(names)) < len(names):
            found = f"names a class twice: {shortened(text)}"
            found = f"names {first_few(unknown)}, which is not a class" if unknown else found
            raise InputError.at("value", found, f"Known classes: {first_few(list(classes), 12)}.")
        return [name for name in classes if name in set(names)] if len(names) > 1 else names

    def apply(self, labels: pa.ListArray, classes: Sequence[str], decided: Decided) -> pa.ListArray:
        """Return the labels with the decided sets."""
        if not len(decided.keys):
            return labels
        code_of = {name: code for code, name in enumerate(classes)}
        chosen: dict[int, list[int]] = {}
        for row, key, text in zip(decided.rows.tolist(), decided.keys, decided.values, strict=True):
            if key != WHOLE_EXAMPLE:
                raise InputError.at("unit", f"is {key!r}", "The only unit of an example is its set, ''.", row=row)
            chosen[row] = [code_of[name] for name in self.decode(text, classes)]
        missing = self.missing(labels)
        missing[list(chosen)] = False
        rows, codes = members_of(labels)
        keep = ~np.isin(rows, list(chosen))
        more = [(row, code) for row, members in chosen.items() for code in members]
        added = np.array(more, np.int64).reshape(-1, 2)
        rows, codes = np.concatenate([rows[keep], added[:, 0]]), np.concatenate([codes[keep], added[:, 1]])
        return stored(len(labels), rows, codes, missing)

    def contradicts(self, said: str, given: str | None) -> bool | None:
        """True if all classes are outside the given set, False if all are in it, None otherwise."""
        if given is None:
            return True
        mine, theirs = set(self.decoded(said)), set(self.decoded(given))
        return False if mine <= theirs else None if mine & theirs else True

    def choices(self, classes: Sequence[str]) -> tuple[str, ...]:
        """Each class by itself, as the true one."""
        return tuple(self.encode(name) for name in classes)

    def in_words(self, value: Sequence[str] | None) -> str:
        """The classes, joined by "or"."""
        return "no label" if value is None else " or ".join(value)


def members_of(labels: pa.ListArray) -> tuple[np.ndarray, np.ndarray]:
    """Return (rows, class indices), int64, of all candidates of stored sets, row by row; null rows have none."""
    missing = labels.is_null().to_numpy(zero_copy_only=False)
    sizes = np.where(missing, 0, np.diff(labels.offsets.to_numpy()))
    codes = labels.flatten().to_numpy(zero_copy_only=False).astype(np.int64)  # without the values under null lists
    return np.repeat(np.arange(len(labels)), sizes), codes


def sets_of(labels: pa.ListArray, k: int) -> np.ndarray:
    """Return stored sets as (n, k) bool, all False for unlabelled examples."""
    table = np.zeros((len(labels), k), bool)
    table[members_of(labels)] = True
    return table
