"""Agreement of two people who judged the same examples: Cohen's kappa with an interval, from the journal."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from statistics import NormalDist
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from workbench.foundation.errors import InputError
from workbench.foundation.printing import Printed
from workbench.runs.run import Run, opened
from workbench.runs.verdicts import opinions as opinions_of
from workbench.runs.verdicts import unit_opinions, warn_if_left_out

if TYPE_CHECKING:
    from workbench.runs.journal import Journal


@dataclass(frozen=True, repr=False)
class Kappa(Printed):
    """Cohen's kappa of two raters.

    Attributes
    ----------
    kappa, low, high : chance-corrected agreement in [-1, 1] and its interval; 1 = always the same, 0 = as by chance.
        NaN if undefined (no example in common, or both used only one class).
    observed, expected : share of agreement, and the share expected by chance. n : number of examples judged by both.
    """

    kappa: float
    low: float
    high: float
    observed: float
    expected: float
    n: int

    def __str__(self) -> str:
        if not self.n:
            return "no example in common"
        same = f"{self.observed:.0%} the same of {self.n:,}"
        if self.kappa != self.kappa:
            return f"{same}, one class only"
        return f"kappa {self.kappa:.2f} ({self.low:.2f} to {self.high:.2f}), {same}"


def cohen_kappa(a: Any, b: Any, *, level: float = 0.95) -> Kappa:
    """Compute the chance-corrected agreement of two raters on the same examples.

    Parameters
    ----------
    a, b : sequences of n labels, in the same order
    level : nominal coverage of the interval, in (0, 1)

    Notes
    -----
    kappa = (p_o - p_e) / (1 - p_e) (Cohen 1960); interval kappa +- z * s with the large-sample standard error of
    Fleiss, Cohen & Everitt 1969, equation 13, clipped to [-1, 1]. If both agree on all examples, that error is 0 and
    the lower end is instead kappa at the exact binomial bound alpha^(1/n) of p_o. Kappa is low if one class is rare,
    whatever the raters do, so it should be read together with `observed`.
    """
    a, b = np.asarray(a, object), np.asarray(b, object)
    if a.shape != b.shape or a.ndim != 1:
        raise InputError.at("b", f"has shape {b.shape} for {a.shape}", "Pass two labels for the same n examples.")
    if not 0.0 < level < 1.0:
        raise InputError.at("level", f"is {level!r}", "Use a level between 0 and 1.")
    n = len(a)
    nan = float("nan")
    if not n:
        return Kappa(nan, nan, nan, nan, nan, 0)
    codes, names = pd.factorize(np.concatenate([a, b]))
    k = len(names)
    share = np.bincount(codes[:n] * k + codes[n:], minlength=k * k).reshape(k, k) / n
    row, column = share.sum(axis=1), share.sum(axis=0)
    observed, expected = float(np.trace(share)), float(row @ column)
    if expected >= 1.0:
        return Kappa(nan, nan, nan, observed, expected, n)
    kappa = (observed - expected) / (1 - expected)
    alpha = 1 - level
    if observed >= 1.0:
        low = (alpha ** (1 / n) - expected) / (1 - expected)
        return Kappa(1.0, max(low, -1.0), 1.0, observed, expected, n)
    rest = 1 - kappa
    same = (np.diag(share) * (1 - (row + column) * rest) ** 2).sum()
    differ = share * (column[:, None] + row[None, :]) ** 2
    spread = same + rest**2 * (differ.sum() - np.trace(differ)) - (kappa - expected * rest) ** 2
    error = np.sqrt(max(spread, 0.0) / n) / (1 - expected)
    reach = NormalDist().inv_cdf(1 - alpha / 2) * error
    return Kappa(float(kappa), float(max(kappa - reach, -1)), float(min(kappa + reach, 1)), observed, expected, n)


def agreement(source: Run | Journal, *, level: float = 0.95) -> pd.DataFrame:
    """Agreement between the authors of a journal on labels, pair by pair.

    Parameters
    ----------
    source : a Run, its path, or a Journal, of which only decisions about whole examples count
    level : nominal coverage of the intervals

    Returns
    -------
    DataFrame, one row per pair of authors with common examples, in descending order of their number
        a, b : authors. n : number of examples judged by both. observed, expected, kappa, low, high : see `Kappa`.
        differ : list of the ids to which they gave different labels. For labels other than one class per example, units
        take the place of examples: `differ` holds (id, unit). Of free values, such as texts, `observed` says more than
        kappa, since by chance they are hardly ever equal.

    Notes
    -----
    An author's opinion is the newest label that the author set or kept after looking at the example and has not undone
    (`workbench.runs.verdicts`; suggestions accepted for a whole selection and skipped examples do not count). The
    opinions are independent only if the second author did not see the first verdict:
    `widgets.Explorer(run, author="b", second_opinion=True)` hides it. Both usually judge label issues, on which people
    agree less than on other examples.
    """
    source = opened(source)
    journal = source.journal if isinstance(source, Run) else source
    opinions = unit_opinions(source) if isinstance(source, Run) else opinions_of(journal)
    warn_if_left_out(journal, "agreement")
    rows = []
    for a, b in combinations(opinions.columns, 2):
        both = opinions[[a, b]].dropna()
        if len(both):
            found = cohen_kappa(both[a], both[b], level=level)
            differ = both.index[both[a] != both[b]].tolist()
            rows.append((a, b, found.n, found.observed, found.expected, found.kappa, found.low, found.high, differ))
    columns = ["a", "b", "n", "observed", "expected", "kappa", "low", "high", "differ"]
    table = pd.DataFrame(rows, columns=columns)
    return table.sort_values("n", ascending=False, kind="stable", ignore_index=True)
