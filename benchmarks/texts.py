"""How well texts that do not fit their items are found, beside the match score alone and the length alone.

    python benchmarks/texts.py [DATA_DIR] [--seeds 3] [--write]

Planted swaps: the texts of a share of the examples are permuted among themselves. A swapped text that happens to be
right (an equal one, or one that people have verified) does not count as wrong. The data:

digits      images of handwritten digits (scikit-learn) with captions made from their classes; items are pixels
scenes      two coloured shapes in a relation, drawn by a script, with captions; items are pixels, and objects found by
            a detector that overlooks and invents a tenth
sentences   pairs of sentences about related pictures (DATA_DIR/kinds/regression_csts_dev.csv.gz); items are vectors of
            the first sentence
scores      match scores of three raters, two of which agree, in two groups or in one
answers     answers to the questions of MMLU, with real errors found by people: a wrong key, or a question without one
            right answer (DATA_DIR/kinds/bench_mmlu_redux_dev.csv.gz); match scores are 14 language models' agreement

Cells are AUROC / average precision; ECE is the calibration error of p_error, and after verdicts on 200 texts drawn at
random ("audited"); "counted" expected over true errors, "known" the share of seeds for which the number counts as
known. DATA_DIR/kinds/captions_eccv_dev.npz holds ids of images and captions only; it tells how often a caption that was
given to a random image is right nevertheless, which the estimator takes as never.
"""

from __future__ import annotations

import argparse
import time
import warnings
from ast import literal_eval
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from measuring import write_section
from sklearn.metrics import average_precision_score, roc_auc_score

import workbench as wb
from workbench.issues.calibration import calibration_error

SHARES = (0.05, 0.15, 0.3)
AUDITED = 200
DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
WAYS = ("a handwritten {}", "the digit {}", "{}, written by hand", "a scan of the number {}", "a {} in black ink")
COLORS = {"red": (220, 40, 40), "green": (40, 170, 60), "blue": (50, 80, 220), "yellow": (230, 200, 40)}
SHAPES = ("circle", "square", "triangle", "cross")
HEAD = """| data | swapped | match alone | length alone | `find_issues` | ECE | audited | counted | known | s |
|---|---|---|---|---|---|---|---|---|---|"""


class Captions(NamedTuple):
    """n right texts with evidence; `match` is the plain baseline (or None), `right` (n, n) which text fits whom."""

    name: str
    texts: list[str]
    right: np.ndarray
    evidence: dict[str, Any]
    by_row: tuple[str, ...] = ("match",)
    """Evidence that belongs to the pair, so that it is computed again after swaps."""
    match: Any = None


def digits(seed: int) -> Captions:
    from sklearn.datasets import load_digits

    rng = np.random.default_rng(seed)
    data = load_digits()
    texts = [WAYS[rng.integers(len(WAYS))].format(DIGITS[label]) for label in data.target]
    right = data.target[:, None] == data.target[None, :]
    return Captions("digits", texts, right, {"embeddings": data.data})


def scenes(seed: int, n: int = 1200) -> Iterator[Captions]:
    """Scenes of 24 x 24 pixels with two shapes beside or above each other."""
    rng = np.random.default_rng(seed)
    names = list(COLORS)
    pixels, texts, facts, objects = [], [], [], []
    for _ in range(n):
        pair = [(names[rng.integers(4)], SHAPES[rng.integers(4)]) for _ in range(2)]
        beside = rng.random() < 0.5
        image = np.full((24, 24, 3), 255.0)
        for place, (color, shape) in enumerate(pair):
            at = (6, 1 + 12 * place) if beside else (1 + 12 * place, 6)
            image[at[0] : at[0] + 11, at[1] : at[1] + 11][drawn(shape)] = COLORS[color]
        pixels.append((image + rng.normal(0, 12, image.shape)).ravel())
        words = [f"a {color} {shape}" for color, shape in pair]
        relation = "left of" if beside else "above"
        texts.append(
            (
                f"{words[0]} is {relation} {words[1]}",
                f"{words[0]} {relation} {words[1]}",
                f"there is {words[0]} {relation} {words[1]}",
            )[rng.integers(3)]
        )
        facts.append((*pair, beside))
        seen = [shape for _, shape in pair if rng.random() > 0.1] + (
            [SHAPES[rng.integers(4)]] if rng.random() < 0.1 else []
        )
        objects.append(seen)
    _, codes = np.unique([str(one) for one in facts], return_inverse=True)
    right = codes[:, None] == codes[None, :]
    yield Captions("scenes, pixels", texts, right, {"embeddings": np.array(pixels)})
    yield Captions("scenes, detections", texts, right, {"objects": objects})
    yield Captions("scenes, both", texts, right, {"embeddings": np.array(pixels), "objects": objects})


def drawn(shape: str) -> np.ndarray:
    y, x = np.mgrid[-5:6, -5:6]
    return {
        "circle": x * x + y * y <= 25, "square": np.maximum(abs(x), abs(y)) <= 4,
        "triangle": abs(x) <= (y + 5) / 2, "cross": np.minimum(abs(x), abs(y)) <= 1,
    }[shape]  # fmt: skip


def sentences(path: Path) -> Captions:
    from workbench.evidence.spaces import text_vectors

    frame = pd.read_csv(path).drop_duplicates("pair")
    first, second = frame["sentence1"].tolist(), frame["sentence2"].tolist()
    both = text_vectors([*first, *second])
    n = len(first)
    right = np.eye(n, dtype=bool) | (np.array(second)[:, None] == np.array(second)[None, :])
    evidence = {"embeddings": both[:n], "text_embeddings": both[n:]}
    return Captions("sentences", second, right, evidence, ("text_embeddings",), "cosine")


def random_matches(path: Path) -> tuple[float, float]:
    """Share of random pairs of an image and a caption of COCO that people verified as matches, and of given pairs."""
    data = np.load(path)

    def pairs(query: str, name: str) -> np.ndarray:
        return np.stack([np.repeat(data[query], np.diff(data[f"{name}_indptr"])), data[name]], axis=1)

    given = pairs("caption_query", "c2i_original")
    right = {(int(c), int(i)) for c, i in pairs("caption_query", "c2i_eccv")}
    images = np.unique(given[:, 1]).tolist()
    fits = np.array([[(c, i) in right for i in images] for c in given[:, 0].tolist()])
    own = np.array([[i == j for j in images] for i in given[:, 1].tolist()])
    return float(fits[~own].mean()), float(fits[own].mean())


def scores(seed: int, n: int = 2000) -> Iterator[Captions]:
    for name, apart in (("scores, two groups", 3.5), ("scores, one group", 1.2)):
        texts = [f"text {row} of {row % 7} words {'and more ' * (row % 5)}" for row in range(n)]
        yield Captions(name, texts, np.eye(n, dtype=bool), {"apart": apart}, (), "raters")


def swapped(
    data: Captions, share: float, seed: int
) -> tuple[pd.DataFrame, dict[str, Any], np.ndarray, np.ndarray | None]:
    """Labels, evidence, which texts are wrong, and the plain match score (None without)."""
    rng = np.random.default_rng(seed)
    n = len(data.texts)
    order = np.arange(n)
    chosen = rng.permutation(n)[: round(share * n)]
    order[chosen] = np.roll(chosen, 1)
    wrong = ~data.right[np.arange(n), order]
    evidence = {
        name: np.asarray(values)[order] if name in data.by_row else values for name, values in data.evidence.items()
    }
    match = None
    if data.match == "cosine":
        one, other = (
            v / np.maximum(np.linalg.norm(v, axis=1, keepdims=True), 1e-9)
            for v in (evidence["embeddings"], evidence["text_embeddings"])
        )
        match = (one * other).sum(axis=1)
    elif data.match == "raters":
        fits = np.where(wrong, 0.0, evidence.pop("apart"))
        sources = {"one": fits + rng.normal(size=n), "two": fits + rng.normal(0, 1.5, n), "none": rng.normal(size=n)}
        evidence = {"match": pd.DataFrame(sources)}
        match = np.sum(list(sources.values()), axis=0)
    frame = pd.DataFrame({"id": np.arange(n), "text": [data.texts[place] for place in order]})
    return frame, evidence, wrong, match


def both(score: np.ndarray, wrong: np.ndarray) -> np.ndarray:
    return np.array([roc_auc_score(wrong, score), average_precision_score(wrong, score)])


def answers(path: Path) -> tuple[pd.DataFrame, dict[str, Any], np.ndarray, np.ndarray | None]:
    """The same for answers with real errors."""
    table = pd.read_csv(path)
    given = table["given_answer"].to_numpy()
    texts = [str(literal_eval(one)[place]) for one, place in zip(table["choices"], given.tolist())]
    said = table.filter(regex="^ans_")
    match = (said.eq(given, axis=0)).astype(float).where(said >= 0)
    frame = pd.DataFrame({"id": np.arange(len(table)), "text": texts})
    return frame, {"match": match}, (table["error_type"] != "ok").to_numpy(), match.mean(axis=1).to_numpy()


def judged(
    frame: pd.DataFrame, evidence: dict[str, Any], wrong: np.ndarray, match: np.ndarray | None, seed: int
) -> dict[str, Any]:
    start = time.perf_counter()
    found = wb.find_issues(frame, task="texts", per="unit", **evidence).sort_values("row")
    seconds = time.perf_counter() - start
    p = found["p_error"].to_numpy()
    drawn_rows = np.random.default_rng(1000 + seed).permutation(len(wrong))[:AUDITED]
    verdicts = pd.Series(wrong[drawn_rows], index=found.index[drawn_rows])
    again = wb.find_issues(frame, task="texts", per="unit", verdicts=verdicts, **evidence).sort_values("row")
    rest = np.setdiff1d(np.arange(len(wrong)), drawn_rows)
    length = np.array([len(text.split()) for text in frame["text"]])
    return {
        "match": np.full(2, np.nan) if match is None else both(-match, wrong),
        "length": both(np.abs(length - np.median(length)), wrong),
        "ours": both(p, wrong),
        "ECE": calibration_error(p, wrong),
        "audited": calibration_error(again["p_error"].to_numpy()[rest], wrong[rest]),
        "counted": found.attrs["expected_errors"] / wrong.sum(),
        "known": float(found.attrs["errors_identified"]),
        "s": seconds,
    }


def sets(folder: Path | None, seed: int) -> Iterator[Captions]:
    yield digits(seed)
    yield from scenes(seed)
    if folder is not None:
        yield sentences(folder / "kinds" / "regression_csts_dev.csv.gz")
    yield from scores(seed)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", nargs="?", type=Path)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--only", default="")
    parser.add_argument("--write", action="store_true")
    asked = parser.parse_args()
    warnings.simplefilter("ignore", UserWarning)
    found: dict[tuple[str, float], list[dict[str, Any]]] = {}
    for seed in range(asked.seeds):
        for data in sets(asked.folder, seed):
            if data.name.startswith(asked.only):
                for share in SHARES:
                    found.setdefault((data.name, share), []).append(judged(*swapped(data, share, seed), seed))
        if asked.folder is not None and "answers".startswith(asked.only):
            real = answers(asked.folder / "kinds" / "bench_mmlu_redux_dev.csv.gz")
            found.setdefault(("answers, 14 models", real[2].mean()), []).append(judged(*real, seed))
    rows = []
    for (name, share), results in found.items():
        mean = {key: np.mean([one[key] for one in results], axis=0) for key in results[0]}
        pair = {
            key: "-" if np.isnan(mean[key]).any() else "{:.3f} / {:.3f}".format(*mean[key])
            for key in ("match", "length", "ours")
        }
        rest = {key: f"{mean[key]:.3f}" for key in ("ECE", "audited")} | {
            key: f"{mean[key]:.2f}" for key in ("counted", "known")
        }
        rows.append({"data": name, "swapped": f"{share:.0%}", **pair, **rest, "s": f"{mean['s']:.1f}"})
        print(" | ".join(rows[-1].values()), flush=True)
    if asked.folder is not None:
        random, own = random_matches(asked.folder / "kinds" / "captions_eccv_dev.npz")
        print(f"COCO: {random:.2%} of random pairs are verified matches, {own:.1%} of the given ones")
    if asked.write:
        write_section("texts", HEAD, rows)


if __name__ == "__main__":
    main()
