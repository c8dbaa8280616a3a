"""Does fixing labels help? Trainings and rankings of models before and after; and two runs side by side.

`comparison` trains, `treatments` says on which labels, `training_data` beside this folder on which inputs and judged by
which labels, `intervals` how sure the difference is, `model_ranking` what corrected test labels do to a ranking of
models; `two_runs` compares two runs.
"""

from __future__ import annotations

from workbench.experiments.comparisons.comparison import Comparison, compare
from workbench.experiments.comparisons.model_ranking import Reranking, compare_rankings

__all__ = ["Comparison", "Reranking", "compare", "compare_rankings"]
