"""Import of external formats into a run directory, and export; one module per format.

wb.import_run("training_dynamics/", "runs/snli")
wb.import_run("dynamics.npz", "runs/cifar")
wb.import_run(frame, "runs/mine", label="y", probs="p_", out_of_fold=True)
wb.import_run(labels, "runs/mine", pred_probs=P, embeddings=E)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from workbench.foundation.errors import InputError
from workbench.recording.imports import arrays, cartography, frame, npz
from workbench.runs.run import Run
from workbench.tasks import TASKS, find_task
from workbench.tasks.protocol import Task, keyword_options, reading_options

READERS: dict[str, Callable[..., Run]] = {
    "cartography": cartography.read,
    "npz": npz.read,
    "frame": frame.read,
    "arrays": arrays.read,
}
"""Format -> `read(source, run_path, ...)`; see their docstrings for the options."""

FORMAT_WRITERS: dict[str, Callable[..., Path]] = {
    "cartography": cartography.write,
    "npz": npz.write,
    "frame": frame.write,
}
"""Format -> `write(run, target, force=...)`."""

MOSTLY = {"coco": "boxes"}
"""The kind of label that most files of a format hold, of the formats that several kinds have."""

_FILES = {"cartography": cartography.recognizes, "npz": npz.recognizes, "frame": frame.recognizes}

DEFAULT_TASK = "multiclass"

_ARRAYS = ("pred_probs", "embeddings", "logits")
"""Options with which a DataFrame is read by the format "arrays"."""


def import_run(source: Any, path: str | Path, *, format: str | None = None, **options: Any) -> Run:
    """Create a run directory from labels and probabilities, from a table, or from saved training dynamics.

    Parameters
    ----------
    source : array of labels, Dataset, Evidence, DataFrame, str or Path
        In memory: given labels (class names or indices) with further arrays, a Dataset, Evidence, or a DataFrame with
        one row per example. On disk: a table (.csv, .jsonl, .parquet), an .npz with `logits` and `given_label`, or a
        folder of allenai/cartography's dynamics_epoch_N.jsonl.
    path : str or Path
        The run directory to create, or its URL.
    format : {"arrays", "frame", "npz", "cartography"}, optional
        By default inferred from the source. Also the formats of a kind of label, such as "hf" and "svmlight" for tags
        or "coco" for boxes; their options are those of the format and of `Dataset.from_frame`. They need `task` if
        several kinds have a format of this name.
    **options
        Options of the format:

        - all: `overwrite=True` replaces the evidence of an existing run (its journal is kept); `classes`, the class
          names in order; `progress`.
        - labels, Dataset, Evidence, or a DataFrame with further arrays: `pred_probs` (n, k) with `out_of_fold`
          (default: True), `embeddings` (n, d), `logits` (epochs, n, k) or (n, k). With labels also `ids`, `images`,
          `sounds`, `texts`, `metadata` (a DataFrame of further columns) and `media_root`, as in
          `Dataset.from_arrays`; with a DataFrame `label`, `id`, `image`, `audio`, `text`, `media_root`, as in
          `Dataset.from_frame`. With both `task`, the kind of label, and `edges` between the examples.
        - table: `label` (default "label"), `id`, `image`, `audio`, `text`: names of columns; `task`: the kind of label;
          `probs`: common prefix of the probability columns, or their names; `out_of_fold`: required with `probs`;
          `embedding`: column of lists; `media_root`; `edges`: edges between the examples, or the path of an edge list;
          `neutralized=True` for a CSV that `export` wrote.
        - kinds of labels with evidence of their own: each by its name, such as `scores` for pairs, or all in a dict,
          `evidence`; `find_issues(run)` uses it (`Run.save_evidence`).
        - all with texts, other than npz and cartography: `embeddings="minilm"` or `"ngrams"` embeds the texts, as
          `embed_texts` does.
        - npz: `label`, name of the array of labels; `logits=True` keeps the logits; `out_of_fold` if it contains
          probabilities.
        - cartography: `logits=True` keeps the logits.

    Returns
    -------
    Run
        If the import fails, nothing is left at `path`.

    Raises
    ------
    InputError
        The source is missing, of an unknown kind, or invalid; the message names the file, line or row.
    ExistsError
        `path` already exists.

    Examples
    --------
    >>> import numpy as np, tempfile, workbench as wb
    >>> labels = np.array(["cat", "dog"] * 10)
    >>> probs = np.where(labels[:, None] == ["cat", "dog"], 0.9, 0.1)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     wb.import_run(labels, f"{folder}/pets", pred_probs=probs)
    <Run pets: 20 examples, 2 classes, 0 epochs, mode import>
    """
    place = Path(source) if isinstance(source, str) else source
    if isinstance(place, Path) and not place.exists():
        raise InputError(f"{source} does not exist.")
    if isinstance(place, Path) and (place / "run.json").is_file():
        raise InputError(f"{source} is already a run. Open it with open_run, or pass it to the other commands.")
    if isinstance(place, Run):
        raise InputError.at("source", f"is {source!r}", "It is already a run.")
    if format is None:
        format = _format(place, options)
        if format is None:
            raise InputError.unknown("kind of source", str(source), _FILES, _how_to_name(place))
    kind = find_task(arrays.task_named(place, options.get("task")) or _task_of(format))
    formats = kind.formats
    own = {name: options.pop(name) for name in _own_evidence(kind, format, options)}
    if format not in READERS and format in formats:
        task = options.pop("task", None) or kind.name
        overwrite = options.pop("overwrite", False)
        embeddings = options.pop("embeddings", None)
        options.pop("progress", None)  # these readers are quick, and have none
        own = {**(options.pop("evidence", None) or {}), **own}
        dataset = formats[format].read(place, task=task, **options)
        return arrays.read(dataset, path, overwrite=overwrite, evidence=own, embeddings=embeddings)
    if format not in READERS:
        raise InputError.unknown("format", format, [*READERS, *(name for name in formats if name != "table")])
    known = options_of(format)
    if format in ("arrays", "frame"):
        known += [*reading_options(kind), *kind.evidence_forms]
    for name in options:
        if name not in known:
            raise InputError.unknown("option", name, known, f"The format is {format!r}.")
    if own:
        options["evidence"] = {**(options.get("evidence") or {}), **own}
    return READERS[format](source, path, **options)


def _task_of(format: str) -> str:
    """Return the kind of label of a format if no kind was named.

    Raises
    ------
    InputError : no kind, or several, have a format of this name.
    """
    kinds = [name for name, kind in TASKS.items() if format in kind.formats]
    if format in READERS or DEFAULT_TASK in kinds:
        return DEFAULT_TASK
    if not kinds:
        others = dict.fromkeys(name for kind in TASKS.values() for name in kind.formats if name != "table")
        raise InputError.unknown("format", format, [*READERS, *others])
    if len(kinds) > 1 and format in MOSTLY:
        return MOSTLY[format]
    if len(kinds) > 1:
        todo = f"Pass task=... (--task): {', '.join(kinds)}."
        raise InputError.at("format", f"is {format!r}, which several kinds of labels have", todo)
    return kinds[0]


def _how_to_name(place: Any) -> str:
    """Return what to pass if the format of a source is not recognized."""
    if isinstance(place, Path) and (place.is_dir() or place.suffix.lower() == ".zip"):
        masks = "format='png' or 'npy', task='masks'"
        return f"Pass format=... (--format): {masks} for masks, format='yolo' or 'voc', task='boxes' for boxes."
    return "Pass format=... (--format)."


def _own_evidence(kind: Task, format: str, options: Mapping[str, Any]) -> list[str]:
    """Return the options that are evidence of the kind of label, stored as tables, and not options of the format."""
    taken = options_of(format) if format in READERS else ()
    return [name for name in options if name in kind.evidence_forms and name not in taken]


def options_of(format: str) -> list[str]:
    """Return the names of the options of a format."""
    functions = (arrays.read, arrays.handed) if format == "arrays" else (READERS[format],)
    return sorted({name for function in functions for name in keyword_options(function)})


def _format(place: Any, options: dict[str, Any]) -> str | None:
    """Infer the format from the source; None if it is unknown."""
    if isinstance(place, Path):
        return next((name for name, recognizes in _FILES.items() if recognizes(place)), None)
    if arrays.recognizes(place) or any(options.get(name) is not None for name in _ARRAYS):
        return "arrays"
    return "frame"


def write(run: Run, target: str | Path, format: str, *, force: bool = False, **options: Any) -> Path:
    """Write a run in an external format that other tools and `import_run` can read.

    Parameters
    ----------
    run : Run
    target : str or Path
    format : {"cartography", "npz", "frame"}
        "cartography" needs logits; "frame" is .csv, .jsonl or .parquet by suffix.
    force : bool
        Whether to replace existing files.
    """
    if format not in FORMAT_WRITERS:
        raise InputError.unknown("format", format, FORMAT_WRITERS)
    return FORMAT_WRITERS[format](run, target, force=force, **options)
