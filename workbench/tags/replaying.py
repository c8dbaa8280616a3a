"""Replay a published pseudo-label pipeline from logged scores, and compare the results with the published ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from workbench.foundation.errors import InputError
from workbench.tags.patches import aggregate_patches
from workbench.tags.tag_metrics import metrics

MEASURED = ("mean_average_precision", "micro_f1", "macro_f1")


class Replay(NamedTuple):
    """Result of `replay_pseudo_labels`.

    Attributes
    ----------
    soft : float64 (n, k) in [0, 1], the soft tags. report : DataFrame, one row per compared quantity.
    """

    soft: np.ndarray
    report: pd.DataFrame


def replay_pseudo_labels(
    labels: Any, whole: Any, patches: Any, *, published: Mapping[str, Any], threshold: float = 0.5,
    tolerance: float = 0.005, settings: Mapping[str, Any] | None = None, classes: Sequence[object] | None = None,
) -> Replay:  # fmt: skip
    """Compute soft tags from logged scores as in `aggregate_patches`, and compare the results with published ones.

    Parameters
    ----------
    labels : the true tags, as in `proposals`.
    whole, patches, threshold : as in `aggregate_patches`.
    published : values stated by the authors, by name: the results "mean_average_precision", "micro_f1" and "macro_f1"
        (in [0, 1]), and any settings, such as {"mean_average_precision": 0.89, "patches": 9, "model": "RN50"}.
    tolerance : non-negative; maximum difference of results that agree.
    settings : settings used here, for comparison with `published`; "threshold", "images", "tags" and "patches" are
        added.
    classes : as in `proposals`.

    Returns
    -------
    Replay
        soft (n, k), and report, indexed by name: kind ("result" or "setting"), published, here, difference (here -
        published, for numbers), agrees (None if one of the values is missing). Results come first; deviations are the
        rows in which `agrees` is False.

    Raises
    ------
    InputError : a negative tolerance, or labels or scores in an unsupported form.
    """
    if not tolerance >= 0:
        raise InputError.at("tolerance", f"is {tolerance!r}", "Give a number from 0.")
    soft = aggregate_patches(whole, patches, threshold=threshold)
    every = metrics(labels, soft, classes=classes).summary.loc["all"]
    results = {name: float(every[name]) for name in MEASURED}
    known = {"images": soft.shape[0], "tags": soft.shape[1], "patches": np.shape(patches)[1], "threshold": threshold}
    own = {**known, **(settings or {})}
    names = [*(name for name in MEASURED), *dict.fromkeys([*own, *published])]
    lines = {}
    for name in dict.fromkeys(names):
        here: Any = results[name] if name in results else own.get(name)
        kind, said = "result" if name in results else "setting", published.get(name)
        numbers = all(isinstance(one, (int, float)) and not isinstance(one, bool) for one in (here, said))
        difference = float(here - said) if numbers else None
        agrees = None if here is None or said is None else here == said
        if kind == "result" and difference is not None:
            agrees = bool(abs(difference) <= tolerance + 1e-12)
        lines[name] = {"kind": kind, "published": said, "here": here, "difference": difference, "agrees": agrees}
    frame = pd.DataFrame.from_dict(lines, orient="index", dtype=object).rename_axis("name")
    return Replay(soft, frame)
