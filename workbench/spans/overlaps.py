"""Match the spans of two annotations of one text by their overlap."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from workbench.tasks.span_tags import Span

LEAST_MATCH = 0.5
"""Intersection over union from which two spans match."""


def overlap_share(one: Span, other: Span) -> float:
    """Return intersection over union of the positions of two spans, in [0, 1]."""
    inside = max(min(one[1], other[1]) - max(one[0], other[0]), 0)
    return inside / (one[1] - one[0] + other[1] - other[0] - inside)


def matched_spans(
    ones: Sequence[Span], others: Sequence[Span], least: float = LEAST_MATCH
) -> Iterator[tuple[Span | None, Span | None]]:
    """Yield pairs of spans that match, then those without a match, with None.

    Parameters
    ----------
    ones, others : spans of two annotations of one text. least : in (0, 1], smallest overlap of a match.

    Notes
    -----
    The pairs with the largest overlap match first; at equal overlap those of one class.
    """
    pairs = [
        (-share, one[2] != other[2], i, j)
        for i, one in enumerate(ones)
        for j, other in enumerate(others)
        if (share := overlap_share(one, other)) >= least
    ]
    free, left = set(range(len(ones))), set(range(len(others)))
    for _, _, i, j in sorted(pairs):
        if i in free and j in left:
            free.discard(i)
            left.discard(j)
            yield ones[i], others[j]
    yield from ((ones[i], None) for i in sorted(free))
    yield from ((None, others[j]) for j in sorted(left))
