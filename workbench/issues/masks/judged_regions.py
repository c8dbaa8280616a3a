"""From given masks and predictions to judged regions: P(wrong) by planted errors, and the share of errors."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from workbench.issues.boxes.planted_odds import Examples, in_order_of, learned_odds
from workbench.issues.from_dynamics import normal_scores
from workbench.issues.masks.planting import planted_masks
from workbench.issues.masks.region_features import REGION_FEATURES, Featured, SeenMasks, featured
from workbench.issues.masks.region_shares import MOSTLY_WHOLE, RegionShare, shares_and_probabilities
from workbench.tasks.mask_blocks import blocks
from workbench.tasks.mask_predictions import MaskPredictions
from workbench.tasks.mask_table import MaskTable
from workbench.tasks.region_units import LEAST_AREA

PLANTINGS = 2
"""Number of plantings."""

PLANTED_TILE = 1024
"""Largest side of the tiles in which errors are planted."""

PLANTED_PIXELS = 2**24
"""Largest number of pixels in which errors are planted; of larger data, a random sample of tiles."""

REGION_FOLDS = 3

LEAST_PLANTED_REGIONS = 30
"""Smallest number of regions of planted errors from which they are learned."""

AREA_WEIGHT = 0.5
"""Weight of the plain score beside planted errors in the ranking, in normal scores."""


class JudgedRegions(NamedTuple):
    """Regions with at least `LEAST_AREA` pixels, in the order of `chosen`.

    Attributes
    ----------
    seen : all regions and their features. chosen : (m,) int64, those that are judged. small : the others.
    p : (m,) P(wrong). shares : of wrong regions, among whole objects and among others; empty if too few errors could be
    planted. planted : number of regions of planted errors.
    """

    seen: Featured
    chosen: np.ndarray
    small: np.ndarray
    p: np.ndarray
    shares: tuple[RegionShare, ...]
    planted: int


def judged_regions(table: MaskTable, predictions: MaskPredictions, *, seed: int = 0) -> JudgedRegions:
    """Judge the regions in which predictions disagree with given masks.

    Parameters
    ----------
    table : n given masks. predictions : by models that have not seen the mask of the image.
    """
    frequency = pixel_shares(table, predictions.k)
    seen = featured(_blocks(table, predictions), predictions.k, frequency)
    area = seen.found.regions.area
    chosen, small = np.flatnonzero(area >= LEAST_AREA), np.flatnonzero(area < LEAST_AREA)
    regions, values = seen.found.regions.chosen(chosen), seen.values[chosen]
    plain = (1 - regions.p_given) * np.sqrt(regions.area)
    random = np.random.default_rng(seed)
    fold = random.permutation(table.n) % REGION_FOLDS
    taught = _taught(table, predictions, frequency, random)
    planted = int(taught.planted.sum())
    if planted < LEAST_PLANTED_REGIONS or not len(chosen):
        p = in_order_of(plain, np.clip(1 - regions.p_given, 0.001, 0.99))
        return JudgedRegions(seen, chosen, small, p, (), planted)
    odds, of_planted = learned_odds(taught, values, regions.rows, fold, seed=seed)
    score = normal_scores(odds) + AREA_WEIGHT * normal_scores(plain)
    whole, planted_whole = _whole(values), _whole(taught.features[taught.planted])
    shares, p = shares_and_probabilities(odds, whole, of_planted, planted_whole, score, LEAST_PLANTED_REGIONS)
    return JudgedRegions(seen, chosen, small, p, shares, planted)


def _whole(values: np.ndarray) -> np.ndarray:
    """Return whether regions (m,) are whole objects, by their features."""
    covers = [values[:, REGION_FEATURES.index(name)] for name in ("given_share", "predicted_share")]
    return np.maximum(*covers) >= MOSTLY_WHOLE


def pixel_shares(table: MaskTable, k: int) -> np.ndarray:
    """Return the share (k,) of each class among the labelled pixels; equal shares if there are none."""
    known = table.codes >= 0
    count = np.bincount(table.codes[known], table.lengths[known].astype(float), minlength=k)
    return count / count.sum() if count.sum() else np.full(k, 1 / k)


def _blocks(table: MaskTable, predictions: MaskPredictions) -> Iterator[SeenMasks]:
    for rows, given, top, inner in blocks(table):
        first = top - inner.start
        yield SeenMasks(rows, given, predictions.look(rows, given, top=first), first, inner)


def _taught(
    table: MaskTable, predictions: MaskPredictions, frequency: np.ndarray, random: np.random.Generator
) -> Examples:
    """Plant errors into a sample of tiles, several times; return the features of all regions."""
    features, planted, rows = [], [], []
    for seen in _tiles(table, predictions, random):
        for _ in range(PLANTINGS):
            given = planted_masks(seen.given, frequency, random)
            pixels = predictions.look(seen.rows, given, seen.first, seen.left)
            block = SeenMasks(np.arange(len(given)).tolist(), given, pixels, 0, slice(0, given.shape[1]))
            made = featured([block], predictions.k, frequency)
            regions, changed = made.found.regions, _share_changed(made, given != seen.given)
            keep = regions.area >= LEAST_AREA
            features.append(made.values[keep])
            planted.append(changed[keep] >= 0.5)
            rows.append(np.asarray(seen.rows, np.int64)[regions.rows[keep]])
    if not features:
        return Examples(np.zeros((0, 1)), np.zeros(0, bool), np.zeros(0, np.int64))
    return Examples(np.concatenate(features), np.concatenate(planted), np.concatenate(rows))


class _Tile(NamedTuple):
    """Tiles of one size of g images: images, given (g, h, w), top left corner."""

    rows: list[int]
    given: np.ndarray
    first: int
    left: int


def _tiles(table: MaskTable, predictions: MaskPredictions, random: np.random.Generator) -> Iterator[_Tile]:
    """Yield a random sample of images, and of tiles of large ones, of about `PLANTED_PIXELS` pixels."""
    order = random.permutation(np.flatnonzero(~table.missing))
    small = (table.height[order] <= PLANTED_TILE) & (table.width[order] <= PLANTED_TILE)
    whole, left = order[small], PLANTED_PIXELS
    pixels = table.height[whole] * table.width[whole]
    sample = np.sort(whole[np.cumsum(pixels) <= PLANTED_PIXELS])
    left -= int(table.height[sample] @ table.width[sample])
    for rows, given, _, _ in blocks(table, sample.tolist()):
        yield _Tile(rows, given, 0, 0)
    large = order[~small].tolist()
    places = [(row, y, x) for row in large for y in range(0, int(table.height[row]), PLANTED_TILE)
              for x in range(0, int(table.width[row]), PLANTED_TILE)]  # fmt: skip
    for at in random.permutation(len(places)).tolist():
        row, y, x = places[at]
        given = table.reader(row)(y, min(y + PLANTED_TILE, int(table.height[row])))[:, x : x + PLANTED_TILE]
        left -= given.size
        if left < 0:
            return
        yield _Tile([row], given[None], y, x)


def _share_changed(made: Featured, changed: np.ndarray) -> np.ndarray:
    """Return the share (m,) of the pixels of each region that planting changed; changed : (g, h, w) bool."""
    h, w = changed.shape[1:]
    runs = made.found.runs
    total = np.concatenate([[0], np.cumsum(changed.ravel(), dtype=np.int64)])
    begin = (runs.rows.astype(np.int64) * h + runs.y) * w + runs.x0
    inside = total[begin + runs.x1 - runs.x0] - total[begin]
    area = made.found.regions.area
    return np.bincount(made.found.which, inside, minlength=len(area)) / np.maximum(area, 1)
