"""Which examples are issues at a promised share of false alarms, where only an audit can say what a p_error is worth.

Where the number of errors is not identified from the labels, p_error still ranks, but its sums promise nothing. The
verdicts of an audit are a random sample of every stratum of p_error, so they say how many labels are wrong there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from pandas.util import hash_pandas_object

from workbench.issues.audit_plan import begun
from workbench.issues.totals import ENOUGH

if TYPE_CHECKING:
    import pandas as pd

    from workbench.runs.run import Run

SURE = 0.9
"""Posterior probability with which the share of false alarms must be within the limit."""

SIZES = 400
"""Sizes of the set that are tried, evenly spread; all sizes up to this one."""


@dataclass(frozen=True)
class Audited:
    """An audit, as far as a cut needs it.

    Attributes
    ----------
    count : audited examples whose verdicts count. strata : DataFrame by id with stratum, judged, wrong.
    rates : draws (d, h) of the strata's error rates among the unjudged, one array or two
    """

    count: int
    strata: pd.DataFrame
    rates: list[np.ndarray]

    @property
    def key(self) -> str:
        """Changes when the sample or a verdict does."""
        return f"{int(hash_pandas_object(self.strata).sum()):x}"

    def largest_set(self, ids: np.ndarray, p_error: np.ndarray, fdr: float) -> np.ndarray:
        """bool (n,): the most suspicious m, m as large as the audit supports; without examples judged to be right.

        Parameters
        ----------
        ids : (n,) of the examples. p_error : (n,) by which they are ranked, NaN is never chosen
        fdr : the share of false alarms that is not exceeded with a posterior probability of `SURE`

        Notes
        -----
        An unjudged example of a stratum is wrong with that stratum's error rate, whatever its p_error: nothing is
        claimed about the order inside a stratum. Judged ones count as they were judged.
        """
        known = self.strata.reindex(ids)
        there = known["stratum"].notna().to_numpy() & ~np.isnan(p_error)
        judged = known["judged"].fillna(False).to_numpy(bool)
        wrong = known["wrong"].fillna(False).to_numpy(bool)
        order = np.argsort(-np.nan_to_num(p_error, nan=-1.0), kind="stable")
        order = order[(there & (~judged | wrong))[order]]
        chosen = np.zeros(len(ids), bool)
        if not len(order):
            return chosen
        sizes = np.unique(np.r_[1 : min(SIZES, len(order)) + 1, np.linspace(1, len(order), SIZES).astype(np.int64)])
        h = self.rates[0].shape[1]
        open_ones = np.zeros((len(sizes), h))
        place = np.searchsorted(sizes, np.arange(1, len(order) + 1))  # the smallest set that holds it
        still = ~judged[order]
        stratum = known["stratum"].to_numpy()[order][still].astype(np.int64)
        np.add.at(open_ones, (place[still], stratum), 1)
        open_ones = open_ones.cumsum(axis=0)
        most = np.zeros(len(sizes))
        for rates in self.rates:
            alarms = (open_ones[:, None, :] * (1 - rates[None, :2000])).sum(axis=2) / sizes[:, None]
            most = np.maximum(most, np.quantile(alarms, SURE, axis=1))
        fits = np.flatnonzero(most <= fdr + 1e-12)
        if len(fits):
            chosen[order[: sizes[fits[-1]]]] = True
        return chosen

    def words(self, fdr: float, found: int) -> str:
        """How the issues were chosen."""
        if not found:
            finding = f"the {self.count:,} audited examples support no set with a share of false alarms up to {fdr:g}"
            return f"no issue is marked, since {finding}"
        return (
            f"largest set whose share of false alarms is at most {fdr:g} by the {self.count:,} audited examples "
            f"({SURE:.0%} posterior probability)"
        )


def audited(run: Run) -> Audited | None:
    """The audit of a run, where enough of it is judged to be shown in place of the detector's number; else None."""
    audit = begun(run)
    if audit is None:
        return None
    count = len(audit.counted())
    if count < ENOUGH:
        return None
    return Audited(count, *audit.open_rates())
