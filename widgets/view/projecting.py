"""Embedding maps computed one after another in a background thread.

For the last epoch, the page receives PCA at once and UMAP when it is done; for earlier ones, a message when they are
done.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from widgets.wire.pushes import Push
from workbench.evidence.projection import project
from workbench.foundation.errors import InputError

if TYPE_CHECKING:
    from workbench.runs.run import Run

PATIENCE = 0.25
"""Seconds to wait for a layout before answering without it."""

BESIDE = "other"
"""Represents the map of another run among the epochs to compute."""

log = logging.getLogger(__name__)


class Projector:
    """Projections of one run for one view.

    Parameters
    ----------
    run : the run.
    send : called from the thread with (body, buffers) when the layout of an epoch is done, or has failed.
    other : another run, whose last embeddings can be projected in alignment with this run's.
    """

    def __init__(self, run: Run, send: Callable[[Push, list[bytes]], None], other: Run | None = None) -> None:
        self.run, self.send, self.other = run, send, other
        self.thread: threading.Thread | None = None
        self._one = threading.Lock()  # one layout at a time
        self._done: dict[int | str, threading.Event] = {}

    def of(self, epoch: int) -> tuple[np.ndarray | None, int, str]:
        """Return positions (n, 2) float32 for an epoch (-1 = last) or None for now, the epoch, and a description."""
        last, epoch = self.run.resolve_embedding_epoch(-1), self.run.resolve_embedding_epoch(epoch)
        if self.ready(epoch):
            return self.layout(epoch), epoch, self.note(epoch)
        if epoch == last:
            quick = _float32(project(self.run, epoch, method="pca"))
            return quick, epoch, f"PCA{self._of(epoch)}; UMAP is being computed"
        return None, epoch, f"computing the map of epoch {epoch}…"

    def ready(self, epoch: int | str) -> bool:
        """Whether a layout is available; if not, it is requested."""
        done = self._done.get(epoch)
        if done is None:
            done = self._done[epoch] = threading.Event()
            self.thread = threading.Thread(target=self._work, args=(epoch, done), daemon=True)
            self.thread.start()
        return done.wait(PATIENCE)

    def layout(self, epoch: int | str) -> np.ndarray:
        """Return positions (n, 2) float32 of an epoch that is `ready`.

        For `BESIDE`, positions in the other run, NaN for missing examples. Its UMAP is initialised with this run's map
        and then aligned to it by a Procrustes transformation, so that large distances mean that examples have moved.
        """
        if isinstance(epoch, int):
            return _float32(project(self.run, epoch))
        if self.other is None:
            raise InputError.at("epoch", f"is {epoch!r}", "There is no other run; ask for an epoch.")
        out = np.full((self.run.n, 2), np.nan, np.float32)
        rows, known = self.run.dataset.find(self.other.dataset.ids)
        out[rows] = project(self.other, like=self.run)[known]
        return out

    def note(self, epoch: int | str) -> str:
        """A description of a layout."""
        last = self.run.resolve_embedding_epoch(-1)
        return f"UMAP{self._of(epoch)}" if epoch == last else f"UMAP, epoch {epoch}, aligned to epoch {last}"

    def _of(self, epoch: int | str) -> str:
        """Name the epoch; embeddings passed by the user have none."""
        return f", epoch {epoch}" if self.run.epochs else ""

    def _work(self, epoch: int | str, done: threading.Event) -> None:
        """Compute the layout of one epoch in a thread, and notify the page."""
        try:
            with self._one:
                xy = self.layout(epoch)
        except Exception as error:  # the page must be notified of any error
            log.exception("explorer: projection failed")
            self._done.pop(epoch)
            self.send({"push": "projected", "epoch": epoch, "failed": f"projection failed: {error}"}, [])
            return
        done.set()
        if epoch == self.run.resolve_embedding_epoch(-1):
            self.send({"push": "embedding", "note": self.note(epoch)}, [xy.tobytes()])
        self.send({"push": "projected", "epoch": epoch}, [])


def _float32(xy: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(xy, np.float32)
