"""Fit the sharpness of pooled probabilities together with the share of label noise that they cannot explain.

Classifiers that are regularised, averaged or trained on noisy labels predict .8 where they are right in 98 % of cases.
With such probabilities, Bayes' rule would accept obvious label errors as plausible. The probabilities are therefore
first raised to a power, which is fitted jointly with a share of labels that are noise, independent of the example.
"""

from __future__ import annotations

import numpy as np

TEMPERATURE_CELLS = 500_000
"""Maximum number of values (rows x classes) used by the fit; at least 2,000 rows are used."""

STARTS = ((0.0, -2.0), (1.2, -1.4), (0.5, -0.5))  # log power, logit of the share of noise
BOUNDS = ((-1.0, 3.0), (-8.0, 1.0))
USUAL_POWER = 0.7
"""Log power of most classifiers, weighed like one example: it decides only where labels cannot (all rows as sure)."""


def power_and_noise(log_probs: np.ndarray, given: np.ndarray, flips: np.ndarray, seed: int = 0) -> tuple[float, float]:
    """Fit the power t of the probabilities and the share e of noise by maximum likelihood of the given labels.

    Parameters
    ----------
    log_probs : float (n, k), logarithms of out-of-sample probabilities, rows need not be normalised
    given : int (n,), -1 = unlabelled (left out)
    flips : float (k, k), P(given = i | true = j, changed) in row i and column j: zero diagonal, columns sum to 1
    seed : random seed of the sample of rows, if there are many

    Returns
    -------
    (t, e) : t > 0, 1 keeps the probabilities, above 1 sharpens them; e in (0, 0.74)

    Notes
    -----
    Likelihood of a label: (1 - e) P_t(given) + e sum_j P_t(j) flips[given, j], with P_t(j) proportional to P(j)^t.
    A power alone is temperature scaling (Guo et al. 2017, On Calibration of Modern Neural Networks, section 4.2), which
    on noisy labels becomes underconfident; the noise term is that of Sukhbaatar et al. 2015, Training Convolutional
    Networks with Noisy Labels, with one rate. If all rows are equally confident, power and noise are not identifiable;
    a prior with the weight of one example then selects the usual power. The best of three starts is used, since the
    likelihood can have two maxima.
    """
    from scipy.optimize import minimize

    rows = np.flatnonzero(given >= 0)
    k = log_probs.shape[1]
    most = max(TEMPERATURE_CELLS // k, 2000)
    if len(rows) > most:
        rows = np.sort(np.random.default_rng(seed).choice(rows, most, replace=False))
    if len(rows) == 0 or k < 2:
        return 1.0, 0.0
    logs = np.asarray(log_probs[rows], dtype=np.float64)
    labels = given[rows]
    into = flips[labels]
    fits = [minimize(_cost, start, (logs, labels, into), "L-BFGS-B", jac=True, bounds=BOUNDS) for start in STARTS]
    log_power, logit = min(fits, key=lambda fit: fit.fun).x
    return float(np.exp(log_power)), float(1 / (1 + np.exp(-logit)))


def _cost(theta: np.ndarray, logs: np.ndarray, labels: np.ndarray, into: np.ndarray) -> tuple[float, np.ndarray]:
    """Return the mean negative log likelihood and its gradient with respect to (log power, logit of noise)."""
    power, noise = np.exp(theta[0]), 1 / (1 + np.exp(-theta[1]))
    every = np.arange(len(labels))
    probs = logs * power
    probs -= probs.max(axis=1, keepdims=True)
    np.exp(probs, out=probs)
    probs /= probs.sum(axis=1, keepdims=True)
    centred = logs - (probs * logs).sum(axis=1, keepdims=True)
    own = probs[every, labels]
    changed = probs * into
    from_noise = changed.sum(axis=1)
    strange = (theta[0] - USUAL_POWER) / len(labels)  # a normal prior of width 1
    likelihood = np.maximum((1 - noise) * own + noise * from_noise, 1e-300)
    by_power = (1 - noise) * own * centred[every, labels] + noise * (changed * centred).sum(axis=1)
    by_noise = from_noise - own
    gradient = -np.array([power * (by_power / likelihood).mean(), noise * (1 - noise) * (by_noise / likelihood).mean()])
    gradient[0] += strange
    return float(-np.log(likelihood).mean() + strange * (theta[0] - USUAL_POWER) / 2), gradient
