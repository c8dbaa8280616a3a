"""Labels that were corrected before: what `find_issues` then says about its number of errors.

Corrections follow the evidence: whatever contradicted it is gone, and what is left agrees with it. Counted again by the
same evidence, the errors are too few, and nothing in the labels shows it. Only their origin does: labels from
`Run.corrected_labels` carry it, and so do the columns of an export that is read again.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from workbench.data.dataset import Dataset
from workbench.foundation.checks import P
from workbench.runs.changed import CORRECTED
from workbench.runs.run import Run, opened

OF_EXPORT = ("given_label", "changed", "verdict")
"""Columns by which a table is known as an export of corrected labels (`workbench.review.export`)."""


def says_corrected(function: Callable[P, pd.DataFrame]) -> Callable[P, pd.DataFrame]:
    """Decorate `find_issues`: `attrs` say if the labels were corrected before, and what that does to their number.

    attrs["labels_corrected"] : in words, "" if nothing is known; `errors_in_words` ends with it, unless it is the
        number of an audit, which asks people and not the evidence.
    """

    @functools.wraps(function)
    def said(*args: P.args, **named: P.kwargs) -> pd.DataFrame:
        frame = function(*args, **named)
        passed = [*args, *(named.get(name) for name in ("source", "labels", "given_labels"))]
        words = corrected_in_words(next((one for one in passed if one is not None), None))
        frame.attrs["labels_corrected"] = words
        number = str(frame.attrs.get("errors_in_words", ""))
        if words and number and words not in number and frame.attrs.get("errors_source") != "audit":
            frame.attrs["errors_in_words"] = f"{number}; {words}"
        return frame

    return said


def corrected_in_words(labels: Any) -> str:
    """What is known of earlier corrections of labels, a data set, or a run (or its path); "" if nothing is."""
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
        return ""
    labels_of = "the labels of 1 example were" if count == 1 else f"the labels of {count:,} examples were"
    return (
        f"{labels_of} corrected before{where}: errors that this evidence showed then are gone, and the number is too "
        "small; an audit can tell"
    )


def _true(values: pd.Series) -> np.ndarray:
    """(n,) bool of a column of bools, or of the words that a CSV file has for them."""
    return values.astype(str).str.lower().isin(["true", "1", "1.0"]).to_numpy(bool)
