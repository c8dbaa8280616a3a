"""How a run stores the evidence about texts as tables: match scores, vectors, alternatives, known objects."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from workbench.data.dataset import Dataset
from workbench.foundation.errors import InputError
from workbench.issues.texts.evidence import (
    alternative_lists,
    match_of,
    object_cells,
    refuse_columns,
    score_lists,
    vectors_by_row,
)
from workbench.tasks.evidence_forms import EvidenceForm, text_column, typed_column, vector_rows, vectors_column
from workbench.texts.wording import read_objects

NUMBER_LISTS = pa.list_(pa.float64())
TEXT_LISTS = pa.list_(pa.string())
"""Arrow types of a column with numbers, or texts, of each example."""


def _match_table(dataset: Dataset, match: Any) -> pa.Table:
    """One column of float64 per source, or per column of texts if there are several of these."""
    values, sources = match_of(match, dataset.ids, dataset.n, dataset.k, dataset.classes)
    names = dataset.classes if dataset.k > 1 else sources
    if len(set(names)) < len(names):
        raise InputError.at("match", f"has the columns {list(names)}", "Name each source once.")
    text_column(names)
    return pa.table({name: pa.array(values[:, at]) for at, name in enumerate(names)})


def _match(dataset: Dataset, table: pa.Table) -> pd.DataFrame:
    names = table.column_names
    return pd.DataFrame({name: _numbers(typed_column(table, name, pa.float64())) for name in names})


def _vectors_table(dataset: Dataset, vectors: Any) -> pa.Table:
    refuse_columns("text_embeddings", dataset.k)
    return pa.table({"vector": vectors_column(vectors_by_row("text_embeddings", vectors, dataset.ids, dataset.n))})


def _vectors(dataset: Dataset, table: pa.Table) -> np.ndarray:
    return vector_rows(table)


def _alternatives_table(dataset: Dataset, alternatives: Any) -> pa.Table:
    refuse_columns("alternatives", dataset.k)
    listed = alternative_lists(alternatives, dataset.ids)
    return pa.table({"alternatives": pa.array(listed, TEXT_LISTS)})


def _alternatives(dataset: Dataset, table: pa.Table) -> list[list[str] | None]:
    return typed_column(table, "alternatives", TEXT_LISTS).to_pylist()


def _scores_table(dataset: Dataset, scores: Any) -> pa.Table:
    refuse_columns("alternative_match", dataset.k)
    listed = score_lists(scores, dataset.ids)
    return pa.table({"alternative_match": pa.array([one.tolist() for one in listed], NUMBER_LISTS)})


def _scores(dataset: Dataset, table: pa.Table) -> list[list[float] | None]:
    return typed_column(table, "alternative_match", NUMBER_LISTS).to_pylist()


def _objects_table(dataset: Dataset, objects: Any) -> pa.Table:
    """Columns name and confidence, a list of each per example; null if nothing is known of its objects."""
    found = read_objects(object_cells(objects, dataset.ids), dataset.n)
    table = found.confidence
    names, confidences = [], []
    for row, known in enumerate(found.known.tolist()):
        own = slice(int(table.indptr[row]), int(table.indptr[row + 1]))
        names.append([found.names[at] for at in table.indices[own].tolist()] if known else None)
        confidences.append(table.data[own].tolist() if known else None)
    return pa.table({"name": pa.array(names, TEXT_LISTS), "confidence": pa.array(confidences, NUMBER_LISTS)})


def _objects(dataset: Dataset, table: pa.Table) -> list[list[tuple[str, float]] | None]:
    names, numbers = (
        typed_column(table, name, kind).to_pylist()
        for name, kind in (("name", TEXT_LISTS), ("confidence", NUMBER_LISTS))
    )
    return [None if own is None else list(zip(own, values or [], strict=True)) for own, values in zip(names, numbers)]


MATCH = EvidenceForm(_match_table, _match)
TEXT_EMBEDDINGS = EvidenceForm(_vectors_table, _vectors)
ALTERNATIVES = EvidenceForm(_alternatives_table, _alternatives)
ALTERNATIVE_MATCH = EvidenceForm(_scores_table, _scores)
OBJECTS = EvidenceForm(_objects_table, _objects)


def _numbers(column: pa.Array) -> np.ndarray:
    return column.to_numpy(zero_copy_only=False)
