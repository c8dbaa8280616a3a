"""Parts of a report that differ between candidate sets and one class per example."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from workbench.issues.partial.learned import learned_sets
from workbench.scores.dynamics import confidence, variability
from workbench.tasks.candidates import members_of
from workbench.tasks.protocol import TaskMixin

if TYPE_CHECKING:
    from workbench.data.dataset import Dataset
    from workbench.runs.run import Run

SURE_MARGIN = 0.5
"""Minimum margin of the most likely candidate to count as clear."""


def in_words(dataset: Dataset, table: pd.DataFrame, *, stored: bool = False) -> pd.DataFrame:
    """Convert sets and classes in a table to text, "cat or dog"; with `stored`, from values in the journal's format."""
    kind = dataset.kind
    assert isinstance(kind, TaskMixin)  # its values are JSON

    def words(value: Any) -> str | None:
        if value is None or (isinstance(value, float) and value != value):
            return None
        return kind.in_words(kind.decoded(str(value) if stored else kind.encode(value)))

    columns = [name for name in ("given_label", "suggested_label", "label") if name in table]
    return table.assign(**{name: [words(one) for one in table[name]] for name in columns})


def classes_of_sets(dataset: Dataset, issues: pd.DataFrame, changed: np.ndarray) -> pd.DataFrame:
    """Count per class: sets that contain it, expected number of wrong ones, their share, issues, changed sets.

    Parameters
    ----------
    issues : result of `find_issues`. changed : (n,) bool.
    """
    rows, codes = members_of(dataset.labels)
    p, issue = np.full(dataset.n, np.nan), np.zeros(dataset.n, bool)
    p[issues["row"]], issue[issues["row"]] = issues["p_error"], issues["is_issue"]
    judged = np.isfinite(p[rows])
    rows, codes = rows[judged], codes[judged]

    def per_class(values: np.ndarray) -> np.ndarray:
        return np.bincount(codes, values[rows].astype(float), dataset.k)

    count = np.bincount(codes, minlength=dataset.k)
    expected = per_class(np.nan_to_num(p))
    table = pd.DataFrame(
        {
            "class": list(dataset.classes), "examples": count, "expected": expected,
            "issues": per_class(issue).astype(int), "share": expected / np.maximum(count, 1),
            "changed": per_class(changed).astype(int),
        }
    )  # fmt: skip
    return table[table["examples"] > 0].sort_values("share", ascending=False, kind="stable").reset_index(drop=True)


def sizes_of_sets(dataset: Dataset, issues: pd.DataFrame) -> pd.DataFrame:
    """Count per number of candidates: sets, expected number of wrong ones, share with a clear candidate (margin >=
    .5)."""
    size = np.bincount(members_of(dataset.labels)[0], minlength=dataset.n)[issues["row"].to_numpy()]
    p, clear = issues["p_error"].to_numpy(float), issues["margin"].to_numpy(float) >= SURE_MARGIN
    frame = pd.DataFrame({"size": size, "sets": 1, "expected": p, "clear": (clear | (size == 1)).astype(float)})
    table = frame[(size > 0) & np.isfinite(p)].groupby("size").sum()
    return table.assign(clear=table["clear"] / table["sets"]).reset_index()


def learned(run: Run) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return variability and confidence (n,) of the probability of the set, the share (n,) of epochs in which a
    candidate was the most likely class, and the probability by epoch (epochs, n)."""
    found = learned_sets(run)
    known = np.isfinite(found.hit)
    share = np.where(known, found.hit, 0).sum(axis=0) / np.maximum(known.sum(axis=0), 1)
    return variability(found.mass), confidence(found.mass), share, found.mass
