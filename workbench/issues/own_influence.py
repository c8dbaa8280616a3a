"""Test whether a model has seen the labels it predicts, from its predictions for similar rows or the votes of a few.

If a model has not seen the label of a row, its predictions for similar rows add information: at equal probability, a
class is more likely to be the label if the model predicts it for similar rows, too. If the model was trained on the
label, its prediction is what similar rows suggest plus the influence of the label itself: at equal probability, a class
is then more likely to be the label if similar rows do not suggest it.

Nearest neighbours that include the row itself show it more directly: no row is without a vote for its own label. So do
decision trees: among the rows of a leaf, the labels are exactly as frequent as predicted.
"""

from __future__ import annotations

import numpy as np

RIDGE_PENALTY = 1e-3
"""Ridge penalty per row, for unit vectors."""
SHRINKAGE = 1e-3
"""Penalty of the two coefficients, so that they stay finite where probabilities separate the labels."""
NEWTON_STEPS, SMALLEST_STEP = 60, 1e-5
MOST_VOTING, FIRST_ROWS, ROUNDED = 25, 100, 0.01
"""Maximum number of voters, rows on which numbers of voters are tried first, and tolerance of their votes."""
GROUPED, UNSURE_BELOW = 4, 1 - 1e-3
"""Decimal places of probabilities that are regarded as equal, and below which probability a prediction is unsure."""
COPIED_ROWS = 0.1
"""Maximum number of rows without a vote for their label, relative to the expected one, if every row itself votes."""
SINGLE_VOTES, OWN_SINGLES = 0.35, 0.1
"""Share of the rows without a vote for their label, relative to single votes / voters, that is expected with honest
neighbours (.11 to 2.5 on 27 data sets, median .6), and least ratio of labels that are outvoted with a single vote to
the other single votes / voters if the row itself votes: no label is outvoted that the votes themselves have decided."""


def support_of_similar_rows(vectors: np.ndarray, log_probs: np.ndarray, labels: np.ndarray) -> float:
    """Return the z value of the information about the labels in the model's predictions for similar rows.

    Parameters
    ----------
    vectors : float (m, p), embeddings with unit rows. log_probs : float (m, k), log of the probabilities to be tested.
    labels : int (m,), class indices

    Returns
    -------
    float, the coefficient b divided by its standard error in P(label = c) ~ exp(a z_c + b s_c), where z are the
    centred log probabilities of the row and s their leave-one-out ridge regression on the vectors. It is above 3 for
    nearly all out-of-fold probabilities, around 0 for perfect ones, which cannot be improved, and below 0 for most
    models trained on these labels.

    Notes
    -----
    The test is exact for logistic regression with an L2 penalty on the same vectors. Its logits are C K (Y - P), with K
    the matrix of inner products (representer theorem: Schölkopf, Herbrich & Smola 2001, A Generalized Representer
    Theorem), so the part of a row's logits that similar rows do not explain is proportional to its own residual Y - P.
    """
    logits = np.asarray(log_probs, float)
    logits = logits - logits.mean(axis=1, keepdims=True)
    return _last_z(np.stack([logits, _left_out(vectors, logits)]), labels)


def expected_without_own(probs: np.ndarray, labels: np.ndarray) -> float:
    """Return how many rows should have no vote for their label; 0 if enough have none or `probs` are not shares.

    Parameters
    ----------
    probs : float (m, k), shares of the votes of q <= `MOST_VOTING` voters, such as nearest neighbours.
    labels : int (m,), class indices

    Notes
    -----
    If the row itself is no voter, its label gets a binomial number of votes, with a probability that differs between
    rows. With f_c rows that have c votes for their label, and g_c = f_c / binomial(q, c), the expected values satisfy
    g_0 g_2 >= g_1^2 (Cauchy-Schwarz inequality for the moments of p^c (1 - p)^(q - c)). So at least g_1^2 / g_2 rows
    are expected without such a vote, however much noise there is. If the row itself votes, there are none, except for a
    few of which q others are copies; up to `COPIED_ROWS` of the expected ones are allowed.

    If the row's label is one more draw beside the votes, it has none with a probability of about s / q, where s is the
    number of classes with a single vote (Good 1953, The population frequencies of species and the estimation of
    population parameters). `SINGLE_VOTES` of that is expected if it is more, and if a row's own vote seems to be
    one of the single ones as often as it should.
    """
    q = number_of_voters(probs)
    if not q:
        return 0.0
    votes = np.round(q * probs[np.arange(len(labels)), labels]).astype(np.int64)
    found = np.bincount(votes, minlength=3)
    if not found[2] or q * probs.min() > ROUNDED:  # hard predictions with some probability for all classes
        return 0.0
    expected = float((found[1] / q) ** 2 * (q * (q - 1) / 2) / found[2])
    single = int((np.round(q * probs) == 1).sum())
    alone = int(((votes == 1) & (np.round(q * probs.max(axis=1)) > 1)).sum())
    if alone >= OWN_SINGLES * (single - found[1]) / q and alone:
        expected = max(expected, SINGLE_VOTES * single / q)
    return expected if found[0] <= COPIED_ROWS * expected else 0.0


def chance_of_frequencies(probs: np.ndarray, labels: np.ndarray) -> float:
    """Return the log probability that labels are exactly as frequent as predicted by chance; 0 if they are not.

    Parameters
    ----------
    probs : float (m, k); rows with equal probabilities are a group, such as those of leaves of a tree.
    labels : int (m,), class indices

    Returns
    -------
    float, the sum of log multinomial probabilities over the groups of 2 to `MOST_VOTING` rows with an unsure
    prediction, as if the predictions were the probabilities of the labels; in larger groups a single label has little
    influence. 0 if a group of any size has other frequencies.
    """
    m, k = probs.shape
    rounded = np.round(np.asarray(probs, float), GROUPED)
    keys = np.round(rounded @ np.random.default_rng(0).normal(size=k), GROUPED + 2)
    _, first, group, sizes = np.unique(keys, return_index=True, return_inverse=True, return_counts=True)
    chosen = (sizes > 1) & (rounded[first].max(axis=1) < UNSURE_BELOW)
    if not chosen.any() or len(sizes) > m / 2:  # continuous predictions
        return 0.0
    counted = np.zeros((len(sizes), k))
    np.add.at(counted, (group, labels), 1)
    expected = sizes[:, None] * rounded[first]
    if (np.abs(counted - expected)[chosen].max(axis=1) > ROUNDED + sizes[chosen] * 10.0**-GROUPED).any():
        return 0.0
    from scipy.special import gammaln, xlogy

    ways = gammaln(sizes + 1) - gammaln(counted + 1).sum(axis=1)
    chances = ways + xlogy(counted, rounded[first]).sum(axis=1)
    return float(chances[chosen & (sizes <= MOST_VOTING)].sum())


def number_of_voters(probs: np.ndarray) -> int:
    """Return the least q of 2 to `MOST_VOTING` for which all probabilities (m, k) are multiples of 1 / q, or 0."""
    some = (q for q in range(2, MOST_VOTING + 1) if _are_shares(probs[:FIRST_ROWS], q))
    return next((q for q in some if _are_shares(probs, q)), 0)


def _are_shares(probs: np.ndarray, q: int) -> bool:
    """Return whether all probabilities are multiples of 1 / q."""
    votes = q * probs
    return bool(np.abs(votes - np.round(votes)).max(initial=0) <= ROUNDED)


def _left_out(vectors: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Return leave-one-out predictions (m, k) of the targets by ridge regression with an intercept."""
    m = len(vectors)
    design = np.concatenate([np.ones((m, 1)), np.asarray(vectors, float)], axis=1)
    inverse = np.linalg.inv(design.T @ design + RIDGE_PENALTY * m * np.eye(design.shape[1]))
    centre = targets.mean(axis=0)
    away = targets - centre
    projected = design @ inverse
    leverage = np.minimum(np.einsum("ij,ij->i", projected, design), 1 - 1e-9)
    residual = (away - projected @ (design.T @ away)) / (1 - leverage)[:, None]
    return targets - residual


def _last_z(views: np.ndarray, labels: np.ndarray) -> float:
    """Return the z value of the last coefficient of a conditional logit model of the labels; views (v, m, k)."""
    every = np.arange(len(labels))
    scales = views.std(axis=(1, 2))
    if not scales.all():  # a constant is uninformative
        return 0.0
    views = views / scales[:, None, None]
    weights = np.full(len(views), 0.5)
    cost, slope, curve = _cost(weights, views, labels, every)
    for _ in range(NEWTON_STEPS):
        step = np.linalg.solve(curve, slope)
        size = 1.0
        while size > SMALLEST_STEP and _cost(weights - size * step, views, labels, every)[0] > cost:
            size /= 2
        weights = weights - size * step
        cost, slope, curve = _cost(weights, views, labels, every)
        if np.abs(size * step).max() < SMALLEST_STEP:
            break
    return float(weights[-1] / np.sqrt(np.linalg.inv(curve)[-1, -1]))


def _cost(
    weights: np.ndarray, views: np.ndarray, labels: np.ndarray, every: np.ndarray
) -> tuple[float, np.ndarray, np.ndarray]:
    """Return the penalised negative log likelihood, its gradient and its Hessian with respect to the weights."""
    pooled = np.tensordot(weights, views, 1)
    pooled -= pooled.max(axis=1, keepdims=True)
    probs = np.exp(pooled)
    total = probs.sum(axis=1)
    probs /= total[:, None]
    means = np.einsum("mk,vmk->vm", probs, views)
    likelihood = (pooled[every, labels] - np.log(total)).sum()
    slope = -(views[:, every, labels] - means).sum(axis=1) + SHRINKAGE * weights
    curve = np.einsum("mk,vmk,wmk->vw", probs, views, views) - means @ means.T + SHRINKAGE * np.eye(len(weights))
    return float(-likelihood + SHRINKAGE / 2 * weights @ weights), slope, curve
