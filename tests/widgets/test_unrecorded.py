"""The Explorer on DataFrames without a recording."""

from __future__ import annotations

import gc

import numpy as np
import pandas as pd
import pytest

import widgets as wd
import workbench as wb
from widgets.wire.packing import unpacked_arrays
from workbench.foundation.errors import InputError
from workbench.runs.journal import Journal


def frame(n: int = 60) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    y = np.array(["cat", "dog", "owl"])[np.arange(n) % 3]
    columns = {"y": y, "umap_x": rng.normal(size=n), "umap_y": rng.normal(size=n), "weight": rng.normal(size=n)}
    return pd.DataFrame(columns | {"site": np.where(np.arange(n) % 2, "left", "right")})


def asked(ex: object, kind: str, **body: object) -> tuple[dict, list]:
    sent: list = []
    ex.send = lambda content, buffers=None: sent.append((content, buffers))
    ex._receive(ex, {"kind": kind, "request": "a", **body}, [])
    return next(message for message in sent if message[0].get("request") == "a")


def test_a_frame_needs_no_evidence():
    df = frame()
    ex = wd.Explorer(df, label="y", x="umap_x", y="umap_y")
    body, buffers = asked(ex, "open")
    assert body["data_map"] == {"x": "umap_x", "y": "umap_y", "ranges": None, "title": "map"}
    arrays = unpacked_arrays(body["arrays"], buffers)
    assert arrays["umap_x"] == pytest.approx(df["umap_x"], abs=1e-6)
    assert "lost when the kernel stops" in body["warning"]
    assert not body["lasting"]
    assert body["first_filters"] == ["weight", "given_label", "verdict"], "nothing is known of p_error"
    assert body["maps"] == [True, False]
    assert ex.queue == list(range(60)), "all examples, since nothing is known about suspicion"
    assert ex.color_by == "label"
    assert (body["doubted"], body["suggests"]) == (False, False)
    assert body["queue_order"] == "all"
    assert body["queues"] == ["random", "all", "second", "column"], "no order that rests on label issues is offered"
    ex.queue = "random"
    assert sorted(ex.queue) == list(range(60))
    assert ex.queue != list(range(60))
    assert not {"suggested_label", "p_error", "p_suggested"} & ({c["name"] for c in body["columns"]} | set(ex.table()))
    assert "p(wrong)" not in ex._repr_mimebundle_()[0]["text/html"]
    kinds = {column["name"]: column["kind"] for column in body["columns"]}
    assert (kinds["weight"], kinds["site"]) == ("number", "category")
    asked(ex, "decide", op="relabel", rows=[4], label=2)
    assert ex.changes["label"].to_dict() == {4: "owl"}
    assert ex.table()["label"].iloc[4] == "owl"
    ex.save_view("mine")
    ex.view = "mine"


def test_a_frame_brings_its_sounds():
    df = frame(4).assign(clip=[b"RIFF----WAVEfmt ", b"RIFF----WAVEfmt ", None, "https://example.org/a.mp3"])
    ex = wd.Explorer(df, label="y", audio="clip")
    body, _ = asked(ex, "open")
    assert body["media"] == "audio"
    assert "clip" not in ex.table()
    items = asked(ex, "media", rows=[0, 2, 3])[0]["items"]
    assert "sound" in items[0]
    assert items[1]["error"] == "no sound"
    assert items[2]["url"].startswith("https://")
    sound, buffers = asked(ex, "sound", row=0)
    assert sound["mime"].startswith("audio/")
    assert buffers[0] == b"RIFF----WAVEfmt "
    with pytest.raises(InputError, match="passed as `audio=`"):
        wd.Explorer(df, label="y", audio="clap")


def test_the_index_of_the_frame_gives_the_ids():
    df = frame()[::2].set_index(pd.Index([f"row {i}" for i in range(30)]))
    ex = wd.Explorer(df, label="y")
    ex.selection = ["row 3", "row 5"]
    assert df.loc[ex.selection, "weight"].tolist() == df["weight"].iloc[[3, 5]].tolist()
    filtered = wd.Explorer(frame().query("site == 'left'"), label="y")
    assert filtered.queue[:3] == [1, 3, 5]


def test_decisions_go_to_the_file_that_one_names(tmp_path):
    path = tmp_path / "decisions.sqlite"
    ex = wd.Explorer(frame(), label="y", journal=path)
    assert asked(ex, "open")[0]["warning"] == ""
    asked(ex, "decide", op="relabel", rows=[4], label=2)
    ex.save_view("mine")
    assert Journal(path).state().loc[4, "label"] == "owl"
    again = wd.Explorer(frame(), label="y", journal=path)
    assert again.changes["label"].to_dict() == {4: "owl"}
    assert list(again.views) == ["mine"]
    assert repr(again).startswith("<Explorer decisions: ")


def test_arrays_that_are_passed_give_issues_neighbours_and_a_map():
    rng = np.random.default_rng(1)
    df = frame(90)
    truth = np.arange(90) % 3
    probs = np.full((90, 3), 0.05)
    probs[np.arange(90), truth] = 0.9
    wrong = np.arange(6, 90, 9)  # all cats
    df.loc[wrong, "y"] = "dog"
    embeddings = rng.normal(size=(90, 4)) + 5 * np.eye(3, 4)[truth]
    ex = wd.Explorer(
        df, label="y", pred_probs=pd.DataFrame(probs, columns=["cat", "dog", "owl"]), embeddings=embeddings
    )
    ex.queue = "all"
    assert set(ex.queue[: len(wrong)]) == set(wrong.tolist())
    body, _ = asked(ex, "inspect", row=6)
    assert {int(row) % 3 for row in body["neighbors"]["rows"]} == {0}
    assert ex.color_by == "p_error"
    assert "suggested_label" in ex.table()
    body = asked(ex, "open")[0]
    assert (body["doubted"], body["suggests"]) == (True, True)
    ex.queue = [6, 7]
    body = asked(ex, "open")[0]
    assert body["queue_order"] == "own"
    asked(ex, "queue", by="all")
    asked(ex, "queue", by="own")
    assert ex.queue == [6, 7]


@pytest.mark.parametrize(
    ("options", "found"),
    [
        ({"label": "z"}, "unknown column 'z'"),
        ({"label": "y", "x": "umap_z", "y": "umap_y"}, "Did you mean 'umap_"),
        ({"label": "y", "x": "site", "y": "umap_y"}, "Name a numeric column"),
        ({"label": "y", "x": "umap_x"}, "`y` is missing"),
        ({"label": "y", "id": "site"}, "repeats the id"),
        ({"label": "y", "pred_probs": np.ones((3, 3)) / 3}, "pred_probs"),
        ({"label": "y", "embeddings": np.ones((3, 3))}, "embeddings"),
        ({"label": "y", "journal": "."}, "is the folder"),
    ],
)
def test_what_does_not_fit_says_so(options, found):
    with pytest.raises(InputError, match=found):
        wd.Explorer(frame(), **options)


def test_options_of_data_in_memory_do_not_go_with_a_run(run):
    with pytest.raises(InputError, match="applies only to a DataFrame or labels"):
        wd.Explorer(run, label="y")
    with pytest.raises(InputError, match=r"run\.save_pred_probs"):
        wd.Explorer(run, pred_probs=np.ones((3, 3)))
    with pytest.raises(InputError, match=r"unknown option 'hight'\. Did you mean 'height'"):
        wd.Explorer(run, hight=3)
    with pytest.raises(InputError, match=r"unknown option 'lable'\. Did you mean 'label'"):
        wd.Explorer(frame(), lable="y")


def noisy(n: int = 90) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Class names, some of them wrong, with correct probabilities (n, 3) and embeddings (n, 4)."""
    truth = np.arange(n) % 3
    probs = np.full((n, 3), 0.05)
    probs[np.arange(n), truth] = 0.9
    given = np.array(["cat", "dog", "owl"], object)[truth]
    given[6::9] = "dog"
    return given, probs, np.random.default_rng(1).normal(size=(n, 4)) + 5 * np.eye(3, 4)[truth]


@pytest.mark.parametrize("kind", ["list", "array", "series", "indices", "tensor", "dataset", "evidence", "polars"])
def test_labels_and_arrays_open_in_one_call(kind):
    labels, probs, embeddings = noisy()
    codes = np.searchsorted(["cat", "dog", "owl"], labels.astype(str))
    options = {"pred_probs": probs, "embeddings": embeddings}
    if kind == "tensor":
        torch = pytest.importorskip("torch")
        source = torch.tensor(codes)
        options = {name: torch.tensor(values) for name, values in options.items()}
    elif kind == "dataset":
        source = wb.Dataset.from_arrays(labels, texts=["words"] * 90)
    elif kind == "evidence":
        source, options = wb.Evidence.from_arrays(labels, **options), {}
    elif kind == "polars":

        class Other:  # a data frame of another library
            columns = ("label",)

            def to_pandas(self) -> pd.DataFrame:
                return pd.DataFrame({"label": labels})

        source = Other()
    else:
        series = pd.Series(labels, index=[f"row {n}" for n in range(90)])
        source = {"list": labels.tolist(), "array": labels, "series": series, "indices": codes}[kind]
    ex = wd.Explorer(source, **options)
    ex.queue = "all"
    rows = ex.run.dataset.rows(ex.queue[:10])
    assert set(rows) == set(range(6, 90, 9)), "the wrong labels first"
    assert ex.run.embeddings().shape == (90, 4)
    assert ex.run.dataset.classes == (("0", "1", "2") if kind in ("indices", "tensor") else ("cat", "dog", "owl"))
    assert kind != "series" or ex.queue[0].startswith("row ")


def test_pictures_texts_and_columns_go_beside_labels():
    images = np.zeros((4, 8, 8), np.uint8)
    ex = wd.Explorer(
        ["a", "b", "a", None], images=images, metadata=pd.DataFrame({"site": list("xyxy"), "w": [1, 2, 3, 4]})
    )
    body = asked(ex, "open")[0]
    assert body["media"] == "image"
    assert {"site", "w"} <= set(ex.table())
    assert wd.Explorer(["a", "b"], texts=["one", "two"]).run.dataset.text(1) == "two"
    assert wd.Explorer(
        ["a", "b", "a"], metadata=pd.DataFrame({"p": [1.0, 2, 3], "q": [3.0, 2, 1]}), x="p", y="q"
    ).run.axes


def test_a_class_that_nothing_has_keeps_its_column():
    """Indices 0, 1, 3 of four classes."""
    codes = np.array([0, 1, 3] * 20)
    probs = np.full((60, 4), 0.1)
    probs[np.arange(60), codes] = 0.7
    assert wd.Explorer(codes, pred_probs=probs).run.dataset.classes == ("0", "1", "2", "3")
    assert wd.Explorer([3, 7] * 20, pred_probs=np.tile([0.5, 0.5], (40, 1))).run.dataset.classes == ("3", "7")
    with pytest.raises(InputError, match="3 columns for the labels 3, 7"):
        wd.Explorer([3, 7] * 20, pred_probs=np.ones((40, 3)) / 3)


def test_a_table_on_disk_opens_like_a_frame(tmp_path):
    frame(12).to_csv(tmp_path / "birds.csv", index=False)
    ex = wd.Explorer(tmp_path / "birds.csv", label="y", x="umap_x", y="umap_y")
    assert ex.run.dataset.n == 12 and ex.run.dataset.classes == ("cat", "dog", "owl")


@pytest.mark.parametrize(
    ("source", "options", "found"),
    [
        (np.ones((5, 2)), {}, r"is an array of shape \(5, 2\). Pass the n labels first"),
        (3, {}, "is a int. Pass a run or its path, a DataFrame, a Dataset, or labels"),
        ([1, 2], {"label": "y"}, "names a column, but no DataFrame was passed. Pass the labels first"),
        ([1, 2], {"text": "t"}, "Pass texts="),
        ([1, 2], {"logits": np.ones((2, 3, 2))}, r"`logits` has shape \(2, 3, 2\)"),
        ([1, 2], {"images": [b"x"]}, "`images` has 1 entries for 2 labels"),
        ({"a": 1}, {}, "is a dict"),
        (pd.DataFrame({"label": [1, 2]}), {"texts": ["a", "b"]}, "together with a DataFrame: name its columns instead"),
    ],
)
def test_what_does_not_fit_labels_says_so(source, options, found):
    with pytest.raises(InputError, match=found):
        wd.Explorer(source, **options)


def test_the_temporary_folder_goes_with_the_run():
    from widgets.view.unrecorded import frame_run

    run = frame_run(frame(), "y")
    path = run.path
    assert path.is_dir()
    del run
    gc.collect()
    assert not path.exists()
