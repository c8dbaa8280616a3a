"""From the posterior of tokens to spans: P(wrong) of given spans, missing spans, and suggestions."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from workbench.issues.calibration import expit, logit
from workbench.issues.spans.candidates import Proposals, free_of, proposed
from workbench.issues.spans.posterior import Posterior

NEIGHBOR_WEIGHT = 0.8
"""Weight of the tokens before and after a given span as evidence that its borders are wrong."""

SPAN_ERRORS = ("type", "boundary", "spurious", "missed")


class JudgedSpans(NamedTuple):
    """The units of one layer, given spans first, then proposed ones; tokens are half-open ranges.

    Attributes
    ----------
    place : (u,) int64, index of the given span, -1 for a proposed one. first, last, label : (u,) the given span, or the
        proposed one.
    p : (u,) float64 in [0, 1], P(wrong) before calibration, for ranking; for a proposed span, that it is missing.
    rough : (u,) float64 in [0, 1], the largest P(wrong) of its tokens, on the scale of errors; 0 without labels.
    other_first, other_last, other_label : (u,) the suggestion, -1 for no span.
    share : (u,) float64 in [0, 1], probability of the suggestion if the unit is wrong.
    kind : (u,) object, of `SPAN_ERRORS`.
    """

    place: np.ndarray
    first: np.ndarray
    last: np.ndarray
    label: np.ndarray
    p: np.ndarray
    rough: np.ndarray
    other_first: np.ndarray
    other_last: np.ndarray
    other_label: np.ndarray
    share: np.ndarray
    kind: np.ndarray


def judged_spans(
    place: np.ndarray, first: np.ndarray, last: np.ndarray, label: np.ndarray, probs: np.ndarray, seen: Posterior,
    rows: np.ndarray, starts: np.ndarray, taken: np.ndarray,
) -> JudgedSpans:  # fmt: skip
    """Judge the given spans of a layer, and propose missing ones.

    Parameters
    ----------
    place, first, last, label : (m,) the given spans of the layer, without overlaps. probs : (t, 2 k + 1) out-of-fold.
    seen : the posterior. rows : (t,) example of each token. starts : (n + 1,). taken : (t,) bool, tokens that are not
        free for proposals: those of given spans of any layer.
    """
    every = proposed(probs, starts)
    own = _given(first, last, label, seen.w, rows)
    others = _alternatives(first, last, label, seen.q, every)
    free = free_of(every, taken)
    new = Proposals(*(one[free] for one in every))
    new_label = _likeliest(new.first, new.last, seen.q, -1)[0]
    outside = 1 - seen.q[:, 0]
    missing = expit(_mean_in(logit(outside), new.first, new.last))
    c = len(free)
    return JudgedSpans(
        np.concatenate([place, np.full(c, -1)]),
        np.concatenate([first, new.first]),
        np.concatenate([last, new.last]),
        np.concatenate([label, new_label]),
        np.concatenate([own, missing]),
        np.concatenate([_largest_in(np.nan_to_num(seen.p_error), *ends) for ends in ((first, last), new[:2])]),
        np.concatenate([others.first, new.first]),
        np.concatenate([others.last, new.last]),
        np.concatenate([others.label, new_label]),
        np.concatenate([others.p, _share_of(new, new_label, seen.q)]),
        np.concatenate([_kinds(first, last, others), np.full(c, SPAN_ERRORS[3], object)]),
    )


def _given(first: np.ndarray, last: np.ndarray, label: np.ndarray, w: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Return P(wrong) (m,): mean log odds of the tokens, with neighbouring tokens as evidence about the boundaries."""
    if not len(first):
        return np.empty(0)
    inside = expit(_mean_in(logit(np.nan_to_num(w)), first, last))
    t = len(w)
    before, after = np.maximum(first - 1, 0), np.minimum(last, t - 1)
    w_before = np.where((first > 0) & (rows[before] == rows[first]), w[before], 0)
    w_after = np.where((last < t) & (rows[after] == rows[first]), w[after], 0)
    return 1 - (1 - inside) * (1 - NEIGHBOR_WEIGHT * np.nan_to_num(np.maximum(w_before, w_after)))


def _mean_in(values: np.ndarray, first: np.ndarray, last: np.ndarray) -> np.ndarray:
    """Return the mean of values over nonempty ranges."""
    total = np.concatenate([[0.0], np.cumsum(values)])
    return (total[last] - total[first]) / np.maximum(last - first, 1)


def _largest_in(values: np.ndarray, first: np.ndarray, last: np.ndarray) -> np.ndarray:
    """Return the maximum of values over nonempty ranges."""
    if not len(first):
        return np.empty(0)
    borders = np.stack([first, last], axis=1).ravel()
    return np.maximum.reduceat(np.append(values, 0), borders)[::2]


def _log_whole(q: np.ndarray, first: np.ndarray, last: np.ndarray) -> np.ndarray:
    """Return the log probability per token (m, k) that ranges are a span of each class."""
    logs = np.log(np.maximum(q, 1e-12))
    total = np.concatenate([np.zeros((1, logs[:, 2::2].shape[1])), np.cumsum(logs[:, 2::2], axis=0)])
    rest = total[last] - total[np.minimum(first + 1, last)]
    return (logs[first, 1::2] + rest) / (last - first)[:, None]


def _likeliest(
    first: np.ndarray, last: np.ndarray, q: np.ndarray, without: np.ndarray | int
) -> tuple[np.ndarray, np.ndarray]:
    """Return (class, per-token probability) of the most likely class of ranges except `without` (m,), -1 for none."""
    if not len(first):
        return np.empty(0, np.int64), np.empty(0)
    logs = _log_whole(q, first, last)
    if not isinstance(without, int):
        logs[np.arange(len(first)), without] = -np.inf
    best = logs.argmax(axis=1)
    return best, np.exp(logs[np.arange(len(first)), best])


def _share_of(new: Proposals, label: np.ndarray, q: np.ndarray) -> np.ndarray:
    """Return the probability of the class of proposed spans among all classes."""
    if not len(label):
        return np.empty(0)
    whole = np.exp(_log_whole(q, new.first, new.last))
    return whole[np.arange(len(label)), label] / np.maximum(whole.sum(axis=1), 1e-12)


def _alternatives(first: np.ndarray, last: np.ndarray, label: np.ndarray, q: np.ndarray, every: Proposals) -> Proposals:
    """Return the suggestion for each given span if it is wrong, and its probability among the alternatives.

    Alternatives are "nothing" or another class with the same boundaries, by the posterior `q`, or a proposed span that
    overlaps it, whose boundaries come from the out-of-fold probabilities alone.
    """
    m = len(first)
    if not m:
        none = np.empty(0, np.int64)
        return Proposals(none, none, none, np.empty(0))
    nothing = np.exp(_mean_in(np.log(np.maximum(q[:, 0], 1e-12)), first, last))
    by_posterior, p_other = _likeliest(first, last, q, label) if q.shape[1] > 3 else (label, np.zeros(m))
    bounds, p_bounds = _overlapping(first, last, every)
    choice = np.argmax(np.stack([nothing, p_other, p_bounds]), axis=0)
    moved = choice == 2
    found_first, found_last = first.copy(), last.copy()
    found_first[moved], found_last[moved] = every.first[bounds[moved]], every.last[bounds[moved]]
    found_label = np.where(choice == 0, -1, np.where(choice == 1, by_posterior, label))
    if moved.any():
        found_label[moved] = _likeliest(found_first[moved], found_last[moved], q, -1)[0]
    total = np.maximum(nothing + p_other + p_bounds, 1e-12)
    return Proposals(found_first, found_last, found_label, np.max([nothing, p_other, p_bounds], axis=0) / total)


def _overlapping(first: np.ndarray, last: np.ndarray, every: Proposals) -> tuple[np.ndarray, np.ndarray]:
    """Return the most likely proposal that overlaps a given span with other boundaries, and its probability, (m,)
    each."""
    m = len(first)
    best, p = np.zeros(m, np.int64), np.zeros(m)
    order = np.argsort(first, kind="stable")
    begins, ends = first[order], last[order]
    low = np.searchsorted(ends, every.first, side="right")
    high = np.searchsorted(begins, every.last, side="left")
    for place in range(len(every.first) - 1, -1, -1):  # the most likely is written last
        for at in range(int(low[place]), int(high[place])):
            if begins[at] != every.first[place] or ends[at] != every.last[place]:
                best[order[at]], p[order[at]] = place, every.p[place]
    return best, p


def _kinds(first: np.ndarray, last: np.ndarray, others: Proposals) -> np.ndarray:
    kinds = np.full(len(first), SPAN_ERRORS[0], object)
    kinds[(others.first != first) | (others.last != last)] = SPAN_ERRORS[1]
    kinds[others.label < 0] = SPAN_ERRORS[2]
    return kinds
