"""The displayed neighbours are those that the reason counts."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import widgets as wd
from workbench.data.dataset import Dataset
from workbench.issues import counted_neighbors, explaining
from workbench.recording.recorder import Recorder
from workbench.runs.run import open_run
from workbench.scores.ensemble import ensemble

N, CLASSES, EPOCHS = 240, ("ant", "bee", "cow"), 6


def recorded(path: Path, seed: int = 0) -> Path:
    """A run whose early embeddings separate the true classes, and whose last ones follow the given labels."""
    rng = np.random.default_rng(seed)
    truth = np.arange(N) % 3
    given = truth.copy()
    wrong = np.arange(0, N, 12)
    given[wrong] = (truth[wrong] + 1) % 3
    dataset = Dataset.from_arrays(given, classes=CLASSES)
    recorder = Recorder(path, dataset)
    for epoch in range(EPOCHS):
        late = max(0, epoch - 2) / (EPOCHS - 3)
        centre = (1 - late) * np.eye(3)[truth] + late * np.eye(3)[given]
        with recorder.epoch(epoch):
            logits = 1.5 * (epoch + 1) * centre + rng.normal(size=(N, 3))
            space = np.hstack([6 * centre, np.zeros((N, 3))]) + rng.normal(size=(N, 6))
            recorder.batch(dataset.ids, logits, embeddings=space.astype(np.float32))
    return path


def disagreements(ex: wd.Explorer) -> list[tuple[int, int]]:
    """Return (disagreeing in the reason, disagreeing among the displayed ones) of all examples with such a reason."""
    given, out = ex.run.dataset.given_labels, []
    for row in range(ex.run.dataset.n):
        body = ex._view.details.of(row, "")
        for reason in body["reasons"]:
            if match := re.fullmatch(r"(\d+) of (\d+) neighbours? (dis)?agrees?", reason):
                said = int(match[1]) if match[3] else int(match[2]) - int(match[1])
                rows = body["neighbors"]["rows"]
                assert len(rows) == int(match[2])
                out.append((said, int((given[rows] != given[row]).sum())))
    return out


def agrees(ex: wd.Explorer) -> None:
    pairs = disagreements(ex)
    assert len(pairs) > 30
    assert [said for said, _ in pairs] == [shown for _, shown in pairs]


def test_embeddings_of_the_epoch_that_the_detector_took(tmp_path):
    from workbench.evidence.most_informative_epoch import most_informative_epoch

    run = open_run(recorded(tmp_path / "run"))
    assert most_informative_epoch(run) != run.embedding_epochs[-1]
    ex = wd.Explorer(run)
    agrees(ex)
    assert ex._view.details.of(0, "")["neighbors"]["by"] == f"embeddings of epoch {most_informative_epoch(run)}"


def test_a_large_set_shows_what_the_detector_looked_up(tmp_path, monkeypatch):
    for module in (explaining, counted_neighbors):
        monkeypatch.setattr(module, "NEAREST_ROWS", 100)
    monkeypatch.setattr(explaining, "EXPLAINED", 60)
    path = recorded(tmp_path / "run")
    agrees(wd.Explorer(path))
    agrees(wd.Explorer(path))  # from the cache


def test_texts_without_embeddings_show_neighbours_by_their_n_grams():
    rng = np.random.default_rng(1)
    words = {"ant": "small black ant hill", "bee": "honey bee in flower", "cow": "green grass cow milk"}
    truth = [CLASSES[i % 3] for i in range(150)]
    texts = [" ".join(rng.permutation([*words[name].split(), "xy", "zz", "qq"])) for name in truth]
    given = [CLASSES[(i + 1) % 3] if i % 15 == 0 else name for i, name in enumerate(truth)]
    ex = wd.Explorer(pd.DataFrame({"text": texts, "label": given}), text="text")
    agrees(ex)
    assert ex._view.details.of(0, "")["neighbors"]["by"] == "character n-grams of the texts"


def test_an_ensemble_shows_neighbours_in_all_its_embeddings(tmp_path):
    pool = ensemble([recorded(tmp_path / f"run{seed}") for seed in (0, 1)])
    agrees(wd.Explorer(pool))


def test_issues_of_other_embeddings_say_so(tmp_path):
    from workbench.issues import find_issues

    run = open_run(recorded(tmp_path / "run"))
    noise = np.random.default_rng(5).normal(size=(N, 4))
    ex = wd.Explorer(run, issues=find_issues(run.dataset, embeddings=noise))
    assert "which this run does not have" in ex._view.details.of(0, "")["neighbors"]["other"]
    assert wd.Explorer(run)._view.details.of(0, "")["neighbors"]["other"] == ""


def test_reasons_say_whose_probabilities_they_quote(tmp_path):
    ex = wd.Explorer(recorded(tmp_path / "run"))
    body = ex._view.details.of(0, "")
    quoted = [(reason, words) for reason, words in zip(body["reasons"], body["meanings"]) if ":" in reason]
    assert quoted[0][0].startswith("held-out models: ")
    assert "did not see this example's label" in quoted[0][1]
    assert body["p_epoch"] == EPOCHS - 1
    assert body["p_given"] == pytest.approx(body["curve"]["given"][-1])


def test_a_blind_review_does_not_begin_with_the_most_suspicious(tmp_path):
    path = recorded(tmp_path / "run")
    seen, blind = wd.Explorer(path), wd.Explorer(path, blind=True)
    assert sorted(blind.queue) == sorted(seen.queue)
    assert blind.queue != seen.queue
    assert wd.Explorer(path, blind=True, queue="suspicion").queue == seen.queue
