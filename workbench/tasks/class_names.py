"""Class names: the text of a label of any type, the same for 3, 3.0 and NumPy's 3; unique in a label space."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from workbench.foundation.errors import InputError, first_few


def class_text(value: object) -> str:
    """Return the name of the class of a label; text is returned unchanged."""
    return value if type(value) is str else str(plain_value(value))


def plain_value(value: object) -> object:
    """Convert a NumPy scalar to a Python value; integral floats (from a column with missing values) become ints."""
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value


def check_names(names: Sequence[str], holder: str, todo: str) -> None:
    """Raise InputError if a name is not Unicode text (the error names `holder`) or occurs twice (advice: `todo`)."""
    try:
        "".join(names).encode()
    except UnicodeEncodeError as error:
        raise InputError.at(holder, f"holds text that is not Unicode ({error})", "Decode it properly.") from error
    if len(set(names)) < len(names):
        twice = sorted({name for name in names if names.count(name) > 1})
        raise InputError.at("classes", f"repeats {first_few(twice)}", todo)


def object_array(values: Iterable[object]) -> np.ndarray:
    """Return an object array (n,) of any values; NumPy would convert a mixture to text."""
    listed = list(values)
    array = np.empty(len(listed), dtype=object)
    array[:] = listed
    return array
