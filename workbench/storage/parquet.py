"""Untrusted Parquet files: the memory that they need is computed from their metadata before they are read.

A hundred bytes can encode a billion missing values, and a text of a megabyte that is stored once can be the value of
every row. This module distinguishes both from data that merely compress well.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from workbench.storage.files import is_there
from workbench.storage.footer import RowGroup, row_groups
from workbench.storage.limits import UNPACKED, check_unpacked

TABLE_RATIO = 1000
"""Maximum ratio of the size in memory to the file size, for large tables. Tables of the project reach 30."""

_WIDTH = {"INT96": 12, "INT32": 4, "FLOAT": 4, "BOOLEAN": 1}  # bytes of a value in memory; 8 for all others
_TODO = "Write it again without compression and dictionaries."


def read_parquet(path: Path | bytes, columns: Sequence[str] | None = None) -> pa.Table:
    """Read columns (default: all) of a Parquet file, given as a path or as bytes.

    Raises
    ------
    ValueError, KeyError, pa.ArrowException, OSError : the file is damaged, lacks a column, or would take far more
        memory than its size suggests.
    RunError : the path is not a regular file.
    """
    file = open_parquet(path)
    check_cost(file, path, columns)
    return file.read(columns=None if columns is None else list(columns))


def open_parquet(path: Path | bytes) -> pq.ParquetFile:
    """Open a Parquet file; only its metadata are read."""
    if isinstance(path, Path):
        is_there(path)
    return pq.ParquetFile(_source(path))


def _source(path: Path | bytes) -> object:
    return pa.BufferReader(path) if isinstance(path, bytes) else path


def check_cost(
    file: pq.ParquetFile, path: Path | bytes, columns: Sequence[str] | None = None, groups: Sequence[int] | None = None,
    found: Sequence[RowGroup] | None = None,
) -> None:  # fmt: skip
    """Check that columns of row groups do not take far more memory than the file takes on disk.

    found : all row groups of the file, if they have been read already.

    Raises
    ------
    ValueError : they do.
    pa.ArrowException, OSError : as in reading.
    """
    found = row_groups(path) if found is None else found
    packed = len(path) if isinstance(path, bytes) else path.stat().st_size
    width, many = file.metadata.num_columns, file.metadata.num_row_groups
    if len(found) != many or any(len(group.columns) != width for group in found):
        raise ValueError("the metadata at the end of the file contradict themselves")
    groups = range(len(found)) if groups is None else groups
    wanted = None if columns is None else set(columns)
    plain, repeated, names = 0, 0, set()
    for group in groups:
        for column in found[group].columns:
            if wanted is not None and column.path.partition(".")[0] not in wanted:
                continue
            values = max(column.values, found[group].rows)
            plain += values * _WIDTH.get(column.kind, 8)
            if column.kind in ("BYTE_ARRAY", "FIXED_LEN_BYTE_ARRAY"):
                plain += column.unpacked
                if column.coded:
                    repeated += values * column.unpacked
                    names.add(column.path)
    check_unpacked(plain, packed, _TODO, TABLE_RATIO)
    if plain + repeated > max(UNPACKED, TABLE_RATIO * packed):
        tops = sorted({name.partition(".")[0] for name in names})
        coded = pq.ParquetFile(_source(path), metadata=file.metadata, read_dictionary=sorted(names))
        repeated = sum(_decoded(chunk) for name in tops for group in groups
                       for chunk in coded.read_row_group(group, columns=[name]).column(0).chunks)  # fmt: skip
        check_unpacked(plain + repeated, packed, _TODO, TABLE_RATIO)


def _decoded(array: pa.Array) -> int:
    """Return the size in bytes of the texts of an array without dictionary encoding."""
    kind = array.type
    if pa.types.is_dictionary(kind):
        if not (pa.types.is_string(kind.value_type) or pa.types.is_binary(kind.value_type)):
            return 0
        lengths = pc.binary_length(array.dictionary)
        return pc.sum(pc.cast(lengths.take(array.indices), pa.int64())).as_py() or 0
    if pa.types.is_struct(kind):
        return sum(_decoded(array.field(place)) for place in range(kind.num_fields))
    if pa.types.is_map(kind):
        return _decoded(array.keys) + _decoded(array.items)
    if pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind):
        return _decoded(array.flatten())
    return 0
