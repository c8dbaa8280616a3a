"""Units: the smallest parts of examples that a person can judge, and pooling of their scores to examples.

With one class per example, each example is a unit. Other examples have several units (tags, tokens, boxes) or none.
Scores and the detector work on units of any kind.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from workbench.foundation.errors import InputError

ALMOST_ONE = 1 - 1e-6  # no number of doubtful units makes it certain; float32 still tells it from 1
POOL_WAYS = ("sum", "max", "any", "ema", "softmin")
"""Methods of pooling."""

POOL_ALPHA = 0.8
"""Weight of the largest value in "ema", as in cleanlab."""

POOL_TEMPERATURE = 0.05
"""Temperature of "softmin", as in cleanlab: the lower it is, the closer the result is to the largest value."""


@dataclass(frozen=True, repr=False)
class Units:
    """The m units of n examples, ordered by example.

    Attributes
    ----------
    n : int, number of examples.
    rows : (m,) int64 in [0, n), ascending: row of the example of each unit.
    given : (m,) given values: int64 codes of answers, -1 unknown; or float64 numbers, NaN unknown.
    keys : (m,) Arrow strings, distinct within an example (see `workbench.tasks.keys`); None if each example is its own
        unit.
    groups : (m,) int64, groups of units with common thresholds and noise rates, such as tags; None for a single group.
    shapes : (m,) Arrow structs: the position of a span, box or mask, used for display and matching, but not for scores.
    """

    n: int
    rows: np.ndarray
    given: np.ndarray
    keys: pa.Array | None = None
    groups: np.ndarray | None = None
    shapes: pa.Array | None = None

    def __post_init__(self) -> None:
        m = len(self.given)
        for name in ("rows", "keys", "groups", "shapes"):
            values = getattr(self, name)
            if values is not None and len(values) != m:
                raise InputError.at(name, f"has {len(values)} entries for {m} units", "Pass one per unit.")
        rows = self.rows
        if rows.dtype.kind != "i":
            raise InputError.at("rows", f"has dtype {rows.dtype}", "Pass the example of each unit, int64.")
        if m and (rows[0] < 0 or rows[-1] >= self.n or (rows[1:] < rows[:-1]).any()):
            raise InputError.at("rows", f"is not ascending within 0 .. {self.n - 1}", "Sort the units by example.")
        if self.keys is None and m != self.n:
            raise InputError.at("keys", f"is missing for {m} units of {self.n} examples", "Pass a key per unit.")

    def __repr__(self) -> str:
        return f"<Units: {self.m:,} of {self.n:,} examples>"

    @classmethod
    def of_examples(cls, given: np.ndarray) -> Units:
        """Create units in which each example is its own unit; `given` (n,) as above."""
        return cls(len(given), np.arange(len(given)), given)

    @property
    def m(self) -> int:
        """Number of units."""
        return len(self.given)

    @cached_property
    def counts(self) -> np.ndarray:
        """(n,) int64, number of units of each example."""
        return np.bincount(self.rows, minlength=self.n)

    @cached_property
    def starts(self) -> np.ndarray:
        """(n + 1,) int64: the units of example i are starts[i] to starts[i + 1] - 1."""
        return np.concatenate([[0], np.cumsum(self.counts)])

    def of(self, row: int) -> slice:
        """Return the units of one example as a slice."""
        return slice(int(self.starts[row]), int(self.starts[row + 1]))

    def key(self, unit: int) -> str:
        """Return the key of one unit."""
        return "" if self.keys is None else self.keys[unit].as_py()

    def keys_at(self, units: np.ndarray) -> np.ndarray:
        """Return the keys of units (d,) as an object array (d,); None for -1."""
        found = np.full(len(units), None, object)
        there = np.flatnonzero(units >= 0)
        if self.keys is None:
            found[there] = ""
            return found
        found[there] = self.keys.take(units[there]).to_numpy(zero_copy_only=False)
        return found

    def keys_of(self, row: int) -> list[str]:
        """Return the keys of the units of one example."""
        own = self.of(row)
        return [""] * (own.stop - own.start) if self.keys is None else self.keys[own.start : own.stop].to_pylist()

    def find(self, rows: Sequence[int] | np.ndarray, keys: Sequence[str]) -> np.ndarray:
        """Return the unit of each (row, key), (d,) int64, -1 if there is none."""
        found = np.full(len(rows), -1, np.int64)
        listed: dict[int, dict[str, int]] = {}
        for place, (row, key) in enumerate(zip(rows, keys, strict=True)):
            row = int(row)
            if row not in listed:
                listed[row] = {one: number for number, one in enumerate(self.keys_of(row), int(self.starts[row]))}
            found[place] = listed[row].get(key, -1)
        return found

    def named(self, ids: pd.Index) -> pd.Index:
        """Return the index of a table of units: (id, unit), with unit "" if each example is its own unit.

        Parameters
        ----------
        ids : (m,) ids of the examples of the units.
        """
        keys = np.full(self.m, "", object) if self.keys is None else self.keys.to_numpy(zero_copy_only=False)
        return pd.MultiIndex.from_arrays([ids, keys], names=["id", "unit"])

    def pool(
        self, values: np.ndarray, how: str, *, alpha: float = POOL_ALPHA, temperature: float = POOL_TEMPERATURE
    ) -> np.ndarray:
        """Pool a value per unit to a value per example.

        Parameters
        ----------
        values : (m,) scores of units, larger = more likely wrong; in [0, 1] for "any". Units with NaN are ignored.
        how : {"sum", "max", "any", "ema", "softmin"}
            "any" is the probability that at least one unit is wrong, 1 - prod(1 - p), if they are independent, and at
            most 1 - 1e-6 unless a unit is more certain. "ema" and "softmin" are the poolings of cleanlab's multi-label
            and token scores, applied to values = 1 - label quality: with q = 1 - value, pool(values) = 1 -
            pool_cleanlab(q). "ema" is the exponential moving average of the values in ascending order, e = alpha *
            value + (1 - alpha) * e; "softmin" is the mean with weights
            softmax(value / temperature).
        alpha : float, weight of the largest value in "ema".
        temperature : float, temperature of "softmin".

        Returns
        -------
        (n,) float64, NaN for an example without units.

        Raises
        ------
        InputError : the method is unknown, or values do not have length m.
        """
        if how not in POOL_WAYS:
            raise InputError.unknown("way to pool", how, POOL_WAYS)
        values, starts, examples = self._segments(values)
        pooled = np.full(self.n, np.nan)
        if not len(examples):
            return pooled
        if how == "sum":
            found = np.add.reduceat(values, starts)
        elif how == "max":
            found = np.maximum.reduceat(values, starts)
        elif how == "any":
            found = _any(values, starts)
        elif how == "ema":
            found = _moving_average(values, starts, alpha)
        else:
            sizes = np.diff(starts, append=len(values))
            top = np.maximum.reduceat(values, starts)
            weights = np.exp((values - np.repeat(top, sizes)) / temperature)
            found = np.add.reduceat(weights * values, starts) / np.add.reduceat(weights, starts)
        pooled[examples] = found
        return pooled

    def worst(self, values: np.ndarray) -> np.ndarray:
        """Return the unit with the largest value of each example, (n,) int64, the first among ties; -1 if none.

        Parameters
        ----------
        values : (m,) numbers; units with NaN are ignored.
        """
        values = self._checked(values)
        worst = np.full(self.n, -1, np.int64)
        if not self.m:
            return worst
        there = np.flatnonzero(self.counts)
        top = np.fmax.reduceat(values, self.starts[there])
        hit = np.flatnonzero(values == np.repeat(top, self.counts[there]))
        first = np.ones(len(hit), bool)
        first[1:] = np.diff(self.rows[hit]) > 0
        worst[self.rows[hit[first]]] = hit[first]
        return worst

    def joined(
        self,
        rows: np.ndarray,
        given: np.ndarray,
        keys: pa.Array,
        *,
        groups: np.ndarray | None = None,
        shapes: pa.Array | None = None,
    ) -> tuple[Units, np.ndarray]:
        """Combine these units with others, such as objects that only a model found.

        Parameters
        ----------
        rows, given, keys, groups, shapes : attributes of the other units, as above; `rows` in any order.

        Returns
        -------
        units : Units, sorted by example, with these before the others.
        order : (m + others,) int64, index of each unit in the concatenation of these and the others, by which further
            arrays can be reordered.
        """
        every = np.concatenate([self.rows, np.asarray(rows, np.int64)])
        order = np.argsort(every, kind="stable")

        def both(mine: Any, theirs: Any) -> Any:
            if mine is None:
                if theirs is None:
                    return None
                mine = pa.nulls(self.m, theirs.type)
            elif theirs is None:
                theirs = pa.nulls(len(rows), mine.type)
            return pa.concat_arrays([mine, theirs.cast(mine.type)]).take(pa.array(order))

        here = np.zeros(self.m, np.int64) if self.groups is None else self.groups
        there = np.zeros(len(rows), np.int64) if groups is None else groups
        mixed = None if self.groups is None and groups is None else np.concatenate([here, there])[order]
        names = pa.array([""] * self.m, pa.string()) if self.keys is None else self.keys
        joined = Units(
            self.n,
            every[order],
            np.concatenate([self.given, np.asarray(given, self.given.dtype)])[order],
            both(names, keys),
            mixed,
            both(self.shapes, shapes),
        )
        return joined, order

    def _checked(self, values: np.ndarray) -> np.ndarray:
        values = np.asarray(values)
        if values.shape != (self.m,):
            raise InputError.at("values", f"has shape {values.shape} for {self.m} units", "Pass one value per unit.")
        return values.astype(np.float64, copy=False)

    def _segments(self, values: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return the values that are not NaN, where those of each example start, and these examples."""
        values = self._checked(values)
        known = ~np.isnan(values)
        if known.all():
            examples = np.flatnonzero(self.counts)
            return values, self.starts[examples], examples
        rows = self.rows[known]
        starts = np.flatnonzero(np.diff(rows, prepend=-1))
        return values[known], starts, rows[starts]


def _any(p: np.ndarray, starts: np.ndarray) -> np.ndarray:
    """Return 1 - prod(1 - p) of each segment, also accurate for small p."""
    if p.min() < 0 or p.max() > 1:
        raise InputError.at("values", f"lies in [{p.min():g}, {p.max():g}]", "Pass probabilities for `any`.")
    found = 1 - np.multiply.reduceat(1 - p, starts)
    found = np.minimum(found, np.maximum(np.maximum.reduceat(p, starts), ALMOST_ONE))
    small = np.flatnonzero(found < 1e-4)  # here 1 - p has lost precision
    if len(small):
        sizes = np.diff(starts, append=len(p))[small]
        first = np.concatenate([[0], np.cumsum(sizes)[:-1]])
        places = np.arange(sizes.sum()) + np.repeat(starts[small] - first, sizes)
        found[small] = -np.expm1(np.add.reduceat(np.log1p(-p[places]), first))
    return found


def _moving_average(values: np.ndarray, starts: np.ndarray, alpha: float) -> np.ndarray:
    """Return the exponential moving average of each segment in ascending order, computed by length of the segments."""
    sizes = np.diff(starts, append=len(values))
    found = np.empty(len(starts))
    for size in np.unique(sizes):
        here = np.flatnonzero(sizes == size)
        ranked = np.sort(values[starts[here][:, None] + np.arange(size)], axis=1)
        weights = alpha * (1 - alpha) ** np.arange(size - 1, -1, -1.0)
        weights[0] = (1 - alpha) ** (size - 1)
        found[here] = ranked @ weights
    return found
