"""Retrieved demonstrations beside each query: their scores, labels that contradict their neighbours, which decided.

Li et al. 2024, Large Language Models are In-Context Molecule Learners; Bertsch et al. 2024, In-Context Learning with
Long-Context Models: An In-Depth Exploration.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from workbench.demonstrations.prompt_logs import read_log
from workbench.evidence.spaces import text_vectors
from workbench.foundation.checks import check_whole
from workbench.foundation.errors import InputError
from workbench.foundation.rows import unit_rows


def retrieved_contexts(
    labels: Any, embeddings: Any, queries: Any = None, *, shots: int = 4, neighbors: int = 10, seed: int = 0
) -> pd.DataFrame:  # fmt: skip
    """List the nearest examples of each query with their labels, and how much each label contradicts its neighbours.

    Parameters
    ----------
    labels : Series indexed by example id, or a sequence: classes, or texts such as captions (more than half of them
        distinct).
    embeddings : float (n, d), of the examples.
    queries : float (q, d)
        By default, each example is a query for the others.
    shots : number of retrieved examples per query. neighbors : number of neighbours that a label is compared with.
    seed : of the embedding of texts.

    Returns
    -------
    DataFrame with one row per retrieved example
        query (row number, or id by default), rank (0 = nearest), example (id), similarity (cosine), label,
        contradiction (float64 in [0, 1]; of the example's label: 1 minus the weighted share of its nearest other
        examples with the same class, or minus the mean likeness of their texts), doubtful (bool, among the tenth of all
        examples with the largest contradiction).

    Raises
    ------
    InputError : shapes that do not match, or fewer than three examples.

    Notes
    -----
    Texts are compared by cosines of character n-grams, clipped at 0. Neighbours are weighted by exp(cosine / 0.1). The
    example's own label is not among them.

    References
    ----------
    Li et al. 2024, Large Language Models are In-Context Molecule Learners.
    """
    for name, value in (("shots", shots), ("neighbors", neighbors)):
        check_whole(name, value, 1)
    given = labels if isinstance(labels, pd.Series) else pd.Series(list(labels), dtype=object)
    x = np.asarray(embeddings, float)
    new = x if queries is None else np.asarray(queries, float)
    if x.ndim != 2 or new.ndim != 2 or len(x) != len(given) or x.shape[1] != new.shape[1] or len(x) < 3:
        found = f"has shape {x.shape}, `queries` {new.shape}, for {len(given)} labels"
        raise InputError.at("embeddings", found, "Pass (n, d) and (q, d), at least three examples.")
    conflict = label_conflicts(given, x, min(neighbors, len(x) - 1), seed)
    least = np.quantile(conflict, 0.9)
    cosines = unit_rows(new) @ unit_rows(x).T
    if queries is None:
        np.fill_diagonal(cosines, -np.inf)
    near = np.argsort(-cosines, axis=1, kind="stable")[:, : min(shots, len(x) - (queries is None))]
    at = near.ravel()
    rows = np.repeat(np.arange(len(new)), near.shape[1])
    return pd.DataFrame(
        {
            "query": given.index.to_numpy()[rows] if queries is None else rows,
            "rank": np.tile(np.arange(near.shape[1]), len(new)), "example": given.index.to_numpy()[at],
            "similarity": cosines[rows, at], "label": given.to_numpy(object)[at], "contradiction": conflict[at],
            "doubtful": (conflict[at] >= least) & (conflict[at] > 0),
        }
    )  # fmt: skip


def label_conflicts(labels: pd.Series, x: np.ndarray, many: int, seed: int = 0) -> np.ndarray:
    """Return by how much each label contradicts those of the nearest other rows, float64 (n,) in [0, 1].

    Parameters
    ----------
    labels : n classes or texts. x : float (n, d). many : number of neighbours. seed : of the embedding of texts.
    """
    cosines = unit_rows(x) @ unit_rows(x).T
    np.fill_diagonal(cosines, -np.inf)
    near = np.argsort(-cosines, axis=1, kind="stable")[:, :many]
    weight = np.take_along_axis(cosines, near, axis=1) / 0.1
    weight = np.exp(weight - weight.max(axis=1, keepdims=True))
    weight /= weight.sum(axis=1, keepdims=True)
    if labels.nunique() > len(labels) / 2 and all(isinstance(one, str) for one in labels):
        vectors = text_vectors(labels.tolist(), seed=seed).astype(float)
        like = np.clip(np.einsum("nd,nmd->nm", vectors, vectors[near]), 0, 1)
    else:
        codes = pd.factorize(labels)[0]
        like = (codes[near] == codes[:, None]).astype(float)
    return 1 - (weight * like).sum(axis=1)


def deciding_demonstrations(log: Any, similarity: pd.DataFrame, labels: Any) -> pd.DataFrame:
    """Name the nearest demonstration of each prompt, and whether the answer is its label.

    Parameters
    ----------
    log : as in `read_log`.
    similarity : DataFrame, queries in rows and demonstrations in columns, such as cosines of embeddings.
    labels : Series of the labels that were shown, indexed by demonstration id.

    Returns
    -------
    DataFrame with one row per answer
        prompt, query, label, prediction, correct, shots, nearest (id of the most similar demonstration of the prompt,
        None without demonstrations), nearest_label, similarity, place (of the nearest one in the prompt, from 0),
        decided (bool, the answer is its label), agreeing (number of demonstrations with the label of the answer).

    Raises
    ------
    InputError : a query or demonstration that `similarity` or `labels` do not have.

    References
    ----------
    Bertsch et al. 2024, In-Context Learning with Long-Context Models: An In-Depth Exploration.
    """
    found = read_log(log)
    label_of = labels if isinstance(labels, pd.Series) else pd.Series(labels)
    rows = similarity.index.get_indexer(pd.Index(found.table["query"]))
    ids = found.ids
    for what, wanted, index in (
        ("query", found.table["query"].tolist(), similarity.index), ("demonstration", ids, similarity.columns),
        ("demonstration", ids, label_of.index),
    ):  # fmt: skip
        lost = [one for one in wanted if one not in index]
        if lost:
            raise InputError.unknown(what, lost[0], index, "`similarity` and `labels` need all of them.")
    values = similarity.to_numpy(float)
    columns = dict(zip(similarity.columns, range(similarity.shape[1])))
    made = []
    for row, own, answer in zip(rows.tolist(), found.demonstrations, found.table["prediction"]):
        if not own:
            made.append((None, None, np.nan, -1, False, 0))
            continue
        near = values[row, [columns[one] for one in own]]
        place = int(near.argmax())
        shown = [label_of[one] for one in own]
        made.append((own[place], shown[place], near[place], place, shown[place] == answer, shown.count(answer)))
    names = ["nearest", "nearest_label", "similarity", "place", "decided", "agreeing"]
    kept = found.table[["prompt", "query", "label", "prediction", "correct", "shots"]].reset_index(drop=True)
    table = pd.DataFrame(made, columns=pd.Index(names))
    for name in names[:2]:
        table[name] = table[name].astype(object).where(table[name].notna(), None)
    return pd.concat([kept, table], axis=1)
