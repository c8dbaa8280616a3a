"""Training that bears wrong labels: small heads on stored features, one switch between the methods of the field.

`losses/` has one file per loss, `methods` is the table of trainings made of them, `heads` the small networks, `bench`
measures accuracy by noise rate, `suggestions` turns what a robust head thinks into a review queue.
"""

from __future__ import annotations

from workbench.robust.bench import RobustBench, robust
from workbench.robust.methods import METHODS
from workbench.robust.suggestions import suggest

__all__ = ["METHODS", "RobustBench", "robust", "suggest"]
