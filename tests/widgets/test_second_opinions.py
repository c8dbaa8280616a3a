"""Second opinions on labels other than one class per example: independent, asked about what others judged, compared."""

import shutil

import pytest
import samples

import widgets as wd
from workbench import review
from workbench.runs.run import open_run
from workbench.runs.verdicts import awaiting, unit_opinions

LOOKED = {"source": "explorer: key"}


@pytest.fixture
def tags(tagged, tmp_path):
    return open_run(shutil.copytree(tagged, tmp_path / "tags"))


def said(run, author, id, **units):
    """Save what an author says about tags of an example."""
    row = int(run.dataset.rows([id])[0])
    given = run.dataset.values_at([row] * len(units), list(units))
    run.journal.relabel([id] * len(units), list(units.values()), old=given, units=list(units), author=author, **LOOKED)


def test_it_asks_about_the_units_that_others_judged(tags):
    said(tags, "ann", "photo-5", p0="yes", p3="no")
    said(tags, "ann", "photo-9", p1="yes")
    ex = wd.Explorer(tags, author="bob", second_opinion=True)
    row = int(tags.dataset.rows(["photo-5"])[0])
    assert set(ex.queue) == {"photo-5", "photo-9"} and ex._view.decisions.asked(row) == {"p0", "p3"}
    assert not ex._view.decisions.values_of(row) and not ex._view.decisions.verdict.any()
    said(tags, "bob", "photo-5", p0="no")
    ex._view.decisions.catch_up()
    assert ex._view.decisions.verdict[row] == 0, "one of the two units is still open"
    assert set(awaiting(tags, "bob")) == {("photo-5", "p3"), ("photo-9", "p1")}
    said(tags, "bob", "photo-5", p3="no")
    said(tags, "bob", "photo-9", p1="yes")
    ex._view.decisions.catch_up()
    assert ex._view.decisions.verdict[row] > 0 and awaiting(tags, "bob").empty
    ex.queue = "second"
    assert ex.queue == []
    table = review.agreement(tags)
    assert table.loc[0, ["a", "b", "n"]].tolist() == ["ann", "bob", 3]
    assert table["observed"][0] == pytest.approx(2 / 3) and table["differ"][0] == [("photo-5", "p0")]


def test_the_ranking_uses_no_verdict_of_others(tags):
    before = wd.Explorer(tags).issues["p_error"].sort_index()
    marked = tags.dataset.ids[:60].tolist()
    for id in marked:
        said(tags, "ann", id, p0="yes", p1="yes", p2="yes")
    alone = wd.Explorer(tags, author="bob", second_opinion=True)
    assert alone.issues["p_error"].sort_index().to_numpy() == pytest.approx(before.to_numpy())
    together = wd.Explorer(tags, author="bob")
    together.rank_again()
    assert not together.issues["p_error"].sort_index().equals(before)


def test_a_span_that_another_added_is_looked_for_in_its_example(tmp_path):
    run = open_run(samples.span_run(tmp_path / "spans", 24))
    run.journal.relabel(
        "s3", '{"end":9,"label":"LOC","start":8}', old=None, units="a0123456789ab", author="ann", **LOOKED
    )
    assert awaiting(run, "bob").tolist() == [("s3", "a0123456789ab")] and unit_opinions(run).columns.tolist() == ["ann"]
    ex = wd.Explorer(run, author="bob", second_opinion=True)
    assert ex.queue == ["s3"]
    run.journal.keep("s3", old=run.dataset.value_of(run.dataset.units.of(3).start), units="g0", author="bob", **LOOKED)
    assert awaiting(run, "bob").empty


def test_nobody_but_oneself(tags):
    said(tags, "bob", "photo-5", p0="yes")
    ex = wd.Explorer(tags, author="bob", second_opinion=True)
    assert ex.queue == [] and unit_opinions(tags).shape == (1, 1)
