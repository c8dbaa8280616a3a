"""Digits on canvases with seeded errors in their masks, and trees that segment them out of fold."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
from scipy.ndimage import binary_dilation, binary_erosion, gaussian_filter, zoom

SIZE, CLASSES = 48, ("nothing", "0", "1", "2", "3", "4")
RATES = {"drop": 0.05, "shift": 0.04, "erode": 0.03, "grow": 0.03, "cut": 0.04, "swap": 0.05}
"""Shares of the objects with each error; a fifth of the images also gets a blob where nothing is."""

BLOBS = 0.2
MOST_TAUGHT = 40_000
"""Largest number of pixels with which the trees of a fold are taught."""
ERRORS = (*RATES, "blob")


class Canvases(NamedTuple):
    """images (n, 48, 48) float32; true, given (n, 48, 48) uint8 class indices; kinds (n, 48, 48) uint8, the error
    of each wrong pixel: place in `ERRORS`, from 1; probs (n, 6, 48, 48) float32."""

    images: np.ndarray
    true: np.ndarray
    given: np.ndarray
    kinds: np.ndarray
    probs: np.ndarray


def made(n: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return images, true and given masks, and kinds of errors: 2 to 4 digits of five classes on each canvas."""
    from sklearn.datasets import load_digits

    random = np.random.default_rng(seed)
    digits = load_digits(n_class=5)
    images = np.zeros((n, SIZE, SIZE), np.float32)
    true, given, kinds = np.zeros((3, n, SIZE, SIZE), np.uint8)
    for row in range(n):
        objects = []
        for _ in range(int(random.integers(2, 5))):
            at = int(random.integers(len(digits.images)))
            ink = zoom(digits.images[at] / 16, float(random.uniform(1.6, 2.4)), order=1)
            top, left = (int(random.integers(0, SIZE - side + 1)) for side in ink.shape)
            box = slice(top, top + ink.shape[0]), slice(left, left + ink.shape[1])
            free = (ink > 0.3) & (true[row][box] == 0)
            images[row][box] = np.maximum(images[row][box], ink)
            true[row][box][free] = digits.target[at] + 1
            inside = np.zeros((SIZE, SIZE), bool)
            inside[box] = free
            objects.append((inside, int(digits.target[at]) + 1))
        for inside, code in objects:
            now, other, kind = damaged(inside, code, random)
            given[row][now] = other
            kinds[row][(now | inside) & (kind > 0)] = kind
        if random.random() < BLOBS:
            y, x = np.mgrid[:SIZE, :SIZE]
            cy, cx, radius = *random.uniform(6, SIZE - 6, 2), random.uniform(2.5, 4.5)
            blob = (y - cy) ** 2 + (x - cx) ** 2 < radius**2
            given[row][blob & (true[row] == 0)] = int(random.integers(1, 6))
            kinds[row][blob & (true[row] == 0)] = len(ERRORS)
    images += random.normal(0, 0.15, images.shape).astype(np.float32)
    return images, true, given, np.where(given != true, kinds, 0).astype(np.uint8)


def damaged(inside: np.ndarray, code: int, random: np.random.Generator) -> tuple[np.ndarray, int, int]:
    """Return the mask of an object with at most one error, its class, and the kind of the error, 0 for none."""
    shares = [1 - sum(RATES.values()), *RATES.values()]
    number = int(random.choice(len(shares), p=shares))
    kind = ["", *RATES][number]
    if not kind:
        return inside, code, 0
    if kind == "drop":
        return np.zeros_like(inside), code, number
    if kind == "shift":
        step = random.choice([-3, -2, 2, 3], 2)
        return np.roll(inside, tuple(step.tolist()), (0, 1)), code, number
    if kind == "erode":
        return binary_erosion(inside, iterations=1), code, number
    if kind == "grow":
        return binary_dilation(inside, iterations=2), code, number
    if kind == "cut":
        rows = np.flatnonzero(inside.any(axis=1))
        half = inside.copy()
        half[rows[len(rows) // 2] :] = False
        return half, code, number
    return inside, 1 + (code - 1 + int(random.integers(1, 5))) % 5, number


def out_of_fold(images: np.ndarray, labels: np.ndarray, k: int, folds: int = 3) -> np.ndarray:
    """Return probabilities (n, k, h, w) by trees on the patches around pixels, taught with the labels of the other
    folds: all pixels of objects, and as many others."""
    from sklearn.ensemble import ExtraTreesClassifier

    fold = np.random.default_rng(0).permutation(len(images)) % folds
    probs = np.zeros((len(images), k, *images.shape[1:]), np.float32)
    for one in range(folds):
        random = np.random.default_rng(one)
        rows, values = [], []
        for row in np.flatnonzero(fold != one):
            flat = labels[row].ravel()
            objects, rest = np.flatnonzero(flat), np.flatnonzero(flat == 0)
            at = np.concatenate([objects, random.choice(rest, min(len(rest), 2 * len(objects) + 50), replace=False)])
            rows.append(patches(images[row])[at])
            values.append(flat[at])
        x, y = np.concatenate(rows), np.concatenate(values)
        some = random.permutation(len(y))[:MOST_TAUGHT]
        trees = ExtraTreesClassifier(30, min_samples_leaf=3, max_features=24, random_state=one).fit(x[some], y[some])
        share = np.bincount(labels[fold != one].ravel(), minlength=k) / (fold != one).sum() / labels[0].size
        taught = np.bincount(y, minlength=k) / len(y)
        for row in np.flatnonzero(fold == one):
            found = trees.predict_proba(patches(images[row])) * (share / taught)
            found = (found / found.sum(axis=1, keepdims=True)).T.reshape(k, *images.shape[1:])
            probs[row] = gaussian_filter(found, (0, 0.8, 0.8))
    return probs / probs.sum(axis=1, keepdims=True)


def patches(image: np.ndarray) -> np.ndarray:
    """Return the patches around the pixels (h w, 202): 9 x 9 pixels, and 11 x 11 of every second one."""
    h, w = image.shape
    padded = np.pad(image, 10, mode="reflect")
    smooth = gaussian_filter(padded, 1)
    near = [padded[10 + y : 10 + y + h, 10 + x : 10 + x + w] for y in range(-4, 5) for x in range(-4, 5)]
    far = [smooth[y : y + h, x : x + w] for y in range(0, 21, 2) for x in range(0, 21, 2)]
    return np.stack([*near, *far], axis=-1).reshape(h * w, -1)


def canvases(n: int, seed: int, cache: Path) -> Canvases:
    """Return the canvases with predictions, which are kept in the folder `cache`."""
    file = cache / f"digit-masks-{n}-{seed}.npz"
    images, true, given, kinds = made(n, seed)
    if not file.exists():
        cache.mkdir(parents=True, exist_ok=True)
        np.savez_compressed(file, probs=out_of_fold(images, given, len(CLASSES)).astype(np.float16))
    with np.load(file) as data:
        probs = data["probs"].astype(np.float32)
    return Canvases(images, true, given, kinds, probs / probs.sum(axis=1, keepdims=True))
