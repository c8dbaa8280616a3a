"""The stored form of evidence of a kind of label: conversion to an Arrow table and back, with checks of columns."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from workbench.foundation.errors import InputError

VECTOR = pa.list_(pa.float32())
"""Arrow type of a column of vectors."""


@dataclass(frozen=True)
class EvidenceForm:
    """How a run stores one piece of evidence of a kind of label.

    Attributes
    ----------
    store : function (dataset, values) that validates values as `find_issues` takes them, and returns an Arrow table
        with the same contents. It raises `InputError`.
    restore : function (dataset, table) that returns the values. Tables come from files that may be damaged: columns are
        read with the functions of this module, and the values are validated by `store`.
    """

    store: Callable[[Any, Any], pa.Table]
    restore: Callable[[Any, pa.Table], Any]


def text_column(texts: Iterable[Any]) -> pa.Array:
    """Return texts, None for missing ones, as an Arrow array."""
    listed = list(texts)
    try:
        found = pa.array(listed, pa.string())
        found.validate(full=True)
    except (pa.ArrowException, UnicodeError, TypeError) as error:
        raise InputError.at("evidence", f"holds text that cannot be stored ({error})", "Decode it properly.") from error
    return found


def typed_column(table: pa.Table, name: str, kind: pa.DataType) -> pa.Array:
    """Return a column of a stored table.

    Raises
    ------
    KeyError, ValueError : the table has no such column, or it has another type.
    """
    column = table.column(name)
    if column.type != kind:
        raise ValueError(f"column {name!r} is {column.type}, not {kind}")
    found = column.combine_chunks()
    return found.combine_chunks() if isinstance(found, pa.ChunkedArray) else found


def vectors_column(values: np.ndarray) -> pa.Array:
    """Return vectors (m, d) as an Arrow array of lists of float32."""
    values = np.ascontiguousarray(values, np.float32)
    m, d = values.shape
    return pa.ListArray.from_arrays(pa.array(np.arange(m + 1) * d, pa.int32()), pa.array(values.ravel()), type=VECTOR)


def vector_rows(table: pa.Table) -> np.ndarray:
    """Return the column "vector" as (m, d) float32.

    Raises
    ------
    KeyError, ValueError : there is no such column, or its vectors have different lengths.
    """
    column = typed_column(table, "vector", VECTOR)
    lengths = np.unique(np.diff(column.offsets.to_numpy()))
    if column.null_count or len(lengths) > 1:
        raise ValueError("its vectors have different lengths")
    d = int(lengths[0]) if len(lengths) else 0
    return column.flatten().to_numpy(zero_copy_only=False).reshape(len(column), d)
