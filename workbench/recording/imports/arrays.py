"""Create a run from data in memory in one call: labels and arrays (as in scikit-learn), DataFrame, Dataset or Evidence.

wb.import_run(labels, "runs/mine", pred_probs=P, embeddings=E)
wb.import_run(frame, "runs/mine", label="species", id="file", pred_probs=P)

This module distinguishes the forms of input, and matches the names of classes, rows and columns of probabilities.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from workbench.data.dataset import Dataset
from workbench.data.inputs import row_names, to_matrix
from workbench.evidence.evidence import Evidence
from workbench.evidence.spaces import embed_texts
from workbench.foundation.errors import InputError, first_few
from workbench.graphs.edges import Edges
from workbench.recording.imports.staging import check_free, landing
from workbench.runs.run import Run
from workbench.tasks import find_task, require_task
from workbench.tasks.classes import class_codes
from workbench.tasks.label_type import LabelType
from workbench.tasks.protocol import Task, reading_options

if TYPE_CHECKING:
    from workbench.recording.recorder import Recorder

COLUMN_OPTIONS = ("label", "id", "image", "audio", "text")
"""Options that name a column of a DataFrame; `INSTEAD_OF_COLUMN` has those that replace them for an array of labels."""

INSTEAD_OF_COLUMN = {
    "label": "the labels first",
    "id": "ids=",
    "image": "images=",
    "audio": "sounds=",
    "text": "texts=",
}


@dataclass(frozen=True)
class Handed:
    """The input of a call: a Dataset, and evidence with rows in its order; None for evidence that was not passed.

    Attributes
    ----------
    embeddings : (n, d), or the name of a model that embeds the texts (`embed_texts`).
    own : evidence of the kind of label by name, as in `Run.save_evidence`.
    """

    dataset: Dataset
    pred_probs: np.ndarray | None = None
    out_of_fold: bool = True
    embeddings: np.ndarray | str | None = None
    logits: np.ndarray | None = None
    own: Mapping[str, Any] = field(default_factory=dict)


def task_named(source: object, task: str | None = None) -> str | None:
    """Return the kind of label that is named by `task`, or else by the data."""
    own = getattr(source, "task", None)
    return task or (own if isinstance(own, str) else None)  # of a DataFrame, it may be a column


def recognizes(source: object) -> bool:
    """Whether the source is an object in memory other than a DataFrame or Run."""
    return not isinstance(source, (str, Path, pd.DataFrame, Run)) and not hasattr(source, "to_pandas")


def read(
    source: object,
    path: str | Path,
    *,
    overwrite: bool = False,
    progress: bool = False,
    evidence: Mapping[str, Any] | None = None,
    **options: Any,
) -> Run:
    """Create a run directory from data in memory; it has an epoch for each array of `logits`.

    Parameters
    ----------
    source : labels, DataFrame, Dataset or Evidence
        Given labels are class names or indices (array, list, Series, tensor); None and NaN mean "no label".
    path : str or Path
        The run directory to create.
    overwrite : bool
        Whether to replace the evidence of an existing run; its journal is kept.
    progress : bool
        Ignored; present for consistency with the other readers.
    evidence : dict, optional
        Evidence to save by name, as in `Run.save_evidence`.
    **options
        As in `handed`.

    Raises
    ------
    InputError
        An array does not fit, or an option does not apply to this kind of source.
    """
    check_free(path, overwrite)
    data = handed(source, **options)
    with landing(path, data.dataset, overwrite=overwrite, evidence=evidence) as recorder:
        store_arrays(recorder, data)
    return Run(path)


def store_arrays(recorder: Recorder, data: Handed) -> None:
    """Write the evidence of a call into the run of a recorder."""
    for epoch, logits in enumerate(() if data.logits is None else data.logits):
        with recorder.epoch(epoch):
            recorder.batch(data.dataset.ids, np.asarray(logits))
    run = recorder.run()
    own = dict(data.own)
    if data.pred_probs is not None and "pred_probs" in data.dataset.kind.evidence_forms:
        own["pred_probs"] = data.pred_probs
    elif data.pred_probs is not None:
        run.save_pred_probs(data.pred_probs, out_of_fold=data.out_of_fold, source="passed as an array")
    if isinstance(data.embeddings, str):
        embed_texts(run, data.embeddings)
    elif data.embeddings is not None:
        run.save_embeddings(data.embeddings)
    for name, values in own.items():
        run.save_evidence(name, values, source="passed as an array", trained_on_labels=not data.out_of_fold)


def handed(
    source: Any,
    *,
    label: str | None = None,
    task: str | None = None,
    id: str | None = None,
    image: str | None = None,
    audio: str | None = None,
    text: str | None = None,
    ids: Any = None,
    images: Any = None,
    sounds: Any = None,
    texts: Sequence[str] | None = None,
    metadata: pd.DataFrame | None = None,
    classes: Sequence[object] | None = None,
    media_root: str | Path | None = None,
    pred_probs: Any = None,
    out_of_fold: bool = True,
    embeddings: Any = None,
    logits: Any = None,
    edges: Any = None,
    **described: Any,
) -> Handed:
    """Create a Dataset, with its evidence, from data in memory.

    Parameters
    ----------
    source : labels, DataFrame, Dataset or Evidence
    label, id, image, audio, text : str, optional
        Columns of a DataFrame, as in `Dataset.from_frame`; without `id` its index contains the ids.
    task : str, optional
        Kind of label, as in `Dataset.from_frame`; by default one class per example.
    ids, images, sounds, texts, metadata : optional
        Only with labels, as in `Dataset.from_arrays`.
    classes, media_root : optional
        As in `Dataset.from_frame`.
    pred_probs : (n, k) array or DataFrame, optional
        Probabilities; columns in the order of the classes, or named by class.
    out_of_fold : bool
        Whether `pred_probs` come from models that were not trained on the labels of these rows.
    embeddings : (n, d) array, or the name of a model that embeds the texts, as in `embed_texts`; optional
    logits : (epochs, n, k) or (n, k) array, optional
        Logits of one training on these labels.
    edges : optional
        Edges between the examples, as in `Dataset.from_frame`.
    **described
        Further options of the kind of label, such as `open_world` for tags; and its evidence, such as `predictions` for
        boxes.
    """
    columns = {"label": label, "id": id, "image": image, "audio": audio, "text": text}
    beside = {"ids": ids, "images": images, "sounds": sounds, "texts": texts, "metadata": metadata}
    arrays = {"pred_probs": pred_probs, "embeddings": embeddings, "logits": logits}
    evidence = _own_evidence(find_task(task_named(source, task) or "multiclass"), described)
    names = None
    if isinstance(source, Evidence):
        _refuse("Evidence, which has its own arrays", {**columns, **beside, **arrays, "classes": classes, "task": task})
        dataset, arrays = _of_evidence(source, arrays)
        out_of_fold = source.out_of_fold
    elif isinstance(source, Dataset):
        own = {**columns, **beside, **described, "classes": classes, "task": task}
        _refuse("a Dataset, which has its own columns", own)
        dataset = source
    elif isinstance(source, pd.DataFrame) or (hasattr(source, "to_pandas") and hasattr(source, "columns")):
        _refuse("a DataFrame: name its columns instead", beside)
        dataset = _of_frame(source, columns, task=task, classes=classes, media_root=media_root, **described)
    else:
        for name in COLUMN_OPTIONS:
            if columns[name] is not None:
                todo = f"Pass {INSTEAD_OF_COLUMN[name]}, or pass the whole DataFrame."
                raise InputError.at(name, "names a column, but no DataFrame was passed", todo)
        names = row_names(source)
        if task is not None and not find_task(task).one_class:
            given: dict[str, Any] = {**described, **beside, "ids": names if ids is None else ids}
            dataset = Dataset.from_arrays(source, task=task, classes=classes, media_root=media_root, **given)
        else:
            dataset = _of_labels(source, names, classes, pred_probs, beside, media_root)
    if edges is not None:
        dataset = dataclasses.replace(dataset, edges=Edges.of(edges, dataset.n, dataset.ids))
    if not dataset.kind.one_class:
        return Handed(dataset, pred_probs, bool(out_of_fold), embeddings, logits, evidence)
    by_name = names if names is not None and len(names) == dataset.n else None
    probs = to_matrix("pred_probs", arrays["pred_probs"], by_name, dataset.classes)
    vectors = arrays["embeddings"]
    vectors = vectors if isinstance(vectors, str) else to_matrix("embeddings", vectors, by_name)
    return Handed(dataset, probs, bool(out_of_fold), vectors, _epochs(arrays["logits"], dataset))


def _own_evidence(kind: Task, described: dict[str, Any]) -> dict[str, Any]:
    """Take the evidence of the kind of label out of the options; the rest must be options of its labels."""
    names = [name for name in described if name in kind.evidence_forms]
    evidence = {name: described.pop(name) for name in names}
    for name in described:
        if name not in reading_options(kind):
            raise TypeError(f"handed() got an unexpected keyword argument {name!r}")
    return {name: values for name, values in evidence.items() if values is not None}


def _of_evidence(source: Evidence, names: Iterable[str]) -> tuple[Dataset, dict[str, Any]]:
    """Return a Dataset, and the arrays with these names."""
    require_task(source, "multiclass", "a run made of Evidence")
    arrays = {name: source.get(name) if source.has(name) else None for name in names}
    given = source.given_labels.copy()
    ids, kind = np.array(source.ids), source.label_type
    return Dataset(ids, given, source.classes, label_type=kind, edges=source.edges), arrays


def _of_frame(source: Any, columns: dict[str, Any], *, task: str | None, **options: Any) -> Dataset:
    """Create a Dataset from a table; without a column of ids, its index is used."""
    frame = source if isinstance(source, pd.DataFrame) else source.to_pandas()
    named = {**columns, "label": "label" if columns["label"] is None else columns["label"]}
    dataset = Dataset.from_frame(frame, task="multiclass" if task is None else task, **named, **options)
    return dataset if columns["id"] is not None else dataclasses.replace(dataset, ids=_index_ids(frame))


def _of_labels(
    labels: Any, names: np.ndarray | None, classes: Any, pred_probs: Any, beside: dict[str, Any], media_root: Any
) -> Dataset:
    """Create a Dataset from labels; for class indices, the number of classes is that of the probability columns."""
    shape = np.shape(labels) if hasattr(labels, "shape") else None
    if shape is not None and len(shape) != 1:
        found = f"is an array of shape {tuple(shape)}"
        todo = "Pass the n labels first: `Explorer(labels, pred_probs=P)`, `import_run(labels, path, pred_probs=P)`."
        raise InputError.at("source", found, todo)
    if isinstance(labels, (str, bytes, Mapping)) or not hasattr(labels, "__iter__"):
        todo = "Pass a run or its path, a DataFrame, a Dataset, or labels (with pred_probs=, embeddings=, images=)."
        raise InputError.at("source", f"is a {type(labels).__name__}", todo)
    labels = list(labels) if hasattr(labels, "__next__") else labels
    label_type = None
    if classes is None and isinstance(pred_probs, pd.DataFrame) and not isinstance(pred_probs.columns, pd.RangeIndex):
        classes = list(pred_probs.columns)
    elif classes is None and np.ndim(pred_probs) == 2:
        classes = _indexed(labels, np.shape(pred_probs)[1])
        label_type = LabelType.of(labels)
    if beside["ids"] is None and names is not None:
        beside = {**beside, "ids": names}
    made = Dataset.from_arrays(labels, classes=classes, media_root=media_root, **beside)
    return made if label_type is None else dataclasses.replace(made, label_type=label_type.fitting(made.classes))


def _indexed(labels: Any, k: int) -> list[str] | None:
    """Return the names "0" to "k-1" if the labels are indices of k columns, some of which never occur; else None."""
    _, found = class_codes(labels, None)
    if len(found) == k or not all(name.lstrip("-").isdigit() for name in found):
        return None
    numbers = sorted(int(name) for name in found)
    if numbers and (numbers[0] < 0 or numbers[-1] >= k):
        what = f"has {k} columns for the labels {first_few(numbers)}"
        raise InputError.at("pred_probs", what, "Give one column per class, or pass classes=[...] in their order.")
    return [str(number) for number in range(k)]


def _epochs(logits: Any, dataset: Dataset) -> np.ndarray | None:
    """Return the logits as (epochs, n, k)."""
    if logits is None:
        return None
    array = np.asanyarray(to_matrix("logits", logits, None, dataset.classes))
    array = array[None] if array.ndim == 2 else array
    if array.ndim != 3 or array.shape[1:] != (dataset.n, dataset.k):
        found = f"has shape {array.shape} for {dataset.n} examples and {dataset.k} classes"
        raise InputError.at("logits", found, "Give (epochs, n, k), or (n, k) for a single epoch.")
    return array


def _refuse(what: str, options: dict[str, Any]) -> None:
    """Raise for options that the source already determines."""
    for name in _given(options):
        raise InputError.at(name, f"was given together with {what}", "Leave it out.")


def _given(options: dict[str, Any]) -> Iterator[str]:
    return (name for name, value in options.items() if value is not None)


def _index_ids(frame: pd.DataFrame) -> np.ndarray:
    """Return the index of the DataFrame as ids."""
    return Dataset.from_arrays(np.zeros(len(frame), int), ids=frame.index).ids
