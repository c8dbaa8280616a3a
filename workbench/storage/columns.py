"""Columns of n rows in a folder, written block by block. An interrupted pass continues with the remaining blocks.

A finished column is the file `NAME.DIGEST.npy`. The digest of its inputs is part of the name, so a stale column counts
as missing, and so does one that is damaged or that this user did not compute (`seals`). A pass in progress writes to
its own folder and keeps a signed record of the blocks that are on disk. Columns are read as memory maps, so only the
parts that are accessed use memory.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import json
import os
import shutil
import time
from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO

import numpy as np

from workbench.storage.layout import atomic
from workbench.storage.npy import map_array, parse_header, read_header
from workbench.storage.seals import MINE, column_end, content_digest, state_of
from workbench.storage.trust import signature

SAVE_EVERY = 5.0  # seconds after which finished blocks are flushed and recorded
OLD = 7 * 24 * 3600.0  # seconds after which an abandoned pass is removed


def read_column(folder: Path, name: str, digest: str, n: int) -> np.ndarray | None:
    """Return the column with this digest as a memory map (writes change a private copy).

    None if it is missing, has changed since it was written, or was written by another user.
    """
    path = _path(folder, name, digest)
    if not path.is_file():
        return None
    try:
        if state_of(path, path.name) != MINE:
            return None
        mode = None if os.name == "nt" or not n else "c"  # Windows cannot replace a mapped file
        values = map_array(path, mode) if mode else np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError):
        return None
    return np.asarray(values) if values.shape[:1] == (n,) else None


def rows_of(path: Path, rows: slice) -> np.ndarray:
    """Read a slice of rows of an .npy file without a memory map, so that its pages do not count as memory in use.

    Raises
    ------
    ValueError, OSError : the file is damaged, contains Python objects, or ends early.
    """
    with open(path, "rb") as file:
        shape, fortran, dtype, first = parse_header(file)
        start, stop, _ = rows.indices(shape[0])
        width = int(np.prod(shape[1:], dtype=np.int64))
        # In C order the rows are one piece of the file; in Fortran order each column has its own piece.
        pieces = range(width) if fortran else [0]
        length = stop - start if fortran else (stop - start) * width
        values = np.empty((len(pieces), length), dtype)
        for piece in pieces:
            file.seek(first + (piece * shape[0] + start if fortran else start * width) * dtype.itemsize)
            read_in = np.fromfile(file, dtype, length)
            if read_in.size < length:
                raise ValueError(f"{path} ends early")
            values[piece] = read_in
    if fortran:
        return values.T.reshape(stop - start, *shape[1:], order="F")
    return values.reshape(stop - start, *shape[1:])


def has_column(folder: Path, name: str, digest: str) -> Path | None:
    """Return the path of a column's file, or None if there is no such file."""
    path = _path(folder, name, digest)
    return path if path.is_file() else None


def _path(folder: Path, name: str, digest: str) -> Path:
    return folder / f"{name}.{digest}.npy"


class Pass:
    """Columns that are being computed: keeps track of the blocks that are left and writes those that are finished.

    Parameters
    ----------
    folder : folder of the finished columns.
    digests : dict of column name to digest, for the columns to be written.
    n, block_rows : number of rows, and of rows per block; an interrupted pass continues only with the same blocks.

    Raises
    ------
    OSError : the folder cannot be written.
    """

    def __init__(self, folder: Path, digests: Mapping[str, str], n: int, block_rows: int) -> None:
        self._folder, self._digests, self._n = folder, dict(digests), n
        blocks = range(0, n, block_rows)
        self._slices = [slice(start, min(start + block_rows, n)) for start in blocks]
        self._block_rows = block_rows
        self._what = json.dumps([sorted(digests.items()), n, block_rows]).encode()
        self._part = folder / f"part-{hashlib.blake2b(self._what, digest_size=8).hexdigest()}"
        folder.mkdir(parents=True, exist_ok=True)
        self._claim = self._claimed()
        self._files: dict[str, BinaryIO] = {}
        self._starts: dict[str, int] = {}
        self._blocks: dict[str, list[bytes]] = {name: [b""] * len(self._slices) for name in digests}
        self._saved = time.monotonic()
        self._done = self._noted()

    def _claimed(self) -> int | None:
        """Lock the folder of the pass; another process that does the same work gets its own folder."""
        self._part.mkdir(exist_ok=True)
        try:
            import fcntl
        except ImportError:
            return None
        claim = os.open(self._part / "lock", os.O_RDWR | os.O_CREAT, 0o644)
        try:
            fcntl.flock(claim, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(claim)
            self._part = self._part.with_name(f"{self._part.name}-{os.getpid()}")
            self._part.mkdir(exist_ok=True)
            return None
        return claim

    def _noted(self) -> np.ndarray:
        """(blocks,) bool: finished and on disk, according to this user's signed record and the digests in it."""
        done = np.zeros(len(self._slices), bool)
        path = self._part / "done.json"
        try:
            noted = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
            blocks = noted["blocks"]
            if not hmac.compare_digest(self._signed(blocks), noted["signature"]):
                return done
            for name, digests in blocks.items():
                header, shape, dtype = read_header(self._part / f"{name}.npy")
                width = dtype.itemsize * int(np.prod(shape[1:], dtype=np.int64))
                with open(self._part / f"{name}.npy", "rb") as file:
                    for block, digest in digests.items():
                        rows = self._slices[int(block)]
                        file.seek(len(header) + rows.start * width)
                        if content_digest(file.read((rows.stop - rows.start) * width)).hex() != digest:
                            return np.zeros(len(self._slices), bool)
                        self._blocks[name][int(block)] = bytes.fromhex(digest)
                        done[int(block)] = True
        except (OSError, ValueError, IndexError, TypeError, KeyError, AttributeError, EOFError):
            done[:] = False
        return done

    def _signed(self, blocks: Mapping[str, Mapping[str, str]]) -> str:
        return signature(b"pass\0" + self._what + json.dumps(blocks, sort_keys=True).encode()).hex()

    @property
    def finished_rows(self) -> int:
        """Number of rows that are finished, including those of an earlier, interrupted pass."""
        return sum(rows.stop - rows.start for rows, done in zip(self._slices, self._done) if done)

    def left(self) -> list[slice]:
        """Return the blocks of rows that are not finished."""
        return [rows for rows, done in zip(self._slices, self._done) if not done]

    def write(self, rows: slice, columns: Mapping[str, np.ndarray]) -> None:
        """Write a block of rows of all columns."""
        block = self._slices.index(rows)
        for name in self._digests:
            values = np.ascontiguousarray(columns[name])
            file, start = self._file(name, values)
            data = values.view(np.uint8).reshape(-1).data if values.size else b""
            file.seek(start + rows.start * values.itemsize * int(np.prod(values.shape[1:], dtype=np.int64)))
            file.write(data)
            self._blocks[name][block] = content_digest(data)
        self._done[block] = True
        if time.monotonic() - self._saved > SAVE_EVERY:
            self.save()

    def _file(self, name: str, values: np.ndarray) -> tuple[BinaryIO, int]:
        if name not in self._files:
            path = self._part / f"{name}.npy"
            fresh = not self._done.any()
            file = open(path, "wb" if fresh else "r+b")  # noqa: SIM115 (closed by close())
            self._files[name] = file
            if fresh:
                descr, shape = np.lib.format.dtype_to_descr(values.dtype), (self._n, *values.shape[1:])
                header = {"descr": descr, "fortran_order": False, "shape": shape}
                np.lib.format.write_array_header_2_0(file, header)
                file.flush()
            self._starts[name] = len(read_header(path)[0])
        return self._files[name], self._starts[name]

    def save(self) -> None:
        """Flush the data, then record the finished blocks: the record never lists a block that is not on disk."""
        for file in self._files.values():
            file.flush()
            os.fsync(file.fileno())
        done = np.flatnonzero(self._done).tolist()
        blocks = {name: {str(block): digests[block].hex() for block in done} for name, digests in self._blocks.items()}
        with atomic(self._part / "done.json") as temporary:
            temporary.write_text(json.dumps({"blocks": blocks, "signature": self._signed(blocks)}), encoding="utf-8")
        self._saved = time.monotonic()

    def finish(self) -> None:
        """Move the columns to the folder; remove older ones of the same names and passes abandoned long ago."""
        for name, digest in self._digests.items():
            file = self._files.get(name) or open(self._part / f"{name}.npy", "r+b")  # noqa: SIM115 (closed below)
            self._files[name] = file
            header, shape, dtype = read_header(self._part / f"{name}.npy")
            file.seek(len(header) + dtype.itemsize * int(np.prod(shape, dtype=np.int64)))
            file.truncate()  # removes what an earlier process appended just before it was killed
            file.write(column_end(_path(Path(), name, digest).name, header, self._block_rows, self._blocks[name]))
            file.flush()
            os.fsync(file.fileno())
        self.close()
        for name, digest in self._digests.items():
            os.replace(self._part / f"{name}.npy", _path(self._folder, name, digest))
            for old in self._folder.glob(f"{name}.*.npy"):
                if old.name.count(".") == name.count(".") + 2 and old != _path(self._folder, name, digest):
                    old.unlink(missing_ok=True)
        shutil.rmtree(self._part, ignore_errors=True)
        for other in self._folder.glob("part-*"):
            with contextlib.suppress(OSError):
                if time.time() - other.stat().st_mtime > OLD:
                    shutil.rmtree(other, ignore_errors=True)

    def close(self) -> None:
        """Close the files; the recorded blocks stay for the next pass."""
        for file in self._files.values():
            file.close()
        self._files.clear()
        if self._claim is not None:
            os.close(self._claim)
            self._claim = None
