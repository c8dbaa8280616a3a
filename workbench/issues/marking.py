"""Mark units as issues by a threshold on p_error or by the expected share of false alarms."""

from __future__ import annotations

import warnings
from typing import NamedTuple

import numpy as np
import pandas as pd

from workbench.foundation.errors import FdrNotPossible, outside
from workbench.issues import calibration, counts
from workbench.issues.audited import Audited


class Marked(NamedTuple):
    """The selection of units as issues.

    chosen : (m,) bool. how : description. promised : whether the requested guarantee holds. strict : (m,) probabilities
    for a conservative selection of examples; None if not used, or with a threshold. audited : whether the audit was
    used.
    """

    chosen: np.ndarray
    how: str
    promised: bool = True
    strict: np.ndarray | None = None
    audited: bool = False


def mark(
    p_error: np.ndarray, strict: np.ndarray, fdr: float | None, threshold: float, *, identified: bool, why: str,
    advice: str, sample: Audited | None = None, index: np.ndarray | pd.Index | None = None,
    cut: float = counts.FDR_CUT,
) -> Marked:  # fmt: skip
    """Mark the units whose p_error reaches `threshold`; with `fdr`, the largest set within that share of false alarms.

    Parameters
    ----------
    p_error, strict : (m,) float, NaN if unknown; `strict` are conservative, for the selection by `fdr`.
    identified, why : whether the labels identify the number of errors, and the reason if they do not.
    advice : what to do instead of `fdr` if no share can be guaranteed.
    sample : an audit, which can guarantee a share where the labels cannot; with the `index` of the units.
    cut : factor applied to `fdr` where the labels identify the number of errors.

    Warns
    -----
    FdrNotPossible : neither the labels nor an audit can guarantee `fdr`, so nothing is marked.
    """
    if fdr is None:
        return Marked(np.nan_to_num(p_error, nan=-1.0) >= threshold, f"p_error >= {threshold:g}")
    if identified:
        how = f"largest set with an expected share of false alarms of at most {fdr:g}, with a safety margin"
        return Marked(calibration.largest_set(strict, fdr * cut), how, strict=strict)
    if sample is None or index is None:
        how = f"no issue is marked, because a share of false alarms of {fdr:g} cannot be guaranteed: {why}"
        return none_marked(len(p_error), how, advice)
    chosen = sample.largest_set(index, p_error, fdr)
    how = sample.words(fdr, int(chosen.sum()))
    if chosen.any():
        return Marked(chosen, how, audited=True)
    return none_marked(len(p_error), how, "Audit more, or use `threshold=`.")


def none_marked(m: int, how: str, advice: str) -> Marked:
    """Mark none of m units, with a warning that says why and what to do."""
    warnings.warn(f"`fdr`: {how}. {advice}", FdrNotPossible, stacklevel=outside())
    return Marked(np.zeros(m, bool), how, promised=False)
