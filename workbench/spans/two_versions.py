"""Two versions of the annotation of the same texts: what was removed, added, retyped and moved, class by class."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from workbench.foundation.errors import InputError
from workbench.foundation.printing import Printed
from workbench.spans.overlaps import matched_spans
from workbench.spans.projection_faults import Fault, fault_table
from workbench.spans.span_lists import SpanLists, read_ids, read_span_lists, read_texts
from workbench.tasks.sentences import listed
from workbench.tasks.span_tags import OUTSIDE, Span


@dataclass(frozen=True, repr=False)
class Versions(Printed):
    """Differences between two versions.

    Attributes
    ----------
    counts : DataFrame indexed by class: old, new (numbers of spans), kept, retyped, moved, removed (old to O), added (O
        to new), removed_share (of `old`, NaN without any).
    confusion : DataFrame, int64: classes of the old version and "O" in rows, of the new one and "O" in columns; spans
        that match, and those without a match against "O".
    issues : DataFrame indexed by (id, unit) about the *new* version, in the format of `Projection.issues`: "removed",
        with the old span as suggestion, "retyped" and "moved", with the old class or position.
    """

    counts: pd.DataFrame
    confusion: pd.DataFrame
    issues: pd.DataFrame

    def __str__(self) -> str:
        total = self.counts.sum()
        parts = [f"{int(total[name]):,} {name}" for name in ("kept", "retyped", "moved", "removed", "added")]
        return f"{int(total['old']):,} old and {int(total['new']):,} new spans: {', '.join(parts)}"


def compare_versions(old: Any, new: Any, *, texts: Any = None, tokens: Any = None, ids: Any = None) -> Versions:
    """Compare two versions of the spans of the same texts, and propose lost spans back.

    Parameters
    ----------
    old, new : n lists of spans or tags, in the same positions; Runs or Datasets of spans.
    texts : n str, if positions count characters; by default those of `new`. tokens : n lists of str.
    ids : n ids; by default those of `new`.

    Returns
    -------
    Versions, with `counts`, `confusion` and `issues`

    Raises
    ------
    InputError : different numbers of examples.

    Notes
    -----
    An old and a new span match if their intersection is at least half of their union; the pairs with the largest
    overlap match first, those of one class before others. A pair with the same class and position is kept, with
    another class retyped, and with the same class elsewhere moved. An old span without a match is removed (old to O), a
    new one added (O to new). An example without a label in one of the versions is left out.

    Examples
    --------
    >>> found = compare_versions([["B-PER", "O", "B-LOC"]], [["B-PER", "O", "O"]])
    >>> found.counts.loc["LOC", "removed"], found.issues["suggested_label"].tolist()
    (1, ['LOC'])
    """
    before, after = read_span_lists(old, "old"), read_span_lists(new, "new")
    if before.n != after.n:
        raise InputError.at("new", f"has {after.n} examples, `old` {before.n}", "Pass versions of the same texts.")
    _check_lengths(before, after)
    names = sorted({*before.names, *after.names})
    code_of = {name: code for code, name in enumerate([*names, OUTSIDE])}
    table = np.zeros((len(names) + 1, len(names) + 1), np.int64)
    moved = np.zeros(len(names), np.int64)
    faults: list[Fault] = []
    for row in np.flatnonzero(~before.missing & ~after.missing).tolist():
        for one, other in matched_spans(before.spans[row], after.spans[row]):
            table[code_of[one[2] if one else OUTSIDE], code_of[other[2] if other else OUTSIDE]] += 1
            fault = _difference(row, one, other)
            if fault is not None:
                faults.append(fault)
                if fault.kind == "moved" and one is not None:
                    moved[code_of[one[2]]] += 1
    same = np.diag(table)[:-1]
    outside = len(names)
    counts = pd.DataFrame(
        {
            "old": table[:-1].sum(axis=1), "new": table[:, :-1].sum(axis=0), "kept": same - moved,
            "retyped": table[:-1, :-1].sum(axis=1) - same, "moved": moved, "removed": table[:-1, outside],
            "added": table[outside, :-1],
        },
        index=pd.Index(names, name="class"),
    )  # fmt: skip
    counts["removed_share"] = (counts["removed"] / counts["old"]).where(counts["old"] > 0)
    labels = pd.Index([*names, OUTSIDE])
    confusion = pd.DataFrame(table, labels.rename("old"), labels.rename("new"))
    words = after.texts if texts is None else read_texts(texts, after.n)
    split = None if tokens is None else listed("tokens", tokens)
    issues = fault_table(faults, read_ids(ids, after.ids), after.spans, words, split)
    return Versions(counts, confusion, issues)


def _difference(row: int, one: Span | None, other: Span | None) -> Fault | None:
    """Return what happened to an old span; None if it is unchanged or the new one was added."""
    if one is None or one == other:
        return None
    if other is None:
        return Fault(row, "removed", None, one, f"the old version has {one[2]} here")
    if one[2] != other[2]:
        return Fault(row, "retyped", other, one, f"the old version has {one[2]}")
    return Fault(row, "moved", other, one, f"the old version has it at {one[0]}:{one[1]}")


def _check_lengths(before: SpanLists, after: SpanLists) -> None:
    """Raise InputError for versions of different numbers of tokens, or in tokens and in characters."""
    both = ~before.missing & ~after.missing
    wrong = np.flatnonzero(both & (before.lengths != after.lengths) & (before.lengths >= 0) & (after.lengths >= 0))
    if len(wrong):
        row = int(wrong[0])
        found = f"has {after.lengths[row]} tokens, `old` {before.lengths[row]}"
        raise InputError.at("new", found, "If the texts were edited, use `move_spans` first.", row=row)
