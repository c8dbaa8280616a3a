"""Filters and queues by tag, and accepting suggestions for units of many examples at once."""

from __future__ import annotations

import shutil

import numpy as np
import pytest

import widgets as wd
import workbench as wb
from widgets.requests import answer
from widgets.wire.masks import packed
from workbench.foundation.errors import InputError


@pytest.fixture(scope="module")
def shown(tagged):
    """A view without decisions."""
    return wd.Explorer(tagged)


@pytest.fixture
def ex(tagged, tmp_path):
    return wd.Explorer(shutil.copytree(tagged, tmp_path / "tags"))


def cells(ex, tag, **wanted):
    """Return the rows of the marked units of a tag in the table of `find_issues`."""
    table = wb.find_issues(ex.run, per="unit")
    table = table[table["is_issue"] & (table["tag"] == tag)]
    for name, value in wanted.items():
        table = table[table[name] == value]
    return table.sort_values(["p_error", "row"], ascending=[False, True])["row"].tolist()


def ask(ex, kind, mask=None, **body):
    return answer(ex._view, {"kind": kind, **body}, [] if mask is None else [packed(mask).tobytes()])


@pytest.mark.parametrize(
    ("state", "wanted"),
    [("no, add?", {"given_label": "no"}), ("yes, remove?", {"given_label": "yes"})],
)
def test_a_filter_by_tag_finds_what_is_suggested(shown, state, wanted):
    shown.filters = {"tag snow": [state]}
    rows = shown._view.dataset.rows(shown.table().index)
    assert sorted(rows.tolist()) == sorted(cells(shown, "snow", **wanted)) and len(rows)
    shown.filters = {}


def test_a_filter_by_tag_says_what_is_given():
    labels = np.array([[1, 0, -1], [0, 1, 1], [-1, -1, -1], [1, 1, 0]])
    view = wd.Explorer(labels, task="multilabel", classes=["a", "b", "c"])._view
    states = {name: [view.columns[f"tag {name}"].categories[code] for code in view.columns[f"tag {name}"].values]
              for name in "abc"}  # fmt: skip
    assert states["a"] == ["yes", "no", "unknown", "yes"]
    assert states["c"] == ["unknown", "yes", "unknown", "no"]


def test_a_column_of_a_tag_is_made_when_it_is_asked_for(tagged):
    view = wd.Explorer(tagged)._view
    assert "tag snow" in view.columns and "tag snow" not in list(view.columns)
    body, buffers = ask(wd.Explorer(tagged), "column", name="tag snow")
    assert body["column"]["categories"][3] == "no, add?" and len(buffers) == 1
    assert "'tag snowy'" in ask(wd.Explorer(tagged), "column", name="tag snowy")[0]["error"]
    with pytest.raises(KeyError):
        view.columns["tag snowy"]


@pytest.mark.parametrize("kind", ["missing", "wrong"])
def test_a_queue_of_a_tag_is_in_the_order_of_its_doubts(shown, kind):
    shown.queue = f"{kind} tag snow"
    wanted = cells(shown, "snow", kind=kind)
    assert shown._view.rows_of_queue().tolist() == wanted and wanted
    body, _ = ask(shown, "queue", by=f"{kind} tag snow")
    assert (body["count"], body["unit"]) == (len(wanted), "p7")
    assert ask(shown, "queue", by="suspicion")[0]["unit"] == ""


def test_tags_are_offered_with_their_counts(shown):
    tags = {one["name"]: one for one in ask(shown, "open")[0]["tags"]}
    assert set(tags) == set(shown.run.classes)
    for name, one in tags.items():
        assert one["missing"] == len(cells(shown, name, kind="missing"))
        assert one["wrong"] == len(cells(shown, name, kind="wrong"))


def test_an_unknown_tag_is_named(shown):
    with pytest.raises(InputError, match="snowy"):
        shown.queue = "missing tag snowy"
    with pytest.raises(InputError, match="snowy"):
        shown.filters = {"tag snowy": ["yes"]}


def test_suggestions_of_a_selection_are_accepted_in_one_step(ex):
    view = ex._view
    mask = np.zeros(view.dataset.n, bool)
    mask[view.order[:40]] = True
    table = wb.find_issues(ex.run, per="unit")
    table = table[table["is_issue"] & mask[table["row"]]]
    body, (likely, rows) = ask(ex, "accept", mask)
    assert (body["count"], body["examples"]) == (len(table), table["row"].nunique())
    assert np.sort(np.frombuffer(likely, "<f4")) == pytest.approx(np.sort(table["p_suggested"]), abs=1e-6)
    assert set(np.frombuffer(rows, "<i4").tolist()) == set(table["row"])
    sure = int((table["p_suggested"] >= 0.99).sum())
    assert 0 < sure < len(table)

    said = ask(ex, "accept", mask, least=0.99, sure=sure + 1)[0]["error"]
    assert f"{sure + 1} were confirmed" in said and f"There are {sure} now" in said
    assert not len(ex.run.journal.log())

    body, _ = ask(ex, "accept", mask, least=0.99, sure=sure)
    assert body["count"] == sure and body["patch"]["changed"] == view.decisions.edited == body["examples"]
    state = ex.run.journal.state(per="unit")["label"].dropna()
    wanted = table[table["p_suggested"] >= 0.99]["suggested_label"]
    assert state.sort_index().to_dict() == wanted.sort_index().to_dict()
    assert ask(ex, "accept", mask)[0]["count"] == len(table) - sure, "what is decided is not offered again"
    log = ex.run.journal.log()
    assert set(log["source"]) == {"explorer: accept selection"} and log["batch"].nunique() == 1
    ask(ex, "undo", sure=True)
    assert view.decisions.edited == 0 and ex.run.journal.state(per="unit")["label"].dropna().empty


def test_suggestions_of_one_tag(ex):
    ex.queue = "missing tag snow"
    mask = ex._view.mask_of(ex.queue)
    body, _ = ask(ex, "accept", mask, unit="p7")
    assert body["count"] == body["examples"] == len(ex.queue)
    ask(ex, "accept", mask, unit="p7", sure=len(ex.queue))
    state = ex.run.journal.state(per="unit")["label"].dropna()
    assert set(state.index.get_level_values("unit")) == {"p7"} and set(state) == {"yes"}


def test_without_evidence_nothing_is_suggested():
    ex = wd.Explorer(np.array([[1, 0], [0, 1]]), task="multilabel", classes=["a", "b"])
    assert "There is no evidence" in ask(ex, "accept", np.ones(2, bool))[0]["error"]
    ex.queue = "wrong tag a"
    assert ex.queue == []


def test_a_run_with_recorded_epochs_of_tags_opens_without_a_data_map(tagged, tmp_path):
    run = wb.open_run(shutil.copytree(tagged, tmp_path / "run", ignore=shutil.ignore_patterns("cache")))
    with wb.Recorder(run.path, run.dataset, mode=run.mode) as recorder, recorder.epoch(recorder.next_epoch):
        recorder.batch(run.dataset.ids, np.random.default_rng(0).normal(size=(run.n, run.k)))
    ex = wd.Explorer(run.path)
    body, _ = answer(ex._view, {"kind": "open"}, [])
    assert ex.run.epochs and body["epochs"] == []
    assert answer(ex._view, {"kind": "inspect", "row": 0}, [])[0]["curve"]["epochs"] == []
    with pytest.raises(InputError, match=r"epochs\['data map'\]"):
        ex.epochs = {"data map": 0}
