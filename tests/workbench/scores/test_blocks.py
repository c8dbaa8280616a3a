"""Blockwise scoring: a new epoch reads one epoch, interruptions lose no finished block, memory holds one block."""

from __future__ import annotations

import shutil

import numpy as np
import pandas as pd
import pytest

from workbench.data.dataset import Dataset
from workbench.evidence.evidence import Evidence
from workbench.recording.recorder import Recorder
from workbench.runs.run import open_run
from workbench.scores import SCORES, blocks, score
from workbench.scores.from_logits import dynamics, dynamics_names

N, K = 90, 3


def made(epochs: int, seed: int = 3):
    """Labels (some missing) and logits of each epoch; every epoch lacks some rows."""
    rng = np.random.default_rng(seed)
    given = rng.integers(0, K, N)
    given[::13] = -1
    logits = rng.normal(size=(epochs, N, K)).astype(np.float32) * 3
    there = [np.flatnonzero(rng.random(N) > 0.1) for _ in range(epochs)]
    return given, logits, there


def record(path, given, logits, there, first=0):
    labels = [None if code < 0 else "abc"[code] for code in given]
    with Recorder(path, Dataset.from_arrays(labels, classes=list("abc"))) as recorder:
        for epoch in range(first, len(logits)):
            with recorder.epoch(epoch):
                recorder.batch(there[epoch], logits[epoch][there[epoch]])
    return open_run(path)


@pytest.fixture
def reads(monkeypatch):
    """Epochs whose statistics are read, in order."""
    seen: list[int] = []
    original = blocks.stat_rows

    def counting(files, names, start, stop):
        seen.append(int(files[0].parent.name.partition("=")[2]))
        return original(files, names, start, stop)

    monkeypatch.setattr(blocks, "stat_rows", counting)
    return seen


def test_one_more_epoch_reads_that_epoch_only_and_gives_the_numbers_of_a_whole_pass(tmp_path, reads):
    given, logits, there = made(9)
    for epochs in range(1, 10):
        run = record(tmp_path / "run", given, logits[:epochs], there, epochs - 1)
        reads.clear()
        updated = score(run)
        early = {epochs // 4 - 1} if epochs % 4 == 0 and epochs > 4 else set()
        assert set(reads) == {epochs - 1} | early  # el2n adds one early epoch every four epochs
        for name in dynamics_names():
            matrix = run.stat_matrix(SCORES[name].needs[0])
            if SCORES[name].needs == ("correct",):
                matrix[:, given < 0] = np.nan
            np.testing.assert_array_equal(updated[name], SCORES[name].function(matrix), err_msg=name)


def test_an_epoch_recorded_again_is_not_taken_from_the_state(tmp_path, reads):
    given, logits, there = made(4)
    run = record(tmp_path / "run", given, logits, there)
    before = score(run, "aum").copy()
    shutil.rmtree(tmp_path / "run" / "stats" / "epoch=0003")
    logits[3] *= 2
    run = record(tmp_path / "run", given, logits, there, 3)
    reads.clear()
    after = score(run, "aum")
    assert not before.equals(after)
    assert set(reads) == {0, 1, 2, 3}, "the sums held the old epoch"
    shutil.rmtree(run.layout.cache)
    pd.testing.assert_frame_equal(after.copy(), score(run, "aum"), check_exact=True)


def test_an_interrupted_pass_goes_on_where_it_stopped(tmp_path, monkeypatch):
    given, logits, there = made(3)
    run = record(tmp_path / "run", given, logits, there)
    expected = score(run, block_rows=10).copy()
    shutil.rmtree(run.layout.cache)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    original, computed = blocks.score_block, []

    def stopping(plan, part):
        if len(computed) == 4:
            raise KeyboardInterrupt
        computed.append(part.rows.start)
        return original(plan, part)

    monkeypatch.setattr(blocks, "score_block", stopping)
    with pytest.raises(KeyboardInterrupt):
        score(run, block_rows=10)
    assert computed == [0, 10, 20, 30]
    computed.append(None)  # no longer interrupted
    found = score(run, block_rows=10)
    assert computed[5:] == [40, 50, 60, 70, 80]
    pd.testing.assert_frame_equal(found, expected, check_exact=True)
    assert not list((run.layout.cache / "scores").glob("part-*"))


def test_threads_change_nothing(tmp_path, monkeypatch):
    given, logits, there = made(5)
    run = record(tmp_path / "run", given, logits, there)
    monkeypatch.setattr("workbench.foundation.parallel.usable_cores", lambda: 1)
    one = score(run, block_rows=7).copy()
    shutil.rmtree(run.layout.cache)
    monkeypatch.setattr("workbench.foundation.parallel.usable_cores", lambda: 5)
    pd.testing.assert_frame_equal(score(run, block_rows=7), one, check_exact=True)


def test_arrays_of_logits_are_reduced_block_by_block(rng):
    given, logits, _ = made(4)
    evidence = Evidence.from_arrays(given, K, logits=logits)
    found = score(evidence, block_rows=11)
    assert "statistics" not in evidence._whole, "statistics of all rows were held"
    for name, values in dynamics(logits, given).items():
        np.testing.assert_array_equal(found[name], values, err_msg=name)


@pytest.mark.parametrize("progress", [True, False])
def test_the_bar_is_in_the_callers_hands(tmp_path, capsys, progress):
    given, logits, there = made(2)
    run = record(tmp_path / "run", given, logits, there)
    score(run, block_rows=30, progress=progress)
    assert ("scores: " in capsys.readouterr().err) is progress
