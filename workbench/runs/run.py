"""A recorded training, read lazily: a Dataset and the evidence recorded with it.

A Run is the interface to a run directory (see `workbench.storage.layout`), which may contain unsealed epochs and files
of several ranks. Opening it reads a JSON file and the table of examples; everything else is read on demand.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pandas as pd

from workbench.data.dataset import Dataset
from workbench.data.inputs import note_order
from workbench.foundation.errors import InputError, MissingEvidence, RunError
from workbench.runs.changed import changed_labels, marked_as_corrected
from workbench.runs.journal import Journal
from workbench.runs.per_epoch import check_reader, read_unsealed, rows_of_units
from workbench.runs.user_evidence import check_predictions, embeddings_to_store, predictions_to_store, save_tables
from workbench.storage.described import load_array, write_described
from workbench.storage.epoch_statistics import BLOCK_ROWS, STATISTICS, epoch_rows, joined, stat_rows
from workbench.storage.examples import read_dataset
from workbench.storage.layout import Layout, read_run_json
from workbench.storage.probabilities import PredProbs, StoredProbabilities
from workbench.storage.provenance import Provenance, embedding_provenance
from workbench.storage.remote import RemoteLayout, layout_at
from workbench.tasks.protocol import Decided, Labels


def open_run(
    path: str | Path,
    *,
    media_root: str | Path | None = None,
    storage_options: Mapping[str, Any] | None = None,
) -> Run:
    """Open a run directory.

    Parameters
    ----------
    path : the run directory, or its URL (any that fsspec supports, such as "s3://bucket/runs/birds"). Files of a run at
        a URL are fetched when they are read; caches and the journal are in a local folder of this user, and
        `run.push_journal()` uploads the decisions.
    storage_options : options for fsspec, such as an endpoint; keys and secrets are better kept in the environment.
    media_root : folder below which media files may be read. Needed only for runs that somebody else recorded.

    Returns
    -------
    Run

    Raises
    ------
    RunError : the path is not a run directory, or the run is damaged or has a newer schema version.
    """
    return Run(path, media_root=media_root, storage_options=storage_options)


T = TypeVar("T")


def opened(source: str | Path | T) -> Run | T:
    """Open the run at a path; return anything else unchanged."""
    return open_run(source) if isinstance(source, (str, Path)) else source


class Run:
    """A run: `dataset`, statistics by epoch, logits, embeddings, predicted probabilities, journal.

    Parameters
    ----------
    path, media_root, storage_options : as in `open_run`.

    Raises
    ------
    RunError : the path is not a run directory, or the run is damaged or has a newer schema version.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        media_root: str | Path | None = None,
        storage_options: Mapping[str, Any] | None = None,
    ) -> None:
        self.layout: Layout = layout_at(path, storage_options)
        self.path = self.layout.root
        self.described = read_run_json(self.layout)
        self.dataset: Dataset = self._read_dataset(media_root)
        check = functools.partial(check_predictions, self.dataset)
        self._probabilities = StoredProbabilities(self.layout, self.n, check)

    def _read_dataset(self, media_root: str | Path | None) -> Dataset:
        return read_dataset(self.layout, self.described, media_root)

    def __repr__(self) -> str:
        n, k, epochs = self.n, self.k, len(self.epochs)
        return f"<Run {self.name}: {n:,} examples, {k} classes, {epochs} epochs, mode {self.mode}>"

    @property
    def name(self) -> str:
        """Name of the run directory."""
        return self.layout.url.rpartition("/")[2] if self.layout.url else self.path.resolve().name

    @property
    def url(self) -> str | None:
        """The URL of a remote run, None for a local one; `path` is then its local working folder."""
        return self.layout.url

    @property
    def n(self) -> int:
        """Number of examples."""
        return self.dataset.n

    @property
    def k(self) -> int:
        """Number of classes."""
        return self.dataset.k

    @property
    def classes(self) -> tuple[str, ...]:
        """Class names."""
        return self.dataset.classes

    @property
    def task(self) -> str:
        """Kind of label."""
        return self.dataset.task

    @property
    def mode(self) -> str:
        """Source of the statistics: "train" (the training pass), "eval" (e.g. replayed checkpoints) or "import"."""
        return self.described["mode"]

    # statistics

    @property
    def epochs(self) -> tuple[int, ...]:
        """Sealed epochs, in order."""
        return tuple(self.layout.sealed())

    @property
    def example_epochs(self) -> tuple[int, ...]:
        """Epochs that `stats` can read: `epochs` for one class per example, none for tags (see `unit_stats`)."""
        return self.epochs if self.dataset.kind.one_class else ()

    def stats(
        self, epoch: int, columns: Sequence[str] | None = None, rows: slice = slice(None)
    ) -> dict[str, np.ndarray]:
        """Return the statistics of a sealed epoch, aligned with the rows of the dataset.

        Parameters
        ----------
        epoch : a member of `epochs`.
        columns : names from `STATISTICS`; default: all.
        rows : a slice of row numbers with step 1; only the parts of the files with these rows are read.

        Returns
        -------
        dict of name -> (rows,) or (rows, 5) array; NaN (float), -1 (int) or False (bool) for rows not recorded.
        """
        check_reader(self.dataset, "stats")
        names = STATISTICS if columns is None else tuple(columns)
        start, stop, _ = rows.indices(self.n)
        found = epoch_rows(self._epoch_files(epoch), names, start, stop)
        return {name: found[name] for name in names}

    def unit_stats(
        self, epoch: int, columns: Sequence[str] | None = None, rows: slice = slice(None)
    ) -> dict[str, np.ndarray]:
        """Return the statistics of tags, classes of candidate sets, or tokens in a sealed epoch, by row and number.

        With at most 100 tags or classes, all were recorded; with more, those given in each row and the 20 with the
        largest logits.

        Parameters
        ----------
        epoch, rows : as in `stats`. columns : some of the names below; by default all.

        Returns
        -------
        dict with arrays of m cells: row (m,) int64; unit (m,) int32, number of the tag, class or token; logit (m,)
        float32. For tags, logit is before the sigmoid; p_given, margin, loss and correct are as in
        `workbench.foundation.tag_statistics`. For candidate sets, logit is the log probability; p, inside and weight
        are as in `workbench.storage.candidate_epochs`. Spans and classes of tokens have one line per labelled token,
        without logit: p_given, margin, loss, pred (index of the model's class) and correct, as in `stats`.
        """
        check_reader(self.dataset, "unit_stats")
        return rows_of_units(self.dataset, self._epoch_files(epoch), rows, columns)

    def unsealed(self) -> dict[int, pd.DataFrame]:
        """Return the statistics of epochs in progress or interrupted, up to the last complete batch.

        Returns
        -------
        dict of epoch -> DataFrame with row and the names in `STATISTICS` (for tags, the columns of `unit_stats`), in
        order of recording.
        """
        found = self.layout.unsealed().items()
        return {epoch: read_unsealed(self.dataset, self.layout, files) for epoch, files in found}

    def stat_matrix(self, name: str, rows: slice = slice(None)) -> np.ndarray:
        """Return a statistic of all epochs, (epochs, rows) float32; NaN where it was not recorded.

        Parameters
        ----------
        name : "p_given", "margin", "loss", "entropy", "el2n", "pred" or "correct" (0 or 1).
        rows : a slice of row numbers with step 1.
        """
        start, stop, _ = rows.indices(self.n)
        return self._matrices((name,), start, stop)[name]

    def stat_blocks(
        self, names: Sequence[str], block_rows: int = BLOCK_ROWS
    ) -> Iterator[tuple[slice, dict[str, np.ndarray]]]:
        """Yield blocks of rows, (slice, {name: (epochs, b) float32}), of at most epochs x block_rows x names floats.

        Parameters
        ----------
        names : as in `stat_matrix`.
        block_rows : rows per block.
        """
        for start in range(0, self.n, block_rows):
            stop = min(start + block_rows, self.n)
            yield slice(start, stop), self._matrices(names, start, stop)

    def _matrices(self, names: Sequence[str], start: int, stop: int) -> dict[str, np.ndarray]:
        """Return {name: (epochs, stop - start) float32}, NaN where not recorded."""
        sealed = self.layout.sealed()
        if sealed:
            check_reader(self.dataset, "stats")
        out = {name: np.empty((len(sealed), stop - start), np.float32) for name in names}
        for position, files in enumerate(sealed.values()):
            for name, values in stat_rows(list(map(self.layout.here, files)), names, start, stop).items():
                out[name][position] = values
        return out

    def _epoch_files(self, epoch: int) -> list[Path]:
        sealed = self.layout.sealed()
        if epoch not in sealed:
            raise InputError.unknown("epoch", epoch, sealed, "Only sealed epochs can be read.")
        return list(map(self.layout.here, sealed[epoch]))

    # logits, embeddings, probabilities

    @property
    def logits_epochs(self) -> tuple[int, ...]:
        """Epochs with logits."""
        return tuple(self.layout.arrays("logits"))

    def logits(self, epoch: int = -1) -> np.ndarray:
        """Return the logits of an epoch, (n, k) float16, memory-mapped; NaN for rows not recorded.

        Parameters
        ----------
        epoch : a member of `logits_epochs`; -1 is the last one.
        """
        return self._array("logits", epoch)

    @property
    def embedding_epochs(self) -> tuple[int, ...]:
        """Epochs with embeddings."""
        return tuple(self.layout.arrays("embeddings"))

    def embeddings(self, epoch: int = -1) -> np.ndarray:
        """Return the embeddings of an epoch, (n, d) float16, memory-mapped; NaN for rows not recorded.

        Parameters
        ----------
        epoch : a member of `embedding_epochs`; -1 is the last one.
        """
        return self._array("embeddings", epoch)

    def resolve_embedding_epoch(self, epoch: int) -> int:
        """Return the epoch that `embeddings(epoch)` reads.

        Parameters
        ----------
        epoch : int, -1 for the last one.
        """
        return self._resolve("embeddings", epoch)

    def embedding_provenance(self, epoch: int = -1) -> Provenance:
        """Return the provenance of the embeddings of an epoch; `str` of it is a description in words.

        Parameters
        ----------
        epoch : int, -1 for the last one.

        Raises
        ------
        RunError : the description of the embeddings is damaged.
        """
        epoch = self.resolve_embedding_epoch(epoch) if epoch < 0 else epoch
        return embedding_provenance(self.layout, epoch, self.mode)

    def _resolve(self, kind: str, epoch: int) -> int:
        there = tuple(self.layout.arrays(kind))
        if not there:
            how = {
                "logits": "Record with `Recorder(..., logits=True)`.",
                "embeddings": "Record with `rec.batch(ids, logits, embeddings=...)` or `replay(..., embed=LAYER)`.",
            }[kind]
            raise MissingEvidence.needed("This", [kind], how)
        if epoch == -1:
            return there[-1]
        if epoch not in there:
            raise InputError.unknown(f"epoch of {kind}", epoch, there)
        return epoch

    def _array(self, kind: str, epoch: int) -> np.ndarray:
        """Return the memory-mapped array of one rank, or combine the rows of several ranks."""
        epoch = self._resolve(kind, epoch)
        parts = self.layout.arrays(kind)[epoch]
        arrays = [load_array(self.layout.here(path), self.n) for _, path in parts]
        if len(arrays) == 1:
            return arrays[0]
        return joined(self._epoch_files(epoch), arrays)

    def pred_probs(self) -> PredProbs | None:
        """Return the stored predicted probabilities (or predictions) and their provenance; None if there are none.

        Raises
        ------
        RunError : the file is damaged.
        """
        found = self._probabilities.read()
        if found is not None and self.dataset.kind.one_class:
            note_order(found.values, self.dataset.classes)
        return found

    def save_pred_probs(self, values: np.ndarray, *, out_of_fold: bool, source: str) -> None:
        """Store predicted probabilities (n, k), which replace existing ones once the new file is complete.

        Parameters
        ----------
        values : float (n, k), rows in dataset order, which sum to 1; for multi-label data, each value is in [0, 1].
        out_of_fold : whether they come from models that were not trained on the labels of these rows, which decides how
            far they can be trusted.
        source : description of the model, such as "ResNet-18, 5 folds"; shown wherever they are used.

        Raises
        ------
        InputError : the shape is wrong, or rows are not probabilities.
        WriteError : the run cannot be written.
        """
        self._save_predictions("pred_probs", values, out_of_fold, source)

    def save_predictions(self, values: np.ndarray, *, out_of_fold: bool, source: str) -> None:
        """Store predictions that are not probabilities, such as numbers, for kinds of labels with `predictions`.

        Parameters
        ----------
        values : float array (n,) or (n, width) in dataset order, stored as float32.
        out_of_fold, source : as in `save_pred_probs`.
        """
        self._save_predictions("predictions", values, out_of_fold, source)

    def _save_predictions(self, name: str, values: np.ndarray, out_of_fold: bool, source: str) -> None:
        stored = predictions_to_store(self.dataset, name, values)
        provenance = Provenance("pred_probs", "user", str(source), out_of_fold=bool(out_of_fold))
        self._probabilities.save(PredProbs(stored, provenance))

    def keep_pred_probs(self, found: PredProbs, *, replace: bool = False) -> bool:
        """Store probabilities that this program computed, unless the user's are stored. Returns whether it did.

        Parameters
        ----------
        found : PredProbs.
        replace : whether to replace the user's.
        """
        return self._probabilities.save(found, replace=replace)

    def save_embeddings(
        self, values: np.ndarray, *, epoch: int | None = None, source: str = "", trained_on_labels: bool | None = None
    ) -> None:
        """Store embeddings (n, d) as float16; they replace existing ones of the epoch once the new file is complete.

        Parameters
        ----------
        values : float array (n, d), rows in dataset order; a row of NaN is an example without an embedding.
        epoch : the epoch they belong to; default: the last recorded one, or 0 in a run without epochs.
        source : description of the model, such as "CLIP ViT-B/32".
        trained_on_labels : whether the model was trained on the given labels, which decides how far they can be
            trusted; None = unknown.

        Raises
        ------
        InputError : the shape is wrong, or the values are not numbers or contain infinity.
        WriteError : the run cannot be written.
        """
        halves = embeddings_to_store(self.dataset, values)
        if epoch is None:
            epoch = self.epochs[-1] if self.epochs else 0
        said = {"how": source, "trained_on_labels": trained_on_labels}
        write_described(self.layout, self.layout.array("embeddings", epoch), halves, said)

    def save_evidence(self, name: str, values: Any, *, source: str = "", trained_on_labels: bool | None = None) -> None:
        """Store evidence of a kind of label, such as "scores" for pairs, which `find_issues(run)` then uses.

        Parameters
        ----------
        name : one of `dataset.kind.evidence_forms`; existing evidence of this name is replaced.
        values : as for `find_issues`.
        source, trained_on_labels : as in `save_embeddings`; shown with the results. Predictions of boxes or points that
            were trained on the labels of the same images count as in-sample.

        Raises
        ------
        InputError : the kind of label does not store this evidence, or the values are not valid.
        WriteError : the run cannot be written; existing evidence is kept.
        """
        save_tables(self.layout, self.dataset, {name: values}, source=str(source), saw_labels=trained_on_labels)

    def planted(self) -> pd.DataFrame | None:
        """Return the planted errors: columns id, true_label, planted_label; None if there are none."""
        return self.dataset.planted

    # decisions

    @functools.cached_property
    def journal(self) -> Journal:
        """The append-only journal of decisions about this run."""
        if self.layout.journal.is_dir():
            raise RunError(f"{self.layout.journal} is a folder. Move it away, or restore the journal from a copy.")
        return Journal(self.layout.journal)

    def push_journal(self) -> bool:
        """Upload the decisions of a run at a URL. Returns False if there are no new ones.

        Raises
        ------
        RunError : somebody else has pushed since the run was opened here, or the run is not at a URL.
        """
        if not isinstance(self.layout, RemoteLayout):
            raise RunError(f"{self.path} is on this machine: decisions are saved in it at once, without a push.")
        self.journal.close()
        return self.layout.push_journal()

    @property
    def label_space(self) -> tuple[str, ...]:
        """Class names by code: `classes`, followed by those added in the journal (`workbench.review.add_class`)."""
        return (*self.classes, *(name for name in self.journal.added_classes() if name not in self.classes))

    def extended(self) -> Dataset:
        """Return the dataset with `label_space` as its classes, so that it names all codes of `labels`."""
        return self.dataset.with_classes(self.label_space)

    def decided(self) -> Decided:
        """Return the current decisions about labels: rows, keys of units and values, each unit once, oldest first."""
        table = self.journal.decided()
        if self.dataset.kind.one_class:
            table = table[table["unit"] == ""]
        rows, known = self.dataset.find(pd.Index(table["id"]))
        return Decided(rows, table["unit"][known].tolist(), table["label"][known].tolist())

    def labels(self) -> Labels:
        """Return the given labels with the journal's decisions applied, stored like `dataset.labels`.

        (n,) int64 indices into `label_space`, -1 for unlabelled examples; for other kinds of labels an Arrow array.
        `corrected_labels` returns them in the user's type.
        """
        return self.dataset.kind.apply(self.dataset.labels, self.label_space, self.decided())

    def corrected_labels(self) -> pd.Series:
        """Return the given labels with the journal's decisions applied, in the user's type.

        Returns
        -------
        Series indexed by id, in dataset order, with the name of the user's label column. Its dtype is that of this
        column; nullable (Int64, boolean) for integers or bools with missing values. Its `attrs` say that they were
        corrected, which `find_issues` repeats with its number of errors.
        """
        labels, name = self.labels(), self.dataset.column_of.get("given_label", "label")
        values = pd.Series(self.extended().as_given(labels), index=pd.Index(self.dataset.ids, name="id"), name=name)
        return marked_as_corrected(values, self, int(self.dataset.kind.differ(labels, self.dataset.labels).sum()))

    def changes(self, *, author: str | None = None) -> pd.DataFrame:
        """Return the examples whose label differs from the given one.

        Parameters
        ----------
        author : use only the decisions of this author, ignoring those of others

        Returns
        -------
        DataFrame indexed by id: given_label and label (in the user's type), author, time, reason. For other kinds of
        labels than one class per example: one row per unit, indexed by (id, unit), with values as in the journal.
        """
        per = "example" if self.dataset.kind.one_class else "unit"
        return changed_labels(self.extended(), self.journal.state(author=author, per=per))
