"""Limits for untrusted files: bytes that are read, depth of JSON, size after decompression."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from workbench.storage.files import reading

MOST_JSON = 50_000_000
"""Maximum size in bytes of a JSON file that is read."""

UNPACKED = 1 << 28
"""Size in bytes to which a file of any size may be decompressed."""

RATIO = 200
"""Maximum compression ratio above that size. Real evidence files reach a ratio of 20, zeros alone 1,000."""


MOST_COLUMNS = 20_000
"""Maximum number of columns of a table. Each takes about 0.5 ms to import, and a tenth of that to open."""

SPARSE = 1 << 26
"""Number of cells, mostly empty, that a text file of any size may contain."""


class TooMuch(ValueError):
    """Reading a file would take far more memory than its size suggests; the message says what to do."""


def check_table(rows: int, columns: int, size: int) -> None:
    """Check the shape of a table read from a text file of `size` bytes.

    Raises
    ------
    TooMuch : it has more than `MOST_COLUMNS` columns, or far more cells than bytes.
    """
    if columns > MOST_COLUMNS:
        todo = "Leave out columns that are not needed, or put related numbers into one column of lists."
        raise TooMuch(f"it has {columns:,} columns, and at most {MOST_COLUMNS:,} are read. {todo}")
    if rows * columns > max(SPARSE, 4 * size):
        found = f"it has {rows:,} rows and {columns:,} columns in {size:,} bytes: nearly all cells would be empty"
        raise TooMuch(f"{found}. Write each row with all its columns.")


def check_unpacked(unpacked: int, packed: int, todo: str, ratio: int = RATIO) -> None:
    """Refuse a small file that would take much memory.

    Parameters
    ----------
    unpacked, packed : sizes in bytes in memory and in the file.
    todo : what to do if the data are valid, for the message.
    ratio : largest allowed ratio of the two.

    Raises
    ------
    TooMuch : it would take more than `UNPACKED` bytes and more than `ratio` times the size of the file.
    """
    if unpacked > max(UNPACKED, ratio * packed):
        found = f"its {packed:,} bytes would take {unpacked:,} bytes of memory"
        raise TooMuch(f"{found}. {todo}")


def small_text(path: Path, most: int = MOST_JSON) -> str:
    """Read the text of a small file, such as a JSON file.

    Raises
    ------
    ValueError : the file has more than `most` bytes, or is not UTF-8.
    OSError, RunError : as in `reading`.
    """
    with reading(path) as file:
        data = file.read(most + 1)
    if len(data) > most:
        raise ValueError(f"it has more than {most:,} bytes")
    return data.decode("utf-8")


def small_json(path: Path, most: int = MOST_JSON) -> Any:
    """Read a small JSON file; raises the errors of `small_text` and `parse_json`."""
    return parse_json(small_text(path, most))


def parse_json(text: str | bytes) -> Any:
    """Parse JSON.

    Raises
    ------
    ValueError : the text is not JSON, or is nested too deeply.
    """
    try:
        return json.loads(text)
    except (RecursionError, MemoryError) as error:
        raise ValueError("it is nested too deeply, or too large") from error
