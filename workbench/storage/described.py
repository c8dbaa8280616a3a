"""An array and what is said of it as one file, so that they can never be of different saves.

    .npy file, JSON, length of the JSON (4), its CRC-32 (4), b"LWABOUT1"

Readers of .npy files stop after the rows. The same JSON lies beside it under the suffix .json, for people and for
release 0.1.0, which reads it there; files as that release wrote them, with nothing after the rows, are described by it.
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
"""Field of the JSON beside the array: the array of this name holds the same."""


class DescriptionError(RunError):
    """The JSON beside an array is damaged, whatever the array is."""


def load_array(path: Path, n: int) -> np.ndarray:
    """A memory-mapped array of floats with n rows; never a pickle.

    Raises
    ------
    RunError : it is damaged, or something else.
    """
    try:
        array = map_array(path)
    except WorkbenchError:
        raise
    except (OSError, ValueError, EOFError) as error:
        raise RunError(f"{path} cannot be read ({error}). Restore it, or delete it to go without.") from error
    if array.dtype.kind != "f":
        raise RunError(f"{path} holds no array of floats. Restore it, or delete it to go without.")
    if array.ndim != 2 or len(array) != n:
        raise RunError(f"{path} has shape {array.shape}, but the run has {n} examples. Restore it, or delete it.")
    return array


def write_described(
    layout: Layout, path: Path, values: np.ndarray, about: Mapping[str, Any], unless: Callable[[], bool] | None = None
) -> bool:
    """Write an array with what is said of it; the old file stays until the new one is whole.

    With `unless`, nothing is written if that is true just before the new file takes its place; then False is returned.
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
        warnings.warn(f"{path} was saved; only its description for older releases was not: {error}", stacklevel=4)
    return True


def about(layout: Layout, path: Path) -> dict[str, Any] | None:
    """What is said of an array: in its file, or beside it where the file says nothing; None where neither does.

    Raises
    ------
    RunError : one of the two is damaged.
    """
    inside = _inside(layout, path)
    beside = said_beside(path)
    if inside is not None or beside is None:
        return inside
    return None if COPY in beside else beside  # a copy of what other values said, which were replaced


def said_beside(path: Path) -> dict[str, Any] | None:
    """What the JSON beside an array says; None when there is none."""
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
            return None  # whoever reads the rows says so
        if path.stat().st_size > rows:
            raise RunError(f"{path} is damaged: what follows its rows cannot be read. Restore it, or save it again.")
    return said


@functools.lru_cache(maxsize=256)
def _at_url(source: RemoteFile) -> dict[str, Any] | None:
    """The end of a file that was not fetched; its version is part of `source`."""
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
            raise ValueError("its length is")
        file.seek(size - _END.size - length)
        text = file.read(length)
        if zlib.crc32(text) != crc:
            raise ValueError("its checksum is wrong")
        return dict(parse_json(text))
    except (ValueError, TypeError) as error:
        raise RunError(f"{name} is damaged: its description {error}. Restore it, or save it again.") from error
