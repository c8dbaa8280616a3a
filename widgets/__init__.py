"""Notebook views of Label Workbench: they show what `workbench` computes and write decisions to its journal.

import widgets as wd
wd.Explorer(run)
"""

from __future__ import annotations

from widgets.explorer import Explorer
from widgets.linking import link

__all__ = ["Explorer", "link"]
