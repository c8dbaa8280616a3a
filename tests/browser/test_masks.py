"""Masks in the page: regions accepted, kept and reclassed by keys, strokes of brush and lasso with undo, before and
after, export, a saved page."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import samples
from objectharness import FOCUSED, VALUES, Canvas, opens_when_saved, said, shown

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def labels_of(lab: object, row: int) -> np.ndarray:
    """The mask of an example with all decisions."""
    stored = lab.probe.eval(f"ex.run.labels()[{row}].as_py()")
    return np.repeat(stored["codes"], stored["lengths"]).reshape(stored["height"], stored["width"])


def test_regions_are_judged_and_painted(explorer, tmp_path: Path):
    path = samples.mask_run(tmp_path / "masks")
    samples.mask_issues(path).to_parquet(tmp_path / "issues.parquet")
    lab = explorer(path=path, issues=tmp_path / "issues.parquet")
    page, probe = lab.page, lab.probe
    true = samples.drawn_masks()[0]
    given = samples.with_wrong_masks(true)[0]
    page.locator(FOCUSED).wait_for()
    page.locator(".lw-name").click()

    # Space accepts the region, u takes it back; a digit gives it another class, x none, k keeps it
    shown(lab, "scene-9")
    page.keyboard.press(" ")
    probe.wait(f"len({VALUES}) == 1")
    assert np.array_equal(labels_of(lab, 9), true[9]) and not np.array_equal(given[9], true[9])
    page.keyboard.press("u")
    probe.wait(f"len({VALUES}) == 0")
    shown(lab, "scene-13")
    head, line = (page.locator(one).bounding_box() for one in (".lw-span-line", ".lw-span-line .lw-is-hint"))
    assert line["width"] > 60 and line["x"] + line["width"] <= head["x"] + head["width"] + 1  # long names are cut
    assert page.locator(f"{FOCUSED} .lw-unit-name").bounding_box()["width"] > 60
    page.keyboard.press("3")
    probe.wait(f"len({VALUES}) == 1")
    wrong = given[13] != true[13]
    assert set(labels_of(lab, 13)[wrong]) == {2}
    shown(lab, "scene-17")
    page.keyboard.press("x")
    probe.wait(f"len({VALUES}) == 2")
    assert set(labels_of(lab, 17)[given[17] != true[17]]) == {-1}
    shown(lab, "scene-5")
    page.keyboard.press("k")
    probe.wait(f"len({VALUES}) == 3")
    assert np.array_equal(labels_of(lab, 5), given[5])

    # strokes: a brush, a lasso that is undone, the eraser; they are one decision with a region for each class
    shown(lab, "scene-2", ".lw-boxes:empty")
    canvas = Canvas(page, (96, 72))
    page.keyboard.press("Enter")
    page.locator(".lw-stage.lw-editing").wait_for()
    page.keyboard.press("/")  # the palette has the class of the brush, whichever it is, and the picture stays in view
    page.keyboard.type("number 14")
    page.keyboard.press("Enter")
    page.locator(".lw-palette [aria-pressed=true][title$='number 14']").wait_for()
    canvas.drag((70, 4), (74, 4))
    page.locator(".lw-span-line button", has_text="save").wait_for()
    page.keyboard.press("Control+z")
    page.keyboard.press("2")
    canvas.drag((40, 8), (60, 8))
    page.keyboard.press("l")
    canvas.drag((5, 60), (30, 70))
    page.keyboard.press("Control+z")
    page.keyboard.press("e")
    page.keyboard.press("]")
    y, x = (round(float(places.mean())) for places in np.nonzero(given[2] == 2))
    canvas.drag((x, y), (x + 1, y + 8))
    before = probe.eval("len(ex.run.journal.since(0))")
    page.keyboard.press("Enter")
    probe.wait(f"len({VALUES}) == 5")
    now, changed = labels_of(lab, 2), labels_of(lab, 2) != given[2]
    assert now[8, 50] == 1 and now[y, x] == 0 and not changed[55:, :30].any() and set(now[changed]) == {0, 1}
    assert probe.eval(f"len({{entry.time for entry in ex.run.journal.since(0)[{before}:]}})") == 1
    fresh = [value for (id, key), value in said(lab).items() if key.startswith("a")]
    assert {value["label"] for value in fresh} == {"background", "disc"}

    # of a mask that is too large to be sent whole, the part in sight is painted, in all its pixels
    probe.run("import widgets.view.given_masks as sent; sent.MOST_SENT_PIXELS = 96 * 72 // 3")
    shown(lab, "scene-4", ".lw-boxes:empty")
    probe.run("sent.MOST_SENT_PIXELS = 96 * 72")
    page.keyboard.press("Enter")
    page.locator(".lw-stage.lw-editing").wait_for()
    page.keyboard.press("b")
    page.keyboard.press("2")
    canvas.drag((41, 7), (61, 7))
    page.keyboard.press("Enter")
    probe.wait(f"len({VALUES}) == 6")
    now = labels_of(lab, 4)
    assert (now[7, 42:61] == 1).all() and (now != given[4])[:, 70:].sum() == 0

    # right of the mouse, the mask with the suggestions; thumbnails show masks
    shown(lab, "scene-21")
    page.locator(".lw-palette button", has_text="before").click()
    page.mouse.move(*canvas.at(48, 36))
    page.locator(".lw-palette [aria-pressed=true]").wait_for()
    page.locator(".lw-tile canvas.lw-objects").first.wait_for()
    assert not page.locator(".lw-strip").is_visible(), "the grid shows the same examples"

    out = tmp_path / "out.jsonl"
    probe.run(f"from workbench.review.export import export; export(ex.run, {str(out)!r})")
    rows = {row["id"]: row for row in map(json.loads, out.read_text(encoding="utf-8").splitlines())}
    assert rows["scene-2"]["changed"] and rows["scene-2"]["label"]["size"] == [72, 96]
    page.screenshot(path=str(tmp_path / "masks.png"))
    opens_when_saved(lab, tmp_path / "page.html")
