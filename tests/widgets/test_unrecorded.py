"""DataFrames that were never recorded, in the Explorer."""

from __future__ import annotations

import gc

import numpy as np
import pandas as pd
import pytest

import widgets as wd
from widgets.wire.packing import unpacked_arrays
from workbench.errors import InputError
from workbench.journal import Journal


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
    assert "last as long as the kernel" in body["warning"]
    assert not body["lasting"]
    assert body["first_filters"] == ["weight", "given", "verdict"], "nothing is known of p_error"
    assert body["maps"] == [True, False]
    assert ex.queue == list(range(60)), "all examples, since nothing is known about suspicion"
    assert ex.color_by == "label"
    assert (body["doubted"], body["suggests"]) == (False, False)
    assert body["queue_order"] == "all"
    assert body["queues"] == ["random", "all", "second", "column"], "no order that rests on suspects is offered"
    ex.queue = "random"
    assert sorted(ex.queue) == list(range(60))
    assert ex.queue != list(range(60))
    assert not {"suggested", "p_error", "p_suggested"} & ({c["name"] for c in body["columns"]} | set(ex.table()))
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
    with pytest.raises(InputError, match="named as `audio=`"):
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


def test_arrays_that_are_passed_give_suspects_neighbours_and_a_map():
    rng = np.random.default_rng(1)
    df = frame(90)
    truth = np.arange(90) % 3
    probs = np.full((90, 3), 0.05)
    probs[np.arange(90), truth] = 0.9
    wrong = np.arange(6, 90, 9)  # cats, all of them
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
    assert "suggested" in ex.table()
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


def test_columns_are_named_for_frames_only(run):
    with pytest.raises(InputError, match="goes with a DataFrame"):
        wd.Explorer(run, label="y")
    with pytest.raises(InputError, match="is a list"):
        wd.Explorer([1, 2])


def test_the_temporary_folder_goes_with_the_run():
    from widgets.view.unrecorded import frame_run

    run = frame_run(frame(), "y")
    path = run.path
    assert path.is_dir()
    del run
    gc.collect()
    assert not path.exists()
