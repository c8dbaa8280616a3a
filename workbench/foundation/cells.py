"""Cells of a user's table, which may hold any object: lists, dicts, arrays, sets, tables, text that is not Unicode.

pandas treats such cells differently by type (`isna` of a list is an array, a set has no order, a dict no hash). The
functions here work for all of them: each cell has a text, and is either missing or not.
"""

from __future__ import annotations

from typing import TypeGuard

import numpy as np
import pandas as pd


def cell_text(value: object) -> str:
    """The text of a cell, always valid Unicode. Missing values get no special treatment; see `is_missing`."""
    try:
        text = value if isinstance(value, str) else str(value)
    except Exception as error:  # a user's class, or an integer of thousands of digits
        return f"<{type(value).__name__} without a text: {type(error).__name__}>"
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode("utf-8")


def is_missing(value: object) -> bool:
    """Whether a cell is None, NaN, NaT or NA. A list or an array is never missing, even if its elements are."""
    return value is None or (pd.api.types.is_scalar(value) and bool(pd.isna(value)))


def is_url(value: object) -> TypeGuard[str]:
    """Whether a value is a URL (str), of a run or of a media file. URLs of media files are never fetched."""
    return isinstance(value, str) and "://" in value


def is_plain(value: object) -> bool:
    """Whether a cell is str, bool, float or an integer of at most 64 bits, which can be compared and sent unchanged."""
    return isinstance(value, (str, bool, float)) or (isinstance(value, int) and -(2**63) <= value < 2**63)


def same_within(column: pd.Series, groups: np.ndarray) -> bool:
    """Whether a column has one value in each group, such as the rows of one example; groups (m,) int."""
    try:
        return bool((column.groupby(groups).nunique(dropna=False) == 1).all())
    except TypeError:  # lists and dicts have no hash
        return False
