"""Did it help? The same model trained on the given and on the corrected labels, on the same splits, several times.

An honest answer needs test labels that the correction did not touch: either known true labels, or only examples whose
label stayed as it was.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from workbench.dataset import UNLABELLED, Dataset
from workbench.errors import InputError
from workbench.run import Run

LEVEL = 0.95
SMALL = 20_000  # rows up to which threads of linear algebra cost more than they gain


@dataclass(frozen=True)
class Comparison:
    """Accuracy with given and with corrected labels.

    Attributes
    ----------
    table : DataFrame, one row per repeat: before, after (accuracy in [0, 1]) and difference.
    interval : (low, high), 95 % for the difference.
    judged_on : in words, which examples and which labels the accuracy is about.
    changed : how many labels differ between the two trainings.
    """

    table: pd.DataFrame = field(repr=False)
    interval: tuple[float, float]
    judged_on: str
    changed: int

    @property
    def before(self) -> float:
        """Mean accuracy of the models trained on the given labels."""
        return float(self.table["before"].mean())

    @property
    def after(self) -> float:
        """Mean accuracy of the models trained on the corrected labels."""
        return float(self.table["after"].mean())

    @property
    def difference(self) -> float:
        """after - before."""
        return float(self.table["difference"].mean())

    def __str__(self) -> str:
        low, high = self.interval
        verdict = "better" if low > 0 else "worse" if high < 0 else "no difference that this comparison can show"
        return (
            f"accuracy {self.before:.3f} with the given labels, {self.after:.3f} with {self.changed:,} labels changed: "
            f"{self.difference:+.3f} (95 % interval {low:+.3f} to {high:+.3f}; {verdict}). "
            f"{len(self.table)} splits, judged on {self.judged_on}."
        )


def compare(
    data: Run | Dataset,
    X: Any,
    estimator: Any = None,
    *,
    after: Iterable[int] | None = None,
    truth: Iterable[object] | None = None,
    repeats: int = 10,
    test_share: float = 0.3,
    seed: int = 0,
) -> Comparison:
    """Train on the given and on the corrected labels, and test both on the same held-out examples.

    Parameters
    ----------
    data : a Run (its journal has the corrections), or a Dataset together with `after`.
    X : n inputs in dataset order; arrays of more than two dimensions are flattened.
    estimator : scikit-learn classifier; cloned for every training. By default logistic regression on at most 64
        principal components.
    after : (n,) corrected class indices, -1 to leave an example out of training; by default the run's current labels.
    truth : (n,) true labels (class index or name; -1 or None where unknown), from a source that the correction did not
        use. Without it the models are tested on examples whose label did not change; those that changed are never
        tested on, since their new label is what is being judged.
    repeats : number of random splits; both trainings of one split see the same rows and seeds.
    test_share : share of the examples that can be tested on which are held out, in (0, 1).
    seed : of the splits.

    Returns
    -------
    Comparison

    Raises
    ------
    InputError : nothing changed, nothing is left to test on, or X has not n rows.

    Notes
    -----
    The interval is the corrected resampled t-interval (Nadeau and Bengio 2003): the splits overlap, so the variance of
    the differences is multiplied by (1 / repeats + test rows / training rows). Without `truth` the answer is about the
    easier part of the data, and it favours whoever chose what to change: take it as a check that nothing broke.
    """
    dataset = data.dataset if isinstance(data, Run) else data
    if after is None and not isinstance(data, Run):
        raise InputError.at("after", "is missing", "With a Dataset, pass the corrected labels; a Run has its own.")
    before = dataset.given_labels
    corrected = data.labels() if after is None else _codes(after, dataset, "after")
    changed = before != corrected
    if not changed.any():
        raise InputError("no label differs, so there is nothing to compare. Relabel some examples first.")
    if int(repeats) != repeats or repeats < 2:
        raise InputError.at("repeats", f"is {repeats!r}", "Use an integer from 2, or there is no interval.")
    if not 0 < test_share < 1:
        raise InputError.at("test_share", f"is {test_share!r}", "Give a share between 0 and 1.")
    X = np.asarray(X) if not hasattr(X, "iloc") and not hasattr(X, "tocsr") else X
    if X.shape[0] != dataset.n:
        raise InputError.at("X", f"has {X.shape[0]} rows for {dataset.n} examples", "Pass one row per example.")
    X = X.reshape(dataset.n, -1) if X.ndim > 2 else X
    if truth is None:
        target, can_test = corrected, ~changed & (corrected != UNLABELLED)
    else:
        target = _codes(truth, dataset, "truth")
        can_test = target != UNLABELLED
    eligible = np.flatnonzero(can_test)
    m = round(test_share * len(eligible))
    if m < 1 or m >= dataset.n:
        what = "unchanged" if truth is None else "with a known true label"
        raise InputError(f"{len(eligible)} examples are {what}: too few to test on. Pass `truth=`, or more of it.")

    from threadpoolctl import threadpool_limits

    rng = np.random.default_rng(seed)
    rows = []
    with threadpool_limits(1 if dataset.n <= SMALL else None):
        for _ in range(int(repeats)):
            test = rng.choice(eligible, size=m, replace=False)
            train = np.ones(dataset.n, bool)
            train[test] = False
            both = [_accuracy(estimator, X, labels, train, test, target) for labels in (before, corrected)]
            rows.append((*both, both[1] - both[0]))
    table = pd.DataFrame(rows, columns=["before", "after", "difference"]).rename_axis("split")
    kind = "whose label did not change" if truth is None else "with known true labels"
    judged = f"{m:,} held-out examples each, out of {len(eligible):,} {kind}"
    return Comparison(table, _interval(table["difference"], m, dataset.n - m), judged, int(changed.sum()))


def _accuracy(
    estimator: Any, X: Any, labels: np.ndarray, train: np.ndarray, test: np.ndarray, target: np.ndarray
) -> float:
    """Accuracy on `test` of a fresh model trained on the labelled rows of `train`."""
    from sklearn.base import clone

    rows = np.flatnonzero(train & (labels != UNLABELLED))
    if len(np.unique(labels[rows])) < 2:
        raise InputError("the training part has fewer than two classes. Compare on more examples.")
    model = clone(estimator) if estimator is not None else _default(min(64, len(rows), X.shape[1]))
    model.fit(_take(X, rows), labels[rows])
    return float(np.mean(model.predict(_take(X, test)) == target[test]))


def _default(components: int) -> Any:
    from sklearn.decomposition import PCA
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    return make_pipeline(PCA(components, random_state=0), StandardScaler(), LogisticRegression(max_iter=500))


def _interval(differences: pd.Series, tested: int, trained: int) -> tuple[float, float]:
    """Corrected resampled t-interval of the mean."""
    from scipy.stats import t

    r = len(differences)
    width = t.ppf((1 + LEVEL) / 2, r - 1) * np.sqrt((1 / r + tested / trained) * differences.var(ddof=1))
    return float(differences.mean() - width), float(differences.mean() + width)


def _codes(labels: Iterable[object], dataset: Dataset, name: str) -> np.ndarray:
    """(n,) class indices, -1 for missing, from indices or class names."""
    values = np.asarray(labels if isinstance(labels, (np.ndarray, pd.Series)) else list(labels))
    if values.shape != (dataset.n,):
        raise InputError.at(name, f"has shape {values.shape} for {dataset.n} examples", "Pass one label per example.")
    if values.dtype.kind not in "iu":
        codes = [UNLABELLED if pd.isna(one) else dataset.code_of(one) for one in values.tolist()]
        return np.array(codes, dtype=np.int64)
    outside = (values < UNLABELLED) | (values >= dataset.k)
    if outside.any():
        row = int(np.flatnonzero(outside)[0])
        raise InputError.at(
            name, f"is {values[row]}", f"Class indices run from 0 to {dataset.k - 1}, -1 = none.", row=row
        )
    return values.astype(np.int64)


def _take(X: Any, rows: np.ndarray) -> Any:
    """Rows of an array, frame or sparse matrix."""
    return X.iloc[rows] if hasattr(X, "iloc") else X[rows]
