"""Exported labels: contents of the file, authors of changes, what a cleaned training set leaves out."""

from __future__ import annotations

import json
import time

import numpy as np
import pandas as pd
import pytest

import workbench as wb
from workbench.foundation.errors import ExistsError, InputError
from workbench.review.export import EXPORT_COLUMNS, export_table
from workbench.storage.tables import read_table


@pytest.fixture
def run(tmp_path):
    """Six examples: relabelled, kept, flagged, skipped, undone, and an unlabelled one that was given a label."""
    frame = pd.DataFrame(
        {
            "label": ["=cat", "dog", "dog", "=cat", "dog", None],
            "key": ["a", "b", "c", "d", "e", "f"],
            "age": [-1, 2, 3, 4, 5, 6],
            "reason": ["+own", "", "x", "y", "z", None],
        }
    )
    dataset = wb.Dataset.from_frame(frame, "label", id="key")
    wb.Recorder(tmp_path / "run", dataset, mode="import").close()
    run = wb.open_run(tmp_path / "run")
    journal = run.journal
    journal.relabel(["a"], "dog", old="=cat", author="ann", reason="=looks like a dog")
    journal.keep(["b"], old="dog", author="bob")
    journal.flag(["c"], author="bob")
    journal.skip(["d"], author="bob")
    journal.relabel(["e"], "=cat", old="dog", author="ann")
    journal.undo("ann")
    journal.relabel(["f"], "dog", old=None, author="cy", reason="new")
    return run


def test_columns_by_hand(run):
    table = export_table(run)
    assert table.columns.tolist() == ["key", "age", "reason_", *EXPORT_COLUMNS]
    assert table["key"].tolist() == list("abcdef")
    assert table["label"].tolist() == ["dog", "dog", "dog", "=cat", "dog", "dog"]
    assert table["given_label"].tolist() == ["=cat", "dog", "dog", "=cat", "dog", None]
    assert table["changed"].tolist() == [True, False, False, False, False, True]
    assert table["verdict"].tolist() == ["relabel", "keep", None, "skip", None, "relabel"]
    assert table["flag"].tolist() == [False, False, True, False, False, False]
    assert table["note"].tolist() == [None] * 6
    assert table["author"].tolist() == ["ann", "bob", "bob", "bob", None, "cy"]
    assert table["reason"].tolist() == ["=looks like a dog", "", "", "", None, "new"]
    assert table["time"].str.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z").tolist()[0]
    assert table["age"].tolist() == [-1, 2, 3, 4, 5, 6]


@pytest.mark.parametrize(
    ("options", "ids"),
    [
        ({"only_changed": True}, "af"),
        ({"drop": "flagged"}, "abdef"),
        ({"drop": "skipped"}, "abcef"),
        ({"drop": ["a", "f"]}, "bcde"),
        ({"drop": "flagged", "only_changed": True}, "af"),
        ({"cleaned": "relabel"}, "abcdef"),
        ({"cleaned": "drop"}, "bcde"),
        ({"cleaned": "drop", "drop": "flagged"}, "bde"),
    ],
)
def test_which_examples(run, options, ids):
    assert "".join(export_table(run, **options)["key"]) == ids


def test_a_training_set_has_labels_and_no_history(run):
    clean = export_table(run, cleaned="relabel")
    assert clean.columns.tolist() == ["key", "age", "reason", "label"]
    assert clean["label"].tolist() == ["dog", "dog", "dog", "=cat", "dog", "dog"]
    run.journal.undo("cy")
    assert "".join(export_table(run, cleaned="relabel")["key"]) == "abcde"  # f is unlabelled again


@pytest.mark.parametrize("suffix", ["csv", "jsonl", "parquet"])
def test_files_hold_the_table(run, tmp_path, suffix):
    path = wb.export(run, tmp_path / f"out.{suffix}")
    assert path == tmp_path / f"out.{suffix}"
    text = ["key", "label", "given_label", "reason"]
    back = read_table(path, text=text, neutralized=True) if suffix == "csv" else read_table(path)
    table = export_table(run)
    assert back.columns.tolist() == table.columns.tolist()
    for name in ("key", "label", "given_label", "age", "changed", "author", "time"):
        found, expected = back[name].astype(object), table[name].astype(object)
        assert found.where(found.notna(), None).tolist() == expected.where(expected.notna(), None).tolist(), name


def test_csv_cannot_run_in_a_spreadsheet(run, tmp_path):
    lines = wb.export(run, tmp_path / "out.csv").read_text().splitlines()
    assert lines[1].startswith("a,-1,'+own,'=cat,dog,True,relabel,False,,,,ann,")
    assert lines[1].endswith(",'=looks like a dog")
    assert lines[6].startswith("f,6,,,dog,True,relabel,False,,,,cy,")


def test_jsonl_by_hand(run, tmp_path):
    first = json.loads(wb.export(run, tmp_path / "out.jsonl").read_text().splitlines()[0])
    assert first.pop("time").startswith("20")
    assert first == {
        "key": "a",
        "age": -1,
        "reason_": "+own",
        "given_label": "=cat",
        "label": "dog",
        "changed": True,
        "verdict": "relabel",
        "flag": False,
        "note": None,
        "p_error": None,
        "suggested_label": None,
        "author": "ann",
        "reason": "=looks like a dog",
    }


def test_never_overwrites_and_needs_its_directory(run, tmp_path):
    path = wb.export(run, tmp_path / "out.csv")
    before = path.read_bytes()
    with pytest.raises(ExistsError, match=r"exists\. Choose another name, or replace it with force=True \(--force\)"):
        wb.export(run, path)
    wb.export(run, path, force=True, only_changed=True)
    assert path.read_bytes() != before
    with pytest.raises(InputError, match=r"the directory .*nowhere does not exist"):
        wb.export(run, tmp_path / "nowhere" / "out.csv")
    with pytest.raises(InputError, match=r"unknown suffix '.txt'"):
        wb.export(run, tmp_path / "out.txt")
    with pytest.raises(InputError, match=r"unknown drop 'flaged'. Did you mean 'flagged'"):
        wb.export(run, tmp_path / "b.csv", drop="flaged")
    with pytest.raises(InputError, match="unknown cleaned 'relable'"):
        wb.export(run, tmp_path / "b.csv", cleaned="relable")
    with pytest.raises(InputError, match="Choose one"):
        wb.export(run, tmp_path / "b.csv", cleaned="drop", only_changed=True)
    with pytest.raises(InputError, match=r"not in the dataset: 'zz'"):
        wb.export(run, tmp_path / "b.csv", drop=["zz"])
    assert not (tmp_path / "b.csv").exists()


def test_images_go_to_parquet_and_are_pointed_at_elsewhere(tmp_path, rng):
    images = rng.integers(0, 255, (3, 4, 4)).astype(np.uint8)
    wb.Recorder(tmp_path / "run", wb.Dataset.from_arrays([0, 1, 1], images=images), mode="import").close()
    run = wb.open_run(tmp_path / "run")
    kept = read_table(wb.export(run, tmp_path / "a.parquet"))["image"]
    assert kept.tolist() == [run.dataset.image(row) for row in range(3)]
    assert "image" not in read_table(wb.export(run, tmp_path / "b.parquet", images=False))
    noted = read_table(wb.export(run, tmp_path / "c.csv", drop=[0]))["image"]
    assert noted.tolist() == ["run/examples.parquet row 1", "run/examples.parquet row 2"]


def test_paths_of_images_are_kept(tmp_path):
    (tmp_path / "x.png").write_bytes(b"a picture")
    dataset = wb.Dataset.from_arrays(["a", "b"], images=["x.png", None], media_root=tmp_path)
    wb.Recorder(tmp_path / "run", dataset, mode="import").close()
    run = wb.open_run(tmp_path / "run")
    assert export_table(run, binary=False)["image"].tolist() == ["x.png", None]


def test_sounds_go_where_images_go(tmp_path):
    frame = pd.DataFrame({"label": ["a", "b"], "clip": [b"RIFF one", b"RIFF two"], "audio": ["mine", "too"]})
    wb.Recorder(tmp_path / "run", wb.Dataset.from_frame(frame, audio="clip"), mode="import").close()
    run = wb.open_run(tmp_path / "run")
    kept = read_table(wb.export(run, tmp_path / "a.parquet"))
    assert kept["clip"].tolist() == [b"RIFF one", b"RIFF two"]
    assert kept["audio"].tolist() == ["mine", "too"], "the user's own column keeps its name"
    again = wb.import_run(tmp_path / "a.parquet", tmp_path / "again", id="id", audio="clip")
    assert [again.dataset.sound(row) for row in range(2)] == [b"RIFF one", b"RIFF two"]
    noted = read_table(wb.export(run, tmp_path / "b.csv", drop=[0]))["clip"]
    assert noted.tolist() == ["run/examples.parquet row 1"]
    assert "clip" not in read_table(wb.export(run, tmp_path / "c.csv", sounds=False))


def test_issues_are_left_out_unless_somebody_decided(tmp_path, rng):
    truth = np.arange(90) % 3
    given = truth.copy()
    given[:6] = (given[:6] + 1) % 3
    probs = np.full((90, 3), 0.02)
    probs[np.arange(90), truth] = 0.96
    frame = pd.DataFrame({"label": given, **{f"p_{code}": probs[:, code] for code in range(3)}})
    run = wb.import_run(frame, tmp_path / "run", probs="p_", out_of_fold=True)
    marked = set(wb.find_issues(run).query("is_issue").index)
    assert {0, 1, 2, 3, 4, 5} <= marked
    run.journal.keep([0], old=str(given[0]))
    run.journal.relabel([1], str(truth[1]), old=str(given[1]))
    clean = export_table(run, cleaned="relabel", drop="issues")
    assert set(range(90)) - set(clean["id"]) == marked - {0, 1}
    assert clean.set_index("id").loc[1, "label"] == truth[1]


@pytest.fixture
def birds(tmp_path, rng):
    """Images identified by path, with a custom label column and with column names that our files use too."""
    truth = np.array(["owl", "tit", "wren"], object)[np.arange(60) % 3]
    given = truth.copy()
    given[:4] = "wren", "owl", "tit", "wren"
    frame = pd.DataFrame({"file": [f"b/{n:02}.png" for n in range(60)], "species": given})
    (tmp_path / "b").mkdir()
    for name in frame["file"]:
        (tmp_path / name).write_bytes(b"not looked at here")
    frame["row"], frame["note"], frame["site"] = np.arange(60) * 10, "mine", "=SUM(A1)"
    dataset = wb.Dataset.from_frame(frame, "species", id="file", image="file", media_root=tmp_path)
    with wb.Recorder(tmp_path / "run", dataset, mode="import") as recorder:
        probs = np.full((60, 3), 0.02)
        probs[np.arange(60), np.arange(60) % 3] = 0.96
        recorder.save_pred_probs(probs, out_of_fold=True, source="by hand")
    run = wb.open_run(tmp_path / "run")
    run.journal.relabel(["b/00.png"], "owl", old="wren", author="ann", reason="neighbours")
    run.journal.keep(["b/01.png"], old="owl", author="ann")
    run.journal.skip(["b/02.png"], author="bob")
    run.journal.flag(["b/03.png"], author="bob")
    run.journal.note(["b/04.png"], "blurred photo; =1+1", author="bob")
    return frame, run


@pytest.mark.parametrize("suffix", ["csv", "jsonl", "parquet"])
def test_decisions_and_the_users_own_names_come_back(birds, tmp_path, suffix):
    frame, run = birds
    issues = wb.find_issues(run)
    path = wb.export(run, tmp_path / f"out.{suffix}", issues=issues)
    back = read_table(path, text=["species"], neutralized=True) if suffix == "csv" else read_table(path)
    corrected = frame["species"].where(frame["file"] != "b/00.png", "owl")
    assert back.columns.tolist() == ["file", "row", "note_", "site", "species", *EXPORT_COLUMNS]
    for name, own in {"file": "file", "row": "row", "note": "note_", "site": "site", "species": "given_label"}.items():
        assert back[own].tolist() == frame[name].tolist(), name
    assert back["species"].tolist() == back["label"].tolist() == corrected.tolist()
    five = back.head(5).astype(object).where(back.head(5).notna(), None)
    assert five["verdict"].tolist() == ["relabel", "keep", "skip", None, None]
    assert five["flag"].tolist() == [False, False, False, True, False]
    assert five["note"].tolist() == [None, None, None, None, "blurred photo; =1+1"]
    assert five["author"].tolist() == ["ann", "ann", "bob", "bob", "bob"]
    assert five["time"].notna().all() and back["time"][5:].isna().all()
    there = issues.loc[back["file"]]
    assert (
        np.allclose(back["p_error"], there["p_error"])
        and back["suggested_label"].tolist() == there["suggested_label"].tolist()
    )


def test_a_cleaned_training_set_is_the_users_own_table(birds, tmp_path):
    frame, run = birds
    back = read_table(wb.export(run, tmp_path / "clean.parquet", cleaned="relabel"))
    assert sorted(back.columns) == sorted(frame.columns)
    assert back["species"].tolist()[0] == "owl" and back["species"].tolist()[1:] == frame["species"].tolist()[1:]
    for name in ("file", "row", "note", "site"):
        assert back[name].tolist() == frame[name].tolist()


def test_an_export_does_not_wait_for_the_detector(birds, tmp_path, monkeypatch):
    """It uses cached results and runs the detector only when asked to."""
    from widgets.view.judging import issues_of
    from workbench.issues import detector

    _, run = birds
    assert wb.find_issues is detector.find_issues  # loaded before it is replaced
    with monkeypatch.context() as patch:
        patch.setattr(detector, "find_issues", lambda *a, **k: pytest.fail("asked"))
        patch.setattr("workbench.find_issues", lambda *a, **k: pytest.fail("asked"), raising=False)
        table = export_table(run)
        assert table["p_error"].isna().all() and table["suggested_label"].isna().all()
    known = issues_of(run)
    kept = export_table(wb.open_run(run.path))
    assert np.allclose(kept["p_error"], known["p_error"].loc[kept["file"]]), "what a view computed"
    asked = wb.find_issues(run)
    (run.path / "cache" / "shown-issues.npz").unlink()
    run.journal.keep("b/09.png", old="owl", author="ann")
    kept = export_table(wb.open_run(run.path))
    assert np.allclose(kept["p_error"], asked["p_error"].loc[kept["file"]]), "decisions do not make it forget"
    again = export_table(run, issues=True)
    assert again["p_error"].notna().all()
    assert export_table(run, issues=False)["p_error"].isna().all()
    with pytest.raises(InputError, match="`issues` is a str"):
        export_table(run, issues="yes")
    with pytest.raises(InputError, match="`issues` has no column 'p_error'"):
        export_table(run, issues=wb.score(run))


def test_a_decision_about_an_unknown_id_changes_nothing(run):
    run.journal.relabel(["stranger"], "dog", old="cat", author="ann")
    assert export_table(run)["key"].tolist() == list("abcdef")


def test_killed_while_writing_leaves_the_old_file(tmp_path, rng, forks):
    """kill -9 at ten moments of a repeated export: the file is always one complete version."""
    n = 3000
    wb.Recorder(tmp_path / "run", wb.Dataset.from_arrays(rng.integers(0, 3, n)), mode="import").close()
    run = wb.open_run(tmp_path / "run")
    path = wb.export(run, tmp_path / "out.csv")
    code = (
        f"import workbench as wb; run = wb.open_run({str(tmp_path / 'run')!r}); print('go', flush=True)\n"
        f"while True: wb.export(run, {str(path)!r}, force=True)"
    )
    for attempt in range(3):
        child = forks.start(code)
        assert child.stdout.readline() == "go\n", child.errors()
        time.sleep(0.05 + 0.03 * attempt)
        child.kill()
        child.wait()
        assert len(read_table(path)) == n
