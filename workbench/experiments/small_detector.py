"""A small detector of objects that is trained in seconds, for predictions out of fold on small pictures.

It serves to judge boxes where no detector is at hand, and for lessons and benchmarks. Where there are predictions of a
better one, trained without the images it predicts, these say more.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from workbench.data.dataset import Dataset
from workbench.foundation.devices import one_thread
from workbench.foundation.errors import InputError
from workbench.tasks.box_table import BoxTable, box_table_of

if TYPE_CHECKING:
    import torch

STRIDE = 4
"""Pixels of a picture per cell of the heat maps, in each direction."""

DETECTOR_RATE = 5e-3
LEAST_PEAK = 0.02
"""Smallest score of a predicted box."""

MOST_PEAKS = 150
"""Largest number of predicted boxes of a picture."""


def detect_out_of_fold(
    images: Any,
    labels: Any,
    *,
    folds: int = 3,
    epochs: int = 12,
    crop: int = 0,
    width: int = 12,
    batch: int = 8,
    seed: int = 0,
) -> list[dict[str, np.ndarray]]:
    """Predict each picture by a small detector that was trained on the labels of other pictures.

    Parameters
    ----------
    images : (n, h, w) or (n, h, w, 3) uint8, or float in [0, 1]; all of one size.
    labels : the labels of the n pictures, as for `find_issues(task="boxes")`, or a Dataset of them. Pictures without a
        label are not trained on.
    folds : number of parts into which the pictures are dealt. epochs : passes over the training pictures.
    crop : side in pixels of random crops on which to train, flipped at random; 0 for whole pictures, not flipped.
    width : channels of the first layer; others have up to four times as many. batch : pictures per step.
    seed : random seed.

    Returns
    -------
    n dicts {"bboxes": (p, 4) float64, "scores": (p,), "labels": (p,)}, as `find_issues` takes them as `predictions`:
    all local peaks of the heat maps with a score of at least `LEAST_PEAK`, of every class, the largest first.

    Raises
    ------
    InputError : pictures of another shape, another number of labels, no box at all, or a wrong number of folds.

    Notes
    -----
    The network is a small CenterNet (Zhou, Wang & Kraehenbuehl 2019, "Objects as points") of stride 4: heat maps of
    centres by class, trained with a focal loss, sizes and offsets with an absolute loss.

    Examples
    --------
    >>> import workbench as wb
    >>> images, labels = wb.experiments.digit_canvases(40)
    >>> predictions = wb.experiments.detect_out_of_fold(images, labels, epochs=1)
    >>> sorted(predictions[0])
    ['bboxes', 'labels', 'scores']
    """
    import torch

    pictures = _as_pictures(images)
    dataset = labels if isinstance(labels, Dataset) else Dataset.from_arrays(labels, task="boxes")
    classes, table = dataset.class_values, box_table_of(dataset.labels)
    n = len(pictures)
    if table.n != n:
        raise InputError.at("labels", f"has {table.n} entries for {n} images", "Pass one label per image.")
    if not 2 <= folds <= n:
        raise InputError.at("folds", f"is {folds}", f"Pass 2 to {n} folds.")
    if not classes:
        raise InputError.at("labels", "holds no box", "Label some objects first.")
    fold = np.random.default_rng(seed).permutation(n) % folds
    found: list[dict[str, np.ndarray]] = [{} for _ in range(n)]
    for held in range(folds):
        train, test = np.flatnonzero((fold != held) & ~table.missing), np.flatnonzero(fold == held)
        rng = np.random.default_rng([seed, held])
        with torch.random.fork_rng(), one_thread():
            torch.manual_seed(int(rng.integers(2**31)))
            net = detector_network(pictures.shape[1], len(classes), width)
            _train(net, pictures, table, train, len(classes), epochs, crop, batch, rng)
            for row, one in zip(test.tolist(), _predicted(net, pictures, test)):
                found[row] = {**one, "labels": np.array(classes)[one["labels"]]}
    return found


def _as_pictures(images: Any) -> np.ndarray:
    """Return float32 (n, channels, h, w) in [0, 1]."""
    pixels = np.asarray(images)
    if pixels.ndim not in (3, 4) or not pixels.size or pixels.dtype.kind not in "uif":
        found = f"has shape {pixels.shape} and dtype {pixels.dtype}"
        raise InputError.at("images", found, "Pass (n, h, w) or (n, h, w, 3), uint8 or float in [0, 1].")
    values = pixels.astype(np.float32) / (1 if pixels.dtype.kind == "f" else 255)
    return values[:, None] if pixels.ndim == 3 else np.ascontiguousarray(values.transpose(0, 3, 1, 2))


def detector_network(channels: int, k: int, width: int) -> torch.nn.Module:
    """Return a network that maps (b, channels, h, w) to logits of centres (b, k, h / 4, w / 4), and to the log size in
    cells and the offset of the centre (b, 4, h / 4, w / 4)."""
    import torch
    from torch import nn

    def block(before: int, after: int, stride: int = 1) -> nn.Module:
        convolution = nn.Conv2d(before, after, 3, stride, 1, bias=False)
        return nn.Sequential(convolution, nn.BatchNorm2d(after), nn.ReLU())

    class Detector(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            two, four = 2 * width, 4 * width
            self.fine = nn.Sequential(block(channels, width, 2), block(width, two, 2), block(two, two))
            self.coarse = nn.Sequential(block(two, four, 2), block(four, four), block(four, four))
            self.larger = nn.Upsample(scale_factor=2, mode="nearest")
            self.joined = block(two + four, two)
            self.heat, self.place = nn.Conv2d(two, k, 1), nn.Conv2d(two, 4, 1)
            assert self.heat.bias is not None
            nn.init.constant_(self.heat.bias, -4.0)

        def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            fine = self.fine(x)
            coarse = self.larger(self.coarse(fine))[:, :, : fine.shape[2], : fine.shape[3]]
            features = self.joined(torch.cat([fine, coarse], 1))
            return self.heat(features), self.place(features)

    return Detector()


def _train(
    net: torch.nn.Module, pictures: np.ndarray, table: BoxTable, train: np.ndarray, k: int, epochs: int, crop: int,
    batch: int, rng: np.random.Generator,
) -> None:  # fmt: skip
    """Train on the pictures `train`, with a one-cycle learning rate."""
    import torch

    optimizer = torch.optim.Adam(net.parameters(), lr=DETECTOR_RATE, foreach=True)
    batches = -(-len(train) // batch)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, DETECTOR_RATE, total_steps=max(epochs * batches, 2))
    starts = table.starts
    net.train()

    def example(row: int) -> tuple[np.ndarray, ...]:
        own = slice(starts[row], starts[row + 1])
        picture, places = _cropped(pictures[row], table.places[own], crop, rng)
        inside = ((places[:, 2:] - places[:, :2]) > 2).all(axis=1)
        height, breadth = (-(-side // STRIDE) for side in picture.shape[1:])
        return picture, *_targets(places[inside], table.label[own][inside], k, height, breadth)

    whole = {} if crop else {row: example(row) for row in train.tolist()}  # the same in each epoch
    for _ in range(epochs):
        for rows in np.array_split(rng.permutation(train), batches):
            examples = [example(row) if crop else whole[row] for row in rows.tolist()]
            seen, *wanted = (torch.from_numpy(np.stack(one)) for one in zip(*examples))
            loss = _loss(net(seen), *wanted)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()


def _loss(
    output: tuple[torch.Tensor, torch.Tensor], heat: torch.Tensor, where: torch.Tensor, centers: torch.Tensor
) -> torch.Tensor:
    """Return the focal loss of the centres and the absolute error of sizes and offsets at these, per object."""
    guess, place = output
    p = guess.sigmoid().clamp(1e-4, 1 - 1e-4)
    peak = (heat == 1).float()
    focal = -(peak * (1 - p) ** 2 * p.log() + (1 - peak) * (1 - heat) ** 4 * p**2 * (1 - p).log()).sum()
    far = ((place - where).abs() * centers[:, None]).sum()
    return (focal + far) / centers.sum().clamp(min=1)


def _targets(places: np.ndarray, label: np.ndarray, k: int, height: int, width: int) -> tuple[np.ndarray, ...]:
    """Return heat maps (k, h, w) with a 1 at each centre, log sizes and offsets (4, h, w), and centres (h, w)."""
    heat = np.zeros((k, height, width), np.float32)
    where = np.zeros((4, height, width), np.float32)
    centers = np.zeros((height, width), np.float32)
    boxes = places / STRIDE
    side, middle = np.maximum(boxes[:, 2:] - boxes[:, :2], 0.25), (boxes[:, :2] + boxes[:, 2:]) / 2
    cell = np.clip(middle, 0, [width - 1, height - 1]).astype(np.int64)
    column, row = cell.T
    across, down = 2 * np.maximum(side / 6, 0.6).T ** 2
    from_column = (np.arange(width) - column[:, None]) ** 2 / across[:, None]
    from_row = (np.arange(height) - row[:, None]) ** 2 / down[:, None]
    spots = np.exp(-from_column[:, None, :] - from_row[:, :, None])
    for code, spot in zip(label.tolist(), spots):
        np.maximum(heat[code], spot, out=heat[code])
    where[:, row, column] = np.concatenate([np.log(side), middle - cell - 0.5], axis=1).T  # the last one in each cell
    centers[row, column] = 1
    return heat, where, centers


def _cropped(
    picture: np.ndarray, places: np.ndarray, crop: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Return a random crop of at most `crop` pixels, flipped at random; the whole picture if `crop` is 0."""
    if not crop:
        return picture, places
    height, width = (min(crop, side) for side in picture.shape[1:])
    y, x = (int(rng.integers(side - own + 1)) for side, own in zip(picture.shape[1:], (height, width)))
    picture = picture[:, y : y + height, x : x + width]
    places = np.clip(places - [x, y, x, y], 0, [width, height, width, height])
    if rng.random() < 0.5:
        picture, places = picture[:, :, ::-1], np.abs(places - [width, 0, width, 0])[:, [2, 1, 0, 3]]
    if rng.random() < 0.5:
        picture, places = picture[:, ::-1], np.abs(places - [0, height, 0, height])[:, [0, 3, 2, 1]]
    return np.ascontiguousarray(picture), places


def _predicted(
    net: torch.nn.Module, pictures: np.ndarray, rows: Sequence[int] | np.ndarray
) -> list[dict[str, np.ndarray]]:
    """Return the peaks of the heat maps of some pictures, as boxes in pixels."""
    import torch

    net.eval()
    found = []
    limit = np.array([pictures.shape[3], pictures.shape[2]] * 2)
    with torch.no_grad():
        for own in np.array_split(np.asarray(rows), max(-(-len(rows) // 32), 1)):
            guess, place = net(torch.from_numpy(pictures[own]))
            p = guess.sigmoid()
            peak = (torch.nn.functional.max_pool2d(p, 3, 1, 1) == p) & (p > LEAST_PEAK)
            for here, scores, places in zip(peak.numpy(), p.numpy(), place.numpy()):
                code, y, x = np.nonzero(here)
                best = np.argsort(-scores[code, y, x], kind="stable")[:MOST_PEAKS]
                code, y, x = code[best], y[best], x[best]
                half = np.exp(places[:2, y, x]) / 2
                middle = np.stack([x, y]) + 0.5 + places[2:, y, x]
                boxes = np.clip(np.concatenate([middle - half, middle + half]).T * STRIDE, 0, limit)
                kept = (boxes[:, 2:] > boxes[:, :2]).all(axis=1)
                score = scores[code, y, x].astype(np.float64)
                found.append({"bboxes": boxes.astype(np.float64)[kept], "scores": score[kept], "labels": code[kept]})
    return found
