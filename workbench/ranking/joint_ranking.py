"""Rank the items of each query jointly by all evidence, with a model that has not seen the query."""

from __future__ import annotations

from typing import Any

import pandas as pd

from workbench.evidence.as_evidence import handed_in
from workbench.foundation.errors import MissingEvidence
from workbench.foundation.parallel import one_blas_thread
from workbench.issues.kinds.contract import Asked
from workbench.issues.pairs.estimator import grade_probabilities
from workbench.issues.pairs.pair_evidence import evidence_of_pairs
from workbench.issues.pairs.pair_features import pair_features
from workbench.ranking.graded import judgements
from workbench.runs.run import Run


def rank_jointly(labels: Any, *, seed: int = 0, name: str = "reranked", **evidence: Any) -> pd.DataFrame:
    """Score all items by a model on rankers, texts and votes, trained on the labels of other queries.

    Parameters
    ----------
    labels : a Run (its given labels), a Dataset of pairs, or a DataFrame with the columns query, item and grade
    seed : random seed of the folds
    name : name of the column of scores
    evidence : `scores`, `texts`, `item_texts`, `item_embeddings`, `votes`, `relevant`, as for `find_issues`;
        those that a Run has stored are used, too

    Returns
    -------
    DataFrame with the columns query, item and `name`: float64, the expected gain, for `metrics`

    Raises
    ------
    MissingEvidence : there are neither rankers, texts nor votes. InputError : as in `find_issues`.
    """
    handed = handed_in(labels if isinstance(labels, Run) else judgements(labels), "pairs", evidence)
    dataset = handed.dataset
    given = evidence_of_pairs(Asked(dataset, handed.evidence))
    features = pair_features(given)
    if not features.used:
        raise MissingEvidence.needed("rank_jointly", dataset.kind.predictions, "Pass them with the labels.")
    with one_blas_thread():
        probs = grade_probabilities(given, features, dataset.k, seed)
    return pd.DataFrame({"query": dataset.ids[given.rows], "item": given.items, name: probs @ given.gains})
