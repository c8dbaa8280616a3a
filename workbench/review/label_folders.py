"""Folders and .zip files with one file of labels per image: reading them in bounded memory, and names of such files."""

from __future__ import annotations

import re
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import quote, unquote

from workbench.data.dataset import Dataset
from workbench.data.media import MAX_BYTES, image_size
from workbench.foundation.errors import InputError, shortened
from workbench.review.box_files import MOST_FILE, Labelled, file_name_of, read_bounded
from workbench.storage.limits import MOST_JSON, TooMuch, check_unpacked

MOST_FILES = 5_000_000
"""Largest number of files in a folder or a .zip."""

PICTURES = (".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff", ".gif", ".ppm", ".pgm")
"""Suffixes of pictures."""

HEADER_BYTES = 1 << 18
"""Bytes in which nearly all pictures have their size."""

ARCHIVE_ERRORS = (zipfile.BadZipFile, zlib.error, OSError, EOFError, NotImplementedError, RuntimeError, struct.error)
"""Errors of damaged, encrypted and unusual archives."""

_RESERVED = re.compile(r'[\x00-\x1f<>:"|?*\\]')


def files_within(path: Path, suffixes: Sequence[str]) -> dict[str, bytes]:
    """Return the files with one of these suffixes in a folder or a .zip, by name with / between its parts, sorted.

    Raises
    ------
    InputError : the path is neither, or there are too many files or bytes.
    """
    found: dict[str, bytes] = {}
    left = MOST_FILE
    for name, size, read in _members(path):
        if PurePosixPath(name).suffix.lower() in suffixes:
            left -= size
            if size > MOST_JSON:
                raise InputError(f"{path}: {name} has more than {MOST_JSON:,} bytes. Labels of one image are fewer.")
            if left < 0:
                raise InputError(f"{path} holds more than {MOST_FILE:,} bytes of labels. Split it.")
            try:
                found[name] = read()
            except ARCHIVE_ERRORS as error:
                raise InputError(f"{path}: {name} cannot be read ({error}).") from error
    return dict(sorted(found.items()))


def pictures_within(path: Path) -> list[str]:
    """Return the names of the pictures in a folder or a .zip, sorted."""
    return sorted(name for name, _, _ in _members(path) if PurePosixPath(name).suffix.lower() in PICTURES)


def files_of_ids(field: str, folder: str | Path, ids: Iterable[Any], suffixes: Sequence[str]) -> list[str]:
    """Return the names of the files in a folder that are named like ids, apart from suffixes, in the order of ids.

    Raises
    ------
    InputError : an id has no file in the folder, or several.
    """
    named: dict[str, list[str]] = {}
    for name, _, _ in _members(Path(folder)):
        if PurePosixPath(name).suffix.lower() in suffixes:
            named.setdefault(unquote(PurePosixPath(name).stem), []).append(name)
    found = []
    for row, one in enumerate(ids):
        own = sorted(named.get(str(one), []))
        if len(own) != 1:
            what = f"names {folder}, which holds {' and '.join(own[:3]) or 'no file'} for {shortened(one)}"
            raise InputError.at(field, what, f"Name one file like each id, such as {one}{suffixes[0]}.", row=row)
        found += own
    return found


def with_pictures(options: Mapping[str, Any], ids: Sequence[Any]) -> dict[str, Any]:
    """Return options of `Dataset.from_arrays`; a folder `images` stands for its pictures, named like the ids."""
    folder = options.get("images")
    if not isinstance(folder, (str, Path)):
        return dict(options)
    return {**options, "images": files_of_ids("images", folder, ids, PICTURES), "media_root": folder}


def _members(path: Path) -> Iterator[tuple[str, int, Callable[[], bytes]]]:
    """Yield name, size in bytes and a function that reads it, of each file."""
    if path.is_dir():
        for number, file in enumerate(path.rglob("*")):
            if number >= MOST_FILES:
                raise InputError(f"{path} holds more than {MOST_FILES:,} files. Split it.")
            if file.is_file():
                yield file.relative_to(path).as_posix(), file.stat().st_size, partial(read_bounded, file)
    elif zipfile.is_zipfile(path):
        try:
            packed = zipfile.ZipFile(path)
            check_unpacked(sum(one.file_size for one in packed.infolist()), path.stat().st_size, "Unpack it.")
        except (*ARCHIVE_ERRORS, TooMuch) as error:
            raise InputError(f"{path} cannot be read ({error}).") from error
        with packed:
            for one in packed.infolist():
                if not one.is_dir():
                    yield one.filename, one.file_size, partial(packed.read, one)
    else:
        raise InputError(f"{path} is neither a folder nor a .zip.")


def text_within(path: Path, name: str, data: bytes) -> str:
    """Return the text of a file; errors name it."""
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: {name} is not UTF-8 ({error}).") from error


def picture_size(file: Path) -> tuple[float, float]:
    """Return (width, height) of a picture, from its first bytes if its header is there."""
    with open(file, "rb") as opened:
        head = opened.read(HEADER_BYTES)
    try:
        width, height = image_size(head)
    except InputError:
        try:
            width, height = image_size(read_bounded(file, MAX_BYTES))
        except InputError as error:
            raise InputError(f"{file}: {error}") from error
    return float(width), float(height)


def without(name: str, folder: str) -> str:
    """Return a name without its suffix and without the last folder of this name.

    Examples
    --------
    >>> without("train/labels/a/1.txt", "labels")
    'train/a/1'
    """
    parts = list(PurePosixPath(name).with_suffix("").parts)
    if folder in parts[:-1]:
        del parts[len(parts) - 2 - parts[:-1][::-1].index(folder)]
    return "/".join(parts)


def stems_of(dataset: Dataset, images: Sequence[Labelled]) -> list[str]:
    """Return the name of the file of each image, without suffix: that of its picture, or its id if these are not
    unique."""
    stems = [_stem(str(PurePosixPath(file_name_of(dataset, one).replace("\\", "/")).with_suffix(""))) for one in images]
    return stems if len(set(stems)) == len(stems) else [_stem(str(one.id)) for one in images]


def _stem(name: str) -> str:
    """Return a relative name for any file system."""
    parts = [_RESERVED.sub(lambda one: quote(one[0], safe=""), part) for part in name.split("/")]
    return "/".join("_" if part == ".." else part for part in parts if part not in ("", "."))
