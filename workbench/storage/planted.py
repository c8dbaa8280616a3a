"""The record of planted errors, stored in the same file as the labels.

It is part of the metadata of examples.parquet, so that the labels and the record of their planted errors are always
replaced together. planted.parquet is a copy for people and for release 0.1.0. In runs of that release, whose
examples.parquet has no such metadata, it is the only record.
"""

from __future__ import annotations

import base64
import io
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pandas as pd
import pyarrow as pa

from workbench.foundation.errors import InputError, RunError
from workbench.storage.checksums import sealed
from workbench.storage.failures import WriteError
from workbench.storage.files import is_there
from workbench.storage.layout import Layout
from workbench.storage.parquet import read_parquet
from workbench.tasks.label_type import LabelType, codes_among, names_in

NOTE = b"planted"
"""Key in the metadata of examples.parquet: the record as a Parquet file, in base64."""

LONGEST_NOTE = 32 << 20
"""Maximum size of the record in bytes, since readers of Parquet allow 100 MB of metadata. Enough for millions."""

PLANTED_COLUMNS = ("id", "true_label", "planted_label")


def note_of(record: pd.DataFrame) -> dict[bytes, bytes]:
    """Encode a record of planted errors as metadata of examples.parquet."""
    out = io.BytesIO()
    as_stored(record).to_parquet(out, index=False, compression="zstd")
    note = base64.b64encode(out.getvalue())
    if len(note) > LONGEST_NOTE:
        found = f"holds {len(record):,} errors, more than a run can store"
        raise InputError.at("planted", found, "Plant fewer.")
    return {NOTE: note}


def as_stored(record: pd.DataFrame) -> pd.DataFrame:
    """Return a record with labels as class names (str)."""
    return record.assign(
        **{name: pd.Series(list(names_in(record[name])), dtype=object) for name in PLANTED_COLUMNS[1:]}
    )


def as_given(record: pd.DataFrame, classes: Sequence[str], label_type: LabelType) -> pd.DataFrame:
    """Return a stored record with labels in the user's type; unchanged if some are not classes of this data set."""
    if label_type.plain:
        return record
    codes = {name: codes_among(record[name], classes) for name in PLANTED_COLUMNS[1:]}
    if any((values < 0).any() for values in codes.values()):
        return record
    return record.assign(**{name: label_type.column(values, classes) for name, values in codes.items()})


def write_copy(layout: Layout, record: pd.DataFrame) -> None:
    """Write planted.parquet atomically; if it cannot be written, a warning says so."""
    try:
        with sealed(layout, layout.planted) as temporary:
            as_stored(record).to_parquet(temporary, index=False)
    except WriteError as error:
        warnings.warn(f"{layout.examples} was saved, but the copy of planted errors was not: {error}", stacklevel=4)


def read_planted(layout: Layout, metadata: Mapping[bytes, bytes]) -> pd.DataFrame | None:
    """Read the record of planted errors; None if there is none.

    Parameters
    ----------
    metadata : metadata of examples.parquet.

    Raises
    ------
    RunError : the record is damaged or has another format.
    """
    if NOTE in metadata:
        place = f"{layout.examples}: its record of planted errors"
        return _read(lambda: base64.b64decode(metadata[NOTE], validate=True), place, "Restore it from a copy.")
    return read_copy(layout)


def read_copy(layout: Layout) -> pd.DataFrame | None:
    """Read planted.parquet; None if there is none. Raises the errors of `read_planted`."""
    if not is_there(layout.planted):
        return None
    return _read(lambda: layout.planted, str(layout.planted), "Restore it, or delete it to go without it.")


def _read(source: Callable[[], Path | bytes], place: str, todo: str) -> pd.DataFrame:
    try:
        record = read_parquet(source(), PLANTED_COLUMNS).to_pandas(ignore_metadata=True)
        missing = [name for name in PLANTED_COLUMNS if name not in record.columns]
        if missing:
            raise KeyError(f"no column {missing[0]}")
        if not all(isinstance(one, (int, str)) for one in record["id"].tolist()):
            raise TypeError("its ids are neither integers nor text")
    except (OSError, pa.ArrowException, ValueError, KeyError, TypeError, OverflowError) as error:
        raise RunError(f"{place} cannot be read ({error}). {todo}") from error
    return record
