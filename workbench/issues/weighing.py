"""Weigh kinds of evidence by how well they predict labels that they have not seen.

Evidence without information (noise, rows of another data set, a constant), or that has seen the labels and repeats
them, is set aside, and the result says so. The rest is weighted by the gain in likelihood over the class shares.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from workbench.foundation.rows import softmax
from workbench.issues.kernels import class_sums
from workbench.issues.likelihood import Surface, least_doubts, surfaces
from workbench.issues.noise import SMOOTHING, flips_of, noise_matrices
from workbench.issues.own_influence import chance_of_frequencies, expected_without_own

LEAST_FLOOR = 0.1
"""Minimum weight of a view that passed all tests, as a share of all weights, even beside a stronger one."""
FITTED = 1 / 3
"""Exponent of the maximum-likelihood weights in the shares; the rest is determined by gain and base weight."""
SEEN_SHARE = 0.3
"""Maximum share of an embedding that was trained on the labels, since it may hide wrong ones to an unknown degree."""
SURE_AT = 0.8
SURE_ROWS = 5
REPEATS = 0.5
"""Evidence is assumed to have seen the labels if it agrees with more than this share of at least `SURE_ROWS` labels
that another view rejects with probability `SURE_AT`: .95 to 1 for leaks, at most .31 for clean pairs in our tests."""
NEVER_PREDICTED = float(np.log(2e-6))
"""Log probability of a label that is never predicted (zeros are 1e-6). Among the few rows of a leaf or a neighbourhood
that is no certainty, so it does not show that an embedding has seen the labels."""
NEVER_SO_OFTEN, NEVER_LESS = 0.995, 0.03

LEADS = 0.1
"""Lead in nats at which evidence counts as too good if neither view shows noise: clean pairs are closer."""
LESS_NOISE = 0.25
"""Evidence counts as too good if it finds less than this share of the noise that another view finds."""
SUPPORTED, OPPOSED, CLEARLY_OPPOSED = 3.0, -2.0, -3.0
"""z values (`own_influence`) above which evidence that is too good keeps its weight, and below which it is set aside
even if linear models could not have memorised so many labels. In our tests, all out-of-fold probabilities that were too
good reached 3; models that had seen the labels did not, except nearest neighbours that include the row itself. Below
the third one evidence is limited that is not too good; the least value of 671 out-of-fold ones was 1.35."""
MEMORABLE = 2.0
"""Nats, per parameter and row, by which a linear model that was fitted to the labels may lead others: in theory 1."""
WEAK_GAIN = 0.4
"""A view with less than this share of the gain of another view is not used to judge it."""
STRUCTURED_CLASSES = 200
"""Maximum number of classes for which noise between confused classes is modelled."""

SAYS_NOTHING = "says nothing about the labels: no better than the class shares"
REPEATING = "agrees with labels that the other evidence rejects: it has seen the labels"
TOO_GOOD = (
    "explains the given labels better than the other evidence but finds fewer of them wrong, as models do that have "
    "seen the labels"
)
CONTRADICTED = "contradicts its own predictions for similar rows, as models do that have seen the labels"
IF_SEEN = "If they have seen the labels, pass `out_of_fold=False`"
HELD = f"{TOO_GOOD}; its weight is limited. {IF_SEEN}"
SMOOTHED = f"the mean probabilities of the most similar other rows are used instead of its own. {IF_SEEN}"
OWN_LABELS = (
    "explains the given labels better than the other evidence but finds fewer of them wrong, although its predictions "
    "for similar rows contradict them: it has seen the labels"
)
AGREEING = "contradicts no label: it has seen the labels"
TIES = (
    "contradicts no label, since the given one always has the highest probability or shares it, as with two nearest "
    "neighbours that include the row itself: it has seen the labels"
)
FREQUENCIES = (
    "predicts exactly the frequencies of the given labels among the rows with equal probabilities, as a decision tree "
    "does for the rows from which it was learned: it has seen the labels"
)
OWN_VOTE = (
    "looks like votes among which the given label of a row always has one, like those of nearest neighbours that "
    "include the row itself: it has seen the labels"
)
NEVER_LOW = (
    "gives no given label a low probability, not even those that the other evidence rejects: it has seen the labels, "
    "like nearest neighbours that include the row itself"
)
SAME_FOR_ALL = (
    "gives all given labels the same probability, as the labels themselves do: it tells no wrong one from others"
)
SAME = 1e-3
"""Probabilities of the given labels that differ by less than this are the same."""
TIED = 1e-6
"""Difference of log probabilities that are the same."""
LOG_LEAST_CHANCE = float(np.log(1e-3))
"""Log probability of frequencies of labels that are not by chance exactly as predicted."""
LEAST_OWN, LOW_EXPECTED = 0.04, 8.0
"""Evidence that gives no given label less than `LEAST_OWN` is set aside if more than `LOW_EXPECTED` of them should have
less: as a share of votes (`expected_without_own`), or because they are noise (`_low_ones`), for which at most 1.1 were
expected in our tests of clean evidence that gives no label less than `LEAST_OWN`."""


@dataclass(frozen=True)
class EvidenceView:
    """One kind of evidence.

    Attributes
    ----------
    name : as shown to users. base : default weight. honest : float (m, k), log probabilities by which it is judged,
    from models that have not seen the label of the row. saw_labels : whether it is known to come from training on the
    labels. made_here : whether the classifiers are the detector's own, so that they have certainly not seen the labels.
    support : returns `own_influence.support_of_similar_rows`, if there are any. columns : number of columns of the
    embeddings. limited : whether the share is at most the default one.
    """

    name: str
    base: float
    honest: np.ndarray
    saw_labels: bool = False
    made_here: bool = False
    support: Callable[[], float] | None = None
    columns: int = 0
    limited: bool = False


@dataclass(frozen=True)
class Weights:
    """Result of `weigh`.

    Attributes
    ----------
    shares : maps names to shares, sum 1; views set aside have none
    aside : maps names to reasons, in words
    gains : maps names to the mean gain in log likelihood over the class shares, in nats
    held : maps names to reasons why the share is limited, or why the only view has seen the labels
    tells : False if no view is informative about the labels
    """

    shares: dict[str, float]
    aside: dict[str, str] = field(default_factory=dict)
    gains: dict[str, float] = field(default_factory=dict)
    held: dict[str, str] = field(default_factory=dict)
    tells: bool = True


def weigh(views: Sequence[EvidenceView], labels: np.ndarray, k: int) -> Weights:
    """Compute the shares of the views, and which are set aside.

    Parameters
    ----------
    views : one or more; labels : int (m,), given labels of the rows of `honest`

    Notes
    -----
    The gain of a view is the mean log likelihood of the given labels under its power and one share of uniform noise
    (`likelihood`), minus that of the class shares. A view is set aside if its gain is below log m / m (half of the
    Bayesian information criterion of two parameters), if it agrees with labels that another view confidently rejects
    (if made here, even if as many of its doubts as possible are its own mistakes, `least_doubts`), or if it contradicts
    no label while another one does, where ties are no contradictions. A given view is limited to the default share if
    it explains more than a view made here but finds much less noise (a quarter, or less than its 95 % interval: random
    flips cannot be predicted, so clean evidence that explains more labels finds no less noise), or if it leads by
    `LEADS` and neither finds noise. It is not limited if its predictions for similar rows support those for the row
    itself (`own_influence`), which is not so for models that have seen its label, and it is set aside if they oppose
    them, or if it gives no given label a low probability although many should have one (`expected_without_own`,
    `_low_ones`), or the same one to all, or predicts exactly their frequencies among few rows
    (`chance_of_frequencies`; with two classes, as isotonic regression does so, too, only if similar rows do not
    support it).
    Shares are w^(1/3) (base gain^2)^(2/3) with w the weights of the stacked likelihood (Yao et al. 2018, Using stacking
    to average Bayesian predictive distributions).
    """
    m = len(labels)
    if not m or k < 2:
        return Weights({view.name: view.base / sum(one.base for one in views) for view in views})
    shares = np.bincount(labels, minlength=k) / m
    by_chance = float((shares[shares > 0] * np.log(shares[shares > 0])).sum())
    fits = [surfaces(view.honest, labels, [None])[0] for view in views]
    gains = {view.name: fit.value - by_chance for view, fit in zip(views, fits)}
    agrees = [np.asarray(view.honest).argmax(axis=1) == labels for view in views]
    doubts = [fit.doubts() for fit in fits]
    aside: dict[str, str] = {}
    for view in views:
        if 2 * m * gains[view.name] < 2 * np.log(m):
            aside[view.name] = SAYS_NOTHING
    tells = len(aside) < len(views)
    if not tells:
        best = max(views, key=lambda view: gains[view.name])
        del aside[best.name]
        return Weights({best.name: 1.0}, aside, gains, tells=False)
    _set_aside_by_others(views, gains, agrees, doubts, aside, labels)
    capped = _never_low(views, gains, aside, labels, k)
    kept = [view for view in views if view.name not in aside]
    if len(kept) == 1:
        return Weights({kept[0].name: 1.0}, aside, gains, capped)
    fitted = stacked([view.honest for view in kept], labels)
    if not fitted.any():  # each by itself tells a little, and together they are stacked to nothing
        fitted = np.ones(len(kept))
    fitted = np.maximum(fitted, LEAST_FLOOR * fitted.sum())
    gain = np.array([gains[view.name] for view in kept])
    usual = np.array([view.base for view in kept]) * (gain / gain.max()) ** 2
    share = fitted**FITTED * usual ** (1 - FITTED)
    share /= share.sum()
    held = np.array([view.saw_labels for view in kept])
    if held.any() and not held.all() and share[held].sum() > SEEN_SHARE:
        share = np.where(held, share * SEEN_SHARE / share[held].sum(), share * (1 - SEEN_SHARE) / share[~held].sum())
    for place, view in enumerate(kept):
        most = view.base / sum(one.base for one in kept)
        why = _too_good(view, kept, gains, labels, k) if share[place] > most else ""
        if why:
            (aside if why == OWN_LABELS else capped)[view.name] = why
            most, rest = 0.0 if why == OWN_LABELS else most, 1 - share[place]
            share = np.where(np.arange(len(kept)) == place, most, share * (1 - most) / rest)
        elif view.support is not None and view.support() < CLEARLY_OPPOSED:
            capped[view.name] = CONTRADICTED
    shares_of = {view.name: float(one) for view, one in zip(kept, share) if view.name not in aside}
    return Weights(shares_of, aside, gains, capped)


def _set_aside_by_others(
    views: Sequence[EvidenceView], gains: dict[str, float], agrees: Sequence[np.ndarray], doubts: Sequence[np.ndarray],
    aside: dict[str, str], labels: np.ndarray,
) -> None:  # fmt: skip
    """Set aside views that repeat the labels which another one rejects, or contradict none; adds to `aside`."""
    for place, view in enumerate(views):
        for other, judge in enumerate(views):
            if other == place or view.name in aside or judge.name in aside:
                continue
            rejected = doubts[other] > SURE_AT
            if gains[judge.name] < WEAK_GAIN * gains[view.name]:
                rejected[:] = False  # a much weaker view is confident of its own mistakes
            repeating = _repeats(agrees[place], rejected)
            if repeating and view.made_here:  # frequencies among few rows, or hard predictions, may be judging
                rejected &= judge.honest[np.arange(len(labels)), labels] > NEVER_PREDICTED
                repeating = _repeats(agrees[place], rejected)
            if repeating and view.made_here:
                repeating = _repeats(agrees[place], rejected & (least_doubts(judge.honest, labels) > SURE_AT))
            if repeating:
                aside[view.name] = REPEATING
            elif agrees[place].mean() > NEVER_SO_OFTEN and agrees[other].mean() < agrees[place].mean() - NEVER_LESS:
                aside[view.name] = AGREEING
            elif _at_most_ties(view, agrees[place], labels) and (~agrees[other]).sum() >= SURE_ROWS:
                aside[view.name] = TIES


def _repeats(agrees: np.ndarray, rejected: np.ndarray) -> bool:
    """Return whether a view agrees with most of the labels that another one rejects."""
    return rejected.sum() >= SURE_ROWS and agrees[rejected].mean() > REPEATS


def _at_most_ties(view: EvidenceView, agrees: np.ndarray, labels: np.ndarray) -> bool:
    """Return whether a given view contradicts no label, but only because ties are no contradictions."""
    if view.made_here or agrees.all():
        return False
    least = view.honest.max(axis=1) - TIED
    return bool((view.honest[np.arange(len(labels)), labels] >= least).all())


def _never_low(
    views: Sequence[EvidenceView], gains: dict[str, float], aside: dict[str, str], labels: np.ndarray, k: int
) -> dict[str, str]:
    """Set aside views that give all given labels the same probability, or none a low one although many should have one.

    Their names and reasons are added to `aside`.

    Returns the reasons for views that are kept because there is no other.
    """
    capped: dict[str, str] = {}
    for view in views:
        if view.made_here or view.name in aside:
            continue
        probs, others = softmax(view.honest), any(one.name not in aside for one in views if one is not view)
        if others and np.ptp(probs[np.arange(len(labels)), labels]) < SAME:
            aside[view.name] = SAME_FOR_ALL
        elif expected_without_own(probs, labels) > LOW_EXPECTED:
            (aside if others else capped)[view.name] = OWN_VOTE
        elif chance_of_frequencies(probs, labels) < LOG_LEAST_CHANCE and (k > 2 or _not_supported(view)):
            (aside if others else capped)[view.name] = FREQUENCIES
    for view, judge in [(one, other) for one in views for other in views if other.made_here]:
        if view.support is None or not {view.name, judge.name}.isdisjoint(aside):
            continue  # views from outside that can be compared with classifiers of the same rows
        if gains[judge.name] >= WEAK_GAIN * gains[view.name] and _low_ones(view, judge, labels, k) > LOW_EXPECTED:
            aside[view.name] = NEVER_LOW
    return capped


def _not_supported(view: EvidenceView) -> bool:
    """Return whether what a given view predicts for similar rows is known and does not support it."""
    return view.support is not None and view.support() < SUPPORTED


def _low_ones(view: EvidenceView, judge: EvidenceView, labels: np.ndarray, k: int) -> float:
    """Return how many given labels a view should give less than half of the least probability that it gives to any.

    Nearest neighbours that include the row itself, of which there are q, give its label at least 1 / q and other
    classes often 0; clean evidence gives some wrong labels as little as it gives these classes in correctly labelled
    rows. The expected number is the sum, over the rows, of the probability that the label is noise according to the
    judge, times the share of rows of the class predicted by the judge in which the view gives so little to this label.
    For clean evidence it is about 1, since one label has the least probability. 0 is returned if that is below
    `LEAST_OWN`, or (to save time) if the labels contradicted by the judge cannot make up half of `LOW_EXPECTED`.
    """
    every = np.arange(len(labels))
    probs = softmax(view.honest)
    least = probs[every, labels].min()
    if least < LEAST_OWN:
        return 0.0
    low = (probs < least / 2).astype(np.float32)
    shares = class_sums(low, labels, k) / np.maximum(np.bincount(labels, minlength=k), 1)[:, None]
    beside = np.array(judge.honest)
    beside[every, labels] = -np.inf
    likely = beside.argmax(axis=1)
    chance = shares[likely, labels]
    if 2 * chance[beside.max(axis=1) > judge.honest[every, labels]].sum() < LOW_EXPECTED:
        return 0.0
    return float(best_fit(judge, labels, k).doubts() @ chance)


def _too_good(
    view: EvidenceView, kept: Sequence[EvidenceView], gains: dict[str, float], labels: np.ndarray, k: int
) -> str:
    """Return why a view is limited (`HELD`) or set aside (`OWN_LABELS`); "" if it is neither.

    This concerns views that explain the labels better than one made here that finds more noise in them. The view is not
    limited if its predictions for similar rows support those for the row itself, or if they do not oppose them and a
    linear model of the judge's columns could not lead by so much: fitted to m labels, it explains these better than
    labels that it has not seen by about columns (k - 1) / m nats (Akaike 1974, A new look at the statistical model
    identification); `MEMORABLE` times that is allowed.
    """
    if view.limited:
        return HELD
    judges = [one for one in kept if one.made_here and not one.saw_labels and one is not view]
    judges = [one for one in judges if gains[one.name] < gains[view.name]]
    if view.made_here or not judges:
        return ""
    fit, m = best_fit(view, labels, k), len(labels)
    for judge in judges:
        other = best_fit(judge, labels, k)
        if not _finds_less_noise(fit, other):
            continue
        weak = gains[judge.name] <= WEAK_GAIN * gains[view.name]
        memorable = fit.value - other.value <= MEMORABLE * min(judge.columns, m - 1) * (k - 1) / m
        if view.support is None:
            if not weak:
                return HELD
        elif memorable or not weak:
            support = view.support()
            if support < (0 if memorable else OPPOSED):
                return OWN_LABELS
            if support < SUPPORTED and memorable:
                return HELD
    return ""


def _finds_less_noise(fit: Surface, other: Surface) -> bool:
    """Return whether the more likely of two fits has clearly less noise, or leads if neither has any."""
    if fit.value <= other.value:
        return False
    least = other.interval()[0]
    if fit.noise < max(least, LESS_NOISE * other.noise):
        return True
    return fit.value > other.value + LEADS and least == 0 and fit.interval()[0] == 0


def best_fit(view: EvidenceView, labels: np.ndarray, k: int) -> Surface:
    """Return the more likely fit of two noise models: uniform, or between classes that the view confuses."""
    matrices = noise_matrices(softmax(view.honest), labels, SMOOTHING) if 2 < k <= STRUCTURED_CLASSES else None
    flips = [None] if matrices is None else [None, flips_of(matrices[0])]
    return max(surfaces(view.honest, labels, flips), key=lambda fit: fit.value)


def stacked(honest: Sequence[np.ndarray], labels: np.ndarray, *, pull: float = 0.0) -> np.ndarray:
    """Find weights w >= 0 that maximise the likelihood of the labels under softmax(sum w_v honest_v) and uniform noise.

    `pull` shrinks them to equal weights, with a penalty of pull / 2 times the squared distances.
    """
    from scipy.optimize import minimize

    logs = np.stack([np.asarray(one, np.float32) for one in honest])
    m, k = logs.shape[1:]
    every = np.arange(m)
    mine = logs[:, every, labels]

    def cost(theta: np.ndarray) -> tuple[float, np.ndarray]:
        weights, noise = theta[:-1], 1 / (1 + np.exp(-theta[-1]))
        pooled = np.tensordot(weights.astype(np.float32), logs, 1)
        pooled -= pooled.max(axis=1, keepdims=True)
        np.exp(pooled, out=pooled)
        pooled /= pooled.sum(axis=1, keepdims=True)
        own = pooled[every, labels].astype(float)
        slope = 1 - noise - noise / (k - 1)
        likely = np.maximum((1 - noise) * own + noise * (1 - own) / (k - 1), 1e-30)
        by_weight = [(slope * own * (mine[v] - np.einsum("ij,ij->i", pooled, one)) / likely).mean()
                     for v, one in enumerate(logs)]  # fmt: skip
        by_noise = noise * (1 - noise) * (((1 - own) / (k - 1) - own) / likely).mean()
        value, slopes = float(-np.log(likely).mean()), -np.array([*by_weight, by_noise])
        if pull:
            away = weights - 1 / len(logs)
            value += pull / (2 * m) * float(away @ away)
            slopes[:-1] += pull / m * away
        return value, slopes

    start = np.array([*np.full(len(logs), 1.0 / len(logs)), -2.0])
    bounds = [(0.0, 30.0)] * len(logs) + [(-8.0, 1.0)]
    return minimize(cost, start, method="L-BFGS-B", jac=True, bounds=bounds, options={"maxiter": 30}).x[:-1]
