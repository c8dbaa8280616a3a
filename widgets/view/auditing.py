"""The audit in the view: which examples to review, and what their verdicts say about the errors that are left."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pandas as pd

    from workbench.run import Run

BUDGET = 200
"""Examples that an audit begun in the view draws; `workbench.audit(run, budget)` draws more or fewer."""


def begun(run: Run) -> bool:
    """Was a sample drawn for this run?"""
    return (run.path / "audit.parquet").is_file()


def sample(run: Run, issues: pd.DataFrame) -> np.ndarray:
    """(m,) int32 rows of the audit sample in their random order; it is drawn if there is none."""
    from workbench.issues.audit import audit

    drawn = audit(run, budget=1 if begun(run) else BUDGET, issues=issues)
    return run.dataset.rows(drawn.ids).astype(np.int32)


def estimate(run: Run, issues: pd.DataFrame, author: str | None = None) -> dict:
    """`text` such as "about 41 left (30–55)" and `title` with the whole sentence; empty before the first verdict.

    With `author`, from this author's verdicts alone.
    """
    if not begun(run):
        return {}
    from workbench.issues.audit import audit

    found = audit(run, budget=1, issues=issues).estimate(author)
    if not found.judged:
        return {"begun": True}
    left = f"about {found.left:,.0f} left ({found.left_low:,}–{found.left_high:,})"
    return {"begun": True, "text": left, "title": str(found)}


def canaries(run: Run, issues: pd.DataFrame) -> str:
    """In words: how many of the errors planted on purpose are among the suspects; empty without any."""
    planted = run.planted()
    if planted is None or not len(planted):
        return ""
    from workbench.issues import canary_report

    counts = canary_report(issues, planted)
    return f"catches {counts['recall']:.0%} of {counts['planted']:,} planted errors" if counts["planted"] else ""
