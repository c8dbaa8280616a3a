"""Polygons of scene text that cover two instances or miss a part of one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from workbench.foundation.checks import check_share
from workbench.foundation.errors import InputError
from workbench.tasks.run_lengths import decode_runs, from_polygons

CROWDED_PIXELS = 4
EXTREME_ASPECT = 8.0


def polygon_issues(
    polygons: Sequence[Any], predicted: Sequence[Any], size: tuple[int, int], *, least_inside: float = 0.6,
    least_missed: float = 0.25, gap: float = CROWDED_PIXELS, aspect: float = EXTREME_ASPECT,
) -> pd.DataFrame:  # fmt: skip
    """Compare the given polygons of an image with predicted ones: does one cover two instances, or miss part of one?

    Parameters
    ----------
    polygons : m flat lists x, y, x, y, ... in pixels, the labels of one image
    predicted : p such lists, instances of a text detector, or bool masks (h, w)
    size : height and width of the image
    least_inside : in [0, 1], share of a predicted instance inside a polygon from which the polygon covers it
    least_missed : in [0, 1], share of a predicted instance outside of its polygon from which a part is missed
    gap : pixels; polygons that are closer to another one are crowded
    aspect : at least 1; polygons that are longer in relation to their width are extreme

    Returns
    -------
    DataFrame, one row per polygon
        kind : "merged" (it covers at least two instances), "part" (it misses a part of one), "unseen" (no predicted
            instance overlaps it) or ""
        instances : list of the predicted instances that it covers
        missed : float64 in [0, 1], largest share of an instance that lies outside, among those that overlap no other
            polygon more
        length_to_width : float64, from the second moments of its pixels
        crowded, extreme : bool, where such errors are most likely
        pixels : int64

    Raises
    ------
    InputError : a polygon without three points or beyond any image, or masks of another size

    Notes
    -----
    The detector is taken as the reference: where it merges two lines itself, a merged polygon is not found. A polygon
    of a block of text is "merged" by definition if the detector predicts lines.

    References
    ----------
    Mask is All You Need: Rethinking Mask R-CNN for Dense and Arbitrary-Shaped Scene Text Detection.
    """
    for name, value in (("least_inside", least_inside), ("least_missed", least_missed)):
        check_share(name, value)
    given, seen = _filled("polygons", polygons, size), _filled("predicted", predicted, size)
    both = np.array([(given & one).sum(axis=(1, 2)) for one in seen]).reshape(len(seen), len(given)).T
    area = seen.sum(axis=(1, 2))
    inside = np.divide(both, area, out=np.zeros(both.shape), where=area > 0)
    covered = inside >= least_inside
    owner = inside.argmax(axis=0) if len(given) else np.zeros(len(seen), int)
    close = _crowded(given, gap)
    rows = []
    for row, mask in enumerate(given):
        own = (owner == row) & (inside[row] > 0) if len(seen) else np.zeros(0, bool)
        missed = float((1 - inside[row][own]).max()) if own.any() else 0.0
        number = int(covered[row].sum())
        kind = "merged" if number > 1 else "unseen" if not both[row].any() else "part" if missed >= least_missed else ""
        longer = _aspect(mask)
        rows.append(
            {
                "kind": kind, "instances": np.flatnonzero(covered[row]).tolist(), "missed": missed,
                "length_to_width": longer, "crowded": bool(close[row]), "extreme": longer > aspect,
                "pixels": int(mask.sum()),
            }
        )  # fmt: skip
    return pd.DataFrame(
        rows, columns=["kind", "instances", "missed", "length_to_width", "crowded", "extreme", "pixels"]
    )


def _filled(field: str, polygons: Sequence[Any], size: tuple[int, int]) -> np.ndarray:
    """Return the pixels inside of each polygon or mask, bool (m, h, w)."""
    h, w = int(size[0]), int(size[1])
    masks = np.zeros((len(polygons), h, w), bool)
    for row, one in enumerate(polygons):
        if np.ndim(one) == 2 and np.asarray(one).dtype == bool:
            if np.shape(one) != (h, w):
                raise InputError.at(field, f"has shape {np.shape(one)}", f"Pass masks of {h} x {w} pixels.", row=row)
            masks[row] = one
        else:
            masks[row] = decode_runs(from_polygons([np.ravel(one)], h, w, field, row), h, w)
    return masks


def _crowded(masks: np.ndarray, gap: float) -> np.ndarray:
    """Return whether another mask is closer than `gap` pixels, bool (m,)."""
    from scipy.ndimage import distance_transform_edt

    close = np.zeros(len(masks), bool)
    total = masks.sum(axis=0)
    for row, mask in enumerate(masks):
        others = total - mask > 0
        if mask.any() and others.any():
            close[row] = float(np.asarray(distance_transform_edt(~others))[mask].min()) <= gap
    return close


def _aspect(mask: np.ndarray) -> float:
    """Return the ratio of the standard deviations of the pixels along and across the main direction; 1 if too few."""
    places = np.argwhere(mask)
    if len(places) < 3:
        return 1.0
    across, along = np.linalg.eigvalsh(np.cov(places.T, bias=True) + np.eye(2) / 12)  # a pixel has the variance 1 / 12
    return float(np.sqrt(along / across))
