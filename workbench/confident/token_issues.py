"""Confident learning on tokens: scores of the tokens of sentences, pooled per sentence, and filters.

Labels are n lists or arrays of class indices, one per token, and `pred_probs` n arrays (tokens, k) of out-of-sample
probabilities. A token with the class -1 or -100 (padding, sub-words) is unlabelled: it has no score and is excluded
from thresholds, counts and pooling. If all tokens are labelled, the results equal those of cleanlab's
`token_classification`; a sentence without labelled tokens, which cleanlab does not accept, has the score NaN.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from workbench.confident.label_issues import RANKINGS, find_label_issues
from workbench.foundation.checks import check_pred_probs
from workbench.foundation.errors import InputError
from workbench.tasks.sentences import cut, flat_classes, flat_table, in_sentence, listed, starts_of

SENTENCE_POOLINGS = ("min", "softmin")
SENTENCE_TEMPERATURE = 0.05


def token_scores(labels: Any, pred_probs: Any, *, method: str = "self_confidence") -> list[np.ndarray]:
    """Score how well the label of each token is supported by the probabilities.

    Parameters
    ----------
    labels : n lists or int arrays (tokens,) of class indices in [0, k); -1 or -100 for a token without a label.
    pred_probs : n float arrays (tokens, k), rows sum to 1, out-of-sample.
    method : {"self_confidence", "normalized_margin", "confidence_weighted_entropy"}

    Returns
    -------
    n float arrays (tokens,) in [0, 1], low = suspicious, NaN without a label.

    Raises
    ------
    InputError : numbers of sentences or tokens that differ, a label that is not a class, invalid probabilities; the
        message names the sentence and the token.

    Examples
    --------
    >>> token_scores([[0, 1], [1]], [np.array([[0.75, 0.25], [0.5, 0.5]]), np.array([[0.25, 0.75]])])
    [array([0.75, 0.5 ]), array([0.75])]
    """
    given, probs, starts = _read(labels, pred_probs)
    return cut(_scores(given, probs, method), starts)


def sentence_scores(
    labels: Any, pred_probs: Any, *, method: str = "self_confidence", pool: str = "min",
    temperature: float = SENTENCE_TEMPERATURE,
) -> np.ndarray:  # fmt: skip
    """Pool the scores of a sentence's tokens into one score per sentence.

    Parameters
    ----------
    labels, pred_probs, method : as in `token_scores`.
    pool : {"min", "softmin"}
        The smallest score of a token, or the mean with weights softmax((1 - s) / temperature).
    temperature : positive, for "softmin".

    Returns
    -------
    (n,) float64 in [0, 1], low = suspicious; NaN for a sentence without labelled tokens.

    Raises
    ------
    InputError : an unknown pooling, a temperature that is not positive, or as in `token_scores`.

    References
    ----------
    Wang and Mueller 2022, Detecting Label Errors in Token Classification Data, section 2.

    Examples
    --------
    >>> sentence_scores([[0, 1], [1]], [np.array([[0.75, 0.25], [0.5, 0.5]]), np.array([[0.25, 0.75]])])
    array([0.5 , 0.75])
    """
    if pool not in SENTENCE_POOLINGS:
        raise InputError.unknown("way to pool", pool, SENTENCE_POOLINGS)
    if not temperature > 0:
        raise InputError.at("temperature", f"is {temperature!r}", "Pass a positive number.")
    given, probs, starts = _read(labels, pred_probs)
    scores = _scores(given, probs, method).astype(np.float64, copy=False)
    sentence = np.repeat(np.arange(len(starts) - 1), np.diff(starts))
    known = ~np.isnan(scores)
    scores, sentence = scores[known], sentence[known]
    pooled = np.full(len(starts) - 1, np.nan)
    first = np.flatnonzero(np.diff(sentence, prepend=-1))
    if not len(first):
        return pooled
    least = np.minimum.reduceat(scores, first)
    if pool == "softmin":
        sizes = np.diff(first, append=len(scores))
        weights = np.exp((np.repeat(least, sizes) - scores) / temperature)
        least = np.add.reduceat(weights * scores, first) / np.add.reduceat(weights, first)
    pooled[sentence[first]] = least
    return pooled


def find_token_issues(
    labels: Any, pred_probs: Any, *, by: str = "prune_by_noise_rate", ranked_by: str = "self_confidence",
    frac_noise: float = 1.0, min_per_class: int = 1,
) -> np.ndarray:  # fmt: skip
    """Find the tokens whose labels a confident-learning filter considers wrong.

    Parameters
    ----------
    labels, pred_probs : as in `token_scores`.
    by, frac_noise, min_per_class : as in `find_label_issues`, with tokens as examples.
    ranked_by : a method of `token_scores`; the order of the result.

    Returns
    -------
    (m, 2) int64: sentence and token within it, the most suspicious first.

    Raises
    ------
    InputError : an unknown filter or ranking, or as in `token_scores`.

    Examples
    --------
    >>> probs = [np.array([[0.9, 0.1], [0.7, 0.3], [0.05, 0.95]]), np.array([[0.8, 0.2], [0.8, 0.2]])]
    >>> find_token_issues([[0, 0, 1], [0, 1]], probs)
    array([[1, 1]])
    """
    if ranked_by not in RANKINGS:
        raise InputError.unknown("ranking", ranked_by, RANKINGS)
    given, probs, starts = _read(labels, pred_probs, scan=False)
    found = np.flatnonzero(find_label_issues(given, probs, by=by, frac_noise=frac_noise, min_per_class=min_per_class))
    order = np.argsort(RANKINGS[ranked_by](given[found], probs[found]))
    return _placed(found[order], starts)


def lowest_tokens(scores: Any, *, threshold: float = 0.1) -> np.ndarray:
    """List the tokens with a score below a threshold.

    Parameters
    ----------
    scores : n float arrays (tokens,), the result of `token_scores`; NaN is never listed.
    threshold : float.

    Returns
    -------
    (m, 2) int64: sentence and token within it, the lowest score first.

    Examples
    --------
    >>> lowest_tokens([np.array([0.9, 0.05]), np.array([0.01])])
    array([[1, 0],
           [0, 1]])
    """
    rows = listed("scores", scores)
    starts = starts_of(rows)
    flat = np.concatenate([np.asarray(one, float) for one in rows]) if rows else np.empty(0)
    below = np.flatnonzero(flat < threshold)
    return _placed(below[np.argsort(flat[below], kind="stable")], starts)


def common_token_issues(issues: Any, tokens: Any, labels: Any, pred_probs: Any, *, classes: Any = None) -> pd.DataFrame:
    """Count which words have suspicious labels, by given and most probable class.

    Parameters
    ----------
    issues : (m, 2) int, sentence and token, such as the result of `find_token_issues`.
    tokens : n lists of str.
    labels, pred_probs : as in `token_scores`.
    classes : k names of the classes, optional; by default their indices.

    Returns
    -------
    DataFrame, the most frequent first
        token : str. given_label, predicted_label : class. issues : int64, number of issues of this word with these
        labels.

    Raises
    ------
    InputError : an issue without a token, or arrays that do not match.
    """
    given, probs, starts = _read(labels, pred_probs)
    words = listed("tokens", tokens)
    if len(words) != len(starts) - 1 or (starts_of(words) != starts).any():
        raise InputError.at("tokens", "do not have one word per label", "Pass n lists of words, one per label.")
    pairs = np.asarray(issues, np.int64).reshape(-1, 2)
    sizes = np.diff(starts)
    row, place = pairs.T
    wrong = (row < 0) | (row >= len(sizes))
    wrong[~wrong] = (place[~wrong] < 0) | (place[~wrong] >= sizes[row[~wrong]])
    if wrong.any():
        first = int(np.flatnonzero(wrong)[0])
        raise InputError.at("issues", f"is {pairs[first].tolist()}", "Pass sentence and token, from 0.", row=first)
    at = starts[row] + place
    names = np.arange(probs.shape[1]) if classes is None else np.asarray(list(classes), object)
    if len(names) != probs.shape[1]:
        raise InputError.at("classes", f"names {len(names)} classes for {probs.shape[1]} columns", "Name each column.")
    frame = pd.DataFrame(
        {
            "token": [str(words[i][j]) for i, j in pairs.tolist()],
            "given_label": names[given[at]],
            "predicted_label": names[probs[at].argmax(axis=1)] if len(at) else names[:0],
        }
    )
    counted = frame.groupby(list(frame.columns), sort=False).size().rename("issues").reset_index()
    return counted.sort_values("issues", ascending=False, kind="stable", ignore_index=True)


def _scores(given: np.ndarray, probs: np.ndarray, method: str) -> np.ndarray:
    if method not in RANKINGS:
        raise InputError.unknown("method", method, RANKINGS)
    return RANKINGS[method](given, probs)


def _placed(tokens: np.ndarray, starts: np.ndarray) -> np.ndarray:
    """Convert indices of tokens to (m, 2) sentence and token within it."""
    row = np.searchsorted(starts, tokens, side="right") - 1
    return np.stack([row, tokens - starts[row]], axis=1).astype(np.int64)


def _read(labels: Any, pred_probs: Any, *, scan: bool = True) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return (given (t,) int64, probs (t, k), starts (n + 1,)) of all tokens, or raise one error for invalid input."""
    rows = listed("labels", labels)
    starts = starts_of(rows)
    given = flat_classes("labels", rows)
    probs = flat_table("pred_probs", listed("pred_probs", pred_probs), starts)
    try:
        probs, given = check_pred_probs(probs, given, scan=scan)
    except InputError as error:
        raise in_sentence(error, starts) from error
    return given, probs, starts
