"""Look into a run directory without being fooled: what may not be read is an error and not an absence.

A run may be untrusted, or lie on a disk with foreign permissions. Hides which errors of the system
mean "nothing is there" (only two do), and keeps everything but regular files from being opened: a FIFO would wait for
ever, a device is none of ours, and a link may lead out of the run.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from workbench.foundation.errors import RunError

FILE_KINDS = {
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a FIFO",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFLNK: "a link",
}


def is_there(path: Path) -> bool:
    """Whether a regular file has this name; False only where nothing has it.

    Raises
    ------
    RunError : it may not be looked at, or something else than a file has the name.
    """
    try:
        mode = os.stat(path).st_mode
    except (FileNotFoundError, NotADirectoryError):
        return False
    except (OSError, ValueError) as error:
        raise unreadable(path, error) from error
    if not stat.S_ISREG(mode):
        raise no_file(path, mode)
    return True


def entries(folder: Path) -> list[os.DirEntry]:
    """What is in a folder, by name; nothing only where there is no such folder.

    Raises
    ------
    RunError : the folder may not be read, or is a file.
    """
    try:
        with os.scandir(folder) as found:
            return sorted(found, key=lambda entry: entry.name)
    except FileNotFoundError:
        return []
    except NotADirectoryError as error:
        raise RunError(f"{folder} is a file where a folder belongs. Move it away, or restore the folder.") from error
    except OSError as error:
        raise unreadable(folder, error) from error


def files_below(folder: Path) -> Iterator[Path]:
    """Every regular file at any depth, by name; links to folders are not followed. Errors as in `entries`."""
    for entry in entries(folder):
        if entry.is_dir(follow_symlinks=False):
            yield from files_below(Path(entry.path))
        elif entry.is_file():
            yield Path(entry.path)


def open_file(path: Path, flags: int = os.O_RDONLY, mode: int = 0o644) -> int:
    """The descriptor of a regular file, opened without waiting for whoever is at the other end.

    Parameters
    ----------
    flags : as of `os.open`; with O_CREAT a link is refused as well, so that nothing is made where it leads.

    Raises
    ------
    RunError : something else than a regular file has the name. OSError : what the system says of a file.
    """
    careful = getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0) | getattr(os, "O_CLOEXEC", 0)
    if flags & os.O_CREAT:
        careful |= getattr(os, "O_NOFOLLOW", 0)
        if path.is_symlink():
            raise no_file(path, stat.S_IFLNK)
    try:
        descriptor = os.open(path, flags | careful | getattr(os, "O_BINARY", 0), mode)
    except IsADirectoryError as error:
        raise no_file(path, stat.S_IFDIR) from error
    except OSError:
        is_there(path)  # refuses what is no file, such as a socket, which cannot be opened
        raise
    found = os.fstat(descriptor).st_mode
    if not stat.S_ISREG(found):
        os.close(descriptor)
        raise no_file(path, found)
    return descriptor


def reading(path: Path) -> BinaryIO:
    """A regular file, opened for reading bytes; errors as in `open_file`."""
    return os.fdopen(open_file(path), "rb")


def reading_listed(path: Path) -> BinaryIO:
    """A file that was listed, opened for reading bytes; whatever keeps it from being read is a RunError."""
    try:
        return reading(path)
    except OSError as error:
        raise unreadable(path, error) from error


def no_file(path: Path, mode: int) -> RunError:
    """The error for what has the name of a file and is none."""
    return RunError(
        f"{path} is {FILE_KINDS.get(stat.S_IFMT(mode), 'something else')} where a file belongs, and is not opened. "
        "Move it away, or restore the file."
    )


def unreadable(path: Path, error: Exception) -> RunError:
    """The error for what is there, or may be, and cannot be looked at."""
    reason = getattr(error, "strerror", None) or error
    return RunError(f"{path} cannot be read ({reason}). Check your rights to it, or copy the run to a place of yours.")
