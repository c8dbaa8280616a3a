"""Review queues: each order checked by hand or by its definition, on a small run with made-up label issues."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest

from workbench.data.dataset import Dataset
from workbench.foundation.errors import InputError, MissingEvidence
from workbench.recording.recorder import Recorder
from workbench.review.queues import possible, review_queue
from workbench.runs.run import open_run
from workbench.runs.votes import save_votes

N = 40


@pytest.fixture
def run(tmp_path):
    labels = ["cat" if n % 2 else "dog" for n in range(N)]
    Recorder(tmp_path / "run", Dataset.from_arrays(labels, ids=np.arange(N) + 100, classes=["cat", "dog", "owl"]))
    run = open_run(tmp_path / "run")
    rng = np.random.default_rng(0)
    run.save_embeddings(np.eye(3)[np.arange(N) % 3] * 9 + rng.normal(scale=0.1, size=(N, 3)))
    return run


@pytest.fixture
def issues(run):
    """The first 18 are label issues; 8 of the even rows (dogs) should be cats, all 9 odd ones should be owls."""
    p = np.linspace(0.95, 0.05, N)
    suggested = np.where(np.arange(N) % 2, "owl", "cat")
    frame = pd.DataFrame(
        {"given_label": run.dataset.given, "suggested_label": suggested, "p_error": p, "is_issue": np.arange(N) < 18},
        index=pd.Index(run.dataset.ids, name="id"),
    )
    frame.loc[100, "suggested_label"] = "owl"
    return frame


def test_each_order(run, issues):
    marked = list(range(100, 118))
    assert review_queue(run, issues=issues) == marked
    assert review_queue(run, "all", issues=issues) == list(range(100, 140))
    pairs = review_queue(run, "pairs", issues=issues)
    assert pairs == [*range(101, 118, 2), *range(102, 118, 2), 100], "nine cat -> owl, eight dog -> cat, one dog -> owl"
    shuffled = review_queue(run, "random", issues=issues)
    assert shuffled != marked
    assert sorted(shuffled) == marked
    assert shuffled == review_queue(run, "random", issues=issues), "the same each time"
    assert review_queue(run, "p_error", issues=issues) == list(range(100, 140))
    assert review_queue(run, "suspicion", among=[105, 103], issues=issues) == [105, 103]


def test_clusters_lie_together_and_the_most_doubtful_comes_first(run, issues):
    order = review_queue(run, "clusters", issues=issues)
    assert sorted(order) == list(range(100, 118))
    kinds = [(id - 100) % 3 for id in order]
    assert sum(a != b for a, b in pairwise(kinds)) == 2, "three clusters, each in one piece"
    assert kinds[0] == 0, "rows 0, 3, 6, ... hold the most expected errors"
    for kind in range(3):
        inside = [id for id in order if (id - 100) % 3 == kind]
        assert inside == list(range(100 + kind, 118, 3)), "by suspicion within a cluster"


def test_by_a_score_its_suspicious_end_comes_first(run, issues):
    from workbench.scores import score

    values = score(run, "neighbor_distance")["neighbor_distance"]
    order = review_queue(run, "neighbor_distance", issues=issues)
    assert values[order].is_monotonic_decreasing


def test_annotators_and_second_opinions(run, issues):
    votes = [(100, "a", "cat"), (100, "b", "cat"), (130, "a", "cat"), (130, "b", "owl"), (101, "a", "cat")]
    votes += [(120, who, label) for who, label in (("a", "cat"), ("b", "cat"), ("c", "dog"))]
    save_votes(run, pd.DataFrame(votes, columns=["id", "annotator", "label"]))
    assert review_queue(run, "annotators", issues=issues) == [130, 120]
    run.journal.relabel([100, 101], "owl", old=["dog", "cat"], author="anna", source="review")
    run.journal.keep([102], old="dog", author="anna")
    run.journal.skip([103], author="anna")
    run.journal.keep([101], old="cat", author="bo")
    assert sorted(review_queue(run, "second", issues=issues, author="bo")) == [100, 102], (
        "what anna judged and bo has not"
    )
    assert review_queue(run, "second", issues=issues, author="anna") == []
    assert sorted(review_queue(run, "second", issues=issues, author="cy")) == [100, 101, 102]


def test_refusals(run, issues):
    with pytest.raises(InputError, match="Did you mean 'clusters'"):
        review_queue(run, "cluster", issues=issues)
    with pytest.raises(MissingEvidence, match="save_votes"):
        review_queue(run, "annotators", issues=issues)
    with pytest.raises(InputError, match="not in the dataset: 7"):
        review_queue(run, among=[7], issues=issues)
    assert "annotators" not in possible(run)
    assert "clusters" in possible(run)
