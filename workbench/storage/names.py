"""Which names in a run directory are the run's own, and a look at all of them before the first is opened.

Numbers in names are as the project writes them (`epoch=0003`, not `epoch=3`), with nine digits at most: another
spelling of the same epoch, or a number that nobody records, is an unknown file and is not read.
"""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path

from workbench.foundation.errors import RunError
from workbench.storage.files import entries, no_file, unreadable

MOST_EPOCHS = 10**9
"""Epoch numbers are below this."""

_EPOCH = r"epoch=([0-9]{4}|[1-9][0-9]{4,8})"
_RANK = r"rank=(0|[1-9][0-9]{0,5})"
_PART = rf"{_RANK}\.of=([1-9][0-9]{{0,5}})"

EPOCH = re.compile(rf"{_EPOCH}(?:\.{_PART})?(?:\.[a-z]+)?")
INFLIGHT = re.compile(rf"{_EPOCH}\.{_RANK}\.(?:arrows|pending)")
RANK = re.compile(rf"{_RANK}(?:\.of=([1-9][0-9]{{0,5}}))?\.parquet")

_STORED = (
    r"run\.json|examples\.parquet|pred_probs\.(npy|json)|(edges|planted|votes)\.parquet"
    rf"|stats/{_EPOCH}/{_RANK}(\.of=[1-9][0-9]{{0,5}})?\.parquet"
    rf"|(logits|embeddings)/{_EPOCH}(\.{_PART})?\.npy|embeddings/{_EPOCH}\.json"
    rf"|checkpoints/{_EPOCH}\.safetensors"
)
_LOCAL = (
    rf"audit\.parquet|(replay|views|\.remote|\.ranks)\.json|journal\.sqlite(-wal|-shm)?|\.{_RANK}\.lock"
    rf"|inflight/{_EPOCH}\.{_RANK}\.(arrows|pending)"
)
FILES = re.compile(f"{_STORED}|{_LOCAL}")
"""Names of files, relative to the run."""

KNOWN = re.compile(rf"{_STORED}|{_LOCAL}|(cache|checksums|set-aside|before-schema=\d+)/.*", re.DOTALL)
"""Names of files that belong to a run."""

AT_URL = re.compile(rf"{_STORED}|journal\.sqlite|checksums/([\w=]+/)*[\w=][\w=.]*\.sha256")
"""Files that are taken from a listing, or put there; anything else at a URL is left alone."""

FOLDERS = ("stats", "inflight", "logits", "embeddings", "checkpoints", "checksums", "cache")
"""Folders of a run, read from the first opening on."""


def check_entries(root: Path) -> None:
    """Refuse a run that would make us read or write elsewhere, wait for ever, or overlook what it holds.

    Raises
    ------
    RunError : something in the run is a link that leads out; a name of a run's file or folder belongs to something
        else (a FIFO, a device, a folder in place of a file); one of its folders may not be read.
    """
    inside = os.path.realpath(root)
    waiting = [(root, "")]
    while waiting:
        folder, prefix = waiting.pop()
        try:
            found = entries(folder)
        except RunError:
            if prefix and prefix.split("/")[0] not in FOLDERS:
                continue  # somebody else's folder, such as a disk's lost+found: nothing in it is read
            raise
        for entry in found:
            name, path = prefix + entry.name, Path(entry.path)
            if entry.is_symlink() and not _below(os.path.realpath(path), inside):
                led = f"{path} is a link that leads out of the run, to {os.path.realpath(path)}"
                raise RunError(f"{led}. Remove it, or put in its place what it names.")
            if entry.is_dir(follow_symlinks=False):
                if FILES.fullmatch(name):
                    raise no_file(path, stat.S_IFDIR)
                waiting.append((path, f"{name}/"))
            else:
                _check_entry(path, name)


def _check_entry(path: Path, name: str) -> None:
    """Refuse what is not a regular file and has a name, or is in a folder, that is ours."""
    top, _, rest = name.partition("/")
    if not FILES.fullmatch(name) and top not in FOLDERS:
        return
    try:
        mode = os.stat(path).st_mode
    except FileNotFoundError:
        return  # a link to nothing, or removed meanwhile by a process that records
    except OSError as error:
        raise unreadable(path, error) from error
    if not rest and top in FOLDERS:
        if not stat.S_ISDIR(mode):
            raise RunError(f"{path} is a file where a folder belongs. Move it away, or restore the folder.")
    elif not stat.S_ISREG(mode) and (FILES.fullmatch(name) or not stat.S_ISDIR(mode)):
        raise no_file(path, mode)


def _below(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder.rstrip(os.sep) + os.sep)
