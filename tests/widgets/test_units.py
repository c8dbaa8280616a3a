"""Units in the messages of a page: the inspector's answer, verdicts on units, and refusals."""

from __future__ import annotations

import pytest


def test_the_inspector_hands_the_units_to_the_editor(page):
    ex = page()
    body, _ = ex.ask("inspect", row=3)
    given = ex.run.dataset.given[3]
    assert body["units"] == [{"key": "", "given": given, "value": given, "changed": False, "shape": None}]
    ex.ask("decide", op="relabel", rows=[3], label=2)
    body, _ = ex.ask("inspect", row=3)
    assert body["units"] == [{"key": "", "given": given, "value": "owl", "changed": True, "shape": None}]


def test_a_verdict_on_units_is_one_step_of_undo(page):
    """The entries in the journal and the answer equal those of a decision about a class."""
    ex = page()
    given = ex.run.dataset.given
    body, buffers = ex.ask("decide", op="relabel", units=[[3, "", "owl"], [10, "", given[10]]], how="key")
    assert (body["count"], body["row"], body["patch"]) == (2, 3, {"at": 0, "changed": 1})
    log = ex.run.journal.log()
    assert log["new"].tolist() == ["owl", given[10], "relabel", "keep"]
    assert log["old"].tolist()[:2] == [given[3], given[10]]
    assert log["source"].tolist() == ["explorer: key"] * 4 and log["batch"].nunique() == 1
    assert log["reason"].tolist()[:2] == ["", "one; two"]
    other = page()
    other.ask("undo")
    assert not len(ex.run.changes())
    by_class, same = ex.ask("decide", op="relabel", rows=[3], label=2, how="key")
    assert (by_class["patch"], len(same)) == (body["patch"], len(buffers))


@pytest.mark.parametrize(
    ("units", "words"),
    [
        ([], "`units` is []"),
        ("all", "`units` is 'all'"),
        ([[3, ""]], "`units` holds [3, '']"),
        ([["3", "", "owl"]], "`units` holds ['3', '', 'owl']"),
        ([[True, "", "owl"]], "`units` holds [True, '', 'owl']"),
        ([[3, "", 2]], "`units` holds [3, '', 2]"),
        ([[999, "", "owl"]], "`row` is 999"),
        ([[3, "g0", "owl"]], "`unit` row 3 is 'g0'. The example has the units ['']"),
        ([[3, "<b>", "owl"]], "`unit` is '<b>'"),
        ([[3, "", "cow"]], "unknown class 'cow'"),
        ([[3, "", "owl"], [3, "", "cat"]], "`units` names a unit twice"),
    ],
)
def test_what_is_no_verdict_changes_nothing(page, units, words):
    ex = page()
    body, _ = ex.ask("decide", op="relabel", units=units, sure=True)
    assert words in body["error"]
    assert not len(ex.run.journal.log())
    assert body["patch"]["at"] == 0, "the page takes back what it showed ahead"
