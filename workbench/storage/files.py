"""Safe access to files of a run directory: a file that may not be read is an error, not a missing file.

A run may be untrusted, or on a disk with the permissions of another user. Only two errors of the operating system mean
that a file does not exist. Only regular files are opened: a FIFO could block forever, a device is never part of a run,
and a link may lead out of it.
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
    """Whether `path` is a regular file; False only if nothing exists there.

    Raises
    ------
    RunError : the path cannot be accessed, or is something other than a regular file.
    """
    return stat_of(path) is not None


def stat_of(path: Path) -> os.stat_result | None:
    """Return the status of a regular file, None if nothing exists there; raises the errors of `is_there`."""
    try:
        found = os.stat(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError) as error:
        raise unreadable(path, error) from error
    if not stat.S_ISREG(found.st_mode):
        raise no_file(path, found.st_mode)
    return found


def entries(folder: Path) -> list[os.DirEntry[str]]:
    """List the entries of a folder, sorted by name; empty if the folder does not exist.

    Raises
    ------
    RunError : the folder cannot be read, or is a file.
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
    """Yield the regular files below a folder at any depth, sorted by name; links to folders are not followed.

    Raises the errors of `entries`.
    """
    for entry in entries(folder):
        if entry.is_dir(follow_symlinks=False):
            yield from files_below(Path(entry.path))
        elif entry.is_file():
            yield Path(entry.path)


def open_file(path: Path, flags: int = os.O_RDONLY, mode: int = 0o644) -> int:
    """Open a regular file without blocking and return its descriptor.

    Parameters
    ----------
    flags : as in `os.open`; with O_CREAT, links are refused as well, so that nothing is created at their target.

    Raises
    ------
    RunError : the path is something other than a regular file.
    OSError : the system cannot open the file.
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
        is_there(path)  # raises for something other than a file, such as a socket, which cannot be opened
        raise
    found = os.fstat(descriptor).st_mode
    if not stat.S_ISREG(found):
        os.close(descriptor)
        raise no_file(path, found)
    return descriptor


def reading(path: Path) -> BinaryIO:
    """Open a regular file for reading bytes; raises the errors of `open_file`."""
    return os.fdopen(open_file(path), "rb")


def reading_listed(path: Path) -> BinaryIO:
    """Open a file that is known to exist for reading bytes; every failure is a RunError."""
    try:
        return reading(path)
    except OSError as error:
        raise unreadable(path, error) from error


def no_file(path: Path, mode: int) -> RunError:
    """Return the error for a path that should be a file but is something else."""
    return RunError(
        f"{path} is {FILE_KINDS.get(stat.S_IFMT(mode), 'something else')} where a file belongs, and is not opened. "
        "Move it away, or restore the file."
    )


def unreadable(path: Path, error: Exception) -> RunError:
    """Return the error for a path that cannot be read."""
    reason = getattr(error, "strerror", None) or error
    return RunError(f"{path} cannot be read ({reason}). Check its permissions, or copy the run to a folder of yours.")
