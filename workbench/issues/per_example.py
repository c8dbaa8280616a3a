"""Summarize results about units per example: the probability that any unit is wrong, and the worst unit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from workbench.data.dataset import Dataset
from workbench.foundation.errors import InputError
from workbench.issues import calibration
from workbench.storage.journalqueries import PER
from workbench.tasks.units import ALMOST_ONE, Units

COUNT_ATTRS = ("expected_errors", "expected_errors_interval")
"""Attributes whose unit is a row of the result."""


def check_per(per: object) -> None:
    """Refuse values that are not in `PER`."""
    if not isinstance(per, str) or per not in PER:
        raise InputError.unknown("per", per, PER)


def by_unit(frame: pd.DataFrame) -> pd.DataFrame:
    """Index rows that are examples of one class as units: (id, "")."""
    names = pd.MultiIndex.from_arrays([frame.index, np.full(len(frame), "", object)], names=["id", "unit"])
    return _with_attrs(frame.set_axis(names), frame.attrs)


def by_example(
    table: Mapping[str, np.ndarray], attrs: dict[str, Any], units: Units, ids: np.ndarray, *, limit: float,
    strict: np.ndarray | None = None,
) -> pd.DataFrame:  # fmt: skip
    """Summarize a result with one row per unit to one row per example.

    Parameters
    ----------
    table : the columns of `find_issues`, (m,) each, one value per unit, in their order; a DataFrame of millions of
        units would take longer to make than to summarize. attrs : its attributes.
    units : the m units of n examples.
    ids : (n,) ids of the examples.
    limit : examples with p_error of at least this are issues; with `strict`, the expected share of false alarms.
    strict : (m,) conservative probabilities of error.

    Returns
    -------
    DataFrame indexed by id, n rows, sorted by the expected number of errors, largest first
        p_error : probability that any unit of the example is wrong, 1 - prod(1 - p); NaN without judged units
        unit : key of the worst unit, None without one; given and suggested label, p_suggested and reasons belong to it
        units, units_doubted : int64, number of units, and number of units that are issues

    Notes
    -----
    Rows are sorted by the sum of p over the units of an example, its expected number of errors, so p_error is not
    necessarily monotone. On real data with tags both rank better than the worst unit alone.
    """
    p = np.asarray(table["p_error"], float)
    p_error, expected, worst = units.pool(p, "any"), units.pool(p, "sum"), units.worst(p)
    fallback = np.where(units.counts > 0, units.starts[:-1], -1)  # for examples whose units are all unlabelled
    shown = np.where(worst >= 0, worst, fallback)
    if strict is None:
        is_issue = np.nan_to_num(p_error, nan=-1.0) >= limit
    else:
        is_issue = calibration.largest_set(units.pool(strict, "any"), limit)
    doubted = units.pool(np.asarray(table["is_issue"], float), "sum")
    columns: dict[str, Any] = {}
    for name, values in table.items():
        if values.dtype.kind in "fO":
            nothing = np.array([np.nan]) if values.dtype.kind == "f" else np.array([None], object)
            columns[name] = np.where(shown >= 0, values[shown], nothing) if len(values) else nothing.repeat(units.n)
    columns |= {
        "p_error": p_error,
        "is_issue": is_issue,
        "row": np.arange(units.n, dtype=np.int64),
        "unit": units.keys_at(shown),
        "units": units.counts.astype(np.int64),
        "units_doubted": np.nan_to_num(doubted).astype(np.int64),
    }
    order = np.lexsort((columns["row"], -np.nan_to_num(expected, nan=-1.0)))
    names = [*table, "unit", "units", "units_doubted"]
    found = pd.DataFrame({name: columns[name] for name in names}, index=pd.Index(ids, name="id")).iloc[order]
    counts = both_counts(attrs, p, units)
    here = {"counted": "examples", "judged": int((~np.isnan(p_error)).sum())}
    here |= {name: counts[name.replace("errors", "errors_examples")] for name in COUNT_ATTRS}
    return _with_attrs(found, attrs | counts | here)


def examples_of_units(frame: pd.DataFrame, dataset: Dataset) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Complete a table of units in the order of review, and summarize it to one row per example, in the same order.

    Parameters
    ----------
    frame : indexed by (id, unit), such as the result of `find_issues(per="unit")`, or of a check without
        probabilities. Missing columns are filled: every unit is an issue, its probabilities are unknown.
    dataset : the n examples.

    Returns
    -------
    units : the table, with the columns of `find_issues(per="unit")`.
    examples : n rows indexed by id, with those of `find_issues`: an example is an issue if any of its units is, and is
        described by its first unit. Examples without units come last.

    Raises
    ------
    InputError : an id that is not in the dataset.
    """
    ids = frame.index.get_level_values(0)
    rows = dataset.rows(ids.to_numpy()) if len(frame) else np.empty(0, np.int64)
    blank = {"given_label": None, "suggested_label": None, "p_error": np.nan, "p_suggested": np.nan, "is_issue": True}
    blank |= {"reasons": ""}
    units = frame.assign(**{name: value for name, value in blank.items() if name not in frame}, row=rows)
    units.index = units.index.set_names(["id", "unit"])
    first = ~pd.Index(rows).duplicated()
    p = units["p_error"].to_numpy(float)
    grouped = pd.DataFrame({"left": np.log1p(-np.clip(p, 0, 1 - 1e-12)), "issue": units["is_issue"].to_numpy(bool)})
    grouped = grouped.groupby(rows, sort=False).agg(
        left=("left", lambda one: one.sum(min_count=1)), issue=("issue", "sum"), units=("issue", "size")
    )
    examples = units[first].assign(
        p_error=np.minimum(1 - np.exp(grouped["left"].to_numpy(float)), ALMOST_ONE),
        is_issue=grouped["issue"].to_numpy() > 0,
        unit=units.index.get_level_values(1)[first], units=grouped["units"].to_numpy(),
        units_doubted=grouped["issue"].to_numpy(np.int64),
    )  # fmt: skip
    examples.index = pd.Index(ids[first], name="id")
    examples = examples.reindex(dataset.ids[np.concatenate([rows[first], np.setdiff1d(np.arange(dataset.n), rows)])])
    examples.index.name = "id"
    examples["row"] = dataset.rows(examples.index.to_numpy())
    examples["is_issue"] = examples["is_issue"].eq(True)
    for name in ("units", "units_doubted"):
        examples[name] = examples[name].fillna(0).astype(np.int64)
    attrs: dict[str, Any] = dict(frame.attrs)
    counts = {name: attrs.get(name.replace("errors", "errors_examples")) for name in COUNT_ATTRS}
    if None not in counts.values():
        attrs |= {**counts, "counted": "examples", "judged": int(examples["p_error"].notna().sum())}
    return _with_attrs(units, frame.attrs), _with_attrs(examples, attrs)


def both_counts(attrs: dict[str, Any], p: np.ndarray, units: Units) -> dict[str, Any]:
    """Return attributes: the expected number of wrong units, and of examples with a wrong unit, with intervals.

    The interval of examples is derived from that of units, by scaling the probabilities to its ends.
    """
    total, (low, high) = float(np.nansum(p)), attrs["expected_errors_interval"]

    def examples(errors: float) -> float:
        scaled = np.clip(p * (errors / total if total else 0.0), 0, 1)
        return round(float(np.nansum(units.pool(scaled, "any"))), 1)

    return {
        "expected_errors_units": attrs["expected_errors"],
        "expected_errors_units_interval": (low, high),
        "expected_errors_examples": examples(total),
        "expected_errors_examples_interval": (examples(low), examples(high)),
    }


def _with_attrs(frame: pd.DataFrame, attrs: dict[str, Any]) -> pd.DataFrame:
    frame.attrs = dict(attrs)
    return frame
