"""Candidate sets in the page: chips, decisions by key, mouse and name, and removal of a candidate."""

from __future__ import annotations

import json
import re

import pandas as pd
import pytest
import samples

pytestmark = [pytest.mark.browser, pytest.mark.slow]

CHIPS = ".lw-inspector .lw-choices .lw-choice"


def test_the_true_class_is_chosen_undone_and_exported(explorer, tmp_path):
    lab = explorer(path=samples.candidates_run(tmp_path / "birds"))
    page, probe = lab.page, lab.probe
    page.locator(f"{CHIPS}.lw-focused").wait_for()
    first = probe.wait("ex.current")
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
    assert sorted(names)[1:5] == ["finch", "ibis", "kite", "robin"], names  # "+ add the class" comes first
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


def test_the_audit_asks_about_drawn_sets_and_undoes(explorer, tmp_path):
    lab = explorer(path=samples.candidates_run(tmp_path / "audited", epochs=5))
    page, probe = lab.page, lab.probe
    page.locator(f"{CHIPS}.lw-focused").wait_for()

    # how the training weighed the candidates, and how many are left of them
    assert page.locator(".lw-map-title").all_text_contents() == ["data map", "embedding map"]
    sizes = page.locator(".lw-set-sizes")
    sizes.wait_for()
    row = "int(ex._view.dataset.rows([ex.current])[0])"
    sets = probe.eval(f"__import__('widgets.view.sets').view.sets.set_curve(ex.run, {row})")
    assert sets["epochs"] == list(range(5)) and len(sets["sizes"]) == 5
    sizes.filter(has_text=re.compile(f"^{sets['sizes'][0]} candidate")).wait_for()
    lab.wait_until_painted(".lw-set-curve")
    assert sets["names"][0] in page.locator(".lw-set-curve").get_attribute("aria-label")
    page.screenshot(path=str(tmp_path / "audited.png"))
    probe.run("sample = __import__('workbench').audit(ex.run, 12)")
    page.get_by_label("order of the queue").select_option("audit")
    probe.wait("ex._view.queue_order == 'audit'")
    queue = probe.eval("ex.queue")
    assert sorted(queue) == sorted(probe.eval("sample.ids.tolist()"))
    values = "ex.run.journal.state(per='unit')['label'].dropna()"
    given = dict(zip(*probe.eval("(ex.run.dataset.ids.tolist(), ex.run.dataset.given.tolist())"), strict=True))
    wait_title = "id => document.querySelector('.lw-title').textContent.endsWith(id)"
    outside = next(name for name in ("crow", "dove", "duck", "finch", "gull") if name not in given[queue[1]])
    for place, (id, keys) in enumerate(zip(queue, (["k"], ["/", *outside, "Enter"], ["2"]))):
        page.wait_for_function(wait_title, arg=id)
        page.locator(".lw-name").click()
        for key in keys:
            page.keyboard.press(key)
        probe.wait(f"len({values}) == {place + 1}")
        if keys == ["k"]:
            page.wait_for_function(wait_title, arg=queue[1])
            page.keyboard.press("u")  # taken back, and asked again
            probe.wait(f"{values}.empty and sample.estimate().judged == 0")
            page.wait_for_function(wait_title, arg=id)
            page.keyboard.press("k")
            probe.wait(f"len({values}) == 1")
    probe.wait("sample.estimate().judged == 3")
    said = probe.eval(f"{values}.droplevel('unit').to_dict()")
    assert {id: json.loads(one) for id, one in said.items()} == {
        queue[0]: given[queue[0]], queue[1]: [outside], queue[2]: [given[queue[2]][1]],
    }  # fmt: skip
    log = probe.eval("ex.run.journal.log()['source'].tolist()")
    assert sum(one.startswith("explorer: audit") for one in log) >= 3
    # one of three was found wrong; the class from inside the set confirmed it
    assert probe.eval("int(sample.counted()['wrong'].sum())") == 1
    assert lab.errors == []
