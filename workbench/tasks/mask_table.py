"""Stored form of semantic masks: run lengths of the class indices of each image, row by row.

The pixels of an image are read from left to right and from top to bottom; runs may continue on the next row. Index -1
is "ignore": pixels without a label. Runs are as long as possible, so equal masks have equal runs. An example without a
label is null. A raster of 20,000 x 20,000 pixels takes memory in proportion to its runs, and is read and changed in
bands of rows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from workbench.foundation.errors import InputError

MASKS_TYPE = pa.struct(
    [
        ("height", pa.int32()),
        ("width", pa.int32()),
        ("lengths", pa.list_(pa.int32())),
        ("codes", pa.list_(pa.int16())),
    ]
)
"""Arrow type of the given masks."""

REGION = pa.struct([("y0", pa.int32()), ("x0", pa.int32()), ("height", pa.int32()), ("width", pa.int32()),
                    ("counts", pa.string())])  # fmt: skip
"""Arrow type of `Units.shapes`: a region, as compressed run lengths (`workbench.tasks.run_lengths`) in its box."""

IGNORE = -1
"""Class index of pixels without a label."""

MOST_RUNS = 2**31 - 1
"""Largest number of runs of all masks together."""

BAND_PIXELS = 2**21
"""Number of pixels of a band of rows that is decoded at once."""


class Runs(NamedTuple):
    """Runs of one mask: lengths and codes (r,), codes of neighbouring runs differ."""

    lengths: np.ndarray
    codes: np.ndarray


class MaskTable(NamedTuple):
    """The masks of n examples.

    Attributes
    ----------
    height, width : (n,) int64, 0 for examples without a label.
    starts : (n + 1,) int64, the runs of example i are starts[i] to starts[i + 1] - 1.
    lengths : (r,) int32, codes : (r,) int16.
    missing : (n,) bool, examples without a label.
    """

    height: np.ndarray
    width: np.ndarray
    starts: np.ndarray
    lengths: np.ndarray
    codes: np.ndarray
    missing: np.ndarray

    @property
    def n(self) -> int:
        """Number of examples."""
        return len(self.missing)

    def runs(self, row: int) -> Runs:
        """Return the runs of one example."""
        own = slice(int(self.starts[row]), int(self.starts[row + 1]))
        return Runs(self.lengths[own], self.codes[own])

    def raster(self, row: int) -> np.ndarray:
        """Return the class indices of one example, (height, width) int16."""
        return decoded(self.runs(row), int(self.height[row]), int(self.width[row]))

    def reader(self, row: int) -> Callable[[int, int], np.ndarray]:
        """Return a function (top, bottom) of the class indices (bottom - top, width) int16 of rows of one example."""
        width, runs = int(self.width[row]), self.runs(row)
        ends = np.cumsum(runs.lengths, dtype=np.int64)

        def read(top: int, bottom: int) -> np.ndarray:
            return _between(runs.codes, ends, top * width, bottom * width).reshape(bottom - top, width)

        return read


def band_edges(height: int, width: int, most: int = BAND_PIXELS) -> Iterator[tuple[int, int]]:
    """Yield (top, bottom) of bands of rows with about `most` pixels."""
    step = max(most // max(width, 1), 1)
    for top in range(0, height, step):
        yield top, min(top + step, height)


def decoded(runs: Runs, height: int, width: int) -> np.ndarray:
    """Return class indices (height, width) int16."""
    return np.repeat(runs.codes, runs.lengths).reshape(height, width)


def encoded_runs(raster: np.ndarray) -> Runs:
    """Return the runs of a raster (height, width) of integers; values keep their dtype."""
    flat = np.ascontiguousarray(raster).ravel()
    if not flat.size:
        return Runs(np.zeros(0, np.int64), flat)
    starts = np.flatnonzero(np.concatenate([[True], flat[1:] != flat[:-1]]))
    return Runs(np.diff(starts, append=flat.size), flat[starts])


def joined_runs(parts: Iterable[Runs]) -> Runs:
    """Return the runs of masks whose rows follow one another; equal neighbours become one run."""
    listed = list(parts)
    if len(listed) == 1:
        return listed[0]
    lengths, codes = (np.concatenate([one[place] for one in listed]) for place in (0, 1))
    return merged(lengths, codes)


def merged(lengths: np.ndarray, codes: np.ndarray) -> Runs:
    """Return runs as long as possible, from any runs (r,) of at least one pixel each."""
    if not len(codes):
        return Runs(lengths, codes)
    starts = np.flatnonzero(np.concatenate([[True], codes[1:] != codes[:-1]]))
    return Runs(np.add.reduceat(lengths.astype(np.int64), starts), codes[starts])


class Stroke(NamedTuple):
    """Pixels that get a class: `inside` (h, w) bool, its top left corner, and the class index."""

    top: int
    left: int
    inside: np.ndarray
    code: int


def painted(runs: Runs, height: int, width: int, strokes: Sequence[Stroke]) -> Runs:
    """Return the runs of a mask with strokes painted in order; they lie within the image."""
    if height * width <= BAND_PIXELS:
        raster = decoded(runs, height, width)
        for one in strokes:
            _paint(raster, one, 0)
        return encoded_runs(raster)
    for one in strokes:
        runs = _painted_in_bands(runs, width, one)
    return runs


def _painted_in_bands(runs: Runs, width: int, stroke: Stroke) -> Runs:
    ends = np.cumsum(runs.lengths, dtype=np.int64)
    first, last = stroke.top * width, (stroke.top + len(stroke.inside)) * width
    parts = [_cut(runs.codes, ends, 0, first)]
    for top, bottom in band_edges(len(stroke.inside), width):
        top, bottom = top + stroke.top, bottom + stroke.top
        band = _between(runs.codes, ends, top * width, bottom * width).reshape(bottom - top, width)
        _paint(band, stroke, top)
        parts.append(encoded_runs(band))
    parts.append(_cut(runs.codes, ends, last, int(ends[-1])))
    return joined_runs(parts)


def _paint(raster: np.ndarray, stroke: Stroke, top: int) -> None:
    """Paint the rows of a stroke that lie in a band, which begins at row `top` of the image."""
    low, high = max(stroke.top, top), min(stroke.top + len(stroke.inside), top + len(raster))
    inside = stroke.inside[low - stroke.top : high - stroke.top]
    raster[low - top : high - top, stroke.left : stroke.left + inside.shape[1]][inside] = stroke.code


def _cut(codes: np.ndarray, ends: np.ndarray, first: int, last: int) -> Runs:
    """Return the runs of pixels first to last - 1; `ends` are the ends of the runs of the image."""
    if first >= last:
        return Runs(np.zeros(0, np.int64), codes[:0])
    low, high = np.searchsorted(ends, first, side="right"), np.searchsorted(ends, last) + 1
    return Runs(np.diff(np.minimum(ends[low:high], last), prepend=first), codes[low:high])


def _between(codes: np.ndarray, ends: np.ndarray, first: int, last: int) -> np.ndarray:
    """Return the class indices of pixels first to last - 1, (last - first,)."""
    own = _cut(codes, ends, first, last)
    return np.repeat(own.codes, own.lengths)


def masks_of(labels: pa.StructArray) -> MaskTable:
    """Return stored masks as a table."""
    missing = labels.is_null().to_numpy(zero_copy_only=False)
    height, width = (
        np.where(missing, 0, labels.field(name).fill_null(0).to_numpy(zero_copy_only=False)).astype(np.int64)
        for name in ("height", "width")
    )
    lists = labels.field("lengths"), labels.field("codes")
    if missing.any():
        empty = [pa.array([[]], one.type) for one in lists]
        keep = pa.array(np.where(missing, len(labels), np.arange(len(labels))))
        lists = tuple(pa.concat_arrays([one, blank]).take(keep) for one, blank in zip(lists, empty))
    sizes = np.diff(lists[0].offsets.to_numpy()).astype(np.int64)
    starts = np.concatenate([[0], np.cumsum(sizes)])
    lengths, codes = (one.flatten().to_numpy(zero_copy_only=False) for one in lists)
    return MaskTable(height, width, starts, lengths, codes, missing)


def stored_masks(masks: Iterable[tuple[int, int, Runs] | None]) -> pa.StructArray:
    """Return the stored form of (height, width, runs) per example, None without a label.

    Raises
    ------
    InputError : more than `MOST_RUNS` runs.
    """
    given = list(masks)
    missing = pa.array(np.array([one is None for one in given], bool))
    nothing = (0, 0, Runs(np.zeros(0, np.int32), np.zeros(0, np.int16)))
    listed = [nothing if one is None else one for one in given]
    sizes = np.array([len(runs.codes) for _, _, runs in listed], np.int64)
    if sizes.sum() > MOST_RUNS:
        todo = "Smooth them, or split the data set."
        raise InputError.at("labels", f"have {sizes.sum():,} runs of equal pixels, more than {MOST_RUNS:,}", todo)
    offsets = pa.array(np.concatenate([[0], np.cumsum(sizes)]).astype(np.int32))
    lengths = np.concatenate([np.zeros(0, np.int32), *(runs.lengths.astype(np.int32) for _, _, runs in listed)])
    codes = np.concatenate([np.zeros(0, np.int16), *(runs.codes.astype(np.int16) for _, _, runs in listed)])
    size = [pa.array(np.array([one[place] for one in listed], np.int32)) for place in (0, 1)]
    lists = [pa.ListArray.from_arrays(offsets, pa.array(values)) for values in (lengths, codes)]
    lists = [one.cast(MASKS_TYPE.field(name).type) for name, one in zip(("lengths", "codes"), lists)]
    return pa.StructArray.from_arrays([*size, *lists], fields=list(MASKS_TYPE), mask=missing)


def sizes_of(table: MaskTable) -> np.ndarray:
    """Return (n, 2) int64, height and width of each mask; 0 without a label."""
    return np.stack([table.height, table.width], axis=1)
