"""Wrong preferences: probabilities, kinds of errors, judges in both orders, and evidence that does not fit."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

import workbench as wb
from workbench.foundation.errors import InputError, MissingEvidence
from workbench.issues.calibration import calibration_error
from workbench.issues.preferences.noisy_choice import fit_choice

N = 800


@pytest.fixture(scope="module")
def world():
    """Labels with 12 % errors, two scores, and nine judges in both orders, four of which follow the order."""
    rng = np.random.default_rng(1)
    quality = rng.normal(size=(N, 2)) * 1.5
    gap = quality[:, 0] - quality[:, 1]
    true = np.where(np.abs(gap) < 0.3, "tie", np.where(gap > 0, "first", "second"))
    given = true.copy()
    wrong = rng.random(N) < 0.12
    given[wrong] = [rng.choice([one for one in ("first", "second", "tie") if one != name]) for name in true[wrong]]
    scores = quality + rng.normal(0, 0.7, quality.shape)
    answers = []
    for bias in (0, 3):  # the first answer shown is favoured by some judges
        said = {}
        for judge in range(9):
            seen = gap + rng.normal(0, 1.0, N) + (2.5 if judge < 4 else 0.0) * (1 if bias == 0 else -1)
            said[f"j{judge}"] = np.where(seen > 0, 1, 2)
        answers.append(pd.DataFrame(said))
    return given, wrong, scores, answers


def judged(given, **evidence):
    return wb.find_issues(given, task="preferences", per="unit", **evidence).sort_values("row")


def test_wrong_labels_come_first_and_p_is_calibrated(world):
    given, wrong, scores, (one, other) = world
    found = judged(given, scores=scores, judgements=one, swapped_judgements=other)
    p = found["p_error"].to_numpy()
    share = np.array([{"first": -1, "second": 1, "tie": 0}[name] for name in given]) * (scores[:, 0] - scores[:, 1])
    assert roc_auc_score(wrong, p) > max(0.9, roc_auc_score(wrong, share))
    assert average_precision_score(wrong, p) > 0.7
    assert calibration_error(p, wrong) < 0.05
    low, high = found.attrs["expected_errors_interval"]
    assert low <= wrong.sum() <= high


def test_exchanging_the_answers_exchanges_the_result(world):
    given, _, scores, (one, other) = world
    back = {"first": "second", "second": "first", "tie": "tie"}
    turned = [back[name] for name in given]
    votes = [frame.replace({1: 2, 2: 1}) for frame in (one, other)]
    first = judged(given, scores=scores, judgements=one, swapped_judgements=other)
    second = judged(turned, scores=scores[:, ::-1], judgements=votes[0], swapped_judgements=votes[1])
    np.testing.assert_allclose(first["p_error"], second["p_error"], atol=1e-3)
    assert [back[name] for name in first["suggested_label"]] == second["suggested_label"].tolist()


def test_kinds_of_errors(world):
    given, _, scores, _ = world
    frame = pd.DataFrame({"prompt": "p", "chosen": [f"a{row}" for row in range(N)], "rejected": "b"})
    frame.loc[7, "rejected"] = " a7 "
    given = given.copy()
    given[7] = "first"
    scores = scores.copy()
    scores[8], given[8] = [-9.0, -12.0], "first"
    found = judged(frame.assign(preferred=given), scores=scores)
    assert found["kind"].iloc[7] == "equal" and found["p_error"].iloc[7] > 0.9
    assert found["suggested_label"].iloc[7] == "tie" and found["reasons"].iloc[7] == "both answers are the same text"
    assert found["kind"].iloc[8] == "low quality" and "below half of the worse ones" in found["reasons"].iloc[8]
    doubted = found[found["p_error"] > 0.8]
    ties = doubted["given_label"] == "tie"
    assert set(doubted["kind"][ties]) <= {"unequal"} and set(doubted["kind"][~ties]) <= {"inverted", "equal"}
    assert doubted["reasons"].str.contains("scores").any()


def test_a_table_for_dpo_needs_no_other_label():
    rng = np.random.default_rng(0)
    quality = np.sort(rng.normal(size=(N, 2)), axis=1)[:, ::-1] * 2
    wrong = rng.random(N) < 0.1
    quality[wrong] = quality[wrong, ::-1]
    found = judged(["first"] * N, scores=quality)
    assert average_precision_score(wrong, found["p_error"]) > 0.7
    assert set(found["suggested_label"][found["p_error"] > 0.5]) == {"second"}


def test_pairs_without_evidence_are_not_judged_and_those_without_label_get_a_suggestion(world):
    given, _, scores, _ = world
    given, scores = given.astype(object), scores.copy()
    given[0], scores[0] = None, [5.0, -5.0]
    scores[1] = np.nan
    found = judged(given, scores=scores)
    assert np.isnan(found["p_error"].iloc[0]) and found["suggested_label"].iloc[0] == "first"
    assert np.isnan(found["p_error"].iloc[1]) and found["reasons"].iloc[1] == "no score and no judgement"


def test_few_or_weak_evidence_does_not_count_errors(world):
    given, _, scores, _ = world
    few = wb.find_issues(given[:60], task="preferences", scores=scores[:60])
    assert "only 60 labelled pairs" in few.attrs["errors_in_words"]
    weak = wb.find_issues(given, task="preferences", scores=np.random.default_rng(0).normal(size=(N, 2)))
    assert "errors look like close pairs" in weak.attrs["errors_in_words"]
    alone = wb.find_issues(given, task="preferences", judgements=pd.DataFrame({"one": given}))
    assert "may share their mistakes" in alone.attrs["errors_in_words"]
    assert alone.attrs["expected_errors_interval"][1] >= N / 3


@pytest.mark.parametrize(
    ("evidence", "words"),
    [
        ({"scores": np.zeros((3, 3))}, r"`scores` has shape \(3, 3, 1\) for 3 pairs"),
        ({"scores": np.array([["a", "b"]] * 3)}, "`scores` has dtype"),
        ({"scores": [[0, 1], [np.inf, 1], [0, 1]]}, "`scores` row 1 is infinite"),
        ({"scores": ("good", "bad")}, "unknown column 'good'"),
        ({"judgements": [1, 2]}, r"`judgements` has shape \(2, 1\) for 3 pairs"),
        ({"judgements": [1, "who", 0]}, "`judgements` row 1 is 'who'"),
        ({"judgements": [True, 1, 0]}, "`judgements` row 0 is True"),
        (
            {"judgements": {"a": [1, 2, 0]}, "swapped_judgements": {"b": [1, 2, 0]}},
            "`swapped_judgements` has the judges",
        ),
    ],
)
def test_evidence_that_does_not_fit_is_refused(evidence, words):
    with pytest.raises(InputError, match=words):
        wb.find_issues(["first", "second", "tie"], task="preferences", **evidence)


def test_no_usable_evidence():
    with pytest.raises(MissingEvidence):
        wb.find_issues([None, None], task="preferences", scores=[[1, 0], [0, 1]])


def test_the_fit_finds_weights_and_rate():
    rng = np.random.default_rng(0)
    n = 6000
    x = rng.normal(size=(n, 2))
    z = np.column_stack([np.ones(n), rng.normal(size=n)])
    logits = np.column_stack([x @ [2.0, 1.0], -(x @ [2.0, 1.0]), z @ [-0.5, -1.0]])
    p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    true = (p.cumsum(axis=1) < rng.random((n, 1))).sum(axis=1)
    given = np.where(rng.random(n) < 0.1, (true + rng.integers(1, 3, n)) % 3, true)
    model = fit_choice(x, z, given, 3)
    np.testing.assert_allclose(model.w, [4.0, 2.0], rtol=0.15)
    np.testing.assert_allclose(model.v, [[-0.5, -1.0]], atol=0.15)
    assert model.rate == pytest.approx(0.1, abs=0.02)
    posterior = model.posterior(x, z, given)
    wrong = given != true
    assert calibration_error(1 - posterior[np.arange(n), given], wrong) < 0.02
