"""Units: the smallest things of the examples that a person can judge, and how what is known of them is pooled.

An example of one class is a unit itself; other examples have several (tags, tokens, boxes) or none. Scores and the
detector work on units and never ask what one is.
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

POOL_WAYS = ("sum", "max", "any", "ema", "softmin")
"""Ways to pool."""

POOL_ALPHA = 0.8
"""Weight of the largest value in "ema", as in cleanlab."""

POOL_TEMPERATURE = 0.05
"""Of "softmin", as in cleanlab: the smaller, the closer to the largest value."""


@dataclass(frozen=True, repr=False)
class Units:
    """The m units of n examples, example by example.

    Attributes
    ----------
    n : int, number of examples.
    rows : (m,) int64 in [0, n), ascending: the example of each unit.
    given : (m,) what is given: int64 codes of answers, -1 unknown; float64 where numbers are asked for, NaN unknown.
    keys : (m,) Arrow strings, distinct within an example (see `workbench.tasks.keys`); None: each example is its own
        unit.
    groups : (m,) int64, what shares thresholds and rates of noise, such as the tag; None: all.
    shapes : (m,) Arrow structs: the place of a span, box or mask. Drawn and matched, never scored.
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
        """Each example as its own unit; `given` (n,) as above."""
        return cls(len(given), np.arange(len(given)), given)

    @property
    def m(self) -> int:
        """Number of units."""
        return len(self.given)

    @cached_property
    def counts(self) -> np.ndarray:
        """(n,) int64 number of units of each example."""
        return np.bincount(self.rows, minlength=self.n)

    @cached_property
    def starts(self) -> np.ndarray:
        """(n + 1,) int64: the units of example i are starts[i] to starts[i + 1] - 1."""
        return np.concatenate([[0], np.cumsum(self.counts)])

    def of(self, row: int) -> slice:
        """The units of one example."""
        return slice(int(self.starts[row]), int(self.starts[row + 1]))

    def key(self, unit: int) -> str:
        """The key of one unit."""
        return "" if self.keys is None else self.keys[unit].as_py()

    def keys_at(self, units: np.ndarray) -> np.ndarray:
        """(d,) object, the keys of some units; None for -1."""
        found = np.full(len(units), None, object)
        there = np.flatnonzero(units >= 0)
        if self.keys is None:
            found[there] = ""
            return found
        found[there] = self.keys.take(units[there]).to_numpy(zero_copy_only=False)
        return found

    def keys_of(self, row: int) -> list[str]:
        """The keys of the units of one example."""
        own = self.of(row)
        return [""] * (own.stop - own.start) if self.keys is None else self.keys[own.start : own.stop].to_pylist()

    def find(self, rows: Sequence[int] | np.ndarray, keys: Sequence[str]) -> np.ndarray:
        """(d,) int64 the unit of each (row, key), -1 where there is none."""
        found = np.full(len(rows), -1, np.int64)
        listed: dict[int, dict[str, int]] = {}
        for place, (row, key) in enumerate(zip(rows, keys, strict=True)):
            row = int(row)
            if row not in listed:
                listed[row] = {one: number for number, one in enumerate(self.keys_of(row), int(self.starts[row]))}
            found[place] = listed[row].get(key, -1)
        return found

    def named(self, ids: pd.Index) -> pd.Index:
        """What names the units in a table: (id, unit), with the unit "" where an example is its own.

        Parameters
        ----------
        ids : (m,) the id of the example of each unit.
        """
        keys = np.full(self.m, "", object) if self.keys is None else self.keys.to_numpy(zero_copy_only=False)
        return pd.MultiIndex.from_arrays([ids, keys], names=["id", "unit"])

    def pool(
        self, values: np.ndarray, how: str, *, alpha: float = POOL_ALPHA, temperature: float = POOL_TEMPERATURE
    ) -> np.ndarray:
        """One value per example from one per unit.

        Parameters
        ----------
        values : (m,) numbers that say how doubtful a unit is, larger for more: in [0, 1] for "any". Units with NaN
            are left out.
        how : {"sum", "max", "any", "ema", "softmin"}
            "any" is the probability that one of the units is wrong, 1 - prod(1 - p), if they are independent.
            "ema" and "softmin" are the poolings of cleanlab's multi-label and token scores, for doubts: on label
            quality q = 1 - value they are 1 - pool(1 - q). "ema" is the exponential moving average over the values in
            ascending order, e = alpha * value + (1 - alpha) * e; "softmin" the mean with weights
            softmax(value / temperature).

        Returns
        -------
        (n,) float64, NaN for an example without units.

        Raises
        ------
        InputError : another way, or values of another length.
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
        """(n,) int64 the unit with the largest value of each example, the first of equals; -1 without one.

        Parameters
        ----------
        values : (m,) numbers; units with NaN are left out.
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
        """These units and others, such as what only a model found; and the place in both of each unit of the result.

        Parameters
        ----------
        rows, given, keys, groups, shapes : of the others, as above; `rows` in any order.

        Returns
        -------
        (Units, (m + others,) int64): units are sorted by example, these before the others. The second is the number
        of each in the concatenation of these and the others: what goes with both is put in order by it.
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
        """Values that are known, where those of each example start, and these examples."""
        values = self._checked(values)
        known = ~np.isnan(values)
        if known.all():
            examples = np.flatnonzero(self.counts)
            return values, self.starts[examples], examples
        rows = self.rows[known]
        starts = np.flatnonzero(np.diff(rows, prepend=-1))
        return values[known], starts, rows[starts]


def _any(p: np.ndarray, starts: np.ndarray) -> np.ndarray:
    """1 - prod(1 - p) of each segment, exact for small p too."""
    if p.min() < 0 or p.max() > 1:
        raise InputError.at("values", f"lies in [{p.min():g}, {p.max():g}]", "Pass probabilities for `any`.")
    found = 1 - np.multiply.reduceat(1 - p, starts)
    small = np.flatnonzero(found < 1e-4)  # where 1 - p has lost digits
    if len(small):
        sizes = np.diff(starts, append=len(p))[small]
        first = np.concatenate([[0], np.cumsum(sizes)[:-1]])
        places = np.arange(sizes.sum()) + np.repeat(starts[small] - first, sizes)
        found[small] = -np.expm1(np.add.reduceat(np.log1p(-p[places]), first))
    return found


def _moving_average(values: np.ndarray, starts: np.ndarray, alpha: float) -> np.ndarray:
    """The exponential moving average of each segment in ascending order, all segments of one length at a time."""
    sizes = np.diff(starts, append=len(values))
    found = np.empty(len(starts))
    for size in np.unique(sizes):
        here = np.flatnonzero(sizes == size)
        ranked = np.sort(values[starts[here][:, None] + np.arange(size)], axis=1)
        weights = alpha * (1 - alpha) ** np.arange(size - 1, -1, -1.0)
        weights[0] = (1 - alpha) ** (size - 1)
        found[here] = ranked @ weights
    return found
