"""Requests for both maps over epochs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from widgets.wire.messages import (
    Arrays,
    Buffers,
    EmbeddingAnswer,
    EmbeddingRequest,
    Nothing,
    TrailAnswer,
    TrailRequest,
    UptoRequest,
)
from workbench.scores.dynamics import confidence, variability
from workbench.storage.epoch_statistics import BLOCK_ROWS

if TYPE_CHECKING:
    from widgets.view.view import View

MOST_TRAILS = 200
"""Maximum number of rows in one answer."""


def ask_upto(view: View, content: UptoRequest, buffers: Buffers) -> tuple[Nothing, Arrays]:
    """The data map after an epoch: variability and confidence, each (n,) float32."""
    position = view.run.example_epochs.index(int(content["epoch"])) + 1
    x, y = np.empty(view.dataset.n, np.float32), np.empty(view.dataset.n, np.float32)
    for rows, block in view.run.stat_blocks(("p_given",)):
        x[rows], y[rows] = variability(block["p_given"][:position]), confidence(block["p_given"][:position])
    return {}, [x, y]


def ask_trail(view: View, content: TrailRequest, buffers: Buffers) -> tuple[TrailAnswer, Arrays]:
    """Positions of some rows: on the data map after every epoch, or on the embedding map of one epoch.

    The answer holds (epochs, m, 2) float32, or (m, 2) and the `extent` [[x0, x1], [y0, y1]] of that epoch's layout, or
    `later` as in `ask_embedding`.
    """
    rows = np.array([view.row(row) for row in content["rows"][:MOST_TRAILS]], np.int64)
    if content["map"] == "data":
        return {}, [_data_trails(view, rows)]
    epoch = view.run.resolve_embedding_epoch(int(content.get("epoch", -1)))
    if not view.projector.ready(epoch):
        return {"later": epoch}, []
    xy = view.projector.layout(epoch)
    low, high = np.nanmin(xy, axis=0, initial=np.inf), np.nanmax(xy, axis=0, initial=-np.inf)
    extent = [[float(a), float(b)] if a <= b else [0.0, 1.0] for a, b in zip(low, high)]
    return {"extent": extent}, [xy[rows]]


def _data_trails(view: View, rows: np.ndarray) -> np.ndarray:
    """Return variability and confidence of rows after each epoch, (epochs, m, 2); only blocks with these rows are
    read."""
    p_given = np.full((len(view.run.example_epochs), len(rows)), np.nan, np.float32)
    for block in np.unique(rows // BLOCK_ROWS):
        start, here = block * BLOCK_ROWS, rows // BLOCK_ROWS == block
        found = view.run.stat_matrix("p_given", slice(start, start + BLOCK_ROWS))
        p_given[:, here] = found[:, rows[here] - start]
    steps = [(variability(p_given[: e + 1]), confidence(p_given[: e + 1])) for e in range(len(p_given))]
    return np.array(steps, np.float32).transpose(0, 2, 1) if steps else np.empty((0, len(rows), 2), np.float32)


def ask_embedding(view: View, content: EmbeddingRequest, buffers: Buffers) -> tuple[EmbeddingAnswer, Arrays]:
    """The embedding map of an epoch (-1 = last), or `later`: the epoch that a message will announce when it is
    ready."""
    xy, epoch, note = view.projector.of(int(content.get("epoch", -1)))
    return ({"note": note, "later": epoch}, []) if xy is None else ({"note": note}, [xy])
