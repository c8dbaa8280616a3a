"""What an audit of a run says about the units of its labels, and how `find_issues` follows it.

p_error is a model's estimate. Once enough of a random sample is judged, the audit's number of errors takes its place
where it is the better one: p_error is moved to it as a whole, and the attributes name its source.
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
    """An audit of which enough is judged.

    Attributes
    ----------
    estimate : its number of errors. sample : what a cut at `fdr` needs of it; None where none is asked for.
    """

    estimate: Estimate
    sample: Audited | None

    @property
    def key(self) -> str:
        """Changes when anything does that an answer can depend on."""
        return f"{astuple(self.estimate)} {'' if self.sample is None else self.sample.key}"

    def better(self, identified: bool, interval: tuple[float, float]) -> bool:
        """Whether its number takes the place of the detector's: that one is not known, or its interval is wider."""
        return not identified or self.estimate.high - self.estimate.low < interval[1] - interval[0]

    def moved(self, p_error: np.ndarray, least: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray | None]:
        """Probabilities shifted in log odds so that those of `p_error` sum to the audit's number of errors.

        Parameters
        ----------
        p_error : (m,) float in [0, 1], NaN unknown; 0 stays 0. least : (m,) others, shifted by as much
        """
        open_ones = np.nan_to_num(p_error) > 0
        if not open_ones.any():
            return p_error, least
        odds = calibration.logit(p_error[open_ones])
        mean = float(np.clip(self.estimate.errors / open_ones.sum(), 1e-9, 1 - 1e-6))
        shift = float(np.mean(calibration.shifted_to(odds, mean) - odds))
        return _shifted(p_error, shift), None if least is None else _shifted(least, shift)

    def attrs(self) -> dict[str, Any]:
        """What the answer says of the number of errors."""
        estimate = self.estimate
        return {
            "expected_errors": round(estimate.errors, 1),
            "expected_errors_interval": (float(estimate.low), float(estimate.high)),
            "errors_identified": True,
            "errors_in_words": str(by_audit(estimate, estimate.population)),
            "errors_source": "audit",
        }


def followed(run: Run, *, cut: bool) -> Followed | None:
    """Return the audit of a run if enough of it is judged; with `cut`, also what a cut at `fdr` needs."""
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
