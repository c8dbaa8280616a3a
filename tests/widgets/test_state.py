"""The Explorer from Python: traits with the displayed state, tables, saved views, linked views."""

from __future__ import annotations

import json
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import traitlets

import widgets as wd
from widgets.view.shown import check_cameras, filter_mask
from widgets.view.views import Views
from workbench.foundation.errors import InputError, RunError


def heard(ex: object, name: str) -> list:
    """Return a list to which new values of a trait are appended."""
    values: list = []
    ex.observe(lambda change: values.append(change["new"]), name)
    return values


@pytest.mark.parametrize(
    ("field", "value", "found"),
    [
        ("filters", {"p_error": [0.9, 0.1]}, "two numbers in order"),
        ("filters", {"p_error": "high"}, "two numbers in order"),
        ("filters", {"p_error": [0.1, float("nan")]}, "two numbers in order"),
        ("filters", {"given_label": "cat"}, "list of categories"),
        ("filters", {"given_label": ["cart"]}, "Did you mean 'cat'"),
        ("filters", {"search": 3}, "words or a query"),
        ("filters", {"search": "x" * 2000}, "up to 1000 characters"),
        ("filters", {"search": "p_eror > .5"}, "Did you mean 'p_error'"),
        ("cameras", {"data map": [0, 0, 0]}, "zoom from 0.2"),
        ("cameras", {"data map": [1, 0]}, "Pass \\[zoom, x, y\\]"),
        ("cameras", {"dota map": [1, 0, 0]}, "Did you mean 'data map'"),
        ("epochs", {"dota map": 1}, "Did you mean 'data map'"),
        ("epochs", {"data map": 9}, "There are 0, 1, 2, 3"),
        ("epochs", {"embedding map": True}, "There are 0, 1, 2, 3"),
        ("view", "nothing saved", "save_view"),
        ("view", {"colour": "aum"}, "unknown part of a view"),
        ("view", {"filters": {"nothing": [0, 1]}}, "unknown column"),
        ("changes", ["id001"], "is list"),
        ("changes", {"id001": "cart"}, "unknown class"),
        ("changes", {"nobody": "cat"}, "nobody"),
    ],
)
def test_what_cannot_be_set_says_why_and_changes_nothing(page, field, value, found):
    ex = page()
    before = ex.view
    with pytest.raises(InputError, match=found):
        setattr(ex, field, value)
    assert ex.view == before
    assert len(ex.changes) == 0


def test_numbers_of_any_kind_become_plain_ones(page):
    ex = page()
    ex.filters = {"weight": np.array([-1, 1], np.float32), "given_label": ("cat",)}
    assert ex.filters == {"weight": [-1.0, 1.0], "given_label": ["cat"]}
    json.dumps(ex.filters)


def test_the_table_holds_what_passes_the_filters_and_it_follows_decisions(page, run):
    ex = page()
    weight = run.dataset.metadata["weight"].to_numpy()
    ex.filters = {"weight": [0, 1], "given_label": ["cat", "owl"]}
    wanted = (
        (weight.astype(np.float32) >= 0) & (weight.astype(np.float32) <= 1) & np.isin(run.dataset.given, ["cat", "owl"])
    )
    table = ex.table()
    assert table.index.tolist() == run.dataset.ids[wanted].tolist()
    assert table["source"].tolist() == run.dataset.metadata["source"][wanted].tolist()
    ex.filters = {"verdict": ["relabelled"]}
    assert len(ex.table()) == 0
    ex.ask("decide", op="relabel", rows=[3], label=2)
    assert ex.table()["label"].to_dict() == {"id003": "owl"}
    ex.selection = ["id005"]
    assert ex.table("selection").index.tolist() == ["id005"]
    assert len(ex.table("all")) == run.n
    with pytest.raises(InputError, match="unknown rows"):
        ex.table("everything")


def test_a_search_filters_the_table_too(page, run):
    ex = page()
    ex.filters = {"search": "p_error > .5"}
    assert ex.table().index.tolist() == run.dataset.ids[::10].tolist()
    assert filter_mask(ex._view, {"search": "id003"}).sum() == 1
    assert filter_mask(ex._view, {}).all()


def test_changes_can_be_observed_and_set_and_undone_in_one_step(page, run):
    ex = page()
    values = heard(ex, "changes")
    ex.ask("decide", op="relabel", rows=[3], label=2)
    assert [value["label"].to_dict() for value in values] == [{"id003": "owl"}]
    ex.changes = {"id004": "owl", "id005": "owl"}
    wanted = {i: "owl" for i in ("id004", "id005") if run.dataset.given[int(i[2:])] != "owl"}
    assert ex.changes["label"].to_dict() == wanted, "exactly these differ now"
    content, buffers = ex.sent[-1]
    assert content["push"] == "decided"
    assert set(np.frombuffer(buffers[0], "<i4")) >= {3, 4}
    assert len(values) == 2
    ex.ask("undo")
    assert ex.changes["label"].to_dict() == {"id003": "owl"}
    table = ex.changes
    ex.changes = table
    assert ex.changes["label"].to_dict() == {"id003": "owl"}


def test_nothing_is_computed_for_changes_that_nobody_observes(page, monkeypatch):
    ex = page()
    asked = []
    monkeypatch.setattr(ex.run, "changes", lambda: asked.append(1))
    ex.ask("decide", op="relabel", rows=[3], label=2)
    assert asked == []


def test_view_is_one_value_of_all_that_is_on_show(page):
    ex = page()
    values = heard(ex, "view")
    ex.color_by = "aum"
    ex.ask("select", [np.packbits(np.arange(120) < 2, bitorder="little").tobytes()])
    rest = {"filters": {}, "cameras": {}, "epochs": {}}
    assert values[-1] == rest | {"color_by": "aum", "selection": ["id000", "id001"]}
    count = len(values)
    ex.view = {"filters": {"given_label": ["cat"]}, "cameras": {"data map": [2, 0.5, 0]}}
    assert len(values) == count + 1, "one notification for a whole view"
    assert values[-1] == ex.view
    assert ex.view["color_by"] == "aum", "what is not named stays"


def test_epochs_of_the_sliders_are_part_of_a_view(page):
    ex = page()
    values = heard(ex, "view")
    ex.epochs = {"data map": np.int64(1), "embedding map": 3}
    assert ex.epochs == {"data map": 1}, "the last epoch is what is shown anyway"
    assert values[-1]["epochs"] == {"data map": 1}
    look = {"filters": {}, "color_by": "aum", "cameras": {}, "epochs": {"embedding map": 0, "data map": 2}}
    assert "error" not in ex.ask("save_view", name="early", **look)[0]
    other = page()
    other.ask("show_view", name="early")
    assert other.epochs == {"embedding map": 0, "data map": 2}
    other.view = {"epochs": {}}
    assert (other.epochs, other.color_by) == ({}, "aum")
    saved = Views(other._view.named_views.path).read()["early"]
    del saved["epochs"]  # saved by an earlier release
    other._view.named_views.save("old", saved)
    other.epochs = {"data map": 1}
    other.view = "old"
    assert other.epochs == {"data map": 1}, "what a view does not hold stays as it is"


def test_saved_views_outlive_the_widget(page, run):
    ex = page()
    ex.filters, ex.color_by, ex.selection = {"p_error": [0.5, 1.0]}, "aum", ["id004"]
    ex.save_view("doubtful")
    assert ex.sent[-1][0] == {"push": "views", "views": ["doubtful"]}
    other = page()
    assert other.ask("open")[0]["views"] == ["doubtful"]
    other.view = "doubtful"
    assert other.view == ex.view
    other.delete_view("doubtful")
    assert ex.views == {}
    with pytest.raises(InputError, match="unknown view"):
        ex.delete_view("doubtful")


def test_views_from_the_page(page):
    ex = page()
    state = {"filters": {"given_label": ["dog"]}, "color_by": "label", "cameras": {"embedding map": [3, 0, 0]}}
    mask = np.packbits(np.arange(120) == 7, bitorder="little").tobytes()
    assert "error" not in ex.ask("save_view", [mask], name="dogs", **state)[0]
    assert {name: ex.views["dogs"][name] for name in state} == state
    assert ex.views["dogs"]["selection"] == ["id007"]
    ex.ask("show_view", name="dogs")
    assert ex.filters == state["filters"]
    assert "unknown view" in ex.ask("show_view", name="cats")[0]["error"]
    assert "printable" in ex.ask("save_view", name=" ", **state)[0]["error"]
    ex.ask("delete_view", name="dogs")
    assert ex.views == {}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        '{"schema_version": 3, "views": {}}',
        '{"schema_version": true, "views": {}}',
        '{"schema_version": 1, "views": {"a": {"filters": []}}}',
        '{"schema_version": 1, "views": {"a": {"selection": [[1]]}}}',
        '{"schema_version": 1, "views": {"": {}}}',
        '{"schema_version": 1, "views": {"a": 3}}',
        "[" * 5000,
    ],
)
def test_a_file_of_views_that_is_not_ours_is_refused(tmp_path, text):
    path = tmp_path / "views.json"
    path.write_text(text)
    with pytest.raises(RunError, match=r"views\.json cannot be read"):
        Views(path).read()


def test_a_strangers_view_is_checked_against_the_run_before_anything_moves(page, run):
    stored = {"filters": {"given_label": ["cat"]}, "color_by": "nothing", "selection": ["nobody"]}
    (run.path / "views.json").write_text(json.dumps({"schema_version": 1, "views": {"a": stored}}))
    ex = page()
    with pytest.raises(InputError, match="nothing"):
        ex.view = "a"
    assert (ex.filters, ex.selection) == ({}, [])


def test_a_view_that_is_too_large_says_so(tmp_path):
    with pytest.raises(InputError, match="100,001 selected examples"):
        Views(tmp_path / "views.json").save("all", {"selection": list(range(100_001))})


def test_the_queue_of_the_page_is_that_of_python(page):
    ex = page()
    values = heard(ex, "queue")
    _, buffers = ex.ask("queue", by="all")
    rows = np.frombuffer(buffers[0], "<i4")
    assert values == [ex.run.dataset.ids[rows].tolist()] == [ex.queue]
    _, buffers = ex.ask("audit", draw=True)
    assert ex.queue == ex.run.dataset.ids[np.frombuffer(buffers[0], "<i4")].tolist()
    assert not any(message.get("push") == "queue" for message, _ in ex.sent), "it is not sent back"


class Other(traitlets.HasTraits):
    """A third-party widget with a selection of ids."""

    selection = traitlets.List()


def test_linked_views_select_the_same_ids_whatever_their_order(page, run):
    ex, other = page(), Other()
    ex.selection = ["id003"]
    linked = wd.link(ex, other)
    assert other.selection == ["id003"], "the first one's selection holds for all"
    other.selection = ["id009", "not here", "id001"]
    assert ex.selection == ["id009", "id001"]
    assert other.selection == ["id009", "not here", "id001"], "ids that one side lacks stay with the other"
    ex.ask("select")
    assert other.selection == []
    linked.unlink()
    ex.selection = ["id002"]
    assert other.selection == []


def test_two_explorers_are_linked_by_id_and_not_by_position(page):
    frame = pd.DataFrame({"label": ["a", "b", "a"], "name": ["id007", "zzz", "id003"]})
    ex, other = page(), wd.Explorer(frame, id="name")
    wd.link(ex, other)
    other.selection = ["id003", "zzz"]
    assert ex.selection == ["id003"]
    ex.selection = ["id007", "id001"]
    assert other.selection == ["id007"]
    assert ex.selection == ["id007", "id001"]


def test_an_object_with_a_plain_selection_follows(page):
    ex, plain = page(), SimpleNamespace(selection=["old"])
    linked = wd.link(ex, plain)
    assert plain.selection == ["old"], "nothing is selected in the first"
    ex.selection = ["id003", "id007"]
    assert plain.selection == ["id003", "id007"]
    linked.unlink()
    ex.selection = []
    assert plain.selection == ["id003", "id007"]


def test_only_what_has_a_selection_can_be_linked(page):
    fixed = type("Fixed", (), {"selection": property(lambda self: [])})()
    with pytest.raises(InputError, match=r"`widget 2` is a Fixed without a `selection` that can be set"):
        wd.link(page(), fixed)
    with pytest.raises(InputError, match="no trait `selection` among them"):
        wd.link(SimpleNamespace(selection=[]), SimpleNamespace(selection=[]))
    with pytest.raises(InputError, match=r"widget 2.*int"):
        wd.link(page(), 3)


def test_cameras_are_checked_field_by_field():
    assert check_cameras({"data map": (2, np.float32(0.5), 0)}) == {"data map": [2.0, 0.5, 0.0]}
    for bad in ([True, 0, 0], [1, 0, float("inf")], "abc", {1: 2, 3: 4, 5: 6}):
        with pytest.raises(InputError, match="zoom"):
            check_cameras({"data map": bad})


def test_views_saved_under_the_old_names_of_columns_open(page):
    ex = page()
    old = {"filters": {"given": ["cat"]}, "color_by": "suggested", "saved": "2026-11-20T10:00:00Z"}
    stored = {"schema_version": 1, "views": {"cats": old}}
    (ex.run.path / "views.json").write_text(json.dumps(stored), encoding="utf-8")
    ex.view = "cats"
    assert ex.filters == {"given_label": ["cat"]} and ex.color_by == "suggested_label"


def test_the_example_that_python_holds_is_shown_again(page):
    """The page tells where it is after a pause, so it may be elsewhere already."""
    ex = page()
    ex.current = "id003"
    before = len(ex.sent)
    ex.current = "id003"
    assert [message for message, _ in ex.sent[before:]] == [{"push": "go", "row": 3}]
