"""Labels and arrays in memory as a run directory, in one call."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import workbench as wb
from workbench.foundation.errors import ExistsError, InputError


@pytest.fixture
def arrays(rng) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    truth = np.arange(60) % 3
    probs = np.full((60, 3), 0.05)
    probs[np.arange(60), truth] = 0.9
    given = np.array(["cat", "dog", "owl"], object)[truth]
    given[:3] = "owl", "cat", "dog"
    return given, probs, rng.normal(size=(60, 5)) + np.eye(3, 5)[truth] * 4


def test_labels_become_a_run(arrays, tmp_path):
    labels, probs, embeddings = arrays
    run = wb.import_run(labels, tmp_path / "run", pred_probs=probs, embeddings=embeddings, texts=["t"] * 60)
    assert run.classes == ("cat", "dog", "owl") and run.dataset.text(3) == "t"
    assert np.allclose(wb.open_run(run.path).pred_probs().values, probs)
    assert run.pred_probs().out_of_fold
    assert np.allclose(run.embeddings(), embeddings, atol=0.01)
    assert set(wb.find_issues(run).index[:3]) == {0, 1, 2}
    assert not wb.import_run(labels, tmp_path / "in", pred_probs=probs, out_of_fold=False).pred_probs().out_of_fold
    with pytest.raises(ExistsError):
        wb.import_run(labels, tmp_path / "run")


def test_a_frame_with_arrays_beside_it(arrays, tmp_path):
    labels, probs, _ = arrays
    frame = pd.DataFrame({"species": labels, "file": [f"{n}.png" for n in range(60)], "site": "x"})
    table = pd.DataFrame(probs, columns=["cat", "dog", "owl"])[["owl", "cat", "dog"]]
    run = wb.import_run(frame, tmp_path / "run", label="species", id="file", pred_probs=table)
    assert np.allclose(run.pred_probs().values, probs), "columns are matched by name"
    assert run.dataset.ids[4] == "4.png"
    assert wb.import_run(frame, tmp_path / "plain", label="species").pred_probs() is None


def test_logits_become_epochs(arrays, tmp_path, rng):
    labels, _, _ = arrays
    logits = rng.normal(size=(4, 60, 3)).astype(np.float32)
    run = wb.import_run(labels, tmp_path / "run", logits=logits)
    assert run.epochs == (0, 1, 2, 3)
    expected = wb.score(wb.Evidence.from_arrays(labels, logits=logits), ["confidence", "variability"])
    assert np.allclose(wb.score(run, ["confidence", "variability"]), expected, atol=1e-6)


def test_evidence_and_dataset_become_runs(arrays, tmp_path):
    labels, probs, embeddings = arrays
    evidence = wb.Evidence.from_arrays(labels, pred_probs=probs, embeddings=embeddings)
    run = wb.import_run(evidence, tmp_path / "a")
    assert run.embedding_epochs and run.pred_probs().out_of_fold
    assert wb.import_run(wb.Dataset.from_arrays(labels), tmp_path / "b", pred_probs=probs).n == 60
    with pytest.raises(InputError, match="is already a run"):
        wb.import_run(run, tmp_path / "c")


@pytest.mark.parametrize(
    ("options", "found"),
    [
        ({"pred_probs": np.ones((3, 3)) / 3}, r"`pred_probs` has shape \(3, 3\) for 60 examples"),
        ({"pred_prob": 1}, "unknown option 'pred_prob'. Did you mean 'pred_probs'"),
        ({"embeddings": np.ones(60)}, r"`embeddings` has shape \(60,\) and dtype float64"),
        ({"label": "species"}, "no DataFrame was passed"),
    ],
)
def test_what_does_not_fit_leaves_nothing(arrays, tmp_path, options, found):
    with pytest.raises(InputError, match=found):
        wb.import_run(arrays[0], tmp_path / "run", **options)
    assert not list(tmp_path.iterdir())


def test_help_names_every_option():
    from workbench.recording.imports import READERS, options_of

    text = wb.import_run.__doc__
    for format in READERS:
        missing = [name for name in options_of(format) if f"`{name}" not in text]
        assert not missing, f"{format}: {missing}"
