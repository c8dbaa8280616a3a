"""Read semantic masks as passed by users: arrays, nested lists, run lengths, pictures, or paths of rasters.

Errors name the row, the pixel and its value.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from workbench.foundation.cells import is_missing
from workbench.foundation.errors import InputError, first_few, shortened
from workbench.tasks.class_names import check_names, class_text, plain_value
from workbench.tasks.mask_table import IGNORE, Runs, band_edges, encoded_runs, joined_runs, merged, stored_masks
from workbench.tasks.raster_files import COLOURS, open_raster, picture_values
from workbench.tasks.run_lengths import MOST_PIXELS

MASK_FORMS = (
    "Pass class indices: an array (n, height, width), or n arrays (height, width) or paths of .png, .npy or .tif "
    "files; None for an example without a label."
)
MASK_PARTS = {"labels", "lengths", "size"}
"""Keys of a mask in a table: the class of each run (None = ignore), its length, and [height, width]."""

IGNORED_VALUE = 255
"""Value of pixels without a label in files and arrays, if there are fewer than 256 classes."""

MOST_GUESSED = 256
"""Largest number of classes that are assumed from the values of pixels."""

MOST_MASK_CLASSES = 2**15 - 1

Raw = tuple[int, int, Runs]
"""Height, width, and runs whose codes are the user's values: int64 of pixels, or positions among the names of runs."""


def read_masks(
    labels: Any, classes: Sequence[object] | None, *, ignore: int | None = None
) -> tuple[pa.StructArray, tuple[str, ...]]:
    """Return stored masks and the class names.

    Parameters
    ----------
    labels : int array (n, height, width); or n of: int array or nested list (height, width), PIL image, path of an
        indexed PNG, .npy or TIFF file, or dict {"labels", "lengths", "size"} of run lengths, as in `Dataset.given`;
        None for an example without a label.
    classes : names of the classes, of which pixel values are indices; or integers, which are the pixel values of the
        classes. By default all integers from 0 to the largest value.
    ignore : value of pixels without a label. By default 255 if there are fewer than 256 classes. -1 is always ignored.

    Raises
    ------
    InputError : another form, or a value that is not a class; the message names the row and the pixel.
    """
    given = _listed(labels)
    raw: list[Raw | None] = []
    named: dict[int, list[object]] = {}
    for row, one in enumerate(given):
        if isinstance(one, Mapping):
            height, width, lengths, named[row] = _parts(one, row)
            raw.append((height, width, Runs(lengths, np.arange(len(lengths)))))
        else:
            raw.append(None if is_missing(one) else _of_raster(_raster(one, row), row))
    known = None if classes is None else [plain_value(one) for one in getattr(classes, "categories", classes)]
    names = _names(raw, named, known, ignore)
    by_name = {name: code for code, name in enumerate(names)}
    spare = IGNORED_VALUE if ignore is None and len(names) <= IGNORED_VALUE else ignore
    by_value = _values_of(known)
    masks: list[Raw | None] = []
    for row, one in enumerate(raw):
        if one is None:
            masks.append(None)
            continue
        height, width, runs = one
        if row in named:
            found = _codes_of_names(named[row], by_name, row)
        else:
            found = _codes_of_values(one, len(names), by_value, spare, row)
        masks.append((height, width, merged(runs.lengths, found)))
    return stored_masks(masks), names


def _listed(labels: Any) -> Sequence[Any]:
    to_list = getattr(labels, "to_pylist", None)
    labels = labels if to_list is None else to_list()
    if isinstance(labels, (str, bytes, Path, Mapping)) or not hasattr(labels, "__len__"):
        raise InputError.at("labels", f"is a {type(labels).__name__}", MASK_FORMS)
    if isinstance(labels, (pd.Series, pd.Index)):
        return labels.tolist()
    shape, dtype = (getattr(labels, name, None) for name in ("shape", "dtype"))
    if shape is not None and len(shape) != 3 and getattr(dtype, "kind", "") != "O":
        raise InputError.at("labels", f"has the shape {tuple(shape)}", MASK_FORMS)
    return labels


def _raster(one: Any, row: int) -> np.ndarray:
    """Return a label as an integer array (height, width)."""
    if isinstance(one, (str, Path)):
        values: Any = open_raster(one, row)
    elif hasattr(one, "getbands"):  # a PIL image
        values = picture_values(one)
        if isinstance(values, str):
            raise InputError.at("labels", f"is a picture that {values}", COLOURS, row=row)
    else:
        try:
            values = one if isinstance(one, np.ndarray) else np.asarray(one)
        except (TypeError, ValueError) as error:
            raise InputError.at("labels", f"is {shortened(one)}", MASK_FORMS, row=row) from error
    if values.dtype == object and values.ndim == 1 and len(values):  # rows of a table, as arrays
        try:
            values = np.stack([np.asarray(line) for line in values])
        except (TypeError, ValueError) as error:
            raise InputError.at("labels", f"is {shortened(one)}", MASK_FORMS, row=row) from error
    if values.ndim != 2 or not values.size:
        todo = COLOURS if values.ndim == 3 and values.shape[-1] in (3, 4) else MASK_FORMS
        raise InputError.at("labels", f"has the shape {values.shape}", todo, row=row)
    if values.dtype.kind not in "iub":
        raise InputError.at("labels", f"has the dtype {values.dtype}", MASK_FORMS, row=row)
    if values.size > MOST_PIXELS:
        raise InputError.at("labels", f"has {values.size:,} pixels, more than {MOST_PIXELS:,}", "Cut it.", row=row)
    return values


def _of_raster(values: np.ndarray, row: int) -> Raw:
    height, width = values.shape
    parts = [encoded_runs(np.asarray(values[top:bottom])) for top, bottom in band_edges(height, width)]
    runs = joined_runs(parts)
    if runs.codes.dtype == np.uint64 and runs.codes.max() > np.iinfo(np.int64).max:
        raise InputError.at("labels", f"holds the value {runs.codes.max()}", MASK_FORMS, row=row)
    return height, width, Runs(runs.lengths, runs.codes.astype(np.int64))


def _parts(one: Mapping[Any, Any], row: int) -> tuple[int, int, np.ndarray, list[object]]:
    """Return (height, width, lengths, classes of the runs) of a mask in a table."""
    todo = 'Pass {"labels": class of each run, "lengths": number of its pixels, "size": [height, width]}.'
    if set(one) != MASK_PARTS:
        raise InputError.at("labels", f"is a dict with the keys {first_few(sorted(map(str, one)))}", todo, row=row)
    size, lengths, names = (_sequence(one[name]) for name in ("size", "lengths", "labels"))
    whole = all(_whole(value) for value in (*size, *lengths))
    if len(size) != 2 or len(names) != len(lengths) or not lengths or not whole:
        raise InputError.at("labels", f"is {shortened(one)}", todo, row=row)
    height, width = int(size[0]), int(size[1])
    if height < 1 or width < 1 or height * width > MOST_PIXELS or min(lengths) < 1 or sum(lengths) != height * width:
        found = f"has runs of {sum(map(int, lengths)):,} pixels for the size {height:,} x {width:,}"
        raise InputError.at("labels", found, todo, row=row)
    return height, width, np.array(lengths, np.int64), names


def _sequence(value: Any) -> list[Any]:
    return list(value) if isinstance(value, (list, tuple, np.ndarray)) else []


def _whole(value: Any) -> bool:
    is_bool = isinstance(value, (bool, np.bool_))
    return not is_bool and (isinstance(value, (int, np.integer)) or (isinstance(value, float) and value.is_integer()))


def _names(
    raw: list[Raw | None], named: Mapping[int, list[object]], known: list[object] | None, ignore: int | None
) -> tuple[str, ...]:
    """Return the class names: those passed, or those that occur."""
    if known is not None:
        names = [class_text(one) for one in known]
    elif named:
        found = {plain_value(one) for listed in named.values() for one in listed if not is_missing(one)}
        names = [class_text(one) for one in sorted(found, key=lambda one: (isinstance(one, str), one))]
    else:
        spare = IGNORED_VALUE if ignore is None else ignore
        most = [int(one[2].codes[one[2].codes != spare].max(initial=-1)) for one in raw if one is not None]
        count = max(most, default=-1) + 1
        if count > MOST_GUESSED:
            row = next(row for row, one in enumerate(raw) if one is not None and (one[2].codes == count - 1).any())
            todo = "If the values are classes, name these with `classes=`; else pass class indices from 0."
            raise InputError.at("labels", f"holds the value {count - 1:,}", todo, row=row)
        names = [str(code) for code in range(count)]
    if len(names) > MOST_MASK_CLASSES:
        raise InputError.at("classes", f"has {len(names):,} names", f"At most {MOST_MASK_CLASSES:,} are supported.")
    check_names(names, "classes", "Class names must be unique as text.")
    return tuple(names)


def _values_of(classes: list[object] | None) -> dict[int, int] | None:
    """Return the class index of each pixel value; None if pixel values are class indices."""
    if classes is None or any(isinstance(one, str) for one in classes):
        return None
    return {int(one): code for code, one in enumerate(classes) if isinstance(one, int)}


def _codes_of_names(names: list[object], by_name: Mapping[str, int], row: int) -> np.ndarray:
    found = np.empty(len(names), np.int16)
    for place, name in enumerate(names):
        code = IGNORE if is_missing(name) else by_name.get(class_text(name), -2)
        if code == -2:
            todo = f"Known classes: {first_few(list(by_name), 12)}; None for pixels without a label."
            raise InputError.at("labels", f"has a run of the class {shortened(name)}", todo, row=row)
        found[place] = code
    return found


def _codes_of_values(one: Raw, k: int, by_value: Mapping[int, int] | None, ignore: int | None, row: int) -> np.ndarray:
    """Return the class indices (r,) of the values of runs."""
    _, width, runs = one
    distinct, which = np.unique(runs.codes, return_inverse=True)
    if by_value is None:
        codes = np.where((distinct >= 0) & (distinct < k), distinct, -2)
    else:
        codes = np.array([by_value.get(value, -2) for value in distinct.tolist()], np.int64)
    codes[(distinct == IGNORE) & (codes == -2)] = IGNORE
    if ignore is not None:
        codes[distinct == ignore] = IGNORE
    found = codes[which]
    if (found == -2).any():
        place = int(np.argmax(found == -2))
        y, x = divmod(int(runs.lengths[:place].sum()), width)
        todo = f"Classes are 0 to {k - 1}" if by_value is None else f"Classes are {first_few(list(by_value), 12)}"
        rest = "; pass `ignore=` for the value of pixels without a label."
        value = int(runs.codes[place])
        raise InputError.at("labels", f"holds the value {value} at pixel ({y}, {x})", todo + rest, row=row)
    return found
