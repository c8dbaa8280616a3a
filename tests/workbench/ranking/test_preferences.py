"""Preference pairs: doubtful ones, two rows a pair, files; strengths by Bradley-Terry."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

import workbench as wb
from workbench.foundation.errors import ExistsError, InputError


def preferred(n=300, seed=0):
    """Pairs with scores; 15 % are inverted."""
    rng = np.random.default_rng(seed)
    good, bad = rng.normal(7, 1, n), rng.normal(5, 1, n)
    inverted = rng.random(n) < 0.15
    frame = pd.DataFrame({"prompt": [f"p{one}" for one in range(n)], "chosen": "x", "rejected": "y"})
    frame["chosen_score"], frame["rejected_score"] = np.where(inverted, bad, good), np.where(inverted, good, bad)
    return frame, inverted


def test_inverted_pairs_have_a_small_gap():
    frame, inverted = preferred()
    found = wb.ranking.preference_issues(frame)
    assert found["gap"].is_monotonic_increasing
    gap = found["gap"].reindex(frame.index)
    np.testing.assert_allclose(gap, frame["chosen_score"] - frame["rejected_score"])
    assert roc_auc_score(inverted, -gap) > 0.95
    kinds = found["kind"].reindex(frame.index)
    assert (
        inverted[kinds == "inverted"].mean() > 0.6
        and (found.loc[found["kind"] == "inverted", "suggestion"] == "swap").all()
    )


def test_kinds_by_hand():
    frame = pd.DataFrame(
        {
            "prompt": ["p"] * 5, "chosen": ["a", "a", "a", " same", "a"], "rejected": ["b", "b", "b", "same ", "b"],
            "chosen_score": [5, 1, 5.0, 9, 2], "rejected_score": [1, 5, 5.05, 1, 1],
        }
    )  # fmt: skip
    found = wb.ranking.preference_issues(frame, near=0.1, low=3).sort_index()
    assert found["kind"].tolist() == [None, "inverted", "equal", "equal", "low quality"]
    assert found["suggestion"].tolist() == [None, "swap", "drop", "drop", "drop"]
    for change, words in (
        ({"chosen": None}, "`frame` row 0 has no text in 'chosen'"),
        ({"chosen_score": "high"}, "`frame` row 0 column 'chosen_score' holds 'high'"),
    ):
        with pytest.raises(InputError, match=words):
            wb.ranking.preference_issues(frame.assign(**change))
    with pytest.raises(InputError, match="unknown column 'rejected_score'"):
        wb.ranking.preference_issues(frame.drop(columns="rejected_score"))
    with pytest.raises(InputError, match="`frame` row 0 column 'chosen_score' is missing"):
        wb.ranking.reward_rows(frame.assign(chosen_score=None))


def test_each_pair_becomes_two_rows_and_a_file(tmp_path):
    frame, _ = preferred(3)
    frame = frame.assign(prompt="what is {x}?").set_axis(["a", "b", "c"])
    rows = wb.ranking.reward_rows(frame)
    assert len(rows) == 6 and rows["pair"].tolist() == [*"aabbcc"]
    assert rows[["chosen", "rejected"]].to_numpy().tolist()[:2] == [["x", "y"], ["y", "x"]]
    assert rows["score"].tolist()[:2] == frame[["chosen_score", "rejected_score"]].iloc[0].tolist()
    assert rows["prompt"][1] == f"what is {{x}}?\n\nTarget score: {rows['score'][1]:g}"
    file = wb.ranking.write_preferences(rows, tmp_path / "a.jsonl", provenance=["score", "pair"])
    first = json.loads(file.read_text().splitlines()[0])
    assert first == {
        "prompt": rows["prompt"][0], "chosen": "x", "rejected": "y",
        "provenance": {"row": 0, "score": rows["score"][0], "pair": "a"},
    }  # fmt: skip
    with pytest.raises(ExistsError):
        wb.ranking.write_preferences(rows, file)
    with pytest.raises(InputError, match="unknown column 'author'"):
        wb.ranking.write_preferences(rows, tmp_path / "b.jsonl", provenance=["author"])


def games(n=3000, bias=0.4, seed=0):
    rng = np.random.default_rng(seed)
    strength = np.array([1.0, 0.2, -0.3, -0.9])
    first = rng.integers(4, size=n)
    second = (first + rng.integers(1, 4, n)) % 4
    won = rng.random(n) < 1 / (1 + np.exp(-(strength[first] - strength[second] + bias)))
    names = np.array([*"abcd"])
    return strength, pd.DataFrame({"first": names[first], "second": names[second], "winner": np.where(won, 1, 2)})


def test_bradley_terry_equals_logistic_regression_and_covers_the_truth():
    strength, table = games()
    found = wb.ranking.pairwise_strengths(table)
    design = np.array([(table["first"] == one).astype(float) - (table["second"] == one) for one in "abcd"]).T
    peer = LogisticRegression(C=1e6, tol=1e-10, max_iter=1000).fit(design, table["winner"] == 1)
    wanted = peer.coef_[0] - peer.coef_[0].mean()
    np.testing.assert_allclose(found["strength"].reindex([*"abcd"]), wanted, atol=2e-3)
    assert found.attrs["position_bias"] == pytest.approx(peer.intercept_[0], abs=2e-3)
    low, high = found.attrs["position_interval"]
    assert low < 0.4 < high and found.attrs["first_wins"] == pytest.approx(
        1 / (1 + np.exp(-found.attrs["position_bias"]))
    )
    assert found.index.tolist() == [*"abcd"] and found["games"].sum() == 2 * len(table)
    inside = 0
    for seed in range(40):
        strength, table = games(400, seed=seed)
        one = wb.ranking.pairwise_strengths(table).reindex([*"abcd"])
        inside += ((one["low"] < strength) & (strength < one["high"])).sum()
    assert 0.9 < inside / 160 <= 1


def test_ties_count_half_and_bad_judgements_are_refused():
    table = pd.DataFrame({"first": ["a", "b"], "second": ["b", "a"], "winner": [0, 0]})
    found = wb.ranking.pairwise_strengths(table, position=False)
    assert found["strength"].abs().max() < 1e-9 and found["wins"].tolist() == [1, 1]
    assert np.isnan(found.attrs["position_bias"])
    for change, words in (
        ({"winner": [1, 3]}, "`judgements` row 1 has the winner 3"),
        ({"second": ["a", "a"]}, "`judgements` row 0 compares 'a', 'a'"),
        ({"first": ["c", "b"], "second": ["d", "a"]}, "has 2 groups that were never compared, with 'c', 'b'"),
    ):
        with pytest.raises(InputError, match=words):
            wb.ranking.pairwise_strengths(table.assign(**change))
    with pytest.raises(InputError, match="unknown column of `judgements` 'winner'"):
        wb.ranking.pairwise_strengths(table.drop(columns="winner"))
