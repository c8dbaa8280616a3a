"""Logits of batches that wait to be reduced: a file beside the stream of the epoch under way.

Reducing eight small batches at once costs little more than reducing one. Until then their logits lie in a memory map,
so that a process killed at any moment loses none: whoever reads the epoch reduces them instead.

    magic, k, kind of float, rows there is room for, turn, rows gathered      six int64
    rows of the examples                                                      int64 (room,)
    logits                                                                    float16, 32 or 64 (room, k)
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from workbench.storage.files import reading, unreadable

ROOM = 1024
"""Rows that are gathered at most."""

MOST_GATHERED = 1 << 16  # numbers that are gathered at most
MOST_BYTES = 8 * (6 + ROOM) + 8 * (MOST_GATHERED + ROOM) + 1  # of a file of ours, and one more
_PENDING_MAGIC = 0x31474E49444E4550  # "PENDING1"
_HEAD = 6
_TURN, _COUNT = 4, 5
_FLOATS = {2: np.float16, 4: np.float32, 8: np.float64}


class Pending:
    """Room for the logits of some batches, all of one dtype.

    Parameters
    ----------
    path : the file; replaced if it is there.
    k : columns.
    """

    def __init__(self, path: Path, k: int) -> None:
        self._path, self._k = path, k
        self.room = min(ROOM, MOST_GATHERED // k)
        self._head: np.ndarray | None = None
        self._rows = self._logits = np.empty(0)
        self.count = 0
        path.unlink(missing_ok=True)

    def takes(self, logits: np.ndarray) -> bool:
        """Whether gathering (b, k) logits pays: at least two such batches have room, and all numbers are finite."""
        return (
            2 * len(logits) <= self.room
            and logits.dtype.kind == "f"
            and logits.dtype.itemsize in _FLOATS
            and bool(np.isfinite(logits).all())
        )

    def fits(self, logits: np.ndarray) -> bool:
        """Whether there is room for these beside those that wait."""
        return not self.count or (self.count + len(logits) <= self.room and logits.dtype == self._logits.dtype)

    def add(self, rows: np.ndarray, logits: np.ndarray) -> None:
        """Gather the logits of a batch that fits."""
        head = self._head
        if head is None or logits.dtype != self._logits.dtype:
            head = self._lay_out(logits.dtype)
        stop = self.count + len(rows)
        self._rows[self.count : stop] = rows
        self._logits[self.count : stop] = logits
        head[_COUNT] = self.count = stop  # last: what it counts is there

    def gathered(self) -> tuple[np.ndarray, np.ndarray]:
        """(rows, logits) of what waits, until `clear`."""
        return self._rows[: self.count], self._logits[: self.count]

    def clear(self) -> None:
        """All was reduced and written."""
        if self.count and self._head is not None:
            self._head[_COUNT] = self.count = 0
            self._head[_TURN] += 1

    def close(self) -> None:
        """Let go of the file; it is removed if nothing waits in it."""
        self._head = None
        self._rows = self._logits = np.empty(0)
        if not self.count:
            self._path.unlink(missing_ok=True)

    def _lay_out(self, dtype: np.dtype) -> np.ndarray:
        """Make the file for logits of this dtype; whole before it has its name. Its head."""
        self.close()
        size = 8 * (_HEAD + self.room) + self.room * self._k * dtype.itemsize
        head = np.array((_PENDING_MAGIC, self._k, dtype.itemsize, self.room, 0, 0), np.int64)
        half = self._path.with_name(f".{self._path.name}.tmp")
        half.write_bytes(head.tobytes() + bytes(size - head.nbytes))
        half.replace(self._path)
        raw = np.asarray(np.memmap(self._path, np.uint8, "r+"))
        head, self._rows, self._logits = _parts(raw, self.room, self._k, dtype)
        self._head = head
        return head


def _parts(raw: np.ndarray, room: int, k: int, dtype: np.dtype) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Views of the bytes: head, rows, logits."""
    head, rows = raw[: 8 * _HEAD].view(np.int64), raw[8 * _HEAD : 8 * (_HEAD + room)].view(np.int64)
    return head, rows, raw[8 * (_HEAD + room) :].view(dtype).reshape(room, k)


def read_pending(path: Path, n: int, k: int) -> tuple[np.ndarray, np.ndarray]:
    """(rows, logits) that wait in a file, copied; none where there is no file, or it is none of ours.

    While another process records, what it gathers meanwhile may be missing, but nothing is half there.
    """
    nothing = np.empty(0, np.int64), np.empty((0, k), np.float32)
    for _ in range(10):
        raw = _bytes(path)
        if raw is None:
            return nothing
        magic, columns, itemsize, room, turn, count = map(int, raw[: 8 * _HEAD].view(np.int64))
        if magic != _PENDING_MAGIC or columns != k or itemsize not in _FLOATS or not 0 <= count <= room <= ROOM:
            return nothing
        if len(raw) != 8 * (_HEAD + room) + room * k * itemsize:
            return nothing
        again = _bytes(path)
        if again is None or int(again[: 8 * _HEAD].view(np.int64)[_TURN]) != turn:
            continue  # cleared and filled anew while we read
        _, rows, logits = _parts(raw, room, k, np.dtype(_FLOATS[itemsize]))
        rows, logits = rows[:count], logits[:count]
        good = (rows >= 0) & (rows < n) & np.isfinite(logits).all(axis=1)
        return rows[good], logits[good]
    return nothing


def _bytes(path: Path) -> np.ndarray | None:
    """The bytes of a file that has at least a head, or None."""
    try:
        with reading(path) as file:
            raw = np.frombuffer(file.read(MOST_BYTES), np.uint8)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise unreadable(path, error) from error
    return raw if len(raw) >= 8 * _HEAD else None
