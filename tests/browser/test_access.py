"""Accessibility of the view: the rules of axe-core in both themes, and the whole workflow by keyboard."""

from __future__ import annotations

import pytest
from access import CHANGED, WHOLE, violations

pytestmark = [pytest.mark.browser, pytest.mark.slow]


COVER = ".lw-cover:not([hidden])"


def open_states(lab: object, dark: bool = False):
    """Bring the view into several states; yield their names and the parts that changed."""
    page = lab.page
    yield "opened", (WHOLE,)
    tabs = page.locator(".lw-filters .lw-tabs button")
    if not dark:
        page.locator(".lw-name").click()
        page.keyboard.press("?")
        yield "help", (".lw-help",)
        page.keyboard.press("Escape")
        for key, state in (("z", "enlarged"), ("g", "grid")):
            page.keyboard.press(key)
            page.wait_for_function(f"() => [...document.querySelectorAll('{COVER} img')].some(one => one.complete)")
            yield state, (COVER,)
            page.keyboard.press("Escape")
    for i in range(1, tabs.count()):
        name = tabs.nth(i).inner_text()
        if not dark or name == "classes":
            tabs.nth(i).click()
            lab.settle()
            yield name, (".lw-filters",)
    tabs.nth(0).click()
    if not dark:
        page.locator("button", has_text="Export").click()
        yield "export", (".lw-export",)
        page.keyboard.press("Escape")
    lab.lasso(0, inset=0.02)
    page.wait_for_function("() => document.querySelectorAll('.lw-card img').length > 3")
    yield "selection", CHANGED
    page.get_by_text("clear selection").click()


def test_axe_finds_nothing_serious_in_light_or_dark(explorer):
    """Every rule in the light theme; in the dark one, the rules about colours, which are all that a theme changes."""
    lab = explorer()
    found, seen = [], []
    for dark, theme in enumerate(("Light", "Dark")):
        lab.theme(f"JupyterLab {theme}")
        lab.settle()
        for state, parts in open_states(lab, dark=bool(dark)):
            seen.append(state)
            found += [f"{theme}, {state}: {line}" for line in violations(lab, *parts, colors=bool(dark))]
    assert found == []
    assert {"opened", "help", "enlarged", "grid", "classes", "export", "selection"} <= set(seen)


def test_the_whole_flow_by_keyboard(explorer):
    lab = explorer()
    page, probe = lab.page, lab.probe
    page.evaluate("() => document.querySelector('.lw').focus()")
    first = probe.eval("ex.queue[0]")

    # decide, and see where the keyboard is
    page.keyboard.press(" ")
    probe.wait(f"{first} in ex.changes.index and ex.current == ex.queue[1]")

    # every control reached by Tab shows the focus, and none lets the keyboard out of the view
    seen = set()
    for _ in range(60):
        page.keyboard.press("Tab")
        name, visible, inside = page.evaluate(
            """() => { const e = document.activeElement, s = getComputedStyle(e);
            return [e.getAttribute('aria-label') || e.title || e.textContent.slice(0, 30) || e.className,
              s.outlineStyle !== 'none' || s.boxShadow !== 'none', Boolean(e.closest('.lw'))]; }"""
        )
        if not inside:
            break
        assert visible, f"no visible focus on {name}"
        seen.add(name)
    assert len(seen) > 12

    # a point is reached through the gallery: the list of examples is a tab stop, arrows move in it
    page.locator(".lw-card[tabindex='0']").focus()
    page.keyboard.press("ArrowRight")
    probe.wait("ex.current == ex.queue[2]")
    shown = str(probe.eval("ex.current"))  # its neighbours are known once its details are loaded
    page.wait_for_function("id => document.querySelector('.lw-title').textContent.endsWith(id)", arg=shown)
    page.keyboard.press("n")
    probe.wait("len(ex.selection) > 1")
    page.keyboard.press("Backspace")
    probe.wait("ex.selection == []")

    # a filter by keyboard, from its number box
    page.locator("input.lw-bound").first.focus()
    page.keyboard.press("Control+a")
    page.keyboard.type("0.5")
    page.keyboard.press("Enter")
    probe.wait("len(ex.filters) == 1")
    assert lab.errors == []
