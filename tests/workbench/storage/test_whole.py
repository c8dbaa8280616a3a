"""Damage to any file of the shipped run: `check` reports it, the run does not open, or no number changed."""

from __future__ import annotations

import shutil
import warnings

import numpy as np
import pandas as pd
import pytest

import workbench as wb
from workbench.evidence.out_of_fold import out_of_fold
from workbench.foundation.errors import WorkbenchError
from workbench.shell.inspection import inspect, repair_run
from workbench.storage.provenance import cross_validated

KINDS = ("flip", "cut", "gone", "folder", "empty")


@pytest.fixture(scope="module")
def source(root):
    return root / "data" / "digits-run"


def damage(path, kind, rng):
    if kind == "flip":
        data = bytearray(path.read_bytes())
        data[int(rng.integers(len(data)))] ^= 1 << int(rng.integers(8))
        path.write_bytes(data)
    elif kind == "cut":
        data = path.read_bytes()
        path.write_bytes(data[: int(rng.integers(1, len(data)))])
    elif kind == "empty":
        path.write_bytes(b"")
    else:
        path.unlink()
        if kind == "folder":
            path.mkdir()


def told(path):
    """Descriptions of the damage: findings, or the error that explains why the run does not open."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return [str(one) for one in inspect(wb.open_run(path)) if one.kind != "note"]
    except WorkbenchError as error:
        return [str(error)]


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_every_file_of_the_shipped_run(source, tmp_path, rng, kind):
    names = [file.relative_to(source) for file in sorted(source.rglob("*")) if file.is_file()]
    names = [name for name in names if name.parts[0] not in ("cache", "checksums") and not name.name.startswith(".")]
    shutil.copytree(source, tmp_path / "run", ignore=shutil.ignore_patterns("cache", "journal*", ".rank*"))
    assert told(tmp_path / "run") == []
    assert len(names) == 16
    epochs = [name for name in names if name.parts[0] == "stats"]
    assert len(epochs) == 10
    together = [[name] for name in epochs] if kind == "folder" else [epochs[::2], epochs[1::2]]  # a folder is an error
    for damaged in (*together, *([name] for name in names if name not in epochs)):
        for name in damaged:
            damage(tmp_path / "run" / name, kind, rng)
        found = told(tmp_path / "run")
        for name in damaged:
            said = name.parent.name if name in epochs else name.name
            assert any(said in words for words in found), (name, found)
            path = tmp_path / "run" / name
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
            shutil.copyfile(source / name, path)
    assert told(tmp_path / "run") == []


@pytest.fixture(scope="module")
def everything(source, tmp_path_factory):
    """The shipped run with everything else that can be saved in a run."""
    from widgets.view.views import Views

    path = tmp_path_factory.mktemp("whole") / "run"
    shutil.copytree(source, path, ignore=shutil.ignore_patterns("cache", "journal*", ".rank*"))
    run = wb.open_run(path)
    wb.review.save_votes(run, pd.DataFrame({"id": [0, 1], "annotator": ["u", "v"], "label": ["1", "2"]}))
    run.save_embeddings(run.embeddings(), source="again", trained_on_labels=False)
    Views(run.path / "views.json").save("mine", {"color_by": "aum"})
    issues = pd.DataFrame({"p_error": np.linspace(0, 1, run.n)}, index=run.dataset.ids)
    wb.audit(run, budget=20, issues=issues)
    run.journal.relabel([3, 4], "5", old="4", author="me")
    run.journal.close()
    assert told(run.path) == []
    return run.path


@pytest.fixture
def saved(everything, tmp_path):
    """A copy of it."""
    return shutil.copytree(everything, tmp_path / "run")


SAVED = ("votes.parquet", "audit.parquet", "views.json", "journal.sqlite", "embeddings/epoch=0009.json")


@pytest.mark.parametrize("kind", ["cut", "gone", "folder"])
@pytest.mark.parametrize("name", SAVED)
def test_what_was_saved_later(saved, rng, name, kind):
    damage(saved / name, kind, rng)
    found = told(saved)
    assert any(name.rpartition("/")[2] in words for words in found), found


def test_a_journal_copied_without_its_log(saved, tmp_path):
    (saved / "journal.sqlite").unlink()
    other = wb.Journal(tmp_path / "empty.sqlite")
    other._file._open(write=True)  # like a copy of the file alone, right after its first decision
    other.close()
    shutil.copy(tmp_path / "empty.sqlite", saved / "journal.sqlite")
    assert any("copied without journal.sqlite-wal" in words for words in told(saved))


def test_a_missing_first_epoch_is_noted(saved):
    shutil.rmtree(saved / "stats" / "epoch=0000")
    (saved / "checksums" / "stats" / "epoch=0000" / "rank=0.parquet.sha256").unlink()
    notes = [str(one) for one in inspect(wb.open_run(saved))]
    assert any("epochs 0 were not recorded" in words for words in notes)


def test_a_damaged_cache_is_found_set_aside_and_changes_nothing(saved):
    run = wb.open_run(saved)
    expected = wb.score(run).copy()
    wb.neighbors(run, k=5)
    files = [file for file in (saved / "cache").rglob("*.np?")]
    assert told(saved) == []
    for file in files:
        data = bytearray(file.read_bytes())
        data[len(data) // 2] ^= 4
        file.unlink()
        file.write_bytes(data)
    findings = list(inspect(wb.open_run(saved)))
    assert {one.path for one in findings if one.is_damage} == {f.relative_to(saved).as_posix() for f in files}
    assert wb.score(wb.open_run(saved)).equals(expected)
    list(repair_run(wb.open_run(saved), list(inspect(wb.open_run(saved)))))
    assert told(saved) == []


def test_a_strangers_cache_is_noted(saved, monkeypatch, tmp_path):
    wb.neighbors(wb.open_run(saved), k=5)
    monkeypatch.setenv("LABEL_WORKBENCH_HOME", str(tmp_path / "other"))
    notes = [str(one) for one in inspect(wb.open_run(saved)) if one.path.startswith("cache/")]
    assert notes and all("another user or another release" in words for words in notes)
    assert told(saved) == []


# ---- values and their description --------------------------------------------------------------------------------


def test_release_0_1_0_reads_what_is_saved_now(saved):
    """It opened the array and the JSON file beside it."""
    import json

    values = np.load(saved / "embeddings" / "epoch=0009.npy")
    assert values.shape == (1797, 64)
    said = json.loads((saved / "embeddings" / "epoch=0009.json").read_text())
    assert said["how"] == "again" and said["trained_on_labels"] is False


def test_half_a_save_of_release_0_1_0_is_told_and_never_written_over(source, tmp_path):
    """That release removed the description first, so a kill left values without a description."""
    shutil.copytree(source, tmp_path / "run", ignore=shutil.ignore_patterns("cache", "journal*", ".rank*"))
    run = wb.open_run(tmp_path / "run")
    (run.path / "pred_probs.json").unlink()
    before = (run.path / "pred_probs.npy").read_bytes()
    with pytest.warns(UserWarning, match=r"pred_probs\.npy is without its description"):
        scores = wb.score(run)
    assert "self_confidence" in scores
    assert (run.path / "pred_probs.npy").read_bytes() == before
    assert any("without its description" in words for words in told(run.path))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        again = wb.score(wb.open_run(run.path))
        pd.testing.assert_frame_equal(again, scores)
    run.save_pred_probs(np.full((run.n, run.k), 1 / run.k), out_of_fold=False, source="anew")
    assert run.pred_probs().source == "anew"
    assert not any("without" in words for words in told(run.path))


@pytest.mark.parametrize("left", ["damaged values", "damaged description", "description alone", "a folder"])
def test_nothing_of_a_persons_is_written_over_unasked(source, tmp_path, left):
    from workbench.storage.probabilities import PredProbs

    shutil.copytree(source, tmp_path / "run", ignore=shutil.ignore_patterns("cache", "journal*", ".rank*"))
    run = wb.open_run(tmp_path / "run")
    path = run.path / "pred_probs.npy"
    if left == "damaged values":
        path.write_bytes(path.read_bytes()[:1000])
    elif left == "damaged description":
        path.with_suffix(".json").write_text("{")
    else:
        path.unlink()
        if left == "a folder":
            path.mkdir()
    before = path.read_bytes() if path.is_file() else None
    ours = PredProbs(np.full((run.n, run.k), 1 / run.k, np.float32), cross_validated(run.embedding_provenance(), 5, 0))
    assert run.keep_pred_probs(ours) is False
    assert (path.read_bytes() if path.is_file() else None) == before


def test_ours_make_way_for_a_persons_and_for_other_embeddings(source, tmp_path, rng):
    shutil.copytree(source, tmp_path / "run", ignore=shutil.ignore_patterns("cache", "journal*", ".rank*"))
    run = wb.open_run(tmp_path / "run")
    for suffix in (".npy", ".json"):
        (run.path / "pred_probs").with_suffix(suffix).unlink()
    first = out_of_fold(run)
    assert run.pred_probs().automatic
    run.save_embeddings(rng.normal(size=run.embeddings().shape), trained_on_labels=True)
    second = out_of_fold(run)  # the same description, different vectors
    assert not np.allclose(first.values, second.values)
    run.save_pred_probs(first.values, out_of_fold=True, source=first.source)  # a user may use the same names
    out_of_fold(run)
    assert not run.pred_probs().automatic
    np.testing.assert_array_equal(run.pred_probs().values, first.values)
