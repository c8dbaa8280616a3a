"""The Explorer in a real JupyterLab, by mouse and keyboard; saved data are read from disk and from the kernel."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

pytestmark = [pytest.mark.browser, pytest.mark.slow]

SAID = ".lw-said"


def saved(lab: object) -> None:
    """Wait until the page reports that Python has saved."""
    lab.page.wait_for_function("() => /^saved \\d\\d:\\d\\d$/.test(document.querySelector('.lw-saved').textContent)")


def current(lab: object) -> str:
    return lab.page.locator(".lw-inspector .lw-title").inner_text()


def unfold(lab: object) -> None:
    """Show the filters if the view is too narrow for their column."""
    if lab.page.locator(".lw-search").is_hidden():
        lab.page.locator(".lw-fold").click()


def focus(lab: object) -> None:
    """Focus the view without selecting anything."""
    lab.page.locator(".lw-name").click()


def test_look_filter_relabel_undo_reopen_export(explorer, run_path: Path, tmp_path: Path):
    lab = explorer()
    page, probe = lab.page, lab.probe
    assert page.locator(".lw").get_attribute("data-renderer") == "webgl2"
    assert probe.eval("ex.selection") == []

    # lasso: the same rows in the page and in the kernel
    lab.lasso(0, inset=0.02)
    chosen = probe.wait("len(ex.selection)")
    assert page.locator(".lw-tool-info").inner_text() == f"{chosen:,} selected"
    tab = "() => document.querySelector('.lw-gallery .lw-tabs [aria-selected=true]').textContent"
    page.wait_for_function(f"{tab} === 'selection {chosen:,}'")
    page.wait_for_function("() => document.querySelectorAll('.lw-card img').length > 3")
    page.get_by_text("clear selection").click()
    probe.wait("ex.selection == []")

    # filter: brush a histogram, counts follow while it moves
    unfold(lab)
    hist = page.locator(".lw-filter", has_text="confidence").locator("canvas").first
    box = hist.bounding_box()
    y = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + 2, y)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.3, y, steps=3)
    during = page.locator(".lw-count").inner_text()
    page.mouse.move(box["x"] + box["width"] * 0.6, y, steps=3)
    page.wait_for_function("before => document.querySelector('.lw-count').textContent !== before", arg=during)
    page.mouse.up()
    probe.wait("'confidence' in ex.filters")
    page.get_by_text("clear filters").click()
    probe.wait("ex.filters == {}")

    # keys: Space accepts, k keeps, a digit labels; each is acknowledged
    focus(lab)
    first = probe.eval("ex.queue[0]")
    page.wait_for_function("id => document.querySelector('.lw-title').textContent.includes(id)", arg=str(first))
    page.keyboard.press(" ")
    assert "→" in page.locator(SAID).inner_text()
    assert "undo u" in " ".join(page.locator(".lw-undo").inner_text().split())
    saved(lab)
    assert probe.eval(f"ex.changes.loc[{first}, 'label'] == ex.issues.loc[{first}, 'suggested_label']")
    second = probe.eval("ex.queue[1]")
    page.wait_for_function("id => document.querySelector('.lw-title').textContent.includes(id)", arg=str(second))
    page.keyboard.press("k")
    third = probe.eval("ex.queue[2]")
    page.wait_for_function("id => document.querySelector('.lw-title').textContent.includes(id)", arg=str(third))
    wanted = "5" if probe.eval(f"ex.issues.loc[{third}, 'given_label']") != "5" else "6"
    page.keyboard.press(wanted)
    saved(lab)
    probe.wait(f"ex.changes['label'].get({third}) == '{wanted}'")
    assert probe.eval(f"ex.run.journal.state().loc[{second}, 'verdict']") == "keep"

    # undo and redo
    for undo, redo in (("u", "Shift+U"), ("Control+z", "Control+Shift+Z")):
        page.keyboard.press(undo)
        probe.wait(f"{third} not in ex.changes.index")
        assert current(lab) == f"example {third}"
        page.keyboard.press(redo)
        probe.wait(f"{third} in ex.changes.index")

    # the whole selection in one step of undo
    page.evaluate("() => document.querySelector('.lw').focus()")
    probe.run("ex.selection = ex.queue[5:9]")
    page.wait_for_function("() => document.querySelector('.lw-tool-info').textContent === '4 selected'")
    page.keyboard.press("Shift+Digit3")
    probe.wait("(ex.run.journal.state()['label'].reindex(ex.queue[5:9]) == '3').all()")
    page.keyboard.press("u")
    probe.wait("ex.run.journal.state()['label'].reindex(ex.queue[5:9]).isna().all()")
    changed = probe.eval("ex.changes['label'].to_dict()")

    # run again: every saved change is restored (reloading a page is tested in test_lasting.py)
    lab.run_all()
    assert f"{len(changed)} changed" in page.locator(".lw-state").inner_text()
    assert probe.eval("ex.changes['label'].to_dict()") == changed

    # export from the button
    target = tmp_path / "fixed.csv"
    page.locator("button", has_text="Export").click()
    page.locator(".lw-export .lw-path").fill(str(target))
    page.locator(".lw-export .lw-primary").click()
    page.wait_for_function("() => document.querySelector('.lw-result').textContent.startsWith('wrote')")
    with open(target, newline="") as file:
        rows = {row["id"]: row for row in csv.DictReader(file)}
    assert len(rows) == probe.eval("ex.run.dataset.n")
    assert {id: row["label"] for id, row in rows.items() if row["label"] != row["given_label"]} == changed
    assert lab.errors == []


def test_no_key_reaches_the_notebook(explorer):
    lab = explorer()
    cells = lab.cells()
    focus(lab)
    for key in (
        "b",
        "a",
        "x",
        "d",
        "d",
        "m",
        "Escape",
        "y",
        "z",
        "c",
        "v",
        "Enter",
        "Shift+M",
        "j",
        "l",
        "ArrowDown",
        "0",
        "0",
        "i",
        "i",
        "Delete",
    ):
        lab.page.keyboard.press(key)
    lab.page.keyboard.press("/")
    lab.page.keyboard.type("bd")
    lab.page.keyboard.press("Escape")  # ends typing
    lab.page.keyboard.press("Escape")  # closes the enlarged example
    unfold(lab)
    lab.page.locator(".lw-search").click()
    lab.page.keyboard.type("xdd b")
    assert lab.cells() == cells
    assert lab.probe.eval("1 + 1") == 2  # `0 0` would have restarted the kernel
    assert lab.errors == []


def test_help_typing_and_leaving(explorer):
    lab = explorer()
    page = lab.page
    focus(lab)
    page.keyboard.press("?")
    assert page.locator(".lw-help").is_visible()
    page.locator(".lw-card").nth(1).evaluate("card => { card.dataset.kept = 'yes'; }")
    page.keyboard.press("ArrowRight")  # keys work while it is open
    page.locator(".lw-card[aria-selected=true][tabindex='0'][data-kept]").wait_for()  # the same card
    assert page.locator(".lw-card[aria-selected=true]").count() == 1
    page.wait_for_function(
        "id => document.querySelector('.lw-title').textContent.includes(id)", arg=str(lab.probe.eval("ex.queue[1]"))
    )
    page.keyboard.press("Escape")
    assert page.locator(".lw-help").is_hidden()
    page.keyboard.press("Enter")  # opens the input line for a class; without input nothing is chosen
    page.keyboard.press("Enter")
    page.keyboard.type("8")
    page.keyboard.press("Escape")
    assert lab.probe.eval("len(ex.run.journal.log())") == 0
    for opens, typed in (("/", "7"), ("Enter", "6")):
        page.keyboard.press(opens)
        page.keyboard.type(typed)
        page.keyboard.press("Enter")
        lab.probe.wait(f"ex.run.journal.state()['label'].isin(['{typed}']).any()")
    page.keyboard.press("Escape")
    assert page.evaluate("() => !document.querySelector('.lw').contains(document.activeElement)")


def test_a_class_that_the_data_lacks_is_added(explorer):
    lab = explorer()
    page, probe = lab.page, lab.probe
    page.locator(".lw-name").click()
    here = probe.eval("ex.current")
    label = f"ex.run.corrected_labels().loc[{here!r}]"
    before = probe.eval(label)
    added = "ex.run.journal.added_classes()"
    page.keyboard.press("/")
    page.keyboard.type("smudge")
    page.locator(".lw-match", has_text="add the class “smudge”").wait_for()
    page.keyboard.press("Enter")
    page.locator(".lw-match", has_text="Press Enter again to add").wait_for()
    assert probe.eval(added) == {}
    page.keyboard.press("Enter")
    probe.wait(f"{label} == 'smudge'")
    page.wait_for_function("() => document.querySelector('.lw-said').textContent.includes('smudge')")
    page.keyboard.press("u")
    probe.wait(f"{label} == {before!r}")
    page.keyboard.press("u")
    probe.wait(f"{added} == {{'smudge': False}}")
    page.keyboard.press("/")
    page.keyboard.type("smudge")  # it can be added again and is not offered as an existing class
    page.locator(".lw-match", has_text="add the class").wait_for()
    assert page.locator(".lw-match").count() == 1
    page.keyboard.press("Escape")
    assert lab.errors == []


def test_the_keys_of_another_tool(explorer):
    """Label Studio: Ctrl+Enter accepts, Alt+h hides; the help shows the current keys."""
    lab = explorer(keymap="labelstudio")
    page, cells = lab.page, lab.cells()
    focus(lab)
    page.keyboard.press("?")
    keys = page.locator(".lw-help").inner_text()
    assert "Ctrl Enter" in keys and "Alt h" in keys and "unit" not in keys, "of what one class an example needs"
    page.keyboard.press("Escape")
    page.keyboard.press("Alt+h")
    page.wait_for_function("() => document.querySelector('.lw-why').textContent.includes('hidden')")
    page.keyboard.press("Control+Enter")
    page.wait_for_function("() => document.querySelector('.lw-said').textContent.includes('hidden until you choose')")
    assert lab.probe.eval("len(ex.changes)") == 0, "what is hidden cannot be accepted"
    page.keyboard.press("Alt+h")
    page.keyboard.press("Control+Enter")
    lab.probe.wait("ex.queue[0] in ex.changes.index")
    page.keyboard.press("Control+z")
    lab.probe.wait("len(ex.changes) == 0")
    assert lab.cells() == cells and lab.errors == []


def test_selection_from_python_and_linked_maps(explorer):
    lab = explorer()
    lab.probe.run("ex.selection = ex.run.dataset.ids[:30]")
    lab.page.wait_for_function("() => document.querySelector('.lw-tool-info').textContent === '30 selected'")
    lab.probe.run("ex.selection = []")
    lab.page.wait_for_function("() => document.querySelector('.lw-tool-info').textContent === ''")
    lab.probe.run("ex.color_by = 'aum'")
    lab.page.wait_for_function("() => document.querySelector('.lw-legend').textContent.includes('low = suspicious')")
    lab.probe.run("ex.filters = {'given_label': ['3', '8']}")
    shown = lab.probe.eval("int((ex.run.dataset.given == '3').sum() + (ex.run.dataset.given == '8').sum())")
    lab.page.wait_for_function(
        "n => document.querySelector('.lw-count')?.textContent.startsWith(n + ' of')", arg=str(shown)
    )
    assert lab.errors == []


def test_a_random_audit_says_how_many_errors_are_left(explorer):
    lab = explorer()
    page, probe = lab.page, lab.probe
    page.get_by_label("order of the queue").select_option("audit")
    page.wait_for_function("() => /queue 1\\/200/.test(document.querySelector('.lw-place').textContent)")
    focus(lab)
    for _ in range(3):
        page.keyboard.press("k")
    saved(lab)
    page.wait_for_function("() => /the audit has 3 verdicts: 27 more/.test(document.querySelector('.lw-pace').title)")
    assert "left, from the detector" in page.locator(".lw-pace").inner_text(), "three verdicts are no estimate yet"
    assert probe.eval("len(ex.run.journal.state())") == 3
    assert lab.errors == []


def test_what_cannot_be_saved_is_taken_back_and_said(explorer):
    lab = explorer()
    lab.probe.run("def broken(*a, **k): raise OSError('the disk is full')\nex._view.decisions.decide = broken")
    focus(lab)
    lab.page.keyboard.press(" ")
    lab.page.wait_for_function(
        "() => /not saved.*the disk is full/.test(document.querySelector('.lw-said').textContent)"
    )
    assert "0 changed" in lab.page.locator(".lw-state").inner_text()


def test_without_webgl(explorer, shared_lab, playwright, tmp_path: Path):
    """In JupyterLab with a page that gets no WebGL context, and from a file in a browser without WebGL."""
    import labharness

    page = shared_lab.page
    page.evaluate(
        """() => { const given = HTMLCanvasElement.prototype.getContext; window.restoreContexts = () => {
        HTMLCanvasElement.prototype.getContext = given; }; HTMLCanvasElement.prototype.getContext =
        function (kind, ...options) { return /webgl/.test(kind) ? null : given.call(this, kind, ...options); }; }"""
    )
    try:
        lab = explorer()
        assert page.locator(".lw").get_attribute("data-renderer") == "canvas2d"
        lab.lasso(0, inset=0.02)
        assert lab.probe.wait("len(ex.selection)") > 10
        assert drawn_colors(page) > 5
    finally:
        page.evaluate("() => window.restoreContexts()")
    assert lab.errors == []

    lab.probe.run(f"ex.save_html({str(tmp_path / 'saved.html')!r}, examples=5)")
    context = labharness.launch(playwright, gl=False, shell=True)
    try:
        page = context.new_page()
        page.goto((tmp_path / "saved.html").as_uri())
        page.wait_for_selector(".lw[data-state=ready]")
        assert page.locator(".lw").get_attribute("data-renderer") == "canvas2d"
        assert drawn_colors(page) > 5
    finally:
        context.close()


def drawn_colors(page: object) -> int:
    """Distinct colours on the canvas of the first map."""
    return page.evaluate(
        """() => { const c = document.querySelector('.lw-points'), x = c.getContext('2d');
        const d = new Uint32Array(x.getImageData(0, 0, c.width, c.height).data.buffer); return new Set(d).size; }"""
    )


LAYOUTS = [
    (1920, 1, "wide", ("Light", "Dark")),
    (1280, 1, "wide", ("Dark",)),
    (800, 1, "narrow", ("Dark", "Light")),
    (1280, 2, "tiny", ("Light",)),
]
"""Width, zoom, layout, and themes: the current one comes first, since each change of theme costs a second."""


def test_layout_and_themes(explorer):
    """One view in windows of several widths; at 200 % zoom a page has half the width and twice the pixels."""
    lab = explorer(width=1920)
    page = lab.page
    device = page.context.new_cdp_session(page)
    lab.probe.run("ex.selection = ex.queue[:12]")  # a selection brings more controls
    try:
        for width, zoom, layout, themes in LAYOUTS:
            page.set_viewport_size({"width": width // zoom, "height": 1000})
            if zoom > 1:
                size = {"width": width // zoom, "height": 1000 // zoom, "deviceScaleFactor": zoom, "mobile": False}
                device.send("Emulation.setDeviceMetricsOverride", size)
            page.wait_for_function("layout => document.querySelector('.lw').dataset.layout === layout", arg=layout)
            still = 200 if width == 1920 else 60  # panels keep what Python answered at first, drawn in a frame
            looks_right(lab, layout, zoom, themes, f"explorer-{width}-{zoom}x", still)
    finally:
        device.send("Emulation.clearDeviceMetricsOverride")
    assert lab.errors == []


def looks_right(lab: object, layout: str, zoom: int, themes: tuple[str, ...], name: str, still: int) -> None:
    """Nothing overlaps or is cut off in these themes, and every control can be reached at every width."""
    page = lab.page
    page.locator(".lw-tool-info", has_text="12 selected").wait_for()
    sharp = "z => [...document.querySelectorAll('.lw-points')].every(c => Math.abs(c.width - z * c.clientWidth) < 2)"
    page.wait_for_function(sharp, arg=zoom)  # the maps are as sharp as the screen
    if layout != "wide":
        page.locator(".lw-fold").click()
    for theme in themes:
        lab.theme(f"JupyterLab {theme}")
        lab.settle()
        assert overlapping(lab) == [], (name, theme)
        assert overflowing(lab) == [], (name, theme)
    for tab in ("filters", "classes", "matrix", "people"):
        page.locator(".lw-filters > .lw-tabs button", has_text=tab).click()
        lab.settle(still)
        assert out_of_reach(lab) == [], (name, tab)
    page.locator(".lw-filters > .lw-tabs button").first.click()
    if layout != "wide":
        page.locator(".lw-fold").click()


def overflowing(lab: object) -> list:
    """Elements that are wider than their container: the view, the output, texts in buttons."""
    return lab.page.evaluate(
        """() => { const root = document.querySelector('.lw'), output = root.closest('.jp-OutputArea-output');
        const wide = [root, output, document.documentElement].filter(e => e.scrollWidth > e.clientWidth + 1);
        const some = root.querySelectorAll('button, .lw-num, .lw-choice .lw-clip, .lw-tool-info, .lw-saved');
        const texts = [...some].filter(e => e.offsetWidth && !e.closest('.lw-clip:not(.lw-choice *), .lw-card')
          && e.scrollWidth > e.clientWidth + 1 && getComputedStyle(e).display !== 'inline');
        return [...wide, ...texts].map(e => `${e.className}: ${e.textContent.slice(0, 40)}`); }"""
    )


def out_of_reach(lab: object) -> list:
    """Visible controls whose centre the mouse cannot reach after scrolling to them."""
    return lab.page.evaluate(
        """() => { const root = document.querySelector('.lw'), bad = [];
        for (const e of root.querySelectorAll('button, select, input')) {
          if (!e.checkVisibility() || !e.offsetWidth || e.closest('.lw-strip, .lw-neighbors')) continue;
          e.scrollIntoView({ block: 'center', inline: 'nearest' });
          const r = e.getBoundingClientRect(), [x, y] = [r.left + r.width / 2, r.top + r.height / 2];
          const met = document.elementFromPoint(x, y), name = e.getAttribute('aria-label') || e.textContent;
          if (!met || !(e.contains(met) || met.contains(e) && met.matches('label, button')))
            bad.push(`${e.className} ${name.slice(0, 30)} under ${met?.className}`);
        }
        root.scrollIntoView(); return bad; }"""
    )


def overlapping(lab: object) -> list:
    """Pairs of parts that overlap, and parts that extend beyond the view."""
    return lab.page.evaluate(
        """() => { const root = document.querySelector('.lw'), outer = root.getBoundingClientRect(), bad = [];
        const names = ['.lw-head', '.lw-toolbar', '.lw-map:nth-child(1)', '.lw-map:nth-child(2)', '.lw-legend',
          '.lw-inspector', '.lw-gallery', '.lw-foot'];
        const parts = names.map(s => [s, root.querySelector(s).getBoundingClientRect()]);
        const inside = r => r.left >= outer.left - 1 && r.right <= outer.right + 1 && r.bottom <= outer.bottom + 1;
        for (const [name, r] of parts) if (!inside(r)) bad.push([name, 'outside']);
        const meet = (r, s) => Math.min(r.right, s.right) - Math.max(r.left, s.left) > 1
          && Math.min(r.bottom, s.bottom) - Math.max(r.top, s.top) > 1;
        parts.forEach(([a, r], i) => parts.slice(i + 1).forEach(([b, s]) => { if (meet(r, s)) bad.push([a, b]); }));
        return bad; }"""
    )


def test_hostile_names_stay_text(explorer, tmp_path: Path):
    import samples

    path = samples.hostile_run(tmp_path / "hostile")
    lab = explorer(path=path)
    assert lab.page.evaluate("() => window.hacked === undefined")
    assert "<img" in lab.page.locator(".lw-inspector").inner_text()
    focus(lab)
    lab.page.keyboard.press(" ")
    saved(lab)
    lab.lasso(0, inset=0.02)
    lab.probe.wait("len(ex.selection)")
    lab.settle()
    assert lab.page.evaluate("() => window.hacked === undefined")
    assert lab.errors == []
