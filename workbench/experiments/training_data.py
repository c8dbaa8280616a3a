"""Data of a comparison: inputs of every example, labels for training and testing, and a default model.

By default inputs are the embeddings of a run, without rows that have none; true labels are accepted in several forms.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from workbench.data.dataset import Dataset
from workbench.evidence.most_informative_epoch import most_informative_epoch
from workbench.evidence.neighbors import finite_rows
from workbench.foundation.checks import UNLABELLED
from workbench.foundation.errors import InputError, MissingEvidence
from workbench.foundation.parallel import at_most_threads
from workbench.foundation.rows import indexable, take_rows
from workbench.runs.dataset_of import dataset_of
from workbench.runs.run import Run

SMALL_TRAINING = 20_000  # up to this number of rows, threads of linear algebra cost more than they gain
COMPONENTS = 64  # principal components used by the default model


STRENGTH = 0.1  # inverse penalty of the default model


@dataclass(frozen=True)
class Inputs:
    """n inputs in dataset order, a mask (n,) of those that are present, and a description of their source."""

    values: Any
    there: np.ndarray
    words: str = ""


def inputs(data: Run | Dataset, X: Any = None) -> Inputs:
    """Return the user's X, or the embeddings of a run.

    If several epochs were recorded, the one whose embedding separates correct from wrong labels best is used
    (`workbench.evidence.most_informative_epoch.most_informative_epoch`).

    Raises
    ------
    MissingEvidence : no X, and no run with embeddings. InputError : X does not have n rows.
    """
    n = data.n
    if X is None:
        if not isinstance(data, Run) or not data.embedding_epochs:
            how = "Pass `X=`, one row of numbers per example, or record with `rec.batch(ids, logits, embeddings=...)`."
            raise MissingEvidence.needed("This comparison", ["embeddings"], how)
        epoch = most_informative_epoch(data)
        values = data.embeddings(epoch)
        there = finite_rows(values)
        values = np.asarray(values, np.float32)
        return Inputs(values, there, f"embeddings of {data.embedding_provenance(epoch)}")
    X = _columns(X)
    if X.shape[0] != n:
        raise InputError.at("X", f"has {X.shape[0]} rows for {n} examples", "Pass one row per example.")
    return Inputs(X, np.ones(n, bool))


def _columns(X: Any) -> Any:
    """Return inputs as rows and columns; an array of more than two dimensions is flattened."""
    X = indexable(X)
    if len(X.shape) < 2:
        raise InputError.at("X", f"has shape {X.shape}", "Pass one row of numbers per example.")
    return X.reshape(len(X), -1) if isinstance(X, np.ndarray) else X


def limited_threads(n: int) -> Any:
    """Return a context in which linear algebra on few rows runs in one thread."""
    return at_most_threads(1 if n <= SMALL_TRAINING else None)


def take(X: Any, rows: np.ndarray) -> Any:
    """Return rows of an array, DataFrame or sparse matrix."""
    return X.iloc[rows] if hasattr(X, "iloc") else X[rows]


def codes(labels: Any, dataset: Dataset, name: str, n: int | None = None) -> np.ndarray:
    """Convert indices or the user's labels to class indices, int64 (n,), -1 for missing ones.

    Integers in an array are class indices, unless they can only be labels of the dataset; integers in a Series or list
    are labels if the labels of the dataset are integers.

    Raises
    ------
    InputError : the number of labels is wrong (by default that of the dataset), or one of them is not a class.
    """
    n = dataset.n if n is None else n
    values = labels if isinstance(labels, (np.ndarray, pd.Series)) else list(labels)
    values = values if isinstance(values, np.ndarray) else np.asarray(pd.Series(values))
    if values.shape != (n,):
        raise InputError.at(name, f"has shape {values.shape} for {n} examples", "Pass one label per example.")
    whole, integers = dataset.label_type.kind == "int", values.dtype.kind in "iu"
    outside = integers and bool(((values < UNLABELLED) | (values >= dataset.k)).any())
    listed = not isinstance(labels, np.ndarray) or (outside and bool((dataset.codes_of(values) >= 0).all()))
    if not integers or (whole and listed):
        found, missing = dataset.codes_of(values), pd.isna(values)
        if integers:
            missing = values == UNLABELLED
        for one in values[(found < 0) & ~missing][:1]:
            dataset.code_of(one)  # raises an error that lists the valid names
        return found
    outside = (values < UNLABELLED) | (values >= dataset.k)
    if outside.any():
        row = int(np.flatnonzero(outside)[0])
        todo = f"Class indices run from 0 to {dataset.k - 1}, -1 = none."
        raise InputError.at(name, f"is {values[row]}", todo, row=row)
    return values.astype(np.int64)


def true_labels(dataset: Dataset, truth: Iterable[object] | str) -> np.ndarray:
    """Return class indices (n,) of true labels, -1 if unknown; "planted" reverts planted errors."""
    if not isinstance(truth, str):
        return codes(truth, dataset, "truth")
    if truth != "planted":
        raise InputError.unknown("truth", truth, ("planted",), "Or pass (n,) true labels.")
    if dataset.planted is None:
        raise InputError.at("truth", 'is "planted", but the data set has no planted errors', "Pass (n,) true labels.")
    labels = dataset.given_labels.copy()
    labels[dataset.rows(dataset.planted["id"])] = dataset.codes_of(dataset.planted["true_label"])
    return labels


def corrected_labels(data: Run | Dataset, after: Any = None) -> np.ndarray:
    """Return corrected class indices (n,) from the run's journal, an array, or a table of `find_issues`.

    From a table, each issue gets its suggested label; all others keep the given label.
    """
    dataset = dataset_of(data)
    if after is None:
        if not isinstance(data, Run):
            raise InputError.at("after", "is missing", "With a Dataset, pass the corrected labels; a Run has its own.")
        return data.labels()
    if not isinstance(after, pd.DataFrame):
        return codes(after, dataset, "after")
    for column in ("suggested_label", "is_issue"):
        if column not in after:
            raise InputError.unknown("column", column, after.columns, "`after` is a table as from `find_issues`.")
    issues = after[after["is_issue"].to_numpy(bool) & after["suggested_label"].notna().to_numpy()]
    labels = dataset.given_labels.copy()
    suggested = issues["suggested_label"].astype(object)
    labels[dataset.rows(issues.index.to_numpy())] = codes(suggested, dataset, "after", len(issues))
    return labels


def default_model(X: Any, rows: int) -> Any:
    """Return a strongly regularised logistic regression on at most 64 principal components of standardised columns.

    With a weak penalty, the model follows wrong labels and any correction looks very effective: on digits with 8 %
    planted errors, correcting all of them gains 3.8 points with C = 1 and 1.1 with C = .1, which is also the better
    model.
    """
    from sklearn.decomposition import PCA, TruncatedSVD
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    parts = min(COMPONENTS, rows, X.shape[1])
    head = LogisticRegression(C=STRENGTH, max_iter=200, tol=1e-3)
    if hasattr(X, "tocsr"):
        few = TruncatedSVD(min(parts, X.shape[1] - 1), random_state=0)
        return make_pipeline(StandardScaler(with_mean=False), few, head)
    return make_pipeline(StandardScaler(), PCA(parts, random_state=0), head)


def predicted(estimator: Any, X: Any, labels: np.ndarray, train: np.ndarray, tested: Any) -> np.ndarray:
    """Train a new model on the labelled rows `train`, and return the class indices (t,) predicted for `tested`."""
    from sklearn.base import clone
    from sklearn.exceptions import ConvergenceWarning

    rows = train[labels[train] != UNLABELLED]
    if len(np.unique(labels[rows])) < 2:
        raise InputError("the training part has fewer than two classes. Compare on more examples.")
    model = clone(estimator) if estimator is not None else default_model(X, len(rows))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(take_rows(X, rows), labels[rows])
    return np.asarray(model.predict(tested))
