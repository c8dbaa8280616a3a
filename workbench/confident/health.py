"""Label quality of each class, overlapping classes, and the uncertainty of both.

All estimates come from the calibrated confident joint. `noise_report` adds bootstrap intervals and the assumptions
without which a noise matrix is not identifiable.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

import numpy as np
import pandas as pd

from workbench.confident.counting import LOWEST_THRESHOLD, NEVER, SLACK
from workbench.confident.label_issues import confident_joint, joint, noise_from_joint, num_issues
from workbench.confident.label_issues import thresholds as class_thresholds
from workbench.foundation.checks import check_pred_probs
from workbench.foundation.errors import InputError
from workbench.foundation.reductions import by_blocks, float_rows, given_values

ASSUMPTIONS = (
    "class-conditional noise: given the true class, a wrong label does not depend on the example itself",
    "the probabilities are out-of-sample: no model was trained on the labels that it judges",
    "every class is labelled correctly more often than as any other single class",
    "for every true class the model is confident about some examples, and is right about those: classes that the model "
    "confuses are counted as confused by the labellers",
    "confident counting keeps about the same share of every true class: a class with a smaller share of confident "
    "examples is underestimated wherever another label is given",
    "every true class is among the classes, and is the given label of some examples",
)
MANY_CELLS = 1 << 25  # up to this many draws x cells percentiles are used; above, mean and standard deviation


def label_health(given_labels: Any, pred_probs: Any) -> float:
    """Estimate the share of correct labels among the labelled rows: 1 - num_issues / labelled rows.

    Parameters
    ----------
    given_labels : int array (n,), class index; -1 = unlabelled
    pred_probs : float array (n, k), in [0, 1], out-of-sample

    Returns
    -------
    float in [0, 1]; NaN if no row is labelled.

    Raises
    ------
    InputError
        Shapes do not match, labels outside -1 .. k-1, or invalid probabilities.
    """
    labels = np.asarray(given_labels)
    labelled = int((labels >= 0).sum())
    return 1.0 - num_issues(given_labels, pred_probs) / labelled if labelled else float("nan")


def class_health(given_labels: Any, pred_probs: Any, classes: Sequence[Any] | None = None) -> pd.DataFrame:
    """Estimate label quality per class, worst first: wrong labels in the class, and its examples labelled otherwise.

    Parameters
    ----------
    given_labels : int array (n,), class index; -1 = unlabelled
    pred_probs : float array (n, k), in [0, 1], out-of-sample
    classes : sequence of k names, optional

    Returns
    -------
    DataFrame with k rows
        class_index int; class (the name, or the index); given: examples given this class; issues: given this class
        but truly another; missed: truly this class but given another; noise: P(true other | given this), in [0, 1];
        missed_noise: P(given other | true this); quality: 1 - noise. A class never given has noise 0, quality 1.
    """
    estimate, given, names = _estimate(given_labels, pred_probs, classes)
    n = int(given.sum())
    wrong = estimate.sum(axis=1) - estimate.diagonal()
    lost = estimate.sum(axis=0) - estimate.diagonal()
    noise = wrong / np.maximum(estimate.sum(axis=1), 1e-6)
    table = pd.DataFrame(
        {
            "class_index": np.arange(len(estimate)),
            "class": names,
            "given": given,
            "issues": np.rint(wrong * n).astype(np.int64),
            "missed": np.rint(lost * n).astype(np.int64),
            "noise": noise,
            "missed_noise": lost / np.maximum(estimate.sum(axis=0), 1e-6),
            "quality": 1 - noise,
        }
    )
    return table.sort_values("quality").reset_index(drop=True)


def overlapping_classes(
    given_labels: Any,
    pred_probs: Any,
    classes: Sequence[Any] | None = None,
    *,
    directed: bool = False,
    with_zeros: bool = False,
) -> pd.DataFrame:
    """List pairs of classes that are labelled as one another, most frequent first.

    Parameters
    ----------
    given_labels : int array (n,), class index; -1 = unlabelled
    pred_probs : float array (n, k), in [0, 1], out-of-sample
    classes : sequence of k names, optional
    directed : bool
        Whether to keep (given a, true b) and (given b, true a) separate; otherwise they are summed, a before b.
    with_zeros : bool
        Whether to include pairs that never overlap.

    Returns
    -------
    DataFrame
        a_index, b_index, a, b; overlap: estimated number of examples; joint_probability: share of labelled examples.
    """
    estimate, given, names = _estimate(given_labels, pred_probs, classes)
    if directed:
        cells = estimate - np.diag(estimate.diagonal())
        a, b = np.nonzero(~np.eye(len(cells), dtype=bool) if with_zeros else cells)
    else:
        cells = np.triu(estimate, 1) + np.tril(estimate, -1).T
        a, b = np.triu_indices(len(cells), 1) if with_zeros else np.nonzero(cells)
    share = cells[a, b]
    table = pd.DataFrame(
        {
            "a_index": a,
            "b_index": b,
            "a": [names[i] for i in a],
            "b": [names[i] for i in b],
            "overlap": np.rint(share * int(given.sum())).astype(np.int64),
            "joint_probability": share,
        }
    )
    return table.sort_values("joint_probability", ascending=False).reset_index(drop=True)


@dataclass(frozen=True)
class NoiseReport:
    """A noise matrix with its intervals, assumptions and caveats.

    Attributes
    ----------
    classes : tuple
        Names, or indices.
    noise_matrix, low, high : float64 (k, k)
        P(given = row | true = column) and its interval.
    class_priors, priors_low, priors_high : float64 (k,)
        P(true = j) and its interval.
    errors, errors_low, errors_high : float
        Estimated number of wrong labels among the labelled rows (off the diagonal of the calibrated joint).
    confident_joint : int64 (k, k)
        Calibrated counts, rows given, columns true.
    level : float
        Nominal coverage of the intervals.
    how : str
        How the intervals were computed.
    assumptions : tuple of str
        Without these a noise matrix is not identifiable: other matrices explain the data equally well.
    doubts : tuple of str
        Evidence in the data against an assumption, or for an unreliable entry; empty if none was found.
    """

    classes: tuple[Any, ...]
    noise_matrix: np.ndarray
    low: np.ndarray
    high: np.ndarray
    class_priors: np.ndarray
    priors_low: np.ndarray
    priors_high: np.ndarray
    errors: float
    errors_low: float
    errors_high: float
    confident_joint: np.ndarray
    level: float
    how: str
    assumptions: tuple[str, ...]
    doubts: tuple[str, ...]

    @property
    def warning(self) -> str:
        """The assumptions and doubts in one paragraph, to be shown with the matrix."""
        text = (
            "This noise matrix is an estimate that is valid only under assumptions: "
            + "; ".join(self.assumptions)
            + ". The intervals reflect the sampling of examples, not violated assumptions."
        )
        return text + (" Doubtful here: " + "; ".join(self.doubts) + "." if self.doubts else "")


def noise_report(
    given_labels: Any,
    pred_probs: Any,
    classes: Sequence[Any] | None = None,
    *,
    out_of_fold: bool | None = None,
    draws: int = 200,
    level: float = 0.95,
    seed: int = 0,
) -> NoiseReport:
    """Estimate the noise matrix, class priors and number of errors, with bootstrap intervals and assumptions.

    Parameters
    ----------
    given_labels : int array (n,), class index; -1 = unlabelled
    pred_probs : float array (n, k), in [0, 1], out-of-sample
    classes : sequence of k names, optional
    out_of_fold : bool, optional
        Whether the probabilities are out-of-sample; False is reported among the doubts.
    draws : int
        Number of bootstrap samples of the labelled examples; thresholds are recomputed for each.
    level : float
        Nominal coverage, in (0, 1).
    seed : int

    Returns
    -------
    NoiseReport: the estimates, their intervals, and the assumptions in words.

    Raises
    ------
    InputError
        `draws` or `level` out of range, or arrays that do not match.

    Notes
    -----
    Above 50,000 labelled rows every example is drawn twice or not at all instead of a multinomial number of times
    (Owen and Eckles 2012), which has the same mean and variance and needs only one random bit. With more than a few
    hundred classes the intervals are mean +- z standard deviations of the draws. An entry that was never observed gets
    the exact binomial upper bound 1 - (alpha / 2)^(1/m) from its m confident examples, not an interval of width 0.
    """
    if not 0.0 < level < 1.0 or draws < 20:
        raise InputError.at(
            "level", f"is {level!r} with {draws} draws", "Use a level between 0 and 1 and at least 20 draws."
        )
    probs, labels = check_pred_probs(pred_probs, given_labels)
    names = _names(classes, probs.shape[1])
    counts = confident_joint(labels, probs)
    noise = noise_from_joint(counts, labels)
    errors = float(counts.sum() - counts.trace())
    drawn = _Draws(draws, probs.shape[1], level)
    given_only = labels[labels >= 0]
    if len(given_only):
        for drawn_counts, given in _bootstrap(labels, probs, draws, np.random.default_rng(seed)):
            again = noise_from_joint(drawn_counts, given)
            drawn.add(again.noise_matrix, again.class_priors, drawn_counts.sum() - drawn_counts.trace())
        (low, high), (priors_low, priors_high), (errors_low, errors_high) = drawn.intervals()
    else:
        low = high = noise.noise_matrix
        priors_low = priors_high = noise.class_priors
        errors_low = errors_high = np.array([errors])
    raw = confident_joint(labels, probs, calibrate=False)
    seen = np.maximum(raw.sum(axis=0), 1)
    unseen_bound = 1 - ((1 - level) / 2) ** (1 / seen)
    high = np.where(raw == 0, np.maximum(high, unseen_bound), high)
    return NoiseReport(
        classes=names,
        noise_matrix=noise.noise_matrix,
        low=np.minimum(low, noise.noise_matrix),
        high=np.maximum(high, noise.noise_matrix),
        class_priors=noise.class_priors,
        priors_low=np.minimum(priors_low, noise.class_priors),
        priors_high=np.maximum(priors_high, noise.class_priors),
        errors=errors,
        errors_low=float(min(errors_low[0], errors)),
        errors_high=float(max(errors_high[0], errors)),
        confident_joint=counts,
        level=level,
        how=f"{draws} bootstrap draws of the examples, {drawn.how}, at {level:.0%}",
        assumptions=ASSUMPTIONS,
        doubts=tuple(_doubts(labels, probs, names, noise.noise_matrix, raw, out_of_fold)),
    )


def _estimate(
    given_labels: Any, pred_probs: Any, classes: Sequence[Any] | None
) -> tuple[np.ndarray, np.ndarray, tuple[Any, ...]]:
    estimate = joint(given_labels, pred_probs)
    labels = np.asarray(given_labels)
    given = np.bincount(labels[labels >= 0].astype(np.int64), minlength=len(estimate))
    return estimate, given, _names(classes, len(estimate))


def _names(classes: Sequence[Any] | None, k: int) -> tuple[Any, ...]:
    names = tuple(range(k)) if classes is None else tuple(classes)
    if len(names) != k:
        raise InputError.at("classes", f"holds {len(names)} names for {k} columns", "Pass one name per column.")
    return names


class _Draws:
    """Bootstrap draws of three arrays and their intervals: percentiles, or mean and deviation for large arrays."""

    def __init__(self, draws: int, k: int, level: float) -> None:
        self.level = level
        self.keep = draws * k * k <= MANY_CELLS
        self.how = "percentiles" if self.keep else "mean and standard deviation"
        self.kept: list[list[np.ndarray]] = [[], [], []]
        self.count = 0
        self.mean: list[Any] = [0.0, 0.0, 0.0]
        self.squares: list[Any] = [0.0, 0.0, 0.0]

    def add(self, *values: Any) -> None:
        self.count += 1
        for which, value in enumerate(np.atleast_1d(v) for v in values):
            if self.keep:
                self.kept[which].append(value.astype(np.float32))
                continue
            away = value - self.mean[which]
            self.mean[which] = self.mean[which] + away / self.count
            self.squares[which] = self.squares[which] + away * (value - self.mean[which])

    def intervals(self) -> list[tuple[np.ndarray, np.ndarray]]:
        tail = (1 - self.level) / 2
        if self.keep:
            return [tuple(np.quantile(np.stack(kept), [tail, 1 - tail], axis=0)) for kept in self.kept]
        z = NormalDist().inv_cdf(1 - tail)
        sides = [z * np.sqrt(squares / max(self.count - 1, 1)) for squares in self.squares]
        pairs = [(np.maximum(mean - side, 0), mean + side) for mean, side in zip(self.mean, sides)]
        return [(low, np.minimum(high, 1) if index < 2 else high) for index, (low, high) in enumerate(pairs)]


def _bootstrap(
    labels: np.ndarray, probs: np.ndarray, draws: int, rng: np.random.Generator
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield, for every draw, the calibrated joint (not rounded) and given labels with the drawn counts.

    The thresholds of all draws are computed first. Their smallest values determine the few (row, class) pairs that can
    be confident in any draw; only these are examined in each draw.
    """
    k = probs.shape[1]
    labelled = np.flatnonzero(labels >= 0)
    given = labels[labelled]
    n = len(given)
    p_given = given_values(probs, labels)[labelled].astype(np.float64)
    seeds = rng.integers(0, 2**63, draws)

    def weights(draw: int) -> np.ndarray:
        own = np.random.default_rng(seeds[draw])
        if n <= 50_000:
            return np.bincount(own.integers(0, n, n), minlength=n).astype(np.float64)
        return np.unpackbits(np.frombuffer(own.bytes(n // 8 + 1), np.uint8), count=n) * 2.0

    limits = np.empty((draws, k))
    for draw in range(draws):
        drawn = weights(draw)
        sums, sizes = np.bincount(given, drawn * p_given, k), np.bincount(given, drawn, k)
        limits[draw] = np.where(sizes > 0, np.maximum(sums / np.maximum(sizes, 1), LOWEST_THRESHOLD), NEVER) - SLACK
    row, column, value = _candidates(probs, labelled, limits.min(axis=0))
    leader = _leaders(probs)[labelled]
    for draw in range(draws):
        drawn = weights(draw)
        sure = value >= limits[draw][column]
        rows, columns = row[sure], column[sure]
        reached = np.bincount(rows, minlength=n)
        first = np.zeros(n, np.int64)
        first[rows[::-1]] = columns[::-1]
        likely = np.where(reached > 1, leader, first)
        counted = reached > 0
        cells = given[counted] * k + likely[counted]
        raw = np.bincount(cells, drawn[counted], k * k).reshape(k, k)
        np.fill_diagonal(raw, np.maximum(raw.diagonal(), 1))
        sizes = np.bincount(given, drawn, k)
        yield raw / raw.sum(axis=1, keepdims=True) * sizes[:, None], np.repeat(np.arange(k), sizes.astype(np.int64))


def _leaders(probs: np.ndarray) -> np.ndarray:
    """Return the class of the largest probability of each row, int64 (n,)."""
    leader = np.zeros(len(probs), np.int64)

    def work(rows: slice) -> None:
        leader[rows] = float_rows(probs[rows]).argmax(axis=1)

    by_blocks(work, *probs.shape)
    return leader


def _candidates(
    probs: np.ndarray, labelled: np.ndarray, limits: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return row (among the labelled), column and value of every probability that reaches its column's limit."""
    parts = []
    step = max(1, (1 << 18) // probs.shape[1])
    for start in range(0, len(labelled), step):
        block = float_rows(probs[labelled[start : start + step]])
        inside, column = np.nonzero(block >= limits)
        parts.append((inside + start, column, block[inside, column].astype(np.float64)))
    if not parts:
        return np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0)
    rows, columns, values = (np.concatenate(column) for column in zip(*parts))
    return rows, columns, values


def _doubts(
    labels: np.ndarray,
    probs: np.ndarray,
    names: tuple[Any, ...],
    noise_matrix: np.ndarray,
    raw: np.ndarray,
    out_of_fold: bool | None,
) -> Iterator[str]:
    k = len(names)
    given = np.bincount(labels[labels >= 0], minlength=k)
    if out_of_fold is False:
        yield "the probabilities are in-sample: the model has seen the labels, so noise is underestimated"
    if out_of_fold is None:
        yield "it is not known whether the probabilities are out-of-sample"
    yield from _listed("never given", names, given == 0)
    yield from _listed("fewer than 20 confident examples", names, (raw.sum(axis=0) < 20) & (given > 0))
    off = noise_matrix - np.diag(noise_matrix.diagonal())
    rival = off.max(axis=0, initial=0.0)
    yield from _listed("not labelled correctly most often", names, noise_matrix.diagonal() <= rival)
    likely = np.bincount(_leaders(probs)[labels >= 0], minlength=k)
    kept = np.minimum(raw.sum(axis=0) / np.maximum(likely, 1), 1)
    judged = np.flatnonzero(likely >= 50)
    if len(judged) > 1 and kept[judged].min() < 0.8 * kept[judged].max():
        least, most = judged[kept[judged].argmin()], judged[kept[judged].argmax()]
        yield (
            f"confident counting keeps {kept[least]:.0%} of the examples that look like {names[least]} but "
            f"{kept[most]:.0%} of those that look like {names[most]}, which biases the rates between such classes"
        )
    limits = class_thresholds(labels, probs)
    yield from _listed("mean confidence close to chance", names, (limits < min(1.5 / k, 0.75)) & (given > 0))


def _listed(what: str, names: tuple[Any, ...], which: np.ndarray) -> Iterator[str]:
    found = np.flatnonzero(which)
    if len(found):
        more = f" and {len(found) - 5} more" if len(found) > 5 else ""
        yield f"{what}: {', '.join(str(names[i]) for i in found[:5])}{more}"
