"""Keep, drop or weight: which examples to train on, by any score, and whether that is better than chance.

`selection` chooses ids and weights, `rules` says which end of a score is kept and why, `shapley` and `influence` are
values that need all examples at once, `curve` measures accuracy against the share that was kept.
"""

from __future__ import annotations

from workbench.experiments.selection.curve import KeepCurve, keep_curve
from workbench.experiments.selection.selecting import sample_weights, select

__all__ = ["KeepCurve", "keep_curve", "sample_weights", "select"]
