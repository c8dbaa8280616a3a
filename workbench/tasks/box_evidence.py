"""Predicted boxes and points of a data set: read from any form, stored in a run as a table."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from workbench.foundation.errors import InputError, first_few, shortened
from workbench.tasks.box_frames import IMAGE_COLUMNS, corner_columns
from workbench.tasks.box_table import BOX, POINT, PlaceForm, form_of
from workbench.tasks.evidence_forms import VECTOR, EvidenceForm, typed_column, vectors_column
from workbench.tasks.scored_boxes import ScoredBoxes, read_predictions

SCORE_COLUMNS = ("score", "p", "confidence")
"""Columns of a table of predictions that are taken as the score."""

PREDICTED_TABLE = "Pass a DataFrame with the columns image, x0, y0, x1, y1, label and score, one row per predicted box."


def predictions_of(dataset: Any, predictions: Any) -> ScoredBoxes:
    """Return the predictions for a data set of boxes or points.

    Parameters
    ----------
    dataset : Dataset of the task "boxes" or "points". For points, boxes may be predicted.
    predictions : as in `workbench.tasks.scored_boxes.read_predictions`, or a DataFrame with one row per predicted
        object: the id of its image (a column of the name that the data set's ids had, or "image", "id"), its position,
        label and score. Images without predictions have no row.

    Raises
    ------
    InputError : an invalid entry; the message names the row and the object, or the row of the table.
    """
    forms = (BOX,) if dataset.kind.form.has_sides else (POINT, BOX)
    if isinstance(predictions, pd.DataFrame):
        predictions = _of_table(dataset, predictions, forms)
    return read_predictions(predictions, dataset.n, dataset.classes, forms)


def _of_table(dataset: Any, frame: pd.DataFrame, forms: tuple[PlaceForm, ...]) -> list[dict[str, Any]]:
    """Return predictions as a dict per example."""
    form, names = next(((one, names) for one in forms if (names := corner_columns(frame, one))), (None, ()))
    if form is None:
        raise InputError.at("predictions", f"has the columns {first_few(list(frame.columns), 12)}", PREDICTED_TABLE)
    numeric, label, images = columns_by_image(dataset, frame, names, PREDICTED_TABLE)
    return [
        {form.keys[0]: numeric[own, :-1], "scores": numeric[own, -1], "labels": [label[at] for at in own.tolist()]}
        for own in images
    ]


def columns_by_image(
    dataset: Any, frame: pd.DataFrame, names: Sequence[str], todo: str
) -> tuple[np.ndarray, list[Any], list[np.ndarray]]:
    """Return the columns `names` and the score (p, d + 1) float64 of a table of predictions, its classes (p,), and the
    rows of the table of each image.

    Raises
    ------
    InputError : a column is missing, an image is unknown, or a number is not one; `todo` says what to pass.
    """
    ids = next((one for one in (dataset.column_of.get("id"), *IMAGE_COLUMNS) if one in frame.columns), None)
    score = next((one for one in SCORE_COLUMNS if one in frame.columns), None)
    if ids is None or score is None or "label" not in frame.columns:
        raise InputError.at("predictions", f"has the columns {first_few(list(frame.columns), 12)}", todo)
    rows = _rows_of(dataset, frame[ids])
    if (rows < 0).any():
        row = int(np.flatnonzero(rows < 0)[0])
        found = f"names the image {shortened(frame[ids].iat[row])}"
        raise InputError.at("predictions", found, f"Ids are such as {dataset.ids[0]!r}.", row=row)
    numeric = frame[[*names, score]].apply(pd.to_numeric, errors="coerce").to_numpy(np.float64, na_value=np.nan)
    if np.isnan(numeric).any():
        row, column = (int(one[0]) for one in np.nonzero(np.isnan(numeric)))
        value = frame[[*names, score][column]].iat[row]
        raise InputError.at("predictions", f"holds {shortened(value)} as a number", todo, row=row)
    order = np.argsort(rows, kind="stable")
    ends = np.searchsorted(rows[order], np.arange(dataset.n + 1))
    return numeric, frame["label"].tolist(), [order[first:last] for first, last in pairwise(ends)]


def _rows_of(dataset: Any, ids: pd.Series) -> np.ndarray:
    """Return the row of each id, -1 if unknown; ids of a file may be text where those of the data set are numbers, and
    the other way round."""
    rows = dataset.index.get_indexer(pd.Index(ids))
    if (rows >= 0).all():
        return rows
    other = ids.astype(str) if dataset.ids.dtype == object else pd.to_numeric(ids, errors="coerce")
    converted = dataset.index.get_indexer(pd.Index(other))
    return converted if (converted >= 0).sum() > (rows >= 0).sum() else rows


def _stored(dataset: Any, predictions: Any) -> pa.Table:
    """Columns row, those of the position, label, score, and class_scores if there are any."""
    found = predictions_of(dataset, predictions)
    names = form_of(found.places).names
    columns: dict[str, Any] = {"row": pa.array(found.rows, pa.int64())}
    columns |= {name: pa.array(np.ascontiguousarray(found.places[:, at])) for at, name in enumerate(names)}
    columns |= {"label": pa.array(found.label, pa.int32()), "score": pa.array(found.score, pa.float64())}
    if found.class_scores is not None:
        columns["class_scores"] = vectors_column(found.class_scores)
    return pa.table(columns)


def _restored(dataset: Any, table: pa.Table) -> ScoredBoxes:
    form = BOX if set(BOX.names) <= set(table.column_names) else POINT
    types = {"row": pa.int64(), **dict.fromkeys(form.names, pa.float64()), "label": pa.int32(), "score": pa.float64()}
    columns = {name: typed_column(table, name, kind) for name, kind in types.items()}
    if any(column.null_count for column in columns.values()):
        raise ValueError("it holds nulls")
    own = {name: column.to_numpy(zero_copy_only=False) for name, column in columns.items()}
    scores = None
    if "class_scores" in table.column_names:
        vectors = typed_column(table, "class_scores", VECTOR)
        lengths = np.diff(vectors.offsets.to_numpy())
        if vectors.null_count or (lengths != len(dataset.classes)).any():
            raise ValueError(f"its class_scores do not have {len(dataset.classes)} entries each")
        scores = vectors.flatten().to_numpy(zero_copy_only=False).reshape(len(vectors), len(dataset.classes))
    places = np.stack([own[name] for name in form.names], axis=1)
    found = ScoredBoxes(own["row"], places, own["label"].astype(np.int64), own["score"], scores)
    return predictions_of(dataset, found)


PREDICTED_BOXES = EvidenceForm(_stored, _restored)
"""How a run stores predicted boxes or points."""
