"""Numbers swapped between rows: a robust linear model fits the matching rows, an assignment restores the others.

Each restored row is a proposal; no data is changed.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from workbench.experiments.exchanged_answers import exchanged_answers
from workbench.foundation.errors import InputError
from workbench.issues.calibration import logit

FAMILIES = ("gaussian", "poisson", "binomial")
ASSIGNMENT_ROUNDS, IRLS_STEPS = 8, 50
TURN = 1.345
"""Standardised residual above which a row gets less weight (Huber)."""
DOUBTFUL = 1.5
"""Standardised residual above which a row may be moved."""
FAR = 3.0
"""Standardised residual above which a row counts as moved when the number of moved rows is estimated."""
MOST_MOVED = 1500
"""Maximum number of rows that may be moved: those with the largest residuals."""
WRONG = 1e-4
"""Prior share of rows that are wrong without any swap, with a spread ten times as wide."""
MOST_SCATTER = 0.78
"""Maximum median of the absolute Pearson residuals of restored counts; .67 is expected. In 24 Poisson data sets (0, 10
and 30 % exchanged) it was at most .75, in 16 of strongly overdispersed counts (gamma, shape 3) at least .80."""
SHUFFLE_LEVEL, SHUFFLES = 0.025, 39
"""Significance level, and the number of data sets with shuffled residuals: none may promise as much as the data."""


class Pairing(NamedTuple):
    """Result of `restore_pairing`.

    Attributes
    ----------
    labels : float64 (n,), restored. moved : DataFrame, one row per number that changes its row. coefficients : float64
        (d,), of the restored data. intercept : float. p_value : float, of the test of "binomial"; NaN for others.
    """

    labels: np.ndarray
    moved: pd.DataFrame
    coefficients: np.ndarray
    intercept: float
    p_value: float = 1.0
    why: str = ""


def restore_pairing(labels: Any, features: Any, *, family: str = "gaussian", seed: int = 0) -> Pairing:
    """Find numbers that were swapped between rows, and restore them, given a linear or generalised linear model.

    Parameters
    ----------
    labels : float (n,), finite; counts from 0 for "poisson", 0 or 1 for "binomial".
    features : float (n, d), finite, d < n / 2.
    family : "gaussian" (identity link), "poisson" (log link) or "binomial" (logistic link).
    seed : random seed of the simulated data sets.

    Returns
    -------
    Pairing
        labels : with all proposals accepted. coefficients, intercept : of the model fitted to these; for "binomial"
            of the model in which a share of the labels is exchanged, or of a logistic model if nothing is proposed.
        moved : indexed by row; given_label, suggested_label, from_row (the row with the suggested number), cycle (rows
            of one cycle exchange numbers among each other), gain (increase of the log likelihood by the whole cycle,
            minus the prior cost of moving), largest gain first. Accept cycles as a whole.

    Raises
    ------
    InputError : an unknown family, fewer rows than needed, or numbers that do not fit the family.

    Notes
    -----
    Two steps alternate: iteratively reweighted least squares with Huber weights on Pearson residuals, and the
    assignment of numbers to the rows with residuals above 1.5 that maximises the sum of log densities (one number in
    ten thousand is assumed to be wrong by itself). Moving a number costs log(m) - 1, for the m! orders of the m rows
    with residuals above 3, plus the log odds that a row has kept its number. The method needs a model that explains
    most of the variance: on the diabetes data (half of it explained) no exchange is found; about half of the exchanged
    rows are found if the standard deviation of the residuals is a quarter of that of the labels, and nine of ten if it
    is a fortieth (with 5 to 30 % exchanged). Exchanges of similar numbers are not found, but do no harm either.

    Large residuals can be matched by chance, too, and more so the heavier their tails are. So numbers are moved only if
    the gain of the first assignment is larger than in all of 39 data sets in which nothing was exchanged: the fitted
    values with the data's own residuals, standardised, in random order. Counts that scatter much more than a Poisson
    model allows are refused. Without any exchange, 3 of 160 data sets led to proposals (200 and 1,000 rows; one of 40
    with Cauchy noise, two of 40 with log-normal, none with Student t (3) or normal noise), and none of 60 of counts.

    Binary labels are exchanged in pairs, and only if a test rejects at 1 % that none was exchanged; see
    `workbench.experiments.exchanged_answers`. Which of the wrong ones belong together cannot be known: both rows of a
    pair are probably wrong, but each may belong to another. `gain` is then the sum of their log odds of being wrong.
    Labels that are simply wrong look the same.

    References
    ----------
    Fang & Li 2023, Regression with Label Permutation in Generalized Linear Model (the setting); Huber 1964.
    """
    if family not in FAMILIES:
        raise InputError.unknown("family", family, FAMILIES)
    y, x = _read(labels, features, family)
    design = np.column_stack([np.ones(len(y)), x])
    if family == "binomial":
        return _of_answers(design, y, seed)
    source = np.arange(len(y))
    gain, beta = np.zeros(len(y)), np.zeros(design.shape[1])
    for _ in range(ASSIGNMENT_ROUNDS):
        beta = robust_fit(design, y[source], family)
        new, gain = _assigned(design @ beta, y, family)
        if np.array_equal(new, source):
            break
        source = new
    p_value, why = _tested(design, y, source, family, seed)
    source = np.arange(len(y)) if why else source
    restored = _pairing(y, source, gain, robust_fit(design, y[source], family))
    return restored._replace(p_value=p_value, why=why)


def _tested(design: np.ndarray, y: np.ndarray, source: np.ndarray, family: str, seed: int) -> tuple[float, str]:
    """Return (p-value, why nothing is proposed); the second is "" if chance does not explain the exchanges."""
    if (source == np.arange(len(y))).all():
        return 1.0, "no exchange of numbers gains more than it costs"
    if family == "poisson":
        mean = np.exp(np.clip(design @ robust_fit(design, y[source], family), -30, 20))
        scatter = float(np.median(np.abs(y[source] - mean) / np.sqrt(mean)))
        if scatter > MOST_SCATTER:
            found = (
                f"the counts scatter more than a Poisson model allows (median residual {scatter:.2f} instead of .67)"
            )
            return 1.0, f"{found}, so large ones need no exchange"
    p_value = _p_value(design, y, family, seed)
    if p_value <= SHUFFLE_LEVEL:
        return p_value, ""
    found = f"residuals as large as these can be matched by chance as well (p = {p_value:.2g})"
    return p_value, (
        f"{found}: their tails are too heavy, or the model explains too little, to tell exchanged numbers from others"
    )


def _p_value(design: np.ndarray, y: np.ndarray, family: str, seed: int) -> float:
    """Return the share of data sets with shuffled residuals in which exchanges promise at least as much gain."""
    rng = np.random.default_rng(seed)
    gain, eta = _promised(design, y, family)
    if gain <= 0:
        return 1.0
    mean, _, variance = _moments(np.clip(eta, -30, 30), family)
    spread = np.sqrt(variance)
    for place in range(SHUFFLES):
        made = mean + spread * rng.permutation((y - mean) / spread)
        made = made if family == "gaussian" else np.maximum(np.rint(made), 0.0)
        if _promised(design, made, family)[0] >= gain:
            return 2 / (2 + place)
    return 1 / (1 + SHUFFLES)


def _promised(design: np.ndarray, y: np.ndarray, family: str) -> tuple[float, np.ndarray]:
    """Return the gain of the first assignment, and the linear predictor (n,) before it."""
    eta = design @ robust_fit(design, y, family)
    source, gain = _assigned(eta, y, family)
    return float(gain[source != np.arange(len(y))].sum()), eta


def _of_answers(design: np.ndarray, y: np.ndarray, seed: int) -> Pairing:
    """Find pairs of binary answers to exchange, if the test allows any."""
    found = exchanged_answers(design, y, seed=seed)
    source, gain = np.arange(len(y)), logit(found.p_wrong)
    source[found.pairs] = found.pairs[:, ::-1]
    return _pairing(y, source, gain, found.fit.beta)._replace(p_value=found.p_value, why=found.why)


def _pairing(y: np.ndarray, source: np.ndarray, gain: np.ndarray, beta: np.ndarray) -> Pairing:
    """Build the result from the source row of each number, the gain of each row, and coefficients."""
    restored = y[source]
    cycle = _cycles(source)
    rows = np.flatnonzero(source != np.arange(len(y)))
    total = np.zeros(len(y))
    np.add.at(total, cycle[rows], gain[rows])
    frame = pd.DataFrame(
        {
            "given_label": y[rows], "suggested_label": restored[rows], "from_row": source[rows], "cycle": cycle[rows],
            "gain": total[cycle[rows]],
        },
        index=pd.Index(rows, name="row"),
    )  # fmt: skip
    order = np.lexsort((rows, frame["cycle"], -frame["gain"]))
    return Pairing(restored, frame.iloc[order], beta[1:], float(beta[0]))


def robust_fit(design: np.ndarray, y: np.ndarray, family: str) -> np.ndarray:
    """Return coefficients (d + 1,) with Huber weights on Pearson residuals."""
    start = {"gaussian": np.median(y), "poisson": np.log(max(np.mean(y), 1e-3)), "binomial": 0.0}[family]
    beta = np.zeros(design.shape[1])
    beta[0] = start
    for _ in range(IRLS_STEPS):
        eta = np.clip(design @ beta, -30, 30)
        mean, slope, variance = _moments(eta, family)
        residual = (y - mean) / np.sqrt(variance)
        weight = np.minimum(1, TURN / np.maximum(np.abs(residual) / _scale(residual, family), 1e-9))
        w = weight * slope**2 / variance
        target = eta + (y - mean) / slope
        gram = design.T @ (w[:, None] * design) + 1e-9 * w.sum() * np.eye(len(beta))
        new = np.linalg.solve(gram, design.T @ (w * target))
        if np.abs(new - beta).max() < 1e-8 * (1 + np.abs(beta).max()):
            return new
        beta = new
    return beta


def _moments(eta: np.ndarray, family: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the mean, its derivative with respect to eta, and the variance."""
    if family == "gaussian":
        return eta, np.ones_like(eta), np.ones_like(eta)
    if family == "poisson":
        mean = np.exp(np.minimum(eta, 20))
        return mean, mean, mean
    p = np.clip(1 / (1 + np.exp(-eta)), 1e-6, 1 - 1e-6)
    return p, p * (1 - p), p * (1 - p)


def _scale(residual: np.ndarray, family: str) -> float:
    """Return 1 if the family fixes the variance, otherwise the median absolute deviation scaled to a normal."""
    return max(1.4826 * float(np.median(np.abs(residual))), 1e-9) if family == "gaussian" else 1.0


def _log_density(y: np.ndarray, eta: np.ndarray, scale: float, family: str) -> np.ndarray:
    """Return the log density (rows, numbers) of each number in each row, up to terms that depend only on the number."""
    mean, _, variance = _moments(np.clip(eta, -30, 30), family)
    if family == "poisson":
        right = y[None] * np.log(mean)[:, None] - mean[:, None]
        z = (y[None] - mean[:, None]) / np.sqrt(100 * variance + 1)[:, None]
        top = y * np.log(np.maximum(y, 1e-9)) - y  # the density of the number at its own mean
        return np.logaddexp(np.log1p(-WRONG) + right, np.log(WRONG / 10) - z**2 / 2 + top)
    z = (y[None] - mean[:, None]) / scale
    return np.logaddexp(np.log1p(-WRONG) - z**2 / 2, np.log(WRONG / 10) - z**2 / 200)


def _assigned(eta: np.ndarray, y: np.ndarray, family: str) -> tuple[np.ndarray, np.ndarray]:
    """Return the row whose number each row receives, and the gain of each row."""
    from scipy.optimize import linear_sum_assignment

    mean, _, variance = _moments(np.clip(eta, -30, 30), family)
    residual = (y - mean) / np.sqrt(variance)
    scale = _scale(residual, family)
    size = np.abs(residual) / scale
    some = np.flatnonzero(size > DOUBTFUL)
    some = np.sort(some[np.argsort(-size[some], kind="stable")][:MOST_MOVED])
    source, gain = np.arange(len(y)), np.zeros(len(y))
    if len(some) < 2:
        return source, gain
    far = max(float((size > FAR).sum()), 2.0)
    odds = min(far / len(y), 0.5)
    value = _log_density(y[some], eta[some], scale, family)
    stay = np.diag(value).copy()
    value = value - (np.log(far) - 1) - np.log((1 - odds) / odds)  # far! orders of `far` rows
    value[np.diag_indices(len(some))] = stay
    rows, numbers = linear_sum_assignment(-value)
    source[some[rows]] = some[numbers]
    gain[some] = value[rows, numbers] - stay
    same = y[source] == y  # swapping equal numbers changes nothing
    source[same] = np.arange(len(y))[same]
    return (source, gain) if len(set(source.tolist())) == len(y) else (_without_equal(source, y), gain)


def _without_equal(source: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return a permutation with the same numbers in all rows that keeps as many rows in place as possible."""
    wanted = y[source]
    found = np.arange(len(y))
    moved = np.flatnonzero(wanted != y)
    order_to = moved[np.argsort(wanted[moved], kind="stable")]
    order_from = moved[np.argsort(y[moved], kind="stable")]
    found[order_to] = order_from
    return found


def _cycles(source: np.ndarray) -> np.ndarray:
    """Return the smallest row of the cycle of each row (n,)."""
    found = np.full(len(source), -1)
    for row in range(len(source)):
        at = row
        while found[at] < 0:
            found[at] = row
            at = int(source[at])
    return found


def _read(labels: Any, features: Any, family: str) -> tuple[np.ndarray, np.ndarray]:
    y, x = np.asarray(labels), np.asarray(features)
    if y.ndim != 1 or y.dtype.kind not in "iufb" or not np.isfinite(y.astype(float)).all():
        raise InputError.at("labels", f"has shape {y.shape} and dtype {y.dtype}", "Pass finite numbers, shape (n,).")
    if x.ndim != 2 or len(x) != len(y) or x.dtype.kind not in "iufb" or not np.isfinite(x.astype(float)).all():
        found = f"has shape {x.shape} and dtype {x.dtype}"
        raise InputError.at("features", found, f"Pass finite numbers ({len(y)}, d).")
    if len(y) <= 2 * x.shape[1] + 2:
        raise InputError.at("features", f"has {x.shape[1]} columns for {len(y)} rows", "Use fewer columns.")
    y = y.astype(float)
    bad = {"poisson": (y < 0) | (y != np.rint(y)), "binomial": (y != 0) & (y != 1)}.get(family, np.zeros(len(y), bool))
    if bad.any():
        row = int(np.flatnonzero(bad)[0])
        needed = "Pass counts from 0." if family == "poisson" else "Pass 0 or 1."
        raise InputError.at("labels", f"is {y[row]:g}", needed, row=row)
    return y, x.astype(float)
