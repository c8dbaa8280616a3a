"""Compare two runs on the same examples, joined by id: moves on the data map, changed scores, agreement.

Compare runs before and after a correction, with two models, or with two seeds. The runs may have different orders of
rows and classes, and different evidence. To test whether a correction improves a model, use `workbench.compare`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from workbench.evidence.neighbors import neighbors
from workbench.foundation.errors import InputError, MissingEvidence
from workbench.foundation.printing import Printed, wrapped
from workbench.issues.confusion import predicted_labels
from workbench.issues.detector import find_issues
from workbench.review.kappa import cohen_kappa
from workbench.runs.run import opened
from workbench.scores import score
from workbench.tasks import require_task

if TYPE_CHECKING:
    from workbench.runs.run import Run

COMPARED_NEIGHBORS = 10
"""Number of neighbours that are compared."""

MAP = ("variability", "confidence")


@dataclass(frozen=True, repr=False)
class RunComparison(Printed):
    """Result of `compare_runs`.

    Attributes
    ----------
    table : DataFrame indexed by the ids that both runs have, in the order of the first
        given_a, given_b, predicted_a, predicted_b : class names or None. is_issue_a, is_issue_b : bool.
        For p_error and for every score that both runs have: `NAME_a`, `NAME_b` and `NAME_change` (b - a).
        moved : distance between the two positions on the data map, in [0, 1.12]; NaN without statistics per epoch.
        neighbors_kept : share of an example's 10 nearest neighbours that are the same in both, in [0, 1], which
        measures the agreement of embeddings independent of their coordinates. NaN without embeddings.
    summary : dict of numbers
        n, only_a, only_b : examples in both, and in only one. given_differ : examples with different given labels.
        predictions_agree : share; predictions_kappa : Cohen's kappa. issues_a, issues_b, issues_both : counts;
        issues_jaccard : both / either. moved, neighbors_kept : means. spearman : dict of score to rank correlation.
        A number is missing if a run lacks the evidence.
    """

    table: pd.DataFrame
    summary: dict[str, Any] = field(repr=False)

    @property
    def scores(self) -> pd.DataFrame:
        """Summarise the changes of scores that both runs have, lowest rank correlation first.

        Returns
        -------
        DataFrame indexed by score
            spearman : rank correlation in [-1, 1], NaN if one of them is constant. mean_change : mean of b - a, in the
            unit of the score. mean_absolute_change : mean of abs(b - a). n : number of examples with both values.
        """
        rows = {}
        for name, rho in self.summary["spearman"].items():
            change = self.table[f"{name}_change"]
            change = change[np.isfinite(change)]
            rows[name] = (rho, change.mean(), change.abs().mean(), len(change))
        columns = ["spearman", "mean_change", "mean_absolute_change", "n"]
        frame = pd.DataFrame.from_dict(rows, orient="index", columns=columns)
        frame.index.name = "score"
        return frame.sort_values("spearman", kind="stable")

    def __str__(self) -> str:
        ranks = [f"{name}: Spearman {rho:.2f}" for name, rho in self.summary["spearman"].items() if rho == rho]
        return wrapped("; ".join(self.phrases + ranks))

    @property
    def phrases(self) -> list[str]:
        """Agreement of both runs, one phrase for each kind of evidence; see also `scores`."""
        s = self.summary
        parts = [f"{s['n']:,} examples in both"]
        if s["only_a"] or s["only_b"]:
            parts.append(f"{s['only_a']:,} only in the first, {s['only_b']:,} only in the second")
        parts.append(f"{s['given_differ']:,} given labels differ")
        if "predictions_agree" in s:
            parts.append(f"predictions agree on {s['predictions_agree']:.1%} (kappa {s['predictions_kappa']:.2f})")
        if "issues_jaccard" in s:
            counts = f"{s['issues_a']:,} and {s['issues_b']:,} label issues, {s['issues_both']:,} in both"
            parts.append(f"{counts} (Jaccard {s['issues_jaccard']:.2f})")
        if "neighbors_kept" in s:
            parts.append(f"{s['neighbors_kept']:.0%} of the neighbours are the same")
        return parts


def compare_runs(
    a: Run, b: Run, *, issues: tuple[pd.DataFrame | None, pd.DataFrame | None] = (None, None)
) -> RunComparison:
    """Compare two runs example by example.

    Parameters
    ----------
    a, b : Runs or their paths, with ids in common
    issues : tables of both runs as returned by `find_issues`, which is called if they are not given

    Returns
    -------
    RunComparison: `table`, one row per shared example, and summary statistics.

    Raises
    ------
    InputError : the runs have no ids in common.

    Notes
    -----
    Spearman's rho is the correlation of ranks (mean ranks for ties) over examples for which both have a value. Jaccard
    is the number of label issues of both runs divided by that of either. Compare two seeds of one training first, to
    see how large differences are by chance.
    """
    a, b = opened(a), opened(b)
    for run in (a, b):
        require_task(run, "multiclass", "compare_runs")
    ids, rows_a, rows_b = _common(a, b)
    table = pd.DataFrame(index=pd.Index(ids, name="id"))
    table["given_a"], table["given_b"] = a.dataset.given[rows_a], b.dataset.given[rows_b]
    summary: dict[str, Any] = {"n": len(ids), "only_a": a.n - len(ids), "only_b": b.n - len(ids)}
    sides = (a.dataset, rows_a), (b.dataset, rows_b)
    names_a, names_b = (dataset.names_of(dataset.given_labels[rows]) for dataset, rows in sides)
    summary["given_differ"] = int((names_a != names_b).sum())
    _predictions(table, summary, (a, rows_a), (b, rows_b))

    doubts = []
    for run, found in zip((a, b), issues):
        try:
            doubts.append((find_issues(run) if found is None else found).reindex(table.index))
        except MissingEvidence:
            doubts.append(None)
    values: dict[str, tuple[np.ndarray, np.ndarray]] = {}
    if doubts[0] is not None and doubts[1] is not None:
        values["p_error"] = tuple(part["p_error"].to_numpy(float) for part in doubts)
        _issues(table, summary, *(part["is_issue"].to_numpy(bool) for part in doubts))
    scores = [score(run).reindex(table.index) for run in (a, b)]
    for name in scores[0].columns.intersection(scores[1].columns, sort=False):
        values[name] = tuple(part[name].to_numpy(float) for part in scores)

    summary["spearman"] = {}
    for name, (left, right) in values.items():
        table[f"{name}_a"], table[f"{name}_b"], table[f"{name}_change"] = left, right, right - left
        summary["spearman"][name] = spearman(left, right)
    if all(name in values for name in MAP):
        table["moved"] = np.hypot(*(table[f"{name}_change"] for name in MAP))
        summary["moved"] = float(table["moved"].mean())
    if a.embedding_epochs and b.embedding_epochs:
        table["neighbors_kept"] = _neighbors_kept((a, rows_a), (b, rows_b))
        summary["neighbors_kept"] = float(table["neighbors_kept"].mean())
    return RunComparison(table, summary)


def spearman(a: np.ndarray, b: np.ndarray) -> float:
    """Return the rank correlation of the known pairs; NaN if there are fewer than two or one side is constant."""
    there = np.isfinite(a) & np.isfinite(b)
    left, right = (pd.Series(part[there]).rank().to_numpy() for part in (a, b))
    if len(left) < 2 or left.std() == 0 or right.std() == 0:
        return float("nan")
    return float(np.corrcoef(left, right)[0, 1])


def _common(a: Run, b: Run) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the ids in both, in the order of `a`, and their rows in each."""
    other = b.dataset.index.get_indexer(a.dataset.index)
    rows_a = np.flatnonzero(other >= 0)
    if not len(rows_a):
        examples = f"{a.dataset.ids[:3].tolist()} and {b.dataset.ids[:3].tolist()}"
        found = f"of the two runs have nothing in common: {examples}"
        raise InputError.at("ids", found, "Compare runs of one dataset.")
    return a.dataset.ids[rows_a], rows_a, other[rows_a]


def _predictions(table: pd.DataFrame, summary: dict[str, Any], *sides: tuple[Run, np.ndarray]) -> None:
    try:
        said = [run.dataset.labels_of(predicted_labels(run)[0])[rows] for run, rows in sides]
    except MissingEvidence:
        return  # one of them has no predictions
    table["predicted_a"], table["predicted_b"] = said
    both = table["predicted_a"].notna() & table["predicted_b"].notna()
    found = cohen_kappa(table.loc[both, "predicted_a"], table.loc[both, "predicted_b"])
    summary["predictions_agree"], summary["predictions_kappa"] = found.observed, found.kappa


def _issues(table: pd.DataFrame, summary: dict[str, Any], a: np.ndarray, b: np.ndarray) -> None:
    table["is_issue_a"], table["is_issue_b"] = a, b
    either = int((a | b).sum())
    summary |= {"issues_a": int(a.sum()), "issues_b": int(b.sum()), "issues_both": int((a & b).sum())}
    summary["issues_jaccard"] = int((a & b).sum()) / either if either else float("nan")


def _neighbors_kept(*sides: tuple[Run, np.ndarray]) -> np.ndarray:
    """Return the share of common nearest neighbours; neighbours that only one run has count as different."""
    graphs = []
    for run, rows in sides:
        place = np.full(run.n + 1, -2, np.int64)
        place[rows] = np.arange(len(rows))
        place[-1] = -1
        graphs.append(place[neighbors(run, k=COMPARED_NEIGHBORS).indices[rows]])
    left, right = graphs
    kept = (left[:, :, None] == right[:, None, :]) & (left >= 0)[:, :, None]
    counted = np.maximum((left != -1).sum(axis=1), 1)
    share = kept.any(axis=2).sum(axis=1) / counted
    nothing = (left == -1).all(axis=1) | (right == -1).all(axis=1)
    return np.where(nothing, np.nan, share)
