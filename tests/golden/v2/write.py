"""Wrote the files beside it with journal schema 2 and the votes of release 0.2. Kept to document their contents."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd

import workbench as wb
from workbench.runs.votes import vote_table

HERE = Path(__file__).parent


def plain(frame: pd.DataFrame) -> list:
    """A table as JSON, its index first."""
    return json.loads(frame.reset_index().to_json(orient="values"))


def expected(journal: wb.Journal) -> dict:
    """Return the values that a reader must find in a journal."""
    return {
        "log": plain(journal.log().set_index("seq")),
        "state": plain(journal.state()),
        "units": plain(journal.state(per="unit")),
        "opinions": plain(journal.opinions(per="unit")),
        "decided": plain(journal.decided().set_index("id")),
        "changes": plain(journal.changes()),
    }


def decide(journal: wb.Journal) -> None:
    """Two authors decide on given, proposed and drawn boxes, with undo, redo, notes and flags."""

    def box(name: str | None, *corners: float) -> str:
        return json.dumps(None if name is None else {"box": corners, "class": name}, separators=(",", ":"))

    a, b = "ada", "béla"
    given = [box("finch", 0, 0, 9.5, 9), box("gull", 5, 5, 20, 30)]
    proposed, drawn = "c0123456789abcdef", "a0123456789ab"
    said = [box("gull", 0, 0, 9.5, 9), given[1]]
    journal.relabel([7, 7], said, old=given, units=["g0", "g1"], author=a, source="explorer", reason="seen")
    journal.relabel(7, box('óriás, "nagy"', 1, 1, 4, 4), old=box(None), units=proposed, author=a, source="explorer")
    journal.relabel(7, box("gull", 2, 2, 3, 3), old=box(None), units=drawn, author=b)
    journal.undo(b)
    journal.redo(b)
    journal.relabel(7, box(None), old=given[1], units="g1", author=b, reason="there is nothing")
    journal.skip("7", units="p3", author=b)
    journal.flag([7, 7, 8], units=["g0", proposed, ""], author=b)
    journal.note(7, "cut off, <b>ask</b> Zoë\nsecond line", units=drawn, author=a)
    journal.note(7, "of the whole picture", author=a)
    journal.keep(8, old="finch", author=a, source="review")
    journal.relabel([9, 9], ["yes", "no"], old=["no", None], units=["p0", "p1"], author=a)
    journal.undo(a)
    journal.close()


def birds() -> dict:
    """A run with one class per example."""
    target = HERE / "birds-run"
    shutil.rmtree(target, ignore_errors=True)
    rng = np.random.default_rng(20261130)
    classes = ["finch", "gull", 'óriás, "nagy"']
    truth = rng.integers(0, 3, 12)
    ids = [f"b{i:02d}" for i in range(12)]
    data = wb.Dataset.from_arrays([classes[c] for c in truth], ids=ids, classes=classes)
    with wb.Recorder(target, data) as recorder, recorder.epoch(0):
        recorder.batch(data.ids, rng.normal(size=(12, 3)) + 3 * np.eye(3)[truth])
    run = wb.open_run(target)
    votes = [
        (id, who, kind, classes[truth[i] if rng.random() < 0.8 else rng.integers(3)], confidence, version)
        for i, id in enumerate(ids)
        for who, kind, confidence, version in (
            ("Zoë", "person", None, ""),
            ("has long beak", "function", None, "3"),
            ("llm", "model", round(float(rng.random()), 3), "may"),
            ("llm", "model", round(float(rng.random()), 3), "june"),
        )
        if rng.random() < 0.6
    ]
    run.save_votes(pd.DataFrame(votes, columns=["id", "voter", "kind", "value", "confidence", "version"]))
    journal = run.journal
    journal.relabel(ids[:2], classes[0], old=[classes[c] for c in truth[:2]], author="ada", source="explorer")
    journal.keep(ids[2], old=classes[truth[2]], author="béla")
    journal.undo("ada")
    journal.redo("ada")
    journal.flag(ids[3], author="ada")
    found = expected(journal) | {
        "labels": run.labels().tolist(),
        "votes": plain(vote_table(run).set_index("id")),
        "voters": [list(run.votes().names), list(run.votes().kinds), run.votes().counts().sum(axis=0).tolist()],
    }
    journal.close()
    shutil.rmtree(target / "cache", ignore_errors=True)
    for lock in target.glob(".rank=*.lock"):
        lock.unlink()
    return found


if __name__ == "__main__":
    file = HERE / "boxes.sqlite"
    file.unlink(missing_ok=True)
    boxes = wb.Journal(file, author="ada")
    decide(boxes)
    found = {"boxes.sqlite": expected(boxes)}
    boxes.close()
    found["birds-run"] = birds()
    text = json.dumps(found, ensure_ascii=False, separators=(",", ":"))
    (HERE / "expected.json").write_text(text + "\n", encoding="utf-8")
