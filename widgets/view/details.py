"""Details of one example for the inspector: reasons, curves over epochs, neighbours, the user's columns."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import numpy as np

from widgets.view.columns import OF_FILES
from widgets.view.features import Features
from widgets.view.items import FULL, THUMB, as_text, finite
from widgets.view.media import Media
from widgets.view.sets import set_curve
from widgets.view.tag_curves import TagCurves
from widgets.wire.shapes import InspectAnswer, Linked, Neighbors
from workbench.evidence.as_evidence import TOKENS
from workbench.evidence.evidence import Evidence, by_embeddings
from workbench.evidence.neighbors import neighbors
from workbench.foundation.errors import MissingEvidence, plain_scalar
from workbench.issues.counted_neighbors import COUNTED, Near
from workbench.issues.reasons import apart, meaning
from workbench.storage.provenance import Provenance
from workbench.tasks.pair_reading import PASSAGES
from workbench.tasks.preferences import PREFERENCE_TEXTS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from workbench.data.dataset import Dataset
    from workbench.runs.run import Run
    from workbench.scores.ensemble import Ensemble

CURVE_ROWS = 65_536
"""Number of rows of curves read at a time: the size of a row group in the files."""

LINKS_SHOWN = 16
"""Maximum number of linked nodes shown for an example."""

IN_EDITORS = (TOKENS, "alternatives", "alternative_match")
"""Columns with evidence that the editor of the kind of label shows, or that only belong to it."""

CURVE_BYTES = 200_000_000
"""Memory for cached blocks of curves."""


class Details:
    """The inspector's answers for a run.

    Parameters
    ----------
    run : the run.
    reasons : (n,) reasons joined by "; ". kinds : (n,) their kinds, as in `find_issues`; None if unknown.
    suggested : (n,) int32 class index, -1 = none.
    media : pictures and texts. pool : the ensemble of which the run is the first.
    provenance : evidence behind the reasons, as in `find_issues(...).attrs["provenance"]`.
    """

    def __init__(
        self,
        run: Run,
        reasons: np.ndarray,
        kinds: np.ndarray | None,
        suggested: np.ndarray,
        media: Media,
        pool: Ensemble | None = None,
        provenance: Mapping[str, Mapping[str, Any]] | None = None,
    ) -> None:
        self.run, self.reasons, self.kinds, self.suggested, self.media = run, reasons, kinds, suggested, media
        self.pool, self.provenance = pool, dict(provenance or {})
        self._curves: dict[int, tuple[np.ndarray, np.ndarray]] = {}
        self._lock = threading.Lock()
        self._near: Near | None = None
        self.tag_curves = TagCurves(run)
        table = media.kind == "none" and run.dataset.kind.one_class and run.dataset.metadata.shape[1]
        self.features = Features(run.dataset) if table else None

    def of(self, row: int, note: str) -> InspectAnswer:
        """The answer to `inspect` without the units."""
        one_class = self.run.dataset.kind.one_class
        given, suggested = self._curve(row) if one_class else (np.full(len(self.run.example_epochs), np.nan),) * 2
        reasons = apart(self.reasons[row])
        kinds = apart(self.kinds[row]) if self.kinds is not None else []
        p_given, p_epoch = self._last_p(given)
        return {
            "row": row,
            "id": plain_scalar(self.run.dataset.ids[row]),
            "media": self.media.item(row, FULL),
            "reasons": reasons,
            "meanings": [meaning(kinds[place] if place < len(kinds) else "") for place in range(len(reasons))],
            "note": note,
            "p_given": p_given,
            "p_epoch": p_epoch,
            "curve": {"epochs": list(self.run.example_epochs), "given": finite(given), "suggested": finite(suggested)},
            "sets": set_curve(self.run, row),
            "neighbors": self._neighbors(row),
            "linked": self._linked(row),
            "columns": self._columns(row),
            "features": None if self.features is None else self.features.of(row, int(self.suggested[row])),
        }

    def _last_p(self, given: np.ndarray) -> tuple[float | None, int | None]:
        """The probability of the given label in the last epoch that has one, and that epoch; None if there is none."""
        known = np.flatnonzero(np.isfinite(given))
        if not len(known):
            return None, None
        return float(given[known[-1]]), int(self.run.example_epochs[known[-1]])

    def _curve(self, row: int) -> tuple[np.ndarray, np.ndarray]:
        """p(given) and p(suggested) of one row, each (epochs,) float32, NaN where unknown."""
        block = row // CURVE_ROWS
        with self._lock:
            if block not in self._curves:
                start, stop = block * CURVE_ROWS, min((block + 1) * CURVE_ROWS, self.run.n)
                most = CURVE_BYTES // (8 * (stop - start) * max(1, len(self.run.example_epochs)))
                while len(self._curves) >= max(1, most):
                    self._curves.pop(next(iter(self._curves)))
                self._curves[block] = self._read_curves(start, stop)
            given, suggested = self._curves[block]
        at = row - block * CURVE_ROWS
        return given[:, at], suggested[:, at]

    def _read_curves(self, start: int, stop: int) -> tuple[np.ndarray, np.ndarray]:
        """(epochs, b) of both probabilities; that of the suggestion is known only if it was among the top classes."""
        epochs = self.run.example_epochs
        given = np.full((len(epochs), stop - start), np.nan, np.float32)
        suggested = given.copy()
        if not epochs:
            return given, suggested
        given = self.run.stat_matrix("p_given", slice(start, stop))
        wanted = self.suggested[start:stop]
        for position, top in enumerate(self._top_classes(start, stop)):
            hit = (top["topk_class"] == wanted[:, None]) & (wanted[:, None] >= 0)
            found = hit.any(1)
            suggested[position, found] = top["topk_p"][found, hit.argmax(1)[found]]
        same = wanted == self.run.dataset.given_labels[start:stop]
        suggested[:, same] = given[:, same]
        return given, suggested

    def _top_classes(self, start: int, stop: int) -> list[dict[str, np.ndarray]]:
        """The five most likely classes of a block of rows, by epoch."""
        return [
            self.run.stats(epoch, ("topk_p", "topk_class"), slice(start, stop)) for epoch in self.run.example_epochs
        ]

    def _neighbors(self, row: int) -> Neighbors:
        """Rows and thumbnails of the neighbours counted in the reasons, and the embedding used; or why there are
        none."""
        nothing: Neighbors = {"rows": [], "items": [], "by": ""}
        try:
            rows, source, note = self._nearest(row)
        except MissingEvidence:
            lacking = "no embeddings and no texts" if self.run.dataset.kind.one_class else "no embeddings"
            return {**nothing, "none": f"{lacking}, so no neighbours"}
        by = ", ".join(filter(None, ("" if source is None else str(source), note)))
        if not len(rows):
            return {**nothing, "none": f"no neighbours: {by}" if by else "no neighbours"}
        stored = self.provenance.get("neighbors")  # the user's own issues may have used another space
        counted = source if stored is None else Provenance.from_json(stored)
        other = "" if counted == source else f"The reasons count neighbours by {counted}, which this run does not have."
        found: Neighbors = {
            "rows": rows,
            "items": [self.media.item(one, THUMB) for one in rows],
            "by": by,
            "other": other,
        }
        dataset = self.run.dataset
        return found if dataset.kind.one_class else {**found, "labels": [given_texts(dataset, one) for one in rows]}

    def _linked(self, row: int) -> Linked | None:
        """The nodes linked to an example, largest weight first; None in a run without edges."""
        edges = self.run.dataset.edges
        if edges is None:
            return None
        every = edges.linked(row)
        rows = every[:LINKS_SHOWN].tolist()
        among = edges.links[rows][:, rows].tocoo()
        between = [[int(one), int(other)] for one, other in zip(among.row, among.col) if one < other]
        items = [self.media.item(one, THUMB) for one in rows]
        return {"rows": rows, "items": items, "total": len(every), "between": between}

    def _nearest(self, row: int) -> tuple[list[int], Provenance | None, str]:
        """Rows of the neighbours of one example, nearest first, the embedding used, and a note."""
        if not self.run.dataset.kind.one_class:
            if not self.run.embedding_epochs:
                raise MissingEvidence("no embeddings")
            near = neighbors(self.run, k=COUNTED).indices[row]
            return near[near >= 0].tolist(), by_embeddings(self.run.embedding_provenance()), ""
        with self._lock:
            if self._near is None:
                pool = self.pool
                self._near = Near(Evidence.from_run(self.run), self.run) if pool is None else Near(pool, None)
                ids = self.run.dataset.ids if pool is None else pool.ids
                self._rows = self.run.dataset.rows(ids)
                self._places = np.full(self.run.n, -1)
                self._places[self._rows] = np.arange(len(ids))
        if self._places[row] < 0:
            return [], None, "not all runs have this example"
        found, source, note = self._near.of(int(self._places[row]))
        return self._rows[found].tolist(), source, note

    def _columns(self, row: int) -> list[list[str]]:
        """The user's own columns of one row, as text, without those that the editor shows."""
        dataset = self.run.dataset
        elsewhere = {dataset.text_column, *OF_FILES, *(name for name in IN_EDITORS if name in dataset.kind.predictions)}
        elsewhere |= {PASSAGES} if dataset.task == "pairs" else set()
        elsewhere |= set(PREFERENCE_TEXTS[1:]) if dataset.task == "preferences" else set()
        shown = [name for name in dataset.metadata.columns if name not in elsewhere]
        return [[str(name), as_text(dataset.metadata[name].iat[row])] for name in shown]


def given_texts(dataset: Dataset, row: int) -> dict[str, str]:
    """Return the given label of an example in words: numbers by the key of their unit, other labels as a whole ("").

    Labels with places, such as spans, have none, since their text shows them.
    """
    kind = dataset.kind
    if kind.nothing:
        return {}
    if kind.asks == "number":
        given = dataset.units.given[dataset.units.of(row)].tolist()
        values = (kind.value(number, None, dataset.classes) for number in given)
        return dict(zip(dataset.units.keys_of(row), map(kind.in_words, values)))
    value = kind.to_column(dataset.labels[row : row + 1], dataset.classes)[0]
    return {"": as_text(", ".join(map(str, value)) if isinstance(value, list) else value)}
