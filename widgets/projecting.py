"""The embedding map without waiting: PCA at once, UMAP from a thread when it is done."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from workbench.run import Run

PATIENCE = 0.25
"""Seconds that the page waits for a projection before it gets a quick one (PCA) to begin with."""

log = logging.getLogger(__name__)


class Projector:
    """Projections of one run for one view.

    Parameters
    ----------
    run : the run.
    send : called from the thread with (body, buffers) when the projection of the last epoch is done.
    """

    def __init__(self, run: Run, send: Callable[[dict, list], None]) -> None:
        self.run, self.send = run, send
        self.thread: threading.Thread | None = None
        self._done: tuple[np.ndarray, str] | None = None

    def of(self, epoch: int) -> tuple[np.ndarray, str]:
        """(n, 2) float32 positions for an epoch (-1: the last) and a note that says what they are."""
        last, epoch = self.run.resolve_embedding_epoch(-1), self.run.resolve_embedding_epoch(epoch)
        if epoch != last:  # laid out from where the points end, so that they move instead of jumping
            return _float32(self.run.project(epoch)), f"UMAP, epoch {epoch}"
        if self.thread is None:
            self.thread = threading.Thread(target=self._project, args=(epoch,), daemon=True)
            self.thread.start()
        self.thread.join(PATIENCE)
        if self._done is None:
            return _float32(self.run.project(epoch, method="pca")), f"PCA, epoch {epoch}; UMAP is on its way"
        return self._done

    def _project(self, epoch: int) -> None:
        """In the thread: project, then tell the page, which may have waited for it."""
        try:
            xy = _float32(self.run.project(epoch))
        except Exception as error:  # the page must hear of it, whatever it was
            log.exception("explorer: projection failed")
            self.send({"push": "error", "text": f"projection failed: {error}"}, [])
            return
        self._done = (xy, f"UMAP, epoch {epoch}")
        self.send({"push": "embedding", "note": self._done[1]}, [xy.tobytes()])


def _float32(xy: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(xy, np.float32)
