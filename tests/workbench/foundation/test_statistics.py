"""Per-example statistics: by hand, compared with plain float64 formulas, on tensors, and in edge cases."""

from __future__ import annotations

import numpy as np
import pytest

from workbench.evidence.evidence import Evidence
from workbench.foundation.errors import InputError
from workbench.foundation.statistics import _on_device, statistics

SHAPES = {
    "p_given": np.float32,
    "margin": np.float32,
    "loss": np.float32,
    "entropy": np.float32,
    "el2n": np.float32,
    "pred": np.int32,
    "correct": np.bool_,
    "topk_p": np.float32,
    "topk_class": np.int32,
}


def plain(logits, given, topk=5):
    """Textbook formulas, one row at a time, in float64."""
    rows = []
    for z, y in zip(np.asarray(logits, np.float64), given):
        p = np.exp(z - z.max())
        p /= p.sum()
        order = np.argsort(-z, kind="stable")[:topk]
        row = {"pred": int(z.argmax()), "entropy": -sum(q * np.log(q) for q in p if q > 0)}
        row |= {"correct": y >= 0 and z.argmax() == y, "topk_p": p[order], "topk_class": order}
        if y >= 0:
            others = np.delete(z, y)
            row |= {"p_given": p[y], "loss": -np.log(p[y]), "margin": z[y] - others.max() if len(others) else np.nan}
            row["el2n"] = np.sqrt(((p - np.eye(len(p))[y]) ** 2).sum())
        else:
            row |= dict.fromkeys(("p_given", "loss", "margin", "el2n"), np.nan)
        rows.append(row)
    return {name: np.array([row[name] for row in rows]) for name in rows[0]}


def assert_same(found, wanted):
    assert set(found) == set(SHAPES)
    for name, dtype in SHAPES.items():
        assert found[name].dtype == dtype, name
        if found[name].dtype.kind == "f":
            np.testing.assert_allclose(found[name], wanted[name], rtol=2e-6, atol=2e-6, err_msg=name)
        else:
            np.testing.assert_array_equal(found[name], wanted[name], err_msg=name)


def test_by_hand():
    half = np.log(2.0)
    s = statistics(np.array([[half, 0.0, 0.0], [0.0, 0.0, 0.0]]), np.array([0, 2]))
    np.testing.assert_allclose(s["p_given"], [1 / 2, 1 / 3], rtol=1e-6)
    np.testing.assert_allclose(s["margin"], [half, 0.0], rtol=1e-6)
    np.testing.assert_allclose(s["loss"], [half, np.log(3)], rtol=1e-6)
    np.testing.assert_allclose(s["el2n"], [np.sqrt(1 / 4 + 2 / 16), np.sqrt(4 / 9 + 2 / 9)], rtol=1e-6)
    assert s["pred"].tolist() == [0, 0]
    assert s["correct"].tolist() == [True, False]
    assert s["topk_class"].tolist() == [[0, 1, 2], [0, 1, 2]]


@pytest.mark.parametrize("k", [1, 2, 3, 10, 24, 25, 100, 1000])
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_against_plain_formulas_with_ties(rng, k, dtype):
    logits = (rng.normal(size=(300, k)) * 4).round(1 if k < 50 else 3).astype(dtype)
    given = rng.integers(-1, k, 300)
    assert_same(statistics(logits, given), plain(logits, given))


def test_one_batch_equals_many_and_the_order_of_rows_does_not_matter(rng):
    logits, given = rng.normal(size=(5000, 10)).astype(np.float32), rng.integers(0, 10, 5000)
    whole = statistics(logits, given)
    order = rng.permutation(5000)
    mixed = statistics(logits[order], given[order])
    parts = [statistics(logits[i : i + 7], given[i : i + 7]) for i in range(0, 140, 7)]
    for name, values in whole.items():
        np.testing.assert_array_equal(mixed[name], values[order])
        np.testing.assert_array_equal(np.concatenate([part[name] for part in parts]), values[:140])


def test_small_losses_keep_their_digits():
    s = statistics(np.array([[40.0, 0.0], [20.0, 0.0]]), np.array([0, 0]))
    np.testing.assert_allclose(s["loss"], [np.exp(-40.0), np.exp(-20.0)], rtol=1e-5)
    np.testing.assert_allclose(s["el2n"], np.sqrt(2) * np.exp([-40.0, -20.0]), rtol=1e-5)


def test_predictions_come_from_full_precision():
    close = np.array([[1.0, 1.0 + 1e-9]])
    assert statistics(close, np.array([1]))["correct"][0]
    assert not statistics(close.astype(np.float32), np.array([1]))["correct"][0]  # a tie: the first class


def test_a_ruled_out_class_has_probability_zero():
    s = statistics(np.array([[0.0, -np.inf, 1.0], [0.0, -np.inf, -np.inf]]), np.array([0, 0]))
    assert np.isfinite(s["entropy"]).all()
    assert s["topk_p"][0, 2] == 0
    assert s["loss"][1] == 0
    assert s["topk_class"].tolist() == [[2, 0, 1], [0, 1, 2]]
    wide = np.full((2, 40), -np.inf)
    wide[:, 7] = 0.0
    assert statistics(wide, np.array([7, -1]))["topk_class"].tolist() == [[7, 0, 1, 2, 3]] * 2


@pytest.mark.parametrize("k", [3, 50])
@pytest.mark.parametrize("kind", ["array", "tensor", "epochs"])
def test_a_given_class_that_is_ruled_out_is_refused(k, kind):
    logits = np.zeros((2000, k), np.float32)
    logits[:, 2] = -np.inf
    given = np.zeros(2000, int)
    given[[1500, 1700]] = [-1, 2]  # no row after 1500 has class 2
    with pytest.raises(InputError, match=r"`logits` row 1700 .*holds -inf for the given class 2.*loss is infinite"):
        if kind == "epochs":
            Evidence.from_arrays(given, k, logits=[np.zeros_like(logits), logits]).get("loss")
        else:
            statistics(pytest.importorskip("torch").from_numpy(logits) if kind == "tensor" else logits, given)


def test_unlabelled_rows_and_single_class():
    s = statistics(np.array([[1.0, 0.0]]), np.array([-1]))
    assert np.isnan([s[name][0] for name in ("p_given", "margin", "loss", "el2n")]).all()
    assert not s["correct"][0]
    assert s["entropy"][0] > 0
    one = statistics(np.array([[3.0]]), np.array([0]))
    assert (one["p_given"][0], one["loss"][0], one["entropy"][0], one["el2n"][0]) == (1, 0, 0, 0)
    assert np.isnan(one["margin"][0])
    assert one["correct"][0]


def test_no_rows_and_fewer_columns():
    s = statistics(np.zeros((0, 3)), np.zeros(0, np.int64))
    assert s["topk_p"].shape == (0, 3)
    assert statistics(np.zeros((4, 8)), np.zeros(4, int), topk=2)["topk_class"].shape == (4, 2)
    assert statistics(np.zeros((4, 8)), np.zeros(4, int), topk=0)["topk_class"].shape == (4, 0)


@pytest.mark.parametrize("k", [3, 50])
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_diverged_logits_are_refused_by_row(k, bad):
    logits = np.zeros((2000, k), np.float32)
    logits[1234, 1] = bad
    with pytest.raises(InputError, match=r"`logits` row 1234 holds (NaN|\+inf)"):
        statistics(logits, np.zeros(2000, int))


@pytest.mark.parametrize(
    ("logits", "given", "match"),
    [
        (np.zeros(3), [0, 0, 0], r"`logits` has shape \(3,\)"),
        (np.zeros((2, 0)), [0, 0], r"`logits` has shape \(2, 0\)"),
        (np.zeros((2, 3)), [0], r"`given_labels` has shape \(1,\) for 2 rows"),
        (np.zeros((2, 3)), [0, 3], r"`given_labels` row 1 is 3.*0 \.\. 2"),
        (np.zeros((2, 3)), [0, -2], "row 1 is -2"),
        (np.zeros((2, 3)), [0.5, 1], "dtype float64"),
    ],
)
def test_refusals(logits, given, match):
    with pytest.raises(InputError, match=match):
        statistics(logits, np.array(given))


class TestTensors:
    """The code path for accelerators, run on the host with the same operations, and the code path of the host."""

    @pytest.fixture
    def torch(self):
        return pytest.importorskip("torch")

    @pytest.mark.parametrize("k", [1, 2, 10, 300])
    @pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
    def test_both_paths_agree_with_plain_formulas(self, torch, rng, k, dtype):
        logits = torch.tensor(rng.normal(size=(200, k)) * 4).to(getattr(torch, dtype))
        given = torch.tensor(rng.integers(-1, k, 200))
        wanted = plain(logits.double().numpy(), given.numpy())
        assert_same(statistics(logits, given), wanted)
        assert_same(_on_device(logits, given, 5), wanted)

    def test_ties_go_to_the_lower_class_however_many_there_are(self, torch, rng, monkeypatch):
        from workbench.foundation import statistics as module

        logits = torch.tensor(rng.integers(0, 3, (50, 12)), dtype=torch.float32)
        given = torch.tensor(rng.integers(0, 12, 50))
        wanted = statistics(logits.numpy(), given.numpy())
        for limit in (4096, 5):  # by sorting, by topk
            monkeypatch.setattr(module, "SORTED", limit)
            found = _on_device(logits, given, 5)
            np.testing.assert_array_equal(found["topk_class"], wanted["topk_class"])
            np.testing.assert_array_equal(found["pred"], wanted["pred"])

    def test_the_host_reads_a_device_once(self, torch, rng, monkeypatch):
        """Each `.cpu()`, `.item()`, `nonzero` or truth of a tensor makes the host wait for the device."""
        waits = []
        for name in ("cpu", "item", "tolist", "nonzero", "__bool__", "numpy"):
            real = getattr(torch.Tensor, name)

            def counted(self, *args, name=name, real=real, **options):
                waits.append(name)
                return real(self, *args, **options)

            monkeypatch.setattr(torch.Tensor, name, counted)
        _on_device(torch.tensor(rng.normal(size=(64, 10))), torch.tensor(rng.integers(0, 10, 64)), 5)
        assert waits == ["cpu", "numpy"]

    def test_gradients_and_integer_logits_are_fine(self, torch):
        logits = torch.zeros(2, 3, requires_grad=True)
        assert statistics(logits, torch.zeros(2, dtype=torch.long))["p_given"].shape == (2,)
        assert statistics(torch.zeros(2, 3, dtype=torch.long), [0, 1])["p_given"].shape == (2,)

    def test_refusals_on_the_device_name_the_row(self, torch):
        logits = torch.zeros(5, 3)
        logits[3, 0] = float("nan")
        with pytest.raises(InputError, match="`logits` row 3 holds NaN"):
            _on_device(logits, torch.zeros(5, dtype=torch.long), 5)
        with pytest.raises(InputError, match="`given_labels` row 2 is 9"):
            _on_device(torch.zeros(5, 3), torch.tensor([0, 0, 9, 0, 0]), 5)

    def test_moved_in_blocks(self, torch, rng, monkeypatch):
        """The host as the device: blocks are concatenated, and errors name the row in the whole array."""
        from workbench.foundation import statistics as module

        monkeypatch.setattr(module, "DEVICE_LOGITS", 70)
        logits = rng.normal(size=(33, 10)).astype(np.float32)
        given = rng.integers(-1, 10, 33)
        for values in (logits, torch.from_numpy(logits)):
            found = statistics(values, given, device="cpu")
            for name, wanted in statistics(logits, given).items():
                np.testing.assert_array_equal(found[name], wanted)
        assert statistics(logits[:0], given[:0], device="auto")["topk_p"].shape == (0, 5)
        logits[20, 3] = np.nan
        with pytest.raises(InputError, match="`logits` row 20 holds NaN"):
            statistics(logits, given, device="cpu")

    def test_on_a_gpu_if_there_is_one(self, torch, rng):
        if not torch.cuda.is_available():
            pytest.skip("no CUDA device")
        logits = torch.tensor(rng.normal(size=(500, 20)).astype(np.float32))
        given = torch.tensor(rng.integers(-1, 20, 500))
        assert_same(statistics(logits.cuda(), given.cuda()), plain(logits.numpy(), given.numpy()))
        assert_same(statistics(logits.numpy(), given.numpy(), device="cuda"), plain(logits.numpy(), given.numpy()))
        half = logits.bfloat16()
        assert_same(statistics(half.cuda(), given), plain(half.double().numpy(), given.numpy()))


def test_torch_is_not_imported_for_arrays():
    import subprocess
    import sys

    code = (
        "import sys, numpy as np; from workbench.foundation.statistics import statistics; "
        "statistics(np.zeros((2, 3)), np.zeros(2, int)); sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("values", [[1e300, -1e300], [-1e300, 0.0], [2e34, 0.0]])
def test_logits_whose_scores_would_be_infinite_are_refused(values):
    """Losses and margins are float32, and are averaged over epochs."""
    torch = pytest.importorskip("torch")
    logits = np.array([[0.0, 1.0], values])
    for given in (logits, torch.from_numpy(logits)):
        for label in (0, 1):
            with pytest.raises(InputError, match=r"`logits` row 1 holds numbers more than 1e\+34 apart"):
                statistics(given, np.array([0, label]))
    with pytest.raises(InputError, match="apart"):
        _on_device(torch.from_numpy(logits), np.array([0, 0]), 2)
    near = statistics(np.array([[1e300, 1e300]]), np.array([0]))
    assert near["margin"][0] == 0
    assert np.isfinite(near["loss"]).all()
