"""Labels that differ from the given ones according to the journal."""

from __future__ import annotations

from typing import Any

import pandas as pd

from workbench.data.dataset import Dataset

CORRECTED = "workbench_corrected"
"""Key of `Series.attrs` of corrected labels: the name of their run, and how many examples changed."""


def marked_as_corrected(labels: pd.Series, run: Any, changed: int) -> pd.Series:
    """Mark labels with their origin, so that `find_issues` can warn about the number of their errors."""
    labels.attrs[CORRECTED] = {"run": run.name, "changed": changed}
    return labels


def changed_labels(dataset: Dataset, state: pd.DataFrame) -> pd.DataFrame:
    """Return the table of `Run.changes` from the state of a journal.

    Parameters
    ----------
    dataset : with its given labels and the classes added in the journal. state : as returned by `Journal.state`, per
        example or, for other kinds of labels than classes, per unit.
    """
    state = state[state["label"].notna()]
    rows, known = dataset.find(state.index.get_level_values("id"))
    state = state[known]
    if dataset.kind.one_class:
        given, now = dataset.given_labels[rows], dataset.codes_of(state["label"])
        changed = given != now
        state = state.assign(given_label=dataset.labels_of(given), label=dataset.labels_of(now))
    else:
        values = dataset.values_at(rows, state.index.get_level_values("unit").tolist(), state["label"].tolist())
        state = state.assign(given_label=pd.Series(values, index=state.index, dtype=object))
        changed = state["given_label"] != state["label"]
    return state.loc[changed, ["given_label", "label", "author", "time", "reason"]]
