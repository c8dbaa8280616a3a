"""Accessibility problems that axe-core finds in a view."""

from __future__ import annotations

from pathlib import Path

import pytest

WHOLE = ".lw"
CHANGED = (".lw-head", ".lw-toolbar", ".lw-gallery", ".lw-inspector", ".lw-foot")
"""Parts that a selection or a decision changes: all but the filters and the maps."""


def violations(lab: object, *parts: str, colors: bool = False) -> list[str]:
    """Serious and critical findings of axe-core in parts of the view, one line for each element.

    colors : only the rules about colours: what a theme changes.
    """
    package = pytest.importorskip("axe_playwright_python", reason="needs axe-core (axe-playwright-python)")
    parts = parts or (WHOLE,)
    if not lab.page.evaluate("() => Boolean(window.axe)"):
        lab.page.evaluate((Path(package.__file__).parent / "axe.min.js").read_text(encoding="utf-8"))
    passed, found = lab.page.evaluate(
        """async ([parts, colors]) => {
        const options = { resultTypes: ['violations'] };  // of rules that pass one element is enough
        if (colors) options.runOnly = ['cat.color'];
        const r = await window.axe.run({ include: parts.map(part => [part]) }, options);
        return [r.passes.length, r.violations.filter(v => ['serious', 'critical'].includes(v.impact))
        .flatMap(v => v.nodes.map(n => `${v.id}: ${n.html.slice(0, 160)} ${n.failureSummary.slice(0, 300)}`))]; }""",
        [parts, colors],
    )
    assert passed > (0 if colors else 15 if parts == (WHOLE,) else 3), f"axe looked at almost nothing of {parts}"
    return found
