"""Logits of batches that are not reduced yet, in a file next to the stream of the epoch in progress.

Reducing eight small batches at once takes little longer than reducing one. Until then their logits are kept in a memory
map, so that a process killed at any moment loses none: a reader of the epoch reduces them instead.

    magic, k, itemsize of the logits, capacity in rows, turn, number of rows  six int64
    rows of the examples                                                      int64 (room,)
    logits                                                                    float16, 32 or 64 (room, k)
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from workbench.storage.files import reading, unreadable

ROOM = 1024
"""Maximum number of rows that are collected."""

MOST_GATHERED = 1 << 16  # maximum number of logits that are collected
MOST_BYTES = 8 * (6 + ROOM) + 8 * (MOST_GATHERED + ROOM) + 1  # maximum size of a valid file, plus one
_PENDING_MAGIC = 0x31474E49444E4550  # "PENDING1"
_HEAD = 6
_TURN, _COUNT = 4, 5
_FLOATS = {2: np.float16, 4: np.float32, 8: np.float64}


class Pending:
    """A buffer on disk for the logits of several batches of the same dtype.

    Parameters
    ----------
    path : path of the file; an existing one is replaced.
    k : number of columns.
    """

    def __init__(self, path: Path, k: int) -> None:
        self._path, self._k = path, k
        self.room = min(ROOM, MOST_GATHERED // k)
        self._head: np.ndarray | None = None
        self._rows = self._logits = np.empty(0)
        self.count = 0
        path.unlink(missing_ok=True)

    def takes(self, logits: np.ndarray) -> bool:
        """Whether to collect logits (b, k): at least two such batches fit, and all values are finite floats."""
        return (
            2 * len(logits) <= self.room
            and logits.dtype.kind == "f"
            and logits.dtype.itemsize in _FLOATS
            and bool(np.isfinite(logits).all())
        )

    def fits(self, logits: np.ndarray) -> bool:
        """Whether there is room for `logits` in addition to those collected, and they have the same dtype."""
        return not self.count or (self.count + len(logits) <= self.room and logits.dtype == self._logits.dtype)

    def add(self, rows: np.ndarray, logits: np.ndarray) -> None:
        """Add the logits of a batch that fits."""
        head = self._head
        if head is None or logits.dtype != self._logits.dtype:
            head = self._lay_out(logits.dtype)
        stop = self.count + len(rows)
        self._rows[self.count : stop] = rows
        self._logits[self.count : stop] = logits
        head[_COUNT] = self.count = stop  # last, when the counted rows are written

    def gathered(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the collected (rows, logits), as views that are valid until `clear`."""
        return self._rows[: self.count], self._logits[: self.count]

    def clear(self) -> None:
        """Empty the buffer, after its logits were reduced and written."""
        if self.count and self._head is not None:
            self._head[_COUNT] = self.count = 0
            self._head[_TURN] += 1

    def close(self) -> None:
        """Close the file, and remove it if it is empty."""
        self._head = None
        self._rows = self._logits = np.empty(0)
        if not self.count:
            self._path.unlink(missing_ok=True)

    def _lay_out(self, dtype: np.dtype) -> np.ndarray:
        """Create the file for logits of this dtype atomically; return a view of its head."""
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
    """Return views of the bytes: head, rows, logits."""
    head, rows = raw[: 8 * _HEAD].view(np.int64), raw[8 * _HEAD : 8 * (_HEAD + room)].view(np.int64)
    return head, rows, raw[8 * (_HEAD + room) :].view(dtype).reshape(room, k)


def read_pending(path: Path, n: int, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Read copies of the (rows, logits) in a file; empty arrays if there is no valid file.

    If another process is recording, the newest rows may be missing, but no row is incomplete.
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
            continue  # cleared and refilled while it was read
        _, rows, logits = _parts(raw, room, k, np.dtype(_FLOATS[itemsize]))
        rows, logits = rows[:count], logits[:count]
        good = (rows >= 0) & (rows < n) & np.isfinite(logits).all(axis=1)
        return rows[good], logits[good]
    return nothing


def _bytes(path: Path) -> np.ndarray | None:
    """Return the bytes of a file that has at least a head, or None."""
    try:
        with reading(path) as file:
            raw = np.frombuffer(file.read(MOST_BYTES), np.uint8)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise unreadable(path, error) from error
    return raw if len(raw) >= 8 * _HEAD else None
