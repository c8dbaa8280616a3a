"""Which demonstrations to show for a query: similar ones, on the boundary of the labels that the model hesitates
between; and the text of a prompt.

Gao et al. 2023, Ambiguity-Aware In-Context Learning with Large Language Models.
"""

from __future__ import annotations

import string
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from workbench.data.inputs import to_matrix
from workbench.foundation.checks import check_whole
from workbench.foundation.errors import InputError, shortened
from workbench.foundation.rows import unit_rows

WAYS = ("ambiguity", "similarity")


def choose_demonstrations(
    labels: Any, embeddings: Any, queries: Any, query_probs: Any = None, *, demonstration_probs: Any = None,
    shots: int = 4, how: str = "ambiguity", pool: int | None = None,
) -> pd.DataFrame:  # fmt: skip
    """Choose demonstrations for each query, with the reason of each choice.

    Parameters
    ----------
    labels : Series of labels indexed by demonstration id, or a sequence. embeddings : float (n, d).
    queries : float (q, d), embeddings of the queries.
    query_probs : DataFrame (q, k) with the labels as columns, the model's probabilities without demonstrations; or an
        array, whose columns are the sorted labels.
    demonstration_probs : the same for the demonstrations, (n, k), optional: then those that the model got wrong, and
        whose own two top labels are those of the query, come first.
    shots : number of demonstrations per query. how : {"ambiguity", "similarity"}
    pool : number of most similar demonstrations to choose from; by default 10 times `shots`.

    Returns
    -------
    DataFrame with one row per choice
        query (row number), rank (from 0, most similar last is the usual order of a prompt), demonstration (id), label,
        similarity (cosine), reasons.

    Raises
    ------
    InputError : shapes that do not match, an unknown way, or no probabilities for "ambiguity".

    Notes
    -----
    The two top labels of a query are its ambiguous set. Of the most similar demonstrations, those with a label in the
    set, wrongly answered, and with the same two top labels come first; then those with a label in the set and wrongly
    answered; then those with a label in the set; then the others; each group by similarity.

    References
    ----------
    Gao et al. 2023, Ambiguity-Aware In-Context Learning with Large Language Models, section 3.
    """
    if how not in WAYS:
        raise InputError.unknown("way", how, WAYS)
    check_whole("shots", shots, 1)
    given = labels if isinstance(labels, pd.Series) else pd.Series(list(labels), dtype=object)
    x, new = np.asarray(embeddings, float), np.asarray(queries, float)
    if x.ndim != 2 or new.ndim != 2 or len(x) != len(given) or x.shape[1] != new.shape[1]:
        found = f"has shape {x.shape}, `queries` {new.shape}, for {len(given)} labels"
        raise InputError.at("embeddings", found, "Pass (n, d) and (q, d).")
    cosines = unit_rows(new) @ unit_rows(x).T
    near = np.argsort(-cosines, axis=1, kind="stable")[:, : max(shots, 10 * shots if pool is None else pool)]
    if how == "ambiguity" and query_probs is None:
        raise InputError.at("query_probs", "is not given", "Pass them, or use how='similarity'.")
    names = sorted(given.unique(), key=str)
    tops = None if query_probs is None else _tops(query_probs, len(new), names, "query_probs")
    own = None if demonstration_probs is None else _tops(demonstration_probs, len(x), names, "demonstration_probs")
    rows = []
    for query in range(len(new)):
        places = near[query]
        reasons = [_why(int(place), given, own, None if tops is None else tops[query]) for place in places]
        group = np.array([0 if how == "similarity" else one for one, _ in reasons])
        order = np.argsort(group, kind="stable")[:shots]
        for rank, one in enumerate(order.tolist()):
            place = int(places[one])
            words = "; ".join([*reasons[one][1], f"similarity {cosines[query, place]:.2f}"])
            rows.append((query, rank, given.index[place], given.iloc[place], cosines[query, place], words))
    columns = ["query", "rank", "demonstration", "label", "similarity", "reasons"]
    return pd.DataFrame(rows, columns=pd.Index(columns))


def _tops(probs: Any, n: int, names: list[Any], field: str) -> list[list[Any]]:
    """Return the two top labels of each row, the first one first."""
    columns = list(probs.columns) if isinstance(probs, pd.DataFrame) else names
    values = np.asarray(to_matrix(field, probs, None), float)
    if values.shape != (n, len(columns)) or not np.isfinite(values).all():
        raise InputError.at(field, f"has shape {values.shape}", f"Pass finite numbers ({n}, {len(columns)}).")
    order = np.argsort(-values, axis=1, kind="stable")[:, :2]
    return [[columns[one] for one in row] for row in order.tolist()]


def _why(place: int, labels: pd.Series, own: list[list[Any]] | None, top: list[Any] | None) -> tuple[int, list[str]]:
    """Return the group of a demonstration, 0 first, and its reasons."""
    label = labels.iloc[place]
    if top is None or label not in top:
        return 3, []
    reasons = [f"its label {label} is one of the two top labels of the query ({', '.join(map(str, top))})"]
    if own is None or own[place][0] == label:
        return 2, reasons
    reasons.append(f"the model answered {own[place][0]}")
    if set(own[place]) != set(top):
        return 1, reasons
    return 0, [*reasons, "it hesitates between the same two"]


def prompt_block(
    examples: Any, *, template: str = "Input: {text}\nLabel: {label}", separator: str = "\n\n",
    query: str | None = None, instruction: str = "",
) -> str:  # fmt: skip
    """Write demonstrations as the text of a prompt.

    Parameters
    ----------
    examples : DataFrame with the columns of the template, in the order of the prompt; rows with `kept` False, or
        without a label, such as dropped ones of `repair_labels`, are left out.
    template : text with fields in braces. separator : between examples.
    query : text of the query, which is appended with an empty label. instruction : text at the top.

    Returns
    -------
    str. Texts of examples are inserted unchanged: whoever wrote them can write instructions for the model.

    Raises
    ------
    InputError : a template with unknown or no fields.

    Examples
    --------
    >>> print(prompt_block(pd.DataFrame({"text": ["fine"], "label": ["good"]}), query="meh"))
    Input: fine
    Label: good
    <BLANKLINE>
    Input: meh
    Label:
    """
    if not isinstance(examples, pd.DataFrame):
        raise InputError.at("examples", f"is a {type(examples).__name__}", "Pass a DataFrame.")
    fields = [name for _, name, _, _ in string.Formatter().parse(template) if name is not None]
    if not fields or "label" not in fields:
        raise InputError.at("template", f"is {shortened(template)}", "Use {label} and other columns in braces.")
    for name in fields:
        if name not in examples:
            raise InputError.unknown("column", name, examples.columns, "The template names it.")
    kept = examples[examples["label"].notna()]
    if "kept" in kept:
        kept = kept[kept["kept"].to_numpy(bool)]
    parts = [instruction] if instruction else []
    parts += [_filled(template, row) for row in kept[fields].to_dict("records")]
    if query is not None:
        blank: dict[str, Any] = {**dict.fromkeys(fields, query), "label": ""}
        parts.append(_filled(template, blank).rstrip())
    return separator.join(parts)


def _filled(template: str, row: Mapping[Any, Any]) -> str:
    """Return the template with the values of the fields, which are not formatted further."""
    pieces = []
    for text, name, _, _ in string.Formatter().parse(template):
        pieces.append(text)
        if name is not None:
            pieces.append(str(row[name]))
    return "".join(pieces)
