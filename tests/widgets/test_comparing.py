"""A second run in the view: differences as columns, positions as arrows, and the numbers of `compare_runs`."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest

import workbench as wb
from widgets.view.judging import issues_of
from workbench.foundation.errors import InputError
from workbench.recording.recorder import Recorder


def test_differences_can_be_coloured_filtered_and_sorted_by(page, run, other, issues):
    ex = page(other=other, color_by="confidence change")
    table = wb.experiments.compare_runs(run, other, issues=(issues, issues_of(other))).table.reindex(run.dataset.ids)
    columns = {"confidence change": "confidence_change", "moved": "moved", "p_error change": "p_error_change"}
    for name, column in columns.items():
        assert ex._view.columns[name].values == pytest.approx(table[column].to_numpy(np.float32), nan_ok=True)
    assert np.isnan(ex._view.columns["moved"].values[100:]).all(), "what the other run does not have did not move"
    ex.filters = {"moved": [0.1, 1.0], "label issue": ["only here"]}
    ex.queue = "moved"
    moved = table["moved"].reindex(ex.queue).to_numpy()[:100]
    assert (np.diff(moved) <= 1e-6).all()
    codes = ex._view.columns["label issue"].values
    assert (
        codes.tolist()
        == np.where(
            table["is_issue_a"].notna(), table["is_issue_a"].eq(True) + 2 * table["is_issue_b"].eq(True), -1
        ).tolist()
    )
    assert "moved" in ex.table()


def test_the_page_gets_places_and_words(page, run, other, issues):
    ex = page(other=str(other.path))
    assert ex.ask("open")[0]["other"] == "again"
    body, buffers = ex.ask("compare")
    found = wb.experiments.compare_runs(run, other, issues=(issues, issues_of(other)))
    words = " ".join(str(found).split())  # str breaks the lines for a notebook
    assert body["text"] == words
    x, y = (np.frombuffer(buffer, "<f4") for buffer in buffers)
    table = found.table.reindex(run.dataset.ids)
    assert x == pytest.approx(table["variability_b"].to_numpy(np.float32), nan_ok=True)
    assert y == pytest.approx(table["confidence_b"].to_numpy(np.float32), nan_ok=True)
    assert words.startswith("; ".join(body["phrases"]))
    first = body["scores"][0]
    assert first["spearman"] == min(row["spearman"] for row in body["scores"] if row["spearman"] is not None)
    change = found.table[f"{first['name']}_change"]
    assert first["mean_absolute_change"] == pytest.approx(change.abs().mean())
    assert first["mean_change"] == pytest.approx(change.mean())
    json.dumps(body, allow_nan=False)
    ex.rank_again()
    assert "moved" in ex._view.columns, "ranked again, the comparison is made again"


def test_the_embedding_map_of_the_other_run_is_laid_out_like_this_one(page, run, other, monkeypatch):
    from workbench.evidence import projection

    def umap(embeddings, *_args, like=None, **_options):
        places = projection.pca(embeddings)  # UMAP takes seconds to compile, and its layout is not tested here
        return places if like is None else projection.fitted(places, like)

    monkeypatch.setattr(projection, "umap", umap)
    ex = page(other=other)
    assert ex.ask("compare")[0]["embedding"] is True
    body, buffers = ex.ask("compare", map="embedding")
    while "later" in body:
        body, buffers = ex.ask("compare", map="embedding")
    assert "Procrustes" in body["how"]
    places = np.frombuffer(buffers[0], "<f4").reshape(-1, 2)
    wanted = wb.project(other, like=run)
    assert places[run.dataset.rows(other.dataset.ids)] == pytest.approx(wanted)
    assert np.isnan(places[100:]).all(), "what the other run does not have has no place there"
    here = wb.project(run)[:100]
    loose = wb.project(other)[other.dataset.rows(run.dataset.ids[:100])]
    assert np.square(places[:100] - here).sum() < np.square(loose - here).sum(), "aligned, it lies nearer"


def test_without_another_run_and_with_a_stranger(page, run, tmp_path):
    ex = page()
    assert ex.ask("open")[0]["other"] == ""
    assert "other=" in ex.ask("compare")[0]["error"]
    Recorder(tmp_path / "stranger", wb.Dataset.from_arrays(["cat"], ids=["nobody"], classes=["cat"]))
    with pytest.raises(InputError, match="nothing in common"):
        page(other=tmp_path / "stranger")
    shutil.rmtree(tmp_path / "stranger")
