"""Classes added in a view: queries, tables and filters know them, and classes added by others are received."""

from __future__ import annotations

import numpy as np
import pytest

import widgets as wd
from widgets.requests.deciding import ask_add_class, ask_decide
from widgets.requests.opening import described
from workbench.data.dataset import Dataset
from workbench.foundation.errors import InputError
from workbench.recording.recorder import Recorder
from workbench.review import add_class
from workbench.runs.run import open_run


@pytest.fixture
def explorer(tmp_path):
    rng = np.random.default_rng(3)
    given = rng.choice(["cat", "dog"], 30)
    with Recorder(tmp_path / "pets", Dataset.from_arrays(given)) as recorder:
        for epoch in range(2):
            with recorder.epoch(epoch):
                recorder.batch(np.arange(30), rng.normal(size=(30, 2)))
    return wd.Explorer(tmp_path / "pets", author="ana")


def test_a_class_is_added_and_given(explorer):
    view = explorer._view
    body, _ = ask_add_class(view, {"name": "newt"}, [])
    assert body["code"] == 2 and body["patch"]["added"] == [{"name": "newt", "stands": True}]
    ask_decide(view, {"op": "relabel", "rows": [4, 5], "label": 2}, [])
    assert view.decisions.labels[[4, 5]].tolist() == [2, 2]
    assert explorer.table("all")["label"].tolist()[4] == "newt"
    explorer.filters = {"search": 'label == "newt"'}
    assert explorer.table("shown").index.tolist() == [4, 5]
    explorer.filters = {"label": ["newt"]}
    assert explorer.table("shown").index.tolist() == [4, 5]
    assert explorer.changes["label"].tolist() == ["newt", "newt"]
    with pytest.raises(InputError, match="Use 0 to 2"):
        ask_decide(view, {"op": "relabel", "rows": [4], "label": 3}, [])


def test_undo_takes_the_labels_back_then_the_class(explorer):
    view = explorer._view
    ask_add_class(view, {"name": "newt"}, [])
    ask_decide(view, {"op": "relabel", "rows": [4], "label": 2}, [])
    view.decisions.undo()
    view.decisions.catch_up()
    assert view.decisions.labels[4] == view.dataset.given_labels[4] and view.decisions.added[0]["stands"]
    view.decisions.undo()
    view.decisions.catch_up()
    assert not view.decisions.added[0]["stands"]
    view.decisions.redo()
    view.decisions.catch_up()
    assert view.decisions.added == [{"name": "newt", "stands": True}]


def test_what_others_add_is_there_at_the_next_look(explorer):
    other = open_run(explorer.run.path)
    add_class(other, "newt", author="ben")
    other.journal.relabel(7, "newt", old=str(other.dataset.given[7]), author="ben")
    explorer._view.decisions.catch_up()
    assert explorer._view.decisions.labels[7] == 2
    assert described(explorer._view)["added"] == [{"name": "newt", "stands": True}]
    again = wd.Explorer(explorer.run.path)
    assert again.table("all")["label"].tolist()[7] == "newt"


def test_labels_set_in_code_can_be_of_an_added_class(explorer):
    with pytest.raises(InputError, match="unknown class 'newt'"):
        explorer.changes = {3: "newt"}
    add_class(explorer.run, "newt", author="ana")
    explorer.changes = {3: "newt"}
    assert explorer.run.corrected_labels().iloc[3] == "newt"
