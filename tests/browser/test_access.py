"""The view for every hand and eye: axe-core's rules, the whole flow by keyboard, widths, zoom, less motion."""

from __future__ import annotations

from pathlib import Path

import pytest

pytestmark = [pytest.mark.browser, pytest.mark.slow]

RULES = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice")


def violations(lab: object) -> list[str]:
    """Serious and critical findings of axe-core in the view, one line for each element."""
    package = pytest.importorskip("axe_playwright_python", reason="needs axe-core (axe-playwright-python)")
    source = (Path(package.__file__).parent / "axe.min.js").read_text(encoding="utf-8")
    if not lab.page.evaluate("() => Boolean(window.axe)"):
        lab.page.evaluate(source)
    found = lab.page.evaluate(
        """async rules => (await window.axe.run(document.querySelector('.lw'),
        { runOnly: { type: 'tag', values: rules }, resultTypes: ['violations'] })).violations
        .filter(v => ['serious', 'critical'].includes(v.impact))
        .flatMap(v => v.nodes.map(n => `${v.id}: ${n.html.slice(0, 160)} ${n.failureSummary.slice(0, 300)}`))""",
        list(RULES),
    )
    return found


def test_axe(explorer):
    lab = explorer()
    for theme in ("Light", "Dark"):
        lab.theme(f"JupyterLab {theme}")
        lab.page.wait_for_timeout(1000)
        found = violations(lab)
        print(theme, len(found), "\n".join(found))
    assert 0
