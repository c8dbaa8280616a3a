"""NumPy archives: what is read block by block, what is refused, and real recorded dynamics."""

from __future__ import annotations

import zipfile

import numpy as np
import pytest

import workbench as wb
from workbench.foundation.errors import InputError, MissingEvidence
from workbench.foundation.statistics import statistics
from workbench.recording.imports import npz, write


def save(path, **arrays):
    np.savez_compressed(path, **arrays)
    return path


def softmax(z):
    z = np.exp(z - z.max(axis=-1, keepdims=True))
    return z / z.sum(axis=-1, keepdims=True)


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", ">f4", "int16"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_logits_of_any_type_in_blocks(tmp_path, rng, monkeypatch, dtype, order):
    monkeypatch.setattr(npz, "BLOCK_BYTES", 64)
    logits = np.asarray(rng.normal(size=(3, 23, 4)) * 5, dtype=dtype, order=order)
    given = rng.integers(-1, 4, 23)
    run = wb.import_run(save(tmp_path / "a.npz", logits=logits, given_label=given), tmp_path / "run")
    assert run.epochs == (0, 1, 2)
    assert run.dataset.ids.tolist() == list(range(23))
    assert run.dataset.given_labels.tolist() == given.tolist()
    plain = logits.astype(logits.dtype.newbyteorder("="))
    for epoch in range(3):
        for name, values in statistics(plain[epoch], given).items():
            np.testing.assert_allclose(run.stats(epoch)[name], values, rtol=1e-6, err_msg=name)
    assert not run.logits_epochs


def test_all_roles(tmp_path, rng):
    n, k = 12, 3
    path = save(
        tmp_path / "a.npz",
        logits=rng.normal(size=(n, k)),
        given_label=np.array(["cat", "dog", "fox"] * 4),
        class_names=np.array(["dog", "cat", "fox"]),
        ids=np.array([f"i{row}" for row in range(n)]),
        oos_pred_probs=softmax(rng.normal(size=(n, k))).astype(np.float32),
        embedding=rng.normal(size=(n, 5)).astype(np.float16),
        images=rng.integers(0, 255, (n, 4, 4, 3)).astype(np.uint8),
        text=np.array(["hello"] * n),
        source_row=np.arange(n) * 2,
    )
    run = wb.import_run(path, tmp_path / "run", logits=True)
    assert run.classes == ("dog", "cat", "fox")
    assert run.dataset.given_labels.tolist() == [1, 0, 2] * 4
    assert run.dataset.ids[3] == "i3"
    assert run.epochs == run.logits_epochs == run.embedding_epochs == (0,)
    assert run.pred_probs().out_of_fold
    assert run.pred_probs().source == "imported from a.npz"
    assert run.dataset.image(0).startswith(b"\x89PNG")
    assert run.dataset.text(1) == "hello"
    assert run.dataset.metadata["source_row"].tolist() == list(range(0, 2 * n, 2))


def test_a_run_without_epochs(tmp_path, rng):
    probs = softmax(rng.normal(size=(6, 2))).astype(np.float32)
    path = save(tmp_path / "a.npz", given=np.array([0, 1] * 3), pred_probs=probs, embeddings=np.eye(6))
    with pytest.raises(InputError, match="`pred_probs` does not say whether"):
        wb.import_run(path, tmp_path / "run")
    run = wb.import_run(path, tmp_path / "run", out_of_fold=False)
    assert run.epochs == ()
    assert not run.pred_probs().out_of_fold
    np.testing.assert_array_equal(run.pred_probs().values, probs)
    np.testing.assert_array_equal(run.embeddings(), np.eye(6))
    assert run.stat_matrix("p_given").shape == (0, 6)
    assert len(run.changes()) == 0


def test_missing_rows_are_nan_rows_and_epochs_have_numbers(tmp_path, rng):
    logits = rng.normal(size=(2, 5, 3))
    logits[1, 2] = np.nan
    run = wb.import_run(
        save(tmp_path / "a.npz", logits=logits, labels=np.zeros(5, int), epochs=[3, 9]), tmp_path / "run"
    )
    assert run.epochs == (3, 9)
    assert np.isnan(run.stats(9)["loss"]).tolist() == [False, False, True, False, False]


def test_round_trip(tmp_path, rng):
    logits = rng.normal(size=(2, 7, 3)).astype(np.float16)
    logits[1, 3] = np.nan
    arrays = {"logits": logits, "given_label": [0, 1, 2, -1, 0, 1, 2], "ids": [f"a{i}" for i in range(7)]}
    arrays |= {
        "oos_pred_probs": softmax(rng.normal(size=(7, 3))),
        "embedding": rng.normal(size=(7, 2)),
        "age": np.arange(7),
    }
    one = wb.import_run(save(tmp_path / "a.npz", **arrays), tmp_path / "one", classes=["x", "y", "z"], logits=True)
    two = wb.import_run(write(one, tmp_path / "b.npz", "npz"), tmp_path / "two", logits=True)
    assert two.classes == one.classes
    assert two.dataset.ids.tolist() == one.dataset.ids.tolist()
    assert two.dataset.given_labels.tolist() == one.dataset.given_labels.tolist()
    assert two.dataset.metadata.equals(one.dataset.metadata)
    for epoch in (0, 1):
        np.testing.assert_array_equal(two.logits(epoch), one.logits(epoch))
        np.testing.assert_array_equal(two.stats(epoch)["margin"], one.stats(epoch)["margin"])
    np.testing.assert_array_equal(two.pred_probs().values, one.pred_probs().values)
    np.testing.assert_array_equal(two.embeddings(), one.embeddings())


def test_statistics_alone_make_no_logits(tmp_path, rng):
    run = wb.import_run(
        save(tmp_path / "a.npz", logits=rng.normal(size=(4, 3)), given_label=[0, 1, 2, 0]), tmp_path / "run"
    )
    with pytest.raises(MissingEvidence, match="`logits`"):
        write(run, tmp_path / "b.npz", "npz")
    back = wb.import_run(npz.write(run, tmp_path / "b.npz", logits=False), tmp_path / "two")
    assert back.epochs == ()
    with pytest.raises(InputError, match=r"unknown suffix '.csv'"):
        write(run, tmp_path / "b.csv", "npz")


def test_what_has_no_role_is_named(tmp_path):
    path = save(tmp_path / "a.npz", given_label=[0, 1], votes=np.zeros((2, 6)), note=np.array("x"))
    with pytest.warns(UserWarning, match=r"a.npz: ignored arrays that have no known role: votes \(2, 6\), note \(\)"):
        wb.import_run(path, tmp_path / "run")


def test_other_label_arrays_are_columns(tmp_path):
    path = save(tmp_path / "a.npz", given_label=[0, 1], aggre=[1, 1])
    run = wb.import_run(path, tmp_path / "run", label="aggre")
    assert run.dataset.given_labels.tolist() == [0, 0]
    assert run.classes == ("1",)
    assert run.dataset.metadata["given_label_"].tolist() == [0, 1]
    with pytest.raises(InputError, match=r"unknown array 'agre'. Did you mean 'aggre'"):
        wb.import_run(path, tmp_path / "two", label="agre")


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"logits": np.zeros((2, 3, 2))}, "has no given labels"),
        ({"given_label": np.zeros((2, 2), int)}, r"`given_label` has shape \(2, 2\)"),
        ({"given_label": np.zeros(4, int), "logits": np.zeros((2, 3, 2))}, r"`logits` has shape \(2, 3, 2\) with 4"),
        ({"given_label": [0, 5], "logits": np.zeros((2, 3))}, "`labels` row 1 is 5. Known classes"),
        ({"given_label": [0, -3], "logits": np.zeros((2, 3))}, "`given_label` row 1 is -3"),
        ({"given_label": ["a", "b"], "logits": np.zeros((2, 2))}, "the order of the columns is not known"),
        (
            {"given_label": [0, 1], "logits": np.array([[1.0, np.nan], [0, 1]])},
            r"`logits` row 0 \(id 0\) of epoch 0 holds NaN",
        ),
        (
            {"given_label": [0, 1], "logits": np.array([[1.0, 0], [0, np.inf]])},
            r"`logits` row 1 \(id 1\) of epoch 0 holds",
        ),
        ({"given_label": [0, 1], "logits": np.zeros((2, 2, 2)), "epochs": [1, 1]}, "`epochs` is 1, 1"),
        ({"given_label": [0, 1], "ids": [3, 3]}, r"`ids` row 1 \(id 3\) repeats"),
        ({"given_label": [0, 1], "ids": [3, 4, 5]}, r"`ids` has shape \(3,\) with 2 labels"),
        ({"given_label": [0, 1], "oos_pred_probs": np.ones((2, 2))}, r"`pred_probs` row 0 \(id 0\) sums to 2"),
        (
            {"given_label": [0, 1], "oos_pred_probs": np.eye(2), "class_names": ["a"]},
            "`classes` has 1 names for 2 columns",
        ),
        (
            {"given_label": [0, 1], "embedding": np.array([[1.0], [np.inf]])},
            r"`embeddings` row 1 \(id 1\) holds infinity",
        ),
        ({"given_label": [0, 1], "images": np.zeros((3, 4, 4), np.uint8)}, r"`images` has shape \(3, 4, 4\)"),
    ],
)
def test_refusals_leave_nothing(tmp_path, arrays, message):
    path = save(tmp_path / "a.npz", **arrays)
    with pytest.raises(InputError, match=message):
        wb.import_run(path, tmp_path / "run")
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.npz"]


def test_python_objects_and_damage_are_refused(tmp_path):
    objects = tmp_path / "o.npz"
    np.savez(objects, given_label=np.array([0, {"a": 1}], dtype=object))
    with pytest.raises(InputError, match=r"`given_label` cannot be read .*holds Python objects, and pickles are never"):
        wb.import_run(objects, tmp_path / "run")
    (tmp_path / "t.npz").write_text("no archive")
    with pytest.raises(InputError, match=r"t\.npz is not an \.npz archive"):
        wb.import_run(tmp_path / "t.npz", tmp_path / "run")
    liar = tmp_path / "l.npz"
    save(liar, given_label=[0, 1])
    with zipfile.ZipFile(liar, "a") as zipped, zipped.open("logits.npy", "w") as out:
        np.lib.format.write_array_header_1_0(out, {"descr": "<f4", "fortran_order": False, "shape": (10**6, 2, 10**6)})
    with pytest.raises(InputError, match=r"`logits` has shape \(1000000, 2, 1000000\) in its header, but 0 bytes"):
        wb.import_run(liar, tmp_path / "run")
    whole = save(
        tmp_path / "w.npz", given_label=np.arange(50) % 2, logits=np.random.default_rng(0).normal(size=(9, 50, 2))
    )
    cut = tmp_path / "c.npz"
    cut.write_bytes(whole.read_bytes()[:-200])
    with pytest.raises(InputError, match=r"c\.npz is not an \.npz archive, or is damaged"):
        wb.import_run(cut, tmp_path / "run")


def test_real_dynamics_import_and_agree(shared, tmp_path):
    """A 20-epoch run on human-labelled images: statistics equal those computed from the arrays."""
    path = shared / "eval" / "dynamics_cifar10n_dev_random_label1_mlp.npz"
    if not path.is_file():
        pytest.skip(f"no {path.name} in the shared data")
    run = wb.import_run(path, tmp_path / "run")
    with np.load(path, allow_pickle=False) as stored:
        logits, given, probs = stored["logits"], stored["given_label"].astype(int), stored["oos_pred_probs"]
    assert (run.n, run.k, len(run.epochs)) == (5000, 10, 20)
    assert run.dataset.metadata.columns.tolist() == ["cifar_train_index"]
    p_given = np.take_along_axis(softmax(logits.astype(np.float64)), given[None, :, None], axis=2)[..., 0]
    np.testing.assert_allclose(run.stat_matrix("p_given"), p_given, atol=1e-6)
    np.testing.assert_array_equal(run.pred_probs().values, probs)
    scores = wb.score(run)
    np.testing.assert_allclose(scores["confidence"], p_given.mean(axis=0), atol=1e-5)
    np.testing.assert_allclose(scores["variability"], p_given.std(axis=0), atol=1e-5)
    np.testing.assert_allclose(scores["self_confidence"], probs[np.arange(5000), given], atol=1e-6)
