"""The audit of a run as evidence for `find_issues`.

p_error is the estimate of a model. Once enough of the audit's random sample is judged, and its number of errors is more
precise, p_error is shifted so that its sum equals this number, and the attributes name the audit as the source.
"""

from __future__ import annotations

from dataclasses import astuple, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from workbench.issues import calibration
from workbench.issues.audit_plan import begun
from workbench.issues.audited import Audited, audited
from workbench.issues.totals import ENOUGH_AUDITED, by_audit

if TYPE_CHECKING:
    from workbench.issues.estimating import Estimate
    from workbench.runs.run import Run


@dataclass(frozen=True)
class Followed:
    """An audit with enough judged units.

    Attributes
    ----------
    estimate : its number of errors. sample : its data for a selection at `fdr`; None if not needed.
    """

    estimate: Estimate
    sample: Audited | None

    @property
    def key(self) -> str:
        """A key that changes with everything that the result can depend on."""
        return f"{astuple(self.estimate)} {'' if self.sample is None else self.sample.key}"

    def better(self, identified: bool, interval: tuple[float, float]) -> bool:
        """Whether to use its number instead of the detector's, which is not identified or has a wider interval."""
        return not identified or self.estimate.high - self.estimate.low < interval[1] - interval[0]

    def moved(self, p_error: np.ndarray, least: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray | None]:
        """Shift probabilities in log odds so that those of `p_error` sum to the audit's number of errors.

        Parameters
        ----------
        p_error : (m,) float in [0, 1], NaN = unknown; 0 stays 0. least : (m,) others, shifted by the same amount
        """
        open_ones = np.nan_to_num(p_error) > 0
        if not open_ones.any():
            return p_error, least
        odds = calibration.logit(p_error[open_ones])
        mean = float(np.clip(self.estimate.errors / open_ones.sum(), 1e-9, 1 - 1e-6))
        shift = float(np.mean(calibration.shifted_to(odds, mean) - odds))
        return _shifted(p_error, shift), None if least is None else _shifted(least, shift)

    def attrs(self) -> dict[str, Any]:
        """Return the attributes of the result about the number of errors."""
        estimate = self.estimate
        return {
            "expected_errors": round(estimate.errors, 1),
            "expected_errors_interval": (float(estimate.low), float(estimate.high)),
            "errors_identified": True,
            "errors_in_words": str(by_audit(estimate, estimate.population)),
            "errors_source": "audit",
        }


def followed(run: Run, *, cut: bool) -> Followed | None:
    """Return the audit of a run if enough of it is judged; with `cut`, also the data for a selection at `fdr`."""
    audit = begun(run)
    if audit is None:
        return None
    estimate = audit.estimate()
    return None if estimate.judged < ENOUGH_AUDITED else Followed(estimate, audited(run) if cut else None)


def _shifted(p: np.ndarray, shift: float) -> np.ndarray:
    there = np.nan_to_num(p) > 0
    moved = np.array(p, float)
    moved[there] = calibration.expit(calibration.logit(p[there]) + shift)
    return moved
