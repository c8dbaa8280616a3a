"""Points as a kind of label: what differs from boxes, and the contract of all kinds."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from contract import Case
from hypothesis import strategies as st

from workbench.data.dataset import Dataset
from workbench.foundation.errors import InputError
from workbench.tasks import TASKS
from workbench.tasks.scored_boxes import ScoredBoxes, pairs_of, reach

CLASSES = ("cell", "head")
KIND = TASKS["points"]


def point(x, y, label):
    return {"point": [x, y], "label": label}


def predictions(dataset):
    """Scored points that mostly agree with the labels, some missing and some spurious."""
    found = []
    for row, given in enumerate(dataset.given):
        there = given is not None and row % 5 != 3
        points = [[x + 0.5, y] for x, y in given["points"]] if there else []
        labels = [*given["labels"]] if there else []
        scores = [0.9 - 0.01 * (row % 7)] * len(points)
        if row % 7 == 2:
            points, labels, scores = [*points, [44, 52]], [*labels, "cell"], [*scores, 0.8]
        found.append({"points": np.array(points, float).reshape(-1, 2), "labels": labels, "scores": scores})
    return {"predictions": found}


_AT = st.floats(0, 60, allow_subnormal=False)
CASE = Case(
    task="points",
    labels=[
        {"points": [[3, 4.5], [20, 9]], "labels": ["head", "cell"], "more": [{"id": 7}, None]},
        [],
        None,
        [(1, 2, "head")],
        [point(0, 0, "cell"), (0, 0, "cell"), point(5, 5, "head")],
    ],
    classes=CLASSES,
    values=st.none()
    | st.fixed_dictionaries({"point": st.tuples(_AT, _AT).map(list), "label": st.sampled_from(CLASSES)}),
    decisions=[
        (0, "g0", point(4, 4.5, "head")),
        (0, "g1", None),
        (1, "c0123456789abcdef", point(5, 8, "head")),
        (2, "a0123456789ab", point(1, 2.5, "cell")),
        (4, "g1", point(0, 0, "head")),
    ],
    corrected=[
        [point(4, 4.5, "head") | {"more": {"id": 7}}],
        [(5, 8, "head")],
        [(1, 2.5, "cell")],
        [(1, 2, "head")],
        [point(0, 0, "cell"), (0, 0, "head"), point(5, 5, "head")],
    ],
    words={None: "nothing"},
    hostile=[
        *("", "null null", "[]", '"cell"', '{"point":[0,0]}', '{"point":[0,0],"label":"cow"}', "1" * 5000),
        *('{"point":[0],"label":"cell"}', '{"point":[0,1e999],"label":"cell"}', '{"point":[0,true],"label":"cell"}'),
        *('{"box":[0,0,1,1],"label":"cell"}', '{"point":[0,1e99],"label":"cell"}', "[" * 3000),
    ],
    other_labels=[
        *([[(0, 0, "cow")]], [[(0, "cell")]], ["cell"], [{"points": []}], [[(0, float("nan"), "cell")]]),
        [{"bboxes": [[0, 0, 1, 1]], "labels": ["cell"]}],
    ],
    wrong_keys=["", "g9", "x", "g-1", "p0"],
    predictions=predictions,
    by_hand=(0, [("g0", "head at (3, 4.5)"), ("g1", "cell at (20, 9)")]),
    columns={"width": 64, "height": 48},
)


def test_a_table_with_one_row_per_point():
    frame = pd.DataFrame({"image": [*"bab"], "x": [1, 2, 3.5], "y": [4, 5, 6], "label": ["head", "cell", "head"]})
    data = Dataset.from_frame(frame, task="points")
    assert data.ids.tolist() == ["b", "a"] and data.given[0] == {"points": [[1, 4], [3.5, 6]], "labels": ["head"] * 2}
    sized = frame.assign(width=10, height=5)
    with pytest.raises(InputError, match=r"`labels` row 0 point 1 lies at \(3.5, 6\), outside its image of 10 x 5"):
        Dataset.from_frame(sized, task="points")


def test_a_point_matches_the_box_around_it_or_a_near_point():
    rows, given = np.array([0, 0, 1]), np.array([[5.0, 5.0], [25.0, 5.0], [5.0, 5.0]])
    assert reach(rows, given) == 10.0
    boxes = ScoredBoxes(np.array([0, 1]), np.array([[0.0, 0, 10, 10], [5, 5, 9, 9]]), np.zeros(2), np.ones(2))
    first, second, overlap = pairs_of(rows, given, boxes)
    assert (first.tolist(), second.tolist(), overlap.tolist()) == ([0, 2], [0, 1], [1, 1])
    points = ScoredBoxes(np.array([0, 0]), np.array([[8.0, 9.0], [15.0, 5.0]]), np.zeros(2), np.ones(2))
    first, second, overlap = pairs_of(rows, given, points)
    assert (first.tolist(), second.tolist()) == ([0], [0]) and overlap[0] == pytest.approx(0.5)
    assert reach(rows[:1], given[:1]) == 10.0
