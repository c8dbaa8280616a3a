"""Audits of whole examples: the number of examples with at least one error, and of errors per example.

Examples are drawn at random within strata of their p_error, and a person judges all units of each: the given ones, the
proposed ones, and whether anything else is missing. This finds objects that no prediction shows, which have no unit
that an audit of units could draw. Units of one example are a cluster, so the number of wrong units has a wider interval
than from as many units drawn one by one (`Inside.design_effect`).
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from workbench.issues.audit_plan import Audit, Known, check_error, stored_plan
from workbench.issues.estimating import FEW_LOOKS, TAIL, Drawn, Estimate, Inside, draw_errors
from workbench.runs.verdicts import whole_looks, wrong_units

if TYPE_CHECKING:
    from workbench.runs.run import Run

ALIKE = 2.0
"""Weight, in examples, of the ratio of observed to expected errors in all strata when that of one is estimated."""

LEAST_P = 1e-3  # smallest p_error by which an expected number of errors is divided


class ExampleAudit(Audit):
    """A random sample of examples, each judged with all its units. Created by `audit(run, per="example")`.

    An example is judged once `run.journal.keep(id)` says that all its units are, and that nothing else is missing: in
    the Explorer, the last step of each example. `ids`, `budget`, `estimate` and `second_looks` are as for an audit of
    units, but count examples; `units` are "".

    Attributes
    ----------
    plan : DataFrame, one row per example, as for units; expected : expected number of wrong units; units : number of
        units that are given or proposed.
    """

    def estimate(self, author: str | None = None, *, reviewer_error: float | None = None) -> Estimate:
        """Estimate the number of examples with at least one error, and that of wrong units (`Estimate.inside`).

        Parameters
        ----------
        author, reviewer_error : as for an audit of units; a look at an example is wrong if it says "no error" where
            there is one, or the reverse.

        Notes
        -----
        As for units, with one binary verdict per example. What is left are errors in examples in which none was found
        yet: examples with an error that was found elsewhere, such as in the queue of label issues, are subtracted from
        the estimated number of their stratum. For wrong units see `errors_inside`.
        """
        reviewer_error = self.reviewer_error if reviewer_error is None else reviewer_error
        check_error(reviewer_error)
        known = self._known(author)
        judged, sample, stratum = known["judged"], known["drawn"], self.plan["stratum"].to_numpy()
        found = Estimate(
            0.0, 0, 0, 0.0, 0, 0, int((sample & judged).sum()), self.budget, population=len(self.plan),
            looked_again=int((sample & (known["looks"] > 1)).sum()),
            waiting=int((judged & ~sample & self.plan["drawn"].to_numpy()).sum()),
        )  # fmt: skip
        if not found.judged:
            return found
        errors = self._errors(author)
        elsewhere = stratum[~judged & (errors > 0)]
        draws: dict[float | None, Drawn] = {}
        inside: dict[float | None, tuple[np.ndarray, np.ndarray]] = {}
        for rate in {reviewer_error, 0.0}:
            drawn = draw_errors(**known, decided=None, reviewer_error=rate)
            assert drawn is not None  # there are examples
            draws[rate] = _with_others(drawn, elsewhere)
            inside[rate] = errors_inside(draws[rate], self.plan, known, errors)
        few = reviewer_error is None and found.looked_again < FEW_LOOKS  # the interval then also covers no mistakes
        used = [reviewer_error, 0.0] if few else [reviewer_error]
        units = Inside(
            *_mean_and_ends([inside[rate][0] for rate in used]), *_mean_and_ends([inside[rate][1] for rate in used]),
            per_example=float(np.mean([inside[rate][0] for rate in used]) / len(self.plan)),
            design_effect=self._design_effect(inside[0.0][0], judged), unit=self._run.dataset.kind.one_unit,
        )  # fmt: skip
        left = [np.maximum(draws[rate].left.sum(axis=1), 0) for rate in used]
        total = [
            draws[rate].found.sum(axis=1) + draws[rate].unseen.sum(axis=1) + left[i] for i, rate in enumerate(used)
        ]
        error = draws[reviewer_error].error
        ends = (error.min(), error.max()) if reviewer_error is not None else np.quantile(error, (0.025, 0.975))
        (errors, low, high), (left, left_low, left_high) = _mean_and_ends(total), _mean_and_ends(left)
        return replace(
            found, errors=errors, low=low, high=high, left=left, left_low=left_low, left_high=left_high, inside=units,
            reviewer_error=float(error.mean()), reviewer_low=float(ends[0]), reviewer_high=float(ends[1]),
        )  # fmt: skip

    def _design_effect(self, total: np.ndarray, judged: np.ndarray) -> float:
        """Return the variance of draws of the number of wrong units, relative to a simple random sample of units."""
        units = self.plan["units"].to_numpy()
        every, seen = units.sum(), units[judged].sum()
        rate = min(float(total.mean()) / every, 1.0) if every else 0.0
        simple = every**2 * rate * (1 - rate) / seen * (1 - seen / every) if seen else 0.0
        return float(total.var() / simple) if simple > 0 else float("nan")

    def _errors(self, author: str | None) -> np.ndarray:
        """Return the number of units of each example of the plan that first looks found wrong, (n,) int64."""
        table = wrong_units(self._run, author)
        counts = table[~table["second_look"]].groupby("id").size()
        return counts.reindex(self.plan["id"], fill_value=0).to_numpy(np.int64)

    def _looks(self, author: str | None) -> pd.DataFrame:
        table = whole_looks(self._run, author)
        table = table.assign(wrong=(table["errors"] > 0).astype("boolean").mask(table["verdict"] == "skip"))
        return self._counted_looks(table)

    def second_looks(self, author: str | None = None) -> list[object]:
        """Return the ids of examples that are due for a second look.

        Show them as they were given; decide about units and about the example with source="second look". Examples to
        which something was added are left out: it would have to be removed and drawn again.
        """
        added = wrong_units(self._run, author)
        added = set(added["id"][added["unit"].str.startswith("a")])
        return [id for id in super().second_looks(author) if id not in added]


def errors_inside(
    drawn: Drawn, plan: pd.DataFrame, known: Known, errors: np.ndarray, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Draw the number of wrong units in the dataset, and in examples in which none was found yet, (draws,) float64.

    Parameters
    ----------
    drawn : draws of the numbers of examples with an error. plan : with p_error, expected and stratum.
    known : arguments of `estimate_errors`. errors : (n,) number of wrong units that were found in an example.

    Notes
    -----
    An example with an error is expected to have m = max(expected / p_error, 1) errors. Judged examples say by what
    factor to correct m: a ratio estimate (Cochran 1977, Sampling Techniques, section 6.2) over the wrong examples of
    the sample, with the weights of a Bayesian bootstrap (Rubin 1981) and one further example as predicted. Each number
    of wrong examples among unjudged ones is multiplied by the corrected mean of m, weighted by p_error, in its stratum,
    and has the variance of the numbers found. Reviewers who err change the number of wrong examples, not the number of
    errors in one.
    """
    rng = np.random.default_rng(seed)
    p, stratum = np.maximum(plan["p_error"].to_numpy(), LEAST_P), plan["stratum"].to_numpy()
    size = np.maximum(plan["expected"].to_numpy() / p, 1.0)
    strata = int(stratum.max()) + 1
    found = known["judged"] & known["wrong"]
    sample = np.flatnonzero(known["drawn"] & found)
    seen, sizes = np.append(errors[sample], size.mean()), np.append(size[sample], size.mean())
    weight = rng.standard_gamma(1.0, (len(drawn.error), len(seen)))
    pooled = (weight @ seen) / (weight @ sizes)
    within = np.append(stratum[sample], -1)[:, None] == drawn.strata
    more = ALIKE * size.mean()
    factor = ((weight * seen) @ within + more * pooled[:, None]) / ((weight * sizes) @ within + more)
    rest = ~known["judged"] & (errors == 0)
    together, among = (np.bincount(stratum[rest], of[rest], strata) for of in (p * size, p))
    usual = together / np.maximum(among, LEAST_P)
    mean = np.maximum(np.maximum(usual, 1.0)[drawn.strata] * factor, 1.0)
    many = np.maximum(drawn.left.sum(axis=1), 0)
    apart = float(np.sqrt(np.mean((seen - sizes * pooled.mean()) ** 2)))
    total = (drawn.left * mean).sum(axis=1) + apart * np.sqrt(many) * rng.standard_normal(len(many))
    ones = np.ones(int(found.sum()))
    wrong, inside = (np.bincount(stratum[found], of, strata)[drawn.strata] for of in (ones, errors[found]))
    each = np.where(wrong > 0, inside / np.maximum(wrong, 1), mean)
    here = (drawn.found * each).sum(axis=1)
    left = np.maximum(total, many)
    return left + here + errors[~known["judged"]].sum(), left


def _with_others(drawn: Drawn, stratum: np.ndarray) -> Drawn:
    """Move examples whose error is known without the audit, in these strata, from those left to those found."""
    others = np.bincount(stratum, minlength=int(drawn.strata[-1]) + 1)[drawn.strata]
    left = drawn.left - others  # in a stratum it can be negative: cut there, the sum would be too large
    return replace(drawn, left=left, unseen=np.broadcast_to(others, left.shape))


def _mean_and_ends(draws: list[np.ndarray]) -> tuple[float, int, int]:
    """Return the mean of several sets of draws, and the ends of the union of their 95 % intervals."""
    ends = np.array([np.quantile(one, (TAIL, 1 - TAIL)) for one in draws])
    return float(np.mean(draws)), int(ends[:, 0].min()), int(np.ceil(ends[:, 1].max()))


def begun_examples(run: Run) -> ExampleAudit | None:
    """Return the audit of examples of a run, or None if no sample was drawn; nothing is drawn or stored."""
    plan = stored_plan(run, 0, "example")
    return None if plan is None else ExampleAudit(run, plan)
