"""Embeddings of objects, one vector per unit: read from arrays or tables, stored in a run as a table."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa

from workbench.foundation.errors import InputError, shortened
from workbench.tasks.evidence_forms import EvidenceForm, text_column, typed_column, vector_rows, vectors_column
from workbench.tasks.keys import check_key

OBJECT_EMBEDDINGS = "object_embeddings"
"""Name of this evidence."""

OBJECTS_TODO = (
    "Pass an array (m, d) of the given objects, image by image in their order, or a DataFrame indexed by the id of the "
    "image and the key of the unit, as the result of `find_issues(run, per='unit')` is."
)


class ObjectVectors(NamedTuple):
    """Embeddings of m objects: rows (m,) int64 of their images, keys of their units, vectors (m, d) float32."""

    rows: np.ndarray
    keys: list[str]
    vectors: np.ndarray


def object_vectors(dataset: Any, values: Any) -> ObjectVectors:
    """Return the embeddings of objects of a data set.

    Parameters
    ----------
    values : float array (m, d) of the given objects, image by image in their order; a DataFrame of d columns, indexed
        by id and unit, also for objects that a model proposes; or ObjectVectors.

    Raises
    ------
    InputError : another form, a number of rows that is not that of the objects, an unknown id, a unit twice, or a value
        that is not finite.
    """
    units = dataset.units
    if isinstance(values, ObjectVectors):
        rows, keys, vectors = values
    elif isinstance(values, pd.DataFrame):
        if values.index.nlevels != 2:
            raise InputError.at(OBJECT_EMBEDDINGS, f"has an index of {values.index.nlevels} level", OBJECTS_TODO)
        ids = values.index.get_level_values(0)
        rows = dataset.index.get_indexer(pd.Index(ids))
        if (rows < 0).any():
            at = int(np.argmax(rows < 0))
            todo = f"Ids are such as {dataset.ids[0]!r}."
            raise InputError.at(OBJECT_EMBEDDINGS, f"names the image {shortened(ids[at])}", todo, row=at)
        keys = [str(key) for key in values.index.get_level_values(1)]
        vectors = values.to_numpy()
    else:
        rows, keys, vectors = units.rows, [units.key(unit) for unit in range(units.m)], values
    try:
        vectors = np.asarray(vectors, np.float32)
    except (TypeError, ValueError) as error:
        raise InputError.at(OBJECT_EMBEDDINGS, f"is {shortened(values)}", OBJECTS_TODO) from error
    if vectors.ndim != 2 or len(vectors) != len(rows) or not vectors.shape[1]:
        found = f"has the shape {vectors.shape} for {len(rows):,} objects"
        raise InputError.at(OBJECT_EMBEDDINGS, found, OBJECTS_TODO)
    if not np.isfinite(vectors).all():
        at = int(np.argmin(np.isfinite(vectors).all(axis=1)))
        raise InputError.at(OBJECT_EMBEDDINGS, "holds a number that is not finite", "Leave such objects out.", row=at)
    rows = np.asarray(rows, np.int64)
    if len(rows) and (rows.min() < 0 or rows.max() >= dataset.n):
        raise InputError.at(OBJECT_EMBEDDINGS, "holds rows outside of the data set", OBJECTS_TODO)
    pairs = list(zip(rows.tolist(), map(check_key, keys)))
    if len(set(pairs)) < len(pairs):
        row, key = next(one for at, one in enumerate(pairs) if one in pairs[:at])
        raise InputError.at(OBJECT_EMBEDDINGS, f"holds the unit {key!r} twice", "Pass each once.", row=row)
    return ObjectVectors(rows, keys, vectors)


def _stored(dataset: Any, values: Any) -> pa.Table:
    found = object_vectors(dataset, values)
    columns = {"row": pa.array(found.rows, pa.int64()), "key": text_column(found.keys)}
    return pa.table({**columns, "vector": vectors_column(found.vectors)})


def _restored(dataset: Any, table: pa.Table) -> ObjectVectors:
    rows, keys = typed_column(table, "row", pa.int64()), typed_column(table, "key", pa.string())
    if rows.null_count or keys.null_count:
        raise ValueError("it holds nulls")
    return ObjectVectors(rows.to_numpy(zero_copy_only=False), keys.to_pylist(), vector_rows(table))


OBJECT_FORM = EvidenceForm(_stored, _restored)
"""How a run stores embeddings of objects."""
