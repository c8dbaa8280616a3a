"""Decisions over a connection that loses and repeats messages are executed once, in the order of the page."""

from __future__ import annotations

import itertools

import numpy as np


def asks(ex: object, turn: int, kind: str = "decide", page: str = "p", **body: object) -> list[dict]:
    """Send one request; return the resulting answers."""
    before = len(ex.sent)
    ex._receive(ex, {"kind": kind, "request": f"{page}.{turn}", "turn": turn, **body}, [])
    return [answer for answer, _ in ex.sent[before:] if "request" in answer]


def relabel(row: int, label: int) -> dict:
    return {"op": "relabel", "rows": [row], "label": label}


def test_a_turn_that_comes_too_early_waits(page, run):
    ex = page()
    assert asks(ex, 2, "undo") == []
    assert run.journal.last_seq == 0
    answers = asks(ex, 1, **relabel(3, 2))
    assert [answer["request"] for answer in answers] == ["p.1", "p.2"]
    assert [answer["count"] for answer in answers] == [1, 1]
    assert len(ex.changes) == 0, "relabelled, then undone: not the other way round"


def test_whatever_order_and_repetition_the_journal_is_the_same(page):
    """All orders of three turns, each sent twice."""
    wanted = None
    for number, order in enumerate(itertools.permutations([1, 2, 3])):
        ex = page()
        bodies = {1: relabel(5, 2), 2: relabel(5, 0), 3: relabel(6, 1)}
        for turn in [*order, *order]:
            asks(ex, turn, page=f"page{number}", **bodies[turn])
        entries = [(entry.id, entry.field, entry.new) for entry in ex.run.journal.since(0) if entry.batch > 3 * number]
        wanted = wanted or entries
        assert entries == wanted
        assert [new for _, field, new in entries if field == "label"] == ["owl", "cat", "dog"]


def test_a_repeated_turn_gets_its_answer_again_and_the_state_of_every_row(page, monkeypatch):
    ex = page()
    first = asks(ex, 1, **relabel(3, 2))
    again = asks(ex, 1, **relabel(3, 2))
    assert first[0] == again[0]
    rows, labels = (np.frombuffer(buffer, "<i4") for buffer in ex.sent[-1][1][:2])
    assert rows.tolist() == list(range(ex.run.dataset.n))
    assert labels.tolist() == ex._view.decisions.labels.tolist()

    def broken(*_args: object, **_options: object) -> None:
        raise OSError("the disk is full")

    monkeypatch.setattr(ex._view.decisions, "decide", broken)
    asks(ex, 2, **relabel(4, 2))
    monkeypatch.undo()
    assert "the disk is full" in asks(ex, 2, **relabel(4, 2))[0]["error"], "a refusal is not turned into a success"
    assert {entry.id for entry in ex.run.journal.since(0)} == {"id003"}


def test_pages_have_turns_of_their_own(page):
    ex = page()
    assert asks(ex, 1, page="one", **relabel(3, 2))
    assert asks(ex, 1, page="two", **relabel(4, 2))
    assert {entry.batch for entry in ex.run.journal.since(0)} == {1, 2}
