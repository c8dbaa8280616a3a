"""The Explorer without a browser: traits, messages with their answers, decisions in the journal."""

from __future__ import annotations

import json

import numpy as np
import pytest

from widgets.view.judging import issues_of
from widgets.wire.packing import unpacked_arrays
from workbench.foundation.errors import InputError
from workbench.runs.journal import Journal


def unpack(buffer: bytes, n: int) -> np.ndarray:
    return np.unpackbits(np.frombuffer(buffer, np.uint8), bitorder="little")[:n].astype(bool)


def packed(rows: list[int], n: int = 120) -> bytes:
    mask = np.zeros(n, bool)
    mask[rows] = True
    return np.packbits(mask, bitorder="little").tobytes()


def test_synced_state_is_small_and_holds_no_data(page):
    ex = page()
    state = {key: value for key, value in ex.get_state().items() if key not in ("_esm", "_css")}
    assert len(json.dumps(state, default=str)) < 2000
    assert not any(isinstance(value, (bytes, np.ndarray)) for value in state.values())
    assert set(state) >= {"color_by", "filters", "height"}


def test_code_and_style_are_small_enough():
    from widgets import Explorer

    assert sum(len(str(text).encode()) for text in (Explorer._esm, Explorer._css)) < 470_000


def test_open_sends_arrays_in_row_order(page, run, issues):
    body, buffers = page().ask("open")
    arrays = unpacked_arrays(body["arrays"], buffers)
    assert arrays["given"].tolist() == run.dataset.given_labels.tolist()
    assert arrays["p_error"] == pytest.approx(issues.loc[run.dataset.ids, "p_error"].to_numpy(), abs=1e-6)
    assert arrays["order"].tolist() == issues["row"].tolist()
    assert arrays["queue"].tolist() == issues["row"][issues["is_issue"]].tolist()
    assert body["data_map"]["x"] == "variability"
    assert len(arrays["variability"]) == run.n
    assert body["expected"] == "about 12 of 120 labels are wrong (9 to 15)"
    assert body["expected_title"] == f"{body['expected']}, from the detector"
    json.dumps(body, allow_nan=False)


def test_selection_is_ids_both_ways(page):
    ex = page()
    assert ex.selection == []
    heard = []
    ex.observe(lambda change: heard.append(change["new"]), "selection")
    ex.ask("select", [packed([0, 7])])
    assert ex.selection == ["id000", "id007"]
    assert heard == [["id000", "id007"]]
    assert not any(message.get("push") for message, _ in ex.sent), "what came from the page is not sent back"
    ex.selection = np.array(["id005"], object)
    content, buffers = ex.sent[-1]
    assert content == {"push": "selection"}
    assert np.flatnonzero(unpack(buffers[0], 120)).tolist() == [5]
    ex.selection = ()
    assert ex.selection == []
    assert not unpack(ex.sent[-1][1][0], 120).any(), "an empty selection is empty, not everything"
    ex.ask("select")
    assert ex.selection == []


@pytest.mark.parametrize(
    ("field", "value", "found"),
    [
        ("selection", ["nobody"], "nobody"),
        ("selection", "id001", "sequence of ids"),
        ("selection", None, "sequence of ids"),
        ("queue", "by magic", "by magic"),
        ("filters", {"p_eror": [0, 1]}, "Did you mean 'p_error'"),
        ("color_by", "nothing", "nothing"),
        ("current", "nobody", "nobody"),
    ],
)
def test_what_cannot_be_set_says_why(page, field, value, found):
    with pytest.raises(InputError, match=found):
        setattr(page(), field, value)


def test_queue_and_current_are_settable(page, issues):
    ex = page()
    assert ex.queue == issues.index[issues["is_issue"]].tolist()
    ex.queue = ["id003", "id001"]
    assert ex.sent[-1][0] == {"push": "queue", "by": "own", "unit": ""}
    assert np.frombuffer(ex.sent[-1][1][0], "<i4").tolist() == [3, 1]
    ex.current = "id004"
    assert ex.sent[-1][0] == {"push": "go", "row": 4}
    ex.ask("current", row=9)
    assert ex.current == "id009"


def test_queues_by_name(page, issues):
    ex = page(queue="all")
    assert ex.queue == issues.index.tolist()
    marked = set(issues.index[issues["is_issue"]])
    for name in ("suspicion", "pairs", "random"):
        ex.queue = name
        assert set(ex.queue) == marked


def test_relabel_is_in_the_journal_before_the_answer(page, run):
    ex = page(author="ada")
    body, buffers = ex.ask("decide", op="relabel", rows=[3], label=2, how="accept")
    state = Journal(run.layout.journal).state()
    assert state.loc["id003", "label"] == "owl"
    assert state.loc["id003", "author"] == "ada"
    rows, labels, verdict, marks = (np.frombuffer(b, t) for b, t in zip(buffers, ("<i4", "<i4", "u1", "u1")))
    assert (rows.tolist(), labels.tolist(), verdict.tolist(), marks.tolist()) == ([3], [2], [1], [4])
    assert body["count"] == 1
    assert len(body["time"]) == 5
    assert ex.changes.index.tolist() == ["id003"]


def test_a_selection_is_one_step_of_undo(page, run):
    ex = page()
    rows = [1, 2, 4, 5]
    ex.ask("decide", [packed(rows)], op="relabel", label=0)
    assert len(ex.changes) == int((run.dataset.given_labels[rows] != 0).sum())
    body, _ = ex.ask("undo")
    assert body["count"] == 4
    assert len(ex.changes) == 0
    ex.ask("redo")
    assert ex._view.decisions.labels[rows].tolist() == [0, 0, 0, 0]
    assert ex.ask("undo")[0]["count"] == 4
    assert ex.ask("undo")[0] | {"time": None} == {
        "count": 0,
        "row": -1,
        "time": None,
        "patch": {"at": 0, "changed": 0},
        "request": "r1",
    }


def test_labels_that_differ_by_row(page):
    ex = page()
    ex.ask("decide", [packed([2, 8]), np.array([1, 2], "<i4").tobytes()], op="relabel")
    assert ex._view.decisions.labels[[2, 8]].tolist() == [1, 2]


def test_keep_skip_flag_and_note(page):
    ex = page()
    ex.ask("decide", op="keep", rows=[1])
    ex.ask("decide", op="skip", rows=[2])
    ex.ask("decide", op="flag", rows=[3], flag=True)
    ex.ask("decide", op="note", rows=[3], note="blurred")
    assert ex._view.decisions.verdict[[1, 2, 3]].tolist() == [2, 3, 0]
    assert ex._view.decisions.marks[3] == 3
    assert ex.ask("inspect", row=3)[0]["note"] == "blurred"
    ex.ask("decide", op="flag", rows=[3], flag=False)
    assert ex._view.decisions.marks[3] == 2


def test_a_second_view_on_the_run_hears_of_the_first(page):
    one, two = page(author="ada"), page(author="bob")
    one.ask("decide", op="relabel", rows=[3], label=2)
    _, buffers = two.ask("decide", op="keep", rows=[4])
    assert np.frombuffer(buffers[0], "<i4").tolist() == [3, 4]
    assert two._view.decisions.labels[3] == 2
    two.ask("undo")
    assert one.ask("undo")[0]["count"] == 1


def test_reopening_shows_every_saved_change(page, run, issues):
    page().ask("decide", op="relabel", rows=[3], label=2)
    body, buffers = page().ask("open")
    arrays = unpacked_arrays(body["arrays"], buffers)
    assert arrays["labels"][3] == 2
    assert arrays["verdict"][3] == 1
    assert body["saved"]


@pytest.mark.parametrize(
    ("kind", "body", "found"),
    [
        ("nonsense", {}, "unknown message"),
        ("inspect", {"row": 999}, "Use 0 to 119"),
        ("column", {"name": "x"}, "unknown column"),
        ("decide", {"op": "burn", "rows": [1]}, "unknown decision"),
        ("decide", {"op": "relabel", "rows": [1], "label": 7}, "Use 0 to 2"),
        ("search", {"text": "nothing > 1"}, "unknown column"),
        ("media", {}, "KeyError"),
        ("slice", {"name": "x"}, "unknown slice"),
    ],
)
def test_every_question_gets_an_answer_and_errors_are_answers(page, kind, body, found):
    answer, _ = page().ask(kind, **body)
    assert found in answer["error"]


def test_a_failed_decision_answers_with_what_holds(page, monkeypatch):
    ex = page()

    def broken(*_args: object, **_options: object) -> None:
        raise OSError("the disk is full")

    monkeypatch.setattr(ex._view.decisions, "decide", broken)
    body, buffers = ex.ask("decide", op="relabel", rows=[3], label=2)
    assert "the disk is full" in body["error"]
    assert body["patch"]["at"] == 0
    assert np.frombuffer(buffers[1], "<i4").tolist() == [int(ex.run.dataset.given_labels[3])]


def test_inspect_has_curve_neighbours_reasons_and_columns(page, run):
    body, _ = page().ask("inspect", row=10)
    assert body["id"] == "id010"
    assert body["reasons"] == ["one", "two"]
    assert body["curve"]["epochs"] == [0, 1, 2, 3]
    assert body["curve"]["given"] == pytest.approx(run.stat_matrix("p_given")[:, 10].tolist())
    assert all(0 <= p <= 1 for p in body["curve"]["suggested"])
    assert len(body["neighbors"]["rows"]) == len(body["neighbors"]["items"]) == 10
    assert 10 not in body["neighbors"]["rows"]
    assert body["p_given"] == body["curve"]["given"][-1]
    assert body["p_epoch"] == 3
    assert [name for name, _ in body["columns"]] == ["weight", "source"]
    assert body["media"]["src"].startswith("data:image/png;base64,")
    json.dumps(body, allow_nan=False)


def test_data_map_as_it_stood_after_an_epoch(page, run):
    from workbench.scores.dynamics import confidence

    _, (_, y) = page().ask("upto", epoch=1)
    assert np.frombuffer(y, "<f4") == pytest.approx(confidence(run.stat_matrix("p_given")[:2]), abs=1e-6)


def test_export_writes_the_file_and_refuses_to_overwrite(page, tmp_path):
    ex = page()
    ex.ask("decide", op="relabel", rows=[3], label=2)
    body, _ = ex.ask("export", path=str(tmp_path / "out.csv"))
    assert "120 examples" in body["text"]
    assert (tmp_path / "out.csv").read_text().count("\n") == 121
    assert "error" in ex.ask("export", path=str(tmp_path / "out.csv"))[0]
    assert "error" not in ex.ask("export", path=str(tmp_path / "out.csv"), overwrite=True)[0]


def test_export_writes_a_cleaned_training_set_and_counts_what_is_in_it(page, run, tmp_path):
    from workbench.storage.tables import read_table

    ex = page()
    ex.ask("decide", op="relabel", rows=[3, 5], label=2)
    written = {}
    for cleaned in ("relabel", "drop"):
        path = tmp_path / f"{cleaned}.jsonl"
        body, _ = ex.ask("export", path=str(path), cleaned=cleaned)
        written[cleaned] = read_table(path)
        assert f"({len(written[cleaned])} examples, 2 changed" in body["text"]
    changed = run.dataset.ids[[3, 5]].tolist()
    kept = written["relabel"].set_index("id")
    assert kept.loc[changed, "label"].tolist() == ["owl", "owl"]
    assert len(kept) == 120 and "given_label" not in kept
    assert sorted(set(kept.index) - set(written["drop"]["id"])) == changed and "changed removed" in body["text"]


def test_public_names_of_the_explorer_are_the_written_list():
    """Names without an underscore are public; what `widgets.requests` needs is in `View`."""
    from anywidget import AnyWidget

    from widgets import Explorer

    names = {name for name in set(dir(Explorer)) - set(dir(AnyWidget)) if not name.startswith("_")}
    assert names == {
        *("selection", "current", "queue", "color_by", "filters", "cameras", "epochs", "view", "changes", "views"),
        *("height", "webgl", "rank_again", "scores", "table", "save_view", "delete_view", "save_html"),
        *("run", "issues"),
    }


def test_embedding_comes_at_once_and_the_better_one_later(page, run):
    ex = page()
    ex._view.channel._loop = None  # no kernel here; after the browser tests, Playwright's event loop would be mistaken
    # for one
    _, (xy,) = ex.ask("embedding")
    assert len(np.frombuffer(xy, "<f4")) == 2 * run.n
    ex._view.projector.thread.join()
    assert any(content.get("push") == "embedding" for content, _ in ex.sent)


def test_table_shows_decisions(page):
    ex = page()
    ex.ask("decide", op="relabel", rows=[3], label=2)
    row = ex.table().loc["id003"]
    assert (row["label"], row["verdict"]) == ("owl", "relabelled")


def test_issues_are_kept_and_the_queue_is_stable(run):
    first = issues_of(run)
    run.journal.relabel(["id003"], "owl", old="cat")
    again = issues_of(run)
    assert again.index.tolist() == first.index.tolist()
    assert again["p_error"].to_numpy() == pytest.approx(first["p_error"].to_numpy(), nan_ok=True)
    assert again["reasons"].tolist() == first["reasons"].fillna("").tolist()
    assert again.attrs["expected_errors"] == first.attrs["expected_errors"]
    assert again["suggested_label"].tolist() == first["suggested_label"].tolist()


def test_ranking_again_learns_and_every_view_opens_anew(page, monkeypatch, issues):
    asked = []

    def fresh(run: object, author: str | None, pool: object) -> object:
        assert (author, pool) == (None, None), "everybody's verdicts, of this run"
        asked.append(run)
        return issues.iloc[::-1].assign(is_issue=[True] * 3 + [False] * (len(issues) - 3))

    monkeypatch.setattr("widgets.view.queues.rank_again", fresh)
    ex = page()
    body, _ = ex.ask("rank")
    assert "error" not in body
    assert ex.sent[-2][0] == {"push": "reopen"}
    assert asked == [ex.run]
    assert ex.queue == issues.index[::-1][:3].tolist()
    ex.rank_again()
    assert ex.sent[-1][0] == {"push": "reopen"}


def test_the_audit_is_a_queue_and_its_estimate_follows_the_verdicts(page, run):
    ex = page()
    told = ex.ask("open")[0]["audit"]
    assert told["text"] == f"about {ex._view.p_error.sum():.0f} left, from the detector" and "begun" not in told
    body, buffers = ex.ask("audit", draw=True)
    rows = np.frombuffer(buffers[0], "<i4")
    assert sorted(rows.tolist()) == list(range(run.n)), "120 examples are fewer than the budget: all are drawn"
    assert body["audit"]["begun"] and body["audit"]["text"] == told["text"], "no verdict, no other number"
    for row in rows[:29]:
        ex.ask("decide", op="keep", rows=[int(row)])
    found = ex.ask("audit")[0]["audit"]
    assert found["text"].endswith("from the detector"), "the better estimate stays until the audit's is better"
    assert "the audit has 29 verdicts: 1 more until it is shown" in found["title"]
    for row in rows[29:110]:
        ex.ask("decide", op="keep", rows=[int(row)])
    found = ex.ask("audit")[0]["audit"]
    assert found["text"].startswith("about ") and found["text"].endswith("left, from 110 audited examples")
    assert "from 110 audited examples, reviewers being wrong" in found["title"]
    assert set(run.journal.log()["source"]) == {"explorer: audit"}
    ex.queue = "audit"
    assert run.dataset.rows(ex.queue).tolist() == rows.tolist(), "the same sample in the same order"
    assert page().ask("open")[0]["audit"] == found


def test_a_run_without_evidence_opens_and_says_what_is_missing(tmp_path):
    import pandas as pd

    import workbench as wb
    from widgets import Explorer

    table = pd.DataFrame({"label": ["cat", "dog", None, "cat"] * 5, "weight": range(20)})
    ex = Explorer(wb.import_run(table, tmp_path / "table"))
    sent = []
    ex.send = lambda content, buffers=None: sent.append((content, buffers))
    ex._receive(ex, {"kind": "open", "request": "a"}, [])
    body, _ = sent[-1]
    assert "error" not in body
    assert "Record a training" in body["warning"]
    assert body["data_map"] is None
    assert not body["embedding"]["there"]
    assert ex.queue == list(range(20)), "all of them, since nothing says where to begin"
    ex._receive(ex, {"kind": "inspect", "request": "b", "row": 2}, [])
    assert sent[-1][0]["reasons"] == []
    json.dumps(sent[-1][0], allow_nan=False)


def test_messages_go_out_through_the_widget_and_not_through_the_plain_view():
    import anywidget

    from widgets import Explorer

    assert Explorer.send is anywidget.AnyWidget.send


def test_a_large_step_of_an_earlier_session_asks_before_one_key_does_it(page, run):
    """An accidental Shift+U must not redo 402 decisions."""
    ids = run.dataset.ids[:30]
    given = run.dataset.given[:30]
    batch = run.journal.relabel(ids, run.classes[0], old=given)
    changed = len(run.changes())
    ex = page()
    asked, buffers = ex.ask("undo")
    assert asked["ask"] == 30 and asked["count"] == 0 and not buffers
    assert len(ex.changes) == changed, "nothing happened yet"
    assert ex.ask("undo", sure=True)[0]["count"] == 30
    assert ex.ask("redo")[0]["ask"] == 30 and len(ex.changes) == 0
    assert ex.ask("redo", sure=True)[0]["count"] == 30 and len(ex.changes) == changed
    assert batch is not None
