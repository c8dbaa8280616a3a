"""File names of a run directory, and a check of all entries before any file is opened.

Numbers in names have the format that the project writes (`epoch=0003`, not `epoch=3`) and at most nine digits. A file
with any other spelling is unknown and is not read.
"""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path

from workbench.foundation.errors import RunError
from workbench.storage.files import entries, no_file, unreadable

MOST_EPOCHS = 10**9
"""Upper limit of epoch numbers, exclusive."""

_EPOCH = r"epoch=([0-9]{4}|[1-9][0-9]{4,8})"
_RANK = r"rank=(0|[1-9][0-9]{0,5})"
_PART = rf"{_RANK}\.of=([1-9][0-9]{{0,5}})"

EPOCH = re.compile(rf"{_EPOCH}(?:\.{_PART})?(?:\.[a-z]+)?")
EVIDENCE = re.compile(r"([a-z][a-z_]{0,39})\.parquet")
INFLIGHT = re.compile(rf"{_EPOCH}\.{_RANK}\.(?:arrows|pending)")
RANK = re.compile(rf"{_RANK}(?:\.of=([1-9][0-9]{{0,5}}))?\.parquet")

_STORED = (
    r"run\.json|examples\.parquet|pred_probs\.(npy|json)|(edges|planted|votes)\.parquet"
    rf"|stats/{_EPOCH}/{_RANK}(\.of=[1-9][0-9]{{0,5}})?\.parquet"
    rf"|(logits|embeddings)/{_EPOCH}(\.{_PART})?\.npy|embeddings/{_EPOCH}\.json"
    rf"|checkpoints/{_EPOCH}\.safetensors"
    r"|evidence/[a-z][a-z_]{0,39}\.parquet"
)
_LOCAL = (
    rf"audit(_examples)?\.parquet|(replay|views|\.remote|\.ranks)\.json|journal\.sqlite(-wal|-shm)?|\.{_RANK}\.lock"
    rf"|inflight/{_EPOCH}\.{_RANK}\.(arrows|pending)"
)
FILES = re.compile(f"{_STORED}|{_LOCAL}")
"""Files of a run that are read, by path relative to the run."""

KNOWN = re.compile(rf"{_STORED}|{_LOCAL}|(cache|checksums|set-aside|before-schema=\d+)/.*", re.DOTALL)
"""All files that belong to a run, by path relative to the run."""

AT_URL = re.compile(rf"{_STORED}|journal\.sqlite|checksums/([\w=]+/)*[\w=][\w=.]*\.sha256")
"""Files that are downloaded from or uploaded to a URL; all others there are ignored."""

FOLDERS = ("stats", "inflight", "logits", "embeddings", "checkpoints", "evidence", "checksums", "cache")
"""Folders of a run that may be read."""


def check_entries(root: Path) -> None:
    """Refuse a run that could make this process read or write elsewhere, block forever, or miss some of its files.

    Raises
    ------
    RunError : the run contains a link to a place outside it; an entry with the name of a file or folder of a run is
        something else (a FIFO, a device, a folder instead of a file); or one of its folders cannot be read.
    """
    inside = os.path.realpath(root)
    waiting = [(root, "")]
    while waiting:
        folder, prefix = waiting.pop()
        try:
            found = entries(folder)
        except RunError:
            if prefix and prefix.split("/")[0] not in FOLDERS:
                continue  # a folder that does not belong to the run, such as lost+found: nothing in it is read
            raise
        for entry in found:
            name, path = prefix + entry.name, entry.path
            if entry.is_symlink() and not _below(os.path.realpath(path), inside):
                led = f"{path} is a link that leads out of the run, to {os.path.realpath(path)}"
                raise RunError(f"{led}. Remove it, or replace it by a copy of its target.")
            if entry.is_dir(follow_symlinks=False):
                if FILES.fullmatch(name):
                    raise no_file(Path(path), stat.S_IFDIR)
                waiting.append((Path(path), f"{name}/"))
            else:
                _check_entry(entry, name)


def _check_entry(entry: os.DirEntry[str], name: str) -> None:
    """Raise if an entry that has the name of a file of a run, or is in one of its folders, is not a regular file."""
    top, _, rest = name.partition("/")
    stored = FILES.fullmatch(name)
    if not stored and top not in FOLDERS:
        return
    if entry.is_file(follow_symlinks=False) and (rest or top not in FOLDERS):
        return  # what the folder says of it is enough: no further call of the system
    path = entry.path
    try:
        mode = os.stat(path).st_mode
    except FileNotFoundError:
        return  # a broken link, or removed meanwhile by a recording process
    except OSError as error:
        raise unreadable(Path(path), error) from error
    if not rest and top in FOLDERS:
        if not stat.S_ISDIR(mode):
            raise RunError(f"{path} is a file where a folder belongs. Move it away, or restore the folder.")
    elif not stat.S_ISREG(mode) and (stored or not stat.S_ISDIR(mode)):
        raise no_file(Path(path), mode)


def _below(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder.rstrip(os.sep) + os.sep)
