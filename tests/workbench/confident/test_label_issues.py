"""Confident learning: by hand, compared with the paper's loops and with cleanlab; laws, edge cases and refusals."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

from workbench.confident import label_issues as c
from workbench.foundation.checks import check_pred_probs
from workbench.foundation.errors import InputError

PRUNING = ("prune_by_noise_rate", "prune_by_class", "both")


def noisy(rng, n, k, dtype=np.float64, noise=0.2, sharp=3.0, spread=1.0):
    """Softmax outputs of a reasonable model, and labels with a share of errors."""
    true = rng.integers(0, k, n)
    z = rng.normal(size=(n, k)) * spread
    z[np.arange(n), true] += sharp
    p = np.exp(z)
    p /= p.sum(axis=1, keepdims=True)
    wrong = rng.random(n) < noise
    return np.where(wrong, rng.integers(0, k, n), true), p.astype(dtype), true


HAND_LABELS = np.array([0, 0, 0, 1, 1, 1])
HAND_PROBS = np.array([[0.9, 0.1], [0.8, 0.2], [0.1, 0.9], [0.2, 0.8], [0.3, 0.7], [0.6, 0.4]])


def test_by_hand():
    y, p = HAND_LABELS, HAND_PROBS
    np.testing.assert_allclose(c.thresholds(y, p), [0.6, 1.9 / 3])
    # confident: rows 0 and 1 for class 0, row 2 for 1; rows 3 and 4 for 1, row 5 for 0 (.6 reaches .6)
    assert c.confident_joint(y, p, calibrate=False).tolist() == [[2, 1], [1, 2]]
    assert c.confident_joint(y, p).tolist() == [[2, 1], [1, 2]]
    np.testing.assert_allclose(c.joint(y, p), np.array([[2, 1], [1, 2]]) / 6)
    assert c.num_issues(y, p) == c.num_issues(y, p, calibrated=True) == 2
    np.testing.assert_allclose(c.noise_matrix(y, p), [[2 / 3, 1 / 3], [1 / 3, 2 / 3]])
    np.testing.assert_allclose(c.class_priors(y, p), [0.5, 0.5])
    for by in c.FILTERS:
        assert np.flatnonzero(c.find_label_issues(y, p, by=by)).tolist() == [2, 5], by
    assert c.rank(y, p).tolist()[:2] == [2, 5]


@pytest.mark.parametrize("k", [2, 5, 24, 25, 60])
def test_joint_against_the_papers_loop(rng, k):
    y, p, _ = noisy(rng, 500, k)
    limits = np.array([p[y == j, j].mean() for j in range(k)])
    wanted = np.zeros((k, k), int)
    for row, given in zip(p, y):
        sure = np.flatnonzero(row >= limits - 1e-6)
        if len(sure):
            wanted[given, row.argmax() if len(sure) > 1 else sure[0]] += 1
    np.fill_diagonal(wanted, np.maximum(np.diagonal(wanted), 1))
    np.testing.assert_array_equal(c.confident_joint(y, p, calibrate=False), wanted)


def test_calibration_keeps_the_given_counts(rng):
    y, p, _ = noisy(rng, 777, 7)
    counts = c.confident_joint(y, p)
    np.testing.assert_array_equal(counts.sum(axis=1), np.bincount(y, minlength=7))
    assert c.joint(y, p).sum() == pytest.approx(1)
    noise = c.estimate_noise(y, p)
    np.testing.assert_allclose(noise.noise_matrix.sum(axis=0), 1)
    np.testing.assert_allclose(noise.inverse_noise_matrix.sum(axis=0), 1)
    assert noise.class_priors.sum() == pytest.approx(1)


@pytest.mark.parametrize("by", c.FILTERS)
def test_permuting_rows_and_classes_changes_nothing(rng, by):
    y, p, _ = noisy(rng, 900, 5)
    mask = c.find_label_issues(y, p, by=by)
    rows, columns = rng.permutation(900), rng.permutation(5)
    np.testing.assert_array_equal(c.find_label_issues(y[rows], p[rows], by=by), mask[rows])
    moved = c.find_label_issues(np.argsort(columns)[y], p[:, columns], by=by)
    assert (moved != mask).sum() <= (4 if by in PRUNING else 0)  # rounding of the joint may break ties differently


@pytest.mark.parametrize("by", c.FILTERS)
def test_planted_errors_are_found(rng, by):
    y, p, true = noisy(rng, 4000, 6, noise=0.12, sharp=4.0)
    mask, wrong = c.find_label_issues(y, p, by=by), y != true
    assert (mask & wrong).sum() / wrong.sum() > 0.7
    assert (mask & wrong).sum() / mask.sum() > 0.7


@pytest.mark.parametrize("by", c.FILTERS)
@pytest.mark.parametrize("layout", ["fortran", "strided", "float16", "blocks"])
def test_memory_layout_and_blocks_do_not_matter(rng, by, layout, monkeypatch):
    y, p, _ = noisy(rng, 600, 30)
    p16 = p.astype(np.float16)
    mask = c.find_label_issues(y, p, by=by)
    if layout == "fortran":
        np.testing.assert_array_equal(c.find_label_issues(y, np.asfortranarray(p), by=by), mask)
    elif layout == "strided":
        np.testing.assert_array_equal(c.find_label_issues(y, np.repeat(p, 2, axis=1)[:, ::2], by=by), mask)
    elif layout == "float16":
        wide = c.find_label_issues(y, p16.astype(np.float32), by=by)
        np.testing.assert_array_equal(c.find_label_issues(y, p16, by=by), wide)
    else:
        monkeypatch.setattr("workbench.foundation.reductions.WORTH_THREADS", 0)
        monkeypatch.setattr("workbench.foundation.reductions.WORTH_PART", 0)
        monkeypatch.setattr("workbench.foundation.reductions.usable_cores", lambda: 3)
        monkeypatch.setattr("workbench.foundation.reductions.BLOCK", 200)
        np.testing.assert_array_equal(c.find_label_issues(y, p, by=by), mask)


@pytest.mark.parametrize("by", c.FILTERS)
def test_unlabelled_rows_count_nowhere(rng, by):
    y, p, _ = noisy(rng, 800, 4)
    y[rng.random(800) < 0.3] = -1
    there = y >= 0
    mask = c.find_label_issues(y, p, by=by)
    assert not mask[~there].any()
    np.testing.assert_array_equal(mask[there], c.find_label_issues(y[there], p[there], by=by))
    np.testing.assert_array_equal(c.confident_joint(y, p), c.confident_joint(y[there], p[there]))
    assert c.num_issues(y, p) == c.num_issues(y[there], p[there])
    assert (y[c.rank(y, p)] >= 0).all()


EDGES = {
    "one row": (np.array([0]), np.array([[0.2, 0.8]])),
    "no rows": (np.zeros(0, int), np.zeros((0, 3))),
    "one class": (np.zeros(5, int), np.ones((5, 1))),
    "one class given of three": (np.zeros(6, int), np.full((6, 3), 1 / 3)),
    "all equal": (np.arange(12) % 4, np.full((12, 4), 0.25)),
    "a class never given": (np.array([0, 0, 1, 1]), np.array([[0.8, 0.1, 0.1]] * 2 + [[0.1, 0.1, 0.8]] * 2)),
    "zero for the given label": (np.array([0, 1, 0, 1]), np.array([[0.0, 1.0], [1.0, 0.0]] * 2)),
    "certain": (np.array([0, 1]), np.eye(2)),
    "all unlabelled": (np.full(4, -1), np.full((4, 2), 0.5)),
}


@pytest.mark.parametrize("edge", EDGES)
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_edges_have_an_answer(edge, dtype):
    y, p = EDGES[edge][0], EDGES[edge][1].astype(dtype)
    k = p.shape[1]
    for by in c.FILTERS:
        mask = c.find_label_issues(y, p, by=by)
        assert mask.shape == y.shape
        assert mask.dtype == bool
        if by != "low_self_confidence" and edge in ("one class", "all equal", "certain", "all unlabelled"):
            assert not mask.any(), by
    assert c.confident_joint(y, p).sum() == (y >= 0).sum()
    assert c.thresholds(y, p).shape == (k,)
    noise = c.estimate_noise(y, p)
    assert np.isfinite(noise.noise_matrix).all()
    assert np.isfinite(noise.class_priors).all()
    assert 0 <= c.num_issues(y, p) <= len(y)
    assert 0 <= c.num_issues(y, p, calibrated=True) <= len(y)
    assert np.isin(c.rank(y, p), np.arange(len(y))).all()


def test_a_class_never_given_has_a_threshold_that_nothing_reaches():
    y, p = EDGES["a class never given"]
    assert c.thresholds(y, p)[2] == 2
    assert c.confident_joint(y, p)[:, 2].sum() == 0


@pytest.mark.slow
def test_ten_thousand_classes(rng):
    k, n = 10_000, 300
    y = rng.integers(0, 50, n) * 200
    p = np.full((n, k), 0.3 / (k - 1), np.float32)
    wrong = rng.random(n) < 0.1
    p[np.arange(n), np.where(wrong, (y + 200) % k, y)] = 0.7
    p /= p.sum(axis=1, keepdims=True)
    for by in ("prune_by_noise_rate", "confident_learning"):
        mask = c.find_label_issues(y, p, by=by)
        assert mask[wrong].mean() > 0.9
        assert mask[~wrong].mean() < 0.05


def test_frac_noise_and_min_per_class_lower_the_count(rng):
    y, p, _ = noisy(rng, 2000, 4, noise=0.3)
    for by in PRUNING:
        sizes = [c.find_label_issues(y, p, by=by, frac_noise=f).sum() for f in (0.0, 0.25, 0.5, 1.0)]
        assert sizes == sorted(sizes)
        assert sizes[0] == 0
        assert c.find_label_issues(y, p, by=by, min_per_class=1000).sum() == 0


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"by": "prune"}, r"unknown filter 'prune'.*Known: prune_by_noise_rate"),
        (
            {"by": "confident_learning", "frac_noise": 0.5},
            "`frac_noise` does not apply to the filter 'confident_learning'",
        ),
        ({"frac_noise": 1.5}, "`frac_noise` is 1.5"),
        ({"joint_counts": np.ones((3, 3))}, r"`joint_counts` has shape \(3, 3\)"),
    ],
)
def test_options_are_checked(change, match):
    with pytest.raises(InputError, match=match):
        c.find_label_issues(HAND_LABELS, HAND_PROBS, **change)


BAD = {
    r"`pred_probs` row 4 sums to 1\.83.*within 0\.001.*logits": lambda p: p.__setitem__(4, [0.83, 1.0]),
    r"`pred_probs` row 2 holds nan in column 1": lambda p: p.__setitem__((2, 1), np.nan),
    r"`pred_probs` row 1 holds inf in column 0": lambda p: p.__setitem__((1, 0), np.inf),
    r"`pred_probs` row 3 holds -0\.5 in column 0": lambda p: p.__setitem__(3, [-0.5, 1.5]),
    r"row 0 sums to 0.*\(6 of 6 rows": lambda p: p.__setitem__(slice(None), 0.0),
}


@pytest.mark.parametrize("match", BAD)
@pytest.mark.parametrize("wide", [False, True])
def test_bad_rows_are_named(match, wide):
    p = HAND_PROBS.copy()
    BAD[match](p)
    if wide:
        p = np.hstack([p, np.zeros((6, 40))])
    for function in (c.find_label_issues, c.thresholds, c.confident_joint, c.num_issues, c.rank):
        with pytest.raises(InputError, match=match):
            function(HAND_LABELS, p)
    with pytest.raises(InputError, match=r"\(id 'f[0-5]'\)"):
        check_pred_probs(p, HAND_LABELS, ids=[f"f{i}" for i in range(6)])


@pytest.mark.parametrize(
    ("labels", "probs", "match"),
    [
        ([0, 1], np.ones(2), r"`pred_probs` has shape \(2,\)"),
        ([0, 1], np.array([["a", "b"]] * 2), "`pred_probs` has dtype <U1"),
        ([0], np.full((2, 2), 0.5), "for 2 rows"),
        ([0, 2], np.full((2, 2), 0.5), r"`given_labels` row 1 is 2\. With 2 columns"),
        ([0, -5], np.full((2, 2), 0.5), "row 1 is -5"),
        (["a", "b"], np.full((2, 2), 0.5), "`given_labels` has dtype"),
        ([0.0, np.nan], np.full((2, 2), 0.5), "integers, -1 where the label is missing"),
    ],
)
def test_shapes_and_labels_are_checked(labels, probs, match):
    with pytest.raises(InputError, match=match):
        c.find_label_issues(np.array(labels), probs)


CLEANLAB_CASES = {
    "wide, sure of other classes": {"k": 60, "n": 1500, "tied": True, "dtype": np.float32},
    "plain": {},
    "float32": {"dtype": np.float32},
    "many classes": {"k": 40, "n": 1500},
    "two classes": {"k": 2},
    "tiny": {"n": 12, "k": 3},
    "ties": {"tied": True},
    "ties, float32": {"tied": True, "dtype": np.float32, "k": 30},
    "missing class": {"missing": True},
    "missing class, float32": {"missing": True, "dtype": np.float32},
    "missing class, ties": {"missing": True, "tied": True, "k": 3},
    "zeros": {"zeros": True},
}


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("case", CLEANLAB_CASES)
def test_equal_to_cleanlab(case, seed):
    count = pytest.importorskip("cleanlab.count", reason="cleanlab is not installed")
    find = pytest.importorskip("cleanlab.filter").find_label_issues
    options = {"n": 600, "k": 6, "dtype": np.float64, "tied": False, "missing": False, "zeros": False}
    options |= CLEANLAB_CASES[case]
    rng = np.random.default_rng([seed, len(case)])
    y, p, _ = noisy(rng, options["n"], options["k"], sharp=2.0)
    if options["tied"]:
        p = np.maximum(p.round(1), 0.05)
    if options["zeros"]:
        p[p < 0.1] = 0
    p = (p / p.sum(axis=1, keepdims=True)).astype(options["dtype"])
    if options["missing"]:
        y[y == 1] = 0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for by in c.FILTERS:
            for frac in (1.0, 0.4) if by in PRUNING else (1.0,):
                theirs = find(y, p, filter_by=by, frac_noise=frac, n_jobs=1)
                ours = c.find_label_issues(y, p, by=by, frac_noise=frac)
                np.testing.assert_array_equal(ours, theirs, err_msg=f"{by} {frac}")
        for by in ("self_confidence", "normalized_margin"):
            theirs = find(y, p, return_indices_ranked_by=by, n_jobs=1)
            np.testing.assert_array_equal(c.rank(y, p, c.find_label_issues(y, p), by=by), theirs)
        # logarithms differ in the last digit, which may swap tied rows
        scores = c.RANKINGS["confidence_weighted_entropy"](y, p)
        theirs = find(y, p, return_indices_ranked_by="confidence_weighted_entropy", n_jobs=1)
        assert (np.diff(scores[theirs]) > -1e-6).all()
        np.testing.assert_array_equal(c.thresholds(y, p), count.get_confident_thresholds(y, p))
        for calibrate in (True, False):
            theirs = count.compute_confident_joint(y, p, calibrate=calibrate)
            np.testing.assert_array_equal(c.confident_joint(y, p, calibrate=calibrate), theirs)
        np.testing.assert_allclose(c.joint(y, p), count.estimate_joint(y, p), rtol=1e-12)
        assert c.num_issues(y, p) == count.num_label_issues(y, p)
        theirs = count.num_label_issues(y, p, estimation_method="off_diagonal_calibrated")
        assert c.num_issues(y, p, calibrated=True) == theirs
        for converge in (True, False):
            priors, forward, backward, _ = count.estimate_py_and_noise_matrices_from_probabilities(
                y, p, converge_latent_estimates=converge
            )
            ours = c.estimate_noise(y, p, converge=converge)
            np.testing.assert_allclose(ours.class_priors, priors, atol=1e-9)
            np.testing.assert_allclose(ours.noise_matrix, forward, atol=1e-9)
            np.testing.assert_allclose(ours.inverse_noise_matrix, backward, atol=1e-9)
