"""Runs at URLs: recorded, read and resumed on fsspec file systems; an untrusted run stays inside its folder."""

from __future__ import annotations

import shutil
import uuid
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from olderjournal import older

from workbench.data.dataset import Dataset
from workbench.data.media import read_image
from workbench.foundation.errors import ExistsError, InputError, RunError
from workbench.recording.recorder import Recorder
from workbench.runs.run import open_run
from workbench.scores import score
from workbench.shell.inspection import inspect
from workbench.storage import remote

fsspec = pytest.importorskip("fsspec", reason="needs fsspec (in the scale extra)")

N, K = 40, 3


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    """A separate data folder; calling the fixture switches to another user's."""

    def of(user: str) -> None:
        monkeypatch.setenv("LABEL_WORKBENCH_HOME", str(tmp_path / user))

    of("ann")
    return of


@pytest.fixture(params=["memory", "moved", "file", pytest.param("s3", marks=pytest.mark.slow)])
def place(request, tmp_path, monkeypatch):
    """A new URL and its options: in memory, a file system that uploads by moving, local, S3."""
    name = uuid.uuid4().hex
    if request.param == "s3":
        bucket, options = request.getfixturevalue("s3")
        return f"{bucket}/{name}/birds", options
    if request.param == "file":
        return f"file://{tmp_path}/{name}/birds", None
    if request.param == "moved":
        monkeypatch.setattr(remote, "WHOLE_PUTS", set())
    return f"memory://{name}/birds", None


def made(seed: int = 5):
    rng = np.random.default_rng(seed)
    given = rng.integers(0, K, N)
    return given, rng.normal(size=(4, N, K)).astype(np.float32), rng.normal(size=(4, N, 5)).astype(np.float32)


def record(path, epochs, options=None, **settings):
    given, logits, embeddings = made()
    dataset = Dataset.from_arrays(["abc"[code] for code in given], ids=[f"x{i}" for i in range(N)])
    with Recorder(path, dataset, storage_options=options, **settings) as recorder:
        for epoch in epochs:
            with recorder.epoch(epoch):
                recorder.batch(dataset.ids, logits[epoch], embeddings[epoch])
        return recorder.next_epoch


def names(url, options):
    fs, base = fsspec.core.url_to_fs(url, **(options or {}))
    fs.invalidate_cache()
    return {path[len(base) :].lstrip("/") for path in fs.find(base)}


def test_a_run_at_a_url_holds_what_a_local_one_does(place, tmp_path, home):
    url, options = place
    record(url, range(3), options, logits=True)
    record(tmp_path / "local", range(3), logits=True)
    home("bob")  # none of the recording is on the other user's machine
    run, local = open_run(url, storage_options=options), open_run(tmp_path / "local")
    assert run.name == "birds" and run.epochs == (0, 1, 2)
    pd.testing.assert_frame_equal(score(run), score(local), check_exact=True)
    np.testing.assert_array_equal(run.logits(1), local.logits(1))
    np.testing.assert_array_equal(run.embeddings(), local.embeddings())
    np.testing.assert_array_equal(run.stats(2)["topk_p"], local.stats(2)["topk_p"])
    there = {name for name in names(url, options) if not name.startswith((".", "inflight", "cache", "pred_probs"))}
    here = {path.relative_to(local.path).as_posix() for path in local.path.rglob("*") if path.is_file()}
    assert there - {"checksums/pred_probs.npy.sha256", "checksums/pred_probs.json.sha256"} == {
        name for name in here if not name.startswith((".", "inflight", "cache", "pred_probs", "checksums/pred"))
    }


def test_only_what_is_read_is_fetched(home):
    url = "memory://lazy/birds"
    record(url, range(3), logits=True)
    home("bob")
    run = open_run(url)
    assert not list(run.path.glob("stats/*/*")) and not list(run.path.glob("logits/*"))
    run.stats(1)
    assert [path.parent.name for path in run.path.glob("stats/*/*")] == ["epoch=0001"]


def test_recording_goes_on_from_another_machine(place, home):
    url, options = place
    assert record(url, range(2), options) == 2
    home("bob")
    assert record(url, [2], options) == 3
    assert open_run(url, storage_options=options).epochs == (0, 1, 2)
    home("ann")
    assert open_run(url, storage_options=options).epochs == (0, 1, 2)


def test_an_epoch_that_was_recorded_anew_elsewhere_is_fetched_again(home):
    url = "memory://anew/birds"
    record(url, range(2))
    before = open_run(url).stat_matrix("margin")
    home("bob")
    given, logits, _ = made()
    dataset = Dataset.from_arrays(["abc"[code] for code in given], ids=[f"x{i}" for i in range(N)])
    with Recorder(url, dataset, overwrite=True) as recorder, recorder.epoch(0):
        recorder.batch(dataset.ids, logits[3])
    home("ann")
    after = open_run(url)
    assert after.epochs == (0,)
    assert not np.array_equal(after.stat_matrix("margin")[0], before[0])


def test_only_the_last_embeddings_stay_at_the_url(place):
    url, options = place
    record(url, range(3), options, embedding_epochs="last")
    assert {name for name in names(url, options) if name.startswith("embeddings/")} == {"embeddings/epoch=0002.npy"}


def test_an_upload_that_fails_leaves_the_epoch_unsealed_there_and_says_so(monkeypatch, home):
    url = "memory://broken/birds"
    record(url, [0])
    original = remote.Remote.put

    def put(self, name, source=None):
        if name.startswith("stats/"):
            monkeypatch.setattr(fsspec.filesystem("memory"), "put_file", fail, raising=False)
        return original(self, name, source)

    def fail(*_, **__):
        raise OSError("connection reset")

    monkeypatch.setattr(remote.Remote, "put", put)
    with pytest.raises(RunError, match=r"memory://broken/birds: uploading stats/epoch=0001.*connection reset"):
        record(url, [1])
    monkeypatch.undo()
    home("bob")
    assert open_run(url).epochs == (0,)


def test_decisions_are_pushed_whole_and_never_over_those_of_another(place, home):
    url, options = place
    if url.startswith("file"):
        pytest.skip("a local run's journal is in the run")
    record(url, [0], options)
    run = open_run(url, storage_options=options)
    assert not run.push_journal()
    run.journal.relabel(["x1"], "b", old="a", author="ann")
    assert run.push_journal() and not run.push_journal()
    home("bob")
    theirs = open_run(url, storage_options=options)
    assert theirs.journal.state().loc["x1", "label"] == "b"
    theirs.journal.relabel(["x2"], "c", old="a", author="bob")
    assert theirs.push_journal()
    home("ann")
    run.journal.relabel(["x3"], "c", old="a", author="ann")
    with pytest.raises(RunError, match=r"another user pushed decisions.*Keep a copy of yours"):
        run.push_journal()
    again = open_run(url, storage_options=options)  # decisions that were not pushed are never replaced
    assert set(again.journal.state().index) == {"x1", "x3"}
    run.journal.close()
    again.journal.close()
    for path in run.path.glob("journal.sqlite*"):
        path.unlink()
    assert set(open_run(url, storage_options=options).journal.state().index) == {"x1", "x2"}


@pytest.mark.parametrize(
    "name",
    [
        *("../evil", "stats/epoch=0000/../../evil", "/etc/passwd", "stats/epoch=0000/rank=0.parquet/x", ".remote.json"),
        *("cache/scores/aum.00.npy", "checksums/../../x.sha256", "checksums//x.sha256", "journal.sqlite-wal", "a.pkl"),
        *("stats\\epoch=0000\\rank=0.parquet", "checkpoints/epoch=0.pt", "C:evil", ".rank=0.lock", "run.json\n"),
    ],
)
def test_a_strangers_names_are_not_taken(name, monkeypatch, home):
    url = f"memory://{uuid.uuid4().hex}/birds"
    record(url, [0])
    home("bob")
    fs, original = fsspec.filesystem("memory"), fsspec.filesystem("memory").find

    def find(path, **settings):
        some = next(iter(original(path, detail=True).values()))
        return original(path, **settings) | {f"{path}/{name}": some}

    monkeypatch.setattr(fs, "find", find, raising=False)
    run = open_run(url)
    assert name.lstrip("/") not in run.layout.remote.files
    assert name.lstrip("/") in run.layout.remote.unknown_files


def test_a_strangers_image_paths_stay_inside_the_working_folder(tmp_path, home):
    (tmp_path / "secret.png").write_bytes(b"secret")
    frame = pd.DataFrame({"image": [str(tmp_path / "secret.png"), "../../../secret.png"], "label": ["a", "b"]})
    url = f"memory://{uuid.uuid4().hex}/birds"
    Recorder(url, Dataset.from_frame(frame, label="label", image="image", media_root=tmp_path)).close()
    home("bob")
    dataset = open_run(url).dataset
    assert dataset.media_root == open_run(url).path.resolve()
    for path in (str(tmp_path / "secret.png"), "../../../secret.png"):
        with pytest.raises(InputError, match="leaves the media folder"):
            read_image(path, dataset.media_root)


def test_a_run_is_not_recorded_among_files_of_others():
    fsspec.filesystem("memory").pipe("/holiday/pictures/beach.jpg", b"x")
    with pytest.raises(ExistsError, match=r"memory://holiday exists and is not .*holds 'pictures/beach\.jpg'\)"):
        record("memory://holiday", [0])


def test_urls_that_cannot_be_opened_say_why():
    with pytest.raises(RunError, match=r"nonsense://x/y cannot be opened.*nonsense"):
        open_run("nonsense://x/y")
    with pytest.raises(RunError, match=r"memory://nothing/here is not a run \(no run\.json there\)"):
        open_run("memory://nothing/here")


def test_a_lost_working_folder_loses_no_evidence(home):
    url = "memory://lost/birds"
    record(url, range(2))
    expected = score(open_run(url)).copy()
    shutil.rmtree(Path(open_run(url).path))
    pd.testing.assert_frame_equal(score(open_run(url)), expected)


def test_a_run_at_a_url_is_checked_like_a_local_one(home):
    from workbench.shell.inspection import inspect

    url = "memory://checked/birds"
    record(url, range(2))
    home("bob")
    assert [str(finding) for finding in inspect(open_run(url))] == []
    fs = fsspec.filesystem("memory")
    fs.pipe("/checked/birds/stats/epoch=0001/rank=0.parquet", b"damaged")
    damage = [finding for finding in inspect(open_run(url)) if finding.is_damage]
    assert [finding.path for finding in damage] == ["stats/epoch=0001/rank=0.parquet"]


# ---- uploads that failed ---------------------------------------------------------------------------------------


def broken(monkeypatch, which):
    """Make uploads of names containing `which` fail like a network error until the next `monkeypatch.undo`."""
    original = remote.Remote.put

    def put(self, name, source=None):
        if which in name:
            raise RunError(f"{self.url}: uploading {name} failed (cut)")
        original(self, name, source)

    monkeypatch.setattr(remote.Remote, "put", put)


@pytest.mark.parametrize(
    ("which", "first", "whole"),
    [
        ("stats/", 1, (0, 1, 2)),
        ("logits/", 1, (0, 1, 2)),
        ("embeddings/epoch=0001.npy", 1, (0, 1, 2)),
        ("checksums/", 1, (0, 1, 2)),
        ("run.json", 0, (2,)),
        ("examples", 0, (2,)),
    ],
)
def test_an_upload_that_failed_is_made_good_when_recording_goes_on(which, first, whole, monkeypatch, home):
    url = f"memory://{uuid.uuid4().hex}/birds"
    if first:
        record(url, [0], logits=True)
    with monkeypatch.context() as patch:
        broken(patch, which)
        with pytest.raises(RunError, match=r"uploading .* failed"):
            record(url, [first], logits=True)
    if which == "stats/":
        found = [one for one in inspect(open_run(url)) if "missing at the run's URL" in one.words]
        assert [one.path for one in found] == open_run(url).layout.unsent()
        home("bob")
        assert open_run(url).epochs == (0,)
        home("ann")
        assert "stats/epoch=0001/rank=0.parquet" in [one.path for one in found]
    assert record(url, [2], logits=True) == 3
    local = open_run(url)
    assert local.layout.unsent() == []
    home("bob")
    there = open_run(url)
    assert there.epochs == there.logits_epochs == whole
    assert set(there.embedding_epochs) >= set(whole)
    assert not [one for one in inspect(there) if one.is_damage]


def test_a_kill_between_sealing_and_uploading_is_made_good(monkeypatch, home):
    """A file that is complete locally but was never uploaded, and no error was shown."""
    url = f"memory://{uuid.uuid4().hex}/birds"
    record(url, [0])
    with monkeypatch.context() as patch:
        patch.setattr(remote.RemoteLayout, "publish", lambda self, path: None)
        record(url, [1])
    run = open_run(url)
    assert run.epochs == (0, 1)
    run.save_pred_probs(np.full((N, K), 1 / K), out_of_fold=True, source="tested")  # any write repairs the run
    home("bob")
    assert open_run(url).epochs == (0, 1)
    assert open_run(url).pred_probs().source == "tested"


def test_what_was_never_uploaded_does_not_join_the_run_of_another(monkeypatch, home):
    url = f"memory://{uuid.uuid4().hex}/birds"
    record(url, [0])
    with monkeypatch.context() as patch:
        broken(patch, "stats/")
        with pytest.raises(RunError, match="uploading"):
            record(url, [1])
    home("bob")
    record(url, [0], overwrite=True)
    home("ann")
    run = open_run(url)
    assert run.epochs == (0,)
    aside = [path for path in (run.path / "set-aside").rglob("rank=0.parquet")]
    assert [path.parent.name for path in aside] == ["epoch=0001"]
    assert record(url, [1]) == 2


def test_check_elsewhere_names_epochs_that_are_missing(home):
    url = f"memory://{uuid.uuid4().hex}/birds"
    record(url, [1, 3])
    home("bob")
    notes = [one.words for one in inspect(open_run(url)) if one.kind == "note" and not one.path]
    assert notes == ["epochs 0, 2 were not recorded, but later ones were"]


def test_a_push_that_was_killed_before_it_was_noted_is_no_push_of_another(monkeypatch, home):
    url = f"memory://{uuid.uuid4().hex}/birds"
    record(url, [0])
    run = open_run(url)
    run.journal.keep("x1")
    with monkeypatch.context() as patch:
        patch.setattr(remote.Remote, "_same", lambda *_: None)
        assert run.push_journal()
    run = open_run(url)
    run.journal.keep("x2")
    assert run.push_journal()
    home("bob")
    other = open_run(url)
    assert other.journal.state().index.tolist() == ["x1", "x2"]
    other.journal.keep("x3")
    assert other.push_journal()
    home("ann")
    run.journal.keep("x4")
    with pytest.raises(RunError, match="another user pushed"):
        run.push_journal()


def test_an_older_journal_at_a_url_is_brought_up_by_whoever_decides_first(monkeypatch, home):
    url = f"memory://{uuid.uuid4().hex}/birds"
    record(url, [0])
    run = open_run(url)
    older(run.layout.journal, ids=("x1", "x2"))
    assert run.push_journal()
    home("bob")
    theirs = open_run(url)
    assert theirs.journal.state().index.tolist() == ["x1", "x2"] and theirs.journal.schema == 1
    assert not theirs.push_journal(), "reading is no decision"
    theirs.journal.keep("x3")
    assert theirs.push_journal()
    home("ann")
    run = open_run(url)
    assert (run.journal.schema, run.journal.state().index.tolist()) == (2, ["x1", "x2", "x3"])
    assert not (run.path / "before-schema=1").exists(), "each keeps the copy that it made"


def test_a_push_of_an_older_journal_that_was_killed_before_it_was_noted(monkeypatch, home):
    url = f"memory://{uuid.uuid4().hex}/birds"
    record(url, [0])
    run = open_run(url)
    older(run.layout.journal, ids=("x1", "x2"))
    with monkeypatch.context() as patch:
        patch.setattr(remote.Remote, "_same", lambda *_: None)
        assert run.push_journal()
    run = open_run(url)
    run.journal.keep("x3")
    assert run.journal.schema == 2 and run.push_journal(), "what is there is in it, although it is of schema 1"
