"""The map of objects: boxes and points with an embedding each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from widgets.wire.messages import Arrays, Buffers, Nothing, ObjectsAnswer
from workbench.runs.saved_evidence import saved_names
from workbench.tasks.object_vectors import OBJECT_EMBEDDINGS, ObjectVectors
from workbench.vision.object_embeddings import project_objects, saved_objects

if TYPE_CHECKING:
    from widgets.view.view import View
    from workbench.runs.run import Run

FEW_OBJECTS = 500
"""Up to this number the map is PCA: UMAP would take longer to import than it is worth."""


def objects_have_vectors(run: Run) -> bool:
    """Whether objects of a run have embeddings; these are not read."""
    return OBJECT_EMBEDDINGS in saved_names(run)


def ask_objects(view: View, content: Nothing, buffers: Buffers) -> tuple[ObjectsAnswer, Arrays]:
    """The objects with an embedding, and their places on the map."""
    found = saved_objects(view.run)
    objects = found.values if found is not None else ObjectVectors(np.zeros(0, np.int64), [], np.zeros((0, 1)))
    method = "pca" if len(objects.rows) <= FEW_OBJECTS else "umap"
    xy = project_objects(view.run, method) if len(objects.rows) else np.zeros((0, 2))
    codes, p, errors, kinds = _facts(view, objects)
    source = "" if found is None else found.provenance.words
    note = f"{len(objects.rows):,} objects · {method.upper()}{f' of {source}' if source else ''}"
    arrays = [objects.rows.astype(np.int32), np.ascontiguousarray(xy, np.float32).ravel(), codes, p, errors]
    return {"keys": objects.keys, "kinds": kinds, "note": note}, arrays


def _facts(view: View, objects: ObjectVectors) -> tuple[np.ndarray, np.ndarray, np.ndarray, list[str]]:
    """Return the class codes (m,) int16, probabilities of an error (m,) float32, kinds of errors (m,) int16, and their
    names."""
    dataset = view.dataset
    code_of = {name: code for code, name in enumerate(dataset.classes)}
    m = len(objects.rows)
    codes, p, errors = np.full(m, -1, np.int16), np.full(m, np.nan, np.float32), np.full(m, -1, np.int16)
    units = dataset.units
    place = {(int(units.rows[unit]), units.key(unit)): unit for unit in range(units.m)}
    doubts: dict[tuple[int, str], tuple[float, Any, Any]] = {}
    if view.doubts is not None:
        own = view.doubts
        kind = own["kind"] if "kind" in own else np.full(len(own), None)
        keys = own.index.get_level_values("unit").astype(str)
        doubts = dict(zip(zip(own["row"].tolist(), keys), zip(own["p_error"], kind, own["suggested_label"])))
    kinds = sorted({one for _, one, _ in doubts.values() if isinstance(one, str)})
    for at, pair in enumerate(zip(objects.rows.tolist(), objects.keys)):
        probability, kind, suggested = doubts.get(pair, (np.nan, None, None))
        unit = place.get(pair)
        codes[at] = code_of.get(str(suggested), -1) if unit is None else int(units.given[unit]) - 1
        p[at] = probability
        errors[at] = kinds.index(kind) if isinstance(kind, str) else -1
    return codes, p, errors, kinds
