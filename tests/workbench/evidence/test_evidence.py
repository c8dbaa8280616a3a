"""Evidence: names, laziness, derivation, validation, and evidence of a run."""

from __future__ import annotations

import numpy as np
import pytest

from workbench.evidence.evidence import Evidence
from workbench.foundation.errors import InputError, MissingEvidence


@pytest.fixture
def logits(rng):
    return rng.normal(size=(4, 12, 3)).astype(np.float32)


@pytest.fixture
def labels(rng):
    return rng.integers(0, 3, 12)


def test_knows_what_it_has_without_reading(labels):
    asked = []

    class Watched(np.ndarray):
        def __getitem__(self, key):
            asked.append(key)
            return super().__getitem__(key)

    vectors = np.ones((12, 5), np.float32).view(Watched)
    evidence = Evidence.from_arrays(labels, 3, embeddings=vectors)
    assert evidence.has("embeddings")
    assert evidence.has("neighbor_labels")
    assert not evidence.has("pred_probs")
    assert evidence.names == ("given_labels", "embeddings", "neighbor_labels", "neighbor_distances")
    assert not asked


def test_statistics_come_from_logits(labels, logits):
    evidence = Evidence.from_arrays(labels, logits=logits)
    assert evidence.k == 3
    p = np.exp(logits) / np.exp(logits).sum(axis=2, keepdims=True)
    np.testing.assert_allclose(evidence.get("p_given"), p[:, np.arange(12), labels], rtol=1e-5)
    np.testing.assert_array_equal(evidence.get("correct"), logits.argmax(axis=2) == labels)
    one_hot = np.eye(3)[labels]
    np.testing.assert_allclose(evidence.get("el2n"), np.sqrt(((p - one_hot) ** 2).sum(axis=2)), rtol=1e-4)
    np.testing.assert_array_equal(evidence.get("margin", slice(2, 5)), evidence.get("margin")[:, 2:5])


def test_an_unlabelled_row_is_neither_right_nor_wrong(labels, logits):
    labels[3] = -1
    evidence = Evidence.from_arrays(labels, logits=logits)
    for name in ("p_given", "margin", "loss", "el2n", "correct"):
        values = evidence.get(name)
        assert np.isnan(values[:, 3]).all()
        assert np.isfinite(np.delete(values, 3, axis=1)).all()


def test_neighbours_leave_the_row_itself_out(rng):
    centres = np.repeat(np.eye(3) * 10, 20, axis=0)
    labels = np.repeat(np.arange(3), 20)
    evidence = Evidence.from_arrays(labels, embeddings=centres + rng.normal(size=centres.shape))
    near = evidence.get("neighbor_labels")
    assert near.shape == (60, 30)
    near = near[:, :10]
    assert (near == labels[:, None]).mean() > 0.95


def test_texts_get_vectors_and_embeddings_win(labels):
    texts = ["the cat sat", "the cat ran", "a dog ran", "a dog sat"] * 3
    evidence = Evidence.from_arrays(labels, 3, texts=texts)
    vectors = evidence.get("embeddings")
    assert len(vectors) == 12
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, rtol=1e-5)
    assert vectors[0] @ vectors[1] > vectors[0] @ vectors[2]
    both = Evidence.from_arrays(labels, 3, texts=texts, embeddings=np.eye(12))
    np.testing.assert_array_equal(both.get("embeddings"), np.eye(12))


@pytest.mark.parametrize("texts", [[""] * 12, ["x"] * 12, ["?"] + [""] * 11])
def test_texts_without_content_are_no_error(labels, texts):
    assert len(Evidence.from_arrays(labels, 3, texts=texts).get("embeddings")) == 12


def test_unknown_and_missing_names_are_different_errors(labels):
    evidence = Evidence.from_arrays(labels, 3)
    with pytest.raises(InputError, match="Did you mean 'pred_probs'"):
        evidence.get("pred_prob")
    with pytest.raises(MissingEvidence, match="logits=True"):
        evidence.get("logits")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"pred_probs": np.full((12, 3), 0.2)}, "sums to 0.6"),
        ({"pred_probs": np.full((11, 3), 1 / 3)}, r"has shape \(12,\) for 11 rows"),
        ({"embeddings": np.zeros((3, 2))}, "Pass an array of numbers with 12 rows"),
        ({"embeddings": np.zeros(12)}, r"has shape \(12,\)"),
        ({"logits": np.zeros((2, 12, 4)), "k": 3}, "k says 3, logits says 4"),
        ({"statistics": {"p_givn": np.zeros((2, 12))}}, "Did you mean 'p_given'"),
        ({"statistics": {"loss": np.zeros(12)}}, r"Give \(epochs, n\)"),
        ({"texts": ["one"]}, "1 entries for 12 labels"),
        ({"ids": np.arange(3)}, r"`ids` has shape \(3,\)"),
        ({"k": 2}, "labels are 0 .. 1"),
    ],
)
def test_refusals_name_the_field(arguments, message):
    with pytest.raises(InputError, match=message):
        Evidence.from_arrays(np.arange(12) % 3, **arguments)


def test_a_run_gives_what_it_recorded(tmp_path, rng):
    import workbench as wb

    labels = rng.integers(0, 3, 30)
    dataset = wb.Dataset.from_arrays(labels, ids=[f"x{i}" for i in range(30)], classes=["a", "b", "c"])
    with wb.Recorder(tmp_path / "run", dataset) as recorder:
        logits = rng.normal(size=(3, 30, 3)).astype(np.float32)
        vectors = rng.normal(size=(30, 4)).astype(np.float32)
        for epoch in range(3):
            with recorder.epoch(epoch):
                recorder.batch(dataset.ids, logits[epoch], embeddings=vectors)
    run = wb.open_run(tmp_path / "run")
    evidence = Evidence.from_run(run)
    assert evidence.classes == ("a", "b", "c")
    assert list(evidence.ids[:2]) == ["x0", "x1"]
    same = Evidence.from_arrays(labels, logits=logits)
    for name in ("p_given", "margin", "el2n", "correct", "pred"):
        np.testing.assert_allclose(evidence.get(name), same.get(name), rtol=1e-5)
    assert evidence.get("embeddings").shape == (30, 4)
    assert evidence.get("neighbor_labels").shape == (30, 29)
    assert not evidence.has("pred_probs")
    run.save_pred_probs(np.full((30, 3), 1 / 3), out_of_fold=False, source="in-sample test")
    again = Evidence.from_run(run)
    assert again.has("pred_probs")
    assert not again.out_of_fold
    assert str(again.provenance["pred_probs"]) == "in-sample test"
    assert len(wb.find_issues(run)) == 30


def test_of_several_embeddings_the_telling_one_is_taken(tmp_path, rng):
    """Epoch 0 has learned nothing, epoch 1 the classes, epoch 2 the labels with their errors."""
    import workbench as wb

    true = rng.integers(0, 3, 90)
    given = np.where(rng.random(90) < 0.1, (true + 1) % 3, true)
    dataset = wb.Dataset.from_arrays(given)
    with wb.Recorder(tmp_path / "run", dataset) as recorder:
        for epoch, known in enumerate((np.zeros(90, int), true, given)):
            with recorder.epoch(epoch):
                vectors = np.eye(3)[known] + rng.normal(size=(90, 3)) * 0.1
                recorder.batch(dataset.ids, 5 * np.eye(3)[known], embeddings=vectors)
    run = wb.open_run(tmp_path / "run")
    evidence = Evidence.from_run(run)
    np.testing.assert_array_equal(evidence.get("embeddings"), run.embeddings(1))
    assert evidence.provenance["embeddings"].epoch == 1
    near = evidence.get("neighbor_labels")
    wrong = given != true
    assert (near[wrong] == given[wrong, None]).mean() < 0.5


def test_scores_of_a_run_do_not_change_its_evidence(tmp_path, rng):
    """`score` stores out-of-fold probabilities computed from the embeddings; the detector still uses the embeddings."""
    import workbench as wb

    given = rng.integers(0, 3, 60)
    dataset = wb.Dataset.from_arrays(given)
    with wb.Recorder(tmp_path / "run", dataset) as recorder, recorder.epoch(0):
        recorder.batch(dataset.ids, 4 * np.eye(3)[given] - 1, embeddings=np.eye(3)[given] + rng.normal(size=(60, 3)))
    run = wb.open_run(tmp_path / "run")
    before = wb.find_issues(run)
    wb.score(run)
    assert run.pred_probs() is not None
    assert not Evidence.from_run(run).has("pred_probs")
    assert wb.find_issues(run).equals(before)


def test_a_run_with_texts_and_no_embeddings_reads_the_texts(tmp_path, rng):
    import workbench as wb

    true = rng.integers(0, 2, 80)
    texts = [f"{'goal match team' if t else 'vote party law'} {i % 9}" for i, t in enumerate(true)]
    texts[3] = None
    given = np.where(np.arange(80) < 8, 1 - true, true)
    dataset = wb.Dataset.from_arrays(given, texts=texts)
    with wb.Recorder(tmp_path / "run", dataset) as recorder, recorder.epoch(0):
        recorder.batch(dataset.ids, rng.normal(size=(80, 2)))
    found = wb.find_issues(wb.open_run(tmp_path / "run"))
    assert "character n-grams" in found.attrs["sources"]["embeddings"]
    assert (found["row"][:8] < 8).mean() > 0.7
