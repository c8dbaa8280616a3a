"""Figures: every kind on a recorded run, escaped, thinned, transparent; true captions; errors."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from workbench.data.dataset import Dataset
from workbench.foundation.errors import InputError, MissingEvidence
from workbench.issues.plant import plant_errors
from workbench.recording.recorder import Recorder
from workbench.reports.figures import FIGURES, figure
from workbench.reports.figures.curves import over_epochs
from workbench.reports.figures.matrices import confusion_counts
from workbench.reports.figures.reliability import binned
from workbench.reports.figures.style import class_colors, safe, score_colors
from workbench.scores import score

N, K, EPOCHS = 90, 3, 4
NASTY = '<b onclick="alert(1)">cat</b>'


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    rng = np.random.default_rng(3)
    true = np.arange(N) % K
    frame = pd.DataFrame({"label": np.array([NASTY, "dog", "a&b"], object)[true], "age": rng.integers(0, 9, N)})
    frame.loc[N - 3 :, "label"] = None
    frame["id"] = [f"<i>{row}</i>" for row in range(N)]
    frame["split"] = np.where(true == 0, "<u>train</u>", "test")
    dataset = plant_errors(Dataset.from_frame(frame, id="id", classes=[NASTY, "dog", "a&b"]), 0.1)
    embedding = np.eye(K)[true] * 5 + rng.normal(size=(N, K))
    with Recorder(tmp_path_factory.mktemp("figures") / "run<x>", dataset) as recorder:
        for epoch in range(EPOCHS):
            with recorder.epoch(epoch):
                logits = embedding * (epoch + 1) / 3 + rng.normal(size=(N, K))
                recorder.batch(dataset.ids, logits, embedding)
    return recorder.run()


@pytest.fixture(scope="module")
def issues(recorded):
    """A table like that of `find_issues`, made from the scores; the detector is tested elsewhere."""
    p = 1 - score(recorded, "self_confidence")["self_confidence"].to_numpy()
    given = recorded.dataset.given
    first = recorded.dataset.names_of(recorded.pred_probs().values.argmax(axis=1))
    frame = pd.DataFrame(
        {
            "given_label": given, "suggested_label": first, "p_error": p, "p_suggested": p, "is_issue": p > 0.5,
            "reasons": "", "row": range(N),
        },
        index=pd.Index(recorded.dataset.ids, name="id"),
    )  # fmt: skip
    return frame.sort_values("p_error", ascending=False)


def texts(fig) -> str:
    """Every text of a figure as passed to plotly."""
    return json.dumps(json.loads(fig.to_json()), ensure_ascii=False)


@pytest.mark.parametrize("kind", [kind for kind in FIGURES if kind != "embedding"])
def test_every_kind_is_a_transparent_figure_without_markup_from_data(recorded, issues, kind):
    import plotly.graph_objects as go

    options = {"issues": issues} if kind in ("data_map", "curves", "reliability") else {}
    fig = figure(recorded, kind, **options)
    assert isinstance(fig, go.Figure)
    assert fig.layout.template.layout.paper_bgcolor == fig.layout.template.layout.plot_bgcolor == "rgba(0,0,0,0)"
    assert fig.layout.title.text
    found = texts(fig)
    for raw in ("<b onclick", "<i>1", "<u>", "a&b", "run<x>"):
        assert raw not in found, f"{raw!r} of the data reached plotly as markup"
    assert "&lt;" in found


def test_embedding_by_class_score_and_column(recorded, issues):
    fig = figure(recorded, "embedding", method="pca")
    assert [trace.name for trace in fig.data] == ["no label", safe(NASTY, 24), "dog", "a&amp;b"]
    assert sum(len(trace.x) for trace in fig.data) == N
    assert fig.layout.title.text.startswith("90 examples by embedding, coloured by given label")
    by_score = figure(recorded, "embedding", method="pca", color="el2n")
    assert by_score.data[-1].marker.colorbar.title.text == "el2n<br>high = suspicious"
    by_number = figure(recorded, "embedding", method="pca", color="age")
    assert by_number.data[-1].marker.colorbar.title.text == "age"
    by_word = figure(recorded, "embedding", method="pca", color="split")
    assert [trace.name for trace in by_word.data] == ["&lt;u&gt;train&lt;/u&gt;", "test"]
    ringed = figure(recorded, "embedding", method="pca", color="p_error", issues=issues)
    assert ringed.data[-1].name == "label issue"
    assert len(ringed.data[-1].x) == issues["is_issue"].sum()


def test_the_data_map_places_every_labelled_example_and_counts_the_hard(recorded):
    fig = figure(recorded, "data_map")
    values = score(recorded, ["confidence", "variability"]).dropna()
    assert sum(len(trace.x) for trace in fig.data) == len(values) == N - 3
    assert np.allclose(np.sort(fig.data[-1].y), np.sort(values["confidence"]))
    hard = int((values["confidence"] < 0.25).sum())
    assert fig.layout.title.text.startswith(f"The model learned all but {hard} of 87 labels")
    assert "in-sample" in fig.layout.title.text
    words = [note.text for note in fig.layout.annotations]
    assert any("easy" in w for w in words)
    assert any("ambiguous" in w for w in words)
    assert any("hard" in w for w in words)


def test_hovering_tells_id_given_and_suggested(recorded, issues):
    fig = figure(recorded, "data_map", issues=issues)
    text = fig.data[0].text[0]
    assert text.startswith("<b>&lt;i&gt;0&lt;/i&gt;</b><br>given ")
    assert "<br>suggested " in text
    assert "confidence" in text


def test_many_points_are_drawn_by_webgl_and_thinned_but_issues_stay(recorded, issues, monkeypatch):
    monkeypatch.setattr("workbench.reports.figures.maps.WEBGL_ROWS", 20)
    fig = figure(recorded, "data_map", issues=issues, most=30)
    assert {trace.type for trace in fig.data} == {"scattergl"}
    assert sum(len(trace.x) for trace in fig.data if trace.name != "label issue") == 30
    assert len(fig.data[-1].x) == issues["is_issue"].sum() > 3
    assert "30 of 90 points drawn" in texts(fig)


def test_curves_show_the_recorded_probabilities(recorded, issues):
    ids = list(issues.index[:2])
    fig = figure(recorded, "curves", ids=ids, issues=issues)
    rows = recorded.dataset.rows(ids)
    assert np.allclose(fig.data[0].y, recorded.stat_matrix("p_given")[:, rows[0]])
    suggested = recorded.dataset.code_of(issues["suggested_label"].iloc[0])
    expected = over_epochs(recorded, rows[:1], np.array([suggested]))[:, 0]
    assert np.allclose(fig.data[1].y, expected, equal_nan=True)
    assert figure(recorded, "curves", ids=ids[0]).data[0].name == "given label"
    assert len(figure(recorded, "curves").layout.annotations) == 6
    with pytest.raises(InputError, match="`ids` names 25 examples"):
        figure(recorded, "curves", ids=list(recorded.dataset.ids[:25]))
    with pytest.raises(InputError, match="not in the dataset"):
        figure(recorded, "curves", ids=["nobody"])


def test_probabilities_over_epochs_by_hand(recorded):
    stats = recorded.stats(2, ["topk_p", "topk_class"])
    found = over_epochs(recorded, np.array([0, 5]), np.array([1, -1]))
    assert found.shape == (EPOCHS, 2)
    assert np.isclose(found[2, 0], stats["topk_p"][0][stats["topk_class"][0] == 1][0])
    assert np.isnan(found[:, 1]).all()


def test_confusion_counts_labelled_rows_against_predictions(recorded):
    counts, how = confusion_counts(recorded)
    given, predicted = recorded.dataset.given_labels, recorded.pred_probs().values.argmax(axis=1)
    assert counts.sum() == N - 3
    assert counts[1, 2] == ((given == 1) & (predicted == 2)).sum()
    assert "out-of-fold" in how
    a, b = np.unravel_index((counts - np.diag(np.diag(counts))).argmax(), counts.shape)
    title = figure(recorded, "confusion").layout.title.text
    assert f"({counts[a, b]} of {counts[a].sum()})" in title


def test_noise_says_its_interval_and_its_assumptions(recorded):
    fig = figure(recorded, "noise", draws=30)
    assert "95 % interval" in fig.layout.title.text
    assert any("only under assumptions" in (note.text or "") for note in fig.layout.annotations)
    assert "95 % interval" in fig.data[1].text[0][1]


def test_many_classes_are_cut_to_those_that_disagree(tmp_path, rng):
    k = 60
    labels = np.arange(300) % k
    with Recorder(tmp_path / "run", Dataset.from_arrays(labels, classes=list(range(k)))) as recorder, recorder.epoch(0):
        recorder.batch(np.arange(300), rng.normal(size=(300, k)))
    fig = figure(recorder.run(), "confusion")
    assert len(fig.data[1].z) == 40
    assert "the 40 of 60 classes with the most disagreement" in fig.layout.title.text
    assert "in-sample" in fig.layout.title.text


def test_reliability_bins_by_hand():
    p = np.array([0.02, 0.04, 0.55, 0.52, 0.53, 1.0])
    table = binned(p, np.array([False, False, True, False, True, True]))
    assert table["count"].tolist() == [2, 3, 1]
    assert np.allclose(table["predicted"], [0.03, np.mean([0.55, 0.52, 0.53]), 1])
    assert np.allclose(table["observed"], [0, 2 / 3, 1])
    assert (table["low"] <= table["observed"]).all()
    assert (table["observed"] <= table["high"]).all()
    assert 0 < table["high"][0] < 0.75


def test_reliability_takes_verdicts_or_planted_errors_or_says_how_to_get_them(recorded, issues, tmp_path):
    fig = figure(recorded, "reliability", issues=issues)
    assert f"{len(recorded.planted())} planted errors" in fig.layout.title.text
    with pytest.raises(MissingEvidence, match="`verdicts`, `planted`"):
        figure(recorded, "reliability", issues=issues, truth="verdicts")
    with pytest.raises(InputError, match="unknown truth 'votes'"):
        figure(recorded, "reliability", issues=issues, truth="votes")


def test_refusals(recorded):
    with pytest.raises(InputError, match=r"unknown figure 'datamap'\. Did you mean 'data_map'\?"):
        figure(recorded, "datamap")
    with pytest.raises(InputError, match=r"unknown option of figure 'data_map' 'colour'\. Did you mean 'color'\?"):
        figure(recorded, "data_map", colour="aum")
    with pytest.raises(InputError, match="unknown color 'amu'"):
        figure(recorded, "data_map", color="amu")


def test_a_run_without_epochs_or_probabilities_says_what_is_missing(tmp_path, rng):
    with Recorder(tmp_path / "run", Dataset.from_arrays([0, 1, 0, 1])) as recorder, recorder.epoch(0):
        recorder.batch([0, 1, 2, 3], rng.normal(size=(4, 2)))
    run = recorder.run()
    with pytest.raises(MissingEvidence, match="'noise' needs `pred_probs`"):
        figure(run, "noise")
    with pytest.raises(MissingEvidence, match="`embeddings`"):
        figure(run, "embedding")
    assert figure(run, "data_map").data


def test_colours():
    colors = class_colors(300)
    assert len(set(colors[:40])) == 40
    assert all(len(color) == 7 for color in colors)
    low, high = score_colors("low"), score_colors("high")
    assert low[0][1] == high[-1][1], "the dark end is the suspicious one"
    assert (low[0][0], low[-1][0]) == (0, 1)
    assert safe("x" * 100) == "x" * 59 + "…"
    assert safe("a\x1b[31m\n<b>") == "a [31m &lt;b&gt;"
    assert safe(None) == "–"


@pytest.mark.parametrize(("labels", "classes"), [(["a"] * 8, None), (["a"], ["a", "b"]), ([None] * 6, ["a", "b"])])
def test_small_and_unlabelled_runs_have_every_figure_that_their_evidence_allows(tmp_path, rng, labels, classes):
    dataset = Dataset.from_arrays(labels, classes=classes)
    with Recorder(tmp_path / "run", dataset) as recorder, recorder.epoch(0):
        recorder.batch(dataset.ids, rng.normal(size=(dataset.n, dataset.k)), rng.normal(size=(dataset.n, 3)))
    run = recorder.run()
    for kind, options in (("data_map", {}), ("embedding", {"method": "pca"}), ("confusion", {}), ("curves", {})):
        assert figure(run, kind, **options).layout.title.text


def test_the_data_map_of_a_tag(tmp_path, rng):
    table = rng.integers(-1, 2, (20, 3))
    data = Dataset.from_arrays(table, task="multilabel", classes=["a", "b<", "c"])
    logits = rng.normal(0, 2, (2, 20, 3)).astype(np.float32)
    with Recorder(tmp_path / "empty", data) as recorder:
        empty = recorder.run()
    with Recorder(tmp_path / "run", data) as recorder:
        for epoch in range(2):
            with recorder.epoch(epoch):
                recorder.batch(data.ids, logits[epoch])
    made = figure(recorder.run(), "data_map", tag="b<")
    p = 1 / (1 + np.exp(-logits[:, :, 1]))
    for trace, state in zip(made.data, (1, 0), strict=True):
        p_given = (p if state else 1 - p)[:, table[:, 1] == state]
        np.testing.assert_allclose(trace.y, p_given.mean(axis=0), rtol=1e-5)
        np.testing.assert_allclose(trace.x, p_given.std(axis=0), atol=1e-5)
    assert f"of {(table[:, 1] >= 0).sum()} cells of b&lt;" in made.layout.title.text
    with pytest.raises(InputError, match=r"unknown tag None\. Known: a, b<, c\. Pass `tag=`"):
        figure(recorder.run(), "data_map")
    with pytest.raises(MissingEvidence, match="needs `epochs`"):
        figure(empty, "data_map", tag="a")
    with pytest.raises(InputError, match="works on 'multiclass' labels only"):
        figure(recorder.run(), "confusion")
