"""Compare the predicted spans of two models, such as a base and a transferred one, and the entities of two domains."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from workbench.foundation.checks import check_embeddings
from workbench.foundation.errors import InputError
from workbench.spans.span_lists import read_span_lists

PREDICTED_OUTCOMES = ("both right", "fixed", "broken", "both wrong")


def compare_predictions(true: Any, base: Any, other: Any) -> pd.DataFrame:
    """Count per class which spans two models find, and which errors the second one fixed or made.

    Parameters
    ----------
    true, base, other : n lists of spans or tags, in the same positions; Runs or Datasets of spans. Examples without a
        label in one of them are left out.

    Returns
    -------
    DataFrame indexed by class, int64 columns
        both right, fixed, broken, both wrong : true spans that both models predict with the same boundaries and class,
        only `other`, only `base`, neither. spurious in both, spurious fixed, spurious made : predicted spans that are
        not true, of both models, only of `base`, only of `other`.

    Raises
    ------
    InputError : different numbers of examples.

    Examples
    --------
    >>> compare_predictions([["B-PER", "O"]], [["O", "B-PER"]], [["B-PER", "O"]]).loc["PER"].to_list()
    [0, 1, 0, 0, 0, 1, 0]
    """
    lists = read_span_lists(true, "true")
    pair = [read_span_lists(one, name, lists.n) for one, name in ((base, "base"), (other, "other"))]
    classes = sorted({name for one in (lists, *pair) for name in one.names})
    spurious = ("spurious in both", "spurious fixed", "spurious made")
    counts = pd.DataFrame(0, index=pd.Index(classes, name="class"), columns=[*PREDICTED_OUTCOMES, *spurious])
    left = lists.missing | pair[0].missing | pair[1].missing
    for row in np.flatnonzero(~left).tolist():
        right, first, second = (set(one.spans[row]) for one in (lists, *pair))
        for span in right:
            counts.loc[span[2], PREDICTED_OUTCOMES[2 * (span not in second) + (span not in first)]] += 1
        for span in (first | second) - right:
            counts.loc[span[2], spurious[0 if span in first and span in second else 1 if span in first else 2]] += 1
    return counts


def domain_overlap(
    source: Any, types: Any, target: Any, *, neighbors: int = 10, texts: Any = None
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Place the entities of a target domain among those of a source domain by their embeddings.

    Parameters
    ----------
    source : float (m, d), embeddings of entities. types : m types of them. target : float (t, d).
    neighbors : number of nearest source entities, by cosine.
    texts : t str, the entities of the target domain.

    Returns
    -------
    (target, source) : DataFrames, most overlapping first, and most doubtful first
        Of each target entity: nearest_type, share of the neighbours with it, and overlap in [0, 1]: the share of source
        entities that are farther from their own neighbours than the target entity is from its neighbours. 0 means
        farther than all of them. The mean is in `attrs["overlap"]`.
        Of each source entity: type, nearest_type and doubt, the share of its neighbours with another type.

    Raises
    ------
    InputError : other shapes, or fewer than `neighbors` + 1 source entities.

    Notes
    -----
    Cost O((m + t) m d). A map of both domains is `wb.project`, or the Explorer, of a run of all entities.
    """
    source, target = (
        check_embeddings(np.asarray(source), len(source)),
        check_embeddings(np.asarray(target), len(target)),
    )
    labels = np.asarray(types, object)
    if len(labels) != len(source):
        raise InputError.at("types", f"has {len(labels)} entries for {len(source)} entities", "Pass one per entity.")
    if len(source) <= neighbors:
        raise InputError.at("source", f"has {len(source)} entities", f"Pass more than neighbors={neighbors}.")
    source, target = (one / np.maximum(np.linalg.norm(one, axis=1, keepdims=True), 1e-12) for one in (source, target))
    itself = source @ source.T
    np.fill_diagonal(itself, -np.inf)
    own, beside = _nearest(itself, neighbors), _nearest(target @ source.T, neighbors)
    closeness = np.sort(own[1])
    overlap = np.searchsorted(closeness, beside[1], side="right") / len(closeness)
    name, share = _majority(labels[beside[0]])
    placed = pd.DataFrame({"nearest_type": name, "share": share, "overlap": overlap})
    if texts is not None:
        placed.insert(0, "text", list(texts))
    placed = placed.sort_values("overlap", ascending=False, kind="stable")
    placed.attrs["overlap"] = float(overlap.mean()) if len(overlap) else float("nan")
    name, _ = _majority(labels[own[0]])
    doubt = (labels[own[0]] != labels[:, None]).mean(axis=1)
    given = pd.DataFrame({"type": labels, "nearest_type": name, "doubt": doubt})
    return placed, given.sort_values("doubt", ascending=False, kind="stable")


def _nearest(cosine: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the k largest of each row (r, k), and their mean (r,)."""
    found = np.argpartition(-cosine, k - 1, axis=1)[:, :k]
    return found, np.take_along_axis(cosine, found, axis=1).mean(axis=1)


def _majority(labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the most frequent label of each row, and its share."""
    names, codes = np.unique(labels.astype(str), return_inverse=True)
    codes = codes.reshape(labels.shape)
    counts = np.stack([(codes == code).sum(axis=1) for code in range(len(names))], axis=1)
    best = counts.argmax(axis=1)
    return names.astype(object)[best], counts[np.arange(len(best)), best] / max(labels.shape[1], 1)
