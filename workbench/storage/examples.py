"""Write a Dataset to `examples.parquet` and read it: ids, given labels, the user's columns, images (read on demand)."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, overload

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from workbench.data.dataset import Dataset
from workbench.foundation.errors import InputError, RunError, WorkbenchError, shortened
from workbench.storage.checksums import sealed
from workbench.storage.edges import stored_edges, write_edges
from workbench.storage.footer import RowGroup, row_groups
from workbench.storage.layout import Layout
from workbench.storage.limits import MOST_COLUMNS
from workbench.storage.parquet import check_cost, open_parquet
from workbench.storage.planted import as_given, note_of, read_planted, write_copy
from workbench.storage.trust import is_mine
from workbench.tasks import find_task
from workbench.tasks.label_type import PLAIN, LabelType
from workbench.tasks.protocol import Labels, Task

TEXT = (pa.string(), pa.large_string())

OWN_NAME = b"column"
"""Key in the metadata of a field: the user's name of a column that has another name in the file."""

LABEL_TYPE = b"label_type"
"""Key in the metadata of `given_label`: the user's type of the labels (`LabelType`); absent if it is text."""

DEEPEST_COLUMN = 30
"""Maximum nesting depth of a column of lists or structs."""

GROUP_ROWS, GROUP_ROWS_BARE = 4096, 1 << 17
"""Rows per row group with media, where a whole group is read to show one image, and without media."""


def write_examples(layout: Layout, dataset: Dataset) -> None:
    """Write examples.parquet atomically, and the planted errors and edges of the data set, if any."""
    id_type = pa.int64() if dataset.ids.dtype.kind == "i" else pa.string()
    labels = dataset.kind.to_arrow(dataset.labels)
    fixed = {"row": pa.array(np.arange(dataset.n)), "id": pa.array(dataset.ids, id_type), "given_label": labels}
    if dataset.metadata.shape[1] > MOST_COLUMNS:
        found = f"has {dataset.metadata.shape[1]:,} columns, and a run stores at most {MOST_COLUMNS:,}"
        raise InputError.at("metadata", found, "Leave some out, or put numbers into one column of lists.")
    columns = {name: _column(name, dataset.metadata[name]) for name in dataset.metadata.columns}
    schema = pa.schema([(name, array.type) for name, array in (fixed | columns).items()])
    media = {"image": dataset.images, "audio": dataset.sounds}
    media = {name: values for name, values in media.items() if values is not None}
    for name, values in media.items():
        schema = schema.append(pa.field(name, pa.string() if _holds_paths(dataset, values) else pa.binary()))
    schema = _with_own_names(schema, dataset.column_of)
    if not dataset.label_type.plain:
        schema = _noted(schema, "given_label", LABEL_TYPE, dataset.label_type.to_json().encode())
    table, group_rows = pa.table(fixed | columns), GROUP_ROWS if media else GROUP_ROWS_BARE
    repeating = [field.name for field in schema if field.name not in ("row", "id", *media)]
    options = {"compression": "zstd", "use_dictionary": repeating}
    if dataset.planted is not None:
        schema = schema.with_metadata(note_of(dataset.planted))
    with sealed(layout, layout.examples) as file, pq.ParquetWriter(file, schema, **options) as writer:
        for start in range(0, max(dataset.n, 1), group_rows):
            block = table.slice(start, group_rows)
            for name, values in media.items():
                kind = schema.field(name).type
                column = [_one(name, values, row, kind == pa.string()) for row in range(start, start + len(block))]
                block = block.append_column(name, pa.array(column, kind))
            writer.write_table(block.replace_schema_metadata(schema.metadata), row_group_size=group_rows)
    if dataset.planted is not None:
        write_copy(layout, dataset.planted)
    if dataset.edges is not None:
        write_edges(layout, dataset.edges, dataset.ids)


def _with_own_names(schema: pa.Schema, column_of: Mapping[str, str]) -> pa.Schema:
    """Return the schema with the user's names in the metadata of the columns that have another name here."""
    for name in schema.names:
        own = column_of.get(name, name)
        if own != name:
            schema = _noted(schema, name, OWN_NAME, own.encode(errors="replace"))
    return schema


def _noted(schema: pa.Schema, name: str, key: bytes, value: bytes) -> pa.Schema:
    """Return the schema with one more metadata entry on a column."""
    place = schema.get_field_index(name)
    field = schema.field(place)
    return schema.set(place, field.with_metadata((field.metadata or {}) | {key: value}))


def _own_names(schema: pa.Schema) -> dict[str, str]:
    """The inverse of `_with_own_names`."""
    noted = {field.name: (field.metadata or {}).get(OWN_NAME) for field in schema}
    return {name: own.decode(errors="replace") for name, own in noted.items() if own}


def _holds_paths(dataset: Dataset, values: Sequence[object]) -> bool:
    """Whether the images or sounds are paths (either all or none are)."""
    any_path = getattr(values, "any_path", None)
    return dataset.media_root is not None if any_path is None else any_path()


def _one(name: str, values: Sequence[Any], row: int, has_paths: bool) -> bytes | str | None:
    """Return the image or sound of a row, which must be a path if and only if all others are."""
    one = values[row]
    if one is not None and isinstance(one, str) != has_paths:
        what = {"image": "an image", "audio": "a sound"}[name]
        found = f"is {what} among paths" if has_paths else f"is a path among {name}s"
        todo = "Use either paths or contents for all: read the files, or save them."
        raise InputError.at({"image": "images", "audio": "sounds"}[name], found, todo, row=row)
    return one


def _column(name: str, values: pd.Series) -> pa.Array:
    """Convert to an Arrow array; errors name the column."""
    todo = "Convert the column to a single type; text can always be stored: .map(str)."
    try:
        array = pa.array(values, from_pandas=True)
        array = array.combine_chunks() if isinstance(array, pa.ChunkedArray) else array
        array.validate(full=True)  # text that is not Unicode
    except (pa.ArrowException, UnicodeError, OverflowError, TypeError, ValueError) as error:
        row = _first_unlike(values)
        reason = " ".join(str(error).split())[:200]
        found = f"cannot be stored ({reason})"
        if row is not None:
            beside = " together with the rows before it" if row else ""
            found = f"is {shortened(values.iloc[row])} and cannot be stored{beside} ({reason})"
        raise InputError.at(f"metadata[{name!r}]", found, todo, row=row) from error
    if not _has_place(array.type, DEEPEST_COLUMN):
        found = f"has a type that cannot be stored ({str(array.type)[:200]})"
        raise InputError.at(f"metadata[{name!r}]", found, todo)
    return array


def _has_place(kind: pa.DataType, deepest: int) -> bool:
    """Whether values of an Arrow type are unchanged after writing to and reading from Parquet."""
    if isinstance(kind, pa.BaseExtensionType) or deepest < 0:
        return False
    if pa.types.is_dictionary(kind):
        return _has_place(kind.value_type, deepest - 1)
    return all(_has_place(kind.field(place).type, deepest - 1) for place in range(kind.num_fields))


def _first_unlike(values: pd.Series) -> int | None:
    """Return the first row that Arrow cannot store together with the rows before; None if the type is the reason."""
    cells, low, high = values.tolist(), 0, len(values)
    if values.dtype != object and not isinstance(values.dtype, pd.StringDtype):
        return None
    while high - low > 1:  # the first `low` cells can be stored, the first `high` cannot
        middle = (low + high) // 2
        try:
            pa.array(cells[:middle], from_pandas=True).validate(full=True)
            low = middle
        except (pa.ArrowException, UnicodeError, OverflowError, TypeError, ValueError):
            high = middle
    return low


def read_dataset(layout: Layout, described: dict[str, Any], media_root: str | Path | None) -> Dataset:
    """Read the Dataset of a run; images and sounds stay on disk until they are accessed.

    Media paths are read below `media_root` if it is given; absolute paths below the folder of the recording are then
    taken relative to `media_root`. Otherwise they are read below the folder named when the run was recorded, if this
    user recorded it, else below the run directory.
    """
    n, classes = described["n"], tuple(described["classes"])
    try:
        file = open_parquet(layout.examples)
        media = ["image", "audio"] if described.get("audio") is True else ["image"]
        names = [name for name in file.schema_arrow.names if name not in media]
        if len(names) > MOST_COLUMNS + 3:
            raise ValueError(f"it has {len(names):,} columns, and a run stores at most {MOST_COLUMNS:,}")
        if file.metadata.num_rows != n or not {"id", "given_label"} <= set(names):
            found = f"has {file.metadata.num_rows} rows and columns {names[:5]}, run.json says n = {n}"
            raise RunError(f"{layout.examples} {found}. The two files belong to different runs; restore one.")
        if len(set(file.schema_arrow.names)) < len(file.schema_arrow.names):
            raise ValueError("two columns have the same name")
        check_cost(file, layout.examples, names)
        table = file.read(columns=names)
        for column in table.columns:
            column.validate(full=True)  # text that is not Unicode
        ids = _stored_ids(layout, table.column("id"))
        labels = _stored_labels(table.column("given_label"), find_task(described["task"]))
        metadata = table.drop_columns([c for c in ("row", "id", "given_label") if c in names])
        metadata = metadata.to_pandas(ignore_metadata=True)
    except WorkbenchError:
        raise
    except (OSError, pa.ArrowException, ValueError, KeyError, TypeError, OverflowError) as error:
        raise RunError(f"{layout.examples} cannot be read ({error}). Restore it from a copy.") from error
    stored: dict[str, _StoredMedia] = {}
    recorded = described.get("media_root")
    moved_from = recorded if media_root is not None and isinstance(recorded, str) else None
    for name in media:
        if name in file.schema_arrow.names:
            kind = file.schema_arrow.field(name).type
            if kind not in (pa.binary(), pa.large_binary(), *TEXT):
                raise RunError(f"{layout.examples} column `{name}` is {kind}, not {name}s or paths. Restore the file.")
            stored[name] = _StoredMedia(layout.examples, n, name, kind in TEXT, moved_from)
    note = (file.schema_arrow.field("given_label").metadata or {}).get(LABEL_TYPE)
    label_type = PLAIN if note is None else LabelType.from_json(note, classes)
    planted = read_planted(layout, file.schema_arrow.metadata or {})
    text_column = described.get("text_column") if isinstance(described.get("text_column"), str) else None
    return Dataset(
        ids=ids,
        labels=labels,
        classes=classes,
        metadata=metadata,
        images=stored.get("image"),
        sounds=stored.get("audio"),
        text_column=text_column if text_column in metadata.columns else None,
        task=described["task"],
        media_root=_media_root(layout, described, media_root),
        planted=None if planted is None else as_given(planted, classes, label_type),
        column_of=_own_names(file.schema_arrow),
        label_type=label_type,
        edges=stored_edges(layout, ids),
    )


def _stored_labels(column: pa.ChunkedArray, kind: Task) -> Labels:
    """Return the given labels as a Dataset stores them; raise ValueError if the column has another type."""
    whole = pa.types.is_integer(column.type) and pa.types.is_integer(kind.column)
    if column.type != kind.column and not whole:
        raise ValueError(f"column `given_label` is {column.type}, not {kind.column}")
    return kind.from_arrow(column.combine_chunks())


def _stored_ids(layout: Layout, column: pa.ChunkedArray) -> np.ndarray:
    """Return the ids: (n,) int64, or object array of str, unique."""
    text = column.type in TEXT
    if not (text or pa.types.is_integer(column.type)) or column.null_count:
        found = f"is {column.type} with {column.null_count} missing values"
        raise RunError(f"{layout.examples} column `id` {found}. Restore the file.")
    ids = column.to_numpy().astype(object if text else np.int64)
    if pd.Index(ids, dtype=ids.dtype).has_duplicates:
        raise RunError(f"{layout.examples} column `id` repeats an id. Restore the file.")
    return ids


def _media_root(layout: Layout, described: dict[str, Any], named: str | Path | None) -> Path | None:
    """Return the folder below which media files may be read."""
    if named is not None:
        return Path(named).resolve()
    recorded = described.get("media_root")
    if isinstance(recorded, str) and is_mine(described["uuid"], Path(recorded), described.get("media_signature")):
        return Path(recorded)
    return layout.root.resolve()


class _StoredMedia(Sequence[Any]):
    """A media column of examples.parquet, read by row group; the `keep` groups used last stay in memory."""

    def __init__(
        self, path: Path, n: int, name: str, paths: bool, moved_from: str | None = None, keep: int = 8
    ) -> None:
        self._path, self._n, self._name, self._paths, self._keep = path, n, name, paths, keep
        self._moved_from = moved_from
        self._groups: OrderedDict[int, pa.ChunkedArray] = OrderedDict()
        self._file: pq.ParquetFile | None = None
        self._footer: list[RowGroup] | None = None

    def any_path(self) -> bool:
        """Whether the column contains paths."""
        return self._paths

    def __len__(self) -> int:
        return self._n

    @overload
    def __getitem__(self, row: int) -> bytes | str | None: ...

    @overload
    def __getitem__(self, row: slice) -> list[bytes | str | None]: ...

    def __getitem__(self, row: int | slice) -> bytes | str | list[bytes | str | None] | None:
        if isinstance(row, slice):
            return [self[one] for one in range(*row.indices(self._n))]
        if not 0 <= row < self._n:
            raise IndexError(row)
        group, offset = divmod(int(row), GROUP_ROWS)
        if group not in self._groups:
            try:
                file = open_parquet(self._path) if self._file is None else self._file
                self._footer = row_groups(self._path) if self._footer is None else self._footer
                self._file = file
                check_cost(file, self._path, [self._name], [group], self._footer)
                column = file.read_row_group(group, columns=[self._name]).column(self._name)
                column.validate(full=True)
                if offset >= len(column):
                    raise ValueError(f"row group {group} has {len(column)} rows")
            except WorkbenchError:
                raise
            except (OSError, ValueError, IndexError, pa.ArrowException) as error:
                found = f"column `{self._name}` of row {row} cannot be read ({error})"
                raise RunError(f"{self._path} {found}. Restore it from a copy.") from error
            self._groups[group] = column
            while len(self._groups) > self._keep:
                self._groups.popitem(last=False)
        self._groups.move_to_end(group)
        return self._moved(self._groups[group][offset].as_py())

    def _moved(self, media: bytes | str | None) -> bytes | str | None:
        """Make an absolute path below the original media folder relative to it; return anything else unchanged."""
        old = self._moved_from
        if old is None or not isinstance(media, str) or not media.startswith(old):
            return media
        rest = media[len(old) :]
        return rest.lstrip("/\\") if rest[:1] in ("/", "\\") or old[-1:] in ("/", "\\") else media
