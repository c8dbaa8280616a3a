"""Examples with several labels in the page: each tag is a line, decided by mouse and keys."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pandas as pd
import pytest
import samples
from access import CHANGED, violations

import workbench as wb

pytestmark = [pytest.mark.browser, pytest.mark.slow]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """With three recorded epochs."""
    path = samples.tagged_run(tmp_path_factory.mktemp("tags") / "tags")
    run = wb.open_run(path)
    logits = np.random.default_rng(0).normal(size=(3, run.n, run.k))
    with wb.Recorder(path, run.dataset, mode=run.mode) as recorder:
        for epoch in range(3):
            with recorder.epoch(epoch):
                recorder.batch(run.dataset.ids, logits[epoch])
    return path


@pytest.fixture
def tagged(made, tmp_path):
    """A run without decisions."""
    return shutil.copytree(made, tmp_path / "tags")


FOCUSED = ".lw-unit.lw-focused"


def test_tags_are_decided_undone_and_exported(explorer, tagged, tmp_path):
    lab = explorer(path=tagged)
    page, probe = lab.page, lab.probe
    page.locator(FOCUSED).wait_for()
    assert page.locator(".lw-unit").count() == 8
    assert page.locator(".lw-tabs button", has_text="matrix").count() == 0  # there is no single class
    first = probe.wait("ex.current")
    key = page.locator(FOCUSED).get_attribute("data-key")
    rows = "int(ex._view.dataset.rows([%r])[0])"
    units = f"{{u['key']: u for u in __import__('widgets.view.units').view.units.units_of(ex._view, {rows})}}"
    before = probe.eval(f"{units % first}[{key!r}]")
    assert before["doubted"] and not before["decided"] and before["suggested"] != before["given"]

    page.locator(".lw-name").click()
    page.keyboard.press(" ")  # accept the suggestion for the tag in focus
    state = "ex.run.journal.state(per='unit')"
    probe.wait(f"({first!r}, {key!r}) in {state}.index")
    assert probe.eval(f"{state}['label'].loc[({first!r}, {key!r})]") == before["suggested"]
    page.wait_for_function("() => document.querySelector('.lw-said').textContent.length > 0")

    page.keyboard.press("u")
    probe.wait(f"{state}['label'].dropna().empty")
    page.wait_for_function(
        "([id, key, value]) => document.querySelector('.lw-title').textContent.endsWith(id) && "
        "document.querySelector(`[data-key='${key}'] .lw-answer[aria-pressed=true]`)?.title === value",
        arg=[str(first), key, before["given"]],
    )

    # each doubtful tag is kept in turn: then the example is reviewed and the next one is shown
    doubtful = probe.eval(f"[k for k, u in {units % first}.items() if u['doubted']]")
    page.locator(".lw-name").click()
    for _ in doubtful:
        page.keyboard.press("k")
    probe.wait(f"ex.current != {first!r}")
    probe.wait(f"len({state}['label'].dropna()) == {len(doubtful)}")

    said = page.locator(".lw-said").text_content()
    assert "multiclass" not in said, said

    # a tag is set by mouse, another one found by name
    second = probe.eval("ex.current")
    page.wait_for_function("id => document.querySelector('.lw-title').textContent.endsWith(id)", arg=str(second))
    page.locator(".lw-unit", has_text="snow").locator(".lw-answer[title=unknown]").click()
    probe.wait(f"{state}['label'].get(({second!r}, 'p7')) == 'unknown'")
    page.keyboard.press("/")
    page.keyboard.type("fore")
    page.keyboard.press("Enter")
    probe.wait(f"{state}['label'].get(({second!r}, 'p4')) == 'yes'")

    # a tag that nobody has used yet is added, after a second Enter
    page.keyboard.type("harbour")
    page.keyboard.press("Enter")
    asked = page.locator(".lw-match", has_text="Press Enter again to add")
    asked.wait_for()
    inside = "(el) => el.getBoundingClientRect().bottom <= el.closest('.lw-inspector').getBoundingClientRect().bottom"
    assert asked.evaluate(inside), "what is asked is in sight, below a list of tags too"
    page.keyboard.press("Enter")
    probe.wait(f"{state}['label'].get(({second!r}, 'p8')) == 'yes'")
    page.locator(".lw-unit[data-key=p8]", has_text="harbour").wait_for()

    # everything is restored when the page is opened again, and is in the file
    lab.run_all()
    probe.wait("ex.current is not None")
    assert probe.eval("int((ex._view.decisions.labels == 1).sum())") == 1
    probe.run(f"from workbench.review.export import export; export(ex.run, {str(tmp_path / 'out.csv')!r})")
    frame = pd.read_csv(tmp_path / "out.csv").set_index("id")
    written = json.loads(frame.loc[second, "tags"])
    assert "forest" in written["yes"] and "harbour" in written["yes"] and "snow" in written["unknown"]
    assert lab.errors == []


def test_filters_queues_and_many_suggestions_by_tag(explorer, tagged):
    lab = explorer(path=tagged)
    page, probe = lab.page, lab.probe
    page.locator(FOCUSED).wait_for()
    assert violations(lab) == []

    # a filter by the suggestion for one tag, from the menu
    page.get_by_label("add a filter").select_option("tag dog")
    page.locator(".lw-bar", has_text="yes, remove?").click()
    probe.wait("ex.filters.get('tag dog') == ['yes, remove?']")
    rows = probe.eval("ex.table().index.tolist()")
    page.wait_for_function(f"() => document.querySelector('.lw-summary').textContent.startsWith('{len(rows)} of ')")
    page.get_by_role("button", name="clear filters").click()
    probe.wait("ex.filters == {}")

    # the queue of that tag: each example is about this tag, and the next one follows at once
    order = page.get_by_label("order of the queue")
    order.select_option("wrong tag dog")
    probe.wait("ex._view.queue_order == 'wrong tag dog'")
    queue = probe.eval("ex.queue")
    assert sorted(queue) == sorted(rows) and len(queue) > 1
    wait_title = "id => document.querySelector('.lw-title').textContent.endsWith(id)"
    page.wait_for_function(wait_title, arg=queue[0])
    page.wait_for_function("() => document.querySelector('.lw-unit.lw-focused')?.dataset.key === 'p3'")
    page.locator(".lw-name").click()
    page.keyboard.press(" ")
    page.wait_for_function(wait_title, arg=queue[1])
    state = "ex.run.journal.state(per='unit')['label'].dropna()"
    probe.wait(f"{state}.to_dict() == {{({queue[0]!r}, 'p3'): 'no'}}")

    # all others at once: the first click shows the number, the second accepts, one key undoes it
    rest = len(queue) - 1
    bulk = page.locator(".lw-bulk button", has_text=f"Accept {rest} suggestion")
    page.locator(".lw-bulk button:enabled", has_text="Accept").wait_for()
    least = page.get_by_label("minimum probability")
    least.select_option(index=least.locator("option").count() - 1)
    sure = page.locator(".lw-bulk button", has_text=f"Set {rest} labels of {rest} examples? Click again")
    lab.confirm(bulk, sure)
    probe.wait(f"len({state}) == {len(queue)}")
    page.locator("text=No suggestion to accept").wait_for()
    page.wait_for_function(f"() => document.querySelector('.lw-state').textContent.startsWith('{len(queue)} changed')")
    assert violations(lab, *CHANGED) == []
    page.locator(".lw-name").click()
    page.keyboard.press("Control+z")
    probe.wait(f"len({state}) == 1")
    page.wait_for_function("() => document.querySelector('.lw-state').textContent.startsWith('1 changed')")
    page.keyboard.press("Shift+X")  # set the tag in focus to unknown
    probe.wait(f"'unknown' in set({state})")

    # a rule that is broken: its examples are the list, about the tag that is missing in them
    page.get_by_role("tab", name="sets").click()
    page.get_by_label("share of examples that follow a rule").select_option("0.8")
    rule = page.locator(".lw-set-row[title^='boat implies beach']")
    rule.wait_for()
    broken = int(rule.locator(".lw-num").last.text_content())
    assert violations(lab, ".lw-filters") == []
    rule.click()
    probe.wait(f"len(ex.selection) == {broken}")
    page.wait_for_function("() => document.querySelector('.lw-unit.lw-focused')?.dataset.key === 'p0'")
    curve = "() => document.querySelector('.lw-curve').getAttribute('aria-label')"
    page.wait_for_function(f"() => /^probability of beach over 3 epochs, given: no/.test(({curve})())")

    # Shift and a digit: the tag of that row belongs to all that is selected
    place = page.locator(".lw-unit").evaluate_all("all => 1 + all.findIndex((el) => el.dataset.key === 'p0')")
    page.keyboard.press(f"Shift+Digit{place % 10}")
    chosen = "set(ex.selection)"
    probe.wait(f"{{id for (id, key), v in {state}.items() if key == 'p0' and v == 'yes'}} >= {chosen}")
    assert probe.eval("ex.run.journal.log()['source'].iloc[-1]") == "explorer: selection"
    page.wait_for_function(f"() => document.querySelector('.lw-said').textContent === 'yes, in {broken} examples'")
    row = "[...document.querySelectorAll('.lw-set-row')].find((el) => el.title.startsWith('boat implies beach'))"
    counted = "() => { document.querySelector('.lw-sets .lw-link:not([hidden])')?.click(); return %s === '%s'; }"
    page.wait_for_function(counted % (f"{row}?.lastChild.textContent", "–"))
    page.keyboard.press("u")
    probe.wait(f"not {{id for (id, key), v in {state}.items() if key == 'p0'}} & {chosen}")
    page.wait_for_function(counted % (f"{row}?.lastChild.textContent", broken))
    page.get_by_text("clear selection").click()
    page.get_by_role("tab", name="filters").click()

    # the random audit asks about the drawn tags of an example, one after the other, then shows the next example
    probe.run("sample = __import__('workbench').audit(ex.run, 12)")
    probe.run("drawn = list(zip(sample.ids.tolist(), sample.units.tolist()))")
    order.select_option("audit")
    probe.wait("ex._view.queue_order == 'audit'")
    looked = "ex.run.journal.log()['source'].str.startswith('explorer: audit').sum()"
    for place, id in enumerate(probe.eval("ex.queue[:2]")):
        page.wait_for_function(wait_title, arg=id)
        keys = probe.eval(f"[key for one, key in drawn if one == {id!r}]")
        page.wait_for_function(
            "keys => keys.includes(document.querySelector('.lw-unit.lw-focused')?.dataset.key)", arg=keys
        )
        page.locator(".lw-fact-name", has_text="drawn").wait_for()
        for _ in keys:
            page.locator(".lw-name").click()
            page.keyboard.press("k")
        probe.wait(f"{looked} > {2 * place}")
    probe.wait("sample.estimate().judged >= 2")
    assert violations(lab, *CHANGED) == []
    assert lab.errors == []


def test_a_number_is_accepted_typed_and_refused(explorer, tmp_path):
    lab = explorer(path=samples.numbered_run(tmp_path / "prices"))
    page, probe = lab.page, lab.probe
    page.locator(FOCUSED).wait_for()
    values = "ex.run.journal.state(per='unit')['label']"
    first = probe.wait("ex.current")
    suggested = page.locator(f"{FOCUSED} .lw-is-hint").text_content().removeprefix("→ ")
    page.locator(".lw-name").click()
    page.keyboard.press(" ")
    probe.wait(f"ex.current != {first!r}")
    probe.wait(f"{values}.get(({first!r}, '')) == {suggested!r}")
    second = probe.eval("ex.current")
    page.wait_for_function("id => document.querySelector('.lw-title').textContent.endsWith(id)", arg=str(second))
    page.keyboard.press("Enter")
    page.keyboard.press("Control+a")
    page.keyboard.type("about ten")
    page.keyboard.press("Enter")
    page.wait_for_function("() => /not saved/.test(document.querySelector('.lw-said').textContent)")
    assert probe.eval(f"({second!r}, '') in {values}.index") is False
    assert probe.eval("ex.current") == second  # rejected input can be corrected
    page.locator(".lw-name").click()
    page.keyboard.type("99.4")  # the first digit opens the input line
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Enter")
    probe.wait(f"{values}.get(({second!r}, '')) == '99.5'")
    assert lab.errors == []
