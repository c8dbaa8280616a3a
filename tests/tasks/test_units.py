"""Units compared with slow loops, their keys, and the time to pool ten million of them."""

from __future__ import annotations

import math
import time

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.foundation.errors import InputError
from workbench.tasks import keys
from workbench.tasks.units import POOL_WAYS, Units

DOUBT = st.floats(0, 1) | st.just(math.nan)
EXAMPLES = st.lists(st.lists(DOUBT, max_size=6), min_size=1, max_size=8)
"""Values of the units of each example; some have none."""


def made(values: list[list[float]]) -> tuple[Units, np.ndarray]:
    rows = np.repeat(np.arange(len(values)), [len(one) for one in values])
    flat = np.array([value for one in values for value in one], float)
    return Units(len(values), rows, np.zeros(len(rows), np.int64), keys.given_keys(rows)), flat


def slow(values: list[float], how: str) -> float:
    known = sorted(value for value in values if not math.isnan(value))
    if not known:
        return math.nan
    if how == "sum":
        return math.fsum(known)
    if how == "max":
        return known[-1]
    if how == "any":
        some = -math.expm1(math.fsum(math.log1p(-p) if p < 1 else -math.inf for p in known))
        return min(some, max(known[-1], 1 - 1e-6))
    if how == "ema":
        average = known[0]
        for value in known[1:]:
            average = 0.8 * value + 0.2 * average
        return average
    weights = [math.exp((value - known[-1]) / 0.05) for value in known]
    return sum(w * value for w, value in zip(weights, known)) / sum(weights)


@given(values=EXAMPLES)
def test_pooled_as_a_slow_loop_pools(values):
    units, flat = made(values)
    pooled = {how: units.pool(flat, how) for how in POOL_WAYS}
    for how, found in pooled.items():
        wanted = [slow(one, how) for one in values]
        np.testing.assert_allclose(found, wanted, rtol=1e-9, atol=1e-300, err_msg=how)
    known = ~np.isnan(pooled["max"])
    assert (pooled["any"][known] >= pooled["max"][known] * (1 - 1e-12)).all()
    assert (pooled["any"][known] <= pooled["sum"][known] * (1 + 1e-12)).all()


@given(values=EXAMPLES)
def test_the_worst_is_the_first_largest(values):
    units, flat = made(values)
    for row, worst in enumerate(units.worst(flat)):
        known = [(-value, place) for place, value in enumerate(flat) if units.rows[place] == row and value == value]
        assert worst == (min(known)[1] if known else -1)


def test_ema_and_softmin_are_those_of_cleanlab():
    """On label quality q they are 1 - pool(1 - q); expected numbers are from cleanlab 2.9.0."""
    quality = np.array([[0.9, 0.2, 0.75, 0.5], [1, 1, 0.1, 0.95]])
    units = Units(2, np.repeat([0, 1], 4), np.zeros(8, np.int64), keys.position_keys(np.tile(range(4), 2)))
    assert 1 - units.pool(1 - quality.ravel(), "ema") == pytest.approx([0.2712, 0.272], rel=1e-12)
    softmin = 1 - units.pool(1 - quality.ravel(), "softmin")
    assert softmin == pytest.approx([0.20075151765598082, 0.10000006260342965], rel=1e-9)


def test_examples_that_are_their_own_units():
    units = Units.of_examples(np.array([2, -1, 0]))
    assert (units.n, units.m, units.keys, units.keys_of(1)) == (3, 3, None, [""])
    rows = np.repeat([0, 1], [60, 1])
    many = Units(2, rows, np.zeros(61, np.int64), keys.position_keys(np.arange(61)))
    assert np.float32(many.pool(np.full(61, 0.9), "any")[0]) < 1  # only a certain unit makes an example certain
    assert many.pool(np.ones(61), "any").tolist() == [1, 1]
    assert units.pool(np.array([0.5, np.nan, 1e-20]), "any").tolist()[::2] == pytest.approx([0.5, 1e-20], rel=1e-12)
    assert units.worst(np.array([0.5, np.nan, 0])).tolist() == [0, -1, 2]
    assert units.named(pd.Index([7, 8, 9])).tolist() == [(7, ""), (8, ""), (9, "")]
    assert units.find([1, 2], ["", "g0"]).tolist() == [1, -1]


def test_no_units_at_all():
    units = Units(2, np.empty(0, np.int64), np.empty(0, np.int64), pa.array([], pa.string()))
    for how in POOL_WAYS:
        assert np.isnan(units.pool(np.empty(0), how)).all()
    assert units.worst(np.empty(0)).tolist() == [-1, -1]
    assert units.named(pd.Index([], dtype=object)).names == ["id", "unit"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"rows": np.array([1, 0, 1])}, "`rows` is not ascending within 0 .. 1"),
        ({"rows": np.array([0, 1, 2])}, "`rows` is not ascending within 0 .. 1"),
        ({"rows": np.array([0, 1])}, "`rows` has 2 entries for 3 units"),
        ({"rows": np.array([0.0, 0, 1])}, "`rows` has dtype float64"),
        ({"keys": None}, "`keys` is missing for 3 units of 2 examples"),
        ({"keys": pa.array(["g0"])}, "`keys` has 1 entries for 3 units"),
    ],
)
def test_what_are_no_units_is_named(change, message):
    rows = np.array([0, 0, 1])
    right = {"n": 2, "rows": rows, "given": np.zeros(3, np.int64), "keys": keys.given_keys(rows)}
    with pytest.raises(InputError, match=message):
        Units(**{**right, **change})


def test_what_cannot_be_pooled_is_named():
    units = Units.of_examples(np.zeros(2, np.int64))
    with pytest.raises(InputError, match=r"unknown way to pool 'mean'\. Known: sum, max, any"):
        units.pool(np.zeros(2), "mean")
    with pytest.raises(InputError, match=r"`values` has shape \(3,\) for 2 units"):
        units.pool(np.zeros(3), "sum")
    with pytest.raises(InputError, match=r"`values` lies in \[0, 2\]. Pass probabilities"):
        units.pool(np.array([0.0, 2.0]), "any")


@settings(max_examples=30)
@given(st.lists(st.integers(0, 4), max_size=8).map(sorted), st.lists(st.integers(0, 4), max_size=8))
def test_joined_units_keep_their_order_and_what_goes_with_them(mine, theirs):
    rows, more = np.array(mine, np.int64), np.array(theirs, np.int64)
    point = pa.struct([("x", pa.float64())])
    shapes = pa.array([{"x": 1.5}] * len(rows), point)
    units = Units(5, rows, np.arange(len(rows)), keys.given_keys(rows), shapes=shapes)
    new = pa.array([f"c{place:016x}" for place in range(len(more))], pa.string())
    shapes = pa.array([{"x": 2.5}] * len(more), point)
    both, order = units.joined(more, 100 + np.arange(len(more)), new, shapes=shapes)
    assert both.rows.tolist() == sorted(mine + theirs)
    assert sorted(order.tolist()) == list(range(len(both.rows)))
    every = [*((row, 0) for row in mine), *((row, 1) for row in theirs)]
    assert [every[place] for place in order] == sorted(every, key=lambda one: one)
    assert both.given.tolist() == [[*range(len(mine)), *range(100, 100 + len(theirs))][place] for place in order]
    names = [*units.keys.to_pylist(), *new.to_pylist()]
    assert both.keys.to_pylist() == [names[place] for place in order]
    assert [shape["x"] for shape in both.shapes.to_pylist()] == [1.5 if place < len(mine) else 2.5 for place in order]
    assert both.find(both.rows, both.keys.to_pylist()).tolist() == list(range(both.m))


# ---- keys --------------------------------------------------------------------------------------------------------


def test_keys_by_hand():
    assert keys.given_keys(np.array([0, 0, 3, 3, 3, 5])).to_pylist() == ["g0", "g1", "g0", "g1", "g2", "g0"]
    assert keys.position_keys(np.array([4, 0])).to_pylist() == ["p4", "p0"]
    assert keys.number_of("g12") == 12 and keys.number_of("a0123456789ab") is None
    fresh = {keys.added_key() for _ in range(100)}
    assert len(fresh) == 100
    for key in ("", "g0", "p17", *fresh, "c0123456789abcdef", "c0123456789abcdef.3"):
        assert keys.check_key(key) == key


@pytest.mark.parametrize("key", [None, 3, "g", "g01", "g-1", "x0", "a12", "c12", "g0\n", "G0", "c" + "f" * 16 + ".0"])
def test_what_is_no_key_is_named(key):
    with pytest.raises(InputError, match=r"`unit` is .*Use the key of a unit, such as 'g0'"):
        keys.check_key(key)


def test_keys_of_candidates_are_made_of_their_content_alone():
    rows = np.array([0, 0, 1, 1, 1])
    boxes = np.array([[0, 0, 2, 2], [1, 1, 3, 3], [0, 0, 2, 2], [0, 0, 2, 2], [0, 0, 2, 2]], np.float64)
    classes = ["cat", "cat", "cat", "dog", "cat"]
    names = keys.candidate_keys(rows, classes, boxes).to_pylist()
    assert names[0] == names[2] and len(set(names)) == 4
    assert names[4] == f"{names[2]}.1"  # the same box twice in one example
    moved = boxes + np.array([0, 0, 0, 1e-12])
    assert keys.candidate_keys(rows, classes, moved.astype(np.float32)).to_pylist() == names
    assert keys.candidate_keys(rows, classes, -0.0 * boxes)[0] == keys.candidate_keys(rows, classes, 0 * boxes)[0]
    # Stored in journals: a different key for the same content would lose decisions.
    assert names[:2] == ["c4c9b3de9e59aace5", "cf50d59c322334fd5"]


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 2)), max_size=20).map(sorted))
def test_keys_of_candidates_are_distinct_within_an_example(pairs):
    rows, content = (np.array([pair[at] for pair in pairs], np.int64) for at in (0, 1))
    names = keys.candidate_keys(rows, content).to_pylist()
    assert len(set(zip(rows.tolist(), names))) == len(pairs)
    assert all(keys.check_key(name) for name in names)


@pytest.mark.slow
def test_three_million_units_are_pooled_in_hundredths_of_a_second():
    rng = np.random.default_rng(0)
    rows = np.sort(rng.integers(0, 600_000, 3_000_000))
    units = Units(600_000, rows, np.zeros(len(rows), np.int8), pa.nulls(len(rows), pa.string()))
    values = rng.random(len(rows))
    units.counts, units.starts  # noqa: B018  (made once)
    for how in ("sum", "max", "any"):
        seconds = min(_timed(lambda how=how: units.pool(values, how)) for _ in range(3))
        assert seconds < 0.6, f"{how} took {seconds:.2f} s"  # .03 to .09 s on a quiet core


def _timed(act) -> float:
    start = time.process_time()
    act()
    return time.process_time() - start
