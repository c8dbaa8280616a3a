"""The Lightning and Hugging Face recorders, driven by the real trainers on tiny models."""

from __future__ import annotations

import logging
import subprocess
import sys

import numpy as np
import pytest

torch = pytest.importorskip("torch")
from torch import nn  # noqa: E402

from workbench.data.dataset import Dataset  # noqa: E402
from workbench.foundation.errors import ExistsError, InputError  # noqa: E402
from workbench.foundation.statistics import statistics  # noqa: E402
from workbench.recording.recorder import Recorder  # noqa: E402
from workbench.runs.run import Run  # noqa: E402

N, K, D = 22, 3, 4
pytestmark = pytest.mark.filterwarnings("ignore")  # the trainers' own; ours are asserted where they matter


@pytest.fixture
def dataset(rng):
    return Dataset.from_arrays(rng.integers(0, K, N), ids=[f"ex-{i}" for i in range(N)], classes=["a", "b", "c"])


@pytest.fixture
def x(rng):
    return torch.from_numpy(rng.normal(size=(N, D)).astype(np.float32))


class Seen:
    """What the model gave out in training, by epoch and example: the first time."""

    def __init__(self) -> None:
        self.logits: dict[tuple[int, str], np.ndarray] = {}

    def add(self, epoch, ids, logits):
        for id, row in zip(ids, logits.detach().numpy(), strict=True):
            self.logits.setdefault((epoch, str(id)), row.copy())

    def check(self, run, dataset):
        """The run holds exactly this."""
        assert run.epochs == tuple(sorted({epoch for epoch, _ in self.logits}))
        for epoch in run.epochs:
            ids = [id for e, id in self.logits if e == epoch]
            rows = dataset.rows(ids)
            expected = statistics(np.stack([self.logits[epoch, id] for id in ids]), dataset.given_labels[rows])
            found = run.stats(epoch)
            np.testing.assert_allclose(found["loss"][rows], expected["loss"], rtol=1e-5)
            np.testing.assert_array_equal(found["pred"][rows], expected["pred"])
            assert np.isnan(np.delete(found["loss"], rows)).all()


# ---- Lightning -----------------------------------------------------------------------------------------------


@pytest.fixture
def lightning():
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    return pytest.importorskip("lightning.pytorch")


def module(lightning, how, seen, fail_at=None):
    """A LightningModule that gives its logits away in one of the ways there are."""

    class Module(lightning.LightningModule):
        def __init__(self):
            super().__init__()
            self.net = nn.Sequential(nn.Linear(D, 8), nn.ReLU(), nn.Dropout(0.5), nn.Linear(8, K))
            self.odd = nn.Linear(8, 5)
            self.steps = 0

        def forward(self, x):
            return self.net(x)

        def training_step(self, batch, batch_idx):
            ids, x, y = (batch["id"], batch["x"], batch["y"]) if isinstance(batch, dict) else batch
            self.steps += 1
            if self.steps == fail_at:
                raise KeyboardInterrupt
            logits = self(x) if how == "self(x)" else self.net(x)
            seen.add(self.current_epoch, ids, logits)
            loss = nn.functional.cross_entropy(logits, y)
            return {"loss": loss, "logits": logits} if how == "dict" else loss

        def validation_step(self, batch, batch_idx):
            self(batch["x"] if isinstance(batch, dict) else batch[1])

        def configure_optimizers(self):
            return torch.optim.SGD(self.parameters(), 0.1)

    return Module()


def loader(dataset, x, mapping=False, batch_size=5, shuffle=True):
    labels = torch.from_numpy(dataset.given_labels.copy())
    samples = [
        {"id": dataset.ids[i], "x": x[i], "y": labels[i]} if mapping else (dataset.ids[i], x[i], labels[i])
        for i in range(N)
    ]
    return torch.utils.data.DataLoader(samples, batch_size=batch_size, shuffle=shuffle)


def fit(lightning, model, data, recorder, tmp_path, **options):
    options = {"max_epochs": 2, "logger": False, "enable_checkpointing": False} | options
    trainer = lightning.Trainer(
        accelerator="cpu",
        enable_progress_bar=False,
        enable_model_summary=False,
        default_root_dir=tmp_path,
        callbacks=[recorder],
        **{key: value for key, value in options.items() if key not in ("ckpt_path", "val")},
    )
    trainer.fit(model, data, options.get("val"), ckpt_path=options.get("ckpt_path"))
    return trainer


@pytest.mark.parametrize("how", ["dict", "self(x)", "self.net(x)"])
@pytest.mark.parametrize("mapping", [False, True])
def test_lightning_records_what_the_model_gave(lightning, tmp_path, dataset, x, how, mapping):
    from workbench.recording.callbacks import LightningRecorder

    seen = Seen()
    recorder = LightningRecorder(tmp_path / "run", dataset, embed="auto")
    data = loader(dataset, x, mapping)
    fit(lightning, module(lightning, how, seen), data, recorder, tmp_path, accumulate_grad_batches=2, val=data)
    run = Run(tmp_path / "run")
    assert run.mode == "train"
    seen.check(run, dataset)
    assert len(seen.logits) == 2 * N
    assert run.embeddings().shape == (N, 8)


def test_lightning_ids_and_logits_by_function(lightning, tmp_path, dataset, x):
    from workbench.recording.callbacks import LightningRecorder

    seen = Seen()
    recorder = LightningRecorder(
        Recorder(tmp_path / "run", dataset, logits=True),
        ids_of=lambda batch: [str(id) for id in batch[0]],
        logits_of=lambda outputs, batch: outputs["logits"],
    )
    fit(lightning, module(lightning, "dict", seen), loader(dataset, x), recorder, tmp_path)
    seen.check(Run(tmp_path / "run"), dataset)
    assert Run(tmp_path / "run").logits_epochs == (0, 1)


def test_lightning_interrupted_and_resumed(lightning, tmp_path, dataset, x):
    """Ctrl-C in the second epoch: the first is kept, `ckpt_path` goes on with the second."""
    from workbench.recording.callbacks import LightningRecorder

    model = module(lightning, "self(x)", Seen(), fail_at=8)
    recorder = LightningRecorder(tmp_path / "run", dataset)
    keep = {"enable_checkpointing": True, "max_epochs": 3}
    with pytest.raises((KeyboardInterrupt, SystemExit)):
        fit(lightning, model, loader(dataset, x), recorder, tmp_path, **keep)
    run = Run(tmp_path / "run")
    assert run.epochs == (0,)
    assert len(run.unsealed()[1]) == 10
    assert not any(one._forward_hooks for one in model.modules())
    saved = next(tmp_path.rglob("*.ckpt"))
    recorder = LightningRecorder(tmp_path / "run", dataset)
    model = module(lightning, "self(x)", Seen())
    fit(lightning, model, loader(dataset, x), recorder, tmp_path, ckpt_path=saved, **keep)
    assert Run(tmp_path / "run").epochs == (0, 1, 2)


def test_lightning_fit_again_from_the_start_is_refused(lightning, tmp_path, dataset, x):
    from workbench.recording.callbacks import LightningRecorder

    data = loader(dataset, x)
    fit(lightning, module(lightning, "dict", Seen()), data, LightningRecorder(tmp_path / "run", dataset), tmp_path)
    again = LightningRecorder(tmp_path / "run", dataset)
    with pytest.raises(ExistsError, match="overwrite=True"):
        fit(lightning, module(lightning, "dict", Seen()), data, again, tmp_path)
    anew, seen = LightningRecorder(tmp_path / "run", dataset, overwrite=True), Seen()
    fit(lightning, module(lightning, "dict", seen), data, anew, tmp_path, max_epochs=1)
    seen.check(Run(tmp_path / "run"), dataset)


def test_lightning_says_what_it_misses(lightning, tmp_path, dataset, x):
    from workbench.recording.callbacks import LightningRecorder

    class Silent(nn.Module):
        def forward(self, x):
            return [x.sum(dim=1)]

    model = module(lightning, "self.net(x)", Seen())
    model.again = nn.Linear(K, K)
    model.net.register_forward_hook(lambda one, args, output: model.again(output))
    with pytest.raises(InputError, match=r"several children returned \(5, 3\).*training_step"):
        fit(lightning, model, loader(dataset, x), LightningRecorder(tmp_path / "a", dataset), tmp_path)
    plain = torch.utils.data.DataLoader([(x[i], 0) for i in range(N)])
    with pytest.raises(InputError, match=r"not with ids"):
        fit(lightning, Bare(lightning), plain, LightningRecorder(tmp_path / "b", dataset), tmp_path)
    with pytest.raises(InputError, match="dataset"):
        LightningRecorder(tmp_path / "c")
    with pytest.raises(InputError, match="logits would have no effect"):
        LightningRecorder(Recorder(tmp_path / "d", dataset), logits=True)


def Bare(lightning):
    class Module(lightning.LightningModule):
        def __init__(self):
            super().__init__()
            self.net = nn.Linear(D, K)

        def training_step(self, batch, batch_idx):
            return self.net(batch[0]).sum()

        def configure_optimizers(self):
            return torch.optim.SGD(self.parameters(), 0.1)

    return Module()


# ---- Hugging Face --------------------------------------------------------------------------------------------


class Tokens(torch.utils.data.Dataset):
    """Items as a tokenized data set gives them, with columns that the model does not take."""

    def __init__(self, dataset, tokens, ids=True):
        self.dataset, self.tokens, self.ids = dataset, tokens, ids

    def __len__(self):
        return self.dataset.n

    def __getitem__(self, row):
        item = {"input_ids": self.tokens[row], "label": int(self.dataset.given_labels[row]), "text": "a text"}
        return item | ({"id": self.dataset.ids[row]} if self.ids else {})


@pytest.fixture
def transformers():
    pytest.importorskip("accelerate")
    found = pytest.importorskip("transformers")
    found.utils.logging.set_verbosity_error()
    return found


@pytest.fixture
def tokens(rng):
    return rng.integers(1, 20, (N, 5))


def classifier(transformers):
    torch.manual_seed(0)
    config = transformers.DistilBertConfig(vocab_size=20, dim=8, hidden_dim=8, n_layers=1, n_heads=1, num_labels=K)
    return transformers.DistilBertForSequenceClassification(config)


def trainer_of(transformers, model, data, tmp_path, **options):
    callbacks = options.pop("callbacks", None)
    evaluate = options.pop("eval_dataset", None)
    arguments = transformers.TrainingArguments(
        **{
            "output_dir": str(tmp_path / "out"),
            "num_train_epochs": 2,
            "per_device_train_batch_size": 4,
            "report_to": "none",
            "use_cpu": True,
            "save_strategy": "no",
            "disable_tqdm": True,
            "logging_strategy": "no",
        }
        | options
    )
    return transformers.Trainer(model, arguments, train_dataset=data, eval_dataset=evaluate, callbacks=callbacks)


def listen(model, dataset, tokens, seen, trainer):
    """An independent route: which examples went in is told by their tokens."""
    by_tokens = {tuple(row): id for row, id in zip(tokens.tolist(), dataset.ids, strict=True)}
    assert len(by_tokens) == N

    def heard(module, args, kwargs, output):
        if module.training:
            assert "workbench_rows" not in kwargs
            ids = [by_tokens[tuple(row)] for row in kwargs["input_ids"].tolist()]
            seen.add(int(trainer.state.epoch + 1e-6), ids, output.logits)

    model.register_forward_hook(heard, with_kwargs=True)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"gradient_accumulation_steps": 3},
        {"eval_strategy": "steps", "eval_steps": 2},
        {"label_smoothing_factor": 0.1},
        {"dataloader_num_workers": 1},
        {"remove_unused_columns": False},
        {"max_steps": 8},
    ],
    ids=lambda options: ",".join(options) or "plain",
)
def test_hugging_face_records_what_the_model_gave(transformers, tmp_path, dataset, tokens, options):
    from workbench.recording.callbacks import HuggingFaceRecorder

    seen, model, data = Seen(), classifier(transformers), Tokens(dataset, tokens)
    if options.get("remove_unused_columns") is False:  # then the collator has to cope, as without a recorder
        data.__class__ = type("NoText", (Tokens,), {"__getitem__": without_text})
    trainer = trainer_of(transformers, model, data, tmp_path, eval_dataset=Tokens(dataset, tokens), **options)
    if options.get("remove_unused_columns") is False:
        trainer.eval_dataset = None
    listen(model, dataset, tokens, seen, trainer)
    HuggingFaceRecorder(tmp_path / "run", dataset, embed="auto").attach(trainer)
    collate = trainer.data_collator
    trainer.train()
    run = Run(tmp_path / "run")
    seen.check(run, dataset)
    assert run.embeddings().shape == (N, 8)
    assert trainer.data_collator is collate
    assert trainer.args.remove_unused_columns == options.get("remove_unused_columns", True)
    assert not model._forward_pre_hooks
    if trainer.eval_dataset is not None:
        assert np.isfinite(trainer.evaluate()["eval_loss"])


def without_text(self, row):
    item = Tokens.__getitem__(self, row)
    del item["text"]
    return item


def test_hugging_face_resumes_from_a_checkpoint(transformers, tmp_path, dataset, tokens):
    from workbench.recording.callbacks import HuggingFaceRecorder

    class Stop(transformers.TrainerCallback):
        def on_step_end(self, args, state, control, **others):
            if state.global_step == 9:
                raise KeyboardInterrupt

    data = Tokens(dataset, tokens)
    options = {"save_strategy": "epoch", "num_train_epochs": 3}
    trainer = trainer_of(transformers, classifier(transformers), data, tmp_path, callbacks=[Stop()], **options)
    HuggingFaceRecorder(tmp_path / "run", dataset).attach(trainer)
    with pytest.raises(KeyboardInterrupt):
        trainer.train()
    assert Run(tmp_path / "run").epochs == (0,)
    assert len(Run(tmp_path / "run").unsealed()[1]) == 12
    trainer = trainer_of(transformers, classifier(transformers), data, tmp_path, **options)
    HuggingFaceRecorder(tmp_path / "run", dataset).attach(trainer)
    trainer.train(resume_from_checkpoint=True)
    assert Run(tmp_path / "run").epochs == (0, 1, 2)
    assert np.isfinite(Run(tmp_path / "run").stat_matrix("loss")).all()


def test_hugging_face_train_again_in_the_same_notebook(transformers, tmp_path, dataset, tokens):
    from workbench.recording.callbacks import HuggingFaceRecorder

    trainer = trainer_of(transformers, classifier(transformers), Tokens(dataset, tokens), tmp_path)
    HuggingFaceRecorder(tmp_path / "run", dataset).attach(trainer)
    trainer.train()
    with pytest.raises(ExistsError, match=r"epoch 0 .* already recorded"):
        trainer.train()


def test_hugging_face_says_what_it_misses(transformers, tmp_path, dataset, tokens):
    from workbench.recording.callbacks import HuggingFaceRecorder

    model = classifier(transformers)
    trainer = trainer_of(transformers, model, Tokens(dataset, tokens, ids=False), tmp_path)
    with pytest.raises(InputError, match=r"unknown column 'id'.*Known: input_ids, label, text"):
        HuggingFaceRecorder(tmp_path / "run", dataset).attach(trainer)
    pairs = trainer_of(transformers, model, [(1, 2)] * 3, tmp_path)
    with pytest.raises(InputError, match="samples of type tuple"):
        HuggingFaceRecorder(tmp_path / "run", dataset).attach(pairs)
    trainer = trainer_of(transformers, model, Tokens(dataset, tokens), tmp_path)
    trainer.add_callback(HuggingFaceRecorder(tmp_path / "run", dataset))
    with pytest.raises(InputError, match="attach"):
        trainer.train()
    other = Dataset.from_arrays(dataset.given_labels, ids=[f"other-{i}" for i in range(N)])
    trainer = trainer_of(transformers, model, Tokens(dataset, tokens), tmp_path)
    HuggingFaceRecorder(tmp_path / "run", other).attach(trainer)
    with pytest.raises(InputError, match="not in the dataset: 'ex-"):
        trainer.train()


def test_hugging_face_columns_like_those_of_datasets(transformers, tmp_path, dataset, tokens):
    """A training set with `column_names`: unknown ids are found before training starts."""
    from workbench.recording.callbacks import HuggingFaceRecorder

    class Columns(Tokens):
        column_names = ("input_ids", "label", "text", "id")

        def __getitem__(self, key):
            return list(self.dataset.ids) if key == "id" else super().__getitem__(key)

    trainer = trainer_of(transformers, classifier(transformers), Columns(dataset, tokens), tmp_path)
    other = Dataset.from_arrays(dataset.given_labels)
    with pytest.raises(InputError, match="22 not in the dataset"):
        HuggingFaceRecorder(tmp_path / "run", other).attach(trainer)


def test_hugging_face_checkpoints_are_replayed(transformers, tmp_path, rng):
    """Token inputs as columns; padding left out of the mean; `checkpoint-N/model.safetensors` read."""
    from workbench.recording.replay import replay

    config = transformers.DistilBertConfig(vocab_size=30, dim=16, hidden_dim=32, n_layers=1, n_heads=2, num_labels=K)
    model = transformers.DistilBertForSequenceClassification(config)
    for step in (10, 20):
        model.save_pretrained(tmp_path / "out" / f"checkpoint-{step}")
    dataset = Dataset.from_arrays(rng.integers(0, K, 9))
    mask = (np.arange(6) < rng.integers(2, 7, 9)[:, None]).astype(np.int64)
    tokens = {"input_ids": rng.integers(0, 30, (9, 6)), "attention_mask": mask, "labels": dataset.given_labels}
    run = replay(tmp_path / "run", tmp_path / "out", model, dataset, tokens, batch_size=4, progress=False)
    assert run.epochs == (0, 1)
    assert run.embeddings().shape == (9, 16)
    run = replay(
        tmp_path / "run2", tmp_path / "out", model, dataset, tokens, embed="distilbert.transformer", progress=False
    )
    model.eval()
    with torch.no_grad():
        hidden = model.distilbert(torch.tensor(tokens["input_ids"]), torch.tensor(mask)).last_hidden_state
    assert run.embeddings().shape == (9, 16)
    np.testing.assert_allclose(run.embeddings()[3], hidden[3, : mask[3].sum()].mean(dim=0), atol=5e-3)


def test_frameworks_are_imported_late():
    heavy = {"transformers", "lightning", "torch"}
    code = f"import sys, workbench.recording.callbacks; assert not {heavy!r} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
