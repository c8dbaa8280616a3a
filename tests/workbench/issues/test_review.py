"""Effects of the reviewer's verdicts on level, slope, and pairs of classes."""

from __future__ import annotations

import time

import numpy as np
import pandas as pd
import pytest

from workbench.foundation.errors import InputError
from workbench.issues import find_issues
from workbench.issues.calibration import calibration_error, expit
from workbench.issues.review import with_verdicts


def truth_and_belief(rng, n=5000):
    """True probabilities, errors, and estimates that are off by a shift and a slope."""
    x = rng.normal(-2, 1.5, n)
    ids = [f"i{row}" for row in range(n)]
    wrong = pd.Series(rng.random(n) < expit(x), index=ids)
    return wrong, pd.Series(expit(0.6 * x - 1.5), index=ids)


def test_verdicts_correct_the_probabilities(rng):
    wrong, belief = truth_and_belief(rng)
    before = calibration_error(belief.to_numpy(), wrong.to_numpy())
    moved, words = with_verdicts(belief, wrong.sample(600, random_state=1))
    after = calibration_error(moved.to_numpy(), wrong.to_numpy())
    assert after < before / 2
    assert "600 verdicts" in words
    assert (moved.rank() == belief.rank()).all()


def test_odds_that_are_too_high_at_both_ends_are_corrected_by_an_increasing_map():
    rng = np.random.default_rng(2)
    x = rng.normal(0, 2.5, 5000)
    belief = pd.Series(expit(x))
    right = expit(x + 0.5 * np.log(4 * belief * (1 - belief)))
    wrong = pd.Series(rng.random(5000) < right)
    moved, _ = with_verdicts(belief, wrong.sample(1500, random_state=1))
    assert (moved - right).abs().mean() < 0.015 < 0.025 < (belief - right).abs().mean()
    assert (moved.rank() == belief.rank()).all()
    middle, _ = with_verdicts(belief, (belief - 0.5).abs().sample(1500, random_state=1) < 0.2)
    assert (middle.rank() == belief.rank()).all()


def test_verdicts_from_the_top_correct_the_top_and_spoil_nothing(rng):
    wrong, belief = truth_and_belief(rng)
    top = belief.sort_values(ascending=False).index[:600]
    moved, _ = with_verdicts(belief, wrong[top])
    gap = abs(moved[top].mean() - wrong[top].mean())
    assert gap < 0.02 < abs(belief[top].mean() - wrong[top].mean())
    before, after = (calibration_error(p.to_numpy(), wrong.to_numpy()) for p in (belief, moved))
    assert after < before


def test_few_verdicts_move_little(rng):
    wrong, belief = truth_and_belief(rng)
    one = belief.index[:1]
    moved, _ = with_verdicts(belief, wrong[one])
    assert np.abs(moved - belief).max() < 0.06


def test_verdicts_on_strange_ids_are_named(rng):
    labels, probs = np.arange(60) % 2, np.eye(2)[np.arange(60) % 2] * 0.8 + 0.1
    ids = [f"r{row}" for row in range(60)]
    verdicts = pd.Series({"r1": True, "r7": True, "x1": True, "x2": False})
    with pytest.warns(UserWarning, match=r"not among the examples \(2 of 4, ignored\): 'x1', 'x2'"):
        told = find_issues(labels, pred_probs=probs, ids=ids, verdicts=verdicts)
    known = find_issues(labels, pred_probs=probs, ids=ids, verdicts=verdicts[:2])
    pd.testing.assert_frame_equal(told, known)
    with pytest.raises(InputError, match=r"`verdicts` matches none of the examples: 'x1', 'x2' are not ids here"):
        find_issues(labels, pred_probs=probs, ids=ids, verdicts=verdicts[2:])


def test_no_usable_verdict_changes_nothing(rng):
    wrong, belief = truth_and_belief(rng, 50)
    for verdicts in (wrong[:0], pd.Series({"elsewhere": True})):
        moved, words = with_verdicts(belief, verdicts)
        assert moved is belief
        assert words == ""


def test_rows_without_a_probability_stay_without(rng):
    wrong, belief = truth_and_belief(rng, 100)
    belief.iloc[7] = np.nan
    moved, _ = with_verdicts(belief, wrong)
    assert moved.isna().tolist() == belief.isna().tolist()


def test_a_hundred_thousand_rows_in_under_a_second(rng):
    wrong, belief = truth_and_belief(rng, 100_000)
    start = time.process_time()
    with_verdicts(belief, wrong[:1000])
    assert time.process_time() - start < 1


def test_pairs_learn_from_each_other_and_from_nobody_else(rng):
    # 300 label issues of two kinds; all 60 judged ones of kind 0 were false alarms, of kind 1 half were
    belief = pd.Series(np.full(300, 0.5))
    pair = np.arange(300) % 2
    wrong = pd.Series(False, index=range(120))
    wrong[1::4] = True
    moved, words = with_verdicts(belief, wrong, pair)
    rest = moved[120:]
    assert rest[pair[120:] == 0].nunique() == rest[pair[120:] == 1].nunique() == 1
    assert rest[pair[120:] == 0].max() < 0.25 < 0.4 < rest[pair[120:] == 1].min() < 0.6
    assert "by pair of classes" in words


def test_without_differences_between_pairs_the_order_hardly_moves(rng):
    wrong, belief = truth_and_belief(rng)
    pair = rng.integers(0, 20, len(belief))
    plain, _ = with_verdicts(belief, wrong[:500])
    paired, _ = with_verdicts(belief, wrong[:500], pair)
    assert plain.rank().corr(paired.rank()) > 0.9
    assert np.isfinite(paired).all()


def test_a_pair_that_nobody_judged_keeps_the_common_map(rng):
    wrong, belief = truth_and_belief(rng, 400)
    pair = np.where(np.arange(400) < 200, 0, 1)
    moved, _ = with_verdicts(belief, wrong[:200], pair)
    assert (moved[200:].rank() == belief[200:].rank()).all()


def kinds_that_differ(rng, n=4000, groups=8):
    """Errors that are four times as frequent in half of the kinds as an estimate that ignores kinds."""
    x, pair = rng.normal(-2.5, 1.5, n), rng.integers(0, groups, n)
    wrong = pd.Series(rng.random(n) < expit(x + np.where(pair % 2, 2.5, -0.5)))
    return wrong, pd.Series(expit(x)), pair


def test_a_sample_shows_by_how_much_kinds_of_errors_differ(rng):
    wrong, belief, pair = kinds_that_differ(rng)
    moved, _ = with_verdicts(belief, wrong.sample(200, random_state=3), pair)
    loud, before = (one[pair % 2 == 1].mean() for one in (moved, belief))
    assert before < 0.5 * wrong[pair % 2 == 1].mean()
    assert loud == pytest.approx(wrong[pair % 2 == 1].mean(), rel=0.2)
    assert calibration_error(moved.to_numpy(), wrong.to_numpy()) < 0.04


def test_the_calibration_error_after_verdicts_is_stated_and_holds(rng):
    wrong, belief, pair = kinds_that_differ(rng)
    found = [with_verdicts(belief, wrong.sample(200, random_state=seed), pair) for seed in range(10)]
    measured = [calibration_error(moved.to_numpy(), wrong.to_numpy()) for moved, _ in found]
    stated = np.array([moved.attrs["calibration_error"] for moved, _ in found])
    before = calibration_error(belief.to_numpy(), wrong.to_numpy())
    assert (measured <= stated[:, 1]).sum() >= 8
    assert stated.mean(axis=0) == pytest.approx([np.mean(measured), np.max(measured)], abs=0.025)
    assert before > stated[:, 1].max()
    assert f"at most {stated[-1, 1]:.3f} (95 %, by this model)" in found[-1][1]
    few, words = with_verdicts(belief, wrong[belief.nlargest(200).index], pair)
    assert "too few of them on the less suspicious half" in words
    assert not few.attrs


def test_a_hasty_reviewer_of_the_top_raises_nothing_below(rng):
    x = rng.normal(-2, 2.5, 4000)
    wrong, belief = pd.Series(rng.random(4000) < expit(x)), pd.Series(expit(x))
    top = belief.sort_values(ascending=False).index[:400]
    said = wrong[top] ^ (rng.random(400) < 0.05)
    moved, _ = with_verdicts(belief, said, np.zeros(4000, np.int64))
    rest = belief.index.difference(top)
    assert abs(moved[rest].mean() - wrong[rest].mean()) < 0.05


def test_units_whose_errors_cannot_be_counted_ask_for_verdicts_and_then_say_how_many_there_were(rng):
    y = rng.normal(size=400)
    asked = {"task": "numbers", "predictions": rng.normal(size=400), "per": "unit"}
    before = find_issues(y, **asked)
    assert not before.attrs["errors_identified"]
    assert "verdicts on 200 units drawn at random would" in before.attrs["errors_in_words"]
    stated = "p_error follows 200 verdicts, with a calibration error of about 0.0"
    for many, words in ((60, "(60 so far)"), (200, stated)):
        after = find_issues(y, verdicts=pd.Series(False, index=before.index[::2][:many]), **asked)
        assert words in after.attrs["errors_in_words"]
        assert after.attrs["verdicts"] == many
