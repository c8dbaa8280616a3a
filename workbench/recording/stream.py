"""The stream of an epoch in progress: batches of statistics are appended to a file in the Arrow stream format.

For speed, Arrow lays out a message once per batch length, and later batches of that length are written into the same
bytes through NumPy arrays (20 us instead of 120 us). The file is unbuffered, so a killed process loses at most the
current batch.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pyarrow as pa

from workbench.foundation.statistics import FLOATS

LENGTHS = 16  # number of batch lengths whose messages are kept


class Stream:
    """An Arrow stream with the columns row and those of `statistics`.

    Parameters
    ----------
    path : path of the file; an existing one is replaced.
    kept : number of largest probabilities per row.
    """

    def __init__(self, path: Path, kept: int) -> None:
        fields = [("row", pa.int64()), *((name, pa.float32()) for name in FLOATS)]
        fields += [("pred", pa.int32()), ("correct", pa.bool_())]
        fields += [("topk_p", pa.list_(pa.float32(), kept)), ("topk_class", pa.list_(pa.int32(), kept))]
        self._schema = pa.schema(fields)
        self._kept = kept
        self._messages: dict[int, _Message] = {}
        self._file = open(path, "wb", buffering=0)  # noqa: SIM115 (closed by close())
        self.size = 0  # bytes of complete messages

    def slots(self, length: int) -> dict[str, np.ndarray]:
        """Return arrays for the columns of a batch, to be filled before `append` writes them. They are reused."""
        if length not in self._messages:
            if len(self._messages) >= LENGTHS:
                del self._messages[next(iter(self._messages))]
            self._messages[length] = _Message(self._schema, length, self._kept)
        return self._messages[length].slots

    def append(self, length: int) -> None:
        """Write the slots of this length as one batch. After an error that the process survives, nothing is written."""
        message = self._messages[length].packed()
        if self.size == 0:
            self._write(self._schema.serialize())
        self._write(message)

    def _write(self, message: pa.Buffer | bytearray) -> None:
        left = memoryview(message)
        try:
            while left:
                left = left[self._file.write(left) :]
        except BaseException:
            self._file.truncate(self.size)
            self._file.seek(self.size)
            raise
        self.size += len(message)

    def close(self) -> None:
        """Close the file."""
        self._file.close()


class _Message:
    """The bytes of a record batch of one length, and arrays that are views of them."""

    def __init__(self, schema: pa.Schema, length: int, kept: int) -> None:
        blank: Mapping[str, pa.Array] = {
            field.name: pa.FixedSizeListArray.from_arrays(pa.array(np.zeros(length * kept, _dtype(field.type))), kept)
            if pa.types.is_fixed_size_list(field.type)
            else pa.array(np.zeros(length, _dtype(field.type)))
            for field in schema
        }
        written = pa.record_batch(list(blank.values()), schema=schema).serialize()
        self._bytes = bytearray(written)
        message = pa.ipc.read_message(written)
        batch = pa.ipc.read_record_batch(message, schema)
        body = len(written) - message.body.size
        self.slots: dict[str, np.ndarray] = {}
        for field, column in zip(schema, batch.columns):
            flat = column.flatten() if pa.types.is_fixed_size_list(field.type) else column
            start = body + flat.buffers()[1].address - message.body.address
            if field.name == "correct":  # bits in Arrow, bytes in NumPy
                self.slots[field.name] = np.zeros(length, bool)
                self._bits = np.frombuffer(self._bytes, np.uint8, -(-length // 8), start)
                continue
            view = np.frombuffer(self._bytes, _dtype(field.type), len(flat), start)
            self.slots[field.name] = view.reshape(length, -1) if flat is not column else view

    def packed(self) -> bytearray:
        """Return the message with the contents of the slots."""
        self._bits[:] = np.packbits(self.slots["correct"], bitorder="little")
        return self._bytes


def _dtype(kind: pa.DataType) -> np.dtype:
    return np.dtype((kind.value_type if pa.types.is_fixed_size_list(kind) else kind).to_pandas_dtype())
