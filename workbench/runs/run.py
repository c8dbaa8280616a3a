"""One recorded training, read lazily: a Dataset and the evidence that its training left behind.

Hides the run directory (see `workbench.storage.layout`): which epochs are sealed, files of several ranks, rows that
were not recorded, caches. Opening a run reads one JSON and the examples table; everything else is read when asked for.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pandas as pd

from workbench.data.dataset import Dataset
from workbench.data.inputs import note_order, warn_if_permuted
from workbench.foundation.errors import InputError, MissingEvidence, RunError
from workbench.foundation.statistics import statistics
from workbench.runs.journal import Journal
from workbench.storage.described import load_array, write_described
from workbench.storage.epoch_statistics import BLOCK_ROWS, STATISTICS, epoch_rows, read_rows, read_stream, stat_rows
from workbench.storage.examples import read_dataset
from workbench.storage.layout import Layout, read_run_json
from workbench.storage.pending import read_pending
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
    path : the run directory, or its URL ("s3://bucket/runs/birds": any that fsspec knows). Of a run at a URL files are
        fetched when they are read; caches and the journal are in a folder of this user on this machine, and
        `run.push_journal()` uploads the decisions.
    storage_options : for fsspec, such as an endpoint; keys and secrets are better kept in the environment.
    media_root : folder below which image paths may be read. Needed only for runs that somebody else recorded.

    Returns
    -------
    Run

    Raises
    ------
    RunError : not a run directory, damaged, or of a newer schema version.
    """
    return Run(path, media_root=media_root, storage_options=storage_options)


T = TypeVar("T")


def opened(source: str | Path | T) -> Run | T:
    """The Run of a path; anything else as it is."""
    return open_run(source) if isinstance(source, (str, Path)) else source


class Run:
    """A run directory: `dataset`, statistics by epoch, logits, embeddings, out-of-fold probabilities, journal.

    Parameters
    ----------
    path, media_root, storage_options : as in `open_run`.

    Raises
    ------
    RunError : not a run directory, damaged, or of a newer schema version.
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
        self._probabilities = StoredProbabilities(self.layout, self.n, self._check_predictions)

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
        """The URL of a run that is not on this machine; `path` is then its working folder here."""
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
        """Where the statistics come from: "train" (during training), "eval" (replay of checkpoints), "import"."""
        return self.described["mode"]

    # statistics

    @property
    def epochs(self) -> tuple[int, ...]:
        """Epochs that are sealed, in order."""
        return tuple(self.layout.sealed())

    def stats(
        self, epoch: int, columns: Sequence[str] | None = None, rows: slice = slice(None)
    ) -> dict[str, np.ndarray]:
        """Statistics of one sealed epoch, aligned to the dataset's rows.

        Parameters
        ----------
        epoch : a member of `epochs`.
        columns : names out of `STATISTICS`; all by default.
        rows : a slice of row numbers with step 1; only the parts of the files that hold them are read.

        Returns
        -------
        dict of name -> (rows,) or (rows, 5) array; NaN (float), -1 (int) or False (bool) where a row was not recorded.
        """
        names = STATISTICS if columns is None else tuple(columns)
        start, stop, _ = rows.indices(self.n)
        found = epoch_rows(self._epoch_files(epoch), names, start, stop)
        return {name: found[name] for name in names}

    def unsealed(self) -> dict[int, pd.DataFrame]:
        """Statistics of epochs under way or cut short by a crash, readable up to the last whole batch.

        Returns
        -------
        dict of epoch -> DataFrame with the column row and the names in `STATISTICS`, in order of recording.
        """
        found = {epoch: map(self._read_unsealed, files) for epoch, files in self.layout.unsealed().items()}
        return {epoch: pd.concat(parts, ignore_index=True) for epoch, parts in found.items()}

    def _read_unsealed(self, stream: Path) -> pd.DataFrame:
        """The batches of a stream, and those that wait to join it; read first, since meanwhile they may have."""
        rows, logits = read_pending(self.layout.pending(stream), self.n, self.dataset.k)
        written = read_stream(stream)
        waiting = ~np.isin(rows, written.get("row", []))
        if not waiting.any():
            return written
        rows = rows[waiting]
        numbers = statistics(logits[waiting], self.dataset.given_labels[rows])
        columns = {name: values if values.ndim == 1 else list(values) for name, values in numbers.items()}
        waited = pd.DataFrame({"row": rows, **{name: columns[name] for name in STATISTICS}})
        return pd.concat([written, waited], ignore_index=True) if len(written) else waited

    def stat_matrix(self, name: str, rows: slice = slice(None)) -> np.ndarray:
        """(epochs, rows) float32 of one statistic; NaN where it was not recorded.

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
        """Blocks of rows: (slice, {name: (epochs, b) float32}); memory stays at epochs x block_rows x names floats.

        Parameters
        ----------
        names : as in `stat_matrix`.
        block_rows : rows of a block.
        """
        for start in range(0, self.n, block_rows):
            stop = min(start + block_rows, self.n)
            yield slice(start, stop), self._matrices(names, start, stop)

    def _matrices(self, names: Sequence[str], start: int, stop: int) -> dict[str, np.ndarray]:
        """{name: (epochs, stop - start) float32}, NaN where not recorded."""
        sealed = self.layout.sealed()
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
        """(n, k) float16 logits of one epoch, NaN where not recorded; memory-mapped. -1 is the last there is.

        Parameters
        ----------
        epoch : a member of `logits_epochs`; -1 is the last there is.
        """
        return self._array("logits", epoch)

    @property
    def embedding_epochs(self) -> tuple[int, ...]:
        """Epochs with embeddings."""
        return tuple(self.layout.arrays("embeddings"))

    def embeddings(self, epoch: int = -1) -> np.ndarray:
        """(n, d) float16 embeddings of one epoch, NaN where not recorded; memory-mapped. -1 is the last there is.

        Parameters
        ----------
        epoch : a member of `embedding_epochs`; -1 is the last there is.
        """
        return self._array("embeddings", epoch)

    def resolve_embedding_epoch(self, epoch: int) -> int:
        """The epoch that `embeddings(epoch)` reads.

        Parameters
        ----------
        epoch : int, -1 for the last there is.
        """
        return self._resolve("embeddings", epoch)

    def embedding_provenance(self, epoch: int = -1) -> Provenance:
        """Where the embeddings of an epoch come from and whether they saw the given labels; `str` puts it in words.

        Parameters
        ----------
        epoch : int, -1 for the last there is.

        Raises
        ------
        RunError : what is said of the embeddings is damaged.
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
        """Memory-mapped array of one rank, or the rows of several ranks put together."""
        epoch = self._resolve(kind, epoch)
        parts = self.layout.arrays(kind)[epoch]
        arrays = [load_array(self.layout.here(path), self.n) for _, path in parts]
        if len(arrays) == 1:
            return arrays[0]
        whole = np.full(arrays[0].shape, np.nan, arrays[0].dtype)
        for file, array in reversed(list(zip(self._epoch_files(epoch), arrays, strict=True))):
            rows = read_rows(file, ["row"], 0, self.n).column("row").to_numpy()
            rows = rows[(rows >= 0) & (rows < self.n)]
            whole[rows] = array[rows]
        return whole

    def pred_probs(self) -> PredProbs | None:
        """Stored predicted probabilities (or predictions) and whether they are out-of-fold; None when there are none.

        Raises
        ------
        RunError : the file is damaged.
        """
        found = self._probabilities.read()
        if found is not None and self.dataset.kind.one_class:
            note_order(found.values, self.dataset.classes)
        return found

    def save_pred_probs(self, values: np.ndarray, *, out_of_fold: bool, source: str) -> None:
        """Store predicted probabilities (n, k), rows in dataset order: of classes they sum to 1 in each row.

        They replace those that are there, which stay until the new ones are whole, with what is said of them. For
        multi-label data they are the probabilities of the tags, each in [0, 1].

        Parameters
        ----------
        values : float (n, k).
        out_of_fold : whether they come from models that had not seen the labels of these rows; it decides what they are
            worth.
        source : what made them, in words, such as "ResNet-18, 5 folds"; shown wherever they are used.

        Raises
        ------
        InputError : another shape, or rows that are no probabilities. WriteError : the run cannot be written.
        """
        self._save_predictions("pred_probs", values, out_of_fold, source)

    def save_predictions(self, values: np.ndarray, *, out_of_fold: bool, source: str) -> None:
        """Store predictions that are no probabilities, such as numbers: (n,) or (n, width) floats in dataset order.

        As `save_pred_probs`, for kinds of labels that take `predictions`.

        Parameters
        ----------
        values : float array (n,) or (n, width), kept as float32. out_of_fold, source : as there.
        """
        self._save_predictions("predictions", values, out_of_fold, source)

    def _save_predictions(self, name: str, values: np.ndarray, out_of_fold: bool, source: str) -> None:
        kind = self.dataset.kind
        if kind.stored != name:
            found = f"is {self.task!r}, of which a run stores {f'`{kind.stored}`' if kind.stored else 'no predictions'}"
            raise InputError.at("task", f"{found}, not `{name}`", "Pass predictions to `find_issues` with the run.")
        values = np.asarray(values, dtype=np.float32)
        values = values[:, None] if values.ndim == 1 and name == "predictions" else values
        self._check_predictions(values)
        if kind.one_class and self.n:
            warn_if_permuted("pred_probs", values, self.dataset.given_labels, self.dataset.classes)
        provenance = Provenance("pred_probs", "user", str(source), out_of_fold=bool(out_of_fold))
        self._probabilities.save(PredProbs(values, provenance))

    def _check_predictions(self, values: np.ndarray) -> None:
        try:
            self.dataset.kind.check_predictions(values, self.n, self.dataset.classes)
        except InputError as error:
            raise error.with_id(self.dataset.ids) from None

    def keep_pred_probs(self, found: PredProbs, *, replace: bool = False) -> bool:
        """Store probabilities that this program made; not where something of a person's lies, unless `replace`.

        Parameters
        ----------
        found : PredProbs.
        replace : also in place of a person's.
        """
        return self._probabilities.save(found, replace=replace)

    def save_embeddings(
        self, values: np.ndarray, *, epoch: int | None = None, source: str = "", trained_on_labels: bool | None = None
    ) -> None:
        """Store embeddings (n, d) made elsewhere, as float16, rows in dataset order; NaN rows have none.

        Those that are there stay until the new ones are whole, with what is said of them.

        Parameters
        ----------
        values : float array (n, d).
        epoch : the epoch they belong to; by default the last recorded one, or 0 in a run without epochs.
        source : what made them, in words, such as "CLIP ViT-B/32".
        trained_on_labels : whether that saw the given labels; None = not known. It changes how far they are trusted.

        Raises
        ------
        InputError : another shape, no numbers, or infinity. WriteError : the run cannot be written.
        """
        values = np.asarray(values)
        if values.ndim != 2 or len(values) != self.n or values.dtype.kind not in "fiu":
            found = f"has dtype {values.dtype} and shape {values.shape} for {self.n} examples"
            raise InputError.at("embeddings", found, "Pass one row of d numbers per example.")
        infinite = np.isinf(values).any(axis=1)
        if infinite.any():
            row = int(np.flatnonzero(infinite)[0])
            raise InputError.at("embeddings", "holds infinity", "Check the layer.", row=row, id=self.dataset.ids[row])
        if epoch is None:
            epoch = self.epochs[-1] if self.epochs else 0
        limit = np.finfo(np.float16).max
        halves = np.ascontiguousarray(np.clip(values, -limit, limit), np.float16)
        said = {"how": source, "trained_on_labels": trained_on_labels}
        write_described(self.layout, self.layout.array("embeddings", epoch), halves, said)

    def planted(self) -> pd.DataFrame | None:
        """Errors planted on purpose: columns id, true_label, planted_label; None when there are none."""
        return self.dataset.planted

    # decisions

    @functools.cached_property
    def journal(self) -> Journal:
        """Decisions about this run, append-only."""
        if self.layout.journal.is_dir():
            raise RunError(f"{self.layout.journal} is a folder. Move it away, or restore the journal from a copy.")
        return Journal(self.layout.journal)

    def push_journal(self) -> bool:
        """Upload the decisions of a run at a URL; False when there is nothing new.

        Raises
        ------
        RunError : somebody else pushed since the run was opened here, or the run is not at a URL.
        """
        if not isinstance(self.layout, RemoteLayout):
            raise RunError(f"{self.path} is on this machine: decisions are in it as soon as they are made.")
        self.journal.close()
        return self.layout.push_journal()

    @property
    def label_space(self) -> tuple[str, ...]:
        """Class names by code: `classes`, then those added in the journal (`workbench.review.add_class`)."""
        return (*self.classes, *(name for name in self.journal.added_classes() if name not in self.classes))

    def extended(self) -> Dataset:
        """The dataset with `label_space` as its classes: what names the codes of `labels`."""
        return self.dataset.with_classes(self.label_space)

    def decided(self) -> Decided:
        """What the journal says of labels now: rows, keys of units and values, each unit once, oldest first."""
        table = self.journal.decided()
        if self.dataset.kind.one_class:
            table = table[table["unit"] == ""]
        rows, known = self.dataset.find(pd.Index(table["id"]))
        return Decided(rows, table["unit"][known].tolist(), table["label"][known].tolist())

    def labels(self) -> Labels:
        """The given labels with the journal's decisions applied, as `dataset.labels` holds them.

        (n,) int64 indices of `label_space`, -1 where there is no label; for other kinds of labels an Arrow array.
        `corrected_labels` has them in the user's type.
        """
        return self.dataset.kind.apply(self.dataset.labels, self.label_space, self.decided())

    def corrected_labels(self) -> pd.Series:
        """The given labels with the journal's decisions applied, in the type in which they were given.

        Returns
        -------
        Series indexed by id, in dataset order, named as the user's column of labels. Its dtype is that of the column
        given, the nullable one (Int64, boolean) where integers or bools have gaps.
        """
        values = self.extended().as_given(self.labels())
        name = self.dataset.column_of.get("given_label", "label")
        return pd.Series(values, index=pd.Index(self.dataset.ids, name="id"), name=name)

    def changes(self, *, author: str | None = None) -> pd.DataFrame:
        """Examples whose label differs from the given one.

        Parameters
        ----------
        author : only what this author stands for, whatever others decided before or after

        Returns
        -------
        DataFrame indexed by id: given_label and label (in the type in which labels were given), author, time, reason.
        For other kinds of labels than one class per example a row per unit, indexed by (id, unit), with values as the
        journal holds them.
        """
        dataset, whole = self.extended(), self.dataset.kind.one_class
        state = self.journal.state(author=author, per="example" if whole else "unit")
        state = state[state["label"].notna()]
        rows, known = dataset.find(state.index.get_level_values("id"))
        state = state[known]
        if whole:
            given, now = dataset.given_labels[rows], dataset.codes_of(state["label"])
            changed = given != now
            state = state.assign(given_label=dataset.labels_of(given), label=dataset.labels_of(now))
        else:
            values = dataset.values_at(rows, state.index.get_level_values("unit").tolist())
            state = state.assign(given_label=pd.Series(values, index=state.index, dtype=object))
            changed = state["given_label"] != state["label"]
        return state.loc[changed, ["given_label", "label", "author", "time", "reason"]]
