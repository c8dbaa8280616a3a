"""The stream of an unsealed epoch: Arrow reads what NumPy wrote, for every batch length."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from workbench.data.dataset import Dataset
from workbench.foundation.statistics import fill_statistics, statistics
from workbench.recording.reduction import ClassReduction
from workbench.recording.stream import LENGTHS, Stream


def schema(k):
    return ClassReduction(Dataset.from_arrays(np.zeros(3, int), classes=[f"c{i}" for i in range(k)])).schema


def read(path):
    with pa.ipc.open_stream(path) as reader:
        return reader.read_all()


@pytest.mark.parametrize("k", [1, 2, 4, 10, 300])
def test_arrow_reads_what_was_written(tmp_path, rng, k):
    """Lengths around multiples of eight, since bits and buffers are padded; each length recurs after others."""
    stream = Stream(tmp_path / "s.arrows", schema(k))
    lengths = [1, 7, 8, 9, 64, 130, 8, 1, 7]
    wanted = {}
    for number, length in enumerate(lengths):
        logits = rng.normal(size=(length, k)).astype(np.float32)
        given = rng.integers(-1, k, length)
        slots = stream.slots(length)
        fill_statistics(logits, given, slots)
        slots["row"][:] = np.arange(length) + 1000 * number
        stream.append(length)
        for name, values in statistics(logits, given).items():
            wanted.setdefault(name, []).append(values)
        wanted.setdefault("row", []).append(np.arange(length) + 1000 * number)
    assert (tmp_path / "s.arrows").stat().st_size == stream.size  # nothing is buffered
    table = read(tmp_path / "s.arrows")
    stream.close()
    table.validate(full=True)
    assert [batch.num_rows for batch in table.to_batches()] == lengths
    assert table.column_names[0] == "row"
    for name, parts in wanted.items():
        column = table.column(name).combine_chunks()
        assert column.null_count == 0
        values = column.flatten() if pa.types.is_fixed_size_list(column.type) else column
        found = values.to_numpy(zero_copy_only=False).reshape(np.concatenate(parts).shape)
        np.testing.assert_array_equal(found, np.concatenate(parts), err_msg=name)


def test_many_lengths(tmp_path):
    """As with batches by token count: only some messages are cached, and all are right."""
    stream = Stream(tmp_path / "s.arrows", schema(2))
    lengths = [*range(1, LENGTHS + 9), *range(1, LENGTHS + 9)]
    for length in lengths:
        stream.slots(length)["row"][:] = length
        stream.append(length)
    assert len(stream._messages) == LENGTHS
    stream.close()
    assert read(tmp_path / "s.arrows").column("row").to_numpy().tolist() == np.repeat(lengths, lengths).tolist()


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64", "int64"])
def test_every_kind_of_logits_fills_the_same_slots(tmp_path, rng, dtype):
    torch = pytest.importorskip("torch")
    stream = Stream(tmp_path / "s.arrows", schema(3))
    logits = torch.tensor(rng.normal(size=(50, 3)) * 4).to(getattr(torch, dtype))
    given = rng.integers(-1, 3, 50)
    slots = stream.slots(50)
    fill_statistics(logits, given, slots)
    for name, values in statistics(logits, given).items():
        np.testing.assert_array_equal(slots[name], values, err_msg=name)
    stream.close()
