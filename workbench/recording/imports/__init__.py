"""Outside formats: one file each, into a run directory and out of it.

wb.import_run("training_dynamics/", "runs/snli")
wb.import_run("dynamics.npz", "runs/cifar")
wb.import_run(frame, "runs/mine", label="y", probs="p_", out_of_fold=True)
wb.import_run(labels, "runs/mine", pred_probs=P, embeddings=E)
"""

from __future__ import annotations

from collections.abc import Callable
from inspect import signature
from pathlib import Path
from typing import Any

from workbench.foundation.errors import InputError
from workbench.recording.imports import arrays, cartography, frame, npz
from workbench.runs.run import Run
from workbench.tasks import find_task
from workbench.tasks.protocol import reading_options

READERS: dict[str, Callable[..., Run]] = {
    "cartography": cartography.read,
    "npz": npz.read,
    "frame": frame.read,
    "arrays": arrays.read,
}
"""Format -> `read(source, run_path, ...)`; the options are in the docstring of each."""

FORMAT_WRITERS: dict[str, Callable[..., Path]] = {
    "cartography": cartography.write,
    "npz": npz.write,
    "frame": frame.write,
}
"""Format -> `write(run, target, force=...)`."""

_FILES = {"cartography": cartography.recognizes, "npz": npz.recognizes, "frame": frame.recognizes}

_ARRAYS = ("pred_probs", "embeddings", "logits")
"""Options that make a DataFrame a matter for the reader of arrays."""


def import_run(source: Any, path: str | Path, *, format: str | None = None, **options: Any) -> Run:
    """Make a run directory of labels and probabilities, of a table, or of training dynamics that were saved.

    Parameters
    ----------
    source : array of labels, Dataset, Evidence, DataFrame, str or Path
        In memory: given labels (class names or indices) with arrays beside them, a Dataset, Evidence, or a DataFrame
        with one row per example. On disk: a table (.csv, .jsonl, .parquet), an .npz with `logits` and `given_label`,
        or a folder of allenai/cartography's dynamics_epoch_N.jsonl.
    path : str or Path
        The run directory to make, or its URL.
    format : {"arrays", "frame", "npz", "cartography"}, optional
        By default what the source looks like. With `task`, the formats of this kind of label as well, such as "hf" and
        "svmlight" for tags; their options are those of `Dataset.from_frame`.
    **options
        Of the format:

        - all: `overwrite=True` replaces the evidence of a run that is there (its journal stays); `classes`, the class
          names in order; `progress`.
        - labels, Dataset, Evidence, and a DataFrame with arrays beside it: `pred_probs` (n, k) with `out_of_fold`
          (True unless said), `embeddings` (n, d), `logits` (epochs, n, k) or (n, k). Beside labels also `ids`,
          `images`, `sounds`, `texts`, `metadata` (a DataFrame of further columns) and `media_root`, as in
          `Dataset.from_arrays`; for a DataFrame `label`, `id`, `image`, `audio`, `text`, `media_root` as in
          `Dataset.from_frame`. With both `task`, the kind of label, and `edges` between the examples.
        - table: `label` (default "label"), `id`, `image`, `audio`, `text`: names of columns; `task`: the kind of label;
          `edges`: edges between the examples, or the path of a file of them;
          `probs`: common prefix of the columns of probabilities, or their names, and then `out_of_fold`, which must be
          said; `embedding`: column of lists; `media_root`; `neutralized=True` for a CSV that `export` wrote.
        - npz: `label`, name of the array of labels; `logits=True` keeps the logits; `out_of_fold` where it holds
          probabilities.
        - cartography: `logits=True` keeps the logits.

    Returns
    -------
    Run
        Nothing is left at `path` when the import fails.

    Raises
    ------
    InputError
        The source is missing, of an unknown kind, or does not fit; the message names file, line or row.
    ExistsError
        There is something at `path`.

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
        raise InputError(f"{source} is a run already. Open it with open_run, or name it to the other commands.")
    if isinstance(place, Run):
        raise InputError.at("source", f"is {source!r}", "It is a run already.")
    if format is None:
        format = _format(place, options)
        if format is None:
            raise InputError.unknown("kind of source", str(source), _FILES, "Name it: format=... (--format).")
    formats = find_task(options.get("task") or "multiclass").formats
    if format not in READERS and format in formats:
        task = options.pop("task")
        overwrite = options.pop("overwrite", False)
        return arrays.read(formats[format].read(place, task=task, **options), path, overwrite=overwrite)
    if format not in READERS:
        raise InputError.unknown("format", format, [*READERS, *(name for name in formats if name != "table")])
    known = options_of(format)
    if format in ("arrays", "frame"):
        known += reading_options(find_task(options.get("task") or getattr(place, "task", None) or "multiclass"))
    for name in options:
        if name not in known:
            raise InputError.unknown("option", name, known, f"The format is {format!r}.")
    return READERS[format](source, path, **options)


def options_of(format: str) -> list[str]:
    """Names of the options of a format."""
    functions = (arrays.read, arrays.handed) if format == "arrays" else (READERS[format],)
    named = [signature(function).parameters.values() for function in functions]
    return sorted({one.name for some in named for one in some if one.kind is one.KEYWORD_ONLY})


def _format(place: Any, options: dict[str, Any]) -> str | None:
    """What the source looks like."""
    if isinstance(place, Path):
        return next((name for name, recognizes in _FILES.items() if recognizes(place)), None)
    if arrays.recognizes(place) or any(options.get(name) is not None for name in _ARRAYS):
        return "arrays"
    return "frame"


def write(run: Run, target: str | Path, format: str, *, force: bool = False, **options: Any) -> Path:
    """Write a run in an outside format, so that other tools (or `import_run`) take it.

    Parameters
    ----------
    run : Run
    target : str or Path
    format : {"cartography", "npz", "frame"}
        "cartography" needs logits; "frame" is .csv, .jsonl or .parquet by suffix.
    force : bool
        Replace files that are there.
    """
    if format not in FORMAT_WRITERS:
        raise InputError.unknown("format", format, FORMAT_WRITERS)
    return FORMAT_WRITERS[format](run, target, force=force, **options)
