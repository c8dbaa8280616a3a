"""The attempt at recording an epoch to which a rank's statistics belong, stored in the file itself.

Ranks that were killed are restarted together. A file that one of them had sealed before then belongs to another
training, so an epoch exists only if the files of all ranks have the same attempt. `workbench.recording.rendezvous`
chooses the name of the attempt.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Protocol

import pyarrow as pa
import pyarrow.parquet as pq

from workbench.foundation.errors import RunError
from workbench.storage.files import reading

KEY = b"attempt"


class AtURL(Protocol):
    """A file at a URL (`workbench.storage.remote.RemoteFile`)."""

    @property
    def version(self) -> Any:
        """A value that differs for each version of the file."""

    def open(self) -> Any:
        """Open the file for reading."""


def marked(table: pa.Table, attempt: str) -> pa.Table:
    """Return the table with the attempt in its metadata; unchanged if `attempt` is ""."""
    return table.replace_schema_metadata({KEY: attempt.encode()}) if attempt else table


def same_attempt(files: Sequence[Path | AtURL]) -> bool:
    """Whether the files of several ranks belong to the same attempt.

    A file that cannot be read is ignored here: it is damaged rather than missing, and reading it raises an error.
    """
    return len({attempt_of(file) for file in files} - {None}) <= 1


def attempt_of(file: Path | AtURL) -> str | None:
    """Return the attempt of a file; "" if it has none (a single rank, an older release), None if it is damaged."""
    try:
        if not isinstance(file, Path):
            return _named(file, file.version)
        stat = file.stat()
        return _named(file, (stat.st_mtime_ns, stat.st_size, stat.st_ino))
    except (OSError, RunError, pa.ArrowException, UnicodeError, EOFError):
        return None


def look_ahead(files: Iterable[AtURL]) -> None:
    """Read the attempts of many files at a URL concurrently; later calls of `attempt_of` are answered from memory."""
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(attempt_of, files))


@functools.lru_cache(maxsize=1 << 14)
def _named(file: Path | AtURL, version: object) -> str:
    with reading(file) if isinstance(file, Path) else file.open() as source:
        said = pq.read_metadata(source).metadata or {}
    return said.get(KEY, b"").decode()
