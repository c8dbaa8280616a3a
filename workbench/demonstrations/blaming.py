"""Which demonstrations make answers worse: leave-one-out blame from a log of prompts, and blame by attention.

Nguyen and Wong 2023, In-context Example Selection with Influences.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from workbench.demonstrations.prompt_logs import PromptLog, read_log
from workbench.foundation.checks import check_whole
from workbench.foundation.errors import InputError, shortened

BLAME_RIDGE = 1.0
"""Penalty of the regression, in prompts."""

LEAST_PROMPTS = 2
"""Smallest number of different sets of demonstrations."""


def blame_scores(log: Any, *, resamples: int = 200, seed: int = 0) -> pd.DataFrame:
    """Estimate by how much each demonstration raises the loss of the prompts that show it.

    Parameters
    ----------
    log : as in `read_log`, with different sets of demonstrations; more sets than demonstrations give clear results.
    resamples : number of bootstrap samples of the prompts. seed : of these.

    Returns
    -------
    DataFrame indexed by demonstration, most blamed first
        blame (float64, in probability of a wrong answer; positive: answers are worse with it), low and high (95 %
        interval), prompts (sets that show it), others (sets that do not), difference (mean loss with it minus without
        it, of the losses above the means of their queries).

    Raises
    ------
    InputError : fewer than two different sets of demonstrations.

    Notes
    -----
    The loss of an answer, minus the mean loss of its query, is averaged by prompt, and regressed on the demonstrations
    that the prompt shows (0 or 1, centred), by ridge regression with penalty 1. So a demonstration is not blamed for
    those that are shown with it. The interval is a percentile interval over prompts. A demonstration that all prompts
    show, or none, has blame 0 and no interval: leave it out of some.

    References
    ----------
    Nguyen and Wong 2023, In-context Example Selection with Influences, section 3. Ilyas et al. 2022, Datamodels.

    Examples
    --------
    >>> rows = [{"demonstrations": one, "query": "q", "label": "x", "prediction": "y" if "bad" in one else "x"}
    ...         for one in (["a", "b"], ["a", "bad"], ["b", "bad"], ["a", "b", "c"])]
    >>> blame_scores(rows).index[0]
    'bad'
    """
    check_whole("resamples", resamples, 0)
    found = read_log(log)
    ids = found.ids
    shown, loss = _by_prompt(found, ids)
    if len(np.unique(shown, axis=0)) < LEAST_PROMPTS:
        todo = "Ask the same queries with some demonstrations left out."
        raise InputError.at("log", "has only one set of demonstrations", todo)
    blame = _ridge_blame(shown, loss, np.ones(len(loss)))
    rng = np.random.default_rng(seed)
    equal = np.full(len(loss), 1 / len(loss))
    draws = [_ridge_blame(shown, loss, rng.multinomial(len(loss), equal)) for _ in range(resamples)]
    draws = np.stack(draws or [np.full(len(ids), np.nan)])
    count = shown.sum(axis=0)
    varies = (count > 0) & (count < len(shown))
    low, high = (np.where(varies, np.quantile(draws, q, axis=0), np.nan) for q in (0.025, 0.975))
    with_it, without = shown.T @ loss, (1 - shown).T @ loss
    means = [
        np.divide(total, size, out=np.full(len(ids), np.nan), where=size > 0)
        for total, size in ((with_it, count), (without, len(shown) - count))
    ]
    frame = pd.DataFrame(
        {
            "blame": np.where(varies, blame, 0.0), "low": low, "high": high, "prompts": count.astype(np.int64),
            "others": (len(shown) - count).astype(np.int64), "difference": means[0] - means[1],
        },
        index=pd.Index(ids, name="demonstration"),
    )  # fmt: skip
    return frame.sort_values("blame", ascending=False, kind="stable")


def _by_prompt(log: PromptLog, ids: list[Any]) -> tuple[np.ndarray, np.ndarray]:
    """Return the demonstrations of each prompt (p, d) of 0 and 1, and its mean loss above that of its queries (p,)."""
    above = log.table["loss"] - log.table.groupby("query")["loss"].transform("mean")
    sets = [frozenset(own) for own in log.demonstrations]
    prompts = pd.factorize(pd.Series(list(zip(log.table["prompt"], sets)), dtype=object))[0]
    loss = np.bincount(prompts, above) / np.bincount(prompts)
    place = {name: number for number, name in enumerate(ids)}
    shown = np.zeros((len(loss), len(ids)))
    first = np.unique(prompts, return_index=True)[1]
    for prompt, row in enumerate(first.tolist()):
        shown[prompt, [place[one] for one in log.demonstrations[row]]] = 1
    return shown, loss


def _ridge_blame(shown: np.ndarray, loss: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Return the coefficients (d,) of a weighted ridge regression with intercept."""
    share = weight / weight.sum()
    x, y = shown - share @ shown, loss - share @ loss
    gram = (x * weight[:, None]).T @ x + BLAME_RIDGE * np.eye(x.shape[1])
    return np.linalg.solve(gram, (x * weight[:, None]).T @ y)


def attention_blame(log: Any, *, column: str = "attention") -> pd.DataFrame:
    """List demonstrations that had the most attention when answers were wrong.

    Parameters
    ----------
    log : as in `read_log`, with a column of lists: one non-negative weight per demonstration, such as the attention
        from the answer to the demonstration's label word.
    column : name of this column.

    Returns
    -------
    DataFrame indexed by demonstration, most blamed first
        wrong and right (answers that it led: it had the largest weight), share (wrong / both, NaN if it led none),
        blame (float64, (wrong + a) / (both + 1) - a, where a is the share of wrong answers: 0 = as usual), shown,
        attention (mean share of the weight in the answers that show it).

    Raises
    ------
    InputError : no such column, or weights that do not match the demonstrations.

    References
    ----------
    Wang et al. 2023, Label Words are Anchors: An Information Flow Perspective for Understanding In-Context Learning.
    """
    found = read_log(log)
    if column not in found.table:
        raise InputError.unknown("column", column, found.table.columns, "It has a list of weights per row.")
    place = {name: number for number, name in enumerate(found.ids)}
    led, attention, shown = np.zeros((2, len(place))), np.zeros(len(place)), np.zeros(len(place), np.int64)
    correct = found.table["correct"].to_numpy(bool)
    for row, (own, weights) in enumerate(zip(found.demonstrations, found.table[column])):
        values = np.asarray(weights, float)
        if values.shape != (len(own),) or not np.isfinite(values).all() or (values < 0).any():
            problem = f"is {shortened(weights)} for {len(own)} demonstrations"
            raise InputError.at(f"log.{column}", problem, "Give one number of at least 0 per demonstration.", row=row)
        at = [place[one] for one in own]
        shown[at] += 1
        if values.sum() > 0:
            attention[at] += values / values.sum()
            led[int(correct[row]), at[int(values.argmax())]] += 1
    both, usual = led.sum(axis=0), float(1 - correct.mean())
    frame = pd.DataFrame(
        {
            "wrong": led[0].astype(np.int64), "right": led[1].astype(np.int64),
            "share": np.divide(led[0], both, out=np.full(len(both), np.nan), where=both > 0),
            "blame": (led[0] + usual) / (both + 1) - usual, "shown": shown,
            "attention": attention / np.maximum(shown, 1),
        },
        index=pd.Index(list(place), name="demonstration"),
    )  # fmt: skip
    return frame.sort_values("blame", ascending=False, kind="stable")
