"""Graded pairs in the page: cards in order of the rankers, grades by digit, accepting, undo, filter, reload, export."""

from __future__ import annotations

import json

import pytest
import samples

pytestmark = [pytest.mark.browser, pytest.mark.slow]

CARDS = ".lw-inspector .lw-graded-list .lw-graded"
FOCUSED = f"{CARDS}.lw-focused"


def test_grades_are_changed_by_keys_undone_filtered_and_exported(explorer, tmp_path):
    lab = explorer(path=samples.pairs_run(tmp_path / "pairs"))
    page, probe = lab.page, lab.probe
    page.locator(FOCUSED).wait_for()
    first = probe.wait("ex.current")
    values = "ex.run.journal.state(per='unit')['label'].dropna().to_dict()"

    def said():
        return {tuple(key): json.loads(value) for key, value in probe.eval(f"list({values}.items())")}

    def focused():
        return page.locator(FOCUSED).get_attribute("data-key")

    # the most doubtful item is in focus; its text is shown as text
    assert page.locator(CARDS).count() == 8
    assert "<b>" in page.locator(f"{FOCUSED} .lw-graded-text").inner_text()
    assert page.locator(f"{FOCUSED} .lw-grade").inner_text() == "0"
    key = focused()
    page.locator(".lw-name").click()
    page.keyboard.press(" ")  # accept the suggestion
    probe.wait(f"len({values}) == 1")
    [((query, unit), value)] = said().items()
    assert (query, unit) == (first, key) and value["grade"] in ("1", "2") and value["item"].startswith("d")
    page.keyboard.press("u")
    probe.wait(f"len({values}) == 0")

    # a digit is the grade itself, also for an unjudged item, which a filter finds
    page.locator(".lw-graded-filter [data-name=unjudged]").click()
    page.wait_for_function(f"() => document.querySelectorAll('{CARDS}').length === 1")
    assert page.locator(f"{FOCUSED} .lw-grade").inner_text() == "unjudged"
    page.locator(".lw-name").click()
    page.keyboard.press("1")
    probe.wait(f"len({values}) == 1")
    [((query, _), value)] = said().items()
    assert query == first and value["grade"] == "1"
    page.keyboard.press("Enter")  # doubtful
    page.keyboard.press("Enter")  # all
    page.wait_for_function(f"() => document.querySelectorAll('{CARDS}').length === 8")
    before = focused()
    page.keyboard.press("Tab")
    page.keyboard.press("x")  # unjudged again
    probe.run("import json")
    probe.wait(f"any(json.loads(one)['grade'] is None for one in {values}.values())")
    assert focused() != before or probe.eval("ex.current") != first

    # "/" finds an item by its words
    probe.run(f"ex.current = {first!r}")
    page.keyboard.press("/")
    page.keyboard.type("d")
    page.locator(".lw-match").first.wait_for()
    page.keyboard.press("Escape")

    # another view of the same run shows the same, and the file holds it
    kept = said()
    probe.run("import workbench as wb; again = wb.open_run(ex.run.path)")
    assert probe.eval("len(again.changes())") == len(kept)
    probe.run(f"wb.export(again, {str(tmp_path / 'out.qrels')!r}, format='trec')")
    lines = [line.split() for line in (tmp_path / "out.qrels").read_text().splitlines()]
    grades = {(query, item): grade for query, _, item, grade in lines}
    for (query, _), value in kept.items():
        assert grades.get((query, value["item"])) == value["grade"]
    page.screenshot(path=str(tmp_path / "pairs.png"))
    assert lab.errors == []
