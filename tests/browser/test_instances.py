"""Instances in the page: accepted, reclassed, removed and undone by keys, masks changed and drawn by lasso and brush
with undo, export, a saved page."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import samples
from objectharness import FOCUSED, VALUES, Canvas, opens_when_saved, said, shown

from workbench.tasks.run_lengths import decode_runs

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def pixels(value: dict) -> np.ndarray:
    """The mask of a value as an array (96, 128)."""
    x0, y0, x1, y1 = value["box"]
    mask = np.zeros((96, 128), bool)
    mask[y0:y1, x0:x1] = decode_runs(value["mask"], y1 - y0, x1 - x0)
    return mask


def test_instances_are_judged_and_painted(explorer, tmp_path: Path):
    path = samples.box_run(tmp_path / "instances", task="instances")
    samples.box_issues(path).to_parquet(tmp_path / "issues.parquet")
    lab = explorer(path=path, issues=tmp_path / "issues.parquet")
    page, probe = lab.page, lab.probe
    canvas = Canvas(page, (128, 96))
    true, given = samples.canvases()[1], samples.with_wrong_boxes(samples.canvases()[1])
    page.locator(FOCUSED).wait_for()
    page.locator(".lw-name").click()

    # Space accepts the predicted instance, u takes it back; a digit reclasses, x removes
    shown(lab, "canvas-11")
    assert "overlooked" in page.locator(FOCUSED).inner_text()
    page.keyboard.press(" ")
    probe.wait(f"len({VALUES}) == 1")
    assert said(lab) == {("canvas-11", "c0123456789abcdef"): samples.outlined(true[11][0])}
    assert len(probe.eval("ex.run.labels()[11].as_py()")) == len(given[11]) + 1
    page.keyboard.press("u")
    probe.wait(f"len({VALUES}) == 0")
    shown(lab, "canvas-13")
    page.keyboard.press("4")
    probe.wait(f"len({VALUES}) == 1")
    assert said(lab)[("canvas-13", "g0")] == samples.outlined((*given[13][0][:4], "4"))
    shown(lab, "canvas-15")
    page.keyboard.press("x")
    probe.wait(f"len({VALUES}) == 2")
    assert said(lab)[("canvas-15", f"g{len(given[15]) - 1}")] is None

    # a suggested outline of the same class says what differs: its place, here, or its form
    shown(lab, "canvas-17")
    assert page.locator(".lw-answer.lw-is-hint").inner_text().endswith(" elsewhere")

    # a lasso adds to the instance in focus, the eraser takes away, a stroke is undone; then a new one: one decision
    shown(lab, "canvas-20")
    before = samples.outlined(given[20][0])
    x0, y0, x1, y1 = before["box"]
    page.keyboard.press("Enter")
    page.locator(".lw-stage.lw-editing").wait_for()
    page.mouse.move(*canvas.at(x1 - 2, y1 - 2))
    page.mouse.down()
    for x, y in ((x1, y1 - 2), (x1, y1), (x1 - 2, y1)):
        page.mouse.move(*canvas.at(x, y), steps=2)
    page.mouse.up()
    page.locator(".lw-span-line button", has_text="save").wait_for()
    page.keyboard.press("b")
    canvas.drag((x0 + 4, y0), (x0 + 4, y1))
    page.keyboard.press("Control+z")
    page.keyboard.press("e")
    page.keyboard.press("[")
    canvas.drag((x0 - 3, y0 - 2), (x0 - 3, y1 + 2))
    page.keyboard.press("r")
    page.keyboard.press("b")
    canvas.drag((120, 84), (124, 88))
    entries = probe.eval("len(ex.run.journal.since(0))")
    page.keyboard.press("Enter")
    probe.wait(f"len({VALUES}) == 4")
    assert probe.eval(f"len({{entry.time for entry in ex.run.journal.since(0)[{entries}:]}})") == 1
    values = {key: value for (id, key), value in said(lab).items() if id == "canvas-20"}
    now, drawn = values["g0"], next(value for key, value in values.items() if key.startswith("a"))
    changed = pixels(now) ^ pixels(before)
    assert changed[y1 - 2, x1 - 2 : x1].any() and changed[: y1 - 3, x0 + 5 :].sum() == 0
    assert now["box"][0] >= x0 and drawn["label"] == "4" and pixels(drawn)[86, 122]

    page.locator(".lw-card .lw-objects").first.wait_for()
    out = tmp_path / "out.jsonl"
    probe.run(f"from workbench.review.export import export; export(ex.run, {str(out)!r})")
    rows = {row["id"]: row for row in map(json.loads, out.read_text(encoding="utf-8").splitlines())}
    assert rows["canvas-20"]["changed"] and now["mask"] in rows["canvas-20"]["label"]["masks"]
    page.screenshot(path=str(tmp_path / "instances.png"))
    opens_when_saved(lab, tmp_path / "page.html")
