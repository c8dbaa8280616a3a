"""Checkpoints of many formats: their contents, their epoch, and which are refused."""

from __future__ import annotations

import contextlib
import pickle
import re

import numpy as np
import pytest

torch = pytest.importorskip("torch")
from torch import nn  # noqa: E402

from workbench.data.dataset import Dataset  # noqa: E402
from workbench.foundation.errors import InputError  # noqa: E402
from workbench.recording.checkpoints import find_checkpoints, fit_state, load_state  # noqa: E402
from workbench.recording.recorder import Recorder  # noqa: E402
from workbench.recording.replay import replay  # noqa: E402
from workbench.storage.failures import WriteError  # noqa: E402


class Net(nn.Module):
    """A network with weights and buffers, one of them an integer, under names with dots."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.norm, self.head = nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.Linear(16, 3)

    def forward(self, x):
        return self.head(self.norm(self.conv(x)).flatten(1))


def net(seed):
    torch.manual_seed(seed)
    return Net()


# ---- checkpoints of many makes -------------------------------------------------------------------------------


def safetensors(state, path):
    from safetensors.torch import save_file

    save_file(state, path)


MAKES = {
    "plain.pt": lambda state, path: torch.save(state, path),
    "nested.pth": lambda state, path: torch.save({"epoch": 3, "state_dict": state, "optimizer": {"lr": 0.1}}, path),
    "model.pt": lambda state, path: torch.save({"model": state}, path),
    "msd.pt": lambda state, path: torch.save({"model_state_dict": state}, path),
    "ddp.pt": lambda state, path: torch.save({f"module.{k}": v for k, v in state.items()}, path),
    "lit.ckpt": lambda state, path: torch.save(
        {"state_dict": {**{f"model.{k}": v for k, v in state.items()}, "loss.weight": torch.ones(3)}}, path
    ),
    "compiled.pt": lambda state, path: torch.save({f"_orig_mod.module.{k}": v for k, v in state.items()}, path),
    "safe.safetensors": safetensors,
    "half.safetensors": lambda state, path: safetensors(
        {k: v.bfloat16() if v.is_floating_point() else v for k, v in state.items()}, path
    ),
}


@pytest.mark.parametrize("name", MAKES)
def test_makes_of_checkpoints(tmp_path, name):
    MAKES[name](net(1).state_dict(), tmp_path / name)
    fitted = fit_state(load_state(tmp_path / name), net(7), tmp_path / name)
    atol = 1e-2 if name.startswith("half") else 0
    assert set(fitted) == set(net(1).state_dict())
    for key, value in net(1).state_dict().items():
        np.testing.assert_allclose(fitted[key].float(), value.float(), atol=atol)


def test_a_prefix_that_the_model_has_and_the_file_lacks(tmp_path):
    assert set(fit_state(net(0).state_dict(), nn.Sequential(net(1)), tmp_path)) == set(
        nn.Sequential(net(1)).state_dict()
    )


def test_tied_weights_are_saved_once(tmp_path):
    class Tied(nn.Module):
        def __init__(self):
            super().__init__()
            self.one, self.two = nn.Linear(3, 3), nn.Linear(3, 3)
            self.two.weight = self.one.weight

    state = Tied().state_dict()
    del state["two.weight"]
    assert "one.weight" in fit_state(state, Tied(), tmp_path)


def test_shards_are_one_checkpoint(tmp_path):
    state = net(0).state_dict()
    names = list(state)
    for epoch in (10, 9):
        folder = tmp_path / f"checkpoint-{epoch}"
        folder.mkdir()
        safetensors({name: state[name] for name in names[:4]}, folder / "model-00001-of-00002.safetensors")
        safetensors({name: state[name] for name in names[4:]}, folder / "model-00002-of-00002.safetensors")
        torch.save({"lr": 1.0}, folder / "optimizer.pt")
    found = find_checkpoints(tmp_path)
    assert [path.name for path in found.values()] == ["checkpoint-9", "checkpoint-10"]
    assert list(found) == [0, 1]
    assert set(load_state(found[0])) == set(state)


def test_what_does_not_fit_is_named(tmp_path):
    state = net(0).state_dict()
    state["extra"] = state.pop("conv.bias")
    state["head.bias"] = torch.zeros(7)
    with pytest.raises(InputError, match=r"missing 'conv.bias'; unexpected 'extra'; .*head.bias: \(7,\) in the file"):
        fit_state(state, net(7), tmp_path / "a.pt")


class Evil:
    def __reduce__(self):
        import os

        return os.mkdir, (str(EVIL_MARK),)


EVIL_MARK = None


@pytest.mark.filterwarnings("ignore:Detected pickle protocol:UserWarning")
def test_pickles_are_refused_and_never_run(tmp_path, rng):
    global EVIL_MARK
    EVIL_MARK = tmp_path / "ran"
    dataset = Dataset.from_arrays(rng.integers(0, 3, 9))
    torch.save({"state_dict": Evil()}, tmp_path / "epoch=0.pt")
    with pytest.raises(InputError, match="refused"):
        replay(tmp_path / "run", tmp_path / "epoch=0.pt", net(7), dataset, torch.ones(9, 1, 4, 4), progress=False)
    (tmp_path / "epoch=1.pth").write_bytes(pickle.dumps(Evil()))
    with pytest.raises(InputError, match=r"epoch=1.pth"):
        load_state(tmp_path / "epoch=1.pth")
    torch.save(net(7), tmp_path / "epoch=2.pt")  # a whole module, not its weights
    with pytest.raises(InputError, match=r"refused.*model.state_dict\(\)"):
        load_state(tmp_path / "epoch=2.pt")
    assert not EVIL_MARK.exists()


@pytest.mark.parametrize("name", ["cut.pt", "cut.safetensors", "text.pt", "empty.safetensors"])
def test_damaged_files(tmp_path, name):
    path = tmp_path / name
    if name.startswith("cut"):
        MAKES["safe.safetensors" if name.endswith("safetensors") else "plain.pt"](net(0).state_dict(), path)
        path.write_bytes(path.read_bytes()[:700])
    else:
        path.write_bytes(b"hello" if name.startswith("text") else b"")
    with pytest.raises(InputError, match=name):
        load_state(path)


def test_a_header_that_claims_a_terabyte(tmp_path):
    header = b'{"w":{"dtype":"F32","shape":[274877906944],"data_offsets":[0,1099511627776]}}'
    (tmp_path / "big.safetensors").write_bytes(len(header).to_bytes(8, "little") + header + b"\0" * 64)
    with pytest.raises(InputError, match=r"big.safetensors"):
        load_state(tmp_path / "big.safetensors")


def test_no_state_dict(tmp_path):
    torch.save({"epoch": 3, "loss": 0.5}, tmp_path / "a.pt")
    with pytest.raises(InputError, match="holds no state dict, but a dict with 'epoch', 'loss'"):
        load_state(tmp_path / "a.pt")


# ---- which epoch ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("names", "epochs"),
    [
        (["epoch=0001.pt", "epoch=0010.pt", "epoch=0002.pt"], [1, 2, 10]),
        (["model_ep3.pt", "model_ep12.pt"], [3, 12]),
        (["resnet50-e2.pth", "resnet50-e10.pth"], [2, 10]),
        (["epoch=2-step=300.ckpt", "epoch=10-step=1100.ckpt"], [2, 10]),
        (["lr1e5_epoch7.pt"], [7]),
        (["model_9.pt", "model_10.pt", "model_11.pt"], [9, 10, 11]),
        (["9.safetensors", "10.safetensors"], [9, 10]),
        (["checkpoint-500.pt", "checkpoint-1500.pt", "checkpoint-1000.pt"], [0, 1, 2]),
        (["step_100.pt", "step_20.pt"], [0, 1]),
        (["early.pt", "late.pt"], [0, 1]),
        (["only.pt"], [0]),
    ],
)
def test_epoch_from_the_file_name(tmp_path, names, epochs):
    for name in names:
        (tmp_path / name).write_bytes(b"x")
    found = find_checkpoints(tmp_path)
    assert list(found) == epochs
    natural = sorted(names, key=lambda name: int(re.findall(r"\d+", name)[-1]) if re.search(r"\d", name) else 0)
    if any(character.isdigit() for character in names[0]):
        assert [path.name for path in found.values()] == natural


def test_copies_of_numbered_checkpoints_are_passed_over(tmp_path):
    for name in ("epoch=1.ckpt", "epoch=2.ckpt", "last.ckpt", "best-acc.ckpt"):
        (tmp_path / name).write_bytes(b"x")
    assert list(find_checkpoints(tmp_path)) == [1, 2]
    assert list(find_checkpoints(str(tmp_path / "*.ckpt"))) == [1, 2]
    assert list(find_checkpoints(tmp_path / "last.ckpt")) == [0]
    with pytest.raises(InputError, match=r"'last.ckpt'"):  # one that was asked for by name
        find_checkpoints([tmp_path / "epoch=1.ckpt", tmp_path / "last.ckpt"])


def test_lists_globs_and_mappings(tmp_path):
    for name in ("b.pt", "a.pt", "epoch=4.pt", "note.txt"):
        (tmp_path / name).write_bytes(b"x")
    assert [path.name for path in find_checkpoints([tmp_path / "b.pt", tmp_path / "a.pt"]).values()] == ["b.pt", "a.pt"]
    assert list(find_checkpoints(str(tmp_path / "epoch=*"))) == [4]
    found = find_checkpoints({7: tmp_path / "a.pt", 2: tmp_path / "b.pt"})
    assert {epoch: path.name for epoch, path in found.items()} == {2: "b.pt", 7: "a.pt"}
    with pytest.raises(InputError, match=r"has no epoch in the names 'a.pt', 'b.pt'"):
        find_checkpoints(tmp_path)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda folder: folder, "names none"),
        (lambda folder: folder / "missing.pt", "does not exist"),
        (lambda folder: str(folder / "*.pt"), "names none"),
        (lambda folder: [], "names none"),
        (lambda folder: {-1: folder}, "epoch -1"),
        (lambda folder: {1.5: folder}, r"epoch 1\.5"),
    ],
)
def test_checkpoints_that_are_not_there(tmp_path, make, message):
    with pytest.raises(InputError, match=message):
        find_checkpoints(make(tmp_path))


def test_two_files_of_one_epoch(tmp_path):
    for name in ("epoch=1.pt", "epoch=1.safetensors"):
        (tmp_path / name).write_bytes(b"x")
    with pytest.raises(InputError, match=r"two files of epoch 1"):
        find_checkpoints(tmp_path)


# ---- one state dict per part -----------------------------------------------------------------------------------


class Parts(nn.Module):
    def __init__(self, seed: int = 0) -> None:
        super().__init__()
        torch.manual_seed(seed)
        self.backbone, self.head = nn.Sequential(nn.Linear(4, 8), nn.ReLU()), nn.Linear(8, 3)

    def forward(self, x):
        return self.head(self.backbone(x))


def test_parts_are_put_together_or_the_user_says_how(tmp_path):
    saved = Parts(1)
    file = tmp_path / "epoch=0.pt"
    optimizer = torch.optim.AdamW(saved.parameters())
    saved(torch.zeros(1, 4)).sum().backward()
    optimizer.step()
    parts = {"backbone": saved.backbone.state_dict(), "head": saved.head.state_dict()}
    torch.save({**parts, "optimizer": optimizer.state_dict(), "epoch": 0}, file)
    expected = saved.state_dict()
    found = fit_state(load_state(file), Parts(), file)
    assert list(found) == list(expected) and all(torch.equal(found[name], expected[name]) for name in expected)

    unnamed = nn.Sequential(*saved.backbone, saved.head)
    with pytest.raises(InputError, match=r"does not fit the model.*state_of=KEY, or a function"):
        fit_state(load_state(file), unnamed, file)
    dataset, x = Dataset.from_arrays([0, 1, 2, 0]), torch.randn(4, 4)

    def together(held):
        return {"0.weight": held["backbone"]["0.weight"], "0.bias": held["backbone"]["0.bias"]} | {
            f"2.{name}": value for name, value in held["head"].items()
        }

    run = replay(tmp_path / "run", file, unnamed, dataset, x, state_of=together, logits=True, progress=False)
    np.testing.assert_allclose(run.logits(), saved(x).detach().numpy(), atol=1e-2)
    backbone = load_state(file, "backbone")
    assert set(backbone) == {"0.weight", "0.bias"}
    with pytest.raises(InputError, match=r"unknown key 'bakbone'\. Did you mean 'backbone'"):
        load_state(file, "bakbone")
    with pytest.raises(InputError, match="`state_of` returned a int"):
        load_state(file, lambda held: 3)
    torch.save({"epoch": 3, "optimizer": optimizer.state_dict()}, file)
    with pytest.raises(InputError, match=r"holds no state dict.*state_of=KEY or a function"):
        load_state(file)


def test_inputs_that_the_model_refuses_are_named(tmp_path):
    torch.save(Parts().state_dict(), tmp_path / "epoch=0.pt")
    dataset = Dataset.from_arrays([0, 1, 2, 0])
    with pytest.raises(InputError, match=r"`inputs` \(a batch \(4, 5\)\) are refused by the Parts: .*shapes"):
        replay(tmp_path / "run", tmp_path / "epoch=0.pt", Parts(), dataset, torch.randn(4, 5), progress=False)


@contextlib.contextmanager
def room_for(size):
    """Limit the size of files, so that writing fails as on a full disk."""
    resource = pytest.importorskip("resource", reason="needs limits of the system")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_checkpoint_without_room_is_a_clear_error(tmp_path):
    """safetensors raises its own exception, which names neither the run nor a remedy."""
    dataset = Dataset.from_arrays(np.arange(10) % 2)
    with Recorder(tmp_path / "run", dataset) as recorder:
        with recorder.epoch(0):
            recorder.batch(np.arange(10), np.zeros((10, 2)))
            recorder.checkpoint({"w": torch.ones(3)})
        with recorder.epoch(1):
            recorder.batch(np.arange(10), np.zeros((10, 2)))
            with room_for(1 << 16), pytest.raises(WriteError, match=r"epoch=0001\.safetensors could not.*Make room"):
                recorder.checkpoint({"w": torch.zeros(1 << 20)})
        checkpoints = recorder.run().layout.checkpoints()
    assert list(checkpoints) == [0] and list((tmp_path / "run" / "checkpoints").iterdir()) == [checkpoints[0]]
    assert load_state(checkpoints[0])["w"].tolist() == [1, 1, 1]
