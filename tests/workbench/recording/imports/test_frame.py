"""Tables: a DataFrame, CSV, JSONL or Parquet with a label column and perhaps probability columns."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import workbench as wb
from workbench.foundation.errors import InputError
from workbench.recording.imports import write
from workbench.shell.cli import main


@pytest.fixture
def frame():
    return pd.DataFrame(
        {
            "key": ["007", "008", "=9"],
            "y": ["cat", "dog", None],
            "p_dog": [0.25, 0.5, 0.75],
            "p_cat": [0.75, 0.5, 0.25],
            "age": [3, 4, 5],
        }
    )


def test_by_hand(tmp_path, frame):
    run = wb.import_run(frame, tmp_path / "run", label="y", id="key", probs="p_", out_of_fold=True)
    assert run.classes == ("dog", "cat")
    assert run.dataset.given_labels.tolist() == [1, 0, -1]
    assert run.dataset.ids.tolist() == ["007", "008", "=9"]
    assert run.dataset.metadata.columns.tolist() == ["age"]
    assert run.pred_probs().out_of_fold
    assert run.pred_probs().values.tolist() == [[0.25, 0.75], [0.5, 0.5], [0.75, 0.25]]
    assert run.epochs == ()


def test_a_list_of_columns_and_their_classes(tmp_path, frame):
    named = frame.rename(columns={"p_dog": "s1", "p_cat": "s2"})
    with pytest.raises(InputError, match="Known classes: 's1', 's2'"):
        wb.import_run(named, tmp_path / "run", label="y", probs=["s1", "s2"], out_of_fold=False)
    run = wb.import_run(
        named, tmp_path / "run", label="y", probs=["s1", "s2"], out_of_fold=False, classes=["dog", "cat"]
    )
    assert run.dataset.given_labels.tolist() == [1, 0, -1]
    assert not run.pred_probs().out_of_fold
    order = wb.import_run(frame, tmp_path / "two", label="y", probs="p_", out_of_fold=False, classes=["cat", "dog"])
    assert order.pred_probs().values[0].tolist() == [0.75, 0.25]


def test_integer_labels_are_names_not_positions(tmp_path):
    frame = pd.DataFrame({"label": [1, 2, 3], "p_1": [1.0, 0, 0], "p_2": [0, 1.0, 0], "p_3": [0, 0, 1.0]})
    run = wb.import_run(frame, tmp_path / "run", probs="p_", out_of_fold=True)
    assert run.dataset.given.tolist() == [1, 2, 3]


def test_labels_alone_and_embeddings(tmp_path):
    frame = pd.DataFrame({"label": ["a", "b"], "vector": [[1.0, 2.0], [3.0, 4.0]]})
    run = wb.import_run(frame, tmp_path / "run", embedding="vector")
    assert run.pred_probs() is None
    np.testing.assert_array_equal(run.embeddings(), [[1, 2], [3, 4]])
    with pytest.raises(InputError, match="`vector` is not a column of equally long lists"):
        wb.import_run(frame.assign(vector=[[1.0], [3.0, 4.0]]), tmp_path / "two", embedding="vector")


def test_texts_of_a_table_are_embedded_by_a_named_model(tmp_path):
    table = pd.DataFrame({"label": ["a", "b"] * 4, "text": [f"{word} number {n}" for n, word in enumerate("ab" * 4)]})
    table.to_csv(tmp_path / "t.csv", index=False)
    for place, source in (("file", tmp_path / "t.csv"), ("frame", table)):
        run = wb.import_run(source, tmp_path / place, label="label", text="text", embeddings="ngrams")
        assert run.embeddings().shape[0] == 8 and "character n-grams" in str(run.embedding_provenance())
    with pytest.raises(InputError, match=r"unknown model 'bert'\. Known: ngrams, minilm"):
        wb.import_run(tmp_path / "t.csv", tmp_path / "none", text="text", embeddings="bert")
    with pytest.raises(InputError, match="`embeddings` was given together with `embedding`"):
        two = {"embedding": "v", "embeddings": "ngrams"}
        wb.import_run(table.assign(v=[[1.0]] * 8), tmp_path / "none", format="frame", **two)
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize("suffix", ["csv", "jsonl", "parquet"])
def test_round_trip(tmp_path, frame, suffix):
    one = wb.import_run(frame, tmp_path / "one", label="y", id="key", probs="p_", out_of_fold=True)
    file = write(one, tmp_path / f"out.{suffix}", "frame")
    options = {"neutralized": True} if suffix == "csv" else {}
    two = wb.import_run(file, tmp_path / "two", id="id", probs="p_", out_of_fold=True, **options)
    assert two.dataset.ids.tolist() == one.dataset.ids.tolist()
    assert two.classes == one.classes
    assert two.dataset.given_labels.tolist() == one.dataset.given_labels.tolist()
    assert two.dataset.metadata["age"].tolist() == [3, 4, 5]
    np.testing.assert_array_equal(two.pred_probs().values, one.pred_probs().values)
    if suffix == "csv":
        assert "'=9" in file.read_text()


def test_a_table_has_its_sounds_beside_it(tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "one.wav").write_bytes(b"RIFF")
    pd.DataFrame({"label": ["a"], "clip": ["one.wav"]}).to_csv(tmp_path / "data" / "t.csv", index=False)
    run = wb.import_run(tmp_path / "data" / "t.csv", tmp_path / "run", audio="clip")
    assert run.dataset.sound(0) == "one.wav"
    assert run.dataset.media_root == tmp_path / "data"
    with pytest.raises(InputError, match="passed as `audio=`"):
        wb.import_run(tmp_path / "data" / "t.csv", tmp_path / "other", audio="clap")


def test_csv_from_the_shell_has_its_images_beside_it(tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "a.txt").write_text("not an image")
    (tmp_path / "data" / "t.csv").write_text("label,file\ncat,a.txt\n")
    run = wb.import_run(tmp_path / "data" / "t.csv", tmp_path / "run", image="file")
    assert run.dataset.image(0) == "a.txt"
    assert run.dataset.media_root == (tmp_path / "data").resolve()


@pytest.mark.parametrize(
    ("change", "options", "message"),
    [
        ({}, {"label": "why"}, "unknown column 'why'"),
        ({}, {"id": "kee"}, "unknown column 'kee'. Did you mean 'key'"),
        ({}, {"probs": "q_", "out_of_fold": True}, "unknown prefix 'q_'.*No column begins with it"),
        ({}, {"probs": "p_"}, "`probs` do not say whether the model had seen"),
        ({}, {"out_of_fold": True}, "`probs` is missing"),
        ({}, {"probs": ["p_dog", "p_cow"], "out_of_fold": True}, "unknown column 'p_cow'. Did you mean 'p_dog'"),
        ({"p_dog": [0.25, None, 0.75]}, {"probs": "p_", "out_of_fold": True}, "`p_dog` row 1 is (nan|None)"),
        ({"p_dog": [0.25, "x", 0.75]}, {"probs": "p_", "out_of_fold": True}, "`p_dog` row 1 is x"),
        ({"p_dog": [0.25, 0.9, 0.75]}, {"probs": "p_", "out_of_fold": True}, "`pred_probs` row 1 .*sums to 1.4"),
        ({"y": ["cat", "cow", "dog"]}, {"probs": "p_", "out_of_fold": True}, "`labels` row 1 is 'cow'"),
        ({"key": ["a", "b", "a"]}, {"id": "key"}, r"`ids` row 2 \(id 'a'\) repeats"),
        ({}, {"probs": "p_", "out_of_fold": True, "classes": ["a", "b"]}, "`classes` are 'a', 'b'"),
        ({}, {"laber": "y"}, "unknown option 'laber'. Did you mean 'label'.* The format is 'frame'"),
    ],
)
def test_refusals_leave_nothing(tmp_path, frame, change, options, message):
    with pytest.raises(InputError, match=message):
        wb.import_run(frame.assign(**change), tmp_path / "run", **({"label": "y"} | options))
    assert not list(tmp_path.iterdir())


def test_unknown_sources(tmp_path):
    with pytest.raises(InputError, match="does not exist"):
        wb.import_run(tmp_path / "none.csv", tmp_path / "run")
    (tmp_path / "a.xyz").touch()
    with pytest.raises(InputError, match=r"unknown kind of source .*Known: cartography, npz, frame"):
        wb.import_run(tmp_path / "a.xyz", tmp_path / "run")
    (tmp_path / "made").mkdir()
    (tmp_path / "made" / "run.json").touch()
    with pytest.raises(InputError, match="made is already a run"):
        wb.import_run(tmp_path / "made", tmp_path / "run")
    with pytest.raises(InputError, match="unknown format 'excel'"):
        wb.import_run(tmp_path / "a.xyz", tmp_path / "run", format="excel")
    with pytest.raises(InputError, match="`source` is a int"):
        wb.import_run(3, tmp_path / "run")
    with pytest.raises(InputError, match=r"columns of the same name: 'a'"):
        wb.import_run(pd.DataFrame([[1, 2, 3]], columns=["a", "a", "label"]), tmp_path / "run")


def test_several_columns_of_numbers_are_read_from_a_table_and_by_the_command(tmp_path):
    frame = pd.DataFrame({"height": [1.5, 2.0, None], "weight": [60, 70, 80], "id": ["a", "b", "c"]})
    given = [[1.5, 60.0], [2.0, 70.0], [None, 80.0]]
    run = wb.import_run(frame, tmp_path / "run", label=["height", "weight"], id="id", task="numbers")
    assert run.classes == ("height", "weight") and run.dataset.given.tolist() == given
    frame.to_csv(tmp_path / "in.csv", index=False)
    named = ["--label", "height,weight", "--task", "numbers", "--id", "id", "--quiet"]
    assert main(["import", str(tmp_path / "in.csv"), str(tmp_path / "other"), *named]) == 0
    assert wb.open_run(tmp_path / "other").dataset.given.tolist() == given
    with pytest.raises(InputError, match="`label` names 2 columns, and labels of the task 'multiclass' are in one"):
        wb.import_run(frame, tmp_path / "no", label=["height", "weight"], id="id")
    with pytest.raises(InputError, match="unknown column 'width'"):
        wb.import_run(frame, tmp_path / "no", label=["height", "width"], id="id", task="numbers")
