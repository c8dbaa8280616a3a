"""Types of tokens by the distance of their embeddings to embeddings of type descriptions, for unseen types as well.

Shi, Wu, Zhang and Li 2023, Adaptive End-to-End Metric Learning for Zero-Shot Cross-Domain Slot Filling.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from workbench.foundation.checks import check_whole
from workbench.foundation.errors import InputError
from workbench.foundation.rows import softmax
from workbench.spans.alignments import class_runs
from workbench.spans.projection_faults import Fault, fault_table
from workbench.spans.span_lists import read_ids, read_span_lists
from workbench.tasks.sentences import cut, flat_table, listed, starts_of
from workbench.tasks.span_tags import OUTSIDE, Span


@dataclass(frozen=True)
class NearestTypes:
    """Types by similarity.

    Attributes
    ----------
    names : "O" and the k types. probs : n float64 arrays (tokens, k + 1), out-of-fold by sentence. spans : n lists of
    (start, end, type), runs of the most probable type. issues : DataFrame indexed by (id, unit) about the given labels,
    in the format of `Projection.issues`: "type" (another type is more probable), "missed" (a run of a type without a
    given span) and "spurious" (no type is), with the probability of the given type minus that of the other one as
    `margin`.
    """

    names: tuple[str, ...]
    probs: list[np.ndarray]
    spans: list[list[Span]]
    issues: pd.DataFrame


def nearest_types(
    given: Any, embeddings: Any, types: Any, *, tokens: Any = None, folds: int = 5, ridge: float = 1.0, seed: int = 0,
    ids: Any = None,
) -> NearestTypes:  # fmt: skip
    """Classify tokens by the distance of their embeddings to those of type descriptions, and list doubtful spans.

    Parameters
    ----------
    given : n lists of tags, or of (start, end, type) in tokens; None for an unlabelled sentence, such as of another
        domain, which is not learned from; a Run or Dataset of spans.
    embeddings : n float arrays (tokens, d), such as hidden states of a language model.
    types : DataFrame (k, e) indexed by type, or dict of type to (e,) float: embeddings of the names or descriptions of
        all types. Those without a given span are unseen types, which are predicted as well.
    tokens : n lists of str, for the table.
    folds : number of folds, dealt by sentence. ridge : positive, penalty of the map, per token. seed : of the folds.
    ids : n ids; by default those of `given`.

    Returns
    -------
    NearestTypes

    Raises
    ------
    InputError : other shapes, missing values, types without an embedding, fewer labelled sentences than folds.

    Notes
    -----
    A linear map from token to type embeddings is learned by ridge regression on the given labels of the other folds
    ("O" has the mean of the type embeddings). P(type) is proportional to exp(-d^2 / (2 s^2)), where d is the distance
    of the mapped token to the type and s^2 the mean squared distance to the given one, per dimension. The map knows
    unseen types only through embeddings of similar ones. The probabilities are not calibrated: use them to rank.

    References
    ----------
    Shi, Wu, Zhang and Li 2023, Adaptive End-to-End Metric Learning for Zero-Shot Cross-Domain Slot Filling; here the
    metric is linear.
    """
    check_whole("folds", folds, 2)
    rows = listed("embeddings", embeddings)
    labels = read_span_lists(given, "given", len(rows))
    starts = starts_of(rows)
    sizes = np.diff(starts)
    x = np.asarray(flat_table("embeddings", rows, starts), np.float64)
    names, vectors = _types(types, {span[2] for own in labels.spans for span in own})
    codes = _codes(labels.spans, sizes, starts, {name: code for code, name in enumerate(names)})
    if not np.isfinite(x).all():
        raise InputError.at("embeddings", "holds NaN or infinity", "Pass one finite vector per token.")
    labelled = ~labels.missing
    if labelled.sum() < folds:
        found = f"has {labelled.sum()} labelled sentences"
        raise InputError.at("given", found, f"At least {folds} are needed for the folds.")
    whole = np.concatenate([vectors.mean(axis=0, keepdims=True), vectors])
    fold = np.random.default_rng(seed).permutation(len(rows)) % folds
    fold[labelled] = np.random.default_rng(seed).permutation(int(labelled.sum())) % folds
    of, known = np.repeat(fold, sizes), np.repeat(labelled, sizes)
    mapped = np.empty((len(x), whole.shape[1]))
    for one in range(folds):
        inside = of == one
        learned = ~inside & known
        mapped[inside] = _ridge(x[learned], whole[codes[learned]], x[inside], ridge)
    distance = ((mapped[:, None, :] - whole[None]) ** 2).sum(axis=2)
    spread = max(float(distance[np.arange(len(x)), codes][known].mean()) / whole.shape[1], 1e-12)
    probs = cut(softmax(-distance / (2 * spread)) if len(x) else distance, starts)
    every = (OUTSIDE, *names)
    spans = [class_runs([every[code] for code in one.argmax(axis=1)]) for one in probs]
    parts = zip(labels.spans, spans, probs)
    faults = [fault for row, part in enumerate(parts) for fault in _doubts(row, *part, every)]
    keys = read_ids(ids, labels.ids)
    words = None if tokens is None else listed("tokens", tokens)
    return NearestTypes(every, probs, spans, fault_table(faults, keys, labels.spans, None, words))


def _types(types: Any, given: set[str]) -> tuple[tuple[str, ...], np.ndarray]:
    """Return the names and the embeddings (k, e) of the types."""
    table = types.T if isinstance(types, pd.DataFrame) else types
    if not isinstance(table, (Mapping, pd.DataFrame)) or not len(table.keys()):
        raise InputError.at("types", f"is a {type(types).__name__}", "Pass a dict of type to vector, or a DataFrame.")
    names = tuple(map(str, table.keys()))
    try:
        vectors = np.stack([np.asarray(table[name], np.float64) for name in list(table)])
    except (TypeError, ValueError) as error:
        raise InputError.at("types", f"holds other shapes ({error})", "Pass vectors of one length.") from error
    if vectors.ndim != 2 or not np.isfinite(vectors).all():
        raise InputError.at("types", f"has shape {vectors.shape}", "Pass one finite vector per type.")
    lost = sorted(given - set(names))
    if lost:
        raise InputError.unknown("type", lost[0], names, "Pass an embedding of every given type.")
    return names, vectors


def _codes(spans: list[list[Span]], sizes: np.ndarray, starts: np.ndarray, code_of: dict[str, int]) -> np.ndarray:
    """Return (t,) int64: 0 outside of spans, 1 + the number of the type inside."""
    codes = np.zeros(int(starts[-1]), np.int64)
    for row, own in enumerate(spans):
        for start, end, label in own:
            if end > sizes[row]:
                found = f"has {sizes[row]} tokens, and a span ends at {end}"
                raise InputError.at("embeddings", found, "Pass one vector per token.", row=row)
            codes[starts[row] + start : starts[row] + end] = 1 + code_of[label]
    return codes


def _ridge(x: np.ndarray, y: np.ndarray, new: np.ndarray, penalty: float) -> np.ndarray:
    """Return predictions (m, e) of a linear map with intercept, learned from x (t, d) and y (t, e)."""
    center, middle = x.mean(axis=0), y.mean(axis=0)
    gram = (x - center).T @ (x - center)
    gram[np.diag_indices(len(gram))] += penalty * len(x) * 1e-3 + 1e-9
    return (new - center) @ np.linalg.solve(gram, (x - center).T @ (y - middle)) + middle


def _doubts(row: int, given: list[Span], found: list[Span], probs: np.ndarray, names: tuple[str, ...]) -> list[Fault]:
    """Return given spans for which another type is more probable, and runs of a type without a given span."""
    faults = []
    for start, end, label in given:
        share = probs[start:end].mean(axis=0)
        best, own = int(share.argmax()), names.index(label)
        if best == own:
            continue
        other = None if best == 0 else (start, end, names[best])
        reason = f"its embedding is nearest to {names[best]} ({share[best]:.0%}; {label} {share[own]:.0%})"
        kind = "spurious" if best == 0 else "type"
        faults.append(Fault(row, kind, (start, end, label), other, reason, float(share[own] - share[best])))
    for start, end, label in found:
        if not any(one[0] < end and one[1] > start for one in given):
            share = probs[start:end].mean(axis=0)
            reason = f"its embedding is nearest to {label} ({share[names.index(label)]:.0%})"
            margin = float(share[0] - share[names.index(label)])
            faults.append(Fault(row, "missed", None, (start, end, label), reason, margin))
    return faults
