"""Label projection over word alignments: tags of several source languages vote on each token of the target.

Imani et al. 2022, Graph-Based Multilingual Label Propagation for Low-Resource Part-of-Speech Tagging.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from workbench.foundation.errors import InputError, shortened
from workbench.foundation.printing import Printed
from workbench.spans.links import TargetLengths, read_links, target_lengths
from workbench.spans.projection_faults import Fault, Projection, fault_table
from workbench.spans.span_lists import read_ids, read_span_lists
from workbench.tasks.sentences import cut, listed
from workbench.tasks.span_tags import OUTSIDE, Span

RELIABILITY_ROUNDS = 3
LEAST_RELIABILITY, MOST_RELIABILITY = 0.05, 0.99
"""Bounds of the estimated accuracy above chance of a source, before its logarithm is a weight."""


@dataclass(frozen=True, repr=False)
class PropagatedTags(Printed):
    """Tags of n target sentences.

    Attributes
    ----------
    tags : n lists of str; None for a token without a vote.
    classes : k tags. probs : n float64 arrays (tokens, k), shares of the votes; NaN without a vote.
    tokens : DataFrame with one row per token: row, place, tag, votes (sources with a link), share (of the winning tag,
        in [0, 1]), entropy (of the shares, in nats, 0 = unanimous), and for each source its own tag.
    weights : Series, the weight of each source.
    """

    tags: list[list[str | None]]
    classes: tuple[str, ...]
    probs: list[np.ndarray]
    tokens: pd.DataFrame
    weights: pd.Series

    def __str__(self) -> str:
        known = self.tokens["votes"] > 0
        mean = self.tokens["entropy"][known].mean()
        said = f"tags of {int(known.sum()):,} of {len(known):,} tokens from {len(self.weights)} sources"
        return f"{said}; mean entropy {mean:.2f}"


def propagate_tags(
    tags: Mapping[str, Any], alignments: Mapping[str, Any], *, lengths: Any = None, tokens: Any = None,
    weights: str | Mapping[str, float] = "agreement", forms: float = 1.0,
) -> PropagatedTags:  # fmt: skip
    """Let the tags of aligned tokens in several source languages vote on the tags of a target language.

    Parameters
    ----------
    tags : dict of source to n lists of str, one tag per token, such as parts of speech; None for a token without one.
    alignments : dict of the same sources to links from source to target tokens, as in `candidate_positions`.
    lengths : (n,) int, numbers of tokens of the target sentences. tokens : n lists of str, the tokens themselves.
    weights : "agreement", "equal", or dict of source to weight. "agreement" estimates the accuracy of each source from
        its agreement with the vote of the others.
    forms : weight of the votes for the same word form in other sentences, in votes; needs `tokens`; 0 = not used.

    Returns
    -------
    PropagatedTags

    Raises
    ------
    InputError : sources that differ, links beyond the tokens, tags that are not text, or unknown weights.

    Notes
    -----
    The share of tag c at token j is sum_s r_s v_sj(c) / sum_s r_s over sources s with a link to j, where v_sj(c) is the
    weight of the links from tokens with tag c over that of all links of s to j: each source has one vote per token.
    With "agreement", r_s = log(a_s (k - 1) / (1 - a_s)), the weight of a voter of accuracy a_s in the one-coin model of
    Dawid and Skene. Word forms add `forms` times the mean of the shares of their tokens in other sentences, which
    outvotes wrong links. Errors that all sources share are not seen.

    References
    ----------
    Imani et al. 2022, Graph-Based Multilingual Label Propagation for Low-Resource Part-of-Speech Tagging. Das and
    Petrov 2011, Unsupervised Part-of-Speech Tagging with Bilingual Graph-Based Projections.

    Examples
    --------
    >>> found = propagate_tags({"de": [["DET", "NOUN"]], "fr": [["DET", "NOUN"]]}, {"de": ["0-0 1-1"], "fr": ["0-1"]},
    ...                        lengths=[2])
    >>> found.tags, found.tokens["votes"].tolist()
    ([['DET', 'DET']], [1, 2])
    """
    names = _sources(tags, alignments)
    n = len(listed("tags", tags[names[0]]))
    target = target_lengths(n, lengths, tokens)
    table = [_checked_tags(name, tags[name], n) for name in names]
    classes = tuple(sorted({tag for own in table for row in own for tag in row if tag is not None}))
    if not classes:
        raise InputError.at("tags", "has no tag", "Pass lists of str, one per token.")
    starts = np.concatenate([[0], np.cumsum(target.sizes)]).astype(np.int64)
    votes = np.stack(
        [_votes(own, alignments[name], classes, target.sizes, starts, name) for name, own in zip(names, table)]
    )
    given = _weights(weights, names, votes)
    shares, count = _pooled(votes, given)
    if forms and target.tokens is not None:
        shares = _with_forms(shares, count, target.tokens, forms)
    known = shares.sum(axis=1) > 0
    probs = np.where(known[:, None], shares / np.where(known, shares.sum(axis=1), 1)[:, None], np.nan)
    code = np.where(known, np.argmax(shares, axis=1), -1)
    lookup = np.array([*classes, None], object)
    frame = _tokens(names, votes, probs, count, lookup[code], target, lookup)
    return PropagatedTags(
        [one.tolist() for one in cut(lookup[code], starts)], classes, cut(probs, starts), frame,
        pd.Series(given, index=pd.Index(names, name="source"), name="weight"),
    )  # fmt: skip


def voted_spans(
    spans: Mapping[str, Any], alignments: Mapping[str, Any], *, lengths: Any = None, tokens: Any = None,
    weights: str | Mapping[str, float] = "agreement", forms: float = 0.0, least_margin: float = 0.5, ids: Any = None,
) -> Projection:  # fmt: skip
    """Project spans from several source languages: the classes of aligned tokens vote, and runs of a class are spans.

    Parameters
    ----------
    spans : dict of source to n lists of tags, or of (start, end, class) in tokens, without overlaps.
    alignments, lengths, tokens, weights, forms : as in `propagate_tags`.
    least_margin : in [0, 1], spans whose mean margin of shares is smaller are in `issues` as "low margin".
    ids : n ids; by default the row numbers.

    Returns
    -------
    Projection. Tokens without a vote are outside of spans; neighbouring spans of one class become one. The second
    class, or no span, is the suggestion for a low margin; `margin` is the mean over its tokens of the share of the
    class minus that of the next one.

    Raises
    ------
    InputError : as in `propagate_tags`; overlapping spans.
    """
    names = _sources(spans, alignments)
    given = {name: read_span_lists(spans[name], f"spans of {name}") for name in names}
    n = given[names[0]].n
    target = target_lengths(n, lengths, tokens)
    tags = {name: _class_tags(one.spans, one.lengths, alignments[name], name) for name, one in given.items()}
    found = propagate_tags(
        tags, alignments, lengths=target.sizes if tokens is None else None, tokens=tokens, weights=weights, forms=forms
    )
    every: list[list[Span]] = []
    faults: list[Fault] = []
    for row, own in enumerate(found.tags):
        placed = class_runs(own)
        every.append(placed)
        for start, end, label in placed:
            shares = found.probs[row][start:end].mean(axis=0)
            order = np.argsort(-shares, kind="stable")
            second = found.classes[order[1]] if len(order) > 1 else OUTSIDE
            margin = float(shares[order[0]] - (shares[order[1]] if len(order) > 1 else 0))
            if margin < least_margin:
                other = None if second == OUTSIDE else (start, end, second)
                reason = f"{shares[order[0]]:.0%} of the votes are for {label}, {1 - shares[order[0]]:.0%} against"
                faults.append(Fault(row, "low margin", (start, end, label), other, reason, margin))
    keys = read_ids(ids, np.arange(n))
    issues = fault_table(faults, keys, every, None, target.tokens)
    unknown = [[-1] * len(own) for own in every]
    return Projection(keys, every, None, target.tokens, target.sizes, unknown, issues)


def _sources(tags: Any, alignments: Any) -> list[str]:
    for field, value in (("tags", tags), ("alignments", alignments)):
        if not isinstance(value, Mapping) or not value:
            found = f"is {'empty' if isinstance(value, Mapping) else f'a {type(value).__name__}'}"
            raise InputError.at(field, found, "Pass a dict with one entry per source language.")
    if set(tags) != set(alignments):
        lost = sorted(map(str, set(tags) ^ set(alignments)))
        raise InputError.at("alignments", f"and tags differ in the sources {lost}", "Name the same sources in both.")
    return list(tags)


def _checked_tags(name: str, tags: Any, n: int) -> list[list[str | None]]:
    rows = [list(one) for one in listed("tags", tags)]
    if len(rows) != n:
        raise InputError.at("tags", f"of {name} has {len(rows)} sentences, not {n}", "Pass the same sentences.")
    for row, own in enumerate(rows):
        for tag in own:
            if tag is not None and not isinstance(tag, str):
                raise InputError.at("tags", f"of {name} holds {shortened(tag)}", "Pass text, or None.", row=row)
    return rows


def _votes(
    tags: list[list[str | None]], alignments: Any, classes: tuple[str, ...], sizes: np.ndarray, starts: np.ndarray,
    name: str,
) -> np.ndarray:  # fmt: skip
    """Return the votes of one source, (t, k) float64, rows that sum to 1, or to 0 without a link to a tagged token."""
    lengths = np.array([len(one) for one in tags], np.int64)
    links = read_links(alignments, len(tags), lengths, sizes, f"alignments of {name}")
    code_of = {tag: code for code, tag in enumerate(classes)}
    flat = np.array([-1 if tag is None else code_of[tag] for own in tags for tag in own], np.int64)
    begin = np.concatenate([[0], np.cumsum(lengths)])
    rows = links.rows
    code = flat[begin[rows] + links.source] if len(rows) else np.empty(0, np.int64)
    kept = code >= 0
    votes = np.zeros((int(starts[-1]), len(classes)))
    np.add.at(votes, (starts[rows][kept] + links.target[kept], code[kept]), links.weight[kept])
    total = votes.sum(axis=1, keepdims=True)
    return np.divide(votes, total, out=votes, where=total > 0)


def _weights(weights: Any, names: list[str], votes: np.ndarray) -> np.ndarray:
    """Return the weight of each source, (s,) float64."""
    if isinstance(weights, Mapping):
        lost = [name for name in names if name not in weights]
        found = np.array([float(weights.get(name, 0)) for name in names])
        if lost or not np.isfinite(found).all() or (found < 0).any() or not found.any():
            todo = "Pass a weight of at least 0 for each source, not all 0."
            raise InputError.at("weights", f"is {shortened(dict(weights))}", todo)
        return found
    if weights not in ("agreement", "equal"):
        raise InputError.unknown("weights", weights, ("agreement", "equal"), "Or pass a dict.")
    found = np.ones(len(names))
    if weights == "equal" or len(names) < 3:
        return found
    k = votes.shape[2]
    for _ in range(RELIABILITY_ROUNDS):
        accuracy = np.empty(len(names))
        for one in range(len(names)):
            others = np.arange(len(names)) != one
            shares, count = _pooled(votes[others], found[others])
            both = (votes[one].sum(axis=1) > 0) & (count > 0)
            agree = float((votes[one][both] * shares[both]).sum())
            accuracy[one] = (agree + 1) / (both.sum() + 2)
        chance = 1 / max(k, 2)
        above = np.clip((accuracy - chance) / (1 - chance), LEAST_RELIABILITY, MOST_RELIABILITY)
        accuracy = chance + above * (1 - chance)
        found = np.log(accuracy * max(k - 1, 1) / (1 - accuracy))
    return found / found.mean()


def _pooled(votes: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return shares (t, k), 0 without votes, and the number of sources that vote (t,) int64."""
    total = np.einsum("stk,s->tk", votes, weights)
    mass = total.sum(axis=1, keepdims=True)
    return np.divide(total, mass, out=np.zeros_like(total), where=mass > 0), (votes.sum(axis=2) > 0).sum(axis=0)


def _with_forms(shares: np.ndarray, count: np.ndarray, tokens: list[list[str]], weight: float) -> np.ndarray:
    """Return votes (t, k), count x shares, with those for the same form in other sentences added as `weight` votes."""
    words = [word.casefold() for own in tokens for word in own]
    _, form = np.unique(np.array(words, object).astype(str), return_inverse=True)
    rows = np.repeat(np.arange(len(tokens)), [len(own) for own in tokens])
    _, pair = np.unique(np.stack([form, rows]), axis=1, return_inverse=True)
    pair = pair.reshape(-1)
    k = shares.shape[1]
    sums = []
    for group in (form, pair):
        total = np.zeros((int(group.max(initial=-1)) + 1, k))
        np.add.at(total, group, shares)
        sums.append(total[group])
    others = np.maximum(sums[0] - sums[1], 0)
    mass = others.sum(axis=1, keepdims=True)
    mean = np.divide(others, mass, out=np.zeros_like(others), where=mass > 1e-9)
    return count[:, None] * shares + weight * mean


def _tokens(
    names: list[str], votes: np.ndarray, probs: np.ndarray, count: np.ndarray, tags: np.ndarray, target: TargetLengths,
    lookup: np.ndarray,
) -> pd.DataFrame:  # fmt: skip
    rows = np.repeat(np.arange(len(target.sizes)), target.sizes)
    place = np.arange(len(rows)) - np.repeat(np.cumsum(target.sizes) - target.sizes, target.sizes)
    known = ~np.isnan(probs).any(axis=1)
    logs = np.log(np.where(probs > 0, probs, 1.0))
    entropy = np.where(known, -(np.nan_to_num(probs) * logs).sum(axis=1) + 0.0, np.nan)
    own = {
        name: lookup[np.where(votes[one].sum(axis=1) > 0, votes[one].argmax(axis=1), -1)]
        for one, name in enumerate(names)
    }
    share = np.where(known, np.nan_to_num(probs).max(axis=1, initial=0), np.nan)
    shown = {} if target.tokens is None else {"token": [word for row in target.tokens for word in row]}
    return pd.DataFrame(
        {"row": rows, "place": place, **shown, "tag": tags, "votes": count, "share": share, "entropy": entropy, **own}
    )


def _class_tags(spans: list[list[Span]], lengths: np.ndarray, alignments: Any, name: str) -> list[list[str | None]]:
    """Return the class of each source token; tokens beyond the last span and link are not listed."""
    far = np.array([max((one[1] for one in own), default=0) for own in spans], np.int64)
    links = read_links(alignments, len(spans), lengths, np.full(len(spans), -1), f"alignments of {name}")
    np.maximum.at(far, links.rows, links.source + 1)
    found: list[list[str | None]] = []
    for row, own in enumerate(spans):
        tags: list[str | None] = [OUTSIDE] * int(max(far[row], lengths[row]))
        end = 0
        for start, stop, label in own:
            if start < end:
                todo = "Project overlapping spans one layer at a time."
                raise InputError.at(f"spans of {name}", f"has overlapping spans at {start}", todo, row=row)
            tags[start:stop] = [label] * (stop - start)
            end = stop
        found.append(tags)
    return found


def class_runs(tags: list[str | None]) -> list[Span]:
    """Return maximal runs of one class among tags ("O" or None outside) as spans."""
    spans: list[Span] = []
    start = 0
    for place, tag in enumerate([*tags, None]):
        if place and tag != tags[place - 1]:
            label = tags[place - 1]
            if label not in (None, OUTSIDE):
                spans.append((start, place, str(label)))
            start = place
    return spans
