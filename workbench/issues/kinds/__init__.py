"""Kinds of labels that have their own estimator of wrong units.

Errors in tags differ from errors in numbers, so each kind of label has its own estimator, which maps arrays to a
probability of error per unit. Everything else is shared: evidence from runs and arrays, verdicts, the selection by
`fdr` or `threshold`, tables per unit and per example, attributes, the cache. To add an estimator:

1. write a class with `judge(asked: Asked) -> Found` and `version` (`workbench.issues.kinds.contract`);
2. register it in `ESTIMATORS` under the name of its task, whose `predictions` are the arrays that `find_issues` takes;
3. if runs should store predictions, set `stored` of the task to the name of one of these arrays and write its
   `check_predictions`.

Other kinds are judged by the detector for classes, on the units that `Task.meet` returns.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.foundation.lazy import LazyTable

if TYPE_CHECKING:
    from workbench.issues.kinds.contract import Estimator

ESTIMATORS: LazyTable[Estimator] = LazyTable(
    {
        "boxes": "workbench.issues.boxes.estimator:BoxesEstimator",
        "candidates": "workbench.issues.partial.estimator:CandidatesEstimator",
        "instances": "workbench.issues.boxes.estimator:InstancesEstimator",
        "masks": "workbench.issues.masks.estimator:MasksEstimator",
        "multilabel": "workbench.issues.tags.estimator:Tags",
        "numbers": "workbench.issues.numbers.estimator:NumbersEstimator",
        "pairs": "workbench.issues.pairs.estimator:PairsEstimator",
        "points": "workbench.issues.boxes.estimator:BoxesEstimator",
        "preferences": "workbench.issues.preferences.estimator:PreferencesEstimator",
        "spans": "workbench.issues.spans.estimator:SpansEstimator",
        "texts": "workbench.issues.texts.estimator:TextsEstimator",
        "tokens": "workbench.issues.spans.token_estimator:TokensEstimator",
    }
)
"""Maps the name of a task to the import path of its estimator, which is imported on first use."""
