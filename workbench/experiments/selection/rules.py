"""Rules of selection: the value, the end that is kept, and the source, in one flat table.

The end of a score that is suspicious is not always the end to drop. For scores of label quality, the end that is not
suspicious is kept. For scores of difficulty, the hard end is kept, as in their papers, which includes wrong labels.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from workbench.data.dataset import Dataset
from workbench.evidence.out_of_fold import scaled
from workbench.experiments.selection.influence import directions, influence
from workbench.experiments.selection.shapley import knn_shapley
from workbench.experiments.training_data import Inputs, inputs, limited_threads
from workbench.foundation.errors import InputError
from workbench.issues.detector import find_issues
from workbench.runs.dataset_of import dataset_of
from workbench.runs.run import Run
from workbench.scores import SCORES, score

if TYPE_CHECKING:
    pass


@dataclass(frozen=True)
class Rule:
    """The end of a value that is kept ("high" or "low"), the source, and a description."""

    keep: str
    source: str
    in_words: str
    value: Callable[[np.ndarray, np.ndarray, int, int], np.ndarray] | None = None


def _shapley(X: np.ndarray, labels: np.ndarray, k: int, seed: int) -> np.ndarray:
    return knn_shapley(X, labels, seed=seed)


def _influence(X: np.ndarray, labels: np.ndarray, k: int, seed: int) -> np.ndarray:
    return influence(scaled(X, seed, directions(k)), labels, k, seed=seed)


RULES: dict[str, Rule] = {
    "variability": Rule("high", "Swayamdipta et al. 2020, Dataset Cartography, section 4", "ambiguous examples"),
    "forgetting": Rule("high", "Toneva et al. 2019, section 5; never learned counts most", "forgotten examples"),
    "el2n": Rule("high", "Paul et al. 2021, Deep Learning on a Data Diet, section 3", "hard examples (early epochs)"),
    "mean_entropy": Rule("high", "uncertainty sampling, Lewis and Gale 1994", "uncertain examples"),
    "p_error": Rule("low", "find_issues: the probability that the given label is wrong", "the least suspicious labels"),
    "knn_shapley": Rule(
        "high", "Jia et al. 2019, theorem 1", "examples that help nearest neighbours predict the given labels", _shapley
    ),
    "influence": Rule(
        "high", "Koh and Liang 2017, equation 2", "examples that lower the held-out loss of a softmax head", _influence
    ),
}


def rule(name: str) -> Rule:
    """Return the rule for a name: its own, or for a score of label quality the end that is not suspicious."""
    if name in RULES:
        return RULES[name]
    if name not in SCORES:
        raise InputError.unknown("score to select by", name, [*RULES, *(one for one in SCORES if one not in RULES)])
    row = SCORES[name]
    return Rule("low" if row.suspicious == "high" else "high", row.source, row.in_words)


def needs_inputs(name: str) -> bool:
    """Whether a value is computed from inputs and labels of only the eligible examples."""
    return rule(name).value is not None


def recorded_value(data: Run | Dataset, name: str, seed: int) -> np.ndarray:
    """Return a registered score, or "p_error", (n,); NaN if missing."""
    if name == "p_error":
        found = find_issues(data, seed=seed)
        return _aligned(found["p_error"], data)
    if not isinstance(data, Run):
        raise InputError.at("by", f"is {name!r}, which is read from a run", "Pass a Run, or values as a Series by id.")
    if name == "forgetting":
        values = score(data, ["forgetting", "never_learned"])
        return np.where(values["never_learned"], np.inf, values["forgetting"].to_numpy(float))
    return score(data, name)[name].to_numpy(float)


def made_value(material: Inputs, labels: np.ndarray, k: int, name: str, rows: np.ndarray, seed: int) -> np.ndarray:
    """Return a value computed from the inputs and labels of `rows`, (n,); NaN elsewhere."""
    out = np.full(len(labels), np.nan)
    rows = rows[material.there[rows] & (labels[rows] >= 0)]
    X = material.values
    X = X.iloc[rows].to_numpy() if hasattr(X, "iloc") else X[rows].toarray() if hasattr(X, "toarray") else X[rows]
    value = rule(name).value
    if value is None:
        raise InputError.at("by", f"is {name!r}, which is not computed from inputs", "Pass it to `recorded_value`.")
    with limited_threads(len(labels)):
        out[rows] = value(scaled(np.asarray(X, np.float32), seed), labels[rows], k, seed)
    return out


def selection_values(data: Run | Dataset, by: str | pd.Series, seed: int = 0, X: Any = None) -> np.ndarray:
    """Return the values to select by, float64 (n,), in dataset order; NaN for examples that are not eligible.

    Parameters
    ----------
    by : a name of `RULES` or `SCORES`, or a Series by id.
    """
    dataset = dataset_of(data)
    given = dataset.given_labels
    if isinstance(by, pd.Series):
        values = _aligned(by, data)
    elif needs_inputs(by):
        values = made_value(inputs(data, X), given, dataset.k, by, np.arange(dataset.n), seed)
    else:
        values = recorded_value(data, by, seed)
    return np.where(given >= 0, values, np.nan)


def _aligned(values: pd.Series, data: Run | Dataset) -> np.ndarray:
    """Align a Series by id with the rows of the dataset, (n,); NaN if it has no value."""
    dataset = dataset_of(data)
    out = np.full(dataset.n, np.nan)
    if not pd.api.types.is_numeric_dtype(values.dtype):
        raise InputError.at("by", f"holds {values.dtype}", "Pass a Series of numbers by id.")
    out[dataset.rows(values.index.to_numpy())] = values.to_numpy(float)
    return out


def end_of(by: str | pd.Series, end: str | None) -> str:
    """Return the end to keep: as requested, or by default that of the rule."""
    if end is not None and end not in ("high", "low"):
        raise InputError.unknown("end", end, ("high", "low"))
    if isinstance(by, pd.Series):
        if end is None:
            raise InputError.at("end", "is missing", 'For your own values, pass the end to keep: "high" or "low".')
        return end
    return rule(by).keep if end is None else end
