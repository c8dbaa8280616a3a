"""Plant bad outlines into masks: moved, too small, too large, cut in half, merged with a neighbour."""

from __future__ import annotations

import numpy as np

from workbench.issues.boxes.matched_boxes import GivenBoxes
from workbench.tasks.class_names import object_array
from workbench.tasks.instance_masks import FullMask, cut_masks
from workbench.tasks.mask_runs import mask_ious
from workbench.tasks.run_lengths import decode_runs, encode_runs

LEAST_SPOILED, MOST_SPOILED = 0.1, 0.75
"""IoU with the mask as it was, between which a planted outline lies."""

MOST_SPOILED_PIXELS = 1_000_000
"""Area of the box up to which outlines are changed; larger masks are only moved."""

OUTLINE_TRIES = 4

SPOILED_WAYS = 5


def spoiled_outlines(
    given: GivenBoxes, at: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return places (a, 4) and masks (a,) of the instances `at` with planted outlines, and which succeeded, (a,) bool;
    the others are unchanged."""
    assert given.masks is not None
    places, masks = given.places[at].copy(), given.masks[at].copy()
    done = np.zeros(len(at), bool)
    neighbour = _neighbours(given, at)
    for _ in range(OUTLINE_TRIES):
        left = np.flatnonzero(~done)
        if not len(left):
            break
        tried, texts = _tried(given, at[left], neighbour[left], rng)
        every = np.arange(len(left))
        iou = mask_ious(every, every, tried, texts, given.places[at[left]], given.masks[at[left]])
        good = (iou > LEAST_SPOILED) & (iou < MOST_SPOILED)
        places[left[good]], masks[left[good]] = tried[good], texts[good]
        done[left[good]] = True
    return places, masks, done


def _neighbours(given: GivenBoxes, at: np.ndarray) -> np.ndarray:
    """Return for each instance another one of its image, the next or the one before, -1 if it is alone."""
    last = len(given.rows) - 1
    after, before = np.minimum(at + 1, last), np.maximum(at - 1, 0)
    found = np.where((given.rows[after] == given.rows[at]) & (after != at), after, before)
    return np.where((given.rows[found] == given.rows[at]) & (found != at), found, -1)


def _tried(
    given: GivenBoxes, at: np.ndarray, neighbour: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Return places (a, 4) and masks (a,) of one attempt each."""
    assert given.masks is not None
    way = rng.integers(0, SPOILED_WAYS, len(at))
    sides = given.places[at, 2:] - given.places[at, :2]
    shift = np.round(rng.uniform(-0.6, 0.6, (len(at), 2)) * sides)
    places, masks = given.places[at] + np.tile(shift, 2), given.masks[at].copy()
    amount = rng.uniform(0.06, 0.3, len(at))
    changed, corners, made = [], [], []
    for number in np.flatnonzero((way > 0) & (sides.prod(axis=1) <= MOST_SPOILED_PIXELS)).tolist():
        one = int(at[number])
        if way[number] == 4:
            mask, corner = _merged(given, one, int(neighbour[number]))
        else:
            mask, corner = _reshaped(given, one, int(way[number]), float(amount[number]))
        if mask is not None and mask.any():
            changed.append(number)
            corners.append(corner)
            made.append(FullMask(encode_runs(mask), *mask.shape))
    if changed:
        boxes, texts = cut_masks(made)
        places[changed] = boxes + np.tile(np.array(corners, float), 2)
        masks[changed] = object_array(texts)
    return places, masks


def _pixels(given: GivenBoxes, one: int) -> np.ndarray:
    """Return the mask of an instance in its box, (h, w) bool."""
    assert given.masks is not None
    width, height = (given.places[one, 2:] - given.places[one, :2]).astype(int).tolist()
    return decode_runs(given.masks[one], height, width)


def _reshaped(given: GivenBoxes, one: int, way: int, amount: float) -> tuple[np.ndarray | None, tuple[float, float]]:
    """Return a mask that is eroded (1), grown (2) or cut in half along its longer side (3), and the corner x0, y0 of
    its raster; `amount` is the change as a share of the root of the area."""
    from scipy.ndimage import binary_dilation, binary_erosion

    mask = _pixels(given, one)
    x0, y0 = given.places[one, :2].tolist()
    if way == 3:
        axis = int(mask.shape[1] > mask.shape[0])
        lines = np.cumsum(mask.sum(axis=1 - axis))
        middle = int(np.searchsorted(lines, lines[-1] / 2)) + 1 if len(lines) else 0
        kept = mask.copy()
        kept[(slice(None), slice(middle, None)) if axis else slice(middle, None)] = False
        return kept, (x0, y0)
    steps = max(round(amount * float(mask.sum()) ** 0.5), 1)
    if way == 1:
        return binary_erosion(np.pad(mask, 1), iterations=min(steps, 20))[1:-1, 1:-1], (x0, y0)
    around = min(steps, 20)
    return binary_dilation(np.pad(mask, around), iterations=around), (x0 - around, y0 - around)


def _merged(given: GivenBoxes, one: int, other: int) -> tuple[np.ndarray | None, tuple[float, float]]:
    """Return the union of two masks and the corner x0, y0 of its raster; None without a second one nearby."""
    if other < 0:
        return None, (0.0, 0.0)
    places = given.places[[one, other]].astype(int)
    x0, y0 = places[:, :2].min(axis=0).tolist()
    x1, y1 = places[:, 2:].max(axis=0).tolist()
    if (x1 - x0) * (y1 - y0) > MOST_SPOILED_PIXELS:
        return None, (0.0, 0.0)
    mask = np.zeros((y1 - y0, x1 - x0), bool)
    for number, place in zip((one, other), places.tolist()):
        mask[place[1] - y0 : place[3] - y0, place[0] - x0 : place[2] - x0] |= _pixels(given, number)
    return mask, (float(x0), float(y0))
