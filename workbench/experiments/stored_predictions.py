"""Predictions of many models on many datasets in one table: ensembles without training, contradicted labels."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from workbench.foundation.checks import check_whole
from workbench.foundation.errors import InputError, shortened
from workbench.storage.tables import read_table

KEYS = ("data", "model", "id", "label")

PREDICTION = "prediction"

TINY_PROBABILITY = 1e-12


class StoredPredictions:
    """A table of stored out-of-fold predictions, one row per data set, model and example.

    Parameters
    ----------
    table : DataFrame or path
        Columns data, model, id and label (as given), and either one column of probabilities per class, named after it
        (NaN where a data set has no such class), or `prediction`, a number. A path is read as .csv, .jsonl or .parquet.
        Every model of a data set must have predicted the same examples.

    Attributes
    ----------
    data : names of the data sets, in order of appearance.

    Raises
    ------
    InputError : a column is missing, an example is predicted twice or by some models only, or invalid probabilities.

    References
    ----------
    Salinas & Erickson 2024, TabRepo: A Large Scale Repository of Tabular Model Evaluations and its AutoML Applications.

    Examples
    --------
    >>> table = pd.DataFrame({"data": "d", "model": ["a", "a", "b", "b"], "id": [1, 2, 1, 2]})
    >>> table = table.assign(label=["x", "y", "x", "y"], x=[0.9, 0.6, 0.7, 0.8], y=[0.1, 0.4, 0.3, 0.2])
    >>> StoredPredictions(table).contradicted("d")[["suggested_label", "against"]].to_numpy().tolist()
    [['x', 2]]
    """

    def __init__(self, table: pd.DataFrame | str | Path) -> None:
        frame: Any = read_table(Path(table)) if isinstance(table, (str, Path)) else table
        for name in KEYS:
            if name not in frame.columns:
                raise InputError.unknown("column", name, frame.columns, f"The table has {', '.join(KEYS)}.")
        values = [name for name in frame.columns if name not in KEYS]
        if not values:
            raise InputError.at("table", "has no predictions", f"Add a column per class, or `{PREDICTION}`.")
        self.data = list(dict.fromkeys(frame["data"]))
        self._of = {name: _one_set(name, frame[frame["data"] == name], values) for name in self.data}

    def models(self, data: object) -> list[Any]:
        """Names of the models that have predicted `data`, in order of appearance.

        Raises
        ------
        InputError : no such data set.
        """
        return list(self._found(data).names)

    def ensemble(self, data: object, models: Sequence[object] | None = None, weights: Any = None) -> pd.DataFrame:
        """Return the (weighted) mean of the predictions of some models.

        Parameters
        ----------
        data : name of the dataset. models : names; a repeated name counts as a higher weight. By default all models.
        weights : one non-negative number for each of `models`, not all 0; by default equal.

        Returns
        -------
        DataFrame indexed by id, one column per class, or `prediction`; pass its values to `find_issues`

        Raises
        ------
        InputError : an unknown data set or model, or weights that do not fit.
        """
        one = self._found(data)
        chosen = list(one.names) if models is None else list(models)
        for name in chosen:
            if name not in one.names:
                raise InputError.unknown("model", name, one.names)
        share = np.ones(len(chosen)) if weights is None else np.asarray(weights, float)
        if share.shape != (len(chosen),) or not (share >= 0).all() or not share.sum() > 0:
            raise InputError.at("weights", f"are {shortened(weights)}", "Pass a nonnegative number for each model.")
        places = [one.names.index(name) for name in chosen]
        mean = np.einsum("m,mnk->nk", share / share.sum(), one.values[places])
        return pd.DataFrame(mean, index=pd.Index(one.ids, name="id"), columns=one.columns)

    def select(self, data: object, size: int = 10) -> list[Any]:
        """Select models for an ensemble one by one, with repetition, so that the mean loss decreases most.

        Parameters
        ----------
        data : name of the data set. size : maximum number of models, from 1.

        Returns
        -------
        names in the order of choice, to be passed to `ensemble`; fewer than `size` if no model lowers the loss any more

        Raises
        ------
        InputError : no such data set, or a size below 1.

        Notes
        -----
        The loss is the log loss (for numbers, the squared error) against the given labels (Caruana et al. 2004,
        Ensemble selection from libraries of models), measured on the rows used for the selection.
        """
        check_whole("size", size, 1)
        one = self._found(data)
        total, chosen, best = np.zeros(one.values.shape[1:]), [], np.inf
        for count in range(1, int(size) + 1):
            losses = [one.loss((total + values) / count) for values in one.values]
            place = int(np.argmin(losses))
            if losses[place] >= best:
                break
            best, total = losses[place], total + one.values[place]
            chosen.append(one.names[place])
        return chosen

    def contradicted(self, data: object, share: float = 0.9) -> pd.DataFrame:
        """Find examples whose given label is contradicted by almost all models.

        Parameters
        ----------
        data : name of the data set. share : in [0, 1], minimum share of the models that contradict.

        Returns
        -------
        DataFrame indexed by id, the most contradicted first (among equals by the mean of all models)
            given_label, suggested_label (the class with the largest mean; for numbers the mean), against, models
            (int64) and share. A model contradicts a class if it finds another one more likely, and a number if its
            residual is larger than 90 % of the model's residuals.

        Raises
        ------
        InputError : no such data set, or a share outside [0, 1].
        """
        if not 0 <= share <= 1:
            raise InputError.at("share", f"is {share!r}", "Give a share between 0 and 1.")
        one = self._found(data)
        against, order, suggested = one.contradictions()
        part = against.mean(axis=0)
        rows = np.flatnonzero(part >= share)
        rows = rows[np.lexsort((-order[rows], -part[rows]))]
        columns = {"given_label": one.labels[rows], "suggested_label": suggested[rows]}
        columns |= {"against": against.sum(axis=0)[rows], "models": len(one.names), "share": part[rows]}
        frame = pd.DataFrame(columns)
        return frame.set_index(pd.Index(one.ids[rows], name="id"))

    def _found(self, data: Any) -> _OneSet:
        if data not in self._of:
            raise InputError.unknown("data set", data, self.data)
        return self._of[data]


class _OneSet:
    """Predictions (models, n, k) of one data set; k = 1 for numbers."""

    def __init__(
        self, names: list[Any], ids: np.ndarray, labels: np.ndarray, columns: list[str], values: np.ndarray
    ) -> None:
        self.names, self.ids, self.labels, self.columns, self.values = names, ids, labels, columns, values
        self.numbers = columns == [PREDICTION]
        place = {name: number for number, name in enumerate(columns)}
        self.codes = np.array([-1 if self.numbers else place.get(str(label), -1) for label in labels])

    def loss(self, values: np.ndarray) -> float:
        """Mean log loss or squared error of predictions (n, k)."""
        if self.numbers:
            return float(np.mean((values[:, 0] - self.labels.astype(float)) ** 2))
        return float(-np.log(np.maximum(values[np.arange(len(values)), self.codes], TINY_PROBABILITY)).mean())

    def contradictions(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return which models contradict which row (models, n), the total strength (n,), and their prediction (n,)."""
        mean = self.values.mean(axis=0)
        rows = np.arange(len(mean))
        if self.numbers:
            away = np.abs(self.values[:, :, 0] - self.labels.astype(float))
            against = away > np.quantile(away, 0.9, axis=1, keepdims=True)
            return against, np.abs(mean[:, 0] - self.labels.astype(float)), mean[:, 0]
        own = self.values[:, rows, self.codes]
        names = np.array([*self.columns, None], object)[:-1]
        return self.values.max(axis=2) > own, 1 - mean[rows, self.codes], names[mean.argmax(axis=1)]


def _one_set(name: object, frame: pd.DataFrame, values: list[str]) -> _OneSet:
    if PREDICTION in values and frame[PREDICTION].notna().any():
        columns = [PREDICTION]
    else:
        columns = [one for one in values if one != PREDICTION and frame[one].notna().any()]
    models = list(dict.fromkeys(frame["model"]))
    first = frame[frame["model"] == models[0]]
    ids = first["id"].to_numpy()
    place = pd.Index(ids)
    if not place.is_unique:
        raise InputError.at("table", f"has an example twice ({name!r}, {models[0]!r})", "Store one prediction each.")
    labels = first["label"].to_numpy(object)
    tables = np.empty((len(models), len(ids), len(columns)))
    for number, model in enumerate(models):
        part = frame[frame["model"] == model]
        where = place.get_indexer(part["id"])
        if len(part) != len(ids) or (where < 0).any() or len(set(where.tolist())) < len(ids):
            found = f"has {len(part)} predictions of {model!r} on {name!r} for {len(ids)} examples"
            raise InputError.at("table", found, "Every model must predict every example once.")
        if (part["label"].to_numpy(object) != labels[where]).any():
            raise InputError.at("table", f"has other labels with {model!r} on {name!r}", "Store the given labels.")
        tables[number, where] = part[columns].to_numpy(float)
    found = _OneSet(models, ids, labels, [str(one) for one in columns], tables)
    if np.isnan(tables).any():
        raise InputError.at("table", f"has gaps in the predictions of {name!r}", "Fill them, or leave the models out.")
    if not found.numbers and (
        (found.codes < 0).any() or (np.abs(tables.sum(axis=2) - 1) > 1e-3).any() or (tables < 0).any()
    ):
        todo = "Name one column after each class; each row holds probabilities that sum to 1."
        raise InputError.at("table", f"has labels without a column, or no probabilities, in {name!r}", todo)
    return found
