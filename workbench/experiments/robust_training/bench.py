"""Comparison of robust methods: accuracy, calibration and corrected labels by share of wrong labels."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from workbench.data.dataset import Dataset
from workbench.evidence.evidence import Evidence
from workbench.evidence.out_of_fold import scaled
from workbench.experiments.intervals import effect, effect_in_words
from workbench.experiments.robust_training.methods import check_methods, estimated_noise, train
from workbench.experiments.robust_training.networks import WIDEST_HEAD, Setup
from workbench.experiments.settings import check_splits, distinct_shares
from workbench.experiments.training_data import inputs, true_labels
from workbench.foundation.checks import UNLABELLED
from workbench.foundation.devices import one_thread
from workbench.foundation.errors import InputError
from workbench.foundation.printing import Printed, wrapped
from workbench.foundation.rows import dense_rows
from workbench.issues.calibration import calibration_error
from workbench.issues.detector import find_issues
from workbench.issues.plant import plant_errors
from workbench.runs.run import Run, opened
from workbench.tasks import require_task

BASELINE = "cross_entropy"
REFERENCES = ("fixed", "clean")
"""Cross-entropy on labels corrected by `find_issues`, and on the true labels."""


@dataclass(frozen=True, repr=False)
class RobustBench(Printed):
    """Robust methods by noise rate.

    Attributes
    ----------
    table : DataFrame, one row per rate, seed and method: accuracy and ece (on true test labels, in [0, 1]), restored
        (share of wrong training labels whose true class the heads predict), broken (share of correct ones that they
        would change), estimated_rate (share of wrong labels estimated by confident learning).
    effects : DataFrame indexed by (method, rate): accuracy, low, high (95 % over seeds), difference, difference_low,
        difference_high, verdict (against cross-entropy on the same split, labels and seed), ece, restored, broken.
    judged_on : description of the test examples.
    """

    table: pd.DataFrame
    effects: pd.DataFrame
    judged_on: str
    figures: ClassVar[tuple[str, ...]] = ("robust",)

    def in_words(self, method: str, rate: float) -> str:
        """Describe one method at one rate relative to cross-entropy, as in "+2.1 points, 95 % 0.4 to 3.8"."""
        return effect_in_words(self.effects, (method, rate))

    def __str__(self) -> str:
        lines = [f"Accuracy, judged on {self.judged_on}; in brackets against cross-entropy:"]
        for (method, rate), row in self.effects.iterrows():
            words = "" if method == BASELINE else f" ({self.in_words(method, rate)}; {row['verdict']})"
            repaired = "" if np.isnan(row["restored"]) else f", {row['restored']:.0%} of wrong labels restored"
            lines.append(
                f"  {rate:.0%} wrong, {method}: {row['accuracy']:.1%}{words}; ECE {row['ece']:.3f}{repaired}, "
                f"{row['broken']:.1%} of right ones broken"
            )
        return wrapped("\n".join(lines))


def robust(
    data: Run | Dataset | str,
    X: Any = None,
    methods: str | Iterable[str] | None = None,
    *,
    rates: Iterable[float] = (0.0, 0.2, 0.4),
    kind: str | np.ndarray = "symmetric",
    truth: Iterable[object] | str | None = None,
    seeds: int = 5,
    test_share: float = 0.3,
    noise: str = "estimated",
    setup: Setup | None = None,
    seed: int = 0,
    **options: int | float,
) -> RobustBench:
    """Train small heads by every method on labels with a known share of errors, and test them on true labels.

    Parameters
    ----------
    data : a Run or its path, or a Dataset with X.
    X : n inputs in dataset order; by default the embeddings of the run. Standardised, at most 128 principal components.
    methods : str or list of str
        Names of `METHODS`, by default all. Also "fixed" (cross-entropy on labels corrected by `find_issues`) and
        "clean" (cross-entropy on the true labels, an upper limit). Cross-entropy is always included.
    rates : shares of labels to change, in [0, 1).
    kind : kind of change, as in `plant_errors`: "symmetric", "pair", or a float matrix (k, k).
    truth : (n,) true labels, or "planted"; by default the given labels count as true. Examples without one are
        excluded.
    seeds : number of repeats; each has its own split, changed labels and initial weights, equal for all methods.
    test_share : share of held-out examples, in (0, 1).
    noise : "estimated" (by confident learning on the training part) or "known": the noise matrix passed to forward
        correction and co-teaching.
    setup, options : `Setup`, or its fields: hidden, epochs, batch, learning_rate, decay.
    seed : first seed.

    Returns
    -------
    RobustBench

    Raises
    ------
    InputError : an unknown method, rate or option, or too little to train on.
    MissingEvidence : neither X nor embeddings.

    Notes
    -----
    An embedding that was trained on the given labels has seen the test examples too, which favours all methods equally.
    Intervals are corrected resampled t-intervals over seeds. All methods use the default settings of their papers and
    the same number of epochs, without tuning or early stopping.

    Examples
    --------
    >>> X = np.repeat(np.eye(3), 30, axis=0) + 0.3 * np.random.default_rng(0).normal(size=(90, 3))
    >>> data = Dataset.from_arrays(np.repeat(np.arange(3), 30))
    >>> bench = robust(data, X, ["mixup"], rates=[0.2], seeds=2, epochs=2)
    >>> list(bench.effects.index)
    [('cross_entropy', 0.2), ('mixup', 0.2)]
    """
    source = opened(data)
    dataset = source.dataset if isinstance(source, Run) else source
    require_task(dataset, "multiclass", "robust")
    names = _names(methods)
    rates = distinct_shares("rates", rates, lambda rate: 0 <= rate < 1, "Pass shares of labels to change, in [0, 1).")
    check_splits("seeds", seeds, test_share)
    if noise not in ("estimated", "known"):
        raise InputError.unknown("noise", noise, ("estimated", "known"))
    setup = make_setup(setup, options)
    target = dataset.given_labels if truth is None else true_labels(dataset, truth)
    features, rows = scaled_features(source, X, target != UNLABELLED, seed)
    right = target[rows]
    clean = _plain(dataset, rows).with_labels(right)
    m = round(test_share * len(rows))
    if m < 1 or len(rows) - m < 10 * min(dataset.k, 10):
        raise InputError(f"{len(rows)} examples with features and true labels are too few to train and test on.")
    from tqdm.auto import tqdm

    lines = []
    plan = [(rate, seed + number) for rate in rates for number in range(int(seeds))]
    with one_thread():
        for rate, number in tqdm(plan, desc="robust", unit="training set", delay=2, leave=False):
            given = right if rate == 0 else plant_errors(clean, rate, kind, seed=number).given_labels
            order = np.random.default_rng(number).permutation(len(rows))
            test, part = order[:m], np.sort(order[m:])
            lines += _condition(names, features, given, right, part, test, dataset.k, setup, number, noise, rate)
    table = pd.DataFrame(lines)
    kind_said = kind if isinstance(kind, str) else "matrix"
    source = "the given labels, assumed true" if truth is None else "known true labels"
    judged = f"{m:,} held-out examples, {int(seeds)} seeds, {kind_said} noise, {source}"
    return RobustBench(table, _effects(table, names, m, len(rows) - m), judged)


def _condition(
    names: list[str], X: np.ndarray, given: np.ndarray, right: np.ndarray, part: np.ndarray, test: np.ndarray,
    k: int, setup: Setup, seed: int, noise: str, rate: float,
) -> list[dict[str, Any]]:  # fmt: skip
    """Run all methods on one set of labels and one split."""
    import torch

    mine, true = given[part], right[part]
    wrong = mine != true
    estimate = estimated_noise(X[part], mine, k, seed)
    noise_known = estimate if noise == "estimated" else (_known(mine, true, k), float(wrong.mean()))
    lines = []
    for name in names:
        labels = true if name == "clean" else _fixed(X[part], mine, k, seed) if name == "fixed" else mine
        method = BASELINE if name in REFERENCES else name
        trained = train(method, X[part], labels, k, setup, seed, noise_known)
        probs = trained.predict(torch.from_numpy(X[test]))
        is_right = probs.argmax(axis=1) == right[test]
        said = labels if name in REFERENCES else trained.on_training.argmax(axis=1)
        lines.append(
            {
                "rate": rate, "seed": seed, "method": name,
                "accuracy": float(np.mean(is_right)), "ece": calibration_error(probs.max(axis=1), is_right, bins=15),
                "restored": float(np.mean(said[wrong] == true[wrong])) if wrong.any() else np.nan,
                "broken": float(np.mean(said[~wrong] != mine[~wrong])), "estimated_rate": estimate[1],
            }
        )  # fmt: skip
    return lines


def _fixed(X: np.ndarray, given: np.ndarray, k: int, seed: int) -> np.ndarray:
    """Return the given labels after applying the suggestions of `find_issues` on these features."""
    found = find_issues(Evidence.from_arrays(given, k, embeddings=X), seed=seed).sort_values("row")
    labels = given.copy()
    take = found["is_issue"].to_numpy(bool)
    labels[take] = found["suggested_label"].to_numpy()[take].astype(np.int64)
    return labels


def _known(given: np.ndarray, right: np.ndarray, k: int) -> np.ndarray:
    """Return the shares (k, k) of given labels by true class; the identity for classes without examples."""
    counts = np.zeros((k, k))
    np.add.at(counts, (right, given), 1)
    none = counts.sum(axis=1) == 0
    counts[none] = np.eye(k)[none]
    return counts / counts.sum(axis=1, keepdims=True)


def scaled_features(data: Run | Dataset, X: Any, usable: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return features (m, d) float32, standardised to mean square 1 per column, and the rows (m,) that have them."""
    material = inputs(data, X)
    rows = np.flatnonzero(material.there & usable)
    out = scaled(np.asarray(dense_rows(material.values, rows), np.float32), seed, WIDEST_HEAD)
    return np.ascontiguousarray(out * np.sqrt(out.shape[1]), np.float32), rows


def make_setup(setup: Setup | None, options: dict[str, Any]) -> Setup:
    """Create a Setup from its fields; errors list the valid ones."""
    known = [field.name for field in dataclasses.fields(Setup)]
    for name in options:
        if name not in known:
            raise InputError.unknown("option", name, known)
    return dataclasses.replace(setup or Setup(), **options)


def _plain(dataset: Dataset, rows: np.ndarray) -> Dataset:
    """Return the examples of some rows, without media or planted errors."""
    return Dataset(dataset.ids[rows], dataset.given_labels[rows], dataset.classes)


def _names(methods: str | Iterable[str] | None) -> list[str]:
    """Return the methods in order, with the baseline first and references last."""
    asked = None if methods is None else [methods] if isinstance(methods, str) else list(methods)
    references = [name for name in asked or () if name in REFERENCES]
    rest = None if asked is None else [name for name in asked if name not in REFERENCES]
    found = [] if rest == [] and references else check_methods(rest)
    return [BASELINE, *(name for name in found if name != BASELINE), *references]


def _effects(table: pd.DataFrame, names: list[str], tested: int, trained: int) -> pd.DataFrame:
    """Return means and intervals by (method, rate)."""
    rows = {}
    for method in names:
        for rate, part in table[table["method"] == method].groupby("rate"):
            usual = table[(table["method"] == BASELINE) & (table["rate"] == rate)].set_index("seed")["accuracy"]
            row = effect(part["accuracy"].to_numpy(), usual.loc[part["seed"]].to_numpy(), tested, trained)
            rows[(method, float(rate))] = row | {name: part[name].mean() for name in ("ece", "restored", "broken")}
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis(["method", "rate"])
