"""Persistence: a restart is reported, a reloaded page is restored, a cut connection loses nothing, a saved page opens
offline; in a hidden tab, scrolled out of view, and after a lost WebGL context the picture stays the same."""

from __future__ import annotations

import io
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import labharness
import pytest

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def title(page: object) -> str:
    return page.locator(".lw-inspector .lw-title").inner_text()


def test_a_reloaded_page_comes_back(explorer, shared_lab):
    """The view is in the saved notebook, its kernel is alive, and nothing is executed again."""
    shared_lab.probe.run("import ipywidgets; ipywidgets.Widget.close_all()")  # a new page restores all widgets
    lab = explorer()
    page = lab.page
    page.locator(".lw-name").click()
    first, second = lab.probe.eval("ex.queue[:2]")
    page.keyboard.press(" ")
    lab.probe.wait(f"{first} in ex.changes.index")
    page.evaluate("() => window.jupyterapp.commands.execute('docmanager:save')")
    page.wait_for_function("() => !window.jupyterapp.shell.currentWidget.context.model.dirty")
    lab.open()
    page.wait_for_selector(".lw[data-state=ready]")
    assert "1 changed" in page.locator(".lw-state").inner_text()
    page.locator(".lw-name").click()
    page.keyboard.press("k")
    page.wait_for_function("() => /^saved/.test(document.querySelector('.lw-saved').textContent)")
    assert lab.probe.eval(f"ex.run.journal.state().loc[{second}, 'verdict']") == "keep"


KERNEL = "window.jupyterapp.shell.currentWidget.sessionContext.session.kernel"


NEVER_OPENS = """class extends EventTarget {
constructor() { super(); setTimeout(() => this.onclose?.(new Event('close'))); }
get readyState() { return 3; } send() {} close() {} }"""


@contextmanager
def cut_off(page: object, *keys: str) -> Iterator[None]:
    """Close the page's socket to the kernel and prevent a new one; allow it afterwards.

    The first `keys` are pressed before the page can notice that the socket is closed, so their messages are lost.
    """
    page.evaluate(
        f"""keys => {{ const kernel = window.cut = {KERNEL};
        window.opens = kernel.serverSettings.WebSocket; kernel.serverSettings.WebSocket = {NEVER_OPENS};
        kernel._ws.close();
        for (const [key, code] of keys) document.querySelector('.lw').dispatchEvent(
          new KeyboardEvent('keydown', {{ key, code, bubbles: true, cancelable: true }})); }}""",
        [[key, {" ": "Space"}.get(key, f"Key{key.upper()}")] for key in keys],
    )
    page.wait_for_function("() => window.cut.connectionStatus === 'connecting'")
    yield
    page.evaluate("() => { window.cut.serverSettings.WebSocket = window.opens; window.cut.reconnect(); }")


def test_what_was_decided_while_the_connection_was_cut_is_saved_after_it(explorer, run_path: Path):
    from workbench.runs.journal import Journal

    lab = explorer()
    page = lab.page
    first, second, third = lab.probe.eval("ex.queue[:3]")
    page.locator(".lw-name").click()
    with cut_off(page, " ", "k"):
        page.keyboard.press("u")  # of the second: it must not be interpreted as the undo of an older decision
        assert "saving" in page.locator(".lw-saved").inner_text()
        assert len(Journal(run_path / "journal.sqlite").state()) == 0
    page.locator(".lw-saved", has_text="saved").wait_for()
    state = Journal(run_path / "journal.sqlite").state()
    assert state["verdict"].dropna().to_dict() == {first: "relabel"}
    assert page.locator(".lw-banner").is_hidden(), "nothing was lost, so nothing is said"

    # and it continues as before
    assert title(page) == f"example {second}"
    page.keyboard.press("k")
    page.wait_for_function("id => document.querySelector('.lw-title').textContent.endsWith(id)", arg=str(third))
    lab.probe.wait(f"ex.run.journal.state().loc[{second}, 'verdict'] == 'keep'")


def picture(page: object) -> object:
    """Return pictures of both maps at rest, with the pointer elsewhere."""
    page.mouse.move(2, 2)
    before, now = None, drawn(page)
    while before is None or not same(before, now):
        before, now = now, drawn(page)
    assert len(now.getcolors(1 << 20)) > 100, "a blank map has few colours"
    return now


def drawn(page: object) -> object:
    from PIL import Image

    return Image.open(io.BytesIO(page.locator(".lw-maps").screenshot())).convert("RGB")


def same(a: object, b: object) -> bool:
    """Whether all dots are equal. Edges may differ by up to 11 of 255, and a few pixels of a frame by more."""
    from PIL import ImageChops

    if a.size != b.size:
        return False
    differing = ImageChops.difference(a, b).convert("L").point(lambda value: 255 if value > 16 else 0).histogram()[255]
    return differing <= 12  # a dot has 20 and more


def assert_becomes(page: object, before: object) -> None:
    """Wait until the maps look as before."""
    page.mouse.move(2, 2)
    end = time.monotonic() + labharness.PATIENCE
    while not same(before, drawn(page)):
        assert time.monotonic() < end, "the picture stays another one"


ALIVE = "[...document.querySelectorAll('.lw-points')].every(c => !c.getContext('webgl2').isContextLost())"


def alive(page: object) -> bool:
    return page.evaluate(f"() => {ALIVE}")


def test_behind_another_tab_and_after_a_lost_context_the_picture_is_the_same(explorer, server):
    lab = explorer()
    page, probe = lab.page, lab.probe
    (server.root / "notes.txt").write_text("another document", encoding="utf-8")
    command = "([name, args]) => { window.jupyterapp.commands.execute(name, args); }"
    page.evaluate(command, ["application:toggle-mode", {}])  # documents in tabs, as JupyterLab usually has them
    try:
        page.get_by_label("zoom in").click()
        chosen = probe.eval("ex.queue[:30]")
        probe.run("ex.selection = ex.queue[:30]; ex.color_by = 'label'; ex.current = ex.queue[4]")
        page.locator(".lw-tool-info", has_text="30 selected").wait_for()
        page.wait_for_function("() => document.querySelector('.lw-legend').textContent.startsWith('label')")
        current = str(probe.eval("ex.current"))  # its neighbours are ringed when its details are here
        page.wait_for_function("id => document.querySelector('.lw-title').textContent.endsWith(id)", arg=current)
        page.locator(".lw-neighbor").first.wait_for()
        before, shown = picture(page), title(page)

        page.evaluate(command, ["docmanager:open", {"path": "notes.txt"}])
        page.locator(".lw").wait_for(state="hidden")
        probe.run("ex.color_by = 'aum'; ex.filters = {'p_error': [0.5, 1]}")  # changes while it is hidden are not lost
        probe.run("ex.color_by = 'label'; ex.filters = {}")
        page.locator(".lm-DockPanel-tabBar .lm-TabBar-tab", has_text="shared.ipynb").click()
        page.locator(".lw").wait_for()
        page.wait_for_function("() => document.querySelector('.lw-legend').textContent.startsWith('label')")
        assert alive(page)
        assert_becomes(page, before)
        assert title(page) == shown
        assert page.locator(".lw-tool-info").inner_text() == "30 selected"
        assert probe.eval("ex.selection") == chosen

        # browsers discard contexts if there are too many or the graphics driver fails
        page.evaluate(
            """() => { window.contexts = [...document.querySelectorAll('.lw-points')].map(c => c.getContext('webgl2')
            .getExtension('WEBGL_lose_context')); window.contexts.forEach(c => c.loseContext()); }"""
        )
        page.wait_for_function(f"() => !({ALIVE})")
        page.evaluate("() => window.contexts.forEach(c => c.restoreContext())")
        page.wait_for_function(f"() => {ALIVE}")
        assert_becomes(page, before)
    finally:
        page.evaluate(command, ["application:toggle-mode", {}])
        page.evaluate(
            "() => [...window.jupyterapp.shell.widgets('main')].find(w => /notes/.test(w.title.label))?.close()"
        )
    assert lab.errors == []


CELL_MODEL = "window.jupyterapp.shell.currentWidget.content.model.sharedModel"


def test_scrolled_far_away_and_back(explorer):
    lab = explorer()
    page, probe = lab.page, lab.probe
    page.evaluate(
        f"""() => {CELL_MODEL}.insertCells(2, Array.from({{length: 40}}, () => (
        {{cell_type: 'code', source: 'pass', metadata: {{}}, outputs: []}})))"""
    )
    try:
        lab.lasso(1, inset=0.02)
        chosen = probe.wait("ex.selection")
        before = picture(page)
        scroller = page.locator(".jp-WindowedPanel-outer")
        top = scroller.evaluate("e => e.scrollTop")
        page.locator(".lw-head").hover()  # from here on the wheel scrolls the notebook, whatever is under the pointer
        for _ in range(8):
            page.mouse.wheel(0, 900)
            page.wait_for_timeout(40)
        page.wait_for_function("() => !(document.querySelector('.lw')?.getBoundingClientRect().bottom > 0)")
        first = probe.eval("ex.queue[0]")
        probe.run("ex.selection = []; ex.selection = " + repr(chosen))
        scroller.evaluate("(e, top) => { e.scrollTop = top; }", top)
        page.wait_for_function("() => document.querySelector('.lw')?.getBoundingClientRect().bottom > 0")
        assert alive(page)
        assert_becomes(page, before)
        page.locator(".lw-name").click()
        page.keyboard.press(" ")
        probe.wait(f"{first} in ex.changes.index")
    finally:
        page.evaluate(f"() => {CELL_MODEL}.deleteCellRange(2, {CELL_MODEL}.cells.length)")
    assert lab.errors == []


@pytest.fixture
def offline(browser: object, tmp_path: Path):
    """Function that opens a saved page from its file: (page, errors, requested URLs)."""
    opened = []

    def open_(path: Path) -> tuple[object, list, list]:
        page = browser.new_page()
        page.set_viewport_size({"width": 1280, "height": 860})
        errors, asked = [], []
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("console", lambda message: message.type == "error" and errors.append(message.text))
        page.on(
            "request", lambda request: request.url.startswith(("file:", "data:", "blob:")) or asked.append(request.url)
        )
        page.goto(path.as_uri())
        page.wait_for_selector(".lw[data-state=ready]")
        opened.append(page)
        return page, errors, asked

    yield open_
    for page in opened:
        page.close()


def test_a_saved_page_of_tags_shows_them(offline, tmp_path: Path):
    import samples

    import widgets as wd

    ex = wd.Explorer(samples.tagged_run(tmp_path / "tags", n=120))
    page, errors, _ = offline(ex.save_html(tmp_path / "saved.html", examples=10))
    page.locator(".lw-unit.lw-focused").wait_for()
    assert page.locator(".lw-unit").count() == 8
    page.keyboard.press("Tab")
    page.keyboard.press(" ")  # read-only, and it says so
    page.wait_for_function("() => document.querySelector('.lw-said.lw-error')")
    assert errors == []


def test_a_saved_page_works_from_its_file(offline, run_path: Path, tmp_path: Path):
    import widgets as wd

    ex = wd.Explorer(run_path, color_by="label")
    page, errors, asked = offline(ex.save_html(tmp_path / "saved.html", examples=30))
    assert page.locator(".lw").get_attribute("data-renderer") == "webgl2"
    assert title(page) == f"example {ex.queue[0]}"
    assert page.locator(".lw-picture img").count() == 1

    # a lasso in one map lists its examples; a filter counts; a neighbour opens
    box = page.locator(".lw-over").first.bounding_box()
    corners = [(0.02, 0.02), (0.98, 0.02), (0.98, 0.98), (0.02, 0.98)]
    page.mouse.move(box["x"] + 3, box["y"] + 3)
    page.mouse.down()
    for x, y in corners:
        page.mouse.move(box["x"] + box["width"] * x, box["y"] + box["height"] * y)
    page.mouse.up()
    page.wait_for_function("() => /^[0-9,]+ selected$/.test(document.querySelector('.lw-tool-info').textContent)")
    page.locator(".lw-bar").first.click()
    page.wait_for_selector(".lw-count")
    page.get_by_text("clear filters").click()
    page.locator(".lw-gallery .lw-tabs button").first.click()
    page.keyboard.press("ArrowRight")
    page.wait_for_function("id => document.querySelector('.lw-title').textContent.includes(id)", arg=str(ex.queue[1]))

    # read-only, and it says so
    page.keyboard.press(" ")
    assert "read-only" in page.locator(".lw-said").inner_text()
    assert page.locator(".lw-acts").is_hidden()
    assert "0 changed" in page.locator(".lw-state").inner_text()
    assert (errors, asked) == ([], [])


def test_a_saved_page_of_hostile_names_is_text(offline, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    import samples

    import widgets as wd
    from workbench.evidence import projection

    monkeypatch.setattr(projection, "umap", lambda embeddings, *_args, **_options: projection.pca(embeddings))

    path = samples.hostile_run(tmp_path / "hostile")
    ex = wd.Explorer(path)
    saved = ex.save_html(tmp_path / "saved.html")
    page, errors, asked = offline(saved)
    assert "<img" in page.locator(".lw-inspector").inner_text()
    assert page.evaluate("() => window.hacked === undefined")
    assert (errors, asked) == ([], [])

    # the picture for front ends without widgets: markup stays text there too
    still = tmp_path / "still.html"
    still.write_text(ex._repr_mimebundle_()[0]["text/html"], encoding="utf-8")
    page.goto(still.as_uri())
    assert "<img" in page.locator("table").last.inner_text()
    assert page.evaluate("() => window.hacked === undefined")
