"""The same view outside of JupyterLab: in Notebook 7 it draws, hears keys and saves."""

from __future__ import annotations

from pathlib import Path

import pytest

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def decide_and_read(page: object, run_path: Path) -> None:
    """Accept the first suspect by key; the decision must be on disk when the view says "saved"."""
    from workbench.journal import Journal

    page.wait_for_selector(".lw[data-state=ready]", timeout=90_000)
    page.wait_for_function("size => document.body.clientWidth > size", arg=100)
    assert page.locator(".lw").get_attribute("data-renderer") == "webgl2"
    shown = page.locator(".lw-inspector .lw-title").inner_text().removeprefix("example ")
    width, height = (page.locator(".lw").bounding_box()[side] for side in ("width", "height"))
    assert width > 500
    assert height > 500
    page.locator(".lw-name").click()
    page.keyboard.press(" ")
    page.locator(".lw-saved", has_text="saved").wait_for()
    assert Journal(run_path / "journal.sqlite").state().loc[int(shown), "verdict"] == "relabel"
    assert page.locator(".lw-card img").count() > 3


def test_notebook_7(browser: object, server: object, run_path: Path):
    pytest.importorskip("notebook", reason="needs Notebook 7")
    name = server.write_notebook("seven.ipynb", [f"import widgets as wd\nwd.Explorer({str(run_path)!r})"])
    page = browser.new_page()
    page.set_viewport_size({"width": 1280, "height": 1000})
    try:
        page.goto(f"{server.base}/notebooks/{name}?token={server.token}")
        page.wait_for_function(
            """() => window.jupyterapp?.shell.currentWidget?.sessionContext?.session?.kernel
            ?.connectionStatus === 'connected'""",
            timeout=60_000,
        )
        page.evaluate("() => { window.jupyterapp.commands.execute('notebook:run-all-cells'); }")
        decide_and_read(page, run_path)
    finally:
        page.close()
        for session in server.api("GET", "/api/sessions"):
            if session["path"].endswith(name):
                server.api("DELETE", f"/api/sessions/{session['id']}")
