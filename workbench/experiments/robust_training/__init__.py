"""Training that tolerates wrong labels: small heads on stored features, one switch between the methods of the field.

`losses/` has one file per loss, `methods` is the table of trainings made of them, `networks` the small networks,
`bench` measures accuracy by noise rate, `suggestions` turns the predictions of a robust head into a review queue.
"""

from __future__ import annotations

from workbench.experiments.robust_training.bench import RobustBench, robust
from workbench.experiments.robust_training.methods import ROBUST_METHODS
from workbench.experiments.robust_training.suggestions import suggest

__all__ = ["ROBUST_METHODS", "RobustBench", "robust", "suggest"]
