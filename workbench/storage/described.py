"""An array and its description in one file, so that both always come from the same save.

    .npy file, JSON, length of the JSON (4 bytes), its CRC-32 (4 bytes), b"LWABOUT1"

Readers of .npy files stop after the rows. A copy of the JSON is written to a file with the suffix .json, for people and
for release 0.1.0, which reads it there. For arrays written by that release, which contain no JSON, the .json file is
the description.
"""

from __future__ import annotations

import functools
import json
import math
import os
import struct
import warnings
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from workbench.foundation.errors import RunError, WorkbenchError
from workbench.storage.checksums import sealed
from workbench.storage.failures import WriteError
from workbench.storage.files import is_there, reading
from workbench.storage.layout import Layout
from workbench.storage.limits import parse_json, small_json
from workbench.storage.npy import map_array, read_header
from workbench.storage.remote import RemoteFile

_MAGIC = b"LWABOUT1"
_END = struct.Struct("<II8s")
_MOST = 1 << 20
COPY = "copy_of"
"""Field of the .json file that names the array whose description it copies."""


class DescriptionError(RunError):
    """The .json file of an array is damaged; the array itself may be intact."""


def load_array(path: Path, n: int) -> np.ndarray:
    """Return a memory-mapped float array (n, d); pickled data are never loaded.

    Raises
    ------
    RunError : the file is damaged or does not contain such an array.
    """
    try:
        array = map_array(path)
    except WorkbenchError:
        raise
    except (OSError, ValueError, EOFError) as error:
        raise RunError(f"{path} cannot be read ({error}). Restore it, or delete it to go without it.") from error
    if array.dtype.kind != "f":
        raise RunError(f"{path} is not an array of floats. Restore it, or delete it to go without it.")
    if array.ndim != 2 or len(array) != n:
        raise RunError(f"{path} has shape {array.shape}, but the run has {n} examples. Restore it, or delete it.")
    return array


def write_described(
    layout: Layout, path: Path, values: np.ndarray, about: Mapping[str, Any], unless: Callable[[], bool] | None = None
) -> bool:
    """Write an array with its description `about`; the old file stays until the new one is complete.

    If `unless()` is true just before the new file replaces the old one, nothing is written and False is returned.
    """
    text = json.dumps(dict(about), ensure_ascii=False).encode()
    with sealed(layout, path) as temporary:
        with open(temporary, "wb") as file:
            np.save(file, np.ascontiguousarray(values), allow_pickle=False)
            file.write(text + _END.pack(len(text), zlib.crc32(text), _MAGIC))
        if unless is not None and unless():
            temporary.unlink()
            return False
    beside = path.with_suffix(".json")
    try:
        with sealed(layout, beside) as temporary:
            copy = json.dumps({**about, COPY: path.name}, indent=1, ensure_ascii=False)
            temporary.write_text(copy + "\n", encoding="utf-8")
    except WriteError as error:
        warnings.warn(f"{path} was saved, but its description for older releases was not: {error}", stacklevel=4)
    return True


def about(layout: Layout, path: Path) -> dict[str, Any] | None:
    """Return the description of an array from its file, or else from its .json file; None if there is none.

    Raises
    ------
    RunError : one of the two is damaged.
    """
    inside = _inside(layout, path)
    beside = said_beside(path)
    if inside is not None or beside is None:
        return inside
    return None if COPY in beside else beside  # a copy describes an array that has been replaced since


def said_beside(path: Path) -> dict[str, Any] | None:
    """Return the contents of the .json file of an array; None if there is none."""
    place = path.with_suffix(".json")
    if not is_there(place):
        return None
    try:
        return dict(small_json(place))
    except WorkbenchError as error:
        raise DescriptionError(str(error)) from error
    except (OSError, ValueError, TypeError) as error:
        raise DescriptionError(f"{place} is damaged ({error}). Delete it, or save {path.name} again.") from error


def _inside(layout: Layout, path: Path) -> dict[str, Any] | None:
    source = layout.source(path)
    if isinstance(source, RemoteFile):
        return _at_url(source)
    if not is_there(path):
        return None
    with reading(path) as file:
        said = _last(file, path)
    if said is None:
        try:
            header, shape, dtype = read_header(path)
            rows = len(header) + dtype.itemsize * math.prod(shape)
        except (OSError, ValueError, EOFError):
            return None  # reading the rows raises the error
        if path.stat().st_size > rows:
            raise RunError(f"{path} is damaged: the data after its rows cannot be read. Restore it, or save it again.")
    return said


@functools.lru_cache(maxsize=256)
def _at_url(source: RemoteFile) -> dict[str, Any] | None:
    """Read the description at the end of a file at a URL without fetching the rest; cached by its version."""
    with source.open() as file:
        return _last(file, source.url)


def _last(file: Any, name: Path | str) -> dict[str, Any] | None:
    size = file.seek(0, os.SEEK_END)
    if size < _END.size:
        return None
    file.seek(size - _END.size)
    length, crc, magic = _END.unpack(file.read(_END.size))
    if magic != _MAGIC:
        return None
    try:
        if length > min(_MOST, size - _END.size):
            raise ValueError("wrong length")
        file.seek(size - _END.size - length)
        text = file.read(length)
        if zlib.crc32(text) != crc:
            raise ValueError("wrong checksum")
        return dict(parse_json(text))
    except (ValueError, TypeError) as error:
        found = f"{name} is damaged: its description cannot be read ({error})"
        raise RunError(f"{found}. Restore it, or save it again.") from error
