"""Examples with objects in a view: thumbnails, queues by kind of error, suggestions accepted in bulk, tiles of large
pictures."""

from __future__ import annotations

import io
import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import samples
from PIL import Image

import widgets as wd
from widgets.requests import answer
from widgets.view.media import TILE_SIDE, Media
from widgets.wire.masks import packed
from workbench import open_run
from workbench.data.dataset import Dataset
from workbench.data.media import image_size
from workbench.foundation.errors import InputError
from workbench.tasks.run_lengths import decode_runs, encode_runs, to_text

OVERLOOKED, KEY = 11, "c0123456789abcdef"


@pytest.fixture(scope="module")
def boxes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return samples.box_run(tmp_path_factory.mktemp("boxes") / "boxes")


@pytest.fixture
def view(boxes, tmp_path):
    path = shutil.copytree(boxes, tmp_path / "boxes")
    return wd.Explorer(path, issues=samples.box_issues(path))._view


def ask(view, kind, buffers=(), **content):
    body, arrays = answer(view, {"kind": kind, **content}, list(buffers))
    assert "error" not in body, body
    return body, arrays


def test_thumbnails_have_the_objects_as_they_are_now(view):
    given = samples.with_wrong_boxes(samples.canvases()[1])[OVERLOOKED]
    [item] = ask(view, "media", rows=[OVERLOOKED])[0]["items"]
    size = np.array([128, 96, 128, 96])
    expected = sorted([*np.round(np.array(box[:4]) / size, 4).tolist(), int(box[4])] for box in given)
    assert sorted(item["objects"]) == expected
    value = view.dataset.kind.encode({"box": [0, 0, 64, 48], "label": "7"})
    ask(view, "decide", op="relabel", units=[[OVERLOOKED, KEY, value], [OVERLOOKED, "g0", "null"]])
    [item] = ask(view, "media", rows=[OVERLOOKED])[0]["items"]
    assert [0, 0, 0.5, 0.5, 7] in item["objects"] and len(item["objects"]) == len(given)
    about = ask(view, "inspect", row=OVERLOOKED)[0]
    assert about["media"]["objects"] == item["objects"] and all("objects" in one for one in about["neighbors"]["items"])


def test_queues_by_kind_of_error_and_by_pair_of_classes(view):
    kinds = {one["name"]: one for one in ask(view, "open")[0]["kinds"]}
    assert {name for name, one in kinds.items() if not one["pair"]} == {"overlooked", "class", "spurious", "place"}
    body, [rows, *_] = ask(view, "queue", by="kind: overlooked")
    assert body["count"] == kinds["overlooked"]["count"] == 6
    rows = np.frombuffer(rows, np.int32)
    assert set(rows % 10) == {1} and (np.diff(view.p_error[rows]) <= 0).all()
    pairs = [name for name, one in kinds.items() if one["pair"]]
    assert pairs and all(name.startswith("class, ") and " → " in name for name in pairs)
    assert ask(view, "queue", by=f"kind: {pairs[0]}")[0]["count"] == kinds[pairs[0]]["count"]
    wrong, _ = answer(view, {"kind": "queue", "by": "kind: none"}, [])
    assert "'none'" in wrong["error"] and "overlooked" in wrong["error"]


def test_suggestions_of_one_kind_are_accepted_with_their_places(view):
    mask = [packed(np.ones(view.dataset.n, bool)).tobytes()]
    assert ask(view, "accept", mask)[0]["count"] == 24
    assert ask(view, "accept", mask, queue="kind: overlooked", sure=6)[0]["examples"] == 6
    true = samples.canvases()[1][OVERLOOKED][0]
    assert view.decisions.values_of(OVERLOOKED) == {
        KEY: view.dataset.kind.encode({"box": list(true[:4]), "label": true[4]})
    }
    assert ask(view, "accept", mask, queue="kind: spurious", sure=6)[0]["count"] == 6
    assert list(view.decisions.values_of(15).values()) == ["null"]


def test_an_audit_of_examples_ends_with_what_is_missing(view):
    body, [rows, *_] = ask(view, "audit", draw=True, per="example")
    assert body["audit"]["done"] == "0 of 60 examples judged" and "audit_examples" in ask(view, "open")[0]["queues"]
    row = next(row for row in np.frombuffer(rows, np.int32).tolist() if row % 10 == 1)
    shown = ask(view, "inspect", row=row)[0]
    assert shown["whole"] is False and all(unit["asked"] for unit in shown["units"])
    key = next(unit["key"] for unit in shown["units"] if unit["given"] is None or unit["given"] == "null")
    true = samples.canvases()[1][row][0]
    value = view.dataset.kind.encode({"box": list(true[:4]), "label": true[4]})
    ask(view, "decide", op="relabel", units=[[row, key, value]])
    rest = [[row, unit["key"], unit["given"]] for unit in shown["units"] if unit["key"] != key]
    assert view.decisions.verdict[row] == 0, "all units judged, but is another one missing?"
    ask(view, "decide", op="keep", whole=True, rows=[row], units=rest)
    assert view.decisions.verdict[row] == 1 and ask(view, "inspect", row=row)[0]["whole"]
    assert ask(view, "audit")[0]["audit"]["done"] == "1 of 60 examples judged"
    assert {one[1] for one in view.run.journal.changes().index} == {key}, "confirming changes no label"
    ask(view, "undo", sure=True)
    assert view.decisions.verdict[row] == 0 and ask(view, "inspect", row=row)[0]["whole"] is False
    ask(view, "queue", by="suspicion")
    assert "whole" not in ask(view, "inspect", row=row)[0]


def test_tiles_of_a_large_picture_fit_together():
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 255, (700, 1100, 3), dtype=np.uint8)
    media = Media(Dataset.from_arrays([0], images=[pixels]))

    def tile(*place: int) -> np.ndarray:
        data, mime = media.tile(0, *place)
        assert mime == ("image/png" if place[0] == 0 else "image/jpeg")
        return np.asarray(Image.open(io.BytesIO(data)))

    rows = [np.concatenate([tile(0, x, y) for x in range(3)], axis=1) for y in range(2)]
    assert np.array_equal(np.concatenate(rows), pixels) and rows[0].shape[0] == TILE_SIDE
    coarse = tile(1, 0, 0)
    mean = pixels[:, : 2 * TILE_SIDE].reshape(350, 2, TILE_SIDE, 2, 3).mean((1, 3))
    assert coarse.shape == (350, TILE_SIDE, 3) and np.abs(coarse.mean((0, 1)) - mean.mean((0, 1))).max() < 2
    for place in ((0, 3, 0), (0, 0, 2), (9, 0, 0), (-1, 0, 0)):
        with pytest.raises(InputError, match="tile"):
            media.tile(0, *place)


def test_the_size_of_a_picture_is_that_of_the_upright_one():
    picture, out = Image.new("RGB", (600, 500), "red"), io.BytesIO()
    exif = picture.getexif()
    exif[0x0112] = 6
    picture.save(out, "JPEG", exif=exif)
    assert image_size(out.getvalue()) == (500, 600)
    item = Media(Dataset.from_arrays([0], images=[out.getvalue()])).item(0)
    assert item["original"] == [500, 600] and item["height"] > item["width"]
    out = io.BytesIO()
    picture.save(out, "PNG", exif=exif)
    assert image_size(out.getvalue()[:200]) == (500, 600)  # no pixels are decoded
    with pytest.raises(InputError, match="decoded"):
        image_size(b"no picture")


def test_objects_with_vectors_have_a_map(boxes, tmp_path):
    run = open_run(shutil.copytree(boxes, tmp_path / "boxes"))
    units = run.dataset.units
    keys = [(run.dataset.ids[units.rows[unit]], units.key(unit)) for unit in range(units.m)]
    keys.append((f"canvas-{OVERLOOKED}", KEY))
    vectors = np.random.default_rng(0).normal(size=(len(keys), 3))
    run.save_evidence("object_embeddings", pd.DataFrame(vectors, pd.MultiIndex.from_tuples(keys)), source="noise")
    view = wd.Explorer(run, issues=samples.box_issues(run.path))._view
    assert ask(view, "open")[0]["objects"] is True
    body, arrays = ask(view, "objects")
    rows, xy, codes, p, errors = (
        np.frombuffer(one, dtype) for one, dtype in zip(arrays, (np.int32, "f4", np.int16, "f4", np.int16))
    )
    assert body["keys"][-1] == KEY and rows[-1] == OVERLOOKED and len(xy) == 2 * len(keys)
    assert body["note"] == f"{len(keys)} objects · PCA of noise"
    assert codes[:-1].tolist() == (units.given - 1).tolist() and codes[-1] == int(
        samples.canvases()[1][OVERLOOKED][0][4]
    )
    assert body["kinds"][errors[-1]] == "overlooked" and p[-1] > 0.5 and (errors >= 0).sum() < 24 < len(keys)


def test_outlines_of_given_boxes_are_sent(tmp_path):
    inside = np.zeros((90, 120), bool)
    inside[20:40, 30:50] = inside[25:60, 45:48] = True
    crowd = {"segmentation": {"size": [90, 120], "counts": to_text(encode_runs(inside))}}
    rotated, two = {"rotated": [10, 10, 30, 20, 90]}, [[1, 1, 9, 1, 9, 9], [2.5, 2, 3, 4]]
    more = [crowd, rotated, {"segmentation": two}, {"segmentation": [["x"], [1]], "id": 3}, None]
    more += [{"segmentation": {"size": [9, 9], "counts": [3]}}, {"segmentation": [[0, 0] * 4000]}]
    places = [[30, 20, 50, 60], [15, 5, 25, 25], *[[1, 1, 9, 9]] * 5]
    labels = [{"bboxes": places, "labels": ["a"] * 7, "more": [one and json.dumps(one) for one in more]}]
    images = np.zeros((1, 90, 120), np.uint8)
    view = wd.Explorer(Dataset.from_arrays(labels, task="boxes", images=images))._view
    units = {one["key"]: one for one in ask(view, "inspect", row=0)[0]["units"]}
    y0, x0, height, width, counts = units["g0"]["region"]
    assert [y0, x0, height, width] == [20, 30, 40, 20]
    assert np.array_equal(decode_runs(counts, height, width), inside[20:60, 30:50])
    np.testing.assert_allclose(np.reshape(units["g1"]["outline"], (4, 2)).min(axis=0), [15, 5])
    assert units["g2"]["outline"] == two and len(units["g6"]["outline"][0]) <= 1000
    assert not any({"outline", "region"} & set(units[key]) for key in ("g3", "g4", "g5"))
