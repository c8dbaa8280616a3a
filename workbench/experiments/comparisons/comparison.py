"""Compare the same model trained on given and on corrected labels, on the same splits, several times.

There are two controls: issues dropped instead of relabelled, and as many random changes. A fair comparison needs test
labels that the correction did not change: known true labels, or only examples whose label is unchanged.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from workbench.data.dataset import Dataset
from workbench.experiments.comparisons.treatments import ARMS, arms
from workbench.experiments.intervals import corrected_t, paired_bootstrap, points, verdict
from workbench.experiments.settings import check_splits
from workbench.experiments.training_data import (
    codes,
    corrected_labels,
    inputs,
    limited_threads,
    predicted,
    true_labels,
)
from workbench.foundation.checks import UNLABELLED
from workbench.foundation.errors import InputError, first_few
from workbench.foundation.printing import Printed, wrapped
from workbench.foundation.rows import indexable, take_rows
from workbench.runs.run import Run, opened
from workbench.tasks import require_task

SAID = {
    "corrected": "corrected labels ({changed:,} changed)",
    "dropped": "{dropped:,} label issues left out",
    "random": "as many random changes",
}


@dataclass(frozen=True, repr=False)
class Comparison(Printed):
    """Accuracy after training on the given labels, on the corrected ones, and on two controls.

    Attributes
    ----------
    table : DataFrame, one row per split: given, corrected, dropped, random (accuracy in [0, 1]).
    effects : DataFrame indexed by arm (corrected, dropped, random), each against "given": accuracy, difference, low,
        high (the 95 % interval, of the kind that `interval_kind` names), bootstrap_low, bootstrap_high (95 %, paired,
        over test examples), verdict.
    judged_on : description of the examples and labels on which the accuracy is measured.
    changed : number of labels that differ between the given and the corrected labels.
    dropped : number of examples that are removed in the arm "dropped".
    interval_kind : "corrected resampled t" or "paired bootstrap".
    notes : descriptions of other assumptions.
    """

    table: pd.DataFrame = field(repr=False)
    effects: pd.DataFrame
    judged_on: str
    changed: int
    dropped: int
    interval_kind: str
    notes: tuple[str, ...] = ()
    figures: ClassVar[tuple[str, ...]] = ("comparison",)

    @property
    def before(self) -> float:
        """Mean accuracy of the models trained on the given labels."""
        return float(self.table["given"].mean())

    @property
    def after(self) -> float:
        """Mean accuracy of the models trained on the corrected labels."""
        return float(self.table["corrected"].mean())

    @property
    def difference(self) -> float:
        """The difference, after - before."""
        return float(self.effects.loc["corrected", "difference"])

    @property
    def interval(self) -> tuple[float, float]:
        """The 95 % interval (low, high) of the difference."""
        return float(self.effects.loc["corrected", "low"]), float(self.effects.loc["corrected", "high"])

    def in_words(self, arm: str = "corrected") -> str:
        """Describe the effect of one arm relative to the given labels, as in "+1.8 points, 95 % 0.9 to 2.6"."""
        if arm not in self.effects.index:
            raise InputError.unknown("arm", arm, self.effects.index)
        row = self.effects.loc[arm]
        return points(row["difference"], row["low"], row["high"])

    def __str__(self) -> str:
        lines = [f"Accuracy with the given labels: {100 * self.before:.1f} %. Against that:"]
        for arm, row in self.effects.iterrows():
            what = SAID[arm].format(changed=self.changed, dropped=self.dropped)
            lines.append(f"  {what}: {self.in_words(arm)}; {row['verdict']}")
        lines.append(f"{len(self.table)} splits, judged on {self.judged_on}. Intervals: {self.interval_kind}.")
        return wrapped("\n".join([*lines, *self.notes]))


def compare(
    data: Run | Dataset | str,
    X: Any = None,
    estimator: Any = None,
    *,
    after: Iterable[int] | pd.DataFrame | None = None,
    truth: Iterable[object] | str | None = None,
    test: tuple[Any, Any] | Iterable[object] | None = None,
    issues: Iterable[object] | pd.DataFrame | None = None,
    repeats: int = 10,
    test_share: float = 0.3,
    seed: int = 0,
) -> Comparison:
    """Train on the given and on the corrected labels, and test both models on the same held-out examples.

    Parameters
    ----------
    data : a Run or its path (its journal has the corrections), or a Dataset together with `after`.
    X : n inputs in dataset order; arrays of more than two dimensions are flattened. By default the embeddings of the
        run, at the most informative epoch.
    estimator : scikit-learn classifier; cloned for every training. By default logistic regression on at most 64
        principal components (`material.default_model`).
    after : (n,) corrected class indices, -1 to exclude an example from training; or a table of `find_issues`, whose
        suggestions are used for all issues. By default the current labels of the run.
    truth : (n,) true labels (class index or name; -1 or None if unknown), from a source that the correction did not
        use; or "planted", the labels before errors were planted. Without it, models are tested only on examples whose
        label did not change, since the changed labels are what is to be evaluated.
    test : a separate test set, as (inputs, labels), or the ids of the examples to hold out. By default random splits.
    issues : ids, or a table of `find_issues`: examples to remove in the arm "dropped". By default the examples whose
        label was corrected.
    repeats : number of random splits; all trainings of a split use the same rows and seeds. With `test`, each repeat
        trains on a different random 1 - test_share of the other examples.
    test_share : share of the eligible examples that are held out, in (0, 1).
    seed : random seed of splits, random changes and bootstrap.

    Returns
    -------
    Comparison; `print` it for a description of the result.

    Raises
    ------
    InputError : no label changed, there are no examples to test on, X does not have n rows, or `test` contains examples
        whose label was corrected and whose true label is unknown.
    MissingEvidence : neither X nor embeddings.

    Notes
    -----
    As random splits overlap, the interval is the corrected resampled t-interval (Nadeau and Bengio 2003), which
    reflects the choice of both training sets and test examples. The paired bootstrap over test examples is reported
    too; it treats the trained models as fixed and is usually narrower. If it is wider (a few splits can agree by
    chance), its ends are used. With a fixed `test` the correction for overlap does not apply, and the interval is the
    paired bootstrap over test examples and repeats.

    "random" changes as many labels of the training examples as the correction, between the same pairs of classes
    (`treatments.random_changes`). A gain that it achieves too is not due to the correction.

    Without `truth` the result is about the easier part of the data and favours the method that chose the changes; use
    it only as a check that nothing broke. A correction that agrees with the model that evaluates it can look too good
    for the same reason; true labels of a random sample avoid both problems.

    Examples
    --------
    Groups of examples with identical features, of which some have a wrong label.

    >>> X = np.repeat(np.eye(10), 20, axis=0)
    >>> truth = np.repeat(np.arange(10) % 2, 20)
    >>> given = truth.copy()
    >>> given[::20], given[1::20], given[5::20] = 1, 0, 1
    >>> data = Dataset.from_arrays(given)
    >>> result = compare(data, X, after=truth, truth=truth, repeats=3)
    >>> result.changed, sorted(result.effects.index)
    (15, ['corrected', 'dropped', 'random'])
    """
    source = opened(data)
    dataset = source.extended() if isinstance(source, Run) else source
    require_task(dataset, "multiclass", "compare")
    given, corrected = dataset.given_labels, corrected_labels(source, after)
    changed = given != corrected
    if not changed.any():
        raise InputError("no label differs, so there is nothing to compare. Relabel some examples first.")
    check_splits("repeats", repeats, test_share)
    material = inputs(source, X)
    left_out = changed if issues is None else _left_out(issues, dataset)
    bench = _Bench(material.values, estimator, given, corrected, left_out)
    if isinstance(test, tuple):
        values, labels = test
        labels = codes(labels, dataset, "test", n=_length(labels))
        known = labels != UNLABELLED
        outside = _outside(values, material.values, len(labels))
        pool = np.flatnonzero(material.there)
        splits = _same_test(pool, take_rows(outside, np.flatnonzero(known)), labels[known], repeats, test_share, seed)
        judged = f"{int(known.sum()):,} examples of a separate test set"
    else:
        target, can_test, kind = _judges(dataset, corrected, changed, truth)
        can_test &= material.there
        rows = None if test is None else _held_out(test, dataset, changed, truth)
        if rows is not None:
            rows = rows[can_test[rows]]
            pool = np.setdiff1d(np.flatnonzero(material.there), rows)
            splits = _same_test(pool, take_rows(material.values, rows), target[rows], repeats, test_share, seed)
            judged = f"{len(rows):,} chosen examples, {kind}"
        else:
            eligible = np.flatnonzero(can_test)
            m = round(test_share * len(eligible))
            if m < 1 or m >= int(material.there.sum()):
                what = "unchanged" if truth is None else "with a known true label"
                found = f"{len(eligible)} examples are {what}: too few to test on"
                raise InputError(f"{found}. Pass `truth=`, or more of it.")
            splits = _random_splits(material, target, eligible, m, repeats, seed)
            judged = f"{m:,} held-out examples each, out of {len(eligible):,} {kind}"
    table, right, trained = bench.run(splits, seed)
    effects = _effects(table, right, trained, fixed=test is not None, seed=seed)
    notes = (f"Inputs: {material.words}.",) if material.words else ()
    how = "paired bootstrap over test examples and repeats" if test is not None else "corrected resampled t"
    return Comparison(table, effects, judged, int(changed.sum()), int(left_out.sum()), how, notes)


@dataclass(frozen=True)
class _Split:
    """Rows for training, inputs and labels for testing, and the columns of the test examples among all of them."""

    train: np.ndarray
    inputs: Any
    labels: np.ndarray
    columns: np.ndarray


@dataclass(frozen=True)
class _Bench:
    """One model, trained on the labels of every arm."""

    X: Any
    estimator: Any
    given: np.ndarray
    corrected: np.ndarray
    dropped: np.ndarray

    def run(self, splits: list[_Split], seed: int) -> tuple[pd.DataFrame, dict[str, np.ndarray], int]:
        """Return accuracies by split and arm, correctness (repeats, m) by arm (NaN if not tested), and number of
        rows."""
        from tqdm.auto import tqdm

        columns = 1 + max(int(split.columns.max()) for split in splits)
        right = {arm: np.full((len(splits), columns), np.nan, np.float32) for arm in ARMS}
        rng = np.random.default_rng([seed, 1])
        with limited_threads(len(self.given)):
            for repeat, split in enumerate(tqdm(splits, desc="compare", unit="split", delay=2, leave=False)):
                for arm, labels in arms(self.given, self.corrected, self.dropped, split.train, rng).items():
                    found = predicted(self.estimator, self.X, labels, split.train, split.inputs)
                    right[arm][repeat, split.columns] = found == split.labels
        table = pd.DataFrame({arm: np.nanmean(right[arm], axis=1, dtype=float) for arm in ARMS})
        return table.rename_axis("split"), right, len(splits[0].train)


def _effects(
    table: pd.DataFrame, right: dict[str, np.ndarray], trained: int, *, fixed: bool, seed: int
) -> pd.DataFrame:
    """Compare every arm with the given labels."""
    rows = {}
    tested = int((~np.isnan(right["given"][0])).sum())
    for arm in ARMS[1:]:
        difference = (table[arm] - table["given"]).to_numpy()
        drawn = paired_bootstrap(right[arm] - right["given"], repeats_too=fixed, seed=seed)
        low, high = drawn if fixed else corrected_t(difference, tested, trained)
        low, high = min(low, drawn[0]), max(high, drawn[1])
        rows[arm] = {
            "accuracy": table[arm].mean(), "difference": difference.mean(), "low": low, "high": high,
            "bootstrap_low": drawn[0], "bootstrap_high": drawn[1], "verdict": verdict(low, high),
        }  # fmt: skip
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("arm")


def _random_splits(
    material: Any, target: np.ndarray, eligible: np.ndarray, m: int, repeats: int, seed: int
) -> list[_Split]:
    """Return splits that hold out m of the eligible rows and train on all others."""
    rng = np.random.default_rng(seed)
    splits = []
    for _ in range(int(repeats)):
        test = rng.choice(eligible, size=m, replace=False)
        free = material.there.copy()
        free[test] = False
        splits.append(_Split(np.flatnonzero(free), take_rows(material.values, test), target[test], test))
    return splits


def _same_test(
    pool: np.ndarray, tested: Any, labels: np.ndarray, repeats: int, test_share: float, seed: int
) -> list[_Split]:
    """Return splits that train on different random parts of the pool and test on the same examples."""
    if not len(labels):
        raise InputError.at("test", "contains no example with a usable label", "Choose others, or pass `truth=`.")
    rng = np.random.default_rng(seed)
    size = max(1, round((1 - test_share) * len(pool)))
    parts = [np.sort(rng.choice(pool, size=size, replace=False)) for _ in range(int(repeats))]
    return [_Split(part, tested, labels, np.arange(len(labels))) for part in parts]


def _judges(
    dataset: Dataset, corrected: np.ndarray, changed: np.ndarray, truth: Any
) -> tuple[np.ndarray, np.ndarray, str]:
    """Return labels for testing, a mask of the eligible rows, and a description of them."""
    if truth is None:
        return corrected, ~changed & (corrected != UNLABELLED), "whose label did not change"
    target = true_labels(dataset, truth)
    return target, target != UNLABELLED, "with known true labels"


def _held_out(test: Iterable[object], dataset: Dataset, changed: np.ndarray, truth: Any) -> np.ndarray:
    """Return rows of the ids to hold out; none of them may be tested with a label set by the correction."""
    rows = np.unique(dataset.rows(list(test)))
    own = rows[changed[rows]]
    if truth is None and len(own):
        found = f"contains {len(own)} examples whose label the correction changed: {first_few(dataset.ids[own])}"
        todo = "Testing on its own labels would favour any correction. Pass `truth=`, or choose other examples."
        raise InputError.at("test", found, todo)
    return rows


def _left_out(issues: Any, dataset: Dataset) -> np.ndarray:
    """Return a mask (n,) of ids, or of the issues in a table."""
    if isinstance(issues, pd.DataFrame):
        if "is_issue" not in issues:
            raise InputError.unknown("column", "is_issue", issues.columns, "`issues` is a table of `find_issues`.")
        issues = issues.index[issues["is_issue"].to_numpy(bool)].to_numpy()
    out = np.zeros(dataset.n, bool)
    out[dataset.rows(list(issues))] = True
    return out


def _length(labels: Any) -> int:
    return len(labels) if hasattr(labels, "__len__") else len(list(labels))


def _outside(values: Any, X: Any, n: int) -> Any:
    """Return the inputs of a separate test set, in the form of X."""
    values = indexable(values)
    if isinstance(values, np.ndarray) and values.ndim > 2:
        values = values.reshape(len(values), -1)
    if values.shape[0] != n or values.shape[1:] != X.shape[1:]:
        found = f"has inputs of shape {values.shape} for {n} labels and {X.shape[1]} columns in training"
        raise InputError.at("test", found, "Pass (inputs, labels), with inputs computed as for training.")
    return values
