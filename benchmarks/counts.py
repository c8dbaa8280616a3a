"""Accuracy of estimated numbers of label errors: `python benchmarks/counts.py [--quick] [--seeds 1] [--json]`.

Data sets with known errors: separated classes, overlapping classes, or those of scikit-learn's digits; 5 to 40 % errors
at random (symmetric), between neighbouring classes (pair), near the boundary, by a rule that a model can learn, or
none. Each is run once with embeddings and once with out-of-fold probabilities alone. For each kind: how often the
number is identified, how often the 95 % interval contains the true number, the medians of width / truth and
estimate / truth, and the share of false alarms achieved by `fdr=.2` where it returned a set.
"""

from __future__ import annotations

import argparse
import json
import sys
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
from damage import flipped, out_of_fold

import workbench as wb

SHARES = (0.05, 0.1, 0.2, 0.4)
FDR = 0.2


def sets(seed: int, quick: bool) -> Iterator[tuple[str, np.ndarray, np.ndarray, np.ndarray, int]]:
    """(kind, given, true, vectors, k)."""
    from sklearn.datasets import load_digits

    digits = load_digits()
    shares = (0.1, 0.3) if quick else SHARES
    for number, share in enumerate(shares):
        for place, (shape, how) in enumerate(
            (shape, how)
            for shape in ("apart", "digits", "overlap")
            for how in ("symmetric", "pair", "boundary", "rule", "none")
        ):
            if how == "none" and number:
                continue
            rng = np.random.default_rng([seed, number, place])
            if shape == "digits":
                chosen = rng.permutation(len(digits.target))[: 600 if quick else 1200]
                vectors, true, k = digits.data[chosen].astype(np.float32), digits.target[chosen], 10
            else:
                k = int(rng.choice([3, 5, 10]))
                true = rng.integers(0, k, 600 if quick else 1200)
                apart = 2.2 if shape == "apart" else 0.75
                centres = apart * rng.normal(size=(k, 12))
                vectors = (centres[true] + rng.normal(size=(len(true), 12))).astype(np.float32)
            yield f"{how}, {shape}", spoiled(vectors, true, k, share, how, rng), true, vectors, k


def spoiled(
    vectors: np.ndarray, true: np.ndarray, k: int, share: float, how: str, rng: np.random.Generator
) -> np.ndarray:
    """Given labels."""
    if how == "none":
        return true.copy()
    if how in ("symmetric", "pair"):
        return flipped(true, k, share, how, rng)
    centres = np.stack([vectors[true == c].mean(axis=0) for c in range(k)])
    away = ((vectors[:, None] - centres[None]) ** 2).sum(axis=2)
    near = np.sqrt(away)
    near[np.arange(len(true)), true] = np.inf
    other = near.argmin(axis=1)
    if how == "boundary":  # the nearest examples of another class get its label, partly at random
        margin = near.min(axis=1) - np.sqrt(away[np.arange(len(true)), true])
        wrong = np.argsort(margin + 0.5 * margin.std() * rng.normal(size=len(true)))[: int(share * len(true))]
    else:  # a rule: one class beyond a threshold in one direction always gets the same wrong class
        wrong = np.zeros(0, int)
        for c in rng.permutation(k):
            members = np.flatnonzero(true == c)
            direction = rng.normal(size=vectors.shape[1])
            along = members[np.argsort(-(vectors[members] @ direction))]
            other[members] = (c + 1) % k
            wrong = np.concatenate([wrong, along[: int(share * len(along))]])
    given = true.copy()
    given[wrong] = other[wrong]
    return given


def line(kind: str, given: np.ndarray, true: np.ndarray, k: int, what: str, arrays: dict[str, Any]) -> dict[str, Any]:
    """Estimated and true values of one data set."""
    evidence = wb.Evidence.from_arrays(given, k, **arrays)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", wb.errors.FdrNotPossible)
        found = wb.find_issues(evidence, fdr=FDR)
    wrong = given != true
    low, high = found.attrs["expected_errors_interval"]
    chosen = found["row"].to_numpy()[found["is_issue"].to_numpy()]
    p = np.empty(len(given))
    p[found["row"].to_numpy()] = found["p_error"].to_numpy()
    return {
        "kind": kind, "with": what, "n": len(given), "k": k, "errors": int(wrong.sum()),
        "expected": found.attrs["expected_errors"], "low": low, "high": high,
        "identified": bool(found.attrs["errors_identified"]), "chosen": len(chosen),
        "fdp": float(1 - wrong[chosen].mean()) if len(chosen) else None,
        "recall": float(wrong[chosen].sum() / max(wrong.sum(), 1)),
        "ece": float(np.abs(np.histogram(p, 10, (0, 1), weights=p - wrong)[0]).sum() / len(p)),
        "why": found.attrs["errors_in_words"],
    }  # fmt: skip


def main(argv: list[str] | None = None) -> int:
    """Run from the shell."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--quick", action="store_true", help="small data, about a minute")
    parser.add_argument("--seeds", type=int, default=1, help="how many times, with other random numbers")
    parser.add_argument("--first", type=int, default=100, help="the first seed; 0 to 9 were used for choosing")
    parser.add_argument("--json", action="store_true", help="one JSON line per data set and evidence")
    args = parser.parse_args(argv)
    lines = []
    for seed in range(args.first, args.first + args.seeds):
        for kind, given, true, vectors, k in sets(seed, args.quick):
            probs = out_of_fold(vectors, given, seed)
            for what, arrays in (("embeddings", {"embeddings": vectors}), ("probabilities", {"pred_probs": probs})):
                lines.append(line(kind, given, true, k, what, arrays))
                if args.json:
                    print(json.dumps(lines[-1]), flush=True)
    if not args.json:
        print(f"{'errors, classes':24} sets identified covered  width/true  count/true ", end="")
        print(" fdr=.2: answers  above .25  mean  ECE")
        for kind in [*dict.fromkeys(one["kind"] for one in lines), ""]:
            print(summary(kind or "all", [one for one in lines if not kind or one["kind"] == kind]))
        print(summary("identified", [one for one in lines if one["identified"]]))
        print(summary("not identified", [one for one in lines if not one["identified"]]))
    return 0


def summary(name: str, some: list[dict[str, Any]]) -> str:
    """One row of the table."""
    if not some:
        return f"{name:24}    0"
    errors = np.array([max(one["errors"], 1) for one in some])
    covered = np.mean([one["low"] <= one["errors"] <= one["high"] for one in some])
    width = np.median([(one["high"] - one["low"]) for one in some] / errors)
    ratio = np.median([one["expected"] for one in some] / errors)
    alarms = np.array([one["fdp"] for one in some if one["fdp"] is not None])
    over = f"{(alarms > 0.25).mean():9.2f} {alarms.mean():5.2f}" if len(alarms) else f"{'-':>9} {'-':>5}"
    return (
        f"{name:24} {len(some):4} {np.mean([one['identified'] for one in some]):10.2f} {covered:7.2f} {width:11.2f} "
        f"{ratio:11.2f} {len(alarms):16} {over} {np.mean([one['ece'] for one in some]):5.3f}"
    )


if __name__ == "__main__":
    sys.exit(main())
