"""SHA-256 checksums of the files of a run, stored when a file is sealed, so that later damage is detected.

Each has a small file in the format of `sha256sum --check`: `checksums/stats/epoch=0003/rank=0.parquet.sha256`. The
order of writing ensures that a crash can lose a checksum but never leaves a wrong one.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import warnings
from collections.abc import Generator
from pathlib import Path

from workbench.storage.failures import advice_on, cause_of
from workbench.storage.files import files_below, reading
from workbench.storage.layout import Layout, atomic

_LINE = re.compile(r"([0-9a-f]{64})  (.+)\n?")
CHUNK = 1 << 20


@contextlib.contextmanager
def sealed(layout: Layout, path: Path) -> Generator[Path]:
    """Write a file with `atomic` and store its checksum.

    Parameters
    ----------
    path : a file below the run directory.

    Notes
    -----
    The old checksum is removed first and the new one written last: after a crash in between, the file has none. The
    checksum is not flushed to disk separately (that would take two more milliseconds per epoch); an empty one after a
    power failure counts as missing. The old file, and its copy at the URL of a remote run, stay until the new one
    replaces them. If the block removes its temporary file, nothing is replaced.

    Raises
    ------
    WriteError : the file cannot be written; the old one is unchanged.
    """
    with atomic(path) as temporary:
        yield temporary
        if not temporary.exists():
            return
        digest = sha256(temporary)
        _forget_note(layout, path)
    note(layout, path, digest)


def note(layout: Layout, path: Path, digest: str | None = None) -> None:
    """Store the checksum of an existing file; it is computed if not given.

    If the checksum cannot be written, a warning says so; the file itself is complete.
    """
    place = _place(layout, path)
    layout.publish(path)
    temporary = place.with_name(f".{place.name}.{os.getpid()}.tmp")
    line = f"{digest or sha256(path)}  {path.relative_to(layout.root).as_posix()}\n"
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_text(line, encoding="utf-8")
        os.replace(temporary, place)
    except OSError as error:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        found = f"{path} was saved, but its checksum could not be stored ({cause_of(error)})"
        warnings.warn(f"{found}. {advice_on(error)}", stacklevel=4)
        return
    layout.publish(place)


def forget(layout: Layout, path: Path) -> None:
    """Remove the checksum of a file, before the file itself is replaced or removed."""
    layout.withdraw(path)
    _forget_note(layout, path)


def _forget_note(layout: Layout, path: Path) -> None:
    place = _place(layout, path)
    layout.withdraw(place)
    place.unlink(missing_ok=True)


def noted(layout: Layout) -> dict[Path, str | None]:
    """Return a dict of file of the run to its checksum; None if the stored checksum cannot be read."""
    found: dict[Path, str | None] = {}
    folder = layout.root / "checksums"
    for place in files_below(folder):
        if place.suffix != ".sha256":
            continue
        path = layout.root / place.relative_to(folder).with_suffix("")
        try:
            match = _LINE.fullmatch(place.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            match = None
        found[path] = match[1] if match and match[2] == path.relative_to(layout.root).as_posix() else None
    return found


def sha256(path: Path) -> str:
    """Return the hexadecimal SHA-256 of a file."""
    digest = hashlib.sha256()
    with reading(path) as file:
        while chunk := file.read(CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def _place(layout: Layout, path: Path) -> Path:
    relative = path.relative_to(layout.root)
    return layout.root / "checksums" / relative.with_name(relative.name + ".sha256")
