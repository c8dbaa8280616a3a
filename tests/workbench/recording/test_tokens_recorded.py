"""Recording token models: statistics per token, -100, crashes, ranks, the Trainer, and dynamics as evidence."""

from __future__ import annotations

import os

import numpy as np
import pytest
from scipy.special import softmax

import workbench as wb
from widgets.view.token_maps import token_columns
from workbench.data.dataset import Dataset
from workbench.foundation.errors import InputError
from workbench.scores.token_dynamics import token_dynamics
from workbench.shell.inspection import inspect

CLASSES = ("DET", "NOUN", "VERB")
SIZES = (3, 1, 4, 2)
T, K = 7, 3


@pytest.fixture
def given(rng):
    return [rng.integers(0, K, size).tolist() for size in SIZES]


@pytest.fixture
def dataset(given):
    listed = [[CLASSES[code] for code in one] for one in given]
    listed[2][1] = None
    return Dataset.from_arrays(listed, task="tokens", classes=CLASSES, ids=list("abcd"))


def labels_of(given, unlabelled=()):
    """Labels (n, T) with a special token first, and a sub-word after the first token."""
    out = np.full((len(given), T), -100)
    for row, codes in enumerate(given):
        kept = [code for place, code in enumerate(codes) if (row, place) not in unlabelled]
        out[row, [1, *range(3, 2 + len(kept))][: len(kept)]] = kept
    return out


def record(path, dataset, labels, epochs, **options):
    with wb.Recorder(path, dataset, **options) as recorder:
        for number, logits in enumerate(epochs):
            with recorder.epoch(number):
                for part in ([2, 0], [3, 1]):
                    recorder.batch(dataset.ids[part], logits[part], labels=labels[part])
    return wb.open_run(path)


def test_each_labelled_token_has_the_statistics_of_its_label(tmp_path, rng, dataset, given):
    labels = labels_of(given, unlabelled={(2, 1)})
    epochs = rng.normal(0, 2, (3, 4, T, K)).astype(np.float32)
    run = record(tmp_path / "run", dataset, labels, epochs)
    assert run.epochs == (0, 1, 2) and run.example_epochs == ()
    wanted = [(row, place) for row, size in enumerate(SIZES) for place in range(size) if (row, place) != (2, 1)]
    position = [np.flatnonzero(row != -100).tolist() for row in labels]
    at = [position[row][place - (row == 2 and place > 1)] for row, place in wanted]
    rows = [row for row, _ in wanted]
    code = labels[rows, at]
    p = softmax(epochs.astype(float), axis=3)[:, rows, at]
    for epoch in range(3):
        found = run.unit_stats(epoch)
        assert list(zip(found["row"].tolist(), found["unit"].tolist())) == wanted
        np.testing.assert_allclose(found["p_given"], p[epoch, np.arange(len(at)), code], rtol=1e-5)
        np.testing.assert_allclose(found["loss"], -np.log(p[epoch, np.arange(len(at)), code]), rtol=1e-4)
        assert found["pred"].tolist() == p[epoch].argmax(axis=1).tolist()
        assert found["correct"].tolist() == (p[epoch].argmax(axis=1) == code).tolist()
    part = run.unit_stats(1, ["p_given", "row"], slice(2, 3))
    assert list(part) == ["p_given", "row"] and part["row"].tolist() == [2, 2, 2]
    seen = token_dynamics(run)
    assert list(zip(seen.rows.tolist(), seen.units.tolist())) == wanted
    own = p[:, np.arange(len(at)), code]
    np.testing.assert_allclose(seen.confidence, own.mean(axis=0), rtol=1e-5)
    np.testing.assert_allclose(seen.variability, own.std(axis=0), atol=1e-5)
    right = p.argmax(axis=2) == code
    np.testing.assert_allclose(seen.correctness, right.mean(axis=0))
    assert seen.forgetting.tolist() == (right[:-1] & ~right[1:]).sum(axis=0).tolist()
    assert not list(inspect(run))
    with pytest.raises(InputError, match="unknown column 'logit'"):
        run.unit_stats(0, ["logit"])
    with pytest.raises(InputError, match=r"is 'tokens', which `stats` does not read"):
        run.stats(0)


def test_tensors_probabilities_and_sentences_cut_off(tmp_path, rng, dataset, given):
    torch = pytest.importorskip("torch")
    labels = labels_of(given, unlabelled={(2, 1)})
    labels[2, 4:] = -100  # two of its three labelled tokens are left
    logits = rng.normal(0, 2, (4, T, K)).astype(np.float32)
    with wb.Recorder(tmp_path / "run", dataset) as recorder:
        with recorder.epoch(0):
            recorder.batch(dataset.ids, torch.tensor(logits), labels=torch.tensor(labels))
        with recorder.epoch(1):
            recorder.batch(dataset.ids, probs=softmax(logits, axis=2), labels=labels)
            open_lines = recorder.run().unsealed()[1]
            recorder.batch(dataset.ids[:2], logits[:2], labels=labels[:2], repeats="skip")
    run = wb.open_run(tmp_path / "run")
    one, other = run.unit_stats(0), run.unit_stats(1)
    assert one["row"].tolist() == other["row"].tolist() == [0, 0, 0, 1, 2, 2, 3, 3]
    assert one["unit"].tolist() == [0, 1, 2, 0, 0, 2, 0, 1]
    np.testing.assert_allclose(one["p_given"], other["p_given"], rtol=1e-4)
    assert open_lines["row"].tolist() == one["row"].tolist(), "batches of an open epoch can be read"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda z, y: (z, None), "`labels` is missing: A token model needs the labels|`labels` is missing"),
        (lambda z, y: (z[..., 0], y), r"`logits` has shape \(4, 7\) for 4 ids"),
        (lambda z, y: (z, y[:, :5]), r"`labels` has shape \(4, 5\)"),
        (lambda z, y: (z, np.where(y == -100, -100, y + 3)), "position 1 is .* for 3 classes"),
        (lambda z, y: (z, np.where(y == -100, 0, y)), "has 7 labelled positions for 3 labelled tokens"),
        (lambda z, y: (z, np.where(y == -100, -100, (y + 1) % 3)), "must have the order of `dataset.classes`"),
        (lambda z, y: (np.where(y[..., None] == -100, z, np.nan), y), "position 1"),
    ],
)  # fmt: skip
def test_batches_that_do_not_fit_are_refused_and_leave_nothing(tmp_path, rng, dataset, given, change, message):
    labels, logits = labels_of(given, unlabelled={(2, 1)}), rng.normal(size=(4, T, K)).astype(np.float32)
    wrong, others = change(logits, labels)
    with wb.Recorder(tmp_path / "run", dataset) as recorder, recorder.epoch(0):
        with pytest.raises(InputError, match=message):
            recorder.batch(dataset.ids, wrong, labels=others)
        recorder.batch(dataset.ids, logits, labels=labels)
    assert len(wb.open_run(tmp_path / "run").unit_stats(0)["row"]) == sum(SIZES) - 1


def test_labels_and_logits_of_other_kinds_are_as_before(tmp_path, dataset):
    plain = Dataset.from_arrays(["x", "y"])
    with wb.Recorder(tmp_path / "plain", plain) as recorder, recorder.epoch(0):
        with pytest.raises(InputError, match="`labels` was passed"):
            recorder.batch(plain.ids, np.eye(2), labels=[0, 1])
        recorder.batch(plain.ids, np.eye(2))
    with pytest.raises(InputError, match="`logits` is True for labels of the task 'tokens'"):
        wb.Recorder(tmp_path / "tokens", dataset, logits=True)


TAGS = ("O", "B-PER", "I-PER", "B-LOC", "I-LOC")
WORDS = ["Ada", "Berg", "met", "Norwell", "and", "Boris"]


@pytest.fixture
def entities():
    """Words and tags of 60 sentences; in every tenth the town is no span."""
    rng = np.random.default_rng(5)
    people, towns = ["Ada", "Boris", "Chen", "Dana"], ["Norwell", "Oakham", "Kelsing"]
    words, tags = [], []
    for row in range(60):
        words.append([str(rng.choice(people)), "saw", str(rng.choice(towns)), "."])
        tags.append(["B-PER", "O", "O" if row % 10 == 3 else "B-LOC", "O"])
    return words, tags


def test_dynamics_of_spans_are_pooled_in(tmp_path, entities):
    """Two spans equal in words, of which training did not come to believe one: it ranks first."""
    words, tags = entities
    words[7] = words[3] = words[13] = ["Dana", "saw", "Oakham", "."]
    dataset = Dataset.from_arrays(tags, task="spans", metadata=None, ids=[f"s{row}" for row in range(60)])
    labels = np.array([[TAGS.index(tag) for tag in one] for one in tags])
    logits = np.full((60, 4, 5), -2.0, np.float32)
    np.put_along_axis(logits, labels[..., None], 2.0, axis=2)
    logits[7, 2] = [3, -2, -2, -1, -2]  # not believed
    with wb.Recorder(tmp_path / "run", dataset) as recorder:
        for epoch in range(2):
            with recorder.epoch(epoch):
                recorder.batch(dataset.ids, logits, labels=labels)
    run = wb.open_run(tmp_path / "run")
    before = wb.find_issues(tags, task="spans", tokens=words, ids=dataset.ids, per="unit")
    after = wb.find_issues(run, tokens=words, per="unit")
    assert "training dynamics of tokens" in after.attrs["evidence"]
    assert "training dynamics of tokens" not in before.attrs["evidence"]
    rank = [frame.index.get_loc(("s7", "g1")) for frame in (before, after)]
    assert rank[1] < rank[0]
    assert after["p_error"].sum() == pytest.approx(before["p_error"].sum(), rel=0.35)
    given = after[after["given_label"] != "nothing"]
    assert given.index[0] == ("s7", "g1")


def test_data_maps_show_tokens_and_the_least_believed_of_each_example(tmp_path, rng, dataset, given):
    labels = labels_of(given, unlabelled={(2, 1)})[[0, 1, 3]]
    logits = rng.normal(0, 2, (3, 3, T, K)).astype(np.float32)
    with wb.Recorder(tmp_path / "run", dataset) as recorder:
        for epoch in range(3):
            with recorder.epoch(epoch):
                recorder.batch(dataset.ids[[0, 1, 3]], logits[epoch], labels=labels)
    run = wb.open_run(tmp_path / "run")
    p = softmax(logits.astype(float), axis=3)
    own = np.take_along_axis(p, np.maximum(labels, 0)[None, ..., None], axis=3)[..., 0].mean(axis=0)
    wanted = np.where(labels == -100, 2, own).min(axis=1)
    columns = {one.name: one.values for one in token_columns(run)}
    np.testing.assert_allclose(columns["confidence"][[0, 1, 3]], wanted, rtol=1e-5)
    assert np.isnan(columns["confidence"][2]) and (columns["variability"][[0, 1, 3]] > 0).all()
    figure = wb.figure(run, "data_map")
    assert sum(len(trace.x) for trace in figure.data) == 6
    assert {text for trace in figure.data for text in trace.text} >= {"<b>b</b><br>token 0", "<b>d</b><br>token 1"}
    with pytest.raises(InputError, match="the figure 'confusion' works on 'multiclass' labels only"):
        wb.figure(run, "confusion")
    assert not token_columns(wb.import_run(["a", "b"], tmp_path / "plain"))


def test_the_trainer_records_token_classification(tmp_path, entities):
    torch = pytest.importorskip("torch")
    transformers = pytest.importorskip("transformers")
    pytest.importorskip("accelerate")
    from workbench.recording.callbacks.huggingface import HuggingFaceRecorder

    words, tags = entities
    vocabulary = sorted({word for one in words for word in one})
    dataset = Dataset.from_arrays(tags, task="spans", ids=[f"s{row}" for row in range(60)])
    train = [
        {
            "id": f"s{row}",
            "input_ids": [0, *(vocabulary.index(word) + 1 for word in own)],
            "labels": [-100, *(TAGS.index(tag) for tag in of)],
        }
        for row, (own, of) in enumerate(zip(words, tags))
    ]

    class Tagger(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.embed, self.head = torch.nn.Embedding(len(vocabulary) + 1, 8), torch.nn.Linear(8, 5)

        def forward(self, input_ids, labels=None):
            logits = self.head(self.embed(input_ids))
            loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), labels.flatten())
            return {"loss": loss, "logits": logits}

    os.environ.setdefault("WANDB_DISABLED", "true")
    torch.manual_seed(0)
    options = {"output_dir": str(tmp_path / "out"), "num_train_epochs": 2, "per_device_train_batch_size": 20}
    options |= {"report_to": [], "save_strategy": "no", "use_cpu": True, "disable_tqdm": True, "learning_rate": 0.1}
    trainer = transformers.Trainer(Tagger(), transformers.TrainingArguments(**options), train_dataset=train)
    HuggingFaceRecorder(tmp_path / "run", dataset).attach(trainer)
    trainer.train()
    run = wb.open_run(tmp_path / "run")
    assert run.epochs == (0, 1)
    found = run.unit_stats(1)
    assert len(found["row"]) == 240 and found["unit"].tolist() == [0, 1, 2, 3] * 60
    assert found["p_given"].mean() > run.unit_stats(0)["p_given"].mean(), "it learned"
