"""Effects of label corrections on models and on rankings of models, and comparisons of two runs.

`comparison` trains and tests models, on the labels of `treatments`; `training_data` and `intervals` (next to this
folder) provide inputs, test labels and confidence intervals. `model_ranking` measures the effect of corrected test
labels on a ranking of models. `two_runs` compares two runs.
"""

from __future__ import annotations

from workbench.experiments.comparisons.comparison import Comparison, compare
from workbench.experiments.comparisons.model_ranking import Reranking, compare_rankings

__all__ = ["Comparison", "Reranking", "compare", "compare_rankings"]
