"""Select or weight training examples by any score, and test whether that is better than random selection.

`selecting` returns ids and weights, `rules` defines which end of a score is kept, `shapley` and `influence` compute
values that need all examples at once, and `curve` measures accuracy against the share that is kept.
"""

from __future__ import annotations

from workbench.experiments.selection.curve import KeepCurve, keep_curve
from workbench.experiments.selection.selecting import sample_weights, select

__all__ = ["KeepCurve", "keep_curve", "sample_weights", "select"]
