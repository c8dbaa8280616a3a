"""Training that is robust to wrong labels: small heads on stored features, with common methods.

`losses/` has one file per loss, `methods` the table of training methods, and `networks` the small networks. `bench`
measures accuracy by noise rate, and `suggestions` converts predictions of a robust head to a review queue.
"""

from __future__ import annotations

from workbench.experiments.robust_training.bench import RobustBench, robust
from workbench.experiments.robust_training.methods import ROBUST_METHODS
from workbench.experiments.robust_training.suggestions import suggest

__all__ = ["ROBUST_METHODS", "RobustBench", "robust", "suggest"]
