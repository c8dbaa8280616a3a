"""Pairs of nodes as examples: a data set that carries its own evidence, and the table of issues that follows from it.

A run of such a data set needs no other evidence: `find_issues(run)` reads the columns `p_linked` and `rank_random`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from workbench.data.dataset import Dataset
from workbench.foundation.errors import InputError, shortened
from workbench.issues.audited import Audited
from workbench.issues.calibration import expit, logit
from workbench.issues.counts import AUDIT_SIZE
from workbench.issues.edge_words import COSINE_RANK, reasons_of_pairs
from workbench.issues.marking import mark
from workbench.issues.review import with_verdicts
from workbench.runs.run import Run

LINK_CLASSES = ("not linked", "linked")

P_LINKED, RANK_RANDOM = "p_linked", "rank_random"
OF_PAIRS = ("source", "target", P_LINKED, RANK_RANDOM)
"""Columns by which a data set of pairs is known. p_linked : probability that the two are linked. rank_random : share of
random pairs whose odds of a link are smaller."""

RATIO_QUANTILES = np.linspace(0.1, 0.9, 9)
"""Quantiles of the random pairs, up to each of which the share of links bounds the share of wrong ones."""

LEAST_APART = 0.91
"""Minimum probability that a link has larger odds than a random pair for the number of wrong edges to be known."""

USUAL_WRONG = 0.05
"""Assumed share of wrong edges, if they look like correct ones."""


class WrongShare(NamedTuple):
    """bound : upper bound of the share of wrong edges. apart : probability that a link has larger odds than a random
    pair. share : the share that p_error adds up to: the bound, shrunk to the usual one if links look like random pairs.
    """

    bound: float
    apart: float
    share: float


def wrong_share(ranks: np.ndarray) -> WrongShare:
    """Bound the share of random pairs among the links; the least bound plus one standard error.

    Parameters
    ----------
    ranks : (m,) of the links, as in `OF_PAIRS`.
    """
    bounds = []
    for quantile in RATIO_QUANTILES:
        low = int(np.count_nonzero(ranks <= quantile))
        bounds.append((low + np.sqrt(low + 1)) / len(ranks) / quantile)
    bound = float(np.clip(min(bounds), 0.5 / len(ranks), 0.9))
    apart = float(ranks.mean())
    weight = np.clip((apart - 0.5) / (LEAST_APART - 0.5), 0, 1)
    return WrongShare(bound, apart, float(expit(weight * logit(bound) + (1 - weight) * logit(USUAL_WRONG))))


def pairs_dataset(pairs: np.ndarray, evidence: pd.DataFrame, n: int, ids: Sequence[Any] | None) -> Dataset:
    """Return the data set of (m, 2) pairs of n nodes; `evidence` has the column `linked` and those of `OF_PAIRS`."""
    names = np.arange(n) if ids is None else np.asarray(ids)
    frame = pd.DataFrame({"source": names[pairs[:, 0]], "target": names[pairs[:, 1]]})
    frame["edge"] = [f"{one} – {other}" for one, other in zip(frame["source"], frame["target"])]
    frame["link"] = np.array(LINK_CLASSES, object)[evidence["linked"].to_numpy(int)]
    exact = [name for name in (P_LINKED, RANK_RANDOM, COSINE_RANK) if name in evidence]
    shown = evidence.drop(columns=["linked", *exact]).round(3).join(evidence[exact])
    return Dataset.from_frame(frame.join(shown), label="link", id="edge", classes=LINK_CLASSES)


def dataset_of_pairs(source: Any) -> Dataset | None:
    """Return the data set of a source if it is one of pairs, as `edge_issues` makes them; else None."""
    dataset = source.dataset if isinstance(source, Run) else source
    if not isinstance(dataset, Dataset) or dataset.task != "multiclass":
        return None
    known = set(OF_PAIRS) <= set(dataset.metadata.columns) and tuple(dataset.classes[:2]) == LINK_CLASSES
    return dataset if known else None


def pair_issues(
    dataset: Dataset, verdicts: pd.Series | None = None, *, fdr: float | None = None, threshold: float = 0.5,
    sample: Audited | None = None,
) -> pd.DataFrame:  # fmt: skip
    """Return the issues of pairs, most suspicious first, with the columns of `find_issues` and `kind`.

    Parameters
    ----------
    dataset : as from `pairs_dataset`. verdicts : as for `find_issues`; they recalibrate p_error.
    fdr, threshold, sample : as for `workbench.issues.marking.mark`.
    """
    table = dataset.metadata
    given = np.asarray(dataset.given_labels)
    linked, known = given == 1, (given == 0) | (given == 1)
    p_linked = _shares(table, P_LINKED)
    p_error = np.where(known, np.where(linked, 1 - p_linked, p_linked), np.nan)
    found = wrong_share(_shares(table, RANK_RANDOM)[linked]) if linked.any() else WrongShare(0.0, 1.0, 0.0)
    words = ""
    if verdicts is not None and len(verdicts):
        moved, words = with_verdicts(pd.Series(p_error, index=dataset.ids), verdicts, linked.astype(np.int64))
        p_error = moved.to_numpy()
    attrs = _numbers(p_error, linked, found, verdicts)
    advice = f"Audit {AUDIT_SIZE} pairs (`wb.audit`), or use `threshold=`."
    marked = mark(
        p_error, p_error, fdr, threshold, identified=attrs["errors_identified"], why=attrs["errors_in_words"],
        advice=advice, sample=sample, index=dataset.ids,
    )  # fmt: skip
    doubted = (np.nan_to_num(p_error) >= 0.5) | marked.chosen
    names = np.array([*LINK_CLASSES, None], object)
    suggested = np.where(known, np.where(doubted, 1 - given, given), (p_linked >= 0.5).astype(int))
    frame = pd.DataFrame(
        {
            "given_label": names[np.where(known, given, 2)],
            "suggested_label": names[suggested],
            "p_error": p_error,
            "p_suggested": np.where(known, np.where(doubted, p_error, 1 - p_error), np.maximum(p_linked, 1 - p_linked)),
            "is_issue": marked.chosen,
            "kind": np.where(linked, "wrong", "missing").astype(object),
            "reasons": reasons_of_pairs(table),
            "reason_kinds": "links of the other pairs",
            "row": np.arange(len(p_error)),
        },
        index=pd.Index(dataset.ids, name="id"),
    )
    frame = frame.iloc[np.lexsort((frame["row"], -np.nan_to_num(p_error, nan=-1.0)))]
    beside = (f", {name}" for name, column in (("features", "cosine"), ("labels", "label_odds")) if column in table)
    frame.attrs = {
        "evidence": "links of the other pairs" + "".join(beside), "shares": {}, "set_aside": {}, "pred_probs": "none",
        "threshold": marked.how, "judged": int(known.sum()), "unlabelled": int((~known).sum()), "method": words,
        "sources": {}, "verdicts": 0 if verdicts is None else len(verdicts),
    } | attrs  # fmt: skip
    return frame


def _numbers(p_error: np.ndarray, linked: np.ndarray, found: WrongShare, verdicts: pd.Series | None) -> dict[str, Any]:
    """Return the number of errors, its interval, and whether it is identified, as attributes."""
    links, absent = int(linked.sum()), bool((~linked).any())
    p = np.nan_to_num(p_error)
    wrong, missing = float(p[linked].sum()), float(p[~linked].sum())
    deviation = 2 * float(np.sqrt((p[linked] * (1 - p[linked])).sum()))
    interval = (round(max(0.5 * wrong - deviation, 0), 1), round(min(1.5 * wrong + deviation, links) + missing, 1))
    audited = verdicts is not None and len(verdicts) >= AUDIT_SIZE
    sure = found.apart >= LEAST_APART or audited
    text = f"about {wrong:,.0f} of {links:,} edges are expected to be wrong, if wrong edges are random pairs of nodes"
    if not sure:
        interval = (0.0, round(found.bound * links + missing, 1))
        text = f"0 to {found.bound * links:,.0f} of {links:,} edges may be wrong: links have larger odds than random "
        text += f"pairs in only {found.apart:.0%} of comparisons; audit {AUDIT_SIZE} pairs to find out"
    if absent and not audited:
        text += "; how many are missing is not known: audit the proposed pairs"
    return {
        "expected_errors": round(wrong + missing, 1), "expected_errors_interval": interval,
        "errors_identified": sure and (audited or not absent), "errors_in_words": text,
    }  # fmt: skip


def _shares(table: pd.DataFrame, name: str) -> np.ndarray:
    """Return a column (m,) of numbers in [0, 1]."""
    values = pd.to_numeric(table[name], errors="coerce").to_numpy(float)
    bad = np.flatnonzero(~((values >= 0) & (values <= 1)))
    if len(bad):
        row = int(bad[0])
        todo = "Make the data set with `wb.graphs.edge_issues`, or rename the column if it means something else."
        raise InputError.at(name, f"is {shortened(table[name].iloc[row])}", todo, row=row)
    return values
