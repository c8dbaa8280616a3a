"""SHA-256 of the files of a run, noted when a file is sealed, so that damage is found later.

One small file for each, in the form that `sha256sum --check` reads: `checksums/stats/epoch=0003/rank=0.parquet.sha256`.
Hides the order of writing, which is such that a crash can lose a checksum but never leaves a wrong one.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import warnings
from collections.abc import Iterator
from pathlib import Path

from workbench.storage.failures import advice_on, cause_of
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
    The old file itself stays, here and at the URL of a run that has one, until the new one takes its place. If the
    block removes its temporary file, nothing is replaced.

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
    """Note the checksum of a file that is in its place; it is computed if not given.

    Where that cannot be written a warning says so: the file itself is whole.
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
        found = f"{path} was saved; only its checksum could not be noted ({cause_of(error)})"
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
