"""Accessibility problems that axe-core finds in a view."""

from __future__ import annotations

from pathlib import Path

import pytest

WHOLE = ".lw"


def violations(lab: object, part: str = WHOLE) -> list[str]:
    """Serious and critical findings of axe-core in a part of the view, one line for each element."""
    package = pytest.importorskip("axe_playwright_python", reason="needs axe-core (axe-playwright-python)")
    if not lab.page.evaluate("() => Boolean(window.axe)"):
        lab.page.evaluate((Path(package.__file__).parent / "axe.min.js").read_text(encoding="utf-8"))
    passed, found = lab.page.evaluate(
        """async part => { const options = { resultTypes: ['violations'] };  // of rules that pass one element is enough
        const r = await window.axe.run(part, options);
        return [r.passes.length, r.violations.filter(v => ['serious', 'critical'].includes(v.impact))
        .flatMap(v => v.nodes.map(n => `${v.id}: ${n.html.slice(0, 160)} ${n.failureSummary.slice(0, 300)}`))]; }""",
        part,
    )
    assert passed > (15 if part == WHOLE else 3), f"axe looked at almost nothing of {part}"
    return found
