"""Predicted instances of a data set: read from any form, stored in a run as a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from workbench.foundation.cells import is_missing
from workbench.foundation.errors import InputError, shortened
from workbench.tasks.box_evidence import PREDICTED_BOXES, columns_by_image
from workbench.tasks.box_reading import LABELS_KEY, MASKS_KEY
from workbench.tasks.box_table import BOX, MASK_FIELD
from workbench.tasks.class_names import object_array
from workbench.tasks.evidence_forms import EvidenceForm, text_column, typed_column
from workbench.tasks.instance_masks import ONE_MASK_FORMS, refuse_masks
from workbench.tasks.instance_reading import (
    BOXES_KEY,
    INSTANCE_FORMS,
    INSTANCES_KEY,
    MASK_NAMES,
    OwnInstances,
    joined_masks,
    own_instances,
)
from workbench.tasks.scored_boxes import CLASS_SCORES_KEY, SCORES_KEY, ScoredBoxes, read_predictions

SCORED_INSTANCES = (
    'Pass n dicts {"masks": p masks, "scores": (p,), "labels": (p,)} or {"masks", "class_scores": (p, k)}, n lists of '
    f"(mask, class, score), or a DataFrame with the columns image, {MASK_FIELD}, label and score. {ONE_MASK_FORMS}"
)

MASK_COLUMNS = (MASK_FIELD, "segmentation")
"""Columns of a table of predictions that are taken as the mask."""


def instances_of(dataset: Any, predictions: Any) -> ScoredBoxes:
    """Return the predicted instances for a data set of instances.

    Parameters
    ----------
    dataset : Dataset of the task "instances".
    predictions : n dicts {"masks": p masks, "scores": (p,), "labels": (p,)}, in which scores of all classes
        "class_scores" (p, k) may replace or accompany scores and labels; or n lists of (mask, class, score); or a
        DataFrame with one row per instance: the id of its image, its mask, label and score. Masks are as in
        `workbench.tasks.instance_reading.read_instances`. Or `ScoredBoxes` with masks.

    Raises
    ------
    InputError : an invalid entry, or a mask that reaches beyond its image where the metadata say its size; the message
        names the row and the instance.
    """
    if isinstance(predictions, pd.DataFrame):
        predictions = _of_table(dataset, predictions)
    found = read_scored_instances(predictions, dataset.n, dataset.classes)
    dataset.kind.refuse_beyond(found.rows, found.places, dataset.metadata, "predictions")
    return found


def read_scored_instances(predictions: Any, n: int, classes: Sequence[str]) -> ScoredBoxes:
    """Return predicted instances as columns; `predictions` as in `instances_of`, but no table."""
    if isinstance(predictions, ScoredBoxes):
        if predictions.masks is None:
            raise InputError.at("predictions", "has boxes without masks", SCORED_INSTANCES)
        refuse_masks(predictions.masks, predictions.places, predictions.rows)
        return read_predictions(predictions, n, classes, (BOX,))
    if isinstance(predictions, (str, bytes, Mapping)) or not hasattr(predictions, "__len__") or len(predictions) != n:
        many = len(predictions) if hasattr(predictions, "__len__") else type(predictions).__name__
        raise InputError.at("predictions", f"has {many} entries for {n} labels", SCORED_INSTANCES)
    entries = [_entry(one, row) for row, one in enumerate(predictions)]
    places, texts = joined_masks([own for own, _ in entries])
    ends = np.cumsum([own.many for own, _ in entries])
    boxes = np.split(places, ends[:-1]) if n else []
    scored = [{BOXES_KEY: own, **rest} for own, (_, rest) in zip(boxes, entries)]
    masks = object_array(texts)
    found = read_predictions(scored, n, classes, (BOX,))
    refuse_masks(masks, found.places, found.rows)
    return found._replace(masks=masks)


def _entry(one: Any, row: int) -> tuple[OwnInstances, dict[str, Any]]:
    """Return the instances of one image, and the other entries of its dict: labels, scores, class scores."""
    if one is None or (isinstance(one, (list, tuple)) and not len(one)):
        return OwnInstances([], None, []), {SCORES_KEY: [], LABELS_KEY: []}
    if isinstance(one, (list, tuple)):
        wrong = next((at for at, own in enumerate(one) if not isinstance(own, (list, tuple)) or len(own) != 3), None)
        if wrong is not None:
            found = f"instance {wrong} is {shortened(one[wrong])}"
            raise InputError.at("predictions", found, SCORED_INSTANCES, row=row)
        one = {
            MASKS_KEY: [own[0] for own in one],
            LABELS_KEY: [own[1] for own in one],
            SCORES_KEY: [own[2] for own in one],
        }
    key = next((name for name in MASK_NAMES if name in one), None) if isinstance(one, Mapping) else None
    scored = key is not None and (CLASS_SCORES_KEY in one or {SCORES_KEY, LABELS_KEY} <= set(one))
    if key is None or not scored or INSTANCES_KEY in one:
        found = f"is {shortened(dict(one) if isinstance(one, Mapping) else one)}"
        raise InputError.at("predictions", found, SCORED_INSTANCES, row=row)
    rest = {name: one[name] for name in (SCORES_KEY, LABELS_KEY, CLASS_SCORES_KEY) if one.get(name) is not None}
    masks = one[key]
    if not hasattr(masks, "__len__"):
        raise InputError.at("predictions", f"has the {key} {shortened(masks)}", INSTANCE_FORMS, row=row)
    named = {key: masks, LABELS_KEY: [None] * len(masks)} | ({BOXES_KEY: one[BOXES_KEY]} if BOXES_KEY in one else {})
    own = own_instances(named, row, "predictions")
    assert own is not None
    return own, rest


def _of_table(dataset: Any, frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Return predictions as a dict per example."""
    name = next((one for one in MASK_COLUMNS if one in frame.columns), None)
    if name is None:
        found = f"has no column {MASK_FIELD!r}"
        raise InputError.at("predictions", found, SCORED_INSTANCES)
    numeric, label, images = columns_by_image(dataset, frame, [], SCORED_INSTANCES)
    masks = frame[name].tolist()
    gone = next((row for row, one in enumerate(masks) if is_missing(one)), None)
    if gone is not None:
        raise InputError.at("predictions", "has no mask", SCORED_INSTANCES, row=gone)
    return [
        {
            MASKS_KEY: [masks[at] for at in own.tolist()],
            SCORES_KEY: numeric[own, 0],
            LABELS_KEY: [label[at] for at in own.tolist()],
        }
        for own in images
    ]


def _stored(dataset: Any, predictions: Any) -> pa.Table:
    """The columns of predicted boxes, and the mask of each in its box."""
    found = instances_of(dataset, predictions)
    assert found.masks is not None
    return PREDICTED_BOXES.store(dataset, found).append_column(MASK_FIELD, text_column(found.masks))


def _restored(dataset: Any, table: pa.Table) -> ScoredBoxes:
    masks = typed_column(table, MASK_FIELD, pa.string())
    if masks.null_count:
        raise ValueError("it holds instances without masks")
    found = PREDICTED_BOXES.restore(dataset, table.drop_columns([MASK_FIELD]))
    return instances_of(dataset, found._replace(masks=masks.to_numpy(zero_copy_only=False)))


PREDICTED_INSTANCES = EvidenceForm(_stored, _restored)
"""How a run stores predicted instances."""
