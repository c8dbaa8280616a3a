"""Positions of projected spans: candidates from word alignments, and the best joint choice with each span once.

Le, Chen, Ritter and Xu 2024, Constrained Decoding for Cross-lingual Label Projection: score candidates, and choose
under the constraint that every span occurs exactly once.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from workbench.foundation.errors import InputError, shortened
from workbench.spans.links import TargetLengths, read_links, target_lengths
from workbench.spans.projection_faults import Fault, Projection, fault_table
from workbench.spans.span_lists import SpanLists, read_ids, read_span_lists, span_texts
from workbench.tasks.span_tags import Span

UNLINKED_COST = 0.25
"""Weight of a token without a link inside a candidate position."""

LENGTH_WEIGHT, SHIFT_WEIGHT = 0.5, 0.5
"""Weights of the difference in length, and of that in the places of linked tokens, in the score of a candidate."""

MOST_JOINT = 12
"""Maximum number of spans of one text whose candidates overlap each other."""

CANDIDATE_COLUMNS = ("row", "span", "start", "end", "score")


def candidate_positions(spans: Any, alignments: Any, *, lengths: Any = None, tokens: Any = None) -> pd.DataFrame:
    """List positions of each span in the target, from links between tokens.

    Parameters
    ----------
    spans : n lists of (start, end, class) in tokens of the source, n lists of tags, or a Run or Dataset of spans.
    alignments : n lists of links (i, j) or (i, j, weight) from token i of the source to token j of the target; n str
        "0-0 1-2"; or a DataFrame with the columns row, source, target and optionally weight, in [0, 1].
    lengths : (n,) int, numbers of tokens of the targets. tokens : n lists of str, the tokens themselves.

    Returns
    -------
    DataFrame
        row, span (its number in the source), start, end (tokens of the target, half-open), score (float64, at most 0).

    Raises
    ------
    InputError : spans in characters, links beyond the tokens, or neither `lengths` nor `tokens`.

    Notes
    -----
    Positions begin and end with tokens that are linked to the span, or with tokens without any link beside these.
    score = log(2 A / (B + C)) - 0.5 abs(log(l / s)) - 0.5 d, where the first term is the logarithm of Dice's
    coefficient: A is the weight of links between span and position, B that of all links of the span, C that of all
    links of the position, plus 0.25 for each of its tokens without a link. l and s are the numbers of tokens of
    position and span, and d is the mean difference of relative places of linked tokens.

    Examples
    --------
    >>> found = candidate_positions([[(0, 2, "PER")]], ["0-2 1-3 2-0"], lengths=[4])
    >>> found.sort_values("score").iloc[-1].tolist()
    [0.0, 0.0, 2.0, 4.0, 0.0]
    """
    given = read_span_lists(spans)
    sizes = target_lengths(given.n, lengths, tokens).lengths
    _check_tokens(given)
    links = read_links(alignments, given.n, given.lengths, sizes)
    found = []
    for row, own in enumerate(given.spans):
        source, target, weight = links.of(row)
        into = np.zeros(int(sizes[row]))
        np.add.at(into, target, weight)
        for number, (start, end, _) in enumerate(own):
            inside = (source >= start) & (source < end)
            within = _Within(source[inside] - start, target[inside], weight[inside], end - start, into)
            found += [(row, number, first, stop, score) for first, stop, score in within.positions()]
    return pd.DataFrame(found, columns=pd.Index(CANDIDATE_COLUMNS)).astype({"score": float})


class _Within:
    """The links of one span, and the scores of positions.

    place : (e,) int64, token of each link, counted from the start of the span. target : (e,) int64. weight : (e,)
    float64. size : number of tokens of the span. into : (t,) float64, weight of all links into each target token.
    """

    def __init__(self, place: np.ndarray, target: np.ndarray, weight: np.ndarray, size: int, into: np.ndarray) -> None:
        self.place, self.target, self.weight, self.size = (place + 0.5) / size, target, weight, size
        self.linked = into > 0
        self.every = np.concatenate([[0.0], np.cumsum(np.where(self.linked, into, UNLINKED_COST))])

    def positions(self) -> Iterator[tuple[int, int, float]]:
        """Yield (start, end, score) of each position."""
        ends = sorted({one for place in set(self.target.tolist()) for one in self._near(place)})
        for at, first in enumerate(ends):
            for last in ends[at:]:
                score = self._score(first, last + 1)
                if score > -np.inf:
                    yield first, last + 1, score

    def _near(self, place: int) -> Iterator[int]:
        """Yield a token with a link, and tokens without a link beside it, up to the size of the span."""
        yield place
        for step in (-1, 1):
            for one in range(place + step, place + step * self.size, step):
                if not 0 <= one < len(self.linked) or self.linked[one]:
                    break
                yield one

    def _score(self, first: int, stop: int) -> float:
        there = (self.target >= first) & (self.target < stop)
        held = self.weight[there].sum()
        if not held:
            return -np.inf
        dice = 2 * held / (self.weight.sum() + self.every[stop] - self.every[first])
        at = (self.target[there] + 0.5 - first) / (stop - first)
        shift = float((self.weight[there] * np.abs(at - self.place[there])).sum() / held)
        return float(np.log(dice) - LENGTH_WEIGHT * abs(np.log((stop - first) / self.size)) - SHIFT_WEIGHT * shift)


def place_spans(
    candidates: pd.DataFrame, spans: Any, *, lengths: Any = None, tokens: Any = None, texts: Any = None,
    source_texts: Any = None, least_margin: float = 0.1, ids: Any = None,
) -> Projection:  # fmt: skip
    """Choose one position for each span so that positions do not overlap and the sum of scores is largest.

    Parameters
    ----------
    candidates : DataFrame with the columns row, span, start, end, score: the result of `candidate_positions`, or your
        own, such as log probabilities of a translation with this marked position. Positions count tokens of the
        target, or characters with `texts`.
    spans : the spans of the source, for their classes and number.
    lengths, tokens : as in `candidate_positions`. texts : n str, the target texts, if positions count characters.
    source_texts : n str, shown for lost spans whose positions count characters; by default those of a Run or Dataset.
    least_margin : float, spans with a smaller margin are in `issues`.
    ids : n ids of the results; by default those of the source.

    Returns
    -------
    Projection
        `issues` has the faults "lost" (no candidate, or only positions that other spans take; the best one is
        suggested), "doubled" (the next best position lies elsewhere) and "low margin" (the next best position
        overlaps); for the last two, the next best position is suggested. `margin` is the difference of the sum of
        scores to that of the best choice with this span elsewhere (inf: there is none).

    Raises
    ------
    InputError : missing columns, unknown rows or spans, positions beyond the text, scores that are not finite, or more
        than 12 spans of a text that compete for overlapping positions.

    Notes
    -----
    Exact, by dynamic programming over sets of spans, O(c 2^k) for c candidates of k spans that compete. As many spans
    as possible are placed, then the sum of scores decides.

    References
    ----------
    Le, Chen, Ritter and Xu 2024, Constrained Decoding for Cross-lingual Label Projection.

    Examples
    --------
    >>> both = [[0, 0, 0, 1, -0.1], [0, 1, 0, 1, -0.2], [0, 1, 2, 3, -0.5]]
    >>> table = pd.DataFrame(both, columns=["row", "span", "start", "end", "score"])
    >>> place_spans(table, [[(0, 1, "PER"), (1, 2, "LOC")]], lengths=[3]).spans
    [[(0, 1, 'PER'), (2, 3, 'LOC')]]
    """
    given = read_span_lists(spans)
    target = target_lengths(given.n, lengths, tokens, texts)
    table = _checked(candidates, given, target)
    sources = given.texts if source_texts is None else list(source_texts)
    every, numbers = [], []
    faults: list[Fault] = []
    parts = dict(tuple(table.groupby("row", sort=False)))
    nothing = table.iloc[:0]
    for row, own in enumerate(given.spans):
        names = span_texts(own, None if sources is None else sources[row])
        chosen = _choices(parts.get(row, nothing), len(own), row)
        placed = sorted(((*one.place, own[number][2]), number) for number, one in chosen.items() if one.placed)
        every.append([span for span, _ in placed])
        numbers.append([number for _, number in placed])
        for number, (start, end, label) in enumerate(own):
            words = f"span {number} of the source ({label} {names[number] or f'{start}:{end}'})"
            fault = _fault(row, number, label, words, chosen.get(number), least_margin)
            if fault is not None:
                faults.append(fault._replace(name=names[number]))
    keys = read_ids(ids, given.ids)
    issues = fault_table(faults, keys, every, target.texts, target.tokens)
    return Projection(keys, every, target.texts, target.tokens, target.stored, numbers, issues)


class Choice(NamedTuple):
    """The position of one span, or the best one that it could not take, its margin, and the next best position."""

    place: tuple[int, int]
    placed: bool
    margin: float
    other: tuple[int, int] | None


def _fault(row: int, number: int, label: str, words: str, one: Choice | None, least: float) -> Fault | None:
    if one is None:
        return Fault(row, "lost", None, None, f"{words} has no candidate position", source=number)
    span: Span = (*one.place, label)
    if not one.placed:
        reason = f"the positions of {words} are taken by other spans"
        return Fault(row, "lost", None, span, reason, source=number)
    if one.margin >= least:
        return None
    if one.other is None:
        reason = f"without {words}, another span would be placed that is lost now, and score only {one.margin:.2f} less"
        return Fault(row, "low margin", span, None, reason, one.margin, number)
    apart = one.other[1] <= one.place[0] or one.other[0] >= one.place[1]
    reason = f"position {one.other[0]}:{one.other[1]} scores only {one.margin:.2f} less for {words}"
    return Fault(row, "doubled" if apart else "low margin", span, (*one.other, label), reason, one.margin, number)


def _choices(table: pd.DataFrame, k: int, row: int) -> dict[int, Choice]:
    """Return the choice for each span of a text that has candidates."""
    number, start, end = (table[name].to_numpy(np.int64) for name in ("span", "start", "end"))
    score = table["score"].to_numpy(float)
    found: dict[int, Choice] = {}
    for group in _competing(number, start, end, k):
        own = np.flatnonzero(np.isin(number, group))
        if not len(own):
            continue
        if len(group) > MOST_JOINT:
            todo = f"At most {MOST_JOINT} can: leave out candidates with low scores."
            raise InputError.at("candidates", f"has {len(group)} spans that compete for positions", todo, row=row)
        own = own[np.argsort(end[own], kind="stable")]
        problem = _Joint(np.searchsorted(group, number[own]), start[own], end[own], score[own], len(group))
        best, taken = problem.solve(np.ones(len(own), bool))
        for place, one in enumerate(group.tolist()):
            mine = np.flatnonzero(number[own] == one)
            if not len(mine):
                continue
            at = taken.get(place)
            if at is None:
                top = int(own[mine[np.argmax(score[own[mine]])]])
                found[one] = Choice((int(start[top]), int(end[top])), False, np.nan, None)
                continue
            kept = np.ones(len(own), bool)
            kept[at] = False
            second, others = problem.solve(kept)
            chosen = int(own[at])
            other = others.get(place)
            moved = None if other is None else (int(start[own[other]]), int(end[own[other]]))
            margin = np.inf if len(others) < len(taken) else best - second
            found[one] = Choice((int(start[chosen]), int(end[chosen])), True, float(margin), moved)
    return found


def _competing(number: np.ndarray, start: np.ndarray, end: np.ndarray, k: int) -> list[np.ndarray]:
    """Return groups of spans, sorted, such that only candidates of one group overlap."""
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    over = (start[:, None] < end[None, :]) & (end[:, None] > start[None, :])
    first, second = np.nonzero(over)
    graph = coo_matrix((np.ones(len(first)), (number[first], number[second])), shape=(k, k))
    count, of = connected_components(graph, directed=False)
    return [np.flatnonzero(of == one) for one in range(count)]


class _Joint:
    """Choice of disjoint candidates, at most one per span: as many as possible, then the largest sum of scores.

    Parameters
    ----------
    span : (c,) int64 below k. start, end : (c,) int64, sorted by end. score : (c,) float64.
    """

    def __init__(self, span: np.ndarray, start: np.ndarray, end: np.ndarray, score: np.ndarray, k: int) -> None:
        self.span, self.score = span, score
        self.before = np.searchsorted(end, start, side="right")  # candidates that end at or before the start
        self.bonus = 2 * k * (float(np.abs(score).max()) + 1)
        masks = np.arange(1 << k)
        self.count = 1 << k
        self.free = [masks[masks & (1 << bit) == 0] for bit in range(k)]

    def solve(self, kept: np.ndarray) -> tuple[float, dict[int, int]]:
        """Return the sum of scores and {span: candidate} of the best choice among the `kept` candidates (c,) bool."""
        c = len(self.span)
        value = np.full((c + 1, self.count), -np.inf)
        value[0, 0] = 0.0
        for at in range(c):
            value[at + 1] = value[at]
            if not kept[at]:
                continue
            free, bit = self.free[self.span[at]], 1 << int(self.span[at])
            with_it = value[self.before[at], free] + self.score[at] + self.bonus
            value[at + 1, free | bit] = np.maximum(value[at, free | bit], with_it)
        mask = int(np.argmax(value[c]))
        taken: dict[int, int] = {}
        at = c
        while mask:
            if value[at, mask] == value[at - 1, mask]:
                at -= 1
                continue
            one = int(self.span[at - 1])
            taken[one] = at - 1
            mask ^= 1 << one
            at = int(self.before[at - 1])
        return float(sum(self.score[one] for one in taken.values())), taken


def _checked(candidates: Any, given: SpanLists, target: TargetLengths) -> pd.DataFrame:
    if not isinstance(candidates, pd.DataFrame):
        found = f"is a {type(candidates).__name__}"
        raise InputError.at("candidates", found, f"Pass a DataFrame with the columns {', '.join(CANDIDATE_COLUMNS)}.")
    for name in CANDIDATE_COLUMNS:
        if name not in candidates:
            raise InputError.unknown("column", name, candidates.columns, "`candidates` need it.")
    table = candidates[list(CANDIDATE_COLUMNS)].reset_index(drop=True)
    try:
        values = table.to_numpy(float)
    except (TypeError, ValueError) as error:
        raise InputError.at("candidates", f"is not a number ({error})", "Pass numbers.") from error
    row, span, start, end, _ = values.T
    counts = np.array([len(own) for own in given.spans])
    known = np.isfinite(values).all(axis=1) & (values[:, :4] % 1 == 0).all(axis=1) & (row >= 0) & (row < given.n)
    size = np.where(known, target.sizes[np.where(known, row, 0).astype(int)], 0)
    known &= (span >= 0) & (span < np.where(known, counts[np.where(known, row, 0).astype(int)], 0))
    known &= (start >= 0) & (start < end) & (end <= size)
    if not known.all():
        place = int(np.flatnonzero(~known)[0])
        todo = "Name a row, one of its spans, a position within its target, and a finite score."
        raise InputError.at("candidates", f"is {shortened(table.iloc[place].tolist())}", todo, row=place)
    return table.astype({name: np.int64 for name in CANDIDATE_COLUMNS[:4]})


def _check_tokens(given: SpanLists) -> None:
    counted = [row for row, own in enumerate(given.spans) if own and given.lengths[row] < 0]
    if counted and (given.texts is not None or (given.lengths >= 0).any()):
        raise InputError.at("spans", "counts characters", "Alignments need positions in tokens.", row=counted[0])
