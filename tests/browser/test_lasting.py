"""What outlives a kernel or a page: a restart is said, a reloaded page comes back, a saved page opens offline."""

from __future__ import annotations

from pathlib import Path

import pytest

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def title(page: object) -> str:
    return page.locator(".lw-inspector .lw-title").inner_text()


def test_reload_comes_back_by_itself_and_a_restarted_kernel_is_said(explorer, run_path: Path):
    from workbench.journal import Journal

    lab = explorer(own=True)
    page = lab.page
    page.locator(".lw-name").click()
    first = lab.probe.eval("ex.queue[0]")
    page.keyboard.press(" ")
    lab.probe.wait(f"{first} in ex.changes.index")

    # reload: the view is in the saved notebook, its kernel is alive, nothing is run again
    page.evaluate("() => window.jupyterapp.commands.execute('docmanager:save')")
    page.wait_for_function("() => !window.jupyterapp.shell.currentWidget.context.model.dirty")
    lab.open()
    page.wait_for_selector(".lw[data-state=ready]")
    assert "1 changed" in page.locator(".lw-state").inner_text()
    page.locator(".lw-name").click()
    page.keyboard.press("k")
    page.wait_for_function("() => /^saved/.test(document.querySelector('.lw-saved').textContent)")

    # restart: said at once; a key changes nothing, on the page or on disk
    page.evaluate("() => { window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.restart(); }")
    page.wait_for_selector(".lw[data-locked=gone]")
    assert "nothing is saved any more" in page.locator(".lw-banner").inner_text()
    decided = len(Journal(run_path / "journal.sqlite").state())
    state = page.locator(".lw-state").inner_text()
    for key in (" ", "k", "5", "f", "u"):
        page.keyboard.press(key)
    assert "nothing is saved any more" in page.locator(".lw-said").inner_text()
    assert page.locator(".lw-state").inner_text() == state
    assert len(Journal(run_path / "journal.sqlite").state()) == decided == 2
    wait_for_kernel(lab)


def wait_for_kernel(lab: object) -> None:
    """Until the server says that the restart is over; ending a kernel before that is an error of the server."""
    for _ in range(300):
        if lab.server.api("GET", f"/api/kernels/{lab.probe.id}")["execution_state"] == "idle":
            return
        lab.page.wait_for_timeout(100)
    raise AssertionError("the kernel did not come back")


@pytest.fixture
def offline(browser: object, tmp_path: Path):
    """Opens a saved page from its file: (page, errors, addresses that it asked for)."""
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
    assert "nothing can be changed" in page.locator(".lw-said").inner_text()
    assert page.locator(".lw-acts").is_hidden()
    assert "0 changed" in page.locator(".lw-state").inner_text()
    assert (errors, asked) == ([], [])


def test_a_saved_page_of_hostile_names_is_text(offline, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    import samples

    import widgets as wd
    from workbench import projection

    monkeypatch.setattr(projection, "umap", lambda embeddings, *_args, **_options: projection.pca(embeddings))

    path = samples.hostile_run(tmp_path / "hostile")
    ex = wd.Explorer(path)
    saved = ex.save_html(tmp_path / "saved.html")
    page, errors, asked = offline(saved)
    assert "<img" in page.locator(".lw-inspector").inner_text()
    assert page.evaluate("() => window.hacked === undefined")
    assert (errors, asked) == ([], [])

    # the picture for places without widgets: markup stays text there too
    still = tmp_path / "still.html"
    still.write_text(ex._repr_mimebundle_()[0]["text/html"], encoding="utf-8")
    page.goto(still.as_uri())
    assert "<img" in page.locator("table").last.inner_text()
    assert page.evaluate("() => window.hacked === undefined")
