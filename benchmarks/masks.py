"""How well bad masks and wrong regions are found, beside cleanlab; how fast its scores of masks are, here and there.

    python benchmarks/masks.py [DATA_DIR] [--cache DIR] [--scale SIDE] [--speed] [--write]

Several masks of one object: seven masks of crowd workers for each cell of DATA_DIR/kinds/segmentation_bubil*.npz; a
mask is bad if its IoU with that of experts is below .7. Regions: canvases with digits, whose masks have seeded errors
(`benchmarks/works/digit_masks.py`), and probabilities of trees on patches, out of fold and trained on the wrong masks;
they are kept in `--cache`. A region is wrong if at least half of its pixels are. cleanlab: 1 - p(given), mean of the
pixels of the region, and its worst pixel. Cells are AUROC / average precision; "found": wrong regions among the first
100 and 300; ECE is the calibration error of p_error, and that of the other regions after verdicts on 200, drawn as by
`wb.audit` ("audited", mean of five draws); the rows of one kind of error compare its wrong regions with all correct
ones. Speed (`--speed`: alone) is the least processor time of six runs. `--scale`: a raster of SIDE x SIDE pixels with
labels and class scores in files. `--write` puts the tables into BENCHMARKS.md.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd
from measuring import give_memory_back, measured, resident, write_section
from sklearn.metrics import average_precision_score, roc_auc_score
from verdicts import error_after_verdicts
from works.digit_masks import CLASSES, ERRORS, Canvases, canvases

import workbench as wb
from workbench.issues.audit_plan import stratify
from workbench.issues.calibration import calibration_error
from workbench.issues.masks.fusion import overlap_with_others
from workbench.tasks.run_lengths import decode_runs

FUSION_HEAD = """| set | masks, bad | IoU with the majority of the others | `mask_scores` | ECE of p_bad | \
IoU of the majority | of `fuse_masks` |
|---|---|---|---|---|---|---|"""
REGION_HEAD = """| data | regions, wrong | cleanlab, mean | cleanlab, worst pixel | mean x sqrt(area) | \
`find_issues` | found @100 / @300, cleanlab | ours | ECE | audited | counted | known | images: cleanlab softmin | \
images: ours | s |
|---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|"""
SPEED_HEAD = """| what | seconds | MB | cleanlab, seconds | times as fast |
|---|---|---|---|---|"""


def both(wrong: np.ndarray, score: np.ndarray) -> str:
    return f"{roc_auc_score(wrong, score):.3f} / {average_precision_score(wrong, score):.3f}".replace("0.", ".")


def iou(one: np.ndarray, other: np.ndarray) -> float:
    return float((one & other).sum() / max((one | other).sum(), 1))


# ---- several masks of one object ---------------------------------------------------------------------------------


def crowd_masks(folder: Path) -> Iterator[tuple[int, int, np.ndarray, np.ndarray]]:
    """Yield for each cell its set, its number, the mask of experts (h, w) and the masks of crowd workers (7, h, w)."""
    for file in sorted((folder / "kinds").glob("segmentation_bubil*.npz")):
        with np.load(file, allow_pickle=False) as data:
            parts = {name: data[name] for name in data.files}
        for image, (h, w) in enumerate(parts["shape"].tolist()):
            at = np.flatnonzero(parts["mask_image"] == image)
            bits = [parts["mask_bits"][parts["mask_offset"][one] : parts["mask_offset"][one + 1]] for one in at]
            masks = np.stack([np.unpackbits(one)[: h * w].reshape(h, w) for one in bits]).astype(bool)
            kind = parts["mask_kind"][at]
            yield int(parts["set"][image]), image, masks[kind == 0][0], masks[kind == 1]


def fused(folder: Path) -> Iterator[dict[str, object]]:
    """A row for each set, and one for all."""
    lines = []
    for part, image, gold, crowd in crowd_masks(folder):
        own = wb.vision.mask_scores(crowd)["p_bad"].to_numpy()
        soft = 1 - overlap_with_others(crowd)
        votes = crowd.sum(axis=0)
        major = [1 - iou(one, votes - one > (len(crowd) - 1) / 2) for one in crowd]
        two = iou(votes > len(crowd) / 2, gold), iou(wb.vision.fuse_masks(crowd), gold)
        for number, one in enumerate(crowd):
            true = iou(one, gold)
            lines.append((part, image, true < 0.7, major[number], soft[number], own[number], *two))
    frame = pd.DataFrame(lines, columns=["set", "image", "bad", "major", "soft", "p", "majority", "fusion"])
    for name, part in [("all", frame), *frame.groupby("set")]:
        bad, images = part["bad"].to_numpy(), part.drop_duplicates("image")
        yield {
            "set": name,
            "masks": f"{len(part):,}, {bad.sum():,}",
            "majority": both(bad, part["major"].to_numpy()),
            "ours": both(bad, part["soft"].to_numpy()),
            "ECE": f"{calibration_error(part['p'].to_numpy(), bad):.3f}".lstrip("0"),
            "IoU of the majority": f"{images['majority'].mean():.4f}".lstrip("0"),
            "of fuse_masks": f"{images['fusion'].mean():.4f}".lstrip("0"),
        }


# ---- regions -----------------------------------------------------------------------------------------------------


def regions(name: str, data: Canvases) -> Iterator[dict[str, object]]:
    """A row for all errors, and one for each kind."""
    dataset = wb.Dataset.from_arrays(data.given, task="masks", classes=list(CLASSES))
    start = time.perf_counter()
    units = wb.find_issues(dataset, per="unit", threshold=0.0, pred_probs=data.probs)
    took = time.perf_counter() - start
    doubt = 1 - wb.confident.pixel_scores(data.given, data.probs)
    lines = []
    for row, value in zip(units["row"], units["given_value"]):
        top, left, height, width, counts = json.loads(value)["region"]
        inside = decode_runs(counts, height, width)
        box = (row, slice(top, top + height), slice(left, left + width))
        kinds = np.bincount(data.kinds[box][inside], minlength=len(ERRORS) + 1)
        wrong = (data.given[box] != data.true[box])[inside].mean() >= 0.5
        own = doubt[box][inside]
        lines.append((wrong, int(kinds[1:].argmax()) + 1 if wrong else 0, own.mean(), own.max(), inside.sum()))
    wrong, kind, mean, worst, area = (np.array(one) for one in zip(*lines))
    p = units["p_error"].to_numpy()
    softmin = 1 - wb.confident.mask_image_scores(data.given, data.probs)
    images = np.zeros(dataset.n)
    np.maximum.at(images, units["row"].to_numpy(), p)
    bad = (data.given != data.true).any(axis=(1, 2))
    attrs = units.attrs
    yield {
        "data": name,
        "regions": f"{len(p):,}, {wrong.sum():,}",
        "mean": both(wrong, mean),
        "worst": both(wrong, worst),
        "area": both(wrong, mean * np.sqrt(area)),
        "ours": both(wrong, p),
        "found, cleanlab": found(wrong, mean),
        "found": found(wrong, p),
        "ECE": f"{calibration_error(p, wrong):.3f}".lstrip("0"),
        "audited": f"{audited(units, wrong):.3f}".lstrip("0"),
        "counted": f"{p.sum() / wrong.sum():.2f}",
        "known": "yes" if attrs["errors_identified"] else "no",
        "images, cleanlab": both(bad, softmin),
        "images": both(bad, images),
        "s": f"{took:.1f}",
    }
    for number, error in enumerate(ERRORS, 1):
        some = (kind == number) | ~wrong
        if (kind == number).sum() < 5:
            continue
        yield {
            "data": f"{name}, {error}",
            "regions": f"{some.sum():,}, {(kind == number).sum():,}",
            "mean": both(kind[some] > 0, mean[some]),
            "worst": both(kind[some] > 0, worst[some]),
            "area": both(kind[some] > 0, (mean * np.sqrt(area))[some]),
            "ours": both(kind[some] > 0, p[some]),
            **dict.fromkeys(("f", "g", "h", "i", "j", "k", "l", "m", "n"), ""),
        }


def found(wrong: np.ndarray, score: np.ndarray) -> str:
    order = np.argsort(-score, kind="stable")
    return f"{wrong[order[:100]].sum()} / {wrong[order[:300]].sum()}"


def audited(units: pd.DataFrame, wrong: np.ndarray) -> float:
    """Calibration error of other units after 200 verdicts."""
    p = units["p_error"].to_numpy()
    pair = (units["given_label"].astype(str) + " " + units["suggested_label"].astype(str)).factorize()[0]
    return error_after_verdicts(p, wrong, stratify(p), pair)


# ---- speed -------------------------------------------------------------------------------------------------------


def speed(n: int = 100, side: int = 128, k: int = 5) -> Iterator[dict[str, object]]:
    from cleanlab.segmentation import filter, rank

    rng = np.random.default_rng(0)
    labels = rng.integers(0, k, (n, side, side))
    probs = rng.random((n, k, side, side)).astype(np.float32) + 3 * (np.arange(k)[:, None, None] == labels[:, None])
    probs = (probs / probs.sum(axis=1, keepdims=True)).astype(np.float32)
    pairs = [
        (
            "softmin",
            lambda: wb.confident.mask_image_scores(labels, probs),
            lambda: rank.get_label_quality_scores(labels, probs, verbose=False),
        ),
        (
            "filter of pixels",
            lambda: wb.confident.find_pixel_issues(labels, probs),
            lambda: filter.find_label_issues(labels, probs, verbose=False, n_jobs=1),
        ),
    ]
    for name, ours, theirs in pairs:
        seconds = [min(processor_seconds(one) for _ in range(6)) for one in (ours, theirs)]
        yield {
            "what": f"{name}, {n} images of {side} x {side}, {k} classes",
            "seconds": f"{seconds[0]:.3f}",
            "MB": f"{measured(ours).peak_mb:.0f}",
            "cleanlab": f"{seconds[1]:.3f}",
            "times": f"{seconds[1] / seconds[0]:.1f}",
        }


def processor_seconds(call: Callable[[], object]) -> float:
    """Processor time, which other processes change less than the time that passes."""
    begin = time.process_time()
    call()
    return time.process_time() - begin


class Unmapped:
    """Peak memory within the block that is not mapped from files, in MB above that at its start; sampled."""

    def __enter__(self) -> Unmapped:
        self.start = self.high = resident("RssAnon")
        self.stop = threading.Event()
        self.thread = threading.Thread(target=self._sample)
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop.set()
        self.thread.join()
        self.mb = self.high - self.start

    def _sample(self) -> None:
        while not self.stop.wait(0.02):
            self.high = max(self.high, resident("RssAnon"))


def raster(side: int, k: int = 3) -> Iterator[dict[str, object]]:
    """Label a raster of files: areas of 200 pixels, some of them wrong, and class scores in half precision."""
    with tempfile.TemporaryDirectory() as place:
        rng = np.random.default_rng(0)
        label_file, probs_file = Path(place) / "labels.npy", Path(place) / "probs.npy"
        labels = np.lib.format.open_memmap(label_file, "w+", np.uint8, (side, side))
        probs = np.lib.format.open_memmap(probs_file, "w+", np.float16, (1, k, side, side))
        cells = rng.integers(0, k, (side // 200 + 1, side // 200 + 1))
        wrong = rng.random(cells.shape) < 0.02
        for top in range(0, side, 200):
            rows = min(200, side - top)
            true = np.repeat(cells[top // 200], 200)[None, :side].repeat(rows, 0)
            other = np.repeat((cells + wrong)[top // 200] % k, 200)[None, :side].repeat(rows, 0)
            labels[top : top + rows] = other
            for code in range(k):
                probs[0, code, top : top + rows] = np.where(true == code, 0.9, 0.1 / (k - 1))
        labels.flush()
        probs.flush()
        del labels, probs
        mapped = [np.load(label_file, mmap_mode="r")], np.load(probs_file, mmap_mode="r")

        def judge() -> pd.DataFrame:
            dataset = wb.Dataset.from_arrays(mapped[0], task="masks", classes=[str(code) for code in range(k)])
            return wb.find_issues(dataset, per="unit", pred_probs=mapped[1])

        for name, call in (("find_issues", judge), ("softmin", lambda: wb.confident.mask_image_scores(*mapped)),
                           ("filter of pixels", lambda: wb.confident.find_pixel_issues(*mapped))):  # fmt: skip
            give_memory_back()
            with Unmapped() as memory:
                one = measured(call)
            many = f", {len(one.result):,} regions" if name == "find_issues" else ""
            yield {"what": f"{name}, {side:,} x {side:,}, {k} classes{many}", "seconds": f"{one.seconds:.0f}",
                   "MB": f"{memory.mb:.0f}", "cleanlab": "", "times": ""}  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", nargs="?", type=Path)
    parser.add_argument("--cache", type=Path, default=Path(tempfile.gettempdir()) / "digit-masks")
    parser.add_argument("--scale", type=int, default=0)
    parser.add_argument("--speed", action="store_true")
    parser.add_argument("--write", action="store_true")
    chosen = parser.parse_args()
    tables = {}
    if chosen.data is not None:
        tables["masks-fusion"] = FUSION_HEAD, list(fused(chosen.data))
    if chosen.speed:
        tables["masks-speed"] = SPEED_HEAD, list(speed())
    elif chosen.scale:
        tables["masks-raster"] = SPEED_HEAD, list(raster(chosen.scale))
    else:
        rows = list(regions("digits", canvases(200, 0, chosen.cache)))
        tables["masks-regions"] = REGION_HEAD, rows
        tables["masks-speed"] = SPEED_HEAD, list(speed())
    for name, (head, rows) in tables.items():
        print(f"\n{head}")
        for row in rows:
            print("| " + " | ".join(str(one) for one in row.values()) + " |")
        if chosen.write:
            write_section(name, head, rows)


if __name__ == "__main__":
    main()
