"""Shared by the benchmarks: the calibration error of p_error after verdicts on a stratified sample."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pandas as pd

from workbench.issues.audit_plan import allocate
from workbench.issues.calibration import calibration_error, debiased_calibration_error
from workbench.issues.review import with_verdicts


class AfterVerdicts(NamedTuple):
    """Errors of the units without a verdict, (draws,) each.

    measured : calibration error. right : what it would be by chance if these probabilities were exactly right.
    debiased : `debiased_calibration_error`.
    """

    measured: np.ndarray
    right: np.ndarray
    debiased: np.ndarray

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
    errors = []
    for seed in range(draws):
        rng = np.random.default_rng(seed)
        drawn = [rng.choice(np.flatnonzero(stratum == one), many, replace=False) for one, many in enumerate(wanted)]
        some = np.concatenate(drawn)
        rest = np.setdiff1d(np.arange(len(p)), some)
        after = moved(some)[rest]
        own = calibration_error(after, wrong[rest]), of_right(after), debiased_calibration_error(after, wrong[rest])
        errors.append(own)
    return AfterVerdicts(*np.array(errors).T)


def of_right(p: np.ndarray, draws: int = 20) -> float:
    """Mean calibration error if each unit is wrong with probability `p`: above 0, since shares of few units vary."""
    rng = np.random.default_rng(0)
    return float(np.mean([calibration_error(p, rng.random(len(p)) < p) for _ in range(draws)]))


def rooted(square: float) -> float:
    """The debiased calibration error of a mean of squares: its root, 0 if it is negative."""
    return float(np.sqrt(max(square, 0.0)))
