"""The estimator of numeric labels for `find_issues`: judges each column separately and writes reasons."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from workbench.foundation.errors import InputError
from workbench.issues.counts import around_expected
from workbench.issues.kinds.contract import Asked, Found
from workbench.issues.numbers.column import WEAK, WEAK_RATINGS, ColumnEvidence, JudgedNumbers, judge
from workbench.issues.numbers.mixture import UNITS
from workbench.tasks.numbers import matrix_of, values_of

RANGE = (0.7, 1.8)
"""Range of the true number of errors relative to the expected one, on planted errors of 3 to 20 %."""


class NumbersEstimator:
    """Judges labels of the task "numbers" by `predictions`, `features` and `embeddings`."""

    version = 3

    def judge(self, asked: Asked) -> Found:
        """Estimate the probability that each number is wrong; see `workbench.issues.numbers.column.judge`."""
        dataset = asked.dataset
        names, n, t = dataset.classes, dataset.n, len(dataset.classes)
        values = values_of(dataset.labels, t)
        evidence = _evidence(asked, n, t)
        judged = [judge(values[:, place], evidence[place], asked.seed, names[place]) for place in range(t)]

        def of_units(name: str) -> np.ndarray:
            return np.stack([getattr(one, name) for one in judged], axis=1).ravel()

        ids = np.append(dataset.ids.astype(object), np.array([None], object))
        columns: dict[str, np.ndarray] = {} if t == 1 else {"target": np.tile(np.array(names, object), n)}
        last = {name: of_units(name) for name in ("predicted", "low", "high")} | {"partner": ids[of_units("partner")]}
        if judged[0].models > 1:
            last["models_against"] = of_units("against")
        p_error, kind = of_units("p_error"), of_units("kind")
        why = "; ".join(dict.fromkeys(_weak(one, asked) for one in judged if _weak(one, asked)))
        low, high = around_expected(p_error, RANGE)
        if why:
            known, expected = float((~np.isnan(p_error)).sum()), float(np.nansum(p_error))
            low, high = 0.0, min(max(high, 3 * expected + known / 10), known)
        codes = np.unique(np.array(["" if one is None else one for one in kind]), return_inverse=True)[1]
        return Found(
            dataset.units, p_error, values.ravel(), of_units("other"), of_units("p_other"), (low, high),
            _Words(judged, values, dataset.ids), kind=kind, columns=columns, last=last, pair=codes.reshape(-1),
            identified=not why, why=why, evidence=", ".join(asked.evidence),
            method="; ".join(dict.fromkeys(one.method for one in judged)),
        )  # fmt: skip


def _weak(one: JudgedNumbers, asked: Asked) -> str:
    """Return why the number of errors is not identified; "" if it is."""
    if not asked.out_of_fold:
        return "the predictions come from models that have seen the numbers"
    if one.explained < (WEAK if one.tolerance is None else WEAK_RATINGS):
        return f"predictions explain only {100 * max(one.explained, 0):.0f} % of the variance"
    return ""


def _evidence(asked: Asked, n: int, t: int) -> list[ColumnEvidence]:
    """Return the validated evidence of each column."""
    features = []
    for name in ("features", "embeddings"):
        if name in asked.evidence:
            array = matrix_of(asked.evidence[name], None, name)
            if len(array) != n:
                raise InputError.at(name, f"has {len(array)} rows for {n} examples", "Pass one row per example.")
            features.append(array)
    if "predictions" not in asked.evidence:
        return [ColumnEvidence(None, features)] * t
    given: Any = asked.evidence["predictions"]
    array = matrix_of(given, t if t > 1 else None, "predictions")
    if len(array) != n:
        found = f"has {len(array)} rows for {n} examples"
        raise InputError.at("predictions", found, "Pass one row per example, in dataset order.")
    if t == 1:
        return [ColumnEvidence(array, features)]
    return [ColumnEvidence(array[:, [place]], features) for place in range(t)]


class _Words:
    """Reasons why numbers are suspicious, written on demand."""

    def __init__(self, judged: Sequence[JudgedNumbers], values: np.ndarray, ids: np.ndarray) -> None:
        self._judged, self._values, self._ids = judged, values, ids

    def __call__(self, places: np.ndarray) -> list[str]:
        t = len(self._judged)
        return [self._of(int(place) // t, self._judged[int(place) % t], int(place) % t) for place in places]

    def _of(self, row: int, one: JudgedNumbers, column: int) -> str:
        y, predicted = self._values[row, column], one.predicted[row]
        if predicted != predicted:
            return ""
        said = f"predicted {predicted:.6g} (90 % interval {' to '.join(interval_ends(one.low[row], one.high[row]))})"
        if y != y:
            return said
        words = [said]
        if cause := _cause(one, row, self._ids):
            words.insert(0, cause)
        if one.models > 1 and one.against[row]:
            words.append(f"{one.against[row]:.0f} of {one.models} models are far from it")
        return "; ".join(words)


def interval_ends(low: float, high: float) -> tuple[str, str]:
    """Return the ends of an interval as text, with the decimals that three digits of its width have.

    Examples
    --------
    >>> interval_ends(45.1922, 56.1281)
    ('45.2', '56.1')
    """
    width = high - low
    decimals = max(2 - math.floor(math.log10(width)), 0) if 0 < width < math.inf else 6
    return f"{round(low, decimals):.12g}", f"{round(high, decimals):.12g}"


def _cause(one: JudgedNumbers, row: int, ids: np.ndarray) -> str:
    """Return a possible cause of the error, as a hint to check."""
    kind, other = one.kind[row], one.other[row]
    if one.p_error[row] < 0.1:
        return ""
    if kind == "factor":
        factor = one.factor[row]
        times = f"{factor:g} times too large" if factor > 1 else f"{1 / factor:g} times too small"
        return f"{other:.6g} would fit: the number is {times}"
    if kind == "unit":
        factor = one.factor[row]
        unit = min(UNITS, key=lambda known: min(abs(known - factor), abs(1 / known - factor)))
        return f"{other:.6g} would fit: units mixed up ({UNITS[unit]}?)"
    if kind == "sign":
        return f"{other:.6g} would fit: wrong sign"
    if kind == "digits":
        return f"{other:.12g} would fit: two digits swapped"
    if kind == "swapped":
        return f"{other:.6g} would fit: swapped with the number of {ids[[one.partner[row]]].tolist()[0]!r}?"
    if kind == "rating":
        return f"{other:g} is more likely"
    return "far from its prediction"
