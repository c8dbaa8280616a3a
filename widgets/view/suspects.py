"""Suspects and scores for a view, without waiting twice: the detector's answer is kept in the run's cache.

The key is the evidence, not the journal: reopening a view shows the queue in the order that one was working
through, even after many decisions. `rank_again` asks the detector anew, which then learns from the journal's verdicts.
A second opinion has suspects of its own, which no verdict of another author has touched.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np

from widgets.view.columns import codes_of
from widgets.view.pooled import pooled_issues, pooled_scores
from workbench.errors import MissingEvidence
from workbench.storage.cache import evidence_key, key_digest, load, store

if TYPE_CHECKING:
    import pandas as pd

    from workbench.ensemble import Ensemble
    from workbench.run import Run

NAME = "suspects"


def suspects(run: Run, author: str | None = None, pool: Ensemble | None = None) -> pd.DataFrame:
    """`workbench.find_issues(run)`, from the cache where the evidence is the same.

    A run without evidence can be looked at and labelled too: then nothing is suspected; `attrs["missing"]` says why.
    With `author` and `pool`, as in `rank_again`.
    """
    arrays = load(run, *_place(run, author, pool))
    if arrays is not None:
        words = json.loads(arrays["words"].tobytes())
        return _frame(run, arrays, words["reasons"], words["attrs"])
    try:
        return rank_again(run, author, pool)
    except MissingEvidence as error:
        nothing = {"row": np.arange(run.n), "suggested": np.full(run.n, -1), "p_error": np.full(run.n, np.nan)}
        nothing |= {"p_suggested": np.full(run.n, np.nan), "is_issue": np.zeros(run.n, bool)}
        return _frame(run, nothing, "", {"missing": str(error)})


def scores_of(run: Run, pool: Ensemble | None = None) -> pd.DataFrame:
    """All scores that the run (or all runs of the pool) has evidence for; no columns where it has none."""
    import pandas as pd

    from workbench.scores import score

    try:
        return score(run) if pool is None else pooled_scores(pool)
    except MissingEvidence:
        return pd.DataFrame(index=pd.Index(run.dataset.ids, name="id"))


def rank_again(run: Run, author: str | None = None, pool: Ensemble | None = None) -> pd.DataFrame:
    """`workbench.find_issues(run)` computed now, with the verdicts of the journal, and kept.

    With `author`, with this author's verdicts alone: for a second opinion, which the first one must not steer.
    With `pool`, of the evidence of all its runs; `run` is its first.
    """
    from workbench.issues import find_issues
    from workbench.issues.audit import verdicts_of

    verdicts = None if author is None and pool is None else verdicts_of(run, author).astype(bool)
    issues = find_issues(run, verdicts=verdicts) if pool is None else pooled_issues(pool, verdicts)
    store(run, *_place(run, author, pool), _arrays(run, issues))
    return issues


def _place(run: Run, author: str | None, pool: Ensemble | None) -> tuple[str, dict[str, object]]:
    """Name and key in the cache."""
    special: dict[str, object] = {} if author is None else {"author": author}
    if pool is not None:
        special["pool"] = [[other.name, evidence_key(other)] for other in pool.runs[1:]]
    name = f"{NAME}-for={key_digest(special)[:8]}" if special else NAME
    return name, evidence_key(run) | special


def _arrays(run: Run, issues: pd.DataFrame) -> dict[str, np.ndarray]:
    """The frame as plain arrays in its own order; texts as UTF-8 JSON."""
    words = json.dumps({"reasons": issues["reasons"].fillna("").tolist(), "attrs": issues.attrs}, default=str)
    return {
        "row": run.dataset.rows(issues.index.to_numpy()),
        "suggested": codes_of(run.dataset, issues["suggested"].to_numpy()),
        "p_error": issues["p_error"].to_numpy(float),
        "p_suggested": issues["p_suggested"].to_numpy(float),
        "is_issue": issues["is_issue"].to_numpy(bool),
        "words": np.frombuffer(words.encode(), np.uint8),
    }


def _frame(run: Run, arrays: dict[str, np.ndarray], reasons: list[str] | str, attrs: dict) -> pd.DataFrame:
    """The inverse of `_arrays`; `reasons` can be one text for all."""
    import pandas as pd

    dataset, rows = run.dataset, arrays["row"]
    frame = pd.DataFrame(
        {
            "given": dataset.given[rows],
            "suggested": dataset.names_of(arrays["suggested"]),
            "p_error": arrays["p_error"],
            "p_suggested": arrays["p_suggested"],
            "is_issue": arrays["is_issue"],
            "reasons": reasons,
            "row": rows,
        },
        index=pd.Index(dataset.ids[rows], name="id"),
    )
    frame.attrs = attrs
    return frame
