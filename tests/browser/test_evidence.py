"""Evidence, people, media and two runs in a real JupyterLab, by mouse and keyboard."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import samples

from workbench.data.dataset import Dataset
from workbench.recording.recorder import Recorder
from workbench.runs.journal import Journal
from workbench.runs.run import open_run

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def tab(lab: object, name: str) -> None:
    if lab.page.locator(".lw-filters").is_hidden():
        lab.page.locator(".lw-fold").click()
    lab.page.locator(".lw-filters > .lw-tabs button", has_text=name).click()


def test_cells_slices_orders_and_people(explorer, run_path: Path):
    run = open_run(run_path)
    ids = run.dataset.ids[:6].tolist()
    given = run.dataset.given[:6].tolist()
    run.journal.keep(ids, old=given, author="anna", source="review")
    run.journal.keep(ids[1:], old=given[1:], author="bo", source="review")
    run.journal.relabel(ids[:1], "7" if given[0] != "7" else "8", old=given[:1], author="bo", source="review")
    lab = explorer(author="cy")
    page, probe = lab.page, lab.probe

    tab(lab, "matrix")
    page.locator(".lw-matrix-menu").select_option("predicted")
    page.wait_for_function("() => document.querySelectorAll('.lw-pair').length > 5")
    pair = page.locator(".lw-pair").first
    wanted = int(pair.locator(".lw-num").inner_text().replace(",", ""))
    pair.click()
    assert probe.wait("len(ex.selection)") == wanted
    box = page.locator(".lw-matrix").bounding_box()
    page.mouse.click(box["x"] + 0.11 * box["width"], box["y"] + 0.11 * box["height"])  # beside the names
    zeros = probe.eval("int(__import__('workbench').confusion_matrix(ex.run).iloc[0, 0])")
    probe.wait(f"len(ex.selection) == {zeros}")

    menu = page.locator("select[aria-label='select by a slice']")
    page.wait_for_function("() => /outliers/.test(document.querySelectorAll('.lw-pick select')[1].textContent)")
    menu.select_option("py:outliers")
    outliers = probe.eval("int(__import__('workbench').outliers(ex.run).is_outlier.sum())")
    probe.wait(f"len(ex.selection) == {outliers}")
    page.get_by_text("clear selection").click()

    order = page.locator("select[aria-label='order of the queue']")
    assert "annotators" not in order.inner_text(), "a run without votes offers no order by them"
    order.select_option("second")
    probe.wait(f"sorted(ex.queue) == {sorted(ids)}")
    tab(lab, "people")
    row = page.locator(".lw-people-row", has_text="anna · bo")
    assert "1 differ" in row.inner_text()
    row.click()
    probe.wait(f"ex.selection == {ids[:1]}")


def test_sounds_play_and_html_stays_in_its_frame(explorer, tmp_path: Path):
    beep = samples.sound(np.sin(np.arange(1600) / 3) * 9000)
    frame = pd.DataFrame({"label": ["a", "b"] * 20, "clip": [beep] * 40, "text": ["word " * 400] * 40})
    Recorder(tmp_path / "sounds", Dataset.from_frame(frame, audio="clip", text="text"))
    lab = explorer(path=tmp_path / "sounds", queue="all")
    page = lab.page
    page.wait_for_function("() => document.querySelector('audio')?.duration > 0.1")
    assert page.evaluate("() => document.querySelector('audio').src.startsWith('blob:')")
    unfold = page.locator(".lw-inspector .lw-unfold")
    short = page.locator(".lw-picture").inner_text()
    unfold.click()
    assert len(page.locator(".lw-picture").inner_text()) > len(short) + 500
    page.locator(".lw-inspector .lw-unfold").click()

    last = lab.probe.eval("ex.queue[-1]")
    lab.probe.run(
        "class Html:\n"
        "    def _repr_html_(self):\n"
        "        return '<b id=bold>bold</b><script>parent.hacked = top.hacked = 1</script>'"
        ' \'<img src=x onerror="top.hacked = 1"><img src="http://127.0.0.1:9/leak.png">\'\n'
        "def show(row):\n"
        f"    if row['id'] == {last}: raise ValueError('<b>no</b>')\n"
        "    return Html()\n"
        "options = {'render': show, 'queue': 'all'}"
    )
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    lab.run_all()
    inside = page.frame_locator(".lw-picture iframe")
    assert inside.locator("#bold").inner_text() == "bold"
    assert page.locator(".lw-picture iframe").get_attribute("sandbox") == ""
    lab.probe.run(f"ex.current = {last}")
    page.wait_for_function("() => /ValueError: <b>no<\\/b>/.test(document.querySelector('.lw-picture').textContent)")
    assert page.evaluate("() => window.hacked === undefined")
    assert not [url for url in asked if "leak" in url], "nothing that the HTML names is fetched"


def test_two_runs_in_one_view(explorer, run_path: Path, tmp_path: Path):
    from sklearn.datasets import load_digits

    dataset, features, flipped = samples.noisy_digits()
    corrected = dataset.with_labels(load_digits().target[: dataset.n])
    samples.train(Recorder(tmp_path / "corrected", corrected), corrected, features)
    lab = explorer(other=str(tmp_path / "corrected"), color_by="confidence change")
    page = lab.page
    page.wait_for_selector(".lw-compare button")
    assert "given labels differ" in page.locator(".lw-said").inner_text()
    page.locator(".lw-compare button", has_text="corrected").click()
    page.wait_for_function("() => /moved by more than/.test(document.querySelector('.lw-said').textContent)")
    page.locator("select[aria-label='order of the queue']").select_option("column")
    first = lab.probe.wait("ex.queue[0] if ex.queue[0] != ex.issues.index[0] else None")
    assert first in dataset.ids[flipped], "what was corrected is learned now"
    assert not Journal(run_path).last_seq
