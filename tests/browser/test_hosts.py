"""The view outside JupyterLab: in Notebook 7 and in marimo it draws, handles keys and saves."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import labharness
import lifelines
import pytest

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def decide_and_read(page: object, run_path: Path) -> None:
    """Accept the first label issue by key; the decision must be on disk when the view says "saved"."""
    from workbench.runs.journal import Journal

    page.wait_for_selector(".lw[data-state=ready]")
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


def run_all(page: object) -> None:
    page.evaluate("() => { window.jupyterapp.commands.execute('notebook:run-all-cells'); }")


def test_notebook_7_says_a_restart_and_loses_nothing(browser: object, server: object, run_path: Path):
    pytest.importorskip("notebook", reason="needs Notebook 7")
    name = server.write_notebook("seven.ipynb", [f"import widgets as wd\nex = wd.Explorer({str(run_path)!r})\nex"])
    page = browser.new_page()
    page.set_viewport_size({"width": 1280, "height": 1000})
    try:
        page.goto(f"{server.base}/notebooks/{name}?token={server.token}")
        page.wait_for_function(
            """() => window.jupyterapp?.shell.currentWidget?.sessionContext?.session?.kernel
            ?.connectionStatus === 'connected'"""
        )
        run_all(page)
        decide_and_read(page, run_path)
        restart_is_said(page, run_path)
        kernel_is_killed(page, server, name, run_path)
    finally:
        page.close()
        for session in server.api("GET", "/api/sessions"):
            if session["path"].endswith(name):
                server.end(f"/api/sessions/{session['id']}")


def restart_is_said(page: object, run_path: Path) -> None:
    """A restart is reported at once; after it, keys change nothing on the page or on disk."""
    from workbench.runs.journal import Journal

    page.evaluate("() => { window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.restart(); }")
    page.wait_for_selector(".lw[data-locked=gone]")
    assert "decisions are no longer saved" in page.locator(".lw-banner").inner_text()
    decided = len(Journal(run_path / "journal.sqlite").state())
    state = page.locator(".lw-state").inner_text()
    for key in (" ", "k", "5", "f", "u"):
        page.keyboard.press(key)
    assert "decisions are no longer saved" in page.locator(".lw-said").inner_text()
    assert page.locator(".lw-state").inner_text() == state
    assert len(Journal(run_path / "journal.sqlite").state()) == decided == 1


def kernel_is_killed(page: object, server: object, name: str, run_path: Path) -> None:
    """A restarted kernel is killed as soon as the page says "saved": the decision is on disk."""
    from workbench.runs.journal import Journal

    [kernel] = [one["kernel"]["id"] for one in server.api("GET", "/api/sessions") if one["path"].endswith(name)]
    end = time.monotonic() + labharness.PATIENCE
    while server.api("GET", f"/api/kernels/{kernel}")["execution_state"] != "idle":
        assert time.monotonic() < end, "the kernel did not come back"
        page.wait_for_timeout(100)
    run_all(page)
    page.wait_for_selector(".lw[data-state=ready]:not([data-locked=gone])")
    probe = labharness.KernelProbe(server, name)
    try:
        pid, current = probe.eval("[__import__('os').getpid(), ex.current]")
        page.locator(".lw-name").click()
        page.keyboard.press("k")
        page.wait_for_function("() => /^saved/.test(document.querySelector('.lw-saved').textContent)")
        os.kill(pid, signal.SIGKILL)
        assert Journal(run_path / "journal.sqlite").state().loc[current, "verdict"] == "keep"
    finally:
        probe.close()


NOTEBOOK = """import marimo

app = marimo.App()


@app.cell
def _():
    import widgets as wd

    ex = wd.Explorer({path!r})
    ex
    return (ex,)


@app.cell
def _():
    "another cell"
    return
"""
SETTINGS = '[display]\ntheme = "dark"\n\n[runtime]\nauto_instantiate = true\n'


@pytest.fixture
def marimo(tmp_path: Path, run_path: Path) -> Iterator[str]:
    """URL of `marimo edit` on a notebook with an Explorer, with separate settings and state."""
    pytest.importorskip("marimo", reason="needs marimo")
    (tmp_path / "marimo").mkdir()
    (tmp_path / "marimo" / "marimo.toml").write_text(SETTINGS, encoding="utf-8")
    (tmp_path / "look.py").write_text(NOTEBOOK.format(path=str(run_path)), encoding="utf-8")
    port = labharness.free_port()
    command = [
        sys.executable,
        "-m",
        "marimo",
        "--quiet",
        "edit",
        "look.py",
        "--headless",
        "--no-token",
        "--port",
        str(port),
    ]
    folders = {f"XDG_{kind}_HOME": str(tmp_path) for kind in ("CONFIG", "STATE", "CACHE")}
    paths = os.pathsep.join([str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH", "")])
    process = subprocess.Popen(
        lifelines.tied([*command, "--host", "127.0.0.1", "--skip-update-check"]), cwd=tmp_path, start_new_session=True,
        env={**os.environ, **folders, "PYTHONPATH": paths}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        address = f"http://127.0.0.1:{port}"
        answering(address, process, labharness.PATIENCE)
        yield address
    finally:
        os.killpg(process.pid, signal.SIGTERM)  # the server and its kernels
        process.wait(labharness.PATIENCE)


def answering(address: str, process: subprocess.Popen, seconds: float) -> None:
    """Wait until a server answers."""
    end = time.monotonic() + seconds
    while True:
        try:
            urllib.request.urlopen(f"{address}/health", timeout=5).close()
            return
        except OSError:
            if process.poll() is not None or time.monotonic() > end:
                raise
            time.sleep(0.1)


def test_marimo(browser: object, marimo: str, run_path: Path):
    page = browser.new_page()
    page.set_viewport_size({"width": 1280, "height": 1000})
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    try:
        page.goto(marimo)
        decide_and_read(page, run_path)
        view = page.locator(".lw")  # in a shadow tree, which style sheets of the page do not affect
        assert view.get_attribute("data-theme") == "dark"
        assert view.evaluate("e => getComputedStyle(e).backgroundColor") == "rgb(22, 24, 26)"

        # lasso and wheel over a map; letters that would add and delete cells stay in the view
        box = page.locator(".lw-over").first.bounding_box()
        middle = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
        page.mouse.move(box["x"] + 5, box["y"] + 5)
        page.mouse.down()
        for x, y in ((0.98, 0.02), (0.98, 0.98), (0.02, 0.98)):
            page.mouse.move(box["x"] + box["width"] * x, box["y"] + box["height"] * y, steps=3)
        page.mouse.up()
        page.locator(".lw-tool-info", has_text="selected").wait_for()
        undo = page.get_by_label("undo the last change of the view (Alt ←)")
        page.get_by_text("clear selection").click()
        page.mouse.move(*middle)
        before = page.locator(".lw-maps").screenshot()
        page.mouse.wheel(0, -600)
        end = time.monotonic() + labharness.PATIENCE
        while page.locator(".lw-maps").screenshot() == before:
            assert time.monotonic() < end, "the wheel zooms"
        undo.click(trial=True)  # once it is enabled
        cells = page.locator("[data-testid=cell-editor]").count()
        page.locator(".lw-name").click()
        for key in ("a", "b", "d", "d", "Shift+M", "c", "v"):
            page.keyboard.press(key)
        assert page.locator("[data-testid=cell-editor]").count() == cells == 2
        assert errors == []
    finally:
        page.close()
