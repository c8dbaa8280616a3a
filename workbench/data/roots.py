"""The folder below which media files are read, and a check that the files are there.

A view reads files below one folder only, so that an untrusted run cannot access others. If that folder does not
contain the files, the user should learn it when the Dataset is created, and not later from empty pictures.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np

from workbench.data.media import media_path
from workbench.foundation.cells import is_url
from workbench.foundation.errors import InputError, first_few, outside

_T = TypeVar("_T")

MOST_CHECKED = 4_000
"""Largest number of files that are checked when a Dataset is created; of more paths, evenly spaced ones are checked."""

REMEDY = "Pass `media_root=FOLDER`: paths are relative to it, and files are read below it only."


MIXED = "Some paths are absolute and some are not: use one kind, or pass `media_root=FOLDER` with all files below it."


def media_root(
    columns: Mapping[str, Sequence[object]], named: str | Path | None, base: str | Path = "."
) -> Path | None:
    """Return the folder below which images and sounds are read; None if there are no paths.

    Parameters
    ----------
    columns : dict of field name to a sequence with one entry per example; entries that are not paths (bytes, None,
        URLs) are ignored.
    named : the user's choice. Default: `base`, or the common folder of the paths if all are absolute and some lie
        outside `base`.
    base : folder in which relative paths start if `named` is None.

    Raises
    ------
    InputError : absolute paths have no folder in common, or none of their files can be read.

    Warns
    -----
    UserWarning : some of the files cannot be read, or none of the files with relative paths (`open_run` may be given
        their folder later).
    """
    paths = {name: found for name, values in columns.items() if (found := _paths(values))[0]}
    if not paths:
        return None
    only_paths = {name: listed for name, (_, listed) in paths.items()}
    root = _default(only_paths, base) if named is None else Path(named).expanduser().resolve()
    for name, (rows, listed) in paths.items():
        _check(name, rows, listed, root)
    return root


def default_root(columns: Mapping[str, Sequence[object]], base: str | Path) -> Path:
    """Return `base`, or the common folder of the paths if all are absolute and some lie outside `base`.

    `columns` as in `media_root`.
    """
    return _default({name: _paths(values)[1] for name, values in columns.items()}, base)


def _default(listed: Mapping[str, list[str]], base: str | Path) -> Path:
    base = Path(base).resolve()
    paths = [path for one in listed.values() for path in one]
    folders = _folders(paths)
    if not all(map(os.path.isabs, folders)):
        return base
    real = sorted({os.path.realpath(folder) for folder in folders} | _targets(paths))
    if all(Path(folder).is_relative_to(base) for folder in real):
        return base
    try:
        common = Path(os.path.commonpath(real))
    except ValueError:  # on several drives
        common = Path(Path(real[0]).anchor)
    if common == Path(common.anchor):
        todo = f"Move them below one folder, or allow all files: media_root={str(common)!r}."
        found = f"has paths in {first_few(real, 3)}, whose only common folder is {common}"
        raise InputError.at(next(name for name, one in listed.items() if one), found, todo)
    return common


def _paths(values: Sequence[object]) -> tuple[list[int], list[str]]:
    """Return the rows and paths of a media column, without URLs."""
    plain = getattr(values, "paths", None)
    listed = plain() if plain is not None else enumerate(values)
    rows, paths = [], []
    for row, one in listed:
        path = one if isinstance(one, str) else os.fspath(one) if isinstance(one, Path) else None
        if path is not None and not is_url(path):
            rows.append(row)
            paths.append(path)
    return rows, paths


def _folders(paths: list[str]) -> set[str]:
    """Return the folders of the paths."""
    if os.sep == "/":  # a tenth of the time of `os.path.dirname`, which matters for a million paths
        return {path.rpartition("/")[0] or path[: path.startswith("/")] for path in paths}
    return {os.path.dirname(path) for path in paths}


def _targets(paths: list[str]) -> set[str]:
    """Return the folders of the targets of symbolic links among the paths."""
    links = (path for path in _spread(paths) if os.path.islink(path))
    return {os.path.dirname(os.path.realpath(path)) for path in links}


def _spread(values: list[_T]) -> list[_T]:
    """Return a list, or `MOST_CHECKED` evenly spaced elements if it is longer."""
    if len(values) <= MOST_CHECKED:
        return values
    return [values[place] for place in np.linspace(0, len(values) - 1, MOST_CHECKED).astype(int)]


def _check(field: str, rows: list[int], paths: list[str], root: Path) -> None:
    """Warn about files that cannot be read; raise if all paths are absolute and no file can be read."""
    first, missing = None, 0
    checked = _spread(list(zip(rows, paths)))
    for row, path in checked:
        try:
            media_path(path, root, field)
        except InputError as error:
            missing += 1
            first = first or (row, error)
    if first is None:
        return
    row, error = first
    what = {"image": "images", "audio": "sounds"}.get(field, f"files of `{field}`")
    of = f"{len(checked):,} {what}"
    if len(checked) < len(paths):
        of = f"the {len(checked):,} checked {what} (of {len(paths):,})"
    mixed = 0 < sum(map(os.path.isabs, paths)) < len(paths)
    found = f"{error.parts['found']}. {MIXED if mixed else REMEDY}"
    if missing == len(checked) and all(map(os.path.isabs, paths)):  # for relative ones, open_run may set the folder
        todo = f"To go without them, leave out `{field}=` (in `from_arrays`: `{what}=`)."
        raise InputError(f"None of {of} can be read; row {row} {found} {todo}")
    count = "None" if missing == len(checked) else f"{missing:,}"
    message = f"{count} of {of} can{'' if count == 'None' else 'not'} be read, first row {row}: it {found}"
    warnings.warn(message, UserWarning, stacklevel=outside())
