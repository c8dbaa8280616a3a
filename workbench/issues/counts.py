"""Estimate the number of wrong labels, and whether the labels alone identify it.

From the labels alone, wrong labels cannot always be distinguished from overlapping classes, nor systematic errors from
a class boundary. The count is therefore an estimate only if there is label noise that the model cannot explain, if the
model does not contradict most labels, and if two classifiers of different flexibility agree on the count. Otherwise the
result is a range, with advice on how to learn more.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from workbench.foundation.rows import softmax
from workbench.issues.likelihood import surfaces
from workbench.issues.noise import flips_of, noise_matrices

if TYPE_CHECKING:
    import pandas as pd

AUDIT_SIZE = 200
"""Number of examples to audit that messages recommend."""

NEED, NEED_ALONE = 20.0, 75.0
"""Minimum gain (twice the log likelihood) of a noise term: with embeddings, and with given probabilities only."""
NEED_AGREED, AGREED = 10.0, 1.1
"""The same if the two counts, by the noise term and by the confident joint, differ by at most the factor `AGREED`."""
MOST_DISAGREE = 0.55
MOST_APART = 1.25
"""Maximum share of contradicted labels, and maximum ratio of the counts of two classifiers."""
STRUCTURED, SPREAD_OUT = 15.0, -10.0
"""Limits for the log likelihood of errors between confused classes minus that of errors anywhere: clearly structured,
and clearly not."""
BEYOND_LABELS = 2.5
"""Upper end of the range if not identified, as a multiple of the share of contradicted labels."""
UNSEEN = 0.4
"""Minimum upper end of the range for in-sample evidence only."""
SHARED_MISTAKES = 0.25
"""Minimum upper end of the range for votes only. In published crowd-sourced data .11 to .24 of the majority labels were
wrong, while the votes suggested .03 to .11."""
FEW_ROWS, FEW_OF_CLASS = 200, 10
FDR_CUT, FDR_CUT_ALONE = 0.75, 0.4
"""Factors applied to `fdr` for the selection, without which the achieved share exceeded `fdr` too often: with
classifiers on embeddings, and with given probabilities only, whose sharpness no second classifier confirms."""


@dataclass(frozen=True)
class NoiseLevel:
    """The noise level of the labels according to their likelihood.

    Attributes
    ----------
    power, noise : of the best fit. low, high : interval of the noise. gain : twice the log likelihood of a noise term.
    structure : log likelihood of errors between confused classes minus that of errors anywhere; 0 for two classes.
    ratio : largest count of a single classifier divided by the smallest; 1 with only one. contradicted : largest share
    of labels that a single classifier contradicts
    """

    power: float
    noise: float
    low: float
    high: float
    gain: float
    structure: float
    ratio: float = 1.0
    contradicted: float = 0.0
    counts: tuple[float, ...] = ()


@dataclass(frozen=True)
class Count:
    """Share of wrong labels with a 95 % interval, or a range if it is not identified.

    Attributes
    ----------
    identified : whether the labels alone allow an estimate
    share, low, high : of the labelled rows
    mix : in [0, 1], weight of the confident joint relative to the noise term; mix_joint : whether it is used
    structured : whether errors clearly occur between classes that the model confuses
    why : why it is not identified, in words; "" if identified
    cut : factor applied to `fdr` for the selection
    """

    identified: bool
    share: float
    low: float
    high: float
    mix: float = 1.0
    mix_joint: bool = True
    structured: bool = False
    why: str = ""
    cut: float = FDR_CUT


def look(
    log_probs: np.ndarray, labels: np.ndarray, flips: np.ndarray | None, apart: tuple[np.ndarray, ...] = ()
) -> NoiseLevel:
    """Fit the noise on a sample of rows.

    Parameters
    ----------
    log_probs : float (m, k), pooled, out-of-sample. labels : int (m,), all given.
    flips : (k, k) P(given = row | true = column, changed) of the confident joint; None above 2,000 classes
    apart : log probabilities (m, k) of single classifiers on embeddings, whose counts are compared
    """
    k = log_probs.shape[1]
    first = surfaces(log_probs, labels, [flips])[0]
    structure = 0.0
    if k > 2 and flips is not None:
        # at the power of the best fit: the confusions of the model itself, without any label
        probs = np.exp(first.power * (log_probs - log_probs.max(axis=1, keepdims=True)))
        probs /= probs.sum(axis=1, keepdims=True)
        confusions = probs.T.astype(float) @ probs
        np.fill_diagonal(confusions, 0)
        confusions /= np.maximum(confusions.sum(axis=0), 1e-30)
        alike, confused = surfaces(log_probs, labels, [None, confusions])
        structure = len(labels) * (confused.value - alike.value)
    low, high = first.interval()
    single = [head_count(one, labels) for one in apart]
    contradicted = [float((one.argmax(axis=1) != labels).mean()) for one in apart]
    ratio = max(single) / max(min(single), 1e-9) if single else 1.0
    return NoiseLevel(
        first.power, first.noise, low, high, first.gain, structure, ratio, max(contradicted, default=0.0), tuple(single)
    )


def head_count(log_probs: np.ndarray, labels: np.ndarray) -> float:
    """Return the share of errors by the confident joint of one classifier's sharpened probabilities."""
    matrix = noise_matrices(softmax(log_probs), labels, 0.65)
    if matrix is None:
        return float((log_probs.argmax(axis=1) != labels).mean())
    power = surfaces(log_probs, labels, [flips_of(matrix[0])])[0].power
    probs = softmax(power * log_probs)
    joint = noise_matrices(probs, labels, 0)
    assert joint is not None  # same number of classes as above
    posterior = softmax(power * log_probs + np.log(np.maximum(joint[0][labels], 1e-6)))
    return float(1 - posterior[np.arange(len(labels)), labels].mean())


def slip(logs: np.ndarray, labels: np.ndarray, flips: np.ndarray | None, noise: float) -> np.ndarray:
    """Return the probability (m,) that a label is noise, independent of the example.

    Parameters
    ----------
    logs : float (m, k), sharpened log probabilities. flips : as in `look`. noise : share of noise
    """
    probs = softmax(logs)
    own = np.maximum(probs[np.arange(len(labels)), labels], 1e-30)
    into = (1 - own) / (logs.shape[1] - 1) if flips is None else np.einsum("ij,ij->i", probs, flips[labels])
    return noise * into / np.maximum((1 - noise) * own + noise * into, 1e-30)


def mixed(total: Count, joint: np.ndarray, slips: np.ndarray, least: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return (p_rough, p_least) per row: the first has mean `total.share`, the second is for conservative selection."""
    rough = total.mix * joint + (1 - total.mix) * slips if total.mix_joint else slips
    return rough, (slips + joint) / 2 if total.structured else least


def count(
    noise: NoiseLevel,
    p_joint: np.ndarray,
    p_slip: np.ndarray,
    disagree: float,
    n: int,
    k: int,
    embeddings: bool,
    tells: bool = True,
    most_ratio: float = np.inf,
) -> Count:
    """Estimate the number of wrong labels and its interval.

    Parameters
    ----------
    noise : result of `look`. p_joint : (n,) probabilities of error by the confident joint of the pooled, sharpened
        probabilities; NaN = unlabelled. p_slip : (n,) the same by the noise term (`slip`).
    disagree : share of rows whose most likely class is not the given one. n : number of labelled rows.
    embeddings : whether classifiers on embeddings are used
    tells : whether the evidence predicts the labels better than the class shares
    most_ratio : maximum ratio of the two counts that still counts as agreement
    """
    joint, e = float(np.nanmean(p_joint)), float(np.nanmean(p_slip))
    structure = noise.structure
    agreed = joint <= AGREED * e and noise.ratio <= 1.1
    need = NEED_AGREED if agreed else NEED if embeddings or structure < 3 else NEED_ALONE
    why = ""
    if not tells:
        why = "the evidence says nothing about the labels"
    elif noise.gain <= need:
        why = "there is no noise that the model cannot explain, so systematic errors would go unnoticed"
    elif disagree > MOST_DISAGREE:
        why = f"the model contradicts {disagree:.0%} of the labels, so it is too weak to count errors"
    elif noise.ratio > MOST_APART:
        low, high = (f"{round(n * one):,}" for one in (min(noise.counts), max(noise.counts)))
        why = f"two classifiers on the same evidence count {low} and {high}"
    elif joint > most_ratio * e:
        why = f"two ways to count find {round(n * e):,} and {round(n * joint):,}"
    identified = not why
    mix = _expit(structure / 6) if identified else float(np.clip((0.75 - joint / max(disagree, 1e-9)) / 0.25, 0.4, 1))
    share = e + mix * max(joint - e, 0.0)
    error = 1.96 * float(np.sqrt(share / max(n, 1)))
    if identified:
        low = noise.low * (0.85 if joint > 1.3 * e else 1.0)
        low = min(share, max(low, 0.5 * joint) if structure > STRUCTURED else low)
        high = (noise.high if structure < SPREAD_OUT else max(noise.high, 1.3 * joint)) + error
    else:
        low = 0.0
        high = max(BEYOND_LABELS * disagree, 2 * noise.contradicted, 1.3 * joint, noise.high) + error
    high = min(max(high, share), max(1 - 1 / k, share))
    cut = FDR_CUT if embeddings else FDR_CUT_ALONE
    return Count(identified, share, low, high, mix, joint > e, structure > STRUCTURED, why, cut)


def in_sample_count(share: float, contradicted: float, k: int) -> Count:
    """Return the range that in-sample evidence allows."""
    high = min(max(BEYOND_LABELS * contradicted, BEYOND_LABELS * share, UNSEEN), max(1 - 1 / k, share))
    why = "the evidence has seen the labels and may have memorised wrong ones; add out-of-fold probabilities"
    return Count(False, share, 0.0, high, why=f"{why} (`wb.cross_val_predict`) or embeddings")


def votes_count(p_wrong: np.ndarray, k: int) -> Count:
    """Return the range that votes alone allow, since annotators share mistakes with those who gave the labels."""
    share = float(p_wrong.mean()) if len(p_wrong) else 0.0
    contradicted = float((p_wrong > 0.5).mean()) if len(p_wrong) else 0.0
    high = min(max(BEYOND_LABELS * share, BEYOND_LABELS * contradicted, SHARED_MISTAKES), max(1 - 1 / k, share))
    return Count(False, share, 0.0, high, why="votes alone do not reveal mistakes that most annotators make")


def count_in_words(
    expected: float, interval: tuple[float, float], identified: bool, why: str = "",
    todo: str = f"audit {AUDIT_SIZE} examples to find out",
) -> str:  # fmt: skip
    """Describe the number of wrong labels in one sentence, with the advice `todo` if it is not identified.

    Examples
    --------
    >>> count_in_words(81.6, (66.0, 101.2), True)
    'about 82 wrong labels expected in total (66 to 101)'
    >>> count_in_words(300, (0, 1100), False, "two counts differ")
    'these labels may contain 0 to 1,100 errors: two counts differ; audit 200 examples to find out'
    """
    low, high = interval
    if identified:
        return f"about {expected:,.0f} wrong labels expected in total ({low:,.0f} to {high:,.0f})"
    because = f": {why}" if why else ""
    return f"these labels may contain {low:,.0f} to {high:,.0f} errors{because}; {todo}"


def after_verdicts(
    low: float, high: float, expected: float, known: int, verdicts: pd.Series | None
) -> tuple[float, float]:
    """Return the interval (low, high) of the number of errors among `known` units, wide enough for the expected one.

    Parameters
    ----------
    verdicts : Series of bool, True = wrong; units with verdicts are certain.
    """
    if verdicts is not None:
        wrong = int(verdicts.sum())
        low, high = max(low, wrong), min(high, known - (len(verdicts) - wrong))
    return round(min(low, expected), 1), round(max(high, expected), 1)


def around_expected(p_error: np.ndarray, factors: tuple[float, float]) -> tuple[float, float]:
    """Return (low, high): the expected number of errors times two factors, each two standard deviations further out.

    Parameters
    ----------
    p_error : (m,) float, NaN if unknown.
    """
    known, expected = float((~np.isnan(p_error)).sum()), float(np.nansum(p_error))
    apart = 2 * float(np.sqrt(np.nansum(p_error * (1 - p_error))))
    return max(factors[0] * expected - apart, 0.0), min(factors[1] * expected + apart, known)


def few(labels: np.ndarray, k: int) -> str:
    """Return a caveat if the numbers are based on few examples, otherwise ""."""
    counts = np.bincount(labels[labels >= 0], minlength=k)
    rare = int(((counts > 0) & (counts < FEW_OF_CLASS)).sum())
    if counts.sum() < FEW_ROWS:
        return f"based on few examples: {counts.sum():,} labels"
    if rare:
        classes = "class has" if rare == 1 else "classes have"
        return f"{rare:,} {classes} fewer than {FEW_OF_CLASS} labels: results for them are unreliable"
    return ""


def _expit(x: float) -> float:
    return float(1 / (1 + np.exp(-np.clip(x, -60, 60))))
