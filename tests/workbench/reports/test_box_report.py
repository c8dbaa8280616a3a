"""The report of a run with boxes: pictures with the objects, kinds of errors, images, hostile class names."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image
from reportpages import NASTY, parsed, text_of
from scipy.ndimage import binary_dilation, binary_erosion

import workbench as wb
from workbench.reports.box_facts import GIVEN_OUTLINE, SUGGESTED_OUTLINE, drawn, gather_boxes
from workbench.reports.report import report
from workbench.tasks.run_lengths import encode_runs, to_text

N = 90


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Two objects an image; in every sixth one is overlooked, in every ninth one has the other class."""
    rng = np.random.default_rng(0)
    classes = (NASTY, "car")
    labels, found = [], []
    for row in range(N):
        corner = np.array([[4, 6], [34, 20]]) + rng.uniform(0, 4, (2, 2))
        boxes = np.concatenate([corner, corner + rng.uniform(12, 18, (2, 2))], axis=1)
        codes = rng.integers(2, size=2)
        scores = np.full((2, 2), 0.04)
        scores[[0, 1], codes] = rng.uniform(0.6, 0.95, 2)
        weak = [rng.uniform(0, 20), rng.uniform(20, 26), rng.uniform(30, 40), rng.uniform(36, 44)]
        found.append({"bboxes": [*(boxes + rng.normal(0, 0.7, boxes.shape)), weak]})
        found[-1]["class_scores"] = np.concatenate([scores, [[rng.uniform(0.02, 0.3), 0.02]]])
        if row % 9 == 4:
            codes = [1 - codes[0], codes[1]]
        keep = slice(1, 2) if row % 6 == 1 else slice(0, 2)
        labels.append({"bboxes": boxes[keep], "labels": [classes[code] for code in codes[keep]]})
    labels[5] = None
    images = rng.integers(0, 255, (N, 48, 64, 3), dtype=np.uint8)
    path = tmp_path_factory.mktemp("boxes") / "run"
    return wb.import_run(labels, path, task="boxes", classes=classes, images=images, predictions=found)


def test_the_report_shows_objects_kinds_and_images(run, tmp_path):
    issues = wb.find_issues(run, per="unit")
    first = issues.iloc[0]
    run.journal.relabel(first.name[0], first["suggested_value"], old=first["given_value"], units=first.name[1])
    page = parsed(report(run, tmp_path / "r.html", top=12))
    shown = text_of(tmp_path / "r.html")
    anchors = {value for _, name, value in page.attributes if name == "id"}
    assert {"kinds", "documents", "classes", "decisions"} <= anchors
    assert not page.open and not {"script", "link", "iframe", "i"} & set(page.tags)
    assert NASTY in shown and "overlooked: an object is missing here" in shown and "added" not in shown
    assert page.tags.count("img") >= 12 and "given boxes" in shown
    facts = gather_boxes(run, None, 12, None)
    own = facts.own
    assert own.kinds["wrong"].sum() == pytest.approx(facts.issues["p_error"].sum())
    sums = facts.issues.groupby("row")["p_error"].sum()
    assert own.images["wrong"].iloc[0] == pytest.approx(sums.max())
    assert (own.images["units"] <= 2).all() and own.images["excerpt"].iloc[0].split()[0] in "overlooked class place"


def test_an_object_is_drawn_in_its_surroundings():
    out = io.BytesIO()
    Image.new("RGB", (400, 300), (0, 0, 0)).save(out, "PNG")
    for given, suggested in (
        ([100, 100, 140, 120], [104, 102, 160, 140]),
        (None, [0, 0, 9, 9]),
        ([399, 5, 410, 9], None),
    ):
        data, width, height = drawn(out.getvalue(), given, suggested)
        pixels = np.asarray(Image.open(io.BytesIO(data)), int)
        assert pixels.shape == (height, width, 3) and max(width, height) == 160
        for box, color in ((given, GIVEN_OUTLINE), (suggested, SUGGESTED_OUTLINE)):
            near = (np.abs(pixels - color).max(axis=2) < 60).sum()
            assert (near > 30) == (box is not None), (given, suggested, color)
    data, width, height = drawn(out.getvalue(), [50, 50, 50, 50], None)
    assert (width, height) == (160, 160)


def a_notched(width, height):
    """Run lengths of a box of pixels without its lower right quarter, and the pixels."""
    mask = np.ones((height, width), bool)
    mask[height // 2 :, width // 2 :] = False
    return to_text(encode_runs(mask)), mask


def test_an_instance_is_drawn_by_the_border_of_its_mask():
    out = io.BytesIO()
    Image.new("RGB", (400, 300), (0, 0, 0)).save(out, "PNG")
    text, mask = a_notched(40, 20)

    def shown(given, suggested, masks):
        data, width, height = drawn(out.getvalue(), given, suggested, masks)
        pixels = np.asarray(Image.open(io.BytesIO(data)), int)
        assert pixels.shape == (height, width, 3)
        near = [np.abs(pixels - color).max(axis=2) < 70 for color in (GIVEN_OUTLINE, SUGGESTED_OUTLINE)]
        return pixels.sum(axis=2), *near

    place, other = [100, 100, 140, 120], [100, 110, 140, 130]
    light, red, green = shown(place, None, (text, None))
    scale, left, top = 160 / 120, 60, 50  # of a window of 120 pixels around (120, 110)
    x, y = [((np.arange(size) + 0.5) / scale + begin).astype(int) for size, begin in ((160, left), (160, top))]
    inside = np.zeros((300, 400), bool)
    inside[100:120, 100:140] = mask
    deep, far = binary_erosion(inside, iterations=4), ~binary_dilation(inside, iterations=7)
    assert red.sum() > 100 and not green.any() and not red[deep[y][:, x]].any()
    assert (light[deep[y][:, x]] > 30).all() and (light[far[y][:, x]] < 30).all(), "tinted, and the notch is not"
    assert far[118, 137] and light[np.searchsorted(y, 118), np.searchsorted(x, 137)] < 30
    once = shown(place, place, (text, text))
    assert np.array_equal(once[1], red) and not once[2].any(), "of equal ones only the given one"
    full = to_text(encode_runs(np.ones((20, 40), bool)))
    for suggested, second in ((place, full), (other, text)):
        _, red, green = shown(place, suggested, (text, second))
        assert red.sum() > 50 and 30 < green.sum() < 400, "another mask in the same box, and the same mask elsewhere"
    shown([0, 0, 0, 0], None, ("", None))
    light, red, _ = shown([380, 290, 420, 310], None, (text, None))
    assert red.any(), "a mask that reaches beyond the picture"


def test_the_report_of_instances_shows_their_masks(tmp_path):
    """Class names that look like HTML, and pictures that cannot be read: the report says so, and has the others."""
    rng = np.random.default_rng(0)
    classes, n = (NASTY, "car"), 30
    labels, seen, images = [], [], []
    for row in range(n):
        masks = [np.zeros((48, 64), bool) for _ in range(2)]
        for mask, x in zip(masks, (4, 34)):
            y, size = int(rng.integers(4, 16)), int(rng.integers(12, 24))
            mask[y : y + size, x : x + size] = True
        codes = rng.integers(2, size=2)
        names = [classes[code] for code in codes]
        seen.append({"masks": [np.roll(one, 1, axis=0) for one in masks], "labels": names, "scores": [0.9, 0.8]})
        keep = slice(1, 2) if row % 6 == 1 else slice(0, 2)
        labels.append({"masks": masks[keep], "labels": names[keep]})
        images.append(rng.integers(0, 255, (48, 64, 3), dtype=np.uint8) if row != 1 else b"no picture")
    data = wb.Dataset.from_arrays(labels, task="instances", classes=classes, images=images)
    run = wb.import_run(data, tmp_path / "run", predictions=seen)
    issues = wb.find_issues(run, per="unit")
    overlooked = issues[(issues["kind"] == "overlooked") & (issues["p_error"] > 0.5)]
    assert set(overlooked["row"]) == {1, 7, 13, 19, 25}
    page = parsed(report(run, tmp_path / "r.html", top=8, issues=issues))
    shown = text_of(tmp_path / "r.html")
    assert not page.open and not {"script", "link", "iframe"} & set(page.tags) and NASTY in shown
    assert page.tags.count("img") == 7 and "decoded" in shown
