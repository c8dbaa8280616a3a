"""The recorder: values by hand, independence of batch size, clear errors, crashes, restarts, several ranks."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.data.dataset import Dataset
from workbench.foundation.errors import ExistsError, InputError
from workbench.foundation.statistics import statistics
from workbench.recording.recorder import Recorder
from workbench.runs.run import Run
from workbench.storage.epoch_statistics import STATISTICS

N, K = 12, 3


def record(path, dataset, logits, batches=None, epoch=0, **options):
    """Record one epoch; `batches` are arrays of rows."""
    with Recorder(path, dataset, **options) as recorder, recorder.epoch(epoch):
        for rows in [np.arange(dataset.n)] if batches is None else batches:
            recorder.batch(dataset.ids[rows], logits[rows])
    return Run(path)


# ---- by hand -------------------------------------------------------------------------------------------------


def test_two_examples_by_hand(tmp_path):
    dataset = Dataset.from_arrays(["cat", "dog"], ids=["x", "y"])
    with Recorder(tmp_path / "run", dataset) as recorder, recorder.epoch(0):
        recorder.batch(["y"], [[np.log(3.0), 0.0]])  # p = (.75, .25), given dog
        recorder.batch(["x"], [[0.0, -1.0]])
    stats = Run(tmp_path / "run").stats(0)
    np.testing.assert_allclose(stats["p_given"], [1 / (1 + np.exp(-1)), 0.25], rtol=1e-6)
    np.testing.assert_allclose(stats["margin"], [1.0, -np.log(3.0)], rtol=1e-6)
    assert stats["pred"].tolist() == [0, 0]
    assert stats["correct"].tolist() == [True, False]
    np.testing.assert_allclose(stats["topk_p"][1], [0.75, 0.25], rtol=1e-6)


def test_agrees_with_statistics_of_the_whole(tmp_path, dataset, logits):
    run = record(tmp_path / "run", dataset, logits)
    expected = statistics(logits, dataset.given_labels)
    for name in STATISTICS:
        np.testing.assert_array_equal(run.stats(0)[name], expected[name])
    assert run.mode == "train"
    assert run.epochs == (0,)


# ---- invariants ----------------------------------------------------------------------------------------------


@settings(deadline=None, max_examples=12)
@given(
    seed=st.integers(0, 10**6),
    order=st.permutations(range(N)),
    cuts=st.lists(st.integers(1, N - 1), unique=True).map(sorted),
    left_out=st.integers(0, 4),
)
def test_order_and_batches_change_nothing(seed, order, cuts, left_out):
    """One batch in order equals many in any order; rows left out are NaN, all others unchanged."""
    rng = np.random.default_rng(seed)
    dataset = Dataset.from_arrays(rng.integers(0, K, N), ids=rng.permutation(1000)[:N], classes=["a", "b", "c"])
    logits, vectors = rng.normal(size=(N, K)).astype(np.float32), rng.normal(size=(N, 2)).astype(np.float32)
    kept = np.array(order[: N - left_out])
    with tempfile.TemporaryDirectory() as folder:
        whole, many = Path(folder) / "whole", Path(folder) / "many"
        record(whole, dataset, logits)
        with Recorder(many, dataset, logits=True) as recorder, recorder.epoch(0):
            for rows in np.split(kept, [cut for cut in cuts if cut < len(kept)]):
                recorder.batch(dataset.ids[rows].tolist(), logits[rows], vectors[rows])
        expected, found = Run(whole).stats(0), Run(many).stats(0)
        kept_logits, kept_vectors = np.array(Run(many).logits(0)), np.array(Run(many).embeddings(0))
    missing = np.setdiff1d(np.arange(N), kept)
    for name in STATISTICS:
        np.testing.assert_array_equal(found[name][kept], expected[name][kept])
    assert np.isnan(found["loss"][missing]).all()
    assert (found["pred"][missing] == -1).all()
    assert not found["correct"][missing].any()
    for stored, passed in ((kept_logits, logits), (kept_vectors, vectors)):
        np.testing.assert_array_equal(stored[kept], passed[kept].astype(np.float16))
        assert np.isnan(stored[missing]).all()


# ---- input ---------------------------------------------------------------------------------------------------


def test_tensors_of_every_float_type(tmp_path, dataset, logits):
    torch = pytest.importorskip("torch")
    for number, kind in enumerate((torch.float32, torch.float64, torch.bfloat16, torch.float16)):
        tensor = torch.from_numpy(logits).to(kind).requires_grad_()
        run = record(tmp_path / "run", dataset, tensor, epoch=number)
        expected = statistics(tensor.detach().double().numpy(), dataset.given_labels)
        assert run.stats(number)["pred"].tolist() == expected["pred"].tolist()
        np.testing.assert_allclose(run.stats(number)["loss"], expected["loss"], rtol=2e-5)


@pytest.mark.parametrize("k", [10, 100, 1000])
def test_bytes_per_example_and_epoch(tmp_path, rng, k):
    """Size on disk grows with the number of examples, not of classes; 38, 40 and 42 bytes were measured."""
    n = 4096
    given = rng.integers(0, k, n)
    logits = (rng.normal(size=(n, k)) + 4 * (given[:, None] == np.arange(k))).astype(np.float32)
    run = record(tmp_path / "run", Dataset.from_arrays(given, classes=[str(c) for c in range(k)]), logits)
    files = [file for file in run.path.rglob("*") if file.is_file() and "epoch=" in str(file)]
    size = sum(file.stat().st_size for file in files) / n
    assert size < 48, size


def test_ids_as_a_data_loader_brings_them(tmp_path, dataset, logits):
    torch = pytest.importorskip("torch")
    numbered = Dataset.from_arrays(dataset.given_labels, ids=np.arange(N) * 7 + 3, classes=dataset.classes)
    for name, data, ids in (("int", numbered, numbered.ids.tolist()), ("str", dataset, dataset.ids.tolist())):
        samples = [(id, logits[row]) for row, id in enumerate(ids)]
        with Recorder(tmp_path / name, data) as recorder, recorder.epoch(0):
            for batch_ids, batch in torch.utils.data.DataLoader(samples, batch_size=5, shuffle=True):
                recorder.batch(batch_ids, batch)
        assert Run(tmp_path / name).stats(0)["loss"].tolist() == statistics(logits, data.given_labels)["loss"].tolist()


def test_unlabelled_examples_are_recorded(tmp_path, logits):
    dataset = Dataset.from_arrays([None, "a"] * 6, classes=["a", "b", "c"])
    stats = record(tmp_path / "run", dataset, logits).stats(0)
    assert np.isnan(stats["loss"]).tolist() == [True, False] * 6
    assert (stats["pred"] >= 0).all()


def test_probabilities_instead_of_logits(tmp_path, dataset, rng):
    probs = rng.dirichlet(np.ones(K), N)
    probs[0] = [1, 0, 0]
    with Recorder(tmp_path / "run", dataset) as recorder, recorder.epoch(0):
        recorder.batch(dataset.ids, probs=probs)
    p_given = Run(tmp_path / "run").stats(0)["p_given"]
    np.testing.assert_allclose(p_given, probs[np.arange(N), dataset.given_labels], atol=1e-6)


def test_probabilities_passed_as_logits_are_noticed(tmp_path, dataset, rng):
    with Recorder(tmp_path / "run", dataset) as recorder, recorder.epoch(0), pytest.warns(UserWarning, match="softmax"):
        recorder.batch(dataset.ids, rng.dirichlet(np.ones(K), N))


def test_staged_predictions_of_gradient_boosting(tmp_path, rng):
    ensemble = pytest.importorskip("sklearn.ensemble")
    for k in (2, 3):
        x = rng.normal(size=(60, 4))
        dataset = Dataset.from_arrays(np.array(["a", "b", "c"])[rng.integers(0, k, 60)])
        model = ensemble.GradientBoostingClassifier(n_estimators=6, max_depth=2).fit(x, dataset.given)
        with Recorder(tmp_path / str(k), dataset, mode="eval") as recorder:
            recorder.staged(model.staged_predict_proba(x), every=2)
            with pytest.raises(ExistsError, match=r"epoch 0 .* already recorded"):
                recorder.staged(model.staged_predict_proba(x))
        run = Run(tmp_path / str(k))
        assert run.epochs == (0, 1, 2)
        last = list(model.staged_predict_proba(x))[4]
        np.testing.assert_allclose(run.stats(2)["p_given"], last[np.arange(60), dataset.given_labels], atol=1e-6)


def test_staged_probabilities_of_the_second_of_two_classes(tmp_path):
    dataset = Dataset.from_arrays([0, 1])
    with Recorder(tmp_path / "run", dataset) as recorder:
        recorder.staged([np.array([0.25, 0.25])])
    np.testing.assert_allclose(Run(tmp_path / "run").stats(0)["p_given"], [0.75, 0.25], rtol=1e-6)


# ---- errors --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ids", "shape", "change", "message"),
    [
        (["img1", "imgX"], (2, K), {}, "1 not in the dataset: 'imgX'.*such as 'img0'"),
        (["img1", 3], (2, K), {}, "1 not in the dataset: 3"),
        (["img1", "img2", "img1"], (3, K), {}, "holds 1 already recorded in epoch 0: 'img1'"),
        (["img1", "img2"], (2, K + 1), {}, r"`logits` has shape \(2, 4\) for 2 ids and 3 classes"),
        (["img1", "img2"], (3, K), {}, r"`logits` has shape \(3, 3\) for 2 ids"),
        (["img1", "img2"], (K,), {}, r"`logits` has shape \(3,\)"),
        (["img1", "img2"], (2, K), {(1, 0): np.nan}, r"`logits` row 1 \(id 'img2'\) holds NaN"),
        (["img1", "img2"], (2, K), {(0, 2): np.inf}, r"`logits` row 0 \(id 'img1'\) holds \+inf"),
        (["img1", "img2"], (2, K), dict.fromkeys([(1, 0), (1, 1), (1, 2)], -np.inf), "'img2'.*holds only -inf"),
        ([["img1"], ["img2"]], (2, K), {}, "invalid ids?"),
    ],
)
@pytest.mark.parametrize("as_tensor", [False, True])
def test_one_clear_error(tmp_path, dataset, ids, shape, change, message, as_tensor):
    values = np.ones(shape, np.float32)
    for place, value in change.items():
        values[place] = value
    if as_tensor:
        values = pytest.importorskip("torch").from_numpy(values)
    with Recorder(tmp_path / "run", dataset) as recorder:
        with pytest.raises(InputError, match=message), recorder.epoch(0):
            recorder.batch(ids, values)
        with recorder.epoch(0):  # the epoch can be recorded again
            recorder.batch(dataset.ids, np.ones((N, K)))
    assert Run(tmp_path / "run").epochs == (0,)


@pytest.mark.parametrize("rows", [1, N])  # buffered and reduced together, and at once
def test_a_given_class_is_not_ruled_out(tmp_path, dataset, rows):
    values = np.ones((rows, K), np.float32)
    values[0, dataset.given_labels[0]] = -np.inf
    with Recorder(tmp_path / "run", dataset) as recorder:
        with (
            pytest.raises(InputError, match=r"`logits` row 0 \(id 'img0'\) holds -inf for the given class"),
            recorder.epoch(0),
        ):
            recorder.batch(dataset.ids[:rows], values)
        with recorder.epoch(0):
            recorder.batch(dataset.ids, np.ones((N, K)))
    assert np.isfinite(Run(tmp_path / "run").stats(0)["loss"]).all()


def test_ids_of_an_integer_dataset(tmp_path):
    dataset = Dataset.from_arrays([0, 1, 2])
    with Recorder(tmp_path / "run", dataset) as recorder:
        wrong = (([0, 3], "not in the dataset: 3.*such as 0"), ([-1], "-1"), (["0"], "int"), ([[0]], "shape"))
        for ids, message in wrong:
            with pytest.raises(InputError, match=message), recorder.epoch(0):
                recorder.batch(ids, np.ones((len(ids), 3)))


def test_a_row_recorded_before_in_the_epoch(tmp_path, dataset, logits):
    with Recorder(tmp_path / "run", dataset) as recorder, recorder.epoch(0):
        recorder.batch(dataset.ids[:5], logits[:5])
        with pytest.raises(InputError, match="2 already recorded in epoch 0: 'img3', 'img4'"):
            recorder.batch(dataset.ids[3:8], logits[3:8])
        recorder.batch(dataset.ids[3:8], -logits[3:8], repeats="skip")
        recorder.batch(dataset.ids[:2], logits[:2], repeats="skip")  # nothing new
        recorder.batch(["img9", "img9"], logits[[9, 0]], repeats="skip")
        with pytest.raises(InputError, match="unknown repeats 'drop'"):
            recorder.batch(["img9"], logits[:1], repeats="drop")
    expected = statistics(np.concatenate([logits[:5], -logits[5:8]]), dataset.given_labels[:8])["loss"]
    found = Run(tmp_path / "run").stats(0)["loss"]
    np.testing.assert_array_equal(found[:8], expected)
    assert found[9] == statistics(logits[9:10], dataset.given_labels[9:10])["loss"][0]


def test_an_error_in_a_batch_leaves_the_epoch_usable(tmp_path, dataset, logits):
    vectors = np.ones((N, 4))
    with Recorder(tmp_path / "run", dataset) as recorder, recorder.epoch(0):
        recorder.batch(dataset.ids[:5], logits[:5], vectors[:5])
        with pytest.raises(InputError, match="has width 3, before it was 4"):
            recorder.batch(dataset.ids[5:], logits[5:], vectors[5:, :3])
        with pytest.raises(InputError, match=r"`embeddings` row 2 \(id 'img7'\) has NaN"):
            recorder.batch(dataset.ids[5:], logits[5:], np.where(np.arange(7) == 2, np.nan, 1.0)[:, None] * vectors[5:])
        recorder.batch(dataset.ids[5:], logits[5:], vectors[5:])
    assert np.isfinite(Run(tmp_path / "run").stats(0)["loss"]).all()


def test_misuse(tmp_path, dataset):
    one = [[0.0] * K]
    with Recorder(tmp_path / "run", dataset) as recorder:
        for outside in (lambda: recorder.batch(["img1"], one), lambda: recorder.checkpoint({})):
            with pytest.raises(InputError, match="outside an epoch"):
                outside()
        for number in (-1, 1.5):
            with pytest.raises(InputError, match=f"is {number}"):
                recorder.epoch(number).__enter__()
        with recorder.epoch(0):
            with pytest.raises(InputError, match="epoch 0 is still open"):
                recorder.epoch(1).__enter__()
            for logits, probs, message in (
                (None, None, "either `logits` or `probs`"),
                (one, one, "either `logits` or `probs`"),
                (None, [[3.0, 0, 0]], "`probs` lies between 0 and 3"),
            ):
                with pytest.raises(InputError, match=message):
                    recorder.batch(["img1"], logits, probs=probs)
            recorder.batch(["img1"], one)


def test_arguments(tmp_path, dataset):
    for options, message in (
        ({"mode": "training"}, "unknown mode 'training'. Did you mean 'train'"),
        ({"embedding_epochs": "some"}, "unknown embedding_epochs 'some'"),
        ({"rank": 1}, "go together"),
        ({"rank": 2, "world_size": 2}, "is 2 of 2"),
    ):
        with pytest.raises(InputError, match=message):
            Recorder(tmp_path / "run", dataset, **options)
    assert not (tmp_path / "run").exists()


def test_an_epoch_without_a_batch_is_not_sealed(tmp_path, dataset):
    recorder = Recorder(tmp_path / "run", dataset)
    with pytest.raises(InputError, match="recorded no batch"), recorder.epoch(0):
        recorder.batch([], np.empty((0, K)))
    recorder.close()
    assert Run(tmp_path / "run").epochs == ()


# ---- files ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("kept", "expected"), [("all", (0, 1, 2)), ("last", (2,)), ([0, 2], (0, 2)), ((), ())])
def test_embedding_epochs(tmp_path, dataset, logits, kept, expected):
    with Recorder(tmp_path / "run", dataset, embedding_epochs=kept) as recorder:
        for epoch in range(3):
            with recorder.epoch(epoch):
                recorder.batch(dataset.ids, logits, np.full((N, 2, 2), epoch + 0.5))
    run = Run(tmp_path / "run")
    assert run.embedding_epochs == expected
    if expected:
        assert run.embeddings().shape == (N, 4)
        assert (run.embeddings() == expected[-1] + 0.5).all()
        assert run.embeddings().dtype == np.float16
    assert not list(tmp_path.rglob("*.tmp"))


def test_embeddings_of_some_batches_only(tmp_path, dataset, logits):
    with Recorder(tmp_path / "run", dataset) as recorder, recorder.epoch(0):
        recorder.batch(dataset.ids[:4], logits[:4])
        recorder.batch(dataset.ids[4:8], logits[4:8], np.ones((4, 2)))
    assert np.isnan(Run(tmp_path / "run").embeddings()[:, 0]).tolist() == [True] * 4 + [False] * 4 + [True] * 4


def test_a_write_that_is_interrupted_leaves_the_stream_whole(tmp_path, dataset, logits):
    """Ctrl-C in the middle of a write, caught by the loop: that batch is missing, the others are there."""
    with Recorder(tmp_path / "run", dataset) as recorder, recorder.epoch(0):
        recorder.batch(dataset.ids[:4], logits[:4])
        file = recorder._open._stream._file

        class Stopping:
            def write(self, data):
                file.write(data[:10])
                raise KeyboardInterrupt

            def __getattr__(self, name):
                return getattr(file, name)

        recorder._open._stream._file = Stopping()
        with pytest.raises(KeyboardInterrupt):
            recorder.batch(dataset.ids[4:8], np.rint(logits[4:8]).astype(int))  # integers are not buffered
        recorder._open._stream._file = file
        recorder.batch(dataset.ids[6:], logits[6:])
    loss = Run(tmp_path / "run").stats(0)["loss"]
    assert np.isnan(loss).tolist() == [False] * 4 + [True] * 2 + [False] * 6


def test_huge_values_are_clipped_to_float16(tmp_path, dataset, logits):
    with Recorder(tmp_path / "run", dataset, logits=True) as recorder, recorder.epoch(0):
        recorder.batch(dataset.ids, logits * 1e6)
    assert np.isfinite(Run(tmp_path / "run").logits()).all()


def test_checkpoints_are_written_and_replayed(tmp_path, rng):
    torch = pytest.importorskip("torch")
    from workbench.recording.replay import replay

    dataset = Dataset.from_arrays(rng.integers(0, K, N), classes=["a", "b", "c"])
    x, model = torch.from_numpy(rng.normal(size=(N, 4)).astype(np.float32)), torch.nn.Linear(4, K)
    with Recorder(tmp_path / "run", dataset) as recorder:
        for epoch in range(2):
            with recorder.epoch(epoch), torch.no_grad():
                recorder.batch(dataset.ids, model(x))
                assert recorder.checkpoint(model).name == f"epoch={epoch:04d}.safetensors"
                model.weight += 1
    again = replay(tmp_path / "again", tmp_path / "run" / "checkpoints", model, dataset, x, progress=False)
    np.testing.assert_allclose(again.stat_matrix("loss"), Run(tmp_path / "run").stat_matrix("loss"), rtol=1e-5)
