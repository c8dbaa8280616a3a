"""Repair of a label raster by regions of an image, such as those of SAM or superpixels."""

from __future__ import annotations

from colorsys import hsv_to_rgb
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from workbench.foundation.checks import check_share, check_whole
from workbench.foundation.errors import InputError, MissingEvidence
from workbench.storage.tables import check_target
from workbench.tasks.mask_table import IGNORE
from workbench.vision.image_arrays import check_sizes, label_images

SURE_SHARE = 0.6
"""Smallest share of equal labels around a sure pixel."""


@dataclass(frozen=True)
class Repair:
    """A repaired label raster.

    Attributes
    ----------
    labels : (h, w), in the dtype of the given labels. given : (h, w), the labels before. changed, sure : bool (h, w).
    regions : DataFrame indexed by region: pixels, sure (number of sure pixels), label (majority of their labels, -1
        without a majority), share (of the majority among the sure pixels), changed (number of changed pixels).
    """

    labels: np.ndarray
    given: np.ndarray
    changed: np.ndarray
    sure: np.ndarray
    regions: pd.DataFrame

    def differences(self) -> pd.DataFrame:
        """Return the changed pixels by pair of labels: the columns given, label and pixels, most pixels first."""
        pairs = pd.DataFrame({"given": self.given[self.changed], "label": self.labels[self.changed]})
        counted = pairs.value_counts().rename("pixels").reset_index()
        return counted.sort_values(["pixels", "given", "label"], ascending=[False, True, True], ignore_index=True)

    def preview(self) -> np.ndarray:
        """Return a difference map, uint8 (h, w, 3): changed pixels in the colour of their new label, others gray."""
        names = np.unique(self.labels)
        turns = np.arange(len(names)) * 0.618034 % 1  # golden ratio: neighbouring codes get distant colours
        colors = np.array([hsv_to_rgb(turn, 0.9, 0.9) for turn in turns]) * 255
        grays = np.linspace(90, 230, len(names))[:, None].repeat(3, axis=1)
        place = np.searchsorted(names, self.labels)
        return np.where(self.changed[..., None], colors[place], grays[place]).astype(np.uint8)

    def save(self, path: str | Path, *, force: bool = False) -> None:
        """Write the raster to `path` and the changed pixels beside it, as in labels.png and labels-changed.png.

        The suffix is .npy, .tif (needs the extra "vision"; places on earth are not written), or .png with one byte per
        pixel, 255 = ignored. In the second file, changed pixels are 1 (.npy, .tif) or 255 (.png). `force` replaces
        existing files.

        Raises
        ------
        InputError : another suffix, or codes above 254 for .png
        ExistsError : one of the files exists
        MissingEvidence : tifffile is not installed
        """
        target = check_target(path, force, (".npy", ".png", ".tif"))
        beside = check_target(
            target.with_name(f"{target.stem}-changed{target.suffix}"), force, (target.suffix.lower(),)
        )
        changed = self.changed.astype(np.uint8)
        suffix = target.suffix.lower()
        if suffix == ".npy":
            np.save(target, self.labels)
            np.save(beside, changed)
        elif suffix == ".tif":
            _write_tiff(target, self.labels)
            _write_tiff(beside, changed)
        else:
            if self.labels.max() > 254:
                raise InputError.at("path", f"is a PNG for the code {self.labels.max()}", "Use .npy or .tif.")
            from PIL import Image

            Image.fromarray(np.where(self.labels == IGNORE, 255, self.labels).astype(np.uint8)).save(target)
            Image.fromarray(changed * np.uint8(255)).save(beside)


def repair_by_region(
    labels: Any, regions: Any, *, sure: Any = None, threshold: float = SURE_SHARE, radius: int = 2,
    least_share: float = 0.5, least_sure: int = 3,
) -> Repair:  # fmt: skip
    """Relabel unsure pixels by the majority of the sure labels inside their region.

    Parameters
    ----------
    labels : int (h, w), class codes, -1 = not labelled; such pixels are unsure and can get a label
    regions : int (h, w), number of the region of each pixel, such as segments of SAM or `superpixels`; -1 = in no
        region, such pixels keep their label
    sure : bool (h, w), or float (h, w) in [0, 1], confidence in the given label, of which pixels of at least
        `threshold` are sure; by default the share of equal labels around each pixel
    threshold : in [0, 1]
    radius : pixels, half the size of the window around a pixel in which labels are compared; only without `sure`
    least_share : in [0, 1], smallest share of the majority among the sure pixels of a region
    least_sure : smallest number of sure pixels of a region; regions with fewer are not changed

    Returns
    -------
    Repair, with the labels, the changed pixels, and a table of regions; sure pixels are never changed

    Raises
    ------
    InputError : other shapes or codes, a confidence outside [0, 1], or no region at all

    Notes
    -----
    Without `sure`, a pixel is sure if at least `threshold` of the labelled pixels of the (2 radius + 1)^2 window around
    it have its label: speckle and pixels at borders are unsure, blocks of wrong labels are not. Labels that err in the
    same way in a whole region cannot be repaired.

    References
    ----------
    SAModified: A Foundation Model-Based Zero-Shot Approach for Refining Noisy Land-Use Land-Cover Maps.

    Examples
    --------
    >>> labels, regions = np.zeros((4, 8), int), np.repeat([[0, 1]], 4, axis=1).repeat(4, axis=0).reshape(4, 8)
    >>> labels[:, 4:], labels[1, 1] = 1, 1
    >>> repair_by_region(labels, regions, radius=1, threshold=0.5).differences().values.tolist()
    [[1, 0, 1]]
    """
    given = label_images("labels", labels)[0]
    places = label_images("regions", regions, most=None)[0]
    check_sizes("regions", [places], "labels", [given])
    check_share("threshold", threshold)
    check_share("least_share", least_share)
    known = given != IGNORE
    if sure is None:
        certain = known & (_agreement(given, check_whole("radius", radius, 1)) >= threshold)
    else:
        certain = known & _sure_pixels(sure, given, threshold)
    inside = places != IGNORE
    if not inside.any():
        raise InputError.at("regions", "has no region", "Number the regions from 0.")
    numbers, place = np.unique(places[inside], return_inverse=True)
    k = int(given.max()) + 1
    counted = certain[inside]
    votes = np.zeros((len(numbers), max(k, 1)), np.int64)
    np.add.at(votes, (place[counted], given[inside][counted]), 1)
    total, best = votes.sum(axis=1), votes.argmax(axis=1)
    share = np.divide(votes.max(axis=1), total, out=np.zeros(len(total)), where=total > 0)
    best = np.where((total >= max(least_sure, 1)) & (share >= least_share), best, IGNORE)
    new = given.astype(np.result_type(given.dtype, np.int8)) if not known.all() else given.copy()
    majority = best[place]
    new[inside] = np.where(~counted & (majority != IGNORE), majority, given[inside])
    changed = new != given
    table = pd.DataFrame(
        {
            "pixels": np.bincount(place), "sure": total, "label": best, "share": share,
            "changed": np.bincount(place, weights=changed[inside]).astype(np.int64),
        },
        index=pd.Index(numbers, name="region"),
    )  # fmt: skip
    return Repair(new, given, changed, certain, table)


def superpixels(image: Any, *, size: int = 100, compactness: float = 0.3, rounds: int = 5) -> np.ndarray:
    """Divide an image into regions of similar colour and about equal size.

    Parameters
    ----------
    image : (h, w) or (h, w, channels), numbers
    size : pixels of a region, about
    compactness : > 0, weight of the distance in the image against that of colours; larger values give rounder regions
    rounds : rounds of assignment and update

    Returns
    -------
    int64 (h, w), number of the region of each pixel. A region may consist of several pieces.

    Raises
    ------
    InputError : another shape, values that are not finite, or a `compactness` that is not positive

    Notes
    -----
    Simple linear iterative clustering (Achanta et al. 2012): k-means with centres that start on a grid of step S =
    sqrt(size), on colours divided by the standard deviation of the image and places divided by S / compactness. Each
    pixel is compared with the nine centres around it on the grid. Connectivity is not enforced.
    """
    pixels = np.asarray(image, np.float64)
    if pixels.ndim not in (2, 3) or not pixels.size or not np.isfinite(pixels).all():
        raise InputError.at("image", f"has shape {pixels.shape}", "Pass finite numbers (h, w) or (h, w, channels).")
    if not compactness > 0:
        raise InputError.at("compactness", f"is {compactness!r}", "Use a positive number.")
    step = max(check_whole("size", size, 1) ** 0.5, 1.0)
    pixels = pixels[..., None] if pixels.ndim == 2 else pixels
    h, w = pixels.shape[:2]
    y, x = np.mgrid[:h, :w]
    scale = pixels.reshape(h * w, -1).std(axis=0).mean() or 1.0
    values = np.concatenate([pixels / scale, np.stack([y, x], axis=2) * (compactness / step)], axis=2)
    rows, columns = max(round(h / step), 1), max(round(w / step), 1)
    row, column = np.minimum(y * rows // h, rows - 1), np.minimum(x * columns // w, columns - 1)
    found = row * columns + column
    flat = values.reshape(h * w, -1)
    for _ in range(check_whole("rounds", rounds, 1)):
        number = np.bincount(found.ravel(), minlength=rows * columns)
        sums = [np.bincount(found.ravel(), weights=one, minlength=rows * columns) for one in flat.T]
        centers = np.stack(sums, axis=1) / np.maximum(number, 1)[:, None]
        centers[number == 0] = np.inf
        nearest = np.full((h, w), np.inf)
        for down in (-1, 0, 1):
            for right in (-1, 0, 1):
                near = np.clip(row + down, 0, rows - 1) * columns + np.clip(column + right, 0, columns - 1)
                apart = ((values - centers[near]) ** 2).sum(axis=2)
                found = np.where(apart < nearest, near, found)
                nearest = np.minimum(nearest, apart)
    return np.unique(found, return_inverse=True)[1].reshape(h, w)


def _write_tiff(path: Path, values: np.ndarray) -> None:
    """Write an array (h, w) as TIFF, integers of 64 bits as 32."""
    try:
        import tifffile
    except ImportError as error:
        raise MissingEvidence("TIFF files need tifffile: pip install label-workbench[vision].") from error
    narrow = values.astype(np.int32) if values.dtype.itemsize == 8 else values
    tifffile.imwrite(path, narrow, photometric="minisblack", compression="zlib")


def _agreement(labels: np.ndarray, radius: int) -> np.ndarray:
    """Return the share (h, w) of the labelled pixels in the window around each pixel that have its label."""
    from scipy.ndimage import uniform_filter

    width = 2 * radius + 1
    known = uniform_filter((labels != IGNORE).astype(np.float64), width, mode="constant")
    same = np.zeros(labels.shape)
    for code in np.unique(labels[labels != IGNORE]):
        own = labels == code
        same[own] = uniform_filter(own.astype(np.float64), width, mode="constant")[own]
    return np.divide(same, known, out=np.zeros(labels.shape), where=known > 1e-12)


def _sure_pixels(sure: Any, labels: np.ndarray, threshold: float) -> np.ndarray:
    values = np.asarray(sure)
    if values.shape != labels.shape:
        raise InputError.at("sure", f"has shape {values.shape}, `labels` {labels.shape}", "Pass one value per pixel.")
    if values.dtype == bool:
        return values
    if values.dtype.kind not in "fiu" or not ((values >= 0) & (values <= 1)).all():
        raise InputError.at("sure", "holds values outside [0, 1]", "Pass bool, or a confidence in [0, 1].")
    return values >= threshold
