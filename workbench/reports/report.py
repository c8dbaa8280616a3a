"""Report about a run as one HTML page: its data and evidence, how many labels are wrong and which, and decisions.

The page is a single file without scripts or links to elsewhere: it works offline, prints well, follows the reader's
light or dark theme, and shows all data as text.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from workbench.foundation.checks import check_whole
from workbench.foundation.progress import step, task
from workbench.reports.box_facts import gather_boxes
from workbench.reports.facts import gather
from workbench.reports.mask_facts import gather_masks
from workbench.reports.number_facts import gather_numbers
from workbench.reports.page import page
from workbench.reports.pair_facts import gather_pairs
from workbench.reports.preference_facts import gather_preferences
from workbench.reports.span_facts import gather_spans
from workbench.reports.tag_facts import gather_tags
from workbench.reports.text_facts import gather_texts
from workbench.reports.token_facts import gather_tokens
from workbench.runs.run import Run, opened
from workbench.storage.tables import PAGE_SUFFIXES, check_target, write_page
from workbench.tasks import require_task

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["report"]

REPORT_STEPS = 5
"""Of the bar: issues, their media, data map, noise (or tags), figures."""

GATHER = {
    "multiclass": gather,
    "boxes": gather_boxes,
    "candidates": gather,
    "instances": gather_boxes,
    "masks": gather_masks,
    "multilabel": gather_tags,
    "numbers": gather_numbers,
    "spans": gather_spans,
    "tokens": gather_tokens,
    "pairs": gather_pairs,
    "preferences": gather_preferences,
    "points": gather_boxes,
    "texts": gather_texts,
}
"""By kind of label: how the contents are collected."""


def report(
    run: Run | str | Path,
    path: str | Path,
    *,
    top: int = 60,
    fdr: float | None = None,
    issues: pd.DataFrame | None = None,
    force: bool = False,
) -> Path:
    """Write a report about a run as one self-contained HTML file.

    Parameters
    ----------
    run : a Run or its path.
    path : the .html file to write.
    top : number of label issues shown with image or text.
    fdr : passed to `find_issues`: the largest expected share of false alarms among the issues.
    issues : result of `find_issues`; with `per="unit"` for kinds of labels with several units. Computed if not given.
    force : whether to replace an existing file.

    Returns
    -------
    Path of the file.

    Raises
    ------
    InputError : other kinds of labels, another suffix, a missing folder, top below 0.
    ExistsError : the file exists and `force` is not set.
    MissingEvidence : the run has no evidence about its labels.
    """
    run = opened(run)
    require_task(run, GATHER, "report")
    check_whole("top", top, 0, "Pass the number of label issues to show.")
    target = check_target(path, force, PAGE_SUFFIXES)
    with task("report", REPORT_STEPS):
        facts = GATHER[run.task](run, issues, int(top), fdr)
        step("figures")
        text = page(facts)
    return write_page(text, target, force=force)
