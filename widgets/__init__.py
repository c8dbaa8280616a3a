"""Notebook views of Label Workbench: they show what `workbench` computes and write decisions to its journal.

import widgets as wd
wd.Explorer(run)
wd.NoiseLab()
wd.Question("Which?", ["this", "that"])
wd.PairJudge({"beach.jpg": ["sea", "dog"]})
"""

from __future__ import annotations

from widgets.explorer import Explorer
from widgets.linking import link
from widgets.noiselab import NoiseLab
from widgets.pairjudge import PairJudge
from widgets.question import Question

__all__ = ["Explorer", "NoiseLab", "PairJudge", "Question", "link"]
