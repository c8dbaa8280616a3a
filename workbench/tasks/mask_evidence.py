"""Predictions for masks as a run stores them: arrays of half precision in a table, or paths of .npy files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from workbench.foundation.errors import InputError
from workbench.tasks.evidence_forms import EvidenceForm, typed_column
from workbench.tasks.mask_predictions import ImageArrays, image_arrays, mask_predictions
from workbench.tasks.mask_table import masks_of, sizes_of

STORED_IMAGES = pa.schema([("shape", pa.list_(pa.int64())), ("values", pa.large_binary()), ("path", pa.string())])
"""Columns of the table: shape and bytes of each image in row-major order; one row with a path, for all;
or shape and path of each."""

MOST_STORED = 2**31
"""Bytes of the images that a table holds; larger arrays stay in a file of the user's."""


class StoredImages(Sequence[np.ndarray]):
    """Images of a stored table, decoded one by one."""

    def __init__(self, table: pa.Table, dtype: np.dtype) -> None:
        shapes, values = (
            typed_column(table, "shape", STORED_IMAGES.field("shape").type),
            table.column("values").combine_chunks(),
        )
        if values.type != pa.large_binary() or shapes.null_count or values.null_count:
            raise ValueError("it holds nulls, or other types")
        self.table, self.dtype, self.shapes, self.values = table, dtype, shapes.to_pylist(), values
        for shape, one in zip(self.shapes, values):
            if min(shape, default=-1) < 0 or int(np.prod(shape)) * dtype.itemsize != len(one.as_buffer()):
                raise ValueError(f"an image of the shape {shape} has {len(one.as_buffer()):,} bytes")

    def __len__(self) -> int:
        return len(self.shapes)

    def __getitem__(self, row: Any) -> Any:
        return np.frombuffer(self.values[row].as_buffer(), self.dtype).reshape(self.shapes[row])


def _form(name: str, dtype: np.dtype) -> EvidenceForm:
    def store(dataset: Any, values: Any) -> pa.Table:
        table, k = masks_of(dataset.labels), len(dataset.classes)
        sizes = sizes_of(table)
        if name == "scores":
            read = mask_predictions(sizes, k, None, _no_classes(values), values).scores
        else:
            checked = mask_predictions(sizes, k, **{name: values})
            read = checked.classes if checked.probs is None else checked.probs
        assert read is not None
        if isinstance(values, StoredImages):
            return values.table
        if isinstance(values, (str, Path)):
            columns: list[Any] = [[None], [None], [str(Path(values).absolute())]]
            return pa.table(columns, schema=STORED_IMAGES)
        if isinstance(read, ImageArrays) and len(read.paths) == len(read) > 0:
            columns = [[one.shape for one in read], [None] * len(read), read.paths]
            return pa.table(columns, schema=STORED_IMAGES)
        images = [np.ascontiguousarray(one, dtype) for one in read]
        size = sum(one.nbytes for one in images)
        if size > MOST_STORED:
            todo = f"Save them with np.save, and pass the path of the file as {name!r}."
            raise InputError.at(name, f"would take {size:,} bytes in the run", todo)
        columns = [[one.shape for one in images], [one.tobytes() for one in images], [None] * len(images)]
        return pa.table(columns, schema=STORED_IMAGES)

    def restore(dataset: Any, table: pa.Table) -> Any:
        path = typed_column(table, "path", pa.string())
        if not len(path) or not path[0].is_valid:
            return StoredImages(table, dtype)
        return path.to_pylist() if table.column("shape")[0].is_valid else path[0].as_py()

    return EvidenceForm(store, restore)


def _no_classes(scores: Any) -> list[np.ndarray]:
    """Return predicted classes, all 0, of the sizes of scores, whose own sizes are then checked."""
    return [np.zeros(np.shape(one), np.int8) for one in image_arrays("scores", scores)]


MASK_PROBS = _form("pred_probs", np.dtype("<f2"))
"""How a run stores probabilities of the classes of pixels: in half precision, about three digits."""

PREDICTED_MASKS = _form("predictions", np.dtype("<i2"))
"""How a run stores predicted masks."""

PREDICTED_SCORES = _form("scores", np.dtype("<f2"))
"""How a run stores probabilities of predicted masks."""
