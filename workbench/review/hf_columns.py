"""Parquet files in the layout of Hugging Face datasets: features in the metadata, ids, the user's columns, media.

`datasets.load_dataset("parquet", data_files=...)` reads the features; columns without one get that of their Arrow type.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from workbench.data.dataset import Dataset
from workbench.foundation.errors import InputError, shortened
from workbench.review.export import free_name
from workbench.storage.layout import atomic
from workbench.storage.limits import parse_json
from workbench.storage.parquet import read_parquet

NO_CLASS_LABEL = -1
"""ClassLabel of a value without a class."""

HUGGING_FACE = b"huggingface"
"""Key of the features in the metadata of a file."""

MEDIA = {"image": "Image", "audio": "Audio"}
"""Role of a column in a Dataset -> its feature; stored as a struct of bytes and path."""

MEDIA_TYPE = pa.struct([("bytes", pa.binary()), ("path", pa.string())])


def columns_beside(dataset: Dataset, taken: Collection[str], without: Collection[str] = ()) -> dict[str, Any]:
    """Return ids, the user's other columns and media, as values for `write_columns`.

    Parameters
    ----------
    dataset : its columns get the user's names; those in `taken` get a trailing underscore.
    taken : names of the columns of labels.
    without : columns to omit, since they are written in another way.
    """
    used, own = set(taken), dataset.column_of
    found: dict[str, Any] = {free_name(own.get("id", "id"), used): pa.array(dataset.ids)}
    for name in dataset.metadata.columns:
        if name not in without:
            column = dataset.metadata[name]
            written = pd.Categorical(column) if isinstance(column.dtype, pd.CategoricalDtype) else None
            named = written is not None and all(isinstance(one, str) for one in written.categories)
            found[free_name(own.get(name, str(name)), used)] = written if named else pa.array(column, from_pandas=True)
    for role, there, of in (
        ("image", dataset.images, dataset.image),
        ("audio", dataset.sounds, dataset.sound),
    ):
        if there is not None and own.get(role, role) not in found:
            found[free_name(own.get(role, role), used)] = (MEDIA[role], _media(dataset.n, of))
    return found


def _media(n: int, of: Callable[[int], bytes | str | None]) -> pa.Array:
    """Bytes or paths, as the features Image and Audio store them."""
    media = (of(row) for row in range(n))
    cells = [None if one is None else {"path": one} if isinstance(one, str) else {"bytes": bytes(one)} for one in media]
    return pa.array(cells, MEDIA_TYPE)


def write_columns(columns: Mapping[str, Any], target: Path, class_labels: Mapping[str, Sequence[str]]) -> Path:
    """Write a Parquet file with features.

    Parameters
    ----------
    columns : name -> Arrow array; a Categorical becomes a ClassLabel, (feature, array) is a column of media.
    target : the file.
    class_labels : names of the classes of columns of class indices, and of lists of them.
    """
    arrays, features = {}, {}
    for name, values in columns.items():
        if isinstance(values, pd.Categorical):
            arrays[name] = pa.array(values.codes.astype(np.int64))
            features[name] = _class_label(values.categories)
        elif isinstance(values, tuple):
            features[name], arrays[name] = {"_type": values[0]}, values[1]
        else:
            arrays[name], feature = values, _feature_of(values.type)
            if name in class_labels:
                feature = _class_label(class_labels[name])
                feature = {"feature": feature, "_type": "Sequence"} if pa.types.is_list(values.type) else feature
            features |= {} if feature is None else {name: feature}
    table = pa.table(arrays)
    table = table.replace_schema_metadata({HUGGING_FACE: json.dumps({"info": {"features": features}})})
    with atomic(target) as temporary:
        pq.write_table(table, temporary, compression="zstd")
    return target


def _class_label(names: Sequence[str]) -> dict[str, Any]:
    return {"names": [str(one) for one in names], "_type": "ClassLabel"}


def _feature_of(kind: pa.DataType) -> dict[str, Any] | None:
    """Return the feature of text, a number, a bool or a list of these; None for other types."""
    if pa.types.is_list(kind):
        inner = _feature_of(kind.value_type)
        return None if inner is None or pa.types.is_list(kind.value_type) else {"feature": inner, "_type": "Sequence"}
    if kind in (pa.string(), pa.bool_()) or pa.types.is_integer(kind) or kind in (pa.float32(), pa.float64()):
        names = {pa.float64(): "float64", pa.float32(): "float32"}
        return {"dtype": names.get(kind, str(kind)), "_type": "Value"}
    return None


# ---- reading -------------------------------------------------------------------------------------------------------


def read_columns(path: str | Path, labels: Collection[str]) -> tuple[pa.Table, pd.DataFrame, dict[str, str]]:
    """Read a file as columns of labels, other columns, and the roles of columns of media.

    Parameters
    ----------
    labels : columns that are kept as they are, if the file has them.

    Returns
    -------
    labels : Arrow table of these columns; its metadata contains the features (`class_label_names`).
    others : DataFrame of the other columns. Class indices are converted to a Categorical with the names of their
        classes; images and sounds to bytes, or to the path where there are none.
    roles : "image" and "audio" -> name of the column, where a single one has this feature.
    """
    table = read_parquet(Path(path))
    features = _features(table.schema.metadata or {})
    kept = [name for name in labels if name in table.column_names]
    others = table.drop_columns(kept).replace_schema_metadata(None)
    frame, media = others.to_pandas(), {role: [] for role in MEDIA}
    for name in others.column_names:
        feature = features.get(name)
        feature = feature if isinstance(feature, dict) else {}
        kind = others.schema.field(name).type
        if feature.get("_type") == "ClassLabel" and pa.types.is_integer(kind):
            names = class_label_names(table.schema.metadata or {}, name) or []
            codes = class_codes_in(others.column(name), names, name)
            frame[name] = pd.Categorical.from_codes(codes, names)
        for role, known in MEDIA.items():
            if feature.get("_type") == known and pa.types.is_struct(kind):
                frame[name] = [cell and (cell.get("bytes") or cell.get("path")) for cell in frame[name]]
                media[role].append(name)
    return table.select(kept), frame, {role: found[0] for role, found in media.items() if len(found) == 1}


def class_codes_in(column: pa.ChunkedArray, names: Sequence[str], field: str) -> np.ndarray:
    """Return the class indices of a ClassLabel, int64 (n,), -1 for null.

    Raises
    ------
    InputError : an index is beyond the names; the message names the row.
    """
    codes = column.cast(pa.int64()).fill_null(NO_CLASS_LABEL).to_numpy()
    outside = np.flatnonzero((codes < NO_CLASS_LABEL) | (codes >= len(names)))
    if len(outside):
        todo = f"The file names {len(names)} classes: use 0 to {len(names) - 1}, or -1 for none."
        raise InputError.at(field, f"is {int(codes[outside[0]])}", todo, row=int(outside[0]))
    return codes


def class_label_names(metadata: Mapping[bytes, bytes], label: str) -> list[str] | None:
    """Return the names of a ClassLabel, or of a list of them, from the metadata of a Parquet file; None without."""
    feature = _features(metadata).get(label)
    feature = feature if isinstance(feature, dict) else {}
    inner = feature.get("feature")
    names = (inner if isinstance(inner, dict) else feature).get("names")
    if isinstance(names, list) and len({str(one) for one in names}) < len(names):
        raise InputError.at("classes", f"repeats a name: {shortened(names)}", f"Rename the classes of {label!r}.")
    return [str(one) for one in names] if isinstance(names, list) else None


def _features(metadata: Mapping[bytes, bytes]) -> dict[str, Any]:
    try:
        features = parse_json(metadata[HUGGING_FACE])["info"]["features"]
    except (KeyError, TypeError, ValueError):
        return {}
    return features if isinstance(features, dict) else {}
