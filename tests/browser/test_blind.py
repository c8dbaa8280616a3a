"""Blind mode and repeats of pairs of answers in the page: nothing hidden is accepted, and the order is exchanged."""

from __future__ import annotations

import pytest
import samples

pytestmark = [pytest.mark.browser, pytest.mark.slow]

CARDS = ".lw-inspector .lw-answer-card"


def test_nothing_hidden_is_accepted_and_repeats_show_the_answers_exchanged(explorer, tmp_path):
    lab = explorer(path=samples.preference_run(tmp_path / "answers", 60), blind=True)
    page, probe = lab.page, lab.probe
    page.locator(CARDS).first.wait_for()
    page.locator(".lw-name").click()
    order = "all => all.map(one => one.dataset.value)"
    page.keyboard.press(" ")
    page.locator(".lw-foot", has_text="the suggestion is hidden until you choose").wait_for()
    assert page.locator(".lw-inspector dt", has_text="chosen_score").count() == 0
    first = {}
    for _ in range(5):
        id = probe.wait(f"ex.current not in {list(first)!r} and ex.current")
        page.wait_for_function("id => document.querySelector('.lw-title').textContent.endsWith(id)", arg=str(id))
        page.locator(CARDS).first.wait_for()
        first[id] = page.locator(CARDS).evaluate_all(order)
        page.keyboard.press("1")
        probe.wait(f"len(ex.run.journal.state()) == {len(first)}")
    probe.run("import workbench as wb; due = wb.ranking.swapped_repeats(ex.run, share=1.0)")
    probe.run("import widgets.view.auditing as au; au.swapped_repeats = lambda run, who: due; ex.queue = 'swapped'")
    id = probe.wait("ex.current in due and ex.current == ex.queue[0] and ex.current")
    page.wait_for_function("id => document.querySelector('.lw-title').textContent.endsWith(id)", arg=str(id))
    now = "[...document.querySelectorAll('.lw-inspector .lw-answer-card')].map(one => one.dataset.value).join()"
    page.wait_for_function(f"want => {now} === want", arg=",".join(first[id][::-1]))
    page.keyboard.press("1")  # again the one that is shown first, which is the other one
    probe.wait("len(ex.run.journal.log()) == 12")
    log = probe.eval("ex.run.journal.log()[['id', 'new', 'source']].iloc[-2].tolist()")
    assert log == [id, f'"{first[id][1]}"', "explorer: answers swapped, key"]
    bias = probe.eval("wb.ranking.position_bias(ex.run)[['repeated', 'same', 'first_twice']].iloc[0].tolist()")
    assert bias == [1, 0, 1] and lab.errors == []
