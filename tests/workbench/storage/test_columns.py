"""Columns written by blocks: recorded blocks exist, each process has its own place, rows are read individually."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from workbench.storage.columns import Pass, read_column, rows_of


def filled(folder, values, block_rows=4, stop=None, digest="d1"):
    work = Pass(folder, {"a": digest, "b": digest}, len(values), block_rows)
    for rows in work.left()[:stop]:
        work.write(rows, {"a": values[rows], "b": np.stack([values[rows]] * 2, axis=1)})
    return work


def test_finished_columns_are_read_back_and_old_ones_go(tmp_path, rng):
    values = rng.normal(size=11)
    for digest in ("d1", "d2"):
        filled(tmp_path, values, digest=digest).finish()
    np.testing.assert_array_equal(read_column(tmp_path, "a", "d2", 11), values)
    assert read_column(tmp_path, "b", "d2", 11).shape == (11, 2)
    assert read_column(tmp_path, "a", "d1", 11) is None
    assert read_column(tmp_path, "a", "d2", 12) is None
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.d2.npy", "b.d2.npy"]


def test_what_was_saved_is_left_out_the_next_time(tmp_path, rng):
    values = rng.normal(size=11)
    work = filled(tmp_path, values, stop=2)
    work.save()
    work.close()
    again = Pass(tmp_path, {"a": "d1", "b": "d1"}, 11, 4)
    assert again.finished_rows == 8
    assert again.left() == [slice(8, 11)]
    again.write(slice(8, 11), {"a": values[8:], "b": np.stack([values[8:]] * 2, axis=1)})
    again.finish()
    np.testing.assert_array_equal(read_column(tmp_path, "a", "d1", 11), values)


def test_what_was_not_saved_or_cut_into_other_blocks_is_made_again(tmp_path, rng):
    filled(tmp_path, rng.normal(size=11), stop=2).close()
    assert len(Pass(tmp_path, {"a": "d1", "b": "d1"}, 11, 4).left()) == 3
    work = filled(tmp_path, rng.normal(size=11), stop=2, digest="d3")
    work.save()
    work.close()
    assert len(Pass(tmp_path, {"a": "d3", "b": "d3"}, 11, 5).left()) == 3


@pytest.mark.skipif(sys.platform == "win32", reason="no advisory locks")
def test_two_processes_at_the_same_work_do_not_meet(tmp_path, rng, forks):
    values = rng.normal(size=11)
    work = filled(tmp_path, values, stop=1)
    code = """
import sys, numpy as np
from pathlib import Path
from workbench.storage.columns import Pass
work = Pass(Path(sys.argv[1]), {"a": "d1", "b": "d1"}, 11, 4)
for rows in work.left():
    b = rows.stop - rows.start
    work.write(rows, {"a": np.zeros(b), "b": np.zeros((b, 2))})
work.finish()
"""
    other = forks.start(code, tmp_path)
    assert other.wait() == 0, other.errors()
    for rows in work.left():
        work.write(rows, {"a": values[rows], "b": np.stack([values[rows]] * 2, axis=1)})
    work.finish()
    np.testing.assert_array_equal(read_column(tmp_path, "a", "d1", 11), values)


def test_rows_of_a_file(tmp_path, rng):
    values = rng.normal(size=(9, 3)).astype(np.float16)
    np.save(tmp_path / "x.npy", values)
    np.testing.assert_array_equal(rows_of(tmp_path / "x.npy", slice(2, 7)), values[2:7])
    (tmp_path / "x.npy").write_bytes((tmp_path / "x.npy").read_bytes()[:-20])
    with pytest.raises(ValueError, match="ends early"):
        rows_of(tmp_path / "x.npy", slice(2, 9))
    np.save(tmp_path / "o.npy", np.array([{}, {}], object), allow_pickle=True)
    with pytest.raises(ValueError, match="holds Python objects"):
        rows_of(tmp_path / "o.npy", slice(0, 1))


@pytest.mark.parametrize("shape", [(9,), (9, 4), (9, 3, 2)])
def test_rows_of_a_file_written_column_after_column(tmp_path, rng, shape):
    values = np.asfortranarray(rng.normal(size=shape))
    np.save(tmp_path / "x.npy", values)
    for rows in (slice(2, 7), slice(None), slice(4, 4)):
        np.testing.assert_array_equal(rows_of(tmp_path / "x.npy", rows), values[rows])
    with open(tmp_path / "x.npy", "rb+") as file:
        file.truncate(file.seek(0, 2) - 8)
    with pytest.raises(ValueError, match="ends early"):
        rows_of(tmp_path / "x.npy", slice(2, 9))
