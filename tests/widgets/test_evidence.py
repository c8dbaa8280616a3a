"""Matrices, classes, slices, people, orders and second opinions, requested as by a page."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

import workbench as wb
from widgets.view.matrices import matrix
from widgets.wire.packing import unpacked_arrays
from workbench.confident.health import class_health, noise_report
from workbench.foundation.errors import InputError
from workbench.issues.confusion import confident_labels


def unpack(buffer: bytes, n: int = 120) -> np.ndarray:
    return np.unpackbits(np.frombuffer(buffer, np.uint8), bitorder="little")[:n].astype(bool)


def test_the_confusion_matrix_is_the_call(page, run):
    body, buffers = page().ask("matrix", of="predicted")
    codes = np.frombuffer(buffers[0], "<i4")
    given = run.dataset.given_labels
    counts = np.bincount(given * 3 + codes, minlength=9).reshape(3, 3)
    table = wb.confusion_matrix(run)
    assert counts.tolist() == table.to_numpy().tolist()
    assert table.index.tolist() == table.columns.tolist() == ["cat", "dog", "owl"]
    assert body["how"] == table.attrs["how"]


def test_the_noise_matrix_has_its_interval_its_warning_and_a_cell_for_every_example(page, run):
    body, buffers = page().ask("matrix", of="noise")
    probs = run.pred_probs()
    report = noise_report(run.dataset.given_labels, probs.values, out_of_fold=probs.out_of_fold)
    values, low, high = (np.frombuffer(buffer, "<f4").reshape(3, 3) for buffer in buffers[1:])
    assert values == pytest.approx(report.noise_matrix, abs=1e-6)
    assert (low <= values + 1e-6).all()
    assert (values <= high + 1e-6).all()
    assert values.sum(axis=0) == pytest.approx(1, abs=1e-5), "columns are P(given | true)"
    codes = np.frombuffer(buffers[0], "<i4")
    assert codes.tolist() == confident_labels(run).tolist()
    assert "only under assumptions" in body["warning"]
    assert "wrong labels (" in body["title"]
    again, _ = matrix(run, "noise")
    assert again == {name: body[name] for name in again}, "from the cache: the same again"
    with pytest.raises(InputError, match="unknown matrix 'nose'"):
        matrix(run, "nose")


def test_errors_by_class_are_those_of_class_health(page, run):
    body, buffers = page().ask("classes")
    table = class_health(run.dataset.given_labels, run.pred_probs().values).sort_values("class_index")
    assert [np.frombuffer(b, "<f4").tolist() for b in buffers] == [table["issues"].tolist(), table["missed"].tolist()]
    assert "out-of-fold" in body["how"]


def test_slices_are_asked_for_once_and_are_the_call(page, run, issues):
    ex = page()
    body, _ = ex.ask("slices")
    expected = wb.review.slices(run, issues=issues, scores=ex._view.scores)
    assert {one["name"]: one["count"] for one in body["slices"]} == expected.sum().to_dict()
    assert all(one["how"] for one in body["slices"])
    name = body["slices"][0]["name"]
    _, buffers = ex.ask("slice", name=name)
    assert unpack(buffers[0]).tolist() == expected[name].tolist()


@pytest.mark.parametrize("by", ["suspicion", "pairs", "clusters", "random", "all", "aum", "p_error"])
def test_orders_are_the_call_and_ex_queue_follows(page, run, issues, by):
    ex = page()
    sent = len(ex.sent)
    _, buffers = ex.ask("queue", by=by)
    assert (
        ex.queue
        == run.dataset.ids[np.frombuffer(buffers[0], "<i4")].tolist()
        == wb.review_queue(run, by, issues=issues)
    )
    answers = [body for body, _ in ex.sent[sent:] if body.get("push") != "progress"]
    assert len(answers) == 1, "the page is not sent what it asked for a second time"


def test_by_a_column_of_the_user_and_within_a_queue_of_the_user(page, run):
    ex = page()
    ex.queue = "weight"
    weights = run.dataset.metadata["weight"].to_numpy()[run.dataset.rows(ex.queue)]
    assert (np.diff(weights) <= 1e-6).all(), "the largest first"
    ex.queue = ["id005", "id050", "id007"]
    ex.ask("queue", by="random")
    assert sorted(ex.queue) == ["id005", "id007", "id050"]
    ex.ask("queue", by="suspicion")
    assert ex.queue == ["id005", "id050", "id007"]
    body, _ = ex.ask("queue", by="source")
    assert "unknown queue 'source'" in body["error"]


def test_a_second_opinion_does_not_see_the_first(page, run):
    first = page(author="anna")
    first.ask("decide", op="relabel", rows=[3], label=2)
    first.ask("decide", op="keep", rows=[10])
    first.ask("decide", op="note", rows=[10], note="blurred")
    ex = page(author="bo", second_opinion=True)
    assert sorted(ex.queue) == ["id003", "id010"]
    body, buffers = ex.ask("open")
    arrays = unpacked_arrays(body["arrays"], buffers)
    assert arrays["labels"].tolist() == run.dataset.given_labels.tolist()
    assert not arrays["verdict"].any()
    assert not arrays["flags"].any()
    assert ex.ask("inspect", row=10)[0]["note"] == ""
    assert body["second"] is True

    ex.ask("decide", op="keep", rows=[3])
    ex.ask("decide", op="keep", rows=[10])
    _, buffers = ex.ask("undo")
    rows, _, verdict, _ = (np.frombuffer(b, t) for b, t in zip(buffers, ("<i4", "<i4", "u1", "u1")))
    assert rows.tolist() == [10]
    assert verdict.tolist() == [0], "after the undo nothing is decided for bo, though anna has kept it"
    first.ask("decide", op="relabel", rows=[20], label=1)
    body, buffers = ex.ask("decide", op="skip", rows=[5])
    assert np.frombuffer(buffers[0], "<i4").tolist() == [5], "what anna decides meanwhile is not shown either"
    table = wb.review.agreement(run)
    assert table[["a", "b", "n"]].values.tolist() == [["anna", "bo", 1]]
    assert table["differ"].tolist() == [["id003"]]


def test_the_ranking_of_a_second_opinion_knows_nothing_of_the_first(page, run):
    def p_error(ex):
        return ex.issues["p_error"].reindex(run.dataset.ids)

    untouched = wb.find_issues(run)["p_error"].reindex(run.dataset.ids)
    first = page(issues=None, author="anna")
    for row in range(30):  # anna confirms every label, which makes all label issues less suspicious
        first.ask("decide", op="keep", rows=[row])
    first.ask("rank")
    steered = p_error(first)
    assert np.abs(steered - untouched).max() > 0.02

    ex = page(issues=None, author="bo", second_opinion=True)
    assert p_error(ex).equals(untouched)
    assert "recalibrated" not in ex.issues.attrs["method"]
    ex.ask("rank")
    assert p_error(ex).equals(untouched), "ranked again before bo has decided anything"
    for row in range(0, 60, 10):
        ex.ask("decide", op="relabel", rows=[row], label=int(ex._view.suggested[row] if row else 2))
    ex.ask("rank")
    labels, given = ex._view.decisions.labels, run.dataset.given_labels
    own = pd.Series({f"id{row:03d}": labels[row] != given[row] for row in range(0, 60, 10)})
    assert p_error(ex).equals(wb.find_issues(run, verdicts=own)["p_error"].reindex(run.dataset.ids))
    assert not p_error(ex).equals(untouched), "what bo says counts"
    assert p_error(page(issues=None, author="anna")).equals(steered), "each keeps the ranking that they had"


def test_a_second_opinion_hears_of_agreement_when_all_is_judged(page, run):
    first = page(author="anna")
    for row in (3, 10):
        first.ask("decide", op="relabel", rows=[row], label=2)
    ex = page(author="bo", second_opinion=True)
    assert ex.changes.empty, "what anna changed is not told by Python either"
    ex.ask("decide", op="relabel", rows=[10], label=1)
    body, _ = ex.ask("people")
    assert (body["authors"], body["withheld"]) == ([], 1)
    assert "1 left" in ex.ask("differ", authors=["anna", "bo"])[0]["error"]
    assert ex.changes["label"].to_dict() == ({"id010": "dog"} if run.dataset.given[10] != "dog" else {})
    ex.ask("decide", op="keep", rows=[3])
    body, _ = ex.ask("people")
    assert body["authors"][0]["n"] == 2
    assert ex.ask("differ", authors=["anna", "bo"])[0]["count"] == 2
    assert first.ask("people")[0]["authors"][0]["differ"] == 2, "who is no second opinion sees it at any time"


def test_the_audit_of_a_second_opinion_counts_own_verdicts(page, run):
    first = page(author="anna")
    first.ask("audit", draw=True)
    for id in first.queue[:8]:
        first.ask("decide", op="keep", rows=[int(run.dataset.rows([id])[0])])
    assert "the audit has 8 verdicts: 22 more" in first.ask("audit")[0]["audit"]["title"]
    own = page(author="bo", second_opinion=True).ask("open")[0]["audit"]
    assert own["begun"] and "verdicts" not in own["title"]


def test_an_audit_asks_about_what_was_only_accepted_in_bulk(page, run):
    """Accepting a whole selection is not a look: in the audit these examples are open and shown as given."""
    ex = page()
    rows = list(range(0, 120, 10))
    ex.ask("decide", op="relabel", rows=rows, label=2, how="accept selection")
    changed = int((ex._view.decisions.labels != run.dataset.given_labels).sum())
    assert changed > 5
    body, buffers = ex.ask("audit", draw=True)
    touched, labels, verdict = (np.frombuffer(b, t) for b, t in zip(buffers[1:4], ("<i4", "<i4", "u1")))
    assert body["patch"]["at"] == 1 and set(rows) <= set(touched.tolist())
    assert labels.tolist() == run.dataset.given_labels[touched].tolist() and not verdict.any()
    assert "verdicts" not in body["audit"]["title"]
    ex.ask("decide", op="keep", rows=[10], how="key")
    assert run.journal.log()["source"].iloc[-1] == "explorer: audit, key"
    body, buffers = ex.ask("queue", by="suspicion")
    again = np.frombuffer(buffers[1], "<i4")
    assert set(rows) - {10} <= set(again.tolist()), "elsewhere they are as the journal has them"
    labels = ex._view.decisions.labels
    assert labels[10] == run.dataset.given_labels[10]
    assert (labels[[row for row in rows if row != 10]] == 2).all()


def test_second_looks_come_back_blind_and_are_marked(page, run):
    ex = page()
    assert "No audit has been started" in ex.ask("queue", by="again")[0]["why"]
    ex.ask("audit", draw=True)
    queue = [int(run.dataset.rows([id])[0]) for id in ex.queue]
    for row in queue:
        op = {"op": "relabel", "label": (run.dataset.given_labels[row] + 1) % 3} if row % 3 == 0 else {"op": "keep"}
        ex.ask("decide", rows=[row], how="key", **{k: v if k == "op" else int(v) for k, v in op.items()})
    due = ex.ask("audit")[0]["audit"]["due"]
    assert due > 5
    body, buffers = ex.ask("queue", by="again")
    rows = np.frombuffer(buffers[0], "<i4").tolist()
    assert body["count"] == len(rows) == due
    shown = dict(zip(np.frombuffer(buffers[1], "<i4").tolist(), np.frombuffer(buffers[3], "u1").tolist()))
    assert not any(shown[row] for row in rows), "what was said is not shown"
    for row in rows:
        ex.ask("decide", op="keep", rows=[row], how="key")
    assert run.journal.log()["source"].iloc[-1] == "explorer: second look, key"
    assert ex.ask("audit")[0]["audit"]["due"] == 0
    assert "No second look is due" in ex.ask("queue", by="again")[0]["why"]
    ex.ask("queue", by="all")
    ex.ask("decide", op="skip", rows=[rows[0]], how="key")
    assert run.journal.log()["source"].iloc[-1] == "explorer: key", "a change of mind is no second look"


def test_an_empty_queue_of_second_opinions_says_why(page, run):
    first = page(author="anna")
    assert "No examples have been judged" in first.ask("queue", by="second")[0]["why"]
    first.ask("decide", op="relabel", rows=list(range(20)), label=2, how="accept selection")
    why = first.ask("queue", by="second")[0]["why"]
    assert "No examples have been judged" in why and "20 were decided in bulk" in why
    first.ask("decide", op="keep", rows=[3], how="key")
    assert "Only you (anna)" in first.ask("queue", by="second")[0]["why"]
    second = page(author="bo", second_opinion=True)
    assert second.queue == ["id003"], "what anna accepted in bulk is no opinion to compare with"
    second.ask("decide", op="keep", rows=[3], how="key")
    assert run.journal.log()["source"].iloc[-1] == "explorer: second opinion, key"
    assert "judged all 1 examples that anna judged" in second.ask("queue", by="second")[0]["why"]


def test_people_has_pace_authors_and_annotators(page, run):
    ex = page(author="anna")
    body, _ = ex.ask("people")
    assert body["author"] == "anna"
    assert (body["authors"], body["annotators"]) == ([], [])
    assert body["pace"] == {"decisions": 0, "per_minute": None}
    for row in range(6):
        ex.ask("decide", op="keep", rows=[row])
    ex.ask("undo")
    assert ex.ask("people", pace=True)[0]["pace"]["decisions"] == 6
    given = run.dataset.given[:2].tolist()
    run.journal.relabel(["id000", "id001"], "owl", old=given, author="bo", source="review")
    votes = [("id001", "a", "cat"), ("id001", "b", "cat"), ("id001", "c", "dog"), ("id002", "c", "owl")]
    wb.review.save_votes(run, pd.DataFrame(votes, columns=["id", "annotator", "label"]))
    body, _ = ex.ask("people")
    json.dumps(body, allow_nan=False)
    assert [(pair["a"], pair["b"], pair["n"]) for pair in body["authors"]] == [("anna", "bo", 2)]
    assert {one["name"]: one["votes"] for one in body["annotators"]} == {"a": 1, "b": 1, "c": 2}
    _, buffers = ex.ask("differ", authors=["anna", "bo"])
    assert run.dataset.ids[unpack(buffers[0])].tolist() == wb.review.agreement(run)["differ"][0]
    _, buffers = ex.ask("differ", annotator="c")
    agreed = wb.review.consensus(run)["consensus"]
    expected = [id for id, said in (("id001", "dog"), ("id002", "owl")) if agreed[id] != said]
    assert run.dataset.ids[unpack(buffers[0])].tolist() == expected
    assert "id001" in expected


def test_a_keymap_is_checked_when_the_view_is_made(page):
    assert page(keymap={"accept": "y"}).ask("open")[0]["keymap"]["review"]["accept"] == ["y"]
    with pytest.raises(InputError, match="Did you mean 'accept'"):
        page(keymap={"acept": "y"})
