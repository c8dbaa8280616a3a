"""Computed arrays kept in a run's `cache/`, each with the key of what it was made from.

A file is used only if its key equals the one asked for, so new evidence or other parameters make it stale by
themselves; what is unreadable or stale is computed again and replaced. Everything in `cache/` can be deleted.
"""

from __future__ import annotations

import hashlib
import json
import warnings
import zipfile
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from workbench.storage.layout import Layout, atomic

if TYPE_CHECKING:
    from workbench.run import Run

WHOLE = 1 << 20  # bytes: smaller files are hashed whole, so that a copied run keeps its cache
EDGE = 1 << 16
UNREADABLE = (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile)  # cut short or not ours: made again


def fingerprint(paths: Iterable[Path], layout: Layout | None = None) -> str:
    """Short digest of the files' names and contents (of large files: size, time and both ends).

    With the `layout` of a run at a URL, its versions stand for contents, so that nothing is fetched.
    """
    digest = hashlib.blake2b(digest_size=12)
    for path in paths:
        version = layout.version(path) if layout is not None else None
        if version is not None:
            digest.update(f"{path.name}\0{version}\0".encode())
            continue
        stat = path.stat()
        digest.update(f"{path.name}\0{stat.st_size}\0".encode())
        with open(path, "rb") as file:
            if stat.st_size <= WHOLE:
                digest.update(file.read())
            else:
                digest.update(f"{stat.st_mtime_ns}\0".encode())
                digest.update(file.read(EDGE))
                file.seek(-EDGE, 2)
                digest.update(file.read())
    return digest.hexdigest()


def digest(values: np.ndarray) -> str:
    """Short digest of an array's shape, dtype and values."""
    values = np.ascontiguousarray(values)
    head = f"{values.shape}{values.dtype}".encode()
    return hashlib.blake2b(values.view(np.uint8).data, digest_size=12, key=head[:64]).hexdigest()


def embedding_key(run: Run, epoch: int) -> str:
    """Digest of the embeddings of one epoch."""
    return fingerprint((path for _, path in run.layout.arrays("embeddings")[epoch]), run.layout)


def load(run: Run, name: str, key: Mapping[str, Any]) -> dict[str, np.ndarray] | None:
    """The arrays stored as `name` under exactly this key, or None."""
    path = run.layout.cache / f"{name}.npz"
    if not path.is_file():
        return None
    try:
        with open(path, "rb") as file, np.load(file, allow_pickle=False) as stored:
            if stored["key"].tobytes() != _encode(key):
                return None
            return {field: stored[field] for field in stored.files if field != "key"}
    except UNREADABLE:
        return None


def store(run: Run, name: str, key: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> None:
    """Store arrays as `name`, whole or not at all; in a read-only place a warning says that nothing was kept."""
    try:
        path = run.cache_path(f"{name}.npz")
        with atomic(path) as temporary, open(temporary, "wb") as file:
            np.savez(file, key=np.frombuffer(_encode(key), np.uint8), **arrays)
    except OSError as error:
        warnings.warn(
            f"{name} was computed but not kept, since {run.path} cannot be written ({error.strerror or error}). "
            "Copy the run to a place of your own to compute it only once.",
            stacklevel=3,
        )


def cached(
    run: Run, name: str, key: Mapping[str, Any], make: Callable[[], dict[str, np.ndarray]]
) -> dict[str, np.ndarray]:
    """The arrays stored as `name` under `key`, made and stored if they are not there."""
    found = load(run, name, key)
    if found is None:
        found = make()
        store(run, name, key, found)
    return found


def key_digest(key: Mapping[str, Any]) -> str:
    """Short digest of a key, for file names."""
    return hashlib.blake2b(_encode(key), digest_size=12).hexdigest()


def _encode(key: Mapping[str, Any]) -> bytes:
    return json.dumps({"version": 1, **key}, sort_keys=True).encode()
