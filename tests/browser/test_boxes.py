"""Boxes and points in the page: stepping, accepting and reclassing by keys, drawing, moving and resizing by mouse and
keys, strokes and their undo, queues by kind of error, thumbnails, export, a saved page, the time of a frame, tiles."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pytest
import samples
from objectharness import FOCUSED, STAGE, VALUES, Canvas, relative, said, shown
from PIL import Image

import workbench as wb

pytestmark = [pytest.mark.browser, pytest.mark.slow]


@pytest.fixture(scope="module")
def box_run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The run, and the table of its issues."""
    folder = tmp_path_factory.mktemp("boxes")
    path = samples.box_run(folder / "boxes")
    samples.box_issues(path).to_parquet(folder / "issues.parquet")
    run = wb.open_run(path)
    rows = run.dataset.units.rows
    places = np.stack([np.zeros(len(rows)), np.linspace(-1, 1, len(rows))], axis=1)
    places[np.flatnonzero(rows == 22)[1]] = 100, 0
    run.save_evidence("object_embeddings", places)
    return path, folder / "issues.parquet"


def test_boxes_are_judged_drawn_and_moved(explorer, box_run, tmp_path):
    path, issues = box_run
    lab = explorer(path=path, issues=issues)
    page, probe = lab.page, lab.probe
    page.locator(FOCUSED).wait_for()
    canvas = Canvas(page, (128, 96))
    true, given = samples.canvases()[1], samples.with_wrong_boxes(samples.canvases()[1])
    page.locator(".lw-name").click()

    # an overlooked object: Space accepts the predicted box, u takes it back
    shown(lab, "canvas-11")
    assert "overlooked" in page.locator(FOCUSED).inner_text()
    page.keyboard.press(" ")
    probe.wait(f"len({VALUES}) == 1")
    assert said(lab) == {("canvas-11", "c0123456789abcdef"): {"box": list(true[11][0][:4]), "label": true[11][0][4]}}
    assert len(probe.eval("ex.run.labels()[11].as_py()")) == len(given[11]) + 1
    page.keyboard.press("u")
    probe.wait(f"len({VALUES}) == 0")

    # Tab steps, a digit reclasses, x removes
    shown(lab, "canvas-13")
    first = page.locator(FOCUSED).get_attribute("data-key")
    page.keyboard.press("Tab")
    second = page.locator(FOCUSED).get_attribute("data-key")
    assert first == "g0" != second
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("4")
    probe.wait(f"len({VALUES}) == 1")
    assert said(lab)[("canvas-13", "g0")] == {"box": list(given[13][0][:4]), "label": "4"}
    shown(lab, "canvas-15")
    page.keyboard.press("x")
    probe.wait(f"len({VALUES}) == 2")
    assert said(lab)[("canvas-15", f"g{len(given[15]) - 1}")] is None

    # several selected boxes change their class in one step
    shown(lab, "canvas-20")
    for place in (0, 1):
        x0, y0, x1, y1, _ = given[20][place]
        page.mouse.move(*canvas.at((x0 + x1) / 2, (y0 + y1) / 2))
        page.locator(STAGE).click(
            position=relative(page, canvas.at((x0 + x1) / 2, (y0 + y1) / 2)), modifiers=["Shift"] if place else []
        )
    page.keyboard.press("7")
    probe.wait(f"len({VALUES}) == 4")
    assert {said(lab)["canvas-20", key]["label"] for key in ("g0", "g1")} == {"7"}
    page.keyboard.press("u")
    probe.wait(f"len({VALUES}) == 2")

    # edit mode: resize, move and nudge are strokes; Ctrl+z takes one back; Enter saves one decision
    shown(lab, "canvas-17")
    x0, y0, x1, y1, _ = given[17][0]
    page.keyboard.press("Enter")
    page.locator(".lw-stage.lw-editing").wait_for()
    canvas.drag((x1, y1), (x1 + 6, y1 + 4))
    canvas.drag(((x0 + x1) / 2, (y0 + y1) / 2), ((x0 + x1) / 2 - 5, (y0 + y1) / 2 - 3))
    page.keyboard.press("Control+z")
    for key in ("ArrowLeft", "ArrowLeft", "Shift+ArrowUp", "Control+ArrowRight"):
        page.keyboard.press(key)
    page.keyboard.press("Control+z")
    before = probe.eval("len(ex.run.journal.since(0))")
    page.keyboard.press("Enter")
    probe.wait(f"len({VALUES}) == 3")
    box, step = said(lab)["canvas-17", "g0"]["box"], 128 / 190
    assert np.abs(np.array(box) - [x0 - 2, max(y0 - 10, 0), x1 + 4, y1 - min(10, y0) + 4]).max() <= step, (
        box,
        given[17][0],
    )
    assert probe.eval(f"len({{entry.time for entry in ex.run.journal.since(0)[{before}:]}})") == 1

    # a corner grabbed by a key; a drawn box has the class of the last decision, and a click elsewhere saves it
    shown(lab, "canvas-30")
    x0, y0, x1, y1, _ = given[30][0]
    page.locator('.lw-boxes [data-key="g0"]').click()
    page.keyboard.press("Enter")
    page.locator(".lw-stage.lw-editing").wait_for()
    page.keyboard.press("c")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("r")
    canvas.drag((2, 80), (40, 120))
    page.keyboard.press("5")
    page.locator(".lw-strip .lw-card").first.click()
    probe.wait(f"len({VALUES}) == 5")
    fresh = {key: value for key, value in said(lab).items() if key[1].startswith("a")}
    [((id, _), drawn)] = fresh.items()
    assert id == "canvas-30" and drawn["label"] == "5" and drawn["box"][3] == 96  # clamped to the picture
    assert said(lab)["canvas-30", "g0"]["box"] == [x0, y0, x1 + 1, y1]
    shown(lab, "canvas-30")
    page.locator(f'.lw-boxes [data-key="{next(iter(fresh))[1]}"]').wait_for()
    assert page.locator(".lw-neighbor .lw-objects").count() > 0

    # a click on the map of objects shows the picture with the object in focus; one lies alone on the right
    page.locator(".lw-button", has_text="Objects").click()
    page.get_by_label("colour of the objects").select_option("kind of error")
    page.locator(".lw-objects-cover .lw-legend", has_text="overlooked").wait_for()
    box = page.locator(".lw-object-map .lw-over").bounding_box()
    page.mouse.click(box["x"] + 0.965 * box["width"], box["y"] + 0.5 * box["height"])
    page.wait_for_function("() => document.querySelector('.lw-title').textContent.endsWith(' canvas-22')")
    page.locator(f'{FOCUSED}[data-key="g1"]').wait_for()
    page.get_by_label("close the map of the objects").click()

    # all overlooked objects of a queue at once, after a second click
    page.get_by_label("order of the queue").select_option("kind: overlooked")
    probe.wait("ex.queue and all(id.endswith('1') for id in ex.queue)")
    page.locator(".lw-bulk .lw-button", has_text="Accept").first.wait_for()
    least = page.get_by_label("minimum probability")
    least.wait_for()
    least.select_option(index=least.locator("option").count() - 1)  # all of them
    many, button = len(probe.eval("list(ex.queue)")), page.locator(".lw-gallery-actions .lw-bulk .lw-button").first
    page.wait_for_function(
        "many => document.querySelector('.lw-gallery-actions .lw-bulk .lw-button').textContent.includes(` ${many} `)",
        arg=many,
    )
    lab.confirm(button, page.locator(".lw-gallery-actions .lw-bulk .lw-button", has_text="Click again"))
    probe.wait(f"len({VALUES}) == {5 + many}")

    # an audit of whole examples: K confirms what is open, and that nothing is missing; one undo takes it back
    page.get_by_label("order of the queue").select_option("audit_examples")
    probe.wait("ex._view.queue_order == 'audit_examples'")
    page.locator(".lw-name").click()
    still_open = page.locator(".lw-whole button:not([disabled])")
    still_open.wait_for()
    title = page.locator(".lw-title").inner_text()
    confirmed = "(ex.run.journal.state(per='unit').index.get_level_values('unit') == '').sum()"
    page.keyboard.press("Shift+K")
    page.wait_for_function("title => document.querySelector('.lw-title').textContent !== title", arg=title)
    probe.wait(f"{confirmed} == 1")
    page.keyboard.press("u")
    page.wait_for_function("title => document.querySelector('.lw-title').textContent === title", arg=title)
    still_open.wait_for()
    probe.wait(f"{confirmed} == 0")

    # reload, export, a saved page
    lab.run_all()
    shown(lab, "canvas-17")
    shapes = "document.querySelectorAll('.lw-card[aria-selected=true] .lw-objects rect').length"
    page.wait_for_function(f"() => {shapes} === {len(given[17])}")
    probe.run(f"from workbench.review.export import export; export(ex.run, {str(tmp_path / 'out.jsonl')!r})")
    rows = {
        row["id"]: row for row in map(json.loads, (tmp_path / "out.jsonl").read_text(encoding="utf-8").splitlines())
    }
    assert len(rows["canvas-30"]["label"]["bboxes"]) == len(given[30]) + 1
    page.screenshot(path=str(tmp_path / "boxes.png"))
    probe.run(f"ex.save_html({str(tmp_path / 'page.html')!r}, examples=4)")
    assert lab.errors == []
    still = lab.page.context.new_page()
    still.goto((tmp_path / "page.html").as_uri())
    still.locator(FOCUSED).wait_for()
    still.locator(".lw-card .lw-objects rect").first.wait_for()
    still.close()


def test_points_are_judged_drawn_and_moved(explorer, tmp_path):
    """Each picture lacks a point and has one of a wrong class; a queue by kind goes to the point of its kind."""
    names = ["cell", f"a {'very ' * 12}long class name"]
    given = [[(20.0, 30.0 + row, names[1])] for row in range(4)]
    ids = [f"x-{row}" for row in range(4)]
    images = [np.full((96, 128), 200, np.uint8)] * 4
    dataset = wb.Dataset.from_arrays(given, task="points", classes=names, images=images, ids=ids)

    def value(x: float, y: float, label: str) -> str:
        return dataset.kind.encode({"point": [x, y], "label": label})

    lines = []
    for row, id in enumerate(ids):
        y, keys = 30.0 + row, ("g0", "c0123456789abcdef")
        wrong = (*names[::-1], 0.95, 0.9, True, "class", "", row, value(20, y, names[1]), value(20, y, names[0]))
        missing = (None, names[0], 0.8, 0.8, True, "overlooked", "", row, "null", value(100, 60, names[0]))
        lines += [(id, key, *one) for key, one in zip(keys, (wrong, missing))]
    samples.issue_table(lines).to_parquet(tmp_path / "issues.parquet")
    lab = explorer(path=wb.import_run(dataset, tmp_path / "run").path, issues=tmp_path / "issues.parquet")
    page, probe, canvas = lab.page, lab.probe, Canvas(lab.page, (128, 96))
    shown(lab, "x-0")
    page.locator(".lw-name").click()
    assert page.locator(FOCUSED).get_attribute("data-key") == "g0"
    assert page.locator(".lw-span-line").bounding_box()["height"] < 40  # the long name is clipped
    order = page.get_by_label("order of the queue")
    order.select_option("kind: overlooked")
    page.locator(f'{FOCUSED}[data-key^="c"]').wait_for()
    order.select_option(f"kind: class, {names[1]} → {names[0]}")
    page.locator(f'{FOCUSED}[data-key="g0"]').wait_for()
    order.select_option("kind: overlooked")
    page.locator(f'{FOCUSED}[data-key^="c"]').wait_for()
    name = page.locator(".lw-span-line .lw-unit-value")
    assert name.inner_text() == "none" and name.evaluate("el => el.scrollWidth <= el.clientWidth")
    least = page.get_by_label("minimum probability")
    least.wait_for()
    boxes = [one.bounding_box() for one in (least, order)]
    assert boxes[0]["x"] + boxes[0]["width"] <= boxes[1]["x"] and boxes[1]["width"] <= 260
    page.keyboard.press(" ")
    probe.wait(f"len({VALUES}) == 1")
    assert said(lab) == {("x-0", "c0123456789abcdef"): {"label": "cell", "point": [100, 60]}}
    page.keyboard.press("u")
    probe.wait(f"len({VALUES}) == 0")

    # a click in edit mode adds a point, a drag and an arrow move one, x removes one
    shown(lab, "x-2")
    page.locator('.lw-boxes [data-key="g0"]').click()
    page.keyboard.press("Enter")
    page.locator(".lw-stage.lw-editing").wait_for()
    canvas.drag((20, 32), (40, 50))
    page.keyboard.press("ArrowRight")
    page.mouse.click(*canvas.at(70, 20))
    page.keyboard.press("1")
    page.keyboard.press("Enter")
    probe.wait(f"len({VALUES}) == 2")
    moved = said(lab)["x-2", "g0"]
    [added] = [one for (_, key), one in said(lab).items() if key.startswith("a")]
    step = 128 / 190
    assert moved["label"] == names[1] and np.abs(np.array(moved["point"]) - (41, 50)).max() <= step, moved
    assert added["label"] == "cell" and np.abs(np.array(added["point"]) - (70, 20)).max() <= step, added
    shown(lab, "x-3")
    page.locator('.lw-boxes [data-key="g0"]').click()
    page.keyboard.press("x")
    probe.wait(f"len({VALUES}) == 3")
    assert said(lab)["x-3", "g0"] is None and len(probe.eval("ex.run.labels()[3].as_py()")) == 0
    assert lab.errors == []


def test_many_objects_are_fluent_and_large_pictures_come_in_tiles(explorer, tmp_path):
    """The script time of a frame with 300 boxes: zooming, stepping, dragging."""
    rng = np.random.default_rng(0)
    corners = rng.uniform((0, 0), (560, 420), (300, 2))
    boxes = [(*corner, *(corner + rng.uniform(8, 60, 2)), f"class {row % 8}") for row, corner in enumerate(corners)]
    large = Image.fromarray(np.add.outer(np.arange(3500), np.arange(5000)).astype(np.uint8))
    images = []
    for picture in (Image.new("RGB", (640, 480), "grey"), large):
        out = io.BytesIO()
        picture.save(out, "JPEG")
        images.append(out.getvalue())
    given = [boxes, [(4000.0, 3000.0, 4200.0, 3100.0, "class 1")]]
    dataset = wb.Dataset.from_arrays(given, task="boxes", images=images, ids=["x-many", "x-large"])
    lab = explorer(path=wb.import_run(dataset, tmp_path / "run").path)
    page = lab.page
    shown(lab, "x-many")
    assert page.locator(".lw-boxes .lw-unit").count() == 300
    page.locator(".lw-name").click()
    page.keyboard.press("z")
    page.locator(f".lw-lightbox {STAGE}").wait_for()
    device = page.context.new_cdp_session(page)
    device.send("Performance.enable")
    spent = {}

    def timed(name: str, frames: int, act: object) -> None:
        def script() -> float:
            metrics = device.send("Performance.getMetrics")["metrics"]
            return next(one["value"] for one in metrics if one["name"] == "ScriptDuration")

        before = script()
        for frame in range(frames):
            act(frame)
            page.evaluate("() => new Promise(requestAnimationFrame)")
        spent[name] = 1000 * (script() - before) / frames

    page.mouse.move(*Canvas(page, (640, 480)).at(300, 200))
    timed("zoom", 20, lambda frame: page.mouse.wheel(0, -30 if frame % 2 else 25))
    timed("step", 20, lambda frame: page.keyboard.press("Tab"))
    page.keyboard.press("Enter")
    page.locator(".lw-stage.lw-editing").wait_for()
    page.keyboard.press("r")
    page.mouse.down()
    timed("draw", 20, lambda frame: page.mouse.move(*Canvas(page, (640, 480)).at(300 + frame, 200 + frame)))
    page.mouse.up()
    page.keyboard.press("Control+z")
    page.keyboard.press("Escape")
    print("script time of a frame with 300 boxes, ms:", {name: round(ms, 1) for name, ms in spent.items()})
    assert max(spent.values()) < 16, spent

    shown(lab, "x-large")
    for _ in range(8):
        page.keyboard.press("+")
    lab.probe.wait("ex._view.media._decoded is not None")
    assert lab.probe.eval("ex._view.media._decoded[1].size") == [5000, 3500]
    assert lab.errors == []
