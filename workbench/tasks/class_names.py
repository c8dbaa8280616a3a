"""The name of a class: the text of a label of any type, the same for 3, 3.0 and numpy's 3."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np


def class_text(value: object) -> str:
    """The name of the class that a label stands for; text is its own name."""
    return value if type(value) is str else str(plain_value(value))


def plain_value(value: object) -> object:
    """Plain Python value of a numpy scalar; whole floats (from a column with gaps) become ints."""
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value


def object_array(values: Iterable[object]) -> np.ndarray:
    """(n,) object array of any values, without numpy turning a mix into text."""
    listed = list(values)
    array = np.empty(len(listed), dtype=object)
    array[:] = listed
    return array
