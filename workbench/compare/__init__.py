"""Does fixing labels help? Trainings and rankings of models before and after; and two runs side by side.

`comparison` trains, `arms` says on which labels, `material` on which inputs and judged by which labels, `intervals`
how sure the difference is, `ranking` what corrected test labels do to a ranking of models; `runs` compares two runs.
"""

from __future__ import annotations

from workbench.compare.comparison import Comparison, compare
from workbench.compare.ranking import Reranking, rerank

__all__ = ["Comparison", "Reranking", "compare", "rerank"]
