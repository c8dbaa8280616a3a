"""COCO files of boxes: round trips, pycocotools as oracle, predictions, and files that are refused."""

from __future__ import annotations

import copy
import json
import warnings

import numpy as np
import pytest

import workbench as wb
from workbench.foundation.errors import InputError
from workbench.tasks import TASKS

COCO = TASKS["boxes"].formats["coco"]

CONTENT = {
    "info": {"year": 2017, "by": ["A", "B"]},
    "licenses": [{"id": 1, "name": "CC BY"}],
    "videos": [{"id": 3}],
    "images": [
        {"id": 397133, "file_name": "a.jpg", "width": 640, "height": 480, "license": 1, "taken": "noon"},
        {"id": 37, "file_name": "b/ü.jpg", "width": 100, "height": 80, "license": 2, "gps": [1.5, 2]},
        {"id": 5, "file_name": "c.jpg", "width": 10, "height": 8, "license": 2},
        {"id": 6, "file_name": "d.jpg", "width": 10, "height": 8, "license": 2, "unlabelled": True},
    ],
    "annotations": [
        {
            "id": 1768, "image_id": 397133, "category_id": 90, "bbox": [10.1, 20.3, 5.3, 7.77], "area": 20.5,
            "iscrowd": 0, "segmentation": [[1, 2, 3, 4, 5, 6.5], [9, 9, 12, 9, 12, 12, 9, 12]],
            "attributes": {"occluded": True},
        },
        {
            "id": 900100, "image_id": 37, "category_id": 1, "bbox": [0, 0, 50, 80], "area": 4000, "iscrowd": 1,
            "segmentation": {"size": [80, 100], "counts": [0, 4000, 4000]},
        },
        {"id": 8, "image_id": 37, "category_id": 1, "bbox": [3.25, 4, 50, 8], "area": 400.0, "iscrowd": 0},
    ],
    "categories": [
        {"id": 90, "name": "toothbrush", "supercategory": "indoor", "color": [1, 2, 3]},
        {"id": 1, "name": "person"},
    ],
}  # fmt: skip


def written(tmp_path, content, name="labels.json"):
    file = tmp_path / name
    file.write_text(json.dumps(content), encoding="utf-8")
    return file


def changed(**lists):
    return {**copy.deepcopy(CONTENT), **lists}


@pytest.fixture
def run(tmp_path):
    file = written(tmp_path, CONTENT)
    return wb.import_run(file, tmp_path / "run", format="coco", task="boxes")


def test_all_of_a_file_survives(run, tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        file = wb.export(run, tmp_path / "out.json", format="coco")
    assert json.loads(file.read_text(encoding="utf-8")) == CONTENT
    assert run.classes == ("toothbrush", "person") and run.dataset.ids.tolist() == [397133, 37, 5, 6]


def test_empty_is_not_missing(run):
    given = run.dataset.given
    assert given[2] == {"bboxes": [], "labels": []} and given[3] is None


def test_corrections_reach_the_file(run, tmp_path):
    kind = TASKS["boxes"]
    brush, person = run.classes
    encode = kind.encode
    journal = run.journal
    journal.relabel(397133, encode({"box": [10.1, 20.3, 10.1 + 5.3, 28.07], "label": person}), old="null", units="g0")
    journal.relabel(37, encode({"box": [0, 0, 60, 80], "label": person}), old="null", units="g0")
    journal.relabel(37, encode(None), old="null", units="g1")
    journal.relabel(5, encode({"box": [1, 1, 2.5, 3], "label": brush}), old="null", units="a0123456789ab")
    with pytest.warns(UserWarning, match="1 outlines of moved objects"):
        file = wb.export(run, tmp_path / "out.json", format="coco")
    found = json.loads(file.read_text(encoding="utf-8"))["annotations"]
    assert found[0] == {**CONTENT["annotations"][0], "category_id": 1}
    assert found[1] == {"id": 900100, "image_id": 37, "category_id": 1, "bbox": [0, 0, 60, 80], "area": 4800,
                        "iscrowd": 1}  # fmt: skip
    assert found[2] == {"id": 900101, "image_id": 5, "category_id": 90, "bbox": [1, 1, 1.5, 2], "area": 3,
                        "iscrowd": 0}  # fmt: skip


def test_pycocotools_opens_what_is_written(run, tmp_path):
    coco = pytest.importorskip("pycocotools.coco", reason="pycocotools is not installed (test extra)")
    whole = coco.COCO(str(wb.export(run, tmp_path / "out.json", format="coco")))
    assert sorted(whole.getImgIds()) == [5, 6, 37, 397133] and sorted(whole.getCatIds()) == [1, 90]
    crowd, brush = whole.loadAnns([900100, 1768])
    assert whole.annToMask(crowd).sum() == 4000 and whole.annToMask(brush).any()


def test_text_ids_and_files_without_coco_origin(tmp_path):
    given = [{"bboxes": [[0, 0.5, 2, 3]], "labels": ["b"]}, None]
    labels = wb.Dataset.from_arrays(given, task="boxes", ids=["x", "y"], classes=["a", "b"])
    file = wb.export(wb.import_run(labels, tmp_path / "run"), tmp_path / "out.json", format="coco")
    content = json.loads(file.read_text(encoding="utf-8"))
    assert [one["id"] for one in content["images"]] == [0, 1] and content["images"][1]["unlabelled"]
    assert [(one["id"], one["name"]) for one in content["categories"]] == [(1, "a"), (2, "b")]
    read = COCO.read(file, id="name")
    assert read.ids.tolist() == ["x", "y"]
    assert read.given.tolist() == [{**labels.given[0], "more": ['{"id":1}']}, None]
    by_name = COCO.read(written(tmp_path, CONTENT), id="file_name")
    assert by_name.ids.tolist()[1] == "b/ü.jpg"
    again = wb.export(wb.import_run(by_name, tmp_path / "named"), tmp_path / "again.json", format="coco")
    assert [one["id"] for one in json.loads(again.read_text(encoding="utf-8"))["images"]] == [397133, 37, 5, 6]


def test_pictures_are_found_below_a_folder(tmp_path):
    image = pytest.importorskip("PIL.Image")
    image.new("RGB", (10, 8)).save(tmp_path / "c.jpg")
    one = changed(images=[CONTENT["images"][2]], annotations=[])
    read = COCO.read(written(tmp_path, one), images=tmp_path)
    assert read.image(0) == "c.jpg" and read.metadata["file_name"].tolist() == ["c.jpg"]


def test_predictions_in_coco_form(run, tmp_path):
    listed = [{"image_id": 37, "category_id": 90, "bbox": [1.1, 2, 3.3, 4], "score": 0.75}]
    found = wb.vision.read_detections(written(tmp_path, listed, "found.json"), run)
    assert [len(one["scores"]) for one in found] == [0, 1, 0, 0]
    assert found[1]["bboxes"].tolist() == [[1.1, 2, 4.4, 6]] and found[1]["labels"].tolist() == ["toothbrush"]
    file = wb.vision.write_detections(found, tmp_path / "again.json", labels=run)
    assert json.loads(file.read_text()) == listed
    for change, message in (
        ({"image_id": 3}, "names image 3"),
        ({"category_id": [2]}, r"category \[2\]"),
        ({"score": None}, "None as score"),
        ({"bbox": [0, 0, -1, 1]}, "-1 x 1 pixels"),
        ({"bbox": [0]}, "is "),
    ):
        with pytest.raises(InputError, match=f"prediction 0 .*{message}"):
            wb.vision.read_detections(written(tmp_path, [{**listed[0], **change}], "bad.json"), run)
    found[1]["labels"][:] = "cow"
    with pytest.raises(InputError, match="cow"):
        wb.vision.write_detections(found, tmp_path / "bad.json", labels=run, force=True)


HOSTILE = {
    "nan": ({"bbox": [0, float("nan"), 1, 1]}, "has nan as part of `bbox`"),
    "infinite": ({"bbox": [0, 0, float("inf"), 1]}, "has inf as part"),
    "negative": ({"bbox": [0, 0, 5, -1]}, "box of 5 x -1 pixels"),
    "short": ({"bbox": [0, 0, 5]}, r"A bbox is \[x, y, width, height\]"),
    "text": ({"bbox": "0000"}, "has the bbox '0000'"),
    "beyond": ({"bbox": [9000, 0, 5, 5]}, "outside its image of 640 x 480"),
    "image": ({"image_id": 99}, "names the image 99"),
    "category": ({"category_id": {"a": 1}}, "names the category"),
    "odd polygon": ({"segmentation": [[1, 2, 3]]}, "polygon of 3 values"),
    "nan polygon": ({"segmentation": [[1, 2, 3, float("nan"), 5, 6]]}, "finite numbers"),
    "size": ({"segmentation": {"size": [9, 9], "counts": [81]}}, "an image of 480 x 640"),
    "sum": ({"segmentation": {"size": [480, 640], "counts": [5]}}, "sum to 5 for 480 x 640"),
    "bomb": ({"segmentation": {"size": [480, 640], "counts": "0" * 5000 + "o" * 20}}, "without an end|sum to"),
    "huge": ({"segmentation": {"size": [10**9, 10**9], "counts": [10**18]}}, "size"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_annotations_are_one_clear_error(tmp_path, name):
    change, message = HOSTILE[name]
    bad = {**CONTENT["annotations"][0], **change}
    with pytest.raises(InputError, match=message) as raised:
        COCO.read(written(tmp_path, changed(annotations=[bad])))
    assert "annotation 0" in str(raised.value) or "row 0" in str(raised.value)
    assert len(str(raised.value)) < 1000


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ([], "has no list 'images'"),
        ({"images": [], "annotations": []}, "has no list 'categories'"),
        (changed(images=[{"id": 5}, {"id": 5}]), "image 1 repeats the id 5"),
        (changed(images=[{"name": 5}]), "image 0 is"),
        (changed(categories=[{"id": 1, "name": "a"}, {"id": 2, "name": "a"}]), "category 1 repeats"),
        (changed(annotations=[7]), "annotation 0 is 7"),
        (changed(images=[], annotations=[]), "holds no images"),
    ],
)
def test_files_of_another_form_are_refused(tmp_path, content, message):
    with pytest.raises(InputError, match=message):
        COCO.read(written(tmp_path, content))


def test_a_million_boxes_in_an_image_are_refused_early(tmp_path, monkeypatch):
    monkeypatch.setattr("workbench.review.box_files.MOST_OBJECTS", 1000)
    many = [{"image_id": 5, "category_id": 1, "bbox": [0, 0, 1, 1]}] * 1001
    with pytest.raises(InputError, match=r"the image 5 has 1,001 objects. At most 1,000 are read"):
        COCO.read(written(tmp_path, changed(annotations=many)))


def test_polygons_that_cross_themselves_are_kept_and_named(tmp_path):
    bow = {**CONTENT["annotations"][0], "segmentation": [[0, 0, 4, 4, 4, 0, 0, 4], [1, 1, 2, 2]]}
    file = written(tmp_path, changed(annotations=[CONTENT["annotations"][0], bow]))
    with pytest.warns(UserWarning, match="1 polygons cross themselves, the first of .*annotation 1") as told:
        read = COCO.read(file)
    assert "1 polygons have fewer than three points" in str(told[0].message)
    assert json.loads(read.given[0]["more"][1])["segmentation"] == bow["segmentation"]


def test_crossings_agree_with_the_definition():
    from workbench.review.outlines import crossing_outlines

    rng = np.random.default_rng(0)
    for v in (4, 5, 7):
        for _ in range(40):
            points = rng.random((v, 2))
            edges = [(points[at], points[(at + 1) % v]) for at in range(v)]

            def crosses(one, other):
                def side(a, b, c):
                    return np.sign((b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0]))

                (a, b), (c, d) = one, other
                return side(a, b, c) != side(a, b, d) and side(c, d, a) != side(c, d, b)

            wanted = any(crosses(edges[i], edges[j]) for i in range(v) for j in range(i + 2, v) if (i, j) != (0, v - 1))
            assert crossing_outlines([("a", [points.ravel().tolist()])])[1] == wanted


# ---- keypoints -----------------------------------------------------------------------------------------------------

PEOPLE = {
    "info": {"year": 2017},
    "images": [{"id": 7, "file_name": "a.jpg", "width": 100, "height": 80, "gps": [1.5]}, {"id": 3}],
    "annotations": [
        {
            "id": 900, "image_id": 7, "category_id": 1, "keypoints": [10, 20, 2, 30.5, 20, 1, 0, 0, 0], "area": 90.5,
            "num_keypoints": 2, "bbox": [5, 5, 40, 60], "iscrowd": 0, "segmentation": [[1, 2, 3, 4, 5, 6]], "mood": "x",
        },
        {
            "id": 31, "image_id": 7, "category_id": 1, "keypoints": [0, 0, 0, 0, 0, 0, 60, 70, 2],
            "num_keypoints": 1, "bbox": [50, 5, 40, 70], "iscrowd": 0, "area": 2800,
        },
    ],
    "categories": [
        {"id": 1, "name": "person", "keypoints": ["nose", "eye", "foot"], "skeleton": [[1, 2]], "supercategory": "x"},
        {"id": 8, "name": "face", "keypoints": ["eye"], "skeleton": []},
    ],
}  # fmt: skip


def test_keypoints_survive_and_are_corrected(tmp_path):
    file = written(tmp_path, PEOPLE)
    run = wb.import_run(file, tmp_path / "run", format="coco", task="points")
    assert run.classes == ("nose", "person: eye", "foot", "face: eye")
    first = run.dataset.given[0]
    assert first["points"] == [[10, 20], [30.5, 20], [60, 70]] and first["labels"] == ["nose", "person: eye", "foot"]
    assert json.loads(first["more"][1]) == {"visibility": 1, "instance": 0}
    out = wb.export(run, tmp_path / "out.json", format="coco")
    assert json.loads(out.read_text()) == {**PEOPLE, "images": [PEOPLE["images"][0], {"id": 3, "file_name": "3"}]}
    encode = run.dataset.kind.encode
    for unit, value in (
        ("g0", None),
        ("g1", {"label": "person: eye", "point": [31, 20]}),
        ("a00123456789a", {"label": "nose", "point": [61, 10]}),
        ("a10123456789a", {"label": "face: eye", "point": [1, 2.5]}),
    ):
        run.journal.relabel(7, encode(value), old=None, units=unit)
    out = wb.export(run, tmp_path / "out.json", format="coco", force=True)
    found = json.loads(out.read_text())["annotations"]
    assert [one["id"] for one in found] == [900, 31, 901] and found[0]["mood"] == "x"
    assert [one["keypoints"] for one in found] == [
        [0, 0, 0, 31, 20, 1, 0, 0, 0], [61, 10, 2, 0, 0, 0, 60, 70, 2], [1, 2.5, 2],
    ]  # fmt: skip
    assert [one["num_keypoints"] for one in found] == [1, 2, 1] and found[2]["bbox"] == [1, 2.5, 0, 0]
    coco = pytest.importorskip("pycocotools.coco", reason="pycocotools is not installed (test extra)")
    assert coco.COCO(str(out)).loadAnns([31])[0]["keypoints"][0] == 61


def test_points_without_an_origin_are_keypoints(tmp_path):
    labels = [{"points": [[1, 2], [3, 4], [5, 6.5]], "labels": ["a", "a", "b"]}, None]
    run = wb.import_run(wb.Dataset.from_arrays(labels, task="points", ids=["x", "y"]), tmp_path / "run")
    out = wb.export(run, tmp_path / "out.json", format="coco")
    again = TASKS["points"].formats["coco"].read(out, task="points", id="name")
    assert again.ids.tolist() == ["x", "y"] and again.given[1] is None
    assert sorted(zip(again.given[0]["points"], again.given[0]["labels"])) == sorted(zip(*labels[0].values()))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"keypoints": [1, 2, 2]}, r"annotation 0 \(id 900\) has 3 values as keypoints. It needs .* of 3 keypoints"),
        ({"keypoints": [1, 2, 3] * 3}, "has the visibility 3 of 'nose'"),
        ({"keypoints": [1, float("nan"), 2] * 3}, "has nan as keypoints"),
        ({"keypoints": "x"}, "has 'x' as keypoints"),
        ({"category_id": 5}, "names the category 5"),
    ],
)
def test_hostile_keypoints_are_one_clear_error(tmp_path, change, message):
    annotations = [{**PEOPLE["annotations"][0], **change}]
    with pytest.raises(InputError, match=message):
        TASKS["points"].formats["coco"].read(written(tmp_path, {**PEOPLE, "annotations": annotations}), task="points")
