"""Writing that fails: one clear error that names the file, says what became of the old one, and what to do."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterator
from pathlib import Path

from workbench.foundation.errors import RunError

DISK_FULL = (errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC), errno.EFBIG)
DENIED = (errno.EACCES, errno.EPERM, errno.EROFS)


class WriteError(RunError, OSError):
    """A file could not be written; the one that was there before is whole."""

    def __str__(self) -> str:
        return str(self.args[0])


def cause_of(error: OSError) -> str:
    """What the system said, in its own words and without its number."""
    return error.strerror or str(error) or type(error).__name__


def advice_on(error: OSError) -> str:
    """What to do about a file that could not be written."""
    if error.errno in DISK_FULL or (
        error.errno is None and "requested and" in str(error)
    ):  # NumPy's words for a short write
        return "Make room on that disk (or raise the quota), then try again."
    if error.errno in DENIED:
        return "Write to a place of your own, or change the rights there; of a run that is read-only make a copy."
    if error.errno in (errno.EISDIR, errno.ENOTDIR, errno.ENOTEMPTY):
        return "A folder and a file have changed places there: move away what is in the way."
    if error.errno == errno.ENAMETOOLONG:
        return "Choose a shorter name."
    return "Check the disk, and that the folder is still there, then try again."


def failed_to_write(place: Path | str, error: OSError) -> WriteError:
    """The error that says so."""
    failed = WriteError(f"{place} could not be written: {cause_of(error)}. {advice_on(error)}")
    failed.errno, failed.strerror = error.errno, cause_of(error)
    return failed


@contextlib.contextmanager
def writing(place: Path | str, *, below: bool = False) -> Iterator[None]:
    """Errors of the system inside become a `WriteError` about `place`; those about files elsewhere go their way.

    Parameters
    ----------
    place : the file that is written; with `below`, the folder in which files are.
    """
    try:
        yield
    except OSError as error:
        if isinstance(error, WriteError) or _elsewhere(error.filename, place, below):
            raise
        raise failed_to_write(place, error) from error


def _elsewhere(name: object, place: Path | str, below: bool) -> bool:
    """Whether an error is about a file that is not beside `place` nor a folder above it: an image to be stored, say."""
    if not isinstance(name, (str, bytes, os.PathLike)):
        return False
    found, there = Path(os.path.abspath(os.fsdecode(name))), Path(os.path.abspath(place))
    if found in (there, *there.parents):
        return False
    return not found.is_relative_to(there) if below else found.parent != there.parent
