"""Failed writes: one clear error that names the file and the cause, and says what to do."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Generator
from pathlib import Path

from workbench.foundation.errors import RunError

DISK_FULL = (errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC), errno.EFBIG)
DENIED = (errno.EACCES, errno.EPERM, errno.EROFS)


class WriteError(RunError, OSError):
    """A file could not be written; the previous version is intact."""

    def __str__(self) -> str:
        return str(self.args[0])


def cause_of(error: OSError) -> str:
    """Return the message of the operating system without the error number."""
    return error.strerror or str(error) or type(error).__name__


def advice_on(error: OSError) -> str:
    """Return advice about a file that could not be written."""
    if error.errno in DISK_FULL or (
        error.errno is None and "requested and" in str(error)
    ):  # NumPy's message for a short write
        return "Make room on that disk (or raise the quota), then try again."
    if error.errno in DENIED:
        return "Choose another folder, or change its permissions; if the run is read-only, copy it."
    if error.errno in (errno.EISDIR, errno.ENOTDIR, errno.ENOTEMPTY):
        return "There is a folder where a file belongs, or a file where a folder belongs: move it away."
    if error.errno == errno.ENAMETOOLONG:
        return "Choose a shorter name."
    return "Check the disk, and that the folder still exists, then try again."


def failed_to_write(place: Path | str, error: OSError) -> WriteError:
    """Return the error for a file that could not be written."""
    failed = WriteError(f"{place} could not be written: {cause_of(error)}. {advice_on(error)}")
    failed.errno, failed.strerror = error.errno, cause_of(error)
    return failed


@contextlib.contextmanager
def writing(place: Path | str, *, below: bool = False) -> Generator[None]:
    """Turn an OSError inside the block into a `WriteError` about `place`, unless it is about a file elsewhere.

    Parameters
    ----------
    place : the file that is written; with `below`, the folder that contains the files.
    """
    try:
        yield
    except OSError as error:
        if isinstance(error, WriteError) or _elsewhere(error.filename, place, below):
            raise
        raise failed_to_write(place, error) from error


def _elsewhere(name: object, place: Path | str, below: bool) -> bool:
    """Whether `name` is neither in the folder of `place` nor above it, such as an image that is to be stored."""
    if not isinstance(name, (str, bytes, os.PathLike)):
        return False
    found, there = Path(os.path.abspath(os.fsdecode(name))), Path(os.path.abspath(place))
    if found in (there, *there.parents):
        return False
    return not found.is_relative_to(there) if below else found.parent != there.parent
