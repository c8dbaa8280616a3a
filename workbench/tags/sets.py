"""Dependencies between tags: rules and the cells that break them, and the likelihood of an example's set of tags."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from workbench.foundation.checks import check_whole
from workbench.foundation.errors import InputError
from workbench.foundation.parallel import one_blas_thread
from workbench.tags.pair_rules import PairRules, examples_of_rule, pair_rules
from workbench.tags.tables import (
    StoredTags,
    TagTable,
    cells_frame,
    read_both,
    stored_tags,
    table_of_tags,
    units_frame,
)
from workbench.tasks.tag_cells import NO, YES, TagCells, cells_of

CLIP = 1e-3
"""Probabilities are clipped to [CLIP, 1 - CLIP]."""

PAIRWISE_STRENGTH = 0.1
"""Inverse regularisation strength of the pairwise model."""

SHARPEST = 1e-9


class TagRules(NamedTuple):
    """Result of `tag_rules`: the DataFrames `rules` and `broken`."""

    rules: pd.DataFrame
    broken: pd.DataFrame


def tag_rules(
    labels: Any, *, confidence: float = 0.9, support: int = 10, classes: Sequence[object] | None = None
) -> TagRules:
    """Find tags that imply or exclude other tags, and the cells that break these rules.

    Parameters
    ----------
    labels : as in `proposals`. classes : as in `proposals`.
    confidence : in [0, 1], minimum share of the examples with a tag that follow a rule.
    support : minimum number of examples that have the first tag and for which the second one is known.

    Returns
    -------
    TagRules
        rules : one row per rule, strongest first; tag, other, kind ("implies": examples with the tag have the other
            one; "excludes": they do not), count (examples with the tag for which the other one is known), share (of
            these that follow the rule), low (lower end of Wilson's 95 % interval of the share), expected (the share if
            the tags were independent), lift (share / expected), broken (number of exceptions). Exclusions are listed if
            at least 2 examples with both tags would be expected, implications if `low` is above `expected`.
        broken : the cells, in the format of `proposals`, indexed by (id, unit): for "implies" the other tag, which is
            missing; for "excludes" both tags, one of which is wrong; with the `rule` in words and its share,
            `confidence`.

    Raises
    ------
    InputError : confidence outside [0, 1], support below 1, or labels in an unsupported form.
    """
    if not 0 <= confidence <= 1:
        raise InputError.at("confidence", f"is {confidence!r}", "Pass a share between 0 and 1.")
    check_whole("support", support, 1)
    stored = stored_tags(labels, classes)
    cells = cells_of(stored.labels)
    rules = pair_rules(cells, len(stored.names), confidence, support).sorted()
    names = np.array([*stored.names, ""], object)
    frame = pd.DataFrame(
        {
            "tag": names[rules.first], "other": names[rules.second],
            "kind": np.where(rules.implies, "implies", "excludes").astype(object), "count": rules.count,
            "share": rules.share, "low": rules.low, "expected": rules.expected,
            "lift": rules.share / np.maximum(rules.expected, SHARPEST), "broken": rules.broken,
        }
    )  # fmt: skip
    return TagRules(frame, _broken(stored, cells, rules, frame))


def _broken(stored: StoredTags, cells: TagCells, rules: PairRules, frame: pd.DataFrame) -> pd.DataFrame:
    """Return the cells that break rules, each once, with the strongest rule that it breaks."""
    k = len(stored.names)
    parts: list[tuple[np.ndarray, ...]] = [(np.empty(0, np.int64),) * 3]
    for place in np.flatnonzero(rules.broken).tolist():
        first, second, implies = int(rules.first[place]), int(rules.second[place]), bool(rules.implies[place])
        rows = examples_of_rule(cells, k, first, second, implies)
        parts += [(rows, np.full(len(rows), tag), np.full(len(rows), place)) for tag in (second, first)[: 2 - implies]]
    rows, tags, of = (np.concatenate(one) for one in zip(*parts))
    _, once = np.unique(rows * k + tags, return_index=True)
    rows, tags, of = (one[np.sort(once)] for one in (rows, tags, of))
    words = (frame["tag"] + " " + frame["kind"] + " " + frame["other"]).to_numpy(object)
    suggested = np.where(rules.implies[of], YES, NO)
    columns = {"rule": words[of], "confidence": rules.share[of]}
    return units_frame(stored.names, stored.ids, np.where(suggested == YES, NO, YES), rows, tags, suggested, **columns)


def set_gaps(
    labels: Any, pred_probs: Any = None, *, most_changes: int = 3, classes: Sequence[object] | None = None
) -> pd.DataFrame:
    """Compare the likelihood of each example's given set of tags with that of the best alternative set.

    Parameters
    ----------
    labels : as in `proposals`; unknown cells are set to the mean and never changed.
    pred_probs : float (n, k), optional: out-of-fold probabilities of each tag from the example itself; without them
        only dependencies between tags are used.
    most_changes : maximum number of tags in which alternative sets differ from the given one, at least 1.
    classes : as in `proposals`.

    Returns
    -------
    DataFrame indexed by id, largest gap first
        gap (non-negative float64, difference of log likelihoods, 0 = no alternative is more likely), add and drop
        (lists of tags that differ in the best alternative), given (list of tags), row.

    Raises
    ------
    InputError : `most_changes` below 1, or labels or probabilities in an unsupported form.

    Notes
    -----
    log p(set) = sum b_t y_t + sum_{t<u} J_tu y_t y_u + sum y_t (logit p_t - logit mean p_t) + constant: a pairwise
    model of the tags, fitted by pseudo-likelihood (one penalised logistic regression per tag on all others, weights of
    both directions averaged) in five folds of examples, so that no set is judged by a model trained on it; the constant
    cancels in the gap. Alternatives are searched greedily, one tag at a time. Not suitable for thousands of tags.

    References
    ----------
    Tsai, Huang & Chen 2021, Modeling Diagnostic Label Correlation for Automatic ICD Coding, who rescore candidate sets
    by a masked language model of sets; Besag 1975 for the pseudo-likelihood.
    """
    check_whole("most_changes", most_changes, 1)
    table, odds = _own_odds(labels, pred_probs, classes)
    known = table.given >= 0
    start = (table.given == YES).astype(float)
    current, gap = start.copy(), np.zeros(len(start))
    for some, bias, coupling, mean in _pairwise(table):
        for _ in range(int(most_changes)):
            filled = np.where(known[some], current[some], mean)
            gain = (1 - 2 * current[some]) * (bias + filled @ coupling + odds[some])
            gain = np.where(known[some] & (current[some] == start[some]), gain, -np.inf)
            best = gain.argmax(axis=1)
            value = gain[np.arange(len(some)), best]
            better = value > 0
            gap[some[better]] += value[better]
            current[some[better], best[better]] = 1 - current[some[better], best[better]]
    names = np.array([*table.names, ""], object)[:-1]
    lists = {
        "add": [names[one].tolist() for one in current > start],
        "drop": [names[one].tolist() for one in current < start],
        "given": [names[one].tolist() for one in start > 0],
    }
    frame = pd.DataFrame({"gap": gap, **lists, "row": np.arange(len(gap))}, index=pd.Index(table.ids, name="id"))
    return frame.iloc[np.argsort(-gap, kind="stable")]


def cooccurrence_only(
    labels: Any, pred_probs: Any, *, predicted: Any = None, classes: Sequence[object] | None = None
) -> pd.DataFrame:
    """Find tags that are supported only by co-occurrence with an example's other tags, not by its own content.

    Parameters
    ----------
    labels : as in `proposals`. classes : as in `proposals`.
    pred_probs : float (n, k), out-of-fold probability of each tag from the example alone, such as heads on features
        (`cross_val_predict`).
    predicted : float (n, k), optional: probabilities of a model to examine; its tags with a probability of at least 1/2
        are used instead of the given ones.

    Returns
    -------
    DataFrame indexed by (id, unit), largest difference first
        in the format of `proposals`, with own (log odds of the tag from the example itself, relative to the tag's mean)
        and others (the same from its other tags), for cells with own < 0 < others.

    Raises
    ------
    InputError : labels or probabilities in an unsupported form.

    Notes
    -----
    `others` is the sum of the couplings with the example's other tags in the model of `set_gaps`.

    References
    ----------
    Ye et al. 2020, Attention-Driven Dynamic Graph Convolutional Network, who replace global co-occurrence by
    image-specific relations because of such tags.
    """
    table, odds = _own_odds(labels, pred_probs, classes)
    has = table.given == YES
    if predicted is not None:
        values = read_both(table.given, predicted, field="predicted", probabilities=True)[1]
        has = np.nan_to_num(values) >= 0.5
    others = np.zeros(odds.shape)
    for some, _, coupling, mean in _pairwise(table):
        there = np.where(table.given[some] >= 0, table.given[some] == YES, mean)
        others[some] = (there - mean) @ coupling
    rows, tags = np.nonzero(has & (odds < 0) & (others > 0))
    order = np.argsort(-(others - odds)[rows, tags], kind="stable")
    rows, tags = rows[order], tags[order]
    return cells_frame(
        table, rows, tags, np.zeros(len(rows), np.int64), own=odds[rows, tags], others=others[rows, tags]
    )


def _own_odds(labels: Any, pred_probs: Any, classes: Sequence[object] | None) -> tuple[TagTable, np.ndarray]:
    """Return labels, and log odds of each tag relative to its mean; 0 without probabilities."""
    if pred_probs is None:
        table = table_of_tags(labels, classes)
        return table, np.zeros(table.given.shape)
    table, p = read_both(labels, pred_probs, field="pred_probs", classes=classes, probabilities=True)
    p = np.clip(p, CLIP, 1 - CLIP)
    mean = np.nanmean(p, axis=0)
    return table, np.nan_to_num(np.log(p / (1 - p)) - np.log(mean / (1 - mean)))


def _pairwise(table: TagTable) -> list[tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]]:
    """Return the rows of each fold with biases (k,), couplings (k, k) and means (k,) fitted to the other folds."""
    n = len(table.given)
    fold = np.random.default_rng(0).permutation(n) % 5
    found = []
    with one_blas_thread():
        for number in range(5):
            some, rest = np.flatnonzero(fold == number), np.flatnonzero(fold != number)
            found.append((some, *_couplings(table.given[rest])))
    return found


def _couplings(given: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    from sklearn.linear_model import LogisticRegression

    k = given.shape[1]
    known, yes = given >= 0, given == YES
    mean = (yes.sum(axis=0) + 0.5) / (known.sum(axis=0) + 1)
    filled = np.where(known, yes, mean)
    bias, weights = np.log(mean / (1 - mean)), np.zeros((k, k))
    for tag in range(k):
        rows = known[:, tag]
        if k == 1 or len(np.unique(yes[rows, tag])) < 2:
            continue
        others = np.delete(np.arange(k), tag)
        model = LogisticRegression(C=PAIRWISE_STRENGTH, max_iter=300).fit(filled[rows][:, others], yes[rows, tag])
        weights[tag, others], bias[tag] = model.coef_[0], model.intercept_[0]
    coupling = (weights + weights.T) / 2
    return bias, coupling, mean
