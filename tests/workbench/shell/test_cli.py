"""The command `workbench`: every subcommand once; every mistake gives one line and no traceback."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import uuid

import fsspec
import numpy as np
import pandas as pd
import pytest
from PIL import Image

import workbench as wb
from workbench.shell.cli import main, parser
from workbench.shell.directories import LISTED
from workbench.shell.terminal import printable, table
from workbench.storage.tables import read_table
from workbench.tasks import TASKS

COMMANDS = ("demo", "import", "score", "issues", "log", "export", "report", "project", "ls", "check", "migrate")


@pytest.fixture
def source(tmp_path, rng):
    """An archive of 60 examples, 3 classes and 4 epochs, with 6 wrong labels."""
    truth = np.arange(60) % 3
    given = truth.copy()
    given[:6] = (truth[:6] + 1) % 3
    logits = rng.normal(size=(4, 60, 3)) + 4 * np.eye(3)[truth] * np.arange(1, 5)[:, None, None] / 4
    probs = np.exp(logits[-1]) / np.exp(logits[-1]).sum(1, keepdims=True)
    embedding = np.eye(3)[truth] + rng.normal(size=(60, 3)) / 5
    path = tmp_path / "src.npz"
    ids = np.array([f"x{row}" for row in range(60)])
    np.savez(path, logits=logits, given_label=given, oos_pred_probs=probs, embedding=embedding, ids=ids)
    return path


@pytest.fixture
def run(tmp_path, source):
    return wb.import_run(source, tmp_path / "run")


def said(capsys, *arguments, code=0):
    """stdout of a command, after checking its exit status and that stderr has at most one line."""
    found = main([str(argument) for argument in arguments])
    out, err = capsys.readouterr()
    assert found == code, err
    assert len(err.splitlines()) <= 1
    assert "Traceback" not in err
    return out if code == 0 else err


def test_import_then_ls_and_check(tmp_path, source, capsys):
    out = said(capsys, "import", source, tmp_path / "runs" / "a", "--quiet")
    assert "60 examples, 3 classes, 4 epochs, embeddings, out-of-fold probabilities" in out
    out = said(capsys, "ls", tmp_path / "runs")
    assert out.splitlines()[0].split() == list(LISTED)
    assert "import" in out
    assert "nothing is damaged" in said(capsys, "check", tmp_path / "runs" / "a")


def test_import_of_a_table_says_its_kind(tmp_path, capsys):
    pd.DataFrame({"key": ["007"], "y": ["a"], "p_a": [0.75], "p_b": [0.25]}).to_csv(tmp_path / "t.csv", index=False)
    arguments = ["import", tmp_path / "t.csv", tmp_path / "run", "--label", "y", "--id", "key", "--probs", "p_"]
    assert "--out-of-fold or --in-sample" in said(capsys, *arguments, code=1)
    embed = ["--in-sample", "--text", "y", "--embed", "bert"]
    assert "unknown model 'bert'" in said(capsys, *arguments, *embed, code=1)
    assert "in-sample probabilities" in said(capsys, *arguments, "--in-sample")
    assert wb.open_run(tmp_path / "run").dataset.ids.tolist() == ["007"]


def test_import_of_another_kind_of_label(tmp_path, capsys):
    pd.DataFrame({"key": ["a", "b"], "sets": ['["cat", "dog"]', '["owl"]']}).to_csv(tmp_path / "t.csv", index=False)
    arguments = ["import", tmp_path / "t.csv", tmp_path / "run", "--label", "sets", "--id", "key"]
    assert "unknown task 'candidate'" in said(capsys, *arguments, "--task", "candidate", code=1)
    said(capsys, *arguments, "--task", "candidates", "--quiet")
    assert wb.open_run(tmp_path / "run").dataset.given.tolist() == [["cat", "dog"], ["owl"]]
    said(capsys, "export", tmp_path / "run", tmp_path / "out.jsonl")
    assert '["cat", "dog"]' in (tmp_path / "out.jsonl").read_text().replace('","', '", "')


@pytest.fixture
def instances(tmp_path):
    """A file of COCO instances: two pictures, one cat."""
    (tmp_path / "photos").mkdir()
    images = [{"id": row, "file_name": f"{row}.png", "width": 40, "height": 30} for row in (1, 2)]
    for one in images:
        Image.new("RGB", (40, 30)).save(tmp_path / "photos" / one["file_name"])
    categories = [{"id": 1, "name": "cat"}, {"id": 3, "name": "dog"}]
    cat = {"id": 7, "image_id": 1, "category_id": 1, "bbox": [2, 3, 10, 12]}
    path = tmp_path / "instances.json"
    path.write_text(json.dumps({"images": images, "categories": categories, "annotations": [cat]}))
    return path


def test_boxes_make_the_round_trip_through_a_file_of_coco(tmp_path, instances, capsys):
    (tmp_path / "p.csv").write_text("image,x0,y0,x1,y1,label,score\n1,2,3,12,15,cat,0.9\n2,1,1,9,9,dog,0.8\n")
    place, evidence = tmp_path / "run", f"predictions={tmp_path / 'p.csv'}"
    options = ["--format", "coco", "--images", tmp_path / "photos", "--evidence", evidence, "--quiet"]
    assert "2 examples, 2 classes, 0 epochs, predictions" in said(capsys, "import", instances, place, *options)
    run = wb.open_run(place)
    found = [{"image_id": 1, "category_id": 1, "bbox": [2, 3, 10, 12], "score": 0.9}]
    found += [{"image_id": 2, "category_id": 3, "bbox": [1, 1, 8, 8], "score": 0.8}]
    (tmp_path / "p.json").write_text(json.dumps(found))
    options[-2] = f"predictions={tmp_path / 'p.json'}"
    assert "0 epochs, predictions" in said(capsys, "import", instances, tmp_path / "other", *options)
    other = wb.find_issues(wb.open_run(tmp_path / "other"), per="unit")
    pd.testing.assert_frame_equal(other, wb.find_issues(run, per="unit"))
    (tmp_path / "p.json").write_text(json.dumps([found[0] | {"image_id": 9}]))
    assert "imported without --evidence predictions" in said(
        capsys, "import", instances, tmp_path / "b", *options, code=1
    )
    assert (run.dataset.media_root / run.dataset.image(0)).read_bytes()[1:4] == b"PNG"
    listed = said(capsys, "issues", place, "--all")
    assert "of 2 units (each is one box of one image) look wrong" in listed
    assert re.search(r"^id +unit +kind +given_label", listed, re.MULTILINE) and re.search(
        r"^1 +g0 +place ", listed, re.M
    )
    run.journal.relabel([1], '{"box": [2, 3, 12, 15], "label": "dog"}', old='{"box": [2, 3, 12, 15], "label": "cat"}',
                        units="g0")  # fmt: skip
    out = said(capsys, "export", place, tmp_path / "out.json", "--format", "coco")
    assert "1 labels changed, in 1 of 2 examples ->" in out
    assert "What coco does not hold: that a box has no id; " in out
    (one,) = json.loads((tmp_path / "out.json").read_text())["annotations"]
    assert (one["id"], one["category_id"], one["bbox"]) == (7, 3, [2, 3, 10, 12])


def test_folders_of_masks_pictures_and_predictions_are_joined_by_file_names(tmp_path, capsys):
    for folder, code, names in (("masks", 1, "ab"), ("predicted", 2, "ba"), ("photos", 0, "bac")):
        (tmp_path / folder).mkdir()
        for name in names:
            Image.fromarray(np.full((4, 6), code, np.uint8)).save(tmp_path / folder / f"{name}.png")
    evidence = f"predictions={tmp_path / 'predicted'}"
    options = ["--task", "masks", "--format", "png", "--classes", "sky,tree,road", "--images", tmp_path / "photos"]
    said(capsys, "import", tmp_path / "masks", tmp_path / "run", *options, "--evidence", evidence)
    run = wb.open_run(tmp_path / "run")
    assert [run.dataset.image(row) for row in (0, 1)] == ["a.png", "b.png"]
    assert (wb.find_issues(run, per="unit")["suggested_label"] == "road").all()
    (tmp_path / "photos" / "b.png").unlink()
    assert "no file for 'b'" in said(capsys, "import", tmp_path / "masks", tmp_path / "other", *options, code=1)


@pytest.mark.parametrize("name", [name for name in TASKS["boxes"].formats if name != "table"])
def test_every_format_of_boxes_is_written_and_read(tmp_path, instances, name, capsys):
    said(capsys, "import", instances, tmp_path / "run", "--format", "coco")
    file = tmp_path / f"out{TASKS['boxes'].formats[name].suffixes[0]}"
    assert main(["export", str(tmp_path / "run"), str(file), "--format", name]) == 0
    told = capsys.readouterr()
    assert f"What {name} does not hold: " in told.out
    assert name in ("coco", "labelstudio", "voc") or "does not hold 1 values of 'id'" in told.err
    said(capsys, "import", file, tmp_path / "again", "--format", name, "--task", "boxes")
    ((box,),) = (one["bboxes"] for one in wb.open_run(tmp_path / "again").dataset.given if one and len(one["bboxes"]))
    np.testing.assert_allclose(box, [2, 3, 12, 15], atol=1e-4)


def test_an_option_of_a_format(tmp_path, capsys):
    pd.DataFrame({"tokens": [["Ann", "ran"]], "tags": [["B-PER", "O"]]}).to_parquet(tmp_path / "t.parquet")
    said(capsys, "import", tmp_path / "t.parquet", tmp_path / "run", "--task", "spans", "--label", "tags")
    arguments = ["export", tmp_path / "run", tmp_path / "out.conll", "--format", "conll"]
    assert "Known: scheme" in said(capsys, *arguments, "--option", "scheem=BIOES", code=1)
    said(capsys, *arguments, "--option", "scheme=BIOES")
    assert "S-PER" in (tmp_path / "out.conll").read_text()


def test_scores(tmp_path, run, capsys):
    out = said(capsys, "score", run.path)
    assert "low = suspicious" in out
    assert "aum" in out
    said(capsys, "score", run.path, "--out", tmp_path / "scores.parquet")
    stored = read_table(tmp_path / "scores.parquet")
    assert stored["id"].tolist() == run.dataset.ids.tolist()
    np.testing.assert_allclose(stored["aum"], wb.score(run)["aum"])
    said(capsys, "score", run.path, "--scores", "aum,el2n", "--out", tmp_path / "two.csv")
    assert read_table(tmp_path / "two.csv").columns.tolist() == ["id", "aum", "el2n"]


def test_issues(tmp_path, run, capsys):
    said(capsys, "issues", run.path, "--out", tmp_path / "issues.csv")
    found = read_table(tmp_path / "issues.csv", text=["id"])
    assert found.columns.tolist() == ["id", "given_label", "suggested_label", "p_error", "reasons"]
    assert found["p_error"].is_monotonic_decreasing
    assert set(found["id"]) <= set(run.dataset.ids)
    said(capsys, "issues", run.path, "--all", "--out", tmp_path / "all.csv")
    everything = read_table(tmp_path / "all.csv", text=["id"])
    assert len(everything) == 60
    assert everything["p_error"].is_monotonic_decreasing
    assert everything["id"].tolist()[: len(found)] == found["id"].tolist()
    assert len(set(everything["id"].tolist()[:6]) & {f"x{row}" for row in range(6)}) >= 5
    assert "labels look wrong" in said(capsys, "issues", run.path, "--top", "3")
    assert "`--fdr` is 2.0" in said(capsys, "issues", run.path, "--fdr", "2", code=1)


def test_log_and_export(tmp_path, run, capsys):
    assert said(capsys, "log", run.path) == "No decisions yet.\n"
    run.journal.relabel(["x0"], "2", old="1", author="ann", reason="red \x1b[31m alarm")
    run.journal.flag(["x1"], author="bob")
    out = said(capsys, "log", run.path)
    assert "1 -> 2" in out
    assert "\\x1b[31m" in out
    assert "\x1b" not in out
    assert "ann" not in said(capsys, "log", run.path, "--id", "x1")
    assert " unit " not in out, "nothing is about a unit"
    said(capsys, "log", run.path, "--out", tmp_path / "log.jsonl")
    assert len(read_table(tmp_path / "log.jsonl")) == 3
    file = tmp_path / "out.csv"
    assert "1 of 60 labels changed" in said(capsys, "export", run.path, file)
    assert len(read_table(file)) == 60
    assert "exists" in said(capsys, "export", run.path, file, code=1)
    said(capsys, "export", run.path, file, "--force", "--only-changed")
    assert read_table(file)["id"].tolist() == ["x0"]
    said(capsys, "export", run.path, tmp_path / "clean.parquet", "--cleaned", "drop", "--drop", "flagged")
    assert len(read_table(tmp_path / "clean.parquet")) == 58
    run.journal.relabel(["x2"], "a box", old=None, units="g0")
    out = said(capsys, "log", run.path, "--id", "x2")
    assert " unit " in out and " g0 " in out


def test_project(tmp_path, run, capsys):
    said(capsys, "project", run.path, "--method", "pca", "--out", tmp_path / "map.csv")
    assert read_table(tmp_path / "map.csv").columns.tolist() == ["id", "x", "y"]


def test_report(tmp_path, run, capsys):
    said(capsys, "report", run.path, tmp_path / "report.html")
    assert (tmp_path / "report.html").read_text(encoding="utf-8").lstrip().lower().startswith("<!doctype html")
    assert "exists" in said(capsys, "report", run.path, tmp_path / "report.html", code=1)
    assert "unknown suffix '.pdf'" in said(capsys, "report", run.path, tmp_path / "report.pdf", code=1)


def test_check_finds_damage(run, capsys):
    file = run.layout.stats(2)
    file.write_bytes(file.read_bytes()[:100])
    assert main(["check", str(run.path)]) == 1
    out = capsys.readouterr().out
    assert "damaged: stats/epoch=0002/rank=0.parquet: SHA-256 is " in out
    assert "1 part is damaged. `--repair` moves damaged files to set-aside/." in out
    out = said(capsys, "check", run.path, "--repair")
    assert "moved: stats/epoch=0002/rank=0.parquet -> set-aside/" in out
    assert "nothing is damaged" in out.splitlines()[-1]
    assert "note: epochs 2 were not recorded, but later ones were" in said(capsys, "check", run.path)


def test_list_of_runs(tmp_path, run, capsys):
    run.journal.relabel(["x0"], "2", old="1", author="ann")
    stats = run.stats(3, ["correct"])["correct"]
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "run.json").write_text("{")
    (tmp_path / ".hidden").mkdir()
    (tmp_path / ".hidden" / "run.json").write_text("{")
    bad, good = (line.split() for line in said(capsys, "ls", tmp_path).splitlines()[1:])
    assert bad[1:4] == ["damaged", "1", "B"]
    assert good[1:7] == ["60", "3", "4", "complete", f"{stats.mean():.3f}", "1"]
    with wb.Recorder(tmp_path / "run2", run.dataset) as recorder, recorder.epoch(0):
        recorder.batch(run.dataset.ids[:5], np.zeros((5, 3)))
        assert "interrupted in epoch 0" in said(capsys, "ls", tmp_path / "run2")  # its lock is free


def test_a_run_at_a_url_from_the_shell(tmp_path, source, run, capsys, monkeypatch):
    """Import, list, check, score and export as with a path; no files appear in the working directory."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    before = sorted(tmp_path.iterdir())
    place = f"memory://{uuid.uuid4().hex}/runs"
    assert f"{place}/a: 60 examples, 3 classes, 4 epochs" in said(capsys, "import", source, f"{place}/a", "--quiet")
    assert "holds a run already" in said(capsys, "import", source, f"{place}/a", "--quiet", code=1)
    said(capsys, "import", source, f"{place}/a", "--quiet", "--force")
    lines = said(capsys, "ls", place).splitlines()
    assert lines[1].split()[:5] == [f"{place}/a", "60", "3", "4", "complete"]
    assert len(lines) == 2
    assert f"{place}/a: 60 examples" in said(capsys, "check", f"{place}/a")
    here, there = (said(capsys, "issues", one).splitlines() for one in (run.path, f"{place}/a"))
    assert here == there
    assert "0 of 60 labels changed" in said(capsys, "export", f"{place}/a", tmp_path / "out.csv")
    assert "is not on this machine" in said(capsys, "migrate", f"{place}/a", code=1)
    assert "No runs below" in said(capsys, "ls", f"{place}/nothing")
    assert f"file://{tmp_path}/" not in said(capsys, "ls", f"file://{tmp_path}")
    assert {path.name for path in tmp_path.iterdir()} - {path.name for path in before} == {"home", "out.csv"}


def test_files_of_others_at_a_url_are_left_alone(tmp_path, source, capsys, monkeypatch):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "home"))
    place = f"memory://{uuid.uuid4().hex}/photos"
    fs = fsspec.filesystem("memory")
    fs.pipe(f"{place}/cat.jpg", b"a cat")
    assert "is not a run (it holds 'cat.jpg')" in said(capsys, "import", source, place, "--quiet", code=1)
    assert [name.rpartition("/")[2] for name in fs.find(place)] == ["cat.jpg"]


def test_a_url_that_does_not_answer(run, capsys, monkeypatch):
    """Every file system has its own errors, some unrelated to Python's built-in exceptions."""

    class Unplugged(Exception):
        pass

    def find(*arguments, **options):
        raise Unplugged("no route")

    monkeypatch.setattr(fsspec.get_filesystem_class("memory"), "find", find)
    monkeypatch.setattr(fsspec.get_filesystem_class("memory"), "exists", find)
    for command in ("ls", "check"):
        told = said(capsys, command, "memory://far/away", code=1)
        assert "listing failed (Unplugged: no route). Check the URL, your permissions and the network." in told
        assert "a bug" not in told


def test_migrate_has_nothing_to_do(run, capsys):
    assert "there is nothing to do" in said(capsys, "migrate", run.path)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["score", "{tmp}/none"], "does not exist. Record one with"),
        (["log", "{tmp}"], "is not a run directory"),
        (["export", "{tmp}/run", "{tmp}/no/a.csv"], "the directory .* does not exist"),
        (["export", "{tmp}/run", "{tmp}/a.xls"], "unknown suffix '.xls'"),
        (["import", "{tmp}/none.csv", "{tmp}/b"], "none.csv does not exist"),
        (["import", "{tmp}/src.npz", "{tmp}/run"], "holds a run already"),
        (["import", "{tmp}/src.npz", "{tmp}/b", "--format", "excel"], "unknown format 'excel'"),
        (["import", "{tmp}/src.npz", "{tmp}/b", "--id", "key"], "unknown option 'id'.* The format is 'npz'"),
        (["import", "{tmp}/src.npz", "{tmp}/b", "--format", "labelstudio"], "--task.: boxes, instances, masks"),
        (["import", "{tmp}/src.npz", "{tmp}/b", "--option", "overwrite=true"], "`--option` is 'overwrite=true'"),
        (["export", "{tmp}/run", "{tmp}/a.json", "--format", "coco"], "unknown format 'coco'.* Known: table, hf"),
        (["export", "{tmp}/run", "{tmp}/a.parquet", "--format", "hf", "--no-images"], "`images` is about the columns"),
        (["issues", "{tmp}/run", "--out", "{tmp}/src.npz"], "unknown suffix '.npz'"),
        (["ls", "{tmp}/none"], "none is not a folder"),
        (["score", "{tmp}/run", "--scores", "amu"], "'amu'"),
    ],
)
def test_bad_input_is_one_clear_line(tmp_path, run, capsys, arguments, message):
    import re

    err = said(capsys, *[argument.format(tmp=tmp_path) for argument in arguments], code=1)
    assert err.startswith("workbench: error: ")
    assert re.search(message, err)


@pytest.mark.parametrize(
    "arguments", [[], ["demoo"], ["export", "r"], ["issues", "r", "--fdr", "x"], ["demo", "--data", "q", "r"]]
)
def test_usage_errors_are_one_line_too(arguments, capsys):
    with pytest.raises(SystemExit) as stopped:
        main(arguments)
    assert stopped.value.code == 2
    err = capsys.readouterr().err
    assert len(err.splitlines()) == 1
    assert err.startswith("workbench: error: ")
    assert "--help" in err


@pytest.mark.parametrize("command", COMMANDS)
def test_help_has_an_example(command, capsys):
    with pytest.raises(SystemExit) as stopped:
        main([command, "--help"])
    assert stopped.value.code == 0
    assert f"example:\n  workbench {command} " in capsys.readouterr().out


def test_the_commands_are_the_written_list(capsys):
    with pytest.raises(SystemExit):
        parser().parse_args(["--help"])
    out = capsys.readouterr().out
    assert all(f"    {command} " in out for command in COMMANDS)
    with pytest.raises(SystemExit):
        main(["--version"])
    assert capsys.readouterr().out == f"label-workbench {wb.__version__}\n"


def test_an_unexpected_error_is_one_line_and_says_how_to_see_more(run, capsys, monkeypatch):
    from workbench.shell import commands

    def fail(args):
        raise KeyError("boom")
        yield

    monkeypatch.setattr(commands, "log", fail)
    err = said(capsys, "log", run.path, code=1)
    assert "unexpected KeyError: 'boom'" in err
    monkeypatch.setenv("LABEL_WORKBENCH_DEBUG", "1")
    with pytest.raises(KeyError):
        main(["log", str(run.path)])


def test_interrupted(run, capsys, monkeypatch):
    from workbench.shell import commands

    def stop(args):
        raise KeyboardInterrupt
        yield

    monkeypatch.setattr(commands, "log", stop)
    assert "interrupted" in said(capsys, "log", run.path, code=130)


def shell(command, run):
    environment = {**os.environ, "PYTHONPATH": f"{wb.__path__[0]}/..", "W": f"{sys.executable} -m workbench.shell.cli"}
    return subprocess.run(
        ["bash", "-c", command], env=environment, capture_output=True, text=True, cwd=run.path, timeout=600
    )


def test_a_closed_pipe_and_a_poor_terminal(run):
    run.journal.flag(run.dataset.ids[:50])
    run.journal.note(["x1"], "é ✓ " * 20_000)
    done = shell("$W log . | head -1; echo ${PIPESTATUS[0]}", run)
    assert done.stdout.splitlines()[-1] in ("141", "0")
    assert "Traceback" not in done.stderr
    done = shell("LC_ALL=C PYTHONIOENCODING=ascii $W log .", run)
    assert done.returncode == 0
    assert "\\xe9" in done.stdout


def test_table_and_printable():
    lines = list(table(("a", "b"), [("x\ty", 1), ("z" * 100, None)]))
    assert lines[0].split() == ["a", "b"]
    assert lines[1].startswith("x\\ty ")
    assert lines[2].endswith("…")
    assert printable("\x1b[2J\u202eabc\r") == "\\x1b[2J\\u202eabc\\r"


@pytest.mark.parametrize("damage", ["run.json", "examples.parquet"])
def test_check_says_what_can_be_done_about_a_run_that_does_not_open(tmp_path, run, capsys, damage):
    run.journal.relabel(["x0"], "2", old="1")
    (run.path / damage).write_bytes(b"{")
    for options in ([], ["--repair"]):
        assert main(["check", str(run.path), *options]) == 1
        out = capsys.readouterr().out
        assert "damaged" in out and "--repair changes nothing" in out
        assert "the decisions are intact (1 examples): copy journal.sqlite" in out
        assert (run.path / damage).read_bytes() == b"{"
