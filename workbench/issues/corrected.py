"""Labels that were corrected before: `find_issues` then gives no number of errors, only a range.

Corrections follow the evidence: whatever contradicted it is gone, and what is left agrees with it. Counted again by the
same evidence, the errors are too few, and nothing in the labels shows it. Only their origin does: labels from
`Run.corrected_labels` carry it, and so do the columns of an export that is read again.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from workbench.data.dataset import Dataset
from workbench.foundation.checks import P, check_share
from workbench.issues import counts
from workbench.issues.marking import none_marked
from workbench.issues.totals import ENOUGH_AUDITED, audit_of
from workbench.runs.changed import CORRECTED
from workbench.runs.run import Run, opened

OF_EXPORT = ("given_label", "changed", "verdict")
"""Columns by which a table is known as an export of corrected labels (`workbench.review.export`)."""

INTERVALS = ("expected_errors_interval", "expected_errors_units_interval", "expected_errors_examples_interval")
"""Attributes of a result that hold an interval of its number of errors."""


class Corrections(NamedTuple):
    """What is known of earlier corrections of labels.

    changed : number of examples whose labels were changed, 0 if nothing is known. words : the same, and what follows
    for the number of errors; "" if nothing is known.
    """

    changed: int
    words: str


def says_corrected(function: Callable[P, pd.DataFrame]) -> Callable[P, pd.DataFrame]:
    """Decorate `find_issues`: if the labels were corrected before, their number of errors is not identified.

    attrs["labels_corrected"] : in words, "" if nothing is known; attrs["corrected_examples"] : how many. The number of
        errors becomes a range from 0 to the estimate plus the number of corrected examples, as if corrections had found
        at least half of the errors; with `fdr`, nothing is marked, with a warning. Neither concerns the number of an
        audit, which asks people and not the evidence.
    """

    @functools.wraps(function)
    def said(*args: P.args, **named: P.kwargs) -> pd.DataFrame:
        passed = [*args, *(named.get(name) for name in ("source", "labels", "given_labels"))]
        source = next((one for one in passed if one is not None), None)
        found = corrections(source)
        share: Any = named.get("fdr") if found.changed and not _audited(source) else None
        if share is not None:
            check_share("fdr", share)
            named["fdr"] = None
        frame = function(*args, **named)
        done = frame.attrs.get("corrected_examples", 0)  # by a worker
        frame.attrs |= {"labels_corrected": found.words, "corrected_examples": found.changed}
        if not found.changed or done or frame.attrs.get("errors_source") == "audit":
            return frame
        _refuse_number(frame, found)
        return frame if share is None else _unmarked(frame, f"{share:g}", found.words)

    return said


def corrections(labels: Any) -> Corrections:
    """Return what is known of earlier corrections of labels, a data set, or a run (or its path)."""
    where, count = "", 0
    origin = getattr(labels, "attrs", {}).get(CORRECTED) if isinstance(labels, pd.Series) else None
    if isinstance(origin, dict):
        where, count = f" in the run {origin['run']!r}", int(origin["changed"])
    else:
        source = opened(labels) if isinstance(labels, str) or hasattr(labels, "__fspath__") else labels
        dataset = source.dataset if isinstance(source, Run) else source
        if isinstance(dataset, Dataset):
            named = {dataset.column_of.get(name, name): name for name in dataset.metadata.columns}
            if set(OF_EXPORT) <= set(named):
                where, count = " (column 'changed')", int(_true(dataset.metadata[named["changed"]]).sum())
    if not count:
        return Corrections(0, "")
    labels_of = "the labels of 1 example were" if count == 1 else f"the labels of {count:,} examples were"
    gone = "errors that this evidence showed then are gone, and it cannot count the others"
    return Corrections(count, f"{labels_of} corrected before{where}, so {gone}")


def _audited(source: Any) -> bool:
    """Whether the source is a run, or its path, with an audit whose number may be shown."""
    run = opened(source) if isinstance(source, str) or hasattr(source, "__fspath__") else source
    found = audit_of(run) if isinstance(run, Run) else None
    return found is not None and found.judged >= ENOUGH_AUDITED


def _refuse_number(frame: pd.DataFrame, found: Corrections) -> None:
    """Replace the number of errors in the attributes of a result by a range."""
    attrs = frame.attrs
    if "expected_errors" not in attrs:
        return
    identified = attrs.get("errors_identified", True)
    for name in INTERVALS:
        if name in attrs:
            attrs[name] = (0.0, round(float(attrs[name][1]) + found.changed, 1))
    attrs[INTERVALS[0]] = (0.0, min(attrs[INTERVALS[0]][1], float(attrs.get("judged", np.inf))))
    attrs["errors_identified"] = False
    if identified:
        of_units = frame.index.nlevels > 1 or ("units" in frame and bool((frame["units"] > 1).any()))
        interval = attrs.get("expected_errors_units_interval", attrs["expected_errors_interval"])
        todo = f"audit {counts.AUDIT_SIZE} {'units' if of_units else 'examples'} to find out"
        attrs["errors_in_words"] = counts.count_in_words(0.0, interval, False, found.words, todo)
    else:
        attrs["errors_in_words"] = "; ".join(filter(None, (attrs.get("errors_in_words"), found.words)))


def _unmarked(frame: pd.DataFrame, share: str, why: str) -> pd.DataFrame:
    """Mark no issue, since no share of false alarms can be guaranteed."""
    how = f"no issue is marked, because a share of false alarms of {share} cannot be guaranteed: {why}"
    marked = none_marked(len(frame), how, f"Audit {counts.AUDIT_SIZE} examples (`wb.audit`), or use `threshold=`.")
    frame["is_issue"] = marked.chosen
    if "units_doubted" in frame:
        frame["units_doubted"] = np.zeros(len(frame), np.int64)
    frame.attrs["threshold"] = how
    return frame


def _true(values: pd.Series) -> np.ndarray:
    """(n,) bool of a column of bools, or of the words that a CSV file has for them."""
    return values.astype(str).str.lower().isin(["true", "1", "1.0"]).to_numpy(bool)
