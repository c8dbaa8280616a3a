"""The edges between the examples of a run: edges.parquet with columns source and target (ids) and, optionally, weight.

The file contains the edges as the user passed them, in the same order, including reverse edges, duplicates and
self-loops. This module also reads edge lists from other files.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from workbench.foundation.errors import InputError, RunError
from workbench.graphs.edges import EDGE_COLUMNS, Edges, Ends
from workbench.storage.checksums import sealed
from workbench.storage.files import is_there
from workbench.storage.layout import Layout
from workbench.storage.parquet import open_parquet, read_parquet
from workbench.storage.tables import WRITERS, read_table


def write_edges(layout: Layout, edges: Edges, ids: np.ndarray) -> None:
    """Write edges.parquet atomically.

    Parameters
    ----------
    layout : layout of the run.
    edges : edges between its examples.
    ids : (n,) ids of its examples.

    Raises
    ------
    WriteError : the run cannot be written; existing edges are kept.
    """
    kind = pa.int64() if ids.dtype.kind == "i" else pa.string()
    frame = edges.frame(ids)
    columns = {name: pa.array(frame[name].to_numpy(), pa.float64() if name == "weight" else kind) for name in frame}
    with sealed(layout, layout.edges) as temporary:
        pq.write_table(pa.table(columns), temporary, compression="zstd")


def stored_edges(layout: Layout, ids: np.ndarray) -> Edges | None:
    """Return the edges of a run, read from disk on first use; None if there are none.

    Parameters
    ----------
    layout : layout of the run.
    ids : (n,) ids of its examples.

    Notes
    -----
    An invalid file raises a RunError when it is read.
    """
    return Edges(len(ids), lambda: _read(layout, ids)) if is_there(layout.edges) else None


def _read(layout: Layout, ids: np.ndarray) -> Ends:
    path = layout.edges
    try:
        names = [name for name in EDGE_COLUMNS if name in open_parquet(path).schema_arrow.names]
        table = read_parquet(path, names)
        text = ids.dtype.kind != "i"
        for name in EDGE_COLUMNS[:2]:
            found = table.schema.field(name).type
            if not (pa.types.is_integer(found) or (text and found in (pa.string(), pa.large_string()))):
                raise ValueError(f"column `{name}` is {found}, unlike the ids of the run")
        found = Edges.of(table.to_pandas(ignore_metadata=True), len(ids), pd.Index(ids, dtype=ids.dtype))
    except (OSError, pa.ArrowException, ValueError, KeyError) as error:
        raise RunError(f"{path} cannot be used ({error}). Delete it, or save the edges again.") from error
    return found.source, found.target, found.weight


def read_edge_list(path: str | Path, *, text: bool = False) -> pd.DataFrame:
    """Read an edge list from a file.

    Parameters
    ----------
    path : .csv, .jsonl or .parquet file with the columns source, target and, optionally, weight; or, with any other
        suffix, a text file with two or three columns separated by tabs or spaces, with or without a header of these
        names. Lines that start with # are ignored.
    text : whether to read the ids as text. By default a column of integers is read as int64.

    Returns
    -------
    DataFrame with the columns source, target and, if the file has it, weight.

    Raises
    ------
    InputError : the file is missing or damaged, or has a different number of columns.
    """
    place = Path(path)
    if place.suffix.lower() in WRITERS:
        frame = read_table(place, text=EDGE_COLUMNS[:2])
        for name in EDGE_COLUMNS[:2]:
            if name not in frame.columns:
                raise InputError.unknown("column", name, frame.columns, f"{place} needs the columns source and target.")
        frame = frame[[name for name in EDGE_COLUMNS if name in frame.columns]]
    else:
        frame = _lines_of(place)
    if text:
        ends = {name: frame[name].map(str, na_action="ignore").astype(object) for name in EDGE_COLUMNS[:2]}
        frame = frame.assign(**ends)
    return frame


def _lines_of(place: Path) -> pd.DataFrame:
    """Read a text file of edges, in the format of networkx and many graph collections."""
    try:
        with open(place, encoding="utf-8-sig") as file:
            first = next((line for line in file if line.strip() and not line.startswith("#")), "")
        apart = "\t" if "\t" in first else r"\s+"
        raw = pd.read_csv(
            place, sep=apart, header=None, comment="#", dtype=str, keep_default_na=False, encoding="utf-8-sig"
        )
    except pd.errors.EmptyDataError:
        return pd.DataFrame({name: pd.Series(dtype=np.int64) for name in EDGE_COLUMNS[:2]})
    except (OSError, UnicodeError, pd.errors.ParserError) as error:
        raise InputError(f"{place} cannot be read ({error}). Give lines of two or three columns.") from error
    if raw.shape[1] not in (2, 3):
        found = f"{place} has {raw.shape[1]} columns in the line {first.strip()[:80]!r}"
        raise InputError(
            f"{found}. Give two or three, separated by tabs or spaces: source, target and, optionally, weight."
        )
    if tuple(raw.iloc[0, :2]) == EDGE_COLUMNS[:2]:
        raw = raw.iloc[1:].reset_index(drop=True)
    raw.columns = EDGE_COLUMNS[: raw.shape[1]]
    for name in EDGE_COLUMNS[:2]:
        whole = len(raw) and raw[name].str.fullmatch(r"0|-?[1-9]\d{0,17}").all()
        raw[name] = raw[name].astype("int64") if whole else raw[name].astype(object)
    return raw
