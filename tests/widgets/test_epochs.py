"""Both maps over epochs: trails of examples, and layouts computed in a thread."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from widgets.view import projecting
from widgets.view.projecting import Projector
from workbench.evidence.projection import project
from workbench.foundation.errors import InputError
from workbench.scores.dynamics import confidence, variability


@pytest.fixture
def flat(monkeypatch):
    """UMAP takes seconds to compile, and its layout is not tested here."""
    from workbench.evidence import projection

    monkeypatch.setattr(projection, "umap", lambda embeddings, *_args, **_options: projection.pca(embeddings))


def test_trails_on_the_data_map_end_where_the_points_are(page, run):
    ex = page()
    rows = [3, 50, 7]
    _, (buffer,) = ex.ask("trail", map="data", rows=rows)
    trail = np.frombuffer(buffer, "<f4").reshape(4, 3, 2)
    p_given = run.stat_matrix("p_given")[:, rows]
    assert trail[1, :, 0] == pytest.approx(variability(p_given[:2]), abs=1e-6)
    assert trail[1, :, 1] == pytest.approx(confidence(p_given[:2]), abs=1e-6)
    assert trail[-1, :, 1] == pytest.approx(ex._view.columns["confidence"].values[rows], abs=1e-6)
    assert trail[0, :, 0].tolist() == [0, 0, 0], "after one epoch nothing has varied"


def asked_until_there(ex: object, kind: str, **body: object) -> tuple[dict, list]:
    """Ask again, as the page does, when a message announces that a layout is done."""
    answer = ex.ask(kind, **body)
    while "later" in answer[0]:
        ex._view.projector.thread.join()
        answer = ex.ask(kind, **body)
    return answer


def test_trails_on_the_embedding_map_are_the_places_of_each_epoch(page, run, flat):
    ex = page()
    ex._view.channel._loop = None
    body, (buffer,) = asked_until_there(ex, "trail", map="embedding", rows=[3, 50], epoch=1)
    xy = project(run, 1)
    assert np.frombuffer(buffer, "<f4").reshape(2, 2) == pytest.approx(xy[[3, 50]])
    assert body["extent"] == pytest.approx(np.stack([xy.min(0), xy.max(0)], axis=1))
    assert "unknown epoch" in ex.ask("trail", map="embedding", rows=[3], epoch=9)[0]["error"]
    assert "Use 0 to 119" in ex.ask("trail", map="data", rows=[300])[0]["error"]


def test_an_earlier_epoch_never_keeps_the_kernel_waiting(run, monkeypatch):
    """While a layout is computed, other requests are answered; a message announces its end."""
    go, sent = threading.Event(), []
    projector = Projector(run, lambda body, buffers: sent.append((body, len(buffers))))
    xy = np.zeros((run.n, 2), np.float32)

    def slow(run: object, epoch: int, method: str = "umap") -> np.ndarray:
        assert method == "pca" or go.wait(600)
        return xy

    monkeypatch.setattr(projecting, "project", slow)
    assert projector.of(1) == (None, 1, "computing the map of epoch 1…")
    first = projector.thread
    quick, epoch, note = projector.of(-1)
    assert (quick.shape, epoch, note) == ((run.n, 2), 3, "PCA, epoch 3; UMAP is being computed")
    go.set()
    for thread in (first, projector.thread):
        thread.join()
    assert sorted(body["epoch"] for body, _ in sent if body["push"] == "projected") == [1, 3]
    assert ({"push": "embedding", "note": "UMAP, epoch 3"}, 1) in sent
    assert projector.of(1)[2] == "UMAP, epoch 1, aligned to epoch 3"


def test_a_layout_that_fails_is_said_and_can_be_asked_for_again(run, monkeypatch):
    sent = []
    projector = Projector(run, lambda body, buffers: sent.append(body))

    def broken(run: object, epoch: int, method: str = "umap") -> np.ndarray:
        raise InputError.at("embeddings", "are broken", "Record them again.")

    monkeypatch.setattr(projecting, "project", broken)
    projector.of(1)
    projector.thread.join()
    assert "are broken" in sent[0]["failed"]
    monkeypatch.setattr(projecting, "project", lambda run, epoch, method="umap": np.zeros((run.n, 2)))
    assert projector.ready(1)
