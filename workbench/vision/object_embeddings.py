"""Maps of objects: an embedding for each box of a run, imported or of its crop, and a projection of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from workbench.data.large_pictures import LargePicture
from workbench.data.media import as_shown, image_source, is_large, open_image
from workbench.evidence.packaged_models import IMAGES_AT_A_TIME, picture_features
from workbench.evidence.projection import PROJECTIONS, by_landmarks, pca
from workbench.foundation.errors import InputError, MissingEvidence
from workbench.runs.run import Run
from workbench.runs.saved_evidence import SavedEvidence, saved_evidence
from workbench.storage.cache import cached, fingerprint
from workbench.storage.evidence_tables import evidence_files
from workbench.tasks.box_table import BOX
from workbench.tasks.object_vectors import OBJECT_EMBEDDINGS, ObjectVectors

CROP_MODELS = {"efficientnet": "EfficientNet-Lite0 of the crops"}
"""Models of `embed_objects`, and what they are."""

EMBEDDED = ("boxes", "instances")
"""Kinds of labels whose objects are cut out; of an instance, the box around its mask is."""

LEAST_CROP = 8
"""Side in pixels of the smallest square that is cut out around a box."""


def embed_objects(run: Run, issues: pd.DataFrame | None = None, *, model: str = "efficientnet") -> None:
    """Embed the boxes of a run by a small image model, and store the embeddings; the Explorer then has a map of them.

    Parameters
    ----------
    run : run of the task "boxes" or "instances" with pictures.
    issues : result of `find_issues(run, per="unit")`; the boxes that it suggests where none was given are embedded,
        too. By default only the given boxes are.
    model : {"efficientnet"}; `efficientnet` of the square around each box (extra `models`).

    Raises
    ------
    InputError : another task, no pictures, an unknown model, or a picture that cannot be read; the message names it.
    MissingEvidence : the model is not installed, or there are no boxes.

    Notes
    -----
    The square has the longer side of the box, at least 8 pixels, and its centre; beyond the picture it is black. A box
    took 0.1 s on a busy core. To use embeddings of your own, pass them as ``object_embeddings=`` to `import_run`, or
    to `run.save_evidence("object_embeddings", vectors)`: an array of the given boxes, or a DataFrame indexed by id and
    unit.
    """
    dataset = run.dataset
    if model not in CROP_MODELS:
        raise InputError.unknown("model", model, CROP_MODELS)
    if dataset.task not in EMBEDDED or dataset.images is None:
        found = f"is {dataset.task!r}" if dataset.task not in EMBEDDED else "has no pictures"
        todo = f"Pass embeddings of your own: `run.save_evidence({OBJECT_EMBEDDINGS!r}, vectors)`."
        raise InputError.at("task", found, todo)
    rows, keys, boxes = _boxes(run, issues)
    if not keys:
        raise MissingEvidence("There are no boxes to embed.")
    vectors: list[np.ndarray] = []
    kept: list[int] = []
    part: list[np.ndarray] = []
    for at, crop in _crops(run, rows, boxes):
        kept.append(at)
        part.append(crop)
        if len(part) == IMAGES_AT_A_TIME:
            vectors.append(picture_features(part))
            part = []
    vectors += [picture_features(part)] if part else []
    if not vectors:
        raise MissingEvidence("No picture of the boxes is there.")
    found = ObjectVectors(rows[kept], [keys[at] for at in kept], np.concatenate(vectors))
    run.save_evidence(OBJECT_EMBEDDINGS, found, source=CROP_MODELS[model], trained_on_labels=False)


def _boxes(run: Run, issues: pd.DataFrame | None) -> tuple[np.ndarray, list[str], np.ndarray]:
    """Return images (m,), keys and boxes (m, 4) of units, sorted by image."""
    dataset = run.dataset
    units = dataset.units
    rows, keys = units.rows.tolist(), [units.key(unit) for unit in range(units.m)]
    shapes = [] if units.shapes is None else units.shapes.to_pylist()
    boxes = [[shape[name] for name in BOX.names] for shape in shapes]
    if issues is not None:
        if issues.index.nlevels != 2 or not {"row", "suggested_value"} <= set(issues.columns):
            raise InputError.at("issues", "is not a table of boxes", "Pass `find_issues(run, per='unit')`.")
        there = set(zip(rows, keys))
        listed = zip(issues["row"].tolist(), issues.index.get_level_values("unit"), issues["suggested_value"])
        for row, key, text in listed:
            value = (
                None if (row, key) in there or not isinstance(text, str) else dataset.kind.decode(text, dataset.classes)
            )
            if value is not None:
                rows.append(row)
                keys.append(str(key))
                boxes.append(value["box"])
    order = np.argsort(rows, kind="stable")
    return np.array(rows, np.int64)[order], [keys[at] for at in order], np.array(boxes, float).reshape(-1, 4)[order]


def _crops(run: Run, rows: np.ndarray, boxes: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
    """Yield the place and the pixels (h, w, 3) of the square around each box; pictures that are missing are left
    out."""
    before, picture = -1, None
    for at, (row, (x0, y0, x1, y1)) in enumerate(zip(rows.tolist(), boxes.tolist())):
        if row != before:
            source = image_source(run.dataset.image(row), run.dataset.media_root)
            before, picture = row, None if source is None else _opened(source)
        if picture is not None:
            half = max(x1 - x0, y1 - y0, LEAST_CROP) / 2
            x, y = (x0 + x1) / 2, (y0 + y1) / 2
            yield at, _part(picture, (round(x - half), round(y - half), round(x + half), round(y + half)))


def _opened(source: bytes | Path) -> Any:
    """Return a picture: a `LargePicture`, or a PIL image."""
    return LargePicture(source) if is_large(source) else as_shown(open_image(source))


def _part(picture: Any, box: tuple[int, int, int, int]) -> np.ndarray:
    """Return the pixels (h, w, 3) of a part of a picture; black beyond it."""
    from PIL import Image

    if not isinstance(picture, LargePicture):
        return np.asarray(picture.crop(box).convert("RGB"))
    whole = Image.new("RGB", (box[2] - box[0], box[3] - box[1]))
    x0, y0, x1, y1 = max(box[0], 0), max(box[1], 0), min(box[2], picture.width), min(box[3], picture.height)
    if x0 < x1 and y0 < y1:
        whole.paste(picture.crop(0, (x0, y0, x1, y1)).convert("RGB"), (x0 - box[0], y0 - box[1]))
    return np.asarray(whole)


def project_objects(run: Run, method: str = "umap", seed: int = 0) -> np.ndarray:
    """Project the stored embeddings of objects to two dimensions; computed once per method and seed.

    Parameters
    ----------
    run : with embeddings of objects, see `embed_objects`.
    method : "umap", by landmarks above 50,000 objects, or "pca". seed : random seed of UMAP.

    Returns
    -------
    float32 array (m, 2), in the order of `saved_objects(run).values`.

    Raises
    ------
    MissingEvidence : the run has no embeddings of objects. InputError : an unknown method.
    """
    if method not in PROJECTIONS:
        raise InputError.unknown("projection method", method, PROJECTIONS)
    found = saved_objects(run)
    if found is None:
        raise MissingEvidence("The run has no embeddings of objects. Call `wb.vision.embed_objects(run)` first.")
    vectors = found.values.vectors

    def make() -> dict[str, np.ndarray]:
        return {"points": pca(vectors) if method == "pca" else by_landmarks(vectors, seed=seed)}

    key = {"objects": fingerprint([evidence_files(run.layout)[OBJECT_EMBEDDINGS]], run.layout), "method": method}
    return cached(run.layout, f"objects-{method}-seed={seed}", {**key, "seed": seed}, make)["points"]


def saved_objects(run: Run) -> SavedEvidence | None:
    """Return the stored embeddings of objects, `ObjectVectors` with their provenance; None without any."""
    return saved_evidence(run, OBJECT_EMBEDDINGS)
