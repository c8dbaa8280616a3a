"""Imports run down: no module imports from a floor above its own, and no two import each other, by whatever detour."""

from __future__ import annotations

import floors
import pytest


@pytest.fixture(scope="module")
def graph() -> floors.Graph:
    return floors.imports(floors.sources())


def test_every_folder_has_its_floor(graph):
    lone = {name for name in graph if floors.floor_of(name) == len(floors.FLOORS)}
    assert lone == {"workbench", "widgets"}, (
        "put new modules into a folder, and new folders into FLOORS (tests/floors.py)"
    )
    empty = [
        floor
        for floor in floors.FLOORS
        if not any(floors.floor_of(name) == floors.FLOORS.index(floor) for name in graph)
    ]
    assert not empty, "these floors hold nothing: take them out of FLOORS"


def test_imports_run_down(graph):
    wrong = [f"{one} imports {other}, which stands above it" for one, other in floors.upward(graph)]
    assert not wrong, "\n".join([*wrong, "Move what both need down, or the function that needs it up"])


def test_no_files_import_each_other(graph):
    wrong = [" <-> ".join(group) for group in floors.circles(graph)]
    assert not wrong, "circles of imports; move what both need to a module of its own:\n" + "\n".join(wrong)


def test_the_picture_sees_imports_wherever_they_stand():
    texts = {
        "workbench.foundation.errors": "",
        "workbench.runs.run": "def f():\n    from workbench.issues import counts",
        "workbench.issues": "",
        "workbench.issues.counts": "if TYPE_CHECKING:\n    from workbench.issues.totals import shown",
        "workbench.issues.totals": "import workbench.issues.counts, workbench.foundation.errors",
    }
    graph = floors.imports(texts)
    assert floors.upward(graph) == [("workbench.runs.run", "workbench.issues.counts")]
    assert floors.circles(graph) == [["workbench.issues.counts", "workbench.issues.totals"]]
    assert "workbench.runs.run -> workbench.issues.counts" in floors.picture(graph)
