"""Files of boxes and points in YOLO, VOC, CVAT and Label Studio: round trips, files of other tools, hostile files."""

from __future__ import annotations

import io
import json
import random
import warnings
import zipfile

import numpy as np
import pandas as pd
import pytest

import workbench as wb
from workbench.data.dataset import Dataset
from workbench.foundation.errors import InputError
from workbench.review.brush_runs import decode_brush, encode_brush
from workbench.tasks import TASKS
from workbench.tasks.mask_table import decoded, encoded_runs
from workbench.tasks.run_lengths import decode_runs

FORMATS = TASKS["boxes"].formats
OTHERS = ("yolo", "voc", "cvat", "labelstudio")
POLYGON = [[10.0, 10.0, 30.5, 12.0, 20.0, 40.25]]
SUFFIX = {"yolo": ".zip", "voc": ".zip", "cvat": ".xml", "labelstudio": ".json"}


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Boxes of pictures of two sizes: one partly outside, one with an outline, none, and no label yet."""
    frame = pd.DataFrame({"file_name": ["a b.png", "ü.png", "c.png", "d.png"], "width": [100, 64, 100, 100]})
    frame["height"] = [80, 48, 80, 80]
    frame["boxes"] = [
        {
            "bboxes": [[1.25, 2, 30.1, 40.7], [-3, 5, 9, 12], [10, 10, 30.5, 40.25]],
            "labels": ["dog", "cat", "dog"],
            "more": [None, None, {"segmentation": POLYGON}],
        },
        {"bboxes": [[0.1, 0.2, 0.3, 0.7]], "labels": ["über & <ox>"]},
        {"bboxes": np.empty((0, 4)), "labels": []},
        None,
    ]
    folder = tmp_path_factory.mktemp("boxes")
    return wb.import_run(frame, folder / "run", label="boxes", task="boxes", classes=["dog", "cat", "über & <ox>"])


def exported(run, tmp_path, name, **options):
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        file = wb.export(run, tmp_path / f"labels{SUFFIX[name]}", format=name, force=True, **options)
    return file, " ".join(str(one.message) for one in told)


def by_file(dataset):
    """Boxes and classes of each image, by the name of its file without suffix."""
    names = [one.rsplit(".", 1)[0] for one in dataset.metadata["file_name"]]
    return dict(zip(names, dataset.given))


@pytest.mark.parametrize("name", OTHERS)
def test_boxes_survive(run, tmp_path, name):
    file, _ = exported(run, tmp_path, name)
    read = FORMATS[name].read(file, classes=None if name in ("yolo", "cvat") else run.classes)
    assert read.classes == run.classes
    given, found = by_file(run.dataset), by_file(read)
    assert set(given) >= set(found) >= {"a b", "ü", "c"}
    for key, one in found.items():
        wanted = given[key]
        if wanted is None:
            assert one is None, "not labelled is not empty"
            continue
        np.testing.assert_allclose(np.reshape(one["bboxes"], (-1, 4)), np.reshape(wanted["bboxes"], (-1, 4)), atol=1e-6)
        assert list(one["labels"]) == list(wanted["labels"])
    again = wb.import_run(file, tmp_path / "again", format=name, task="boxes")
    second = wb.export(again, tmp_path / f"second{SUFFIX[name]}", format=name)
    if SUFFIX[name] == ".zip":
        with zipfile.ZipFile(file) as one, zipfile.ZipFile(second) as other:
            assert sorted(one.namelist()) == sorted(other.namelist())
            for key in one.namelist():
                assert sorted(one.read(key).splitlines()) == sorted(other.read(key).splitlines())
    elif name == "cvat":
        assert file.read_bytes() == second.read_bytes()


def test_what_is_lost_is_counted(run, tmp_path):
    assert "1 values of 'segmentation'" in exported(run, tmp_path, "yolo")[1]
    assert "1 images without a label" in exported(run, tmp_path, "voc")[1]
    assert "1 images without a label" in exported(run, tmp_path, "cvat")[1]
    assert exported(run, tmp_path, "labelstudio")[1] == ""


@pytest.mark.parametrize("name", ["cvat", "labelstudio"])
def test_outlines_survive(run, tmp_path, name):
    read = FORMATS[name].read(exported(run, tmp_path, name)[0])
    outline = json.loads(by_file(read)["a b"]["more"][2])["segmentation"]
    np.testing.assert_allclose(outline, POLYGON, atol=1e-9)


def test_yolo_polygons_are_all_polygons(run, tmp_path):
    file, told = exported(run, tmp_path, "yolo", polygons=True)
    with zipfile.ZipFile(file) as packed:
        lines = packed.read("labels/a b.txt").decode().splitlines()
    assert [len(one.split()) for one in lines] == [9, 9, 7] and told == ""
    found = by_file(FORMATS["yolo"].read(file))["a b"]
    np.testing.assert_allclose(found["bboxes"], run.dataset.given[0]["bboxes"], atol=1e-6)


def unpacked(file, folder):
    with zipfile.ZipFile(file) as packed:
        packed.extractall(folder)
    return folder


@pytest.mark.parametrize("name", ["yolo", "voc", "cvat"])
def test_labelformat_opens_what_is_written(run, tmp_path, name):
    formats = pytest.importorskip("labelformat.formats", reason="labelformat is not installed (test extra)")
    image = pytest.importorskip("PIL.Image")
    file, _ = exported(run, tmp_path, name)
    if name == "cvat":
        reader = formats.CVATObjectDetectionInput(file)
    else:
        folder = unpacked(file, tmp_path / "out")
        if name == "voc":
            reader = formats.PascalVOCObjectDetectionInput(folder / "Annotations", ",".join(run.classes))
        else:
            (folder / "images").mkdir()
            for row, one in enumerate(run.dataset.metadata["file_name"]):
                size = tuple(run.dataset.metadata[["width", "height"]].iloc[row].tolist())
                image.new("L", size).save(folder / "images" / one)
            reader = formats.YOLOv8ObjectDetectionInput(folder / "data.yaml", "train")
    assert [one.name for one in reader.get_categories()] == list(run.classes)
    given = by_file(run.dataset)
    seen = {}
    for one in reader.get_labels():
        boxes = [[found.box.xmin, found.box.ymin, found.box.xmax, found.box.ymax] for found in one.objects]
        seen[one.image.filename.rsplit(".", 1)[0]] = boxes
    for key in ("a b", "ü"):
        drawn = given[key]["bboxes"][: 2 if name == "cvat" else None]  # it does not read polygons of CVAT
        np.testing.assert_allclose(seen[key], drawn, atol=1e-6)


def test_every_format_can_be_written_from_every_other(tmp_path):
    ring = {"segmentation": {"size": [80, 100], "counts": [4000, 4000]}, "crowd": True}
    frame = pd.DataFrame({"file_name": ["a.png", "b.png"], "width": 100, "height": 80})
    frame["boxes"] = [
        {"bboxes": [[1, 2, 30, 40], [0, 0, 50, 80]], "labels": ["a", "b"], "more": [{"segmentation": POLYGON}, ring]},
        [],
    ]
    runs = {"table": wb.import_run(frame, tmp_path / "table", label="boxes", task="boxes")}
    suffixes = {"coco": ".json", **SUFFIX}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name, suffix in suffixes.items():
            file = wb.export(runs["table"], tmp_path / f"{name}{suffix}", format=name)
            runs[name] = wb.import_run(file, tmp_path / name, format=name, task="boxes")
        for origin, run in runs.items():
            for name, suffix in suffixes.items():
                file = wb.export(run, tmp_path / f"{origin}-{name}{suffix}", format=name)
                found = by_file(FORMATS[name].read(file))
                boxes = found["a"]["bboxes"]
                assert sorted(found) == ["a", "b"] and len(boxes) == 2, (origin, name)
                if "cvat" not in (origin, name) and "labelstudio" not in (origin, name):  # these draw the outline
                    np.testing.assert_allclose(boxes, frame["boxes"][0]["bboxes"], atol=1e-6)


# ---- files of other tools ------------------------------------------------------------------------------------------


def yolo_folder(tmp_path, lines, names="names: [cat, dog]\n"):
    image = pytest.importorskip("PIL.Image")
    for part in ("images/train", "labels/train"):
        (tmp_path / part).mkdir(parents=True, exist_ok=True)
    for name in ("0", "1"):
        image.new("L", (200, 100)).save(tmp_path / f"images/train/{name}.png")
    (tmp_path / "labels/train/0.txt").write_text(lines)
    (tmp_path / "data.yaml").write_text(names + "train: images/train\nkpt: [1, 2]\n")
    return tmp_path


def test_yolo_of_other_tools(tmp_path):
    lines = "1 0.5 0.5 0.1 0.2\n0 0.1 0.1 0.2 0.1 0.2 0.3 0.1 0.3\n\n1 0.5 0.5 0.5 0.5 0.25\n"
    folder = yolo_folder(tmp_path, lines, "names: {1: dog, 0: cat}\n")
    read = FORMATS["yolo"].read(folder / "data.yaml")
    assert read.ids.tolist() == ["train/0", "train/1"] and read.classes == ("cat", "dog")
    assert read.given[1] is None and read.image(0) == "images/train/0.png"
    np.testing.assert_allclose(read.given[0]["bboxes"], [[90, 40, 110, 60], [20, 10, 40, 30], [50, 25, 150, 75]])
    assert json.loads(read.given[0]["more"][2]) == {"score": 0.25}
    with zipfile.ZipFile(exported(wb.import_run(read, tmp_path / "run"), tmp_path, "yolo")[0]) as packed:
        assert packed.read("labels/train/0.txt").decode().splitlines()[0] == "1 0.5 0.5 0.1 0.2"
        assert "kpt:" in packed.read("data.yaml").decode()


VOC_TEXT = """<annotation verified="yes"><folder>VOC</folder><filename>1.jpg</filename>
<source><database>The VOC Database</database><image>flickr</image></source>
<size><width>50</width><height>40</height><depth>3</depth></size><segmented>0</segmented>
<object><name>dog</name><pose>Left</pose><truncated>1</truncated><difficult>0</difficult>
<bndbox><xmin>1</xmin><ymin>2</ymin><xmax>50</xmax><ymax>40</ymax></bndbox>
<part><name>head</name><bndbox><xmin>3</xmin><ymin>4</ymin><xmax>5</xmax><ymax>6</ymax></bndbox></part></object>
</annotation>"""


def voc_folder(tmp_path, text=VOC_TEXT):
    (tmp_path / "Annotations").mkdir(exist_ok=True)
    (tmp_path / "Annotations/1.xml").write_text(text)
    return tmp_path


def test_voc_counts_from_one_in_old_files(tmp_path):
    folder = voc_folder(tmp_path)
    assert FORMATS["voc"].read(folder).given[0]["bboxes"] == [[1, 2, 50, 40]]
    read = FORMATS["voc"].read(folder, one_based=True)
    assert read.given[0]["bboxes"] == [[0, 1, 50, 40]] and read.ids.tolist() == ["1"]
    more = json.loads(read.given[0]["more"][0])
    assert more["truncated"] == 1 and more["part"]["bndbox"]["xmax"] == "5"
    file, told = exported(wb.import_run(read, tmp_path / "run"), tmp_path, "voc")
    again = FORMATS["voc"].read(unpacked(file, tmp_path / "out"), one_based=True)
    assert again.given.tolist() == read.given.tolist() and told == ""
    text = (tmp_path / "out/Annotations/1.xml").read_text()
    assert "<xmin>1</xmin>" in text and "<database>The VOC Database</database>" in text


CVAT_TEXT = """<?xml version="1.0" encoding="utf-8"?>
<annotations><version>1.1</version><meta><task><name>t</name><labels>
<label><name>cow</name><color>#fff</color><attributes/></label><label><name>car</name><attributes/></label></labels>
</task></meta>
<image id="7" name="x/1.jpg" subset="train" width="100" height="50">
<box label="car" occluded="1" source="manual" xtl="10.00" ytl="5.00" xbr="30.00" ybr="15.00" z_order="2">
<attribute name="colour">red</attribute></box>
<box label="car" occluded="0" source="manual" xtl="40" ytl="20" xbr="60" ybr="30" rotation="90.0" z_order="0"/>
<mask label="cow" source="manual" occluded="0" rle="1, 2, 2, 1" left="4" top="3" width="3" height="2" z_order="0"/>
<polyline label="cow" source="manual" occluded="0" points="1,1;2,2" z_order="0"/>
<points label="cow" source="manual" occluded="0" points="1.5,1.25;2,2" z_order="0"/>
</image></annotations>"""


def test_cvat_of_other_tools(tmp_path):
    file = tmp_path / "a.xml"
    file.write_text(CVAT_TEXT)
    with pytest.warns(UserWarning, match="1 rotated boxes are read as the upright box around them") as told:
        read = FORMATS["cvat"].read(file)
    assert "1 <polyline> shapes" in str(told[0].message)
    assert read.classes == ("cow", "car") and read.ids.tolist() == [7]
    np.testing.assert_allclose(read.given[0]["bboxes"], [[10, 5, 30, 15], [45, 15, 55, 35], [4, 3, 7, 5]])
    fields = [json.loads(one) for one in read.given[0]["more"]]
    assert fields[0]["attributes"] == {"colour": "red"} and fields[0]["occluded"] == "1"
    coco = pytest.importorskip("pycocotools.mask", reason="pycocotools is not installed (test extra)")
    mask = coco.decode(fields[2]["segmentation"])
    assert sorted(zip(*np.nonzero(mask))) == [(3, 5), (3, 6), (4, 6)] and mask.shape == (50, 100)
    written, told = exported(wb.import_run(read, tmp_path / "run"), tmp_path, "cvat")
    text = written.read_text()
    assert 'rle="1,2,2,1"' in text and 'rotation="90"' in text and "<polyline" in text and told == ""
    assert 'subset="train"' in text and "<color>#fff</color>" in text
    points = TASKS["points"].formats["cvat"].read(file, task="points")
    assert points.given[0]["points"] == [[1.5, 1.25], [2, 2]] and points.given[0]["labels"] == ["cow", "cow"]
    back = wb.import_run(points, tmp_path / "points")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        again = TASKS["points"].formats["cvat"].read(wb.export(back, tmp_path / "p.xml", format="cvat"), task="points")
    assert again.given.tolist() == points.given.tolist()


def studio(*results, **others):
    about = {"original_width": 200, "original_height": 100, "from_name": "label", "to_name": "image"}
    listed = [{**about, "id": f"r{at}", **one} for at, one in enumerate(results)]
    return [
        {
            "id": 5, "data": {"image": "/data/local-files/?d=a/b.png", "city": "X"},
            "annotations": [{"was_cancelled": True, "result": []}, {"result": listed}],
            "predictions": [{"result": [{"type": "rectanglelabels", "value": {}}]}], **others,
        },
        {"id": 6, "data": {"image": "s3://x/c.png"}, "annotations": []},
    ]  # fmt: skip


def rectangle(**value):
    place = {"x": 10, "y": 10, "width": 20, "height": 30, "rotation": 0, "rectanglelabels": ["dog"]}
    return {"type": "rectanglelabels", "value": place | value}


def brush(rle):
    return {"type": "brushlabels", "value": {"format": "rle", "rle": rle, "brushlabels": ["dog"]}}


def test_label_studio_of_other_tools(tmp_path):
    file = tmp_path / "a.json"
    choice = {"type": "choices", "id": "r0", "value": {"choices": ["blurred"]}}
    ellipse = {"type": "ellipselabels", "value": {"x": 50, "y": 50, "ellipselabels": ["dog"]}}
    point = {"type": "keypointlabels", "value": {"x": 50, "y": 50, "width": 0.4, "keypointlabels": ["nose"]}}
    content = studio(rectangle(), rectangle(y=40, height=-30), rectangle(rotation=90), choice, ellipse, point)
    file.write_text(json.dumps(content))
    with pytest.warns(UserWarning, match="1 rotated rectangles") as told:
        read = FORMATS["labelstudio"].read(file)
    assert "1 results of the type 'ellipselabels'" in str(told[0].message)
    assert read.ids.tolist() == [5, 6] and read.given[1] is None
    assert read.metadata["file_name"].tolist() == ["b.png", "c.png"]
    # 90 degrees about the corner (20, 10): 40 x 30 pixels become 30 x 40, to the left of it
    np.testing.assert_allclose(read.given[0]["bboxes"], [[20, 10, 60, 40], [20, 10, 60, 40], [-10, 10, 20, 50]])
    assert json.loads(read.given[0]["more"][0])["results"][0]["value"] == {"choices": ["blurred"]}
    written, _ = exported(wb.import_run(read, tmp_path / "run"), tmp_path, "labelstudio")
    out = json.loads(written.read_text())
    assert out[1]["annotations"] == [] and out[0]["data"]["city"] == "X"
    found = {(one["id"], one["type"]): one["value"] for one in out[0]["annotations"][0]["result"]}
    for name, value in rectangle(rotation=90)["value"].items():
        assert found["r2", "rectanglelabels"][name] == (value if name == "rectanglelabels" else pytest.approx(value))
    assert found["r0", "choices"] == choice["value"] and found["r4", "ellipselabels"] == ellipse["value"]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        points = TASKS["points"].formats["labelstudio"].read(file, task="points")
    assert points.given[0]["points"] == [[100, 50]] and points.classes == ("nose",)


BRUSH = [0, 0, 0, 180, 57, 27, 254, 43, 0, 194, 255, 246, 192, 48, 191, 254, 39, 0, 143, 255, 15, 128, 0]
"""What `mask2rle` of label-studio-converter 0.0.59 returns for 255 times `BRUSHED`. Neither it nor label-studio-sdk is
in the test extra: they bring 6 and 23 further packages."""
BRUSHED = np.zeros((5, 9), bool)
BRUSHED[1:3, 2:8] = BRUSHED[4, 0] = True
COLOURED = [0, 0, 0, 12, 57, 27, 248, 97, 66, 131, 223, 243, 128, 0]
"""Three pixels in red, green, blue and alpha: 10, 20, 30, 255 and nothing twice; the first four values one by one."""


def test_brushes_of_label_studio(tmp_path):
    runs = decode_brush(BRUSH, 5, 9, "here")
    assert np.array_equal(decoded(runs, 5, 9), BRUSHED) and encode_brush(encoded_runs(BRUSHED)) == BRUSH
    assert decoded(decode_brush(COLOURED, 1, 3, "here"), 1, 3).tolist() == [[True, False, False]]
    rng = np.random.default_rng(0)
    for share, shape in ((0.5, (3, 7)), (0, (1, 1)), (1, (129, 130)), (0.02, (40, 300))):
        mask = rng.random(shape) < share
        assert np.array_equal(decoded(decode_brush(encode_brush(encoded_runs(mask)), *shape, "here"), *shape), mask)
    file = tmp_path / "a.json"
    one = {"original_width": 9, "original_height": 5, "id": "b0"}
    content = [{"id": 5, "data": {"image": "b.png"}, "annotations": [{"result": [brush(BRUSH) | one]}]}]
    file.write_text(json.dumps(content))
    read = FORMATS["labelstudio"].read(file)
    assert read.given[0]["bboxes"] == [[0, 1, 8, 5]]
    outline = json.loads(read.given[0]["more"][0])["segmentation"]
    assert np.array_equal(decode_runs(outline["counts"], *outline["size"]), BRUSHED)
    masks = TASKS["instances"].formats["labelstudio"].read(file, task="instances")
    for number, one in enumerate((read, masks)):
        written, told = exported(wb.import_run(one, tmp_path / f"run {number}"), tmp_path, "labelstudio")
        assert json.loads(written.read_text())[0]["annotations"][0]["result"][0]["value"] == brush(BRUSH)["value"]
        assert told == ""
    assert TASKS["instances"].formats["labelstudio"].read(written, task="instances").labels.equals(masks.labels)


# ---- hostile files -------------------------------------------------------------------------------------------------

BOMB = '<!DOCTYPE a [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;">]>'
BOX = '<box label="car" xtl="10.00" ytl="5.00" xbr="30.00" ybr="15.00"'
HOSTILE = {
    "yolo": [
        ("9 0.5 0.5 0.1 0.2", "the class '9' of 2"),
        ("0.5 0.5 0.5 0.1 0.2", r"the class '0\.5'"),
        ("1 nan 0.5 0.1 0.2", "'nan' as number"),
        ("1 0.5 0.5 -0.1 0.2", "negative size"),
        ("1 0.5 0.5 0.1", "has 4 numbers"),
        ("1 x 0.5 0.1 0.2", "'x' as number"),
        ("1 2.5 0.5 0.1 0.2", "outside its image of 200 x 100"),
    ],
    "voc": [
        (BOMB + VOC_TEXT.replace("dog", "&b;"), "declares a document type"),
        (VOC_TEXT.replace("dog", "&b;"), "is not XML"),
        (VOC_TEXT.replace("<xmax>50", "<xmax>0"), "box of -1 x 38 pixels"),
        (VOC_TEXT.replace("<xmax>50", "<xmax>nan"), "'nan' as <xmax>"),
        (VOC_TEXT.replace("<xmax>50</xmax>", ""), "None as <xmax>"),
        (VOC_TEXT.replace("<name>dog</name>", ""), "object 0 is"),
        ("<a>" * 200 + "</a>" * 200, "nested more than 100 deep"),
        ("<annotations/>", "begins with <annotations>"),
        (VOC_TEXT.replace("<xmin>1<", "<xmin>60<").replace("<xmax>50", "<xmax>70"), "outside its image of 50 x 40"),
    ],
    "cvat": [
        (BOMB + "<annotations/>", "declares a document type"),
        (CVAT_TEXT.replace('xbr="30.00"', 'xbr="3"'), "box of -7 x 10 pixels"),
        (CVAT_TEXT.replace('xbr="30.00"', 'xbr="inf"'), "'inf' as xbr"),
        (CVAT_TEXT.replace('label="car" occluded="1"', ""), "has no label"),
        (CVAT_TEXT.replace('rle="1, 2, 2, 1"', 'rle="1, 2, 2, 9"'), "sum to 14 for 3 x 2"),
        (CVAT_TEXT.replace('rle="1, 2, 2, 1"', 'rle="1, 2, 2, 1e9"'), "It is whole numbers"),
        (CVAT_TEXT.replace('left="4"', 'left="99"'), "It must fit"),
        (CVAT_TEXT.replace('width="100"', 'width="nan"'), "'nan' as width"),
        (CVAT_TEXT.replace('id="7"', 'id="x"'), "has the id 'x'"),
        ("<annotations><track/></annotations>", "CVAT for video"),
        ("<annotations/>", "holds no images"),
    ],
    "labelstudio": [
        ([3], "task 0 is 3"),
        ({}, "is not a list of tasks"),
        (studio(rectangle(x=float("nan"))), "nan as x"),
        (studio(rectangle(rectanglelabels="dog")), "has the value"),
        (studio(rectangle(rectanglelabels=[])), "has no label"),
        (studio({**rectangle(), "original_width": 0}), "an image of 0 x 100"),
        (studio(rectangle(), {**rectangle(), "original_height": 101}), "the height 101 in an image of 100"),
        (studio(rectangle(x=200)), "outside its image of 200 x 100"),
        (studio(annotations=[3]), "not a list of annotations"),
        (studio(brush([1, 2.5])), "It is a list of bytes"),
        (studio(brush(BRUSH)), "they are of 180 values instead of 80,000"),
        (studio({**brush(BRUSH[:9]), "original_width": 9, "original_height": 5}), "they end early"),
        (studio({**brush([1]), "original_width": 1e6, "original_height": 1e6}), "At most 40,000,000 are read"),
        (studio({"type": "polygonlabels", "value": {"points": [[1]], "polygonlabels": ["a"]}}), "has the points"),
    ],
}


@pytest.mark.parametrize(("name", "content", "message"), [(name, *one) for name in HOSTILE for one in HOSTILE[name]])
def test_hostile_files_are_one_clear_error(tmp_path, name, content, message):
    if name == "yolo":
        source = yolo_folder(tmp_path, "0 0.5 0.5 0.1 0.1\n" + content)
    elif name == "voc":
        source = voc_folder(tmp_path, content)
    else:
        source = tmp_path / "hostile"
        source.write_text(content if isinstance(content, str) else json.dumps(content))
    with warnings.catch_warnings(), pytest.raises(InputError, match=message) as raised:
        warnings.simplefilter("ignore")
        FORMATS[name].read(source)
    assert len(str(raised.value)) < 1000


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ("", "does not name the classes"),
        ("names: {999999999: a}\n", "numbers a class 999,999,999"),
        ("names: [a\n", "is not YAML"),
        ("names: !!python/object:os.system [a]\n", "is not YAML"),
    ],
)
def test_yolo_settings_that_name_nothing(tmp_path, names, message):
    with pytest.raises(InputError, match=message):
        FORMATS["yolo"].read(yolo_folder(tmp_path, "0 0.5 0.5 0.1 0.1", names))


def test_yolo_needs_sizes(tmp_path):
    (tmp_path / "labels").mkdir()
    (tmp_path / "labels/a.txt").write_text("0 0.5 0.5 1 1")
    with pytest.raises(InputError, match="size of the image 'a' is not known"):
        FORMATS["yolo"].read(tmp_path, classes=["x"])
    assert FORMATS["yolo"].read(tmp_path, classes=["x"], size=(20, 10)).given[0]["bboxes"] == [[0, 0, 20, 10]]
    assert FORMATS["yolo"].read(tmp_path, classes=["x"], size={"a": (4, 2)}).given[0]["bboxes"] == [[0, 0, 4, 2]]
    with pytest.raises(InputError, match="above 0"):
        FORMATS["yolo"].read(tmp_path, classes=["x"], size=(0, 10))


def test_masks_of_rows_equal_pycocotools():
    coco = pytest.importorskip("pycocotools.mask", reason="pycocotools is not installed (test extra)")
    from workbench.review.outlines import from_rows, to_rows
    from workbench.tasks.run_lengths import encode_runs

    rng = np.random.default_rng(0)
    for _ in range(60):
        height, width = rng.integers(1, 9, 2)
        top, left = rng.integers(0, height), rng.integers(0, width)
        high, wide = rng.integers(1, height - top + 1), rng.integers(1, width - left + 1)
        inside = rng.random((high, wide)) < rng.choice([0, 0.5, 0.9, 1])
        mask = np.zeros((height, width), np.uint8)
        mask[top : top + high, left : left + wide] = inside
        box = [int(one) for one in (left, top, wide, high)]
        found = from_rows(encode_runs(inside.T), box, int(height), int(width), "here")
        assert found["counts"] == coco.encode(np.asfortranarray(mask))["counts"].decode()
        np.testing.assert_array_equal(to_rows(found, box), encode_runs(inside.T))


def test_names_that_xml_cannot_hold(tmp_path):
    labels = [{"bboxes": [[0, 0, 1, 1]], "labels": ["a\x01b"]}]
    run = wb.import_run(wb.Dataset.from_arrays(labels, task="boxes"), tmp_path / "run")
    with pytest.raises(InputError, match="XML has no control characters"):
        wb.export(run, tmp_path / "out.zip", format="voc")
    assert not (tmp_path / "out.zip").exists()


def test_names_of_files_stay_inside_the_archive(tmp_path):
    frame = pd.DataFrame({"file_name": ["../../a.png", "/etc/b.png", "c:d?.png"], "width": 10, "height": 10})
    frame["boxes"] = [[(0, 0, 1, 1, "x")]] * 3
    run = wb.import_run(frame, tmp_path / "run", label="boxes", task="boxes")
    for name in ("yolo", "voc"):
        with zipfile.ZipFile(exported(run, tmp_path, name)[0]) as packed:
            names = [one for one in packed.namelist() if "/" in one]
        stems = [one.split("/", 1)[1].rsplit(".", 1)[0] for one in names]
        assert stems == ["_/_/a", "etc/b", "c%3Ad%3F"]


# ---- damaged files -------------------------------------------------------------------------------------------------

COCO_CONTENT = {
    "info": {"year": 2017},
    "images": [{"id": 1, "file_name": "a.jpg", "width": 20, "height": 10, "gps": [1.5]}, {"id": 2}],
    "annotations": [
        {
            "id": 5,
            "image_id": 1,
            "category_id": 7,
            "bbox": [1, 2, 3.5, 4],
            "iscrowd": 0,
            "segmentation": [[1, 2, 3, 4, 5, 0]],
        },
        {
            "id": 6,
            "image_id": 1,
            "category_id": 7,
            "bbox": [0, 0, 5, 5],
            "iscrowd": 1,
            "segmentation": {"size": [10, 20], "counts": [100, 100]},
        },
    ],
    "categories": [{"id": 7, "name": "dog", "supercategory": "animal"}],
}

ODD = [
    "null",
    "-1",
    "1e999",
    "NaN",
    '""',
    "[]",
    "{}",
    "true",
    "99999999999999999999",
    '"\\ud800"',
    "0",
    "[[[]]]",
    '"x"',
]
WORDS = [b"nan", b"-1", b"", b"1e999", b"\xff\xfe", b"<", b"&x;", b"0", b"\0", b"99999999999999999999"]


def zipped(members):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as packed:
        for name, data in members.items():
            packed.writestr(name, data)
    return out.getvalue()


def damaged(data: bytes, draw: random.Random) -> bytes:
    """Change a file in one of several ways."""
    at = draw.randrange(len(data))
    way = draw.randrange(5)
    if way == 0:
        return data[:at]
    if way == 1:
        return data[:at] + bytes([draw.randrange(256)]) + data[at + 1 :]
    if way == 2:
        return data[:at] + data[max(at - 40, 0) :]
    parts = data.replace(b'"', b' " ').split(b" ") if way == 3 else data.split(b",")
    parts[draw.randrange(len(parts))] = draw.choice(WORDS)
    return (b" " if way == 3 else b",").join(parts)


def exchanged(value, draw: random.Random):
    """Replace one value inside JSON by an odd one."""
    text = json.dumps(value)
    places = [at for at in range(len(text)) if text[at - 1 : at] in (":", " ", "[") and text[at] not in " :,]}"]
    at = draw.choice(places)
    try:
        _, end = json.JSONDecoder().raw_decode(text, at)
    except ValueError:
        return text
    return text[:at] + draw.choice(ODD) + text[end:]


@pytest.mark.parametrize("name", ["coco", "yolo", "voc", "cvat", "labelstudio"])
def test_damage_is_read_or_one_clear_error(tmp_path, name):
    form = TASKS["boxes"].formats[name]
    rings = studio(rectangle(), rectangle(rotation=30), rectangle(height=-5))
    content = COCO_CONTENT if name == "coco" else rings
    whole = {
        "coco": json.dumps(COCO_CONTENT).encode(),
        "labelstudio": json.dumps(rings).encode(),
        "cvat": CVAT_TEXT.encode(),
        "voc": VOC_TEXT.encode(),
        "yolo": b"1 0.5 0.5 0.1 0.2\n0 0.1 0.1 0.2 0.1 0.2 0.3 0.1 0.3\n",
    }[name]
    settings = b"names: [cat, dog]\ntrain: images\nkpt: {a: [1, 2]}\n"
    folder = yolo_folder(tmp_path, "") if name == "yolo" else tmp_path
    read = refused = 0
    for seed in range(150):
        draw = random.Random(f"{name} {seed}")
        if name in ("coco", "labelstudio") and seed % 2:
            data = exchanged(content, draw).encode("utf-8", "surrogatepass")
        else:
            data = damaged(whole, draw)
        source = folder / "damaged"
        if name == "voc":
            source = folder / "damaged.zip"
            data = zipped({"Annotations/1.xml": data})
            data = damaged(data, draw) if seed % 3 == 0 else data
        elif name == "yolo":
            (folder / "labels/train/0.txt").write_bytes(data if seed % 3 else whole)
            (folder / "data.yaml").write_bytes(settings if seed % 3 else damaged(settings, draw))
        if name == "yolo":
            source = folder
        else:
            source.write_bytes(data)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                assert isinstance(form.read(source), Dataset)
                read += 1
            except InputError as error:
                assert len(str(error)) < 1500
                refused += 1
    assert read > 3 and refused > 20, (read, refused)
