"""One class per token, such as parts of speech: tokens are judged one by one, without a structure of spans.

A unit is a token. A token without a label is null; an example without labels, whose number of tokens is not known, is
null as a whole.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from workbench.foundation.cells import is_missing
from workbench.foundation.errors import InputError, shortened
from workbench.foundation.lazy import LazyTable
from workbench.tasks.class_names import object_array
from workbench.tasks.classes import class_codes
from workbench.tasks.keys import check_key, number_of, number_within, position_keys
from workbench.tasks.label_type import LabelType
from workbench.tasks.protocol import Decided, Met, TaskMixin
from workbench.tasks.sentences import PADDING, flat_table, in_sentence, listed
from workbench.tasks.span_table import places
from workbench.tasks.units import Units

TOKEN_CLASSES_TYPE = pa.list_(pa.int32())
"""Arrow type of the given classes of tokens."""

TOKEN_FORMS = "Pass n lists with the class of each token, None for a token without a label."


class TokenClasses(TaskMixin):
    """Labels are Arrow lists of class indices, one per token, null for unlabelled tokens; a value is a class name."""

    name = "tokens"
    one_unit = "one token of one example"
    column = TOKEN_CLASSES_TYPE
    recorded = True
    predictions = ("pred_probs", "tokens", "texts", "embeddings", "tagger")
    formats = LazyTable(
        {
            "table": "workbench.review.export:TABLE",
            "conll": "workbench.review.span_files:CONLL",
            "hf": "workbench.review.token_files:HF_TAGS",
        }
    )

    def read(self, labels: Any, classes: Sequence[object] | None) -> tuple[pa.ListArray, tuple[str, ...]]:
        """Return stored classes and their names.

        Parameters
        ----------
        labels : n lists or arrays of classes (str, int or bool); None, -1 or -100 for a token without a label. Integers
            without `classes` are indices: 0 to the largest one.
        """
        rows = _listed(labels)
        sizes = [0 if one is None else len(one) for one in rows]
        starts = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
        flat = _flat(rows, classes)
        try:
            codes, names = class_codes(pd.Series(flat, dtype=object), _names_of(flat, classes))
        except InputError as error:
            raise in_sentence(error, starts) from error
        missing = np.array([one is None for one in rows], bool)
        return _stored(codes, starts, missing), names

    def label_type(self, labels: Any, classes: Sequence[object] | None) -> LabelType:
        """Return the type of the classes of the tokens, or of `classes`."""
        flat = [one for one in _flat(_listed(labels), classes) if one is not None]
        return LabelType.of(flat if classes is None else list(classes))

    def check(self, labels: pa.ListArray, classes: Sequence[str]) -> None:
        """Check for class indices in [0, k) or null."""
        super().check(labels, classes)
        flat = labels.flatten().fill_null(-1).to_numpy(zero_copy_only=False)
        outside = np.flatnonzero((flat < -1) | (flat >= len(classes)))
        if len(outside):
            place = int(outside[0])
            row = int(np.searchsorted(token_starts(labels), place, side="right")) - 1
            todo = "Restore them, or read them with `Dataset.from_arrays(labels, task='tokens')`."
            raise InputError.at("labels", f"holds the class {int(flat[place])} of {len(classes)}", todo, row=row)

    def to_column(self, labels: pa.ListArray, classes: Sequence[Any]) -> np.ndarray:
        """Lists of classes, None for tokens without a label."""
        names = [*classes, None]
        return object_array(one and [names[-1 if code is None else code] for code in one] for one in labels.to_pylist())

    def differ(self, labels: pa.ListArray, others: pa.ListArray) -> np.ndarray:
        """(n,) bool, whether the classes differ."""
        different = self.missing(labels) != self.missing(others)
        sizes, other_sizes = (np.diff(token_starts(one)) for one in (labels, others))
        different |= sizes != other_sizes
        rows = [np.repeat(np.arange(len(labels)), one) for one in (sizes, other_sizes)]
        one, other = (token_codes(part)[~different[row]] for part, row in zip((labels, others), rows))
        different[rows[0][~different[rows[0]]][one != other]] = True
        return different

    def units(self, labels: pa.ListArray, classes: Sequence[str]) -> Units:
        """All tokens; those of examples without labels are not known."""
        starts = token_starts(labels)
        rows = np.repeat(np.arange(len(labels)), np.diff(starts))
        within = number_within(rows)
        return Units(len(labels), rows, token_codes(labels), position_keys(within), shapes=places(within, within + 1))

    def meet(self, units: Units, classes: Sequence[str], *, pred_probs: Any = None, **others: Any) -> Met:
        """Probabilities, n arrays (tokens, k), as rows of the units."""
        if pred_probs is None:
            return Met(units, {})
        return Met(units, {"pred_probs": flat_table("pred_probs", listed("pred_probs", pred_probs), units.starts)})

    def decode(self, text: str, classes: Sequence[str]) -> str:
        """The class name, which must be among `classes`."""
        name = self.decoded(text)
        if not isinstance(name, str) or name not in classes:
            raise InputError.unknown("class", shortened(name), classes)
        return name

    def apply(self, labels: pa.ListArray, classes: Sequence[str], decided: Decided) -> pa.ListArray:
        """Return the labels with the decided classes."""
        if not len(decided.keys):
            return labels
        starts, codes = token_starts(labels), token_codes(labels).copy()
        code_of = {name: code for code, name in enumerate(classes)}
        for row, key, text in zip(np.asarray(decided.rows).tolist(), decided.keys, decided.values, strict=True):
            number, own = number_of(check_key(key)), int(starts[row + 1] - starts[row])
            if number is None or key[0] != "p" or number >= own:
                todo = f"The example has {own} tokens; name one by its number, such as 'p0'."
                raise InputError.at("unit", f"is {key!r}", todo, row=row)
            codes[starts[row] + number] = code_of[self.decode(text, classes)]
        return _stored(codes, starts, self.missing(labels))


def token_starts(labels: pa.ListArray) -> np.ndarray:
    """Return starts (n + 1,) int64 of the examples in `token_codes`; an example without labels has no tokens."""
    sizes = np.diff(labels.offsets.to_numpy())
    sizes = np.where(labels.is_null().to_numpy(zero_copy_only=False), 0, sizes)
    return np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)


def token_codes(labels: pa.ListArray) -> np.ndarray:
    """Return the class index of each token, (t,) int64, -1 without a label."""
    return labels.flatten().fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64)


def _stored(codes: np.ndarray, starts: np.ndarray, missing: np.ndarray) -> pa.ListArray:
    values = pa.array(codes.astype(np.int32), mask=codes < 0)
    return pa.ListArray.from_arrays(pa.array(starts.astype(np.int32)), values, mask=pa.array(missing))


def _listed(labels: Any) -> list[list[Any] | None]:
    """Return one list of classes per example, None without labels."""
    to_list = getattr(labels, "to_pylist", None)
    labels = labels if to_list is None else to_list()
    if isinstance(labels, (str, bytes, dict)) or not hasattr(labels, "__iter__"):
        raise InputError.at("labels", f"is a {type(labels).__name__}", TOKEN_FORMS)
    return [_classes_of(one, row) for row, one in enumerate(labels)]


def _classes_of(one: Any, row: int) -> list[Any] | None:
    if hasattr(one, "to_pylist"):
        one = one.to_pylist()
    if hasattr(one, "detach"):
        one = one.detach().cpu().numpy()
    if is_missing(one):
        return None
    if not isinstance(one, (list, tuple, np.ndarray, pd.Series, pd.Index)) or getattr(one, "ndim", 1) != 1:
        raise InputError.at("labels", f"is {shortened(one)}", TOKEN_FORMS, row=row)
    found = list(one)
    for place, value in enumerate(found):
        if not is_missing(value) and not isinstance(value, (str, int, float, np.generic)):
            raise InputError.at("labels", f"token {place} is {shortened(value)}", TOKEN_FORMS, row=row)
    return found


def _flat(rows: list[list[Any] | None], classes: Sequence[object] | None) -> list[Any]:
    """Return the classes of all tokens, None without a label, which -1 and -100 mean unless they name classes."""
    blank = {-1, PADDING} - {one for one in classes or () if isinstance(one, (int, np.integer))}
    return [
        None if is_missing(value) or (not isinstance(value, str) and value in blank) else value
        for one in rows
        for value in one or ()
    ]


def _names_of(flat: list[Any], classes: Sequence[object] | None) -> Sequence[object] | None:
    """Return the names of the classes; those of integers are all numbers up to the largest one."""
    if classes is not None:
        return classes
    there = [one for one in flat if one is not None]
    whole = there and all(isinstance(one, (int, np.integer)) and not isinstance(one, bool) for one in there)
    largest = max(there) if whole else 0
    return list(range(int(largest) + 1)) if whole and min(there) >= 0 and largest < LARGEST_INDEX else None


LARGEST_INDEX = 10_000
"""Integers from here on are names of classes, not their indices."""
