"""The report of a run with numbers: causes, corrections and residuals, target by target."""

from __future__ import annotations

import shutil

import numpy as np
import pandas as pd
import pytest
from reportpages import NASTY, parsed, text_of

import workbench as wb
from workbench.reports.drawing import residual_svg
from workbench.reports.number_facts import causes_of, gather_numbers
from workbench.reports.report import report
from workbench.shell.cli import main

N = 160


@pytest.fixture(scope="module")
def numbered(tmp_path_factory):
    """Two targets explained by four features; some numbers are ten times too large, two are negated, ten unknown."""
    rng = np.random.default_rng(2)
    features = rng.normal(size=(N, 4)).astype(np.float32)
    values = np.stack([100 + 20 * features[:, 0] - 9 * features[:, 1], 7 + features[:, 2]], axis=1)
    values += rng.normal(size=values.shape) * (1.5, 0.1)
    values = values.round(2)
    values[:8, 0] *= 10
    values[[20, 30], 0] *= -1
    values[-10:, 1] = np.nan
    frame = pd.DataFrame({NASTY: values[:, 0], "age": values[:, 1], "id": [f"{NASTY}{row}" for row in range(N)]})
    run = wb.import_run(frame, tmp_path_factory.mktemp("n") / "run", label=[NASTY, "age"], id="id", task="numbers")
    run.save_embeddings(features, trained_on_labels=False)
    return run


@pytest.fixture(scope="module")
def found(numbered):
    return wb.find_issues(numbered, per="unit")


def test_causes_residuals_and_targets_are_shown(numbered, found, tmp_path):
    path = report(numbered, tmp_path / "r.html", issues=found, top=14)
    page, shown = parsed(path), text_of(path)
    assert not page.open and not {"script", "link", "iframe"} & set(page.tags)
    anchors = {value for _, name, value in page.attributes if name == "id"}
    assert {"causes", "corrections", "residuals", "targets", "check", "decisions", "evidence", "s0"} <= anchors
    assert not {"classes", "noise", "map", "tags"} & anchors
    links = {value[1:] for _, name, value in page.attributes if name == "href"}
    assert links <= anchors and "s3" in links, "a mark of the figure leads to its card"
    assert f"of {2 * N - 10} numbers are wrong" in shown and f"{2 * N - 10} known numbers, 10 unknown" in shown
    assert "160 examples, 2 targets" in shown and "epochs recorded" not in shown
    assert page.tags.count("svg") == 2, "one figure per target"
    assert "10 times too large 8" in shown and "wrong sign" in shown
    assert "would fit: the number is 10 times too large" in shown
    assert NASTY in shown and "confidence, variability" not in shown


def test_the_numbers_by_target_are_those_of_the_table(numbered, found):
    facts = gather_numbers(numbered, found, 3, None)
    table = facts.own.targets.set_index("target")
    assert list(table.index) == [NASTY, "age"], "the worst first"
    for place, name in enumerate((NASTY, "age")):
        mine = found[found["target"] == name]
        assert table.loc[name, "wrong"] == pytest.approx(mine["p_error"].sum())
        assert table.loc[name, "issues"] == mine["is_issue"].sum()
        assert table.loc[name, "known"] == mine["p_error"].notna().sum() == (N, N - 10)[place]
        known = mine[mine["p_error"].notna()]
        assert table.loc[name, "within"] == pytest.approx(((known["high"] - known["low"]) / 2).median())
    points = facts.own.residuals[0]
    lines = found.iloc[points.lines]
    assert not points.ratio and (points.off == lines["given_label"] - lines["predicted"]).all()
    assert (lines["low"] <= lines["predicted"]).all() and (lines["predicted"] <= lines["high"]).all()
    assert len(facts.own.suggested) >= 8 and facts.own.suggested["times"].is_monotonic_decreasing
    assert not len(facts.own.corrected)


def test_causes_are_counted_by_factor():
    issues = pd.DataFrame(
        {
            "given_label": [1000.0, 5.0, 2.54, 7.0, 3.0], "suggested_label": [100.0, 500.0, 1.0, -7.0, 3.0],
            "p_error": [0.9, 0.8, 0.7, 0.6, 0.1], "is_issue": [True, True, True, True, False],
            "kind": ["factor", "factor", "unit", "sign", "outlier"],
        }
    )  # fmt: skip
    table = causes_of(issues).set_index("cause")
    first = table.iloc[0]
    assert first["issues"] == 2 and first["wrong"] == pytest.approx(1.7)
    assert first["detail"] == "100 times too small 1, 10 times too large 1"
    assert table.loc["units mixed up", "detail"] == "inches and centimetres 1"
    assert table.loc["wrong sign", ["issues", "detail"]].tolist() == [1, ""]
    assert table.iloc[-1]["issues"] == 0


def test_corrections_are_listed(numbered, found, tmp_path):
    run = wb.open_run(shutil.copytree(numbered.path, tmp_path / "run"))
    (id, unit), first = found.index[0], found.iloc[0]
    suggested = str(float(first["suggested_label"]))
    run.journal.relabel([id], suggested, old=[str(float(first["given_label"]))], units=[unit], author="Ann <a@b>")
    path = report(run, tmp_path / "r.html", issues=found, top=3)
    shown = text_of(path)
    assert f"relabelled {first['suggested_label']:.12g}" in shown and "Ann <a@b>" in shown
    assert "1 number changed. Verdicts: 1 relabel" in shown
    corrected = gather_numbers(run, found, 1, None).own.corrected
    assert corrected["id"].tolist() == [id] and corrected["target"].tolist() == [first["target"]]
    assert corrected["change"][0] == pytest.approx(first["suggested_label"] - first["given_label"])


def test_predictions_of_many_sizes_are_drawn_as_ratios_and_one_target_has_no_column(tmp_path):
    rng = np.random.default_rng(5)
    features = rng.normal(size=(120, 2)).astype(np.float32)
    values = np.exp(5 + 2 * features[:, 0] + 0.1 * rng.normal(size=120))
    values[:4] *= 100
    run = wb.import_run(pd.Series(values, name="price"), tmp_path / "run", task="numbers")
    run.save_embeddings(features, trained_on_labels=False)
    assert main(["report", str(run.path), str(tmp_path / "r.html")]) == 0
    shown = text_of(tmp_path / "r.html")
    assert "given number divided by the prediction, 120 numbers" in shown
    assert "100 times too large 4" in shown and "120 examples, 1 target;" not in shown and ", 1 target" in shown


def test_residuals_beyond_the_frame_are_counted_and_drawn_at_its_edge():
    predicted = np.linspace(0, 10, 50)
    off = np.zeros(50)
    off[7] = 1e6
    drawn, outside = residual_svg(
        predicted, off, off * 0 - 1, off * 0 + 1, np.array([7]), [("far", "#s0")], ratio=False
    )
    assert outside == 1 and drawn.count('class="ring"') == 1
    ratios = np.ones(50)
    ratios[3] = np.nan
    drawn, outside = residual_svg(
        predicted + 1, ratios, np.full(50, 0.5), np.full(50, 2.0), np.array([], int), [], ratio=True
    )
    assert outside == 1 and "nan" not in drawn
