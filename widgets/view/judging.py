"""Label issues and scores for a view; the detector's result is stored in the run's cache.

Reopening a view shows the queue in the same order as before, even after many decisions. `rank_again` runs the detector
again, which then uses the journal's verdicts. A second opinion has its own ranking, which no verdict of another author
affects.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from widgets.view.pooled import pooled_issues, pooled_scores
from workbench.foundation.errors import MissingEvidence
from workbench.issues import find_issues
from workbench.issues.kept import keep_issues, kept_issues
from workbench.runs.verdicts import newest_verdicts
from workbench.scores import score
from workbench.storage.cache import evidence_key

if TYPE_CHECKING:
    import pandas as pd

    from workbench.runs.run import Run
    from workbench.scores.ensemble import Ensemble


def issues_of(run: Run, author: str | None = None, pool: Ensemble | None = None) -> pd.DataFrame:
    """Return `workbench.find_issues(run)`, from the cache if the evidence is the same.

    A run without evidence can be viewed and labelled too; then no label is an issue and `attrs["missing"]` says why.
    With `author` and `pool`, as in `rank_again`.
    """
    kept = kept_issues(run, _special(author, pool))
    if kept is not None:
        return kept
    try:
        return rank_again(run, author, pool)
    except MissingEvidence as error:
        return _nothing(run, str(error))


def unit_issues(run: Run, author: str | None = None) -> pd.DataFrame | None:
    """Return `workbench.find_issues(run, per="unit")`, or None without evidence; `author` as in `rank_again`."""
    try:
        return find_issues(run, per="unit", verdicts=None if author is None else newest_verdicts(run, author))
    except MissingEvidence:
        return None


def scores_of(run: Run, pool: Ensemble | None = None) -> pd.DataFrame:
    """Return all scores for which the run (or all runs of the pool) has evidence; no columns if there is none.

    Scores are defined for one class per example; other kinds of labels have none.
    """
    if not run.dataset.kind.one_class:
        return pd.DataFrame(index=pd.Index(run.dataset.ids, name="id"))
    try:
        return score(run) if pool is None else pooled_scores(pool)
    except MissingEvidence:
        return pd.DataFrame(index=pd.Index(run.dataset.ids, name="id"))


def rank_again(run: Run, author: str | None = None, pool: Ensemble | None = None) -> pd.DataFrame:
    """Compute `workbench.find_issues(run)` again with the verdicts of the journal, and cache it.

    With `author`, only the verdicts of this author are used, so that a second opinion is independent. With `pool`, the
    evidence of all its runs is used; `run` is its first.
    """
    verdicts = None if author is None and pool is None else newest_verdicts(run, author)
    issues = find_issues(run, verdicts=verdicts) if pool is None else pooled_issues(pool, verdicts)
    keep_issues(run, issues, _special(author, pool))
    return issues


def _nothing(run: Run, missing: str) -> pd.DataFrame:
    """The result of `find_issues` without any evidence."""
    unknown = np.full(run.n, np.nan)
    nobody = run.dataset.labels_of(np.full(run.n, -1)) if run.dataset.kind.one_class else np.full(run.n, None)
    frame = pd.DataFrame(
        {"given_label": run.dataset.given, "suggested_label": nobody, "p_error": unknown, "p_suggested": unknown},
        index=pd.Index(run.dataset.ids, name="id"),
    )
    frame = frame.assign(is_issue=False, reasons="", row=np.arange(run.n))
    frame.attrs = {"missing": missing}
    return frame


def _special(author: str | None, pool: Ensemble | None) -> dict[str, object]:
    """What the issues depend on besides the run's own evidence."""
    special: dict[str, object] = {} if author is None else {"author": author}
    if pool is not None:
        special["pool"] = [[other.name, evidence_key(other.layout, other.dataset)] for other in pool.runs[1:]]
    return special
