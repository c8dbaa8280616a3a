"""Replace words in the texts of many examples, with a preview and as one undo step."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd

from workbench.foundation.errors import InputError, shortened
from workbench.runs.run import Run
from workbench.tasks import require_task
from workbench.tasks.protocol import Labels
from workbench.tasks.texts import text_rows

REPLACED_BY = "replacement"
"""Default source of the journal entries; they are not verdicts of a person who looked at each text."""


def replacements(
    run: Run, find: str, replacement: str, *, ids: Iterable[Any] | None = None, whole_words: bool = False,
    match_case: bool = True,
) -> pd.DataFrame:  # fmt: skip
    """Return the texts that `replace` would change, before and after.

    Parameters
    ----------
    run : Run, whose labels are texts
    find : the characters to look for in the current texts, not a pattern
    replacement : what to put in their place
    ids : the examples; all by default
    whole_words : whether letters or digits right before or after exclude a match
    match_case : whether case must agree

    Returns
    -------
    DataFrame indexed by (id, unit), in dataset order: before, after

    Raises
    ------
    InputError : `find` is empty, an id is unknown, or the labels are not texts.
    """
    require_task(run, "texts", "replacements")
    rows = np.arange(run.n) if ids is None else np.unique(run.dataset.rows(list(ids)))
    return changes_in(run, run.labels(), rows, find, replacement, whole_words=whole_words, match_case=match_case)


def changes_in(
    run: Run, labels: Labels, rows: np.ndarray, find: str, replacement: str, *, whole_words: bool, match_case: bool
) -> pd.DataFrame:
    """Return the table of `replacements` for rows (m,) of labels, which are current texts as stored."""
    if not isinstance(find, str) or not find:
        raise InputError.at("find", f"is {shortened(find)}", "Pass the characters to look for.")
    if not isinstance(replacement, str):
        raise InputError.at("replacement", f"is {shortened(replacement)}", "Pass a str, '' to remove what is found.")
    pattern = re.escape(find)
    pattern = rf"(?<!\w){pattern}(?!\w)" if whole_words else pattern
    look_for = re.compile(pattern, 0 if match_case else re.IGNORECASE)
    dataset, texts, units = run.dataset, text_rows(labels, run.dataset.k), run.dataset.units
    found = []
    for row in rows.tolist():
        for unit in range(*units.of(row).indices(units.m)):
            before = texts[row][unit - int(units.starts[row])]
            after = None if before is None else look_for.sub(lambda _: replacement, before)
            if after != before:
                found.append((dataset.ids[row : row + 1].tolist()[0], units.key(unit), before, after))
    index = pd.MultiIndex.from_tuples([one[:2] for one in found], names=["id", "unit"])
    return pd.DataFrame([one[2:] for one in found], columns=["before", "after"], index=index, dtype=object)


def replace(
    run: Run, find: str, replacement: str, *, ids: Iterable[Any] | None = None, whole_words: bool = False,
    match_case: bool = True, author: str | None = None, reason: str = "",
) -> int:  # fmt: skip
    """Replace characters in the current texts of many examples, as one undo step.

    Parameters
    ----------
    run, find, replacement, ids, whole_words, match_case : as in `replacements`, which shows the result beforehand
    author : who decided; by default the user of this process
    reason : why, for the journal

    Returns
    -------
    int, number of texts that were changed

    Raises
    ------
    InputError : as in `replacements`, or a result is longer than a text may be.

    Notes
    -----
    The journal keeps the previous version of each text (`versions`). A replacement says nothing about whether the rest
    of a text is right, so that it does not count as a verdict.
    """
    found = replacements(run, find, replacement, ids=ids, whole_words=whole_words, match_case=match_case)
    if len(found):
        encode = run.dataset.kind.encode
        of, keys = found.index.get_level_values("id").tolist(), found.index.get_level_values("unit").tolist()
        old = run.dataset.values_at(run.dataset.rows(of), keys)
        run.journal.relabel(
            of, [encode(text) for text in found["after"]], old=old, units=keys, author=author, source=REPLACED_BY,
            reason=reason or f"{find} -> {replacement}",
        )  # fmt: skip
    return len(found)
