"""Annotators and authors, their pace and their agreement: `agreement`, `annotator_quality` and `review_pace`."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from widgets.wire.messages import PeopleAnswer
from widgets.wire.shapes import Annotator, Pace, Pair
from workbench.foundation.errors import MissingEvidence
from workbench.review.annotators import annotator_quality, consensus
from workbench.review.kappa import Kappa, agreement
from workbench.review.pace import pace_of
from workbench.runs.verdicts import awaiting
from workbench.runs.votes import votes_needed

if TYPE_CHECKING:
    from widgets.view.decisions import Decisions
    from workbench.runs.run import Run

NEWEST = 5000
"""Number of recent decisions among which the latest session is searched."""

MOST_PEOPLE = 50
"""Maximum number of annotators and pairs of authors shown."""


def people(run: Run, decisions: Decisions) -> PeopleAnswer:
    """Return `pace`, `authors` (pairs with their kappa) and `annotators` (with their quality).

    In a second opinion, the pairs are replaced by `withheld`, the number of examples left to judge.
    """
    left = withheld(run, decisions)
    found: PeopleAnswer = {"author": decisions.who, "pace": pace(decisions), "annotators": voters(run), "authors": []}
    return {**found, "withheld": left} if left else {**found, "authors": authors(run)}


def withheld(run: Run, decisions: Decisions) -> int:
    """In a second opinion, count examples judged by others but not by this author; until it is 0, agreement is
    hidden."""
    if not decisions.alone:
        return 0
    return awaiting(run, decisions.who).get_level_values("id").nunique()


def pace(decisions: Decisions) -> Pace:
    """Decisions of the author's latest session, and decisions per minute."""
    found = pace_of(list(decisions.times.values())[-NEWEST:])
    rate = None if math.isnan(found.per_minute) else round(found.per_minute, 1)
    return {"decisions": found.decisions, "per_minute": rate}


def authors(run: Run) -> list[Pair]:
    """Pairs of authors of the journal who judged the same examples."""
    out: list[Pair] = []
    for row in agreement(run).head(MOST_PEOPLE).itertuples():
        words = str(Kappa(row.kappa, row.low, row.high, row.observed, row.expected, row.n))
        out.append({"a": row.a, "b": row.b, "n": row.n, "differ": len(row.differ), "text": words})
    return out


def voters(run: Run) -> list[Annotator]:
    """Annotators, the least reliable first; empty if the run has no votes."""
    try:
        table = annotator_quality(run)
    except MissingEvidence:
        return []
    shown = table.head(MOST_PEOPLE).reset_index()
    return [
        {"name": row.annotator, "votes": int(row.votes), "quality": float(row.quality), "often": row.often}
        for row in shown.itertuples()
    ]


def differing(run: Run, a: str, b: str) -> np.ndarray:
    """(n,) bool: examples on which two authors gave different labels."""
    table = agreement(run)
    mask = np.zeros(run.n, bool)
    pair = table[((table["a"] == a) & (table["b"] == b)) | ((table["a"] == b) & (table["b"] == a))]
    for ids in pair["differ"]:
        ids = ids if run.dataset.kind.one_class else [id for id, _ in ids]
        rows = run.dataset.index.get_indexer(ids)
        mask[rows[rows >= 0]] = True
    return mask


def against_consensus(run: Run, annotator: str) -> np.ndarray:
    """(n,) bool: examples on which an annotator's vote differs from the consensus of Dawid and Skene."""
    votes = votes_needed(run)
    best = run.dataset.codes_of(consensus(run)["consensus"].reindex(run.dataset.ids))
    cast = votes.annotators == (votes.names.index(annotator) if annotator in votes.names else -1)
    mask = np.zeros(run.n, bool)
    mask[votes.rows[cast]] = votes.labels[cast] != best[votes.rows[cast]]
    return mask
