"""Errors found by queues that learn from the reviewer, compared with the initial order.

    python benchmarks/review.py DATA_DIR [--json]

DATA_DIR has the layout of `detection.py`. A simulated reviewer goes through the queue and is always right, or wrong 5 %
of the time. After every 25 reviews the rest of the queue is reordered by one of these methods:

- `static`: never
- `pairs`: `workbench.issues.review.with_verdicts`, the default: p_error is shifted for all examples, and by the
  verdicts on the same (given, suggested) pair of classes
- `neighbours`: by the verdicts on examples with similar embeddings and the same suggested class
- `refit`: logistic regression of the verdicts on the detector's log odds, the probability of the suggested label and
  the frequency of the given class, regularised towards the detector

One line per data set, reviewer and order: true errors found after 100, 300 and 500 reviews, mean over repeated draws of
80 % of the examples, and the difference to `static` with twice its standard error.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from detection import Case, cases

import workbench as wb
from workbench.issues import find_issues
from workbench.issues.calibration import expit, logit
from workbench.issues.review import with_verdicts

STOPS = (100, 300, 500)
EVERY = 25
REPEATS = 12
WEIGHT = 2.0  # number of similar reviews that weigh as much as the detector


@dataclass
class Queue:
    """Input of an order: one row per example."""

    odds: np.ndarray
    p_suggested: np.ndarray
    frequency: np.ndarray
    pair: np.ndarray
    suggested: np.ndarray
    vectors: np.ndarray | None


def static(queue: Queue, seen: np.ndarray, verdict: np.ndarray) -> np.ndarray:
    """The detector's unchanged log odds."""
    return queue.odds


def pairs(queue: Queue, seen: np.ndarray, verdict: np.ndarray) -> np.ndarray:
    """The method of `find_issues` for verdicts of a journal."""
    verdicts = pd.Series(verdict.astype(bool), index=seen)
    return logit(with_verdicts(pd.Series(expit(queue.odds)), verdicts, queue.pair)[0].to_numpy())


def neighbours(queue: Queue, seen: np.ndarray, verdict: np.ndarray) -> np.ndarray:
    """Log odds plus the shrunken residual of similar examples with the same suggestion."""
    if queue.vectors is None:
        return queue.odds
    surprise = verdict - expit(queue.odds[seen])
    kernel = np.maximum(queue.vectors @ queue.vectors[seen].T, 0) ** 4
    kernel *= queue.suggested[:, None] == queue.suggested[seen][None]
    return queue.odds + 4 * (kernel @ surprise) / (kernel.sum(axis=1) + WEIGHT)


def refit(queue: Queue, seen: np.ndarray, verdict: np.ndarray) -> np.ndarray:
    """Penalised logistic regression around the detector."""
    design = np.stack([np.ones(len(queue.odds)), queue.odds, logit(queue.p_suggested), queue.frequency], axis=1)
    theta = np.array([0.0, 1.0, 0.0, 0.0])
    centre, hold = theta.copy(), np.diag([1.0, 5.0, 5.0, 5.0])
    x = design[seen]
    for _ in range(20):
        p = expit(x @ theta)
        gradient = x.T @ (verdict - p) - hold @ (theta - centre)
        theta = theta + np.linalg.solve((x * (p * (1 - p))[:, None]).T @ x + hold, gradient)
    return design @ theta


ORDERS: dict[str, Callable[[Queue, np.ndarray, np.ndarray], np.ndarray]] = {
    "static": static,
    "pairs": pairs,
    "neighbours": neighbours,
    "refit": refit,
}


def found(queue: Queue, is_error: np.ndarray, order: Callable, errs: float, rng: np.random.Generator) -> list[int]:
    """Number of true errors among the first 100, 300 and 500 reviews."""
    most = min(max(STOPS), len(is_error))
    says = np.where(rng.random(len(is_error)) < errs, ~is_error, is_error).astype(float)
    done = np.zeros(len(is_error), bool)
    reviewed: list[int] = []
    while len(reviewed) < most:
        seen = np.array(reviewed, dtype=np.int64)
        suspicion = order(queue, seen, says[seen]) if reviewed else queue.odds
        batch = np.argsort(-np.where(done, -np.inf, suspicion), kind="stable")[: min(EVERY, most - len(reviewed))]
        done[batch] = True
        reviewed += batch.tolist()
    hits = np.cumsum(is_error[reviewed])
    return [int(hits[min(stop, most) - 1]) for stop in STOPS]


def queue_of(case: Case) -> tuple[Queue, np.ndarray]:
    """The detector's result on all evidence of a case, as a Queue over the evaluated rows, and the truth."""
    logits = next(iter(case.trainings.values()), None)
    evidence = wb.Evidence.from_arrays(
        case.given, k=case.k, pred_probs=case.pred_probs, logits=logits, embeddings=case.embeddings, texts=case.texts
    )
    issues = find_issues(evidence).sort_values("row")
    keep = case.judged & issues["p_error"].notna().to_numpy()
    codes = {name: code for code, name in enumerate(evidence.classes)}
    suggested = np.array([codes.get(name, 0) for name in issues["suggested_label"]])[keep]
    p_suggested = issues["p_suggested"].fillna(0.5).to_numpy()[keep]
    vectors = None
    if case.embeddings is not None:
        vectors = np.asarray(case.embeddings, dtype=np.float32)[keep]
        vectors = (vectors - vectors.mean(axis=0)) / np.maximum(vectors.std(axis=0), 1e-6)
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    given = case.given[keep]
    frequency = np.log(np.bincount(given, minlength=case.k)[given] / len(given))
    odds = logit(issues["p_error"].to_numpy()[keep])
    pair = np.unique(given * case.k + suggested, return_inverse=True)[1]
    return Queue(odds, p_suggested, frequency - frequency.mean(), pair, suggested, vectors), case.is_error[keep]


def part(queue: Queue, rows: np.ndarray) -> Queue:
    """Select some of the rows."""
    pick = {name: None if value is None else value[rows] for name, value in vars(queue).items()}
    return Queue(**pick)


def lines(case: Case, repeats: int):
    """One dict per reviewer and order."""
    queue, is_error = queue_of(case)
    for errs in (0.0, 0.05):
        results = {name: [] for name in ORDERS}
        for repeat in range(repeats):
            rows = np.sort(np.random.default_rng(repeat).permutation(len(is_error))[: int(0.8 * len(is_error))])
            for name, order in ORDERS.items():
                reviewer = np.random.default_rng(1000 + repeat)
                results[name].append(found(part(queue, rows), is_error[rows], order, errs, reviewer))
        base = np.array(results["static"], float)
        for name, counts in results.items():
            counts = np.array(counts, float)
            gain = counts - base
            yield {
                "data": case.name,
                "errors": int(is_error.sum()),
                "reviewer_errs": errs,
                "order": name,
                "found": dict(zip(map(str, STOPS), counts.mean(axis=0).round(1).tolist())),
                "gain": dict(zip(map(str, STOPS), gain.mean(axis=0).round(1).tolist())),
                "gain_2se": dict(zip(map(str, STOPS), (2 * gain.std(axis=0) / np.sqrt(repeats)).round(1).tolist())),
            }


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data_dir", type=Path)
    parser.add_argument("--json", action="store_true", help="one JSON line each instead of a table")
    parser.add_argument("--repeats", type=int, default=REPEATS)
    options = parser.parse_args(argv)
    for case in cases(options.data_dir):
        if case.judged.sum() < 2 * max(STOPS):
            continue
        for line in lines(case, options.repeats):
            if options.json:
                print(json.dumps(line), flush=True)
            else:
                parts = [(line["found"][s], line["gain"][s], line["gain_2se"][s]) for s in line["found"]]
                cells = "  ".join(f"{count:6.1f} ({gain:+.1f} +-{twice:.1f})" for count, gain, twice in parts)
                print(f"{line['data']:32s} errs {line['reviewer_errs']:.2f} {line['order']:11s} {cells}", flush=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
