"""nDCG and reciprocal rank of rankings, compared before and after a change, and the rank of each relevant item."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from workbench.experiments.intervals import INTERVAL_LEVEL, paired_bootstrap, verdict
from workbench.foundation.checks import check_whole
from workbench.foundation.errors import InputError
from workbench.ranking.graded import graded_pairs, ranker_scores, with_text_ids

METRIC_NAMES = ("ndcg", "mrr")


def metrics(labels: Any, scores: pd.DataFrame, *, k: int = 10, relevant: float = 1) -> pd.DataFrame:
    """Compute nDCG@k and the reciprocal rank of each query, for each ranker.

    Parameters
    ----------
    labels : a Run (its corrected labels), a Dataset of pairs, or a DataFrame with the columns query, item and grade
    scores : DataFrame with the columns query, item and one float column per ranker, NaN where it does not return the
        item
    k : int >= 1, depth of the ranking for both metrics
    relevant : lowest gain of an item that counts for the reciprocal rank

    Returns
    -------
    DataFrame indexed by (ranker, query), float64 in [0, 1]
        ndcg, mrr : of the queries with a relevant item; a ranker that does not return a query has 0

    Raises
    ------
    InputError : wrong columns, a pair twice, a score that is not a number, or no query with a relevant item

    Notes
    -----
    DCG@k = sum over ranks r of gain / log2(r + 1), with the grade as gain (at least 0; the place of grades with other
    names), divided by that of the best order of all judged items (Järvelin and Kekäläinen 2002). Unjudged items have
    gain 0. Equal scores are ordered by item, descending, as in trec_eval.

    Examples
    --------
    >>> labels = pd.DataFrame({"query": ["q", "q"], "item": ["a", "b"], "grade": [0, 1]})
    >>> scores = pd.DataFrame({"query": ["q", "q"], "item": ["a", "b"], "bm25": [2.0, 1.0]})
    >>> metrics(labels, scores).round(3).values.tolist()
    [[0.631, 0.5]]
    """
    check_whole("k", k, 1)
    pairs, table = with_text_ids(graded_pairs(labels)), ranker_scores(scores)
    best = _ideal(pairs, k)
    if best.empty:
        raise InputError.at("labels", "has no query with a relevant item", "Pass grades above 0.")
    joined = table.merge(pairs[["query", "item", "gain"]], on=["query", "item"], how="left")
    found = []
    for ranker in table.columns[2:]:
        top = _ranked(joined, ranker)
        top = top[top["rank"] <= k]
        gain = top["gain"].fillna(0.0)
        dcg = (gain / np.log2(top["rank"] + 1)).groupby(top["query"]).sum().reindex(best.index, fill_value=0.0)
        first = top.loc[gain >= relevant].groupby("query")["rank"].min().reindex(best.index)
        own = pd.DataFrame({"ndcg": dcg / best, "mrr": (1 / first).fillna(0.0)})
        found.append(own.set_index(pd.MultiIndex.from_product([[ranker], best.index], names=["ranker", "query"])))
    return pd.concat(found)


def _ideal(pairs: pd.DataFrame, k: int) -> pd.Series:
    """Return the DCG@k of the best order, by query in the order of the labels, without queries that have no gain."""
    ranked = pairs.sort_values("gain", ascending=False, kind="stable")
    rank = ranked.groupby("query", sort=False).cumcount() + 1
    part = (ranked["gain"] / np.log2(rank + 1))[rank <= k]
    ideal = part.groupby(ranked.loc[part.index, "query"], sort=False).sum()
    ideal = ideal.reindex(pairs["query"].drop_duplicates())
    return ideal[ideal > 0]


def _ranked(table: pd.DataFrame, ranker: str) -> pd.DataFrame:
    """Return the returned items with their rank from 1."""
    known = table[table[ranker].notna()].sort_values(["query", ranker, "item"], ascending=[True, False, False])
    return known.assign(rank=known.groupby("query").cumcount() + 1)


def compare_metrics(
    labels: Any, scores: pd.DataFrame, *, after: Any = None, after_scores: pd.DataFrame | None = None, k: int = 10,
    relevant: float = 1, seed: int = 0,
) -> pd.DataFrame:  # fmt: skip
    """Compare nDCG@k and the reciprocal rank before and after a change of the labels, of the rankings, or of both.

    Parameters
    ----------
    labels, scores, k, relevant : as in `metrics`, before the change
    after : labels after it; by default the same
    after_scores : scores after it, with the same names of rankers; by default the same
    seed : random seed of the bootstrap

    Returns
    -------
    DataFrame indexed by (ranker, metric)
        before, after, difference : float64, means over the queries that have a relevant item in both
        low, high : 95 % interval of the difference, by bootstrap over queries
        verdict : "better", "worse" or "no difference that this comparison can show"
        queries : int64, number of queries

    Raises
    ------
    InputError : nothing changes, no query is in both, or as in `metrics`
    """
    if after is None and after_scores is None:
        raise InputError.at("after", "is missing", "Pass other labels as `after=`, other scores as `after_scores=`.")
    old = metrics(labels, scores, k=k, relevant=relevant)
    new = metrics(
        labels if after is None else after, scores if after_scores is None else after_scores, k=k, relevant=relevant
    )
    both = old.add_suffix("_before").join(new.add_suffix("_after"), how="inner")
    if both.empty:
        raise InputError.at("after", "has no query and ranker in common with the labels", "Use the same names.")
    rows = []
    for ranker, own in both.groupby(level="ranker", sort=False):
        for name in METRIC_NAMES:
            one, other = own[f"{name}_before"].to_numpy(), own[f"{name}_after"].to_numpy()
            low, high = paired_bootstrap((other - one)[None], level=INTERVAL_LEVEL, seed=seed)
            rows.append(
                {
                    "ranker": ranker, "metric": f"{name}@{k}", "before": one.mean(), "after": other.mean(),
                    "difference": (other - one).mean(), "low": low, "high": high, "verdict": verdict(low, high),
                    "queries": len(own),
                }
            )  # fmt: skip
    return pd.DataFrame(rows).set_index(["ranker", "metric"])


def list_view(labels: Any, scores: pd.DataFrame, *, relevant: float = 1) -> pd.DataFrame:
    """Rank all items of each query by each ranker, and mark queries in which an irrelevant item leads.

    Parameters
    ----------
    labels, scores : as in `metrics`
    relevant : lowest gain of a relevant item

    Returns
    -------
    DataFrame, one row per relevant item and ranker, in the order of the labels
        query, item, ranker : str
        rank : Int64 from 1, missing if the ranker does not return the item
        above : int64, judged irrelevant items that the ranker places above it
        beaten : bool, whether a judged irrelevant item is above all relevant items of the query

    Raises
    ------
    InputError : as in `metrics`
    """
    pairs, table = with_text_ids(graded_pairs(labels)), ranker_scores(scores)
    good = pairs[pairs["gain"] >= relevant]
    found = []
    for ranker in table.columns[2:]:
        ranked = _ranked(table, ranker)[["query", "item", "rank"]]
        bad = ranked.merge(pairs.loc[pairs["gain"] < relevant, ["query", "item"]], on=["query", "item"])
        own = good[["query", "item"]].merge(ranked, on=["query", "item"], how="left")
        worst = own["rank"].fillna(np.inf).to_numpy()
        of_query = {query: np.sort(part["rank"].to_numpy()) for query, part in bad.groupby("query")}
        none = np.empty(0)
        above = [int(np.searchsorted(of_query.get(query, none), rank)) for query, rank in zip(own["query"], worst)]
        best = pd.Series(worst).groupby(own["query"].to_numpy()).transform("min").to_numpy()
        first = np.array([min(of_query.get(query, [np.inf]), default=np.inf) for query in own["query"]])
        own = own.assign(ranker=ranker, rank=own["rank"].astype("Int64"), above=above, beaten=first < best)
        found.append(own[["query", "item", "ranker", "rank", "above", "beaten"]])
    return pd.concat(found, ignore_index=True)
