"""Coverage of the audit's 95 % interval for the number of errors, with and without reviewers' mistakes.

    python benchmarks/audit.py [--quick] [--simulations N] [--worlds NAME ...]

Simulates sets of 2,000 or 5,000 labels, or of 1,500 examples with 8 tags each, with known errors; 200 audited examples
(or tags); reviewers who are wrong 0 % or 3 % of the time. The estimate does not know this share: it is estimated from
second looks ("second"; at nine tenths of the verdicts that contradict the detector and a tenth of the others), or there
are no second looks ("none") and only the prior is used, or it is passed ("given"). Prints a line per setting: coverage,
mean width, mean error of the estimate. `--quick`: 40 simulations; the full 300 take about an hour on one core.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable

import numpy as np

from workbench.issues import audit_plan as audit
from workbench.issues import estimating
from workbench.issues.calibration import expit, logit

BUDGET = 200
DRAWS = 4000
LOOKS = ("second", "none", "given")

World = Callable[[np.random.Generator], tuple[np.ndarray, ...]]
"""p_error and whether a label is wrong; of units also whether what is given is that something is not there."""


def calibrated(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Random p_error of 5,000 labels, each wrong with its probability; 10 % errors."""
    p = np.clip(rng.beta(0.12, 1.08, 5000), 1e-6, 1 - 1e-6)
    return p, rng.random(5000) < p


def binormal(rng: np.random.Generator, n: int, rate: float, apart: float = 2.5) -> tuple[np.ndarray, np.ndarray]:
    """Normal scores, larger by `apart` for wrong labels, with their exact posterior as p_error."""
    wrong = rng.random(n) < rate
    score = rng.normal(size=n) + apart * wrong
    return expit(np.log(rate / (1 - rate)) + apart * score - apart**2 / 2), wrong


def moved(slope: float, level: float) -> World:
    """The binormal setting with 10 % errors and a detector with biased log odds."""

    def world(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        p, wrong = binormal(rng, 5000, 0.1)
        return expit(slope * logit(p) + level), wrong

    return world


def look_clean(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """40 % of the errors have the p_error of correct labels."""
    p, wrong = binormal(rng, 5000, 0.1)
    hidden = wrong & (rng.random(len(p)) < 0.4)
    seen = p.copy()
    seen[hidden] = rng.choice(p[~wrong], hidden.sum())
    return seen, wrong


def tags(missing: float, extra: float) -> World:
    """1,500 examples with 8 tags; missing tags are predicted too rarely by the factor `missing`, extra ones likewise.

    Errors are clustered: some annotators omitted half of the tags.
    """

    def world(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        yes = rng.random((1500, 8)) < rng.beta(1, 4, 8)
        careless = rng.random((1500, 1)) < 0.1
        wrong = rng.random(yes.shape) < np.where(yes, np.where(careless, 0.5, 0.1), 0.02)
        given = yes ^ wrong
        score = rng.normal(size=yes.shape) + 2.5 * wrong
        p = np.empty(yes.shape)
        for side, factor in ((given, extra), (~given, missing)):
            rate = wrong[side].mean()
            odds = np.log(rate / (1 - rate)) + 2.5 * score[side] - 2.5**2 / 2
            p[side] = expit(odds - np.log(factor))
        return p.ravel(), wrong.ravel(), ~given.ravel()

    return world


WORLDS: dict[str, World] = {
    "calibrated": calibrated,
    "binormal, 3 %": lambda rng: binormal(rng, 5000, 0.03),
    "binormal, 10 %": lambda rng: binormal(rng, 5000, 0.1),
    "binormal, 30 %": lambda rng: binormal(rng, 2000, 0.3),
    "overconfident": moved(2.0, 0.0),
    "predicts too many": moved(1.0, 1.2),
    "predicts too few": moved(1.0, -1.5),
    "errors look clean": look_clean,
    "tags": tags(1.0, 1.0),
    "tags, off by side": tags(3.0, 0.33),
}


def audited(
    p: np.ndarray, wrong: np.ndarray, added: np.ndarray, mistakes: float, looks: str, rng: np.random.Generator,
    seed: int,
):  # fmt: skip
    """Estimate after one audit, by a reviewer who is wrong with probability `mistakes`."""
    stratum = audit.stratify_sides(p, added)
    sizes = np.bincount(stratum, minlength=audit.STRATA)
    rates = np.bincount(stratum, p, minlength=audit.STRATA) / np.maximum(sizes, 1)
    drawn = np.zeros(len(p), bool)
    for h, count in enumerate(audit.allocate(sizes, rates, BUDGET)):
        drawn[rng.choice(np.flatnonzero(stratum == h), count, replace=False)] = True

    def look() -> np.ndarray:
        return wrong ^ (rng.random(len(p)) < mistakes)

    said = look() & drawn
    times, called = drawn.astype(np.int64), said.astype(np.int64)
    if looks == "second":
        chance = np.where(said != (rates[stratum] > 0.5), audit.AGAIN_SURPRISING, audit.AGAIN_OTHERS)
        again = drawn & (rng.random(len(p)) < chance)
        times, called = times + again, called + (look() & again)
    return estimating.estimate_errors(
        p, stratum, drawn, drawn, said, looks=times, wrong_looks=called, seed=seed,
        reviewer_error=mistakes if looks == "given" else None,
    )  # fmt: skip


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="40 simulations a line")
    parser.add_argument("--simulations", type=int, default=300)
    parser.add_argument("--worlds", nargs="*", default=list(WORLDS), choices=list(WORLDS), metavar="NAME")
    parser.add_argument("--looks", nargs="*", default=["second", "none"], choices=LOOKS)
    args = parser.parse_args()
    count = 40 if args.quick else args.simulations
    estimating.DRAWS = DRAWS
    print("world               mistakes  looks   coverage  width   bias  true  second looks")
    for name in args.worlds:
        for mistakes in (0.0, 0.03):
            for looks in args.looks:
                rng, rows = np.random.default_rng(1), []
                for seed in range(count):
                    p, wrong, *rest = WORLDS[name](rng)
                    added = rest[0] if rest else np.zeros(len(p), bool)
                    found = audited(p, wrong, added, mistakes, looks, rng, seed)
                    true = int(wrong.sum())
                    held = found.low <= true <= found.high
                    rows.append((held, found.high - found.low, found.errors - true, true, found.looked_again))
                held, width, bias, true, again = np.mean(rows, axis=0)
                line = f"{name:18s}  {mistakes:8.0%}  {looks:6s}  {held:8.3f}  {width:5.0f}  {bias:+5.0f}  {true:4.0f}"
                print(f"{line}  {again:12.0f}", flush=True)


if __name__ == "__main__":
    main()
