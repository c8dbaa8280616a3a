"""A small recorded run, and a way to send requests to an Explorer without a browser."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import samples

from widgets.wire.messages import Answers, ErrorAnswer, Requests
from widgets.wire.typedefs import get_type_hints, misfits
from workbench.data.dataset import Dataset
from workbench.recording.recorder import Recorder
from workbench.runs.run import open_run
from workbench.scores import score

REQUEST_TYPES, ANSWER_TYPES = get_type_hints(Requests), get_type_hints(Answers)
N, CLASSES, EPOCHS = 120, ("cat", "dog", "owl"), 4


def record(path: Path, **media: object) -> Path:
    """Record four epochs of synthetic but consistent logits; every tenth label is wrong."""
    rng = np.random.default_rng(1)
    truth = rng.integers(0, 3, N)
    truth[3] = 0
    labels = truth.copy()
    labels[::10] = (labels[::10] + 1) % 3
    columns = pd.DataFrame({"weight": rng.normal(size=N), "source": np.where(truth == 0, "left", "right")})
    dataset = Dataset.from_arrays(
        labels, classes=CLASSES, ids=[f"id{i:03d}" for i in range(N)], metadata=columns, **media
    )
    recorder = Recorder(path, dataset)
    for epoch in range(EPOCHS):
        logits = rng.normal(size=(N, 3)) * 0.3
        logits[np.arange(N), truth] += 1.0 + epoch
        with recorder.epoch(epoch):
            recorder.batch(dataset.ids, logits, embeddings=logits.astype(np.float32))
    return path


@pytest.fixture(autouse=True)
def _few_draws_and_trees(monkeypatch: pytest.MonkeyPatch) -> None:
    """Audits are estimated after each verdict; what the view shows does not depend on numbers of draws or trees."""
    monkeypatch.setattr("workbench.issues.estimating.DRAWS", 2000)
    monkeypatch.setattr("workbench.issues.boxes.planted_odds.BOX_TREES", 10)


@pytest.fixture(scope="session")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run whose scores are computed: they cost more than what most tests do with them."""
    images = np.random.default_rng(0).integers(0, 255, (N, 8, 8), dtype=np.uint8)
    path = record(tmp_path_factory.mktemp("runs") / "pets", images=images)
    score(open_run(path))
    return path


@pytest.fixture(scope="session")
def tagged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with several tags per example; tests that decide work on a copy."""
    return samples.tagged_run(tmp_path_factory.mktemp("tags") / "tags")


@pytest.fixture
def run(recorded: Path, tmp_path: Path):
    """A separate run for each test."""
    return open_run(shutil.copytree(recorded, tmp_path / "pets"))


@pytest.fixture
def issues(run) -> pd.DataFrame:
    """Label issues made by hand: every tenth row, with invented probabilities."""
    rows = np.arange(N)
    wrong = rows % 10 == 0
    p_error = np.where(wrong, 0.9 - rows / 1000, 0.1)
    given = run.dataset.given_labels
    frame = pd.DataFrame(
        {
            "given_label": run.dataset.given,
            "suggested_label": run.dataset.names_of(np.where(wrong, (given + 2) % 3, given)),
            "p_error": p_error,
            "p_suggested": 0.8,
            "is_issue": wrong,
            "reasons": np.where(wrong, "one; two", ""),
            "row": rows,
        },
        index=pd.Index(run.dataset.ids, name="id"),
    )
    frame.attrs = {"expected_errors": 12.0, "expected_errors_interval": (9.0, 15.0), "evidence": "a test"}
    return frame.sort_values("p_error", ascending=False, kind="stable")


def check_types(kind: str, body: dict, answer: dict) -> None:
    """Check messages against their types; for a failed request, only the answer."""
    said = {name: value for name, value in json.loads(json.dumps(answer)).items() if name != "request"}
    if "error" in said:
        assert misfits(said, ErrorAnswer) == []
        return
    assert misfits(body, REQUEST_TYPES[kind], kind) == []
    assert misfits(said, ANSWER_TYPES[kind], f"answer to {kind}") == []


@pytest.fixture
def page(run, issues) -> Callable[..., object]:
    """`page(**options)`: an Explorer that accepts requests and collects its messages instead of sending them."""
    from widgets import Explorer

    class Page(Explorer):
        """Records sent messages; `ask` acts as the page."""

        def __init__(self, *args: object, **options: object) -> None:
            self.sent: list[tuple[dict, list]] = []
            super().__init__(*args, **options)

        def send(self, content: dict, buffers: list | None = None) -> None:
            self.sent.append((content, buffers or []))

        def ask(self, kind: str, buffers: list | tuple = (), **body: object) -> tuple[dict, list]:
            self._receive(self, {"kind": kind, "request": "r1", **body}, list(buffers))
            answer, arrays = [message for message in self.sent if message[0].get("request") == "r1"][-1]
            check_types(kind, body, answer)
            return answer, arrays

    def open_(**options: object) -> Page:
        return Page(run, **{"issues": issues, **options})

    return open_


@pytest.fixture
def other(run, tmp_path: Path):
    """A run of the first hundred examples, trained differently and in another order."""
    rng = np.random.default_rng(8)
    order = rng.permutation(100)
    given = run.dataset.given_labels[order]
    dataset = Dataset.from_arrays(run.dataset.names_of(given), ids=run.dataset.ids[order], classes=run.dataset.classes)
    with Recorder(tmp_path / "again", dataset) as recorder:
        for epoch in range(4):
            logits = rng.normal(size=(100, 3)) * 0.6
            logits[np.arange(100), given] += epoch
            with recorder.epoch(epoch):
                recorder.batch(dataset.ids, logits, embeddings=logits.astype(np.float32))
    return open_run(tmp_path / "again")
