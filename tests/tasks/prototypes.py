"""Two minimal kinds of labels that the package does not have, to show that the framework supports them.

Tags: a set of yes or no for each example, with fixed units. Boxes: objects with positions, to which predictions add
units.
"""

from __future__ import annotations

import itertools
import math

import numpy as np
import pyarrow as pa
from contract import Case
from hypothesis import strategies as st

from workbench.foundation.errors import InputError
from workbench.tasks import keys
from workbench.tasks.protocol import Decided, Met, TaskMixin
from workbench.tasks.units import Units

CORNERS = ("x0", "y0", "x1", "y1")


class Tags(TaskMixin):
    """Lists of tags, all others are no."""

    name = "prototype-tags"
    asks = "yes/no"
    column = pa.list_(pa.int32())
    predictions = ("pred_probs",)

    def read(self, labels, classes=None, *, closed=True):
        for row, one in enumerate(labels):
            if not isinstance(one, (list, type(None))):
                raise InputError.at("labels", f"is {one!r}", "Give a list of tags.", row=row)
        listed = list(labels)
        names = classes if classes is not None else sorted({tag for one in listed for tag in one or ()})
        codes = {str(name): code for code, name in enumerate(names)}
        for row, one in enumerate(listed):
            for tag in one or ():
                if tag not in codes:
                    raise InputError.at("labels", f"holds the tag {tag!r}", "Use known tags.", row=row)
        stored = [None if one is None else sorted(codes[tag] for tag in one) for one in listed]
        return pa.array(stored, self.column), tuple(codes)

    def to_column(self, labels, classes):
        out = np.empty(len(labels), object)
        out[:] = [None if one is None else [classes[code] for code in one] for one in labels.to_pylist()]
        return out

    def units(self, labels, classes):
        n, k = len(labels), len(classes)
        given = np.zeros((n, k), np.int64)
        given[self.missing(labels)] = -1
        rows = np.repeat(np.arange(n), np.diff(labels.offsets))
        given[rows, labels.flatten()] = 1
        tags = np.tile(np.arange(k), n)
        return Units(n, np.repeat(np.arange(n), k), given.ravel(), keys.position_keys(tags), groups=tags)

    def meet(self, units, classes, *, pred_probs):
        yes = np.asarray(pred_probs, float).ravel()
        return Met(units, {"pred_probs": np.stack([1 - yes, yes], axis=1)})

    def encode(self, value):
        return value

    def decode(self, text, classes):
        if text not in ("no", "yes"):
            raise InputError.at("value", f"is {text!r}", "Say yes or no.")
        return text

    def apply(self, labels, classes, decided: Decided):
        listed = labels.to_pylist()
        for row, key, text in zip(decided.rows.tolist(), decided.keys, decided.values, strict=True):
            tag = keys.number_of(keys.check_key(key))
            if key[:1] != "p" or tag >= len(classes):
                raise InputError.at("unit", f"is {key!r}", "Name a tag by its number.", row=row)
            there = set(listed[row] or ()) - {tag}
            listed[row] = sorted(there | {tag} if self.decode(text, classes) == "yes" else there)
        return pa.array(listed, self.column)


class Boxes(TaskMixin):
    """Lists of boxes with a class; code 0 of a unit is "nothing"."""

    name = "prototype-boxes"
    nothing = True
    place = pa.struct([(corner, pa.float64()) for corner in CORNERS])
    column = pa.list_(pa.struct([*place, ("label", pa.int32())]))
    predictions = ("predictions",)

    def read(self, labels, classes=None):
        names = classes or sorted({box["label"] for one in labels for box in one or ()})
        codes = {name: code for code, name in enumerate(names)}
        listed = []
        for row, one in enumerate(labels):
            listed.append(None if one is None else [self._stored(row, box, codes) for box in one])
        return pa.array(listed, self.column), tuple(codes)

    def _stored(self, row, box, codes):
        if not isinstance(box, dict) or set(box) != {*CORNERS, "label"} or box["label"] not in codes:
            raise InputError.at("labels", f"holds the box {box!r}", "Give x0, y0, x1, y1, label.", row=row)
        return {corner: float(box[corner]) for corner in CORNERS} | {"label": codes[box["label"]]}

    def to_column(self, labels, classes):
        out = np.empty(len(labels), object)
        listed = labels.to_pylist()
        out[:] = [one and [box | {"label": classes[box["label"]]} for box in one] for one in listed]
        return out

    def units(self, labels, classes):
        counts = np.where(self.missing(labels), 0, np.diff(labels.offsets))
        rows, boxes = np.repeat(np.arange(len(labels)), counts), labels.flatten()
        given = boxes.field("label").to_numpy() + 1
        shapes = pa.StructArray.from_arrays([boxes.field(f.name) for f in self.place], fields=list(self.place))
        return Units(len(labels), rows, given.astype(np.int64), keys.given_keys(rows), shapes=shapes)

    def meet(self, units, classes, *, predictions, floor=0.3):
        """Match greedily by score; predictions are (x0, y0, x1, y1, label code, score)."""
        probs = np.zeros((units.m, len(classes) + 1))
        probs[:, 0] = 0.8  # not predicted, so it may be nothing
        probs[:, 1:] = 0.2 / len(classes)
        overlap, places = np.full(units.m, np.nan), [None] * units.m
        more, below = [], 0.0
        for row, found in enumerate(predictions):
            free = set(range(*units.of(row).indices(units.m)))
            for *box, label, score in sorted(found, key=lambda one: -one[5]):
                near = max(free, key=lambda one: _overlap(box, units.shapes[one].as_py()), default=None)
                fits = 0.0 if near is None else _overlap(box, units.shapes[near].as_py())
                chances = np.full(len(classes) + 1, (1 - score) / 2 / len(classes))
                chances[0], chances[int(label) + 1] = (1 - score) / 2, score
                if fits >= 0.5:
                    free.discard(near)
                    probs[near], overlap[near] = chances / chances.sum(), fits
                    places[near] = dict(zip(CORNERS, box))
                elif score >= floor:
                    more.append((row, int(label), box, chances / chances.sum()))
                else:
                    below += score
        rows = np.array([one[0] for one in more], np.int64)
        shapes = pa.array([dict(zip(CORNERS, one[2])) for one in more], self.place)
        boxes = np.array([one[2] for one in more], float).reshape(-1, 4)
        names = keys.candidate_keys(rows, np.array([one[1] for one in more], np.int64), boxes)
        both, order = units.joined(rows, np.zeros(len(rows), np.int64), names, shapes=shapes)
        probs = np.concatenate([probs, np.array([one[3] for one in more]).reshape(-1, len(classes) + 1)])[order]
        overlap = np.concatenate([overlap, np.full(len(rows), np.nan)])[order]
        predicted = pa.concat_arrays([pa.array(places, self.place), shapes]).take(pa.array(order))
        return Met(both, {"pred_probs": probs}, overlap, predicted, below)

    def value(self, code, shape, classes):
        return None if code < 1 else {"label": classes[code - 1], "box": [shape[c] for c in CORNERS]}

    def decode(self, text, classes):
        value = self.decoded(text)
        if value is None:
            return None
        todo = 'Use {"box": [x0, y0, x1, y1], "label": CLASS}, or null for nothing.'
        if not isinstance(value, dict) or set(value) != {"box", "label"} or value["label"] not in classes:
            raise InputError.at("value", f"is {text[:100]!r}", todo)
        box = value["box"]
        numbers = isinstance(box, list) and len(box) == 4 and all(type(c) in (int, float) for c in box)
        if not numbers or not all(map(math.isfinite, box)) or box[0] >= box[2] or box[1] >= box[3]:
            raise InputError.at("value", f"is {text[:100]!r}", todo)
        return value

    def apply(self, labels, classes, decided: Decided):
        listed = labels.to_pylist()
        numbers = {row: list(range(len(listed[row] or ()))) for row in set(decided.rows.tolist())}
        added: dict[int, dict[str, dict]] = {}
        for row, key, text in zip(decided.rows.tolist(), decided.keys, decided.values, strict=True):
            value = self.decode(text, classes)
            number = keys.number_of(keys.check_key(key))
            box = value and dict(zip(CORNERS, value["box"]), label=classes.index(value["label"]))
            if number is None:
                added.setdefault(row, {})[key] = box
            elif number not in numbers[row]:
                raise InputError.at("unit", f"is {key!r}", f"The example has {len(numbers[row])} boxes.", row=row)
            else:
                listed[row][number] = box
        for row in numbers:
            every = itertools.chain(listed[row] or (), added.get(row, {}).values())
            listed[row] = [box for box in every if box is not None]
        return pa.array(listed, self.column)

    def in_words(self, value):
        return "nothing" if value is None else f"{value['label']} at {', '.join(f'{c:g}' for c in value['box'])}"


def _overlap(box, shape):
    x0, y0, x1, y1 = box
    wide = min(x1, shape["x1"]) - max(x0, shape["x0"])
    high = min(y1, shape["y1"]) - max(y0, shape["y0"])
    inside = max(wide, 0) * max(high, 0)
    whole = (x1 - x0) * (y1 - y0) + (shape["x1"] - shape["x0"]) * (shape["y1"] - shape["y0"]) - inside
    return inside / whole


def _tag_predictions(dataset):
    rng = np.random.default_rng(0)
    given = dataset.units.given.reshape(dataset.n, dataset.k)
    return {"pred_probs": np.where(given == 1, 0.9, 0.1) + rng.uniform(-0.05, 0.05, given.shape)}


def _box_predictions(dataset):
    found = []
    for row, boxes in enumerate(dataset.labels.to_pylist()):
        found.append([(b["x0"], b["y0"], b["x1"], b["y1"] + 0.5, b["label"], 0.9) for b in boxes or ()])
        if row % 7 == 3:
            found[-1].append((50.0, 50.0, 60.0, 60.0, 0, 0.8))  # overlooked
    return {"predictions": found}


TAGS = Case(
    task=Tags.name,
    labels=[["sea", "sky"], [], None, ["sky"], ["tree"], ["sea", "tree", "sky"]],
    classes=("sea", "sky", "tree"),
    values=st.sampled_from(["no", "yes"]),
    decisions=[(1, "p2", "yes"), (0, "p0", "no"), (2, "p1", "yes"), (5, "p0", "no")],
    corrected=[["sky"], ["tree"], ["sky"], ["sky"], ["tree"], ["sky", "tree"]],
    words={"yes": "yes"},
    hostile=["", "maybe", "YES", '"yes"', "null"],
    other_labels=[[["whale"]], [["sea"], 3]],
    wrong_keys=["", "g0", "p9", "p-1", "x"],
    predictions=_tag_predictions,
    by_hand=(0, [("p0", "yes"), ("p1", "yes"), ("p2", "no")]),
)
"""What the contract needs to know of tags."""

_CORNER = st.integers(0, 50)
_BOX = st.builds(lambda x, y, w, h: [x, y, x + w, y + h], _CORNER, _CORNER, st.integers(1, 9), st.floats(1, 9))


def _box(x0, y0, x1, y1, label):
    return dict(zip(CORNERS, map(float, (x0, y0, x1, y1))), label=label)


BOXES = Case(
    task=Boxes.name,
    labels=[
        [_box(0, 0, 10, 10, "cat"), _box(20, 0, 30, 9.5, "dog")],
        [],
        None,
        [_box(1, 2, 3, 4, "dog")],
        [_box(5, 5, 9, 9, "cat")],
    ],
    classes=("cat", "dog"),
    values=st.none() | st.fixed_dictionaries({"box": _BOX, "label": st.sampled_from(["cat", "dog"])}),
    decisions=[
        (0, "g1", {"box": [20.0, 0.0, 30.0, 9.5], "label": "cat"}),
        (0, "g0", None),
        (1, "c0123456789abcdef", {"box": [1.0, 1.0, 2.0, 2.0], "label": "dog"}),
        (2, "a0123456789ab", {"box": [4.0, 4.0, 6.0, 6.0], "label": "cat"}),
    ],
    corrected=[
        [_box(20, 0, 30, 9.5, "cat")],
        [_box(1, 1, 2, 2, "dog")],
        [_box(4, 4, 6, 6, "cat")],
        [_box(1, 2, 3, 4, "dog")],
        [_box(5, 5, 9, 9, "cat")],
    ],
    words={None: "nothing"},
    hostile=[
        *("", "null null", "[]", '{"box":[0,0,1,1],"label":"cow"}', '{"box":[0,0,1],"label":"cat"}', "NaN", "1" * 5000),
        *('{"box":[0,0,0,1],"label":"cat"}', '{"box":[0,0,1e999,1],"label":"cat"}', '{"label":"cat"}', "[" * 3000),
    ],
    other_labels=[[[{"x0": 0}]], [[_box(0, 0, 1, 1, "cow")]]],
    wrong_keys=["g9", "x", "g-1"],
    predictions=_box_predictions,
    by_hand=(0, [("g0", "cat at 0, 0, 10, 10"), ("g1", "dog at 20, 0, 30, 9.5")]),
)
"""What the contract needs to know of boxes."""

CASES = {case.task: case for case in (TAGS, BOXES)}
PLACES = {Tags.name: f"{__name__}:Tags", Boxes.name: f"{__name__}:Boxes"}
