"""Reading a run: recorded values; damaged or hostile runs give one clear error and nothing is executed."""

from __future__ import annotations

import io
import json
import pickle
import shutil

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from workbench.data.dataset import Dataset
from workbench.foundation.errors import InputError, MissingEvidence, RunError, WorkbenchError
from workbench.foundation.statistics import statistics
from workbench.recording.recorder import Recorder
from workbench.runs.run import Run, open_run
from workbench.storage.cache import cache_file
from workbench.storage.epoch_statistics import STATISTICS

N, K, EPOCHS = 20, 3, 3


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    """A run with every kind of evidence; tests that modify it use a copy."""
    rng = np.random.default_rng(5)
    path = tmp_path_factory.mktemp("runs") / "pets"
    ids, texts = [f"e{i}" for i in range(N)], [f"text {i}" for i in range(N)]
    dataset = Dataset.from_arrays(rng.integers(0, K, N), ids=ids, classes=["a", "b", "c"], texts=texts)
    logits = rng.normal(size=(EPOCHS, N, K)).astype(np.float32)
    with Recorder(path, dataset, logits=True) as recorder:
        for epoch in range(EPOCHS):
            with recorder.epoch(epoch):
                kept = np.arange(epoch, N)  # the first rows are missing from later epochs
                recorder.batch(dataset.ids[kept], logits[epoch, kept], logits[epoch, kept, :2])
        recorder.save_pred_probs(rng.dirichlet(np.ones(K), N), out_of_fold=True, source="five folds")
    return path, dataset, logits


@pytest.fixture
def copy(original, tmp_path):
    """A copy of the run, to be damaged."""
    shutil.copytree(original[0], tmp_path / "run")
    return tmp_path / "run"


# ---- reading -------------------------------------------------------------------------------------------------


def test_what_was_recorded(original):
    path, dataset, logits = original
    run = open_run(path)
    assert repr(run) == "<Run pets: 20 examples, 3 classes, 3 epochs, mode train>"
    assert (run.n, run.k, run.classes, run.task, run.mode) == (N, K, ("a", "b", "c"), "multiclass", "train")
    assert run.epochs == run.logits_epochs == run.embedding_epochs == (0, 1, 2)
    expected = [statistics(one, dataset.given_labels) for one in logits]
    for epoch in run.epochs:
        stats = run.stats(epoch)
        assert set(stats) == set(STATISTICS)
        for name in STATISTICS:
            np.testing.assert_array_equal(stats[name][epoch:], expected[epoch][name][epoch:])
        assert np.isnan(stats["margin"][:epoch]).all()
        assert np.isnan(stats["topk_p"][:epoch]).all()
        assert (stats["pred"][:epoch] == -1).all()
        assert (stats["topk_class"][:epoch] == -1).all()
        assert not stats["correct"][:epoch].any()
    assert list(run.stats(1, ["loss", "pred"])) == ["loss", "pred"]


def test_matrices_and_blocks(original):
    path, _, _ = original
    run = Run(path)
    whole = run.stat_matrix("loss")
    assert whole.shape == (EPOCHS, N)
    assert whole.dtype == np.float32
    np.testing.assert_array_equal(whole[1], run.stats(1)["loss"])
    np.testing.assert_array_equal(run.stat_matrix("loss", slice(3, 7)), whole[:, 3:7])
    assert run.stat_matrix("correct")[2, 0] != run.stat_matrix("correct")[2, 0]  # NaN: not recorded
    assert set(np.unique(run.stat_matrix("correct")[:, EPOCHS:])) <= {0.0, 1.0}
    blocks = list(run.stat_blocks(["loss", "pred"], block_rows=6))
    assert [rows for rows, _ in blocks] == [slice(0, 6), slice(6, 12), slice(12, 18), slice(18, 20)]
    np.testing.assert_array_equal(np.concatenate([values["loss"] for _, values in blocks], axis=1), whole)


def test_arrays(original):
    path, _, logits = original
    run = Run(path)
    np.testing.assert_array_equal(run.logits(0), logits[0].astype(np.float16))
    assert isinstance(run.logits(0), np.memmap)
    np.testing.assert_array_equal(run.embeddings()[2:], logits[2, 2:, :2].astype(np.float16))
    assert np.isnan(run.embeddings()[:2]).all()
    assert run.resolve_embedding_epoch(-1) == 2


def test_pred_probs(original):
    found = Run(original[0]).pred_probs()
    assert (found.kind, found.source) == ("out-of-fold", "five folds")
    np.testing.assert_allclose(found.values.sum(axis=1), 1, atol=1e-5)


@pytest.mark.parametrize(
    ("ask", "error", "message"),
    [
        (lambda run: run.stats(9), InputError, "unknown epoch 9. Known: 0, 1, 2"),
        (lambda run: run.logits(9), InputError, "unknown epoch of logits 9"),
        (lambda run: run.stats(0, ["los"]), WorkbenchError, "los"),
        (lambda run: run.stat_matrix("los"), WorkbenchError, "los"),
        (lambda run: run.save_pred_probs(np.ones((2, 2)), out_of_fold=True, source=""), InputError, r"shape \(2, 2\)"),
    ],
)
def test_what_was_not_recorded(original, ask, error, message):
    with pytest.raises(error, match=message):
        ask(Run(original[0]))


def test_missing_evidence_says_how_to_get_it(tmp_path):
    Recorder(tmp_path / "run", Dataset.from_arrays([0, 1])).close()
    run = Run(tmp_path / "run")
    for ask, how in ((run.logits, "logits=True"), (run.embeddings, "replay")):
        with pytest.raises(MissingEvidence, match=how):
            ask()
    assert run.pred_probs() is None
    assert run.planted() is None
    assert run.epochs == ()
    assert run.unsealed() == {}
    assert run.stat_matrix("loss").shape == (0, 2)


def test_labels_with_the_decisions_of_the_journal(copy):
    run = Run(copy)
    given = run.dataset.given
    other = {"a": "b", "b": "c", "c": "a"}
    run.journal.relabel(["e3"], other[given[3]], old=str(given[3]), author="ann", reason="blurred")
    run.journal.keep(["e4"])
    run.journal.relabel(["elsewhere"], "a", old="b")
    assert run.dataset.names_of(run.labels()).tolist() == [other[v] if i == 3 else v for i, v in enumerate(given)]
    changes = run.changes()
    assert changes.index.tolist() == ["e3"]
    assert changes.loc["e3", ["given_label", "label", "author", "reason"]].tolist() == [
        given[3], other[given[3]], "ann", "blurred"
    ]  # fmt: skip
    run.journal.undo()


def test_more_than_9999_epochs_stay_in_order(tmp_path):
    with Recorder(tmp_path / "run", Dataset.from_arrays([0, 1]), logits=True) as recorder:
        for epoch in (9999, 10000, 5):
            with recorder.epoch(epoch):
                recorder.batch([0, 1], np.full((2, 2), epoch / 100))
        with pytest.raises(KeyboardInterrupt), recorder.epoch(12345):
            recorder.batch([0], [[1.0, 2.0]])
            raise KeyboardInterrupt
    run = Run(tmp_path / "run")
    assert run.epochs == run.logits_epochs == (5, 9999, 10000)
    assert run.logits()[0, 0] == 100
    assert list(run.unsealed()) == [12345]


# ---- damaged -------------------------------------------------------------------------------------------------


def edit(path, **changes):
    described = json.loads((path / "run.json").read_text())
    described.update(changes)
    (path / "run.json").write_text(json.dumps(described))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda p: (p / "run.json").unlink(), r"is not a run directory \(no run.json\)"),
        (lambda p: shutil.rmtree(p), "does not exist"),
        (lambda p: (p / "run.json").write_bytes((p / "run.json").read_bytes()[:40]), "is damaged"),
        (lambda p: (p / "run.json").write_bytes(b""), "is damaged"),
        (lambda p: (p / "run.json").write_bytes(b"\xff\xfe\x00"), "is damaged"),
        (lambda p: (p / "run.json").write_text("[1, 2]"), "is damaged"),
        (lambda p: (p / "run.json").write_text("[" * 100_000), "is damaged"),
        (lambda p: (p / "run.json").write_bytes(pickle.dumps({"schema_version": 1})), "is damaged"),
        (lambda p: edit(p, schema_version=2), "schema version 2; this release reads up to 1. Update"),
        (lambda p: edit(p, schema_version="1"), "schema version '1'"),
        (lambda p: edit(p, n="20"), "field `n` is '20', not int"),
        (lambda p: edit(p, n=10**15), "run.json says n = 1000000000000000"),
        (lambda p: edit(p, n=19), "has 20 rows .* run.json says n = 19"),
        (lambda p: edit(p, classes="abc"), "field `classes` is 'abc', not list"),
        (lambda p: edit(p, classes=["a", 1, "c"]), "`classes`"),
        (lambda p: edit(p, classes=["a", "a", "c"]), "`classes`"),
        (lambda p: edit(p, classes=["a"]), "for 1 classes"),
        (lambda p: edit(p, task="../x"), "holds labels of the task '../x'; this release knows "),
        (lambda p: edit(p, mode=None), "field `mode` is None"),
        (lambda p: edit(p, uuid=[]), "field `uuid`"),
        (lambda p: (p / "examples.parquet").unlink(), "cannot be read"),
        (lambda p: (p / "examples.parquet").write_bytes((p / "examples.parquet").read_bytes()[:-9]), "cannot be read"),
        (lambda p: (p / "examples.parquet").write_bytes(pickle.dumps({"id": [1]})), "cannot be read"),
    ],
)
def test_a_description_that_cannot_be_used(copy, change, message):
    change(copy)
    with pytest.raises(WorkbenchError, match=message):
        Run(copy)


@pytest.mark.parametrize("field", ["text_column", "media_root", "media_signature", "versions", "created"])
@pytest.mark.parametrize("value", [None, 7, ["x"], {"a": 1}, "nothing"])
def test_fields_that_may_be_anything(copy, field, value):
    edit(copy, **{field: value})
    run = Run(copy)
    assert run.dataset.text(0) in ("text 0", None)
    assert run.dataset.media_root == copy.resolve()


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"id": ["a"] * N}, "repeats an id"),
        ({"id": [*["a"] * (N - 1), None]}, "with 1 missing values"),
        ({"id": [1.5] * N}, "column `id` is double"),
        ({"given_label": [7] * N}, "row 0 is 7 for 3 classes"),
        ({"given_label": [-2] * N}, "row 0 is -2"),
        ({"given_label": ["a"] * N}, "cannot be read"),
        ({"image": [5] * N}, "column `image` is int64"),
        ({"image": [[1]] * N}, "column `image` is list"),
    ],
)
def test_examples_that_cannot_be_used(copy, table, message):
    frame = pd.DataFrame({"id": [f"e{i}" for i in range(N)], "given_label": [0] * N} | table)
    pq.write_table(pa.Table.from_pandas(frame), copy / "examples.parquet")
    with pytest.raises(WorkbenchError, match=message):
        Run(copy)


def test_examples_of_another_length(copy):
    pq.write_table(pq.read_table(copy / "examples.parquet").slice(0, 7), copy / "examples.parquet")
    with pytest.raises(RunError, match=r"has 7 rows .* to different runs"):
        Run(copy)


def test_extra_columns_are_just_data(copy):
    table = pq.read_table(copy / "examples.parquet")
    table = table.append_column("<script>alert(1)</script>", pa.array(["=cmd|' /C calc'!A0"] * N))
    pq.write_table(table, copy / "examples.parquet")
    assert Run(copy).dataset.metadata["<script>alert(1)</script>"][0] == "=cmd|' /C calc'!A0"


STATS = "stats/epoch=0001/rank=0.parquet"


@pytest.mark.parametrize(
    "change",
    [
        lambda file: file.write_bytes(b""),
        lambda file: file.write_bytes(file.read_bytes()[: file.stat().st_size // 2]),
        lambda file: file.write_bytes(pickle.dumps("x")),
        lambda file: pq.write_table(pq.read_table(file).drop_columns(["loss"]), file),
        lambda file: pq.write_table(pq.read_table(file).drop_columns(["row"]), file),
        lambda file: pq.write_table(replaced(file, "loss", pa.array(["x"] * (N - 1))), file),
        lambda file: pq.write_table(replaced(file, "loss", pa.array([None] * (N - 1), pa.float32())), file),
        lambda file: pq.write_table(replaced(file, "row", pa.array([0.5] * (N - 1))), file),
        lambda file: pq.write_table(replaced(file, "row", pa.array([None] * (N - 1), pa.int64())), file),
    ],
)
def test_statistics_that_cannot_be_read(copy, change):
    change(copy / STATS)
    run = Run(copy)
    with pytest.raises(RunError, match=r"rank=0.parquet cannot be read"):
        run.stats(1)
    assert np.isfinite(run.stats(0)["loss"]).all()


def replaced(file, name, values):
    table = pq.read_table(file)
    return table.set_column(table.column_names.index(name), name, values)


def test_rows_outside_the_dataset_are_not_taken(copy):
    rows = np.arange(N - 1) * 10**12 - 5
    pq.write_table(replaced(copy / STATS, "row", pa.array(rows)), copy / STATS)
    assert np.isnan(Run(copy).stats(1)["loss"]).all()


def test_columns_in_another_order(copy):
    table = pq.read_table(copy / STATS)
    expected = Run(copy).stats(1)
    pq.write_table(table.select(sorted(table.column_names)), copy / STATS)
    for name, values in Run(copy).stats(1).items():
        np.testing.assert_array_equal(values, expected[name])


@pytest.mark.parametrize("name", ["epoch=../../x", "epoch=-1", "epoch=", "epoch=1e9", "epoch=٣x"])
def test_odd_names_in_the_run_are_passed_over(copy, name):
    for folder in ("stats", "logits", "inflight"):
        place = copy / folder / name.replace("/", "_")
        place.mkdir(parents=True)
        (place / "rank=0.parquet").write_bytes(b"x")
    assert Run(copy).epochs == (0, 1, 2)
    assert Run(copy).logits_epochs == (0, 1, 2)


def header_claiming(shape):
    out = io.BytesIO()
    np.lib.format.write_array_header_1_0(out, {"descr": "<f2", "fortran_order": False, "shape": shape})
    return out.getvalue()


class Evil:
    """Creates a file when it is unpickled."""

    mark = None

    def __reduce__(self):
        import os

        return os.mkdir, (str(Evil.mark),)


def objects(file):
    np.save(file, np.array([[Evil()]] * N, dtype=object), allow_pickle=True)


def archive(file):
    with open(file, "wb") as out:
        np.savez(out, a=np.zeros((N, K)))


@pytest.mark.filterwarnings("ignore:overflow encountered:RuntimeWarning")  # NumPy's error about the claimed sizes
@pytest.mark.parametrize(
    "change",
    [
        objects,
        archive,
        lambda file: file.write_bytes(pickle.dumps(Evil())),
        lambda file: file.write_bytes(b""),
        lambda file: file.write_bytes(b"\x93NUMPY\x01\x00"),
        lambda file: file.write_bytes(file.read_bytes()[:100]),
        lambda file: file.write_bytes(header_claiming((N, 10**12))),
        lambda file: file.write_bytes(header_claiming((10**18, 10**18))),
        lambda file: file.write_bytes(header_claiming((N, 2**62)) + b"\0" * 64),
        lambda file: np.save(file, np.zeros((N + 1, K), np.float16)),
        lambda file: np.save(file, np.zeros(N, np.float16)),
        lambda file: np.save(file, np.array([["a"] * K] * N)),
        lambda file: np.save(file, np.zeros((N, K), complex)),
    ],
)
@pytest.mark.parametrize("name", ["logits/epoch=0002.npy", "embeddings/epoch=0002.npy", "pred_probs.npy"])
def test_arrays_that_cannot_be_used(copy, tmp_path, change, name):
    Evil.mark = tmp_path / "ran"
    change(copy / name)
    run = Run(copy)
    ask = {"l": run.logits, "e": run.embeddings, "p": run.pred_probs}[name[0]]
    with pytest.raises(RunError, match=name.split("/")[-1]):
        ask()
    assert not Evil.mark.exists()


@pytest.mark.parametrize("name", ["arrow.py_extension_type", "arrow.opaque", "unknown"])
@pytest.mark.filterwarnings("ignore")
def test_types_that_come_with_a_pickle_are_not_made(copy, tmp_path, name):
    """Old Arrow files may carry a pickled Python type for a column; reading them must not run it."""
    Evil.mark = tmp_path / "ran"
    metadata = {"ARROW:extension:name": name, "ARROW:extension:metadata": pickle.dumps(Evil())}
    columns = {"id": pa.array(range(N)), "given_label": pa.array([0] * N), "extra": pa.array(range(N))}
    schema = pa.schema(
        [pa.field(key, column.type, metadata=metadata if key == "extra" else None) for key, column in columns.items()]
    )
    pq.write_table(pa.table(columns, schema=schema), copy / "examples.parquet")
    stream = copy / "inflight" / "epoch=0009.rank=0.arrows"
    stream.parent.mkdir(exist_ok=True)
    with pa.ipc.new_stream(stream, schema) as writer:
        writer.write_batch(pa.record_batch(columns, schema=schema))
    try:
        run = Run(copy)
        assert run.dataset.metadata["extra"].tolist() == list(range(N))
        run.unsealed()
    except WorkbenchError as error:
        assert "cannot be read" in str(error)  # an error is fine too
    assert not Evil.mark.exists()


@pytest.mark.parametrize("text", ["", "[1", "7", "[" * 100_000])
def test_how_probabilities_were_made_is_damaged(copy, text):
    (copy / "pred_probs.json").write_text(text)
    with pytest.raises(RunError, match=r"pred_probs.json"):
        Run(copy).pred_probs()


@pytest.mark.parametrize("data", [b"", b"x" * 100, b"\xff\xff\xff\xff\xff\xff\xff\x7f" + b"\0" * 50])
def test_a_stream_that_is_none(copy, data):
    (copy / "inflight").mkdir(exist_ok=True)
    (copy / "inflight" / "epoch=0007.rank=0.arrows").write_bytes(data)
    assert len(Run(copy).unsealed()[7]) == 0


def test_parts_of_ranks_that_are_missing(copy):
    """Statistics of two ranks but embeddings of only one: the epoch has no embeddings."""
    folder = copy / "stats" / "epoch=0002"
    shutil.copy(folder / "rank=0.parquet", folder / "rank=1.of=2.parquet")
    (folder / "rank=0.parquet").rename(folder / "rank=0.of=2.parquet")
    (copy / "logits" / "epoch=0002.npy").rename(copy / "logits" / "epoch=0002.rank=0.of=2.npy")
    run = Run(copy)
    assert run.epochs == (0, 1, 2)
    assert run.logits_epochs == (0, 1)


# ---- leading out of the run ----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["cache", "journal.sqlite", "examples.parquet", "stats", "notes", "logits"])
def test_links_that_lead_out(copy, tmp_path, name):
    target = tmp_path / "elsewhere"
    if (copy / name).exists():
        (copy / name).rename(target)
    else:
        target.mkdir()
    (copy / name).symlink_to(target)
    with pytest.raises(RunError, match=f"{name} is a link that leads out of the run"):
        Run(copy)
    with pytest.raises(RunError, match="leads out"):
        Recorder(copy, Dataset.from_arrays([0, 1]), overwrite=True)
    assert target.exists()


def test_a_run_that_is_reached_by_a_link(copy, tmp_path):
    (tmp_path / "link").symlink_to(copy)
    assert Run(tmp_path / "link").epochs == (0, 1, 2)
    assert Run(tmp_path / "link").name == "run"


def test_image_paths_of_a_stranger(copy, tmp_path):
    from workbench.data.media import read_image

    (tmp_path / "secret.png").write_bytes(b"secret")
    names = ["../secret.png", str(tmp_path / "secret.png"), "/etc/passwd", "https://example.org/x", "a\0b"] * 4
    frame = pd.DataFrame({"id": range(N), "given_label": [0] * N, "image": names})
    pq.write_table(pa.Table.from_pandas(frame), copy / "examples.parquet")
    edit(copy, media_root=str(tmp_path))
    dataset = Run(copy).dataset
    for row in range(N):
        with pytest.raises(InputError):
            read_image(dataset.image(row), dataset.media_root)


def test_the_cache_is_made_when_needed(copy):
    path = cache_file(Run(copy).layout, "x.npy")
    assert path.parent == copy / "cache"
    assert path.parent.is_dir()
