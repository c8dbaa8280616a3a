"""Ensembles: joined by id in any order, mean and spread by hand, better than each member, errors on mismatch."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

import workbench as wb
from workbench.foundation.errors import InputError, MissingEvidence
from workbench.scores.ensemble import mutual_information, vote_entropy

N, K, EPOCHS = 40, 3, 3
IDS = np.array([f"e{i}" for i in range(N)], object)


def recorded(path, order, rng, *, given, probs=True, embeddings=True, classes=("a", "b", "c"), epochs=EPOCHS):
    """A run with the examples in this order, and its logits by id."""
    dataset = wb.Dataset.from_arrays(given[order], ids=IDS[order], classes=list(classes))
    logits = rng.normal(size=(epochs, N, K)) + 2 * np.eye(K)[given]
    with wb.Recorder(path, dataset) as recorder:
        for epoch in range(epochs):
            with recorder.epoch(epoch):
                vectors = logits[epoch][order] if embeddings else None
                recorder.batch(IDS[order], logits[epoch][order], vectors)
        if probs:
            p = np.exp(logits[-1]) / np.exp(logits[-1]).sum(1, keepdims=True)
            recorder.save_pred_probs(p[order], out_of_fold=True, source="five folds")
    return wb.open_run(path), logits


@pytest.fixture
def given(rng):
    return rng.integers(0, K, N)


@pytest.fixture
def pair(tmp_path, rng, given):
    one, z1 = recorded(tmp_path / "one", np.arange(N), rng, given=given)
    two, z2 = recorded(tmp_path / "two", rng.permutation(N), rng, given=given, epochs=2)
    return (one, z1), (two, z2)


def test_joined_by_id(pair, given):
    (one, z1), (two, z2) = pair
    both = wb.ensemble([one, two.path])
    assert repr(both).startswith("<Ensemble of 2 runs: 40 examples, 3 classes, given_labels, pred_probs, p_given")
    np.testing.assert_array_equal(both.ids, one.dataset.ids)
    np.testing.assert_array_equal(both.given_labels, given)
    softmax = [np.exp(z) / np.exp(z).sum(-1, keepdims=True) for z in (z1, z2)]
    np.testing.assert_allclose(both.get("pred_probs"), (softmax[0][-1] + softmax[1][-1]) / 2, atol=1e-6)
    assert both.out_of_fold
    every = np.arange(N)
    expected = np.concatenate([p[:, every, given] for p in softmax])
    np.testing.assert_allclose(both.get("p_given"), expected, atol=1e-6)
    np.testing.assert_allclose(both.get("p_given", slice(7, 9)), expected[:, 7:9], atol=1e-6)
    assert both.get("pred").dtype.kind == "i"
    vectors = both.get("embeddings")
    assert vectors.shape == (N, 2 * K)
    np.testing.assert_allclose((vectors**2).sum(1), 2, rtol=1e-3)


def test_mean_and_spread_of_scores(pair):
    (one, _), (two, _) = pair
    both = wb.ensemble([one, two])
    found = both.scores(["aum", "never_learned"])
    tables = [wb.score(run, "aum")["aum"].reindex(one.dataset.ids) for run in (one, two)]
    np.testing.assert_allclose(found["aum"], (tables[0] + tables[1]) / 2, rtol=1e-6)
    np.testing.assert_allclose(found["aum_spread"], abs(tables[0] - tables[1]) / math.sqrt(2), rtol=1e-5, atol=1e-6)
    assert set(found["never_learned"]) <= {0, 0.5, 1}
    assert found.attrs["scores"]["aum"]["evidence"].startswith("mean of 2 runs: in-sample")
    assert found.attrs["scores"]["aum"]["suspicious"] == "low"
    whole = wb.score(both)
    assert not [name for name in whole if name.endswith("_spread")]
    pd.testing.assert_series_equal(whole["aum"], found["aum"])


def test_a_run_that_lacks_an_example_is_left_out_of_its_mean(tmp_path, rng, given):
    one, _ = recorded(tmp_path / "one", np.arange(N), rng, given=given)
    dataset = one.dataset
    with wb.Recorder(tmp_path / "part", dataset) as recorder, recorder.epoch(0):
        recorder.batch(IDS[:10], rng.normal(size=(10, K)))
    found = wb.ensemble([one, tmp_path / "part"]).scores("aum")
    alone = wb.score(one, "aum")["aum"]
    np.testing.assert_allclose(found["aum"][10:], alone[10:], rtol=1e-6)
    assert found["aum_spread"][10:].isna().all()
    assert (found["aum_spread"][:10] > 0).all()


def test_disagreement_by_hand():
    votes = np.array([[0, 0, 0, -1], [0, 1, 1, -1], [0, 1, 2, 2]])
    expected = [0, -(1 / 3 * math.log(1 / 3) + 2 / 3 * math.log(2 / 3)), math.log(3), math.nan]
    np.testing.assert_allclose(vote_entropy(votes, 3), expected, atol=1e-12)
    p, q = np.array([[0.9, 0.1], [0.5, 0.5]]), np.array([[0.1, 0.9], [0.5, 0.5]])
    entropy = -(0.9 * math.log(0.9) + 0.1 * math.log(0.1))
    np.testing.assert_allclose(mutual_information([p, q]), [math.log(2) - entropy, 0], atol=1e-12)


def test_disagreement_by_law(rng):
    probs = [rng.dirichlet(np.ones(5), 200) for _ in range(4)]
    found = mutual_information(probs)
    assert (found >= 0).all()
    assert (found <= math.log(5)).all()
    np.testing.assert_allclose(mutual_information([probs[0]] * 3), 0, atol=1e-12)
    votes = np.stack([p.argmax(1) for p in probs])
    np.testing.assert_allclose(vote_entropy(votes, 5), vote_entropy(votes[::-1], 5), atol=1e-12)  # in any order
    assert (vote_entropy(votes, 5) <= math.log(4) + 1e-12).all()


def test_disagreement_of_runs(pair, given):
    (one, z1), (two, z2) = pair
    found = wb.ensemble([one, two]).disagreement()
    agree = z1[-1].argmax(1) == z2[-1].argmax(1)
    np.testing.assert_allclose(found["vote_entropy"], np.where(agree, 0, math.log(2)))
    share = ((z1[-1].argmax(1) == given) + (z2[-1].argmax(1) == given).astype(float)) / 2
    np.testing.assert_allclose(found["label_votes"], share)
    assert (found["mutual_information"] >= 0).all()
    told = found.attrs["scores"]["vote_entropy"]
    assert told["source"].startswith("Dagan")
    assert told["evidence"] == "out-of-fold probabilities of 2 runs"


def test_disagreement_without_probabilities(tmp_path, rng, given):
    runs = [
        recorded(tmp_path / f"r{seed}", np.arange(N), rng, given=given, probs=False, embeddings=False)[0]
        for seed in range(2)
    ]
    found = wb.ensemble(runs).disagreement()
    assert list(found) == ["vote_entropy", "label_votes"]
    assert "in-sample" in found.attrs["scores"]["label_votes"]["evidence"]
    bare = [wb.Recorder(tmp_path / f"bare{seed}", runs[0].dataset).run() for seed in range(2)]
    with pytest.raises(MissingEvidence, match="disagreement needs `pred_probs or recorded epochs`"):
        wb.ensemble(bare).disagreement()


def test_three_seeds_find_more_than_one(tmp_path, rng):
    """Independent noise averages out: measured on planted errors."""
    n = 600
    truth = np.arange(n) % K
    given = np.where(np.arange(n) < 60, (truth + 1) % K, truth)
    dataset = wb.Dataset.from_arrays(given)
    runs = []
    for seed in range(3):
        with wb.Recorder(tmp_path / f"{seed}", dataset) as recorder:
            for epoch in range(2):
                with recorder.epoch(epoch):
                    recorder.batch(np.arange(n), np.eye(K)[truth] + rng.normal(size=(n, K)))
        runs.append(recorder.run())

    def caught(source):
        return (wb.find_issues(source).index[:60] < 60).mean()

    assert caught(wb.ensemble(runs)) > max(caught(run) for run in runs) + 0.05


def test_in_sample_probabilities_are_used_only_where_there_are_no_others(tmp_path, rng, given):
    one, _ = recorded(tmp_path / "one", np.arange(N), rng, given=given)
    two, _ = recorded(tmp_path / "two", np.arange(N), rng, given=given, probs=False)
    two.save_pred_probs(np.full((N, K), 1 / K), out_of_fold=False, source="in-sample: of the model itself")
    both = wb.ensemble([one, two])
    assert both.out_of_fold
    np.testing.assert_allclose(both.get("pred_probs"), one.pred_probs().values, atol=1e-7)


def test_what_cannot_be_joined(tmp_path, rng, given, pair):
    (one, _), (two, _) = pair
    for runs, words in (
        (one, "`runs` is one run. Pass a list"),
        (str(one.path), "`runs` is one run"),
        ([one], "holds 1 of them"),
        ([one, two, one.path], "one twice. Pass each run once"),
        ([one, 3], r"`runs` row 1 holds a int"),
    ):
        with pytest.raises(InputError, match=words):
            wb.ensemble(runs)
    other, _ = recorded(tmp_path / "classes", np.arange(N), rng, given=given, classes=("a", "b", "d"))
    with pytest.raises(InputError, match="`classes` differ: one has 3, classes 3; not in both: 'c', 'd'"):
        wb.ensemble([one, other])
    turned, _ = recorded(tmp_path / "turned", np.arange(N), rng, given=given, classes=("b", "a", "c"))
    with pytest.raises(InputError, match="the same classes in another order"):
        wb.ensemble([one, turned])
    changed = given.copy()
    changed[5] = (changed[5] + 1) % K
    relabelled, _ = recorded(tmp_path / "relabelled", np.arange(N), rng, given=changed)
    with pytest.raises(InputError, match=r"`given_labels` \(id 'e5'\) differ for 1 examples: one says"):
        wb.ensemble([one, relabelled])
    part, _ = recorded(tmp_path / "part", np.arange(N - 2), rng, given=given)
    with pytest.raises(InputError, match="`ids` differ: one has 40, part 38; not in both: 'e38', 'e39'"):
        wb.ensemble([one, part])
    common = wb.ensemble([one, part], ids="common")
    assert common.ids.tolist() == IDS[:38].tolist()
    assert common.get("p_given").shape == (2 * EPOCHS, 38)
    np.testing.assert_array_equal(wb.ensemble([part, one], ids="common").ids, common.ids)
    with pytest.raises(InputError, match="unknown ids 'all'"):
        wb.ensemble([one, two], ids="all")
    strange = wb.Recorder(tmp_path / "strange", wb.Dataset.from_arrays([0, 1, 2], classes=["a", "b", "c"])).run()
    with pytest.raises(InputError, match="have no common values"):
        wb.ensemble([one, strange], ids="common")


def test_in_the_explorer(pair):
    import widgets as wd

    (one, _), (two, _) = pair
    both = wb.ensemble([one, two])
    table = wb.score(both).join(both.disagreement())
    shown = wd.Explorer(one, issues=wb.find_issues(both), scores=table).table()
    np.testing.assert_allclose(shown["vote_entropy"], table["vote_entropy"], rtol=1e-6)


def test_texts_where_there_is_no_embedding(tmp_path, rng, given):
    """Runs on texts: the detector embeds them once, in the order of the first run."""
    texts = [f"the {'abc'[label] * 3} of example {row}" for row, label in enumerate(given)]
    runs = []
    for seed in range(2):
        dataset = wb.Dataset.from_arrays(given, texts=texts)
        with wb.Recorder(tmp_path / f"{seed}", dataset) as recorder, recorder.epoch(0):
            recorder.batch(dataset.ids, rng.normal(size=(N, K)))
        runs.append(recorder.run())
    assert len(wb.ensemble(runs).get("embeddings")) == N
