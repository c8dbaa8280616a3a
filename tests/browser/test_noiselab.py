"""The noise lab in JupyterLab: four plots with points in them, redrawn when a slider moves."""

from __future__ import annotations

import pytest

pytestmark = [pytest.mark.browser, pytest.mark.slow]

CELLS = ("import widgets as wd\nlab = wd.NoiseLab('pair', 0.2, width=16, epochs=4)\nlab",)
DRAWN = "() => document.querySelectorAll('.lw-plots[data-state=ready] .scatterlayer').length"


def test_plots_are_drawn_and_follow_the_sliders(browser, server):
    import labharness

    lab = labharness.LabPage(browser, server, server.write_notebook("noiselab.ipynb", CELLS), 1280)
    try:
        lab.page.evaluate("() => { window.jupyterapp.commands.execute('notebook:run-all-cells'); }")
        lab.page.wait_for_selector(".lw-plots[data-state=ready]", timeout=120_000)
        assert lab.page.evaluate(DRAWN) == 4
        assert lab.page.evaluate("() => document.querySelectorAll('.lw-plots .points path').length") > 800
        title = lab.page.locator(".lw-plots .gtitle").first
        assert title.text_content().startswith("Epoch 4")
        lab.probe.run("lab.epoch = 2")
        lab.page.wait_for_function(
            "() => document.querySelector('.lw-plots .gtitle').textContent.startsWith('Epoch 2')", timeout=20_000
        )
        width = lab.page.evaluate("() => document.querySelector('.lw-plots').scrollWidth")
        assert width <= lab.page.evaluate("() => document.querySelector('.lw-plots').clientWidth") + 1
        assert not [error for error in lab.errors if "plot" in error.lower()]
    finally:
        lab.close()
