"""Validate evidence that a user stores in a run, and convert it to the stored form."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from workbench.data.dataset import Dataset
from workbench.data.inputs import warn_if_permuted
from workbench.foundation.checks import check_embeddings
from workbench.foundation.errors import InputError, first_few
from workbench.storage.evidence_tables import MOST_EVIDENCE_COLUMNS, write_evidence
from workbench.storage.layout import Layout
from workbench.storage.provenance import Provenance


def check_predictions(dataset: Dataset, values: np.ndarray) -> None:
    """Raise InputError unless `values` are predictions for this kind of label; the message names the id of the row."""
    try:
        dataset.kind.check_predictions(values, dataset.n, dataset.classes)
    except InputError as error:
        raise error.with_id(dataset.ids) from None


def predictions_to_store(dataset: Dataset, name: str, values: Any) -> np.ndarray:
    """Return predictions in the stored form, float32 (n, width).

    Parameters
    ----------
    name : "pred_probs" or "predictions", the name under which they are stored.

    Raises
    ------
    InputError : invalid for this kind of label, or this kind stores its predictions under the other name.

    Warns
    -----
    UserWarning : the columns seem to be in a different order from the classes.
    """
    kind = dataset.kind
    if kind.stored != name:
        stored = f"`{kind.stored}`" if kind.stored else "no predictions"
        found = f"is {dataset.task!r}, for which a run stores {stored}"
        todo = "Pass predictions to `find_issues` with the run."
        if kind.evidence_forms:
            todo = f"Save its evidence with `run.save_evidence`: {first_few(list(kind.evidence_forms), 9)}."
        raise InputError.at("task", f"{found}, not `{name}`", todo)
    values = np.asarray(values, dtype=np.float32)
    values = values[:, None] if values.ndim == 1 and name == "predictions" else values
    check_predictions(dataset, values)
    if kind.one_class and dataset.n:
        warn_if_permuted("pred_probs", values, dataset.given_labels, dataset.classes)
    return values


def embeddings_to_store(dataset: Dataset, values: Any) -> np.ndarray:
    """Return embeddings in the stored form, float16 (n, d); numbers beyond its range are clipped.

    Raises
    ------
    InputError : not one row of numbers per example, or infinity.
    """
    values = check_embeddings(np.asarray(values), dataset.n)
    infinite = np.isinf(values).any(axis=1)
    if infinite.any():
        row = int(np.flatnonzero(infinite)[0])
        raise InputError.at("embeddings", "holds infinity", "Check the layer.", row=row, id=dataset.ids[row])
    limit = np.finfo(np.float16).max
    return np.ascontiguousarray(np.clip(values, -limit, limit), np.float16)


def save_tables(
    layout: Layout, dataset: Dataset, given: Mapping[str, Any], *, source: str = "", saw_labels: bool | None = None
) -> None:
    """Validate evidence by name, and write it; nothing is written if any of it is invalid.

    Raises
    ------
    InputError : the kind of label does not store one of the names, the values are not valid for it, or a table has more
        than 5,000 columns.
    """
    forms = dataset.kind.evidence_forms
    for name in given:
        if name not in forms:
            todo = f"The labels are of the task {dataset.task!r}."
            if not forms:
                found = f"is {dataset.task!r}, for which a run stores no tables of evidence"
                raise InputError.at("task", found, "Pass evidence to `find_issues` with the run.")
            raise InputError.unknown("evidence", name, forms, todo)
    tables = {name: forms[name].store(dataset, values) for name, values in given.items()}
    for name, table in tables.items():
        if table.num_columns > MOST_EVIDENCE_COLUMNS:
            found = f"has {table.num_columns:,} columns, and a run stores at most {MOST_EVIDENCE_COLUMNS:,}"
            raise InputError.at(name, found, "Leave out some.")
    for name, table in tables.items():
        write_evidence(layout, name, table, Provenance("evidence", "user", source, saw_labels=saw_labels))
