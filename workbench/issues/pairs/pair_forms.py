"""How a run stores the evidence about graded pairs: scores, votes, texts and vectors of items, as tables."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from workbench.data.dataset import Dataset
from workbench.foundation.errors import InputError
from workbench.issues.pairs.pair_evidence import (
    EVIDENCE_TODO,
    ids_as_text,
    item_texts_of,
    matched_pairs,
    pair_numbers,
    query_texts,
    relevant_code,
    vectors_of,
)
from workbench.tasks.class_names import object_array
from workbench.tasks.evidence_forms import EvidenceForm, text_column, typed_column, vector_rows, vectors_column

PAIR_COLUMNS = ("query", "item")
"""Columns that name a pair."""


def _scores_table(dataset: Dataset, scores: Any) -> pa.Table:
    """Columns query and item (text), and one of float64 per ranker; only queries of the data set."""
    keys, frame = _long("scores", dataset, scores)
    values = pair_numbers("scores", frame, dataset)
    return pa.table(keys | {name: pa.array(values[:, at]) for at, name in enumerate(frame.columns)})


def _scores(dataset: Dataset, table: pa.Table) -> pd.DataFrame:
    keys = _keys(table)
    own = [name for name in table.column_names if name not in keys]
    return pd.DataFrame(
        keys | {name: typed_column(table, name, pa.float64()).to_numpy(zero_copy_only=False) for name in own}
    )


def _votes_table(dataset: Dataset, votes: Any) -> pa.Table:
    """Columns query and item (text), and one with names of grades per voter, null without a vote."""
    keys, frame = _long("votes", dataset, votes)
    codes = pair_numbers("votes", frame, dataset)
    names = object_array([*dataset.classes, None])
    said = names[np.where(np.isnan(codes), dataset.k, codes).astype(np.int64)]
    return pa.table(keys | {name: text_column(said[:, at]) for at, name in enumerate(frame.columns)})


def _votes(dataset: Dataset, table: pa.Table) -> pd.DataFrame:
    keys = _keys(table)
    value_of = dict(zip(dataset.classes, dataset.class_values, strict=True)) | {None: None}
    found = dict(keys)
    for name in table.column_names:
        if name not in keys:
            said = typed_column(table, name, pa.string()).to_pylist()
            found[name] = object_array(value_of.get(one, one) for one in said)
    return pd.DataFrame(found)


def _texts_table(dataset: Dataset, texts: Any) -> pa.Table:
    return pa.table({"text": text_column(query_texts(dataset, texts))})


def _texts(dataset: Dataset, table: pa.Table) -> list[str]:
    return typed_column(table, "text", pa.string()).to_pylist()


def _item_texts_table(dataset: Dataset, texts: Any) -> pa.Table:
    found = item_texts_of(texts)
    return pa.table({"item": text_column(found), "text": text_column(found.values())})


def _item_texts(dataset: Dataset, table: pa.Table) -> dict[str, str]:
    return dict(zip(*(typed_column(table, name, pa.string()).to_pylist() for name in ("item", "text")), strict=True))


def _vectors_table(dataset: Dataset, embeddings: Any) -> pa.Table:
    names, values = vectors_of(embeddings)
    return pa.table({"item": text_column(names), "vector": vectors_column(values)})


def _vectors(dataset: Dataset, table: pa.Table) -> pd.DataFrame:
    return pd.DataFrame(vector_rows(table), index=typed_column(table, "item", pa.string()).to_pylist())


def _relevant_table(dataset: Dataset, relevant: Any) -> pa.Table:
    return pa.table({"grade": [dataset.classes[relevant_code(dataset, relevant)]]})


def _relevant(dataset: Dataset, table: pa.Table) -> Any:
    return dataset.class_values[dataset.classes.index(typed_column(table, "grade", pa.string())[0].as_py())]


RANKER_SCORES = EvidenceForm(_scores_table, _scores)
GRADE_VOTES = EvidenceForm(_votes_table, _votes)
QUERY_TEXTS = EvidenceForm(_texts_table, _texts)
ITEM_TEXTS = EvidenceForm(_item_texts_table, _item_texts)
ITEM_EMBEDDINGS = EvidenceForm(_vectors_table, _vectors)
RELEVANT = EvidenceForm(_relevant_table, _relevant)


def _long(name: str, dataset: Dataset, frame: Any) -> tuple[dict[str, pa.Array], pd.DataFrame]:
    """Return the columns query and item of a table about the data set's queries, and its other columns."""
    pairs, rest = matched_pairs(name, frame, dataset, [])
    columns = [str(one) for one in rest.columns]
    text_column(columns)
    named = [*PAIR_COLUMNS, *columns]
    if len(set(named)) < len(named):
        twice = next(one for one in named if named.count(one) > 1)
        raise InputError.at(name, f"has two columns named {twice!r}", EVIDENCE_TODO[name])
    ids = ids_as_text(dataset)
    rows, items = [row for row, _ in pairs], [item for _, item in pairs]
    return {"query": text_column(ids[row] for row in rows), "item": text_column(items)}, rest.set_axis(columns, axis=1)


def _keys(table: pa.Table) -> dict[str, np.ndarray]:
    return {name: object_array(typed_column(table, name, pa.string()).to_pylist()) for name in PAIR_COLUMNS}
