"""Time that the default recorder adds to an epoch of a small CNN on the CPU, and its bytes on disk."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from measuring import size

from works import Row, work

LIMIT = 0.005
"""Share of the epoch that recording may take."""


@work(full={"n": 4096, "epochs": 5}, quick={"n": 512, "epochs": 1})
def recording_beside_a_cnn(folder: Path, n: int, epochs: int) -> Iterator[Row]:
    "Time of `Recorder` in an epoch of 32 x 32 images, ten classes, batches of 128."
    import recording

    found = recording.measure(n, 10, 128, epochs)
    of = size(n, 10)
    share = found["recorder_s"] / found["epoch_s"]
    yield Row("recording one epoch", of, found["recorder_s"], None, "an epoch of a small CNN", share)
    yield Row("recording, against its limit", of, found["recorder_s"], None, "0.5 % of that epoch", share / LIMIT)
    for part, name in (("statistics of a batch", "of_it_statistics_us"), ("writing a batch", "of_it_writing_us")):
        yield Row(part, size(128, 10), found[name] / 1e6, None, "recording a batch", found[name] / found["batch_us"])
    kept = found["bytes_per_example_and_epoch"]
    yield Row("bytes of statistics per example and epoch", of, None, None, "float16 logits (20 bytes)", kept / 20)
