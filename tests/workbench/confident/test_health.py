"""Class health, overlapping classes, and the noise matrix with intervals, assumptions and warnings."""

from __future__ import annotations

import numpy as np
import pytest

from workbench.confident import health as h
from workbench.confident import label_issues as c
from workbench.foundation.errors import InputError


def labelled(rng, n, noise, sharp=5.0):
    """Labels drawn from a known noise matrix (columns = true), and probabilities of a model that knows the classes."""
    k = len(noise)
    true = rng.integers(0, k, n)
    given = (rng.random(n)[:, None] > np.cumsum(noise[:, true], axis=0).T).sum(axis=1)
    z = rng.normal(size=(n, k))
    z[np.arange(n), true] += sharp
    p = np.exp(z)
    return given, p / p.sum(axis=1, keepdims=True), true


PAIR = np.array([[0.8, 0.0, 0.0], [0.2, 0.9, 0.0], [0.0, 0.1, 1.0]])


def test_class_health_by_hand():
    y = np.array([0, 0, 0, 1, 1, 1])
    p = np.array([[0.9, 0.1], [0.8, 0.2], [0.1, 0.9], [0.2, 0.8], [0.3, 0.7], [0.15, 0.85]])
    table = h.class_health(y, p, ["cat", "dog"])
    assert table["class"].tolist() == ["cat", "dog"]
    assert table["given"].tolist() == [3, 3]
    assert table["issues"].tolist() == [1, 0]
    assert table["missed"].tolist() == [0, 1]
    np.testing.assert_allclose(table["quality"], [2 / 3, 1])
    np.testing.assert_allclose(table["missed_noise"], [0, 1 / 4])
    assert h.label_health(y, p) == pytest.approx(5 / 6)
    pairs = h.overlapping_classes(y, p, ["cat", "dog"])
    assert pairs[["a", "b", "overlap"]].to_numpy().tolist() == [["cat", "dog", 1]]
    directed = h.overlapping_classes(y, p, directed=True, with_zeros=True)
    assert directed[["a_index", "b_index", "overlap"]].to_numpy().tolist() == [[0, 1, 1], [1, 0, 0]]


def test_the_noisy_classes_come_first(rng):
    y, p, _ = labelled(rng, 5000, PAIR)
    table = h.class_health(y, p)
    assert table["class_index"].tolist()[-1] == 0  # nothing else is labelled 0
    assert h.overlapping_classes(y, p).loc[0, ["a_index", "b_index"]].tolist() == [0, 1]
    assert h.label_health(y, p) == pytest.approx(0.9, abs=0.03)


@pytest.mark.parametrize("seed", range(2))
def test_equal_to_cleanlab(seed):
    peer = pytest.importorskip("cleanlab.dataset", reason="cleanlab is not installed")
    rng = np.random.default_rng(seed)
    y, p, _ = labelled(rng, 800, np.full((5, 5), 0.05) + 0.75 * np.eye(5))
    theirs = peer.rank_classes_by_label_quality(y, p)
    ours = h.class_health(y, p)
    for a, b in (("class_index", "Class Index"), ("issues", "Label Issues"), ("missed", "Inverse Label Issues")):
        np.testing.assert_array_equal(ours[a], theirs[b])
    np.testing.assert_allclose(ours["quality"], theirs["Label Quality Score"])
    theirs = peer.find_overlapping_classes(y, p)
    ours = h.overlapping_classes(y, p, with_zeros=True)
    np.testing.assert_allclose(ours["joint_probability"], theirs["Joint Probability"])
    np.testing.assert_array_equal(ours["overlap"], theirs["Num Overlapping Examples"])
    assert h.label_health(y, p) == pytest.approx(peer.overall_label_health_score(y, p, verbose=False))


def test_report_is_the_estimate_with_intervals_around_it(rng):
    y, p, _ = labelled(rng, 1500, PAIR)
    report = h.noise_report(y, p, ["a", "b", "c"], out_of_fold=True, draws=60)
    estimate = c.estimate_noise(y, p)
    np.testing.assert_allclose(report.noise_matrix, estimate.noise_matrix)
    assert ((report.low <= report.noise_matrix) & (report.noise_matrix <= report.high)).all()
    assert ((report.low >= 0) & (report.high <= 1)).all()
    assert report.errors_low < report.errors < report.errors_high
    assert (report.high > 0).all()  # a pair that never occurred is not necessarily impossible
    again = h.noise_report(y, p, ["a", "b", "c"], out_of_fold=True, draws=60)
    np.testing.assert_array_equal(again.low, report.low)


@pytest.mark.slow
def test_intervals_cover_the_true_rates_when_the_assumptions_hold():
    inside, errors = [], []
    for seed in range(25):
        rng = np.random.default_rng(seed)
        y, p, _ = labelled(rng, 1500, PAIR, sharp=30.0)
        report = h.noise_report(y, p, out_of_fold=True, draws=100, seed=seed)
        inside.append((report.low <= PAIR + 1e-9) & (report.high >= PAIR - 1e-9))
        errors.append(report.errors_low <= 0.1 * len(y) <= report.errors_high)
    assert np.mean(inside) > 0.9
    assert np.mean(errors) > 0.8


def test_fast_draws_agree_with_multinomial_ones(rng):
    y, p, _ = labelled(rng, 60_000, PAIR)
    y_small, p_small = y[:50_000], p[:50_000]
    fast = h.noise_report(y, p, draws=60, out_of_fold=True)
    slow = h.noise_report(y_small, p_small, draws=60, out_of_fold=True)
    assert (fast.high - fast.low)[0, 0] == pytest.approx((slow.high - slow.low)[0, 0], rel=0.4)


def test_many_classes_use_the_deviation_of_the_draws(rng, monkeypatch):
    y, p, _ = labelled(rng, 1500, PAIR)
    kept = h.noise_report(y, p, draws=80, out_of_fold=True)
    monkeypatch.setattr(h, "MANY_CELLS", 0)
    moments = h.noise_report(y, p, draws=80, out_of_fold=True)
    assert "standard deviation" in moments.how
    np.testing.assert_allclose(moments.low, kept.low, atol=0.02)
    np.testing.assert_allclose(moments.high, kept.high, atol=0.02)


def test_the_bootstrap_counts_what_a_resampled_data_set_would(rng):
    """The shortcut through candidate pairs gives the joint of the drawn rows with recomputed thresholds."""
    y, p, _ = labelled(rng, 300, PAIR, sharp=1.0)
    seeds = np.random.default_rng(5).integers(0, 2**63, 20)
    for seed, (drawn, given) in zip(seeds, h._bootstrap(y, p, 20, np.random.default_rng(5))):
        rows = np.sort(np.random.default_rng(seed).integers(0, 300, 300))
        raw = c.confident_joint(y[rows], p[rows], calibrate=False)
        wanted = raw / raw.sum(axis=1, keepdims=True) * np.bincount(y[rows], minlength=3)[:, None]
        np.testing.assert_allclose(drawn, wanted)
        np.testing.assert_array_equal(np.bincount(given, minlength=3), np.bincount(y[rows], minlength=3))


def test_warning_names_the_assumptions_and_what_speaks_against_them(rng):
    y, p, _ = labelled(rng, 800, PAIR)
    text = h.noise_report(y, p, ["a", "b", "c"], out_of_fold=True, draws=20).warning
    assert "only under assumptions" in text
    for word in ("class-conditional", "out-of-sample", "correctly more often", "confident about"):
        assert word in text
    sure = h.noise_report(*labelled(rng, 800, PAIR, sharp=30.0)[:2], out_of_fold=True, draws=20)
    assert sure.doubts == ()
    assert "Doubtful here" not in sure.warning
    assert "in-sample" in h.noise_report(y, p, out_of_fold=False, draws=20).warning
    assert "not known" in h.noise_report(y, p, draws=20).warning


def test_unequal_counting_biases_the_rates_and_is_a_doubt(rng):
    """A clean class has a high threshold, so fewer of its mislabelled examples count and its noise is
    underestimated."""
    y, p, _ = labelled(rng, 4000, PAIR, sharp=9.0)
    report = h.noise_report(y, p, ["a", "b", "c"], out_of_fold=True, draws=20)
    assert report.noise_matrix[1, 0] < 0.18  # it is .2
    assert any("confident counting keeps" in doubt and "biases" in doubt for doubt in report.doubts)


def test_doubts_name_classes(rng):
    y, p, _ = labelled(rng, 400, PAIR)
    y[y == 2] = 1
    assert "never given: c" in h.noise_report(y, p, ["a", "b", "c"], out_of_fold=True, draws=20).doubts
    few, q, _ = labelled(rng, 40, PAIR)
    assert any("fewer than 20 confident examples" in d for d in h.noise_report(few, q, draws=20).doubts)
    flat = np.full((90, 3), 1 / 3)
    doubts = h.noise_report(np.arange(90) % 3, flat, out_of_fold=True, draws=20).doubts
    assert any("mean confidence close to chance: 0, 1, 2" in d for d in doubts)


@pytest.mark.parametrize("y", [np.full(3, -1), np.zeros(3, int), np.array([0, -1, -1]), np.zeros(0, int)])
def test_edges_have_an_answer(y):
    p = np.full((len(y), 3), 1 / 3)
    report = h.noise_report(y, p, draws=20)
    assert np.isfinite(report.low).all()
    assert np.isfinite(report.high).all()
    assert len(h.class_health(y, p)) == 3
    assert np.isnan(h.label_health(y, p)) == (not (y >= 0).any())
    assert not h.overlapping_classes(y, p)["overlap"].any()


def test_unlabelled_rows_do_not_count(rng):
    y, p, _ = labelled(rng, 900, PAIR)
    y[::3] = -1
    there = y >= 0
    np.testing.assert_allclose(h.class_health(y, p)["noise"], h.class_health(y[there], p[there])["noise"])
    a, b = (h.noise_report(y[s], p[s], draws=20) for s in (slice(None), there))
    np.testing.assert_allclose(a.low, b.low)


def test_refusals():
    p = np.full((4, 2), 0.5)
    with pytest.raises(InputError, match="`classes` holds 3 names for 2 columns"):
        h.class_health(np.zeros(4, int), p, ["a", "b", "c"])
    with pytest.raises(InputError, match="`level` is 2"):
        h.noise_report(np.zeros(4, int), p, level=2)
