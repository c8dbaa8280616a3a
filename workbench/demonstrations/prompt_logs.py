"""Logs of answered prompts, read once and checked: demonstrations in their order, query, answer, correct label."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from workbench.foundation.cells import is_missing
from workbench.foundation.errors import InputError, shortened
from workbench.foundation.printing import Printed

NEEDED_COLUMNS = ("demonstrations", "query", "label")


@dataclass(frozen=True, repr=False)
class PromptLog(Printed):
    """A log of r answered prompts.

    Attributes
    ----------
    table : DataFrame with r rows: prompt, query, label, prediction, probability (of the label), correct (bool), loss,
        entropy (of the answer's probabilities, in nats), shots (number of demonstrations), and all other columns.
        Unknown values are None or NaN.
    demonstrations : r tuples of ids, in the order of the prompt.
    """

    table: pd.DataFrame
    demonstrations: list[tuple[Any, ...]]

    @property
    def ids(self) -> list[Any]:
        """Ids of all demonstrations, in the order of their first occurrence."""
        return list(dict.fromkeys(one for own in self.demonstrations for one in own))

    def __str__(self) -> str:
        table = self.table
        parts = [
            f"{len(table):,} answers to {table['query'].nunique():,} queries with {len(self.ids):,} demonstrations"
        ]
        return f"{parts[0]}: accuracy {table['correct'].mean():.3f}"


def read_log(log: Any) -> PromptLog:
    """Check a log of answered prompts.

    Parameters
    ----------
    log : DataFrame, or a sequence of dicts, one row per answered prompt
        demonstrations : list of ids, in the order of the prompt. query : id of the query. label : its correct label.
        prediction : the label that the model answered; None if the answer is not a label.
        probability : float in [0, 1], probability of `label`. probs : dict of label to probability, from which the
        prediction (if not given), the probability and the entropy are computed.
        prompt : id of the prompt; by default, rows with the same demonstrations in the same order have one prompt.
        One of prediction, probability and probs is needed. More columns, such as model, variant, flipped or attention,
        are kept.

    Returns
    -------
    PromptLog, with loss = 1 - probability, or 1 - correct where no probability is known. It is not the logarithm, since
    single sure and wrong answers would outweigh all others.

    Raises
    ------
    InputError : missing columns, or values that are not valid; names the row.

    Examples
    --------
    >>> log = read_log([{"demonstrations": ["a", "b"], "query": "q", "label": "yes", "probs": {"yes": 0.8, "no": 0.2}}])
    >>> log.table[["prediction", "probability", "shots"]].to_numpy().tolist()
    [['yes', 0.8, 2]]
    """
    if isinstance(log, PromptLog):
        return log
    frame = pd.DataFrame(list(log)) if not isinstance(log, pd.DataFrame) else log.reset_index(drop=True)
    for name in NEEDED_COLUMNS:
        if name not in frame:
            raise InputError.unknown("column", name, frame.columns, "A log needs it.")
    if not {"prediction", "probability", "probs"} & set(frame.columns):
        raise InputError.at("log", "has no answers", "Add a column prediction, probability or probs.")
    shown = [_ids(one, row) for row, one in enumerate(frame["demonstrations"])]
    table = frame.drop(columns=["demonstrations", "probs"], errors="ignore")
    if "probs" in frame:
        table = _from_probs(table, frame["probs"].tolist())
    for name in ("query", "label"):
        missing = np.flatnonzero([is_missing(one) for one in table[name]])
        if len(missing):
            raise InputError.at(f"log.{name}", "is missing", "Give every row one.", row=int(missing[0]))
    if "probability" in table:
        p = pd.to_numeric(table["probability"], errors="coerce").to_numpy(float)
        bad = np.flatnonzero(((p < 0) | (p > 1)) | (np.isnan(p) & table["probability"].notna().to_numpy()))
        if len(bad):
            found = f"is {shortened(table['probability'].iloc[int(bad[0])])}"
            raise InputError.at("log.probability", found, "Give numbers in [0, 1].", row=int(bad[0]))
    else:
        p = np.full(len(table), np.nan)
    if "prediction" not in table:
        table["prediction"] = None
    answered = ~np.array([is_missing(one) for one in table["prediction"]], bool)
    same = np.array([one == two for one, two in zip(table["prediction"], table["label"])], bool)
    correct = np.where(answered, same, p > 0.5)  # without an answer, the label is sure to lead only above one half
    known = ~np.isnan(p)
    loss = np.where(known, 1 - np.nan_to_num(p), 1.0 - correct)
    if "prompt" not in table:
        table["prompt"] = pd.factorize(pd.Series(shown, dtype=object))[0]
    columns = {"probability": p, "correct": correct.astype(bool), "loss": loss, "shots": [len(one) for one in shown]}
    table = table.assign(**columns)
    if "entropy" not in table:
        table["entropy"] = np.nan
    return PromptLog(table, shown)


def _ids(value: Any, row: int) -> tuple[Any, ...]:
    if isinstance(value, (str, bytes)) or not hasattr(value, "__iter__"):
        found = f"is {shortened(value)}"
        raise InputError.at("log.demonstrations", found, "Give a list of ids in the order of the prompt.", row=row)
    ids = tuple(value)
    if len(set(ids)) < len(ids):
        raise InputError.at(
            "log.demonstrations", "names one twice", "Give repeated examples ids of their own.", row=row
        )
    return ids


def _from_probs(table: pd.DataFrame, probs: list[Any]) -> pd.DataFrame:
    """Add prediction, probability and entropy from dicts of probabilities."""
    todo = "Give a dict of label to probability, which sum to 1."
    answers, chances, entropies = [], [], []
    for row, (one, label) in enumerate(zip(probs, table["label"])):
        if is_missing(one):
            answers.append(None)
            chances.append(np.nan)
            entropies.append(np.nan)
            continue
        if not isinstance(one, Mapping) or not one:
            raise InputError.at("log.probs", f"is {shortened(one)}", todo, row=row)
        values = np.array(list(one.values()), float)
        if not np.isfinite(values).all() or (values < 0).any() or abs(values.sum() - 1) > 1e-3:
            raise InputError.at("log.probs", f"is {shortened(dict(one))}", todo, row=row)
        answers.append(list(one)[int(values.argmax())])
        chances.append(float(one.get(label, 0.0)))
        positive = values[values > 0]
        entropies.append(float(-(positive * np.log(positive)).sum()))
    given = table.get("prediction")
    answers = answers if given is None else [two if is_missing(one) else one for one, two in zip(given, answers)]
    return table.assign(prediction=pd.Series(answers, dtype=object), probability=chances, entropy=entropies)
