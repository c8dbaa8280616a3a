"""Every kind of file in a run, damaged in every way, through everything that reads runs.

A trial ends well if each step gives what it gave for the undamaged run or one clear error, and if a step that gives
something else is explained: `check` finds the damage. `python fuzz.py FIRST LAST [all]` runs the trials of these seeds
with all steps and prints what goes wrong.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import sys
import tempfile
import traceback
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd

import workbench as wb
from workbench.errors import WorkbenchError
from workbench.storage.inspection import inspect

N, K, EPOCHS = 36, 3, 3

CHANGES_NOTHING = ("pred_probs.json", "embeddings/epoch=0002.json", "journal.sqlite-wal", "journal.sqlite-shm")


def make_run(path: Path) -> Path:
    """A small run with a file of every kind."""
    from PIL import Image

    from workbench.issues.audit import draw_audit
    from workbench.recording.recorder import Recorder

    rng = np.random.default_rng(7)
    truth = np.arange(N) % K
    pictures = rng.integers(0, 255, (N, 6, 6), dtype=np.uint8)
    dataset = wb.Dataset.from_arrays(
        truth, images=pictures, texts=[f"text {row}" for row in range(N)], classes=["a", "b", "c"],
        metadata=pd.DataFrame({"size": rng.random(N), "place": rng.choice(["here", "there"], N)}),
    )  # fmt: skip
    dataset = wb.plant(dataset, 0.1, seed=0)
    with Recorder(path, dataset, logits=True) as recorder:
        for epoch in range(EPOCHS):
            with recorder.epoch(epoch):
                logits = np.eye(K)[truth] * (epoch + 1) + rng.normal(size=(N, K))
                extra = {"embeddings": np.eye(K)[truth].repeat(3, 1) + rng.normal(0, 0.3, (N, 3 * K))}
                recorder.batch(np.arange(N), logits, **(extra if epoch == EPOCHS - 1 else {}))
                if epoch == 0:
                    import torch

                    recorder.checkpoint({"w": torch.zeros(3)})
        run = recorder.run()
        probs = np.exp(np.eye(K)[truth] * 2 + rng.normal(size=(N, K)))
        run.save_pred_probs(probs / probs.sum(1, keepdims=True), out_of_fold=True, how="three folds")
        run.save_embeddings(run.embeddings().astype(np.float32), how="a net", trained_on_labels=False)
    people = [(row, name, "abc"[(row + (row % 7 == 0)) % K]) for row in range(N) for name in ("ann", "bob")]
    run.save_votes(pd.DataFrame(people, columns=["id", "annotator", "label"]))
    issues = wb.find_issues(run)
    draw_audit(run, issues, budget=10) if callable(draw_audit) else None
    run.journal.relabel([3], "a", old=[run.dataset.given[3]])
    run.journal.close()
    assert Image
    return path


if __name__ == "__main__":
    path = Path(tempfile.mkdtemp()) / "run"
    make_run(path)
    print(sorted(str(p.relative_to(path)) for p in path.rglob("*") if p.is_file()))
