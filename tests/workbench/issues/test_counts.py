"""Numbers of errors: coverage of intervals on simulated data, and messages if they cannot be identified."""

from __future__ import annotations

import numpy as np
import pytest
from planted import blobs, probabilities, training

import workbench as wb
from workbench.foundation.errors import FdrNotPossible
from workbench.issues import counts
from workbench.issues.counts import NoiseLevel, count, count_in_words


def world(kind: str, seed: int):
    """(given, true, vectors) of 500 examples."""
    rng = np.random.default_rng(seed)
    k, n = 4, 500
    true = rng.integers(0, k, n)
    spread = 0.5 if kind == "overlap" else 1.5
    vectors = (spread * rng.normal(size=(k, 10)))[true] + rng.normal(size=(n, 10))
    given = true.copy()
    if kind == "rule":  # one side of each class gets the next label, which cannot be seen from the labels
        along = vectors @ rng.normal(size=10)
        moved = along > np.quantile(along, 0.8)
        given[moved] = (true[moved] + 1) % k
    elif kind != "none":
        wrong = rng.random(n) < 0.15
        step = 1 if kind == "pair" else rng.integers(1, k, n)
        given = np.where(wrong, (true + step) % k, true)
    return given, true, vectors.astype(np.float32)


@pytest.mark.parametrize("kind", ["symmetric", "pair", "overlap", "rule", "none"])
@pytest.mark.parametrize("seed", [0, 1])
def test_the_interval_holds_the_truth(kind, seed):
    given, true, vectors = world(kind, seed)
    attrs = wb.find_issues(given, embeddings=vectors).attrs
    low, high = attrs["expected_errors_interval"]
    assert low <= (given != true).sum() <= high
    assert low <= attrs["expected_errors"] <= high
    if kind in ("rule", "none"):
        assert not attrs["errors_identified"]
        assert "may contain" in attrs["errors_in_words"]
        assert "audit 200" in attrs["errors_in_words"]
    if kind == "symmetric":
        assert attrs["errors_identified"]
        assert attrs["expected_errors"] == pytest.approx((given != true).sum(), rel=0.25)
        assert attrs["errors_in_words"].startswith("about ")


def test_p_error_has_the_mean_of_the_estimate():
    given, _, vectors = world("symmetric", 0)
    issues = wb.find_issues(given, embeddings=vectors)
    assert issues["p_error"].sum() == pytest.approx(issues.attrs["expected_errors"], abs=0.1)


def test_fdr_holds_or_says_that_it_cannot():
    given, true, vectors = world("symmetric", 0)
    issues = wb.find_issues(given, embeddings=vectors, fdr=0.2)
    chosen = issues["row"][issues["is_issue"]]
    assert len(chosen) > 0.5 * (given != true).sum()
    assert (given == true)[chosen].mean() <= 0.25
    given, _, vectors = world("rule", 0)
    with pytest.warns(FdrNotPossible, match="audit|Audit"):
        issues = wb.find_issues(given, embeddings=vectors, fdr=0.2)
    assert not issues["is_issue"].any()
    assert "cannot be guaranteed" in issues.attrs["threshold"]
    assert wb.find_issues(given, embeddings=vectors)["p_error"].max() > 0.5


def test_fdr_is_stricter_for_probabilities_alone(monkeypatch):
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import cross_val_predict

    given, true, vectors = world("symmetric", 4)
    probs = cross_val_predict(LogisticRegression(), vectors, given, method="predict_proba")

    def chosen(fdr):
        issues = wb.find_issues(given, pred_probs=probs, fdr=fdr)
        return issues["row"][issues["is_issue"]].tolist()

    found = chosen(0.2)
    assert (given == true)[found].mean() < 0.12
    assert (given != true)[found].sum() > 0.8 * (given != true).sum()
    monkeypatch.setattr(counts, "FDR_CUT_ALONE", counts.FDR_CUT)
    assert chosen(0.2 * 0.4 / 0.75) == found
    assert (given == true)[chosen(0.2)].mean() > 0.15


def test_in_sample_evidence_alone_asks_for_more():
    rng = np.random.default_rng(0)
    _, given, true = blobs(rng, n=300)
    for arrays in (
        {"logits": training(rng, given, true, 4)},
        {"pred_probs": probabilities(rng, given, 4, sharp=6), "out_of_fold": False},
    ):
        attrs = wb.find_issues(given, **arrays).attrs
        assert not attrs["errors_identified"]
        assert "add out-of-fold probabilities" in attrs["errors_in_words"]
        low, high = attrs["expected_errors_interval"]
        assert low <= (given != true).sum() <= high


def test_few_examples_are_said():
    given, _, vectors = world("symmetric", 0)
    assert "few examples: 60 labels" in wb.find_issues(given[:60], embeddings=vectors[:60]).attrs["method"]
    assert (
        counts.few(np.repeat([0, 1], [300, 4]), 2)
        == "1 class has fewer than 10 labels: results for them are unreliable"
    )
    assert counts.few(np.repeat([0, 1], [300, 40]), 2) == ""


def test_verdicts_bound_the_interval():
    import pandas as pd

    given, true, vectors = world("rule", 1)
    verdicts = pd.Series((given != true)[:200], index=np.arange(200))
    low, high = wb.find_issues(given, embeddings=vectors, verdicts=verdicts).attrs["expected_errors_interval"]
    assert low >= verdicts.sum()
    assert high <= len(given) - (~verdicts).sum()


def noise(**changes) -> NoiseLevel:
    usual = {"power": 1.0, "noise": 0.1, "low": 0.08, "high": 0.13, "gain": 100.0, "structure": 0.0}
    return NoiseLevel(**usual | changes)


def counted(**changes):
    embeddings, joint = changes.pop("embeddings", True), changes.pop("joint", 0.15)
    disagree = changes.pop("disagree", 0.2)
    return count(noise(**changes), np.full(3, joint), np.full(3, 0.1), disagree, 1000, 5, embeddings)


def test_each_test_that_fails_is_named():
    assert counted().identified
    assert "no noise that the model cannot explain" in counted(gain=15.0).why
    assert counted(gain=200.0, embeddings=False).cut < counted(gain=200.0).cut == counts.FDR_CUT
    assert counted(gain=15.0, joint=0.105).identified  # two ways to count agree
    assert "contradicts 60% of the labels" in counted(disagree=0.6).why
    assert counted(ratio=1.5, counts=(0.1, 0.15)).why.endswith("count 100 and 150")
    assert not counted(gain=50.0, embeddings=False, structure=5.0).identified
    wide, narrow = counted(gain=0.0), counted()
    assert wide.low == 0
    assert wide.high > 2 * narrow.high
    structured, spread_out = counted(structure=60.0), counted(structure=-60.0)
    assert structured.share == pytest.approx(0.15, abs=1e-3)
    assert spread_out.share == pytest.approx(0.1, abs=1e-3)


def test_words():
    assert count_in_words(1234.4, (1000, 1500), True) == "about 1,234 wrong labels expected in total (1,000 to 1,500)"
    assert (
        count_in_words(9, (0, 50), False, "why")
        == "these labels may contain 0 to 50 errors: why; audit 200 examples to find out"
    )
