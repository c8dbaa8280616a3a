"""The contents of a report about numbers: causes of errors, corrections, and residuals, for each target."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd

from workbench.foundation.cells import is_missing
from workbench.foundation.progress import step
from workbench.issues.numbers.mixture import FACTORS, UNITS
from workbench.reports import facts
from workbench.reports.unit_facts import UnitContents, gather_units
from workbench.tasks.keys import number_of
from workbench.tasks.numbers import values_of

if TYPE_CHECKING:
    from workbench.runs.run import Run

LISTED_CORRECTIONS = 12
"""Maximum number of listed corrections."""
WIDE_RANGE = 10.0
"""Predictions whose 95 % quantile is this many times their 5 % quantile are drawn on a logarithmic scale."""
LEAST_DRAWN_RATIO = 1e-3
"""Smallest drawn ratio of the lower end of an interval to its prediction."""

NUMBER_WORDS = facts.Words(
    "number", "numbers", "", "targets", "numbers", "", ("known numbers", "unknown"),
)  # fmt: skip

CAUSES = {
    "factor": "a factor of 10, 100 or 1,000",
    "unit": "units mixed up",
    "sign": "wrong sign",
    "digits": "two digits swapped",
    "swapped": "swapped with another row",
    "rating": "another rating",
    "outlier": "no known cause: far from its prediction",
}
"""Kinds of errors in words."""


class Residuals(NamedTuple):
    """Points (m,) of the figure of one target.

    Attributes
    ----------
    target : name of the column. predicted : (m,) predictions. off : (m,) given minus predicted number, or their ratio.
    low, high : (m,) the interval of correct numbers, relative to the prediction as `off` is.
    lines : (m,) the line of each in the issues. ratio : whether ratios are drawn, on a logarithmic scale.
    thinned_from : number of points before some were left out.
    """

    target: str
    predicted: np.ndarray
    off: np.ndarray
    low: np.ndarray
    high: np.ndarray
    lines: np.ndarray
    ratio: bool
    thinned_from: int


@dataclass(frozen=True)
class NumberFacts:
    """Contents of a report for numbers only.

    Attributes
    ----------
    unit : heading of the column with the names of targets; "" for a single one. names : of the targets.
    targets : one row per target, the one with the largest share of errors first: target, known, unknown, wrong
        (expected), share (of the known ones), issues, changed, middle (median of the given numbers), within (median of
        half the width of the interval of correct numbers).
    causes : one row per kind of error, the most frequent first: cause, wrong (expected), issues, detail.
    corrected, suggested : the largest corrections, decided and suggested: id, target, given, other, change, times (the
        change divided by half the width of the interval), by (who decided; the p_error of a suggestion).
    residuals : one per target with predictions.
    """

    unit: str
    names: tuple[str, ...]
    targets: pd.DataFrame
    causes: pd.DataFrame
    corrected: pd.DataFrame
    suggested: pd.DataFrame
    residuals: list[Residuals]

    def name_of(self, id: object, key: str) -> str:
        """The name of a target."""
        return self.names[number_of(key) or 0] if key else self.names[0]


class NumberContents(UnitContents):
    """Numbers, their targets, causes of errors, corrections and residuals."""

    words = NUMBER_WORDS

    def __init__(self, run: Run, issues: pd.DataFrame) -> None:
        super().__init__(run, issues)
        self.several = len(self.dataset.classes) > 1
        keys = issues.index.get_level_values("unit")
        self.target = np.array([number_of(key) or 0 if key else 0 for key in keys], np.int64)

    def label(self, row: int, found: dict[str, Any], which: str) -> str | None:
        """The number as text."""
        value = found[f"{which}_label"]
        return None if is_missing(value) else self.dataset.kind.in_words(float(value))

    def unit(self, id: object, key: str) -> str:
        """The name of the target if there are several."""
        return self.dataset.kind.unit_name(key, self.dataset.classes) if self.several else ""

    def own(self) -> NumberFacts:
        """Return tables of targets, causes and corrections, and residuals."""
        step("residuals")
        changed = self._changed()
        return NumberFacts(
            "target" if self.several else "",
            tuple(self.dataset.classes),
            self._targets(changed),
            causes_of(self.issues),
            _largest(changed),
            _largest(self._suggested(changed)),
            self._residuals(),
        )

    def _half(self) -> pd.Series:
        """Half the width of the interval of correct numbers, by (id, unit)."""
        return (self.issues["high"] - self.issues["low"]) / 2

    def _changed(self) -> pd.DataFrame:
        """Return the decided corrections: given, other, target, half (the width), by."""
        changes, kind = self.changes, self.dataset.kind
        columns = {
            name: [np.nan if is_missing(one) else kind.decode(one, self.dataset.classes) for one in changes[old]]
            for name, old in (("given", "given_label"), ("other", "label"))
        }
        targets = [number_of(key) or 0 if key else 0 for key in changes.index.get_level_values("unit")]
        half = self._half().reindex(changes.index).to_numpy(float)
        frame = pd.DataFrame(columns | {"target": targets, "half": half}, index=changes.index, dtype=object)
        return self._named(frame.assign(by=changes["author"].to_numpy(object)))

    def _suggested(self, changed: pd.DataFrame) -> pd.DataFrame:
        """Return the corrections suggested for issues without a decided one, with the columns of `_changed`."""
        issues = self.issues
        open_ = issues["is_issue"].to_numpy(bool) & ~issues.index.isin(changed.index)
        part = issues[open_]
        columns = {"given": part["given_label"], "other": part["suggested_label"], "target": self.target[open_]}
        frame = pd.DataFrame(columns | {"half": self._half()[open_]}, index=part.index, dtype=object)
        return self._named(frame.assign(by=part["p_error"].to_numpy(object)))

    def _named(self, frame: pd.DataFrame) -> pd.DataFrame:
        names = np.array(self.dataset.classes, object)[frame["target"].to_numpy(np.int64)]
        return frame.astype({"given": float, "other": float, "half": float}).assign(target=names)

    def _targets(self, changed: pd.DataFrame) -> pd.DataFrame:
        names, p = list(self.dataset.classes), self.issues["p_error"].to_numpy(float)
        k, target, known = len(names), self.target, ~np.isnan(p)
        half = self._half().to_numpy(float)
        counts = np.bincount(target[known], minlength=k)
        wrong = np.bincount(target, np.nan_to_num(p), k)
        given = values_of(self.run.dataset.labels, k)
        table = pd.DataFrame(
            {
                "target": names, "known": counts, "unknown": np.bincount(target, minlength=k) - counts, "wrong": wrong,
                "share": wrong / np.maximum(counts, 1),
                "issues": np.bincount(target[self.issues["is_issue"].to_numpy(bool)], minlength=k),
                "changed": [int((changed["target"] == name).sum()) for name in names],
                "middle": [_median(one) for one in given.T],
                "within": [_median(half[known & (target == one)]) for one in range(k)],
            }
        )  # fmt: skip
        return table.sort_values("share", ascending=False, kind="stable").reset_index(drop=True)

    def _residuals(self) -> list[Residuals]:
        issues = self.issues
        if "predicted" not in issues:
            self.missing.append("no residuals: these issues have no column `predicted`")
            return []
        drawn = []
        predicted, given = issues["predicted"].to_numpy(float), issues["given_label"].to_numpy(float)
        usable = ~np.isnan(predicted) & ~np.isnan(given)
        for place, name in enumerate(self.dataset.classes):
            lines = facts.drawn_of(np.flatnonzero(usable & (self.target == place)))
            if len(lines):
                whole = int((usable & (self.target == place)).sum())
                low, high = (issues[column].to_numpy(float)[lines] for column in ("low", "high"))
                drawn.append(_points(name, predicted[lines], given[lines], low, high, lines, whole))
        return drawn


def gather_numbers(run: Run, issues: pd.DataFrame | None, top: int, fdr: float | None) -> facts.Facts:
    """Collect the facts of a run; see `workbench.reports.unit_facts.gather_units`."""
    return gather_units(run, issues, top, fdr, NumberContents)


def _median(values: np.ndarray) -> float:
    """The median of the known values, NaN without any."""
    known = values[~np.isnan(values)]
    return float(np.median(known)) if len(known) else np.nan


def causes_of(issues: pd.DataFrame) -> pd.DataFrame:
    """Count the errors of numbers by cause; see `NumberFacts.causes`.

    Parameters
    ----------
    issues : result of `find_issues` for numbers.
    """
    kinds, p = issues["kind"].to_numpy(object), issues["p_error"].to_numpy(float)
    marked = issues["is_issue"].to_numpy(bool)
    factors = _factors(issues)
    rows = []
    for kind, words in CAUSES.items():
        mine = kinds == kind
        if not mine.any():
            continue
        found, counts = np.unique(factors[mine & marked & ~np.isnan(factors)], return_counts=True)
        listed = sorted(zip(found.tolist(), counts.tolist()), key=lambda one: -one[1])
        detail = ", ".join(f"{_factor_in_words(kind, factor)} {count:,}" for factor, count in listed)
        rows.append((words, float(np.nansum(p[mine])), int((mine & marked).sum()), detail))
    table = pd.DataFrame(rows, columns=["cause", "wrong", "issues", "detail"])
    return table.sort_values(["issues", "wrong"], ascending=False, kind="stable").reset_index(drop=True)


def _factors(issues: pd.DataFrame) -> np.ndarray:
    """Return the factor of each issue of the kinds "factor" and "unit", (m,), NaN for others."""
    given, other = (issues[f"{name}_label"].to_numpy(float) for name in ("given", "suggested"))
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = given / other
    at = np.flatnonzero(np.isin(issues["kind"].to_numpy(object), ("factor", "unit")) & np.isfinite(ratio))
    factors = np.full(len(issues), np.nan)
    known = np.array(FACTORS)
    nearest = np.abs(ratio[at][:, None] / known - 1)
    fits = nearest.min(axis=1) < 1e-6
    factors[at[fits]] = known[nearest.argmin(axis=1)[fits]]
    return factors


def _factor_in_words(kind: str, factor: float) -> str:
    if kind == "unit":
        return next(name for unit, name in UNITS.items() if np.isclose([unit, 1 / unit], factor).any())
    return f"{factor:,.4g} times too large" if factor > 1 else f"{1 / factor:,.4g} times too small"


def _largest(table: pd.DataFrame) -> pd.DataFrame:
    """Return the largest corrections, as in `NumberFacts.corrected`."""
    change = table["other"] - table["given"]
    sized = table.assign(id=table.index.get_level_values("id"), change=change, times=change.abs() / table["half"])
    order = np.argsort(-np.nan_to_num(sized["times"].to_numpy(float), nan=-1.0, posinf=-1.0), kind="stable")
    return sized.iloc[order[:LISTED_CORRECTIONS]].reset_index(drop=True)


def _points(
    target: str, predicted: np.ndarray, given: np.ndarray, low: np.ndarray, high: np.ndarray, lines: np.ndarray,
    whole: int,
) -> Residuals:  # fmt: skip
    """Return differences from the predictions, or ratios if all are positive and predictions differ a lot."""
    few, many = np.quantile(predicted, [0.05, 0.95])
    if few > 0 and many > WIDE_RANGE * few:
        usable = predicted > 0
        predicted, given, low, high, lines = (one[usable] for one in (predicted, given, low, high, lines))
        ratio = np.where(given > 0, given, np.nan) / predicted
        low = np.maximum(low / predicted, LEAST_DRAWN_RATIO)
        return Residuals(target, predicted, ratio, low, high / predicted, lines, True, whole)
    return Residuals(target, predicted, given - predicted, low - predicted, high - predicted, lines, False, whole)
