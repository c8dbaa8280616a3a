"""score(): every registered score on a recorded run, its invariants, cache and errors."""

from __future__ import annotations

import shutil
import warnings

import numpy as np
import pandas as pd
import pytest

from workbench.data.dataset import Dataset
from workbench.foundation.errors import InputError, MissingEvidence
from workbench.foundation.statistics import PER_EPOCH as STATISTICS
from workbench.recording.recorder import Recorder
from workbench.runs.run import open_run
from workbench.runs.votes import save_votes
from workbench.scores import SCORES, score
from workbench.scores.neighborhood import neighbor_disagreement

N, K, EPOCHS = 120, 3, 4


def made(seed: int = 7):
    """Ids, labels (some missing, some wrong), logits per epoch and embeddings with separated classes."""
    rng = np.random.default_rng(seed)
    true = rng.integers(0, K, N)
    given = true.copy()
    given[:8] = (given[:8] + 1) % K
    given[-4:] = -1
    embedding = (np.eye(K)[true] * 6 + rng.normal(size=(N, K))).astype(np.float32)
    logits = [(embedding * (epoch + 1) / 4 + rng.normal(size=(N, K))).astype(np.float32) for epoch in range(EPOCHS)]
    ids = np.array([f"x{i:03d}" for i in range(N)], dtype=object)
    return ids, given, logits, embedding


def record(path, ids, given, logits, embedding=None, order=None):
    order = np.arange(len(ids)) if order is None else order
    labels = [None if code < 0 else "abc"[code] for code in given[order]]
    with Recorder(path, Dataset.from_arrays(labels, ids=ids[order], classes=list("abc"))) as recorder:
        for epoch, values in enumerate(logits):
            with recorder.epoch(epoch):
                recorder.batch(ids[order], values[order], None if embedding is None else embedding[order])
    return open_run(path)


def with_votes(run):
    """Two annotators who disagree on some examples."""
    labels = np.maximum(run.dataset.given_labels, 0)
    bo = (labels + (np.char.rpartition(run.dataset.ids.astype(str), "x")[:, 2].astype(int) % 5 == 0)) % K
    save_votes(
        run,
        pd.concat(
            pd.DataFrame({"id": run.dataset.ids, "annotator": who, "label": run.dataset.names_of(codes)})
            for who, codes in (("anna", labels), ("bo", bo))
        ),
    )
    return run


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    return with_votes(record(tmp_path_factory.mktemp("scores") / "run", *made()))


def test_every_registered_score_is_there_in_its_range_and_by_id(recorded):
    frame = score(recorded)
    assert list(frame.columns) == list(SCORES)
    assert frame.index.equals(pd.Index(recorded.dataset.ids, name="id"))
    for name, row in SCORES.items():
        values = frame[name].to_numpy(float)
        values = values[~np.isnan(values)]
        assert len(values), name
        assert (values >= row.range[0] - 1e-6).all(), name
        assert (values <= row.range[1] + 1e-6).all(), name
    assert all(dtype.kind == "f" or name == "never_learned" for name, dtype in frame.dtypes.items())


def test_unlabelled_rows_have_no_score_that_asks_for_a_label(recorded):
    unlabelled = recorded.dataset.given_labels < 0
    free = ["mean_entropy", "never_learned", "neighbor_distance", "annotator_disagreement"]
    frame = score(recorded).drop(columns=free)
    assert frame[unlabelled].isna().all(axis=None)
    assert not frame[~unlabelled].isna().any(axis=None)
    assert not score(recorded, "never_learned").loc[unlabelled].any(axis=None)


def test_wrong_labels_are_suspicious(recorded):
    frame = score(recorded)
    wrong = np.arange(N) < 8
    for name in ("confidence", "aum", "self_confidence", "normalized_margin", "mean_loss", "neighbor_disagreement"):
        sign = 1 if SCORES[name].suspicious == "high" else -1
        doubt = sign * frame[name].to_numpy()[:-4]
        assert (doubt[wrong[:-4]][:, None] > doubt[~wrong[:-4]]).mean() > 0.95, name


def test_block_size_changes_nothing(recorded):
    whole = score(recorded)
    for block_rows in (1, 7, N, 10 * N):
        shutil.rmtree(recorded.layout.cache)
        pd.testing.assert_frame_equal(score(recorded, block_rows=block_rows), whole, check_exact=True)
        pd.testing.assert_frame_equal(score(recorded), whole, check_exact=True)  # as it was stored


def test_permuting_the_examples_permutes_the_scores(recorded, tmp_path, rng):
    ids, given, logits, embedding = made()
    other = with_votes(record(tmp_path / "run", ids, given, logits, embedding, order=rng.permutation(N)))
    found = score(other).loc[recorded.dataset.ids]
    expected = score(recorded)
    folded = ["self_confidence", "normalized_margin", "confidence_weighted_entropy"]  # their folds are assigned by row
    pd.testing.assert_frame_equal(found.drop(columns=folded), expected.drop(columns=folded))
    assert np.nanmax(np.abs(found[folded[0]] - expected[folded[0]])) < 0.2


def test_each_column_says_which_end_is_suspicious_and_from_what_it_was_made(recorded):
    about = score(recorded).attrs["scores"]
    assert list(about) == list(SCORES)
    for name, row in SCORES.items():
        assert about[name]["suspicious"] == row.suspicious
        assert about[name]["range"] == row.range
        assert about[name]["source"] == row.source
        seen = "given_labels" in row.needs or row.needs[0] in STATISTICS  # it depends on the label itself
        told = ("in-sample" in about[name]["evidence"], "out-of-fold" in about[name]["evidence"])
        assert sum(told) == (1 if seen else 0), name
    assert about["annotator_disagreement"]["evidence"] == "votes of 2 annotators"
    assert about["aum"]["evidence"] == "in-sample: statistics of 4 epochs, recorded while training"
    assert "the embedding was trained on these labels" in about["self_confidence"]["evidence"]


def test_stored_probabilities_are_used_and_named(tmp_path):
    ids, given, logits, embedding = made()
    run = record(tmp_path / "run", ids, given, logits, embedding)
    run.save_pred_probs(np.full((N, K), 1 / K), out_of_fold=False, source="of the last epoch")
    frame = score(run, "self_confidence")
    assert np.allclose(frame["self_confidence"][:-4], 1 / K)
    assert frame.attrs["scores"]["self_confidence"]["evidence"] == "in-sample: of the last epoch"
    run.save_pred_probs(np.tile([1, 0, 0], (N, 1)), out_of_fold=True, source="mine")
    again = score(run, "self_confidence")
    assert set(again["self_confidence"][:-4]) == {0, 1}, "new probabilities must make the cache stale"
    assert again.attrs["scores"]["self_confidence"]["evidence"] == "out-of-fold: mine"


def test_a_new_epoch_makes_the_cache_stale(tmp_path):
    ids, given, logits, _ = made()
    run = record(tmp_path / "run", ids, given, logits[:2])
    before = score(run, "aum")
    recorder = Recorder(tmp_path / "run", run.dataset)
    with recorder.epoch(2):
        recorder.batch(ids, logits[2])
    recorder.close()
    after = score(run, "aum")
    margins = np.stack([run.stats(epoch, ["margin"])["margin"] for epoch in range(3)])
    assert not np.allclose(before[:-4], after[:-4])
    assert np.allclose(after["aum"], margins.mean(axis=0), equal_nan=True)


def test_a_second_call_reads_no_statistics(recorded, monkeypatch):
    expected = score(recorded)
    monkeypatch.setattr("workbench.scores.blocks.stat_rows", lambda *_: pytest.fail("statistics were read again"))
    pd.testing.assert_frame_equal(score(recorded), expected)


@pytest.mark.parametrize("size", [0, 40, 300])
def test_a_damaged_cache_is_made_again(recorded, size):
    expected = score(recorded).copy()
    columns = list((recorded.layout.cache / "scores").glob("*.npy"))
    assert len(columns) > len(SCORES)
    for path in columns:
        path.write_bytes(path.read_bytes()[:size])
    pd.testing.assert_frame_equal(score(recorded), expected)


def test_changing_a_column_changes_no_cache(recorded):
    expected = score(recorded).copy()
    frame = score(recorded)
    frame["aum"] = 0.0
    frame.loc[frame.index[0], "confidence"] = 7.0
    assert frame["confidence"].iloc[0] == 7.0
    pd.testing.assert_frame_equal(score(recorded), expected)


@pytest.mark.parametrize(
    "refused", ["workbench.scores.blocks.Pass", "workbench.storage.columns.Pass.write"], ids=["read-only", "full disk"]
)
def test_a_run_that_cannot_be_written_still_gives_scores_and_says_that_nothing_was_kept(recorded, monkeypatch, refused):
    expected = score(recorded).copy()
    shutil.rmtree(recorded.layout.cache)
    monkeypatch.setattr(refused, refuse)
    with pytest.warns(UserWarning, match=r"scores: computed but not kept.*if the run is read-only, copy it"):
        frame = score(recorded)
    pd.testing.assert_frame_equal(frame, expected)


def refuse(*arguments):
    raise PermissionError(13, "Permission denied")


def test_only_scores_whose_evidence_is_there(tmp_path):
    ids, given, logits, _ = made()
    run = record(tmp_path / "run", ids, given, logits)
    assert "self_confidence" not in score(run)
    assert "neighbor_disagreement" not in score(run)
    with pytest.raises(MissingEvidence, match=r"'self_confidence' needs `pred_probs`.*save_pred_probs"):
        score(run, "self_confidence")
    with pytest.raises(MissingEvidence, match=r"'neighbor_disagreement' needs `neighbor_labels`.*embeddings="):
        score(run, ["aum", "neighbor_disagreement"])


def test_unknown_scores_list_the_known(recorded):
    with pytest.raises(InputError, match=r"unknown score 'amu'\. Did you mean 'aum'\?.*confidence"):
        score(recorded, ["aum", "amu"])
    shutil.rmtree(recorded.layout.cache)
    with pytest.raises(InputError, match=r"`block_rows` is 0"):
        score(recorded, "mean_loss", block_rows=0)


def test_one_name_gives_one_column_and_no_names_none(recorded):
    assert list(score(recorded, "aum").columns) == ["aum"]
    assert list(score(recorded, ["el2n", "aum"]).columns) == ["el2n", "aum"]
    assert score(recorded, []).shape == (N, 0)


def test_neighbor_disagreement_by_hand():
    given = np.array([0, 1, -1, 0, 1])
    near = np.array([[0, 1, 1, -1], [1, 1, 1, 1], [0, 0, 0, 0], [-1, -1, -1, -1], [0, 2, 0, 0]])
    found = neighbor_disagreement(given, near)
    assert np.allclose(found, [2 / 3, 0, np.nan, np.nan, 1], equal_nan=True)
    assert found.dtype == np.float32


def test_no_warning_is_raised(recorded):
    shutil.rmtree(recorded.layout.cache, ignore_errors=True)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        score(recorded)


def test_probabilities_whose_columns_were_put_in_another_order(tmp_path, rng):
    """`probs[:, order]` is stored in column-major order; a run with such a file gives the same scores."""
    dataset = Dataset.from_arrays(rng.integers(0, 3, 40), classes=["a", "b", "c"])
    probs = rng.dirichlet(np.ones(3), 40).astype(np.float32)[:, [2, 0, 1]]
    run = Recorder(tmp_path / "run", dataset).run()
    run.save_pred_probs(probs, out_of_fold=True, source="5 folds")
    np.save(run.layout.pred_probs, np.asfortranarray(probs))  # as earlier releases stored them
    expected = probs[np.arange(40), dataset.given_labels]
    np.testing.assert_allclose(score(open_run(run.path), "self_confidence")["self_confidence"], expected, rtol=1e-6)
