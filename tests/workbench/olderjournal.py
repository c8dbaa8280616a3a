"""Journals of schema 1, as created by release 0.1."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path

from workbench.storage import journalschema

COLUMNS_OF_1 = "id, field, old, new, author, time, source, reason, batch"
ROW = f"INSERT INTO entries ({COLUMNS_OF_1}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
TIME = "2026-11-01T12:00:00.000Z"


def older(path: Path, ids=(1, 2), author: str = "ann") -> Path:
    """Create a journal of schema 1 in which `author` has relabelled cats as dogs."""
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("PRAGMA journal_mode = WAL")
        journalschema.create(db, 1)
        db.execute("INSERT INTO batches (owner, depth) VALUES (?, 0)", (author,))
        for field, old, new in (("label", "cat", "dog"), ("verdict", None, "relabel")):
            db.executemany(ROW, [(id, field, old, new, author, TIME, "", "", 1) for id in ids])
    return path
