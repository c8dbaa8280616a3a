"""The metadata at the end of Parquet files, read without trust: damage causes an error, never the end of the process.

pyarrow validates the metadata of a column only when they are accessed from Python, and then a mismatch ends the process
(an exception of C++ that nobody catches; seen in pyarrow 26 with one flipped bit). Reading data is safe, so only these
metadata are read here: FileMetaData of the Parquet format in the compact protocol of Thrift.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

MAGIC = b"PAR1"
DEEPEST_METADATA = 32
"""Maximum nesting of structures and lists; the format needs 7."""
LONGEST_METADATA = 1_000_000
"""Maximum length of a list, as in pyarrow."""

_STOP, _TRUE, _FALSE, _BYTE, _DOUBLE, _BINARY, _LIST, _SET, _MAP, _STRUCT, _UUID = 0, 1, 2, 3, 7, 8, 9, 10, 11, 12, 13
_INTEGERS = (4, 5, 6)
_FIXED = {_BYTE: 1, _DOUBLE: 8, _UUID: 16}

# Numbers of fields in the format's definition.
_ROW_GROUPS, _COLUMNS, _TOTAL_ROWS = 4, 1, 3
_ABOUT = 3
_TYPE, _ENCODINGS, _PATH, _VALUES, _UNPACKED, _DICTIONARY, _RANGE = 1, 2, 3, 5, 6, 11, 12
_MAX, _MIN = 5, 6

TYPES = ("BOOLEAN", "INT32", "INT64", "INT96", "FLOAT", "DOUBLE", "BYTE_ARRAY", "FIXED_LEN_BYTE_ARRAY")
"""Physical types by their number."""


class ColumnChunk(NamedTuple):
    """The values of a column in one row group.

    path : its name; names of nested fields are joined by dots. kind : physical type, an element of `TYPES`.
    values : number of values. unpacked : bytes without compression. coded : whether it may have a dictionary.
    least, most : smallest and largest value as stored, None if unknown.
    """

    path: str
    kind: str
    values: int
    unpacked: int
    coded: bool
    least: bytes | None
    most: bytes | None


class RowGroup(NamedTuple):
    """One row group: its number of rows and its columns."""

    rows: int
    columns: list[ColumnChunk]


def row_groups(source: Path | bytes | BinaryIO) -> list[RowGroup]:
    """Read the row groups that the footer of a Parquet file describes; no data are read.

    Raises
    ------
    ValueError : the footer is damaged.
    OSError : as in reading the file.
    """
    if isinstance(source, Path):
        with source.open("rb") as file:
            footer = _footer(file)
    else:
        footer = _last(source) if isinstance(source, bytes) else _footer(source)
    try:
        found = _Thrift(footer).struct()
        return [_row_group(one) for one in _items(found.get(_ROW_GROUPS, []))]
    except (IndexError, KeyError, TypeError, AttributeError, UnicodeDecodeError) as error:
        raise ValueError(f"the metadata at the end of the file are damaged ({type(error).__name__})") from error


def int64(value: bytes | None) -> int | None:
    """Return a stored INT64, None if it is not known or has another length."""
    return struct.unpack("<q", value)[0] if isinstance(value, bytes) and len(value) == 8 else None


def _footer(file: BinaryIO) -> bytes:
    size = file.seek(0, 2)
    file.seek(max(0, size - 8))
    length = _length(file.read(8), size)
    file.seek(size - 8 - length)
    return file.read(length)


def _last(data: bytes) -> bytes:
    length = _length(data[-8:], len(data))
    return data[len(data) - 8 - length : len(data) - 8]


def _length(end: bytes, size: int) -> int:
    if len(end) < 8 or end[4:] != MAGIC:
        raise ValueError("the file does not end as a Parquet file")
    length = struct.unpack("<I", end[:4])[0]
    if length > size - 12:
        raise ValueError("the metadata at the end of the file are longer than the file")
    return length


def _items(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise TypeError
    return value


def _row_group(found: dict[int, Any]) -> RowGroup:
    return RowGroup(_count(found[_TOTAL_ROWS]), [_column(one[_ABOUT]) for one in _items(found[_COLUMNS])])


def _count(value: Any) -> int:
    if not isinstance(value, int) or value < 0:
        raise TypeError
    return value


def _column(found: dict[int, Any]) -> ColumnChunk:
    known = found.get(_RANGE, {})
    return ColumnChunk(
        ".".join(part.decode("utf-8") for part in _items(found[_PATH])),
        TYPES[_count(found[_TYPE])],
        _count(found[_VALUES]),
        _count(found[_UNPACKED]),
        bool(found.get(_DICTIONARY)) or not found.get(_ENCODINGS),
        known.get(_MIN),
        known.get(_MAX),
    )


class _Thrift:
    """Values in the compact protocol: structures as dicts by the number of the field, lists, ints and bytes."""

    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, 0

    def struct(self, depth: int = 0) -> dict[int, Any]:
        if depth > DEEPEST_METADATA:
            raise ValueError("the metadata at the end of the file are nested too deeply")
        found: dict[int, Any] = {}
        data, number = self.data, 0
        while True:
            head = data[self.at]
            self.at += 1
            kind = head & 15
            if kind == _STOP:
                return found
            number = number + (head >> 4) if head >> 4 else self._zigzag()
            found[number] = kind == _TRUE if kind in (_TRUE, _FALSE) else self._value(kind, depth)

    def _value(self, kind: int, depth: int) -> Any:
        if kind in _INTEGERS:
            return self._zigzag()
        if kind == _BINARY:
            return self._bytes(self._varint())
        if kind == _STRUCT:
            return self.struct(depth + 1)
        if kind in (_LIST, _SET):
            return list(self._list(depth + 1))
        if kind in _FIXED:
            return self._bytes(_FIXED[kind])
        raise ValueError(f"the metadata at the end of the file have a field of the unknown kind {kind}")

    def _list(self, depth: int) -> Iterator[Any]:
        head = self._byte()
        size, kind = head >> 4, head & 15
        size = self._varint() if size == 15 else size
        if depth > DEEPEST_METADATA or size > LONGEST_METADATA:
            raise ValueError("the metadata at the end of the file have a list that is too deep or too long")
        for _ in range(size):
            yield self._byte() == _TRUE if kind in (_TRUE, _FALSE) else self._value(kind, depth)

    def _byte(self) -> int:
        self.at += 1
        return self.data[self.at - 1]

    def _bytes(self, size: int) -> bytes:
        if size > len(self.data) - self.at:
            raise ValueError("the metadata at the end of the file are cut off")
        self.at += size
        return self.data[self.at - size : self.at]

    def _varint(self) -> int:
        data, at = self.data, self.at
        value, shift = data[at] & 127, 7
        while data[at] > 127:
            if shift > 63:
                raise ValueError("the metadata at the end of the file have a number that is too long")
            at += 1
            value |= (data[at] & 127) << shift
            shift += 7
        self.at = at + 1
        return value

    def _zigzag(self) -> int:
        value = self._varint()
        return (value >> 1) ^ -(value & 1)
