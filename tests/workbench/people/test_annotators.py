"""Votes and their consensus: by hand, by a plain loop, on published crowds, with planted annotators, and refusals."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from workbench.dataset import Dataset
from workbench.errors import InputError, MissingEvidence, RunError
from workbench.people.annotators import annotators, consensus, crowdlab, dawid_skene, majority
from workbench.people.votes import Votes
from workbench.recording.recorder import Recorder
from workbench.run import open_run
from workbench.scores import score

EVAL = Path(__file__).resolve().parents[4] / "shared" / "eval"


def stored(path, labels, classes=("cat", "dog", "owl")):
    Recorder(path, Dataset.from_arrays(labels, ids=[f"i{n}" for n in range(len(labels))], classes=classes))
    return open_run(path)


def frame(*lines: str) -> pd.DataFrame:
    return pd.DataFrame([line.split() for line in lines], columns=["id", "annotator", "label"])


def test_by_hand(tmp_path):
    run = stored(tmp_path / "run", ["cat", "dog", "owl", None])
    assert run.votes() is None
    said = ["i1 anna cat", "i1 bo cat", "i1 cy dog", "i2 bo cat", "i2 anna owl", "i3 cy owl"]
    run.save_votes(frame(*said))
    votes = open_run(run.path).votes()
    assert votes.names == ("anna", "bo", "cy")
    assert votes.counts().tolist() == [[0, 0, 0], [2, 1, 0], [1, 0, 1], [0, 0, 1]]
    assert votes.counts(slice(2, 4)).tolist() == [[1, 0, 1], [0, 0, 1]]
    table = consensus(run, "majority")
    assert table.index.tolist() == ["i1", "i2", "i3"]
    assert table["consensus"].tolist() == ["cat", "owl", "owl"], "a tie goes to the given label"
    assert table["p_consensus"].tolist() == pytest.approx([2 / 3, 0.5, 1])
    assert table["votes"].tolist() == [3, 2, 1]
    assert table["annotator_disagreement"].tolist() == pytest.approx([2 / 3, 1, np.nan], nan_ok=True)
    assert score(run, "annotator_disagreement")["annotator_disagreement"].tolist() == pytest.approx(
        [np.nan, 2 / 3, 1, np.nan], nan_ok=True
    )
    quality = annotators(run)
    assert quality["votes"].to_dict() == {"anna": 2, "bo": 2, "cy": 2}
    assert quality.loc["anna", "with_others"] == pytest.approx(1 / 3)
    run.save_votes(frame("i0 anna cat", "i0 bo dog"))
    assert score(run, "annotator_disagreement")["annotator_disagreement"].iloc[0] == 1, "new votes, new score"


def plain_dawid_skene(votes: Votes, steps: int, smoothing: float) -> np.ndarray:
    """The equations of the paper as loops over votes."""
    posterior = majority(votes)
    for _ in range(steps):
        confusion = np.full((len(votes.names), votes.k, votes.k), smoothing)
        for row, who, label in zip(votes.rows, votes.annotators, votes.labels):
            for true in range(votes.k):
                confusion[who, true, label] += posterior[row, true]
        confusion /= confusion.sum(axis=2, keepdims=True)
        priors = posterior.mean(axis=0)
        posterior = np.tile(priors, (votes.n, 1))
        for row, who, label in zip(votes.rows, votes.annotators, votes.labels):
            posterior[row] *= confusion[who, :, label]
        posterior /= posterior.sum(axis=1, keepdims=True)
    return posterior


def crowd(rng, n=200, k=3, skills=(0.9, 0.8, 0.75, 0.4, 0.4, 0.4)):
    """Votes of annotators who are right with the chances `skills` and the true classes; two thirds of the votes."""
    true = rng.integers(0, k, n)
    rows, people, labels = [], [], []
    for who, skill in enumerate(skills):
        for row in np.flatnonzero(rng.random(n) < 0.8):
            rows.append(row)
            people.append(who)
            labels.append(true[row] if rng.random() < skill else (true[row] + rng.integers(1, k)) % k)
    order = np.lexsort((people, rows))
    arrays = [np.array(values, np.int64)[order] for values in (rows, people, labels)]
    return Votes(*arrays, tuple(f"a{i}" for i in range(len(skills))), n, k), true


def test_dawid_skene_is_the_paper_and_finds_the_good_annotators(rng):
    votes, true = crowd(rng)
    found = dawid_skene(votes, most_iterations=7, tolerance=0)
    known = votes.per_row() > 0
    assert found.posterior[known] == pytest.approx(plain_dawid_skene(votes, 7, 0.01)[known], abs=1e-9)
    whole = dawid_skene(votes)
    assert whole.converged
    assert np.allclose(whole.confusion.sum(axis=2), 1)
    assert np.allclose(whole.posterior[known].sum(axis=1), 1)
    better, plain = (np.nan_to_num(p).argmax(1)[known] == true[known] for p in (whole.posterior, majority(votes)))
    assert better.mean() > plain.mean() + 0.03
    right = np.einsum("ajj,j->a", whole.confusion, whole.priors)
    assert right[:3].min() > right[3:].max()


def test_renaming_annotators_and_classes_changes_nothing(rng):
    votes, _ = crowd(rng, n=60)
    turn = np.array([2, 0, 1])
    other = Votes(votes.rows, 5 - votes.annotators, turn[votes.labels], votes.names, votes.n, votes.k)
    same = dawid_skene(votes).posterior
    assert dawid_skene(other).posterior[:, turn] == pytest.approx(same, abs=1e-6, nan_ok=True)


def test_crowdlab_leans_on_whoever_is_right(rng):
    votes, true = crowd(rng, n=400, skills=(0.6, 0.6))
    good = np.full((400, 3), 0.1)
    good[np.arange(400), true] = 0.8
    mixed = crowdlab(votes, good)
    assert np.allclose(mixed.sum(axis=1), 1)
    known = votes.per_row() > 0
    alone = (np.nan_to_num(majority(votes)).argmax(1) == true)[known].mean()
    assert (mixed.argmax(1) == true)[known].mean() > alone + 0.1
    assert (mixed[~known] == pytest.approx(good[~known])) or not (~known).any()
    noise = rng.dirichlet([1, 1, 1], 400)
    votes, true = crowd(rng, n=400, skills=(0.9, 0.9, 0.9))
    known = votes.per_row() > 1
    assert (crowdlab(votes, noise).argmax(1) == true)[known].mean() > 0.85


@pytest.mark.parametrize(
    ("name", "share", "ds"),
    [("crowd_d_Duck_Identification_dev", 0.759, 0.889), ("crowd_s4_Dog_data_dev", 0.812, 0.843)],
)
def test_published_crowds(tmp_path, name, share, ds):
    path = EVAL / f"{name}.csv.gz"
    if not path.is_file():
        pytest.skip(f"needs {path.name}, which is not part of the project")
    table = pd.read_csv(path).astype({"label": str, "truth": str})
    truth = table.drop_duplicates("task").set_index("task")["truth"]
    Recorder(tmp_path / "run", Dataset.from_arrays([None] * len(truth), ids=truth.index, classes=sorted(set(truth))))
    run = open_run(tmp_path / "run")
    run.save_votes(table, id="task", annotator="worker")
    accuracy = {m: (consensus(run, m)["consensus"] == truth).mean() for m in ("majority", "dawid_skene")}
    assert accuracy["majority"] == pytest.approx(share, abs=0.007)  # ties are broken in some way
    assert accuracy["dawid_skene"] >= ds - 0.002


def test_crowdlab_on_real_annotations():
    files = [EVAL / f"{name}.npz" for name in ("cifar10n_dev", "dynamics_cifar10n_dev_random_label1_mlp")]
    if not all(path.is_file() for path in files):
        pytest.skip("needs the CIFAR-10N files, which are not part of the project")
    with np.load(files[0]) as data, np.load(files[1]) as model:
        said = np.stack([data[f"random_label{i}"] for i in (1, 2, 3)], axis=1).astype(np.int64)
        clean, probs = data["clean_label"], model["oos_pred_probs"]
    n = len(said)
    votes = Votes(np.repeat(np.arange(n), 3), np.tile(np.arange(3), n), said.ravel(), ("1", "2", "3"), n, 10)
    assert (crowdlab(votes, probs).argmax(1) == clean).mean() == pytest.approx(0.935, abs=0.003)


@pytest.mark.parametrize(
    ("lines", "found"),
    [
        (["i0 anna cow"], r"`label` row 0 \(id 'i0'\) is 'cow', which is no class.*'cat', 'dog'"),
        (["i9 anna cat"], "not in the dataset: 'i9'"),
        (["i1 anna cat", "i1 anna dog"], r"`annotator` \(id 'i1'\) 'anna' voted 2 times"),
    ],
)
def test_votes_that_cannot_be_are_refused(tmp_path, lines, found):
    run = stored(tmp_path / "run", ["cat", "dog"])
    with pytest.raises(InputError, match=found):
        run.save_votes(frame(*lines))
    assert run.votes() is None, "nothing is stored by half"


def test_more_refusals(tmp_path):
    run = stored(tmp_path / "run", ["cat", "dog"])
    with pytest.raises(MissingEvidence, match="save_votes"):
        consensus(run)
    with pytest.raises(InputError, match="unknown column 'annotator'"):
        run.save_votes(pd.DataFrame({"id": ["i0"], "label": ["cat"]}))
    with pytest.raises(InputError, match="has 1 missing"):
        run.save_votes(pd.DataFrame({"id": ["i0"], "annotator": ["a"], "label": [None]}))
    run.save_votes(frame("i0 anna cat"))
    with pytest.raises(InputError, match="Did you mean 'majority'"):
        consensus(run, "majorty")
    with pytest.raises(MissingEvidence, match="CROWDLAB"):
        consensus(run, "crowdlab")
    run.layout.votes.write_bytes(b"not a table")
    with pytest.raises(RunError, match=r"votes\.parquet cannot be used"):
        run.votes()
