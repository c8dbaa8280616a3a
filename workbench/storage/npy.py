"""Read .npy and .npz files of unknown origin: what they claim is compared with what they hold before memory is asked.

A header of a hundred bytes can claim any shape, a compressed array of 8 kB can unpack to 8 MB and more, an .npz can
name an array that is no array. Pickles are never read. All checks need the header and the size of the file only.
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
"""Bytes of a header at most; NumPy parses no longer ones either, but reads them first."""

MOST_OF_NOTHING = 1 << 20
"""The longest side of an array that holds no number: its shape costs no bytes and may say anything."""


class Header(NamedTuple):
    """What an .npy file says of itself, and the offset of its numbers."""

    shape: tuple[int, ...]
    fortran: bool
    dtype: np.dtype
    start: int

    @property
    def nbytes(self) -> int:
        """Bytes of the numbers."""
        return math.prod(self.shape) * self.dtype.itemsize


def parse_header(stream: IO[bytes]) -> Header:
    """The header at the beginning of a stream, which may be read further than that.

    Raises
    ------
    ValueError : it is none of an array of numbers or text. EOFError, OSError : as of the stream.
    """
    head = io.BytesIO(stream.read(LONGEST_HEADER + 12))
    version = np.lib.format.read_magic(head)
    if version not in ((1, 0), (2, 0)):
        raise ValueError(f"format version {version} is not known")
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    try:
        shape, fortran, dtype = read(head)
    except Exception as error:  # NumPy and the parser of Python raise half a dozen kinds
        raise ValueError(f"its header cannot be read: {str(error)[:200]}") from error
    if dtype.hasobject:
        raise ValueError("it holds Python objects, and pickles are never loaded")
    if any(isinstance(side, bool) or side < 0 for side in shape):
        raise ValueError(f"its header says shape {shape}")
    count = math.prod(shape)
    if (not count and max(shape, default=0) > MOST_OF_NOTHING) or (count and not dtype.itemsize):
        raise ValueError(f"its header says shape {shape} of {dtype}, which holds nothing")
    return Header(shape, fortran, dtype, head.tell())


def read_header(path: str | Path) -> tuple[bytes, tuple[int, ...], np.dtype]:
    """(header as written, shape, dtype) of an .npy file; errors as in `parse_header`."""
    with reading(Path(path)) as file:
        header = parse_header(file)
        file.seek(0)
        return file.read(header.start), header.shape, header.dtype


def map_array(path: Path, mode: Literal["r", "c"] = "r") -> np.ndarray:
    """The array of an .npy file, memory-mapped; what follows it in the file is left alone.

    Parameters
    ----------
    mode : "r", or "c" for a private copy of what is written to.

    Raises
    ------
    ValueError, EOFError : it is damaged, shorter than its header says, or no .npy file. OSError, RunError : as of
        `reading`.
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
    """Refuse an .npz of `size` bytes that unpacks to far more, or is packed in a way that NumPy does not use.

    Raises
    ------
    ValueError : it is such a one.
    """
    members = archive.infolist()
    if {one.compress_type for one in members} - {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}:
        raise ValueError("it is packed in a way that numpy.savez does not use")
    unpacked = sum(one.file_size for one in members)
    check_unpacked(unpacked, size, "Save such arrays with numpy.savez, which does not pack them.")
