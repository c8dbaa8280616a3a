"""Selections: the correct end, random ties, per class, weights as a file, refusals."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import workbench as wb
from workbench.experiments.selection.rules import RULES, rule
from workbench.foundation.errors import ExistsError, InputError, MissingEvidence
from workbench.storage.tables import read_table


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Forty examples over four epochs: the first ten fluctuate, the next ten are never learned, the rest are easy."""
    rng = np.random.default_rng(4)
    labels = np.arange(40) % 2
    ids = [f"row {row:02}" for row in range(40)]
    dataset = wb.Dataset.from_arrays([*labels[:39].tolist(), None], ids=ids)
    with wb.Recorder(tmp_path_factory.mktemp("select") / "run", dataset) as recorder:
        for epoch in range(4):
            lead = np.full(40, 3.0)
            lead[:10] = 3.0 if epoch % 2 else -3.0
            lead[10:20] = -3.0
            logits = np.where(labels[:, None] == np.arange(2), lead[:, None], 0) + 0.01 * rng.normal(size=(40, 2))
            with recorder.epoch(epoch):
                recorder.batch(dataset.ids, logits, np.eye(2)[labels] + 0.1 * rng.normal(size=(40, 2)))
    return recorder.run()


def rows(run, ids):
    return run.dataset.rows(ids)


def test_the_ambiguous_quarter_is_what_wavered(run):
    np.testing.assert_array_equal(rows(run, wb.experiments.select(run, 10, "variability")), np.arange(10))
    assert len(wb.experiments.select(run)) == round(0.33 * 39)


def test_the_end_of_each_score_is_that_of_its_rule(run):
    assert set(rows(run, wb.experiments.select(run, 10, "confidence"))) <= set(range(20, 39))
    np.testing.assert_array_equal(rows(run, wb.experiments.select(run, 10, "confidence", end="low")), np.arange(10, 20))
    assert set(rows(run, wb.experiments.select(run, 19, "aum"))) == set(range(20, 39))
    hard = rows(run, wb.experiments.select(run, 20, "el2n"))
    np.testing.assert_array_equal(hard, np.arange(20))


def test_never_learned_counts_as_forgotten_most(run):
    np.testing.assert_array_equal(rows(run, wb.experiments.select(run, 10, "forgetting")), np.arange(10, 20))
    np.testing.assert_array_equal(rows(run, wb.experiments.select(run, 20, "forgetting")), np.arange(20))


def test_ties_are_broken_by_the_seed_and_not_by_the_order_of_the_file(run):
    few = [tuple(wb.experiments.select(run, 5, "forgetting", end="low", seed=seed)) for seed in (0, 0, 1, 2)]
    assert few[0] == few[1]
    assert len({*few}) > 1


def test_every_class_keeps_its_share(run):
    kept = rows(run, wb.experiments.select(run, 0.5, "variability", per_class=True))
    assert np.bincount(run.dataset.given_labels[kept]).tolist() == [10, 10]


def test_values_from_embeddings_and_chance(run):
    for by in ("knn_shapley", "influence", "random", "p_error"):
        ids = wb.experiments.select(run, 0.5, by)
        assert len(ids) == round(0.5 * 39)
        assert "row 39" not in ids
        np.testing.assert_array_equal(ids, wb.experiments.select(str(run.path), 0.5, by))


def test_weights_by_rank_keep_and_probability(run, tmp_path):
    weights = wb.experiments.sample_weights(run, path=tmp_path / "weights.csv")
    issues = wb.find_issues(run)
    np.testing.assert_allclose(weights[issues.index[:5]], 1 - issues["p_error"].iloc[:5])
    assert weights["row 39"] == 0
    back = read_table(tmp_path / "weights.csv").set_index("id")["weight"]
    np.testing.assert_allclose(back.loc[weights.index], weights)
    kept = wb.experiments.sample_weights(run, "variability", keep=0.25, path=tmp_path / "kept.parquet")
    assert set(kept[kept == 1].index) == set(wb.experiments.select(run, 0.25, "variability"))
    assert set(kept.unique()) == {0.0, 1.0}
    assert pd.read_parquet(tmp_path / "kept.parquet").columns.tolist() == ["id", "weight"]
    ranks = wb.experiments.sample_weights(run, "confidence")
    assert ranks.iloc[20:39].min() > ranks.iloc[:20].max()
    with pytest.raises(ExistsError, match="exists"):
        wb.experiments.sample_weights(run, path=tmp_path / "weights.csv")


def test_every_rule_names_an_end_and_a_source():
    for name in RULES:
        assert rule(name).keep in ("high", "low")
        assert rule(name).source
    assert rule("neighbor_disagreement").keep == "low"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"keep": 0.0}, r"`keep` is 0\.0"),
        ({"keep": 1.5}, r"`keep` is 1\.5"),
        ({"keep": 99}, "`keep` is 99 of 39"),
        ({"keep": True}, "`keep` is True"),
        ({"by": "variabilty"}, "Did you mean 'variability'"),
        ({"end": "hard"}, "unknown end 'hard'"),
        ({"by": pd.Series([1.0], index=["row 00"])}, "`end` is missing"),
        ({"by": pd.Series([1.0], index=["nobody"]), "end": "low"}, "not in the dataset"),
        ({"by": pd.Series(["a"], index=["row 00"]), "end": "low"}, "Pass a Series of numbers"),
    ],
)
def test_refusals(run, options, message):
    with pytest.raises(InputError, match=message):
        wb.experiments.select(run, **options)


def test_a_dataset_alone_has_no_recorded_scores(run):
    with pytest.raises(InputError, match="is read from a run"):
        wb.experiments.select(run.dataset)
    with pytest.raises(MissingEvidence, match="embeddings"):
        wb.experiments.select(run.dataset, by="knn_shapley")
