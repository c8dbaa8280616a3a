"""The recorded provenance of embeddings, and its use by the detector and the scores."""

from __future__ import annotations

import json

import numpy as np
import pytest

import workbench as wb
from workbench.foundation.errors import InputError, RunError
from workbench.shell.inspection import inspect
from workbench.storage.probabilities import PredProbs
from workbench.storage.provenance import (
    NOT_KNOWN,
    NOT_TRAINED,
    TRAINED_HERE,
    Provenance,
    cross_validated,
    of_old_description,
    pooled_provenance,
)

WORDS = ("good film", "bad food", "long road")


@pytest.fixture
def run(tmp_path) -> wb.Run:
    """60 texts in three classes; one epoch recorded with embeddings of the network."""
    rng = np.random.default_rng(0)
    truth = np.repeat(np.arange(3), 20)
    texts = [f"{WORDS[kind]} {WORDS[kind][::-1]} {number}" for number, kind in enumerate(truth)]
    dataset = wb.Dataset.from_arrays(truth, texts=texts)
    recorder = wb.Recorder(tmp_path / "run", dataset)
    with recorder.epoch(0):
        recorder.batch(dataset.ids, rng.normal(size=(60, 3)), embeddings=rng.normal(size=(60, 4)))
    return wb.open_run(tmp_path / "run")


def test_embeddings_of_a_training_saw_its_labels(run):
    assert str(run.embedding_provenance()) == f"epoch 0; {TRAINED_HERE}"
    assert wb.Evidence.from_run(run).saw_labels("embeddings")


@pytest.mark.parametrize(("saw", "words"), [(True, TRAINED_HERE), (False, NOT_TRAINED), (None, NOT_KNOWN)])
def test_stored_embeddings_say_what_they_were_told(run, saw, words):
    run.save_embeddings(np.eye(60, 5), source="a frozen network", trained_on_labels=saw)
    assert str(run.embedding_provenance()) == f"epoch 0; a frozen network; {words}"
    evidence = wb.Evidence.from_run(run)
    evidence.get("embeddings")
    assert evidence.saw_labels("embeddings") is saw
    assert words in wb.score(run, "neighbor_disagreement").attrs["scores"]["neighbor_disagreement"]["evidence"]
    assert not [finding for finding in inspect(run) if finding.kind != "note"]


def test_new_embeddings_forget_what_was_said_of_the_old(run):
    run.save_embeddings(np.eye(60, 5), source="a frozen network", trained_on_labels=False)
    run.save_embeddings(np.eye(60, 6))
    assert str(run.embedding_provenance()) == f"epoch 0; {NOT_KNOWN}"


def test_texts_become_embeddings_that_bring_like_to_like(run):
    wb.embed_texts(run)
    assert str(run.embedding_provenance()) == f"epoch 0; character n-grams of the texts; {NOT_TRAINED}"
    agree = wb.neighbors(run, k=5).labels(run.dataset.given_labels) == run.dataset.given_labels[:, None]
    assert agree.mean() > 0.95
    assert wb.project(run, method="pca").shape == (60, 2)


def test_without_texts_the_error_says_how_to_name_them(tmp_path):
    dataset = wb.Dataset.from_arrays([0, 1])
    with pytest.raises(InputError, match=r"`text` is not among the columns.*text=COLUMN"):
        wb.embed_texts(wb.Recorder(tmp_path / "run", dataset).run())


@pytest.mark.parametrize("text", ["{", '{"how": 3, "trained_on_labels": false}', '{"how": "x"}', "[" * 5000])
def test_a_damaged_note_is_one_clear_error(run, text):
    run.save_embeddings(np.eye(60, 5))
    path = run.layout.array("embeddings", 0).with_suffix(".json")
    path.write_text(text)
    with pytest.raises(RunError, match=r"epoch=0000\.json is damaged"):
        run.embedding_provenance()
    assert [finding.path for finding in inspect(run) if finding.is_damage] == ["embeddings/epoch=0000.json"]


EMBEDDINGS = [
    Provenance("embeddings", "recorded", saw_labels=True, epoch=3),
    Provenance("embeddings", "imported", epoch=0),
    Provenance("embeddings", "user", "CLIP; ViT-B/32, seed 0", saw_labels=False, epoch=12),
]


@pytest.mark.parametrize("embedding", EMBEDDINGS)
@pytest.mark.parametrize("missing", [0, 7])
def test_a_sentence_of_an_earlier_release_becomes_the_record_that_is_written_now(embedding, missing):
    """Release 0.1.0 stored only this sentence."""
    record = cross_validated(embedding, 5, 0, missing)
    old = {"out_of_fold": True, "how": str(record), "automatic": True}
    assert of_old_description(old) == record
    del old["automatic"]  # the very first release did not record it
    assert of_old_description(old) == record


def test_a_person_may_say_anything_in_an_earlier_release():
    for how in (str(cross_validated(EMBEDDINGS[0], 5, 0)), "head out-of-fold", TRAINED_HERE, ""):
        old = of_old_description({"out_of_fold": False, "how": how, "automatic": False})
        assert (old.source, old.words, old.saw_labels, old.out_of_fold) == ("user", how, None, False)


@pytest.mark.parametrize("embedding", EMBEDDINGS)
def test_records_survive_json(embedding):
    parts = (cross_validated(embedding, 5, 0, 2), Provenance("pred_probs", "user", "x", out_of_fold=False))
    for record in (embedding, *parts, pooled_provenance("pred_probs", parts, out_of_fold=True)):
        assert Provenance.from_json(json.loads(json.dumps(record.to_json()))) == record


DEEP: dict = {"kind": "embeddings", "source": "ensemble"}
for _ in range(50):
    DEEP = {"kind": "embeddings", "source": "ensemble", "parts": [DEEP]}


WRONG = [{"folds": "5"}, {"words": 3}, {"out_of_fold": 1}, {"parts": {}}, {"kind": "embeddings"}, {"out_of_fold": None}]


@pytest.mark.parametrize(
    "said",
    [None, [], {}, {"kind": "pred_probs"}, {"kind": "x", "source": "user", "out_of_fold": True}, DEEP]
    + [{"kind": "pred_probs", "source": "user", "out_of_fold": True} | one for one in WRONG],
)
def test_a_damaged_record_is_one_clear_error(run, said):
    run.save_pred_probs(np.full((60, 3), 1 / 3), out_of_fold=True, source="forest")
    path = run.layout.pred_probs
    values, about = np.load(path), {"out_of_fold": True, "how": "forest", "provenance": said}
    np.save(path, values)  # as release 0.1.0 writes it: described by the JSON file beside it
    path.with_suffix(".json").write_text(json.dumps(about))
    with pytest.raises(RunError, match=r"pred_probs\.npy is damaged: its provenance .* Save the probabilities again"):
        run.pred_probs()


def test_words_decide_nothing(run):
    """A description that says the embedding was trained on the labels has no effect; only the flag counts."""
    run.save_embeddings(np.eye(60, 5), source=TRAINED_HERE, trained_on_labels=False)
    evidence = wb.Evidence.from_run(run)
    assert evidence.saw_labels("embeddings") is False
    assert not evidence.of_texts
    run.save_pred_probs(np.full((60, 3), 1 / 3), out_of_fold=True, source=str(cross_validated(EMBEDDINGS[0], 5, 0)))
    assert not run.pred_probs().automatic
    assert wb.Evidence.from_run(run).has("pred_probs")


def test_of_several_runs_one_that_saw_the_labels_is_enough_and_one_unknown_leaves_it_open():
    saw, unknown, never = (Provenance("embeddings", "user", saw_labels=one) for one in (True, None, False))
    assert pooled_provenance("embeddings", (saw, unknown)).saw_labels is True
    assert pooled_provenance("embeddings", (unknown, never)).saw_labels is None
    assert pooled_provenance("embeddings", (never, never)).saw_labels is False


def test_what_is_stored_holds_the_record_and_what_release_0_1_0_reads(run):
    record = cross_validated(run.embedding_provenance(), 5, 0)
    run.keep_pred_probs(PredProbs(np.full((60, 3), 1 / 3, np.float32), record))
    said = json.loads(run.layout.pred_probs.with_suffix(".json").read_text())
    assert Provenance.from_json(said["provenance"]) == record == run.pred_probs().provenance
    assert said["out_of_fold"] is True and said["automatic"] is True
    assert said["how"].startswith("head out-of-fold: 5-fold logistic regression on the embeddings of epoch 0, seed 0; ")
