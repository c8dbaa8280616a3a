"""Preferences in the page: both answers in a kept order, keys, undo, reload, and the file for DPO."""

from __future__ import annotations

import json

import pytest
import samples

pytestmark = [pytest.mark.browser, pytest.mark.slow]

CARDS = ".lw-inspector .lw-answer-card"


def test_answers_are_compared_chosen_and_exported(explorer, tmp_path):
    lab = explorer(path=samples.preference_run(tmp_path / "answers"))
    page, probe = lab.page, lab.probe
    page.locator(CARDS).first.wait_for()
    labels = "dict(zip(ex.run.dataset.ids.tolist(), ex._view.dataset.kind.to_column(ex.run.labels(), ex.run.classes)))"

    def shown(id):
        page.wait_for_function("id => document.querySelector('.lw-title').textContent.endsWith(id)", arg=str(id))
        page.locator(CARDS).first.wait_for()
        return page.locator(CARDS).evaluate_all("all => all.map(one => one.dataset.value)")

    page.locator(".lw-name").click()
    first = probe.wait("ex.current")
    assert int(first[1:]) % 10 == 6
    order = shown(first)
    from workbench.tasks.preferences import shown_swapped

    assert order == (["second", "first"] if shown_swapped([first])[0] else ["first", "second"])
    assert page.locator(f"{CARDS} ins").count() > 0  # words that differ
    assert page.locator(f"{CARDS}.lw-is-hint").get_attribute("data-value") == "second"
    page.keyboard.press(" ")
    probe.wait(f"{labels}[{first!r}] == 'second'")
    probe.wait(f"ex.current != {first!r}")
    page.keyboard.press("u")
    probe.wait(f"{labels}[{first!r}] == 'first'")
    shown(first)
    page.keyboard.press("1")
    probe.wait(f"{labels}[{first!r}] == {order[0]!r}")
    decided = {first: order[0]}
    for key in ("2", "0", "3", "k"):
        probe.wait(f"ex.current not in {list(decided)!r}")
        id = probe.eval("ex.current")
        order = shown(id)
        page.keyboard.press(key)
        decided[id] = {"2": order[1], "0": "tie", "3": "neither", "k": "first"}[key]
        probe.wait(f"{labels}[{id!r}] == {decided[id]!r}")
    probe.wait(f"ex.current not in {list(decided)!r}")
    for width in (1280, 800):
        page.set_viewport_size({"width": width, "height": 900})
        page.locator(CARDS).first.wait_for()
        page.screenshot(path=str(tmp_path / f"preferences-{width}.png"))
    lab.theme("JupyterLab Dark")
    page.screenshot(path=str(tmp_path / "preferences-800-dark.png"))
    page.set_viewport_size({"width": 1280, "height": 900})
    page.screenshot(path=str(tmp_path / "preferences-dark.png"))

    lab.run_all()  # a new view of the same run: the order is kept
    probe.run(f"ex.current = {first!r}")
    again = shown(first)
    assert again == (["second", "first"] if shown_swapped([first])[0] else ["first", "second"])
    page.locator(f"{CARDS}.lw-is-label[data-value={decided[first]}]").wait_for()
    probe.run(f"import workbench as wb; wb.export(ex.run, {str(tmp_path / 'dpo.jsonl')!r}, format='dpo')")
    lines = [json.loads(line) for line in (tmp_path / "dpo.jsonl").read_text().splitlines()]
    swapped = {one["provenance"]["row"]: one["provenance"]["swapped"] for one in lines}
    assert len(lines) == 118  # without the tie and the pair of two poor answers
    assert all(swapped[id] == (value == "second") for id, value in decided.items() if id in swapped)
    assert lab.errors == []
