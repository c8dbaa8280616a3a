"""Outside formats: one file each, into a run directory and out of it.

wb.read("training_dynamics/", "runs/snli")
wb.read("dynamics.npz", "runs/cifar")
wb.read(frame, "runs/mine", label="y", probs="p_", out_of_fold=True)
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from workbench.errors import InputError
from workbench.io import cartography, frame, npz
from workbench.run import Run

READERS: dict[str, Callable[..., Run]] = {"cartography": cartography.read, "npz": npz.read, "frame": frame.read}
"""Format -> `read(source, run_path, ...)`; the options are in the docstring of each."""

WRITERS: dict[str, Callable[..., Path]] = {"cartography": cartography.write, "npz": npz.write, "frame": frame.write}
"""Format -> `write(run, target, force=...)`."""

_RECOGNIZE = {"cartography": cartography.recognizes, "npz": npz.recognizes, "frame": frame.recognizes}


def read(source: Any, path: str | Path, *, format: str | None = None, **options: Any) -> Run:
    """Import training dynamics, probabilities or a table into a run directory.

    Parameters
    ----------
    source : a folder of allenai/cartography's dynamics_epoch_N.jsonl; an .npz with `logits` and `given_label`; a
        DataFrame, .csv, .jsonl or .parquet with a label column and perhaps probability columns.
    path : the run directory to make.
    format : "cartography", "npz" or "frame"; by default what the source looks like.
    **options : of the reader: see `READERS[format]`. All take `overwrite=True` (journal kept) and `classes`.

    Returns
    -------
    Run. Nothing is left at `path` when the import fails.

    Raises
    ------
    InputError : the source is missing, of an unknown kind, or does not fit; it names file, line or row.
    """
    place = Path(source) if isinstance(source, (str, Path)) else source
    if isinstance(place, Path) and not place.exists():
        raise InputError(f"{source} does not exist.")
    if isinstance(place, Path) and (place / "run.json").is_file():
        raise InputError(f"{source} is a run already. Open it with open_run, or name it to the other commands.")
    if format is None:
        format = next((name for name, recognizes in _RECOGNIZE.items() if _fits(recognizes, place)), None)
        if format is None:
            raise InputError.unknown("kind of source", str(source), READERS, "Name it: format=... (--format).")
    if format not in READERS:
        raise InputError.unknown("format", format, READERS)
    try:
        return READERS[format](source, path, **options)
    except TypeError as error:
        if "unexpected keyword" in str(error) and f"{READERS[format].__name__}()" in str(error):
            found = str(error).split(". Did you mean")[0]  # Python 3.13 adds a guess
            raise InputError(f"{found}; it is not an option of the format {format!r}.") from None
        raise


def _fits(recognizes: Callable[[Any], bool], place: Any) -> bool:
    """A reader of files is not asked about anything else."""
    return recognizes(place) if isinstance(place, Path) or recognizes is frame.recognizes else False


def write(run: Run, target: str | Path, format: str, *, force: bool = False, **options: Any) -> Path:
    """Write a run in an outside format, so that other tools (or `read`) take it.

    Parameters
    ----------
    format : "cartography" (needs logits), "npz" or "frame" (.csv, .jsonl, .parquet by suffix).
    force : replace files that are there.
    """
    if format not in WRITERS:
        raise InputError.unknown("format", format, WRITERS)
    return WRITERS[format](run, target, force=force, **options)
