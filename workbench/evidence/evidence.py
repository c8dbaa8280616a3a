"""What models say about the examples: named arrays, all optional, read or computed on first use.

Scores and the detector use nothing else. `Evidence.from_arrays` wraps arrays, `Evidence.from_run` a recorded run.
`has(name)` reads no data; `get(name, rows)` returns the array. Statistics per epoch are derived from logits if only
logits are available, neighbours from embeddings, and embeddings from texts.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from workbench.data.inputs import warn_if_permuted
from workbench.evidence.checked_arrays import checked_arrays, expect_shape
from workbench.evidence.logit_statistics import DERIVED, LogitStatistics
from workbench.evidence.most_informative_epoch import most_informative_epoch
from workbench.evidence.neighbors import Neighbors, nearest
from workbench.evidence.neighbors import neighbors as neighbors_of
from workbench.evidence.spaces import text_vectors
from workbench.foundation.checks import (
    check_embeddings,
    check_texts,
    refuse_infinity,
)
from workbench.foundation.errors import InputError, MissingEvidence
from workbench.foundation.statistics import PER_EPOCH
from workbench.graphs.edges import Edges
from workbench.runs.run import Run
from workbench.runs.votes import Votes, read_votes, votes_from
from workbench.storage.cache import cached, text_key
from workbench.storage.provenance import Provenance, made_here
from workbench.tasks.class_names import class_text
from workbench.tasks.label_type import PLAIN, LabelType
from workbench.tasks.protocol import Met
from workbench.tasks.units import Units

NAMES = ("given_labels", "pred_probs", *PER_EPOCH, "pred", "embeddings", "neighbor_labels")
NAMES += ("neighbor_distances", "logits")
NEIGHBORS = 30
"""Number of neighbours whose labels are compared (AUROC .870, against .854 with ten)."""

HOW_TO_GET = {
    "pred_probs": "Store probabilities with `run.save_pred_probs`, or use `wb.cross_val_predict`.",
    "embeddings": "Record with `rec.batch(ids, logits, embeddings=...)`, or pass `embeddings=`.",
    "neighbor_labels": "Neighbours come from embeddings: record or pass `embeddings=`.",
    "neighbor_distances": "Neighbours come from embeddings: record or pass `embeddings=`.",
    "logits": "Record with `Recorder(..., logits=True)`, or pass `logits=`.",
}


class Evidence:
    """Named arrays about n units and k classes. With one class per example, each example is a unit.

    Use `from_arrays` or `from_run` to create one. The constructor takes `makers`, functions that return an array for a
    slice of rows, and `examples`, the ids of all examples if the rows are units of examples.

    Attributes
    ----------
    ids : (n,) int64 or object array of str, the example of each unit
    given_labels : (n,) int64, class index; -1 = unlabelled. float64 for numeric labels, NaN = unlabelled
    n, k : int. classes : tuple of k class names
    label_type : LabelType, the type in which the labels were given
    task : str, the kind of label
    units : Units, the example that each row belongs to, and its key
    met : Met, how predictions were matched with given labels; None for one class per example
    out_of_fold : bool, whether `pred_probs` were predicted by models that had not seen the row's label
    edges : Edges between the examples (`workbench.graphs`), or None
    provenance : dict of str to Provenance, where each array comes from; `str()` gives the text

    Names
    -----
    int: given_labels (n,), -1 = no label; pred (epochs, n), -1 = not recorded; neighbor_labels (n, 30), -1 = no
    label. float: pred_probs (n, k); logits (epochs, n, k); embeddings (n, d); p_given, margin, loss,
    entropy, el2n, correct (epochs, n), NaN where not recorded; neighbor_distances (n, 30), NaN for no neighbour.
    """

    def __init__(
        self,
        given_labels: np.ndarray,
        classes: Sequence[str],
        makers: dict[str, Callable[[slice], np.ndarray]],
        *,
        ids: np.ndarray | None = None,
        out_of_fold: bool = True,
        provenance: Mapping[str, Provenance] | None = None,
        task: str = "multiclass",
        met: Met | None = None,
        examples: np.ndarray | None = None,
        label_type: LabelType = PLAIN,
    ) -> None:
        self.given_labels = np.asarray(given_labels, np.int64) if met is None else met.units.given
        self.label_type = label_type
        self.task, self.met, self._examples = task, met, examples
        self.classes = tuple(class_text(name) for name in classes)
        self.ids = np.arange(len(self.given_labels)) if ids is None else np.asarray(ids)
        self.out_of_fold = bool(out_of_fold)
        self.provenance = dict(provenance or {})
        self.run: Run | None = None
        self.edges: Edges | None = None
        self._makers = {"given_labels": lambda rows: self.given_labels[rows], **makers}
        self._whole: dict[str, Any] = {}
        self._derived: LogitStatistics | None = None
        self._votes: Callable[[], Votes | None] = lambda: None

    def __repr__(self) -> str:
        return f"Evidence(n={self.n}, k={self.k}, {', '.join(self.names)})"

    @property
    def n(self) -> int:
        """Number of examples."""
        return len(self.given_labels)

    @property
    def k(self) -> int:
        """Number of classes."""
        return len(self.classes)

    def labels_of(self, codes: np.ndarray) -> Any:
        """Return the labels (m,) of class indices, in the type in which labels were given; missing for -1.

        Parameters
        ----------
        codes : (m,) int, class index; -1 = no label.
        """
        return self.label_type.column(codes, self.classes)

    @property
    def units(self) -> Units:
        """Units of the rows; with one class per example, the examples themselves."""
        return Units.of_examples(self.given_labels) if self.met is None else self.met.units

    @property
    def examples(self) -> np.ndarray:
        """Ids of all examples, including those without units."""
        return self.ids if self._examples is None else self._examples

    @property
    def index(self) -> pd.Index:
        """Index of the rows in a table: id, or (id, unit)."""
        index = pd.Index(self.ids, name="id")
        return index if self.met is None else self.units.named(index)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the available evidence."""
        return tuple(name for name in NAMES if name in self._makers)

    def has(self, name: str) -> bool:
        """Return whether evidence of this name is available.

        Parameters
        ----------
        name : one of `NAMES`.
        """
        return name in self._makers

    def get(self, name: str, rows: slice = slice(None)) -> np.ndarray:
        """Return the array of this name for a slice of rows.

        Parameters
        ----------
        name : one of `NAMES`; the docstring of the class gives dtype and shape, such as (n, k).
        rows : slice of row numbers.

        Raises
        ------
        InputError : the name is not one of `NAMES`. MissingEvidence : it is not available.
        """
        if name not in NAMES:
            raise InputError.unknown("evidence", name, NAMES)
        if name not in self._makers:
            how = HOW_TO_GET.get(name, "Record a training with `Recorder`, or pass `logits=`.")
            raise MissingEvidence.needed("This", [name], how)
        return self._makers[name](rows)

    @property
    def votes(self) -> Votes | None:
        """Votes of several annotators on these examples; None without votes."""
        found = self._once("votes", self._votes)
        return found if found is not None and len(found.rows) else None

    @property
    def epochs(self) -> int:
        """Number of epochs; 0 without evidence per epoch."""
        return next((len(self.get(name, slice(0, 0))) for name in PER_EPOCH if self.has(name)), 0)

    def block(self, names: Iterable[str], rows: slice) -> dict[str, np.ndarray]:
        """Return several arrays for a slice of rows; statistics derived from logits are computed for these rows only.

        Parameters
        ----------
        names : some of `NAMES`; the docstring of the class gives dtype and shape, such as (n, k).
        rows : slice of row numbers.
        """
        statistics = [name for name in names if name in PER_EPOCH and self.has(name)]
        derived = self._derived
        found = derived.of_rows(rows) if statistics and derived is not None and not derived.complete else {}
        return {name: found[name] if name in found else self.get(name, rows) for name in names}

    def _once(self, name: str, make: Callable[[], Any]) -> Any:
        if name not in self._whole:
            self._whole[name] = make()
        return self._whole[name]

    @classmethod
    def from_arrays(
        cls,
        given_labels: Any,
        k: int | None = None,
        pred_probs: Any = None,
        out_of_fold: bool = True,
        logits: Any = None,
        embeddings: Any = None,
        *,
        texts: Sequence[str] | None = None,
        statistics: dict[str, Any] | None = None,
        votes: Any = None,
        embeddings_saw_labels: bool | None = None,
        edges: Any = None,
        ids: Any = None,
        classes: Sequence[object] | None = None,
    ) -> Evidence:
        """Build evidence from arrays, in memory or memory-mapped.

        Parameters
        ----------
        given_labels : int array (n,), class index, -1 = unlabelled; or class names (str, categorical, missing = no
            label). The index of a Series gives the ids
        k : number of classes; inferred from the other arrays by default
        pred_probs : float array (n, k), rows sum to 1. The columns of a DataFrame are matched with classes by name, its
            rows with examples by id
        out_of_fold : whether `pred_probs` come from models that had not seen the row's label
        logits : float array (epochs, n, k), before softmax, of one training on the given labels
        embeddings : float array (n, d); a row with NaN counts as "no embedding", infinity is refused
        texts : n strings, embedded by their character n-grams if there are no `embeddings`
        statistics : maps names in `PER_EPOCH` or "pred" to arrays (epochs, n); use it if there are no logits
        votes : labels from several annotators: DataFrame with columns id, annotator, label, one row per vote; or array
            (n, annotators) of class indices, -1 where an annotator did not vote
        embeddings_saw_labels : whether `embeddings` come from a network trained on these labels; None = unknown. Such
            embeddings partly hide wrong labels and get less weight
        edges : edges between the examples: (m, 2) row numbers, or DataFrame with source, target (ids), optional weight
        ids, classes : names of rows and classes; by default the index and columns of the arrays, or numbers

        Raises
        ------
        InputError
            Shapes do not match, labels outside -1 .. k-1, invalid probabilities, infinite embeddings.
        """
        given = checked_arrays(given_labels, k, pred_probs, logits, embeddings, ids, classes)
        labels, names, n = given.labels, given.names, len(given.labels)
        makers: dict[str, Callable[[slice], np.ndarray]] = {}
        provenance: dict[str, Provenance] = {}
        if given.pred_probs is not None:
            makers["pred_probs"] = given.pred_probs.__getitem__
            provenance["pred_probs"] = Provenance("pred_probs", "array", out_of_fold=bool(out_of_fold))
        about = {"out_of_fold": out_of_fold, "provenance": provenance, "label_type": given.label_type.fitting(names)}
        evidence = cls(labels, names, makers, ids=given.ids, **about)
        if given.logits is not None:
            evidence._add_logits(given.logits)
            if given.guessed and given.pred_probs is None and n:
                last = given.logits[-1] if given.logits.ndim > 2 else given.logits
                warn_if_permuted("logits", last, labels, names)
        if statistics:
            evidence._add_statistics(statistics)
        if given.embeddings is not None:
            vectors = check_embeddings(given.embeddings, n)
            saw = None if embeddings_saw_labels is None else bool(embeddings_saw_labels)

            @functools.cache
            def read() -> np.ndarray:
                refuse_infinity("embeddings", vectors, evidence.ids)
                return vectors

            evidence._add_embeddings(read, Provenance("embeddings", "array", saw_labels=saw))
        elif texts is not None:
            listed = check_texts(texts, n)
            evidence._add_texts(lambda: listed)
        if votes is not None:
            found_votes = votes_from(votes, evidence.ids, names)
            evidence._votes = lambda: found_votes
        if edges is not None:
            evidence.edges = Edges.of(edges, n, evidence.ids)
        return evidence

    def saw_labels(self, name: str) -> bool | None:
        """Return whether `embeddings`, or the source of `pred_probs`, were trained on the given labels; None = unknown.

        Parameters
        ----------
        name : "embeddings" or "pred_probs".
        """
        return self.provenance[name].saw_labels if name in self.provenance else None

    @property
    def of_texts(self) -> bool:
        """Whether the embeddings are n-grams of the texts, computed because no others were given."""
        return "embeddings" in self.provenance and self.provenance["embeddings"].source == "texts"

    @classmethod
    def from_run(cls, run: Run) -> Evidence:
        """Build evidence from a recorded run; arrays are read on first use.

        Parameters
        ----------
        run : Run

        Notes
        -----
        Probabilities that `workbench.evidence.out_of_fold` computed from the run's own embeddings are left out: they
        add no information.
        """
        dataset = run.dataset
        evidence = cls(dataset.given_labels, dataset.classes, {}, ids=dataset.ids, label_type=dataset.label_type)
        evidence.run, evidence.edges = run, dataset.edges
        probs = run.pred_probs()
        if probs is not None and not made_here(run.layout, probs.provenance):
            evidence._makers["pred_probs"] = probs.values.__getitem__
            evidence.out_of_fold = probs.out_of_fold
            evidence.provenance["pred_probs"] = probs.provenance
        if run.epochs:
            for name in DERIVED:
                evidence._makers[name] = _reader(run, name)
            evidence.provenance["dynamics"] = Provenance("dynamics", "recorded", epochs=len(run.epochs), mode=run.mode)
        if run.logits_epochs and len(run.logits_epochs) == len(run.epochs):
            evidence._makers["logits"] = lambda rows: np.stack([run.logits(e)[rows] for e in run.logits_epochs])
        if run.embedding_epochs:
            evidence._add_run_embeddings(run)
        elif dataset.text_column is not None:
            evidence._add_texts_of(run)
        evidence._votes = functools.partial(read_votes, run)
        return evidence

    def _add_run_embeddings(self, run: Run) -> None:
        def epoch() -> int:
            found = most_informative_epoch(run)
            self.provenance["embeddings"] = run.embedding_provenance(found)
            return found

        def neighbors() -> Neighbors:
            return neighbors_of(run, self._once("epoch", epoch), NEIGHBORS)

        def by() -> Provenance:
            self._once("epoch", epoch)
            found = by_embeddings(self.provenance["embeddings"])
            return found if run.epochs else replace(found, epoch=None)

        last = replace(run.embedding_provenance(), epoch=None)
        self._add_embeddings(lambda: run.embeddings(self._once("epoch", epoch)), last)
        self._add_neighbors(neighbors, by)

    def neighbors(self) -> Neighbors:
        """Return the graph of the 30 nearest neighbours, computed once.

        Raises
        ------
        MissingEvidence : no embeddings and no texts.
        """
        self.get("neighbor_labels", slice(0, 0))
        return self._whole["neighbors"]

    @property
    def neighbor_source(self) -> Provenance:
        """Provenance of the neighbour graph.

        Raises
        ------
        MissingEvidence : no embeddings and no texts.
        """
        if not self.has("neighbor_labels"):
            self.get("neighbor_labels")
        return self._once("neighbor_source", self._name_neighbors)

    def _add_neighbors(self, make: Callable[[], Neighbors], source: Callable[[], Provenance]) -> None:
        """Add the labels of the neighbours and the distances to them; the graph is computed once."""
        self._name_neighbors = source

        def labels() -> np.ndarray:
            return self._once("neighbors", make).labels(self.given_labels)

        self._makers["neighbor_labels"] = lambda rows: self._once("neighbor_labels", labels)[rows]
        self._makers["neighbor_distances"] = lambda rows: self._once("neighbors", make).distances[rows]

    def _add_logits(self, logits: Any) -> None:
        array = np.asanyarray(logits)
        if array.ndim == 2:
            array = array[None]
        expect_shape("logits", array.shape[1:], (self.n, self.k), "of every epoch")
        self._makers["logits"] = lambda rows: array[:, rows]
        self._derived = derived = LogitStatistics(array, self.given_labels)
        for name in DERIVED:
            self._makers[name] = functools.partial(derived.get, name)
        self.provenance["dynamics"] = Provenance("dynamics", "array", epochs=len(array), of="logits")

    def _add_statistics(self, statistics: dict[str, Any]) -> None:
        for name, values in statistics.items():
            if name not in DERIVED:
                raise InputError.unknown("statistic", name, DERIVED)
            array = np.asarray(values)
            if array.ndim != 2:
                raise InputError.at("statistics", f"{name!r} has shape {array.shape}", "Give (epochs, n).")
            expect_shape(name, array.shape[1:], (self.n,), "of every epoch")
            self._makers[name] = lambda rows, array=array: array[:, rows]
            self.provenance["dynamics"] = Provenance("dynamics", "array", epochs=len(array), of="statistics")

    def _add_embeddings(self, read: Callable[[], np.ndarray], provenance: Provenance) -> None:
        self._makers["embeddings"] = lambda rows: self._once("embeddings", read)[rows]

        def neighbors() -> Neighbors:
            return nearest(self._once("embeddings", read), NEIGHBORS)

        self._add_neighbors(neighbors, lambda: by_embeddings(provenance))
        self.provenance["embeddings"] = provenance

    def _add_texts(self, texts: Callable[[], list[str]]) -> None:
        self._add_embeddings(lambda: text_vectors(texts()), Provenance("embeddings", "texts", saw_labels=False))

    def _add_texts_of(self, run: Run) -> None:
        """Add the texts of a run; their neighbour graph is kept in the run's cache."""
        self._add_texts(run.dataset.texts)

        def neighbors() -> Neighbors:
            def make() -> dict[str, np.ndarray]:
                graph = nearest(self.get("embeddings"), NEIGHBORS)
                return {"indices": graph.indices, "distances": graph.distances, "recall": np.array(graph.recall)}

            found = cached(run.layout, "neighbors-of-texts", text_key(run.dataset), make)
            return Neighbors(found["indices"], found["distances"], recall=float(found["recall"]))

        self._add_neighbors(neighbors, self._name_neighbors)


def by_embeddings(embeddings: Provenance) -> Provenance:
    """Return the provenance of neighbours found by these embeddings."""
    return replace(embeddings, kind="neighbors", words="")


def _reader(run: Run, name: str) -> Callable[[slice], np.ndarray]:
    def read(rows: slice) -> np.ndarray:
        values = run.stat_matrix(name, rows)
        return np.nan_to_num(values, nan=-1).astype(np.int32) if name == "pred" else values

    return read
