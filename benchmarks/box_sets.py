"""Sets of labelled boxes with known errors, and predictions of a small detector for each image out of fold.

Canvases of digits and their errors are those of `wb.experiments`; `kitti` and `bccd` are read from a folder of data.
Predictions are kept in a cache outside of the repository, since training takes minutes.
"""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import workbench as wb

CACHE = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "label-workbench-benchmarks"


class BoxSet(NamedTuple):
    """n images: given and true boxes, flat arrays ordered by image, and predictions out of fold.

    given, true, found : dicts of "rows" (m,), "places" (m, 4), "label" (m,); `found` with "score" (m,).
    size : (n, 2) width and height in pixels, or None.
    """

    name: str
    n: int
    classes: tuple[str, ...]
    given: dict[str, np.ndarray]
    true: dict[str, np.ndarray]
    found: dict[str, np.ndarray]
    size: np.ndarray | None


SIDE = 128

MIXES: dict[str, dict[str, float]] = {
    "canvases": {"drop": 0.06, "shift": 0.05, "swap": 0.04, "spurious": 0.04},
    "canvases, dropped": {"drop": 0.18},
    "canvases, shifted and swapped": {"shift": 0.08, "swap": 0.08},
    "canvases, systematic": {"drop": 0.02, "shift": 0.02},
}
"""Shares of errors by kind."""

OMITTED = {"canvases, systematic": (1, 7)}
"""Classes of which the boxes in the left three fifths are left out."""


def canvases(name: str, seed: int = 0) -> BoxSet:
    """Canvases of 3 to 8 digits, with boxes that are damaged with the shares of `MIXES[name]`."""
    n = 500 if name == "canvases" else 240
    images, true = wb.experiments.digit_canvases(n, side=SIDE, digits=(3, 8), seed=seed)
    given, _ = wb.experiments.plant_box_errors(true, (SIDE, SIDE), **MIXES[name], seed=seed + 1)
    for one in given:
        left = np.isin(one["labels"], OMITTED.get(name, ())) & (one["bboxes"][:, 0] < SIDE * 0.6)
        one["bboxes"], one["labels"] = one["bboxes"][~left], one["labels"][~left]
    found = kept(f"{name}-{n}-{seed}", images, given, folds=3, epochs=12)
    classes = tuple(str(code) for code in range(10))
    return BoxSet(name, n, classes, flat(given), flat(true), flat(found), np.full((n, 2), SIDE))


def flat(boxes: list[dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
    """Return the boxes of all images as flat arrays."""
    names = {"bboxes": "places", "labels": "label", "scores": "score"}
    rows = np.repeat(np.arange(len(boxes)), [len(one["labels"]) for one in boxes])
    return {"rows": rows} | {names[key]: np.concatenate([one[key] for one in boxes]) for key in boxes[0]}


def by_image(boxes: dict[str, np.ndarray], n: int) -> list[dict[str, np.ndarray]]:
    """Return flat arrays as users pass them, a dict per image."""
    names = {"places": "bboxes", "label": "labels", "score": "scores"}
    ends = np.searchsorted(boxes["rows"], np.arange(n + 1))
    keys = [key for key in boxes if key in names]
    return [{names[key]: boxes[key][first:last] for key in keys} for first, last in pairwise(ends)]


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
            images = np.stack([np.asarray(one.resize((160, 120))) for one in pictures])
            parts = {}
            for name in ("given", "ref"):
                rows = data[f"{name}_image"].astype(np.int64)
                order = np.argsort(rows, kind="stable")
                parts[name] = {"rows": rows[order], "places": data[f"{name}_box"][order].astype(float)}
                parts[name]["label"] = data[f"{name}_class"][order].astype(np.int64)
            classes = tuple(data["classes"].tolist())
        scale = (size / [160, 120])[:, [0, 1, 0, 1]]
        inner = parts["given"] | {"places": parts["given"]["places"] / scale[parts["given"]["rows"]]}
        found = flat(kept(f"bccd-{n}", images, by_image(inner, n), folds=4, epochs=30, crop=96))
        found["places"] = found["places"] * scale[found["rows"]]
        yield BoxSet("bccd", n, classes, parts["given"], parts["ref"], found, size)


def kept(name: str, images: np.ndarray, given: list[dict[str, np.ndarray]], **options: Any) -> list[dict[str, Any]]:
    """Return the predictions of `detect_out_of_fold`, from the cache if images, labels and options are the same."""
    digest = hashlib.blake2b(repr((sorted(options.items()), DETECTOR_VERSION)).encode(), digest_size=8)
    for one in (images, *flat(given).values()):
        digest.update(np.ascontiguousarray(one).tobytes())
    file = CACHE / f"boxes-{name.replace(', ', '-').replace(' ', '-')}-{digest.hexdigest()}.npz"
    if not file.exists():
        found = wb.experiments.detect_out_of_fold(images, given, **options)
        CACHE.mkdir(parents=True, exist_ok=True)
        part = file.with_suffix(".part.npz")
        np.savez_compressed(part, allow_pickle=False, **flat(found))
        part.replace(file)
    with np.load(file, allow_pickle=False) as data:
        return by_image({key: data[key] for key in data.files}, len(images))


DETECTOR_VERSION = 3
"""Changes with the predictions of `detect_out_of_fold`."""


def box_sets(folder: Path | None, only: set[str] | None = None, seed: int = 0) -> Iterator[BoxSet]:
    """All sets, those of the folder first; `seed` is that of the canvases."""
    makers: list[Callable[[], Iterator[BoxSet]]] = []
    if folder is not None:
        makers += [lambda: kitti(folder), lambda: bccd(folder)]
    makers += [lambda name=name: iter([canvases(name, seed)]) for name in MIXES]
    names = [*(["kitti", "bccd"] if folder is not None else []), *MIXES]
    for name, maker in zip(names, makers, strict=True):
        if only is None or name in only:
            yield from maker()
