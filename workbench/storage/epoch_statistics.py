"""Read columns and rows of the statistics files of an epoch, aligned with the rows of the data set.

An epoch may consist of files of several ranks, and some rows may not be recorded; only the parts of the files that
contain the requested rows are read. The functions need only the files, so that a worker on another machine can read its
block without opening the run.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Sequence
from pathlib import Path
from stat import S_ISREG
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from workbench.foundation.errors import RunError, WorkbenchError
from workbench.storage.files import no_file, reading, unreadable
from workbench.storage.footer import int64, row_groups
from workbench.storage.parquet import check_cost

if TYPE_CHECKING:
    from workbench.storage.remote import RemoteFile

STATISTICS = ("p_given", "margin", "loss", "entropy", "el2n", "pred", "correct", "topk_p", "topk_class")
"""Names of the statistics per example and epoch, see `workbench.foundation.statistics`."""

BLOCK_ROWS = 65536
"""Rows of a row group, and rows that are scored at a time."""

MOST_VALUES = 64
"""Maximum number of values per example in a column; the project writes five."""


def epoch_rows(
    files: Sequence[Path | RemoteFile], names: Sequence[str], start: int, stop: int
) -> dict[str, np.ndarray]:
    """Read columns of the rows [start, stop) of an epoch; "_seen" is a mask (stop - start,) of the recorded rows.

    A row that several ranks recorded (distributed samplers repeat rows as padding) is taken from the lowest rank.
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
    """Return {name: (stop - start,) float32} of an epoch, NaN for rows that were not recorded."""
    block = epoch_rows(files, names, start, stop)
    return {name: np.where(block["_seen"], block[name], np.float32(np.nan)).astype(np.float32) for name in names}


def joined(files: Sequence[Path | RemoteFile], arrays: Sequence[np.ndarray]) -> np.ndarray:
    """Combine the arrays (n, width) of several ranks, each with the rows recorded by its rank; NaN if not recorded."""
    whole = np.full(arrays[0].shape, np.nan, arrays[0].dtype)
    for file, array in reversed(list(zip(files, arrays, strict=True))):
        rows = read_rows(file, ["row"], 0, len(whole)).column("row").to_numpy()
        rows = rows[(rows >= 0) & (rows < len(whole))]
        whole[rows] = array[rows]
    return whole


def read_rows(path: Path | RemoteFile, columns: list[str], start: int, stop: int) -> pa.Table:
    """Read the row groups of a statistics file that can contain rows in [start, stop); only these are fetched."""
    try:
        metadata, first, last = _footer(path, _version(path))
        groups = np.flatnonzero((last >= start) & (first < stop)).tolist()
        with _opened(path) as source, pq.ParquetFile(source, metadata=metadata) as file:
            _check_kinds(file.schema_arrow, columns)
            table = file.read_row_groups(groups, columns=columns)
        for name in columns:
            if table.column(name).null_count:
                raise KeyError(f"missing values in column {name}")
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
    """Read the complete batches of a stream, which may end in the middle of a batch."""
    batches = []
    try:
        with reading(path) as file:
            written = file.read()
    except FileNotFoundError:
        written = b""  # the epoch was sealed in the meantime
    except OSError as error:
        raise unreadable(path, error) from error
    try:
        with pa.ipc.open_stream(written) as reader:
            for batch in reader:
                batches.append(batch)
    except (pa.ArrowException, OSError):
        pass  # the truncated end of a killed recording: the batches before it are complete
    return pa.Table.from_batches(batches).to_pandas() if batches else pd.DataFrame({"row": pd.Series(dtype="int64")})


def _version(path: Path | RemoteFile) -> object:
    if not isinstance(path, Path):
        return path.version
    stat = path.stat()
    if not S_ISREG(stat.st_mode):
        raise no_file(path, stat.st_mode)
    return stat.st_mtime_ns, stat.st_size


def _opened(path: Path | RemoteFile) -> contextlib.AbstractContextManager[Any]:
    return contextlib.nullcontext(path) if isinstance(path, Path) else path.open()


@functools.lru_cache(maxsize=128)
def _footer(path: Path | RemoteFile, version: object) -> tuple[pq.FileMetaData, np.ndarray, np.ndarray]:
    """Return a file's metadata, and the first and last row of each row group (int64 limits if they are not stored)."""
    with _opened(path) as source, pq.ParquetFile(source) as file:
        metadata = file.metadata
        if isinstance(path, Path):
            check_cost(file, path)
        groups = row_groups(path if isinstance(path, Path) else source)
    first = np.full(len(groups), np.iinfo(np.int64).min)
    last = np.full(len(groups), np.iinfo(np.int64).max)
    for place, group in enumerate(groups):
        for column in group.columns[:1]:
            least, most = int64(column.least), int64(column.most)
            if column.path == "row" and least is not None and most is not None:
                first[place], last[place] = least, most
    return metadata, first, last


def to_numpy(column: pa.ChunkedArray) -> np.ndarray:
    """Convert a column to an array (n,), or (n, w) for a fixed-size list column."""
    if pa.types.is_fixed_size_list(column.type):
        width = column.type.list_size
        flat = column.combine_chunks().flatten() if column.num_chunks else pa.array([], column.type.value_type)
        flat = pa.concat_arrays(flat.chunks) if isinstance(flat, pa.ChunkedArray) else flat
        return flat.to_numpy(zero_copy_only=False).reshape(-1, width)
    return column.to_numpy()
