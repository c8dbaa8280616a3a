"""Statistics files of one epoch: any columns of any rows, aligned to the dataset's rows.

Hides that an epoch may be the files of several ranks, which parts of them hold the rows asked for, and rows that were
not recorded. Needs the files only, so that a worker on another machine reads its block without opening the run.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Sequence
from pathlib import Path
from stat import S_ISREG
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from workbench.foundation.errors import RunError, WorkbenchError
from workbench.storage.files import no_file, reading, unreadable
from workbench.storage.parquet import check_cost

if TYPE_CHECKING:
    from workbench.storage.remote import RemoteFile

STATISTICS = ("p_given", "margin", "loss", "entropy", "el2n", "pred", "correct", "topk_p", "topk_class")
"""Per example and epoch, see `workbench.foundation.statistics`."""

BLOCK_ROWS = 65536
"""Rows of a row group, and rows that are scored at a time."""

MOST_VALUES = 64
"""Values of one example in a column; ours hold five."""


def epoch_rows(
    files: Sequence[Path | RemoteFile], names: Sequence[str], start: int, stop: int
) -> dict[str, np.ndarray]:
    """Columns of the rows [start, stop) of one epoch; "_seen" says which rows were recorded.

    A row that several ranks recorded (samplers pad with repeats) is taken from the lowest rank.
    """
    b = stop - start
    seen = np.zeros(b, bool)
    out: dict[str, np.ndarray] = {"_seen": seen}
    wanted = [name for name in names if name != "_seen"]
    for path in files:
        table = read_rows(path, ["row", *wanted], start, stop)
        rows = table.column("row").to_numpy() - start
        inside = (rows >= 0) & (rows < b)
        inside[inside] = ~seen[rows[inside]]
        place = rows[inside]
        for name in wanted:
            values = to_numpy(table.column(name))[inside]
            if name not in out:
                empty = {"f": np.nan, "i": -1, "b": False}[values.dtype.kind]
                out[name] = np.full((b, *values.shape[1:]), empty, values.dtype)
            out[name][place] = values
        seen[place] = True
    return out


def stat_rows(files: Sequence[Path | RemoteFile], names: Sequence[str], start: int, stop: int) -> dict[str, np.ndarray]:
    """{name: (stop - start,) float32} of one epoch, NaN where a row was not recorded."""
    block = epoch_rows(files, names, start, stop)
    return {name: np.where(block["_seen"], block[name], np.float32(np.nan)).astype(np.float32) for name in names}


def read_rows(path: Path | RemoteFile, columns: list[str], start: int, stop: int) -> pa.Table:
    """The row groups of a statistics file that can hold rows in [start, stop); of one at a URL only those are read."""
    try:
        metadata, first, last = _footer(path, _version(path))
        groups = np.flatnonzero((last >= start) & (first < stop)).tolist()
        with _opened(path) as source, pq.ParquetFile(source, metadata=metadata) as file:
            _check_kinds(file.schema_arrow, columns)
            table = file.read_row_groups(groups, columns=columns)
        for name in columns:
            if table.column(name).null_count:
                raise KeyError(f"gaps in column {name}")
        return table
    except WorkbenchError:
        raise
    except (OSError, pa.ArrowException, KeyError, ValueError) as error:
        raise RunError(f"{path} cannot be read ({error}). Delete its folder, then record this epoch again.") from error


def _check_kinds(schema: pa.Schema, columns: Sequence[str]) -> None:
    for name in columns:
        kind = schema.field(name).type
        if pa.types.is_fixed_size_list(kind) and kind.list_size <= MOST_VALUES:
            kind = kind.value_type
        if kind not in ((pa.int64(),) if name == "row" else (pa.float32(), pa.int32(), pa.bool_())):
            raise KeyError(f"column {name} of {kind}")


def read_stream(path: Path) -> pd.DataFrame:
    """The whole batches of a stream that may end in the middle of one."""
    batches = []
    try:
        with reading(path) as file:
            written = file.read()
    except FileNotFoundError:
        written = b""  # sealed meanwhile
    except OSError as error:
        raise unreadable(path, error) from error
    try:
        with pa.ipc.open_stream(written) as reader:
            for batch in reader:
                batches.append(batch)
    except (pa.ArrowException, OSError):
        pass  # the cut end of a killed recording: the batches before it are whole
    return pa.Table.from_batches(batches).to_pandas() if batches else pd.DataFrame({"row": pd.Series(dtype="int64")})


def _version(path: Path | RemoteFile) -> object:
    if not isinstance(path, Path):
        return path.version
    stat = path.stat()
    if not S_ISREG(stat.st_mode):
        raise no_file(path, stat.st_mode)
    return stat.st_mtime_ns, stat.st_size


def _opened(path: Path | RemoteFile) -> contextlib.AbstractContextManager:
    return contextlib.nullcontext(path) if isinstance(path, Path) else path.open()


@functools.lru_cache(maxsize=128)
def _footer(path: Path | RemoteFile, version: object) -> tuple[pq.FileMetaData, np.ndarray, np.ndarray]:
    """What a file says of itself, and the first and last row of each row group (all rows where it does not say)."""
    with _opened(path) as source, pq.ParquetFile(source) as file:
        metadata = file.metadata
        if isinstance(path, Path):
            check_cost(file, path)
    first = np.full(metadata.num_row_groups, np.iinfo(np.int64).min)
    last = np.full(metadata.num_row_groups, np.iinfo(np.int64).max)
    for group in range(metadata.num_row_groups):
        column = metadata.row_group(group).column(0)
        bounds = column.statistics if column.path_in_schema == "row" else None
        if bounds is not None and bounds.has_min_max:
            first[group], last[group] = bounds.min, bounds.max
    return metadata, first, last


def to_numpy(column: pa.ChunkedArray) -> np.ndarray:
    """(n,) array, or (n, w) of a fixed-size list column."""
    if pa.types.is_fixed_size_list(column.type):
        width = column.type.list_size
        flat = column.combine_chunks().flatten() if column.num_chunks else pa.array([], column.type.value_type)
        flat = pa.concat_arrays(flat.chunks) if isinstance(flat, pa.ChunkedArray) else flat
        return flat.to_numpy(zero_copy_only=False).reshape(-1, width)
    return column.to_numpy()
