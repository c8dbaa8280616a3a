"""The neighbours that the detector's reasons count, so that views can show the same ones.

Up to `posterior.NEAREST_ROWS` examples they are the first `COUNTED` of the evidence's neighbour graph. Above, the
detector searches neighbours of the most suspicious examples only; these are kept in the run's cache.
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
"""Number of neighbours that a reason counts."""

NEIGHBORS_ENTRY = "neighbors-of-issues"


class Near:
    """Neighbours of single examples, as counted in the reasons of `find_issues`.

    Parameters
    ----------
    evidence : evidence passed to the detector. run : run whose cache holds the detector's neighbours, or None.
    """

    def __init__(self, evidence: Evidence, run: Run | None) -> None:
        self.evidence, self.run = evidence, run
        self._kept: dict[int, np.ndarray] | None = None

    def of(self, row: int) -> tuple[np.ndarray, Provenance, str]:
        """Return row numbers (m,), m <= `COUNTED`, nearest first, their provenance, and a remark or "".

        Raises
        ------
        MissingEvidence : no embeddings and no texts.
        """
        if self.evidence.n > NEAREST_ROWS:
            if self._kept is None:
                found = None if self.run is None else load(self.run.layout, NEIGHBORS_ENTRY, _key(self.run))
                self._kept = {} if found is None else dict(zip(found["rows"].tolist(), found["near"]))
            if row in self._kept:
                return self._kept[row], self.evidence.neighbor_source, "as the detector sees them"
            if self.run is not None and self.run.embedding_epochs:  # not in any reason: use the graph of the scores
                rows = neighbors(self.run, k=COUNTED).indices[row]
                return rows[rows >= 0], by_embeddings(self.run.embedding_provenance()), ""
            return np.empty(0, np.int64), self.evidence.neighbor_source, "searched for the most suspicious only"
        rows = self.evidence.neighbors().indices[row][:COUNTED]
        return rows[rows >= 0], self.evidence.neighbor_source, ""


def keep_near(run: Run, rows: np.ndarray, near: np.ndarray) -> None:
    """Add the neighbours (m, 10) that the detector found for some rows to those already kept."""
    key = _key(run)
    before = load(run.layout, NEIGHBORS_ENTRY, key)
    if before is not None:
        others = ~np.isin(before["rows"], rows)
        rows = np.concatenate([before["rows"][others], rows])
        near = np.concatenate([before["near"][others], near])
    found = {"rows": np.asarray(rows, np.int64), "near": np.asarray(near, np.int32)}
    store(run.layout, NEIGHBORS_ENTRY, key, found, quiet=True)


def _key(run: Run) -> dict[str, str]:
    if not run.embedding_epochs:
        return text_key(run.dataset)
    return {"embeddings": embedding_key(run.layout, most_informative_epoch(run))}
