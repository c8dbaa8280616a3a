"""Instances, objects with a mask each, as a kind of label: what differs from boxes, and the contract of all kinds."""

from __future__ import annotations

import json
import zipfile

import numpy as np
import pandas as pd
import pytest
from contract import Case
from hypothesis import strategies as st

import workbench as wb
from workbench.data.dataset import Dataset
from workbench.foundation.errors import InputError
from workbench.shell.cli import main
from workbench.tasks import TASKS
from workbench.tasks.box_table import box_table_of
from workbench.tasks.instance_evidence import instances_of
from workbench.tasks.mask_runs import counts_in_image, cut_to_boxes, mask_ious, pixel_counts, runs_of_texts
from workbench.tasks.object_overlaps import GivenObjects, overlaps_of
from workbench.tasks.run_lengths import decode_runs, encode_runs, from_polygons, from_texts, to_text

CLASSES = ("car", "dog")
KIND = TASKS["instances"]
SIZE = (48, 64)


def instance(x, y, shape, label):
    """A value: a mask of this shape, whose lower right quarter is cut out."""
    mask = np.ones(shape, bool)
    mask[shape[0] // 2 :, shape[1] // 2 :] = shape[0] < 2
    return {"box": [x, y, x + shape[1], y + shape[0]], "label": label, "mask": to_text(encode_runs(mask))}


def full(value):
    """The mask of a value as an array of the whole image."""
    x0, y0, x1, y1 = value["box"]
    found = np.zeros(SIZE, bool)
    found[y0:y1, x0:x1] = decode_runs(value["mask"], y1 - y0, x1 - x0)
    return found


def predictions(dataset):
    """Scored instances that mostly agree with the labels, some missing and some spurious."""
    found = []
    for row, given in enumerate(dataset.given):
        there = given is not None and row % 5 != 3
        masks = [full(dict(zip(("box", "mask"), one))) for one in zip(_whole(given), given["masks"])] if there else []
        labels = [*given["labels"]] if there else []
        scores = [0.9 - 0.01 * (row % 7)] * len(masks)
        if row % 7 == 2:
            masks, labels, scores = [*masks, full(instance(40, 30, (8, 12), "car"))], [*labels, "car"], [*scores, 0.8]
        found.append({"masks": masks, "labels": labels, "scores": scores})
    return {"predictions": found}


def _whole(given):
    return np.array(given["bboxes"], int).reshape(-1, 4).tolist()


_BOXES = st.tuples(*[st.integers(0, 40)] * 2, *[st.integers(1, 20)] * 2)
CASE = Case(
    task="instances",
    labels=[
        {
            "masks": [full(instance(0, 0, (10, 12), "dog")), full(instance(20, 0, (10, 9), "car"))],
            "labels": ["dog", "car"],
            "more": [{"id": 7}, None],
        },
        [],
        None,
        [([[1, 2, 13, 2, 13, 14, 1, 14]], "dog")],
        [instance(0, 0, (20, 20), "car"), instance(0, 0, (20, 20), "car"), instance(5, 25, (4, 4), "dog")],
    ],
    classes=CLASSES,
    values=st.none()
    | st.builds(lambda at, label: instance(at[0], at[1], at[2:], label), _BOXES, st.sampled_from(CLASSES)),
    decisions=[
        (0, "g0", instance(1, 0, (10, 13), "dog")),
        (0, "g1", None),
        (1, "c0123456789abcdef", instance(5, 5, (3, 3), "dog")),
        (2, "a0123456789ab", instance(1, 1, (1, 4), "car")),
        (4, "g1", instance(0, 0, (20, 20), "dog")),
    ],
    corrected=[
        [instance(1, 0, (10, 13), "dog") | {"more": {"id": 7}}],
        [instance(5, 5, (3, 3), "dog")],
        [instance(1, 1, (1, 4), "car")],
        [([[1, 2, 13, 2, 13, 14, 1, 14]], "dog")],
        [instance(0, 0, (20, 20), "car"), instance(0, 0, (20, 20), "dog"), instance(5, 25, (4, 4), "dog")],
    ],
    words={None: "nothing"},
    hostile=[
        *("", "[]", '{"box":[0,0,1,1],"label":"car"}', '{"box":[0,0,1,1],"label":"cow","mask":"01"}', "1" * 5000),
        *('{"box":[0,0,1,1],"label":"car","mask":"02"}', '{"box":[0,0,1.5,1],"label":"car","mask":"01"}'),
        *('{"box":[-1,0,1,1],"label":"car","mask":"02"}', '{"box":[0,0,1,1],"label":"car","mask":[0,1]}'),
        *('{"box":[0,0,2e5,2e5],"label":"car","mask":"0000"}', '{"box":[0,0,1,1],"label":"car","mask":"ooooooooo"}'),
    ],
    other_labels=[
        *([[(np.ones((2, 2)), "cow")]], [[(np.full((2, 2), np.nan), "car")]], ["car"], [{"masks": []}], [7]),
        *([[({"size": [2, 2], "counts": [0, 5]}, "car")]], [[(np.arange(4).reshape(2, 2), "car")]]),
        *([[([[0, 0, 1, np.inf, 1, 1]], "car")]], [[(np.ones((2, 2)), "car"), (np.ones((3, 2)), "car")]]),
        *([[([[0, 0, 1]], "car")]], [{"masks": [np.ones((2, 2))], "labels": []}], [[(None, "car")]]),
    ],
    wrong_keys=["", "g9", "x", "g-1", "p0"],
    predictions=predictions,
    by_hand=(
        0,
        [("g0", "dog of 90 pixels from (0, 0) to (12, 10)"), ("g1", "car of 65 pixels from (20, 0) to (29, 10)")],
    ),
    columns={"width": 64, "height": 48},
)


def blobs(m, seed=0, size=(40, 50)):
    """Random masks, one full and one empty."""
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(m):
        mask = np.kron(rng.random((10, 10)), np.ones((4, 5))) > rng.uniform(0.3, 0.95)
        (top, bottom), (left, right) = (np.sort(rng.integers(0, side + 1, 2)) for side in size)
        found.append(np.zeros(size, bool))
        found[-1][top:bottom, left:right] = mask[top:bottom, left:right]
    found[0][:], found[1][:] = True, False
    return found


def test_masks_are_compared_as_by_pycocotools():
    coco = pytest.importorskip("pycocotools.mask")
    masks = blobs(40)
    runs = [encode_runs(one) for one in masks]
    begin = np.concatenate([[0], np.cumsum([len(one) for one in runs])])
    boxes, texts = cut_to_boxes(np.concatenate(runs), begin, np.full(40, 40))
    for mask, place, text, own in zip(masks, boxes.tolist(), texts, runs):
        x0, y0, x1, y1 = place
        assert np.array_equal(decode_runs(text, y1 - y0, x1 - x0), mask[y0:y1, x0:x1])
        if mask.any():
            assert to_text(counts_in_image(text, place, 40, 50)) == to_text(own)
    assert pixel_counts(texts).tolist() == [int(one.sum()) for one in masks]
    first, second = (one.ravel() for one in np.meshgrid(range(40), range(40), indexing="ij"))
    texts = np.array(texts, object)
    found = mask_ious(first, second, boxes, texts, boxes, texts).reshape(40, 40)
    peers = [coco.encode(np.asfortranarray(one, np.uint8)) for one in masks]
    np.testing.assert_array_equal(found, coco.iou(peers, peers, [0] * 40))
    pairs = overlaps_of(GivenObjects(np.repeat([0, 1], 20), boxes, texts))
    ones = found.copy()
    ones[:20, 20:] = ones[20:, :20] = 0
    np.fill_diagonal(ones, 0)
    np.testing.assert_array_equal(pairs.iou, ones[ones > 0])
    counts, starts = from_texts([to_text(one) for one in runs])
    assert np.array_equal(counts, np.concatenate(runs)) and np.array_equal(starts, begin)
    assert not len(runs_of_texts(["", ""]).of)


def test_all_forms_of_masks_are_the_same_labels():
    values = [instance(3, 5, (9, 11), "dog"), instance(30, 20, (6, 7), "car")]
    arrays = [full(one) for one in values]
    ids = np.zeros(SIZE, np.int32)
    ids[arrays[0]], ids[arrays[1]] = 4, 9
    runs = [{"size": list(SIZE), "counts": encode_runs(one).tolist()} for one in arrays]
    forms = [
        {"masks": np.stack(arrays).astype(np.uint8), "labels": ["dog", "car"]},
        {"masks": runs, "labels": ["dog", "car"]},
        {
            "segmentation": [{**one, "counts": to_text(np.array(one["counts"])).encode()} for one in runs],
            "labels": ["dog", "car"],
        },
        {"instances": ids, "labels": {4: "dog", "9": "car"}},
        list(zip(arrays, ["dog", "car"])),
        values,
    ]
    data = Dataset.from_arrays(forms, task="instances")
    assert data.classes == CLASSES and data.units.m == 2 * len(forms)
    table = box_table_of(data.labels)
    assert (table.places.reshape(-1, 8) == [3, 5, 14, 14, 30, 20, 37, 26]).all()
    assert (table.masks.reshape(-1, 2) == [one["mask"] for one in values]).all()
    frame = pd.DataFrame({"label": forms[:2], "width": 64, "height": 48})
    assert Dataset.from_frame(frame, task="instances").units.m == 4
    with pytest.raises(InputError, match=r"has masks of 48 x 64 pixels in an image of 48 x 60"):
        Dataset.from_frame(frame.assign(width=60), task="instances")
    with pytest.raises(InputError, match=r"instance 0 reaches to \(13, 14\) in an image of 12 x 48"):
        Dataset.from_frame(pd.DataFrame({"label": [CASE.labels[3]], "width": 12, "height": 48}), task="instances")


def test_errors_name_the_instance():
    hostile = {
        "instance 1 sum to 5 for": [(np.ones((2, 2)), "car"), ({"size": [2, 2], "counts": [0, 5]}, "car")],
        "instance 0 has the mask 7": [(7, "car")],
        "instance 0 has the size 100,000 x 100,000": [({"size": [10**5, 10**5], "counts": [0, 10**10]}, "car")],
        "has masks of the sizes 2 x 2 and 3 x 2": [(np.ones((2, 2)), "car"), (np.ones((3, 2)), "car")],
        "has 100,001 instances": [(np.ones((1, 1)), "car")] * 100_001,
        "instance 0 has a polygon with nan": [([[0, 0, 1, np.nan, 1, 1]], "car")],
    }
    for found, labels in hostile.items():
        with pytest.raises(InputError, match=f"`labels` row 1.*{found}"):
            Dataset.from_arrays([[], labels], task="instances")
    crossing = Dataset.from_arrays([[([[0, 0, 8, 8, 8, 0, 0, 8]], "car")]], task="instances")
    assert pixel_counts(box_table_of(crossing.labels).masks.tolist())[0] == 32, "by the even-odd rule"


def test_predictions_are_stored_with_a_run(tmp_path):
    run = wb.import_run(CASE.dataset(times=2), tmp_path / "run")
    evidence = CASE.predictions(run.dataset)
    found = instances_of(run.dataset, evidence["predictions"])
    run.save_evidence("predictions", evidence["predictions"])
    stored = wb.open_run(run.path)
    units = wb.find_issues(stored, per="unit")
    pd.testing.assert_frame_equal(units, wb.find_issues(run, per="unit", **evidence))
    at = found.rows == 2
    table = pd.DataFrame(
        {"name": ["a2"], "mask": [{"size": list(SIZE), "counts": [0, 48 * 64]}], "label": ["dog"], "score": [0.5]}
    )
    of_table = instances_of(run.dataset, table)
    assert of_table.places.tolist() == [[0, 0, 64, 48]] and at.sum() == 1
    for wrong, error in (
        ([{"masks": [np.ones(SIZE)], "labels": ["dog"]}], r"row 0 is \{'masks'"),
        ([{"masks": [np.ones(SIZE)], "labels": ["dog"], "scores": [2]}], "row 0 .* has the score 2"),
        ([{"masks": [np.full(SIZE, 3.5)], "labels": ["dog"], "scores": [1]}, {"bboxes": []}], "row 1 is"),
        ([{"bboxes": [[0, 0, 1, 1]], "labels": ["dog"], "scores": [1]}], "row 0 is"),
    ):
        with pytest.raises(InputError, match=error):
            instances_of(run.dataset, wrong + [None] * (run.dataset.n - len(wrong)))


def test_a_changed_outline_contradicts_the_given_one():
    given = instance(0, 0, (20, 20), "car")
    other = {**given, "mask": to_text(encode_runs(np.ones((20, 20))))}
    same = {**given, "box": [0, 0, 20, 20]}
    texts = [KIND.encode(one) for one in (given, other, same)]
    assert KIND.contradicts(texts[1], texts[0]) and not KIND.contradicts(texts[2], texts[0])


def test_coco_files_keep_polygons_and_write_changed_masks(tmp_path, capsys):
    rle = {"size": list(SIZE), "counts": to_text(encode_runs(full(instance(3, 5, (9, 11), "dog"))))}
    polygons = [[10.5, 10.5, 20.2, 10.5, 20.2, 22.1], [30, 30, 34, 30, 34, 34, 30, 34]]
    objects = [("car", polygons), ("dog", rle), ("car", None)]
    content = {
        "images": [{"id": 4, "width": 64, "height": 48, "file_name": "a.png"}],
        "categories": [{"id": 3, "name": "dog"}, {"id": 8, "name": "car"}],
        "annotations": [
            {"id": 10 + at, "image_id": 4, "category_id": 8 if name == "car" else 3, "bbox": [2, 2, 5, 6], "area": 9.5}
            | ({} if outline is None else {"segmentation": outline})
            for at, (name, outline) in enumerate(objects)
        ],
    }
    (tmp_path / "a.json").write_text(json.dumps(content))
    paths = [str(tmp_path / name) for name in ("a.json", "run")]
    assert not main(["import", *paths, "--task", "instances", "--format", "coco"])
    assert "1 objects without an outline are read as their boxes, filled" in capsys.readouterr().err
    run = wb.open_run(tmp_path / "run")
    table = box_table_of(run.dataset.labels)
    coco = pytest.importorskip("pycocotools.mask")
    peer = coco.decode(coco.merge(coco.frPyObjects(polygons, *SIZE))).astype(bool)
    shapes = [dict(zip(("box", "mask"), one)) for one in zip(table.places.astype(int).tolist(), table.masks)]
    assert np.array_equal(full(shapes[0]), peer) and shapes[1]["mask"] == instance(3, 5, (9, 11), "dog")["mask"]
    assert shapes[2]["box"] == [2, 2, 7, 8] and pixel_counts([shapes[2]["mask"]]) == 30
    new = instance(3, 5, (9, 12), "dog")
    run.journal.relabel(4, KIND.encode(new), old=run.dataset.value_of(1), units="g1")
    run.journal.relabel(4, KIND.encode(new), old=None, units="a0123456789ab")
    written = json.loads(wb.export(run, tmp_path / "b.json", format="coco").read_text())["annotations"]
    assert [one["id"] for one in written] == [10, 11, 12, 13] and written[0]["segmentation"] == polygons
    assert [one["area"] for one in written] == [9.5, 78, 9.5, 78] and written[0]["bbox"] == [2, 2, 5, 6]
    for at in (1, 3):
        peer = coco.decode({**written[at]["segmentation"], "counts": written[at]["segmentation"]["counts"].encode()})
        assert np.array_equal(peer.astype(bool), full(new)) and written[at]["bbox"] == [3, 5, 12, 9]
    seen = [{"masks": [full(new), polygons], "labels": ["dog", "car"], "scores": [0.5, 0.25]}]
    again = wb.vision.read_detections(wb.vision.write_detections(seen, tmp_path / "c.json", labels=run), run)
    one, other = (instances_of(run.dataset, found) for found in (seen, again))
    assert one.masks.tolist() == other.masks.tolist() and one.score.tolist() == other.score.tolist()


def test_files_hold_the_same_masks(tmp_path):
    run = wb.import_run(CASE.dataset(texts=True), tmp_path / "run")
    wanted = box_table_of(run.dataset.labels)
    for name, suffix in (("hf", "parquet"), ("cvat", "xml"), ("png", "zip"), ("yolo", "zip")):
        with pytest.warns(UserWarning, match="does not hold"):
            file = wb.export(run, tmp_path / f"{name}.{suffix}", format=name)
        found = KIND.formats[name].read(file, task="instances", id="name", classes=CLASSES)
        table = box_table_of(found.labels)
        if name == "yolo":  # in the order of the names of the images
            assert sorted(table.masks) == sorted(wanted.masks)
        elif name == "png":  # of row 4, one mask is below another one
            assert table.masks[: len(wanted.masks) - 3].tolist() == wanted.masks[:-3].tolist()
        else:
            assert table.masks.tolist() == wanted.masks.tolist() and table.places.tolist() == wanted.places.tolist()
            assert table.label.tolist() == wanted.label.tolist()
    issues = wb.find_issues(run, per="unit", **CASE.predictions(run.dataset))
    page = wb.report(run, tmp_path / "a.html", issues=issues).read_text(encoding="utf-8")
    assert "another outline: car of 300 pixels from (0, 0) to (20, 20)" in page


def test_yolo_joins_parts_and_holes_and_keeps_polygons(tmp_path):
    """A line of YOLO is one polygon: parts and holes stay, joined by lines that enclose nothing, and are counted."""
    masks = np.zeros((3, *SIZE), bool)
    masks[0, 4:20, 5:30] = masks[1, 30:40, 40:60] = True
    masks[0, 8:12, 9:14] = masks[0, 15:18, 20:24] = False
    masks[0, 22:26, 50:64] = True
    polygon = [[10.25, 30.5, 20.75, 30.5, 15.5, 45.25]]
    labels = [[*zip(masks, ["dog", "car", "dog"]), (polygon, "car")], [], None]
    sizes = pd.DataFrame({"width": [64] * 3, "height": [48] * 3})
    data = Dataset.from_arrays(labels, task="instances", classes=CLASSES, metadata=sizes, ids=["b", "c", "d"])
    run = wb.import_run(data, tmp_path / "run")
    with pytest.warns(UserWarning, match="does not hold 4 parts and holes of masks, which lines join to one polygon"):
        file = wb.export(run, tmp_path / "a.zip", format="yolo")
    with zipfile.ZipFile(file) as packed:
        lines = [one.split() for one in packed.read("labels/b.txt").decode().splitlines()]
        assert packed.read("labels/c.txt") == b"" and "labels/d.txt" not in packed.namelist()
    assert [int(one[0]) for one in lines] == [1, 0, 1, 0] and lines[2][1:] == ["0.0"] * 6
    corners = np.array([[40, 30], [60, 30], [60, 40], [40, 40]]) / (64, 48)
    np.testing.assert_allclose(np.array(lines[1][1:], float), corners.ravel(), atol=1e-12)
    again = wb.import_run(file, tmp_path / "again", format="yolo", task="instances")
    one, other = box_table_of(run.dataset.labels), box_table_of(again.dataset.labels)
    assert other.masks.tolist() == one.masks.tolist() and other.places.tolist() == one.places.tolist()
    assert other.label.tolist() == one.label.tolist() and other.missing.tolist() == [False, False, True]
    changed = instance(3, 5, (9, 11), "car")
    again.journal.relabel("b", KIND.encode(changed), old=again.dataset.value_of(0), units="g0")
    second = wb.export(again, tmp_path / "b.zip", format="yolo")
    with zipfile.ZipFile(second) as packed:
        assert [one.split() for one in packed.read("labels/b.txt").decode().splitlines()[1:]] == lines[1:]
    third = KIND.formats["yolo"].read(second, task="instances")
    assert box_table_of(third.labels).masks.tolist() == [changed["mask"], *one.masks[1:]]


def test_labelformat_opens_the_polygons_of_yolo(tmp_path):
    formats = pytest.importorskip("labelformat.formats", reason="labelformat is not installed (test extra)")
    image = pytest.importorskip("PIL.Image")
    mask = np.zeros(SIZE, bool)
    mask[4:20, 5:30] = mask[22:26, 50:64] = True
    mask[8:12, 9:14] = False
    sizes = pd.DataFrame({"width": [64], "height": [48]})
    data = Dataset.from_arrays([[(mask, "dog")]], task="instances", classes=CLASSES, metadata=sizes, ids=["b"])
    with pytest.warns(UserWarning, match="3 parts and holes"):
        file = wb.export(wb.import_run(data, tmp_path / "run"), tmp_path / "a.zip", format="yolo")
    with zipfile.ZipFile(file) as packed:
        packed.extractall(tmp_path / "out")
    (tmp_path / "out" / "images").mkdir()
    image.new("L", (64, 48)).save(tmp_path / "out" / "images" / "b.png")
    reader = formats.YOLOv8InstanceSegmentationInput(tmp_path / "out" / "data.yaml", "train")
    [one] = reader.get_labels()
    [found] = one.objects
    assert found.category.name == "dog"
    polygons = [np.ravel(points) for points in found.segmentation.polygons]
    assert np.array_equal(decode_runs(from_polygons(polygons, *SIZE), *SIZE), mask)
