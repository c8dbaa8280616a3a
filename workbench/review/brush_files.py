"""Semantic masks in the JSON of Label Studio: one stroke of the brush per class and image."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from workbench.data.dataset import Dataset
from workbench.foundation.errors import InputError, shortened
from workbench.review.box_files import (
    FILE_NAME,
    ImageLabels,
    Labelled,
    file_name_of,
    image_fields_of,
    image_metadata,
    tell_reading,
    write_finite_json,
)
from workbench.review.box_studio import (
    DATA_FIELD,
    FROM,
    RESULTS,
    TO,
    image_size_of,
    known_size,
    name_records,
    studio_tasks,
    task_record,
)
from workbench.review.brush_runs import decode_brush, encode_brush
from workbench.runs.run import Run
from workbench.storage.tables import check_target
from workbench.tasks.box_frames import SIZE_COLUMNS
from workbench.tasks.mask_table import IGNORE, MaskTable, Runs, decoded, encoded_runs, masks_of
from workbench.tasks.protocol import Format

BRUSH = "brushlabels"


def read_brushes(
    path: str | Path, *, task: str = "masks", classes: Sequence[object] | None = None, id: str | None = None,
    label: str | None = None, images: str | Path | None = None, image: str | None = None,
    background: str | None = None, **options: Any,
) -> Dataset:  # fmt: skip
    """Read the strokes of a brush from a JSON export of Label Studio as masks.

    Parameters
    ----------
    classes : by default those that occur, after `background`. background : class of pixels without a stroke; by default
        they are ignored. id : key of `data` that is the id, by default "id"; without it, that of the task. label :
        ignored, since the format defines the names. images : folder of the pictures; by default only the labels are
        read. image : key of the picture in `data`.

    Returns
    -------
    Dataset. Strokes are painted in their order. Other results and the data of a task are kept for writing. A task
    without an annotation has no label; one with an annotation without strokes has a mask if `data` has its width and
    height.

    Raises
    ------
    InputError : not a list of tasks, or run lengths that do not fit the size of the image; the message names the task
        and the result.

    Warns
    -----
    UserWarning : strokes of different classes overlap, results are not strokes, or an image without strokes has no
        known size and is read as one without a label.
    """
    source = Path(path)
    counts: Counter[str] = Counter()
    records: list[ImageLabels] = []
    masks: list[dict[str, Any] | None] = []
    for number, one in enumerate(studio_tasks(source)):
        record, results, where = task_record(one, f"{source}: task {number}", id, image)
        masks.append(_mask(record, results, where, background, counts))
        records.append(record)
    if not records:
        raise InputError(f"{source} holds no images.")
    tell_reading(source, counts)
    name_records(records)
    frame = image_metadata(records, {})
    frame["mask"] = pd.Series(masks, dtype=object)
    frame["image_id"] = [one.id for one in records]
    if images is not None:
        frame["picture"] = frame[FILE_NAME]
    if classes is None:
        found = sorted({name for one in masks if one is not None for name in one["labels"]} - {None, background})
        classes = [*([] if background is None else [background]), *found]
    picture = None if images is None else "picture"
    return Dataset.from_frame(
        frame, "mask", task=task, id="image_id", image=picture, media_root=images, classes=classes, **options
    )


def _mask(
    record: ImageLabels, results: Sequence[dict[str, Any]], where: str, background: str | None, counts: Counter[str]
) -> dict[str, Any] | None:
    """Return the run lengths of a mask with names of classes, None without a label; other results go to the record."""
    others, strokes = [], []
    for number, found in enumerate(results):
        if found.get("type") != BRUSH:
            counts[f"results of the type {found.get('type')!r} are kept, but not read as masks"] += 1
            others.append(found)
            continue
        place, value = f"{where} result {number}", found.get("value")
        names = value.get(BRUSH) if isinstance(value, dict) else None
        if not isinstance(value, dict) or not isinstance(names, list) or len(names) != 1 or type(names[0]) is not str:
            raise InputError(f"{place} has the value {shortened(value)}. It has an rle and one name in {BRUSH}.")
        width, height = (int(side) for side in image_size_of(found, record, place))
        strokes.append((names[0], decode_brush(value.get("rle"), height, width, place)))
    if others:
        record.fields[RESULTS] = others
    known_size(record)
    size = [record.fields.get(side) for side in SIZE_COLUMNS]
    if record.labelled and None in size:
        counts["images have neither strokes nor a size; they are read as images without a label"] += 1
    if not record.labelled or None in size:
        return None
    width, height = (int(side) for side in size if side is not None)
    names = list(dict.fromkeys(name for name, _ in strokes))
    raster = np.full((height, width), IGNORE, np.int16)
    for name, runs in strokes:
        inside, code = decoded(runs, height, width), names.index(name)
        over = raster[inside]
        counts["pixels have strokes of several classes; the last one counts"] += int(
            np.count_nonzero((over != IGNORE) & (over != code))
        )
        raster[inside] = code
    runs = encoded_runs(raster)
    named = [*names, background]
    listed = [named[code] for code in runs.codes.tolist()]  # -1 is the last
    return {"labels": listed, "lengths": runs.lengths.tolist(), "size": [height, width]}


def write_brushes(run: Run, path: str | Path, *, force: bool = False) -> Path:
    """Write tasks with annotations for import into Label Studio, with `<BrushLabels name="label" toName="image">`: one
    stroke per class and image; ignored pixels have none.

    An example without a label has no annotation; `data` contains the id, the name of the picture, width and height, or
    also the data of the task that was read.
    """
    target = check_target(path, force, BRUSHES.suffixes)
    dataset = run.extended()
    table = masks_of(run.labels())
    tasks = []
    for row, named in enumerate(dataset.ids.tolist()):
        labelled = not table.missing[row]
        fields = image_fields_of(dataset, row)
        one = Labelled(row, named, None, np.zeros((0, 2)), [], [], labelled)
        sizes = dict(zip(SIZE_COLUMNS, (int(table.width[row]), int(table.height[row])))) if labelled else {}
        data = {TO: file_name_of(dataset, one), "id": named} | sizes | fields.pop(DATA_FIELD, {})
        others = {key: value for key, value in fields.items() if key not in (FILE_NAME, RESULTS)}
        results = [*_strokes(table, row, dataset.classes), *fields.get(RESULTS, ())]
        tasks.append({"data": {**others, **data}, "annotations": [{"result": results}] if labelled else []})
    write_finite_json(tasks, target)
    return target


def _strokes(table: MaskTable, row: int, classes: Sequence[str]) -> list[Mapping[str, Any]]:
    lengths, codes = table.runs(row)
    size = {"original_width": int(table.width[row]), "original_height": int(table.height[row]), "image_rotation": 0}
    found: list[Mapping[str, Any]] = []
    for code in np.unique(codes[codes != IGNORE]).tolist():
        value = {"format": "rle", "rle": encode_brush(Runs(lengths, codes == code)), BRUSH: [classes[code]]}
        about = {"id": f"{row}-{code}", "from_name": FROM, "to_name": TO, "type": BRUSH}
        found.append({**about, **size, "value": value})
    return found


BRUSHES = Format(
    (".json",),
    read_brushes,
    write_brushes,
    ("the order of classes, and those without pixels", "that strokes of one class are several", "fields of strokes"),
)
