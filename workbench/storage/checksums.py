"""SHA-256 of the files of a run, noted when a file is sealed, so that damage is found later.

One small file for each, in the form that `sha256sum --check` reads: `checksums/stats/epoch=0003/rank=0.parquet.sha256`.
Hides the order of writing, which is such that a crash can lose a checksum but never leaves a wrong one.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
from collections.abc import Iterator
from pathlib import Path

from workbench.storage.files import files_below, reading
from workbench.storage.layout import Layout, atomic

_LINE = re.compile(r"([0-9a-f]{64})  (.+)\n?")
CHUNK = 1 << 20


@contextlib.contextmanager
def sealed(layout: Layout, path: Path) -> Iterator[Path]:
    """`atomic`, and the checksum of what was written is noted.

    Parameters
    ----------
    path : a file below the run directory.

    Notes
    -----
    The old checksum goes first and the new one comes last: after a crash in between the file has none. It is not
    flushed to disk by itself (two more milliseconds an epoch); one that is empty after a power cut counts as none.
    """
    with atomic(path) as temporary:
        yield temporary
        digest = sha256(temporary)
        forget(layout, path)
    note(layout, path, digest)


def note(layout: Layout, path: Path, digest: str | None = None) -> None:
    """Note the checksum of a file that is in its place; it is computed if not given."""
    place = _place(layout, path)
    place.parent.mkdir(parents=True, exist_ok=True)
    temporary = place.with_name(f".{place.name}.{os.getpid()}.tmp")
    temporary.write_text(f"{digest or sha256(path)}  {path.relative_to(layout.root).as_posix()}\n", encoding="utf-8")
    os.replace(temporary, place)
    layout.publish(path)
    layout.publish(place)


def forget(layout: Layout, path: Path) -> None:
    """Remove the checksum of a file, before the file itself is replaced or removed."""
    place = _place(layout, path)
    layout.withdraw(path)
    layout.withdraw(place)
    place.unlink(missing_ok=True)


def noted(layout: Layout) -> dict[Path, str | None]:
    """File of the run -> its checksum; None where the note cannot be read."""
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
    """Hexadecimal SHA-256 of a file's bytes."""
    digest = hashlib.sha256()
    with reading(path) as file:
        while chunk := file.read(CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def _place(layout: Layout, path: Path) -> Path:
    relative = path.relative_to(layout.root)
    return layout.root / "checksums" / relative.with_name(relative.name + ".sha256")
