"""A stand-in for a language model: a weighted vote of the demonstrations of a prompt, as a log."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from workbench.foundation.errors import InputError, shortened
from workbench.foundation.rows import unit_rows


def neighbor_log(
    prompts: Sequence[Sequence[int]], labels: Any, embeddings: Any, queries: Any, query_labels: Any, *,
    prior: Any = None, prior_weight: float = 0.0, temperature: float = 0.1, classes: Sequence[str] | None = None,
) -> pd.DataFrame:  # fmt: skip
    """Answer every query with every prompt by a vote of the prompt's demonstrations, weighted by similarity.

    Parameters
    ----------
    prompts : p lists of row numbers of demonstrations. labels : (n,) str, their labels as shown. embeddings : float
        (n, d). queries : float (q, d). query_labels : (q,) str, the correct labels.
    prior : float (q, k), optional: probabilities that the model would give without demonstrations.
    prior_weight : in [0, 1], weight of the prior; 1 = demonstrations are ignored.
    temperature : positive; cosines are divided by it.
    classes : k labels in the order of the columns of `prior`; by default those that occur, sorted.

    Returns
    -------
    DataFrame, a log for `read_log`: prompt, demonstrations, query (row number), label, probs.

    Raises
    ------
    InputError : shapes that do not match, unknown rows, or weights outside their ranges.

    Notes
    -----
    P(c) = (1 - w) sum_i exp(cos(x, x_i) / t) [label_i = c] / sum_i exp(cos(x, x_i) / t) + w prior(c). It shows what
    demonstrations can do in the simplest case; language models behave differently.

    Examples
    --------
    >>> log = neighbor_log([[0, 1]], ["no", "yes"], [[1, 0], [0, 1]], [[0, 2]], ["yes"])
    >>> round(log["probs"][0]["yes"], 4)
    1.0
    """
    x, new = np.asarray(embeddings, float), np.asarray(queries, float)
    shown, correct = list(labels), list(query_labels)
    if x.ndim != 2 or new.ndim != 2 or x.shape[1] != new.shape[1] or len(x) != len(shown) or len(new) != len(correct):
        found = f"has shape {x.shape}, `queries` {new.shape}, for {len(shown)} and {len(correct)} labels"
        raise InputError.at("embeddings", found, "Pass (n, d) and (q, d), one label per row.")
    if not 0 <= prior_weight <= 1 or not temperature > 0:
        raise InputError.at("prior_weight", f"is {prior_weight!r}", "Pass a weight in [0, 1], a positive temperature.")
    names = sorted({*shown, *correct}) if classes is None else list(classes)
    code_of = {name: code for code, name in enumerate(names)}
    lost = [one for one in (*shown, *correct) if one not in code_of]
    if lost:
        raise InputError.unknown("class", lost[0], names)
    base = np.full((len(new), len(names)), 1 / len(names)) if prior is None else np.asarray(prior, float)
    if base.shape != (len(new), len(names)):
        raise InputError.at("prior", f"has shape {base.shape}", f"Pass ({len(new)}, {len(names)}), for {names}.")
    cosines = unit_rows(new) @ unit_rows(x).T / temperature
    codes = np.array([code_of[one] for one in shown], np.int64)
    rows: list[Mapping[str, Any]] = []
    for number, prompt in enumerate(prompts):
        places = np.asarray(prompt, np.int64)
        if len(places) and (places.min() < 0 or places.max() >= len(x)):
            raise InputError.at("prompts", f"names {shortened(list(prompt))}", f"Use rows from 0 to {len(x) - 1}.")
        votes = np.zeros((len(new), len(names)))
        if len(places):
            weight = np.exp(cosines[:, places] - cosines[:, places].max(axis=1, keepdims=True))
            np.add.at(votes.T, codes[places], weight.T)
            votes /= votes.sum(axis=1, keepdims=True)
        probs = base if not len(places) else (1 - prior_weight) * votes + prior_weight * base
        for query, (label, own) in enumerate(zip(correct, probs.tolist())):
            rows.append(
                {"prompt": number, "demonstrations": places.tolist(), "query": query, "label": label,
                 "probs": dict(zip(names, own))}
            )  # fmt: skip
    return pd.DataFrame(rows)
