"""Votes and consensus: by hand, against plain loops, on published crowds, with simulated annotators, and errors."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from workbench.data.dataset import Dataset
from workbench.foundation.errors import InputError, MissingEvidence, RunError
from workbench.recording.recorder import Recorder
from workbench.review import annotators as module
from workbench.review.annotators import annotator_quality, consensus, crowdlab, dawid_skene, majority
from workbench.review.crowdlab import crowdlab_consensus
from workbench.runs.run import open_run
from workbench.runs.votes import Votes, read_votes, save_votes
from workbench.scores import score

EVAL = Path(__file__).resolve().parents[4] / "shared" / "eval"


def stored(path, labels, classes=("cat", "dog", "owl")):
    Recorder(path, Dataset.from_arrays(labels, ids=[f"i{n}" for n in range(len(labels))], classes=classes))
    return open_run(path)


def frame(*lines: str) -> pd.DataFrame:
    return pd.DataFrame([line.split() for line in lines], columns=["id", "annotator", "label"])


def test_by_hand(tmp_path):
    run = stored(tmp_path / "run", ["cat", "dog", "owl", None])
    assert read_votes(run) is None
    said = ["i1 anna cat", "i1 bo cat", "i1 cy dog", "i2 bo cat", "i2 anna owl", "i3 cy owl"]
    save_votes(run, frame(*said))
    votes = read_votes(open_run(run.path))
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
    quality = annotator_quality(run)
    assert quality["votes"].to_dict() == {"anna": 2, "bo": 2, "cy": 2}
    assert quality.loc["anna", "with_others"] == pytest.approx(1 / 3)
    save_votes(run, frame("i0 anna cat", "i0 bo dog"))
    assert score(run, "annotator_disagreement")["annotator_disagreement"].iloc[0] == 1, "new votes, new score"


def plain_dawid_skene(votes: Votes, steps: int, smoothing: float) -> np.ndarray:
    """The equations of the paper, as loops over votes."""
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
    """Two thirds of the votes of annotators who are right with the probabilities `skills`, and the true classes."""
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


def test_annotators_with_few_votes_are_like_the_others_until_shown_otherwise(rng):
    """Sixty annotators with about 25 votes each: individual confusion matrices are mostly noise."""
    true = rng.integers(0, 4, 400)
    skill = rng.uniform(0.6, 0.95, 60)
    rows = np.repeat(np.arange(400), 4)
    people = np.concatenate([np.sort(rng.choice(60, 4, replace=False)) for _ in range(400)])
    labels = np.where(rng.random(1600) < skill[people], true[rows], (true[rows] + rng.integers(1, 4, 1600)) % 4)
    votes = Votes(rows, people, labels, tuple(f"a{i:02d}" for i in range(60)), 400, 4)
    plain, shrunk = dawid_skene(votes), dawid_skene(votes, shared=8.0)
    right = [(found.posterior.argmax(axis=1) == true).mean() for found in (plain, shrunk)]
    gap = [found.posterior.max(axis=1).mean() - share for found, share in zip((plain, shrunk), right)]
    assert gap[1] < gap[0] - 0.015, gap
    assert right[1] >= right[0]
    one = dawid_skene(votes, shared=1e9)
    assert np.ptp(one.confusion, axis=0).max() < 1e-3, "without limit: everybody has everybody's matrix"


def test_a_consensus_says_that_it_is_not_calibrated_and_known_labels_calibrate_it(tmp_path, rng):
    """Annotators with a shared mistake: on a third of the examples all give the same wrong class."""
    true = rng.integers(0, 2, 900)
    hard = rng.random(900) < 0.3
    rows, people = np.repeat(np.arange(900), 6), np.tile(np.arange(6), 900)
    labels = np.where(rng.random(5400) < np.where(hard[rows], 0.25, 0.9), true[rows], 1 - true[rows])
    run = stored(tmp_path / "run", [None] * 900, classes=("no", "yes"))
    names = np.array(["no", "yes"])
    save_votes(run, pd.DataFrame({"id": run.dataset.ids[rows], "annotator": people, "label": names[labels]}))
    table = consensus(run)
    right = table["consensus"].to_numpy() == names[true]
    assert table["p_consensus"].mean() > right.mean() + 0.1, "far too sure, as on real crowds"
    assert table.attrs["calibrated"] is False and not table["calibrated"].any()
    assert "not calibrated" in table.attrs["calibration"] and table.attrs["converged"]
    known = pd.Series(names[true], index=run.dataset.ids).iloc[np.random.default_rng(0).permutation(900)[:400]]
    better = consensus(run, known=known)
    rest = ~better.index.isin(known.index)
    assert abs(better["p_consensus"][rest].mean() - right[rest].mean()) < 0.05
    assert better["consensus"].equals(table["consensus"]) and better.attrs["calibrated"] is True
    assert "400 examples with a known label" in better.attrs["calibration"] and better["calibrated"].all()
    assert 0.005 < better.attrs["calibration_error"] <= 0.025
    few = consensus(run, known=known[:50])
    assert few.attrs["calibration_error"] > 0.05 and "only roughly on 50 examples" in few.attrs["calibration"]
    assert few.attrs["calibrated"] is False and not few["calibrated"].any()
    assert not consensus(run, "majority").attrs["calibrated"]
    with pytest.raises(InputError, match="`known` names 49 examples that have votes"):
        consensus(run, known=known[:49])
    with pytest.raises(InputError, match="`known` is a dict"):
        consensus(run, known=known.to_dict())


def test_what_rests_on_nothing_is_said(tmp_path, rng):
    run = stored(tmp_path / "run", ["cat", "dog"] * 20)
    lines = [f"i{i} a{i % 4} {'cat' if i % 3 else 'dog'}" for i in range(40)]
    save_votes(run, frame(*lines))
    with pytest.warns(UserWarning, match="no example has two votes"):
        table = consensus(run)
    assert table["consensus"].tolist() == [line.split()[2] for line in lines]
    votes, _ = crowd(rng, n=60)
    assert not dawid_skene(votes, most_iterations=2).converged
    found = dawid_skene(votes, most_iterations=2)
    with pytest.warns(UserWarning, match="did not converge in 2 iterations"):
        module._warn_of(votes, found)


def wide(votes: Votes) -> np.ndarray:
    """(n, a) votes in the format of cleanlab, NaN where an annotator did not vote."""
    table = np.full((votes.n, len(votes.names)), np.nan)
    table[votes.rows, votes.annotators] = votes.labels
    return table


@pytest.mark.parametrize("seed", range(12))
def test_crowdlab_is_that_of_cleanlab(seed):
    """Quality and consensus on random votes of many shapes, with all kinds of ties except those broken at random."""
    peer = pytest.importorskip("cleanlab.multiannotator")
    rng = np.random.default_rng(seed)
    n, k, a = int(rng.integers(30, 150)), int(rng.integers(2, 7)), int(rng.integers(2, 12))
    true = rng.integers(0, k, n)
    true[:k] = np.arange(k)
    cast = rng.random((n, a)) < rng.uniform(0.2, 0.9, a)
    cast[:, 0] |= ~cast.any(axis=1)
    cast[:a] |= np.eye(a, dtype=bool)[:n]
    labels = np.where(rng.random((n, a)) < rng.uniform(0.3, 0.95, a), true[:, None], rng.integers(0, k, (n, a)))
    labels[:k, 0], cast[:k, 0] = np.arange(k), True
    rows, people = np.nonzero(cast)
    votes = Votes(rows, people, labels[rows, people], tuple(f"a{j:02d}" for j in range(a)), n, k)
    probs = rng.dirichlet(np.ones(k) * 0.5, n)
    probs[np.arange(n), true] += rng.uniform(0, 2)
    if seed % 3 == 0:  # ties in the classifier too
        probs = np.round(probs / probs.sum(axis=1, keepdims=True), 1) + 1e-3
    probs /= probs.sum(axis=1, keepdims=True)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        theirs = peer.get_label_quality_multiannotator(wide(votes), probs, verbose=False)["label_quality"]
    assert not any("random selection" in str(one.message) for one in told), "choose seeds without lots"
    ours, best = crowdlab_consensus(votes, probs)
    assert best.tolist() == theirs["consensus_label"].tolist()
    assert ours[np.arange(n), best] == pytest.approx(theirs["consensus_quality_score"].to_numpy(), abs=1e-9)


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
    save_votes(run, table, id="task", annotator="worker")
    accuracy = {m: (consensus(run, m)["consensus"] == truth).mean() for m in ("majority", "dawid_skene")}
    assert accuracy["majority"] == pytest.approx(share, abs=0.007)  # ties may be broken either way
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
        (["i0 anna cow"], r"`label` row 0 \(id 'i0'\) is 'cow', which is not a class.*'cat', 'dog'"),
        (["i9 anna cat"], "not in the dataset: 'i9'"),
        (["i1 anna cat", "i1 anna dog"], r"`annotator` \(id 'i1'\) 'anna' voted 2 times"),
    ],
)
def test_votes_that_cannot_be_are_refused(tmp_path, lines, found):
    run = stored(tmp_path / "run", ["cat", "dog"])
    with pytest.raises(InputError, match=found):
        save_votes(run, frame(*lines))
    assert read_votes(run) is None, "nothing is stored by half"


def test_more_refusals(tmp_path):
    run = stored(tmp_path / "run", ["cat", "dog"])
    with pytest.raises(MissingEvidence, match="save_votes"):
        consensus(run)
    with pytest.raises(InputError, match="unknown column 'annotator'"):
        save_votes(run, pd.DataFrame({"id": ["i0"], "label": ["cat"]}))
    with pytest.raises(InputError, match="has 1 missing"):
        save_votes(run, pd.DataFrame({"id": ["i0"], "annotator": ["a"], "label": [None]}))
    save_votes(run, frame("i0 anna cat"))
    with pytest.raises(InputError, match="Did you mean 'majority'"):
        consensus(run, "majorty")
    with pytest.raises(MissingEvidence, match="CROWDLAB"):
        consensus(run, "crowdlab")
    run.layout.votes.write_bytes(b"not a table")
    with pytest.raises(RunError, match=r"votes\.parquet cannot be used"):
        read_votes(run)
