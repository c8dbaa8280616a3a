"""Training dynamics in the format of allenai/cartography: `training_dynamics/dynamics_epoch_N.jsonl`.

Each line is an example: ``{"guid": 4734, "logits_epoch_N": [0.1, -2.3, ...], "gold": 0}``. The epoch is the number in
the file name, and the ids are the guids. Rows may be in any order and may be missing from an epoch.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from workbench.data.dataset import Dataset
from workbench.foundation.checks import UNLABELLED
from workbench.foundation.errors import ExistsError, InputError, MissingEvidence, first_few
from workbench.recording.imports.staging import check_free, landing
from workbench.runs.run import Run
from workbench.storage.layout import atomic
from workbench.storage.tables import json_lines

_NAME = re.compile(r"dynamics_epoch_(\d+)\.jsonl?$")  # older versions of the script write .json
LINES_AT_A_TIME = 4096


def recognizes(source: Path) -> bool:
    """Whether the path is such a folder (or the folder above it), or one of its files."""
    if source.is_dir():
        return bool(_files(source))
    return _NAME.search(source.name) is not None


def read(
    source: str | Path,
    path: str | Path,
    *,
    classes: Sequence[str] | None = None,
    logits: bool = False,
    overwrite: bool = False,
    progress: bool = False,
) -> Run:
    """Import a folder of training dynamics into a run directory.

    Parameters
    ----------
    source : the folder `training_dynamics`, the folder that contains it, or one of its files (for that epoch only).
    path : the run directory to create.
    classes : class names in the order of the logits; default "0", "1", ...; required if `gold` is a class name.
    logits : whether to keep the logits (float16); statistics are computed from them at full precision in any case.
    overwrite : whether to replace the evidence of an existing run; its journal is kept.
    progress : whether to show a progress bar over epochs.

    Returns
    -------
    Run with the epochs of the files. Rows missing from a file count as not recorded in that epoch. A `gold` of null or
    -1 means "no label".

    Raises
    ------
    InputError : a file is invalid; the message names the file and line, what was found and what to do.

    References
    ----------
    Swayamdipta et al. 2020, Dataset Cartography; `log_training_dynamics` in allenai/cartography.
    """
    check_free(path, overwrite)
    files = _files(Path(source))
    if not files:
        raise InputError(f"{source} holds no dynamics_epoch_N.jsonl. Pass the folder `training_dynamics`.")
    from tqdm.auto import tqdm

    bar = tqdm(total=2 * len(files), desc="import", unit="file", disable=not progress)
    with bar:
        gold, k = _first_pass(files, bar.update)
        if not gold:
            raise InputError(f"{source} holds no examples: its files are empty.")
        dataset = _dataset(gold, k, classes)
        with landing(path, dataset, logits=logits, overwrite=overwrite) as recorder:
            for epoch, file in files.items():
                batches = iter(_batches(file, epoch))
                first = next(batches, None)
                if first is not None:
                    with recorder.epoch(epoch):
                        recorder.batch(*first)
                        for guids, values in batches:
                            recorder.batch(guids, values)
                bar.update()
    return Run(path)


def write(run: Run, target: str | Path, *, force: bool = False) -> Path:
    """Write a run's logits as `target/training_dynamics/dynamics_epoch_N.jsonl`.

    Parameters
    ----------
    run : a run recorded with logits (stored as float16, with about three significant digits).
    target : a folder, which may exist.
    force : whether to replace existing files.

    Returns
    -------
    Path of the folder `training_dynamics`. `gold` is the class index, -1 for unlabelled examples.
    """
    if not run.logits_epochs:
        raise MissingEvidence.needed("This format", ["logits"], "Record or import with logits=True.")
    folder = Path(target) / "training_dynamics"
    files = {epoch: folder / f"dynamics_epoch_{epoch}.jsonl" for epoch in run.logits_epochs}
    there = sorted(_files(folder).values()) if folder.is_dir() else []
    if there and not force:
        names = first_few([file.name for file in there])
        raise ExistsError(f"{folder} holds {names}. Choose another folder, or replace them with force=True.")
    for file in there:
        if file not in files.values():
            raise ExistsError(f"{file} belongs to another training. Remove it, or choose another folder.")
    ids, gold = run.dataset.ids.tolist(), run.dataset.given_labels.tolist()
    for epoch, file in files.items():
        values = run.logits(epoch)
        with atomic(file) as temporary, open(temporary, "w", encoding="utf-8") as out:
            for row in range(run.n):
                row_values = values[row].astype(np.float64)
                if not np.isnan(row_values).any():
                    record = {"guid": ids[row], f"logits_epoch_{epoch}": row_values.tolist(), "gold": gold[row]}
                    out.write(json.dumps(record) + "\n")
    return folder


def _files(source: Path) -> dict[int, Path]:
    """Return a dict of epoch to file, in order."""
    if source.is_file():
        found = [source]
    else:
        inner = source / "training_dynamics"
        found = list((inner if inner.is_dir() else source).glob("dynamics_epoch_*.json*"))
    numbered = [(int(match[1]), file) for file in found if (match := _NAME.search(file.name))]
    epochs = dict(sorted(numbered))
    if len(epochs) < len(numbered):
        names = first_few(sorted(file.name for _, file in numbered))
        raise InputError(f"{source} has two files for one epoch: {names}. Remove one.")
    return epochs


def _first_pass(files: dict[int, Path], done: Callable[[], object]) -> tuple[dict[Any, int | str | None], int]:
    """Return a dict of guid to gold over all files, in order of appearance, and the number of classes."""
    gold: dict[Any, int | str | None] = {}
    k = 0
    for epoch, file in files.items():
        seen = set()
        for line, guid, label, values in _records(file, epoch):
            if k and len(values) != k:
                found = f"has {len(values)} logits, but earlier lines have {k}"
                raise InputError(f"{file} line {line} {found}. All lines must have one logit per class.")
            k = len(values)
            if guid in seen:
                raise InputError(f"{file} line {line} repeats guid {guid!r}. Each example must occur once per epoch.")
            seen.add(guid)
            if gold.setdefault(guid, label) != label:
                found = f"has gold {label!r} for guid {guid!r}, which was {gold[guid]!r} before"
                raise InputError(f"{file} line {line} {found}. The given label of an example must not change.")
            if type(guid) is not type(next(iter(gold))):
                found = f"has guid {guid!r}, but others are like {next(iter(gold))!r}"
                raise InputError(f"{file} line {line} {found}. Use text or integers for all.")
            if isinstance(label, int) and not -1 <= label < k:
                todo = f"Use 0 to {k - 1}, or -1 for none."
                raise InputError(f"{file} line {line} has gold {label} for {k} logits. {todo}")
        done()
    return gold, k


def _records(file: Path, epoch: int) -> Iterator[tuple[int, int | str, int | str | None, list[object]]]:
    """Yield (line, guid, gold, logits) of each line; errors name the file and line."""
    key = f"logits_epoch_{epoch}"
    for line, record in json_lines(file):
        missing = [name for name in ("guid", key, "gold") if name not in record]
        if missing:
            raise InputError(f"{file} line {line} lacks `{missing[0]}` (it has {first_few(list(record))}).")
        guid, gold, values = record["guid"], record["gold"], record[key]
        if isinstance(guid, bool) or not isinstance(guid, (int, str)) or (isinstance(guid, int) and abs(guid) >= 2**63):
            raise InputError(f"{file} line {line} has guid {guid!r}. Ids are text or 64-bit integers.")
        if isinstance(guid, str) and not guid.isprintable() and any("\ud800" <= mark <= "\udfff" for mark in guid):
            raise InputError(f"{file} line {line} has guid {guid!r}, which is not valid Unicode text.")
        if isinstance(gold, bool) or not (gold is None or isinstance(gold, (int, str))):
            raise InputError(f"{file} line {line} has gold {gold!r}. Use a class index or a class name.")
        if not isinstance(values, list) or not values:
            found = f"has `{key}` {str(values)[:40]}"
            raise InputError(f"{file} line {line} {found}. It must be a list of numbers, one per class.")
        yield line, guid, None if gold == UNLABELLED else gold, values


def _batches(file: Path, epoch: int) -> Iterator[tuple[list[int | str], np.ndarray]]:
    """Yield the guids and float64 logits (b, k) of up to `LINES_AT_A_TIME` lines at a time."""
    guids: list[int | str] = []
    rows: list[list[object]] = []
    lines: list[int] = []
    for line, guid, _, values in _records(file, epoch):
        guids.append(guid)
        rows.append(values)
        lines.append(line)
        if len(rows) == LINES_AT_A_TIME:
            yield guids, _array(rows, lines, file)
            guids, rows, lines = [], [], []
    if rows:
        yield guids, _array(rows, lines, file)


def _array(rows: list[list[object]], lines: list[int], file: Path) -> np.ndarray:
    """Return (b, k) float64; errors name the line with a value that is not a finite number."""
    try:
        values = np.array(rows)
        if values.dtype.kind in "iuf" and np.isfinite(values).all():
            return values.astype(np.float64)
    except (ValueError, OverflowError, TypeError):
        values = None  # found below, line by line
    for line, row in zip(lines, rows):
        for value in row:
            good = isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < 1e300
            if not good:
                raise InputError(f"{file} line {line} has the logit {str(value)[:40]}. Logits must be finite numbers.")
    found = "hold rows of different lengths"
    raise InputError(f"{file} lines {lines[0]}-{lines[-1]} {found}. All must have one logit per class.")


def _dataset(gold: dict[Any, int | str | None], k: int, classes: Sequence[str] | None) -> Dataset:
    """Create the Dataset; class names come from `classes`, else they are the positions of the logits."""
    names = [str(name) for name in classes] if classes is not None else [str(code) for code in range(k)]
    if len(names) != k:
        raise InputError.at("classes", f"has {len(names)} names for {k} logits", "Give one name per logit, in order.")
    labels = list(gold.values())
    named = sorted({label for label in labels if isinstance(label, str)})
    if named and classes is None and not set(named) <= set(names):
        found = f"holds names ({first_few(named)}), but the order of the logits is not known"
        raise InputError.at("gold", found, "Give `classes`, in the order of the logits (--classes a,b,c).")
    if named:
        labels = [label if label is None or isinstance(label, str) else names[label] for label in labels]
    return Dataset.from_arrays(labels, ids=list(gold), classes=names)
