"""The estimator of masks: probabilities that regions, in which predictions disagree with the masks, are labelled
wrong."""

from __future__ import annotations

from typing import Any

import numpy as np

from workbench.foundation.progress import step
from workbench.issues.counts import BEYOND_LABELS
from workbench.issues.kinds.contract import Asked, Found
from workbench.issues.masks.judged_regions import LEAST_PLANTED_REGIONS, JudgedRegions, judged_regions
from workbench.issues.masks.region_words import RegionWords, region_kinds
from workbench.issues.spans.span_count import coded
from workbench.tasks.class_names import object_array
from workbench.tasks.mask_predictions import mask_predictions
from workbench.tasks.mask_table import masks_of, sizes_of
from workbench.tasks.region_units import region_units
from workbench.tasks.units import Units

SHARES_APART = 3.0
"""Ratio of the largest to the middle estimate of the number of wrong regions from which it is not identified."""


class MasksEstimator:
    """The estimator of the task "masks"."""

    version = 3

    def judge(self, asked: Asked) -> Found:
        """Estimate P(wrong) for each region of disagreement."""
        dataset = asked.dataset
        table, k = masks_of(dataset.labels), dataset.k
        named = {name: asked.evidence.get(name) for name in ("pred_probs", "predictions", "scores")}
        predictions = mask_predictions(sizes_of(table), k, **named)
        step("regions")
        judged = judged_regions(table, predictions, seed=asked.seed)
        units = region_units(table.n, judged.seen.found, judged.chosen, dataset.classes)
        regions = judged.seen.found.regions.chosen(judged.chosen)
        why = _not_known(asked, judged)
        values = object_array([*dataset.class_values, None])
        kinds = region_kinds(judged)
        says = "out-of-fold" if asked.out_of_fold else "in-sample"
        small = judged.seen.found.regions.chosen(judged.small)
        return Found(
            units,
            judged.p,
            values[regions.given],
            values[regions.predicted],
            judged.p * regions.p_predicted / np.maximum(1 - regions.p_given, regions.p_predicted),
            _interval(judged, why),
            RegionWords(
                judged, kinds, dataset.classes, says, named["pred_probs"] is not None or named["scores"] is not None
            ),
            kind=kinds,
            columns={"area": regions.area.astype(float)},
            values=_values(asked, units, regions.predicted),
            pair=coded(regions.given, regions.predicted),
            identified=not why,
            why=why,
            below=float(small.p_predicted.sum() * (judged.p.mean() if len(judged.p) else 0.0)),
            evidence=", ".join(name for name, one in named.items() if one is not None),
            method=_method(judged),
        )


def _not_known(asked: Asked, judged: JudgedRegions) -> str:
    """Return why the number of wrong regions is not identified; "" if it is."""
    if not asked.out_of_fold:
        return "the model has seen the masks; pass predictions out of fold"
    if not len(judged.p):
        return ""
    if not judged.shares:
        return f"only {judged.planted} regions of planted errors could be made, and {LEAST_PLANTED_REGIONS} are needed"
    low, high = _bounds(judged)
    if any(one.failed for one in judged.shares):
        return "planted errors look like the regions that are there, so they were not learned"
    if high > SHARES_APART * sum(one.many * one.middle for one in judged.shares):
        shares = f"{low / len(judged.p):.0%} to {high / len(judged.p):.0%}"
        return f"estimates of the share of wrong regions go from {shares}"
    return ""


def _interval(judged: JudgedRegions, why: str) -> tuple[float, float]:
    """Return the 95 % interval of the number of wrong regions, or the range if it is not identified."""
    m, expected = len(judged.p), float(judged.p.sum())
    spread = 2 * float(np.sqrt((judged.p * (1 - judged.p)).sum()))
    if not judged.shares or any(one.failed for one in judged.shares):
        return 0.0, min(float(m), BEYOND_LABELS * expected + spread)
    low, high = _bounds(judged)
    low = 0.0 if why else max(low - spread, 0.0)
    return min(low, expected), min(max(high, expected) + spread, float(m))


def _bounds(judged: JudgedRegions) -> tuple[float, float]:
    """Return the smallest and the largest estimate of the number of wrong regions."""
    return sum(one.many * one.low for one in judged.shares), sum(one.many * one.high for one in judged.shares)


def _values(asked: Asked, units: Units, predicted: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return given and suggested values (m,) in the format of the journal."""
    kind, classes = asked.dataset.kind, asked.dataset.classes
    shapes: list[Any] = [] if units.shapes is None else units.shapes.to_pylist()

    def encoded(codes: np.ndarray) -> np.ndarray:
        pairs = zip(codes.tolist(), shapes, strict=True)
        return object_array(kind.encode(kind.value(code, shape, classes)) for code, shape in pairs)

    return encoded(units.given), encoded(predicted)


def _method(judged: JudgedRegions) -> str:
    notes = [f"{len(judged.p):,} regions, and {len(judged.small):,} of one or two pixels that are not judged"]
    if judged.shares:
        notes.append(f"planted errors: {judged.planted:,} regions")
    return "; ".join(notes)
