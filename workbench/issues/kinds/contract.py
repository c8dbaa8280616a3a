"""What an estimator of a kind of label is asked, and what it answers."""

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
    """Labels, and what is known beside them.

    Attributes
    ----------
    dataset : the n examples with their given labels.
    evidence : what was passed, or what the run has, by name out of `Task.predictions`; not checked yet.
    out_of_fold : whether predictions come from models that had not seen the label of the row.
    verdicts : bool indexed by (id, unit), True = what is given is wrong; None without. An estimator may look at them
        to list these units; p_error is moved by them afterwards, for all kinds alike.
    seed : of everything random.
    run : where the labels come from, or None.
    sources : where each piece of evidence comes from, in words.
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
    """What an estimator says of m units.

    Attributes
    ----------
    units : the units, of all n examples, sorted by example; those that only a model proposes among them.
    p_error : (m,) float64 in [0, 1], probability that what is given is wrong; NaN where nothing is given.
    given, other : (m,) what is given, and what it should be if that is wrong, as a table shows them; None or NaN
        where there is nothing. For a unit without anything given, `other` is what it is most likely.
    p_other : (m,) float64, probability of `other`, at most p_error where something is given.
    interval : expected number of wrong units, low and high, of 95 %.
    reasons : places (r,) of units -> r texts: why, up to three, joined by "; ", the strongest first. Asked of all
        units, or of the most suspicious ones where there are very many.
    kind : (m,) object, the kind of error if it is one; None where a kind of label has none.
    columns : first columns of the table, (m,) each, such as the name of a tag. last : further ones, at its end.
    p_least : (m,) probabilities for cuts that must hold; None = p_error.
    pair : (m,) int64, units with the same number learn from each other's verdicts; None: all do.
    kept, p_kept : (m,) what a unit is most likely where what is given is not doubted, and the probability of it if what
        is given is right; None = what is given, 1.
    identified : whether the number of errors is a fair estimate; if not, `why`, in words, and the interval is a range.
    below : expected number of wrong units that are not listed.
    evidence, method : in words, what was used and how.
    sources : where each piece of evidence comes from, in words.
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
    version : another number when the same evidence gives another answer: what a run's cache keeps goes by it.
    """

    version: int

    def judge(self, asked: Asked) -> Found:
        """How likely each unit is wrong.

        Raises
        ------
        InputError : evidence that does not fit. MissingEvidence : there is none that says anything.
        """
        ...
