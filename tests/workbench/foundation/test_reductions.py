"""Row-wise reductions compared with plain NumPy, in blocks and in threads."""

from __future__ import annotations

import numpy as np
import pytest

from workbench.foundation import reductions as r


@pytest.mark.parametrize("k", [1, 2, 24, 25, 300])
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_given_value_and_largest_other_against_a_loop(rng, k, dtype, monkeypatch):
    monkeypatch.setattr(r, "BLOCK", 1000)
    monkeypatch.setattr(r, "ROWS_TOGETHER", 64)
    values = rng.normal(size=(200, k)).round(1).astype(dtype)
    values[:100] = np.abs(values[:100])  # blocks without a negative value, and with
    given = rng.integers(-1, k, 200)
    given[:2] = [0, k - 1]
    loop = [np.delete(row, g).max(initial=-np.inf) if g >= 0 else row.max() for row, g in zip(values, given)]
    mine = [row[g] if g >= 0 else np.nan for row, g in zip(values, given)]
    for form in (values, np.asfortranarray(values)):
        own, other = r.given_and_other(form, given)
        np.testing.assert_array_equal(own, mine)
        np.testing.assert_array_equal(other, loop)


@pytest.mark.parametrize("k", [3, 40])
def test_nan_is_the_largest_value_beside_the_given_one(rng, k):
    values, given = rng.random((30, k)).astype(np.float32), rng.integers(0, k, 30)
    values[3, given[3]], values[5, (given[5] + 1) % k] = np.nan, -np.float32(np.nan)
    own, other = r.given_and_other(values, given)
    assert np.flatnonzero(np.isnan(own)).tolist() == [3] and np.flatnonzero(np.isnan(other)).tolist() == [5]


@pytest.mark.parametrize("k", [3, 40])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_leading_columns_are_those_of_argmax(rng, k, dtype):
    block = rng.dirichlet(np.ones(k), 50).round(2).astype(dtype)
    leader, largest, negative = r.leading_columns(block)
    np.testing.assert_array_equal(leader, block.argmax(axis=1))
    np.testing.assert_array_equal(largest, block.max(axis=1))
    assert negative == (k <= r.NARROW)  # whole columns are not looked at for a sign
    for odd in (-1e-7, -0.0, np.nan, -np.inf):
        block[7, 2] = odd
        leader, largest, negative = r.leading_columns(block)
        np.testing.assert_array_equal(largest, block.max(axis=1))
        assert negative
        np.testing.assert_array_equal(np.delete(leader, 7), np.delete(block.argmax(axis=1), 7))
        assert np.isnan(odd) or leader[7] == block[7].argmax()


def test_given_values_and_counts(rng):
    values, given = rng.random((100_000, 3)), rng.integers(-1, 3, 100_000)
    picked = r.given_values(values, given)
    np.testing.assert_array_equal(np.isnan(picked), given < 0)
    np.testing.assert_array_equal(picked[given == 2], values[given == 2, 2])
    assert r.label_counts(given, 5).tolist() == [(given == j).sum() for j in range(5)]
    assert r.label_counts(given[:0], 2).tolist() == [0, 0]


def test_every_half_precision_number_is_widened_exactly():
    every = np.arange(1 << 16, dtype=np.uint16).view(np.float16)
    np.testing.assert_array_equal(r.float_rows(np.repeat(every, 2)), np.repeat(every, 2).astype(np.float32))
    assert r.float_rows(np.array([True, False])).dtype == np.float64


def test_blocks_cover_every_row_once_and_errors_come_through(monkeypatch):
    monkeypatch.setattr(r, "WORTH_THREADS", 0)
    monkeypatch.setattr(r, "WORTH_PART", 0)
    for threads in (1, 4):
        seen = np.zeros(1001, int)

        def work(rows, seen=seen):
            seen[rows] += 1

        r.by_blocks(work, 1001, 3, threads=threads, block=10)
        assert (seen == 1).all()

        def fail(rows, seen=seen):
            seen[rows] += 1
            raise ValueError(f"at {rows.start}")

        with pytest.raises(ValueError, match=r"at \d"):
            r.by_blocks(fail, 1001, 3, threads=threads, block=10)
        assert (seen == 2).sum() <= 3 * threads  # nothing is started after an error


def test_omp_num_threads_lowers_the_number_of_threads(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    assert r.usable_cores() == 1
    monkeypatch.setenv("OMP_NUM_THREADS", "many")
    assert 1 <= r.usable_cores() <= 8
