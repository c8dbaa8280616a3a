"""Two torch.distributed processes recording into one run: by hand, with `replay`, Lightning and Transformers."""

from __future__ import annotations

import importlib.util

import numpy as np
import pytest
from forks import Forks

torch = pytest.importorskip("torch")

from workbench.foundation.statistics import statistics  # noqa: E402
from workbench.runs.run import Run  # noqa: E402

pytestmark = pytest.mark.slow


def imports(name: str) -> str:
    """Import a package if it is installed; tests that need it skip otherwise."""
    return f"\ntry: import {name}\nexcept ImportError: pass"


@pytest.fixture(scope="module")
def ready():
    """A server that forks processes with torch, Lightning and the Transformers trainer already imported."""
    made = Forks(
        "import numpy, torch.distributed, pyarrow.parquet, workbench.recording.replay, workbench.recording.recorder"
        + imports("lightning.pytorch")
        + imports("accelerate, transformers.trainer, transformers.models.distilbert.modeling_distilbert"),
        warm=True,
    )
    yield made
    made.close()


@pytest.fixture
def launch(ready, tmp_path):
    """Run code in two processes with the environment set by `torchrun`; this process hosts the agent's store."""
    store = torch.distributed.TCPStore("127.0.0.1", 0, is_master=True, wait_for_workers=False)
    environment = {
        **{"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(store.port), "TORCHELASTIC_USE_AGENT_STORE": "True"},
        **{"WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2", "GROUP_RANK": "0", "TORCHELASTIC_RUN_ID": "test"},
        **{"TORCHELASTIC_RESTART_COUNT": "0", "TORCHELASTIC_MAX_RESTARTS": "0", "TOKENIZERS_PARALLELISM": "false"},
    }

    def start(code: str, *arguments: object) -> None:
        both = [
            ready.start(code, *arguments, environment=environment | {"RANK": rank, "LOCAL_RANK": rank}) for rank in "01"
        ]
        said = [process.stdout.read() for process in both]
        assert [process.wait() for process in both] == [0, 0], [*said, *(process.errors() for process in both)]

    yield start  # keeps the store alive until here


RECORD = """
import sys, numpy as np, torch, torch.distributed as dist
from workbench.data.dataset import Dataset
from workbench.recording.recorder import Recorder
dist.init_process_group("gloo")
rng = np.random.default_rng(0)
n, k = 101, 4
dataset = Dataset.from_arrays(rng.integers(0, k, n), ids=[f"e{i}" for i in range(n)], classes=list("abcd"))
logits = torch.from_numpy(rng.normal(size=(n, k)).astype("float32"))
sampler = torch.utils.data.DistributedSampler(range(n), shuffle=True)
with Recorder(sys.argv[1], dataset) as recorder:
    for epoch in range(recorder.next_epoch, 3):
        sampler.set_epoch(epoch)
        with recorder.epoch(epoch):
            for rows in torch.tensor(list(sampler)).split(16):
                recorder.batch(dataset.ids[rows.numpy()], logits[rows] + epoch)
dist.destroy_process_group()
"""


def test_a_loop_by_hand(tmp_path, launch):
    launch(RECORD, tmp_path / "run")
    run = Run(tmp_path / "run")
    assert run.epochs == (0, 1, 2)
    logits = np.random.default_rng(0)
    labels = logits.integers(0, 4, 101)
    expected = statistics(logits.normal(size=(101, 4)).astype(np.float32), labels)
    for epoch in run.epochs:
        np.testing.assert_allclose(run.stats(epoch)["loss"], expected["loss"], rtol=1e-4, atol=1e-5)
        assert run.stats(epoch)["correct"].tolist() == expected["correct"].tolist()


REPLAY = """
import sys, numpy as np, torch, torch.distributed as dist
from workbench.data.dataset import Dataset
from workbench.recording.replay import replay
path, checkpoint, kind = sys.argv[1:]
dist.init_process_group("gloo")
rng = np.random.default_rng(0)
n = 31
dataset = Dataset.from_arrays(rng.integers(0, 3, n), ids=[f"e{i}" for i in range(n)], classes=list("abc"))
inputs = x = torch.from_numpy(rng.normal(size=(n, 4)).astype("float32"))
if kind == "loader":
    samples = [(id, x[row]) for row, id in enumerate(dataset.ids)]
    sampler = torch.utils.data.DistributedSampler(samples, shuffle=True)
    inputs = torch.utils.data.DataLoader(samples, batch_size=4, sampler=sampler)
replay(path, checkpoint, torch.nn.Linear(4, 3), dataset, inputs, batch_size=5, progress=False, device="cpu")
dist.barrier()
dist.destroy_process_group()
"""


@pytest.mark.parametrize("kind", ["tensor", "loader"])
def test_replay_shares_the_work(tmp_path, launch, kind):
    torch.manual_seed(0)
    model = torch.nn.Linear(4, 3)
    torch.save(model.state_dict(), tmp_path / "epoch=4.pt")
    launch(REPLAY, tmp_path / "run", tmp_path / "epoch=4.pt", kind)
    rng = np.random.default_rng(0)
    labels, x = rng.integers(0, 3, 31), torch.from_numpy(rng.normal(size=(31, 4)).astype("float32"))
    run = Run(tmp_path / "run")
    assert run.epochs == run.embedding_epochs == (4,)
    expected = statistics(model(x), labels)
    np.testing.assert_allclose(run.stats(4)["loss"], expected["loss"], rtol=1e-5)
    np.testing.assert_array_equal(run.embeddings(), x.numpy().astype(np.float16))


TRAIN = """
import sys, logging, numpy as np, torch
from torch import nn
from workbench.data.dataset import Dataset
framework, path, out = sys.argv[1:]
n, k = 7, 3   # 7 examples over 2 ranks: one is repeated
rng = np.random.default_rng(0)
dataset = Dataset.from_arrays(rng.integers(0, k, n), ids=[f"e{i}" for i in range(n)])
x = torch.from_numpy(rng.normal(size=(n, 4)).astype("float32"))
if framework == "lightning":
    import lightning.pytorch as pl
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    from workbench.recording.callbacks import LightningRecorder
    class Module(pl.LightningModule):
        def __init__(self):
            super().__init__()
            self.net = nn.Linear(4, k)
        def forward(self, x):
            return self.net(x)
        def training_step(self, batch, i):
            return nn.functional.cross_entropy(self(batch[1]), batch[2])
        def configure_optimizers(self):
            return torch.optim.SGD(self.parameters(), 0.0)
    data = [(dataset.ids[i], x[i], int(dataset.given_labels[i])) for i in range(n)]
    trainer = pl.Trainer(accelerator="cpu", devices=2, strategy="ddp", max_epochs=2, logger=False,
        enable_checkpointing=False, enable_progress_bar=False, enable_model_summary=False, default_root_dir=out,
        callbacks=[LightningRecorder(path, dataset, embed="net", logits=True)])
    torch.manual_seed(0)
    trainer.fit(Module(), torch.utils.data.DataLoader(data, batch_size=2, shuffle=True))
else:
    from transformers import Trainer, TrainingArguments, DistilBertConfig, DistilBertForSequenceClassification
    from workbench.recording.callbacks import HuggingFaceRecorder
    torch.manual_seed(0)
    config = DistilBertConfig(vocab_size=20, dim=8, hidden_dim=8, n_layers=1, n_heads=1, num_labels=k)
    data = [{"id": dataset.ids[i], "input_ids": [i + 1, 2, 3], "label": int(dataset.given_labels[i])} for i in range(n)]
    arguments = TrainingArguments(output_dir=out, num_train_epochs=2, per_device_train_batch_size=2, report_to="none",
        use_cpu=True, save_strategy="no", disable_tqdm=True, logging_strategy="no", ddp_backend="gloo")
    trainer = Trainer(DistilBertForSequenceClassification(config), arguments, train_dataset=data)
    HuggingFaceRecorder(path, dataset, embed="auto", logits=True).attach(trainer)
    trainer.train()
assert torch.distributed.get_world_size() == 2
"""


@pytest.mark.parametrize("framework", ["lightning", "transformers"])
def test_trainers(tmp_path, launch, framework):
    """DDP on two CPU processes: every example once, padding dropped, files of both ranks joined."""
    if importlib.util.find_spec(framework) is None:  # imported in the other processes only: it takes seconds
        pytest.skip(f"needs {framework} (in the test extra)")
    launch(TRAIN, framework, tmp_path / "run", tmp_path / "out")
    run = Run(tmp_path / "run")
    assert run.epochs == (0, 1)
    files = sorted(path.name for path in (tmp_path / "run" / "stats" / "epoch=0001").iterdir())
    assert files == ["rank=0.of=2.parquet", "rank=1.of=2.parquet"]
    assert np.isfinite(run.stat_matrix("loss")).all()
    assert np.isfinite(run.logits(1)).all()
    assert np.isfinite(run.embeddings(1)).all()
    assert not list((tmp_path / "run" / "inflight").iterdir())
