"""Predicted boxes of several decoder stages or checkpoints: read from any form, stored in a run as a table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from workbench.foundation.errors import InputError
from workbench.tasks.box_evidence import PREDICTED_BOXES, predictions_of
from workbench.tasks.box_table import BOX
from workbench.tasks.evidence_forms import VECTOR, EvidenceForm, typed_column
from workbench.tasks.scored_boxes import ScoredBoxes

STAGE_COLUMN = "stage"

STAGE_LIST = "Pass a list with the predictions of each stage, in the order of the stages, each as for `predictions`."

_STAGE_TYPES: dict[str, pa.DataType] = {
    "row": pa.int64(),
    **dict.fromkeys(BOX.names, pa.float64()),
    "label": pa.int32(),
}
_STAGE_TYPES |= {"score": pa.float64(), "class_scores": VECTOR}


def stages_of(dataset: Any, stages: Any) -> list[ScoredBoxes]:
    """Return the predictions of each stage for a data set of boxes.

    Parameters
    ----------
    dataset : Dataset of the task "boxes".
    stages : predictions of at least two decoder stages or checkpoints, in their order, each as for `predictions_of`; or
        a DataFrame of predictions with a column "stage", a number that is larger for later stages.

    Raises
    ------
    InputError : fewer than two stages, or an invalid entry; the message names the stage, the row and the object.
    """
    if isinstance(stages, pd.DataFrame):
        stages = _of_table(stages)
    if isinstance(stages, (str, bytes, Mapping)) or not hasattr(stages, "__len__"):
        raise InputError.at("stages", f"is a {type(stages).__name__}", STAGE_LIST)
    if len(stages) < 2:
        raise InputError.at("stages", f"has {len(stages)} entries", "Pass the predictions of at least two stages.")
    found = []
    for number, predictions in enumerate(stages):
        try:
            found.append(predictions_of(dataset, predictions))
        except InputError as error:
            raise InputError(f"`stages` {number}: {error}") from error
    return found


def _of_table(frame: pd.DataFrame) -> list[pd.DataFrame]:
    if STAGE_COLUMN not in frame.columns:
        raise InputError.at("stages", f"has no column {STAGE_COLUMN!r}", STAGE_LIST)
    number = pd.to_numeric(frame[STAGE_COLUMN], errors="coerce")
    if number.isna().any():
        row = int(np.flatnonzero(number.isna())[0])
        raise InputError.at("stages", "has no number as stage", "Number the stages in their order.", row=row)
    return [frame[(number == one).to_numpy()] for one in np.unique(number)]


def _stored(dataset: Any, stages: Any) -> pa.Table:
    """One row per stage, whose columns are lists of the values that `PREDICTED_BOXES` stores; no scores of the classes
    are null."""
    tables = [PREDICTED_BOXES.store(dataset, one) for one in stages_of(dataset, stages)]
    columns = {}
    for name, kind in _STAGE_TYPES.items():
        parts = [typed_column(one, name, kind) if name in one.column_names else None for one in tables]
        ends = np.cumsum([0, *(0 if part is None else len(part) for part in parts)])
        values = pa.concat_arrays([pa.array([], kind), *(part for part in parts if part is not None)])
        none = pa.array([part is None for part in parts])
        columns[name] = pa.ListArray.from_arrays(pa.array(ends, pa.int32()), values, type=pa.list_(kind), mask=none)
    return pa.table(columns)


def _restored(dataset: Any, table: pa.Table) -> list[ScoredBoxes]:
    lists = {name: typed_column(table, name, pa.list_(kind)) for name, kind in _STAGE_TYPES.items()}
    found = []
    for stage in range(table.num_rows):
        columns = {name: column[stage].values for name, column in lists.items() if column[stage].is_valid}
        found.append(PREDICTED_BOXES.restore(dataset, pa.table(columns)))
    return found


PREDICTED_STAGES = EvidenceForm(_stored, _restored)
"""How a run stores the predicted boxes of several stages."""
