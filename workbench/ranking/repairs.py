"""Apply results of `find_issues` or of judges to a run: relabel, drop the item, or drop the query."""

from __future__ import annotations

import pandas as pd

from workbench.foundation.errors import InputError
from workbench.runs.run import Run, opened
from workbench.tasks import require_task

GRADE_REPAIRS = ("relabel", "drop", "drop_query")


def repair_grades(
    run: Run, issues: pd.DataFrame, how: str = "relabel", *, source: str = "wb.ranking.repair_grades", reason: str = ""
) -> int:
    """Write decisions about wrong grades to the journal of a run, as one undo step.

    Parameters
    ----------
    run : Run of the task "pairs", or its path
    issues : rows of `find_issues(..., per="unit")` to repair, such as those with `is_issue`
    how : {"relabel", "drop", "drop_query"}
        Give the suggested grade; make the pair unjudged, so that it is no training example; or flag the whole query,
        which `export(drop="flagged")` leaves out
    source, reason : of the entries in the journal; by default the reasons of `issues`. As the source is a program, its
        decisions are no verdicts

    Returns
    -------
    int, number of pairs (or queries) that were decided

    Raises
    ------
    InputError : `issues` is not per unit, or `how` is unknown

    Notes
    -----
    The three ways are those of RLHN (Thakur et al. 2025) for hard negatives that are relevant.
    """
    run = opened(run)
    require_task(run, "pairs", "repair_grades")
    if how not in GRADE_REPAIRS:
        raise InputError.unknown("how", how, GRADE_REPAIRS)
    if not isinstance(issues, pd.DataFrame) or issues.index.nlevels != 2 or "suggested_value" not in issues:
        found = f"is a {type(issues).__name__}"
        raise InputError.at("issues", found, "Pass rows of `find_issues(run, per='unit')`.")
    rows = issues if how != "relabel" else issues[issues["suggested_value"] != issues["given_value"]]
    if not len(rows):
        return 0
    ids, keys = (rows.index.get_level_values(level).tolist() for level in (0, 1))
    reasons = [reason or str(one) for one in rows["reasons"]]
    if how == "drop_query":
        first = dict(zip(reversed(ids), reversed(reasons)))
        queries = list(dict.fromkeys(ids))
        run.journal.flag(queries, source=source, reason=[first[query] for query in queries])
        return len(queries)
    encode = run.dataset.kind.encode
    values = rows["suggested_value"].tolist()
    if how == "drop":
        values = [encode({"grade": None, "item": item}) for item in rows["item"]]
    old = [one if isinstance(one, str) else None for one in rows["given_value"]]
    run.journal.relabel(ids, values, old=old, units=keys, source=source, reason=reasons)
    return len(rows)
