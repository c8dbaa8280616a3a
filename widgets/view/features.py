"""The features of a row of a table: each value, and how unusual it is among the examples of the same given label.

The measure is the share of the class that is at least as extreme (two-sided, by rank) for numbers, or at least as rare
for categories and missing values. 0.01 means that one in a hundred examples is as extreme, whatever the unit, so
features of all kinds can be sorted together. Large classes are represented by a sample.
"""

from __future__ import annotations

import math
from collections import Counter, OrderedDict
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd

from widgets.view.items import as_text
from widgets.wire import shapes

if TYPE_CHECKING:
    import pandas as pd

    from workbench.data.dataset import Dataset

MOST_FEATURES = 300
"""Maximum number of features sent, the most unusual first."""

CLASS_SAMPLE = 20_000
"""Size of the sample that represents a class, or all examples."""

FEWEST_OF_CLASS = 8
"""Minimum number of known values of a class; with fewer, a number is compared with all examples instead."""

GROUPS_KEPT = 64

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
MOMENT, SPAN = "datetime64[us]", "timedelta64[us]"
"""Dates and durations of any unit as numbers, in microseconds (of UTC)."""

EVERYBODY = None
"""The group of all examples."""


class Features:
    """The features of the rows of a dataset."""

    def __init__(self, dataset: Dataset) -> None:
        self.dataset = dataset
        self.names = [name for name in dataset.metadata.columns if name != dataset.text_column]
        self._groups: OrderedDict[int | None, dict[str, Group]] = OrderedDict()

    def of(self, row: int, suggested: int) -> shapes.Features:
        """Return a JSON-ready dict: `rows`, the most unusual first, and the number of omitted ones (`more`).

        Each row has name, value (text), number (for sorting, or None), unusual (share in (0, 1]; None if unknown) and
        of ("class" or "all", the reference group). Numbers have `at` and five quantiles of all, given and suggested as
        positions on an axis from 0 to 1; categories have their shares instead.
        """
        given = int(self.dataset.given_labels[row])
        groups = {"all": self._group(EVERYBODY), "given": self._group(given), "suggested": self._group(suggested)}
        cells = [self._cell(name, self.dataset.metadata[name].iat[row], groups) for name in self.names]
        cells.sort(key=lambda cell: cell[0])
        return {"rows": [cell for _, cell in cells[:MOST_FEATURES]], "more": max(0, len(cells) - MOST_FEATURES)}

    def _group(self, code: int | None) -> dict[str, Group]:
        """The values of a class (or of all examples) by feature; empty without a class."""
        if code is not None and code < 0:  # `EVERYBODY` is None
            return {}
        if code in self._groups:
            self._groups.move_to_end(code)
            return self._groups[code]
        rows = np.arange(self.dataset.n) if code is EVERYBODY else np.flatnonzero(self.dataset.given_labels == code)
        if len(rows) > CLASS_SAMPLE:
            rows = np.sort(np.random.default_rng(0).choice(rows, CLASS_SAMPLE, replace=False))
        part = self.dataset.metadata[self.names].iloc[rows]
        group = {name: Group(part[name]) for name in self.names}
        self._groups[code] = group
        if len(self._groups) > GROUPS_KEPT:
            self._groups.popitem(last=False)
        return group

    def _cell(
        self, name: str, value: object, groups: dict[str, dict[str, Group]]
    ) -> tuple[tuple[float, float], shapes.Feature]:
        """The sort key of a feature, and the feature."""
        mine = {which: group[name] for which, group in groups.items() if name in group}
        base = mine.get("given")
        of: Literal["class", "all"] = "class"
        if base is None or base.total < FEWEST_OF_CLASS:
            base, of = mine["all"], "all"
        unusual, distance = base.unusual(value)
        number = _number(value) if base.numeric else None
        places: shapes.OnAxis = _on_axis(number, mine) if base.numeric else {}
        shares: shapes.Shares = {} if base.numeric else _shares(value, mine)
        cell: shapes.Feature = {
            "name": str(name), "value": as_text(value), "number": number, "of": of,
            "unusual": None if unusual is None else round(unusual, 6), **places, **shares,
        }  # fmt: skip
        return (1.0 if unusual is None else unusual, -distance), cell


class Group:
    """The values of one feature in one group of examples.

    Attributes
    ----------
    numeric : whether the values are numbers or dates. known : (m,) sorted finite numbers; empty for categories.
    counts : frequency of each category. total : number of examples. missing : number of those without a value.
    """

    def __init__(self, series: pd.Series) -> None:
        numbers = numbers_of(series)
        self.numeric, self.total = numbers is not None, len(series)
        self.known = np.empty(0) if numbers is None else np.sort(numbers[np.isfinite(numbers)])
        self.counts: Counter[str] = Counter()
        if numbers is None:
            self.counts = Counter(as_text(value) for value in series.astype(object))
            self.missing = self.counts[as_text(None)]
        else:
            self.missing = self.total - len(self.known)

    def unusual(self, value: object) -> tuple[float | None, float]:
        """(share of the group at least as extreme, distance from the middle in robust standard deviations)."""
        if not self.total:
            return None, 0.0
        if not self.numeric:
            count = self.counts[as_text(value)]
            return max(1, sum(one for one in self.counts.values() if one <= count)) / self.total, 0.0
        number = _number(value)
        if number is None:
            share = self.missing / self.total
            return (max(share, 1 / self.total) if share < 0.5 else 1.0), 0.0
        if not len(self.known):
            return None, 0.0
        low = np.searchsorted(self.known, number, "right")
        high = len(self.known) - np.searchsorted(self.known, number, "left")
        share = min(1.0, 2 * max(1, min(low, high)) / len(self.known))
        middle = float(np.median(self.known))
        spread = 1.4826 * float(np.median(np.abs(self.known - middle))) or float(self.known.std())
        return share, min(1e6, abs(number - middle) / spread) if spread > 0 else 0.0

    def quantiles(self) -> np.ndarray:
        """The quantiles `QUANTILES`; empty without values."""
        return np.quantile(self.known, QUANTILES) if len(self.known) else np.empty(0)


def numbers_of(series: pd.Series) -> np.ndarray | None:
    """(n,) float64 of a column of numbers or dates, NaN where missing; None for other columns (including bool)."""
    kind = series.dtype
    if pd.api.types.is_bool_dtype(kind) or isinstance(kind, pd.CategoricalDtype):
        return None
    if pd.api.types.is_numeric_dtype(kind) and not pd.api.types.is_complex_dtype(kind):
        return series.to_numpy(dtype=np.float64, na_value=np.nan)
    for unit, is_kind in ((MOMENT, pd.api.types.is_datetime64_any_dtype), (SPAN, pd.api.types.is_timedelta64_dtype)):
        if is_kind(kind):
            numbers = series.to_numpy(dtype=unit).astype("int64").astype(np.float64)
            return np.where(series.isna().to_numpy(), np.nan, numbers)
    return None


def _number(value: Any) -> float | None:
    """A number or date as a finite number; None if missing."""
    if value is None or value is pd.NaT or value is pd.NA:
        return None
    if isinstance(value, pd.Timestamp):
        return float(value.to_datetime64().astype(MOMENT).astype("int64"))
    if isinstance(value, pd.Timedelta):
        return float(value.to_timedelta64().astype(SPAN).astype("int64"))
    number = float(value)
    return number if math.isfinite(number) else None


def _on_axis(number: float | None, groups: dict[str, Group]) -> shapes.OnAxis:
    """Positions of a value and of the quantiles of groups on a common axis from 0 to 1."""
    quantiles = {which: group.quantiles() for which, group in groups.items()}
    ends = [q for one in quantiles.values() if len(one) for q in (one[0], one[-1])]
    ends += [] if number is None else [number]
    if not ends:
        return {}
    low, high = min(ends), max(ends)
    span = (high - low) or 1.0

    def place(value: float) -> float:
        return round(float((value - low) / span), 4) if high > low else 0.5

    out: shapes.OnAxis = {}
    for which in ("all", "given", "suggested"):
        if len(quantiles.get(which, ())):
            out[which] = [place(q) for q in quantiles[which]]
    if number is not None:
        out["at"] = place(number)
    return out


def _shares(value: object, groups: dict[str, Group]) -> shapes.Shares:
    """The frequency of a category in each group."""
    text = as_text(value)
    return {"shares": {which: group.counts[text] / group.total for which, group in groups.items() if group.total}}
