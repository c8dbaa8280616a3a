"""Masks in a view: what the page receives, decisions on regions and strokes, and the state of an image."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from scipy.ndimage import gaussian_filter

import widgets as wd
import workbench as wb
from widgets.requests.data import ask_inspect
from widgets.requests.deciding import ask_decide
from widgets.requests.enlarging import ask_mask_part
from widgets.requests.opening import ask_open
from widgets.view import given_masks
from widgets.view.objects import with_objects
from workbench.foundation.errors import InputError
from workbench.tasks.mask_table import masks_of
from workbench.tasks.run_lengths import encode_runs, to_text

CLASSES = ["ground", "disc"]


@pytest.fixture
def view(tmp_path):
    """Eight images; in the first, the model sees a disc that the mask lacks."""
    masks = np.zeros((8, 24, 20), np.uint8)
    masks[:, 5:13, 4:12] = 1
    true = masks.copy()
    masks[0] = 0
    score = 6 * gaussian_filter(true.astype(float), (0, 1, 1))
    probs = np.stack([1 / (1 + np.exp(score - 3)), 1 / (1 + np.exp(3 - score))], axis=1)
    data = wb.Dataset.from_arrays(masks, task="masks", classes=CLASSES, images=(true * 120).astype(np.uint8))
    run = wb.import_run(data, tmp_path / "run")
    run.save_evidence("pred_probs", probs)
    return wd.Explorer(run)._view


def inspected(view, row):
    answer, _ = ask_inspect(view, {"row": row}, [])
    return answer, {unit["key"]: unit for unit in answer["units"]}


def test_the_page_receives_the_mask_and_its_regions(view):
    answer, units = inspected(view, 1)
    assert answer["mask"]["lengths"][:3] == [5 * 20 + 4, 8, 12] and answer["mask"]["codes"][:3] == [0, 1, 0]
    assert (answer["mask"]["height"], answer["mask"]["width"], answer["mask"]["step"]) == (24, 20, 1)
    _, units = inspected(view, 0)
    (unit,) = units.values()
    given, suggested = json.loads(unit["given"]), json.loads(unit["suggested"])
    assert (given["label"], suggested["label"]) == ("ground", "disc") and given["region"] == suggested["region"]
    assert list(unit["shape"].values()) == given["region"] and not unit["changed"]
    assert unit["kind"] == "interior"


def test_decisions_on_regions_and_strokes(view):
    _, units = inspected(view, 0)
    (unit,) = units.values()
    stroke = {"label": None, "region": [0, 0, 2, 2, to_text(encode_runs(np.ones((2, 2), bool)))]}
    kind = view.dataset.kind
    ask_decide(view, {"op": "relabel", "units": [[0, unit["key"], unit["suggested"]]]}, [])
    assert (view.decisions.labels[0], view.decisions.verdict[0]) == (1, 1)
    ask_decide(view, {"op": "relabel", "units": [[0, "a0123456789ab", kind.encode(stroke)]]}, [])
    _, units = inspected(view, 0)
    assert units[unit["key"]]["changed"] and units["a0123456789ab"]["changed"]
    assert json.loads(units["a0123456789ab"]["given"]) == {**stroke, "label": "ground"}
    codes = view.run.labels().to_pylist()[0]["codes"]
    assert codes[0] == -1 and 1 in codes
    part = ask_mask_part(view, {"row": 0, "box": [1, 1, 6, 8]}, [])[0]
    expected = masks_of(view.run.labels()).raster(0)[1:8, 1:6]
    assert np.array_equal(np.repeat(part["codes"], part["lengths"]).reshape(7, 5), expected) and -1 in expected
    for box in ([0, 0, 21, 1], [3, 3, 3, 4], [-1, 0, 2, 2]):
        with pytest.raises(InputError, match="has 20 x 24 pixels"):
            ask_mask_part(view, {"row": 0, "box": box}, [])
    view.decisions.undo()
    view.decisions.undo()
    view.decisions.catch_up()
    assert (view.decisions.labels[0], view.decisions.verdict[0]) == (0, 0)
    ask_decide(view, {"op": "relabel", "units": [[0, unit["key"], unit["given"]]]}, [])
    assert (view.decisions.labels[0], view.decisions.verdict[0]) == (0, 2)
    assert view.run.journal.log()["new"].tolist()[-1] == "keep"


def test_large_masks_are_sent_smaller(view, monkeypatch):
    monkeypatch.setattr(given_masks, "MOST_SENT_PIXELS", 100)
    monkeypatch.setattr(given_masks, "band_edges", lambda height, width: iter([(0, 7), (7, 16), (16, 24)]))
    mask = inspected(view, 1)[0]["mask"]
    assert mask["step"] == 3 and sum(mask["lengths"]) == 8 * 7
    raster = np.repeat(mask["codes"], mask["lengths"]).reshape(8, 7)
    whole = np.zeros((24, 20), int)
    whole[5:13, 4:12] = 1
    assert np.array_equal(raster, whole[::3, ::3])


def test_masks_in_memory_are_shown_with_their_evidence(tmp_path):
    masks = np.zeros((8, 24, 20), np.uint8)
    masks[1:, 5:13, 4:12] = 1
    predicted = np.zeros_like(masks)
    predicted[:, 5:13, 4:12] = 1
    sure = np.full(masks.shape, 0.9, np.float32)
    probs = np.where(predicted[:, None] == np.arange(2)[:, None, None], np.float32(0.9), np.float32(0.1))
    frame = pd.DataFrame({"mask": list(masks), "name": [f"scene-{row}" for row in range(8)], "task": "a column"})
    options = {"task": "masks", "classes": CLASSES}
    views = [
        wd.Explorer(masks, pred_probs=probs, **options),
        wd.Explorer(frame, label="mask", id="name", predictions=predicted, **options),
        wd.Explorer(wb.import_run(masks, tmp_path / "run", pred_probs=probs, **options)),
        wd.Explorer(wb.import_run(masks, tmp_path / "hard", predictions=predicted, scores=sure, **options)),
    ]
    for view in views:
        _, units = inspected(view._view, 0)
        assert [json.loads(unit["suggested"])["label"] for unit in units.values()] == ["disc"]
        assert ask_open(view._view, {}, [])[0]["no_data_map"] == "No maps: they need embeddings of the examples"
    seen = wb.import_run(masks, tmp_path / "seen", pred_probs=probs, out_of_fold=False, **options)
    assert "the model has seen the masks" in wb.find_issues(seen).attrs["errors_in_words"]
    with pytest.raises(InputError, match="unknown option 'probs'"):
        wd.Explorer(masks, probs=probs, **options)
    with pytest.raises(InputError, match="`issues or scores` is a ndarray"):
        wd.Explorer(masks, predictions=predicted, scores=sure, **options)


def test_a_picture_that_cannot_be_read_has_no_thumbnail_of_its_mask():
    masks = np.ones((2, 24, 20), np.uint8)
    images = [np.zeros((24, 20), np.uint8), b"no picture"]
    view = wd.Explorer(wb.Dataset.from_arrays(masks, task="masks", classes=CLASSES, images=images))._view
    items = [with_objects(view, view.media.item(row)) for row in range(2)]
    assert items[0]["mask"]["codes"] == [1] and "decoded" in items[1]["error"] and "mask" not in items[1]
