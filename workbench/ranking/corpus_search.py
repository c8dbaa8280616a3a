"""Search a whole corpus by the words of each query, to propose items that nobody has judged."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from workbench.evidence.as_evidence import handed_in
from workbench.foundation.checks import check_whole
from workbench.foundation.errors import InputError, MissingEvidence
from workbench.issues.pairs.lexical import BM25, TFIDF, corpus_scores, has_bm25, has_word
from workbench.issues.pairs.pair_evidence import item_texts_of, query_texts
from workbench.ranking.graded import judgements
from workbench.runs.run import Run
from workbench.tasks.pair_table import pair_table_of


def search_corpus(
    labels: Any, corpus: Mapping[Any, str] | pd.Series, *, texts: Any = None, k: int = 50
) -> pd.DataFrame:
    """Score the k items of a corpus that share most words with each query, and the listed items.

    Parameters
    ----------
    labels : a Run, a Dataset of pairs, or a DataFrame with the columns query, item and grade (and text)
    corpus : dict or Series of item to text
    texts : texts of the queries by id, or in order; by default those of the data
    k : int >= 1, number of items per query, listed ones among them included

    Returns
    -------
    DataFrame with the columns query, item and "BM25" ("TF-IDF" without the extra `label-workbench[text]`): float64 > 0,
    best first within a query; and, with 0 for no common word, the listed items that are in the corpus. Suitable as
    `scores` of `find_issues`, which proposes the likely relevant items that are not listed.

    Raises
    ------
    InputError : the corpus is not a mapping, or none of its texts holds a word. MissingEvidence : no query has a text.

    Notes
    -----
    BM25 is that of `bm25s` with its defaults (Lucene's, k1 = 1.5, b = .75); each query takes time proportional to the
    corpus.

    Examples
    --------
    >>> labels = pd.DataFrame({"query": ["q"], "item": ["a"], "grade": [1], "text": ["red boats"]})
    >>> search_corpus(labels, {"a": "boats at sea", "b": "red boats", "c": "a tree"})["item"].tolist()
    ['b', 'a']
    """
    check_whole("k", k, 1)
    given = {} if texts is None else {"texts": texts}
    handed = handed_in(labels if isinstance(labels, Run) else judgements(labels), "pairs", given)
    dataset, known = handed.dataset, item_texts_of(corpus)
    asked = query_texts(dataset, handed.evidence.get("texts"))
    if not any(map(has_word, asked)):
        raise MissingEvidence("search_corpus needs the texts of the queries. Pass them as `texts=`.")
    if not any(map(has_word, known.values())):
        raise InputError.at("corpus", "holds no words", "Pass a dict of item to text.")
    table, name = pair_table_of(dataset.labels), BM25 if has_bm25() else TFIDF
    items = np.array([*known, None], object)[:-1]
    place_of = {item: place for place, item in enumerate(items.tolist())}
    listed, starts = np.array([place_of.get(item, -1) for item in table.items], np.int64), table.starts
    rows, places, values = [], [], []
    for row, scores in enumerate(corpus_scores(asked, list(known.values()))):
        top = _best(scores, k)
        own = listed[starts[row] : starts[row + 1]]
        chosen = np.concatenate([top, own[(own >= 0) & ~np.isin(own, top)]])
        rows.append(np.full(len(chosen), row))
        places.append(chosen)
        values.append(scores[chosen])
    at = np.concatenate(rows)
    found = {"query": dataset.ids[at], "item": items[np.concatenate(places)], name: np.concatenate(values)}
    return pd.DataFrame(found)


def _best(scores: np.ndarray, k: int) -> np.ndarray:
    """Return the places of the k largest positive scores, largest first; equal ones in their order."""
    there = np.flatnonzero(scores > 0)
    if len(there) > k:
        least = np.partition(scores[there], len(there) - k)[len(there) - k]
        there = there[scores[there] >= least]
    return there[np.argsort(-scores[there], kind="stable")][:k]
