"""Position bias of people: how often they choose the answer that was shown first."""

from __future__ import annotations

import numpy as np
import pandas as pd

from workbench.runs.run import Run
from workbench.tasks import require_task
from workbench.tasks.preferences import PREFERENCE_ANSWERS, shown_swapped

BIAS_LEVEL = 0.95


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

    Raises
    ------
    InputError : the labels are of another kind.

    Notes
    -----
    The Explorer shows the answers in an order that is random by example and stays the same, whatever the given label
    is. So an author without bias has a share of one half, however good the first answers are; half of the difference to
    one half is what the order changes on average. Decisions that were not made in the Explorer do not count if they
    come from a program; the journal does not tell other decisions apart.
    """
    from scipy.stats import binomtest

    require_task(run, "preferences", "position_bias")
    kind, classes = run.dataset.kind, run.dataset.classes
    decided = run.journal.decided()
    values = [kind.decode(text, classes) for text in decided["label"]]
    places = np.array([PREFERENCE_ANSWERS.index(one) if one in PREFERENCE_ANSWERS[:2] else -1 for one in values], int)
    swapped = shown_swapped(decided["id"].tolist())
    frame = pd.DataFrame({"author": decided["author"], "first": places == swapped})[places >= 0]
    counts = frame.groupby("author")["first"].agg(["size", "sum"])
    found = pd.DataFrame({"chosen": counts["size"], "first": counts["sum"]}).astype("int64")
    found["share"] = found["first"] / found["chosen"]
    bounds = [
        binomtest(int(k), int(n)).proportion_ci(BIAS_LEVEL, method="wilson")
        for n, k in found[["chosen", "first"]].itertuples(index=False)
    ]
    found["low"], found["high"] = (np.array([getattr(one, name) for one in bounds], float) for name in ("low", "high"))
    return found
