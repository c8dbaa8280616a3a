"""Tags contradicted by scores are listed in the format of `find_issues`; clear missing ones are filled in."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import average_precision_score, f1_score, precision_score, recall_score

import workbench as wb
from workbench.foundation.errors import InputError
from workbench.issues.calibration import calibration_error


def noisy(true, seed=0, spread=0.25):
    rng = np.random.default_rng(seed)
    return np.clip(np.where(true, 0.75, 0.25) + rng.normal(0, spread, true.shape), 0.01, 0.99)


def test_proposals_are_those_of_a_loop_over_cells():
    rng = np.random.default_rng(0)
    given, scores = rng.integers(-1, 2, (40, 5)), rng.normal(size=(40, 5))
    scores[3, 2] = np.nan
    found = wb.tags.proposals(given, scores, add_above=0.5, drop_below=-0.5)
    cells = [(row, tag) for row in range(40) for tag in range(5)]
    add = [one for one in cells if given[one] < 1 and scores[one] >= 0.5]
    drop = [one for one in cells if given[one] == 1 and scores[one] <= -0.5]
    add.sort(key=lambda one: -scores[one])
    drop.sort(key=lambda one: scores[one])
    tags = found.index.get_level_values("unit").str[1:].astype(int)
    assert list(zip(found["row"], tags)) == add + drop
    assert (found["kind"] == ["missing"] * len(add) + ["wrong"] * len(drop)).all()
    assert found["given_label"].isna().sum() == sum(given[one] < 0 for one in add)
    most = wb.tags.proposals(given, scores, limit=3)
    assert list(most["score"]) == sorted(scores[one] for one in cells if given[one] < 1 and scores[one] > -9)[:-4:-1]


def test_a_proposal_is_a_decision_in_one_line(tmp_path):
    tags = [["sea"], ["sky", "sea"], []]
    run = wb.import_run(pd.DataFrame({"tags": tags, "id": list("abc")}), tmp_path / "run", label="tags", id="id",
                        task="multilabel")  # fmt: skip
    scores = pd.DataFrame([[0.9, 0.8], [0.9, 0.1], [0.2, 0.2]], index=list("abc"), columns=["sky", "sea"])
    found = wb.tags.proposals(run, scores, add_above=0.7, drop_below=0.2)
    assert list(found.index) == [("a", "p1"), ("b", "p0")]
    ids, units = found.index.get_level_values("id"), found.index.get_level_values("unit")
    run.journal.relabel(ids, found["suggested_label"], old=found["given_label"].fillna("unknown"), units=units)
    assert wb.open_run(tmp_path / "run").corrected_labels().map(set).tolist() == [{"sky", "sea"}, {"sky"}, set()]
    assert wb.tags.proposals(run, scores, add_above=0.7, drop_below=0.2).empty


@pytest.mark.parametrize(
    ("named", "message"),
    [
        ({}, "`add_above` is not given"),
        ({"limit": 0}, "`limit` is 0"),
        ({"add_above": 0.5, "scores": np.zeros((2, 3))}, "2 examples and 2 tags"),
        ({"add_above": 0.5, "scores": np.array([[0, np.inf], [0, 0]])}, "row 0 column 1"),
    ],
)
def test_what_cannot_be_listed_is_refused(named, message):
    with pytest.raises(InputError, match=message):
        wb.tags.proposals(np.array([[1, 0], [0, 1]]), named.pop("scores", np.zeros((2, 2))), **named)


def test_filled_cells_by_shares_are_the_outermost_of_each_tag(digits):
    true = digits.true[:200]
    rng = np.random.default_rng(1)
    given = np.where(rng.random(true.shape) < 0.9, -1, true)  # nine in ten cells are hidden
    scores = noisy(true)
    found = wb.tags.fill_unknown(given, scores, yes_share=0.1, no_share=0.5)
    assert (found.labels[given >= 0] == given[given >= 0]).all()
    for tag in range(true.shape[1]):
        hidden = np.flatnonzero(given[:, tag] < 0)
        order = hidden[np.argsort(scores[hidden, tag])]
        assert (found.labels[order[: round(0.5 * len(order))], tag] == 0).all()
        assert (found.labels[order[len(order) - round(0.1 * len(order)) :], tag] == 1).all()
    assert len(found.doubtful) == (found.labels < 0).sum()
    assert found.doubtful["distance"].is_monotonic_increasing
    filled = (given < 0) & (found.labels >= 0)
    assert (found.labels == true)[filled].mean() > ((scores > 0.5) == true)[given < 0].mean() + 0.05


def test_filled_cells_by_thresholds_and_prompts():
    positive, negative = np.array([[0.30, 0.20, 0.25]]), np.array([[0.20, 0.30, 0.25]])
    p = wb.tags.prompt_probabilities(positive, negative, temperature=0.02)
    assert np.allclose(p, np.exp(positive / 0.02) / (np.exp(positive / 0.02) + np.exp(negative / 0.02)))
    found = wb.tags.fill_unknown(np.array([[-1, -1, -1]]), p, yes_above=0.9, no_below=0.1)
    assert found.labels.tolist() == [[1, 0, -1]] and list(found.doubtful["tag"]) == ["2"]
    with pytest.raises(InputError, match="not below"):
        wb.tags.fill_unknown(np.array([[-1]]), [[0.5]], yes_above=0.4, no_below=0.4)
    with pytest.raises(InputError, match="sum to at most 1"):
        wb.tags.fill_unknown(np.array([[-1]]), [[0.5]], yes_share=0.6, no_share=0.6)


def test_metrics_are_those_of_scikit_learn_and_the_tail_is_apart(digits):
    true, p = digits.true.copy(), noisy(digits.true)
    true[30:, 5] = 0  # a rare tag
    found = wb.tags.metrics(true, p, threshold=0.6)
    said = p >= 0.6
    lines = found.per_tag
    for tag in range(true.shape[1]):
        y = true[:, tag]
        assert lines["f1"].iloc[tag] == pytest.approx(f1_score(y, said[:, tag]))
        assert lines["precision"].iloc[tag] == pytest.approx(precision_score(y, said[:, tag]))
        assert lines["recall"].iloc[tag] == pytest.approx(recall_score(y, said[:, tag]))
        assert lines["average_precision"].iloc[tag] == pytest.approx(average_precision_score(y, p[:, tag]))
        assert lines["calibration_error"].iloc[tag] == pytest.approx(calibration_error(p[:, tag], y))
    summary = found.summary
    assert summary.loc["all", "micro_f1"] == pytest.approx(f1_score(true, said, average="micro"))
    assert summary.loc["all", "macro_f1"] == pytest.approx(f1_score(true, said, average="macro"))
    assert summary.loc["tail", "macro_f1"] == pytest.approx(f1_score(true[:, 5], said[:, 5]))
    assert summary["tags"].tolist() == [6, 5, 1] and 0 < true[:, 5].sum() <= 10


def test_the_best_threshold_is_that_of_all_thresholds(digits):
    p = noisy(digits.true, spread=0.5).round(2)  # with ties
    found = wb.tags.metrics(digits.true, p, threshold="best").per_tag
    for tag in range(p.shape[1]):
        y = digits.true[:, tag] == 1
        every = [2 * (y & said).sum() / (y.sum() + said.sum()) for said in p[:, tag] >= np.unique(p[:, tag])[:, None]]
        assert found["f1"].iloc[tag] == pytest.approx(max(every))


def test_unknown_cells_count_nowhere():
    given, p = np.array([[1, -1], [0, 1], [1, 0]]), np.array([[0.9, 0.9], [0.8, 0.7], [0.2, 0.1]])
    found = wb.tags.metrics(given, p).per_tag
    assert found["known"].tolist() == [3, 2] and found["f1"].tolist() == [0.5, 1.0]
