"""Ready-made slices of a run: one bool column each, with a sentence that describes its contents and how it was found.

This module determines which slices the evidence allows, and computes them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from workbench.foundation.errors import MissingEvidence
from workbench.issues.confusion import predicted_labels
from workbench.issues.detector import find_issues
from workbench.issues.duplicates import duplicates
from workbench.issues.outliers import far_from
from workbench.runs.run import opened
from workbench.scores import score
from workbench.tasks import require_task

if TYPE_CHECKING:
    from workbench.runs.run import Run


def slices(run: Run, *, issues: pd.DataFrame | None = None, scores: pd.DataFrame | None = None) -> pd.DataFrame:
    """Return ready-made slices of a run, that is, examples selected by the evidence.

    Parameters
    ----------
    run : a Run or its path.
    issues, scores : results of `find_issues(run)` and `score(run)`; computed if not given

    Returns
    -------
    DataFrame indexed by id in dataset order, one bool column per nonempty slice. `.attrs["how"][name]` describes the
    slice. Examples of a slice: `frame.index[frame["outliers"]]`
    """
    run = opened(run)
    require_task(run, "multiclass", "slices")
    index = pd.Index(run.dataset.ids, name="id")
    ranked = score(run) if scores is None else scores
    found = find_issues(run) if issues is None else issues
    columns: dict[str, np.ndarray] = {}
    how: dict[str, str] = {}
    for name, mask, words in _all(run, found.reindex(index), ranked.reindex(index)):
        if mask.any():
            columns[name], how[name] = mask, words
    frame = pd.DataFrame(columns, index=index, dtype=bool)
    frame.attrs["how"] = how
    return frame


def _all(run: Run, issues: pd.DataFrame, scores: pd.DataFrame) -> Iterator[tuple[str, np.ndarray, str]]:
    yield from _of_scores(scores)
    suggested, given = run.dataset.codes_of(issues["suggested_label"]), run.dataset.given_labels
    yield (
        "suggestion differs",
        (suggested >= 0) & (suggested != given),
        "the suggested label is not the given one",
    )
    yield from _of_predictions(run)
    yield from _of_duplicates(run)
    if "neighbor_distance" in scores:
        values = scores["neighbor_distance"].to_numpy(float)
        limit = far_from(values)
        with np.errstate(invalid="ignore"):
            yield "outliers", values > limit, f"mean distance to the neighbours beyond {limit:.3g} (Q3 + 1.5 IQR)"


def _of_scores(scores: pd.DataFrame) -> Iterator[tuple[str, np.ndarray, str]]:
    """Return the slices defined by a threshold on one score."""
    simple = (
        ("never learned", "never_learned", 0.5, "in no epoch predicted as given"),
        ("most neighbours disagree", "neighbor_disagreement", 0.5, "more than half of the neighbours differ in label"),
        ("forgotten more than once", "forgetting", 1, "two or more steps from right to wrong"),
        ("annotators disagree", "annotator_disagreement", 0, "not all annotators gave the same label"),
    )
    for name, column, above, words in simple:
        if column in scores:
            yield name, scores[column].to_numpy(float) > above, words


def _of_predictions(run: Run) -> Iterator[tuple[str, np.ndarray, str]]:
    try:
        predicted, how = predicted_labels(run)
    except MissingEvidence:
        return  # without predictions there is no such slice
    given = run.dataset.given_labels
    yield "prediction differs", (predicted >= 0) & (given >= 0) & (predicted != given), how


def _of_duplicates(run: Run) -> Iterator[tuple[str, np.ndarray, str]]:
    try:
        table = duplicates(run)
    except MissingEvidence:
        return  # without its evidence there is no such slice
    rows = run.dataset.rows(table.index.to_numpy())

    def mask(chosen: pd.Series) -> np.ndarray:
        out = np.zeros(run.n, bool)
        out[rows[chosen.to_numpy(bool)]] = True
        return out

    how = table.attrs["how"]
    yield "exact duplicates", mask(table["kind"] == "exact"), how
    yield "near-duplicates", mask(table["kind"] == "near"), how
    yield "duplicates, other label", mask(table["conflict"]), f"a duplicate has another given label; {how}"
