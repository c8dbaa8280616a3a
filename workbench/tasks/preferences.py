"""Preferences: which of two answers to a prompt is better, as used to train reward models and for DPO.

A unit is a pair of answers, that is, an example. The texts are in the columns prompt, chosen and rejected of the
metadata; "first" is the answer in the column chosen, "second" that in rejected. A table without a column of labels
states that the chosen answer is better in every row.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from hashlib import blake2b
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from workbench.foundation.cells import is_missing
from workbench.foundation.checks import in_memory
from workbench.foundation.errors import InputError, shortened
from workbench.foundation.lazy import LazyTable
from workbench.tasks.class_names import class_text, object_array
from workbench.tasks.keys import WHOLE_EXAMPLE
from workbench.tasks.protocol import Decided, Met, TaskMixin
from workbench.tasks.units import Units

PREFERENCE_ANSWERS = ("first", "second", "tie", "neither")
"""Which answer is better: the first or the second, both are equally good, or both are too poor to be used."""

PREFERENCE_TEXTS = ("prompt", "chosen", "rejected")
PREFERENCE_SCORES = ("chosen_score", "rejected_score")
PREFERRED = "preferred"
"""Column of the answers, where a table has none of the name that was passed."""

JUDGE_COLUMN, SWAPPED_COLUMN = "judge_", "swapped_judge_"
"""Prefixes of columns of judgements: with the answers in the given order, and with the second one shown first."""

ALSO = {"1": "first", "2": "second", "0": "tie", "chosen": "first", "rejected": "second", "equal": "tie"}
"""Other forms of the answers."""

PREFERENCE_FORMS = "Use 'first' (or 1), 'second' (2), 'tie' (0), 'neither', or None for a pair without a label."


class Preferences(TaskMixin):
    """Labels are indices of `PREFERENCE_ANSWERS`, null for pairs without a label; a value is the name of an answer."""

    name = "preferences"
    one_unit = "one pair of answers"
    long_tables = True
    text_cells = True
    column = pa.int32()
    predictions = ("scores", "judgements", "swapped_judgements")
    formats = LazyTable(
        {
            "table": "workbench.review.export:TABLE",
            "dpo": "workbench.ranking.preference_files:DPO",
            "hf": "workbench.review.hf_files:HF_PREFERENCES",
        }
    )

    def read(self, labels: Any, classes: Sequence[object] | None = None) -> tuple[pa.Array, tuple[str, ...]]:
        """Read the answers (n,): a list, array or Series.

        Parameters
        ----------
        labels : "first", 1 or "chosen"; "second", 2 or "rejected"; "tie", 0 or "equal"; "neither"; None or NaN for a
            pair without a label.
        classes : None or `PREFERENCE_ANSWERS`, since the answers are fixed.
        """
        if classes is not None and tuple(classes) != PREFERENCE_ANSWERS:
            raise InputError.at("classes", f"is {shortened(list(classes))}", "Leave it out: the answers are fixed.")
        to_list = getattr(labels, "to_pylist", None)
        labels = in_memory("labels", labels if to_list is None else to_list())
        if isinstance(labels, (str, bytes, Mapping, pd.DataFrame)) or not hasattr(labels, "__iter__"):
            raise InputError.at("labels", f"is a {type(labels).__name__}", PREFERENCE_FORMS)
        codes = [answer_code(one, "labels", row) for row, one in enumerate(labels)]
        return pa.array([None if code < 0 else code for code in codes], self.column), PREFERENCE_ANSWERS

    def gather(self, frame: pd.DataFrame, named: Mapping[str, Any]) -> tuple[pd.DataFrame, dict[str, Any]]:
        """The table with a column of labels; the prompt is the text of an example unless another column is named."""
        rest = {name: value for name, value in named.items() if name != "classes"}
        if set(PREFERENCE_TEXTS) <= set(frame.columns):
            check_pair_texts(frame)
            rest["text"] = named.get("text") or PREFERENCE_TEXTS[0]
            if named["label"] not in frame.columns:
                rest["label"] = PREFERRED
            if rest["label"] not in frame.columns:
                frame = frame.assign(**{PREFERRED: PREFERENCE_ANSWERS[0]})
        return frame, rest

    def of_frame(self, frame: pd.DataFrame) -> Mapping[str, Any] | None:
        """The column "id", if there is one, of a table with the columns prompt, chosen and rejected."""
        if not set(PREFERENCE_TEXTS) <= set(frame.columns):
            return None
        return {"id": "id"} if "id" in frame.columns else {}

    def evidence_in(self, metadata: pd.DataFrame) -> dict[str, Any]:
        """The columns chosen_score and rejected_score, judge_NAME and swapped_judge_NAME."""
        found: dict[str, Any] = {}
        if set(PREFERENCE_SCORES) <= set(metadata.columns):
            found["scores"] = metadata[list(PREFERENCE_SCORES)]
        for name, prefix in (("judgements", JUDGE_COLUMN), ("swapped_judgements", SWAPPED_COLUMN)):
            own = [one for one in metadata.columns if str(one).startswith(prefix)]
            if own:
                found[name] = metadata[own].rename(columns=lambda one, prefix=prefix: str(one)[len(prefix) :])
        return found

    def check(self, labels: Any, classes: Sequence[str]) -> None:
        """Check that labels are indices of answers, or null."""
        super().check(labels, classes)
        codes = answer_codes(labels)
        wrong = np.flatnonzero((codes >= len(classes)) | ((codes < 0) & ~self.missing(labels)))
        if len(wrong):
            found = f"is {int(codes[wrong[0]])} for {len(classes)} answers"
            raise InputError.at("labels", found, "Use 0 to k-1, or null for no label.", row=int(wrong[0]))

    def to_column(self, labels: pa.Array, classes: Sequence[Any]) -> np.ndarray:
        """Names of the answers, None for pairs without a label."""
        return object_array([*classes, None])[answer_codes(labels)]

    def units(self, labels: pa.Array, classes: Sequence[str]) -> Units:
        """Each example is its own unit."""
        return Units.of_examples(answer_codes(labels))

    def meet(self, units: Units, classes: Sequence[str], **predictions: Any) -> Met:
        """The units; scores and judgements are used by the estimator."""
        return Met(units, {})

    def decode(self, text: str, classes: Sequence[str]) -> str:
        """The name of an answer."""
        value = self.decoded(text)
        if not isinstance(value, str) or value not in classes:
            raise InputError.unknown("answer", value, classes)
        return value

    def apply(self, labels: pa.Array, classes: Sequence[str], decided: Decided) -> pa.Array:
        """Return the labels with the decided answers."""
        codes = answer_codes(labels)
        code_of = {name: code for code, name in enumerate(classes)}
        for row, key, text in zip(decided.rows.tolist(), decided.keys, decided.values, strict=True):
            if key != WHOLE_EXAMPLE:
                raise InputError.at("unit", f"is {key!r}", "The only unit of a pair of answers is ''.", row=row)
            codes[row] = code_of[self.decode(text, classes)]
        return pa.array(codes, self.column, mask=codes < 0)

    def in_words(self, value: str | None) -> str:
        """The name of the answer, "no label" for None."""
        return "no label" if value is None else value


def answer_codes(labels: pa.Array) -> np.ndarray:
    """Return stored labels as (n,) int64 indices, -1 for null; a new array."""
    return np.array(labels.cast(pa.int64()).fill_null(-1).to_numpy(zero_copy_only=False))


def answer_code(value: Any, field: str, row: int) -> int:
    """Return the index of an answer in any of its forms, -1 for a missing one; errors name the field and the row."""
    if is_missing(value):
        return -1
    text = class_text(value) if isinstance(value, Hashable) and not isinstance(value, (bool, np.bool_)) else None
    name = ALSO.get(text, text) if text is not None else None
    if name not in PREFERENCE_ANSWERS:
        raise InputError.at(field, f"is {shortened(value)}", PREFERENCE_FORMS, row=row)
    return PREFERENCE_ANSWERS.index(name)


def check_pair_texts(frame: Any) -> None:
    """Raise `InputError` unless a table has a text in the columns prompt, chosen and rejected of each row."""
    if not isinstance(frame, pd.DataFrame):
        todo = "Pass a DataFrame with the columns prompt, chosen and rejected."
        raise InputError.at("frame", f"is a {type(frame).__name__}", todo)
    for name in PREFERENCE_TEXTS:
        if name not in frame.columns:
            raise InputError.unknown("column", name, frame.columns, "A pair has a prompt, a chosen and a rejected one.")
        wrong = [row for row, text in enumerate(frame[name].tolist()) if not isinstance(text, str)]
        if wrong:
            raise InputError.at("frame", f"has no text in {name!r}", "Pass texts, or drop the row.", row=wrong[0])


def shown_swapped(ids: Sequence[object], seed: int = 0) -> np.ndarray:
    """Whether the second answer of a pair is shown first, bool (m,): at random, but the same whenever it is shown.

    Parameters
    ----------
    ids : (m,) ids of examples, int or str.
    seed : another one gives other orders.
    """
    return np.array([blake2b(f"{seed} {one}".encode(), digest_size=1).digest()[0] % 2 == 1 for one in ids], bool)
