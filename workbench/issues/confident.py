"""Confident learning on arrays: which given labels the predicted probabilities confidently contradict.

Northcutt, Jiang, Chuang 2021 ("Confident Learning: Estimating Uncertainty in Dataset Labels", JAIR 70), with the
counting rules of cleanlab 2.9, ties and missing classes included, so that masks are identical. Probabilities should be
out-of-sample. An unlabelled row (label -1) is never an issue and enters no count; a class that is never given has a
threshold that no probability reaches.

Hidden here: one pass over the probabilities in blocks of rows, in threads, gives four numbers per row (probability of
the given label, largest probability, its class, confident class); everything but the two pruning filters works on
these. The pruning filters look at one given class at a time. No temporary is as large as the probabilities.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from workbench.checks import check_given_labels, check_pred_probs, default_tolerance, refuse_rows, unusable_rows
from workbench.errors import InputError
from workbench.reductions import NARROW, by_blocks, float_rows, given_values, in_threads, label_counts
from workbench.scores.labels import confidence_weighted_entropy, normalized_margin, self_confidence

FILTERS = (
    "prune_by_noise_rate",
    "prune_by_class",
    "both",
    "confident_learning",
    "predicted_neq_given",
    "low_self_confidence",
    "low_normalized_margin",
)
RANKINGS = {
    "self_confidence": self_confidence,
    "normalized_margin": normalized_margin,
    "confidence_weighted_entropy": confidence_weighted_entropy,
}
SLACK = 1e-6  # how near two probabilities count as equal
LOWEST_THRESHOLD = 2e-6
NEVER = 2.0  # threshold of a class that is never given: no probability reaches it
TINY = 1e-100
FEW_CLASSES = 32  # so many comparisons of all labels cost less than sorting them
MANY_CLASSES = 2048


def thresholds(given_labels: Any, pred_probs: Any) -> np.ndarray:
    """Per class, the mean predicted probability of that class over the examples given it.

    Parameters
    ----------
    given_labels : int array (n,), class index; -1 = unlabelled
    pred_probs : float array (n, k), in [0, 1], out-of-sample

    Returns
    -------
    float array (k,), in [2e-6, 1]; 2 for a class that is never given. Of the dtype of `pred_probs`, as the mean is
    taken at that precision (float64 where a class is missing).

    References
    ----------
    Northcutt, Jiang, Chuang 2021, equation 2.

    Examples
    --------
    >>> thresholds(np.array([0, 0, 1]), np.array([[0.75, 0.25], [0.25, 0.75], [0.5, 0.5]]))
    array([0.5, 0.5])
    """
    probs, labels = check_pred_probs(pred_probs, given_labels)
    return _Classes(labels, probs.shape[1]).means(given_values(probs, labels))


def confident_joint(given_labels: Any, pred_probs: Any, *, calibrate: bool = True) -> np.ndarray:
    """Counts of examples by given class (rows) and confidently likely true class (columns).

    Parameters
    ----------
    given_labels : int array (n,), class index; -1 = unlabelled
    pred_probs : float array (n, k), in [0, 1], out-of-sample
    calibrate : bool
        Scale each row to the number of examples given that class, in whole numbers; else the raw counts.

    Returns
    -------
    int64 array (k, k). The diagonal of the raw counts is at least 1.

    Notes
    -----
    An example counts for a class when its probability reaches the class's threshold within 1e-6; when it reaches
    several, for the class of its largest probability. Memory: 16 bytes for every pair of a class that is
    given and any class.

    References
    ----------
    Northcutt, Jiang, Chuang 2021, equation 1.
    """
    probs, labels = check_pred_probs(pred_probs, given_labels, scan=False)
    rows = _read_rows(labels, probs)
    return rows.calibrated() if calibrate else rows.raw_joint()


def calibrate_joint(counts: np.ndarray, given_labels: Any) -> np.ndarray:
    """Any counts by given (rows) and true class, scaled to the numbers given each class: int64 (k, k)."""
    counts = np.asarray(counts)
    labels = check_given_labels(given_labels, len(np.asarray(given_labels)), len(counts))
    return _calibrate(counts, label_counts(labels, len(counts)))


def joint(given_labels: Any, pred_probs: Any) -> np.ndarray:
    """Estimated joint distribution of given (rows) and true (columns) class, float64 (k, k), summing to 1.

    All zero when no row is labelled. The same parameters as `confident_joint`.
    """
    counts = confident_joint(given_labels, pred_probs)
    return counts / max(float(counts.sum()), TINY)


@dataclass(frozen=True)
class Noise:
    """What confident learning says about the labelling process; all of it rests on assumptions (see `issues.health`).

    Attributes
    ----------
    class_priors : float64 (k,)
        P(true = j).
    noise_matrix : float64 (k, k)
        P(given = i | true = j) in row i, column j; columns sum to 1.
    inverse_noise_matrix : float64 (k, k)
        P(true = i | given = j) in row i, column j; columns sum to 1.
    confident_joint : int64 (k, k)
        The calibrated counts they come from; rows given, columns true.
    """

    class_priors: np.ndarray
    noise_matrix: np.ndarray
    inverse_noise_matrix: np.ndarray
    confident_joint: np.ndarray


def estimate_noise(given_labels: Any, pred_probs: Any, *, converge: bool = True) -> Noise:
    """Class priors, noise matrix and inverse noise matrix from the calibrated confident joint.

    Parameters
    ----------
    given_labels : int array (n,), class index; -1 = unlabelled
    pred_probs : float array (n, k), in [0, 1], out-of-sample
    converge : bool
        Make the three agree with one another by Bayes' rule, alternating between them.
    """
    counts = confident_joint(given_labels, pred_probs)
    return noise_from_joint(counts, np.asarray(given_labels), converge=converge)


def noise_from_joint(counts: np.ndarray, given_labels: np.ndarray, *, converge: bool = True) -> Noise:
    """`estimate_noise` from a calibrated confident joint that is at hand."""
    k = len(counts)
    given = label_counts(given_labels, k)
    shares = given / max(float(given.sum()), 1.0)
    forward = counts / np.maximum(counts.sum(axis=0).astype(float), TINY)
    backward = counts.T / np.maximum(counts.sum(axis=1).astype(float), TINY)
    priors = _priors(shares, forward, backward)
    forward, backward = _as_rates(forward), _as_rates(backward)
    if converge:
        for _ in range(3):
            for _ in range(5):
                backward = _as_rates((forward * priors).T / np.maximum(shares, TINY))
                priors = _priors(shares, forward, backward)
            forward = _as_rates((backward * shares).T / np.maximum(priors, TINY))
        priors = np.clip(priors, 1e-5, 1.0)
        priors = priors / max(priors.sum(), TINY)
        forward, backward = _as_rates(forward), _as_rates(backward)
    return Noise(priors, forward, backward, counts)


def noise_matrix(given_labels: Any, pred_probs: Any) -> np.ndarray:
    """P(given = i | true = j), float64 (k, k), columns sum to 1; see `estimate_noise`."""
    return estimate_noise(given_labels, pred_probs).noise_matrix


def inverse_noise_matrix(given_labels: Any, pred_probs: Any) -> np.ndarray:
    """P(true = i | given = j), float64 (k, k), columns sum to 1; see `estimate_noise`."""
    return estimate_noise(given_labels, pred_probs).inverse_noise_matrix


def class_priors(given_labels: Any, pred_probs: Any) -> np.ndarray:
    """P(true = j), float64 (k,), sums to 1; see `estimate_noise`."""
    return estimate_noise(given_labels, pred_probs).class_priors


def num_issues(given_labels: Any, pred_probs: Any, *, calibrated: bool = False) -> int:
    """Estimated number of wrong labels: examples off the diagonal of the confident joint.

    Parameters
    ----------
    given_labels : int array (n,), class index; -1 = unlabelled
    pred_probs : float array (n, k), in [0, 1], out-of-sample
    calibrated : bool
        Count in the calibrated joint, which spreads unconfident examples like confident ones; else count the
        examples themselves, leaving out those whose largest probability is that of the given label.
    """
    probs, labels = check_pred_probs(pred_probs, given_labels, scan=False)
    rows = _read_rows(labels, probs)
    if not calibrated:
        return int(rows.off_diagonal().sum())
    counts = _calibrate(rows.calibrated(), rows.classes.counts)
    share = 1.0 - (counts / max(float(counts.sum()), TINY)).trace()
    return int(np.rint(share * rows.classes.counts.sum()))


def find_label_issues(
    given_labels: Any,
    pred_probs: Any,
    *,
    by: str = "prune_by_noise_rate",
    frac_noise: float = 1.0,
    min_per_class: int = 1,
    joint_counts: np.ndarray | None = None,
) -> np.ndarray:
    """Which given labels a confident-learning filter calls wrong: always a mask.

    Parameters
    ----------
    given_labels : int array (n,), class index; -1 = unlabelled
    pred_probs : float array (n, k), in [0, 1], out-of-sample
    by : str
        "prune_by_noise_rate" (for every pair of classes, as many examples as the joint counts, by largest margin
        of the other class), "prune_by_class" (for every given class, as many as the joint counts, by smallest
        probability of that class), "both", "confident_learning" (the examples off the diagonal of the confident
        joint), "predicted_neq_given", "low_self_confidence" and "low_normalized_margin" (the lowest `num_issues`
        scores; alone in that they keep examples whose largest probability is that of the given label).
    frac_noise : float
        For the three pruning filters: which share of each off-diagonal count to use.
    min_per_class : int
        For the pruning filters: leave classes of at most so many examples alone, and keep so many in each.
    joint_counts : int array (k, k), optional
        A calibrated joint of one's own for the pruning filters, rows given.

    Returns
    -------
    bool array (n,)

    Raises
    ------
    InputError
        Arrays that are not usable, an unknown filter, or `frac_noise` for a filter that has no such share.
    """
    if by not in FILTERS:
        raise InputError.unknown("filter", by, FILTERS)
    probs, labels = check_pred_probs(pred_probs, given_labels, scan=False)
    pruning = by in ("prune_by_noise_rate", "prune_by_class", "both")
    if not pruning and (frac_noise != 1.0 or joint_counts is not None):
        raise InputError.at(
            "frac_noise" if frac_noise != 1.0 else "joint_counts",
            f"has no meaning for the filter {by!r}",
            "Use it with prune_by_noise_rate, prune_by_class or both.",
        )
    if not 0.0 <= frac_noise <= 1.0:
        raise InputError.at("frac_noise", f"is {frac_noise!r}", "Give a share between 0 and 1.")
    rows = _read_rows(labels, probs, confident=by != "predicted_neq_given")
    if by == "predicted_neq_given":
        return rows.contradicted
    if by == "confident_learning":
        return rows.off_diagonal()
    if by in ("low_self_confidence", "low_normalized_margin"):
        scores = rows.p_given if by == "low_self_confidence" else normalized_margin(labels, probs)
        return _lowest(scores, int(rows.off_diagonal().sum()))
    counts = rows.calibrated() if joint_counts is None else np.asarray(joint_counts)
    if counts.shape != (probs.shape[1],) * 2:
        raise InputError.at(
            "joint_counts",
            f"has shape {counts.shape}",
            f"Give a row and a column for each of {probs.shape[1]} classes.",
        )
    mask = np.zeros(len(probs), bool)

    def prune(klass: int) -> None:
        members = rows.classes.members(klass)
        if len(members) <= max(min_per_class, 1):
            return
        prune_counts = _keep(counts[klass], klass, min_per_class, frac_noise)
        found = np.ones(len(members), bool)
        if by != "prune_by_noise_rate":
            found &= _lowest(rows.p_given[members], len(members) - int(prune_counts[klass]))
        if by != "prune_by_class":
            found &= _by_margin(probs, members, klass, rows.p_given[members], rows.contradicted[members], prune_counts)
        mask[members] = found

    in_threads(prune, range(probs.shape[1]), probs.size)
    return mask & rows.contradicted


def rank(
    given_labels: Any, pred_probs: Any, mask: np.ndarray | None = None, *, by: str = "self_confidence"
) -> np.ndarray:
    """Row numbers, most suspicious first, by a label-quality score.

    Parameters
    ----------
    given_labels, pred_probs
        As for `find_label_issues`.
    mask : bool array (n,), optional
        Rank only these rows; all labelled ones unless given.
    by : {"self_confidence", "normalized_margin", "confidence_weighted_entropy"}

    Returns
    -------
    int64 array (m,)
    """
    if by not in RANKINGS:
        raise InputError.unknown("ranking", by, RANKINGS)
    probs, labels = check_pred_probs(pred_probs, given_labels)
    mask = labels >= 0 if mask is None else np.asarray(mask) & (labels >= 0)
    chosen = np.flatnonzero(mask)
    return chosen[np.argsort(RANKINGS[by](labels[chosen], probs[chosen]))]


def threshold_adjusted(given_labels: Any, pred_probs: Any) -> np.ndarray:
    """Probabilities less their class thresholds, shifted to be positive and scaled to sum 1: fairer to rare classes.

    Returns a new float array (n, k), for the label-quality scores.
    """
    probs, labels = check_pred_probs(pred_probs, given_labels)
    limits = _Classes(labels, probs.shape[1]).means(given_values(probs, labels))
    adjusted = float_rows(probs) - limits
    adjusted += limits.max()
    adjusted /= adjusted.sum(axis=1, keepdims=True)
    return adjusted


class _Classes:
    """The rows given each class. Few classes are looked up as they are asked for, many are sorted once."""

    def __init__(self, labels: np.ndarray, k: int):
        self.labels = labels
        self.counts = label_counts(labels, k)
        self.order = None
        if k > FEW_CLASSES:
            codes = labels.astype(
                np.uint16 if k < 65535 else np.uint64
            )  # -1 becomes the largest; 16 bits sort by radix
            self.order = np.argsort(codes, kind="stable")
            self.ends = np.cumsum(self.counts)

    def members(self, klass: int) -> np.ndarray:
        """Rows given this class, ascending."""
        if self.order is None:
            return np.flatnonzero(self.labels == klass)
        return self.order[self.ends[klass] - self.counts[klass] : self.ends[klass]]

    def means(self, p_given: np.ndarray) -> np.ndarray:
        """Mean of each class's own values (k,), taken at their precision; NEVER for an empty class."""
        means = np.full(len(self.counts), NEVER, p_given.dtype if self.counts.all() else np.float64)
        for klass in np.flatnonzero(self.counts):
            means[klass] = p_given[self.members(klass)].mean()
        return np.maximum(means, LOWEST_THRESHOLD)


@dataclass(frozen=True)
class _Rows:
    """A few numbers per row, and the rows of each class."""

    k: int
    labels: np.ndarray  # (n,) int64, -1 = unlabelled
    classes: _Classes
    p_given: np.ndarray  # (n,), NaN where unlabelled
    contradicted: np.ndarray  # (n,) bool: another class leads by more than SLACK
    confident: np.ndarray  # (n,) small int: confident class, -1 = none

    def off_diagonal(self) -> np.ndarray:
        """Mask of the rows counted off the diagonal of the confident joint, less those whose given label leads."""
        return (self.confident >= 0) & (self.confident != self.labels) & self.contradicted

    def raw_joint(self) -> np.ndarray:
        counts = np.zeros(self.k * self.k, np.int64)
        step = max(1 << 16, self.k * self.k)
        for start in range(0, len(self.labels), step):
            labels, confident = self.labels[start : start + step], self.confident[start : start + step]
            counted = (confident >= 0) & (labels >= 0)
            cells = labels[counted] * self.k
            cells += confident[counted]
            found = np.bincount(cells, minlength=len(counts))
            counts = counts + found if start else found
        counts = counts.reshape(self.k, self.k)
        np.fill_diagonal(counts, np.maximum(counts.diagonal(), 1))
        return counts

    def calibrated(self) -> np.ndarray:
        return _calibrate(self.raw_joint(), self.classes.counts)


def _read_rows(labels: np.ndarray, probs: np.ndarray, *, confident: bool = True) -> _Rows:
    """The one pass over the probabilities, which also refuses rows that are none; `confident` may be left out."""
    n, k = probs.shape
    p_given = given_values(probs, labels)
    dtype = p_given.dtype
    classes = _Classes(labels, k)
    reach = _reach(classes.means(p_given), dtype) if confident else None
    contradicted = np.empty(n, bool)
    sure = np.full(n if confident else 0, -1, np.int16 if k < 1 << 15 else np.int32)
    unusable: list[np.ndarray] = []
    tolerance = default_tolerance(probs)
    read = _read_narrow if k <= NARROW else _read_wide

    def work(rows: slice) -> None:
        block = float_rows(probs[rows])
        bad = unusable_rows(block, tolerance)
        if bad.any():
            unusable.append(np.flatnonzero(bad) + rows.start)
        given, bar = labels[rows], p_given[rows] + np.array(SLACK, dtype)
        with np.errstate(invalid="ignore"):
            largest, leader, found = read(block, reach)
            led = np.where(leader < given, bar <= largest, bar < largest)
        contradicted[rows] = led & (leader != given) & (given >= 0)
        if confident:
            sure[rows] = found

    by_blocks(work, n, k)
    if unusable:
        bad = np.zeros(n, bool)
        bad[np.concatenate(unusable)] = True
        refuse_rows(probs, bad, tolerance)
    return _Rows(k, labels, classes, p_given, contradicted, sure)


def _reach(limits: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """The smallest numbers of the rows' own dtype that reach the thresholds within SLACK: the same comparison."""
    lowered = limits - SLACK
    reach = lowered.astype(dtype)
    return np.where(reach < lowered, np.nextafter(reach, np.array(np.inf, dtype)), reach).astype(dtype)


def _read_narrow(block: np.ndarray, reach: np.ndarray | None) -> tuple[np.ndarray, np.ndarray, Any]:
    """Largest value, its class, confident class (-1 = none) of each row; class by class over whole columns."""
    columns = np.array(block.T, order="C")
    k, b = columns.shape
    largest = columns[0].copy()
    leader = np.zeros(b, np.uint8)
    reached = np.zeros(b, np.uint8)
    last_first = np.zeros(b, np.uint8)  # k - index of the first confident class
    for index in range(k):
        if index:
            above = columns[index] > largest
            np.maximum(largest, columns[index], out=largest)
            np.maximum(leader, above.view(np.uint8) * np.uint8(index), out=leader)
        if reach is None:
            continue
        sure = (columns[index] >= reach[index]).view(np.uint8)
        reached += sure
        sure *= np.uint8(k - index)
        np.maximum(last_first, sure, out=last_first)
    leader = leader.astype(np.int64)
    if reach is None:
        return largest, leader, -1
    first = k - last_first.astype(np.int64)
    confident = np.where(reached > 1, leader, first)
    confident[reached == 0] = -1
    return largest, leader, confident


def _read_wide(block: np.ndarray, reach: np.ndarray | None) -> tuple[np.ndarray, np.ndarray, Any]:
    """`_read_narrow` for many classes: along contiguous rows."""
    every = np.arange(len(block))
    leader = block.argmax(axis=1)
    largest = block[every, leader]
    if reach is None:
        return largest, leader, -1
    sure = block >= reach
    first = sure.argmax(axis=1)
    confident = np.where(sure[every, first], first, -1)
    # a second confident class matters only where the first is not the leader
    unclear = np.flatnonzero((confident >= 0) & (first != leader))
    if len(unclear):
        rest = sure[unclear]
        inside = np.arange(len(unclear))
        rest[inside, first[unclear]] = False
        several = rest[inside, rest.argmax(axis=1)]
        confident[unclear[several]] = leader[unclear[several]]
    return largest, leader, confident


def _calibrate(raw: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Scale rows to the given counts and round to whole numbers, each row keeping its sum.

    Above MANY_CLASSES only rows of classes that are given are touched, and the grand total is summed row by row: a
    value that lies on .5 may then round the other way than cleanlab's.
    """
    k = len(raw)
    sizes = np.maximum(raw.sum(axis=1) if k <= MANY_CLASSES else _row_sums(raw, counts), TINY)
    given = np.flatnonzero(counts)
    step = max(1, (1 << 17) // k)
    parts = [given[start : start + step] for start in range(0, len(given), step)]
    if k <= MANY_CLASSES:  # the total in the order of memory of the transposed matrix, as cleanlab sums it
        scaled = raw.T.astype(np.float64, order="C")
        scaled /= sizes
        scaled *= counts
        total = scaled.sum()
        del scaled
    else:
        total = sum((raw[rows] / sizes[rows, None] * counts[rows, None]).sum() for rows in parts)
    total = max(total, TINY)
    out = np.zeros(raw.shape, np.int64)
    for rows in parts:
        out[rows] = _round_rows(raw[rows] / sizes[rows, None] * counts[rows, None] / total * counts.sum())
    return out


def _row_sums(raw: np.ndarray, counts: np.ndarray) -> np.ndarray:
    sums = np.ones(len(raw))
    for klass in np.flatnonzero(counts):
        sums[klass] = raw[klass].sum()
    return sums


def _round_rows(rows: np.ndarray) -> np.ndarray:
    """Whole numbers nearest to the values, with each row's sum kept: the entries rounded furthest give way."""
    whole = rows.round()
    target = rows.sum(axis=1).round()
    while True:
        missing = np.round(target - whole.sum(axis=1).round())
        uneven = np.flatnonzero(np.abs(missing) > SLACK)
        if not len(uneven):
            return whole.astype(np.int64)
        order = np.argsort(rows[uneven] - whole[uneven], axis=1)
        for row, ranked, lack in zip(uneven, order, missing[uneven]):
            changes = min(int(abs(lack)), rows.shape[1])
            chosen = ranked[::-1][:changes] if lack > 0 else ranked[:changes]
            whole[row, chosen] += 1 if lack > 0 else -1


def _keep(counts: np.ndarray, klass: int, at_least: int, frac_noise: float) -> np.ndarray:
    """One class's counts to prune (k,): at least so many kept as right, taken evenly from the rest; then the share."""
    kept = max(int(counts[klass]), at_least)
    if frac_noise == 1.0 and kept == counts[klass]:
        return counts
    others = max(np.count_nonzero(counts) - 1.0, 1.0)
    lowered = np.maximum(counts - (kept - counts[klass]) / others, 0)
    lowered[klass] = kept
    share = lowered * frac_noise
    share[klass] = kept
    share[klass] += (lowered - share).sum()
    return share.astype(np.int64)


def _lowest(scores: np.ndarray, how_many: int) -> np.ndarray:
    """Mask of the so many lowest scores (NaN last); a sort decides only where the border is tied."""
    mask = np.zeros(len(scores), bool)
    if how_many <= 0:
        return mask
    if how_many >= len(scores):
        mask[:] = True
        return mask
    border = np.partition(scores, how_many - 1)[how_many - 1]
    np.less_equal(scores, border, out=mask)
    if mask.sum() != how_many:
        mask[:] = False
        mask[np.argsort(scores)[:how_many]] = True
    return mask


def _by_margin(
    probs: np.ndarray,
    members: np.ndarray,
    klass: int,
    p_given: np.ndarray,
    contradicted: np.ndarray,
    counts: np.ndarray,
) -> np.ndarray:
    """Mask over the members of one class: for every other class, so many with the largest margin over their own.

    Right at least for contradicted members, which is all that is asked for: where enough of these have a margin that
    no other member can have, the others need not be looked at.
    """
    found = np.zeros(len(members), bool)
    wanted = np.flatnonzero(counts > 0)
    wanted = wanted[wanted != klass]
    if (counts[wanted] >= len(members)).any():
        found[:] = True
        return found
    wanted = wanted[np.argsort(counts[wanted], kind="stable")]
    inside = np.flatnonzero(contradicted)
    left = []
    for part, margins in _margins(probs, members[inside], p_given[inside], wanted):
        enough = np.count_nonzero(margins > 10 * SLACK, axis=1) >= counts[part]
        for many in np.unique(counts[part[enough]]):
            group = np.flatnonzero(enough & (counts[part] == many))
            reached, tied = _top(margins[group], int(many))
            found[inside] |= reached
            enough[group[tied]] = False
        left.append(part[~enough])
    for part, margins in _margins(probs, members, p_given, np.concatenate(left) if left else wanted):
        for many in np.unique(counts[part]):
            group = margins[counts[part] == many]
            reached, tied = _top(group, int(many))
            found |= reached
            for row in tied:  # the order of a full sort decides between equals
                found[np.argsort(-group[row])[:many]] = True
    return found


def _margins(
    probs: np.ndarray, rows: np.ndarray, p_given: np.ndarray, wanted: np.ndarray
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Some of the wanted columns at a time, and their margins over the given label (columns, rows)."""
    step = max(1, (1 << 20) // max(len(rows), 1))
    for start in range(0, len(wanted), step):
        margins = _columns(probs, rows, wanted[start : start + step])
        margins -= p_given
        yield wanted[start : start + step], margins


def _columns(probs: np.ndarray, members: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """(columns, members), contiguous, as float32 or float64."""
    if len(columns) * 4 >= probs.shape[1] and len(members) * probs.shape[1] <= 1 << 21:
        picked = float_rows(probs[members]).T[columns]
    else:
        picked = np.empty((len(columns), len(members)), float_rows(probs[:0]).dtype)
        for index, column in enumerate(columns):
            picked[index] = probs[members, column]
    return np.ascontiguousarray(picked)


def _top(margins: np.ndarray, many: int) -> tuple[np.ndarray, np.ndarray]:
    """Which of the m are among the so many largest in any row (rows, m), and the rows left out for ties."""
    m = margins.shape[1]
    border = margins.max(axis=1) if many == 1 else np.partition(margins, m - many, axis=1)[:, m - many]
    reached = margins >= border[:, None]
    tied = np.flatnonzero(np.count_nonzero(reached, axis=1) != many)
    reached[tied] = False
    return reached.any(axis=0), tied


def _priors(shares: np.ndarray, forward: np.ndarray, backward: np.ndarray) -> np.ndarray:
    """P(true) from P(given) and the two diagonals, kept above 1e-6."""
    priors = backward.diagonal() / np.maximum(forward.diagonal(), TINY) * shares
    priors = np.clip(priors, 1e-6, 1.0)
    return priors / max(priors.sum(), TINY)


def _as_rates(matrix: np.ndarray) -> np.ndarray:
    """Off-diagonal rates within [0, .9999], columns summing to 1."""
    rates = np.clip(matrix, 0, 0.9999)
    np.fill_diagonal(rates, matrix.diagonal())
    return rates / np.maximum(rates.sum(axis=0), TINY)
