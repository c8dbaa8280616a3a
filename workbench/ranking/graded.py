"""Judgements in any form as a table: query, item and grade."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from workbench.data.dataset import Dataset
from workbench.foundation.errors import InputError, shortened
from workbench.issues.pairs.pair_evidence import gains_of
from workbench.runs.run import Run
from workbench.tasks import require_task
from workbench.tasks.class_names import class_text
from workbench.tasks.pair_table import pair_table_of

JUDGEMENTS = "Pass a Run, a Dataset of pairs, or a DataFrame with the columns query, item and grade."


def graded_pairs(labels: Any) -> pd.DataFrame:
    """Return the judged pairs with the columns query, item (str), grade (class index) and gain (float).

    Parameters
    ----------
    labels : a Run (its corrected labels), a Dataset, or a DataFrame.
    """
    dataset = judgements(labels)
    table = pair_table_of(labels.labels() if isinstance(labels, Run) else dataset.labels)
    known = table.grades >= 0
    grades = table.grades[known]
    columns = {
        "query": dataset.ids[table.rows[known]],
        "item": table.items[known],
        "grade": grades,
        "gain": gains_of(dataset)[grades],
    }
    return pd.DataFrame(columns)


def judgements(labels: Any) -> Dataset:
    """Return judgements as a Dataset; that of a Run has all of its classes."""
    if isinstance(labels, pd.DataFrame):
        return Dataset.from_frame(labels, task="pairs")
    if not isinstance(labels, (Run, Dataset)):
        raise InputError.at("labels", f"is a {type(labels).__name__}", JUDGEMENTS)
    require_task(labels, "pairs", "a ranking")
    return labels.extended() if isinstance(labels, Run) else labels


def ranker_scores(scores: Any, field: str = "scores") -> pd.DataFrame:
    """Validate scores; return them with query and item as text, and the rankers as float columns."""
    todo = "Pass a DataFrame with the columns query, item and one column per ranker."
    if not isinstance(scores, pd.DataFrame):
        raise InputError.at(field, f"is a {type(scores).__name__}", todo)
    for column in ("query", "item"):
        if column not in scores.columns:
            raise InputError.unknown(f"column of `{field}`", column, scores.columns, todo)
    rankers = [name for name in scores.columns if name not in ("query", "item")]
    if not rankers:
        raise InputError.at(field, "has no column of a ranker", todo)
    found = pd.DataFrame({name: [class_text(one) for one in scores[name].tolist()] for name in ("query", "item")})
    twice = found.duplicated()
    if twice.any():
        raise InputError.at(field, "repeats a pair", "Keep one row per pair.", row=int(np.flatnonzero(twice)[0]))
    for name in rankers:
        found[str(name)] = number_column(field, scores, name)
    return found


def number_column(field: str, frame: pd.DataFrame, name: str) -> np.ndarray:
    """Return a column as floats (m,), NaN where it is missing; raise InputError for anything else and for infinity."""
    values = pd.to_numeric(frame[name], errors="coerce").to_numpy(np.float64, na_value=np.nan)
    wrong = (np.isnan(values) & ~frame[name].isna().to_numpy(bool)) | np.isinf(values)
    if wrong.any():
        row = int(np.flatnonzero(wrong)[0])
        found = f"column {name!r} holds {shortened(frame[name].iloc[row])}"
        raise InputError.at(field, found, "Pass numbers, NaN for none.", row=row)
    return values


def with_text_ids(pairs: pd.DataFrame) -> pd.DataFrame:
    """Return the table with queries as text, to be joined with scores."""
    return pairs.assign(query=[class_text(one) for one in pairs["query"].tolist()])
