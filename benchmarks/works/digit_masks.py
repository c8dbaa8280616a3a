"""Digits on canvases with seeded errors in their masks, and a small network that segments them out of fold."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
from scipy.ndimage import binary_dilation, binary_erosion, zoom

SIZE, CLASSES = 72, ("nothing", "0", "1", "2", "3", "4")
RATES = {"drop": 0.05, "shift": 0.04, "erode": 0.03, "grow": 0.03, "cut": 0.04, "swap": 0.05}
"""Shares of the objects with each error; a fifth of the images also gets a blob where nothing is."""

BLOBS = 0.2


class Canvases(NamedTuple):
    """images (n, 72, 72) float32; true, given (n, 72, 72) uint8 class indices; probs (n, 6, 72, 72) float32."""

    images: np.ndarray
    true: np.ndarray
    given: np.ndarray
    probs: np.ndarray


def made(n: int, seed: int, errors: tuple[str, ...] = tuple(RATES)) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return images, true and given masks: 2 to 4 digits of five classes on each canvas."""
    from sklearn.datasets import load_digits

    random = np.random.default_rng(seed)
    digits = load_digits(n_class=5)
    images = np.zeros((n, SIZE, SIZE), np.float32)
    true, given = np.zeros((2, n, SIZE, SIZE), np.uint8)
    for row in range(n):
        objects = []
        for _ in range(int(random.integers(2, 5))):
            at = int(random.integers(len(digits.images)))
            ink = zoom(digits.images[at] / 16, float(random.uniform(2.2, 3.4)), order=1)
            top, left = (int(random.integers(0, SIZE - side + 1)) for side in ink.shape)
            box = slice(top, top + ink.shape[0]), slice(left, left + ink.shape[1])
            free = (ink > 0.3) & (true[row][box] == 0)
            images[row][box] = np.maximum(images[row][box], ink)
            true[row][box][free] = digits.target[at] + 1
            inside = np.zeros((SIZE, SIZE), bool)
            inside[box] = free
            objects.append((inside, int(digits.target[at]) + 1))
        for inside, code in objects:
            inside, code = damaged(inside, code, random, errors)
            given[row][inside] = code
        if len(errors) > 1 and random.random() < BLOBS:
            y, x = np.mgrid[:SIZE, :SIZE]
            cy, cx, radius = *random.uniform(8, SIZE - 8, 2), random.uniform(3, 6)
            blob = (y - cy) ** 2 + (x - cx) ** 2 < radius**2
            given[row][blob & (true[row] == 0)] = int(random.integers(1, 6))
    images += random.normal(0, 0.15, images.shape).astype(np.float32)
    return images, true, given


def damaged(
    inside: np.ndarray, code: int, random: np.random.Generator, errors: tuple[str, ...]
) -> tuple[np.ndarray, int]:
    """Return the mask of an object with at most one error, and its class."""
    kinds = [*RATES, ""]
    shares = np.array([*RATES.values(), 1 - sum(RATES.values())])
    kind = str(random.choice(kinds, p=shares))
    if kind not in errors:
        return inside, code
    if kind == "drop":
        return np.zeros_like(inside), code
    if kind == "shift":
        step = random.choice([-4, -3, 3, 4], 2)
        return np.roll(inside, tuple(step.tolist()), (0, 1)), code
    if kind == "erode":
        return binary_erosion(inside, iterations=1), code
    if kind == "grow":
        return binary_dilation(inside, iterations=2), code
    if kind == "cut":
        rows = np.flatnonzero(inside.any(axis=1))
        half = inside.copy()
        half[rows[len(rows) // 2] :] = False
        return half, code
    return inside, 1 + (code - 1 + int(random.integers(1, 5))) % 5


def out_of_fold(images: np.ndarray, labels: np.ndarray, k: int, epochs: int = 14, folds: int = 3) -> np.ndarray:
    """Return probabilities (n, k, h, w) of a small U-Net trained on the labels of the other folds."""
    import torch

    torch.manual_seed(0)
    torch.set_num_threads(1)
    x, y = torch.tensor(images)[:, None], torch.tensor(labels.astype(np.int64))
    fold = np.random.default_rng(0).permutation(len(images)) % folds
    probs = np.zeros((len(images), k, *images.shape[1:]), np.float32)
    for one in range(folds):
        net = network(k)
        steps = torch.optim.Adam(net.parameters(), 4e-3)
        rows = np.flatnonzero(fold != one)
        random = np.random.default_rng(one)
        for epoch in range(epochs):
            for group in steps.param_groups:
                group["lr"] = 4e-3 * (1 - epoch / epochs) + 2e-4
            for batch in np.array_split(random.permutation(rows), len(rows) // 12):
                steps.zero_grad()
                torch.nn.functional.cross_entropy(net(x[batch]), y[batch]).backward()
                steps.step()
        net.eval()
        with torch.no_grad():
            for batch in np.array_split(np.flatnonzero(fold == one), 8):
                probs[batch] = torch.softmax(net(x[batch]), 1).numpy()
    return probs


def network(k: int, width: int = 14):
    from torch import cat, nn

    def block(inside: int, outside: int) -> nn.Module:
        return nn.Sequential(
            nn.Conv2d(inside, outside, 3, padding=1), nn.BatchNorm2d(outside), nn.ReLU(),
            nn.Conv2d(outside, outside, 3, padding=1), nn.BatchNorm2d(outside), nn.ReLU(),
        )  # fmt: skip

    class UNet(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.down = nn.ModuleList([block(1, width), block(width, 2 * width), block(2 * width, 4 * width)])
            self.up = nn.ModuleList([block(6 * width, 2 * width), block(3 * width, width)])
            self.last = nn.Conv2d(width, k, 1)
            self.pool, self.larger = nn.MaxPool2d(2), nn.Upsample(scale_factor=2)

        def forward(self, x):
            first = self.down[0](x)
            second = self.down[1](self.pool(first))
            third = self.down[2](self.pool(second))
            second = self.up[0](cat([self.larger(third), second], 1))
            return self.last(self.up[1](cat([self.larger(second), first], 1)))

    return UNet()


def canvases(n: int, seed: int, errors: tuple[str, ...], cache: Path) -> Canvases:
    """Return the canvases with predictions, from the cache if they were made before."""
    file = cache / f"canvases-{n}-{seed}-{'-'.join(errors)}.npz"
    if not file.exists():
        cache.mkdir(parents=True, exist_ok=True)
        images, true, given = made(n, seed, errors)
        np.savez_compressed(file, probs=out_of_fold(images, given, len(CLASSES)).astype(np.float16))
    images, true, given = made(n, seed, errors)
    with np.load(file) as data:
        probs = data["probs"].astype(np.float32)
    return Canvases(images, true, given, probs / probs.sum(axis=1, keepdims=True))
