"""The report of a run with tags: what is missing and what is wrong, tag by tag, and what somebody decided."""

from __future__ import annotations

import numpy as np
import pytest
from reportpages import NASTY, parsed, text_of

import workbench as wb
from workbench.foundation.errors import InputError
from workbench.reports.report import report
from workbench.shell.cli import main
from workbench.tags.tables import table_of_tags

N = 150
TAGS = (NASTY, "<i>sea</i>", "sky")


@pytest.fixture(scope="module")
def tagged(tmp_path_factory):
    """Where `NASTY` is, there is sea; some cells are flipped, one row in ten is not labelled for sky."""
    rng = np.random.default_rng(3)
    score = rng.normal(size=(N, 3))
    score[:, 1] = np.maximum(score[:, 0] + 0.3, score[:, 1] - 1)
    table = ((score > 0) ^ (rng.random(score.shape) < 0.06)).astype(int)
    table[:15, 2] = -1
    data = wb.Dataset.from_arrays(
        table, task="multilabel", classes=TAGS, ids=[f"{NASTY}{row}" for row in range(N)],
        images=rng.integers(0, 255, (N, 8, 8), dtype=np.uint8),
    )  # fmt: skip
    with wb.Recorder(tmp_path_factory.mktemp("tags") / "run", data) as recorder:
        for epoch in range(3):
            with recorder.epoch(epoch):
                recorder.batch(data.ids, score * (epoch + 1) + rng.normal(0, 0.3, score.shape))
    run = recorder.run()
    run.save_pred_probs(1 / (1 + np.exp(-3 * score)), out_of_fold=True, source="made up")
    return run


@pytest.fixture(scope="module")
def found(tagged):
    return wb.find_issues(tagged, per="unit")


def test_cells_are_listed_by_tag_with_their_curves(tagged, found, tmp_path):
    path = report(tagged, tmp_path / "r.html", issues=found, top=12)
    page = parsed(path)
    assert not page.open and not {"script", "link", "iframe"} & set(page.tags)
    shown = " ".join("".join(page.text).split())
    known = int((~found["p_error"].isna()).sum())
    assert f"of {known} cells" in shown and "a cell is one tag of one example" in shown
    assert f"{known} known cells, 15 unknown" in shown
    assert "150 examples, 3 tags, 3 epochs recorded" in shown
    assert sum(tag == "article" for tag in page.tags) == 12 and sum(tag == "img" for tag in page.tags) == 12
    assert page.tags.count("svg") >= 13, "the data map, and a curve for each cell"
    anchors = {value for _, name, value in page.attributes if name == "id"}
    assert {"tags", "rules", "map", "check", "decisions", "evidence", "s0"} <= anchors
    assert not {"classes", "noise"} & anchors
    assert {value[1:] for _, name, value in page.attributes if name == "href"} <= anchors
    first = found.iloc[0]
    assert first["tag"] in shown and first["reasons"].split("; ")[0] in shown
    assert f"{NASTY} implies <i>sea</i>" in shown, "what is in the data is text"


def test_the_numbers_by_tag_are_those_of_the_table(tagged, found):
    from workbench.reports.tag_facts import gather_tags

    facts = gather_tags(tagged, found, 2, None)
    table = facts.own.table.set_index("tag")
    given = table_of_tags(tagged).given
    for tag, name in enumerate(TAGS):
        row, cells = table.loc[name], found[found["tag"] == name]
        assert [row["yes"], row["no"], row["unknown"]] == [(given[:, tag] == code).sum() for code in (1, 0, -1)]
        for kind in ("missing", "wrong"):
            assert row[kind] == pytest.approx(cells.loc[cells["kind"] == kind, "p_error"].sum())
        assert row["issues"] == cells["is_issue"].sum()
    assert table["missing"].add(table["wrong"]).is_monotonic_decreasing
    assert facts.data_map.thinned_from == (given >= 0).sum()
    at = facts.data_map.lines >= 0
    places = found["row"].to_numpy() * 3 + found["tag"].map(TAGS.index).to_numpy()
    assert at.all() and (places[facts.data_map.lines] == np.flatnonzero(given.ravel() >= 0)).all()


def test_decisions_name_the_tag(tagged, found, tmp_path):
    import shutil

    run = wb.open_run(shutil.copytree(tagged.path, tmp_path / "run"))
    (id, unit), first = found.index[0], found.iloc[0]
    run.journal.relabel([id], first["suggested_label"], old=[first["given_label"]], units=[unit], author="Ann <a@b>")
    judged = found.iloc[1:41]
    ids, units = zip(*judged.index)
    run.journal.keep(ids, old=judged["given_label"], units=units, source="review")
    shown = text_of(report(run, tmp_path / "r.html", issues=found, top=3))
    assert f"relabelled {first['suggested_label']}" in shown and "Ann <a@b>" in shown
    assert "1 tag changed. Verdicts: 40 keep, 1 relabel" in shown
    assert "tag changed so far, 41 decided, 41 by looking" in shown
    assert "By 41 verdicts of people, on examples they chose themselves, not a random audit" in shown


def test_a_table_of_examples_is_refused(tagged, tmp_path):
    with pytest.raises(InputError, match=r"`issues` has one row per example.*per='unit'"):
        report(tagged, tmp_path / "r.html", issues=wb.find_issues(tagged))
    assert not list(tmp_path.iterdir())


def test_the_shell_writes_it(tagged, tmp_path, capsys):
    assert main(["report", str(tagged.path), str(tmp_path / "r.html")]) == 0
    assert "report -> " in capsys.readouterr().out
    assert "Tags that go together" in text_of(tmp_path / "r.html")


def test_tags_without_epochs_and_with_one_tag(tmp_path):
    rng = np.random.default_rng(0)
    score = rng.normal(size=60)
    run = wb.import_run(
        ((score > 0) ^ (rng.random(60) < 0.1)).astype(int)[:, None], tmp_path / "run", task="multilabel", classes=["a"]
    )
    run.save_pred_probs(1 / (1 + np.exp(-2 * score[:, None])), out_of_fold=True, source="made up")
    shown = text_of(report(run, tmp_path / "r.html"))
    assert "no data map: no epochs were recorded" in shown and "implies" not in shown
