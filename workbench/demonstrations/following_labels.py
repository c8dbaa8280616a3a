"""Do answers follow the labels of the demonstrations? Flipped labels, symbols, accuracy by any column of a log.

Wei et al. 2023, Larger language models do in-context learning differently, and Symbol tuning improves in-context
learning in language models.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from workbench.demonstrations.prompt_logs import read_log
from workbench.foundation.cells import is_missing
from workbench.foundation.errors import InputError, shortened

REWRITES = ("flipped", "symbols", "random")
MEANINGLESS = ("foo", "bar", "ram", "sel", "tok", "vim", "dax", "lug", "pib", "wex", "zup", "nol")
"""Labels without a meaning; with more classes, they are numbered."""

NORMAL_QUANTILE = 1.959963984540054
"""Quantile of the normal distribution for 95 % intervals."""


class FlipCurves(NamedTuple):
    """Accuracy against the share of flipped labels.

    points : DataFrame indexed by (model, flipped), as in `accuracy_by`. models : DataFrame indexed by model: slope (of
    accuracy per share, by least squares), crossing (share at which accuracy falls below chance, NaN: never), start and
    end (accuracy at the smallest and largest share), led_by ("labels", "prior" or "unclear").
    """

    points: pd.DataFrame
    models: pd.DataFrame


def accuracy_by(log: Any, by: str | Sequence[str]) -> pd.DataFrame:
    """Summarize answers by columns of a log, such as the number of demonstrations (`shots`), the model or a variant.

    Parameters
    ----------
    log : as in `read_log`. by : names of columns, "shots" (number of demonstrations) included.

    Returns
    -------
    DataFrame indexed by these columns, sorted
        rows, queries (distinct), accuracy with low and high (95 % interval), probability (mean of the label's, NaN if
        unknown), entropy (mean of the answers', in nats).

    Raises
    ------
    InputError : an unknown column.

    Notes
    -----
    The interval is Wilson's, for as many answers as there are distinct queries: answers to the same query are not
    independent, so repeated prompts do not make it narrower.

    Examples
    --------
    >>> rows = [{"demonstrations": ["a"] * 0, "query": one, "label": "x", "prediction": "x"} for one in range(4)]
    >>> accuracy_by(rows, "shots")[["queries", "accuracy", "low"]].round(2).to_numpy().tolist()
    [[4.0, 1.0, 0.51]]
    """
    table = read_log(log).table
    names = [by] if isinstance(by, str) else list(by)
    for name in names:
        if name not in table:
            raise InputError.unknown("column", name, table.columns)
    grouped = table.groupby(names, sort=True)
    frame = grouped.agg(rows=("correct", "size"), queries=("query", "nunique"), accuracy=("correct", "mean"))
    frame["low"], frame["high"] = wilson_interval(frame["accuracy"].to_numpy(), frame["queries"].to_numpy())
    return frame.assign(probability=grouped["probability"].mean(), entropy=grouped["entropy"].mean())


def wilson_interval(share: np.ndarray, count: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return Wilson's 95 % interval of shares (g,) of `count` (g,) answers; NaN if nothing was counted."""
    n = np.where(count > 0, count, np.nan).astype(float)
    middle = (share + NORMAL_QUANTILE**2 / (2 * n)) / (1 + NORMAL_QUANTILE**2 / n)
    width = (
        NORMAL_QUANTILE
        / (1 + NORMAL_QUANTILE**2 / n)
        * np.sqrt(share * (1 - share) / n + NORMAL_QUANTILE**2 / (4 * n**2))
    )
    return np.maximum(middle - width, 0), np.minimum(middle + width, 1)


def flip_curve(log: Any, *, flipped: str = "flipped", model: str = "model", chance: float | None = None) -> FlipCurves:
    """Report accuracy against the share of flipped demonstration labels, per model, and what leads the answers.

    Parameters
    ----------
    log : as in `read_log`, with the share of flipped labels of each prompt, in [0, 1].
    flipped, model : names of the columns; without a column of this name, all answers are of one model.
    chance : accuracy of guessing; by default 1 / the number of labels in the log.

    Returns
    -------
    FlipCurves, with `points` and `models`. "labels": at the largest share, the accuracy is below chance by its
    interval, so answers follow flipped labels. "prior": at the largest share, it is above chance by its interval.
    Otherwise "unclear". `label` must be the correct label, not the shown one.

    Raises
    ------
    InputError : no such column, shares outside [0, 1], or a single share.

    References
    ----------
    Wei et al. 2023, Larger language models do in-context learning differently, section 3.
    """
    found = read_log(log)
    table = found.table
    if flipped not in table:
        raise InputError.unknown("column", flipped, table.columns, "It has the share of flipped labels of each prompt.")
    shares = pd.to_numeric(table[flipped], errors="coerce").to_numpy(float)
    bad = np.flatnonzero(~((shares >= 0) & (shares <= 1)))
    if len(bad):
        value = shortened(table[flipped].iloc[int(bad[0])])
        raise InputError.at(f"log.{flipped}", f"is {value}", "Give shares in [0, 1].", row=int(bad[0]))
    if len(np.unique(shares)) < 2:
        raise InputError.at(f"log.{flipped}", f"is always {shares[0]:g}", "Ask with at least two shares.")
    guess = 1 / table["label"].nunique() if chance is None else chance
    named = table.assign(**{flipped: shares, model: table.get(model, "model")})
    points = accuracy_by(named.assign(demonstrations=found.demonstrations), [model, flipped])
    rows = {}
    for name, own in points.groupby(level=0, sort=True):
        x, y = own.index.get_level_values(1).to_numpy(float), own["accuracy"].to_numpy(float)
        slope = float(np.polyfit(x, y, 1)[0]) if len(x) > 1 else np.nan
        last = own.iloc[-1]
        led = "labels" if last["high"] < guess else "prior" if last["low"] > guess else "unclear"
        rows[name] = (slope, _crossing(x, y, guess), y[0], y[-1], led)
    columns = pd.Index(["slope", "crossing", "start", "end", "led_by"])
    models = pd.DataFrame.from_dict(rows, orient="index", columns=columns).rename_axis(model)
    return FlipCurves(points, models)


def _crossing(x: np.ndarray, y: np.ndarray, level: float) -> float:
    """Return the first x at which the line through the points falls below a level; NaN if it never does."""
    for one in range(1, len(x)):
        if y[one - 1] >= level > y[one]:
            return float(x[one - 1] + (y[one - 1] - level) / (y[one - 1] - y[one]) * (x[one] - x[one - 1]))
    return float(x[0]) if y[0] < level else float("nan")


def following_rate(log: Any, *, shown: str = "shown_label", by: str | Sequence[str] = "variant") -> pd.DataFrame:
    """Count how often answers follow the labels of the demonstrations, and how often the usual ones.

    Parameters
    ----------
    log : as in `read_log`; `label` is the usual (correct) label of the query.
    shown : name of the column with the label that the demonstrations teach for the query: the flipped label, or the
        symbol. Only rows where it differs from `label` are counted.
    by : names of columns of groups, such as variant and model.

    Returns
    -------
    DataFrame indexed by these columns
        rows, queries, followed (share of answers with the shown label) with low and high (95 % interval, as in
        `accuracy_by`), prior (share with the usual label), other (share with neither).

    Raises
    ------
    InputError : unknown columns, or no row whose shown label differs.

    References
    ----------
    Wei et al. 2023, Symbol tuning improves in-context learning in language models.

    Examples
    --------
    >>> rows = [{"demonstrations": [], "query": one, "label": "no", "shown_label": "foo", "variant": "symbols",
    ...          "prediction": answer} for one, answer in enumerate(["foo", "foo", "no", "bar"])]
    >>> following_rate(rows)[["followed", "prior", "other"]].to_numpy().tolist()
    [[0.5, 0.25, 0.25]]
    """
    table = read_log(log).table
    names = [by] if isinstance(by, str) else list(by)
    for name in (shown, *names):
        if name not in table:
            raise InputError.unknown("column", name, table.columns)
    differs = np.array([not is_missing(one) and one != two for one, two in zip(table[shown], table["label"])], bool)
    if not differs.any():
        raise InputError.at(f"log.{shown}", "equals the label in every row", "Flip labels, or use symbols.")
    kept = table[differs]
    followed = np.array([one == two for one, two in zip(kept["prediction"], kept[shown])], bool)
    prior = np.array([one == two for one, two in zip(kept["prediction"], kept["label"])], bool)
    grouped = kept.assign(followed=followed, prior=prior).groupby(names, sort=True)
    frame = grouped.agg(
        rows=("followed", "size"), queries=("query", "nunique"), followed=("followed", "mean"), prior=("prior", "mean")
    )
    frame["low"], frame["high"] = wilson_interval(frame["followed"].to_numpy(), frame["queries"].to_numpy())
    frame["other"] = 1 - frame["followed"] - frame["prior"]
    return frame[["rows", "queries", "followed", "low", "high", "prior", "other"]]


def rewrite_labels(labels: Any, how: str, *, share: float = 1.0, seed: int = 0) -> tuple[pd.Series, dict[Any, Any]]:
    """Rewrite labels of demonstrations, to ask a model with other labels.

    Parameters
    ----------
    labels : Series indexed by demonstration id, or a sequence.
    how : {"flipped", "symbols", "random"}
        "flipped": each class gets the name of the next one, in sorted order; "symbols": words without a meaning;
        "random": labels drawn by their frequencies.
    share : in [0, 1], share of the demonstrations that are rewritten, drawn at random. seed : of the draws.

    Returns
    -------
    (Series of labels, dict of class to shown label). The dict gives `shown_label` of a log; it is empty for "random".

    Raises
    ------
    InputError : an unknown way, a share outside [0, 1], or fewer than two classes.

    Examples
    --------
    >>> shown, mapping = rewrite_labels(["no", "yes", "no"], "flipped")
    >>> shown.tolist(), mapping
    (['yes', 'no', 'yes'], {'no': 'yes', 'yes': 'no'})
    """
    if how not in REWRITES:
        raise InputError.unknown("way", how, REWRITES)
    given = labels if isinstance(labels, pd.Series) else pd.Series(list(labels), dtype=object)
    names = sorted(given.unique(), key=str)
    if len(names) < 2 or not 0 <= share <= 1:
        found = f"has {len(names)} classes" if len(names) < 2 else f"and share={share!r}"
        raise InputError.at("labels", found, "Give at least two classes, and a share in [0, 1].")
    rng = np.random.default_rng(seed)
    chosen = np.isin(np.arange(len(given)), rng.permutation(len(given))[: round(share * len(given))])
    mapping: dict[Any, Any] = {}
    if how == "random":
        new = rng.choice(given.to_numpy(object), len(given))
    else:
        to = [*names[1:], names[0]]
        if how == "symbols":
            to = [f"{MEANINGLESS[one % len(MEANINGLESS)]}{one // len(MEANINGLESS) or ''}" for one in range(len(names))]
        mapping = dict(zip(names, to))
        new = given.map(mapping).to_numpy(object)
    return pd.Series(np.where(chosen, new, given.to_numpy(object)), index=given.index), mapping
