"""Build `Evidence` from a run, a Dataset, or labels of any kind with arrays.

Labels with one class per example go through `Evidence.from_arrays`. For other kinds of labels the task matches the
predictions with its units (`Task.meet`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from inspect import signature
from typing import Any

import numpy as np
import pandas as pd

from workbench.data.dataset import Dataset
from workbench.data.inputs import row_names, warn_if_permuted
from workbench.evidence.evidence import Evidence
from workbench.foundation.errors import InputError, MissingEvidence
from workbench.runs.run import Run
from workbench.runs.saved_evidence import saved_evidence, saved_names
from workbench.storage.provenance import Provenance
from workbench.tasks import find_task
from workbench.tasks.protocol import reading_options

TOKENS = "tokens"
"""Column of the metadata that holds the tokens of each example as a list."""

STORED_PREDICTIONS = ("predictions", "pred_probs", "stages")
"""Stored evidence that counts as in-sample if its model was trained on the labels."""

OF_LABELS = ("ids", "classes")
"""Arguments that describe the labels and are not evidence."""


def as_evidence(source: Run | Dataset | Evidence | Any, *, task: str | None = None, **arrays: Any) -> Evidence:
    """Return the evidence of a run, a dataset, or labels with arrays.

    Parameters
    ----------
    source : a Run, Evidence, or given labels (a Dataset, or labels as in `Evidence.from_arrays`). Given labels need at
        least one of `arrays`
    task : the kind of label, if `source` does not determine it; one class per example by default
    arrays : as in `Evidence.from_arrays`. Other kinds of labels take the arrays of `Task.predictions`, `out_of_fold`
        and, if `source` holds bare labels, `ids`, `classes` and the reading options of the task

    Raises
    ------
    InputError
        Arrays are passed together with a Run or Evidence, which have their own; or as in `Evidence.from_arrays`.
    """
    task = kind_of(source, task)
    if not find_task(task).one_class:
        return source if isinstance(source, Evidence) else _of_units(source, task, arrays)
    if isinstance(source, pd.DataFrame):
        todo = "Pass its column of labels, frame[COLUMN], or Dataset.from_frame(frame, label=COLUMN)."
        raise InputError.at("source", "is a DataFrame", todo)
    known = isinstance(source, (Evidence, Run))
    if known and arrays:
        todo = "Store probabilities with `run.save_pred_probs`, or pass the labels and arrays without the run."
        raise InputError.at(next(iter(arrays)), f"was given together with {source!r}", todo)
    if known:
        return source if isinstance(source, Evidence) else Evidence.from_run(source)
    names = [name for name in signature(Evidence.from_arrays).parameters if name != "given_labels"]
    for name in arrays:
        if name not in names:
            raise InputError.unknown("array", name, names)
    if isinstance(source, Dataset):
        if source.text_column is not None:
            arrays = {"texts": source.texts(), **arrays}
        arrays.setdefault("edges", source.edges)
        probs = arrays.get("pred_probs")
        unnamed = probs is not None and not isinstance(probs, pd.DataFrame)
        if probs is not None and unnamed and np.shape(probs) == (source.n, source.k):
            warn_if_permuted("pred_probs", np.asarray(probs), source.given_labels, source.classes)
        found = Evidence.from_arrays(source.given_labels, ids=source.ids, classes=source.classes, **arrays)
        found.label_type = source.label_type
        return found
    return Evidence.from_arrays(source, **arrays)


def kind_of(source: Any, task: str | None) -> str:
    """Return the kind of label of a source; `task` if the source does not determine it, multiclass by default.

    Raises
    ------
    InputError : `task` contradicts the source, or no task has this name.
    """
    found = getattr(source, "task", None)
    if task is not None and found not in (None, task):
        raise InputError.at("task", f"is {task!r} with labels of the task {found!r}", "Leave it out.")
    return find_task(found or task or "multiclass").name


@dataclass(frozen=True)
class HandedIn:
    """Labels of any kind and the evidence about them.

    Attributes
    ----------
    evidence : maps names of `Task.predictions` to arrays; "dynamics" to the run, where a training was recorded.
    out_of_fold : whether the predictions come from models that had not seen the labels. sources : where each array
        comes from, in words.
    """

    dataset: Dataset
    evidence: dict[str, Any]
    out_of_fold: bool
    sources: dict[str, str]


def handed_in(source: Run | Dataset | Any, task: str, arrays: Mapping[str, Any]) -> HandedIn:
    """Collect the evidence for labels of any kind: the arrays passed, and those that a run has stored.

    Parameters
    ----------
    source : a Run, a Dataset, or labels in a form that `Task.read` accepts. task : the kind of label.
    arrays : as for `as_evidence`; an array replaces the stored one of the same name.

    Raises
    ------
    InputError : this kind of label does not take one of the arrays.
    """
    kind = find_task(task)
    dataset, arrays = getattr(source, "dataset", source), dict(arrays)
    if not isinstance(dataset, Dataset):
        described = (*OF_LABELS, *reading_options(kind))
        _check_names(source, task, [name for name in arrays if name not in described])
        options = {name: arrays[name] for name in described if arrays.get(name) is not None}
        columns = kind.of_frame(source) if isinstance(source, pd.DataFrame) and "ids" not in options else None
        if columns is not None:
            dataset = Dataset.from_frame(source, task=task, **columns, **options)
        else:
            named = None if kind.long_tables else row_names(source)
            if named is not None:
                options.setdefault("ids", named)
            dataset = Dataset.from_arrays(source, task=task, **options)
        arrays = {name: array for name, array in arrays.items() if name not in described}
    out_of_fold = arrays.pop("out_of_fold", None)
    _check_names(source, task, arrays)
    found, sources, stored_apart = _stored(source, dataset)
    if out_of_fold is None:
        out_of_fold = stored_apart if kind.stored not in arrays else True
    seen = "out-of-fold" if out_of_fold else "in-sample"
    sources |= {name: f"{seen} as given" if name == (kind.stored or "pred_probs") else "as given" for name in arrays}
    return HandedIn(dataset, {**found, **arrays}, bool(out_of_fold), sources)


def _check_names(source: Any, task: str, names: Iterable[str]) -> None:
    """Refuse names that are not arrays of the task; the column of a table has its own message."""
    kind = find_task(task)
    for name in names:
        if name == "label" and isinstance(source, pd.DataFrame):
            todo = f"Pass the column, `frame[...]`, or `wb.Dataset.from_frame(frame, label=..., task={task!r})`."
            raise InputError.at("label", "names a column, and labels are expected", todo)
        if name not in (*kind.predictions, "out_of_fold"):
            raise InputError.unknown("array", name, kind.predictions, f"The labels are of the task {task!r}.")


def _stored(source: Any, dataset: Dataset) -> tuple[dict[str, Any], dict[str, str], bool]:
    """Return the stored arrays that the task takes, their sources in words, and whether they are out-of-fold."""
    kind = dataset.kind
    found: dict[str, Any] = {}
    sources: dict[str, str] = {}
    out_of_fold = True
    if isinstance(source, Run):
        probs = source.pred_probs() if kind.stored else None
        if probs is not None:
            found[kind.stored], sources[kind.stored], out_of_fold = probs.values, probs.source, probs.out_of_fold
        of_tokens = TOKENS in kind.predictions  # their embeddings are of tokens, those of a run of whole examples
        if "embeddings" in kind.predictions and not of_tokens and source.embedding_epochs:
            found["embeddings"], sources["embeddings"] = source.embeddings(), str(source.embedding_provenance())
        if kind.recorded and source.epochs:
            recorded = Provenance("dynamics", "recorded", epochs=len(source.epochs), mode=source.mode)
            found["dynamics"], sources["dynamics"] = source, str(recorded)
    if "texts" in kind.predictions and dataset.text_column is not None:
        found["texts"], sources["texts"] = dataset.texts(), f"column {dataset.text_column!r}"
    own = kind.evidence_in(dataset.metadata)
    found |= own
    sources |= {name: f"column {name!r}" for name in own}
    saved_ones = saved_names(source) if isinstance(source, Run) else ()
    for name in (one for one in saved_ones if one in kind.predictions):  # others are for maps only
        saved = saved_evidence(source, name)
        if saved is not None:
            found[name], sources[name] = saved.values, str(saved.provenance)
            out_of_fold &= name not in STORED_PREDICTIONS or saved.provenance.saw_labels is not True
    if TOKENS in kind.predictions and TOKENS in dataset.metadata.columns:
        found[TOKENS], sources[TOKENS] = dataset.metadata[TOKENS].tolist(), f"column {TOKENS!r}"
    return found, sources, out_of_fold


def _of_units(source: Run | Dataset | Any, task: str, arrays: dict[str, Any]) -> Evidence:
    """Return evidence about units, for labels other than one class per example."""
    kind, handed = find_task(task), handed_in(source, task, arrays)
    dataset, arrays, out_of_fold = handed.dataset, handed.evidence, handed.out_of_fold
    if not arrays:
        raise MissingEvidence.beside_labels(task, kind.predictions)
    met = kind.meet(dataset.units, dataset.classes, **arrays)
    provenance = {}
    if "pred_probs" in met.evidence:
        provenance["pred_probs"] = Provenance("pred_probs", "array", out_of_fold=bool(out_of_fold))
    evidence = Evidence(
        met.units.given,
        kind.answers(dataset.classes),
        {name: np.asanyarray(array).__getitem__ for name, array in met.evidence.items()},
        ids=dataset.ids[met.units.rows],
        out_of_fold=out_of_fold,
        provenance=provenance,
        task=task,
        met=met,
        examples=dataset.ids,
    )
    evidence.run = source if isinstance(source, Run) else None
    return evidence
