"""Outputs of a recorded training on candidate sets: probabilities by epoch, and how well each set was learned."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from workbench.runs.run import Run


class LearnedSets(NamedTuple):
    """Values for n sets in all epochs, NaN where an epoch did not record the row.

    mass : (epochs, n) float32 in [0, 1], probability of the set. hit : (epochs, n) float32, 1 if the likeliest class is
    a candidate, else 0.
    """

    mass: np.ndarray
    hit: np.ndarray


def learned_sets(run: Run) -> LearnedSets:
    """Return the probability of each set in each recorded epoch of a run on candidate sets."""
    mass, hit = (np.full((len(run.epochs), run.n), np.nan, np.float32) for _ in range(2))
    for place, epoch in enumerate(run.epochs):
        found = run.unit_stats(epoch, ("row", "p", "inside"))
        rows, p, inside = found["row"], found["p"].astype(np.float64), found["inside"]
        there = np.flatnonzero(np.bincount(rows, minlength=run.n))
        best = np.zeros((2, run.n))
        np.maximum.at(best[0], rows[inside], p[inside])
        np.maximum.at(best[1], rows[~inside], p[~inside])
        mass[place, there] = np.clip(np.bincount(rows, p * inside, run.n), 0, 1)[there]
        hit[place, there] = (best[0] >= best[1])[there]
    return LearnedSets(mass, hit)


def recorded_probs(run: Run, epoch: int, rows: slice = slice(None)) -> np.ndarray:
    """Return the probabilities (rows, k) float32 of a recorded epoch, NaN in rows that it did not record.

    With more than 100 classes only some are kept in each row; the others share the remaining probability.
    """
    start, stop, _ = rows.indices(run.n)
    found = run.unit_stats(epoch, ("row", "unit", "p"), rows)
    probs = np.full((stop - start, run.k), np.nan, np.float32)
    place, p = found["row"] - start, found["p"]
    kept = np.bincount(place, minlength=stop - start)
    rest = np.clip(1 - np.bincount(place, p.astype(np.float64), stop - start), 0, 1) / np.maximum(run.k - kept, 1)
    there = kept > 0
    probs[there] = rest[there, None]
    probs[place, found["unit"]] = p
    return probs
