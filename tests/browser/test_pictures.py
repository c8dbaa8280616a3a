"""Pictures are shown uncropped everywhere, enlarged and in a grid; features of table rows sort by how unusual they
are."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytestmark = [pytest.mark.browser, pytest.mark.slow]

SHAPES = ((280, 420), (420, 280), (28, 42), (8, 8), (90, 900), (900, 90))
"""Width and height: portrait, landscape, small, tiny, very high, very wide."""

INSIDE = """selector => [...document.querySelectorAll(selector)].map(img => {
  const box = img.parentElement.getBoundingClientRect(), r = img.getBoundingClientRect();
  const k = Math.min(r.width / img.naturalWidth, r.height / img.naturalHeight);
  const clipped = getComputedStyle(img).objectFit !== 'contain';
  return {shape: [img.naturalWidth, img.naturalHeight], drawn: [img.naturalWidth * k, img.naturalHeight * k],
    inside: !clipped && r.left >= box.left - 1 && r.right <= box.right + 1 && r.top >= box.top - 1
      && r.bottom <= box.bottom + 1, loaded: img.complete && img.naturalWidth > 0}; })"""
TITLE = "id => document.querySelector('.lw-inspector .lw-title').textContent === `example ${id}`"


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """A run of 120 image files with absolute paths, with embeddings and label issues."""
    import pandas as pd
    from PIL import Image

    import workbench as wb

    rng = np.random.default_rng(4)
    files = tmp_path / "photos"
    files.mkdir()
    paths, labels = [], np.arange(120) % 3
    for i in range(120):
        width, height = SHAPES[i % len(SHAPES)]
        image = np.full((height, width, 3), 40 + 60 * labels[i], np.uint8)
        image[0], image[-1] = (255, 0, 0), (0, 0, 255)  # both ends must be visible
        paths.append(str(files / f"{i:03d}.png"))
        Image.fromarray(image).save(paths[-1])
    given = np.where(np.arange(120) % 10 == 9, (labels + 1) % 3, labels)
    frame = pd.DataFrame({"path": paths, "label": np.array(["owl", "fox", "hen"])[given]})
    probs = np.full((120, 3), 0.02)
    probs[np.arange(120), [{"fox": 0, "hen": 1, "owl": 2}[("owl", "fox", "hen")[one]] for one in labels]] = 0.96
    with wb.Recorder(tmp_path / "run", wb.Dataset.from_frame(frame, image="path")) as recorder:
        recorder.run()
    run = wb.open_run(tmp_path / "run")
    run.save_pred_probs(probs, out_of_fold=True, source="made for the test")
    run.save_embeddings(rng.normal(size=(120, 6)) + 4 * np.eye(3)[labels] @ rng.normal(size=(3, 6)))
    return tmp_path / "run"


def whole(page: object, selector: str, least: int) -> None:
    """Whether every picture found by the selector is inside its box with its original proportions."""
    page.wait_for_function(
        "([s, n]) => { const all = [...document.querySelectorAll(s)];"
        " return all.length >= n && all.every(img => img.complete); }",
        arg=[selector, least],
    )
    found = page.evaluate(INSIDE, selector)
    assert all(one["loaded"] and one["inside"] for one in found), (selector, found)
    for one in found:
        (w, h), (x, y) = one["shape"], one["drawn"]
        assert abs(x / y - w / h) <= 0.02 * w / h, (selector, one)


def test_pictures_are_whole_everywhere_and_can_be_enlarged(explorer, photos: Path, tmp_path: Path):
    lab = explorer(width=1440, path=photos)
    page, probe = lab.page, lab.probe
    for row in range(len(SHAPES)):
        probe.run(f"ex.current = {row}")
        page.wait_for_function(TITLE, arg=row)
        page.wait_for_function("() => document.querySelector('.lw-picture img')?.complete")
        whole(page, ".lw-picture img", 1)
    whole(page, ".lw-card img", 6)
    whole(page, ".lw-neighbor img", 6)

    # enlarged: a click opens, arrow keys keep it open, a digit labels, original pixels load, Escape closes
    page.locator(".lw-picture img").click()
    note = page.locator(".lw-lightbox-note")
    page.wait_for_function("() => /pixels · \\d/.test(document.querySelector('.lw-lightbox-note').textContent)")
    probe.run("ex.current = 0")
    page.wait_for_function(
        "() => document.querySelector('.lw-lightbox-note').textContent.startsWith('280 × 420 pixels')"
    )
    box, stage = (page.locator(one).bounding_box() for one in (".lw-lightbox-picture", ".lw-lightbox-stage"))
    assert abs(box["width"] / box["height"] - 280 / 420) < 0.01
    assert box["height"] <= stage["height"] + 1
    page.keyboard.press("o")
    assert note.inner_text().endswith("· 100 %")
    middle = stage["x"] + stage["width"] / 2, stage["y"] + stage["height"] / 2
    page.mouse.move(*middle)
    page.keyboard.press("+")
    page.keyboard.press("+")
    before = page.locator(".lw-lightbox-picture").bounding_box()
    lab.drag([middle, (middle[0], middle[1] + 60)])
    assert page.locator(".lw-lightbox-picture").bounding_box()["y"] == pytest.approx(before["y"] + 60, abs=2)
    page.mouse.dblclick(*middle)
    assert page.locator(".lw-lightbox-picture").bounding_box()["height"] == pytest.approx(stage["height"], abs=2)
    first = probe.eval("ex.current")
    page.keyboard.press("ArrowRight")
    probe.wait(f"ex.current != {first}")
    assert page.locator(".lw-lightbox").is_visible()
    shown = probe.eval("ex.current")
    page.keyboard.press("1")
    probe.wait(f"ex.run.journal.state()['verdict'].get({shown}) is not None")
    assert page.locator(".lw-lightbox").is_visible()
    page.keyboard.press("Escape")
    assert page.locator(".lw-lightbox").is_hidden()

    # the grid: everything, shift-click a range, relabel it with Shift and a digit
    page.keyboard.press("g")
    page.locator(".lw-grid .lw-tabs button", has_text="all 120").click()
    whole(page, ".lw-tile img", 12)
    tiles = page.locator(".lw-tile")
    tiles.nth(2).click()
    tiles.nth(5).click(modifiers=["Shift"])
    probe.wait("len(ex.selection) == 4")
    assert page.locator(".lw-grid .lw-tabs [aria-selected=true]").inner_text().startswith("all"), "the list stays"
    page.keyboard.press("Shift+Digit2")
    probe.wait(
        "(ex.run.journal.state()['label'].reindex(ex.selection).dropna() == ex.run.classes[1]).all()"
        " and len(ex.run.journal.state()['label'].dropna()) > 0"
    )
    at = probe.eval("ex.current")
    page.keyboard.press("ArrowDown")
    probe.wait(f"ex.current != {at}")
    page.locator(".lw-grid-size").fill("220")
    page.wait_for_function("() => [...document.querySelectorAll('.lw-tile img')].some(img => img.naturalHeight > 96)")
    whole(page, ".lw-tile img", 3)
    page.keyboard.press("Escape")
    assert page.locator(".lw-grid").is_hidden()

    # the saved page shows them uncropped too, and enlarges the included ones
    target = tmp_path / "page.html"
    probe.run(f"ex.save_html({str(target)!r}, examples=20)")
    saved = lab.page.context.new_page()
    saved.goto(target.as_uri())
    saved.wait_for_selector(".lw[data-state=ready]")
    whole(saved, ".lw-picture img, .lw-card img, .lw-neighbor img", 6)
    saved.locator(".lw-picture img").click()
    saved.wait_for_selector(".lw-lightbox-picture")
    saved.close()
    assert not lab.errors


def test_rows_of_a_table_sort_by_what_is_unusual_and_a_note_stays_in_sight(explorer, tmp_path: Path):
    import pandas as pd

    import workbench as wb

    rng = np.random.default_rng(6)
    frame = pd.DataFrame(rng.normal(size=(100, 30)), columns=[f"a feature with a long name {i}" for i in range(30)])
    frame.iloc[7, 12] = 50.0
    frame["label"] = np.array(["sick", "well"])[np.arange(100) % 2]
    probs = rng.dirichlet([1, 1], 100)
    run = wb.Recorder(tmp_path / "table", wb.Dataset.from_frame(frame)).run()
    run.save_pred_probs(probs, out_of_fold=True, source="made for the test")
    lab = explorer(width=1440, path=tmp_path / "table")
    page, probe = lab.page, lab.probe
    titles = [text.strip() for text in page.locator(".lw-map-title:visible").all_inner_texts()]
    assert titles == ["features (PCA)"], "no empty panel beside it"
    probe.run("ex.current = 7")
    page.wait_for_function(TITLE, arg=7)
    first = page.locator(".lw-rows-list .lw-rows-line").first
    page.wait_for_function("() => document.querySelector('.lw-rows-list .lw-rows-line')?.title.includes('name 12: 50')")
    assert first.locator(".lw-rows-at").count() == 1
    page.locator(".lw-rows-head button", has_text="feature").click()
    assert first.get_attribute("title").startswith("a feature with a long name 0:")
    page.locator(".lw-name").click()
    page.keyboard.press("m")
    page.keyboard.type("measured twice")
    page.keyboard.press("Enter")
    page.wait_for_selector(".lw-inspector .lw-note:visible:has-text('measured twice')")
    assert not lab.errors
