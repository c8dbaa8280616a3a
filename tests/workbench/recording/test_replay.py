"""Replay: the same numbers as a plain loop, many kinds of inputs, layers inside the model, the model restored."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")
from torch import nn  # noqa: E402

from workbench.data.dataset import Dataset  # noqa: E402
from workbench.foundation.errors import InputError, RunError  # noqa: E402
from workbench.foundation.statistics import statistics  # noqa: E402
from workbench.recording.batches import Batches  # noqa: E402
from workbench.recording.layers import Tap, accepted, logits_in, pooled_layer  # noqa: E402
from workbench.recording.replay import replay  # noqa: E402

N, K = 23, 3


class Net(nn.Module):
    """A small CNN with layers that behave differently in training and evaluation mode."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 4, 3)
        self.norm = nn.BatchNorm2d(4)
        self.drop = nn.Dropout(0.5)
        self.head = nn.Linear(4 * 36, K)

    def forward(self, x):
        return self.head(self.drop(torch.relu(self.norm(self.conv(x))).flatten(1)))


@pytest.fixture
def data(rng):
    dataset = Dataset.from_arrays(rng.integers(0, K, N), ids=[f"img{i}" for i in range(N)])
    return dataset, torch.from_numpy(rng.normal(size=(N, 1, 8, 8)).astype(np.float32))


@pytest.fixture
def nets():
    made = []
    for seed in range(3):
        torch.manual_seed(seed)
        made.append(Net())
    return made


@pytest.fixture
def saved(tmp_path, nets):
    folder = tmp_path / "checkpoints"
    folder.mkdir()
    for epoch, net in enumerate(nets):
        torch.save(net.state_dict(), folder / f"epoch={epoch}.pt")
    return folder


def run_it(path, saved, data, inputs=None, **options):
    dataset, x = data
    options = {"progress": False, "device": "cpu", "batch_size": 10} | options
    return replay(path, saved, Net(), dataset, x if inputs is None else inputs, **options)


# ---- values --------------------------------------------------------------------------------------------------


def test_equals_a_plain_loop(tmp_path, saved, data, nets):
    dataset, x = data
    run = run_it(tmp_path / "run", saved, data, logits=True)
    assert run.epochs == (0, 1, 2)
    assert run.mode == "eval"
    for epoch, net in enumerate(nets):
        net.eval()
        with torch.no_grad():
            logits = net(x)
            hidden = torch.relu(net.norm(net.conv(x))).flatten(1)
        expected = statistics(logits, dataset.given_labels)
        for name, values in run.stats(epoch).items():
            np.testing.assert_allclose(values, expected[name], rtol=1e-4, atol=1e-5, err_msg=name)
        np.testing.assert_allclose(run.logits(epoch), logits, atol=2e-3)
        np.testing.assert_allclose(run.embeddings(epoch), hidden, atol=2e-3)


def test_a_named_layer_is_pooled_over_the_image(tmp_path, saved, data, nets):
    run = run_it(tmp_path / "run", saved, data, embed="conv")
    with torch.no_grad():
        expected = nets[2].conv(data[1]).mean(dim=(2, 3))
    assert run.embeddings().shape == (N, 4)
    np.testing.assert_allclose(run.embeddings(), expected, atol=2e-3)


@pytest.mark.parametrize(("kept", "expected"), [("all", (0, 1, 2)), ("last", (2,)), ([0, 2], (0, 2))])
def test_embedding_epochs(tmp_path, saved, data, kept, expected):
    assert run_it(tmp_path / "run", saved, data, embedding_epochs=kept).embedding_epochs == expected


def test_no_embeddings(tmp_path, saved, data):
    assert run_it(tmp_path / "run", saved, data, embed=None).embedding_epochs == ()


# ---- the model is restored -----------------------------------------------------------------------------------


def state_of(model):
    return {name: value.clone() for name, value in model.state_dict().items()}


def test_weights_modes_and_hooks_come_back(tmp_path, saved, data):
    model = Net()
    model.train()
    model.norm.eval()
    before = state_of(model)
    replay(tmp_path / "run", saved, model, *data, progress=False)
    assert model.training
    assert not model.norm.training
    assert all(torch.equal(value, model.state_dict()[name]) for name, value in before.items())
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in model.modules())


@pytest.mark.parametrize("stop", [KeyboardInterrupt, ValueError])
def test_interrupted_then_resumed(tmp_path, saved, data, stop):
    """The current epoch is lost, the sealed one kept, the model restored, and a second call resumes."""
    dataset, x = data
    model = Net().train()
    before = state_of(model)
    calls = []

    class Stopping(torch.utils.data.Dataset):
        def __len__(self):
            return N

        def __getitem__(self, row):
            calls.append(row)
            if len(calls) == N + 12:
                raise stop
            return x[row], int(dataset.given_labels[row])

    with pytest.raises(stop):
        replay(tmp_path / "run", saved, model, dataset, Stopping(), batch_size=5, progress=False)
    assert all(torch.equal(value, model.state_dict()[name]) for name, value in before.items())
    assert model.training
    run = run_it(tmp_path / "run", {1: saved / "epoch=1.pt"}, data)
    assert run.epochs == (0, 1)
    calls.clear()
    run = replay(tmp_path / "run", saved, model, dataset, Stopping(), batch_size=5, progress=False)
    assert run.epochs == (0, 1, 2)
    assert len(calls) == N  # one epoch only


def test_other_checkpoints_or_layer_under_the_same_epoch_are_refused(tmp_path, saved, data):
    run_it(tmp_path / "run", saved, data)
    with pytest.raises(RunError, match=r"epoch 0 .* was recorded from epoch=0.pt .* but now is epoch=1.pt"):
        run_it(tmp_path / "run", {0: saved / "epoch=1.pt"}, data)
    with pytest.raises(RunError, match="embeddings of input of head, not of output of conv"):
        run_it(tmp_path / "run", saved, data, embed="conv")
    assert run_it(tmp_path / "run", saved, data, embed="conv", overwrite=True).embeddings().shape == (N, 4)


# ---- inputs of many kinds ------------------------------------------------------------------------------------


class Pairs(torch.utils.data.Dataset):
    def __init__(self, x, y):
        self.x, self.y = x, y

    def __len__(self):
        return len(self.x)

    def __getitem__(self, row):
        return self.x[row], self.y[row]


def shuffled_loader(dataset, x):
    samples = [(dataset.ids[row], x[row], 0) for row in np.random.default_rng(3).permutation(N)]
    return torch.utils.data.DataLoader(samples, batch_size=7)


INPUTS = {
    "tensor": lambda dataset, x: x,
    "float64 array": lambda dataset, x: x.double().numpy(),
    "read-only array": lambda dataset, x: np.broadcast_to(x.numpy(), x.shape),
    "list of tensors": lambda dataset, x: list(x),
    "list of arrays": lambda dataset, x: list(x.numpy()),
    "dataset of pairs": lambda dataset, x: Pairs(x, dataset.given_labels),
    "tensor dataset": lambda dataset, x: torch.utils.data.TensorDataset(x),
    "shuffled loader": shuffled_loader,
    "list of batches": lambda dataset, x: [(list(dataset.ids[5:]), x[5:]), (list(dataset.ids[:5]), x[:5])],
    "columns": lambda dataset, x: {"x": x, "labels": torch.zeros(N)},
    "samples with ids": lambda dataset, x: [{"id": dataset.ids[row], "x": x[row]} for row in range(N)][::-1],
    "loader of mappings": lambda dataset, x: torch.utils.data.DataLoader(
        [{"id": dataset.ids[row], "x": x[row], "label": 1} for row in range(N)], batch_size=4
    ),
}


@pytest.mark.parametrize("kind", INPUTS)
def test_inputs_of_every_kind_give_the_same_run(tmp_path, saved, data, kind):
    reference = run_it(tmp_path / "reference", saved / "epoch=1.pt", data, logits=True)
    run = run_it(tmp_path / "run", saved / "epoch=1.pt", data, INPUTS[kind](*data), logits=True)
    np.testing.assert_allclose(run.stats(1)["loss"], reference.stats(1)["loss"], rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(run.embeddings(1), reference.embeddings(1), atol=2e-3)


def test_a_loader_may_leave_rows_out(tmp_path, saved, data):
    dataset, x = data
    run = run_it(tmp_path / "run", saved, data, [(list(dataset.ids[:5]), x[:5])])
    assert np.isfinite(run.stats(0)["loss"]).tolist() == [True] * 5 + [False] * (N - 5)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda dataset, x: x[:-1], r"`inputs` has 22 rows for 23 examples"),
        (lambda dataset, x: {"x": x[:3]}, r"inputs\['x'\].* has 3 rows for 23"),
        (lambda dataset, x: [(x, 0)] * 2, r"has 2 rows for 23"),
        (lambda dataset, x: iter([(dataset.ids, x)]), "read only once"),
        (lambda dataset, x: torch.utils.data.DataLoader(Pairs(x, torch.zeros(N)), 5), "not with ids.*loader.dataset"),
        (lambda dataset, x: [object()] * N, "cannot be collated.*collate"),
        (lambda dataset, x: 5, "is a int"),
        (lambda dataset, x: {}, "empty"),
        (lambda dataset, x: [(["imgX"], x[:1])], "'imgX'"),
        (lambda dataset, x: [{"id": ["img1"] * 2, "x": x[:2]}], "already recorded"),
    ],
)
def test_inputs_that_cannot_be_used(tmp_path, saved, data, make, message):
    with pytest.raises(InputError, match=message):
        run_it(tmp_path / "run", saved, data, make(*data))


def test_integer_tokens_stay_integers(data):
    dataset, _ = data
    batches = list(Batches({"input_ids": np.ones((N, 4), np.int64), "text": ["a"] * N}, dataset, 10))
    assert len(batches) == 3
    assert batches[0].x["input_ids"].dtype == torch.int64
    assert batches[0].x["text"] == ["a"] * 10
    assert [len(batch.ids) for batch in batches] == [10, 10, 3]


def test_batch_size_zero(data):
    with pytest.raises(InputError, match="batch_size"):
        Batches(data[1], data[0], 0)


# ---- inside the model ----------------------------------------------------------------------------------------


def test_a_wrong_layer_names_the_nearest(tmp_path, saved, data):
    with pytest.raises(InputError, match=r"unknown layer 'haed'. Did you mean 'head'\?"):
        run_it(tmp_path / "run", saved, data, embed="haed")
    assert not (tmp_path / "run").exists()


def test_auto_needs_a_linear_layer():
    with pytest.raises(InputError, match="embed=None"):
        Tap(nn.Conv2d(1, 1, 1), "auto", 3)


def test_auto_prefers_the_layer_with_k_outputs():
    model = nn.ModuleDict({"body": nn.Linear(4, 8), "head": nn.Linear(8, K), "aux": nn.Linear(8, 2)})
    assert Tap(model, "auto", K).name == "head"
    assert Tap(model, "auto", 99).name == "aux"


def test_pooling():
    x = torch.arange(24.0).reshape(2, 3, 4)
    assert torch.equal(pooled_layer(x), x.mean(dim=1))
    mask = torch.tensor([[1, 1, 0], [1, 0, 0]])
    assert torch.equal(pooled_layer(x, mask), torch.stack([x[0, :2].mean(dim=0), x[1, 0]]))
    assert pooled_layer(torch.ones(2, 5, 3, 3)).shape == (2, 5)
    assert pooled_layer(torch.ones(2, 5, 3, 3, 3)).shape == (2, 5)
    assert pooled_layer(torch.ones(4)).shape == (4, 1)


class Output(dict):
    """Like a Hugging Face model output: a mapping whose keys are attributes too."""

    def __getattr__(self, name):
        if name not in self:
            raise AttributeError(name)
        return self[name]


def test_outputs_of_layers():
    class Odd(nn.Module):
        def __init__(self):
            super().__init__()
            self.lstm = nn.LSTM(4, 5, batch_first=True)
            self.wrap = Wrap()

        def forward(self, x):
            self.wrap(x)
            return self.lstm(x)

    class Wrap(nn.Module):
        def forward(self, x):
            return Output(last_hidden_state=x, other=3)

    model, x = Odd(), torch.ones(2, 3, 4)
    with Tap(model, "lstm") as tap:
        model(x)
        assert tap.take(2).shape == (2, 5)
        with pytest.raises(InputError, match="did not run"):
            tap.take(2)
        model(x)
        with pytest.raises(InputError, match=r"shape \(2, 5\) for 9 examples"):
            tap.take(9)
    with Tap(model, "wrap") as tap:
        model(x)
        assert tap.take(2).shape == (2, 4)


def test_logits_among_outputs():
    z = torch.randn(4, K)
    assert logits_in(z, K) is z
    assert logits_in({"logits": z, "loss": 1}, K) is z
    assert logits_in(Output(logits=z), K) is z
    assert logits_in((torch.tensor(0.5), z), K) is z
    assert logits_in({"y": z}, K, lambda output: output["y"]) is z
    one = torch.tensor([2.0, -1.0])
    for binary in (one, one[:, None]):
        assert torch.equal(torch.softmax(logits_in(binary, 2), 1)[:, 1], torch.sigmoid(one))
    with pytest.raises(InputError, match=r"is a dict with y, without logits of 3 classes.*logits_of"):
        logits_in({"y": z}, K)


def test_arguments_that_forward_takes():
    assert accepted(Net(), ["x", "labels", "text"]) == {"x"}

    class Any_(nn.Module):
        def forward(self, **inputs): ...

    class Hf(nn.Module):
        def forward(self, input_ids, labels=None, **kwargs): ...

    assert accepted(Any_(), ["a", "labels"]) == {"a"}
    assert accepted(Hf(), ["input_ids", "labels", "text"]) == {"input_ids"}


def test_a_model_that_ends_in_softmax(tmp_path, data):
    dataset, x = data
    model = nn.Sequential(nn.Flatten(), nn.Linear(64, K), nn.Softmax(1))
    torch.save(model.state_dict(), tmp_path / "epoch=0.pt")
    arguments = (tmp_path / "epoch=0.pt", model, dataset, x)
    with pytest.warns(UserWarning, match="probabilities"):
        replay(tmp_path / "wrong", *arguments, progress=False)
    run = replay(tmp_path / "run", *arguments, logits_of=torch.log, progress=False)
    np.testing.assert_allclose(
        run.stats(0)["p_given"], model(x).detach().numpy()[np.arange(N), dataset.given_labels], rtol=1e-4
    )


def test_an_unusable_device(tmp_path, saved, data):
    with pytest.raises(InputError, match=r"device.*'cuda:97'"):
        run_it(tmp_path / "run", saved, data, device="cuda:97")


# ---- several tags per example --------------------------------------------------------------------------------


@pytest.mark.parametrize("k", [1, 2, 3])
def test_checkpoints_of_a_model_of_tags(tmp_path, rng, k):
    """A sigmoid per tag: with two of them a column is a tag, not the second of two classes."""
    table = rng.integers(-1, 2, (N, k))
    dataset = Dataset.from_arrays(table, task="multilabel", ids=[f"img{i}" for i in range(N)], classes=list("abc")[:k])
    x = torch.from_numpy(rng.normal(size=(N, 5)).astype(np.float32))
    nets = [nn.Sequential(nn.Linear(5, 4), nn.Dropout(), nn.Linear(4, k)) for _ in range(2)]
    (tmp_path / "checkpoints").mkdir()
    for epoch, net in enumerate(nets):
        torch.save(net.state_dict(), tmp_path / "checkpoints" / f"epoch={epoch}.pt")
    options = {"progress": False, "device": "cpu", "batch_size": 7, "logits": True}
    run = replay(tmp_path / "run", tmp_path / "checkpoints", nets[0], dataset, x, **options)
    assert (run.epochs, run.mode, run.embedding_epochs) == ((0, 1), "eval", (0, 1))
    for epoch, net in enumerate(nets):
        with torch.no_grad():
            logits = net.eval()(x)
        found = run.unit_stats(epoch)
        np.testing.assert_allclose(found["logit"], logits.numpy().ravel(), rtol=1e-4, atol=1e-5)
        p = torch.sigmoid(logits).numpy()
        wanted = np.where(table == 1, p, 1 - p)[table >= 0]
        np.testing.assert_allclose(found["p_given"][~np.isnan(found["p_given"])], wanted, rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(run.embeddings(epoch), net[0](x).detach(), atol=2e-3)


def test_outputs_that_do_not_fit_the_tags_are_named(tmp_path, rng):
    dataset = Dataset.from_arrays(rng.integers(0, 2, (N, 2)), task="multilabel")
    net = nn.Linear(5, 1)
    torch.save(net.state_dict(), tmp_path / "epoch=0.pt")
    with pytest.raises(InputError, match=rf"has shape \({N}, 1\) for {N} ids and 2 tags"):
        replay(tmp_path / "run", tmp_path / "epoch=0.pt", net, dataset, torch.zeros(N, 5), progress=False, device="cpu")
    one = torch.tensor([2.0, -1.0])
    assert torch.equal(logits_in(one, 1, one_class=False), one[:, None])
    assert logits_in(one[:, None], 2, one_class=False).shape == (2, 1)
    with pytest.raises(InputError, match="without logits of 2 tags"):
        logits_in({"y": one}, 2, one_class=False)
