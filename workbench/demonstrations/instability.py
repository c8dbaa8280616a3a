"""How much answers depend on the order and the choice of demonstrations.

Chen et al. 2022, Meta-learning via Language Model In-context Tuning.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from workbench.demonstrations.prompt_logs import read_log
from workbench.foundation.cells import is_missing
from workbench.foundation.checks import check_share
from workbench.foundation.errors import InputError


def order_variance(log: Any, *, least_agreement: float = 0.8) -> pd.DataFrame:
    """Split the variance of each query's answers into that over orders and that over choices of demonstrations.

    Parameters
    ----------
    log : as in `read_log`, with several prompts per query: other orders of the same demonstrations, or other ones.
    least_agreement : in [0, 1], a query is unstable if a smaller share of its answers is the most frequent one.

    Returns
    -------
    DataFrame indexed by query, the least agreement first
        label, majority (most frequent answer), agreement (its share, float64), answers, sets (of demonstrations),
        orders (most orders of one set), order_variance (mean over sets with several orders of the variance of the
        value within the set), choice_variance (variance over sets of the mean value), unstable (bool). Variances are
        of the probability of the label, or of correct (0 or 1) without probabilities; unbiased (n - 1), NaN if there is
        only one order, or set. `attrs` has the means of both over queries.

    Raises
    ------
    InputError : no query with two answers.

    Notes
    -----
    choice_variance contains a part of order_variance, divided by the number of orders.

    References
    ----------
    Chen et al. 2022, Meta-learning via Language Model In-context Tuning, section 4. Lu et al. 2022, Fantastically
    Ordered Prompts and Where to Find Them.
    """
    check_share("least_agreement", least_agreement)
    found = read_log(log)
    table = found.table
    p = table["probability"].to_numpy(float)
    value = np.where(np.isnan(p), table["correct"].to_numpy(float), p)
    sets = pd.factorize(pd.Series([frozenset(own) for own in found.demonstrations], dtype=object))[0]
    rows = {}
    for query, own in table.assign(value=value, set=sets).groupby("query", sort=False):
        within = own.groupby("set")["value"].agg(["var", "mean", "size"])
        answers = [one for one in own["prediction"] if not is_missing(one)]
        counts = pd.Series(answers, dtype=object).value_counts()
        majority, share = (counts.index[0], counts.iloc[0] / len(own)) if len(counts) else (None, np.nan)
        rows[query] = (
            own["label"].iloc[0], majority, share, len(own), len(within), int(within["size"].max()),
            within["var"].mean(), within["mean"].var(),
        )  # fmt: skip
    names = ["label", "majority", "agreement", "answers", "sets", "orders", "order_variance", "choice_variance"]
    frame = pd.DataFrame.from_dict(rows, orient="index", columns=pd.Index(names)).rename_axis("query")
    if not (frame["answers"] > 1).any():
        todo = "Ask the same queries with other orders or choices of demonstrations."
        raise InputError.at("log", "has one answer per query", todo)
    frame["unstable"] = (frame["agreement"] < least_agreement) & (frame["answers"] > 1)
    frame = frame.sort_values("agreement", kind="stable")
    frame.attrs = {name: float(frame[name].mean()) for name in names[-2:]}
    return frame
