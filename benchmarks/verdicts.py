"""Shared by the benchmarks: the calibration error of p_error after verdicts on a stratified sample."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pandas as pd

from workbench.issues.audit_plan import allocate
from workbench.issues.calibration import calibration_error, debiased_calibration_error, expit, logit, shifted_to
from workbench.issues.review import with_verdicts


class AfterVerdicts(NamedTuple):
    """Errors of the units without a verdict, (draws,) each.

    measured : calibration error. right : what it would be by chance if these probabilities were exactly right.
    debiased : `debiased_calibration_error`. every : of all units, judged ones at their verdict. best : of the map (beta
    calibration) fitted to the truth of all units. shifted : of that map, with an intercept that gives the share of
    errors estimated from the verdicts, weighted by strata.
    """

    measured: np.ndarray
    right: np.ndarray
    debiased: np.ndarray
    every: np.ndarray
    best: np.ndarray
    shifted: np.ndarray

    def means(self) -> tuple[float, float, float]:
        """Return the means, that of `debiased` of its squares with their signs (`rooted` gives the error)."""
        squares = self.debiased * np.abs(self.debiased)
        return float(self.measured.mean()), float(self.right.mean()), float(squares.mean())


def error_after_verdicts(
    p: np.ndarray, wrong: np.ndarray, stratum: np.ndarray, pair: np.ndarray, draws: int = 5, budget: int = 200
) -> float:
    """Calibration error of the other units after verdicts, drawn as `wb.audit` draws and used as in `find_issues`; the
    mean over draws.

    Parameters
    ----------
    p, wrong : (m,) P(wrong) and whether the unit is. stratum : (m,) from 0. pair : (m,) units that share an effect.
    """
    return errors_after_verdicts(p, wrong, stratum, by_verdicts(p, wrong, pair), draws, budget).means()[0]


def by_verdicts(p: np.ndarray, wrong: np.ndarray, pair: np.ndarray | None = None) -> Callable[[np.ndarray], np.ndarray]:
    """Return a function from the places of units with verdicts to the probabilities (m,) after them."""
    return lambda some: with_verdicts(pd.Series(p), pd.Series(wrong[some], some), pair)[0].to_numpy()


def errors_after_verdicts(
    p: np.ndarray, wrong: np.ndarray, stratum: np.ndarray, moved: Callable[[np.ndarray], np.ndarray], draws: int = 5,
    budget: int = 200,
) -> AfterVerdicts:  # fmt: skip
    """The errors of each draw.

    Parameters
    ----------
    moved : as `by_verdicts` returns it.
    """
    sizes = np.bincount(stratum)
    wanted = allocate(sizes, np.bincount(stratum, p) / np.maximum(sizes, 1), budget)
    best = logit(map_of_truth(p, wrong))
    errors = []
    for seed in range(draws):
        rng = np.random.default_rng(seed)
        drawn = [rng.choice(np.flatnonzero(stratum == one), many, replace=False) for one, many in enumerate(wanted)]
        some = np.concatenate(drawn)
        rest = np.setdiff1d(np.arange(len(p)), some)
        every = np.array(moved(some))
        after = every[rest]
        every[some] = wrong[some]
        found = np.bincount(stratum[some], wrong[some], len(sizes)) / np.maximum(wanted, 1)
        share = np.clip(found[stratum[rest]].mean(), 0.5 / len(rest), 1 - 0.5 / len(rest))
        own = calibration_error(after, wrong[rest]), of_right(after), debiased_calibration_error(after, wrong[rest])
        floors = [calibration_error(expit(one), wrong[rest]) for one in (best[rest], shifted_to(best[rest], share))]
        errors.append([*own, calibration_error(every, wrong), *floors])
    return AfterVerdicts(*np.array(errors).T)


def map_of_truth(p: np.ndarray, wrong: np.ndarray) -> np.ndarray:
    """Return the probabilities (m,) of the beta calibration of `p` that is fitted to the truth of all units."""
    from sklearn.linear_model import LogisticRegression

    inside = np.clip(p, 1e-6, 1 - 1e-6)
    logs = np.stack([np.log(inside), -np.log(1 - inside)], axis=1)
    return LogisticRegression(C=1e6, max_iter=5000).fit(logs, wrong).predict_proba(logs)[:, 1]


def of_right(p: np.ndarray, draws: int = 20) -> float:
    """Mean calibration error if each unit is wrong with probability `p`: above 0, since shares of few units vary."""
    rng = np.random.default_rng(0)
    return float(np.mean([calibration_error(p, rng.random(len(p)) < p) for _ in range(draws)]))


def rooted(square: float) -> float:
    """The debiased calibration error of a mean of squares: its root, 0 if it is negative."""
    return float(np.sqrt(max(square, 0.0)))
