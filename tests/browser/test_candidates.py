"""Candidate sets in the page: chips, decisions by key, mouse and name, and removal of a candidate."""

from __future__ import annotations

import json

import pandas as pd
import pytest
import samples

pytestmark = [pytest.mark.browser, pytest.mark.slow]

CHIPS = ".lw-inspector .lw-choices .lw-choice"


def test_the_true_class_is_chosen_undone_and_exported(explorer, tmp_path):
    lab = explorer(path=samples.candidates_run(tmp_path / "birds"))
    page, probe = lab.page, lab.probe
    page.locator(f"{CHIPS}.lw-focused").wait_for()
    first = probe.eval("ex.current")
    given = probe.eval(f"ex._view.dataset.given[int(ex._view.dataset.rows([{first!r}])[0])]")
    assert page.locator(CHIPS).evaluate_all("all => all.map(one => one.dataset.name)") == given
    values = "ex.run.journal.state(per='unit')['label']"

    def shown(id):
        page.wait_for_function("id => document.querySelector('.lw-title').textContent.endsWith(id)", arg=str(id))

    page.locator(".lw-name").click()
    page.keyboard.press("2")  # the second candidate is the true class: the next example comes
    probe.wait(f"{values}.get(({first!r}, '')) == {json.dumps([given[1]])!r}")
    probe.wait(f"ex.current != {first!r}")
    page.keyboard.press("u")
    probe.wait(f"{values}.dropna().empty")
    shown(first)

    page.keyboard.press(" ")  # a class outside the set is suggested and accepted
    probe.wait(f"{values}.get(({first!r}, ''), '').startswith('[')")
    chosen = json.loads(probe.eval(f"{values}[({first!r}, '')]"))
    assert len(chosen) == 1 and chosen[0] not in given

    probe.wait(f"ex.current != {first!r}")
    second = probe.eval("ex.current")
    shown(second)
    own = page.locator(CHIPS).evaluate_all("all => all.map(one => one.dataset.name)")
    page.keyboard.press("Tab")
    page.keyboard.press("x")  # remove the second candidate
    left = [name for place, name in enumerate(own) if place != 1]
    probe.wait(f"{values}.get(({second!r}, '')) == {json.dumps(left, separators=(',', ':'))!r}")

    probe.wait(f"ex.current != {second!r}")
    third = probe.eval("ex.current")
    shown(third)
    page.keyboard.press("/")
    page.keyboard.type("i")  # five names, each with its own colour
    page.locator(".lw-match").nth(4).wait_for()
    names = page.locator(".lw-match .lw-clip").all_text_contents()
    assert sorted(names)[:4] == ["finch", "ibis", "kite", "robin"], names
    colors = page.locator(".lw-match .lw-swatch").evaluate_all("all => all.map((one) => one.style.background)")
    assert len(set(colors)) == 5, colors
    page.locator(".lw-match", has_text="swift").wait_for()
    page.keyboard.press("Backspace")
    page.keyboard.type("swif")
    page.keyboard.press("Enter")
    probe.wait(f"{values}.get(({third!r}, '')) == '[\"swift\"]'")

    # the true class of the next example is in no set yet
    probe.wait(f"ex.current != {third!r}")
    fourth = probe.eval("ex.current")
    shown(fourth)
    page.keyboard.press("/")
    page.keyboard.type("wren")
    page.keyboard.press("Enter")
    page.locator(".lw-match", has_text="Press Enter again to add").wait_for()
    page.keyboard.press("Enter")
    probe.wait(f"{values}.get(({fourth!r}, '')) == '[\"wren\"]'")

    probe.run(f"from workbench.review.export import export; export(ex.run, {str(tmp_path / 'out.csv')!r})")
    frame = pd.read_csv(tmp_path / "out.csv").set_index("id")
    assert json.loads(frame.loc[first, "sets"]) == chosen and json.loads(frame.loc[second, "sets"]) == left
    assert json.loads(frame.loc[fourth, "sets"]) == ["wren"]
    assert json.loads(frame.loc[third, "sets"]) == ["swift"] and json.loads(frame.loc[first, "given_label"]) == given
    assert lab.errors == []
    page.screenshot(path=str(tmp_path / "candidates.png"))
