"""Both maps over epochs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from widgets.view import View


def ask_upto(view: View, content: dict, buffers: list) -> tuple[dict, list]:
    """The data map as it stood after an epoch: variability and confidence, each (n,) float32."""
    from workbench.scores.dynamics import confidence, variability

    position = view.run.epochs.index(int(content["epoch"])) + 1
    x, y = np.empty(view.dataset.n, np.float32), np.empty(view.dataset.n, np.float32)
    for rows, block in view.run.stat_blocks(("p_given",)):
        x[rows], y[rows] = variability(block["p_given"][:position]), confidence(block["p_given"][:position])
    return {}, [x, y]


def ask_embedding(view: View, content: dict, buffers: list) -> tuple[dict, list]:
    """The embedding map of an epoch (-1: the last); of the last one a better layout may follow."""
    xy, note = view.projector.of(int(content.get("epoch", -1)))
    return {"note": note}, [xy]
