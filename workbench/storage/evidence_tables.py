"""Evidence of other kinds than arrays in evidence/NAME.parquet, one table for each name, with its provenance inside.

The columns depend on the kind of label (`Task.evidence_forms`). The provenance is in the metadata of the file, so that
both always come from the same save.
"""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from workbench.storage.checksums import sealed
from workbench.storage.layout import Layout
from workbench.storage.limits import parse_json
from workbench.storage.names import EVIDENCE
from workbench.storage.parquet import check_cost, open_parquet
from workbench.storage.provenance import Provenance

EVIDENCE_NOTE = b"workbench.provenance"
"""Key of the provenance in the metadata of the file."""

MOST_EVIDENCE_COLUMNS = 5_000
"""Maximum number of columns of a table, such as one for each ranker. Each takes 0.3 ms to read."""


def write_evidence(layout: Layout, name: str, table: pa.Table, provenance: Provenance) -> None:
    """Write evidence/NAME.parquet; the old file stays until the new one is complete.

    Raises
    ------
    WriteError : the file cannot be written; the earlier one is unchanged.
    """
    note = json.dumps(provenance.to_json()).encode()
    with sealed(layout, layout.evidence(name)) as temporary:
        pq.write_table(table.replace_schema_metadata({EVIDENCE_NOTE: note}), temporary, compression="zstd")


def evidence_files(layout: Layout) -> dict[str, Path]:
    """Return the files by name of the evidence; at a URL, some may not be fetched yet."""
    listed = {path.name: path for path in layout.listed("evidence")}
    return {match[1]: listed[name] for name in sorted(listed) if (match := EVIDENCE.fullmatch(name))}


def read_evidence_table(path: Path) -> tuple[pa.Table, Provenance]:
    """Read a table and its provenance.

    Raises
    ------
    ValueError, KeyError, pa.ArrowException, OSError : the file is damaged, has no provenance, or would take far more
        memory than its size suggests.
    """
    file = open_parquet(path)
    note = (file.schema_arrow.metadata or {}).get(EVIDENCE_NOTE)
    if note is None:
        raise ValueError("it has no provenance")
    found = Provenance.from_json(parse_json(note.decode()))
    if found.kind != "evidence":
        raise ValueError(f"its provenance is of {found.kind!r}")
    check_cost(file, path)
    if (width := file.metadata.num_columns) > MOST_EVIDENCE_COLUMNS:
        raise ValueError(f"it has {width:,} columns, and at most {MOST_EVIDENCE_COLUMNS:,} are stored")
    table = file.read()
    table.validate(full=True)  # text that is not Unicode
    return table, found
