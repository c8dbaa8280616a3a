"""Effect of corrected test labels on a ranking of models: changes of rank, their certainty, and the share of errors.

On unchanged examples, given and corrected labels agree, so a ranking can change only through the share p of relabelled
examples and the accuracy of each model on them. Accuracy is linear in p, so the point where two models swap has a
closed form.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from workbench.experiments.intervals import percentile_interval
from workbench.foundation.checks import check_whole
from workbench.foundation.errors import InputError
from workbench.foundation.printing import Printed, wrapped

DRAWS_AT_A_TIME = 1 << 22


@dataclass(frozen=True, repr=False)
class Reranking(Printed):
    """A ranking of models by given and by corrected labels.

    Attributes
    ----------
    table : DataFrame indexed by model, best by corrected labels first: given, corrected (accuracy in [0, 1]),
        given_low, given_high, corrected_low, corrected_high (95 %), rank_given, rank_corrected (1 = best, ties share
        the better rank), moved (ranks gained), stayed (accuracy on unchanged examples), changed_given,
        changed_corrected (accuracy on the others, by given and by corrected label).
    flips : DataFrame, one row per pair of models whose order is reversed: better_given, better_corrected, gap_given,
        gap_corrected (accuracy of better_corrected minus better_given; below and above 0), their 95 % intervals
        (paired bootstrap), flipped (share of resamples with reversed order), sure (both intervals exclude 0).
    swaps : DataFrame, one row per pair of models and kind of labels ("given", "corrected") whose order depends on the
        share p of relabelled examples: first (ahead below p), second (ahead above p), labels, prevalence (p in
        (0, 1)), low, high (95 %), crosses (share of resamples in which they swap at all).
    tau : float in [-1, 1], Kendall's tau-b between the two rankings; 1 if they are equal. NaN if all models tie.
    tau_interval : (low, high), 95 %, paired bootstrap over examples.
    prevalence : float, share of the examples that were relabelled.
    n, changed, left_out : number of examples used, of relabelled ones among them, and of examples excluded because they
        have no corrected label.
    """

    table: pd.DataFrame
    flips: pd.DataFrame
    swaps: pd.DataFrame
    tau: float
    tau_interval: tuple[float, float]
    prevalence: float
    n: int
    changed: int
    left_out: int
    figures: ClassVar[tuple[str, ...]] = ("bump", "swaps")

    def at(self, prevalence: float, labels: str = "corrected") -> pd.Series:
        """Compute the accuracy of every model on a test set with another share of relabelled examples, best first.

        Parameters
        ----------
        prevalence : share p in [0, 1]; `self.prevalence` returns the accuracies of the table.
        labels : "given" or "corrected", the labels used for relabelled examples.
        """
        if labels not in ("given", "corrected"):
            raise InputError.unknown("labels", labels, ("given", "corrected"))
        if not 0 <= prevalence <= 1:
            raise InputError.at("prevalence", f"is {prevalence!r}", "Pass a share between 0 and 1.")
        changed = self.table[f"changed_{labels}"]
        mixed = prevalence * changed + (1 - prevalence) * self.table["stayed"]
        return mixed.sort_values(ascending=False, kind="stable").rename("accuracy")

    def __str__(self) -> str:
        low, high = self.tau_interval
        best_given = self.table["rank_given"].idxmin()
        best = self.table.index[0]
        lines = [
            f"{len(self.table)} models on {self.n:,} examples, {self.changed:,} relabelled ({self.prevalence:.1%}).",
            f"Kendall's tau between the rankings {self.tau:.2f} (95 % {low:.2f} to {high:.2f}).",
            f"Best by given labels: {best_given}; by corrected labels: {best}.",
        ]
        sure = int(self.flips["sure"].sum()) if len(self.flips) else 0
        lines.append(f"{len(self.flips)} pairs change their order, {sure} of them beyond chance.")
        return wrapped("\n".join(lines))


def compare_rankings(
    predictions_by_model: Mapping[str, Any] | pd.DataFrame,
    given: Any,
    corrected: Any,
    *,
    resamples: int = 1000,
    seed: int = 0,
) -> Reranking:
    """Rank models by accuracy on given and on corrected test labels.

    Parameters
    ----------
    predictions_by_model : model name -> (n,) predicted classes, in the form of the labels (indices or names), or
        (n, k) float probabilities or logits; or a DataFrame with one column per model.
        given : (n,) published labels.
        corrected : (n,) corrected labels; examples with None, NaN or -1 (no label is correct) are excluded.
        resamples : number of samples of the paired bootstrap over examples; all models use the same samples.
        seed : random seed of the bootstrap.

    Returns
    -------
    Reranking; `wb.figure(result, "bump")` and `wb.figure(result, "swaps")` draw it.

    Raises
    ------
    InputError : fewer than two models, arrays of different length, or no examples with a corrected label.

    Notes
    -----
    Let U be a model's accuracy on unchanged examples, C and G its accuracy on relabelled examples by corrected and by
    given labels, and p the share of relabelled examples. Then

        accuracy by corrected labels  A(p) = (1 - p) U + p C
        accuracy by given labels      B(p) = (1 - p) U + p G

    Both are linear in p. Models 1 and 2 have the same A if (1 - p)(U1 - U2) + p (C1 - C2) = 0, that is, at

        p* = (U1 - U2) / ((U1 - U2) - (C1 - C2))

    which is in (0, 1) if and only if U1 - U2 and C1 - C2 have opposite signs. For given labels, G replaces C. Northcutt
    et al. vary p by removing unchanged examples, to show at which share of errors smaller models overtake larger ones;
    in expectation this does not change U and C.

    The intervals treat predictions as fixed and resample test examples, so they do not reflect other training seeds.
    The interval of a swap is computed from the resamples in which the two models swap.

    References
    ----------
    Northcutt, Athalye and Mueller 2021, Pervasive Label Errors in Test Sets, sections 4 and 5; Neuhaus and Hein 2025,
    RePOPE; Kendall 1945, The treatment of ties in ranking problems.

    Examples
    --------
    Four examples, the last two of which were relabelled from 0 to 1. Model b has learned the errors.

    >>> result = compare_rankings({"a": [0, 1, 1, 1], "b": [0, 1, 0, 0], "c": [0, 0, 1, 1]}, [0, 1, 0, 0], [0, 1, 1, 1])
    >>> result.table[["given", "corrected", "rank_given", "rank_corrected"]]
           given  corrected  rank_given  rank_corrected
    model
    a       0.50       1.00           2               1
    c       0.25       0.75           3               2
    b       1.00       0.50           1               3
    >>> round(result.tau, 3)
    -0.333

    c ranks below b if errors are rare: U is 1/2 and 1, C is 1 and 0, so they swap at .5 / (.5 + 1).

    >>> swap = result.swaps[result.swaps["labels"] == "corrected"].iloc[0]
    >>> swap["first"], swap["second"], round(swap["prevalence"], 3)
    ('b', 'c', 0.333)
    """
    names, predictions = _predictions(predictions_by_model)
    before, after = _labels(given, "given"), _labels(corrected, "corrected")
    if len(before) != len(after):
        found = f"has {len(after)} labels for {len(before)} given ones"
        raise InputError.at("corrected", found, "Pass one per example.")
    for name, values in zip(names, predictions):
        if len(values) != len(before):
            raise InputError.at(
                "predictions_by_model", f"has {len(values)} predictions of {name!r} for {len(before)} labels",
                "Pass one per example.",
            )  # fmt: skip
    _one_kind({"given": before, "corrected": after, **dict(zip(names, predictions))})
    judged = ~_missing(after) & ~_missing(before)
    if not judged.any():
        raise InputError.at("corrected", "has no label at all", "Pass the corrected labels.")
    check_whole("resamples", resamples, 2, "Use an integer of at least 2, such as 1000.")
    before, after = before[judged], after[judged]
    changed = before != after
    right = {"given": [], "corrected": []}
    for values in predictions:
        right["given"].append(values[judged] == before)
        right["corrected"].append(values[judged] == after)
    right = {kind: np.array(rows, float) for kind, rows in right.items()}
    here = _Accuracies.of(right, changed, np.ones((1, len(before))))
    drawn = _drawn(right, changed, int(resamples), seed)
    table = _table(names, here, drawn)
    taus = kendall_tau(drawn.given, drawn.corrected)
    order = table["corrected"].sort_values(ascending=False, kind="stable").index
    return Reranking(
        table.loc[order],
        order_flips(names, (here.given[0], here.corrected[0]), (drawn.given, drawn.corrected)),
        _swaps(names, here, drawn),
        float(kendall_tau(here.given, here.corrected)[0]),
        percentile_interval(taus),
        float(changed.mean()),
        len(before),
        int(changed.sum()),
        int((~judged).sum()),
    )


@dataclass(frozen=True)
class _Accuracies:
    """Accuracies (b, m) of m models in b resamples; NaN on relabelled examples if a resample has none."""

    given: np.ndarray
    corrected: np.ndarray
    stayed: np.ndarray
    changed_given: np.ndarray
    changed_corrected: np.ndarray

    @classmethod
    def of(cls, right: dict[str, np.ndarray], changed: np.ndarray, weights: np.ndarray) -> _Accuracies:
        """Compute accuracies with weights (b, n), the number of times that each example was drawn."""
        on_changed, on_stayed = weights[:, changed], weights[:, ~changed]
        few = on_changed.sum(axis=1, keepdims=True)
        most = on_stayed.sum(axis=1, keepdims=True)
        parts = {kind: on_changed @ values[:, changed].T for kind, values in right.items()}
        same = on_stayed @ right["given"][:, ~changed].T
        with np.errstate(invalid="ignore", divide="ignore"):
            return cls(
                (parts["given"] + same) / (few + most),
                (parts["corrected"] + same) / (few + most),
                same / most,
                parts["given"] / few,
                parts["corrected"] / few,
            )


def _drawn(right: dict[str, np.ndarray], changed: np.ndarray, resamples: int, seed: int) -> _Accuracies:
    """Accuracies in bootstrap resamples of the examples; those on which all models do the same are drawn together."""
    n = len(changed)
    kinds, counts = np.unique(
        np.concatenate([right["given"], right["corrected"], changed[None]]), axis=1, return_counts=True
    )
    given, corrected, changed = np.split(kinds, [len(right["given"]), -1])
    rng = np.random.default_rng(seed)
    step = max(1, DRAWS_AT_A_TIME // len(counts))
    parts = []
    for start in range(0, resamples, step):
        weights = rng.multinomial(n, counts / n, size=min(step, resamples - start)).astype(float)
        parts.append(_Accuracies.of({"given": given, "corrected": corrected}, changed[0] > 0, weights))
    names = _Accuracies.__dataclass_fields__
    return _Accuracies(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))


def kendall_tau(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Compute Kendall's tau-b (b,) of each row of two arrays (b, m) of scores; NaN if all scores of a row tie.

    Examples
    --------
    >>> kendall_tau(np.array([[1, 2, 3], [1, 2, 3]]), np.array([[1, 2, 3], [2, 1, 3]])).round(3)
    array([1.   , 0.333])
    """
    one, two = np.triu_indices(first.shape[1], 1)
    a = np.sign(np.round(first[:, one] - first[:, two], 12))
    b = np.sign(np.round(second[:, one] - second[:, two], 12))
    with np.errstate(invalid="ignore", divide="ignore"):
        return (a * b).sum(axis=1) / np.sqrt(np.abs(a).sum(axis=1) * np.abs(b).sum(axis=1))


def _table(names: list[str], here: _Accuracies, drawn: _Accuracies) -> pd.DataFrame:
    frame = pd.DataFrame({"given": here.given[0], "corrected": here.corrected[0]}, index=pd.Index(names, name="model"))
    for kind in ("given", "corrected"):
        frame[f"{kind}_low"], frame[f"{kind}_high"] = percentile_interval(getattr(drawn, kind))
    for kind in ("given", "corrected"):
        frame[f"rank_{kind}"] = frame[kind].round(12).rank(ascending=False, method="min").astype(int)
    frame["moved"] = frame["rank_given"] - frame["rank_corrected"]
    frame["stayed"] = here.stayed[0]
    frame["changed_given"], frame["changed_corrected"] = here.changed_given[0], here.changed_corrected[0]
    return frame


def order_flips(
    names: Sequence[str], here: tuple[np.ndarray, np.ndarray], drawn: tuple[np.ndarray, np.ndarray]
) -> pd.DataFrame:
    """Return the pairs of models whose order is reversed between two kinds of labels, likeliest first.

    Parameters
    ----------
    here : scores (m,) of m models by given and by corrected labels. drawn : the same in b resamples, (b, m).

    Returns
    -------
    DataFrame, as `flips` of `Reranking`.
    """
    rows = []
    for one, two in combinations(range(len(names)), 2):
        gaps = [float(np.round(values[two] - values[one], 12)) for values in here]
        if not gaps[0] * gaps[1] < 0:
            continue
        one, two = (one, two) if gaps[0] < 0 else (two, one)
        before, after = (values[:, two] - values[:, one] for values in drawn)
        (low_b, high_b), (low_a, high_a) = percentile_interval(before), percentile_interval(after)
        rows.append(
            {
                "better_given": names[one], "better_corrected": names[two],
                "gap_given": -abs(gaps[0]), "gap_given_low": low_b, "gap_given_high": high_b,
                "gap_corrected": abs(gaps[1]), "gap_corrected_low": low_a, "gap_corrected_high": high_a,
                "flipped": float(((before < 0) & (after > 0)).mean()), "sure": bool(high_b < 0 and low_a > 0),
            }
        )  # fmt: skip
    columns = ["better_given", "better_corrected", "gap_given", "gap_given_low", "gap_given_high", "gap_corrected"]
    columns += ["gap_corrected_low", "gap_corrected_high", "flipped", "sure"]
    return pd.DataFrame(rows, columns=columns).sort_values("flipped", ascending=False, ignore_index=True)


def _swaps(names: list[str], here: _Accuracies, drawn: _Accuracies) -> pd.DataFrame:
    """Return the pairs whose order depends on the share of relabelled examples, with the point where they swap."""
    rows = []
    for kind in ("given", "corrected"):
        for one, two in combinations(range(len(names)), 2):
            stayed, changed = ((values[:, one] - values[:, two]) for values in (here.stayed, _changed(here, kind)))
            place = swap_point(stayed, changed)[0]
            if np.isnan(place):
                continue
            stayed_b, changed_b = (values[:, one] - values[:, two] for values in (drawn.stayed, _changed(drawn, kind)))
            places = swap_point(stayed_b, changed_b)
            low, high = percentile_interval(places)
            first, second = (one, two) if stayed[0] > 0 else (two, one)
            rows.append(
                {
                    "first": names[first], "second": names[second], "labels": kind, "prevalence": float(place),
                    "low": low, "high": high, "crosses": float((~np.isnan(places)).mean()),
                }
            )  # fmt: skip
    columns = ["first", "second", "labels", "prevalence", "low", "high", "crosses"]
    return pd.DataFrame(rows, columns=columns).sort_values(["labels", "prevalence"], ignore_index=True)


def _changed(accuracies: _Accuracies, kind: str) -> np.ndarray:
    return accuracies.changed_given if kind == "given" else accuracies.changed_corrected


def swap_point(stayed: np.ndarray, changed: np.ndarray) -> np.ndarray:
    """Compute the share of relabelled examples at which two models are equally accurate; NaN if they do not swap.

    Parameters
    ----------
    stayed, changed : (b,) difference in accuracy on unchanged and on relabelled examples

    Examples
    --------
    >>> swap_point(np.array([0.02, 0.02]), np.array([-0.38, 0.5])).round(3)
    array([0.05,  nan])
    """
    stayed, changed = np.round(stayed, 12), np.round(changed, 12)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(stayed * changed < 0, stayed / (stayed - changed), np.nan)


def _predictions(source: Mapping[str, Any] | pd.DataFrame) -> tuple[list[str], list[np.ndarray]]:
    """Return the names and predicted classes (n,) of the models."""
    if not isinstance(source, (Mapping, pd.DataFrame)):
        raise InputError.at("predictions_by_model", f"is a {type(source).__name__}", "Pass {model name: predictions}.")
    names = [str(name) for name in source]
    if len(names) < 2:
        raise InputError.at("predictions_by_model", f"holds {len(names)} models", "A ranking needs two or more.")
    if len(set(names)) < len(names):
        raise InputError.at("predictions_by_model", "names a model twice", "Give each model a unique name.")
    found = []
    for name in source:
        values = _plain(source[name])
        if values.ndim == 2 and values.dtype.kind == "f":
            if np.isnan(values).any():
                row = int(np.flatnonzero(np.isnan(values).any(axis=1))[0])
                raise InputError.at("predictions_by_model", f"holds NaN for {str(name)!r}", "Predict again.", row=row)
            values = values.argmax(axis=1)
        if values.ndim != 1:
            found_shape = f"has shape {values.shape} for {str(name)!r}"
            raise InputError.at("predictions_by_model", found_shape, "Pass (n,) classes or (n, k) probabilities.")
        found.append(values)
    return names, found


def _labels(labels: Any, name: str) -> np.ndarray:
    values = _plain(labels)
    if values.ndim != 1:
        raise InputError.at(name, f"has shape {values.shape}", "Pass one label per example.")
    return values


def _plain(values: Any) -> np.ndarray:
    """Array of numbers, or of objects if it contains text or None."""
    if hasattr(values, "detach"):
        values = values.detach().cpu().numpy()
    if isinstance(values, pd.Series):
        values = values.to_numpy()
    array = np.asarray(values if isinstance(values, np.ndarray) else list(values), dtype=None)
    return array.astype(object) if array.dtype.kind in "US" else array


def _one_kind(arrays: dict[str, np.ndarray]) -> None:
    """Refuse a mixture of class names and class indices, which would never be equal."""
    kinds = {}
    for name, values in arrays.items():
        known = values[~_missing(values)]
        if len(known):
            kinds[name] = "text" if isinstance(known[0], str) else "numbers"
    if len(set(kinds.values())) > 1:
        odd = next(name for name, kind in kinds.items() if kind != kinds[next(iter(kinds))])
        found = f"of {odd!r} are {kinds[odd]}, others {kinds[next(iter(kinds))]}"
        raise InputError.at("labels", found, "Pass all as class names, or all as class indices.")


def _missing(labels: np.ndarray) -> np.ndarray:
    return np.asarray(pd.isna(labels), bool) | np.equal(labels, -1).astype(bool)
