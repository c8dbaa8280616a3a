"""Seals on computed files: a cache is used only if this user computed it and it was not changed since.

A sealed file ends with a few bytes that readers of its format skip: a digest of the content, which reveals damage, and
a keyed digest that only this user can compute (`workbench.storage.trust`). A column is digested block by block while it
is written, other files as a whole.

    anything:    content, digest (16), signature (16), b"LWSEAL01"
    a column:    .npy file, a digest (16) of each block of rows, rows per block (8), signature (16), b"LWSEAL02"
"""

from __future__ import annotations

import functools
import hashlib
import hmac
import os
import struct
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from workbench.storage.npy import read_header
from workbench.storage.trust import signature

SIZE = 16
_WHOLE, _COLUMN = b"LWSEAL01", b"LWSEAL02"
_CHUNK = 1 << 20

MINE, OTHER, SEAL_CHANGED, OPEN = "mine", "other", "changed", "open"
"""State of a file: sealed by this user; intact, but sealed by another user; changed since it was sealed; not sealed."""


def content_digest(*parts: bytes | memoryview) -> bytes:
    """Return the first 16 bytes of the SHA-256 of `parts`."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part)
    return digest.digest()[:SIZE]


def seal(path: Path, name: str) -> None:
    """Append a seal to a file that is not in its final place yet; `name` is its final name."""
    digest = _digest_of(path, path.stat().st_size)
    with open(path, "ab") as file:
        file.write(digest + _signed(name, digest) + _WHOLE)


def state_of(path: Path, name: str) -> str:
    """Return the state of a file by its content: one of `MINE`, `OTHER`, `SEAL_CHANGED`, `OPEN`.

    The result is cached in this process as long as the file has the same size and modification time.

    Raises
    ------
    OSError : the file cannot be read.
    """
    stat = path.stat()
    version = (stat.st_dev, stat.st_ino, stat.st_mtime_ns, stat.st_size)
    return _state(str(path), name, version, _signed("", b""))


@functools.lru_cache(maxsize=4096)
def _state(path: str, name: str, version: tuple[int, ...], whose: bytes) -> str:
    """`whose` is only part of the cache key, since the result depends on the user's signature."""
    size = version[-1]
    with open(path, "rb") as file:
        file.seek(max(0, size - 2 * SIZE - len(_WHOLE)))
        end = file.read()
    kind = end[-len(_WHOLE) :]
    if kind == _WHOLE and len(end) == 2 * SIZE + len(_WHOLE):
        digest = _digest_of(Path(path), size - len(end))
        if digest != end[:SIZE]:
            return SEAL_CHANGED
        return MINE if hmac.compare_digest(_signed(name, digest), end[SIZE : 2 * SIZE]) else OTHER
    return _state_of_column(path, name, size) if kind == _COLUMN else OPEN


def _digest_of(path: Path, size: int) -> bytes:
    """Return the digest of the first `size` bytes of a file."""
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while size > 0 and (chunk := file.read(min(size, _CHUNK))):
            digest.update(chunk)
            size -= len(chunk)
    return digest.digest()[:SIZE]


def _signed(name: str, digest: bytes) -> bytes:
    return signature(b"cache\0" + name.encode() + b"\0" + digest)[:SIZE]


# ---- columns, block by block ------------------------------------------------------------------------------------


def column_end(name: str, header: bytes, block_rows: int, digests: Sequence[bytes]) -> bytes:
    """Return the bytes that follow the rows of a column, given the digests of its blocks."""
    blocks = b"".join(digests) + struct.pack("<Q", block_rows)
    return blocks + _signed(name, content_digest(header, blocks)) + _COLUMN


def _state_of_column(path: str, name: str, size: int) -> str:
    try:
        header, shape, dtype = read_header(path)
        start, n = len(header), shape[0]
        row = dtype.itemsize * int(np.prod(shape[1:], dtype=np.int64))
        tail = SIZE + len(_COLUMN)
        with open(path, "rb") as file:
            file.seek(size - tail - 8)
            (block_rows,) = struct.unpack("<Q", file.read(8))
            count = -(-n // block_rows)
            if start + n * row + SIZE * count + 8 + tail != size:
                return SEAL_CHANGED
            file.seek(start + n * row)
            blocks, given = file.read(SIZE * count + 8), file.read(SIZE)
    except (OSError, ValueError, EOFError, IndexError, TypeError, ZeroDivisionError, struct.error):
        return SEAL_CHANGED
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0))
    with open(descriptor, "rb", buffering=0) as file:
        file.seek(start)
        for block in range(count):
            rows = min(block_rows, n - block * block_rows)
            digest, left = hashlib.sha256(), rows * row
            while left and (chunk := file.read(min(left, _CHUNK))):
                digest.update(chunk)
                left -= len(chunk)
            if digest.digest()[:SIZE] != blocks[SIZE * block : SIZE * (block + 1)]:
                return SEAL_CHANGED
    return MINE if hmac.compare_digest(_signed(name, content_digest(header, blocks)), given) else OTHER
