"""Metadata of Parquet files are those of pyarrow, and damage to them is an error and not the end of the process."""

from __future__ import annotations

import io

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from workbench.storage.footer import int64, row_groups

TABLE = pa.table(
    {
        "row": np.arange(30),
        "name": [f"n{row % 4}" for row in range(30)],
        "list": [[row, None] for row in range(30)],
        "both": [{"x": 0.5, "y": None}] * 30,
        "yes": [True, False, None] * 10,
    }
)


def file_of(table=TABLE, **options):
    made = io.BytesIO()
    pq.write_table(table, made, **options)
    return made.getvalue()


@pytest.mark.parametrize("options", [{}, {"compression": "none", "use_dictionary": False}, {"write_statistics": False},
                                     {"row_group_size": 7, "version": "1.0"}])  # fmt: skip
def test_row_groups_are_those_of_pyarrow(options, tmp_path):
    data = file_of(**options)
    (tmp_path / "a.parquet").write_bytes(data)
    expected = pq.read_metadata(io.BytesIO(data))
    for source in (data, tmp_path / "a.parquet", io.BytesIO(data)):
        found = row_groups(source)
        assert [group.rows for group in found] == [expected.row_group(g).num_rows for g in range(len(found))]
        for place, group in enumerate(found):
            assert len(group.columns) == expected.num_columns
            for nth, column in enumerate(group.columns):
                other = expected.row_group(place).column(nth)
                assert column.path == other.path_in_schema and column.kind == other.physical_type
                assert (column.values, column.unpacked) == (other.num_values, other.total_uncompressed_size)
                assert column.coded == (other.has_dictionary_page or not other.encodings)
            bounds = expected.row_group(place).column(0).statistics
            least, most = int64(group.columns[0].least), int64(group.columns[0].most)
            assert (least, most) == ((bounds.min, bounds.max) if bounds is not None else (None, None))


def test_damage_is_an_error_and_not_the_end_of_the_process(tmp_path, forks):
    """Every bit of the metadata is flipped, in a process of its own because pyarrow could end it."""
    data = file_of(TABLE.select(["row", "name"]).slice(0, 3))
    (tmp_path / "whole.parquet").write_bytes(data)
    code = f"""
import pyarrow as pa
from workbench.storage.footer import row_groups
from workbench.storage.parquet import read_parquet
data = open({str(tmp_path / "whole.parquet")!r}, "rb").read()
start, refused = len(data) - 8 - int.from_bytes(data[-8:-4], "little"), 0
for place in range(start, len(data)):
    for bit in range(8):
        bad = bytearray(data)
        bad[place] ^= 1 << bit
        try:
            read_parquet(bytes(bad))
        except (ValueError, KeyError, OSError, pa.ArrowException):
            refused += 1
print(refused)
"""
    child = forks.start(code)
    said = child.stdout.read()
    assert child.wait() == 0, child.errors()[-500:]
    assert int(said) > 1000


@pytest.mark.parametrize("data", [b"", b"PAR1", b"PAR1" * 3, b"x" * 40, file_of()[:-9] + b"PAR1"])
def test_what_is_no_parquet_file(data):
    with pytest.raises(ValueError):
        row_groups(data)


def test_nested_and_long_lists_cost_nothing():
    for footer in (b"\x19" * 100_000, b"\x49" + b"\x19" * 100_000, b"\x49\xfc\xff\xff\xff\xff\x0f", b"\x1c" * 100_000):
        with pytest.raises(ValueError):
            row_groups(b"PAR1" + footer + len(footer).to_bytes(4, "little") + b"PAR1")
