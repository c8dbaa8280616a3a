"""Run lengths of Label Studio's brush, which differ from those of COCO.

A mask (height, width) is read row by row as pixels of four equal channels (RGBA), 255 inside and 0 outside. The bytes
are a stream of bits, the highest first: the number of values (32 bits), the bits of a value less one (5), and four
sizes less one (4 each). Then runs: one bit, 1 if the run repeats one value and 0 if its values follow one by one; the
number of a size (2); as many bits as this size has, the number of values less one; and the value or values. This is the
format of the package rle-pack of https://github.com/thi-ng/umbrella, which Label Studio uses.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from workbench.foundation.errors import InputError, shortened
from workbench.review.outlines import MOST_MASK_PIXELS
from workbench.tasks.mask_table import Runs, merged

RUN_SIZES = (3, 4, 8, 16)
"""Bits of the lengths of runs in what is written."""

CHANNELS, ALPHA_CHANNEL = 4, 3
VALUE_BITS = 8
LONGEST_RUN = 1 << RUN_SIZES[-1]
HEADER_BITS = 32 + 5 + 4 * len(RUN_SIZES)


def encode_brush(runs: Runs) -> list[int]:
    """Return the bytes of a mask.

    Parameters
    ----------
    runs : lengths (m,) of at least one pixel, and whether they are inside (m,), row by row.
    """
    lengths, inside = merged(np.asarray(runs.lengths, np.int64), np.asarray(runs.codes, bool))
    lengths = lengths * CHANNELS
    many = (lengths - 1) // LONGEST_RUN  # full runs before the last one
    number = np.searchsorted(np.array([8, 16, 256]), lengths)
    last = np.cumsum(many + 1) - 1
    length, size, value = (np.repeat(of, many + 1) for of in (np.full_like(lengths, LONGEST_RUN), number, inside))
    length[last] = lengths - many * LONGEST_RUN
    wide = np.array(RUN_SIZES)[size]
    words = ((((4 + size) << wide) + length - 1) << VALUE_BITS) + value * 255
    used = 3 + wide + VALUE_BITS
    bits = np.unpackbits((words << (32 - used)).astype(">u4").view(np.uint8)).reshape(-1, 32)
    head = int(lengths.sum())
    for wide, part in ((5, VALUE_BITS - 1), *((4, one - 1) for one in RUN_SIZES)):
        head = (head << wide) + part
    first = np.unpackbits(np.frombuffer((head << 3).to_bytes(7, "big"), np.uint8))[:HEADER_BITS]
    stream = np.concatenate([first, bits[np.arange(32) < used[:, None]]])
    return [*np.packbits(stream).tolist(), *([0] * (len(stream) % 8 == 0))]  # ends with at least one bit to spare


class _Bits:
    """A stream of bits, the highest of each byte first."""

    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, 0

    def read(self, size: int) -> int:
        """Return the number in the next bits."""
        end = self.at + size
        if end > 8 * len(self.data):
            raise ValueError("end early")
        part = int.from_bytes(self.data[self.at >> 3 : (end + 7) >> 3], "big")
        self.at = end
        return part >> (-end % 8) & ((1 << size) - 1)


def decode_brush(rle: Any, height: int, width: int, where: str) -> Runs:
    """Return the runs (m,) of pixels row by row, and whether the brush covers them: alpha is not 0.

    Raises
    ------
    InputError : the values are not bytes, end early, or do not fit the size; the image has more than
        `MOST_MASK_PIXELS` pixels. The message begins with `where`.
    """
    if height * width > MOST_MASK_PIXELS:
        found = f"{where} has a mask of {width:,} x {height:,} pixels"
        raise InputError(f"{found}. At most {MOST_MASK_PIXELS:,} are read: cut the image into tiles.")
    if not isinstance(rle, Sequence) or isinstance(rle, str) or not all(type(one) is int for one in rle):
        raise InputError(f"{where} has the rle {shortened(rle)}. It is a list of bytes.")
    try:
        lengths, inside = _decoded(bytes(rle), CHANNELS * height * width)
    except ValueError as error:
        found = f"{where} has an rle of {len(rle):,} bytes for {width} x {height} pixels: they {error}"
        raise InputError(f"{found}. Export it again.") from error
    return merged(lengths, inside)


def _decoded(data: bytes, total: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the lengths (m,) of runs of pixels and whether their alpha is not 0."""
    bits = _Bits(data)
    if (count := bits.read(32)) != total:
        raise ValueError(f"are of {count:,} values instead of {total:,}")
    if (word := bits.read(5) + 1) != VALUE_BITS:
        raise ValueError(f"have {word} bits a value instead of {VALUE_BITS}")
    sizes = [bits.read(4) + 1 for _ in range(4)]
    lengths: list[int] = []
    values: list[bool] = []
    at = 0
    while at < total:
        repeated = bits.read(1)
        many = 1 + bits.read(sizes[bits.read(2)])
        if at + many > total:
            raise ValueError("run beyond its end")
        first = -(-(at - ALPHA_CHANNEL) // CHANNELS)  # the first pixel whose alpha is at or after `at`
        if repeated:
            lengths.append(-(-(at + many - ALPHA_CHANNEL) // CHANNELS) - first)
            values.append(bits.read(VALUE_BITS) > 0)
        else:
            found = bits.read(VALUE_BITS * many).to_bytes(many, "big")[
                first * CHANNELS + ALPHA_CHANNEL - at :: CHANNELS
            ]
            lengths += [1] * len(found)
            values += [alpha > 0 for alpha in found]
        at += many
    length = np.array(lengths, np.int64)
    return length[length > 0], np.array(values, bool)[length > 0]
