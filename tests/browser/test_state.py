"""State in a real JupyterLab: undo of view changes, saved views, traits both ways, DataFrames, linked explorers."""

from __future__ import annotations

import time

import labharness
import pytest

pytestmark = [pytest.mark.browser, pytest.mark.slow]

SAID = ".lw-said"


def said(lab: object, text: str) -> None:
    """Wait for the status line."""
    lab.page.wait_for_function("text => document.querySelector('.lw-said').textContent.includes(text)", arg=text)


def shown(lab: object, text: str) -> None:
    """Wait for the number of examples that pass the filters."""
    lab.page.wait_for_function("text => document.querySelector('.lw-summary').textContent.includes(text)", arg=text)


def test_views_are_undone_saved_and_restored_from_both_sides(explorer):
    lab = explorer()
    page, probe = lab.page, lab.probe
    cells = lab.cells()
    n = probe.eval("ex.run.dataset.n")

    # filter, colour and zoom in the page arrive in Python
    page.get_by_label("colour by").select_option("aum")
    if page.locator(".lw-search").is_hidden():
        page.locator(".lw-fold").click()
    page.locator(".lw-search").fill("p_eror > .5")
    page.locator(".lw-search").press("Enter")
    page.wait_for_function("() => /Did you mean 'p_error'/.test(document.querySelector('.lw-trouble').textContent)")
    shown(lab, f"{n} shown")  # an invalid query filters nothing
    assert page.locator(".lw-search").get_attribute("aria-invalid") == "true"
    page.locator(".lw-search").fill("p_error > .5")
    page.locator(".lw-search").press("Enter")
    said(lab, "found by: p_error > .5")
    probe.wait("ex.filters.get('search') == 'p_error > .5' and ex.color_by == 'aum'")
    passing = probe.eval("len(ex.table())")
    shown(lab, f"{passing} of {n}")
    page.get_by_label("zoom in").click()
    probe.wait("ex.cameras.get('data map', [1])[0] == 1.5")

    # saved in the menu; then everything is undone by Alt and left, and no key reaches the notebook
    page.locator(".lw-views-button").click()
    page.get_by_label("name of a new view").fill("doubtful")
    page.get_by_label("name of a new view").press("Enter")
    said(lab, "saved the view doubtful")
    page.keyboard.press("Escape")
    assert page.locator(".lw-views").is_hidden()
    page.locator(".lw-name").click()
    end = time.monotonic() + labharness.PATIENCE
    while "no change of the view to undo" not in page.locator(SAID).inner_text():
        assert time.monotonic() < end, "there is always one more change to undo"
        page.keyboard.press("Alt+ArrowLeft")
        page.wait_for_timeout(60)
    probe.wait("ex.view == {'filters': {}, 'color_by': 'p_error', 'cameras': {}, 'epochs': {}, 'selection': []}")
    page.keyboard.press("Alt+ArrowRight")
    said(lab, "view redone: ")
    assert lab.cells() == cells

    # from Python, by name
    probe.run("ex.selection = ex.queue[:3]; ex.view = 'doubtful'")
    probe.wait("ex.selection == [] and ex.color_by == 'aum'")
    shown(lab, f"{passing} of {n}")
    page.wait_for_function("() => document.querySelector('.lw-legend').textContent.includes('aum')")
    page.wait_for_function("() => document.querySelector('.lw-tool-info').textContent === ''")
    probe.run("ex.filters = {}; ex.cameras = {}")
    shown(lab, f"{n} shown")

    # labels set in Python appear on the page and can be undone there
    probe.run("first = ex.queue[0]; ex.changes = {first: ex.issues.loc[first, 'suggested_label']}")
    page.wait_for_function("() => document.querySelector('.lw-state').textContent.includes('1 changed')")
    page.locator(".lw-name").click()
    page.keyboard.press("u")
    page.wait_for_function("() => document.querySelector('.lw-state').textContent.includes('0 changed')")
    assert lab.errors == []


def test_a_dataframe_and_a_run_linked_by_id(explorer):
    lab = explorer()
    page, probe = lab.page, lab.probe
    probe.run(
        "import pandas as pd, numpy as np\n"
        "given, ids = ex.run.dataset.given[::-2], ex.run.dataset.ids[::-2]\n"
        "frame = pd.DataFrame({'y': given, 'a': np.arange(len(ids)), 'b': 1.0}, index=ids)\n"
        "run, ex = ex, wd.Explorer(frame, label='y', x='a', y='b')\n"
        "linked = wd.link(run, ex)"
    )
    lab.probe.run("shown_id = frame.index[4]; run.selection = [shown_id, 'not there'][:1]")
    assert probe.eval("ex.selection == [shown_id]")
    lab.lasso(0, inset=0.02)
    chosen = probe.wait("len(run.selection)")
    assert probe.eval("set(ex.selection) == set(run.selection) & set(frame.index)"), chosen
    page.locator(".lw-name").first.click()
    page.keyboard.press("Backspace")
    probe.wait("ex.selection == [] and run.selection == []")
    assert lab.errors == []


def test_epochs_play_and_leave_trails(explorer):
    lab = explorer()
    page, probe = lab.page, lab.probe
    page.emulate_media(reduced_motion="reduce")
    page.evaluate(WATCH_MOVES)
    probe.run("ex.selection = ex.queue[:4]")
    page.wait_for_function("() => document.querySelector('.lw-tool-info').textContent === '4 selected'")
    page.locator(".lw-name").click()
    page.keyboard.press("t")
    said(lab, "trails of 4 examples")
    page.wait_for_function(f"() => {COLORED} > 20")
    last = page.locator(".lw-timeline .lw-num").first.inner_text()
    page.get_by_label("data map: epoch", exact=True).focus()
    page.keyboard.press("Home")
    page.wait_for_function("last => document.querySelector('.lw-timeline .lw-num').textContent !== last", arg=last)
    page.wait_for_function("() => window.moves")
    page.evaluate(FRAMES)  # an animation would take 350 ms
    assert page.evaluate("() => window.moves") == 1, "points jump, they do not glide"
    assert page.evaluate("() => document.querySelector('.lw').getAnimations({ subtree: true }).length") == 0
    probe.wait("ex.epochs.get('data map') == ex.run.epochs[1]")  # a spread over epochs needs two
    early = page.locator(".lw-timeline .lw-num").first.inner_text()
    probe.run("ex.save_view('early'); ex.epochs = {}")
    page.wait_for_function("last => document.querySelector('.lw-timeline .lw-num').textContent === last", arg=last)
    page.locator(".lw-views-button").click()
    page.locator(".lw-view-name", has_text="early").click()
    page.wait_for_function("text => document.querySelector('.lw-timeline .lw-num').textContent === text", arg=early)
    page.evaluate("() => { window.moves = 0; }")
    page.get_by_label("data map: play the epochs").click()
    page.wait_for_function("last => document.querySelector('.lw-timeline .lw-num').textContent === last", arg=last)
    page.locator(".lw-name").click()
    page.keyboard.press("t")
    page.wait_for_function(f"() => {COLORED} === 0")
    page.emulate_media(reduced_motion="no-preference")
    moves = page.evaluate("() => window.moves")  # the previous view may still arrive after counting started: one more
    assert 0 < moves <= probe.eval("len(ex.run.epochs)") + 1, "one jump for each epoch"
    page.evaluate("() => { window.moves = 0; }")
    page.get_by_label("data map: epoch", exact=True).focus()
    page.keyboard.press("Home")
    page.wait_for_function("() => window.moves > 1")  # without reduced motion, points are animated
    assert lab.errors == []


FRAMES = """() => new Promise(done => { let frames = 0; const start = performance.now(), next = now =>
++frames > 30 && now - start > 500 ? done() : requestAnimationFrame(next); requestAnimationFrame(next); })"""
"""At least half a second and 30 frames."""

WATCH_MOVES = """() => { window.moves = 0; const gl = document.querySelector('.lw-points').getContext('webgl2');
for (const name of ['bufferData', 'bufferSubData']) { const upload = gl[name].bind(gl);
gl[name] = (...all) => { if (all.some(a => a instanceof Float32Array)) window.moves++; return upload(...all); }; } }"""
"""Counts in `window.moves` how often coordinates of the first map go to the graphics card."""

COLORED = """(() => { const over = document.querySelector('.lw-over');
const { data } = over.getContext('2d').getImageData(0, 0, over.width, over.height); let count = 0;
for (let i = 0; i < data.length; i += 4) { const rgb = data.subarray(i, i + 3);
if (data[i + 3] > 100 && Math.max(...rgb) - Math.min(...rgb) > 60) count++; } return count; })()"""
"""Coloured pixels over the first map: axes, rings and names are grey, trails have the colours of classes."""
