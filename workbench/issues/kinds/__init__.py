"""Kinds of labels whose wrong units are found by an estimator of their own.

What a wrong tag looks like is not what a wrong number looks like, so each kind of label brings its own estimator:
arrays in, a probability of error for each unit out. All else is shared: evidence of runs and of arrays, verdicts,
the cut at `fdr` or `threshold`, tables per unit and per example, attributes, the cache. To add one:

1. write a class with `judge(asked: Asked) -> Found` and `version` (`workbench.issues.kinds.contract`);
2. name it in `ESTIMATORS` under the name of its task, whose `predictions` are what `find_issues` takes beside labels;
3. if a run shall store predictions, set `stored` of the task to the name of one of these and write its
   `check_predictions`.

A kind without a line here is judged by the detector of classes, on the units that its `Task.meet` gives.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.foundation.lazy import LazyTable

if TYPE_CHECKING:
    from workbench.issues.kinds.contract import Estimator

ESTIMATORS: LazyTable[Estimator] = LazyTable(
    {
        "candidates": "workbench.issues.partial.estimator:CandidatesEstimator",
        "multilabel": "workbench.issues.tags.estimator:Tags",
        "numbers": "workbench.issues.numbers.estimator:NumbersEstimator",
    }
)
"""Name of a task -> import path of its estimator, read when first used."""
