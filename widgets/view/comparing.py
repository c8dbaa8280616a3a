"""Comparison with another run: differences as columns, positions on the data map, agreement as text.

All numbers are those of `workbench.experiments.compare_runs`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from widgets.view.columns import Column, float_column
from widgets.view.judging import issues_of
from widgets.wire.shapes import ScoreChange
from workbench.experiments.comparisons.two_runs import compare_runs

if TYPE_CHECKING:
    import pandas as pd

    from workbench.runs.run import Run

ISSUES = ("in neither", "only here", "only in the other", "in both")
PREDICTED = ("the same", "differs")


@dataclass(frozen=True)
class Compared:
    """The parts of a comparison that a view shows.

    Attributes
    ----------
    name : of the other run. text : summary. phrases : parts of the summary, without the scores. columns : differences,
    other run minus this one. scores : dicts of name, spearman, mean_change and mean_absolute_change (None if unknown).
    places : (n,) float32 values of the other run by score, NaN if missing.
    """

    name: str
    text: str
    phrases: list[str]
    scores: list[ScoreChange]
    columns: dict[str, Column]
    places: dict[str, np.ndarray]


def compared(run: Run, other: Run, issues: pd.DataFrame, author: str | None = None) -> Compared:
    """Compare the displayed run (with label issues `issues`) with another one; `author` as in `issues_of`."""
    found = compare_runs(run, other, issues=(issues, issues_of(other, author)))
    table = found.table.reindex(run.dataset.ids)
    columns, places = {}, {}
    for name in table.columns:
        if name.endswith("_change"):
            short = name.removesuffix("_change")
            title = f"{short} of {other.name} minus {short} here"
            columns[f"{short} change"] = Column(f"{short} change", float_column(table[name]), title=title)
            places[short] = float_column(table[f"{short}_b"])
    if "moved" in table:
        title = f"distance on the data map to the position in {other.name}"
        columns["moved"] = Column("moved", float_column(table["moved"]), title=title)
    if "neighbors_kept" in table:
        title = f"share of the 10 nearest neighbours that are the same in {other.name}"
        kept = float_column(table["neighbors_kept"])
        columns["neighbors kept"] = Column("neighbors kept", kept, None, "low", (0.0, 1.0), title)
    if "predicted_a" in table:
        both = table["predicted_a"].notna() & table["predicted_b"].notna()
        codes = np.where(both, (table["predicted_a"] != table["predicted_b"]).astype(int), -1)
        title = f"prediction here and in {other.name}"
        columns["prediction"] = Column("prediction", codes.astype(np.int32), PREDICTED, title=title)
    if "is_issue_a" in table:
        there = table["is_issue_a"].notna()
        a, b = (table[name].fillna(False).astype(bool).to_numpy() for name in ("is_issue_a", "is_issue_b"))
        codes = np.where(there, a + 2 * b, -1).astype(np.int32)
        columns["label issue"] = Column("label issue", codes, ISSUES, title=f"label issue here and in {other.name}")
    numbers = found.scores.drop(columns="n").astype(object)
    rows = numbers.where(numbers.notna(), None).to_dict("index").items()
    scores: list[ScoreChange] = [
        {
            "name": name,
            "spearman": row["spearman"],
            "mean_change": row["mean_change"],
            "mean_absolute_change": row["mean_absolute_change"],
        }
        for name, row in rows
    ]
    return Compared(other.name, " ".join(str(found).split()), found.phrases, scores, columns, places)
