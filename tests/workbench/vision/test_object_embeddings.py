"""Embeddings of objects: imported and of crops, stored by unit, projected; what is refused."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from PIL import Image

import workbench as wb
from workbench.foundation.errors import InputError, MissingEvidence
from workbench.vision import object_embeddings
from workbench.vision.object_embeddings import saved_objects

BOXES = [[2, 2, 22, 22], [40, 10, 60, 30], [30, 5, 50, 45]]


@pytest.fixture
def run(tmp_path):
    """Two pictures with three boxes; the first two frame the same pattern."""
    rng = np.random.default_rng(0)
    images = np.full((2, 50, 70, 3), 127, np.uint8)
    images[0, 2:22, 2:22] = images[0, 10:30, 40:60] = rng.integers(0, 255, (20, 20, 3))
    images[1, ::4] = 250
    labels = [{"bboxes": BOXES[:2], "labels": ["a", "b"]}, {"bboxes": BOXES[2:], "labels": ["a"]}]
    data = wb.Dataset.from_arrays(labels, task="boxes", images=images, ids=["x", "y"])
    return wb.import_run(data, tmp_path / "run")


def of_crop(pixels):
    """A crop as 20 x 20 grey values; the model itself is tested with those of whole pictures."""
    return np.asarray(Image.fromarray(pixels).convert("L").resize((20, 20))).ravel()


def issues_of(run):
    """A table of units that suggests a box where none was given."""
    value = run.dataset.kind.encode({"box": [2, 2, 22, 22], "label": "b"})
    index = pd.MultiIndex.from_tuples([("x", "c0123456789abcdef"), ("x", "g0")], names=["id", "unit"])
    return pd.DataFrame({"row": [0, 0], "suggested_value": [value, "null"]}, index=index)


def test_crops_are_embedded_and_projected(run, monkeypatch):
    monkeypatch.setattr(object_embeddings, "picture_features", lambda crops: np.stack([of_crop(one) for one in crops]))
    with pytest.raises(MissingEvidence, match="no embeddings of objects"):
        wb.vision.project_objects(run)
    wb.vision.embed_objects(run, issues_of(run))
    found = saved_objects(wb.open_run(run.path))
    rows, keys, vectors = found.values
    assert rows.tolist() == [0, 0, 0, 1] and keys == ["g0", "g1", "c0123456789abcdef", "g0"]
    assert vectors.shape == (4, 400) and found.provenance.saw_labels is False
    apart = np.linalg.norm(vectors - vectors[0], axis=1)
    assert apart[1] < 1e-3 and apart[2] < 1e-3 < apart[3], "equal crops have equal embeddings"
    monkeypatch.setattr("workbench.data.media.MAX_PIXELS", 1_000)  # the pictures are large ones now
    wb.vision.embed_objects(run, issues_of(run))
    assert np.array_equal(saved_objects(run).values.vectors, vectors)
    xy = wb.vision.project_objects(run, "pca")
    assert xy.shape == (4, 2) and np.ptp(xy[:3], axis=0).max() < 1e-2 < np.ptp(xy[:, 0])


def test_instances_are_cut_out_by_the_boxes_of_their_masks(run, tmp_path, monkeypatch):
    monkeypatch.setattr(object_embeddings, "picture_features", lambda crops: np.stack([of_crop(one) for one in crops]))
    x, y = np.meshgrid(np.arange(70), np.arange(50))
    masks = [(x >= x0) & (x < x1) & (y >= y0) & (y < y1) for x0, y0, x1, y1 in BOXES]
    labels = [{"masks": masks[:2], "labels": ["a", "b"]}, {"masks": masks[2:], "labels": ["a"]}]
    images = [run.dataset.image(row) for row in (0, 1)]
    data = wb.Dataset.from_arrays(labels, task="instances", images=images, ids=["x", "y"])
    outlined = wb.import_run(data, tmp_path / "instances")
    for one in (run, outlined):
        wb.vision.embed_objects(one)
    assert np.array_equal(saved_objects(outlined).values.vectors, saved_objects(run).values.vectors)


def test_imported_vectors_are_stored_by_unit(run, tmp_path):
    vectors = np.arange(6, dtype=float).reshape(3, 2)
    again = wb.import_run(run.dataset, tmp_path / "again", object_embeddings=vectors)
    assert np.array_equal(saved_objects(again).values.vectors, vectors)
    table = pd.DataFrame(vectors[:2], index=pd.MultiIndex.from_tuples([("y", "g0"), ("x", "c0123456789abcdef")]))
    run.save_evidence("object_embeddings", table)
    rows, keys, _ = saved_objects(run).values
    assert rows.tolist() == [1, 0] and keys == ["g0", "c0123456789abcdef"]
    assert wb.vision.project_objects(run, "pca").shape == (2, 2)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (np.zeros((2, 4)), r"has the shape \(2, 4\) for 3 objects"),
        (np.full((3, 4), np.nan), "row 0 holds a number that is not finite"),
        ([["a"]] * 3, "is"),
        (pd.DataFrame(np.zeros((3, 2))), "has an index of 1 level"),
        (pd.DataFrame([[1.0]], index=pd.MultiIndex.from_tuples([("z", "g0")])), "names the image 'z'"),
        (pd.DataFrame([[1.0]] * 2, index=pd.MultiIndex.from_tuples([("x", "g0")] * 2)), "holds the unit 'g0' twice"),
    ],
)
def test_other_vectors_are_refused(run, values, message):
    with pytest.raises(InputError, match=f"`object_embeddings`.*{message}"):
        run.save_evidence("object_embeddings", values)


def test_other_runs_are_refused(run, tmp_path):
    with pytest.raises(InputError, match=r"'vgg'.*efficientnet"):
        wb.vision.embed_objects(run, model="vgg")
    with pytest.raises(InputError, match="not a table of boxes"):
        wb.vision.embed_objects(run, pd.DataFrame({"p_error": [0.5]}))
    blind = wb.import_run(wb.Dataset.from_arrays(run.dataset.given, task="boxes"), tmp_path / "blind")
    with pytest.raises(InputError, match=r"has no pictures.*save_evidence"):
        wb.vision.embed_objects(blind)
