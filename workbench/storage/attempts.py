"""Which attempt at recording an epoch a rank's statistics are of: written in the file, so that it cannot come apart.

Ranks that were killed are started again together, and what one of them had sealed before is of another training: an
epoch exists only where the files of all ranks name the same attempt (`workbench.recording.rendezvous`
says who names it).
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
        """What changes with the file."""

    def open(self) -> Any:
        """The file, for reading."""


def marked(table: pa.Table, attempt: str) -> pa.Table:
    """The table with the attempt in its metadata; as it is where there is none."""
    return table.replace_schema_metadata({KEY: attempt.encode()}) if attempt else table


def same_attempt(files: Sequence[Path | AtURL]) -> bool:
    """Whether files of several ranks are of one attempt.

    A file that cannot be read counts as one of them: it is damaged, which reading it says, and not absent.
    """
    return len({attempt_of(file) for file in files} - {None}) <= 1


def attempt_of(file: Path | AtURL) -> str | None:
    """The attempt that a file names; "" where it names none (one rank, an older release), None if it is damaged."""
    try:
        if not isinstance(file, Path):
            return _named(file, file.version)
        stat = file.stat()
        return _named(file, (stat.st_mtime_ns, stat.st_size, stat.st_ino))
    except (OSError, RunError, pa.ArrowException, UnicodeError, EOFError):
        return None


def look_ahead(files: Iterable[AtURL]) -> None:
    """Read of many files at a URL at once which attempt they are of; later questions are answered from memory."""
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(attempt_of, files))


@functools.lru_cache(maxsize=1 << 14)
def _named(file: Path | AtURL, version: object) -> str:
    with reading(file) if isinstance(file, Path) else file.open() as source:
        said = pq.read_metadata(source).metadata or {}
    return said.get(KEY, b"").decode()
