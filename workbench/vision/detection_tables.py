"""Labelled and predicted objects of images, in all forms in which they are passed, as tables."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pyarrow.compute as pc

from workbench.data.dataset import Dataset
from workbench.foundation.errors import InputError, shortened
from workbench.ranking.graded import number_column
from workbench.runs.run import Run
from workbench.tasks import require_task
from workbench.tasks.box_evidence import predictions_of
from workbench.tasks.box_table import MASK_FIELD, box_table_of, more_of
from workbench.tasks.instance_evidence import instances_of
from workbench.tasks.mask_runs import pixel_counts
from workbench.tasks.scored_boxes import ScoredBoxes
from workbench.vision.detections import CORNERS

WHOLE_TODO = (
    "Pass a Run, a Dataset of boxes or instances, n entries of boxes as for `find_issues`, or a DataFrame with the "
    "columns row, x0, y0, x1, y1 and label."
)


class LabelledObjects(NamedTuple):
    """Labelled objects.

    Attributes
    ----------
    table : DataFrame with the columns row, x0, y0, x1, y1, label, crowd and area, and mask for instances.
    images : values of row of the images that have a label; None if these are all that occur.
    classes : names of the classes; None if these are those that occur.
    dataset : to which predictions belong, with rows as numbers of images; None for a table.
    """

    table: pd.DataFrame
    images: np.ndarray | None
    classes: tuple[str, ...] | None
    dataset: Dataset | None


def labelled_objects(labels: Any, field: str = "labels") -> LabelledObjects:
    """Return labels in any form as a table.

    Raises
    ------
    InputError : another kind of labels, a column is missing, a value is not a finite number, or a box has negative size
    """
    if isinstance(labels, pd.DataFrame) and "row" in labels.columns:
        return LabelledObjects(object_table(field, labels, scored=False), None, None, None)
    if not isinstance(labels, (Run, Dataset)):
        if isinstance(labels, (pd.DataFrame, str, bytes)) or not hasattr(labels, "__len__"):
            raise InputError.at(field, f"is a {type(labels).__name__}", WHOLE_TODO)
        labels = Dataset.from_arrays(labels, task="boxes")
    require_task(labels, ("boxes", "instances"), "average precision")
    dataset = labels.extended() if isinstance(labels, Run) else labels
    stored = box_table_of(labels.labels() if isinstance(labels, Run) else dataset.labels)
    places = stored.places
    area = (places[:, 2] - places[:, 0]) * (places[:, 3] - places[:, 1])
    area = area if stored.masks is None else pixel_counts(stored.masks.tolist()).astype(float)
    named = pc.match_substring(stored.more, '"area"').fill_null(False).to_numpy(zero_copy_only=False)
    for place in np.flatnonzero(named).tolist():
        own = more_of(stored.more[place].as_py()).get("area")
        area[place] = own if isinstance(own, (int, float)) else area[place]
    columns = {"row": stored.rows, **dict(zip(CORNERS, places.T))}
    columns |= {"label": np.array(dataset.classes, object)[stored.label], "crowd": stored.crowd, "area": area}
    columns |= {} if stored.masks is None else {MASK_FIELD: stored.masks}
    return LabelledObjects(pd.DataFrame(columns), np.flatnonzero(~stored.missing), dataset.classes, dataset)


def predicted_objects(predictions: Any, labelled: LabelledObjects, field: str = "predictions") -> pd.DataFrame:
    """Return predictions for labels in any form as a table with the columns row, x0, y0, x1, y1, label, score and area,
    and mask for instances."""
    if labelled.dataset is not None and MASK_FIELD in labelled.table.columns:
        seen = instances_of(labelled.dataset, predictions)
        assert seen.masks is not None
        table = _scored_table(field, seen, labelled.dataset)
        return table.assign(area=pixel_counts(seen.masks.tolist()).astype(float), **{MASK_FIELD: seen.masks})
    if isinstance(predictions, pd.DataFrame) and "row" in predictions.columns:
        return object_table(field, predictions, scored=True)
    if labelled.dataset is None:
        wanted = ", ".join(("row", *CORNERS, "label", "score"))
        todo = f"For labels in a DataFrame, pass a DataFrame with the columns {wanted}."
        raise InputError.at(field, f"is a {type(predictions).__name__}", todo)
    return _scored_table(field, predictions_of(labelled.dataset, predictions), labelled.dataset)


def _scored_table(field: str, found: ScoredBoxes, dataset: Dataset) -> pd.DataFrame:
    columns = {"row": found.rows, **dict(zip(CORNERS, found.places.T))}
    columns |= {"label": np.array(dataset.classes, object)[found.label], "score": found.score}
    return object_table(field, pd.DataFrame(columns), scored=True)


def object_table(field: str, source: pd.DataFrame, scored: bool) -> pd.DataFrame:
    """Validate a table of objects; return the columns row, x0, y0, x1, y1, label, crowd, area, and score if there is.

    Raises
    ------
    InputError : a column is missing, a corner is not a finite number, or a box has a negative size.
    """
    wanted = ("row", *CORNERS, "label", *(("score",) if scored else ()))
    for name in wanted:
        if name not in source.columns:
            todo = f"Pass a DataFrame with the columns {', '.join(wanted)}."
            raise InputError.unknown(f"column of `{field}`", name, source.columns, todo)
    found: dict[str, Any] = {"row": source["row"].to_numpy(), "label": source["label"].to_numpy(object)}
    for name in (*CORNERS, *(("score",) if scored else ())):
        found[name] = number_column(field, source, name)
        if np.isnan(found[name]).any():
            place = int(np.flatnonzero(np.isnan(found[name]))[0])
            raise InputError.at(field, f"has no number in {name!r}", "Pass finite numbers.", row=place)
    reversed_box = (found["x1"] < found["x0"]) | (found["y1"] < found["y0"])
    if reversed_box.any():
        place = int(np.flatnonzero(reversed_box)[0])
        box = [float(found[name][place]) for name in CORNERS]
        raise InputError.at(field, f"holds the box {box}", "Corners are x0 <= x1 and y0 <= y1.", row=place)
    missing = pd.isna(found["label"])
    if missing.any():
        place = int(np.flatnonzero(missing)[0])
        raise InputError.at(field, f"has the label {shortened(found['label'][place])}", "Name a class.", row=place)
    size = (found["x1"] - found["x0"]) * (found["y1"] - found["y0"])
    own = not scored and "area" in source.columns
    found["area"] = np.where(np.isnan(area := number_column(field, source, "area")), size, area) if own else size
    marked = not scored and "crowd" in source.columns
    found["crowd"] = source["crowd"].fillna(False).to_numpy(bool) if marked else np.zeros(len(size), bool)
    return pd.DataFrame(found)
