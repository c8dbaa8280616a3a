"""The noise lab in JupyterLab: four plots with points, redrawn when a slider moves."""

from __future__ import annotations

import pytest

pytestmark = [pytest.mark.browser, pytest.mark.slow]

SOURCE = "import widgets as wd\nlab = wd.NoiseLab('pair', 0.2, width=16, epochs=4)\nlab"
NOTEBOOK = "window.jupyterapp.shell.currentWidget.content"
DRAWN = "() => document.querySelectorAll('.lw-plots[data-state=ready] .scatterlayer').length"


def test_plots_are_drawn_and_follow_the_sliders(shared_lab):
    lab = shared_lab
    lab.reset()
    cell = f"{{cell_type: 'code', source: {SOURCE!r}, metadata: {{}}, outputs: []}}"
    lab.page.evaluate(
        f"""() => {{ {NOTEBOOK}.model.sharedModel.insertCells(0, [{cell}]); {NOTEBOOK}.activeCellIndex = 0;
        window.jupyterapp.commands.execute('notebook:run-cell'); }}"""
    )
    try:
        lab.page.wait_for_selector(".lw-plots[data-state=ready]")
        assert lab.page.evaluate(DRAWN) == 4
        assert lab.page.evaluate("() => document.querySelectorAll('.lw-plots .points path').length") > 800
        title = lab.page.locator(".lw-plots .gtitle").first
        assert title.text_content().startswith("Epoch 4")
        lab.probe.run("lab.epoch = 2")
        lab.page.wait_for_function(
            "() => document.querySelector('.lw-plots .gtitle').textContent.startsWith('Epoch 2')"
        )
        width = lab.page.evaluate("() => document.querySelector('.lw-plots').scrollWidth")
        assert width <= lab.page.evaluate("() => document.querySelector('.lw-plots').clientWidth") + 1
        assert not [error for error in lab.errors if "plot" in error.lower()]
    finally:
        lab.page.evaluate(f"() => {NOTEBOOK}.model.sharedModel.deleteCell(0)")
