"""Boxes as a kind of label: reading, storing, deciding, exporting, and the contract of all kinds."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from contract import Case
from hypothesis import strategies as st

import workbench as wb
from workbench.data.dataset import Dataset
from workbench.evidence.as_evidence import handed_in
from workbench.foundation.errors import InputError
from workbench.runs.saved_evidence import saved_evidence
from workbench.shell.cli import main
from workbench.tasks import TASKS
from workbench.tasks.box_evidence import predictions_of
from workbench.tasks.box_reading import MOST_OBJECTS
from workbench.tasks.box_table import box_table_of, encoded_places
from workbench.tasks.protocol import Decided
from workbench.tasks.scored_boxes import read_predictions

CLASSES = ("car", "dog")
KIND = TASKS["boxes"]


def box(x0, y0, x1, y1, label):
    return {"box": [x0, y0, x1, y1], "label": label}


def predictions(dataset):
    """Scored boxes that mostly agree with the labels, some missing and some spurious."""
    found = []
    for row, given in enumerate(dataset.given):
        there = given is not None and row % 5 != 3
        boxes = [*given["bboxes"]] if there else []
        labels = [*given["labels"]] if there else []
        scores = [0.9 - 0.01 * (row % 7)] * len(boxes)
        if row % 7 == 2:
            boxes, labels, scores = [*boxes, [40, 40, 48, 52]], [*labels, "car"], [*scores, 0.8]
        found.append({"bboxes": np.array(boxes, float).reshape(-1, 4), "labels": labels, "scores": scores})
    return {"predictions": found}


_AT, _SIZE = st.floats(0, 60, allow_subnormal=False), st.floats(0.5, 30)
_BOXES = st.builds(lambda x, y, w, h: [x, y, x + w, y + h], _AT, _AT, _SIZE, _SIZE)
CASE = Case(
    task="boxes",
    labels=[
        {"bboxes": [[0, 0, 10, 10.5], [20, 0, 30, 10]], "labels": ["dog", "car"], "more": [{"id": 7}, None]},
        [],
        None,
        [(1, 2, 13, 14, "dog")],
        [box(0, 0, 20, 20, "car"), (0, 0, 20, 20, "car"), box(5, 5, 9, 9, "dog") | {"more": {"crowd": True}}],
    ],
    classes=CLASSES,
    values=st.none() | st.fixed_dictionaries({"box": _BOXES, "label": st.sampled_from(CLASSES)}),
    decisions=[
        (0, "g0", box(1, 0, 14.25, 10.5, "dog")),
        (0, "g1", None),
        (1, "c0123456789abcdef", box(5, 5, 8, 8, "dog")),
        (2, "a0123456789ab", box(1, 1, 2, 2.5, "car")),
        (4, "g1", box(0, 0, 20, 20, "dog")),
    ],
    corrected=[
        [box(1, 0, 14.25, 10.5, "dog") | {"more": {"id": 7}}],
        [(5, 5, 8, 8, "dog")],
        [(1, 1, 2, 2.5, "car")],
        [(1, 2, 13, 14, "dog")],
        [box(0, 0, 20, 20, "car"), (0, 0, 20, 20, "dog"), box(5, 5, 9, 9, "dog") | {"more": {"crowd": True}}],
    ],
    words={None: "nothing"},
    hostile=[
        *("", "null null", "[]", '"car"', '{"box":[0,0,1,1]}', '{"box":[0,0,1,1],"label":"cow"}', "1" * 5000),
        *('{"box":[0,0,1],"label":"car"}', '{"box":[2,0,1,1],"label":"car"}', '{"box":[0,0,1e999,1],"label":"car"}'),
        *('{"box":[0,0,NaN,1],"label":"car"}', '{"box":[0,0,true,1],"label":"car"}', "[" * 3000),
        *('{"box":[0,0,1e99,1],"label":"car"}', '{"box":[0,0,1,1],"label":["car"]}', '{"label":"car"}'),
        *('{"box":"0011","label":"car"}', '{"box":[0,0,1,1],"label":"car","more":{}}'),
    ],
    other_labels=[
        *([[(0, 0, 1, 1, "cow")]], [[(3, 0, 1, 1, "car")]], [[(0, 0, 1, "car")]], ["car"], [{"bboxes": []}], [7]),
        *([[(0, 0, float("nan"), 1, "car")]], [{"bboxes": [[0, 0, 1, 1]], "labels": []}], [[(0, 0, 1, 1, None)]]),
    ],
    wrong_keys=["", "g9", "x", "g-1", "p0"],
    predictions=predictions,
    by_hand=(0, [("g0", "dog from (0, 0) to (10, 10.5)"), ("g1", "car from (20, 0) to (30, 10)")]),
    columns={"width": 64, "height": 48},
)


def test_forms_of_labels_are_the_same_boxes():
    wanted = [{"bboxes": [[0.0, 1.0, 2.0, 3.5]], "labels": ["dog"]}, {"bboxes": [], "labels": []}, None]
    torch = pytest.importorskip("torch")
    array = np.array([[0, 1, 2, 3.5]])
    for one in (
        {"bboxes": array, "labels": np.array(["dog"])},
        {"boxes": torch.tensor(array), "labels": ["dog"]},
        [(0, 1, 2, 3.5, "dog")],
        [{"bbox": [0, 1, 2, 3.5], "label": "dog"}],
        [{"x0": 0, "y0": 1, "x1": 2, "y1": 3.5, "label": "dog"}],
        np.array([[0, 1, 2, 3.5, "dog"]], object),
    ):
        data = Dataset.from_arrays([one, [], None], task="boxes")
        assert data.given.tolist() == wanted and data.classes == ("dog",)
        assert Dataset.from_arrays(data.given, task="boxes").labels.equals(data.labels)
    by_code = Dataset.from_arrays([[(0, 1, 2, 3.5, 1)], [], None], task="boxes", classes=["cat", "dog"])
    assert by_code.given.tolist() == wanted
    sparse = Dataset.from_arrays([{"bboxes": array, "labels": np.array([7])}, []], task="boxes")
    assert sparse.classes == ("7",) and sparse.given[0]["labels"] == [7]
    with pytest.warns(UserWarning, match="`labels` hold 'masks', which are not read"):
        Dataset.from_arrays([{"boxes": array, "labels": ["dog"], "masks": None}], task="boxes")


def test_a_table_with_one_row_per_box(tmp_path):
    frame = pd.DataFrame(
        {
            "image": ["b.png", "a.png", "b.png", "c.png"],
            "xmin": [0, 5, 2, None],
            "ymin": [0, 5, 2, None],
            "xmax": [4, 9, 6, None],
            "ymax": [4, 9, 6, None],
            "label": ["dog", "car", "car", None],
            "width": [20, 10, 20, 10],
            "height": 30,
            "difficult": [True, False, False, None],
        }
    )
    data = Dataset.from_frame(frame, task="boxes")
    assert data.ids.tolist() == ["b.png", "a.png", "c.png"] and data.metadata["width"].tolist() == [20, 10, 10]
    first, second, third = data.given
    assert first["bboxes"] == [[0, 0, 4, 4], [2, 2, 6, 6]] and first["labels"] == ["dog", "car"]
    assert first["more"] == ['{"difficult":true}', '{"difficult":false}'] and second["labels"] == ["car"]
    assert third == {"bboxes": [], "labels": []}
    run = wb.import_run(frame, tmp_path / "run", task="boxes")
    assert run.dataset.given.tolist() == data.given.tolist()
    for change, words in (
        ({"xmax": [4, 9, 1, None]}, r"`labels` row 2 box 0 lies at \(2, 2, 1, 6\)"),
        ({"xmin": [0, "x", 2, None]}, "`xmin` row 1 is 'x'"),
        ({"image": ["b", None, "b", "c"]}, "`image` row 1 is missing"),
        ({"label": ["dog", None, "car", None]}, "`label` row 1 is missing"),
        ({"width": [2, 10, 2, 10]}, r"`labels` row 0 box 1 lies at \(2, 2, 6, 6\), outside its image of 2 x 30"),
    ):
        with pytest.raises(InputError, match=words):
            Dataset.from_frame(frame.assign(**change), task="boxes")
    with pytest.raises(InputError, match="unknown column 'image'"):
        Dataset.from_frame(frame.drop(columns="image"), task="boxes")


def test_hostile_boxes_get_one_error_with_row_and_box():
    for labels, words in (
        ([[], [(0, 0, 1, 1, "a"), (0, 0, np.nan, 1, "a")]], r"`labels` row 1 box 1 lies at \(0, 0, nan, 1\)"),
        ([[(0, 0, np.inf, 1, "a")]], r"`labels` row 0 box 0 lies at \(0, 0, inf, 1\)"),
        ([[(10, 10, 5, 20, "a"), (3, 3, 1, 1, "a")]], r"row 0 box 0 lies at \(10, 10, 5, 20\) \(so do 1 more\)"),
        ([[(10, 10, 5, 20, "a")]], "two corners, not a corner with width and height"),
        ([[("x", 0, 1, 1, "a")]], r"`labels` row 0 box 0 is \['x', 0, 1, 1\]"),
        ([{"bboxes": np.zeros((2, 5)), "labels": [1, 2]}], "`labels` row 0 box 0 is"),
        ([{"bboxes": np.zeros((2, 4)), "labels": [1]}], "`labels` row 0 has 1 labels for 2 bboxes"),
        ([{"bboxes": [[0, 0, 1, 1]], "labels": ["a"], "more": [3]}], "`labels` row 0 box 0: more is 3"),
        ([{"bboxes": np.zeros((MOST_OBJECTS + 1, 4)), "labels": [0] * (MOST_OBJECTS + 1)}], "has 100,001 objects"),
        ([[(0, 0, 1, 1, None)]], "`labels` row 0 holds an object without a class"),
        ([[(0, 0, 1, 1, "")]], "holds the empty name"),
        ("a", "`labels` is a str"),
    ):
        with pytest.raises(InputError, match=words):
            Dataset.from_arrays(labels, task="boxes")
    with pytest.raises(InputError, match="Known classes: 'a'"):
        Dataset.from_arrays([[], [(0, 0, 1, 1, "b")]], task="boxes", classes=["a"])
    million = np.zeros((1_000_000, 4))
    with pytest.raises(InputError, match=r"has 1,000,000 objects.*cut the image into tiles"):
        Dataset.from_arrays([{"bboxes": million, "labels": np.zeros(len(million), int)}], task="boxes")
    beyond = {"width": [10], "height": [10]}
    data = Dataset.from_arrays([[(-3, 2, 40, 8, "a")]], task="boxes", metadata=pd.DataFrame(beyond))
    assert data.given[0]["bboxes"] == [[-3, 2, 40, 8]]  # it reaches beyond the image: kept, an error to find
    for corners in ((10, 0, 12, 4), (-5, 0, 0, 4), (0, 20, 4, 30)):
        with pytest.raises(InputError, match="outside its image of 10 x 10"):
            Dataset.from_arrays([[(*corners, "a")]], task="boxes", metadata=pd.DataFrame(beyond))


def test_damaged_labels_are_refused():
    good = Dataset.from_arrays([[(0, 0, 2, 2, "a")], []], task="boxes").labels
    KIND.check(good, ("a",))
    for change, words in (
        ({"label": 3}, "holds a class that is not one of 1"),
        ({"label": None}, "holds a class that is not one of 1"),
        ({"x1": -2.0}, "box 0 lies at"),
        ({"y1": None}, "box 0 lies at"),
        ({"more": "[1]"}, "holds further fields that are not a JSON object"),
    ):
        listed = good.to_pylist()
        listed[0][0] |= change
        with pytest.raises(InputError, match=words):
            KIND.check(pa.array(listed, KIND.column), ("a",))
    with pytest.raises(InputError, match="holds a box that is null"):
        KIND.check(pa.array([[None]], KIND.column), ("a",))


def test_order_duplicates_and_further_fields_are_kept():
    labels = [[box(5, 5, 9, 9, "b") | {"more": {"id": 3, "iscrowd": 1}}, (0, 0, 1, 1, "a"), (0, 0, 1, 1, "a")]]
    data = Dataset.from_arrays(labels, task="boxes")
    assert box_table_of(data.labels).label.tolist() == [1, 0, 0]
    moved = KIND.encode(box(6, 5, 10, 9, "a"))
    changed = KIND.apply(data.labels, data.classes, Decided(np.array([0]), ["g0"], [moved]))
    assert data.as_given(changed)[0] == {
        "bboxes": [[6, 5, 10, 9], [0, 0, 1, 1], [0, 0, 1, 1]],
        "labels": ["a", "a", "a"],
        "more": ['{"id":3,"iscrowd":1}', None, None],
    }
    fewer = KIND.apply(data.labels, data.classes, Decided(np.array([0]), ["g2"], ["null"]))
    assert KIND.differ(fewer, data.labels).tolist() == [True]  # one of two equal boxes is gone
    turned = Dataset.from_arrays([labels[0][::-1]], task="boxes").labels
    assert KIND.differ(turned, data.labels).tolist() == [False]
    nudged = Dataset.from_arrays([[box(5 + 1e-12, 5, 9, 9, "b"), *labels[0][1:]]], task="boxes").labels
    assert KIND.differ(nudged, data.labels).tolist() == [True]  # without its further fields
    nudged = pa.array([[one | {"x0": one["x0"] + 1e-12} for one in data.labels[0].as_py()]], KIND.column)
    assert KIND.differ(nudged, data.labels).tolist() == [False]
    assert box_table_of(Dataset.from_arrays(CASE.labels, task="boxes").labels).crowd.tolist() == [False] * 5 + [True]


def test_a_refined_box_was_not_wrong():
    given = KIND.encode(box(0, 0, 100, 100, "a"))
    for said, wrong in (
        (box(0, 0, 100, 100, "a"), False),
        (box(0.0, 0, 100, 96, "a"), False),
        (box(0, 0, 100, 80, "a"), True),
        (box(0, 0, 100, 100, "b"), True),
        (None, True),
    ):
        assert KIND.contradicts(KIND.encode(said), given) is wrong, said
    assert KIND.contradicts(given, KIND.encode(None)) is True
    assert KIND.contradicts(KIND.encode(None), KIND.encode(None)) is False
    assert KIND.encode(box(1.0, np.float64(2), 3.5, 4, "a")) == '{"box":[1,2,3.5,4],"label":"a"}'


def test_many_values_are_encoded_as_one_by_one():
    rng = np.random.default_rng(0)
    places = np.concatenate([rng.normal(0, 1e3, (50, 4)), [[0, -0.0, 3, 4.5], [1e-7, 1e9, 2, 3]]])
    codes, names = rng.integers(-1, 2, len(places)), ('ä "quoted"', "b")
    for task, d in (("boxes", 4), ("points", 2)):
        kind = TASKS[task]
        one_by_one = [
            kind.encode(None if code < 0 else {kind.form.one: place.tolist(), "label": names[code]})
            for place, code in zip(places[:, :d], codes)
        ]
        assert encoded_places(places[:, :d], codes, names).tolist() == one_by_one


def test_forms_of_predictions_are_the_same_boxes():
    boxes, scores = np.array([[0, 0, 2, 2], [1, 1, 3, 3.5]]), np.array([0.9, 0.4])
    tall = np.c_[boxes, scores]
    forms = [
        [[tall[:1], tall[1:]], [np.empty((0, 5)), np.empty((0, 5))]],
        [{"bboxes": boxes, "scores": scores, "labels": [0, 1]}, {"bboxes": [], "scores": [], "labels": []}],
        [{"boxes": boxes, "class_scores": [[0.9, 0.1], [0.2, 0.4]]}, {"boxes": [], "class_scores": []}],
        [[(*boxes[0], "car", 0.9), (*boxes[1], "dog", 0.4)], None],
    ]
    for form in forms:
        found = read_predictions(form, 2, CLASSES, (KIND.form,))
        assert found.rows.tolist() == [0, 0] and found.label.tolist() == [0, 1]
        assert np.allclose(found.places, boxes) and np.allclose(found.score, scores)
    assert found.class_scores is None
    with_all = read_predictions(forms[2], 2, CLASSES, (KIND.form,))
    assert np.allclose(with_all.class_scores, [[0.9, 0.1], [0.2, 0.4]])
    assert read_predictions(with_all, 2, CLASSES, (KIND.form,)) is with_all
    numbers = read_predictions([[(0, 0, 1, 1, 7, 0.5)]], 1, ("3", "7"), (KIND.form,))
    assert numbers.label.tolist() == [1]  # names that are numbers


@pytest.mark.parametrize(
    ("one", "words"),
    [
        ([(0, 0, 1, 1, "car", 1.5)], r"`predictions` row 0 box 0 has the score 1\.5"),
        ([(0, 0, 1, 1, "cow", 0.5)], "`predictions` row 0 box 0 has the class 'cow'. Known classes: 'car', 'dog'"),
        ([(0, 0, 1, 1, 2, 0.5)], "`predictions` row 0 box 0 has the class 2"),
        ([(3, 0, 1, 1, "car", 0.5)], "`predictions` row 0 box 0 lies at"),
        ([(0, 0, 1, "car", 0.5)], "`predictions` row 0 object 0 is"),
        ([np.zeros((1, 5))], "`predictions` row 0 has arrays for 1 classes of 2"),
        ([np.zeros((1, 5)), np.zeros((1, 6))], r"has an array of shape \(1, 6\)"),
        ({"bboxes": [[0, 0, 1, 1]], "scores": [0.5]}, "`predictions` row 0 is"),
        ({"bboxes": [[0, 0, 1, 1]], "scores": [0.5, 1], "labels": [0]}, "has 2 scores for 1 objects"),
        ({"bboxes": [[0, 0, 1, 1]], "scores": ["x"], "labels": [0]}, "has the scores"),
        ({"bboxes": [[0, 0, 1, 1]], "class_scores": [[0.5]]}, r"has class_scores of shape \(1, 1\)"),
        ("car", "`predictions` row 0 is 'car'"),
    ],
)
def test_hostile_predictions_get_one_error(one, words):
    with pytest.raises(InputError, match=words):
        read_predictions([one], 1, CLASSES, (KIND.form,))
    with pytest.raises(InputError, match="`predictions` has 2 entries for 1 labels"):
        read_predictions([one, one], 1, CLASSES, (KIND.form,))


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("found.json", "is the path found.json"),
        (Path("found.json"), "is the path found.json"),
        ([{"image_id": 1, "category_id": 1, "bbox": [0, 0, 1, 1], "score": 0.5}], "holds an entry for each detection"),
    ],
)
def test_detections_of_coco_are_sent_to_their_reader(given, words):
    with pytest.raises(InputError, match=f"{words}.*wb.vision.read_detections"):
        read_predictions(given, 1, CLASSES, (KIND.form,))


def test_a_run_stores_predictions(tmp_path):
    dataset = CASE.dataset(times=8)
    given = predictions(dataset)["predictions"]
    frame = pd.DataFrame(
        [
            (dataset.ids[row], *map(float, place), label, score)
            for row, one in enumerate(given)
            for place, label, score in zip(one["bboxes"], one["labels"], one["scores"])
        ],
        columns=["name", *KIND.form.names, "label", "score"],
    )
    wanted = predictions_of(dataset, given)
    assert all(np.array_equal(*pair) for pair in zip(predictions_of(dataset, frame)[:4], wanted[:4]))
    run = wb.import_run(dataset, tmp_path / "run", predictions=given)
    stored = saved_evidence(wb.open_run(run.path), "predictions").values
    assert all(np.array_equal(*pair) for pair in zip(stored[:4], wanted[:4])) and stored.class_scores is None
    beside = wb.find_issues(dataset, per="unit", predictions=given)
    pd.testing.assert_frame_equal(wb.find_issues(run, per="unit"), beside)
    pd.testing.assert_frame_equal(wb.find_issues(dataset, per="unit", predictions=frame), beside)
    every = [{"bboxes": one["bboxes"], "class_scores": np.full((len(one["bboxes"]), 2), 0.3)} for one in given]
    assert handed_in(run, "boxes", {}).out_of_fold
    run.save_evidence("predictions", every, trained_on_labels=True)
    assert not handed_in(run, "boxes", {}).out_of_fold
    assert (saved_evidence(run, "predictions").values.class_scores == np.float32(0.3)).all()
    labels = pd.DataFrame({"name": dataset.ids, "tags": [json.dumps(one) for one in dataset.given]})
    labels.to_csv(tmp_path / "labels.csv", index=False)
    frame.to_csv(tmp_path / "found.csv", index=False)
    command = [*("import", str(tmp_path / "labels.csv"), str(tmp_path / "shell"), "--task", "boxes", "--label", "tags")]
    assert main([*command, "--id", "name", "--evidence", f"predictions={tmp_path / 'found.csv'}"]) == 0
    again = saved_evidence(wb.open_run(tmp_path / "shell"), "predictions").values
    assert all(np.array_equal(*pair) for pair in zip(again[:4], wanted[:4]))
    for change, words in (
        ({"name": "nobody"}, "`predictions` row 0 names the image 'nobody'"),
        ({"x0": "wide"}, "`predictions` row 0 holds 'wide' as a number"),
        ({"label": "cow"}, "`predictions` row 0 box 0 has the class 'cow'"),
    ):
        with pytest.raises(InputError, match=words):
            run.save_evidence("predictions", frame.assign(**change))
    with pytest.raises(InputError, match="`predictions` has the columns 'name', 'x0'"):
        run.save_evidence("predictions", frame.drop(columns="score"))


def test_images_are_named_by_numbers_or_by_their_text():
    place = dict(zip(KIND.form.names, ([0], [0], [4], [4])))
    for ids, named in (([7, 8], ["8"]), (["7", "8"], [8])):
        dataset = Dataset.from_arrays([[], []], task="boxes", classes=["a"], ids=ids)
        frame = pd.DataFrame({"image": named, **place, "label": ["a"], "score": [0.5]})
        assert predictions_of(dataset, frame).rows.tolist() == [1]


def test_labels_come_back_in_their_type():
    dataset = CASE.dataset(times=8)
    given = [one and {**one, "labels": [{"car": 3, "dog": 7}[name] for name in one["labels"]]} for one in dataset.given]
    found = predictions(Dataset.from_arrays(dataset.given, task="boxes"))["predictions"]
    found = [{**one, "labels": [{"car": 3, "dog": 7}[name] for name in one["labels"]]} for one in found]
    units = wb.find_issues(given, task="boxes", predictions=found, per="unit")
    assert set(units["given_label"].dropna()) == {3, 7, "nothing"}
    assert {type(one) for one in units["given_label"].dropna()} == {int, str}
    assert '"label":"3"' in units["given_value"].iloc[0] + str(units["suggested_value"].tolist())
