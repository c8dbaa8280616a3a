"""Calibration of p_error of tags after verdicts on 200 cells, drawn as an audit draws or at random.

    python benchmarks/tag_verdicts.py [DATA_DIR] [--draws N] [--write]

The sets are those of tags.py. "measured" is the calibration error of the other cells, the mean over draws; "by chance"
what calibrated probabilities would show on as many cells; "without" the square root of the difference of their squares;
"debiased" is the root mean square error without chance (`debiased_calibration_error`), and the interval of 90 % of the
draws.
"stated" and "upper" are what `with_verdicts` says: the expected calibration error and the 95 % limit; "held" is the
share of draws in which "without" is below the limit. "model" is the share of draws above .05 if errors followed the
model that is fitted to all verdicts: what a correct model reaches with 200. `--write` writes the table into
BENCHMARKS.md.
"""

from __future__ import annotations

import argparse
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
from measuring import write_section
from scipy.stats import rankdata
from tags import doubts, planted, worlds
from verdicts import rooted

import workbench as wb
from workbench.issues.audit_plan import allocate, stratify_sides
from workbench.issues.calibration import calibration_error, debiased_calibration_error
from workbench.issues.review import with_verdicts

HEAD = """| data | draw | before | measured | above .05 | by chance | without | debiased | stated | upper | \
held | model |
|---|---|---|---|---|---|---|---|---|---|---|---|"""

BUDGET, REPEATS = 200, 20


def found(given: np.ndarray, true: np.ndarray, **evidence: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """P(wrong), whether it is, and the pair of tag and given value, of each cell."""
    table = wb.find_issues(given, task="multilabel", per="unit", **evidence)
    row, tag = table["row"].to_numpy(), table.index.get_level_values("unit").str[1:].astype(int).to_numpy()
    return table["p_error"].to_numpy(), (given != true)[row, tag], 2 * tag + given[row, tag]


def sets(folder: Path | None) -> Iterator[tuple[str, np.ndarray, np.ndarray, np.ndarray]]:
    for name, x, true in worlds(folder):
        doubt = doubts(x, true)
        for how in ("random", "hard"):
            given = planted(true, doubt if how == "hard" else None, np.random.default_rng(11))
            yield f"{name}, {how}", *found(given, true, embeddings=x)
    for file in sorted(folder.glob("multilabel_chexpert*.npz")) if folder else []:
        with np.load(file, allow_pickle=False) as data:
            columns = [list(data["classes"]).index(one) for one in data["score_classes"]]
            given = (data["given_chexpert"][:, columns] == 1).astype(int)
            ranks = rankdata(data["model_scores"], axis=1, nan_policy="omit") / data["model_scores"].shape[1]
            probs = np.clip(np.nanmean(ranks, axis=0), 0, 1)
            yield "CheXpert, real", *found(given, data["reference"][:, columns].astype(int), pred_probs=probs)


def drawn(p: np.ndarray, added: np.ndarray, rng: np.random.Generator, how: str) -> np.ndarray:
    if how == "at random":
        return rng.choice(len(p), BUDGET, replace=False)
    stratum = stratify_sides(p, added)
    sizes = np.bincount(stratum)
    wanted = allocate(sizes, np.bincount(stratum, p) / np.maximum(sizes, 1), BUDGET)
    parts = [rng.choice(np.flatnonzero(stratum == one), many, replace=False) for one, many in enumerate(wanted)]
    return np.concatenate(parts)


def judged(p: np.ndarray, wrong: np.ndarray, pair: np.ndarray, some: np.ndarray) -> tuple[float, np.ndarray, pd.Series]:
    """Calibration error of the other cells, their probabilities, and all of them."""
    moved, _ = with_verdicts(pd.Series(p), pd.Series(wrong[some], some), pair)
    rest = np.setdiff1d(np.arange(len(p)), some)
    return calibration_error(moved.to_numpy()[rest], wrong[rest]), moved.to_numpy()[rest], moved


def row(name: str, p: np.ndarray, wrong: np.ndarray, pair: np.ndarray, how: str, draws: int) -> dict[str, str]:
    model = with_verdicts(pd.Series(p), pd.Series(wrong), pair)[0].to_numpy()
    measured, chance, debiased, stated, simulated = [], [], [], [], []
    for seed in range(draws):
        rng = np.random.default_rng(300 + seed)
        some = drawn(p, pair % 2 == 0, rng, how)
        error, rest, moved = judged(p, wrong, pair, some)
        measured.append(error)
        debiased.append(debiased_calibration_error(rest, np.delete(wrong, some)))
        chance.append(np.mean([calibration_error(rest, rng.random(len(rest)) < rest) for _ in range(REPEATS)]))
        stated.append(moved.attrs.get("calibration_error", (np.nan, np.nan)))
        simulated.append(judged(p, rng.random(len(p)) < model, pair, some)[0])
    without = np.sqrt(np.maximum(np.square(measured) - np.square(chance), 0))
    expected, upper = np.array(stated).T
    above = [np.mean(np.array(one) > 0.05) for one in (measured, simulated)]
    numbers = {"before": calibration_error(p, wrong), "measured": np.mean(measured), "above": above[0]}
    numbers |= {"chance": np.mean(chance), "without": without.mean(), "debiased": np.nan}
    numbers |= {"stated": expected.mean(), "upper": upper.mean()}
    numbers |= {"held": np.mean(without <= upper), "model": above[1]}
    shares = ("above", "held", "model")
    text = {key: f"{one:.0%}" if key in shares else f"{one:.3f}".lstrip("0") for key, one in numbers.items()}
    squares, ends = np.square(debiased) * np.sign(debiased), np.quantile(debiased, [0.05, 0.95])
    low, high = (f"{one:.3f}".replace("0.", ".", 1) for one in ends)
    text["debiased"] = f"{rooted(squares.mean()):.3f} ({low} to {high})".replace("0.", ".", 1)
    return {"data": name, "draw": how, **text}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", type=Path)
    parser.add_argument("--draws", type=int, default=40)
    parser.add_argument("--write", action="store_true")
    told = parser.parse_args()
    warnings.simplefilter("ignore")
    rows = []
    for name, p, wrong, pair in sets(told.folder):
        for how in ("audit", "at random"):
            rows.append(row(name, p, wrong, pair, how, told.draws))
            print(rows[-1], flush=True)
    if told.write:
        write_section("tags-verdicts", HEAD, rows)


if __name__ == "__main__":
    main()
