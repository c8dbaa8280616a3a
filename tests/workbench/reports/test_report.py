"""The report: one file without active content, data shown as text, states its evidence, never overwrites."""

from __future__ import annotations

import re
import sys

import numpy as np
import pandas as pd
import pytest
from reportpages import NASTY, parsed

from workbench.data.dataset import Dataset
from workbench.foundation.errors import ExistsError, InputError
from workbench.issues.plant import plant_errors
from workbench.recording.recorder import Recorder
from workbench.reports.drawing import curve, gain
from workbench.reports.report import report

N, K = 80, 3


def made(folder, images=True, planted=True, texts=None):
    rng = np.random.default_rng(5)
    true = np.arange(N) % K
    labels = np.array([NASTY, "dog & co", "<i>bird</i>"], object)[true]
    labels[-2:] = None
    pictures = rng.integers(0, 255, (N, 8, 8), dtype=np.uint8) if images else None
    ids = [f"{NASTY}{row}" for row in range(N)]
    dataset = Dataset.from_arrays(
        labels, ids=ids, images=pictures, texts=texts, classes=[NASTY, "dog & co", "<i>bird</i>"]
    )
    dataset = plant_errors(dataset, 0.1) if planted else dataset
    embedding = np.eye(K)[true] * 5 + rng.normal(size=(N, K))
    with Recorder(folder, dataset) as recorder:
        for epoch in range(4):
            with recorder.epoch(epoch):
                recorder.batch(ids, embedding * (epoch + 1) / 3 + rng.normal(size=(N, K)), embedding)
    return recorder.run()


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    return made(tmp_path_factory.mktemp("report") / "run")


@pytest.fixture(scope="module")
def issues(recorded):
    """A table like that of `find_issues`; the detector is tested elsewhere."""
    return table(recorded)


def table(run) -> pd.DataFrame:
    from workbench.evidence.out_of_fold import out_of_fold

    probs, given = out_of_fold(run).values, run.dataset.given_labels
    p = np.where(given < 0, np.nan, 1 - probs[np.arange(run.n), given]).astype(float)
    first = probs.argmax(axis=1)
    frame = pd.DataFrame(
        {
            "given_label": run.dataset.given, "suggested_label": run.dataset.names_of(first), "p_error": p,
            "p_suggested": probs.max(axis=1).astype(float), "is_issue": np.nan_to_num(p) > 0.5,
            "reasons": "out-of-fold: <u>dog</u> .93; never learned in 4 epochs", "row": np.arange(run.n),
        },
        index=pd.Index(run.dataset.ids, name="id"),
    ).sort_values("p_error", ascending=False)  # fmt: skip
    frame.attrs = {
        "evidence": "given pred_probs", "threshold": "p_error >= 0.5", "expected_errors": 8.1, "judged": N - 2,
        "expected_errors_interval": (4.0, 12.0), "unlabelled": 2, "method": "by hand", "sources": {},
    }  # fmt: skip
    return frame


@pytest.fixture(scope="module")
def written(recorded, issues, tmp_path_factory):
    return report(recorded, tmp_path_factory.mktemp("out") / "report.html", issues=issues, top=10)


def test_one_file_without_scripts_handlers_or_anything_from_elsewhere(written):
    page = parsed(written)
    assert not page.open
    assert not {"script", "iframe", "object", "embed", "link", "form", "base", "foreignobject"} & set(page.tags)
    for tag, name, value in page.attributes:
        assert not name.startswith("on"), f"{tag} has a handler"
        if name in ("src", "href", "action", "xlink:href"):
            assert value.startswith(("data:image/png;base64,", "data:image/jpeg;base64,", "#")), (tag, name, value[:60])
    text = written.read_text(encoding="utf-8")
    assert not re.search(r"url\(|@import|https?://", text)
    assert "default-src 'none'" in text
    assert len(text) < 6_000_000


def test_data_is_text(written):
    page = parsed(written)
    shown = "".join(page.text)
    assert NASTY in shown
    assert "<i>bird</i>" in shown
    assert "<u>dog</u>" in shown
    assert "i" not in [tag for tag, *_ in page.attributes if tag == "u"]
    assert "u" not in page.tags


def test_it_says_what_was_judged_and_how_sure_that_is(written):
    shown = " ".join("".join(parsed(written).text).split())
    assert "About 8 of 78 labels are wrong" in shown
    assert "4 to 12 (95 %)" in shown
    assert "out-of-fold" in shown
    assert "in-sample" in shown
    assert "the embedding was trained on these labels" in shown
    assert "78 labelled examples, 2 unlabelled" in shown
    assert "errors were planted before training" in shown
    assert "8 labels were changed on purpose" in shown
    assert "What this estimate assumes" in shown
    assert "expected calibration error" in shown


def test_issues_come_with_picture_labels_reasons_and_link_from_the_map(written, issues):
    page = parsed(written)
    assert sum(tag == "article" for tag in page.tags) == 10
    assert sum(tag == "img" for tag in page.tags) == 10
    shown = "".join(page.text)
    assert issues.index[0] in shown
    assert "never learned in 4 epochs" in shown
    anchors = {value for tag, name, value in page.attributes if name == "id"}
    links = {value[1:] for tag, name, value in page.attributes if name == "href"}
    assert links <= anchors
    assert {"s0", "s1", "map", "classes", "noise", "check", "decisions", "evidence", "reading"} <= anchors


def test_decisions_appear(tmp_path):
    run = made(tmp_path / "run", images=False, texts=[f"text {row} <script>" for row in range(N)], planted=False)
    found = table(run)
    first, second = found.index[0], found.index[1]
    given = found["given_label"].iloc[0]
    new = "dog & co" if given == NASTY else NASTY
    run.journal.relabel([first], new, old=[given], author="Ann <a@b>", reason="it <b>barks</b>")
    run.journal.keep([second])
    shown = " ".join("".join(parsed(report(run, tmp_path / "r.html", issues=found, top=5)).text).split())
    assert "Ann <a@b>" in shown
    assert "it <b>barks</b>" in shown
    assert f"relabelled {new}" in shown
    assert "✓ kept" in shown
    assert f"text {int(found['row'].iloc[0])} <script>" in shown
    assert "planted" not in shown


@pytest.mark.parametrize(
    ("image", "why"), [(b"no image", "cannot be decoded"), ("../../secret.png", "leaves the media folder")]
)
def test_pictures_that_cannot_be_read_say_why(tmp_path, image, why):
    dataset = Dataset.from_arrays([0, 1] * 10, images=[image] * 20, media_root=tmp_path)
    with Recorder(tmp_path / "run", dataset) as recorder, recorder.epoch(0):
        recorder.batch(np.arange(20), np.zeros((20, 2)))
    run = recorder.run()
    run.save_pred_probs(np.full((20, 2), 0.5), out_of_fold=True, source="even")
    shown = "".join(parsed(report(run, tmp_path / "r.html", issues=table(run), top=20)).text)
    assert why in shown


def test_parts_without_evidence_are_left_out_and_named(tmp_path):
    with Recorder(tmp_path / "run", Dataset.from_arrays([0, 1] * 10)) as recorder, recorder.epoch(0):
        recorder.batch(np.arange(20), np.random.default_rng(0).normal(size=(20, 2)))
    run = recorder.run()
    found = pd.DataFrame(
        {"given_label": run.dataset.given, "suggested_label": run.dataset.given, "p_error": 0.1, "p_suggested": 0.9,
         "is_issue": False, "reasons": "", "row": np.arange(20)},
        index=pd.Index(run.dataset.ids, name="id"),
    )  # fmt: skip
    shown = "".join(parsed(report(run, tmp_path / "r.html", issues=found, top=3)).text)
    assert "no noise matrix: the run has neither predicted probabilities nor embeddings" in shown
    assert "None yet" in shown


def test_it_never_overwrites_unless_told_and_leaves_no_half_file(recorded, issues, tmp_path, monkeypatch):
    path = tmp_path / "r.html"
    path.write_text("mine")
    with pytest.raises(ExistsError, match=r"r\.html"):
        report(recorded, path, issues=issues, top=1)
    assert path.read_text() == "mine"
    report(recorded, path, issues=issues, top=1, force=True)
    assert "<!DOCTYPE html>" in path.read_text(encoding="utf-8")
    monkeypatch.setattr(sys.modules["workbench.reports.report"], "page", lambda facts: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        report(recorded, tmp_path / "other.html", issues=issues, top=1)
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["r.html"]


def test_refusals(recorded, issues, tmp_path):
    with pytest.raises(InputError, match="suffix"):
        report(recorded, tmp_path / "report.pdf", issues=issues)
    with pytest.raises(InputError, match="`top` is -1"):
        report(recorded, tmp_path / "r.html", issues=issues, top=-1)


def test_curves_break_where_nothing_was_recorded():
    drawn = curve(np.array([0.0, np.nan, 1.0, 0.5]), np.full(4, np.nan))
    assert drawn.count("<path") == 1
    assert re.search(r'd="M2\.0 32\.0M99\.3 2\.0L148\.0 17\.0"', drawn)
    assert curve(np.array([0.5]), np.array([0.5])) == ""


def test_the_gain_drawing_ends_soon_after_the_last_planted_error():
    drawn = gain(np.array([0, 10, 20, 1000]), np.array([0, 0.5, 1, 1]), 10)
    assert ">1,000<" not in drawn


@pytest.mark.slow
def test_with_the_detector_itself(recorded, tmp_path):
    page = parsed(report(recorded, tmp_path / "r.html"))
    assert re.search("labels (are wrong|may contain)", "".join(page.text))


def verdicts_on(run, ids, found, **told):
    """Individual verdicts: every third label of `ids` is judged wrong."""
    for place, id in enumerate(ids):
        given = found["given_label"][id]
        other = next(name for name in run.classes if name != given)
        if place % 3 == 0:
            run.journal.relabel([id], other, old=[given], **told)
        else:
            run.journal.keep([id], old=[given], **told)


def shown_in(run, found, path) -> str:
    return " ".join("".join(parsed(report(run, path, issues=found, top=2)).text).split())


def test_the_detector_is_not_proved_by_its_own_suggestions(tmp_path):
    run = made(tmp_path / "run", images=False, planted=False)
    found = table(run)
    judged = found[found["p_error"].notna()]
    ids = judged.index[:40].tolist()
    olds = found["given_label"][ids].tolist()
    others = [next(name for name in run.classes if name != given) for given in olds]
    run.journal.relabel(ids, others, old=olds, source="explorer: accept selection")
    shown = shown_in(run, found, tmp_path / "bulk.html")
    assert "Do the probabilities come true? 0 labels were judged by a person, 30 are needed" in shown
    assert "calibration error" not in shown
    assert "40 decided, 0 by looking" in shown
    verdicts_on(run, ids[:35], found, source="explorer: key")
    shown = shown_in(run, found, tmp_path / "looked.html")
    assert "By 35 verdicts of people, on examples they chose themselves, not a random audit" in shown


def test_the_headline_is_the_one_number_with_its_source(tmp_path, monkeypatch):
    from workbench.issues.totals import error_count
    from workbench.review.audit import audit

    monkeypatch.setattr("workbench.issues.estimating.DRAWS", 2000)
    run = made(tmp_path / "run", images=False, planted=False)
    found = table(run)
    shown = shown_in(run, found, tmp_path / "before.html")
    assert "About 8 of" in shown and "4 to 12 (95 %), from the detector" in shown
    found.attrs["errors_identified"] = False
    sample = audit(run, 60, issues=found)
    verdicts_on(run, sample.ids[:29].tolist(), found, source="explorer: audit, key")
    assert "from the detector" in str(error_count(run, found)), "29 verdicts take no number's place"
    assert "4 to 12 of" in shown_in(run, found, tmp_path / "unknown.html")
    verdicts_on(run, sample.ids[29:60].tolist(), found, source="explorer: audit, key")
    total = error_count(run, found)
    assert total.source == "audit" and "from 60 audited examples" in str(total)
    shown = shown_in(run, found, tmp_path / "audited.html")
    assert f"About {total.errors:,.0f} of {total.labels} labels are wrong" in shown
    assert f"; about {total.left:,.0f} of these have no decision yet" in shown
    assert "By 60 verdicts of people, on a random audit" in shown
    assert "Confident learning counts" not in shown, "one number at a time"
    found.attrs |= {"errors_identified": True, "expected_errors_interval": (7.5, 8.5)}
    assert error_count(run, found).source == "detector", "a better estimate is not replaced by a worse one"
