"""The two maps of a run: training dynamics of each example, and a projection of its embedding."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from workbench.evidence.projection import project
from workbench.foundation.cells import cell_text
from workbench.foundation.errors import InputError
from workbench.issues import find_issues
from workbench.reports.drawing import AMBIGUOUS, EASY_TO_LEARN, HARD_TO_LEARN
from workbench.reports.figures.style import (
    FAINT,
    INK,
    MOST_POINTS,
    RING,
    WEBGL_ROWS,
    class_colors,
    direction,
    dressed,
    safe,
    score_colors,
    share,
    suspicious_end,
)
from workbench.scores import SCORES, score
from workbench.storage.provenance import MODE_WORDS

if TYPE_CHECKING:
    import plotly.graph_objects as go

    from workbench.data.dataset import Dataset
    from workbench.runs.run import Run

REGIONS = (
    (0.008, 0.99, "left", "top", EASY_TO_LEARN),
    (0.992, 0.5, "right", "middle", AMBIGUOUS),
    (0.008, 0.01, "left", "bottom", HARD_TO_LEARN),
)
"""Dataset Cartography's regions: place in the plot and name."""

MOST_MAP_CLASSES = 40  # with more classes, colours repeat and the legend is omitted
HARD = 0.25  # mean probability of the given label below which a label counts as not learned


def data_map(
    run: Run, color: str = "correctness", *, issues: pd.DataFrame | None = None, most: int = MOST_POINTS
) -> go.Figure:
    """Draw the data map of Dataset Cartography: confidence against variability of each example.

    Parameters
    ----------
    color : a score, "p_error", "given_label" (class), or a column of the dataset.
    issues : result of `find_issues`, whose issues are marked by rings and whose suggestions are shown on hovering.
    most : maximum number of points; with more, a random sample is drawn, which includes all issues.
    """
    values = score(run, ["confidence", "variability"])
    x, y = values["variability"].to_numpy(), values["confidence"].to_numpy()
    hard, judged = int((y < HARD).sum()), int((~np.isnan(y)).sum())
    title = f"The model learned all but {hard:,} of {judged:,} labels" if judged else "No label was judged"
    subtitle = f"{safe(run.name)}: mean probability of the given label below {share(HARD)} means not learned; "
    subtitle += recorded_epochs(run)
    figure = _scatter(run, x, y, color, issues, most, {"confidence": y, "variability": x})
    return as_data_map(figure, x, title, subtitle, "given label")


def recorded_epochs(run: Run) -> str:
    """Describe the number of recorded epochs and the time of recording."""
    return f"{len(run.epochs)} epochs, {MODE_WORDS[run.mode]} (in-sample)"


def as_data_map(figure: go.Figure, x: np.ndarray, title: str, subtitle: str, what: str) -> go.Figure:
    """Add the axes, regions and texts of a data map to drawn points.

    Parameters
    ----------
    x : (n,) variability. what : description of the probability.
    """
    for left, bottom, xanchor, yanchor, name in REGIONS:
        figure.add_annotation(
            x=left, y=bottom, xref="x domain", yref="y domain", xanchor=xanchor, yanchor=yanchor, text=f"<i>{name}</i>",
            showarrow=False, font={"size": 12, "color": INK},
        )  # fmt: skip
    dressed(figure, title, subtitle, x=f"variability of p({what})", y=f"confidence: mean p({what})")
    figure.update_yaxes(range=[-0.1, 1.09], tickvals=[0, 0.2, 0.4, 0.6, 0.8, 1])
    figure.update_xaxes(range=[-0.01, max(0.5, float(np.nanmax(x, initial=0))) + 0.02])
    return figure


def embedding(
    run: Run,
    color: str | None = None,
    *,
    epoch: int = -1,
    method: str = "umap",
    seed: int = 0,
    issues: pd.DataFrame | None = None,
    most: int = MOST_POINTS,
) -> go.Figure:
    """Draw the embeddings of one epoch in two dimensions.

    Parameters
    ----------
    color, issues, most : as in `data_map`. By default the class or the (first) number; "p_error" for other labels.
    epoch, method, seed : as in `Run.project`.
    """
    if color is None:
        color = "given_label" if run.dataset.kind.one_class or run.dataset.kind.asks == "number" else "p_error"
    points = project(run, epoch, method, seed)
    number = run.resolve_embedding_epoch(epoch)
    drawn = int(np.isfinite(points).all(axis=1).sum())
    what = "given label" if color == "given_label" else safe(color.replace("_", " "))
    title = f"{drawn:,} examples by embedding, coloured by {what}"
    near = "near points are similar, distances between groups mean little"
    near = near if method == "umap" else "the main directions"
    subtitle = f"{safe(run.name)}: {method.upper()} of epoch {number}; {near}"
    figure = _scatter(run, points[:, 0], points[:, 1], color, issues, most, {})
    dressed(figure, title, subtitle)
    bare = {"showticklabels": False, "ticks": "", "showgrid": False, "showline": True, "mirror": True}
    figure.update_xaxes(**bare)
    figure.update_yaxes(**bare, scaleanchor="x")
    return figure


def _scatter(
    run: Run,
    x: np.ndarray,
    y: np.ndarray,
    color: str,
    issues: pd.DataFrame | None,
    most: int,
    shown: dict[str, np.ndarray],
) -> go.Figure:
    """Points coloured by a score or a class, with rings around issues."""
    import plotly.graph_objects as go

    if color == "p_error" and issues is None:
        issues = find_issues(run)
    flagged = _rows_of(run, issues, "is_issue").astype(bool) if issues is not None else np.zeros(run.n, bool)
    rows = thinned(np.isfinite(x) & np.isfinite(y), flagged, most)
    values, names = _colour_of(run, color, issues)
    hover = _hover(run, rows, issues, {**shown, **({} if names else {color: values})})
    draw = go.Scattergl if len(rows) > WEBGL_ROWS else go.Scatter
    size, opacity = (7, 0.8) if len(rows) < 3_000 else (5, 0.7) if len(rows) < 20_000 else (3, 0.6)
    figure = go.Figure()

    def add(mine: np.ndarray, marker: dict[str, Any], **rest: Any) -> None:
        at = rows[mine]
        figure.add_trace(
            draw(
                x=x[at].astype(np.float32), y=y[at].astype(np.float32), mode="markers", text=hover[mine],
                hovertemplate="%{text}<extra></extra>", marker={"size": size, "opacity": opacity, **marker}, **rest,
            )
        )  # fmt: skip

    if names:
        colors = class_colors(min(len(names), MOST_MAP_CLASSES))
        for code, name in [(-1, "no label"), *enumerate(names)]:
            mine = values[rows] == code
            if mine.any():
                tint = FAINT if code < 0 else colors[code % len(colors)]
                add(mine, {"color": tint}, name=safe(name, 24))
        figure.update_layout(showlegend=len(names) <= MOST_MAP_CLASSES)
    else:
        end = suspicious_end(color)
        missing = ~np.isfinite(values[rows])
        if missing.any():
            add(missing, {"color": FAINT}, showlegend=False)
        legend = {"showscale": True, "colorbar": {"title": {"text": direction(color, end)}}}
        scale = {"color": values[rows][~missing], "colorscale": score_colors(end), **legend}
        add(~missing, scale, showlegend=False)
    if flagged[rows].any():
        ring = {"color": "rgba(0,0,0,0)", "size": size + 4, "line": {"color": RING, "width": 1.2}, "opacity": 1}
        add(flagged[rows], ring, name="label issue", showlegend=True, hoverinfo="skip")
        figure.data[-1].hovertemplate = None
        figure.update_layout(showlegend=True)
        if not names:
            figure.update_layout(legend={"x": 1, "y": 1.0, "xanchor": "right", "yanchor": "bottom"})
    if len(rows) < int((np.isfinite(x) & np.isfinite(y)).sum()):
        figure.add_annotation(
            text=f"{len(rows):,} of {run.n:,} points drawn", x=1, y=-0.11, xref="paper", yref="paper", showarrow=False,
            xanchor="right", font={"size": 11},
        )  # fmt: skip
    return figure


def thinned(there: np.ndarray, flagged: np.ndarray, most: int) -> np.ndarray:
    """Return the rows to draw: all, or the flagged ones and a random part of the others."""
    rows = np.flatnonzero(there)
    if len(rows) <= most:
        return rows
    first = rows[flagged[rows]][:most]
    others = np.random.default_rng(0).permutation(rows[~flagged[rows]])[: most - len(first)]
    return np.sort(np.concatenate([first, others]))


def _rows_of(run: Run, issues: pd.DataFrame, column: str) -> np.ndarray:
    """Return a column of an issues table in dataset order."""
    return issues[column].reindex(run.dataset.ids).to_numpy()


def _colour_of(run: Run, color: str, issues: pd.DataFrame | None) -> tuple[np.ndarray, list[str]]:
    """Return numbers (n,) and no names, or class codes (n,) (-1 = none) and their names."""
    dataset = run.dataset
    if color == "given_label" and dataset.kind.asks == "number":
        return np.array([np.nan if one is None else np.ravel(one)[0] for one in dataset.given], float), []
    if color == "given_label":
        return dataset.given_labels, list(dataset.classes)
    if color == "p_error":
        return _rows_of(run, issues, "p_error").astype(float), []
    if color in SCORES:
        return score(run, color)[color].to_numpy(float), []
    if color in dataset.metadata.columns:
        column = dataset.metadata[color]
        if pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column):
            return column.to_numpy(float, na_value=np.nan), []
        codes, names = pd.factorize(column, sort=False)
        return codes, [str(name) for name in names]
    raise InputError.unknown("color", color, ["given_label", "p_error", *SCORES, *dataset.metadata.columns])


def _hover(run: Run, rows: np.ndarray, issues: pd.DataFrame | None, shown: dict[str, np.ndarray]) -> np.ndarray:
    """Escaped hover text of each row: id, given, suggested, and some numbers."""
    dataset = run.dataset
    ids, given = dataset.ids[rows], _given_in_words(dataset, rows)
    suggested, p = suggestions(run, issues)
    suggested, p = suggested[rows], p[rows]
    lines = []
    for place in range(len(rows)):
        text = f"<b>{safe(ids[place])}</b><br>given {safe(given[place])}"
        if suggested[place] is not None:
            text += f"<br>suggested {safe(suggested[place])} ({share(p[place])})"
        lines.append(text)
    for name, values in shown.items():
        words = safe(name.replace("_", " "))
        lines = [f"{text}<br>{words} {value:.3g}" for text, value in zip(lines, values[rows].tolist())]
    return np.array(lines, dtype=object)


def _given_in_words(dataset: Dataset, rows: np.ndarray) -> np.ndarray:
    """Return the given labels of rows as text, None for unlabelled ones."""
    if dataset.kind.one_class:
        return dataset.names_of(dataset.given_labels[rows])
    given = dataset.given[rows]
    listed = [", ".join(map(str, one)) if isinstance(one, list) else one for one in given.tolist()]
    return np.array([None if one is None else cell_text(one) for one in listed], object)


def suggestions(run: Run, issues: pd.DataFrame | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Return suggested class names (n,), None if unknown, and their probabilities (n,).

    They come from `find_issues`, or else are the most likely class of the stored probabilities or the last epoch.
    """
    if not run.dataset.kind.one_class:
        return np.full(run.n, None, object), np.full(run.n, np.nan)
    if issues is not None:
        suggested = run.dataset.codes_of(issues["suggested_label"].reindex(run.dataset.ids))
        return run.dataset.names_of(suggested), _rows_of(run, issues, "p_suggested").astype(float)
    probs = run.pred_probs()
    if probs is not None:
        first = probs.values.argmax(axis=1)
        return run.dataset.names_of(first), probs.values[np.arange(run.n), first]
    if run.epochs:
        stats = run.stats(run.epochs[-1], ["topk_p", "topk_class"])
        return run.dataset.names_of(stats["topk_class"][:, 0]), stats["topk_p"][:, 0]
    return np.full(run.n, None, object), np.full(run.n, np.nan)
