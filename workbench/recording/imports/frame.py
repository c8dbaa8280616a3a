"""Tables with one row per example: a DataFrame, CSV, JSONL or Parquet, optionally with probability columns."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from workbench.data.dataset import Dataset
from workbench.data.roots import default_root
from workbench.evidence.spaces import embed_texts
from workbench.foundation.errors import InputError, first_few
from workbench.graphs.edges import Edges
from workbench.recording.imports.staging import check_free, landing
from workbench.runs.run import Run
from workbench.storage.edges import read_edge_list
from workbench.storage.tables import WRITERS, check_target, is_path, parsed_cells, read_table, write_table
from workbench.tasks import find_task
from workbench.tasks.label_type import LabelType
from workbench.tasks.protocol import reading_options

PROBS_PREFIX = "p_"


def recognizes(source: object) -> bool:
    """Whether the source is not a path, or is a table file by its suffix."""
    return not isinstance(source, Path) or source.suffix.lower() in WRITERS


def read(
    source: object,
    path: str | Path,
    *,
    label: str | Sequence[str] = "label",
    task: str = "multiclass",
    id: str | None = None,
    probs: str | Sequence[str] | None = None,
    out_of_fold: bool | None = None,
    embedding: str | None = None,
    embeddings: str | None = None,
    image: str | None = None,
    audio: str | None = None,
    text: str | None = None,
    classes: Sequence[str] | None = None,
    media_root: str | Path | None = None,
    edges: Any = None,
    neutralized: bool = False,
    overwrite: bool = False,
    progress: bool = False,
    evidence: Mapping[str, Any] | None = None,
    **described: Any,
) -> Run:
    """Import a table into a run directory; the run has no epochs.

    Parameters
    ----------
    source : DataFrame (pandas, or an object with `to_pandas`), or a path to .csv, .jsonl or .parquet.
    path : the run directory to create.
    label : column with the given label; empty means "no label". In CSV, labels with several parts are JSON. A list of
        columns for kinds of labels that need several, such as several numbers.
    task : kind of label, as in `Dataset.from_frame`.
    id : column with unique ids. Default: row numbers from 0. In CSV "007" stays text.
    probs : probability columns: their common prefix ("p_" for p_cat, p_dog; the rest is the class name), or a list of
        columns that are named by class or in the order of `classes`.
    out_of_fold : required with `probs`: whether the model was trained without the examples that it predicts.
    embedding : column with lists of d numbers.
    embeddings : instead, the name of a model that embeds the texts, as in `embed_texts`.
    image, audio, text, classes, media_root : as in `Dataset.from_frame`. For a file, relative paths of images,
        sounds and masks start at its folder.
    edges : edges between the examples, as in `Dataset.from_frame`, or the path of an edge list
        (`storage.edges.read_edge_list`).
    neutralized : whether the CSV was written by this project, so that the apostrophes before formula-like text are
        removed.
    overwrite : whether to replace the evidence of an existing run; its journal is kept.
    progress : ignored; present for consistency with the other readers.
    evidence : evidence to save by name, as in `Run.save_evidence`.
    described : further options of the kind of label, such as `open_world` for tags.

    Raises
    ------
    InputError : a column or row is invalid; the message names it.
    """
    check_free(path, overwrite)
    _refuse_others(described, task)
    frame = _frame(source, [*_several(label), *([] if id is None else [id])], neutralized)
    roles = {"label": label, "id": id, "text": text, "classes": classes}
    frame, described = find_task(task).gather(frame, roles | described)
    label, id, text = (described.pop(name) for name in ("label", "id", "text"))
    labels = _several(label)
    for role, name in [*(("label", one) for one in labels), ("id", id), ("embedding", embedding)]:
        if name is not None and name not in frame.columns:
            raise InputError.unknown("column", name, frame.columns, f"It was passed as `{role}`.")
    columns, names = _probability_columns(frame, probs, classes, labels)
    if columns and out_of_fold is None:
        found = "do not say whether the model had seen the examples that it predicts"
        raise InputError.at("probs", found, "Pass out_of_fold=True or False (--out-of-fold or --in-sample).")
    if not columns and out_of_fold is not None:
        todo = "Name the probability columns (--probs p_), to which `out_of_fold` refers."
        raise InputError.at("probs", "is missing", todo)
    values = None if not columns else _numbers(frame, columns)
    vectors = None if embedding is None else _vectors(frame[embedding], embedding)
    rest = frame.drop(columns=[*columns, *([embedding] if embedding else [])])
    options = {"task": task, "id": id, "classes": names, "image": image, "audio": audio, "text": text, **described}
    if media_root is None and isinstance(source, (str, Path)):
        named = {role: rest[name] for role, name in {"image": image, "audio": audio}.items() if name in rest}
        media_root = default_root(named, Path(source).resolve().parent)
    rest = beside(source, rest, labels, task)
    dataset = _dataset(rest, label, classes, media_root=media_root, **options)
    if edges is not None:
        listed = isinstance(edges, (str, Path))
        found = read_edge_list(edges, text=dataset.ids.dtype == object) if listed else edges
        dataset = dataclasses.replace(dataset, edges=Edges.of(found, dataset.n, dataset.ids))
    with landing(path, dataset, overwrite=overwrite, evidence=evidence) as recorder:
        run = recorder.run()
        if values is not None:
            what = f"column{'s' if len(columns) > 1 else ''} {first_few(columns, 2)} of an imported table"
            run.save_pred_probs(values, out_of_fold=bool(out_of_fold), source=what)
        _embed(run, vectors, embeddings)
    return Run(path)


def _embed(run: Run, vectors: np.ndarray | None, model: str | None) -> None:
    if vectors is not None and model is not None:
        raise InputError.at("embeddings", "was given together with `embedding`", "Pass one of them.")
    if vectors is not None:
        run.save_embeddings(vectors)
    elif model is not None:
        embed_texts(run, model)


def _refuse_others(described: Mapping[str, Any], task: str) -> None:
    for name in described:
        if name not in reading_options(find_task(task)):
            raise TypeError(f"read() got an unexpected keyword argument {name!r}")


def beside(source: object, rest: pd.DataFrame, labels: list[str], task: str) -> pd.DataFrame:
    """Return a table of a file in which relative paths of labels start at its folder."""
    if not find_task(task).path_cells or not isinstance(source, (str, Path)):
        return rest
    base = Path(source).resolve().parent
    cells = {one: [str(base / str(cell)) if is_path(cell) else cell for cell in rest[one]] for one in labels}
    return rest.assign(**cells)


def _several(label: str | Sequence[str]) -> list[str]:
    return [label] if isinstance(label, str) else list(label)


def _dataset(rest: pd.DataFrame, label: str | Sequence[str], listed: Sequence[str] | None, **options: Any) -> Dataset:
    """Create a Dataset from the remaining columns; labels keep their type. `listed`: the classes that were passed."""
    kind = find_task(options["task"])
    if not isinstance(label, str) or not kind.one_class:
        labels = _several(label)
        if not kind.text_cells:
            rest = rest.assign(**{one: parsed_cells(one, rest[one], paths=kind.path_cells) for one in labels})
        return Dataset.from_frame(rest, label if isinstance(label, str) else labels, **options)
    label_type = LabelType.of(rest[label], listed)
    if options["classes"] is not None:  # class names are text; integer labels would be taken as positions
        rest = rest.assign(**{label: rest[label].map(_name, na_action="ignore")})
    dataset = Dataset.from_frame(rest, label, **options)
    return dataclasses.replace(dataset, label_type=label_type.fitting(dataset.classes))


def write(run: Run, target: str | Path, *, force: bool = False) -> Path:
    """Write ids, given labels, the user's columns and stored probabilities (p_<class>) as .csv, .jsonl or .parquet.

    `import_run` reads the file with ``id="id", probs="p_"`` (and `neutralized=True` for CSV). The user's columns named
    id or label get a trailing underscore, those named p_... a leading one if probabilities are stored. For corrected
    labels see `workbench.export`.
    """
    file = check_target(target, force)
    dataset = run.dataset
    probs = run.pred_probs()
    taken = {"id", "label"}
    own = {}
    for name in dataset.metadata.columns:
        free = str(name)
        while free in taken or (probs is not None and free.startswith(PROBS_PREFIX)):
            free = f"{free}_" if free in taken else f"_{free}"
        taken.add(free)
        own[free] = dataset.metadata[name]
    columns = {"id": dataset.ids, "label": dataset.given, **own}
    if probs is not None:
        columns |= {f"{PROBS_PREFIX}{name}": probs.values[:, code] for code, name in enumerate(dataset.classes)}
    return write_table(pd.DataFrame(columns, index=pd.RangeIndex(run.n)), file, force=force)


def _frame(source: Any, text: list[str], neutralized: bool) -> pd.DataFrame:
    """Read the source as a pandas DataFrame with column names of type str."""
    if isinstance(source, (str, Path)):
        frame = read_table(source, text=text, neutralized=neutralized)
    elif isinstance(source, pd.DataFrame):
        frame = source
    elif hasattr(source, "to_pandas"):
        frame = source.to_pandas()
    else:
        raise InputError.at("source", f"is {type(source).__name__}", "Pass a DataFrame or the path of a file.")
    frame = frame.rename(columns=str)
    if frame.columns.duplicated().any():
        twice = sorted(set(frame.columns[frame.columns.duplicated()]))
        raise InputError.at("source", f"has columns of the same name: {first_few(twice)}", "Rename them.")
    return frame.reset_index(drop=True)


def _probability_columns(
    frame: pd.DataFrame, probs: str | Sequence[str] | None, classes: Sequence[str] | None, labels: Sequence[str]
) -> tuple[list[str], list[str] | None]:
    """Return the probability columns, and the class names in their order (None: the classes come from the labels)."""
    given = None if classes is None else [str(name) for name in classes]
    if probs is None:
        return [], given
    if isinstance(probs, str):
        columns = [name for name in frame.columns if name.startswith(probs) and name not in labels]
        if not columns or not probs:
            raise InputError.unknown("prefix", probs, frame.columns, "No column begins with it.")
        by_class = {name[len(probs) :]: name for name in columns}
    else:
        columns = list(probs)
        for name in columns:
            if name not in frame.columns:
                raise InputError.unknown("column", name, frame.columns, "It was passed in `probs`.")
        by_class = {name: name for name in columns}
    if given is None:
        return columns, list(by_class)
    if set(given) == set(by_class):
        return [by_class[name] for name in given], given
    if isinstance(probs, str) or len(given) != len(columns):
        found = f"are {first_few(given)}, the probability columns {first_few(columns)}"
        raise InputError.at("classes", found, "Give one class per column.")
    return columns, given


def _numbers(frame: pd.DataFrame, columns: list[str]) -> np.ndarray:
    """Return the probability columns as (n, k) float64; errors name the column and row."""
    values = np.empty((len(frame), len(columns)))
    for position, name in enumerate(columns):
        numbers = pd.to_numeric(frame[name], errors="coerce").astype("float64")
        bad = numbers.isna().to_numpy()
        if bad.any():
            row = int(np.flatnonzero(bad)[0])
            todo = "Probabilities must be numbers in [0, 1]."
            raise InputError.at(name, f"is {frame[name].iat[row]}", todo, row=row)
        values[:, position] = numbers
    return values


def _vectors(values: pd.Series, name: str) -> np.ndarray:
    """Convert a column of lists to (n, d) float32."""
    try:
        return np.stack([np.asarray(vector, dtype=np.float32) for vector in values])
    except (ValueError, TypeError) as error:
        found = f"is not a column of equally long lists of numbers ({error})"
        raise InputError.at(name, found, "Give each row a list of d numbers.") from error


def _name(label: object) -> str:
    """Return the class name of a label; integral floats (from a column with missing values) become integers."""
    return str(int(label)) if isinstance(label, (float, np.floating)) and float(label).is_integer() else str(label)
