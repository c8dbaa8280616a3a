"""Archives of masks: corrected masks, change masks and differences, read back and by Pillow; damaged archives."""

from __future__ import annotations

import io
import json
import zipfile

import numpy as np
import pandas as pd
import pytest
from PIL import Image

import workbench as wb
from workbench.foundation.errors import ExistsError, InputError
from workbench.tasks import TASKS
from workbench.tasks.run_lengths import encode_runs, to_text

CLASSES = ("sky", "tree/leaf", "road")


@pytest.fixture
def run(tmp_path):
    """Three labelled images and one without a label; in the first, two pixels became road and one is ignored."""
    masks = [[[0, 0, 1], [0, 0, 1]], [[255, 2]], None, [[1, 1], [1, 1]]]
    data = wb.Dataset.from_arrays(masks, task="masks", ids=["a/b", "c", "d", "e"], classes=CLASSES)
    run = wb.import_run(data, tmp_path / "run")
    for key, label, inside in (("a0", "road", [[1, 1], [0, 0]]), ("a1", None, [[0, 0], [1, 0]])):
        inside = np.array(inside, bool)
        value = {"label": label, "region": [0, 0, 2, 2, to_text(encode_runs(inside))]}
        run.journal.relabel("a/b", data.kind.encode(value), old=None, units=f"{key}0123456789a")
    return run


CORRECTED = [[2, 2, 1], [-1, 0, 1]]


def picture(packed, name):
    with Image.open(io.BytesIO(packed.read(name))) as found:
        return found.mode, np.asarray(found)


def test_pictures_hold_corrected_masks_and_what_changed(run, tmp_path):
    file = wb.export(run, tmp_path / "masks.zip", format="png")
    with zipfile.ZipFile(file) as packed:
        assert json.loads(packed.read("masks.json"))["unlabelled"] == ["d"]
        mode, found = picture(packed, "masks/a%2Fb.png")
        assert mode == "P" and np.array_equal(found, np.array(CORRECTED, np.int16).astype(np.uint8))
        assert picture(packed, "masks/c.png")[1].tolist() == [[255, 2]]
        assert picture(packed, "changes/a%2Fb.png")[1].tolist() == [[255, 255, 0], [255, 0, 0]]
        assert picture(packed, "differences/a%2Fb.png")[1].tolist() == [[2, 2, 255], [255, 255, 255]]
        assert not [name for name in packed.namelist() if name.startswith("changes/") and "b.png" not in name]
        table = pd.read_csv(io.BytesIO(packed.read("changes.csv")))
    assert table["pixels"].tolist() == [1, 2] and table["given_label"].tolist() == ["sky", "sky"]
    assert table["label"].tolist()[1] == "road" and pd.isna(table["label"][0])
    with pytest.raises(ExistsError):
        wb.export(run, file, format="png")


@pytest.mark.parametrize("format", ["png", "npy"])
def test_archives_come_back(run, tmp_path, format):
    file = wb.export(run, tmp_path / "masks.zip", format=format)
    read = run.dataset.kind.formats[format].read
    found = read(file)
    assert found.ids.tolist() == ["a/b", "c", "d", "e"] and found.classes == CLASSES
    assert not found.kind.differ(found.labels, run.labels()).any()
    with zipfile.ZipFile(file) as packed:
        packed.extractall(tmp_path / "folder")
    assert read(tmp_path / "folder").labels.equals(found.labels)
    (tmp_path / "folder" / "masks.json").unlink()
    alone = read(tmp_path / "folder", classes=CLASSES)
    assert alone.ids.tolist() == ["a/b", "c", "e"]


def test_many_classes_need_arrays(tmp_path):
    names = [f"class {number}" for number in range(300)]
    data = wb.Dataset.from_arrays([[[0, 255], [299, -1]]], task="masks", classes=names)
    run = wb.import_run(data, tmp_path / "run")
    with pytest.raises(InputError, match=r"has 300 names, and a PNG has 255.*npy"):
        wb.export(run, tmp_path / "masks.zip", format="png")
    file = wb.export(run, tmp_path / "masks.zip", format="npy")
    assert data.kind.formats["npy"].read(file).given[0] == data.given[0]


def test_damaged_archives_are_one_error(run, tmp_path):
    file = wb.export(run, tmp_path / "masks.zip", format="png")
    read = run.dataset.kind.formats["png"].read
    with pytest.raises(InputError, match="format='png' or 'npy', task='masks' for masks"):
        wb.import_run(file, tmp_path / "again")
    (tmp_path / "text.zip").write_text("no archive")
    with pytest.raises(InputError, match=r"neither a folder nor a \.zip of masks"):
        read(tmp_path / "text.zip")
    with zipfile.ZipFile(file) as packed, zipfile.ZipFile(tmp_path / "short.zip", "w") as other:
        for name in packed.namelist():
            other.writestr(name, packed.read(name)[: -30 if name.startswith("masks/c") else None])
    with pytest.raises(InputError, match=r"`labels` row 1 names the file 'c.png', which cannot be read"):
        read(tmp_path / "short.zip")
    with zipfile.ZipFile(tmp_path / "list.zip", "w") as other:
        other.writestr("masks.json", "[1]")
    with pytest.raises(InputError, match=r"masks.json is not"):
        read(tmp_path / "list.zip")


# ---- GeoTIFF and Label Studio --------------------------------------------------------------------------------------

PLACED = {
    33550: (12, 3, (0.5, 0.5, 0.0)),
    33922: (12, 6, (0.0, 0.0, 0.0, 440000.25, 5400000.0, 0.0)),
    34735: (3, 8, (1, 1, 0, 1, 1024, 0, 1, 1)),
    34737: (2, 0, "WGS 84|"),
    42113: (2, 0, "0"),
}
"""A pixel scale, a tie point and geographic keys; pixels of value 0 have no data."""


@pytest.fixture
def placed(tmp_path):
    """A folder with a GeoTIFF of the values 1 to 3, and 0 without data, in a raster of more than one tile."""
    tifffile = pytest.importorskip("tifffile")
    values = np.random.default_rng(0).integers(0, 4, (30, 300)).astype(np.uint8)
    (tmp_path / "in").mkdir()
    tags = [(code, *rest, True) for code, rest in PLACED.items()]
    tifffile.imwrite(tmp_path / "in" / "a b.tif", values, extratags=tags, metadata=None)
    return tmp_path / "in", values


def test_geotiffs_stay_where_they_are(placed, tmp_path):
    folder, values = placed
    data = TASKS["masks"].formats["geotiff"].read(folder, classes=[1, 2, 3])
    assert data.ids.tolist() == ["a b"] and data.classes == ("1", "2", "3")
    run = wb.import_run(data, tmp_path / "run")
    value = {"label": "3", "region": [0, 0, 1, 2, to_text(encode_runs(np.ones((1, 2), bool)))]}
    run.journal.relabel("a b", data.kind.encode(value), old=None, units="a00123456789a")
    values = values.copy()
    values[0, :2] = 3
    file = wb.export(run, tmp_path / "out.zip", format="geotiff")
    again = TASKS["masks"].formats["geotiff"].read(file)
    assert again.classes == data.classes and again.labels.equals(run.labels())
    assert again.metadata.equals(data.metadata)
    with zipfile.ZipFile(file) as packed, Image.open(io.BytesIO(packed.read("masks/a%20b.tif"))) as picture:
        assert picture.mode == "P" and np.array_equal(np.asarray(picture), values)
        known = {code: picture.tag_v2[code] for code in PLACED}
        assert known == {code: value for code, (_, _, value) in PLACED.items()}
        with Image.open(io.BytesIO(packed.read("changes/a%20b.tif"))) as changed:
            assert changed.tag_v2[33550] == known[33550] and np.asarray(changed).sum() in (255, 510)


def test_pictures_and_other_masks_as_geotiff(run, placed, tmp_path):
    folder, values = placed
    with pytest.warns(UserWarning, match="3 masks have no georeferencing"):
        file = wb.export(run, tmp_path / "out.zip", format="geotiff")
    again = TASKS["masks"].formats["geotiff"].read(file)
    assert again.classes == CLASSES and not again.kind.differ(again.labels, run.labels()).any()
    shown = wb.Dataset.from_arrays([values], task="masks", images=["a b.tif"], media_root=folder)
    file = wb.export(wb.import_run(shown, tmp_path / "other"), tmp_path / "shown.zip", format="geotiff")
    assert '"33550": [12, 3, [0.5, 0.5, 0.0]]' in TASKS["masks"].formats["geotiff"].read(file).metadata["geo_tags"][0]


def test_masks_are_brushes_of_label_studio(run, tmp_path):
    form = TASKS["masks"].formats["labelstudio"]
    file = wb.export(run, tmp_path / "out.json", format="labelstudio")
    again = form.read(file, classes=CLASSES)
    assert again.ids.tolist() == ["a/b", "c", "d", "e"] and not again.kind.differ(again.labels, run.labels()).any()
    filled = form.read(file, background="nothing")
    assert filled.classes == ("nothing", "road", "sky", "tree/leaf") and filled.given[1]["labels"] == [
        "nothing",
        "road",
    ]
    tasks = json.loads(file.read_text())
    assert [len(one["annotations"]) for one in tasks] == [1, 1, 0, 1]
    results = tasks[0]["annotations"][0]["result"]
    results.append({**results[-1], "value": {**results[-1]["value"], "brushlabels": ["sky"]}})
    results.append({"type": "choices", "id": "x", "value": {"choices": ["dark"]}})
    tasks[1]["annotations"][0]["result"] = []
    del tasks[1]["data"]["width"]
    file.write_text(json.dumps(tasks))
    with pytest.warns(UserWarning, match="1 results of the type 'choices'.*1 images have neither strokes") as told:
        other = form.read(file, classes=CLASSES)
    assert "2 pixels have strokes of several classes" in str(told[0].message) and other.given[1] is None
    file = wb.export(wb.import_run(other, tmp_path / "other"), tmp_path / "other.json", format="labelstudio")
    assert json.loads(file.read_text())[0]["annotations"][0]["result"][-1]["value"] == {"choices": ["dark"]}
