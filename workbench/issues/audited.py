"""Select issues with a controlled share of false alarms from an audit, if p_error is not calibrated by the labels.

If the number of errors is not identified from the labels, p_error still ranks examples, but its sums are unreliable.
The verdicts of an audit are a random sample of every stratum of p_error, so they estimate the error rate of each.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from pandas.util import hash_pandas_object

from workbench.issues.audit_plan import begun
from workbench.issues.totals import ENOUGH_AUDITED

if TYPE_CHECKING:
    import pandas as pd

    from workbench.runs.run import Run

SURE_AUDIT = 0.9
"""Posterior probability with which the share of false alarms must be within the limit."""

SIZES = 400
"""Number of evenly spaced set sizes to try; all sizes up to this number are tried."""


@dataclass(frozen=True)
class Audited:
    """The results of an audit that are needed to select issues.

    Attributes
    ----------
    count : number of audited examples (or units) whose verdicts count. strata : DataFrame by id (or by id and unit)
        with stratum, judged, wrong.
    rates : one or two arrays (d, h) of posterior draws of the strata's error rates among unjudged examples
    counted : "examples" or "units"
    """

    count: int
    strata: pd.DataFrame
    rates: list[np.ndarray]
    counted: str = "examples"

    @property
    def key(self) -> str:
        """Digest that changes with the sample and the verdicts."""
        return f"{int(hash_pandas_object(self.strata).sum()):x}"

    def largest_set(self, ids: np.ndarray | pd.Index, p_error: np.ndarray, fdr: float) -> np.ndarray:
        """Select the largest set of most suspicious examples (or units) that the audit supports, (n,) bool.

        Those judged to be correct are left out.

        Parameters
        ----------
        ids : (n,) ids of the examples, or (id, unit) of the units. p_error : (n,) values by which they are ranked; NaN
            is never selected
        fdr : share of false alarms that is not exceeded, with a posterior probability of `SURE_AUDIT`

        Notes
        -----
        Every unjudged example of a stratum is wrong with the stratum's error rate, regardless of its p_error: nothing
        is assumed about the order within a stratum. Judged examples count by their verdict.
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
            most = np.maximum(most, np.quantile(alarms, SURE_AUDIT, axis=1))
        fits = np.flatnonzero(most <= fdr + 1e-12)
        if len(fits):
            chosen[order[: sizes[fits[-1]]]] = True
        return chosen

    def words(self, fdr: float, found: int) -> str:
        """Describe how the issues were selected."""
        if not found:
            finding = f"the {self.count:,} audited {self.counted} support no set"
            return f"no issue is marked, because {finding} with a share of false alarms up to {fdr:g}"
        return (
            f"largest set whose share of false alarms is at most {fdr:g} according to the {self.count:,} audited "
            f"{self.counted} ({SURE_AUDIT:.0%} posterior probability)"
        )


def audited(run: Run) -> Audited | None:
    """Return the audit of a run if enough of it is judged to replace the detector's number, otherwise None."""
    audit = begun(run)
    if audit is None:
        return None
    count = len(audit.counted())
    if count < ENOUGH_AUDITED:
        return None
    return Audited(count, *audit.open_rates(), "units" if audit.several else "examples")
