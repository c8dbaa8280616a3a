"""Read untrusted .npy and .npz files: their headers are compared with their sizes before memory is allocated.

A header of a hundred bytes can claim any shape, a compressed array of 8 kB can unpack to 8 MB and more, and a member of
an .npz may not be an array. Pickles are never loaded. All checks need only the header and the size of the file.
"""

from __future__ import annotations

import io
import math
import zipfile
from pathlib import Path
from typing import IO, Literal, NamedTuple

import numpy as np

from workbench.storage.files import reading
from workbench.storage.limits import check_unpacked

LONGEST_HEADER = 10_000
"""Maximum size of a header in bytes; NumPy does not parse longer ones either, but reads them first."""

MOST_OF_NOTHING = 1 << 20
"""Longest side of an empty array, whose shape is not limited by the size of the file."""


class Header(NamedTuple):
    """The header of an .npy file, and the offset of its data."""

    shape: tuple[int, ...]
    fortran: bool
    dtype: np.dtype
    start: int

    @property
    def nbytes(self) -> int:
        """Size of the data in bytes."""
        return math.prod(self.shape) * self.dtype.itemsize


def parse_header(stream: IO[bytes]) -> Header:
    """Parse the header at the beginning of a stream; more bytes than the header may be consumed.

    Raises
    ------
    ValueError : it is not the header of an array of numbers or text.
    EOFError, OSError : as raised by the stream.
    """
    head = io.BytesIO(stream.read(LONGEST_HEADER + 12))
    version = np.lib.format.read_magic(head)
    if version not in ((1, 0), (2, 0)):
        raise ValueError(f"format version {version} is unknown")
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    try:
        shape, fortran, dtype = read(head)
    except Exception as error:  # NumPy and Python's parser raise half a dozen types
        raise ValueError(f"its header cannot be read: {str(error)[:200]}") from error
    if dtype.hasobject:
        raise ValueError("it holds Python objects, and pickles are never loaded")
    if any(isinstance(side, bool) or side < 0 for side in shape):
        raise ValueError(f"its header says shape {shape}")
    count = math.prod(shape)
    if (not count and max(shape, default=0) > MOST_OF_NOTHING) or (count and not dtype.itemsize):
        raise ValueError(f"its header says shape {shape} of {dtype}, which is empty")
    return Header(shape, fortran, dtype, head.tell())


def read_header(path: str | Path) -> tuple[bytes, tuple[int, ...], np.dtype]:
    """Return (bytes of the header, shape, dtype) of an .npy file; raises the errors of `parse_header`."""
    with reading(Path(path)) as file:
        header = parse_header(file)
        file.seek(0)
        return file.read(header.start), header.shape, header.dtype


def map_array(path: Path, mode: Literal["r", "c"] = "r") -> np.ndarray:
    """Memory-map the array of an .npy file; further data after it are ignored.

    Parameters
    ----------
    mode : "r" for read-only, "c" for copy-on-write.

    Raises
    ------
    ValueError, EOFError : the file is damaged, shorter than its header says, or not an .npy file.
    OSError, RunError : as in `reading`.
    """
    with reading(path) as file:
        header = parse_header(file)
        held = file.seek(0, 2) - header.start
    if held < header.nbytes:
        raise ValueError(f"its header says shape {header.shape} of {header.dtype}, but {held:,} bytes follow it")
    order = "F" if header.fortran else "C"
    if not header.nbytes:
        return np.empty(header.shape, header.dtype, order)
    return np.memmap(path, header.dtype, mode, header.start, header.shape, order)


def check_archive(archive: zipfile.ZipFile, size: int) -> None:
    """Check an .npz file of `size` bytes before it is decompressed.

    Raises
    ------
    ValueError : it would unpack to far more bytes, or uses a compression that NumPy does not use.
    """
    members = archive.infolist()
    if {one.compress_type for one in members} - {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}:
        raise ValueError("it is compressed in a way that numpy.savez does not use")
    unpacked = sum(one.file_size for one in members)
    check_unpacked(unpacked, size, "Save such arrays with numpy.savez, which does not compress them.")
