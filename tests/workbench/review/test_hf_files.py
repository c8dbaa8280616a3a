"""Files of every kind in the layout of Hugging Face datasets; the library `datasets` reads them and writes its own."""

import io
from importlib.util import find_spec

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from PIL import Image

import workbench as wb
from workbench.foundation.errors import InputError

pytestmark = pytest.mark.skipif(find_spec("datasets") is None, reason="the package `datasets` is missing")

BESIDE = {"score": [1.5, float("nan"), 0.5], "row": [3, 2, 1], "box": [[1, 2], [], [3]]}
BESIDE["place"] = [{"x": 1}, None, {"x": 2}]
BESIDE["coarse"] = pd.Categorical(["high", None, "low"], categories=["low", "middle", "high"])

KINDS = {
    "multiclass": ({"label": ["owl", None, "cat"]}, {"classes": ["cat", "dog", "owl"]}, ("dog", "cat")),
    "numbers": ({"label": [1.5, np.nan, 3.0]}, {}, ("4.25", "3.0")),
    "multilabel": ({"label": [["a", "b"], None, []]}, {"classes": ["b", "a", "c"]}, None),
    "candidates": ({"label": [["a", "b"], None, ["c"]]}, {"classes": ["b", "a", "c"]}, None),
    "preferences": (
        {name: [f"{name} {row}" for row in range(3)] for name in ("prompt", "chosen", "rejected")}
        | {"label": ["first", "tie", None]}, {}, ('"second"', None),
    ),
    "texts": ({"label": ["one", None, "three"]}, {}, ('"drei"', '"three"')),
    "spans": (
        {"text": ["Ada met Bo", "nobody", "Rome"], "label": [[(0, 3, "PER"), (8, 10, "PER")], [], None]},
        {"classes": ["LOC", "PER"], "text": "text"}, None,
    ),
    "tokens": (
        {"tokens": [["a", "b"], ["c"], ["d"]], "label": [["NOUN", None], ["VERB"], None]},
        {"classes": ["VERB", "NOUN"]}, None,
    ),
}  # fmt: skip


def opened(file, tmp_path):
    import datasets  # takes a second, which only these tests should cost

    return datasets.load_dataset("parquet", data_files=str(file), split="train", cache_dir=str(tmp_path / "cache"))


def there_and_back(run, tmp_path, **options):
    """Export a run; let the library read the file and write its own; import that."""
    file = wb.export(run, tmp_path / "ours.parquet", format="hf")
    read = opened(file, tmp_path)
    read.to_parquet(str(tmp_path / "theirs.parquet"))
    return read, wb.import_run(tmp_path / "theirs.parquet", tmp_path / "again", format="hf", task=run.task, **options)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_survives_the_library(kind, tmp_path):
    labels, options, decision = KINDS[kind]
    frame = pd.DataFrame({"key": list("xyz"), **BESIDE, **labels})
    run = wb.import_run(frame, tmp_path / "run", task=kind, label="label", id="key", **options)
    if decision is not None:
        run.journal.relabel("z", decision[0], old=decision[1], units="")
    options = {} if kind == "spans" else {name: options[name] for name in options if name == "text"}
    if kind == "spans":
        options["classes"] = run.classes
    read, again = there_and_back(run, tmp_path, label="label", id="key", **options)
    assert read["key"][:] == again.dataset.ids.tolist() == list("xyz")
    assert again.classes == run.classes
    if kind == "spans":  # in characters, now in tokens
        assert again.dataset.units.rows.tolist() == run.dataset.units.rows.tolist()
        assert again.dataset.units.given.tolist() == run.dataset.units.given.tolist() and again.dataset.given[1] == [
            "O"
        ]
    else:
        assert not run.dataset.kind.differ(again.dataset.labels, run.labels()).any()
    assert read.features["coarse"].names == ["low", "middle", "high"]
    beside, kept = again.dataset.metadata, run.dataset.metadata
    assert beside["row_"].tolist() == [3, 2, 1] and [list(one) for one in beside["box"]] == BESIDE["box"]
    assert beside["place"].tolist() == kept["place"].tolist() and beside["score"].equals(kept["score"])
    assert beside["coarse"].astype(object).where(beside["coarse"].notna(), None).tolist() == ["high", None, "low"]
    assert list(beside["coarse"].cat.categories) == ["low", "middle", "high"]


@pytest.mark.parametrize("named", [False, True])
def test_graded_pairs_are_rows(tmp_path, named):
    grades = ["high", "none", None, "high"] if named else [2, 0, None, 2]
    frame = pd.DataFrame({"query": ["p", "p", "q", "q"], "item": ["d1", "d2", "d1", "d3"], "grade": grades})
    frame["text"], frame["passage"], frame["topic"] = ["P", "P", "Q", "Q"], ["a", None, "a", "c"], [1, 1, 7, 7]
    classes = ["none", "high"] if named else None
    run = wb.import_run(frame.astype({"grade": object}), tmp_path / "run", task="pairs", classes=classes)
    read, again = there_and_back(run, tmp_path)
    assert read["item"][:] == ["d1", "d2", "d1", "d3"] and read["topic"][:] == [1, 1, 7, 7]
    assert read["grade"][:] == ([1, 0, -1, 1] if named else [2, 0, None, 2])
    assert again.dataset.given.tolist() == run.dataset.given.tolist() and again.classes == run.classes
    assert again.dataset.ids.tolist() == ["p", "q"] and again.dataset.texts() == ["P", "Q"]
    assert again.dataset.metadata["topic"].tolist() == [1, 7]


def test_several_numbers_have_a_column_each(tmp_path):
    values = np.array([[1.0, 2.5], [np.nan, 3.0], [np.nan, np.nan]])
    run = wb.import_run(values, tmp_path / "run", task="numbers", classes=["width", "height"])
    read, again = there_and_back(run, tmp_path, label=["width", "height"])
    assert read["height"][:] == [2.5, 3.0, None] and read.features["width"].dtype == "float64"
    assert again.dataset.given.tolist() == run.dataset.given.tolist() and again.classes == ("width", "height")


def test_edges_are_lists_of_neighbours(tmp_path):
    edges = pd.DataFrame({"source": ["c", "a", "a"], "target": ["a", "b", "c"], "weight": [2.0, 1.0, 0.5]})
    frame = pd.DataFrame({"id": list("abcd"), "label": ["x", "y", None, "x"]})
    run = wb.import_run(frame, tmp_path / "run", id="id", edges=edges)
    read, again = there_and_back(run, tmp_path)
    assert read["neighbors"][:] == [["b", "c"], [], ["a"], []] and read["label"][:] == [0, 1, -1, 0]
    order = np.lexsort([run.dataset.edges.target, run.dataset.edges.source])
    for name in ("source", "target", "weight"):
        assert getattr(again.dataset.edges, name).tolist() == getattr(run.dataset.edges, name)[order].tolist()
    file = tmp_path / "theirs.parquet"
    kept = wb.import_run(file, tmp_path / "kept", format="hf", neighbors=None).dataset
    assert kept.edges is None and list(kept.metadata["neighbors"][0]) == ["b", "c"]


def test_images_are_images(tmp_path):
    grey = np.arange(16, dtype=np.uint8).reshape(4, 4)
    run = wb.import_run(["a", "b"], tmp_path / "run", images=np.stack([grey, grey.T]))
    read, again = there_and_back(run, tmp_path)
    assert np.array_equal(np.asarray(read[1]["image"]), grey.T) and read.features["label"].names == ["a", "b"]
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(again.dataset.image(0)))), grey)


def test_files_of_the_library_are_read(tmp_path):
    import datasets

    features = {
        "img": datasets.Image(),
        "text": datasets.Value("string"),
        "label": datasets.ClassLabel(names=["no", "yes"]),
    }
    features["fine"] = datasets.ClassLabel(names=["x", "y"])
    image = Image.new("L", (2, 2), 7)
    columns = {"img": [image, image], "text": ["s", "t"], "label": [1, -1], "fine": [0, 1]}
    theirs = datasets.Dataset.from_dict(columns, features=datasets.Features(features))
    file = tmp_path / "theirs.parquet"
    theirs.to_parquet(str(file))
    run = wb.import_run(file, tmp_path / "run", format="hf")
    assert run.dataset.given.tolist() == ["yes", None] and run.dataset.texts() == ["s", "t"]
    assert run.dataset.image(0).startswith(b"\x89PNG") and run.dataset.metadata["fine"].tolist() == ["x", "y"]
    assert wb.import_run(file, tmp_path / "fine", format="hf", label="fine").classes == ("x", "y")
    with pytest.raises(InputError, match=r"unknown column 'grade'.*img"):
        wb.import_run(file, tmp_path / "no", format="hf", label="grade")
    with pytest.raises(InputError, match="`classes` lacks 'yes'"):
        wb.import_run(file, tmp_path / "no", format="hf", classes=["no"])
    table = pq.read_table(file)
    wrong = table.set_column(table.column_names.index("label"), "label", [[1, 7]])
    pq.write_table(wrong.replace_schema_metadata(table.schema.metadata), file)
    with pytest.raises(InputError, match=r"`label` row 1 is 7.*use 0 to 1"):
        wb.import_run(file, tmp_path / "no", format="hf")
