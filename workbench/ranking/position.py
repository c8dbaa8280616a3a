"""Position bias of people: how often they choose the answer that was shown first, also when a pair is shown swapped."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b
from typing import Any

import numpy as np
import pandas as pd

from workbench.foundation.checks import check_share
from workbench.runs.run import Run
from workbench.runs.verdicts import is_swapped_look, unit_looks
from workbench.tasks import require_task
from workbench.tasks.preferences import PREFERENCE_ANSWERS, shown_swapped

BIAS_LEVEL = 0.95

SHARE_REPEATED = 0.2
"""Share of the judged pairs that are shown again with the answers in the opposite order."""


def position_bias(run: Run) -> pd.DataFrame:
    """Count how often each author chose the answer that the Explorer had shown first.

    Parameters
    ----------
    run : Run of the task "preferences" with decisions

    Returns
    -------
    DataFrame indexed by author
        chosen : int64, decisions for one of the two answers; first : int64, of them for the answer shown first
        share : float64, first / chosen; low, high : its 95 % interval (Wilson)
        repeated : int64, pairs that were judged in both orders (`swapped_repeats`); same : int64, of them with the same
        answer both times; first_twice, second_twice : int64, with the answer that was shown first (second) both times
        p_value : float64, probability of a difference at least as large between the last two without any bias (sign
        test); NaN if both are 0

    Raises
    ------
    InputError : the labels are of another kind.

    Notes
    -----
    The Explorer shows the answers in an order that is random by example and stays the same, whatever the given label
    is. So an author without bias has a share of one half, however good the first answers are; half of the difference to
    one half is what the order changes on average. Of a pair that was judged more than once in the same order the newest
    decision counts. Decisions of programs and on many pairs at once do not count (`workbench.runs.verdicts`); the
    journal does not tell which of the others were made outside the Explorer.
    """
    from scipy.stats import binomtest

    require_task(run, "preferences", "position_bias")
    looks = answers_shown(run)
    found = looks[looks["place"] >= 0].groupby("author")["place"].agg(["size", lambda place: (place == 0).sum()])
    found = found.set_axis(["chosen", "first"], axis=1).astype("int64")
    found["share"] = found["first"] / found["chosen"]
    bounds = [
        binomtest(int(k), int(n)).proportion_ci(BIAS_LEVEL, method="wilson")
        for n, k in found[["chosen", "first"]].itertuples(index=False)
    ]
    found["low"], found["high"] = (np.array([getattr(one, name) for one in bounds], float) for name in ("low", "high"))
    both = looks[looks["swapped"]].merge(looks[~looks["swapped"]], on=["author", "id"], suffixes=("", "_before"))
    both["same"] = both["answer"] == both["answer_before"]
    both["first_twice"] = (both["place"] == 0) & (both["place_before"] == 0)
    both["second_twice"] = (both["place"] == 1) & (both["place_before"] == 1)
    columns = ["same", "first_twice", "second_twice"]
    repeats = both.groupby("author")[columns].sum().assign(repeated=both.groupby("author").size())
    found = found.join(repeats[["repeated", *columns]].reindex(found.index).fillna(0).astype("int64"))
    pairs = found[["first_twice", "second_twice"]].to_numpy().tolist()
    found["p_value"] = [binomtest(a, a + b).pvalue if a + b else np.nan for a, b in pairs]
    return found


def answers_shown(run: Run) -> pd.DataFrame:
    """Return the newest verdict on each pair by author and order shown, oldest first.

    Returns
    -------
    DataFrame with columns author, id, seq
        answer : one of `PREFERENCE_ANSWERS`. swapped : bool, whether the pair was repeated with the answers exchanged.
        place : int64, 0 if the answer shown first was chosen, 1 for the second, -1 for a tie or neither
    """
    table = unit_looks(run)
    table = table[table["label"].notna()]
    swapped = np.array([is_swapped_look(source) for source in table["source"]], bool)
    kind, classes = run.dataset.kind, run.dataset.classes
    answers = [kind.decode(text, classes) for text in table["label"]]
    second = np.array([PREFERENCE_ANSWERS.index(one) if one in PREFERENCE_ANSWERS[:2] else -1 for one in answers], int)
    first_shown = (shown_swapped(table["id"].tolist()) ^ swapped).astype(int)
    place = np.where(second < 0, -1, second ^ first_shown)
    found = pd.DataFrame({"author": table["author"], "id": table["id"], "seq": table["seq"]})
    found = found.assign(answer=pd.Series(answers, table.index, dtype=object), swapped=swapped, place=place)
    return found.drop_duplicates(["author", "id", "swapped"], keep="last").reset_index(drop=True)


def swapped_repeats(run: Run, author: str | None = None, *, share: float = SHARE_REPEATED, seed: int = 0) -> list[Any]:
    """Return the pairs that are due to be shown again to an author with the answers exchanged.

    Parameters
    ----------
    run : Run of the task "preferences"
    author : by default the journal's own
    share : share of the judged pairs that is repeated, in [0, 1]
    seed : of the choice, which depends on the id alone, so that it stays the same while more pairs are judged

    Returns
    -------
    list of ids, in random order; pairs that were judged in both orders are left out.
    """
    require_task(run, "preferences", "swapped_repeats")
    check_share("share", share)
    looks = answers_shown(run)
    looks = looks[looks["author"] == (run.journal.author if author is None else author)]
    done = set(looks["id"][looks["swapped"]])
    ids = [one for one in looks["id"][~looks["swapped"]].tolist() if one not in done]
    drawn = _draws(ids, seed)
    return [ids[place] for place in np.argsort(drawn, kind="stable") if drawn[place] < share]


def _draws(ids: Sequence[Any], seed: int) -> np.ndarray:
    """Return a number in [0, 1) for each id."""
    digests = (blake2b(f"repeat {seed} {one}".encode(), digest_size=8).digest() for one in ids)
    return np.array([int.from_bytes(one, "big") / 2**64 for one in digests])
