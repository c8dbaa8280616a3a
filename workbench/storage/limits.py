"""How much a file of unknown origin may cost: bytes that are read, depth of JSON, what a few bytes may unpack to."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from workbench.storage.files import reading

MOST_JSON = 50_000_000
"""Bytes of a JSON file that are read."""

UNPACKED = 1 << 28
"""Bytes that a file of any size may unpack to."""

RATIO = 200
"""How many times its own size a file may unpack to beyond that. Measured evidence reaches 20; zeros alone 1,000."""


MOST_COLUMNS = 20_000
"""Columns of a table. Each costs about half a millisecond on the way into a run, and a tenth at every opening."""

SPARSE = 1 << 26
"""Cells of a table that a file of any size may stand for, most of them empty."""


class TooMuch(ValueError):
    """Reading a file would take far more memory than its size lets expect; the message says what to do."""


def check_table(rows: int, columns: int, size: int) -> None:
    """Refuse a table of text of `size` bytes that is wider than any, or has far more cells than bytes.

    Raises
    ------
    TooMuch : it is such a one.
    """
    if columns > MOST_COLUMNS:
        todo = "Leave out what is not needed, or put numbers that belong together into one column of lists."
        raise TooMuch(f"it has {columns:,} columns, and at most {MOST_COLUMNS:,} are read. {todo}")
    if rows * columns > max(SPARSE, 4 * size):
        found = f"it has {rows:,} rows and {columns:,} columns in {size:,} bytes: nearly all cells would be empty"
        raise TooMuch(f"{found}. Write each row with all its columns.")


def check_unpacked(unpacked: int, packed: int, todo: str, ratio: int = RATIO) -> None:
    """Refuse a small file that becomes a large one in memory.

    Parameters
    ----------
    unpacked, packed : bytes in memory and in the file.
    todo : what to do where the data are as they should be.
    ratio : how many times its size it may take.

    Raises
    ------
    TooMuch : it would take more than `UNPACKED` bytes and more than `ratio` times those of the file.
    """
    if unpacked > max(UNPACKED, ratio * packed):
        found = f"its {packed:,} bytes would take {unpacked:,} bytes of memory"
        raise TooMuch(f"{found}. {todo}")


def small_text(path: Path, most: int = MOST_JSON) -> str:
    """The text of a small file, such as a JSON one.

    Raises
    ------
    ValueError : it has more bytes than such a file has, or is no UTF-8. OSError, RunError : as of `reading`.
    """
    with reading(path) as file:
        data = file.read(most + 1)
    if len(data) > most:
        raise ValueError(f"it has more than {most:,} bytes")
    return data.decode("utf-8")


def small_json(path: Path, most: int = MOST_JSON) -> Any:
    """What a small JSON file holds; errors as in `small_text`, and ValueError where it is not JSON."""
    return parse_json(small_text(path, most))


def parse_json(text: str | bytes) -> Any:
    """What JSON says.

    Raises
    ------
    ValueError : it is none, or is nested too deep to be read.
    """
    try:
        return json.loads(text)
    except (RecursionError, MemoryError) as error:
        raise ValueError("it is nested too deep, or too large") from error
