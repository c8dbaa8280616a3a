"""Decisions on units are independent of the predictions that were shown when they were made."""

from __future__ import annotations

import json

import numpy as np
import pytest
from contract import recorded, same
from prototypes import BOXES, CASES, PLACES

import workbench as wb
from workbench.review.export import export_table
from workbench.tasks import TASKS, keys


@pytest.fixture(autouse=True)
def prototypes(monkeypatch):
    monkeypatch.setattr(TASKS, "_places", {**TASKS._places, **PLACES})


def met(run: wb.Run, seed: int | None):
    """Return the predictions of a model for the run's boxes; none for seed None."""
    rng = np.random.default_rng(seed)
    found = [[] for _ in range(run.n)]
    if seed is not None:
        for row in range(run.n):
            x, y = rng.integers(100, 200, 2).tolist()
            found[row].append((x, y, x + 10, y + 10, int(rng.integers(run.dataset.k)), 0.9))
    return run.dataset.kind.meet(run.dataset.units, run.dataset.classes, predictions=found)


def told(run: wb.Run, folder) -> dict:
    """Return everything that the journal and the export contain."""
    journal = run.journal
    file = folder / "out.jsonl"
    wb.export(run, file, force=True, issues=False)
    return {
        "log": json.loads(journal.log().to_json(orient="values")),
        "state": journal.state(per="unit").reset_index().to_numpy().tolist(),
        "changes": journal.changes().reset_index().to_numpy().tolist(),
        "of the run": run.changes().drop(columns="given_label").reset_index().to_numpy().tolist(),
        "export": file.read_bytes(),
    }


def test_decide_then_replace_the_predictions_then_reopen(tmp_path):
    assert CASES[BOXES.task] is BOXES
    run = recorded(BOXES, tmp_path)
    kind, dataset, journal = run.dataset.kind, run.dataset, run.journal
    found = met(run, 1)
    proposed = [unit for unit in range(found.units.m) if found.units.key(unit).startswith("c")]
    assert len(proposed) == run.n
    rows = found.units.rows[proposed]
    values = [kind.encode(kind.value(1, found.shapes[unit].as_py(), dataset.classes)) for unit in proposed]
    names = [found.units.key(unit) for unit in proposed]
    nothing = kind.encode(None)
    journal.relabel(dataset.ids[rows], values, old=nothing, units=names, author="ann", source="explorer")
    row = int(dataset.units.rows[0])
    given = dataset.value_of(0)
    journal.relabel(dataset.ids[row], nothing, old=given, units="g0", author="ann")
    drawn = keys.added_key()
    box = kind.encode({"box": [1, 2, 3, 4.5], "label": dataset.classes[1]})
    journal.relabel(dataset.ids[row], box, old=nothing, units=drawn, author="bob")
    journal.note(dataset.ids[row], "drawn by hand", units=drawn, author="bob")
    journal.flag(dataset.ids[rows[:2]], units=names[:2], author="bob")
    journal.keep(dataset.ids[rows[:1]], old=nothing, units=names[:1], author="bob")
    before = told(run, tmp_path)
    labels = run.labels()
    assert len(before["changes"]) == run.n - 1 + 2
    journal.close()

    for seed in (2, None):  # another model, which proposes other keys, then none at all
        assert not set(names) & {one for one in met(run, seed).units.keys.to_pylist() if one.startswith("c")}
        again = wb.open_run(run.path)
        assert told(again, tmp_path) == before
        assert same(BOXES, again.labels(), labels)
        again.journal.close()

    again = wb.open_run(run.path)
    undone = [again.journal.undo("bob") for _ in range(4)] + [again.journal.undo("ann") for _ in range(2)]
    assert all(undone) and again.journal.undo("ann") == []
    assert same(BOXES, again.labels(), dataset.labels) and again.journal.changes().empty
    for author, times in (("ann", 2), ("bob", 4)):
        assert all(again.journal.redo(author) for _ in range(times))
    redone = told(again, tmp_path)
    without = [[json.loads(line) | {"time": None} for line in one["export"].splitlines()] for one in (redone, before)]
    assert without[0] == without[1], "but for the time, which is that of the redo"
    assert same(BOXES, again.labels(), labels)
    assert [unit for _, unit in again.journal.changes().index].count(drawn) == 1


def test_a_run_of_units_is_whole_and_stray_decisions_are_named(tmp_path):
    from workbench.shell.inspection import inspect

    run = recorded(BOXES, tmp_path)
    run.journal.relabel(run.dataset.ids[0], "null", old=run.dataset.value_of(0), units="g0")
    assert [str(one) for one in inspect(run) if one.is_damage] == []
    run.journal.relabel(run.dataset.ids[0], "cat", old="dog")
    words = [one.words for one in inspect(run) if one.path == "journal.sqlite"]
    assert words == ["1 decisions are about whole examples, which this kind of label does not have; they are kept but "
                     "not used"]  # fmt: skip


def test_of_decisions_within_a_millisecond_the_last_one_counts(tmp_path, monkeypatch):
    """An export names the last author who decided about an example, by the order of entries, not by their times."""
    monkeypatch.setattr("workbench.runs.journal.now", lambda: "2026-01-01T00:00:00.000Z")
    run = recorded(BOXES, tmp_path)
    row, keys_here = int(run.dataset.units.rows[0]), run.dataset.units.keys_of(int(run.dataset.units.rows[0]))
    for author, order in (("ann", keys_here), ("bob", keys_here[::-1])):
        for key in order:
            given = run.dataset.values_at([row], [key])[0]
            run.journal.relabel(run.dataset.ids[row], given, old=given, units=key, author=f"{author} {key}")
    table = export_table(run)
    assert len(keys_here) > 1 and table["author"].iloc[row] == f"bob {keys_here[0]}"
