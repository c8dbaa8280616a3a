"""The interface of estimators for kinds of labels: their input and their result."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import pandas as pd

from workbench.data.dataset import Dataset
from workbench.tasks.units import Units

if TYPE_CHECKING:
    from workbench.runs.run import Run


@dataclass(frozen=True)
class Asked:
    """Labels and the evidence about them.

    Attributes
    ----------
    dataset : the n examples with their given labels.
    evidence : maps names of `Task.predictions` to arrays that were passed or that the run has; not validated.
    out_of_fold : whether predictions come from models that had not seen the label of the row.
    verdicts : bool indexed by (id, unit), True = the given label is wrong; None without verdicts. An estimator may use
        them to list these units; p_error is recalibrated with them afterwards, for all kinds.
    seed : random seed.
    run : the run that the labels come from, or None.
    sources : where each array comes from, in words.
    """

    dataset: Dataset
    evidence: Mapping[str, Any]
    out_of_fold: bool = True
    verdicts: pd.Series | None = None
    seed: int = 0
    run: Run | None = None
    sources: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Found:
    """The result of an estimator for m units.

    Attributes
    ----------
    units : units of all n examples, sorted by example, including those that only a model proposes.
    p_error : (m,) float64 in [0, 1], probability that the given label is wrong; NaN for unlabelled units.
    given, other : (m,) the given label, and the suggested one if it is wrong, as shown in tables; None or NaN if there
        is none. For an unlabelled unit, `other` is the most likely label.
    p_other : (m,) float64, probability of `other`, at most p_error for labelled units.
    interval : 95 % interval (low, high) of the expected number of wrong units.
    reasons : function from places (r,) of units to r texts: up to three reasons, joined by "; ", strongest first. It is
        called for all units, or for the most suspicious ones of very many.
    kind : (m,) object, the kind of error, if any; None if the kind of label has no kinds of errors.
    columns : first columns of the table, (m,) each, such as the name of a tag. last : last columns.
    values : (m,) given and (m,) suggested values with their places, encoded by the task, for kinds with places.
    p_least : (m,) probabilities for conservative selection; None = p_error.
    pair : (m,) int64, units with the same number share the effect of verdicts; None = all units do.
    kept, p_kept : (m,) most likely value of a unit whose given label is not suspicious, and its probability if the
        given label is correct; None = the given label, 1.
    identified : whether the number of errors is a valid estimate; if not, `why` says why and the interval is a range.
    below : expected number of wrong units that are not listed.
    evidence, method : descriptions of the evidence and the method.
    sources : description of the source of each array.
    """

    units: Units
    p_error: np.ndarray
    given: np.ndarray
    other: np.ndarray
    p_other: np.ndarray
    interval: tuple[float, float]
    reasons: Callable[[np.ndarray], Sequence[str]]
    kind: np.ndarray | None = None
    columns: Mapping[str, np.ndarray] = field(default_factory=dict)
    last: Mapping[str, np.ndarray] = field(default_factory=dict)
    values: tuple[np.ndarray, np.ndarray] | None = None
    p_least: np.ndarray | None = None
    pair: np.ndarray | None = None
    kept: np.ndarray | None = None
    p_kept: np.ndarray | None = None
    identified: bool = True
    why: str = ""
    below: float = 0.0
    evidence: str = ""
    method: str = ""
    sources: Mapping[str, str] = field(default_factory=dict)


class Estimator(Protocol):
    """Finds wrong units of one kind of label.

    Attributes
    ----------
    version : part of the cache key; increased if the same evidence gives a different result.
    """

    version: int

    def judge(self, asked: Asked) -> Found:
        """Estimate the probability that each unit is wrong.

        Raises
        ------
        InputError : evidence that does not match. MissingEvidence : there is no usable evidence.
        """
        ...
