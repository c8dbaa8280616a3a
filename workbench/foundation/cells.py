"""Cells of a user's table, which may hold anything: lists, dicts, arrays, sets, tables, texts that are not Unicode.

What pandas does with such cells depends on the kind (`isna` of a list is an array, a set has no order, a dict no hash);
here each has a text, and is missing or not.
"""

from __future__ import annotations

from typing import TypeGuard

import pandas as pd


def cell_text(value: object) -> str:
    """The text of a cell, always valid Unicode; "" for a missing one is the caller's choice, not made here."""
    try:
        text = value if isinstance(value, str) else str(value)
    except Exception as error:  # a class of the user's, or an integer of thousands of digits
        return f"<{type(value).__name__} without a text: {type(error).__name__}>"
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode("utf-8")


def is_missing(value: object) -> bool:
    """Whether one cell is None, NaN, NaT or NA; a list or an array is a value, whatever it holds."""
    return value is None or (pd.api.types.is_scalar(value) and bool(pd.isna(value)))


def is_url(value: object) -> TypeGuard[str]:
    """Whether a value is the text of a URL: a place of a run, or a picture or sound, which is then never fetched."""
    return isinstance(value, str) and "://" in value


def is_plain(value: object) -> bool:
    """Whether a cell is text, a number of at most 64 bits or bool: what can be compared and sent as it is."""
    return isinstance(value, (str, bool, float)) or (isinstance(value, int) and -(2**63) <= value < 2**63)
