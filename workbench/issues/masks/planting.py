"""Plant errors into masks: objects that are dropped, moved, eroded, grown, cut or of another class, and false blobs."""

from __future__ import annotations

import numpy as np

from workbench.issues.masks.mask_objects import MaskObjects, object_runs, objects_of

PLANTED_RATES = {"drop": 0.06, "move": 0.03, "erode": 0.05, "grow": 0.04, "cut": 0.05, "swap": 0.05}
"""Share of the objects with each planted error."""

BLOB_RATE = 0.2
"""Share of the tiles with a false blob."""

LEAST_OBJECT = 9
"""Number of pixels from which errors are planted into an object."""

ERODED, GROWN, MOVED = 2, 3, 3
"""Pixels by which objects are eroded and grown, and by which they are moved at most along each axis."""


def planted_masks(given: np.ndarray, frequency: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Return masks with planted errors.

    Parameters
    ----------
    given : (g, h, w) int16 class indices, -1 without a label. frequency : (k,) share of each class. MaskObjects are
        connected pixels of any class but the most frequent one, which is the background.
    """
    found = given.copy()
    background = int(np.argmax(frequency))
    objects = objects_of([object_runs(np.arange(len(given)), given)])
    if objects is not None:
        code = objects.runs.code[np.unique(objects.which, return_index=True)[1]]
        usable = np.flatnonzero((code >= 0) & (code != background) & (objects.area >= LEAST_OBJECT))
        kinds = [*PLANTED_RATES, ""]
        shares = [*PLANTED_RATES.values(), 1 - sum(PLANTED_RATES.values())]
        drawn = random.choice(len(kinds), len(usable), p=shares)
        order = np.argsort(objects.which, kind="stable")
        begin = np.searchsorted(objects.which[order], np.arange(len(objects.area) + 1))
        for one, kind in zip(usable[drawn < len(PLANTED_RATES)], drawn[drawn < len(PLANTED_RATES)]):
            own = order[begin[one] : begin[one + 1]]
            _damage(found, given, objects, own, kinds[kind], int(code[one]), background, frequency, random)
    if len(frequency) > 1:
        for tile in found[random.random(len(found)) < BLOB_RATE]:
            _blob(tile, objects, background, frequency, random)
    return found


def _damage(
    found: np.ndarray, given: np.ndarray, objects: MaskObjects, own: np.ndarray, kind: str, code: int, background: int,
    frequency: np.ndarray, random: np.random.Generator,
) -> None:  # fmt: skip
    """Plant an error into one object; `own` are its runs."""
    from scipy.ndimage import binary_dilation, binary_erosion

    runs, (h, w) = objects.runs, given.shape[1:]
    tile = int(runs.rows[own[0]])
    margin = max(GROWN, MOVED) + 1
    top, bottom = max(int(runs.y[own[0]]) - margin, 0), min(int(runs.y[own[-1]]) + 1 + margin, h)
    left, right = max(int(runs.x0[own].min()) - margin, 0), min(int(runs.x1[own].max()) + margin, w)
    inside = np.zeros((bottom - top, right - left), bool)
    for y, x0, x1 in zip(runs.y[own] - top, runs.x0[own] - left, runs.x1[own] - left):
        inside[y, x0:x1] = True
    box = found[tile, top:bottom, left:right]
    around = binary_dilation(inside) & ~inside
    near = box[around & (box >= 0)]
    fill = int(np.bincount(near).argmax()) if len(near) else background
    if kind == "swap":
        box[inside] = _other_class(code, background, frequency, random)
        return
    if kind == "drop":
        new = np.zeros_like(inside)
    elif kind == "move":
        new = np.roll(inside, tuple(random.choice([-MOVED, MOVED - 1, MOVED], 2).tolist()), (0, 1))
    elif kind == "erode":
        new = binary_erosion(inside, iterations=ERODED)
    elif kind == "grow":
        new = binary_dilation(inside, iterations=GROWN)
    else:
        new = inside & _half(inside, random)
    box[inside & ~new] = fill
    box[new & (box >= 0)] = code


def _half(inside: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Return one side of a line through the middle of an object."""
    y, x = np.nonzero(inside)
    angle = random.uniform(0, 2 * np.pi)
    rows, columns = np.mgrid[: inside.shape[0], : inside.shape[1]]
    return (rows - y.mean()) * np.sin(angle) + (columns - x.mean()) * np.cos(angle) > 0


def _other_class(code: int, background: int, frequency: np.ndarray, random: np.random.Generator) -> int:
    share = frequency.copy()
    share[[code, background]] = 0
    if share.sum() <= 0:
        return background
    return int(random.choice(len(share), p=share / share.sum()))


def _blob(
    tile: np.ndarray, objects: MaskObjects | None, background: int, frequency: np.ndarray, random: np.random.Generator
) -> None:
    """Paint a disc of another class onto the background."""
    areas = np.array([30.0]) if objects is None or not len(objects.area) else objects.area
    area = float(np.clip(np.median(areas), 12, tile.size / 16))
    radius = np.sqrt(area / np.pi) * random.uniform(0.5, 1.2)
    cy, cx = random.uniform(0, tile.shape[0]), random.uniform(0, tile.shape[1])
    rows, columns = np.ogrid[: tile.shape[0], : tile.shape[1]]
    disc = (rows - cy) ** 2 + (columns - cx) ** 2 < radius**2
    tile[disc & (tile == background)] = _other_class(background, background, frequency, random)
