"""Tags that go together in the view: rules, the examples that break them, and curves of single tags."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import numpy as np
import pytest

import widgets as wd
import workbench as wb
from widgets.requests import answer
from widgets.saved.page import RecordedAnswers, question_key
from widgets.wire.masks import unpacked
from widgets.wire.messages import Answers
from widgets.wire.typedefs import get_type_hints, misfits
from workbench.tags.tables import table_of_tags

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "browser"))
import samples

sys.path.pop(0)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Every boat is at a beach, but for flipped cells; three epochs are recorded."""
    path = samples.tagged_run(tmp_path_factory.mktemp("tags") / "tags")
    run = wb.open_run(path)
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(3, run.n, run.k)).astype(np.float32)
    with wb.Recorder(path, run.dataset, mode=run.mode) as recorder:
        for epoch in range(3):
            with recorder.epoch(epoch):
                recorder.batch(run.dataset.ids[epoch:], logits[epoch, epoch:])
    return path, logits


@pytest.fixture(scope="module")
def shown(made):
    return wd.Explorer(made[0])


def ask(ex, kind, **body):
    body, buffers = answer(ex._view, {"kind": kind, **body}, [])
    if "error" not in body:
        body.pop("request")
        assert not misfits(body, get_type_hints(Answers)[kind])
    return body, buffers


BOAT = {"tag": "boat", "other": "beach", "implies": True}


def broken(ex):
    given = table_of_tags(ex.run).given
    beach, boat = (list(ex.run.classes).index(tag) for tag in ("beach", "boat"))
    return np.flatnonzero((given[:, boat] == 1) & (given[:, beach] == 0))


def test_rules_are_listed_with_their_exceptions(shown):
    body, _ = ask(shown, "rules", least=0.8)
    rules = {(one["tag"], one["implies"], one["other"]): one for one in body["rules"]}
    rule = rules["boat", True, "beach"]
    assert rule["broken"] == len(broken(shown)) > 0 and 0.8 <= rule["share"] < 1
    assert body["total"] == len(wb.tags.tag_rules(shown.run, confidence=0.8).rules) == len(body["rules"])
    kept = [one["broken"] > 0 for one in body["rules"]]
    assert kept == sorted(kept, reverse=True), "those with exceptions come first"
    assert not ask(shown, "rules", least=1.0)[0]["rules"]


def test_a_rule_gives_the_examples_that_break_it_and_the_tag_to_judge(shown):
    body, buffers = ask(shown, "rule", **BOAT, broken=True)
    assert np.flatnonzero(unpacked(buffers[0], shown.run.n)).tolist() == broken(shown).tolist()
    assert (body["count"], body["unit"]) == (len(broken(shown)), "p0")
    body, buffers = ask(shown, "rule", **BOAT, broken=False)
    given = table_of_tags(shown.run).given
    assert body == {"count": int((given[:, 0] & given[:, 1]).sum()), "unit": ""}


def test_decisions_count(made, tmp_path):
    ex = wd.Explorer(shutil.copytree(made[0], tmp_path / "tags"))
    rows = broken(ex)
    answer(ex._view, {"kind": "decide", "op": "relabel", "units": [[int(rows[0]), "p0", "yes"]]}, [])
    assert ask(ex, "rule", **BOAT, broken=True)[0]["count"] == len(rows) - 1
    rules = {(one["tag"], one["other"]): one for one in ask(ex, "rules", least=0.8)[0]["rules"]}
    assert rules["boat", "beach"]["broken"] == len(rows) - 1


def test_what_cannot_be_asked_is_named(shown):
    assert "`least` is 2" in ask(shown, "rules", least=2)[0]["error"]
    assert "unknown tag 'snowy'" in ask(shown, "rule", **{**BOAT, "other": "snowy"}, broken=True)[0]["error"]
    numbers = wd.Explorer(np.arange(4.0), task="numbers")
    assert "need several tags per example" in ask(numbers, "rules", least=0.9)[0]["error"]


def test_a_saved_page_has_them(shown):
    recorded = RecordedAnswers(shown._view)
    facts, _ = recorded.all(2)
    listed = facts["answers"][question_key("rules", 0.9)]["body"]["rules"]
    for rule in listed:
        key = question_key("rule", rule["tag"], rule["other"], rule["implies"], rule["broken"] > 0)
        assert facts["answers"][key]["at"]
    assert all(len(one["curve"]) == 3 for detail in facts["details"].values() for one in detail["units"])


def test_each_tag_of_an_example_has_its_curve(shown, made):
    _, logits = made
    assert ask(shown, "open")[0]["unit_epochs"] == [0, 1, 2]
    for row in (0, 1, 5, shown.run.n - 1):
        units = {one["key"]: one["curve"] for one in ask(shown, "inspect", row=row)[0]["units"]}
        assert set(units) == {f"p{tag}" for tag in range(8)}
        for tag in range(8):
            wanted = [None if row < epoch else 1 / (1 + np.exp(-logits[epoch, row, tag])) for epoch in range(3)]
            assert units[f"p{tag}"] == pytest.approx(wanted, abs=2e-3)


def test_curves_of_blocks_are_read_once_and_those_of_very_many_tags_are_those_that_were_kept(
    tmp_path, monkeypatch, rng
):
    from widgets.view import tag_curves

    monkeypatch.setattr(tag_curves, "CURVE_CELLS", 400)
    table = (rng.random((35, 120)) < 0.03).astype(int)
    dataset = wb.Dataset.from_arrays(table, task="multilabel", classes=[f"t{tag}" for tag in range(120)])
    logits = rng.normal(size=(2, 35, 120)).astype(np.float32)
    with wb.Recorder(tmp_path / "run", dataset) as recorder:
        for epoch in range(2):
            with recorder.epoch(epoch):
                recorder.batch(dataset.ids, logits[epoch])
    run = recorder.run()
    curves = tag_curves.TagCurves(run)
    read = []
    plain = wb.Run.unit_stats
    monkeypatch.setattr(wb.Run, "unit_stats", lambda *args: read.append(args) or plain(*args))
    for row in range(35):
        found = curves.of(row)
        for epoch in range(2):
            kept = set(np.argsort(-logits[epoch, row])[:20].tolist()) | set(np.flatnonzero(table[row]).tolist())
            assert {key for key, curve in found.items() if curve[epoch] is not None} == {f"p{tag}" for tag in kept}
    assert len(read) == 2 * 4, "two epochs, four blocks of ten rows"
