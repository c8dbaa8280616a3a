"""Read and write tables, by suffix: CSV, JSONL, Parquet. Writing is atomic and replaces existing files only on request.

Text that a spreadsheet would execute as a formula is neutralized in CSV. JSONL and Parquet store the text unchanged.
"""

from __future__ import annotations

import csv
import datetime
import json
import math
import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from workbench.foundation.cells import cell_text, is_missing
from workbench.foundation.errors import ExistsError, InputError
from workbench.storage.layout import atomic
from workbench.storage.limits import TooMuch, check_table, parse_json
from workbench.storage.parquet import read_parquet

if TYPE_CHECKING:
    import pyarrow as pa

_FORMULA = re.compile("'*[=+\\-@\\t\\r\\n\uff1d\uff0b\uff0d\uff20]")
_LATER = re.compile("([;\t\r\n])(?=['\"]*[=+\\-@\uff1d\uff0b\uff0d\uff20])")
_LATER_NEUTRAL = re.compile("([;\t\r\n])'(?=['\"]*[=+\\-@\uff1d\uff0b\uff0d\uff20])")
TABLE_BLOCK_ROWS = 8192
LONGEST_INT = 10**4000  # Python does not convert integers of more than 4,300 digits to text
PAGE_SUFFIXES = (".html", ".htm")
"""Suffixes of a page: the report, or a saved view."""


def write_table(frame: pd.DataFrame, path: str | Path, *, force: bool = False) -> Path:
    """Write a DataFrame (without its index) to `.csv`, `.jsonl` or `.parquet`.

    Parameters
    ----------
    frame : DataFrame with columns of numbers, text, bool, dates, bytes (stored only in Parquet; other formats store
        their size as text).
    path : path of the file; its suffix determines the format.
    force : whether to replace an existing file.

    Returns
    -------
    Path of the file.

    Raises
    ------
    InputError : the suffix is unknown, or the directory is missing.
    ExistsError : the file exists and `force` is not set.

    Notes
    -----
    CSV files are UTF-8 and comma-separated; a missing value is an empty field. Text (cells, column names) that starts
    with one of ``= + - @``, tab, carriage return or newline, or a full-width form of these, possibly after apostrophes,
    is prefixed with an apostrophe. So is such a character after a semicolon, tab or line end within the text, since it
    starts a cell in programs that use these as separators. Numbers stay numbers. `read_table(path, neutralized=True)`
    or `restore` removes exactly these apostrophes.
    """
    target = check_target(path, force)
    with atomic(target) as temporary:
        WRITERS[target.suffix.lower()](frame, temporary)
        check_target(target, force)
    return target


def write_page(text: str, target: Path, *, force: bool = False) -> Path:
    """Write an HTML page atomically to a path accepted by `check_target`, and return the path.

    Raises
    ------
    ExistsError : the file exists (by now) and `force` is not set.
    """
    with atomic(target) as temporary:
        temporary.write_text(text, encoding="utf-8")
        check_target(target, force, PAGE_SUFFIXES)
    return target


def check_target(path: str | Path, force: bool, suffixes: Iterable[str] | None = None) -> Path:
    """Return the path if a file may be written there: known suffix, existing directory, no file to replace."""
    target = Path(path)
    known = tuple(WRITERS if suffixes is None else suffixes)
    if known and target.suffix.lower() not in known:
        raise InputError.unknown("suffix", target.suffix, known, f"It determines the format of {target.name!r}.")
    if not target.parent.is_dir():
        raise InputError(f"the directory {target.parent} does not exist. Create it, or choose another path.")
    if target.is_dir():
        raise ExistsError(f"{target} is a directory. Choose a file name.")
    if not force and target.exists():
        raise ExistsError(f"{target} exists. Choose another name, or replace it with force=True (--force).")
    return target


def read_table(path: str | Path, *, text: Iterable[str] = (), neutralized: bool = False) -> pd.DataFrame:
    """Read a `.csv`, `.jsonl` or `.parquet` file.

    Parameters
    ----------
    path : path of the file.
    text : columns of a CSV file whose values are kept as written ("007", "NA"); a column that contains only integers
        is read as int64.
    neutralized : whether to remove the apostrophes that `write_table` put before formula-like text.

    Raises
    ------
    InputError : the file is missing or damaged, its format is not that of its suffix, it has more than 20,000 columns,
        or it would take far more memory than its size suggests.
    """
    source = Path(path)
    suffix = source.suffix.lower()
    if suffix not in WRITERS:
        raise InputError.unknown("suffix", source.suffix, WRITERS, f"It determines the format of {source.name!r}.")
    if not source.is_file():
        raise InputError(f"{source} does not exist, or is not a file.")
    try:
        if suffix == ".parquet":
            table = read_parquet(source)
            check_table(1, table.num_columns, 0)
            frame = table.to_pandas()
            return frame if isinstance(frame.index, pd.RangeIndex) else frame.reset_index()
        if suffix == ".jsonl":
            return _read_jsonl(source)
        return _read_csv(source, text, neutralized)
    except InputError:
        raise
    except TooMuch as error:
        raise InputError(f"{source} is not read: {error}") from error
    except Exception as error:  # pyarrow and pandas raise a dozen types for a damaged file
        found = f"cannot be read ({type(error).__name__}: {error})"
        raise InputError(f"{source} {found}. Is it really {suffix}?") from error


def is_path(cell: object) -> bool:
    """Whether a cell of lists, objects or paths is a path: a text that does not begin like JSON."""
    return isinstance(cell, str) and bool(cell.strip()) and not cell.lstrip().startswith(("{", "[", "null"))


def parsed_cells(name: str, values: pd.Series, *, paths: bool = False) -> pd.Series:
    """Convert a column of lists or objects to Python values, whether stored as JSON (CSV) or as arrays (Parquet).

    Parameters
    ----------
    name : name of the column.
    values : its cells; missing ones become None.
    paths : whether cells may be paths (`is_path`), which stay as they are.

    Raises
    ------
    InputError : a text is not JSON; the message names the row.
    """
    parsed = [value if paths and is_path(value) else _parsed(name, value, row) for row, value in enumerate(values)]
    return pd.Series(parsed, index=values.index, dtype=object)


def _parsed(name: str, value: object, row: int) -> object:
    if isinstance(value, np.ndarray):
        return [_parsed(name, one, row) if isinstance(one, np.ndarray) else one for one in value.tolist()]
    if not isinstance(value, str):
        return None if is_missing(value) else value
    try:
        return parse_json(value)
    except ValueError as error:
        raise InputError.at(name, f"is not JSON ({error})", "Write lists of labels as JSON.", row=row) from error


def _read_jsonl(source: Path) -> pd.DataFrame:
    names: dict[str, None] = {}
    records = []
    for _, record in json_lines(source):
        records.append(record)
        names |= dict.fromkeys(record)
        check_table(len(records), len(names), source.stat().st_size)
    return pd.DataFrame(records)


def json_lines(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield (line number from 1, object) of a JSON Lines file without blank lines; errors name the file and line."""
    with open(path, "rb") as file:
        for number, line in enumerate(file, 1):
            if not line.strip():
                continue
            try:
                record = parse_json(line)
            except ValueError as error:
                raise InputError(f"{path} line {number} is not JSON ({error}). Write it again, or remove it.") from None
            if not isinstance(record, dict):
                found = f"holds {type(record).__name__}"
                raise InputError(f"{path} line {number} {found}, not an object. Each line must be one {{...}}.")
            yield number, record


def neutralize(text: str) -> str:
    """Put an apostrophe before characters that a spreadsheet could interpret as the start of a formula.

    These can be at the start of the text, or after a semicolon, tab or line end: programs that use these as separators
    (Excel in many European locales) start a new cell there, even inside quotes.
    """
    text = _LATER.sub("\\1'", text)
    return f"'{text}" if _FORMULA.match(text) else text


def restore(text: str) -> str:
    """Return the text before `neutralize`."""
    text = text[1:] if text.startswith("'") and _FORMULA.match(text) else text
    return _LATER_NEUTRAL.sub("\\1", text)


def _write_csv(frame: pd.DataFrame, path: Path) -> None:
    safe = frame.rename(columns=lambda name: neutralize(str(name)))
    returns = any("\r" in str(name) for name in safe.columns)
    columns = {}
    for position in range(frame.shape[1]):
        values = frame.iloc[:, position]
        if values.dtype.kind not in "iufbmM":
            values = values.astype(object).map(_csv_cell)
            returns = returns or any("\r" in value for value in values if isinstance(value, str))
        columns[position] = values.to_numpy() if values.dtype == object else values.array
    whole = pd.DataFrame(columns, index=pd.RangeIndex(len(frame)))
    quoting = csv.QUOTE_NONNUMERIC if returns else csv.QUOTE_MINIMAL  # minimal leaves \r bare before Python 3.13
    whole.to_csv(path, index=False, header=list(safe.columns), lineterminator="\n", quoting=quoting, encoding="utf-8")


def _csv_cell(value: object) -> object:
    """Convert a cell for CSV: numbers unchanged, missing values to None, everything else to neutralized text."""
    if isinstance(value, str):
        return neutralize(cell_text(value))
    if isinstance(value, (bool, float, np.number, np.bool_)) or (isinstance(value, int) and abs(value) < LONGEST_INT):
        return value
    if isinstance(value, (bytes, bytearray, memoryview)):
        return _size_note(value)
    if isinstance(value, (list, tuple, dict, set, frozenset, np.ndarray)):
        return neutralize(_dumps(_json(value)))
    return None if is_missing(value) else neutralize(cell_text(value))


def _size_note(value: bytes | bytearray | memoryview) -> str:
    """The text that replaces bytes in formats that cannot store them."""
    return f"<{len(value)} bytes>"


def _write_jsonl(frame: pd.DataFrame, path: Path) -> None:
    names = [str(name) for name in frame.columns]
    with open(path, "w", encoding="utf-8") as file:
        for start in range(0, len(frame), TABLE_BLOCK_ROWS):
            block = frame.iloc[start : start + TABLE_BLOCK_ROWS]
            columns = [block.iloc[:, position].tolist() for position in range(len(names))]
            for values in zip(*columns):
                record = {name: _json(value) for name, value in zip(names, values)}
                file.write(_dumps(record) + "\n")


def _json(value: object) -> object:
    """Convert to a JSON value: NaN, infinity and other missing values become null, dates ISO text."""
    if value is None or isinstance(value, (str, bool)) or (isinstance(value, int) and abs(value) < LONGEST_INT):
        return value
    if isinstance(value, np.generic):
        item = value.item()
        return _json(item if not isinstance(item, np.generic) else float(item))  # np.longdouble is its own item
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, (bytes, bytearray, memoryview)):
        return _size_note(value)
    if isinstance(value, dict):
        return {str(key): _json(one) for key, one in value.items()}
    if isinstance(value, (list, tuple, set, frozenset, np.ndarray)):
        return [_json(one) for one in value]
    if is_missing(value):
        return None
    return value.isoformat() if isinstance(value, (datetime.date, datetime.time)) else cell_text(value)


def _dumps(value: object) -> str:
    """Write JSON without escapes for readability; text that is not Unicode is escaped."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False)
    return text if text.isascii() or cell_text(text) == text else json.dumps(value, allow_nan=False)


def _write_parquet(frame: pd.DataFrame, path: Path) -> None:
    named = frame.rename(columns=str)
    try:
        table = pa.Table.from_pandas(named, preserve_index=False)
        pq.write_table(table.replace_schema_metadata(_dtypes(table)), path, compression="zstd")
    except (pa.ArrowException, UnicodeError, OverflowError, TypeError, ValueError) as error:
        found = f"cannot be stored in Parquet ({error})"
        raise InputError(f"a column {found}. Convert it to a single type, for example with astype(str).") from error


def _dtypes(table: pa.Table) -> dict[bytes, bytes] | None:
    """Metadata with the nullable pandas dtypes (Int64, boolean) of the columns; None if no column has one."""
    about = json.loads((table.schema.metadata or {}).get(b"pandas", b"{}"))
    nullable = any(
        column["numpy_type"][:1].isupper() or column["numpy_type"] == "boolean" for column in about["columns"]
    )
    return {b"pandas": json.dumps(about | {"attributes": {}}).encode()} if nullable else None


WRITERS: dict[str, Callable[[pd.DataFrame, Path], None]] = {
    ".csv": _write_csv,
    ".jsonl": _write_jsonl,
    ".parquet": _write_parquet,
}
"""Suffix -> writer of a whole table."""


def _read_csv(source: Path, text: Iterable[str], neutralized: bool) -> pd.DataFrame:
    with open(source, encoding="utf-8-sig", newline="") as file:
        header = next(csv.reader(file), None)
    if header is None:
        raise InputError(f"{source} is empty. The first line must contain the column names.")
    check_table(_lines(source), len(header), source.stat().st_size)
    if len(set(header)) < len(header):
        twice = next(name for name in header if header.count(name) > 1)
        raise InputError(f"{source} has two columns named {twice!r}. Give each its own name.")
    raw = {neutralize(name) if neutralized else name for name in text} & set(header)
    frame = pd.read_csv(
        source,
        dtype=dict.fromkeys(raw, str),
        keep_default_na=False,
        na_values=[""],
        encoding="utf-8-sig",
        index_col=False,
        low_memory=False,
    )
    if neutralized:
        for name in frame.columns:
            if frame[name].dtype.kind not in "iufbmM":
                frame[name] = frame[name].map(restore, na_action="ignore")
        frame = frame.rename(columns=restore)
    for name in text:
        if name in frame.columns:
            frame[name] = _whole_numbers(frame[name])
    return frame


def _lines(path: Path) -> int:
    """Count the line ends in a file, an upper limit of the number of rows of a CSV."""
    with open(path, "rb") as file:
        return sum(block.count(b"\n") + block.count(b"\r") for block in iter(lambda: file.read(1 << 20), b""))


def _whole_numbers(values: pd.Series) -> pd.Series:
    """Convert to integers if every text is one as Python writes it ("7", not "007"); else keep the text."""
    there = values.dropna().astype(str)
    if len(there) and there.str.fullmatch(r"0|-?[1-9]\d{0,17}").all():
        return values.astype("Int64") if values.isna().any() else values.astype("int64")
    return values.astype(object).where(values.notna(), None)
