"""Label issues as marks on a figure of a report, with links to their cards."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from workbench.reports.markup import short_share

if TYPE_CHECKING:
    from workbench.reports.facts import Facts

MOST_MARKS = 1000


def issue_marks(facts: Facts, lines: np.ndarray) -> list[tuple[int, str, str | None]]:
    """Return (place, words, link) of the label issues among drawn points, the most suspicious first.

    Parameters
    ----------
    lines : (m,) the line of each drawn point in the issues, -1 for none.
    """
    place_of = {int(line): place for place, line in enumerate(lines)}
    marks = []
    flagged = np.flatnonzero(facts.issues["is_issue"].to_numpy(bool))[:MOST_MARKS]
    columns = facts.issues[["given_label", "suggested_label", "p_error"]].iloc[flagged]
    for rank, (line, (id, row)) in enumerate(zip(flagged.tolist(), columns.iterrows())):
        at = place_of.get(line)
        if at is not None:
            labels = f"given {row['given_label']}, suggested {row['suggested_label']}"
            words = f"{', '.join(facts.names(id))}: {labels}, p = {short_share(row['p_error'])}"
            marks.append((at, words, f"#s{rank}" if rank < len(facts.shown) else None))
    return marks
