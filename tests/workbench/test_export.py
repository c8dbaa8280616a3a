"""Exported labels: what is in the file, who changed it, what a cleaned training set leaves out."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time

import numpy as np
import pandas as pd
import pytest

import workbench as wb
from workbench.errors import ExistsError, InputError
from workbench.export import export_table
from workbench.storage.tables import read_table


@pytest.fixture
def run(tmp_path):
    """Six examples: one relabelled, one kept, one flagged, one put off, one undone, one without a label given one."""
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
    assert table.columns.tolist() == [
        "id", "age", "reason_", "label", "given_label", "changed", "author", "time", "reason",
    ]  # fmt: skip
    assert table["id"].tolist() == list("abcdef")
    assert table["label"].tolist() == ["dog", "dog", "dog", "=cat", "dog", "dog"]
    assert table["given_label"].tolist() == ["=cat", "dog", "dog", "=cat", "dog", None]
    assert table["changed"].tolist() == [True, False, False, False, False, True]
    assert table["author"].tolist() == ["ann", "bob", None, None, None, "cy"]
    assert table["reason"].tolist() == ["=looks like a dog", "", None, None, None, "new"]
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
    assert "".join(export_table(run, **options)["id"]) == ids


def test_a_training_set_has_labels_and_no_history(run):
    clean = export_table(run, cleaned="relabel")
    assert clean.columns.tolist() == ["id", "age", "reason_", "label"]
    assert clean["label"].tolist() == ["dog", "dog", "dog", "=cat", "dog", "dog"]
    run.journal.undo("cy")
    assert "".join(export_table(run, cleaned="relabel")["id"]) == "abcde"  # f has no label again


@pytest.mark.parametrize("suffix", ["csv", "jsonl", "parquet"])
def test_files_hold_the_table(run, tmp_path, suffix):
    path = wb.export(run, tmp_path / f"out.{suffix}")
    assert path == tmp_path / f"out.{suffix}"
    text = ["id", "label", "given_label", "reason"]
    back = read_table(path, text=text, neutralized=True) if suffix == "csv" else read_table(path)
    table = export_table(run)
    assert back.columns.tolist() == table.columns.tolist()
    for name in ("id", "label", "given_label", "age", "changed", "author", "time"):
        found, expected = back[name].astype(object), table[name].astype(object)
        assert found.where(found.notna(), None).tolist() == expected.where(expected.notna(), None).tolist(), name


def test_csv_cannot_run_in_a_spreadsheet(run, tmp_path):
    lines = wb.export(run, tmp_path / "out.csv").read_text().splitlines()
    assert lines[1].startswith("a,-1,'+own,dog,'=cat,True,ann,")
    assert lines[1].endswith(",'=looks like a dog")
    assert lines[6].startswith("f,6,,dog,,True,cy,")


def test_jsonl_by_hand(run, tmp_path):
    first = json.loads(wb.export(run, tmp_path / "out.jsonl").read_text().splitlines()[0])
    assert first.pop("time").startswith("20")
    assert first == {
        "id": "a",
        "age": -1,
        "reason_": "+own",
        "label": "dog",
        "given_label": "=cat",
        "changed": True,
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
    assert kept["audio"].tolist() == [b"RIFF one", b"RIFF two"]
    assert kept["audio_"].tolist() == ["mine", "too"], "the user's own column stays beside it"
    again = wb.read(tmp_path / "a.parquet", tmp_path / "again", id="id", audio="audio")
    assert [again.dataset.sound(row) for row in range(2)] == [b"RIFF one", b"RIFF two"]
    noted = read_table(wb.export(run, tmp_path / "b.csv", drop=[0]))["audio"]
    assert noted.tolist() == ["run/examples.parquet row 1"]
    assert "audio" not in read_table(wb.export(run, tmp_path / "c.csv", sounds=False))


def test_suspects_are_left_out_unless_somebody_decided(tmp_path, rng):
    truth = np.arange(90) % 3
    given = truth.copy()
    given[:6] = (given[:6] + 1) % 3
    probs = np.full((90, 3), 0.02)
    probs[np.arange(90), truth] = 0.96
    frame = pd.DataFrame({"label": given, **{f"p_{code}": probs[:, code] for code in range(3)}})
    run = wb.read(frame, tmp_path / "run", probs="p_", out_of_fold=True)
    suspects = set(wb.find_issues(run).query("is_issue").index)
    assert {0, 1, 2, 3, 4, 5} <= suspects
    run.journal.keep([0], old=str(given[0]))
    run.journal.relabel([1], str(truth[1]), old=str(given[1]))
    clean = export_table(run, cleaned="relabel", drop="suspects")
    assert set(range(90)) - set(clean["id"]) == suspects - {0, 1}
    assert clean.set_index("id").loc[1, "label"] == str(truth[1])


def test_a_decision_about_an_unknown_id_changes_nothing(run):
    run.journal.relabel(["stranger"], "dog", old="cat", author="ann")
    assert export_table(run)["id"].tolist() == list("abcdef")


def test_killed_while_writing_leaves_the_old_file(tmp_path, rng):
    """kill -9 at ten moments of a repeated export: the file is always one whole version."""
    n = 3000
    wb.Recorder(tmp_path / "run", wb.Dataset.from_arrays(rng.integers(0, 3, n)), mode="import").close()
    run = wb.open_run(tmp_path / "run")
    path = wb.export(run, tmp_path / "out.csv")
    code = (
        f"import workbench as wb; run = wb.open_run({str(tmp_path / 'run')!r}); print('go', flush=True)\n"
        f"while True: wb.export(run, {str(path)!r}, force=True)"
    )
    for attempt in range(3):
        child = subprocess.Popen(
            [sys.executable, "-c", code],
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": str(wb.__path__[0]) + "/.."},
        )
        child.stdout.readline()
        time.sleep(0.05 + 0.03 * attempt)
        child.kill()
        child.wait()
        child.stdout.close()
        assert len(read_table(path)) == n
