"""Run lengths of binary masks, in the form of COCO (RLE), in NumPy.

A mask (height, width) is read column by column. Its counts are the lengths of runs of equal pixels, background and
object in turn; the first run is background, possibly of length 0. The compressed form is text: from the fourth count
on, the difference from the count two places before; each number in groups of 5 bits, the lowest first, a sixth bit that
tells whether another group follows, and 48 added, so that each group is a printable character.

Both forms equal those of pycocotools, the reference implementation of COCO (https://github.com/cocodataset/cocoapi).
Counts are checked before memory for the pixels is taken, so that a short text cannot claim a huge mask.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from workbench.foundation.errors import InputError, shortened

MOST_PIXELS = 2**29
"""Largest number of pixels of a mask that is decoded; 20,000 x 20,000 fits."""

MOST_CROSSINGS = 2**25
"""Largest number of crossings between the edges of a polygon and the columns of an image."""

MOST_GROUPS = 7
"""Largest number of groups of 5 bits of one count in compressed text."""

FARTHEST = 2.0**26
"""Largest absolute coordinate of a polygon, in pixels."""

TODO = "Pass the counts and the size (height, width) of one mask, as pycocotools writes them."


def encode_runs(mask: np.ndarray) -> np.ndarray:
    """Return the counts (m,) int64 of a mask (h, w), nonzero = object; they sum to h * w."""
    mask = np.asarray(mask)
    if mask.ndim != 2:
        raise InputError.at("mask", f"has shape {mask.shape}", "Pass one mask (height, width).")
    flat = (mask if mask.dtype == bool else mask != 0).ravel(order="F")
    if not flat.size:
        return np.zeros(0, np.int64)
    edges = np.concatenate([[0], np.flatnonzero(flat[1:] != flat[:-1]) + 1, [flat.size]])
    counts = np.diff(edges)
    return np.concatenate([[0], counts]) if flat[0] else counts


def decode_runs(counts: Any, height: int, width: int) -> np.ndarray:
    """Return the mask (height, width) bool, in column-major memory, of counts in either form.

    Raises
    ------
    InputError : the counts are not valid for the size (`checked_runs`).
    """
    counts = checked_runs(counts, height, width)
    inside = np.zeros(len(counts), bool)
    inside[1::2] = True
    return np.repeat(inside, counts).reshape(width, height).T


def checked_runs(counts: Any, height: int, width: int, field: str = "counts", row: int | None = None) -> np.ndarray:
    """Return counts (m,) int64 that are valid for a mask of this size.

    Parameters
    ----------
    counts : list or array of integers, or compressed text (str or ASCII bytes).
    height, width : size of the mask.
    field, row : place for messages.

    Raises
    ------
    InputError : the size is not two integers of at least 0 with at most `MOST_PIXELS` pixels, a count is not an integer
        of at least 0, the text is not valid, or the counts do not sum to height * width.
    """
    for size in (height, width):
        if isinstance(size, bool) or not isinstance(size, (int, np.integer)) or size < 0:
            raise InputError.at(field, f"has the size {shortened((height, width))}", TODO, row=row)
    pixels = int(height) * int(width)
    if pixels > MOST_PIXELS:
        found = f"has the size {height:,} x {width:,}, more than {MOST_PIXELS:,} pixels"
        raise InputError.at(field, found, "Cut the image into tiles.", row=row)
    if isinstance(counts, (str, bytes, bytearray)):
        values = from_text(counts, field, row)
    else:
        values = _integers(counts, field, row)
    if len(values) and values.min() < 0:
        place = int(np.argmax(values < 0))
        raise InputError.at(field, f"has {values[place]:,} at place {place}", TODO, row=row)
    total = int(np.minimum(values, pixels + 1).sum())  # cannot overflow
    if total != pixels:
        found = f"sum to {values.sum(dtype=float):,.0f} for {height:,} x {width:,} = {pixels:,} pixels"
        raise InputError.at(field, found, TODO, row=row)
    return values


def to_text(counts: np.ndarray) -> str:
    """Return the compressed text of counts (m,)."""
    return to_texts(counts, np.zeros(1, np.int64))[0]


def to_texts(counts: np.ndarray, starts: np.ndarray) -> list[str]:
    """Return the compressed texts of several masks.

    Parameters
    ----------
    counts : (m,) int64, of all masks one after another. starts : (r,) int64, place of the first count of each.
    """
    counts = np.asarray(counts, np.int64)
    if not len(counts):
        return [""] * len(starts)
    place = np.arange(len(counts)) - np.repeat(starts, np.diff(starts, append=len(counts)))
    rest = counts.copy()
    far = np.flatnonzero(place > 2)
    rest[far] -= counts[far - 2]
    groups: list[np.ndarray] = []
    used: list[np.ndarray] = []
    going = np.ones(len(counts), bool)
    while going.any():
        low = rest & 31
        rest = rest >> 5
        used.append(going)
        going = going & np.where(low & 16, rest != -1, rest != 0)
        groups.append((low + 32 * going + 48).astype(np.uint8))
    shown = np.stack(used, 1)
    text = np.stack(groups, 1)[shown].tobytes().decode("ascii")
    ends = np.concatenate([[0], np.cumsum(shown.sum(axis=1))])
    edges = ends[np.append(starts, len(counts))].tolist()
    return [text[first:last] for first, last in pairwise(edges)]


def from_text(text: str | bytes | bytearray, field: str = "counts", row: int | None = None) -> np.ndarray:
    """Return the counts (m,) int64 of compressed text.

    Raises
    ------
    InputError : a character is outside of "0" to "o", or a number has no end or more than `MOST_GROUPS` groups.
    """
    try:
        raw = text.encode("ascii") if isinstance(text, str) else bytes(text)
    except UnicodeEncodeError as error:
        raise InputError.at(field, f"is {shortened(text)}", TODO, row=row) from error
    values, _ = _numbers(raw, field, row)
    values[1::2] = np.cumsum(values[1::2])
    values[2::2] = np.cumsum(values[2::2])
    return values


def from_texts(texts: Sequence[str], field: str = "counts") -> tuple[np.ndarray, np.ndarray]:
    """Return the counts (m,) int64 of r compressed texts, one after another, and the places (r + 1,) int64 at which
    those of each text begin.

    Raises
    ------
    InputError : as `from_text`, without the number of the text.
    """
    try:
        raw = "".join(texts).encode("ascii")
    except UnicodeEncodeError as error:
        raise InputError.at(field, "holds characters that are not ASCII", TODO) from error
    ends = np.cumsum(np.fromiter(map(len, texts), np.int64, len(texts)))
    values, starts = _numbers(raw, field, None)
    if len(raw) and (np.frombuffer(raw, np.uint8)[ends[ends > 0] - 1] - 48 & 32).any():
        raise InputError.at(field, "has a text whose last number has no end", TODO)
    begin = np.searchsorted(starts, np.concatenate([[0], ends]))
    place = np.arange(len(values)) - np.repeat(begin[:-1], np.diff(begin))
    for first in (1, 2):
        own = np.flatnonzero((place >= first) & ((place - first) % 2 == 0))
        values[own] = _sums_within(values[own], place[own] == first)
    return values, begin


def _sums_within(values: np.ndarray, begins: np.ndarray) -> np.ndarray:
    """Return cumulative sums (m,) that start again where `begins` (m,) is true, which holds for the first value."""
    sums = np.cumsum(values)
    at = np.flatnonzero(begins)
    return sums - np.repeat(sums[at] - values[at], np.diff(at, append=len(values)))


def _numbers(raw: bytes, field: str, row: int | None) -> tuple[np.ndarray, np.ndarray]:
    """Return the numbers (m,) int64 of compressed text as they are written, and the place (m,) of the first group of
    each."""
    groups = np.frombuffer(raw, np.uint8).astype(np.int64) - 48
    wrong = (groups < 0) | (groups > 63)
    if wrong.any():
        place = int(np.argmax(wrong))
        raise InputError.at(field, f"has the character {chr(raw[place])!r} at place {place}", TODO, row=row)
    if not len(groups):
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    last = (groups & 32) == 0
    starts = np.flatnonzero(np.concatenate([[True], last[:-1]]))
    sizes = np.diff(starts, append=len(groups))
    endless = sizes > MOST_GROUPS
    endless[-1] |= not last[-1]
    if endless.any():
        place = int(starts[np.argmax(endless)])
        raise InputError.at(field, f"has a number without an end at place {place}", TODO, row=row)
    shift = 5 * (np.arange(len(groups)) - np.repeat(starts, sizes))
    values = np.add.reduceat((groups & 31) << shift, starts)
    values -= np.where(groups[starts + sizes - 1] & 16, np.int64(1) << (5 * sizes), 0)
    return values, starts


def area_of(counts: np.ndarray) -> int:
    """Return the number of pixels of the object, from counts (m,)."""
    return int(np.asarray(counts, np.int64)[1::2].sum())


def box_of(counts: np.ndarray, height: int) -> tuple[int, int, int, int]:
    """Return the bounding box (x0, y0, x1, y1) of the object, half-open, in pixels; zeros if there is none."""
    counts = np.asarray(counts, np.int64)
    ends = np.cumsum(counts)[1::2]
    starts = ends - counts[1::2]
    starts, ends = starts[ends > starts], ends[ends > starts]
    if not len(starts):
        return 0, 0, 0, 0
    left, right = starts // height, (ends - 1) // height
    over = bool((right > left).any())  # a run over several columns touches the top and the bottom
    top = 0 if over else int((starts % height).min())
    bottom = height - 1 if over else int(((ends - 1) % height).max())
    return int(left[0]), top, int(right[-1]) + 1, bottom + 1


def union_of(many: Sequence[np.ndarray], height: int, width: int) -> np.ndarray:
    """Return the counts (m,) int64 of the pixels in any of several masks of one size, from their counts."""
    starts, ends = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
    for counts in many:
        bounds = np.cumsum(np.asarray(counts, np.int64))
        ends.append(bounds[1::2])
        starts.append(bounds[1::2] - counts[1::2])
    places = np.concatenate(starts + ends)
    steps = np.repeat([1, -1], len(places) // 2)
    order = np.lexsort((-steps, places))
    depth = np.cumsum(steps[order])
    changed = np.flatnonzero((depth > 0) != np.concatenate([[False], depth[:-1] > 0]))
    return _from_changes(places[order][changed], height * width)


def from_polygons(
    polygons: Sequence[Any], height: int, width: int, field: str = "polygons", row: int | None = None
) -> np.ndarray:
    """Return the counts (m,) int64 of the union of polygons.

    Parameters
    ----------
    polygons : flat lists x, y, x, y, ... of at least three points each, in pixels, closed by themselves. Where a
        polygon crosses itself, its inside follows from the even-odd rule.
    height, width : size of the image; parts outside are left out.

    Raises
    ------
    InputError : a polygon has no three points, a coordinate is not finite or beyond +-`FARTHEST`, or a polygon has more
        than `MOST_CROSSINGS` crossings with the columns of the image.

    Notes
    -----
    The rule is that of pycocotools: the outline is drawn on a grid five times as fine, a column is crossed where the
    outline passes its centre, and pixels of a column between its first and second crossing, third and fourth, and so on
    are inside.
    """
    checked_runs(np.array([int(height) * int(width)]), height, width, field, row)
    found = [_polygon(one, int(height), int(width), field, row) for one in polygons]
    return found[0] if len(found) == 1 else union_of(found, height, width)


def _polygon(polygon: Any, height: int, width: int, field: str, row: int | None) -> np.ndarray:
    todo = "Pass x, y, x, y, ... of at least three points, in pixels."
    try:
        points = np.asarray(polygon, np.float64).ravel()
    except (TypeError, ValueError) as error:
        raise InputError.at(field, f"holds {shortened(polygon)}", todo, row=row) from error
    if len(points) < 6 or len(points) % 2:
        raise InputError.at(field, f"holds a polygon of {len(points)} numbers", todo, row=row)
    if not (np.abs(points) <= FARTHEST).all():
        bad = points[~(np.abs(points) <= FARTHEST)][0]
        raise InputError.at(field, f"holds the coordinate {bad:g}", todo, row=row)
    x, y = np.trunc(5 * points.reshape(-1, 2).T + 0.5).astype(np.int64)
    columns, heights = _crossings(x, y, width, field, row)
    level = np.ceil(np.clip((heights + 0.5) / 5 - 0.5, 0, height)).astype(np.int64)
    return _from_changes(np.sort(columns * height + level), height * width)


def _crossings(x: np.ndarray, y: np.ndarray, width: int, field: str, row: int | None) -> tuple[np.ndarray, np.ndarray]:
    """Return (columns, heights), (c,) int64, where the outline of a polygon passes the centre of a column.

    x, y : (k,) int64 points on the fine grid. Column c is passed between the fine columns 5 c + 2 and 5 c + 3; the
    height is the smaller of those of the two drawn points.
    """
    x1, y1 = np.roll(x, -1), np.roll(y, -1)
    wide = np.abs(x1 - x) >= np.abs(y1 - y)
    turned = np.where(wide, x > x1, y > y1)
    x0, y0, x1, y1 = (np.where(turned, b, a) for a, b in ((x, x1), (y, y1), (x1, x), (y1, y)))
    dx, dy = x1 - x0, y1 - y0
    left, right = np.minimum(x0, x1), np.maximum(x0, x1)
    first = np.maximum(-((2 - left) // 5), 0)  # smallest c with 5 c + 2 >= left
    last = np.minimum((right - 3) // 5, width - 1)  # largest c with 5 c + 3 <= right
    many = np.maximum(last - first + 1, 0)
    if many.sum() > MOST_CROSSINGS:
        found = f"holds a polygon that crosses {width:,} columns {int(many.sum()):,} times"
        raise InputError.at(field, found, "Simplify it.", row=row)
    edge = np.repeat(np.arange(len(x)), many)
    columns = np.arange(len(edge)) - np.repeat(np.cumsum(many) - many, many) + first[edge]
    limit = 5 * columns + 3
    slope = np.where(wide, dy, dx)[edge] / np.maximum(np.where(wide, dx, dy), 1)[edge]
    x0, y0, dy, wide = x0[edge], y0[edge], dy[edge], wide[edge]
    step = limit - x0  # of wide edges: steps to the fine column 5 c + 3
    flat = [np.trunc(y0 + slope * (step - back) + 0.5) for back in (0, 1)]
    steep = _passed(x0, slope, dy, limit) + y0
    return columns, np.where(wide, np.minimum(*flat), steep).astype(np.int64)


def _passed(x0: np.ndarray, slope: np.ndarray, dy: np.ndarray, limit: np.ndarray) -> np.ndarray:
    """Return the last step of a steep edge before it passes the fine column `limit`, by the rounding of the drawing."""
    with np.errstate(divide="ignore", invalid="ignore"):
        guess = np.nan_to_num((limit - 0.5 - x0) / slope, posinf=0, neginf=0)
    guess = np.clip(np.floor(guess), 0, np.maximum(dy, 0)).astype(np.int64) - 2
    found = np.zeros_like(guess)
    rising = slope > 0
    for offset in range(5):  # the last step below the limit of a rising edge, the last at or above it of a falling one
        step = guess + offset
        above = x0 + slope * step + 0.5 >= limit
        found = np.where((above != rising) & (step >= 0), step, found)
    return found


def _from_changes(places: np.ndarray, pixels: int) -> np.ndarray:
    """Return counts from sorted places (c,) at which pixels change, in column-major order; equal places cancel."""
    where, many = np.unique(places, return_counts=True)
    where = where[(many % 2 == 1) & (where < pixels)]
    counts = np.diff(np.concatenate([[0], where, [pixels]]))
    return counts if pixels else counts[:0]


def _integers(counts: Any, field: str, row: int | None) -> np.ndarray:
    try:
        values = np.asarray(counts)
    except (TypeError, ValueError) as error:
        raise InputError.at(field, f"is {shortened(counts)}", TODO, row=row) from error
    if values.ndim != 1 or (values.size and values.dtype.kind not in "iu"):
        raise InputError.at(field, f"is {shortened(counts)}", TODO, row=row)
    return values.astype(np.int64)
