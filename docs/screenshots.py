"""Take the pictures of the README from the real view: `python docs/screenshots.py` (needs Chromium).

Opens a copy of the recorded run in `data/` in JupyterLab, decides on a few suspects by keys, and photographs the view
in the light and in the dark theme.
"""

from __future__ import annotations

import importlib.util
import shutil
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
REPOSITORY = HERE.parent
WIDTH, HEIGHT = 1480, 1000
CELLS = ("import widgets as wd", "ex = wd.Explorer('digits')\nex")
PRESSED = (" ", " ", "k", " ", "f", " ", "s", " ")


def harness():
    """The test suite's way to drive JupyterLab."""
    path = REPOSITORY / "tests" / "browser" / "labharness.py"
    spec = importlib.util.spec_from_file_location("labharness", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def main() -> int:
    """Write `explorer.png` and `explorer-dark.png` beside this file."""
    from playwright.sync_api import sync_playwright

    lab = harness()
    folder = Path(tempfile.mkdtemp(prefix="screenshots-"))
    shutil.copytree(REPOSITORY / "data" / "digits-run", folder / "digits")
    server = lab.LabServer(folder, [REPOSITORY])
    try:
        with sync_playwright() as playwright:
            browser = lab.launch(playwright, width=WIDTH, height=HEIGHT)
            page = lab.LabPage(browser, server, server.write_notebook("look.ipynb", CELLS), WIDTH, HEIGHT)
            page.run_all()
            decide(page)
            for theme, name in (("Light", "explorer.png"), ("Dark", "explorer-dark.png")):
                page.theme(f"JupyterLab {theme}")
                page.page.wait_for_timeout(2000)
                page.page.locator(".lw").screenshot(path=str(HERE / name))
            page.close()
            browser.close()
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)
    return 0


def decide(page: object) -> None:
    """Some decisions, then a selection in the embedding map."""
    page.page.wait_for_function(
        "() => document.querySelectorAll('.lw-map-note')[1].textContent.startsWith('UMAP')", timeout=120_000
    )
    page.page.locator(".lw-name").click()
    for key in PRESSED:
        page.page.keyboard.press(key)
        page.page.wait_for_timeout(150)
    page.page.wait_for_function("() => document.querySelector('.lw-saved').textContent.startsWith('saved')")
    page.page.mouse.move(5, 5)


if __name__ == "__main__":
    sys.exit(main())
