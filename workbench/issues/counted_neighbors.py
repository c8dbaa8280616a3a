"""The neighbours that the detector's reasons count, for whoever shows them: the same embeddings, the same rows.

Up to `posterior.NEAREST_ROWS` examples they are the first `COUNTED` of the evidence's graph of neighbours. Beyond, the
detector looks for neighbours of the most suspicious examples only; these are kept in the run's cache.
"""

from __future__ import annotations

import numpy as np

from workbench.evidence.evidence import Evidence, by_embeddings
from workbench.evidence.most_informative_epoch import most_informative_epoch
from workbench.evidence.neighbors import neighbors
from workbench.issues.posterior import NEAREST_ROWS
from workbench.runs.run import Run
from workbench.storage.cache import embedding_key, load, store, text_key
from workbench.storage.provenance import Provenance

COUNTED = 10
"""Neighbours that a reason speaks of."""

NAME = "neighbors-of-issues"


class Near:
    """Neighbours of single examples, as the reasons of `find_issues` count them.

    Parameters
    ----------
    evidence : what the detector was asked about. run : where it keeps what it found, if anywhere.
    """

    def __init__(self, evidence: Evidence, run: Run | None) -> None:
        self.evidence, self.run = evidence, run
        self._kept: dict[int, np.ndarray] | None = None

    def of(self, row: int) -> tuple[np.ndarray, Provenance, str]:
        """Row numbers (m,), m <= `COUNTED`, the nearest first, by what they are near, and what else to say of it.

        Raises
        ------
        MissingEvidence : no embeddings and no texts.
        """
        if self.evidence.n > NEAREST_ROWS:
            if self._kept is None:
                found = None if self.run is None else load(self.run.layout, NAME, _key(self.run))
                self._kept = {} if found is None else dict(zip(found["rows"].tolist(), found["near"]))
            if row in self._kept:
                return self._kept[row], self.evidence.neighbor_source, "as the detector sees them"
            if self.run is not None and self.run.embedding_epochs:  # no reason speaks of these: the graph of the scores
                rows = neighbors(self.run, k=COUNTED).indices[row]
                return rows[rows >= 0], by_embeddings(self.run.embedding_provenance()), ""
            return np.empty(0, np.int64), self.evidence.neighbor_source, "looked up for the most suspicious only"
        rows = self.evidence.neighbors().indices[row][:COUNTED]
        return rows[rows >= 0], self.evidence.neighbor_source, ""


def keep_near(run: Run, rows: np.ndarray, near: np.ndarray) -> None:
    """Keep the neighbours (m, 10) that the detector looked up for some rows, beside those that are kept already."""
    key = _key(run)
    before = load(run.layout, NAME, key)
    if before is not None:
        others = ~np.isin(before["rows"], rows)
        rows = np.concatenate([before["rows"][others], rows])
        near = np.concatenate([before["near"][others], near])
    found = {"rows": np.asarray(rows, np.int64), "near": np.asarray(near, np.int32)}
    store(run.layout, NAME, key, found, quiet=True)


def _key(run: Run) -> dict[str, str]:
    if not run.embedding_epochs:
        return text_key(run.dataset)
    return {"embeddings": embedding_key(run.layout, most_informative_epoch(run))}
