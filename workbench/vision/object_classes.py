"""Classes of objects from repeated detections with open names, by a table of likelihoods."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from workbench.foundation.errors import InputError, first_few
from workbench.foundation.rows import softmax


def likelihood_table(
    names: Sequence[Any], classes: Sequence[Any], *, smoothing: float = 1.0, all_names: Sequence[Any] | None = None
) -> pd.DataFrame:
    """Estimate how likely a detector calls an object of each class by each name, from detections with known classes.

    Parameters
    ----------
    names : m names that the detector gave
    classes : m true classes of the same detections
    smoothing : > 0, number of detections that are added to each pair of name and class
    all_names : names of the table, such as the prompts of the detector; by default those that occur

    Returns
    -------
    DataFrame of P(name | class), names as rows, classes as columns, whose sums are 1

    Raises
    ------
    InputError : other lengths, no detection, or a name that is not in `all_names`

    Notes
    -----
    (count + smoothing) / (sum of the class + smoothing x names). Few detections of a class leave its column near
    uniform, so that it decides little.

    Examples
    --------
    >>> likelihood_table(["couch", "couch", "chair"], ["sofa", "sofa", "chair"])["sofa"].to_dict()
    {'chair': 0.25, 'couch': 0.75}
    """
    if len(names) != len(classes) or not len(names):
        raise InputError.at("names", f"has {len(names)} entries, `classes` {len(classes)}", "Pass one per detection.")
    if not smoothing > 0:
        raise InputError.at("smoothing", f"is {smoothing!r}", "Use a positive number.")
    rows = sorted(set(names), key=str) if all_names is None else list(all_names)
    lost = sorted(set(names) - set(rows), key=str)
    if lost:
        raise InputError.unknown("name in `all_names`", lost[0], rows)
    counts = pd.crosstab(pd.Series(list(names), name="name"), pd.Series(list(classes), name="class"))
    counts = counts.reindex(pd.Index(rows, name="name"), fill_value=0) + smoothing
    return counts / counts.sum(axis=0)


def fuse_detections(
    detections: pd.DataFrame, likelihood: pd.DataFrame, *, prior: Mapping[Any, float] | None = None
) -> pd.DataFrame:
    """Fuse repeated detections of objects, whose names are open, into probabilities of closed classes.

    Parameters
    ----------
    detections : DataFrame with the columns object, name and, optionally, score in [0, 1], how much a detection counts;
        one row per detection, such as of one frame of a video
    likelihood : DataFrame of P(name | class), names as rows, classes as columns, such as of `likelihood_table`
    prior : maps classes to their probabilities; by default all the same

    Returns
    -------
    DataFrame of the posterior, objects (in the order of their first detections) as rows, classes as columns; rows sum
    to 1

    Raises
    ------
    InputError : a missing column, a name without a likelihood, scores outside [0, 1], a table with values that are not
        positive, or a prior without a class

    Notes
    -----
    log P(class | names) = log prior + sum score log P(name | class) + constant. Detections are taken as independent
    given the class; repeated errors in similar frames are not, so that the posterior of long tracks is too sure. Lower
    scores make up for it.

    References
    ----------
    FM-Fusion: Instance-aware Semantic Mapping Boosted by Vision-Language Foundation Models.

    Examples
    --------
    >>> seen = pd.DataFrame({"object": ["a", "a"], "name": ["couch", "chair"]})
    >>> table = pd.DataFrame({"sofa": [0.6, 0.4], "chair": [0.1, 0.9]}, index=["couch", "chair"])
    >>> fuse_detections(seen, table).round(2).to_dict("index")
    {'a': {'sofa': 0.73, 'chair': 0.27}}
    """
    for column in ("object", "name"):
        if column not in detections.columns:
            raise InputError.unknown("column of `detections`", column, detections.columns)
    values = likelihood.to_numpy(np.float64)
    if not values.size or not np.isfinite(values).all() or not (values > 0).all():
        raise InputError.at("likelihood", "has values that are not positive", "Smooth it, as `likelihood_table` does.")
    row = likelihood.index.get_indexer(pd.Index(detections["name"]))
    if (row < 0).any():
        raise InputError.unknown("name in `likelihood`", detections["name"].iloc[int((row < 0).argmax())],
                                 likelihood.index)  # fmt: skip
    score = np.ones(len(row))
    if "score" in detections.columns:
        score = detections["score"].to_numpy(np.float64)
        bad = np.flatnonzero(~((score >= 0) & (score <= 1)))
        if len(bad):
            raise InputError.at("score", f"is {score[bad[0]]}", "Scores lie in [0, 1].", row=int(bad[0]))
    start = np.zeros(likelihood.shape[1])
    if prior is not None:
        lost = [name for name in likelihood.columns if not prior.get(name, 0) > 0]
        if lost:
            found = f"has no positive probability of {first_few(lost)}"
            raise InputError.at("prior", found, "Pass one for each class.")
        start = np.log([prior[name] for name in likelihood.columns])
    place, objects = pd.factorize(detections["object"])
    logs = np.tile(start, (len(objects), 1))
    np.add.at(logs, place, score[:, None] * np.log(values[row]))
    index = pd.Index(objects, name="object")
    return pd.DataFrame(softmax(logs), index=index, columns=likelihood.columns)
