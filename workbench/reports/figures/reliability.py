"""Calibration of the predicted probabilities of error, for examples whose truth is known."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from workbench.foundation.errors import InputError, MissingEvidence
from workbench.issues import find_issues
from workbench.issues.audit_plan import begun
from workbench.reports.figures.style import INK, OKABE_ITO, dressed, safe
from workbench.runs.verdicts import unit_verdicts_of, verdicts_of

if TYPE_CHECKING:
    import plotly.graph_objects as go

    from workbench.runs.run import Run

BINS = 10
FEWEST_VERDICTS = 30


def reliability(run: Run, *, issues: pd.DataFrame | None = None, truth: str | None = None) -> go.Figure:
    """Plot the predicted probability that a label is wrong against the observed share of wrong labels, in ten bins.

    Parameters
    ----------
    issues : result of `find_issues`, for tags with `per="unit"`; computed if not given.
    truth : "verdicts" of people who looked at the examples (those of the audit if it has 30, else all, with a p_error
        that has not used them) or "planted" errors (all other labels count as correct, so existing errors make the
        observed share too low). By default verdicts if there are at least 30, else planted errors.

    Raises
    ------
    MissingEvidence : there are neither planted errors nor 30 verdicts.
    """
    import plotly.graph_objects as go

    if issues is None:
        issues = find_issues(run, per="example" if run.dataset.kind.one_class else "unit")
    p, wrong, how = known_errors(run, issues, truth)
    table = binned(p, wrong)
    figure = go.Figure()
    figure.add_trace(
        go.Scatter(x=[0, 1], y=[0, 1], mode="lines", line={"color": INK, "dash": "dot", "width": 1}, hoverinfo="skip",
                   showlegend=False)
    )  # fmt: skip
    size = 7 + 15 * np.sqrt(table["count"] / table["count"].max())
    hover = [
        f"{row.count_:,} labels, predicted {row.predicted:.2f}, wrong {row.observed:.2f}<br>"
        f"95 % interval {row.low:.2f} to {row.high:.2f}"
        for row in table.rename(columns={"count": "count_"}).itertuples()
    ]
    away = {
        "type": "data", "symmetric": False, "array": table["high"] - table["observed"],
        "arrayminus": table["observed"] - table["low"], "thickness": 1.2, "width": 0, "color": OKABE_ITO[3],
    }  # fmt: skip
    figure.add_trace(
        go.Scatter(
            x=table["predicted"], y=table["observed"], error_y=away, mode="markers", text=hover, showlegend=False,
            hovertemplate="%{text}<extra></extra>", marker={"color": OKABE_ITO[3], "size": size, "opacity": 0.9},
        )
    )  # fmt: skip
    expected, seen = float(p.sum()), int(wrong.sum())
    error = float((table["count"] * (table["predicted"] - table["observed"]).abs()).sum() / table["count"].sum())
    title = f"{expected:,.0f} errors were expected among {len(p):,} labels, {seen:,} are known"
    subtitle = f"{safe(run.name)}: {how}; expected calibration error {error:.3f}"
    dressed(figure, title, subtitle, x="predicted probability that the label is wrong", y="share that was wrong")
    figure.update_xaxes(range=[-0.03, 1.03])
    figure.update_yaxes(range=[-0.03, 1.03])
    return figure


def known_errors(run: Run, issues: pd.DataFrame, truth: str | None = None) -> tuple[np.ndarray, np.ndarray, str]:
    """Return p_error (m,) and whether the label is wrong (m,), for examples with known truth, and a description of
    it."""
    if truth not in (None, "verdicts", "planted"):
        raise InputError.unknown("truth", truth, ("verdicts", "planted"))
    if issues.index.nlevels > 1 and run.dataset.units.keys is None:
        issues = issues.droplevel("unit").copy()
    planted = run.planted()
    audited, chosen = _audited(run), _chosen(run, issues)
    most = max(len(audited), len(chosen))
    if truth is None:
        truth = "verdicts" if most >= FEWEST_VERDICTS or planted is None else "planted"
    if truth == "verdicts" and most >= FEWEST_VERDICTS:
        random = len(audited) >= FEWEST_VERDICTS
        table = audited if random else _before_verdicts(run, issues, chosen)
        p, wrong = table["p_error"].to_numpy(float), table["wrong"].to_numpy(bool)
        how = f"{len(table):,} verdicts of people, " + (
            "on a random audit, by p_error as it was when the sample was drawn" if random else
            "on examples they chose themselves, not a random audit: this says little about the other labels"
        )  # fmt: skip
    elif truth == "planted" and planted is not None:
        p = issues["p_error"].to_numpy(float)
        wrong = issues.index.isin(planted["id"])
        how = f"{len(planted):,} planted errors; errors that were not planted count as right"
    else:
        there = f"{most:,} verdicts of people so far, {FEWEST_VERDICTS} are needed (bulk decisions do not count)"
        how = f"{there}. Decide about examples one by one, or train on planted errors (`wb.experiments.plant_errors`)."
        raise MissingEvidence.needed("figure 'reliability'", ["verdicts", "planted"], how)
    usable = ~np.isnan(p)
    return p[usable], wrong[usable], how


def _audited(run: Run) -> pd.DataFrame:
    """Return p_error and wrong of the audited examples; no rows without an audit."""
    found = begun(run)
    return pd.DataFrame({"p_error": [], "wrong": []}) if found is None else found.counted()


def _chosen(run: Run, issues: pd.DataFrame) -> pd.Series:
    """Return the newest verdict on each example in `issues`."""
    verdicts = judged(run)
    return verdicts[verdicts.index.isin(issues.index)]


def judged(run: Run) -> pd.Series:
    """Return the newest verdict on each example, bool by id; on each unit, by (id, unit), if an example has several."""
    if run.dataset.kind.one_class:
        return verdicts_of(run)
    verdicts = unit_verdicts_of(run)
    return verdicts.droplevel("unit") if run.dataset.units.keys is None else verdicts


def _before_verdicts(run: Run, issues: pd.DataFrame, verdicts: pd.Series) -> pd.DataFrame:
    """Return p_error and wrong of judged examples, by a detector that has not used these verdicts."""
    if issues.attrs.get("verdicts"):
        per = "example" if issues.index.nlevels == 1 else "unit"
        issues = find_issues(run, verdicts=pd.Series(dtype=bool), per=per)
    return pd.DataFrame({"p_error": issues["p_error"].reindex(verdicts.index), "wrong": verdicts})


def binned(p: np.ndarray, wrong: np.ndarray, bins: int = BINS) -> pd.DataFrame:
    """One row per non-empty bin: count, predicted, observed, low, high (Wilson's 95 % interval)."""
    place = np.minimum((p * bins).astype(np.int64), bins - 1)
    count = np.bincount(place, minlength=bins)
    there = count > 0
    predicted = np.bincount(place, p, bins)[there] / count[there]
    observed = np.bincount(place, wrong.astype(float), bins)[there] / count[there]
    n, z = count[there], 1.96
    middle = (observed + z * z / (2 * n)) / (1 + z * z / n)
    side = z * np.sqrt(observed * (1 - observed) / n + z * z / (4 * n * n)) / (1 + z * z / n)
    low, high = np.clip(middle - side, 0, observed), np.clip(middle + side, observed, 1)
    return pd.DataFrame({"count": n, "predicted": predicted, "observed": observed, "low": low, "high": high})
