"""Choosing the true class among candidates, and finding sets without it, compared with simple baselines.

    python benchmarks/candidates.py [DATA_DIR] [--seeds N] [--only NAME,...]

Sets: those of DATA_DIR (partial_*.npz: real candidate sets with the true class), and scikit-learn's digits under noise
with one to four additional candidates, including the most likely ones of a weak model. First table: the share of
examples whose true class is chosen among the candidates, and among all classes. Second: in 5, 10 and 20 % of the sets
the true class is replaced by another one, drawn by frequency; cells are AUROC / average precision of finding these
sets, ECE is the calibration error of p_error, "counted" the expected divided by the true number of wrong sets, "known"
the share of seeds for which this number is identified, "ECE, audited" after verdicts on 200 random examples. PL-kNN:
Huellermeier & Beringer 2006, 10 neighbours; "logistic": trained on all candidates with equal weights, then for three
rounds on its own choices, out of fold.
"""

from __future__ import annotations

import argparse
import time
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score, roc_auc_score
from sklearn.model_selection import KFold
from sklearn.neighbors import NearestNeighbors
from sklearn.preprocessing import StandardScaler

import workbench as wb
from workbench import confident
from workbench.issues.calibration import calibration_error

ORDERED = ("fgnet",)
"""Whose classes have an order: ages."""

SHARES = (0.05, 0.1, 0.2)
CHOICE = """| data | PL-kNN | logistic, all alike | logistic, 3 rounds | `find_issues`, embeddings | s |
|---|---|---|---|---|---|"""
WRONG = """| data | wrong | PL-kNN | logistic, all alike | logistic, 3 rounds | \
`find_issues`, embeddings | and the logistic | ECE | counted | known | ECE, audited |
|---|---|---|---|---|---|---|---|---|---|---|"""


def worlds(folder: Path | None) -> Iterator[tuple[str, np.ndarray, np.ndarray, np.ndarray]]:
    """(name, features, candidate sets, true classes)."""
    for file in sorted(folder.glob("partial_*.npz")) if folder else []:
        with np.load(file, allow_pickle=False) as data:
            name = file.stem.split("_")[1]
            yield name, data["features"].astype(float), data["candidates"], data["truth"].astype(int)
    digits, rng = load_digits(), np.random.default_rng(0)
    x, true = digits.data + rng.normal(0, 3, digits.data.shape), digits.target
    weak = logistic(x[:, ::4], np.eye(10, dtype=bool)[true], 1)
    weak[np.arange(len(true)), true] = 2
    ranks = (-weak - 0.3 * rng.random(weak.shape)).argsort(axis=1).argsort(axis=1)
    yield "digits", x, ranks <= rng.integers(1, 5, len(true))[:, None], true


def replaced(sets: np.ndarray, true: np.ndarray, share: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Sets, some of which lack the true class, and a mask of these."""
    rng, sets = np.random.default_rng(seed), sets.copy()
    often = np.bincount(true, minlength=sets.shape[1]) + 0.5
    wrong = np.zeros(len(sets), bool)
    wrong[rng.choice(len(sets), round(share * len(sets)), replace=False)] = True
    for row in np.flatnonzero(wrong):
        others = np.flatnonzero(~sets[row])
        sets[row, rng.choice(others, p=often[others] / often[others].sum())] = True
        sets[row, true[row]] = False
    return sets, wrong


def nearest(x: np.ndarray, sets: np.ndarray, k: int = 10) -> np.ndarray:
    """PL-kNN, leave-one-out: candidates of the neighbours, weighted by proximity."""
    near = NearestNeighbors(n_neighbors=k + 1).fit(StandardScaler().fit_transform(x)).kneighbors(return_distance=False)
    votes = sum((k - rank) * sets[near[:, rank]].astype(float) for rank in range(k))
    return (votes + 1e-9) / (votes + 1e-9).sum(axis=1, keepdims=True)


def logistic(x: np.ndarray, sets: np.ndarray, rounds: int) -> np.ndarray:
    """Out-of-fold probabilities of logistic regression on weighted candidates, retrained on its own choices."""
    x, probs = StandardScaler().fit_transform(x), np.zeros(sets.shape)
    weights = sets / sets.sum(axis=1, keepdims=True)
    for _ in range(rounds):
        for train, test in KFold(5, shuffle=True, random_state=0).split(x):
            rows, codes = np.nonzero(sets[train])
            model = LogisticRegression(max_iter=100)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", ConvergenceWarning)
                model.fit(x[train][rows], codes, sample_weight=weights[train][rows, codes])
            probs[np.ix_(test, model.classes_)] = model.predict_proba(x[test])
        probs = np.maximum(probs, 1e-9) / np.maximum(probs, 1e-9).sum(axis=1, keepdims=True)
        weights = confident.candidate_weights(sets, probs)
    return probs


def found(sets: np.ndarray, ordered: bool = False, **evidence: object) -> pd.DataFrame:
    classes = pd.CategoricalDtype(range(sets.shape[1]), ordered=True) if ordered else None
    return wb.find_issues(sets, task="candidates", classes=classes, **evidence).sort_values("row")


def chosen(sets: np.ndarray, probs: np.ndarray, true: np.ndarray) -> str:
    """Share of correct choices among the candidates, and among all classes."""
    inside = confident.candidate_weights(sets, probs).argmax(axis=1) == true
    return f"{inside.mean():.3f} / {(probs.argmax(axis=1) == true).mean():.3f}".replace("0.", ".")


def choices(name: str, x: np.ndarray, sets: np.ndarray, true: np.ndarray) -> str:
    cells = [chosen(sets, probs, true) for probs in (nearest(x, sets), logistic(x, sets, 1), logistic(x, sets, 3))]
    start = time.perf_counter()
    ours = found(sets, name in ORDERED, embeddings=x)
    took = time.perf_counter() - start
    right = ours["likeliest_candidate"].astype(int).to_numpy() == true
    cells += [f"{right.mean():.3f}".lstrip("0"), f"{took:.1f} |"]
    return " | ".join([f"| {name}, {len(x):,} x {sets.shape[1]}", *cells])


def judged(x: np.ndarray, sets: np.ndarray, wrong: np.ndarray, ordered: bool) -> tuple[np.ndarray, list[float]]:
    """AUROC and average precision of 5 methods (5, 2), and further measures of the last but one."""
    three = logistic(x, sets, 3)
    scores = [1 - confident.candidate_mass(sets, probs) for probs in (nearest(x, sets), logistic(x, sets, 1), three)]
    alone = found(sets, ordered, embeddings=x)
    scores += [alone["p_error"], found(sets, ordered, embeddings=x, pred_probs=three)["p_error"]]
    p = alone["p_error"].to_numpy()
    some = np.random.default_rng(0).choice(len(p), 200, replace=False)
    seen = pd.Series(wrong[some], pd.MultiIndex.from_arrays([some, [""] * 200], names=["id", "unit"]))
    after = found(sets, ordered, embeddings=x, verdicts=seen)["p_error"].to_numpy()
    told = [calibration_error(p, wrong), p.sum() / wrong.sum(), float(alone.attrs["errors_identified"])]
    return (
        np.array([[roc_auc_score(wrong, one), average_precision_score(wrong, one)] for one in scores]),
        [*told, calibration_error(after, wrong)],
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", type=Path)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--only", default="")
    asked = parser.parse_args()
    first, second, means = [CHOICE], [WRONG], []
    for name, x, sets, true in worlds(asked.folder):
        if asked.only and name not in asked.only.split(","):
            continue
        first.append(choices(name, x, sets, true))
        print(first[-1], flush=True)
        for share in SHARES:
            results = [judged(x, *replaced(sets, true, share, seed), name in ORDERED) for seed in range(asked.seeds)]
            ways = np.mean([one for one, _ in results], axis=0)
            told = np.mean([one for _, one in results], axis=0)
            means.append(ways)
            cells = [f"{auc:.3f} / {ap:.3f}" for auc, ap in ways]
            cells += [f"{told[0]:.3f}", f"{told[1]:.2f}", f"{told[2]:.0%}", f"{told[3]:.3f}"]
            second.append(f"| {name} | {share:.0%} | {' | '.join(cells)} |".replace(" 0.", " ."))
            print(second[-1], flush=True)
    mean = " | ".join(f"{auc:.3f} / {ap:.3f}" for auc, ap in np.mean(means, axis=0)).replace("0.", ".")
    second.append(f"| **mean** | | {mean} | | | | |")
    print("\n".join(first), "\n".join(second), sep="\n\n")


if __name__ == "__main__":
    main()
