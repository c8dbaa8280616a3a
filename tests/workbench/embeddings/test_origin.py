"""What is said about where embeddings come from, and that the detector and the scores hear of it."""

from __future__ import annotations

import numpy as np
import pytest

import workbench as wb
from workbench.foundation.errors import InputError, RunError
from workbench.shell.inspection import inspect
from workbench.storage.provenance import NOT_KNOWN, NOT_TRAINED, TRAINED_HERE

WORDS = ("good film", "bad food", "long road")


@pytest.fixture
def run(tmp_path) -> wb.Run:
    """60 texts of three kinds; one epoch recorded with embeddings of the network."""
    rng = np.random.default_rng(0)
    truth = np.repeat(np.arange(3), 20)
    texts = [f"{WORDS[kind]} {WORDS[kind][::-1]} {number}" for number, kind in enumerate(truth)]
    dataset = wb.Dataset.from_arrays(truth, texts=texts)
    recorder = wb.Recorder(tmp_path / "run", dataset)
    with recorder.epoch(0):
        recorder.batch(dataset.ids, rng.normal(size=(60, 3)), embeddings=rng.normal(size=(60, 4)))
    return wb.open_run(tmp_path / "run")


def test_embeddings_of_a_training_saw_its_labels(run):
    assert run.embedding_origin() == TRAINED_HERE
    assert wb.Evidence.from_run(run).saw_labels("embeddings")


@pytest.mark.parametrize(("saw", "words"), [(True, TRAINED_HERE), (False, NOT_TRAINED), (None, NOT_KNOWN)])
def test_stored_embeddings_say_what_they_were_told(run, saw, words):
    run.save_embeddings(np.eye(60, 5), how="a frozen network", trained_on_labels=saw)
    assert run.embedding_origin() == f"a frozen network; {words}"
    evidence = wb.Evidence.from_run(run)
    evidence.get("embeddings")
    assert evidence.saw_labels("embeddings") is saw
    assert words in wb.score(run, "neighbor_disagreement").attrs["scores"]["neighbor_disagreement"]["evidence"]
    assert not [finding for finding in inspect(run) if finding.kind != "note"]


def test_new_embeddings_forget_what_was_said_of_the_old(run):
    run.save_embeddings(np.eye(60, 5), how="a frozen network", trained_on_labels=False)
    run.save_embeddings(np.eye(60, 6))
    assert run.embedding_origin() == NOT_KNOWN


def test_texts_become_embeddings_that_bring_like_to_like(run):
    wb.embed_texts(run)
    assert run.embedding_origin() == f"character n-grams of the texts; {NOT_TRAINED}"
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
        run.embedding_origin()
    assert [finding.path for finding in inspect(run) if finding.is_damage] == ["embeddings/epoch=0000.json"]
