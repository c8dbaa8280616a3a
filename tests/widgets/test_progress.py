"""The page receives descriptions of a long computation before its answer."""

from __future__ import annotations


def test_words_come_before_the_answer(page):
    ex = page()
    ex.ask("open")
    ex.sent.clear()
    body, _ = ex.ask("queue", by="clusters")
    assert "error" not in body
    assert ex.sent[0][0] == {"push": "progress", "text": "sorting the queue"}
    assert ex.sent[-1][0]["request"] == "r1", "the answer ends the line"


def test_ranking_again_says_every_step(page):
    ex = page()
    ex.ask("open")
    ex.sent.clear()
    ex.ask("rank")
    said = [body["text"] for body, _ in ex.sent if body.get("push") == "progress"]
    assert said[0] == "ranking again" and "kernel ridge on embeddings" in said and said[-1] == "reasons"


def test_quick_questions_say_nothing(page):
    ex = page()
    ex.ask("open")
    ex.sent.clear()
    ex.ask("current", row=2)
    assert not [body for body, _ in ex.sent if body.get("push") == "progress"]
