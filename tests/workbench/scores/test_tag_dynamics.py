"""Epochs of tags: the data map of cells and their curves, by a recount of whole tables."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit

from workbench.data.dataset import Dataset
from workbench.foundation.tag_statistics import ALL_TAGS, TOP_CELLS
from workbench.recording.recorder import Recorder
from workbench.scores.tag_dynamics import cell_curves, cell_dynamics

N, EPOCHS = 25, 4


def recorded(path, table, rng, left_out=()):
    """(run, logits (epochs, n, k)); `left_out` are (epoch, row) pairs that are not recorded."""
    dataset = Dataset.from_arrays(table, task="multilabel", classes=[f"t{tag}" for tag in range(table.shape[1])])
    logits = rng.normal(0, 2, (EPOCHS, *table.shape)).astype(np.float32)
    with Recorder(path, dataset) as recorder:
        for epoch in range(EPOCHS):
            rows = np.array([row for row in range(N) if (epoch, row) not in left_out])
            with recorder.epoch(epoch):
                recorder.batch(dataset.ids[rows], logits[epoch, rows])
    return recorder.run(), logits


def test_the_data_map_of_cells(tmp_path, rng):
    table = rng.integers(-1, 2, (N, 3))
    run, logits = recorded(tmp_path / "run", table, rng, left_out={(1, 4), (0, 5)})
    found = cell_dynamics(run)
    known = np.flatnonzero(table.ravel() >= 0)
    assert found.places.tolist() == known.tolist()
    p = np.where(table == 1, expit(logits), 1 - expit(logits)).astype(float)
    p[1, 4] = p[0, 5] = np.nan
    right = np.where(np.isnan(p), np.nan, (logits > 0) == (table == 1))
    for values, wanted in (
        (found.confidence, np.nanmean(p, axis=0)),
        (found.variability, np.nanstd(p, axis=0)),
        (found.correctness, np.nanmean(right, axis=0)),
    ):
        np.testing.assert_allclose(values, wanted.ravel()[known], atol=1e-6)


def test_of_very_many_tags_cells_of_every_epoch_count(tmp_path, rng):
    table = (rng.random((N, ALL_TAGS + 40)) < 0.02).astype(int)
    run, logits = recorded(tmp_path / "run", table, rng)
    top = np.argsort(-logits, axis=2)[:, :, :TOP_CELLS]
    kept = np.repeat((table == 1)[None], EPOCHS, axis=0)
    np.put_along_axis(kept, top, True, axis=2)
    assert cell_dynamics(run).places.tolist() == np.flatnonzero(kept.all(axis=0).ravel()).tolist()
    rows, tags = np.nonzero(kept.any(axis=0))
    curves = cell_curves(run, rows, tags)
    np.testing.assert_array_equal(np.isnan(curves), ~kept[:, rows, tags])
    there = kept[:, rows, tags]
    np.testing.assert_allclose(curves[there], expit(logits[:, rows, tags])[there], rtol=1e-5)


@pytest.mark.parametrize("cells", [[(3, 1), (3, 0), (24, 2)], [(0, 0)], []])
def test_curves_are_in_the_order_that_was_asked_for(tmp_path, rng, cells):
    run, logits = recorded(tmp_path / "run", rng.integers(0, 2, (N, 3)), rng)
    rows, tags = (np.array([one[part] for one in cells], np.int64) for part in (0, 1))
    curves = cell_curves(run, rows, tags)
    assert curves.shape == (EPOCHS, len(cells))
    np.testing.assert_allclose(curves, expit(logits[:, rows, tags]), rtol=1e-5)


def test_without_epochs_there_is_nothing(tmp_path):
    dataset = Dataset.from_arrays(np.eye(3, dtype=int), task="multilabel")
    Recorder(tmp_path / "run", dataset).close()
    from workbench.runs.run import open_run

    run = open_run(tmp_path / "run")
    assert not len(cell_dynamics(run).places) and cell_curves(run, np.array([1]), np.array([2])).shape == (0, 1)
