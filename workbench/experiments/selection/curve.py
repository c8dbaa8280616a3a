"""Accuracy against the share of the training data that is kept, by several scores and at random."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from workbench.data.dataset import Dataset
from workbench.experiments.intervals import effect, effect_in_words
from workbench.experiments.selection.rules import end_of, made_value, needs_inputs, selection_values
from workbench.experiments.selection.selecting import best
from workbench.experiments.settings import check_splits, distinct_shares
from workbench.experiments.training_data import inputs, limited_threads, predicted, true_labels
from workbench.foundation.checks import UNLABELLED
from workbench.foundation.errors import InputError
from workbench.foundation.printing import Printed, wrapped
from workbench.foundation.rows import take_rows
from workbench.runs.dataset_of import dataset_of
from workbench.runs.run import Run, opened
from workbench.tasks import require_task

SHARES = (0.1, 0.2, 0.33, 0.5, 0.75, 1.0)
RANDOM = "random"


@dataclass(frozen=True, repr=False)
class KeepCurve(Printed):
    """Accuracy after training on a selected part, by score and share.

    Attributes
    ----------
    table : DataFrame, one row per split, by and share: accuracy in [0, 1], kept (examples), wrong_kept (share of wrong
        labels among them, NaN without `truth`).
    effects : DataFrame indexed by (by, share): accuracy, low, high (95 %), difference, difference_low, difference_high
        (95 %, relative to as many random examples of the same split), verdict, wrong_kept.
        judged_on : description of the test examples.
    """

    table: pd.DataFrame
    effects: pd.DataFrame
    judged_on: str
    figures: ClassVar[tuple[str, ...]] = ("keep",)

    def in_words(self, by: str, share: float) -> str:
        """Describe one score at one share relative to random selection, as in "-3.1 points, 95 % -4.4 to -1.8"."""
        return effect_in_words(self.effects, (by, share))

    def __str__(self) -> str:
        lines = [f"Accuracy by kept share, judged on {self.judged_on}; against as many random examples:"]
        for by, share in self.effects.index:
            row = self.effects.loc[(by, share)]
            if by == RANDOM:
                lines.append(f"  {share:.0%} at random: {row['accuracy']:.1%}")
            elif share < 1:
                words = f"{self.in_words(by, share)}; {row['verdict']}"
                lines.append(f"  {share:.0%} by {by}: {row['accuracy']:.1%}, {words}")
        return wrapped("\n".join(lines))


def keep_curve(
    run: Run | Dataset | str,
    by: str | Sequence[str] | Mapping[str, pd.Series] = ("variability", "el2n", "p_error"),
    shares: Iterable[float] = SHARES,
    *,
    X: Any = None,
    estimator: Any = None,
    truth: Iterable[object] | str | None = None,
    end: str | Mapping[str, str] | None = None,
    repeats: int = 5,
    test_share: float = 0.3,
    seed: int = 0,
) -> KeepCurve:
    """Train on parts of the data selected by scores and on random parts of the same size, and test on held-out
    examples.

    Parameters
    ----------
    run : a Run or its path, or a Dataset with X.
    by : names as in `select`, or a mapping from a name to a Series by id.
    shares : of the training examples to keep, in (0, 1].
    X, estimator : as in `compare`: by default the embeddings of the run and logistic regression on them.
    truth : (n,) true labels, or "planted", used for testing; by default the given labels, including wrong ones.
        Training always uses the given labels.
    end : end of the score to keep instead of the usual one: "high" or "low", for all scores or by name.
    repeats : number of random splits; all trainings of a split are tested on the same examples.
    test_share : share of held-out examples, in (0, 1).
    seed : random seed of splits, ties and random parts.

    Returns
    -------
    KeepCurve

    Raises
    ------
    InputError
        Shares outside (0, 1], an unknown score, or nothing to train on.

    Notes
    -----
    "knn_shapley" and "influence" are recomputed from the training part of each split. Recorded scores come from the
    recorded training, which has seen the held-out examples too, so they depend slightly on the given (never on the
    true) labels of test examples. Intervals are corrected resampled t-intervals
    (`workbench.experiments.intervals.corrected_t`).

    Examples
    --------
    >>> X = np.repeat(np.eye(4), 25, axis=0) + 0.1 * np.random.default_rng(0).normal(size=(100, 4))
    >>> data = Dataset.from_arrays(np.repeat(np.arange(4), 25))
    >>> curve = keep_curve(data, "knn_shapley", [0.5, 1.0], X=X, repeats=2)
    >>> list(curve.effects.index)
    [('random', 0.5), ('random', 1.0), ('knn_shapley', 0.5), ('knn_shapley', 1.0)]
    """
    data = opened(run)
    dataset = dataset_of(data)
    require_task(dataset, "multiclass", "keep_curve")
    shares = distinct_shares(
        "shares", shares, lambda one: 0 < one <= 1, "Give shares of the training examples, in (0, 1]."
    )
    check_splits("repeats", repeats, test_share)
    given, material = dataset.given_labels, inputs(data, X)
    target = given if truth is None else true_labels(dataset, truth)
    eligible = np.flatnonzero(material.there & (target != UNLABELLED))
    pool = material.there & (given != UNLABELLED)
    m = round(test_share * len(eligible))
    if m < 1 or pool.sum() - m < 10:
        raise InputError(f"{len(eligible)} examples can be tested on: too few for a curve. Use more data.")
    sources = dict(by) if isinstance(by, Mapping) else {name: name for name in ([by] if isinstance(by, str) else by)}
    sources.pop(RANDOM, None)
    signs = {name: 1.0 if end_of(source, _end(end, name)) == "high" else -1.0 for name, source in sources.items()}
    whole_values = {name: _whole(data, source, seed) for name, source in sources.items()}
    fixed = {name: values for name, values in whole_values.items() if values is not None}
    from tqdm.auto import tqdm

    rng = np.random.default_rng(seed)
    rows, train = [], np.empty(0, np.int64)
    with limited_threads(dataset.n):
        for split in tqdm(range(int(repeats)), desc="keep", unit="split", delay=2, leave=False):
            test = rng.choice(eligible, size=m, replace=False)
            train = pool.copy()
            train[test] = False
            train = np.flatnonzero(train)
            draws = np.random.default_rng([seed, split])
            worths = {RANDOM: draws.random(dataset.n)}
            for name, source in sources.items():
                made = name not in fixed
                values = made_value(material, given, dataset.k, source, train, seed) if made else fixed[name]
                worths[name] = np.nan_to_num(signs[name] * values, nan=-np.inf)
            judge = _Judge(estimator, material.values, given, target, test, truth is not None)
            for name, worth in worths.items():
                for share in shares:
                    kept = best(worth, train, max(2, round(share * len(train))), draws)
                    rows.append((split, name, share, *judge.of(share, kept)))
    table = pd.DataFrame(rows, columns=["split", "by", "share", "accuracy", "kept", "wrong_kept"])
    kind = "by the given labels, wrong ones included" if truth is None else "by known true labels"
    judged = f"{m:,} held-out examples each of {int(repeats)} splits, {kind}"
    return KeepCurve(table, _effects(table, m, len(train)), judged)


@dataclass
class _Judge:
    """Accuracy, on the test examples of a split, of models trained on selected examples."""

    estimator: Any
    X: Any
    given: np.ndarray
    target: np.ndarray
    test: np.ndarray
    known: bool
    whole: float | None = None

    def of(self, share: float, kept: np.ndarray) -> tuple[float, int, float]:
        """Return (accuracy, number of examples, share of wrong labels among them); with all examples, train only
        once."""
        if share < 1 or self.whole is None:
            found = _predicted(self.estimator, self.X, self.given, kept, self.test)
            accuracy = float(np.mean(found == self.target[self.test]))
            self.whole = accuracy if share == 1 else self.whole
        else:
            accuracy = self.whole
        known = self.target[kept] != UNLABELLED
        wrong = np.mean(self.given[kept][known] != self.target[kept][known]) if self.known else np.nan
        return accuracy, len(kept), wrong


def _predicted(estimator: Any, X: Any, given: np.ndarray, kept: np.ndarray, test: np.ndarray) -> np.ndarray:
    """Return predictions (t,) after training on `kept`; if it has a single class, that class."""
    labels = np.unique(given[kept])
    if len(labels) == 1:
        return np.full(len(test), labels[0])
    return predicted(estimator, X, given, kept, take_rows(X, test))


def _whole(data: Run | Dataset, source: str | pd.Series, seed: int) -> np.ndarray | None:
    """Return values (n,) that do not depend on the split; None for those computed from its training part."""
    if isinstance(source, str) and needs_inputs(source):
        return None
    return selection_values(data, source, seed)


def _end(end: str | Mapping[str, str] | None, name: str) -> str | None:
    return end.get(name) if isinstance(end, Mapping) else end


def _effects(table: pd.DataFrame, tested: int, trained: int) -> pd.DataFrame:
    """Return means and intervals by (by, share), and the difference from random parts of the same size."""
    rows = {}
    chance = table[table["by"] == RANDOM].set_index(["share", "split"])["accuracy"]
    for (by, share), part in table.groupby(["by", "share"], sort=False):
        usual = chance.loc[share].loc[part["split"]].to_numpy()
        row = effect(part["accuracy"].to_numpy(), usual, tested, trained)
        rows[(by, share)] = row | {"wrong_kept": part["wrong_kept"].mean()}
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis(["by", "share"])
