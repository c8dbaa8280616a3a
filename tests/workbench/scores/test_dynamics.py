"""Training dynamics: by hand, against loops and aum, with missing records, and in one pass from disk."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from workbench.foundation.errors import InputError
from workbench.foundation.statistics import PER_EPOCH as STATISTICS
from workbench.foundation.statistics import statistics
from workbench.scores import dynamics as d
from workbench.scores.from_logits import dynamics, dynamics_block, dynamics_names


def test_by_hand():
    p = np.array([[0.2, 0.9], [0.4, 0.7], [0.6, 0.8]], np.float32)
    np.testing.assert_allclose(d.confidence(p), [0.4, 0.8], rtol=1e-6)
    np.testing.assert_allclose(d.variability(p), np.std(p, axis=0), rtol=1e-5)
    right = np.array([[1, 0], [0, 0], [1, 0], [0, 0]], np.float32)
    assert d.correctness(right).tolist() == [0.5, 0.0]
    assert d.forgetting(right).tolist() == [2.0, 0.0]
    assert d.never_learned(right).tolist() == [False, True]
    assert d.aum(np.array([[1.0], [-4.0]])).tolist() == [-1.5]
    assert d.el2n(np.array([[1.0], [0.5], [0.0], [0.0]] * 2)).tolist() == [0.75]  # first quarter of eight
    assert d.el2n(np.array([[1.0], [0.0]])).tolist() == [1.0]  # at least one epoch
    assert d.mean_loss(np.array([[1.0], [2.0]])).tolist() == [1.5]
    assert d.mean_entropy(np.array([[0.0], [1.0]])).tolist() == [0.5]


def test_missing_epochs_are_left_out():
    nan = np.nan
    p = np.array([[0.2, nan, nan], [nan, 0.5, nan], [0.4, 0.7, nan]], np.float32)
    np.testing.assert_allclose(d.confidence(p), np.array([0.3, 0.6, nan]), rtol=1e-6)
    np.testing.assert_allclose(d.variability(p), np.array([0.1, 0.1, nan]), rtol=1e-5)
    right = np.array([[1, 0, nan], [nan, nan, nan], [0, 0, nan]], np.float32)
    np.testing.assert_array_equal(d.forgetting(right), [1, 0, nan])
    assert d.never_learned(right).tolist() == [False, True, False]
    np.testing.assert_array_equal(d.correctness(right), [0.5, 0.0, nan])
    np.testing.assert_array_equal(d.el2n(right), [1, 0, nan])


def test_no_epochs_give_nan():
    none = np.zeros((0, 3), np.float32)
    for name in dynamics_names():
        values = dynamics_block(dict.fromkeys(STATISTICS, none), [name])[name]
        assert values.shape == (3,)
        assert not values.any() if name == "never_learned" else np.isnan(values).all()


@pytest.mark.parametrize("missing", [0.0, 0.2])
def test_against_nan_functions(rng, missing):
    x = rng.random((9, 400)).astype(np.float32)
    x[rng.random(x.shape) < missing] = np.nan
    x[0] = 0.5  # no empty columns
    np.testing.assert_allclose(d.confidence(x), np.nanmean(x, axis=0, dtype=np.float64), rtol=1e-6)
    np.testing.assert_allclose(d.variability(x), np.nanstd(x, axis=0, dtype=np.float64), rtol=1e-4, atol=1e-7)
    right = np.where(np.isnan(x), np.nan, x > 0.6).astype(np.float32)
    for column, forgot, never in zip(right.T, d.forgetting(right), d.never_learned(right)):
        steps = column[~np.isnan(column)]
        assert forgot == ((steps[:-1] == 1) & (steps[1:] == 0)).sum()
        assert never == (not steps.any())


def test_one_column_does_not_depend_on_the_others(rng):
    x = (rng.random((6, 50)) > 0.4).astype(np.float32)
    x[2, 7] = np.nan
    for name, values in dynamics_block(dict.fromkeys(STATISTICS, x)).items():
        alone = dynamics_block(dict.fromkeys(STATISTICS, x[:, 7:8]))[name]
        np.testing.assert_array_equal(alone, values[7:8], err_msg=name)


def test_planted_errors_stand_out(rng):
    true = rng.integers(0, 4, 2000)
    wrong = rng.random(2000) < 0.1
    given = np.where(wrong, (true + 1) % 4, true)
    logits = rng.normal(size=(8, 2000, 4)) + 2.5 * np.eye(4)[true]
    scores = dynamics(logits, given)
    for name, sign in (("aum", 1), ("confidence", 1), ("correctness", 1), ("el2n", -1), ("mean_loss", -1)):
        assert wrong[np.argsort(sign * scores[name])[: wrong.sum()]].mean() > 0.7, name


def test_equal_to_aum(rng, tmp_path):
    peer = pytest.importorskip("aum", reason="aum is not installed")
    torch = pytest.importorskip("torch")
    logits, given = rng.normal(size=(5, 60, 4)).astype(np.float32), rng.integers(0, 4, 60)
    calculator = peer.AUMCalculator(str(tmp_path))
    for epoch in logits:
        calculator.update(torch.from_numpy(epoch), torch.from_numpy(given), list(range(60)))
    theirs = [calculator.sums[i] / calculator.counts[i] for i in range(60)]
    np.testing.assert_allclose(dynamics(logits, given)["aum"], theirs, atol=1e-6)


class TestFromDisk:
    """In memory, memory-mapped, or from files: the same numbers for any block size."""

    @pytest.fixture
    def case(self, rng, tmp_path):
        logits, given = rng.normal(size=(4, 1500, 6)).astype(np.float16), rng.integers(-1, 6, 1500)
        np.save(tmp_path / "all.npy", logits)
        paths = []
        for epoch, values in enumerate(logits):
            paths.append(tmp_path / f"epoch={epoch}.npy")
            np.save(paths[-1], values)
        return logits, given, paths, np.load(tmp_path / "all.npy", mmap_mode="r")

    def test_same_numbers(self, case):
        logits, given, paths, mapped = case
        whole = dynamics(logits, given)
        for source in (paths, [str(p) for p in paths], mapped, [mapped[i] for i in range(4)], list(logits)):
            for block_rows in (None, 37):
                again = dynamics(source, given, block_rows=block_rows)
                for name, values in whole.items():
                    np.testing.assert_array_equal(again[name], values, err_msg=name)
        part = dynamics([m[100:] for m in mapped], given[100:])
        np.testing.assert_array_equal(part["aum"], whole["aum"][100:])

    def test_equal_to_recorded_statistics(self, case):
        logits, given, *_ = case
        recorded = [statistics(epoch, given) for epoch in logits]
        evidence = {name: np.stack([s[name] for s in recorded]).astype(np.float32) for name in STATISTICS}
        evidence["correct"][:, given < 0] = np.nan
        again = dynamics_block(evidence)
        for name, values in dynamics(logits, given).items():
            np.testing.assert_array_equal(again[name], values, err_msg=name)

    def test_unlabelled_rows_have_no_scores(self, case):
        logits, given, *_ = case
        scores = dynamics(logits, given)
        for name in ("confidence", "aum", "forgetting", "correctness"):
            np.testing.assert_array_equal(np.isnan(scores[name]), given < 0)
        assert not scores["never_learned"][given < 0].any()

    def test_refusals(self, case):
        logits, given, *_ = case
        with pytest.raises(InputError, match="no epochs"):
            dynamics([], given)
        with pytest.raises(InputError, match="in epoch 1"):
            dynamics([logits[0], logits[1, :-1]], given)
        with pytest.raises(InputError, match=r"given_labels.*for 1500 rows"):
            dynamics(logits, given[1:])
        with pytest.raises(InputError, match=r"unknown dynamics score 'amu'.*'aum'"):
            dynamics(logits, given, names=["amu"])
        bad = logits.copy()
        bad[2, 1201, 3] = np.nan
        with pytest.raises(InputError, match="`logits` row 1201 holds NaN"):
            dynamics(bad, given, block_rows=100)

    def test_a_large_file_does_not_stay_in_memory(self, tmp_path, forks):
        if not Path("/proc/self/status").exists():
            pytest.skip("the peak of a process of its own is read from /proc")
        path = tmp_path / "large.npy"
        values = np.lib.format.open_memmap(path, "w+", np.float16, (4, 100_000, 100))
        values[:, ::1000] = 1
        values.flush()
        del values
        code = (
            "import numpy as np; from workbench.scores.from_logits import dynamics\n"
            "y = np.zeros(100_000, int); dynamics(np.zeros((1, 5000, 100), np.float16), y[:5000])\n"
            "peak = lambda: int(open('/proc/self/status').read().split('VmHWM:')[1].split()[0])\n"  # in KiB
            "before = peak()\n"
            f"dynamics(np.load({str(path)!r}, mmap_mode='r'), y)\n"
            "print(peak() - before)"
        )
        other = forks.start(code)
        out = other.stdout.read()
        assert other.wait() == 0, other.errors()
        assert int(out) < 40_000  # KiB, of a file of 78,000
