"""Sets of labelled boxes with known errors, and a small detector that predicts each image out of fold.

Canvases are made of scikit-learn's digits, and their labels are damaged with a seed; `kitti` and `bccd` are read from a
folder of data. Predictions are kept in a cache outside of the repository, since training takes minutes.
"""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

CACHE = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "label-workbench-benchmarks"


class BoxSet(NamedTuple):
    """n images: given and true boxes, flat arrays ordered by image, and predictions out of fold.

    given, true, found : dicts of "rows" (m,), "places" (m, 4), "label" (m,); `found` with "score" (m,).
    size : (n, 2) width and height in pixels, or None. judged : (m,) given boxes that have a verdict.
    """

    name: str
    n: int
    classes: tuple[str, ...]
    given: dict[str, np.ndarray]
    true: dict[str, np.ndarray]
    found: dict[str, np.ndarray]
    size: np.ndarray | None
    images: np.ndarray | None = None


SIDE = 128

MIXES: dict[str, dict[str, Any]] = {
    "canvases": {"drop": 0.06, "shift": 0.05, "swap": 0.04, "spurious": 0.04},
    "canvases, dropped": {"drop": 0.18},
    "canvases, shifted and swapped": {"shift": 0.08, "swap": 0.08},
    "canvases, systematic": {"drop": 0.02, "shift": 0.02, "omit": (1, 7)},
}
"""Shares of errors by kind. "omit": classes of which two thirds, those in the left half, are left out."""


def canvases(name: str, seed: int = 0) -> BoxSet:
    """Canvases of 3 to 8 digits, with boxes that are damaged with the shares of `MIXES[name]`."""
    from sklearn.datasets import load_digits

    n = 500 if name == "canvases" else 240
    digits = load_digits()
    rng = np.random.default_rng(seed)
    images = np.zeros((n, SIDE, SIDE), np.float32)
    rows, places, label = [], [], []
    for row in range(n):
        images[row] = rng.normal(0.08, 0.05, (SIDE, SIDE))
        own: list[np.ndarray] = []
        for _ in range(200):
            if len(own) >= 3 + row % 6:
                break
            one = int(rng.integers(len(digits.images)))
            scale = int(rng.integers(2, 5))
            pixels = np.kron(digits.images[one] / 16, np.ones((scale, scale)))
            ink = np.argwhere(pixels > 0.15)
            (y0, x0), (y1, x1) = ink.min(axis=0), ink.max(axis=0) + 1
            pixels = pixels[y0:y1, x0:x1]
            height, width = pixels.shape
            x, y = (int(rng.integers(SIDE - side)) for side in (width, height))
            box = np.array([x, y, x + width, y + height], float)
            if own and max(overlap(box, other) for other in own) > 0.05:
                continue
            images[row, y : y + height, x : x + width] = np.maximum(
                images[row, y : y + height, x : x + width], pixels * rng.uniform(0.6, 1)
            )
            own.append(box)
            rows.append(row)
            places.append(box)
            label.append(int(digits.target[one]))
    true = {"rows": np.array(rows), "places": np.array(places), "label": np.array(label)}
    given = damaged(true, n, MIXES[name], rng)
    classes = tuple(str(code) for code in range(10))
    size = np.full((n, 2), SIDE)
    found = kept(f"{name}-{n}-{seed}", images[:, None], given, 10, folds=3, epochs=12)
    return BoxSet(name, n, classes, given, true, found, size, images)


def overlap(one: np.ndarray, other: np.ndarray) -> float:
    sides = np.maximum(np.minimum(one[2:], other[2:]) - np.maximum(one[:2], other[:2]), 0)
    inside = float(sides.prod())
    return inside / float((one[2:] - one[:2]).prod() + (other[2:] - other[:2]).prod() - inside)


def damaged(
    true: dict[str, np.ndarray], n: int, mix: dict[str, Any], rng: np.random.Generator
) -> dict[str, np.ndarray]:
    """Labels with errors, written independently of those that the estimator plants."""
    rows, places, label = (true[name].copy() for name in ("rows", "places", "label"))
    draw = rng.random(len(rows))
    drop, shift, swap = (mix.get(name, 0.0) for name in ("drop", "shift", "swap"))
    gone = draw < drop
    if "omit" in mix:
        gone |= np.isin(label, mix["omit"]) & (places[:, 0] < SIDE * 0.6)
    for at in np.flatnonzero((draw >= drop) & (draw < drop + shift)):
        side = places[at, 2:] - places[at, :2]
        for _ in range(100):
            factor = rng.uniform(0.5, 1.6, 2)
            middle = (places[at, :2] + places[at, 2:]) / 2 + rng.uniform(-0.6, 0.6, 2) * side
            box = np.clip(np.r_[middle - side * factor / 2, middle + side * factor / 2], 0, SIDE)
            if 0.1 < overlap(box, places[at]) < 0.5:
                places[at] = box
                break
    swapped = (draw >= drop + shift) & (draw < drop + shift + swap)
    label[swapped] = (label[swapped] + rng.integers(1, 10, int(swapped.sum()))) % 10
    more = rng.random(len(rows)) < mix.get("spurious", 0.0)
    new = []
    for at in np.flatnonzero(more):
        side = places[at, 2:] - places[at, :2]
        row = int(rng.integers(n))
        corner = rng.uniform(0, SIDE - side)
        new.append((row, np.r_[corner, corner + side], int(rng.integers(10))))
    rows = np.r_[rows[~gone], [one[0] for one in new]].astype(np.int64)
    places = np.concatenate([places[~gone], *(one[1][None] for one in new)])
    label = np.r_[label[~gone], [one[2] for one in new]].astype(np.int64)
    order = np.argsort(rows, kind="stable")
    return {"rows": rows[order], "places": places[order], "label": label[order]}


def kitti(folder: Path) -> Iterator[BoxSet]:
    """Pedestrians, with the stored predictions of a detector; true boxes are those that half of the people saw."""
    for file in sorted((folder / "kinds").glob("detection_kitti*.npz")):
        with np.load(file, allow_pickle=False) as data:
            image = data["image"]
            code = int(np.flatnonzero(data["classes"] == "Pedestrian")[0])
            own, sure = data["given_class"] == code, data["ref_prob"] >= 0.5
            where = {
                "given": (data["given_image"][own], data["given_box"][own]),
                "true": (data["ref_image"][sure], data["ref_box"][sure]),
                "found": (data["pred_image"], data["pred_box"]),
            }
            parts = {}
            for name, (number, box) in where.items():
                rows = np.searchsorted(image, number)
                order = np.argsort(rows, kind="stable")
                parts[name] = {
                    "rows": rows[order],
                    "places": box[order].astype(float),
                    "label": np.zeros(len(rows), int),
                }
                if name == "found":
                    parts[name]["score"] = data["pred_score"][order].astype(float)
            yield BoxSet("kitti", len(image), ("Pedestrian",), parts["given"], parts["true"], parts["found"], None)


def bccd(folder: Path) -> Iterator[BoxSet]:
    """Blood cells, with the predictions of a small detector that was trained on the given labels."""
    from PIL import Image

    for file in sorted((folder / "kinds").glob("detection_bccd*.npz")):
        with np.load(file, allow_pickle=False) as data:
            offset = data["jpeg_offset"]
            raw = data["jpeg"]
            n = len(offset) - 1
            pictures = [
                Image.open(io.BytesIO(raw[offset[i] : offset[i + 1]].tobytes())).convert("RGB") for i in range(n)
            ]
            size = np.array([one.size for one in pictures])
            small = [np.asarray(one.resize((160, 120)), np.float32) / 255 for one in pictures]
            images = np.stack(small).transpose(0, 3, 1, 2)
            parts = {}
            for name in ("given", "ref"):
                rows = data[f"{name}_image"].astype(np.int64)
                order = np.argsort(rows, kind="stable")
                parts[name] = {"rows": rows[order], "places": data[f"{name}_box"][order].astype(float)}
                parts[name]["label"] = data[f"{name}_class"][order].astype(np.int64)
            classes = tuple(data["classes"].tolist())
        scale = (size / [160, 120])[:, [0, 1, 0, 1]]
        inner = parts["given"] | {"places": parts["given"]["places"] / scale[parts["given"]["rows"]]}
        found = kept(f"bccd-{n}", images, inner, len(classes), folds=4, epochs=30, crop=96)
        found["places"] = found["places"] * scale[found["rows"]]
        yield BoxSet("bccd", n, classes, parts["given"], parts["ref"], found, size)


def kept(name: str, images: np.ndarray, given: dict[str, np.ndarray], k: int, **options: Any) -> dict[str, np.ndarray]:
    """Return the predictions of `out_of_fold`, from the cache if the images, labels and options are the same."""
    digest = hashlib.blake2b(repr((k, sorted(options.items()), DETECTOR_VERSION)).encode(), digest_size=8)
    for one in (images, *(given[key] for key in ("rows", "places", "label"))):
        digest.update(np.ascontiguousarray(one).tobytes())
    file = CACHE / f"boxes-{name.replace(', ', '-').replace(' ', '-')}-{digest.hexdigest()}.npz"
    if not file.exists():
        found = out_of_fold(images, given, k, **options)
        CACHE.mkdir(parents=True, exist_ok=True)
        part = file.with_suffix(".part.npz")
        np.savez_compressed(part, **found)
        part.replace(file)
    with np.load(file, allow_pickle=False) as data:
        return {key: data[key] for key in data.files}


DETECTOR_VERSION = 2
STRIDE = 4


def out_of_fold(
    images: np.ndarray, given: dict[str, np.ndarray], k: int, *, folds: int, epochs: int, crop: int = 0, width: int = 12
) -> dict[str, np.ndarray]:
    """Predict each image by a detector that was trained on the labels of the other folds.

    Parameters
    ----------
    images : (n, c, h, w) float32. given : boxes in pixels of these images. crop : side of random crops, 0 for whole
        images.
    """
    import torch

    n = len(images)
    fold = np.random.default_rng(0).permutation(n) % folds
    parts = []
    for held in range(folds):
        torch.manual_seed(held)
        train, test = np.flatnonzero(fold != held), np.flatnonzero(fold == held)
        net = network(images.shape[1], k, width)
        fit(net, images, given, train, k, epochs, crop, np.random.default_rng(held))
        parts.append(predicted(net, images, test))
    joined = {name: np.concatenate([one[name] for one in parts]) for name in parts[0]}
    order = np.lexsort((-joined["score"], joined["rows"]))
    return {name: values[order] for name, values in joined.items()}


def network(channels: int, k: int, width: int) -> Any:
    """A small CenterNet (Zhou et al. 2019) with stride 4: class heat maps, log sizes, offsets."""
    from torch import nn

    def block(before: int, after: int, stride: int = 1) -> Any:
        convolution = nn.Conv2d(before, after, 3, stride, 1, bias=False, padding_mode="replicate")
        return nn.Sequential(convolution, nn.BatchNorm2d(after), nn.ReLU())

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.stem = nn.Sequential(
                block(channels, width, 2), block(width, 2 * width, 2), block(2 * width, 2 * width)
            )
            self.deep = nn.Sequential(
                block(2 * width, 4 * width, 2), block(4 * width, 4 * width), block(4 * width, 4 * width)
            )
            self.up = nn.Upsample(scale_factor=2, mode="nearest")
            self.join = block(6 * width, 2 * width)
            self.heat, self.place = nn.Conv2d(2 * width, k, 1), nn.Conv2d(2 * width, 4, 1)
            nn.init.constant_(self.heat.bias, -4.0)

        def forward(self, x: Any) -> Any:
            import torch

            fine = self.stem(x)
            deep = self.up(self.deep(fine))[:, :, : fine.shape[2], : fine.shape[3]]
            joined = self.join(torch.cat([fine, deep], 1))
            return self.heat(joined), self.place(joined)

    return Net()


def targets(places: np.ndarray, label: np.ndarray, k: int, height: int, width: int) -> tuple[np.ndarray, ...]:
    """Heat maps (k, h, w), log sizes and offsets (4, h, w), and the mask (h, w) of centres."""
    heat = np.zeros((k, height, width), np.float32)
    where = np.zeros((4, height, width), np.float32)
    mask = np.zeros((height, width), np.float32)
    y, x = np.mgrid[:height, :width]
    for box, code in zip(places / STRIDE, label):
        side = np.maximum(box[2:] - box[:2], 0.25)
        center = (box[:2] + box[2:]) / 2
        column, row = (int(np.clip(one, 0, most - 1)) for one, most in zip(center, (width, height)))
        sigma = np.maximum(side / 6, 0.6)
        spot = np.exp(-((x - column) ** 2) / (2 * sigma[0] ** 2) - (y - row) ** 2 / (2 * sigma[1] ** 2))
        heat[code] = np.maximum(heat[code], spot)
        where[:, row, column] = [*np.log(side), center[0] - column - 0.5, center[1] - row - 0.5]
        mask[row, column] = 1
    return heat, where, mask


def fit(
    net: Any, images: np.ndarray, given: dict[str, np.ndarray], train: np.ndarray, k: int, epochs: int, crop: int,
    rng: np.random.Generator,
) -> None:  # fmt: skip
    """Train with the focal loss of CenterNet on random crops and flips."""
    import torch

    optimizer = torch.optim.Adam(net.parameters(), lr=5e-3)
    batch = 6
    steps = epochs * -(-len(train) // batch)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 5e-3, total_steps=steps)
    starts = np.searchsorted(given["rows"], np.arange(len(images) + 1))
    net.train()
    for _ in range(epochs):
        for own in np.array_split(rng.permutation(train), -(-len(train) // batch)):
            pictures, wanted = [], []
            for row in own:
                at = slice(starts[row], starts[row + 1])
                picture, places = cropped(images[row], given["places"][at], crop, rng)
                inside = ((places[:, 2:] - places[:, :2]) > 2).all(axis=1)
                pictures.append(picture)
                sides = [-(-side // STRIDE) for side in picture.shape[1:]]
                wanted.append(targets(places[inside], given["label"][at][inside], k, sides[0], sides[1]))
            heat, where, mask = (torch.from_numpy(np.stack(one)) for one in zip(*wanted))
            guess, place = net(torch.from_numpy(np.ascontiguousarray(np.stack(pictures))))
            p = guess.sigmoid().clamp(1e-4, 1 - 1e-4)
            peak = (heat == 1).float()
            focal = -(peak * (1 - p) ** 2 * p.log() + (1 - peak) * (1 - heat) ** 4 * p**2 * (1 - p).log()).sum()
            far = ((place - where).abs() * mask[:, None]).sum()
            loss = (focal + far) / mask.sum().clamp(min=1)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()


def cropped(
    picture: np.ndarray, places: np.ndarray, crop: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """A random crop, flipped at random where `crop` is not 0 (digits are not flipped)."""
    if not crop:
        return picture, places
    height, width = picture.shape[1:]
    y, x = int(rng.integers(height - crop + 1)), int(rng.integers(width - crop + 1))
    picture = picture[:, y : y + crop, x : x + crop]
    places = np.clip(places - [x, y, x, y], 0, crop)
    if rng.random() < 0.5:
        picture, places = (
            picture[:, :, ::-1],
            np.c_[crop - places[:, 2], places[:, 1], crop - places[:, 0], places[:, 3]],
        )
    if rng.random() < 0.5:
        picture = picture[:, ::-1]
        places = np.c_[places[:, 0], crop - places[:, 3], places[:, 2], crop - places[:, 1]]
    return picture, places


def predicted(
    net: Any, images: np.ndarray, rows: np.ndarray, *, floor: float = 0.02, most: int = 100
) -> dict[str, np.ndarray]:
    """The peaks of the heat maps of some images, as boxes in pixels of these images."""
    import torch

    net.eval()
    found: dict[str, list[np.ndarray]] = {"rows": [], "places": [], "label": [], "score": []}
    with torch.no_grad():
        for own in np.array_split(rows, max(-(-len(rows) // 32), 1)):
            guess, place = net(torch.from_numpy(images[own]))
            p = guess.sigmoid()
            peak = torch.nn.functional.max_pool2d(p, 3, 1, 1) == p
            for number, row in enumerate(own):
                at = torch.nonzero(peak[number] & (p[number] > floor)).numpy()
                score = p[number].numpy()[tuple(at.T)]
                best = np.argsort(-score, kind="stable")[:most]
                code, y, x = at[best].T
                size = np.exp(place[number, :2].numpy()[:, y, x])
                middle = np.stack([x, y]) + 0.5 + place[number, 2:].numpy()[:, y, x]
                box = np.concatenate([middle - size / 2, middle + size / 2]).T * STRIDE
                limit = np.array([images.shape[3], images.shape[2]] * 2)
                found["rows"].append(np.full(len(best), row))
                found["places"].append(np.clip(box, 0, limit).astype(float))
                found["label"].append(code)
                found["score"].append(score[best].astype(float))
    return {name: np.concatenate(values) for name, values in found.items()}


def box_sets(folder: Path | None, only: set[str] | None = None) -> Iterator[BoxSet]:
    """All sets, those of the folder first."""
    makers: list[Callable[[], Iterator[BoxSet]]] = []
    if folder is not None:
        makers += [lambda: kitti(folder), lambda: bccd(folder)]
    makers += [lambda name=name: iter([canvases(name)]) for name in MIXES]
    names = [*(["kitti", "bccd"] if folder is not None else []), *MIXES]
    for name, maker in zip(names, makers, strict=True):
        if only is None or name in only:
            yield from maker()
