"""Order of the review queue: a function from a run to ids.

This module defines the criterion of each order and the examples that it includes. Ties are broken by suspicion, then
by row.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from workbench.evidence.neighbors import finite_rows
from workbench.foundation.errors import InputError
from workbench.foundation.rows import unit_rows
from workbench.issues.detector import find_issues
from workbench.review.audit import audit
from workbench.runs.run import opened
from workbench.runs.verdicts import awaiting
from workbench.runs.votes import votes_needed
from workbench.scores import SCORES, score
from workbench.scores.disagreement import annotator_disagreement

if TYPE_CHECKING:
    from workbench.runs.run import Run

SEED = 0
MOST_CLUSTERS = 200


@dataclass(frozen=True)
class _Wanted:
    """Input of an order: `rows` (m,) of the label issues by suspicion, and all n rows by suspicion."""

    run: Run
    rows: np.ndarray
    everything: np.ndarray
    issues: pd.DataFrame


def review_queue(
    run: Run,
    by: str = "suspicion",
    *,
    among: Iterable[object] | None = None,
    issues: pd.DataFrame | None = None,
    author: str | None = None,
) -> list[Any]:
    """Return the ids to review, in order.

    Parameters
    ----------
    run : a Run or its path.
    by : the order.
        "suspicion": issues, the most suspicious first. "pairs": issues by given and suggested class, the most
        frequent pair first. "clusters": issues that look alike together, by k-means of their embeddings, the cluster
        with the most expected errors first. "annotators": examples on which annotators disagree, most first.
        "random": issues shuffled. "audit": the random sample of `workbench.audit`, each example once; "audit_examples":
        that with per="example". "second": what other authors have judged and `author` has not, shuffled. "all": every
        example. A column of `issues` or a score: every example, the most suspicious first (for a column without such a
        direction, the largest value first)
        among : ids to order instead of the issues ("suspicion", "pairs", "clusters" and "random")
        issues : result of `find_issues(run)`; computed if not given
        author : author of the second opinion; by default the journal's own author

    Returns
    -------
    list of ids, as in the dataset.

    Raises
    ------
    InputError : an unknown order or id. MissingEvidence : no embeddings, votes or probabilities for this order.
    """
    run = opened(run)
    found = find_issues(run) if issues is None else issues
    everything = run.dataset.rows(found.index.to_numpy())
    if among is None:
        chosen = everything[found["is_issue"].to_numpy(bool)]
    else:
        chosen = run.dataset.rows(list(among))
    wanted = _Wanted(run, chosen, everything, found)
    if by == "second":
        rows = _second(wanted, run.journal.author if author is None else author)
    elif by in ORDERS:
        rows = ORDERS[by](wanted)
    else:
        rows = _column(wanted, by)
    return run.dataset.ids[rows].tolist()


def _pairs(wanted: _Wanted) -> np.ndarray:
    rows, dataset = wanted.rows, wanted.run.dataset
    names = wanted.issues["suggested_label"].reindex(dataset.ids[rows])
    suggested = dataset.codes_of(names)
    pair = (dataset.given_labels[rows] + 1) * (dataset.k + 1) + suggested + 1
    _, which, total = np.unique(pair, return_inverse=True, return_counts=True)
    return rows[np.lexsort((np.arange(len(rows)), pair, -total[which]))]


def _clusters(wanted: _Wanted) -> np.ndarray:
    """Order by k-means of unit vectors with about sqrt(m / 2) clusters; rows without an embedding come last."""
    rows = wanted.rows
    vectors = np.asarray(wanted.run.embeddings()[np.sort(rows)], np.float32)[np.argsort(np.argsort(rows))]
    there = finite_rows(vectors) if len(rows) else np.zeros(0, bool)
    count = int(min(MOST_CLUSTERS, max(1, round((there.sum() / 2) ** 0.5))))
    if count < 2:
        return rows
    from sklearn.cluster import MiniBatchKMeans

    found = MiniBatchKMeans(count, random_state=SEED, n_init=3, batch_size=4096).fit_predict(unit_rows(vectors[there]))
    cluster = np.full(len(rows), count)
    cluster[there] = found
    doubt = np.nan_to_num(wanted.issues["p_error"].reindex(wanted.run.dataset.ids[rows]).to_numpy(float))
    weight = np.bincount(cluster, doubt, minlength=count + 1)
    weight[count] = -1.0
    return rows[np.lexsort((np.arange(len(rows)), cluster, -weight[cluster]))]


def _annotators(wanted: _Wanted) -> np.ndarray:
    disagreement = annotator_disagreement(votes_needed(wanted.run).counts())[wanted.everything]
    some = np.nan_to_num(disagreement) > 0
    rows, disagreement = wanted.everything[some], disagreement[some]
    return rows[np.argsort(-disagreement, kind="stable")]


def _audit(wanted: _Wanted, per: str = "unit") -> np.ndarray:
    drawn = audit(wanted.run, per=per, issues=wanted.issues).ids
    return wanted.run.dataset.rows(list(dict.fromkeys(drawn.tolist())))


def _second(wanted: _Wanted, author: str) -> np.ndarray:
    rows, _ = wanted.run.dataset.find(awaiting(wanted.run, author).get_level_values("id").unique())
    return np.random.default_rng(SEED).permutation(np.sort(rows))


def _column(wanted: _Wanted, name: str) -> np.ndarray:
    """Order all examples by a column of the issues table or by a score."""
    issues = wanted.issues
    numbers = [c for c in issues.columns if issues[c].dtype.kind in "fiu" and c != "row"]
    if name not in numbers and name not in SCORES:
        raise InputError.unknown("order", name, [*ORDERS, "second", *numbers, *SCORES])
    values = issues[name] if name in numbers else score(wanted.run, name)[name].reindex(issues.index)
    low = name in SCORES and SCORES[name].suspicious == "low"
    key = values.to_numpy(float) * (1 if low else -1)
    return wanted.everything[np.argsort(np.where(np.isnan(key), np.inf, key), kind="stable")]


def possible(run: Run) -> list[str]:
    """Return the names of the orders for which the run has the required evidence."""
    missing = set()
    if not run.embedding_epochs:
        missing.add("clusters")
    if not run.layout.votes.is_file():
        missing.add("annotators")
    if run.dataset.units.keys is None:  # each example is its own unit
        missing.add("audit_examples")
    return [name for name in (*ORDERS, "second") if name not in missing]


ORDERS: dict[str, Callable[[_Wanted], np.ndarray]] = {
    "suspicion": lambda wanted: wanted.rows,
    "pairs": _pairs,
    "clusters": _clusters,
    "annotators": _annotators,
    "random": lambda wanted: np.random.default_rng(SEED).permutation(wanted.rows),
    "audit": _audit,
    "audit_examples": lambda wanted: _audit(wanted, "example"),
    "all": lambda wanted: wanted.everything,
}
