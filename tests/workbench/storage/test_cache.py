"""The cache of computed results: stored results are read back, damaged or foreign ones are computed again."""

from __future__ import annotations

import shutil

import numpy as np
import pandas as pd
import pytest

import workbench as wb
from workbench.storage import cache, seals
from workbench.storage.columns import Pass, read_column

KEY = {"of": "abc"}


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("LABEL_WORKBENCH_HOME", str(tmp_path / "home"))
    return monkeypatch


@pytest.fixture
def run(tmp_path, root):
    shutil.copytree(root / "data" / "digits-run", tmp_path / "run")
    return wb.open_run(tmp_path / "run")


def flipped(path, place):
    """Flip one bit of a file, at a fraction of its length."""
    data = bytearray(path.read_bytes())
    data[min(int(place * len(data)), len(data) - 1)] ^= 0x10
    path.write_bytes(data)


def test_arrays_come_back_under_their_key_alone(run, rng):
    arrays = {"a": rng.normal(size=(7, 2)), "b": np.arange(3, dtype=np.int8)}
    cache.store(run.layout, "x", KEY, arrays)
    found = cache.load(run.layout, "x", KEY)
    assert found.keys() == arrays.keys()
    for name in arrays:
        np.testing.assert_array_equal(found[name], arrays[name])
    assert cache.load(run.layout, "x", {"of": "abd"}) is None
    assert cache.load(run.layout, "y", KEY) is None


@pytest.mark.parametrize("place", np.linspace(0, 1, 23))
def test_one_bit_changed_and_it_is_made_again(run, rng, place):
    values = rng.normal(size=50)
    cache.store(run.layout, "x", KEY, {"a": values})
    flipped(cache.cache_file(run.layout, "x.npz"), place)
    assert cache.load(run.layout, "x", KEY) is None
    again = cache.cached(run.layout, "x", KEY, lambda: {"a": values})
    np.testing.assert_array_equal(again["a"], values)
    assert cache.load(run.layout, "x", KEY) is not None


@pytest.mark.parametrize("cut", [0, 1, 39, 40, 200])
def test_cut_short_or_replaced_by_a_folder(run, rng, cut):
    cache.store(run.layout, "x", KEY, {"a": rng.normal(size=50)})
    path = cache.cache_file(run.layout, "x.npz")
    path.write_bytes(path.read_bytes()[:cut])
    assert cache.load(run.layout, "x", KEY) is None
    path.unlink()
    path.mkdir()
    assert cache.load(run.layout, "x", KEY) is None


def test_what_another_user_computed_is_not_believed(run, rng, home, tmp_path):
    cache.store(run.layout, "x", KEY, {"a": rng.normal(size=5)})
    home.setenv("LABEL_WORKBENCH_HOME", str(tmp_path / "other"))
    assert cache.load(run.layout, "x", KEY) is None
    assert seals.state_of(cache.cache_file(run.layout, "x.npz"), "x.npz") == seals.OTHER


def test_a_file_does_not_pass_for_another(run, rng):
    """A valid result under another name, and a file in the format of an older release."""
    cache.store(run.layout, "x", KEY, {"a": rng.normal(size=5)})
    shutil.copy(cache.cache_file(run.layout, "x.npz"), cache.cache_file(run.layout, "y.npz"))
    assert cache.load(run.layout, "y", KEY) is None
    np.savez(cache.cache_file(run.layout, "z.npz"), key=np.frombuffer(cache._encode(KEY), np.uint8), a=np.zeros(5))
    assert cache.load(run.layout, "z", KEY) is None
    assert seals.state_of(cache.cache_file(run.layout, "z.npz"), "z.npz") == seals.OPEN


def test_where_no_key_can_be_kept_it_lasts_for_this_process(run, rng, home, tmp_path):
    (tmp_path / "file").write_text("x")
    home.setenv("LABEL_WORKBENCH_HOME", str(tmp_path / "file"))
    cache.store(run.layout, "x", KEY, {"a": rng.normal(size=5)})
    assert cache.load(run.layout, "x", KEY) is not None
    home.setattr("workbench.storage.trust._SESSION", b"\0" * 32)
    assert cache.load(run.layout, "x", KEY) is None


def test_a_key_that_was_cut_short_is_made_anew(run, rng, home, tmp_path):
    (tmp_path / "home" / "label-workbench").mkdir(parents=True)
    (tmp_path / "home" / "label-workbench" / "media.key").write_bytes(b"")
    cache.store(run.layout, "x", KEY, {"a": rng.normal(size=5)})
    home.setattr("workbench.storage.trust._SESSION", b"\0" * 32)
    assert cache.load(run.layout, "x", KEY) is not None


def test_a_place_that_cannot_be_written(run, rng, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.warns(UserWarning, match="not kept.*No space left.*Make room"):
        cache.store(run.layout, "x", KEY, {"a": rng.normal(size=5)})
    cache.store(run.layout, "x", KEY, {"a": rng.normal(size=5)}, quiet=True)
    assert not list(run.layout.cache.glob("*x.npz*"))


# ---- a DataFrame ----------------------------------------------------------------------------------------------------


def test_a_frame_comes_back_as_it_was(run, rng):
    frame = pd.DataFrame(
        {
            "p": rng.normal(size=4),
            "flag": [True, False, True, False],
            "small": np.arange(4, dtype=np.uint8),
            "words": np.array(["a", None, "ä", "d"], object),
            "text": pd.Series(["a", None, "c", "d"], dtype="str"),
            "repeated": pd.Series(["b", "a", "b", "b"], dtype="str"),
            "like ours": np.array(['{"": "missing"}', "x", '{"": "missing"}', ""], object),
            "lists": pd.Series([["a", "b"], [], ["a"], []], index=["x", "y", "z", "w"]),
            "yes": pd.array([True, None, False, True], dtype="boolean"),
            "when": pd.to_datetime(["2026-01-01", None, "2026-01-03", "2026-01-04"]),
        },
        index=pd.Index(["x", "y", "z", "w"], name="id"),
    )
    frame.attrs = {
        **{"interval": (1.5, float("inf")), "curve": np.arange(3.0), "of": {"a": [1, None]}, "n": np.int64(3)},
        **{"by": {0: "zero", 1: "one"}, "none": None},
    }
    cache.store_frame(run.layout, "x", KEY, frame)
    found = cache.load_frame(run.layout, "x", KEY)
    attrs, expected = dict(found.attrs), dict(frame.attrs)
    found.attrs, frame.attrs = {}, {}
    pd.testing.assert_frame_equal(found, frame)
    np.testing.assert_array_equal(attrs.pop("curve"), expected.pop("curve"))
    assert attrs == expected
    assert cache.load_frame(run.layout, "x", {"of": "other"}) is None


def test_issues_come_back_as_they_were(run):
    issues = wb.find_issues(run)
    cache.store_frame(run.layout, "issues", cache.evidence_key(run.layout, run.dataset), issues)
    found = cache.load_frame(run.layout, "issues", cache.evidence_key(run.layout, run.dataset))
    assert list(found.attrs) == list(issues.attrs)
    found.attrs, issues.attrs = {}, {}
    pd.testing.assert_frame_equal(found, issues)


def test_evidence_decides_the_key(run, rng):
    seen = [cache.evidence_key(run.layout, run.dataset)]
    run.save_embeddings(rng.normal(size=(run.n, 4)), trained_on_labels=True)
    seen.append(cache.evidence_key(run.layout, run.dataset))
    run.save_embeddings(run.embeddings(), trained_on_labels=False)  # the same numbers, trusted differently
    seen.append(cache.evidence_key(run.layout, run.dataset))
    run.save_pred_probs(rng.dirichlet(np.ones(run.k), run.n), out_of_fold=False, source="x")
    seen.append(cache.evidence_key(run.layout, run.dataset))
    wb.review.save_votes(run, pd.DataFrame({"id": [1], "annotator": ["u"], "label": [run.classes[0]]}))
    seen.append(cache.evidence_key(run.layout, run.dataset))
    assert len({str(key) for key in seen}) == len(seen)


# ---- columns of scores ----------------------------------------------------------------------------------------------


def column(folder, values, block_rows=4):
    work = Pass(folder, {"a": "d1"}, len(values), block_rows)
    for rows in work.left():
        work.write(rows, {"a": values[rows]})
    work.finish()
    return folder / "a.d1.npy"


@pytest.mark.parametrize("place", np.linspace(0, 1, 23))
def test_one_bit_of_a_column(tmp_path, rng, place):
    path = column(tmp_path / "scores", rng.normal(size=11))
    assert read_column(tmp_path / "scores", "a", "d1", 11) is not None
    flipped(path, place)
    assert read_column(tmp_path / "scores", "a", "d1", 11) is None


def test_a_column_of_another_user_of_an_older_release_or_of_another_name(tmp_path, rng, home):
    folder = tmp_path / "scores"
    path = column(folder, rng.normal(size=11))
    shutil.copy(path, folder / "b.d1.npy")
    assert read_column(folder, "b", "d1", 11) is None
    home.setenv("LABEL_WORKBENCH_HOME", str(tmp_path / "other"))
    assert read_column(folder, "a", "d1", 11) is None
    np.save(path, np.zeros(11))
    assert read_column(folder, "a", "d1", 11) is None


def test_blocks_of_a_pass_that_were_changed_or_are_not_ours_are_made_again(tmp_path, rng, home):
    values = rng.normal(size=11)
    for change in ("nothing", "bytes", "user"):
        folder = tmp_path / change
        work = Pass(folder, {"a": "d1"}, 11, 4)
        for rows in work.left()[:2]:
            work.write(rows, {"a": values[rows]})
        work.save()
        work.close()
        (part,) = folder.glob("part-*")
        if change == "bytes":
            flipped(part / "a.npy", 0.9)
        if change == "user":
            home.setenv("LABEL_WORKBENCH_HOME", str(tmp_path / "other"))
        assert Pass(folder, {"a": "d1"}, 11, 4).finished_rows == (8 if change == "nothing" else 0)


def test_scores_of_a_stranger_are_computed_again(run, home, tmp_path):
    expected = wb.score(run).copy()  # not memory-mapped from the files changed below
    home.setenv("LABEL_WORKBENCH_HOME", str(tmp_path / "victim"))
    for path in (run.layout.cache / "scores").glob("*.npy"):
        if ".state." not in path.name:
            values = np.load(path)
            np.save(path, ~values if values.dtype == bool else -values)
    pd.testing.assert_frame_equal(wb.score(run), expected)
