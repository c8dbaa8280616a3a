"""Recording multi-label training: one line per tag, exact, intact after a crash, by several ranks, and checked."""

from __future__ import annotations

import os
import signal

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from scipy.special import expit

from workbench.data.dataset import Dataset
from workbench.foundation.errors import InputError, RunError
from workbench.foundation.tag_statistics import ALL_TAGS, TOP_CELLS, tag_statistics
from workbench.recording.recorder import Recorder
from workbench.runs.run import Run
from workbench.shell.inspection import inspect

N, K = 30, 4
MANY = ALL_TAGS + 50


@pytest.fixture
def table(rng):
    """(30, 4) of yes, no and unknown."""
    return rng.integers(-1, 2, (N, K))


@pytest.fixture
def tags(table):
    return Dataset.from_arrays(table, task="multilabel", ids=[f"img{i}" for i in range(N)], classes=list("abcd"))


@pytest.fixture
def logits(rng):
    return rng.normal(0, 3, (N, K)).astype(np.float32)


def record(path, dataset, epochs, order=None, **options):
    rows = np.arange(dataset.n) if order is None else order
    with Recorder(path, dataset, **options) as recorder:
        for number, logits in enumerate(epochs):
            with recorder.epoch(number):
                for part in np.array_split(rows, 4):
                    recorder.batch(dataset.ids[part], logits[part])
    return Run(path)


def test_the_numbers_are_those_of_a_sigmoid(table, logits):
    found = tag_statistics(logits, table)
    p = expit(logits.astype(float))
    given = np.where(table == 1, p, 1 - p)
    known = table >= 0
    np.testing.assert_allclose(found["p_given"][known], given[known], rtol=1e-5)
    np.testing.assert_allclose(found["loss"][known], -np.log(given[known]), rtol=1e-5)
    np.testing.assert_array_equal(found["margin"][known], np.where(table == 1, logits, -logits)[known])
    np.testing.assert_array_equal(found["correct"], known & ((p > 0.5) == (table == 1)))
    for name in ("p_given", "loss", "margin"):
        assert np.isnan(found[name][~known]).all() and (~known).any()


def test_large_logits_keep_their_loss():
    found = tag_statistics([200.0, -200.0, 0.0, 0.0], [0, 0, 0, 1])
    np.testing.assert_allclose(found["loss"], [200, 0, np.log(2), np.log(2)], rtol=1e-6)
    assert found["correct"].tolist() == [False, True, True, False]  # a logit of 0 says no


@pytest.mark.parametrize("kind", ["float32", "float16", "bfloat16", "float64"])
def test_every_tag_of_every_epoch_is_recorded(tmp_path, rng, tags, table, logits, kind):
    torch = pytest.importorskip("torch")
    values = torch.tensor(logits).to(getattr(torch, kind))
    run = record(tmp_path / "run", tags, [values, -values], rng.permutation(N), logits=True)
    assert run.epochs == (0, 1) and run.example_epochs == ()
    exact = values.float().numpy()
    for epoch, wanted in enumerate((exact, -exact)):
        found = run.unit_stats(epoch)
        np.testing.assert_array_equal(found["row"], np.repeat(np.arange(N), K))
        np.testing.assert_array_equal(found["unit"], np.tile(np.arange(K), N))
        np.testing.assert_array_equal(found["logit"], wanted.ravel())
        for name, numbers in tag_statistics(wanted, table).items():
            np.testing.assert_array_equal(found[name], numbers.ravel(), err_msg=name)
    part = run.unit_stats(1, ["logit", "row"], slice(7, 9))
    assert list(part) == ["logit", "row"] and part["row"].tolist() == [7] * K + [8] * K
    np.testing.assert_array_equal(run.logits(0), exact.astype(np.float16))
    assert not list(inspect(run))


def test_probabilities_are_recorded_as_log_odds(tmp_path, tags, logits):
    with Recorder(tmp_path / "run", tags) as recorder:
        recorder.staged([expit(logits), expit(-logits)])
        with recorder.epoch(2):
            recorder.batch(tags.ids, probs=np.tile([0.0, 1.0, 0.5, 0.5], (N, 1)))
        with pytest.raises(InputError, match=r"`probs` lies between -1 and -1"), recorder.epoch(3):
            recorder.batch(tags.ids, probs=np.full((N, K), -1.0))
    run = recorder.run()
    np.testing.assert_allclose(run.unit_stats(0)["logit"], logits.ravel(), atol=2e-3)
    np.testing.assert_allclose(run.unit_stats(1)["logit"], -logits.ravel(), atol=2e-3)
    low, high, *even = run.unit_stats(2)["logit"][:K]
    assert -30 < low < -25 and 25 < high < 30 and even == [0, 0]
    with pytest.warns(UserWarning, match=r"look like probabilities: all lie in \[0, 1\]"):
        record(tmp_path / "other", tags, [expit(logits)])


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_numbers_that_are_not_finite_are_refused(tmp_path, tags, logits, bad):
    values = logits.astype(float)
    values[11, 2] = bad
    with Recorder(tmp_path / "run", tags) as recorder, recorder.epoch(0):
        recorder.batch(tags.ids[:10], values[:10])
        with pytest.raises(InputError, match=r"`logits` row 1 \(id 'img11'\) holds -?(nan|inf) in column 2"):
            recorder.batch(tags.ids[10:], values[10:])
        recorder.batch(tags.ids[10:11], values[10:11])
    assert set(recorder.run().unit_stats(0)["row"]) == set(range(11))


def test_what_does_not_fit_is_named(tmp_path, tags, logits):
    with Recorder(tmp_path / "run", tags) as recorder, recorder.epoch(0):
        with pytest.raises(InputError, match=r"has shape \(30, 3\) for 30 ids and 4 tags"):
            recorder.batch(tags.ids, logits[:, :3])
        recorder.batch(tags.ids, logits)
    run = recorder.run()
    with pytest.raises(InputError, match=r"is 'multilabel', which `stats` does not read.*`unit_stats` is for tags"):
        run.stats(0)
    with pytest.raises(InputError, match="which `stats` does not read"):
        run.stat_matrix("p_given")
    with pytest.raises(InputError, match="unknown column 'entropy'"):
        run.unit_stats(0, ["entropy"])
    classes = record(tmp_path / "classes", Dataset.from_arrays(np.arange(4) % 2), [np.eye(4)[:, :2]])
    with pytest.raises(InputError, match=r"is 'multiclass', which `unit_stats` does not read"):
        classes.unit_stats(0)


def test_of_very_many_tags_the_given_and_the_likeliest_are_kept(tmp_path, rng):
    rows = [list(rng.choice(MANY, 3, replace=False)) for _ in range(N)]
    labels = [{"yes": one[:2], "no": one[2:]} for one in rows]
    labels[4] = None
    dataset = Dataset.from_arrays(labels, task="multilabel", classes=list(range(MANY)))
    logits = rng.normal(size=(N, MANY)).astype(np.float32)
    run = record(tmp_path / "run", dataset, [logits], rng.permutation(N))
    found = run.unit_stats(0)
    for row in range(N):
        own = found["row"] == row
        wanted = set(np.argsort(-logits[row])[:TOP_CELLS].tolist()) | set(rows[row] if row != 4 else [])
        assert found["unit"][own].tolist() == sorted(wanted)
        np.testing.assert_array_equal(found["logit"][own], logits[row, sorted(wanted)])
    margins = dict(zip(zip(found["row"].tolist(), found["unit"].tolist()), found["margin"]))
    assert margins[0, rows[0][0]] == logits[0, rows[0][0]] and margins[0, rows[0][2]] == -logits[0, rows[0][2]]
    given = {(row, tag) for row in range(N) if row != 4 for tag in rows[row]}
    assert {cell for cell, margin in margins.items() if not np.isnan(margin)} == given
    assert not list(inspect(run))


@pytest.mark.parametrize("k", [K, MANY])
def test_an_epoch_cut_short_is_readable_and_recorded_again(tmp_path, rng, k):
    """Buffered batches are read with those in the stream; every prefix of the stream yields whole batches."""
    n, batch = 2700, 300  # with four tags, three batches are buffered at a time
    table = rng.integers(-1, 2, (n, k))
    dataset = Dataset.from_arrays(table, task="multilabel", classes=[f"t{i}" for i in range(k)])
    logits = rng.normal(size=(n, k)).astype(np.float32)
    recorder = Recorder(tmp_path / "run", dataset)
    with pytest.raises(KeyboardInterrupt), recorder.epoch(0):
        for start in range(0, n, batch):
            recorder.batch(np.arange(start, start + batch), logits[start : start + batch])
        raise KeyboardInterrupt
    recorder.close()
    run = Run(tmp_path / "run")
    found = run.unsealed()[0]
    assert found["row"].nunique() == n
    np.testing.assert_array_equal(found["logit"], logits[found["row"], found["unit"]])
    wanted = tag_statistics(found["logit"], table[found["row"], found["unit"]])
    np.testing.assert_array_equal(found["loss"], wanted["loss"])
    (stream,) = run.layout.unsealed()[0]
    whole = stream.read_bytes()
    run.layout.pending(stream).unlink(missing_ok=True)
    for length in range(0, len(whole), max(1, len(whole) // 7)):
        stream.write_bytes(whole[:length])
        assert run.unsealed()[0]["row"].nunique() % batch == 0
    with Recorder(tmp_path / "run", dataset) as recorder:
        assert recorder.next_epoch == 0
        with recorder.epoch(0):
            recorder.batch(dataset.ids, logits)
    assert run.epochs == (0,) and run.unsealed() == {}
    assert set(run.unit_stats(0)["row"]) == set(range(n))


KILLED = """
import sys, numpy as np
from workbench.data.dataset import Dataset
from workbench.recording.recorder import Recorder
table = np.arange(8000).reshape(2000, 4) % 3 - 1
recorder = Recorder(sys.argv[1], Dataset.from_arrays(table, task="multilabel"))
for epoch in range(recorder.next_epoch, 10**6):
    with recorder.epoch(epoch):
        for start in range(0, 2000, 200):
            recorder.batch(np.arange(start, start + 200), np.full((200, 4), epoch + start, "float32"))
            print("batch", epoch, start, flush=True)
"""


@pytest.mark.skipif(os.name == "nt", reason="no SIGKILL")
def test_a_killed_training_loses_nothing_that_was_acknowledged(tmp_path, forks):
    done = 0
    for _ in range(2):
        process = forks.start(KILLED, tmp_path / "run")
        lines = [process.stdout.readline().split() for _ in range(17)]  # an epoch, and seven batches
        process.kill()
        assert process.wait() == -signal.SIGKILL, process.errors()
        assert int(lines[0][1]) == done  # resumes with the first unsealed epoch
        run = Run(tmp_path / "run")
        assert run.epochs == tuple(range(len(run.epochs))) and len(run.epochs) > done
        np.testing.assert_array_equal(run.unit_stats(done)["logit"], done + np.repeat(np.arange(0, 2000, 200), 800))
        if len(run.epochs) == done + 1:
            under_way = run.unsealed()[done + 1]
            rows = np.unique(under_way["row"])
            assert len(rows) >= 1400 and len(under_way) == 4 * len(rows)
            np.testing.assert_array_equal(under_way["logit"], done + 1 + under_way["row"] // 200 * 200)
        done = len(run.epochs)


def test_ranks_share_an_epoch(tmp_path, tags, table, logits):
    first = Recorder(tmp_path / "run", tags, rank=0, world_size=2)
    second = Recorder(tmp_path / "run", tags, rank=1, world_size=2)
    for recorder, rows, values in ((first, slice(0, 16), logits), (second, slice(14, N), logits + 1)):
        with recorder.epoch(0):
            recorder.batch(tags.ids[rows], values[rows])
    first.close()
    second.close()
    found = Run(tmp_path / "run").unit_stats(0)
    wanted = np.concatenate([logits[:16], logits[16:] + 1])  # of rows that both have, the first rank's count
    np.testing.assert_array_equal(found["logit"], wanted.ravel())
    assert not [finding for finding in inspect(Run(tmp_path / "run")) if finding.kind != "note"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda t: t.set_column(1, "unit", pa.array(np.full(len(t), K, np.int32))), f"names the tag {K} of {K}"),
        (lambda t: pa.concat_tables([t, t.slice(0, 3)]), "3 of them twice"),
        (lambda t: t.set_column(2, "logit", pa.array(np.full(len(t), np.nan, np.float32))), "logit of row 0, tag 0 is"),
        (lambda t: t.set_column(0, "row", pa.array(np.full(len(t), N))), f"holds row {N}, beyond the {N} examples"),
        (lambda t: t.drop_columns(["logit"]), "cannot be read"),
    ],
)
def test_check_finds_damage(tmp_path, tags, logits, change, words):
    run = record(tmp_path / "run", tags, [logits])
    (path,) = run.layout.sealed()[0]
    pq.write_table(change(pq.read_table(path, partitioning=None)), path)
    (tmp_path / "run" / "checksums").rename(tmp_path / "away")
    told = [finding for finding in inspect(Run(tmp_path / "run")) if finding.kind == "damaged"]
    assert len(told) == 1 and words in told[0].words
    if "tag" in words and "logit" not in words:
        with pytest.raises(RunError, match="names the tag"):
            Run(tmp_path / "run").unit_stats(0)
