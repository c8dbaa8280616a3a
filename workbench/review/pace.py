"""Pace of a reviewer, from the times in the journal."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from workbench.runs.verdicts import at_the_view

if TYPE_CHECKING:
    from workbench.runs.journal import Entry, Journal

PAUSE = 300.0
"""Seconds without a decision after which a new session begins."""

FEWEST_DECISIONS = 5  # minimum number of decisions for a pace


@dataclass(frozen=True)
class Pace:
    """The latest session of a reviewer.

    Attributes
    ----------
    decisions : int, labels given or kept and examples skipped; a decision on a whole selection counts once.
    minutes : float, from its first decision to its last. per_minute : decisions per minute; NaN below five decisions.
    """

    decisions: int
    minutes: float
    per_minute: float


def review_pace(journal: Journal, author: str | None = None, *, pause: float = PAUSE) -> Pace:
    """Compute the pace of an author's latest session.

    Parameters
    ----------
    journal : Journal, such as `run.journal`
    author : author of the decisions; by default the journal's own author
    pause : seconds without a decision after which a new session begins

    Returns
    -------
    Pace: `decisions` of the session, and `per_minute`, NaN if there are too few.

    Notes
    -----
    The pace is (decisions - 1) / minutes between the first and the last decision. Notes, flags and undo do not count.
    """
    who = journal.author if author is None else author
    return pace_of(list(times_of(journal.since(0), who).values()), pause=pause)


def times_of(entries: Iterable[Entry], author: str) -> dict[int, str]:
    """Return the ISO 8601 time of each batch of an author's decisions among complete batches of journal entries.

    Undo and decisions of programs do not count; a decision about a whole selection counts once.
    """
    times: dict[int, str] = {}
    for entry in entries:
        if entry.author == author and entry.field == "verdict" and entry.reverts is None and at_the_view(entry.source):
            times.setdefault(entry.batch, entry.time)
    return times


def pace_of(times: Sequence[str], *, pause: float = PAUSE) -> Pace:
    """Compute the pace from ISO 8601 times of decisions, oldest first."""
    moments = [datetime.fromisoformat(time.replace("Z", "+00:00")) for time in times]
    start = len(moments)
    while start > 0 and (start == len(moments) or (moments[start] - moments[start - 1]).total_seconds() <= pause):
        start -= 1
    sitting = moments[start:]
    if not sitting:
        return Pace(0, 0.0, float("nan"))
    minutes = (sitting[-1] - sitting[0]).total_seconds() / 60
    enough = len(sitting) >= FEWEST_DECISIONS and minutes > 0
    return Pace(len(sitting), minutes, (len(sitting) - 1) / minutes if enough else float("nan"))
