"""Canvases of digits, errors planted into their boxes, and the small detector trained on them."""

from __future__ import annotations

import numpy as np
import pytest

import workbench as wb
from workbench.foundation.errors import InputError
from workbench.tasks.box_overlaps import box_ious
from workbench.tasks.box_table import BOX
from workbench.tasks.scored_boxes import pairs_of, read_predictions

SIDE = 48


@pytest.fixture(scope="module")
def canvases():
    return wb.experiments.digit_canvases(80, side=SIDE, scales=(2, 2), classes=(0, 1), seed=3)


@pytest.fixture(scope="module")
def predicted(canvases):
    images, labels = canvases
    return wb.experiments.detect_out_of_fold(images, labels, folds=2, epochs=8, width=8, batch=4)


def flat(labels):
    rows = np.repeat(np.arange(len(labels)), [len(one["labels"]) for one in labels])
    return rows, np.concatenate([one["bboxes"] for one in labels]), np.concatenate([one["labels"] for one in labels])


def test_boxes_are_tight_around_bright_pixels(canvases):
    images, labels = canvases
    assert images.shape == (80, SIDE, SIDE) and images.dtype == np.uint8
    again, _ = wb.experiments.digit_canvases(80, side=SIDE, scales=(2, 2), classes=(0, 1), seed=3)
    assert (images == again).all()
    rows, places, codes = flat(labels)
    assert set(codes) == {0, 1} and (places >= 0).all() and (places <= SIDE).all()
    inside = np.zeros(images.shape, bool)
    for row, (x0, y0, x1, y1) in zip(rows, places.astype(int)):
        inside[row, y0:y1, x0:x1] = True
        for edge in (images[row, y0, x0:x1], images[row, y1 - 1, x0:x1], images[row, y0:y1, x0]):
            assert edge.max() > 0.08 * 255
    assert images[inside].mean() > 2 * images[~inside].mean()


def test_planted_errors_are_those_listed(canvases):
    _, labels = canvases
    given, errors = wb.experiments.plant_box_errors(
        labels, (SIDE, SIDE), drop=0.15, shift=0.1, swap=0.1, spurious=0.1, seed=1
    )
    rows, places, _ = flat(labels)
    count = errors["kind"].value_counts()
    assert set(count.index) == {"overlooked", "spurious", "class", "place"} and count.min() > 5
    assert sum(len(one["labels"]) for one in given) == len(rows) - count["overlooked"] + count["spurious"]
    for one in errors.itertuples():
        truth = np.array([one.x0, one.y0, one.x1, one.y1], float)
        own = given[one.row]
        if one.kind == "overlooked":
            assert one.unit == "" and not (own["bboxes"] == truth).all(axis=1).any()
            continue
        number = int(one.unit[1:])
        box, code = own["bboxes"][number], own["labels"][number]
        if one.kind == "spurious":
            there = places[rows == one.row]
            assert box_ious(np.tile(box, (len(there), 1)), there).max() <= 0.05
        elif one.kind == "class":
            assert code != one.label and (box == truth).all()
        else:
            assert code == one.label and 0.1 < box_ious(box[None], truth[None])[0] < 0.5
    same, none = wb.experiments.plant_box_errors(labels, (SIDE, SIDE))
    assert not len(none) and all((one["bboxes"] == other["bboxes"]).all() for one, other in zip(same, labels))
    with pytest.raises(InputError, match=r"`drop` \+ shift \+ swap is 1.1"):
        wb.experiments.plant_box_errors(labels, (SIDE, SIDE), drop=0.6, shift=0.5)


def test_the_detector_finds_most_digits_of_pictures_that_it_has_not_seen(canvases, predicted):
    _, labels = canvases
    rows, places, codes = flat(labels)
    found = read_predictions(predicted, len(labels), ("0", "1"), (BOX,))
    first, second, _ = pairs_of(rows, places, found)
    sure = (found.score[second] > 0.3) & (found.label[second] == codes[first])
    assert len(np.unique(first[sure])) > 0.6 * len(rows)
    assert (found.score > 0.3).sum() < 2 * len(rows)


def test_the_label_of_a_picture_does_not_change_its_prediction(canvases):
    images, labels = canvases
    other = [{"bboxes": np.empty((0, 4)), "labels": np.empty(0, int)}, *labels[1:]]
    predicted, again = (
        wb.experiments.detect_out_of_fold(images, one, folds=2, epochs=2, width=8, batch=4) for one in (labels, other)
    )
    assert all((again[0][name] == predicted[0][name]).all() for name in predicted[0])
    assert any(len(one["scores"]) != len(two["scores"]) for one, two in zip(again, predicted))


def test_wrong_arguments_of_the_detector(canvases):
    images, labels = canvases
    detect = wb.experiments.detect_out_of_fold
    for arguments, words in (
        ((images[:, 0], labels), r"`images` has shape \(80, 48\)"),
        ((images[:5], labels), "`labels` has 80 entries for 5 images"),
        ((images[:5], [None] * 5), "`labels` holds no box"),
    ):
        with pytest.raises(InputError, match=words):
            detect(*arguments)
    with pytest.raises(InputError, match="`folds` is 1"):
        detect(images, labels, folds=1)
    with pytest.raises(InputError, match="`side` is 20"):
        wb.experiments.digit_canvases(1, side=20)
    with pytest.raises(InputError, match=r"`classes` is \[12\]"):
        wb.experiments.digit_canvases(1, classes=[12])


def test_crops_and_colours():
    images = np.random.default_rng(0).random((6, 40, 56, 3))
    labels = [{"bboxes": [[4, 4, 20, 24]], "labels": ["cat"]}] * 5 + [None]
    found = wb.experiments.detect_out_of_fold(images, labels, folds=2, epochs=2, crop=32, width=4)
    assert len(found) == 6 and all(one["bboxes"].shape[1:] == (4,) for one in found)
