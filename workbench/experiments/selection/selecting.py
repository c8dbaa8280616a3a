"""Selection of ids and weights for training by a score.

Ties are broken at random, so that the result for scores with many equal values (such as forgetting) does not depend on
the order of the data.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from workbench.data.dataset import Dataset
from workbench.experiments.selection.rules import end_of, selection_values
from workbench.foundation.errors import InputError
from workbench.runs.dataset_of import dataset_of
from workbench.runs.run import Run, opened
from workbench.storage.tables import check_target, write_table
from workbench.tasks import require_task


def select(
    run: Run | Dataset | str | Path,
    keep: float | int = 0.33,
    by: str | pd.Series = "variability",
    *,
    end: str | None = None,
    per_class: bool = False,
    X: Any = None,
    seed: int = 0,
) -> np.ndarray:
    """Select the ids of the examples to keep.

    Parameters
    ----------
    run : a Run or its path; or a Dataset, for "knn_shapley" and "influence" with X, or a Series.
    keep : share of the eligible examples, in (0, 1], or their number (int, at least 1).
    by : "variability" keeps ambiguous examples, "el2n" and "forgetting" hard ones, "knn_shapley" and "influence" useful
        ones, "p_error", "aum", "confidence", "self_confidence", ... the least suspicious, "random" a random part; see
        `workbench.experiments.selection.rules.RULES` and `SCORES`. Or a Series of numbers by id, with `end`.
    end : "high" or "low", the end of the score to keep instead of the default one.
    per_class : whether to keep this share (or an equal part of the number) of each class.
    X : n inputs for "knn_shapley" and "influence"; by default the embeddings of the run.
    seed : random seed of ties and "random".

    Returns
    -------
    int64 or object array (m,) of ids, in dataset order, without unlabelled examples and those without a value.

    Raises
    ------
    InputError : an unknown score, `keep` out of range, or no eligible examples.
    MissingEvidence : the run lacks the required evidence.

    Notes
    -----
    Variability, EL2N and forgetting do not distinguish hard from mislabelled examples, so their hard end contains many
    wrong labels. `keep_curve` measures the effect of a selection on the accuracy with your data.

    Examples
    --------
    >>> data = Dataset.from_arrays(["cat", "dog", "cat", "dog"], ids=["a", "b", "c", "d"])
    >>> worth = pd.Series([0.1, 0.9, 0.4, 0.8], index=["a", "b", "c", "d"])
    >>> list(select(data, 0.5, worth, end="high"))
    ['b', 'd']
    >>> list(select(data, 0.5, worth, end="high", per_class=True))
    ['b', 'c']
    """
    data = opened(run)
    dataset = dataset_of(data)
    require_task(dataset, "multiclass", "select")
    rng = np.random.default_rng(seed)
    worth = worth_of(data, by, end, seed, X)
    groups = [np.flatnonzero(~np.isnan(worth))]
    if per_class:
        groups = [groups[0][dataset.given_labels[groups[0]] == label] for label in range(dataset.k)]
    total = sum(len(rows) for rows in groups)
    if not total:
        raise InputError.at("by", "has no value for any labelled example", "Choose another score.")
    share = _share(keep, total)
    chosen = [best(worth, rows, round(share * len(rows)), rng) for rows in groups]
    return dataset.ids[np.sort(np.concatenate(chosen))]


def sample_weights(
    run: Run | Dataset | str | Path,
    by: str | pd.Series = "p_error",
    *,
    keep: float | int | None = None,
    end: str | None = None,
    path: str | Path | None = None,
    force: bool = False,
    X: Any = None,
    seed: int = 0,
) -> pd.Series:
    """Compute a weight in [0, 1] for every example, for `sample_weight=` or a weighted sampler.

    Parameters
    ----------
    run, by, end, X, seed : as in `select`.
    keep : if given, the weight is 1 for the examples that `select` keeps and 0 for the others. Otherwise the weight for
        "p_error" is the probability that the label is correct, 1 - p_error, and for any other score the share of
        examples with at most the same value.
    path : .csv, .jsonl or .parquet file to which the columns id and weight are also written.
    force : whether to replace an existing file.

    Returns
    -------
    Series "weight" indexed by id, float64, in dataset order; 0 for unlabelled examples and those without a value.

    Examples
    --------
    >>> data = Dataset.from_arrays(["cat", "dog", "cat", None], ids=["a", "b", "c", "d"])
    >>> sample_weights(data, pd.Series([0.1, 0.9, 0.4, 0.8], index=["a", "b", "c", "d"]), end="high").round(2).to_dict()
    {'a': 0.33, 'b': 1.0, 'c': 0.67, 'd': 0.0}
    """
    data = opened(run)
    dataset = dataset_of(data)
    require_task(dataset, "multiclass", "sample_weights")
    if path is not None:
        check_target(path, force)
    if keep is not None:
        kept = select(data, keep, by, end=end, X=X, seed=seed)
        weights = np.zeros(dataset.n)
        weights[dataset.rows(kept)] = 1.0
    elif isinstance(by, str) and by == "p_error" and end in (None, "low"):
        weights = np.nan_to_num(1 - selection_values(data, by, seed), nan=0.0)
    else:
        worth = pd.Series(worth_of(data, by, end, seed, X))
        weights = worth.rank(method="max", pct=True).fillna(0.0).to_numpy()
    out = pd.Series(weights, index=pd.Index(dataset.ids, name="id"), name="weight")
    if path is not None:
        write_table(out.reset_index(), path, force=force)
    return out


def worth_of(data: Run | Dataset, by: str | pd.Series, end: str | None, seed: int, X: Any = None) -> np.ndarray:
    """Return the worth of each example, float64 (n,), high values are kept; NaN if not eligible."""
    if isinstance(by, str) and by == "random":
        dataset = dataset_of(data)
        return np.where(dataset.given_labels >= 0, np.random.default_rng([seed, 7]).random(dataset.n), np.nan)
    sign = 1.0 if end_of(by, end) == "high" else -1.0
    return sign * selection_values(data, by, seed, X)


def best(worth: np.ndarray, rows: np.ndarray, m: int, rng: np.random.Generator) -> np.ndarray:
    """Return the m of `rows` with the highest worth, ties at random."""
    order = np.lexsort((rng.random(len(rows)), -worth[rows]))
    return rows[order[:m]]


def _share(keep: float | int, total: int) -> float:
    """Return the share of the examples to keep."""
    if isinstance(keep, (bool, np.bool_)) or not isinstance(keep, (int, float, np.integer, np.floating)):
        raise InputError.at("keep", f"is {keep!r}", "Give a share in (0, 1] or a number of examples.")
    if isinstance(keep, (int, np.integer)):
        if not 1 <= keep <= total:
            raise InputError.at("keep", f"is {keep} of {total} examples", "Pass a number between 1 and that.")
        return keep / total
    if not 0 < keep <= 1:
        raise InputError.at("keep", f"is {keep!r}", "Give a share in (0, 1] or a number of examples.")
    return float(keep)
