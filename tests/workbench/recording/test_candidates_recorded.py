"""Recording training on candidate sets: exact, intact after a crash, as evidence, and as curves of one set."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.special import softmax

import workbench as wb
from widgets.view.sets import learned_columns, set_curve
from workbench.data.dataset import Dataset
from workbench.foundation.errors import InputError
from workbench.foundation.tag_statistics import ALL_TAGS, TOP_CELLS
from workbench.issues.partial.learned import learned_sets, recorded_probs
from workbench.shell.inspection import inspect

N, K = 30, 5
MANY = ALL_TAGS + 50


@pytest.fixture
def sets(rng):
    """(30, 5) bool, two or three candidates each."""
    return rng.random((N, K)).argsort(axis=1) < rng.integers(2, 4, N)[:, None]


@pytest.fixture
def dataset(sets):
    listed = [None if row == 3 else np.flatnonzero(one).tolist() for row, one in enumerate(sets)]
    return Dataset.from_arrays(listed, task="candidates", ids=[f"img{i}" for i in range(N)], classes=list("abcde"))


@pytest.fixture
def logits(rng):
    return rng.normal(0, 2, (3, N, K)).astype(np.float32)


def record(path, dataset, epochs, order=None, **options):
    rows = np.arange(dataset.n) if order is None else order
    with wb.Recorder(path, dataset, **options) as recorder:
        for number, logits in enumerate(epochs):
            with recorder.epoch(number):
                for part in np.array_split(rows, 4):
                    recorder.batch(dataset.ids[part], logits[part])
    return wb.open_run(path)


def test_weights_are_those_of_a_softmax_within_the_set(tmp_path, rng, dataset, sets, logits):
    run = record(tmp_path / "run", dataset, logits, rng.permutation(N))
    assert run.epochs == (0, 1, 2) and run.example_epochs == ()
    sets = sets & (np.arange(N) != 3)[:, None]
    for epoch, values in enumerate(logits):
        p = softmax(values.astype(float), axis=1)
        found = run.unit_stats(epoch)
        assert found["row"].tolist() == np.repeat(np.arange(N), K).tolist()
        assert found["unit"].tolist() == np.tile(np.arange(K), N).tolist()
        np.testing.assert_allclose(found["p"], p.ravel(), rtol=1e-5)
        np.testing.assert_allclose(np.exp(found["logit"]), p.ravel(), rtol=1e-5)
        assert found["inside"].tolist() == sets.ravel().tolist()
        weight = np.where(sets, p, 0) / np.maximum(np.where(sets, p, 0).sum(axis=1, keepdims=True), 1e-12)
        np.testing.assert_allclose(found["weight"], weight.ravel(), rtol=1e-5, atol=1e-7)
        np.testing.assert_allclose(recorded_probs(run, epoch), p, rtol=1e-5)
    part = run.unit_stats(1, ["p", "row"], slice(7, 9))
    assert list(part) == ["p", "row"] and part["row"].tolist() == [7] * K + [8] * K
    with pytest.raises(InputError, match="unknown column 'margin'"):
        run.unit_stats(0, ["margin"])
    with pytest.raises(InputError, match=r"is 'candidates', which `stats` does not read"):
        run.stats(0)
    assert not list(inspect(run))


def test_how_well_a_set_was_learned(tmp_path, dataset, sets, logits):
    run = record(tmp_path / "run", dataset, logits)
    p = softmax(logits.astype(float), axis=2)
    found = learned_sets(run)
    known = np.arange(N) != 3
    np.testing.assert_allclose(found.mass[:, known], np.where(sets, p, 0).sum(axis=2)[:, known], rtol=1e-5)
    likeliest = np.take_along_axis(np.broadcast_to(sets, p.shape), p.argmax(axis=2)[..., None], axis=2)[..., 0]
    np.testing.assert_array_equal(found.hit[:, known] == 1, likeliest[:, known])
    assert (found.mass[:, 3] == 0).all() and (found.hit[:, 3] == 0).all()
    columns = {one.name: one.values for one in learned_columns(run)}
    np.testing.assert_allclose(columns["confidence"], found.mass.mean(axis=0), rtol=1e-5)
    np.testing.assert_allclose(columns["variability"], found.mass.std(axis=0), atol=1e-5)


def test_the_curve_of_a_set_has_weights_and_sizes(tmp_path, dataset, sets):
    """One candidate falls behind in each epoch: weights computed by hand, and purification removes it."""
    a, b, c = np.flatnonzero(sets[0])[0], np.flatnonzero(~sets[0])[0], np.flatnonzero(sets[0])[1]
    probs = np.full((4, N, K), 1 / K)
    for epoch, p in enumerate((0.3, 0.5, 0.7, 0.8)):
        probs[epoch, 0] = 1e-6
        probs[epoch, 0, [a, b, c]] = p, 0.1, 0.9 - p
        probs[epoch, 0] /= probs[epoch, 0].sum()
    run = record(tmp_path / "run", dataset, np.log(probs))
    found = set_curve(run, 0)
    assert found["epochs"] == [0, 1, 2, 3]
    assert found["names"][0] == "abcde"[a] and set(found["names"]) == {"abcde"[one] for one in np.flatnonzero(sets[0])}
    np.testing.assert_allclose(found["weights"][0], [0.3 / 0.9, 0.5 / 0.9, 0.7 / 0.9, 0.8 / 0.9], atol=1e-4)
    np.testing.assert_allclose(found["outside"], [0.1] * 4, atol=1e-4)
    size = int(sets[0].sum())
    assert found["sizes"][0] == size and found["sizes"][-1] == 1
    assert (np.diff(found["sizes"]) <= 0).all()
    assert set_curve(run, 3) is None, "no set"


def test_of_very_many_classes_the_candidates_and_the_likeliest_are_kept(tmp_path, rng):
    listed = [sorted(rng.choice(MANY, 3, replace=False).tolist()) for _ in range(N)]
    dataset = Dataset.from_arrays(listed, task="candidates", classes=list(range(MANY)))
    logits = rng.normal(size=(N, MANY)).astype(np.float32)
    run = record(tmp_path / "run", dataset, [logits], rng.permutation(N))
    found = run.unit_stats(0)
    p = softmax(logits.astype(float), axis=1)
    for row in range(N):
        own = found["row"] == row
        wanted = sorted(set(np.argsort(-logits[row])[:TOP_CELLS].tolist()) | set(listed[row]))
        assert found["unit"][own].tolist() == wanted
        assert found["unit"][own & found["inside"]].tolist() == listed[row]
    probs = recorded_probs(run, 0)
    np.testing.assert_allclose(probs.sum(axis=1), 1, atol=1e-4)
    np.testing.assert_allclose(probs[0, listed[0]], p[0, listed[0]], rtol=1e-4)
    np.testing.assert_allclose(
        learned_sets(run).mass[0], [p[row, one].sum() for row, one in enumerate(listed)], rtol=1e-4
    )


def test_an_epoch_cut_short_is_readable_and_recorded_again(tmp_path, dataset, logits):
    recorder = wb.Recorder(tmp_path / "run", dataset)
    with pytest.raises(KeyboardInterrupt), recorder.epoch(0):
        recorder.batch(dataset.ids[:12], logits[0, :12])
        raise KeyboardInterrupt
    recorder.close()
    run = wb.open_run(tmp_path / "run")
    found = run.unsealed()[0]
    assert sorted(found["row"].unique()) == list(range(12)) and {"p", "weight", "inside"} <= set(found)
    with wb.Recorder(tmp_path / "run", dataset) as recorder, recorder.epoch(recorder.next_epoch):
        recorder.batch(dataset.ids, logits[0])
    assert run.epochs == (0,) and run.unsealed() == {}


def test_what_does_not_fit_is_named(tmp_path, dataset, logits):
    with wb.Recorder(tmp_path / "run", dataset) as recorder, recorder.epoch(0):
        with pytest.raises(InputError, match=r"has shape \(30, 3\) for 30 ids and 5 classes"):
            recorder.batch(dataset.ids, logits[0, :, :3])
        with pytest.raises(InputError, match=r"`probs` lies between -1 and -1"):
            recorder.batch(dataset.ids, probs=np.full((N, K), -1.0))
        recorder.batch(dataset.ids, probs=softmax(logits[0], axis=1))
    np.testing.assert_allclose(recorded_probs(recorder.run(), 0), softmax(logits[0], axis=1), atol=1e-4)
    with pytest.warns(UserWarning, match="look like probabilities: none is negative"):
        record(tmp_path / "other", dataset, [softmax(logits[0], axis=1)])


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A run of 300 sets recorded over six epochs, every tenth without the true class; and a mask of these."""
    rng = np.random.default_rng(0)
    true = rng.integers(0, 6, 300)
    x = rng.normal(size=(6, 8))[true] * 1.5 + rng.normal(size=(300, 8))
    sets = rng.random((300, 6)) < 0.3
    sets[np.arange(300), true] = np.arange(300) % 10 != 4
    sets[np.arange(300), (true + 1 + rng.integers(0, 5, 300)) % 6] = True
    wrong = ~sets[np.arange(300), true]
    labels = pd.DataFrame(sets, columns=["ant", "bee", "cat", "dog", "emu", "fox"])
    dataset = Dataset.from_arrays(labels, task="candidates", texts=[f"sound {row}" for row in range(300)])
    weights, w = sets / sets.sum(axis=1, keepdims=True), np.zeros((8, 6))
    path = tmp_path_factory.mktemp("trained") / "run"
    with wb.Recorder(path, dataset) as recorder:
        for epoch in range(6):
            with recorder.epoch(epoch):
                for _ in range(30):
                    w += 0.5 * x.T @ (weights - softmax(x @ w, axis=1)) / len(x)
                recorder.batch(dataset.ids, x @ w, embeddings=x)
            weights = wb.confident.candidate_weights(sets, softmax(x @ w, axis=1))
    return wb.open_run(path), wrong


def test_a_recorded_training_is_evidence(trained):
    run, wrong = trained
    found = wb.find_issues(run)
    assert "a training on the sets" in found.attrs["evidence"] and "dynamics" in found.attrs["sources"]
    assert found["reasons"].str.contains("over 6 epochs").any()
    ranks = found.sort_values("row")["p_error"].rank().to_numpy()
    assert ranks[wrong].mean() > 1.4 * ranks[~wrong].mean()
    assert found["suggested_label"].isin(run.classes).all()


def test_the_view_shows_the_data_map_and_the_curve(trained):
    import widgets as wd

    run, _ = trained
    view = wd.Explorer(run)._view
    assert {"confidence", "variability"} <= set(view.columns)
    from widgets.requests import answer

    body, _ = answer(view, {"kind": "open"}, [])
    assert body["data_map"]["x"] == "variability" and body["maps"] == [True, True]
    detail, _ = answer(view, {"kind": "inspect", "row": 0}, [])
    assert detail["sets"]["epochs"] == list(range(6)) and len(detail["sets"]["sizes"]) == 6


def test_the_report_tells_of_sets(trained, tmp_path):
    run, _ = trained
    issues = wb.find_issues(run)
    first = issues.index[0]
    kind = run.dataset.kind
    run.journal.relabel(first, kind.encode("emu"), old=kind.encode(issues["given_label"].iloc[0]), units="")
    text = wb.report(run, tmp_path / "report.html", top=12).read_text(encoding="utf-8")
    run.journal.undo()
    assert "Sizes of the sets" in text and "with a clear candidate" in text and "sets that contain each class" in text
    assert text.count('<article class="issue"') == 12
    assert " or ".join(issues["given_label"].iloc[0]) in text
    assert "relabelled emu" in text and "1 label changed" in text
    assert "over 6 epochs" in text and "training dynamics, 6 epochs" in text
    assert "no noise matrix" not in text
