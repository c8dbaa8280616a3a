"""Sets of rows as one bit per row: the form in which selections, searches and slices are sent to and from the page."""

from __future__ import annotations

import numpy as np

from workbench.foundation.errors import InputError


def packed(mask: np.ndarray) -> np.ndarray:
    """Pack a bool mask (n,) into (n + 7) // 8 bytes, with the first row in the lowest bit."""
    return np.packbits(mask, bitorder="little")


def unpacked(buffer: bytes | bytearray | memoryview, n: int) -> np.ndarray:
    """Unpack the bytes returned by `packed` to a bool mask (n,).

    Raises
    ------
    InputError : the buffer has fewer than n bits.
    """
    bits = np.unpackbits(np.frombuffer(buffer, np.uint8), bitorder="little")
    if len(bits) < n:
        raise InputError.at("mask", f"has {len(bits)} bits for {n} rows", "Open the view again.")
    return bits[:n].astype(bool)
