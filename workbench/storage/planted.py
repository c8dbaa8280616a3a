"""The record of planted errors, in the file of the labels that it speaks of.

It is a note in the directory of examples.parquet, so that the labels and what is wrong with them on purpose are
replaced together or not at all. planted.parquet beside it is a copy for people and for release 0.1.0; where the
examples have no note, as in a run of that release, it is the record.
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
"""Bytes of a note at most, since readers of Parquet allow 100 MB; a longer record is refused: millions of errors."""

PLANTED_COLUMNS = ("id", "true_label", "planted_label")


def note_of(record: pd.DataFrame) -> dict[bytes, bytes]:
    """Metadata for examples.parquet that say what a record of planted errors says."""
    out = io.BytesIO()
    as_stored(record).to_parquet(out, index=False, compression="zstd")
    note = base64.b64encode(out.getvalue())
    if len(note) > LONGEST_NOTE:
        found = f"holds {len(record):,} errors, more than a run has room for"
        raise InputError.at("planted", found, "Plant fewer.")
    return {NOTE: note}


def as_stored(record: pd.DataFrame) -> pd.DataFrame:
    """A record with the names of its classes, which are text."""
    return record.assign(
        **{name: pd.Series(list(names_in(record[name])), dtype=object) for name in PLANTED_COLUMNS[1:]}
    )


def as_given(record: pd.DataFrame, classes: Sequence[str], label_type: LabelType) -> pd.DataFrame:
    """A stored record with labels in the type in which the user gave them, if they are the classes of this data set."""
    codes = {name: codes_among(record[name], classes) for name in PLANTED_COLUMNS[1:]}
    if label_type.plain or any((values < 0).any() for values in codes.values()):
        return record
    return record.assign(**{name: label_type.column(values, classes) for name, values in codes.items()})


def write_copy(layout: Layout, record: pd.DataFrame) -> None:
    """Write planted.parquet, whole or not at all; a warning says so where it cannot be written."""
    try:
        with sealed(layout, layout.planted) as temporary:
            as_stored(record).to_parquet(temporary, index=False)
    except WriteError as error:
        warnings.warn(f"{layout.examples} was saved; only the copy of planted errors was not: {error}", stacklevel=4)


def read_planted(layout: Layout, metadata: Mapping[bytes, bytes]) -> pd.DataFrame | None:
    """The record of planted errors, if there is one.

    Parameters
    ----------
    metadata : of examples.parquet.

    Raises
    ------
    RunError : it is damaged, or something else.
    """
    if NOTE in metadata:
        place = f"{layout.examples}: its record of planted errors"
        return _read(lambda: base64.b64decode(metadata[NOTE], validate=True), place, "Restore it from a copy.")
    return read_copy(layout)


def read_copy(layout: Layout) -> pd.DataFrame | None:
    """What planted.parquet says, if it is there; errors as in `read_planted`."""
    if not is_there(layout.planted):
        return None
    return _read(lambda: layout.planted, str(layout.planted), "Restore it, or delete it to go without.")


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
