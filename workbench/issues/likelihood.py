"""Likelihood of the given labels as a function of a power of the probabilities and the share of noise in the labels.

The same likelihood as in `temperature`, on a grid of powers. For each power it is concave in the share of noise, so a
few arrays give the best share, its interval and the gain over a model without noise.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from workbench.foundation.reductions import in_threads
from workbench.issues.temperature import USUAL_POWER

LOG_POWERS = np.linspace(-1.0, 3.0, 17)
LOWER_POWERS = np.linspace(-5.0, 3.0, 17)
"""Powers at which even hard predictions, such as those of one neighbour, become unsure."""
FINE = np.array([-0.15, -0.1, -0.05, 0.0, 0.05, 0.1, 0.15])
NOISE = (3.4e-4, 0.73)
"""Range of the share of noise."""
HALVINGS = 14
MOST_ROWS, NUMBERS = 20_000, 500_000
"""Maximum number of rows, and of rows x classes; at least 1,000 rows are used."""
DROP = 7.0
"""Drop of twice the log likelihood at the ends of the interval: above 3.84 of chi-square, since heads are fitted
too."""


def fit_sample(rows: np.ndarray, k: int, seed: int = 0) -> np.ndarray:
    """Return a sample of the rows for the fits, ascending."""
    most = min(max(NUMBERS // k, 1000), MOST_ROWS)
    return rows if len(rows) <= most else np.sort(np.random.default_rng(seed).choice(rows, most, replace=False))


class Surface:
    """Likelihood as a function of (power, share of noise) for one model of how noise changes labels.

    Attributes
    ----------
    power, noise : the most likely pair. value : its mean log likelihood. plain : maximum without noise. m : number of
    rows
    """

    def __init__(self, log_powers: np.ndarray, own: np.ndarray, into: np.ndarray) -> None:
        self._own, self._into, self.m = own, into, own.shape[1]
        self._likeliest = noise = self._likeliest_shares()
        values = self._values(noise)
        prior = (log_powers - USUAL_POWER) ** 2 / (2 * max(self.m, 1))
        self.best = int(np.argmax(values - prior))
        self.log_power = float(log_powers[self.best])
        self.power, self.noise = float(np.exp(self.log_power)), float(noise[self.best])
        self.value = float(values[self.best])
        self.plain = float(np.log(own).mean(axis=1).max())

    @property
    def gain(self) -> float:
        """Twice the gain in log likelihood from the noise term."""
        return 2 * self.m * max(self.value - self.plain, 0.0)

    def interval(self) -> tuple[float, float]:
        """Return the range of shares of noise whose profile likelihood is within `DROP` of the maximum."""
        near = slice(max(self.best - 6, 0), self.best + 7)
        own, into = self._own[near], self._into[near]
        least = self.value - DROP / (2 * self.m)

        def inside(noise: float) -> bool:
            return float(np.log((1 - noise) * own + noise * into).mean(axis=1).max()) >= least

        ends = []
        for end in NOISE:
            kept, out = self.noise, end
            if inside(end):
                kept = end
            for _ in range(0 if kept == end else HALVINGS):
                middle = (kept + out) / 2
                kept, out = (middle, out) if inside(middle) else (kept, middle)
            ends.append(kept)
        low, high = ends
        return (0.0 if low <= NOISE[0] else low), high

    def doubts(self) -> np.ndarray:
        """Return the posterior probability (m,) that each label is noise, at the best pair."""
        own, into = self._own[self.best], self._into[self.best]
        return self.noise * into / ((1 - self.noise) * own + self.noise * into)

    def least_doubts(self) -> np.ndarray:
        """Return the same for the pair with the least noise, of any power, whose likelihood is within `DROP`."""
        least = self.value - DROP / (2 * self.m)
        low, high = np.zeros(len(self._own)), self._likeliest
        inside = self._values(high) >= least
        for _ in range(HALVINGS):
            middle = (low + high) / 2
            enough = self._values(middle) >= least
            low, high = np.where(enough, low, middle), np.where(enough, middle, high)
        place = int(np.argmin(np.where(inside, high, 1.0)))
        own, into, noise = self._own[place], self._into[place], float(high[place])
        return noise * into / ((1 - noise) * own + noise * into)

    def _values(self, noise: np.ndarray) -> np.ndarray:
        share = noise[:, None].astype(np.float32)
        return np.log((1 - share) * self._own + share * self._into).mean(axis=1, dtype=np.float64)

    def _likeliest_shares(self) -> np.ndarray:
        """Return the best share of noise for each power, by bisection of the slope, which decreases."""
        away = self._into - self._own
        low, high = (np.full(len(away), end) for end in NOISE)
        for _ in range(HALVINGS):
            middle = (low + high) / 2
            slope = (away / (self._own + middle[:, None].astype(np.float32) * away)).mean(axis=1)
            low, high = np.where(slope > 0, middle, low), np.where(slope > 0, high, middle)
        return (low + high) / 2


def surfaces(log_probs: np.ndarray, labels: np.ndarray, flips: Sequence[np.ndarray | None]) -> list[Surface]:
    """Compute one surface for each model of how labels change.

    Parameters
    ----------
    log_probs : float (m, k), out-of-sample; labels : int (m,), all given
    flips : for each model, (k, k) P(given = row | true = column, changed), or None for uniform noise over the other
        classes
    """
    logs = np.asarray(log_probs, np.float32)
    logs = logs - logs.max(axis=1, keepdims=True)
    into = [None if one is None else one[labels].astype(np.float32) for one in flips]
    coarse = _columns(logs, labels, into, LOG_POWERS)
    first = [Surface(LOG_POWERS, own, changed) for own, changed in coarse]
    centres = {one.log_power for one in first}
    more = np.unique(np.round(np.concatenate([FINE + centre for centre in centres]), 4))
    fine = _columns(logs, labels, into, more)
    powers = np.concatenate([LOG_POWERS, more])
    order = np.argsort(powers, kind="stable")
    return [
        Surface(powers[order], *(np.concatenate(parts)[order] for parts in zip(one, other)))
        for one, other in zip(coarse, fine)
    ]


def least_doubts(log_probs: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Return the least probability (m,) of each label to be uniform noise that agrees with the likelihood.

    Hard predictions do not tell their own mistakes from noise in the labels: many powers are equally likely, and at low
    ones nearly all is their own mistake. Predictions that are unsure where they are often wrong allow a single power.
    """
    logs = np.asarray(log_probs, np.float32)
    own, into = _columns(logs - logs.max(axis=1, keepdims=True), labels, [None], LOWER_POWERS)[0]
    return Surface(LOWER_POWERS, own, into).least_doubts()


def _columns(
    logs: np.ndarray, labels: np.ndarray, into: list[np.ndarray | None], log_powers: np.ndarray
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return (own, into) of each model, shape (powers, m): probability of the label unchanged, and through a change."""
    m, k = logs.shape
    every = np.arange(m)
    own = np.empty((len(log_powers), m), np.float32)
    changed = [np.empty_like(own) for _ in into]

    def raise_to(place: int) -> None:
        probs = np.exp(np.float32(np.exp(log_powers[place])) * logs)
        probs /= probs.sum(axis=1, keepdims=True)
        own[place] = np.maximum(probs[every, labels], 1e-30)
        for one, through in zip(changed, into):
            if through is None:
                one[place] = np.maximum((1 - own[place]) / (k - 1), 1e-30)
            else:
                one[place] = np.maximum(np.einsum("ij,ij->i", probs, through), 1e-30)

    in_threads(raise_to, range(len(log_powers)), len(log_powers) * logs.size)
    return [(own, one) for one in changed]
