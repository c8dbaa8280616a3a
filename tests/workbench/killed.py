"""Run in a child process: save something, and be killed at the nth operation on a file.

python killed.py KIND FOLDER NTH        NTH 0: not at all, but print which operations find a state of the folder that
                                        none before found, and the number of all operations
"""

from __future__ import annotations

import builtins
import contextlib
import hashlib
import importlib
import io
import json
import os
import signal
import sqlite3
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from unittest import mock

import numpy as np
import pandas as pd
import pyarrow as pa

import workbench as wb
from workbench.storage import cache, journalfile
from workbench.storage.evidence_tables import write_evidence
from workbench.storage.provenance import Provenance

OPERATIONS = ("replace", "rename", "link", "fsync", "open", "unlink", "remove", "mkdir", "rmdir", "truncate")
N, K = 24, 3


def probabilities(version: int) -> np.ndarray:
    return np.random.default_rng(version).dirichlet(np.ones(K), N).astype(np.float32)


def table(version: int) -> pd.DataFrame:
    return pd.DataFrame({"id": range(3), "label": list("abc"), "version": [version] * 3})


def pred_probs(run: wb.Run, version: int) -> None:
    run.save_pred_probs(probabilities(version), out_of_fold=bool(version), source=f"v{version}")


def embeddings(run: wb.Run, version: int) -> None:
    run.save_embeddings(np.full((N, 4), version + 1.0), epoch=0, source=f"v{version}", trained_on_labels=bool(version))


def votes(run: wb.Run, version: int) -> None:
    rows = range(2 + version)
    wb.review.save_votes(run, pd.DataFrame({"id": rows, "annotator": ["u"] * len(rows), "label": ["a"] * len(rows)}))


def edges(run: wb.Run, version: int) -> None:
    wb.graphs.save_edges(run, [(row, row + 1) for row in range(2 + version)])


def evidence(run: wb.Run, version: int) -> None:
    numbers = pa.table({"version": [version] * 5})
    write_evidence(run.layout, "scores", numbers, Provenance("evidence", "user", f"v{version}"))


def views(run: wb.Run, version: int) -> None:
    from widgets.view.views import Views

    Views(run.path / "views.json").save("x", {"color_by": f"v{version}"})


def audit(run: wb.Run, version: int) -> None:
    issues = pd.DataFrame({"p_error": np.linspace(0, 1, N)}, index=run.dataset.ids)
    wb.audit(run, budget=5 + 10 * version, issues=issues)


def planted(run: wb.Run, version: int) -> None:
    from workbench.storage.examples import write_examples

    dataset = wb.Dataset.from_arrays(np.arange(N) % K, classes=list("abc"))
    write_examples(run.layout, wb.experiments.plant_errors(dataset, (0.25, 0.5)[version], seed=version))


def journal(run: wb.Run, version: int) -> None:
    run.journal.relabel([0, 1, 2], "abc"[version], old="c", author="ann")
    run.journal.close()


def older_journal(run: wb.Run, version: int) -> None:
    """First create a journal of schema 1, then make the decision that upgrades it."""
    if version == 1:
        journal(run, 1)
        return
    from workbench.storage import journalschema

    with contextlib.closing(sqlite3.connect(run.layout.journal, isolation_level=None)) as db:
        db.execute("PRAGMA journal_mode = WAL")
        journalschema.create(db, 1)
        db.execute("INSERT INTO batches (owner, depth) VALUES ('ann', 0)")
        for id in range(3):
            db.execute(
                "INSERT INTO entries (id, field, old, new, author, time, source, reason, batch) "
                "VALUES (?, 'label', 'c', 'a', 'ann', '2026-11-01T12:00:00.000Z', '', '', 1)",
                (id,),
            )


def exported(suffix: str) -> Callable[[wb.Run, int], None]:
    def save(run: wb.Run, version: int) -> None:
        from workbench.storage.tables import write_table

        write_table(table(version), run.path.parent / f"out{suffix}", force=True)

    return save


def report(run: wb.Run, version: int) -> None:
    module = importlib.import_module("workbench.reports.report")  # `wb.report` is the function
    contents = mock.patch.dict(module.GATHER, multiclass=lambda *_: None)
    with contents, mock.patch.object(module, "page", lambda *_: f"<html>v{version}</html>"):
        module.report(run, run.path.parent / "report.html", force=True)


def saved_html(run: wb.Run, version: int) -> None:
    import widgets.saved.page as module

    with mock.patch.object(module, "saved_page", lambda *_: f"<html>v{version}</html>"):
        module.save_html(None, run.path.parent / "view.html", 0, True)


def computed(run: wb.Run, version: int) -> None:
    cache.store(run.layout, "numbers", {"of": "the same"}, {"version": np.full(5, version)})


def scores(run: wb.Run, version: int) -> None:
    from workbench.storage.columns import Pass

    work = Pass(run.layout.cache / "scores", {"a": f"d{version}", "b": f"d{version}"}, N, 10)
    for rows in work.left():
        work.write(rows, dict.fromkeys("ab", np.full(rows.stop - rows.start, version)))
    work.finish()


SAVES: dict[str, Callable[[wb.Run, int], None]] = {
    **{"pred_probs": pred_probs, "embeddings": embeddings, "votes": votes, "views": views, "audit": audit},
    "edges": edges,
    "evidence": evidence,
    **{
        "planted": planted,
        "journal": journal,
        "older_journal": older_journal,
        "report": report,
        "saved_html": saved_html,
        "computed": computed,
    },
    **{
        "older_journal": older_journal,
        "scores": scores,
        "csv": exported(".csv"),
        "jsonl": exported(".jsonl"),
        "parquet": exported(".parquet"),
    },
}


def no_sync(descriptor: int) -> None:
    """Replaces flushing to disk: other processes see what a killed process has written without it."""


def contents(folder: Path) -> bytes:
    """A digest of the files in a folder except SQLite's shared memory, which the first to open recreates."""
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        if not path.name.endswith("-shm"):
            digest.update(f"{path.relative_to(folder)}\0{path.is_file()}\0".encode())
            digest.update(hashlib.sha256(path.read_bytes()).digest() if path.is_file() else b"")
    return digest.digest()


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def before_operations(act: Callable[[int], None]) -> None:
    """Call `act` with 1, 2, ... just before each operation on a file or statement of SQLite from now on."""
    done, acting = 0, False

    def count(*_: object) -> None:
        nonlocal done, acting
        if not acting:
            done, acting = done + 1, True
            act(done)
            acting = False

    def counted(function: Callable) -> Callable:
        def wrapper(*arguments: object, **named: object) -> object:
            count()
            return function(*arguments, **named)

        return wrapper

    os.fsync = no_sync
    for name in OPERATIONS:
        setattr(os, name, counted(getattr(os, name)))
    builtins.open = io.open = counted(io.open)
    connect = sqlite3.connect

    def traced(*arguments: object, **named: object) -> sqlite3.Connection:
        count()
        db = connect(*arguments, **named)
        db.set_trace_callback(count)
        return db

    sqlite3.connect = traced


def main(kind: str, folder: str, nth: int) -> None:
    warnings.simplefilter("ignore")
    journalfile.SYNCHRONOUS = "OFF"
    run = wb.open_run(Path(folder) / "run")
    operations: list[bytes] = []
    if nth:
        before_operations(lambda at: at != nth or die())
    else:
        before_operations(lambda at: operations.append(contents(Path(folder))))
    SAVES[kind](run, 1)
    changing = [at for at, state in enumerate(operations, 1) if state not in operations[: at - 1]]
    print(json.dumps([changing, len(operations)]), flush=True)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
    os._exit(0)
