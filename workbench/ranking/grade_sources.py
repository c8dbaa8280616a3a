"""Two sources of grades, or two rankers, that disagree."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from workbench.foundation.checks import check_whole
from workbench.foundation.errors import InputError
from workbench.ranking.graded import number_column, ranker_scores
from workbench.review.kappa import cohen_kappa


def compare_sources(
    frame: pd.DataFrame, sources: tuple[str, str], *, scores: str | None = None, relevant: float = 1
) -> pd.DataFrame:
    """Compare two sources of grades of the same pairs, such as advertisers and raters, and list where they disagree.

    Parameters
    ----------
    frame : DataFrame, one row per pair, with numeric grades of both sources (NaN for no grade)
    sources : names of the two columns of grades
    scores : name of a column of a model's scores
    relevant : lowest grade that counts as relevant

    Returns
    -------
    DataFrame, the rows on which the sources differ in relevance, those that the scores decide most clearly first
        the columns of `frame`; sides_with : the source that the score supports; apart : float64 in [0, 1], how far its
        rank lies from that at which as many pairs are relevant as the sources say on average
        attrs : kappa (`Kappa`, of relevance), auc (dict of source to AUC of the scores for its relevance, NaN without
        scores or with one answer only), both (int, pairs with both grades)

    Raises
    ------
    InputError : a column is missing or holds something else than numbers, or no pair has both grades
    """
    columns = [*sources, *([scores] if scores is not None else [])]
    values = {}
    for name in columns:
        if name not in frame.columns:
            raise InputError.unknown("column", name, frame.columns)
        values[name] = number_column("frame", frame, name)
    one, other = sources
    known = np.isfinite(values[one]) & np.isfinite(values[other])
    if not known.any():
        raise InputError.at("sources", "have no pair in common", "Both columns need grades of the same rows.")
    says = {name: values[name] >= relevant for name in sources}
    differ = known & (says[one] != says[other])
    score = values[scores] if scores is not None else np.full(len(frame), np.nan)
    ranks = pd.Series(np.where(known, score, np.nan)).rank(pct=True).to_numpy()
    cut = 1 - (says[one][known].mean() + says[other][known].mean()) / 2
    apart = np.abs(ranks - cut) / max(cut, 1 - cut)
    yes = np.where(says[one], one, other)
    no = np.where(says[one], other, one)
    sides = np.where(ranks > cut, yes, no).astype(object)
    sides[np.isnan(ranks)] = None
    found = frame.assign(sides_with=sides, apart=apart)[differ]
    found = found.sort_values("apart", ascending=False, kind="stable", na_position="last")
    found.attrs = {
        "kappa": cohen_kappa(says[one][known].tolist(), says[other][known].tolist()),
        "auc": {name: _auc(says[name], score, np.isfinite(values[name])) for name in sources},
        "both": int(known.sum()),
    }
    return found


def _auc(relevant: np.ndarray, score: np.ndarray, known: np.ndarray) -> float:
    from sklearn.metrics import roc_auc_score

    there = known & np.isfinite(score)
    if len(np.unique(relevant[there])) < 2:
        return float("nan")
    return float(roc_auc_score(relevant[there], score[there]))


def run_differences(one: pd.DataFrame, other: pd.DataFrame, *, k: int = 10, labels: Any = None) -> pd.DataFrame:
    """List the items that only one of two rankers has among its first k.

    Parameters
    ----------
    one, other : DataFrames with the columns query, item and one column of scores (`read_run`)
    k : int >= 1
    labels : judgements with the columns query, item and grade; their grades are added

    Returns
    -------
    DataFrame, by query and by the rank of the ranker that returns the item
        query, item : str; ranker : name of the ranker that has it among its first k
        rank : int64, there; other_rank : Int64, by the other ranker, missing if it does not return the item
        grade : float64, NaN if unjudged; only with `labels`

    Raises
    ------
    InputError : as in `metrics`, or a table has several rankers
    """
    check_whole("k", k, 1)
    tables = []
    for field, frame in (("one", one), ("other", other)):
        table = ranker_scores(frame, field)
        if table.shape[1] != 3:
            raise InputError.at(field, f"has {table.shape[1] - 2} rankers", "Pass one column of scores.")
        name = str(table.columns[2])
        table = table[table[name].notna()].sort_values(["query", name, "item"], ascending=[True, False, False])
        tables.append((name, table.assign(rank=table.groupby("query").cumcount() + 1)[["query", "item", "rank"]]))
    (name, mine), (second, theirs) = tables
    names = (name, second) if name != second else (f"{name} (one)", f"{name} (other)")
    found = []
    for called, own, rest in ((names[0], mine, theirs), (names[1], theirs, mine)):
        joined = own.merge(rest.rename(columns={"rank": "other_rank"}), on=["query", "item"], how="left")
        only = joined[(joined["rank"] <= k) & ~(joined["other_rank"] <= k)]
        found.append(only.assign(ranker=called, other_rank=only["other_rank"].astype("Int64")))
    table = pd.concat(found)[["query", "item", "ranker", "rank", "other_rank"]]
    table = table.sort_values(["query", "rank", "ranker"], kind="stable").reset_index(drop=True)
    if labels is None:
        return table
    known = pd.DataFrame({name: labels[name].astype(str) for name in ("query", "item")}).assign(grade=labels["grade"])
    return table.merge(known, on=["query", "item"], how="left")
