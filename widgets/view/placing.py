"""Choose the two columns that give the positions on the first map, and compute columns for it.

With statistics per epoch it is the data map. Without them, the two columns should carry different information: a margin
plotted against a confidence is nearly a line, and with two classes exactly one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from widgets.view.columns import Column
from widgets.view.features import numbers_of
from widgets.wire.shapes import AxesInfo
from workbench.graphs.propagation import linked_bayes

if TYPE_CHECKING:
    import pandas as pd

    from workbench.data.dataset import Dataset

DATA_MAPS = (
    ("variability", "confidence", "data map"),
    ("neighbor_distance", "self_confidence", "confidence and distance"),
    ("margin", "mass_inside", "candidates"),
    ("expected number", "given number", "given and expected numbers"),
    ("feature PC 1", "feature PC 2", "features (PCA)"),
    ("p_other", "self_confidence", "confidence map"),
    ("class (spread)", "self_confidence", "confidence by class"),
    ("p_suggested", "self_confidence", "confidence map"),
    ("links (log2)", "p_given (links)", "links and labels"),
)
"""(x, y, title); the first pair with evidence in the run is used."""

FEWEST_FEATURES = 3
MOST_PLACED_FEATURES, FIT_ROWS = 500, 20_000
"""Maximum number of numeric columns for the principal components, and of examples they are fitted to."""

MOST_PLACED_CLASSES = 12
"""Maximum number of classes whose confidences are shown side by side."""

MOST_LINKED_CELLS = 10**7
"""Maximum rows x classes for the probabilities of given labels by the labels of linked nodes."""

SIDEWAYS = 0.3
"""Jitter of the number of links, in powers of two, so that nodes with the same number do not overlap."""

LOG_FROM = 50.0
"""Numbers are placed on a logarithmic scale if the largest absolute value is this many times the median."""


def data_map_axes(columns: dict[str, Column]) -> AxesInfo | None:
    """Axes and title of the first map, with fixed ranges if the scores have them; None without such scores."""
    for x, y, title in DATA_MAPS:
        if x in columns and y in columns and all(np.isfinite(columns[name].values).any() for name in (x, y)):
            ranges = [columns[name].range for name in (x, y)]
            if x == "variability":  # from 0, so that epochs can be compared; not up to .5, as few runs come near it
                ranges[0] = (0.0, max(0.1, min(0.5, 1.15 * float(np.nanmax(columns[x].values)))))
            known = [list(one) for one in ranges if one]
            return {"x": x, "y": y, "ranges": known if len(known) == len(ranges) else None, "title": title}
    return None


def columns_of_map(dataset: Dataset, columns: dict[str, Column], doubts: pd.DataFrame | None = None) -> list[Column]:
    """Compute columns for the first map if none of the better pairs is available; [] if there is nothing to place.

    doubts : `find_issues(run, per="unit")` sorted by example, of labels other than one class.
    """
    found = data_map_axes(columns)
    if found is not None and found["x"] in ("variability", "neighbor_distance"):
        return []
    of_units = _of_units(doubts, dataset.n)
    if of_units:
        return of_units
    rows_of_table = dataset.images is None and dataset.sounds is None and dataset.text_column is None
    made = _components(dataset) if rows_of_table else []
    if made or not dataset.kind.one_class:
        return made
    if "self_confidence" not in columns:
        return _of_links(dataset)
    confidence = columns["self_confidence"].values
    if dataset.k > 2 and "normalized_margin" in columns:
        margin = 2 * columns["normalized_margin"].values - 1  # the score is (p - other + 1) / 2
        other = np.clip(confidence - margin, 0, 1).astype(np.float32)
        title = "largest probability of a class other than the given one"
        return [Column("p_other", other, range=(0.0, 1.0), title=title)]
    return [_spread(dataset)] if dataset.k <= MOST_PLACED_CLASSES else []


def _components(dataset: Dataset) -> list[Column]:
    """The first two principal components of the numeric columns, each scaled to unit spread; [] if too few."""
    values = {name: numbers_of(series) for name, series in dataset.metadata.items()}
    known = [one for one in values.values() if one is not None and np.isfinite(one).any()][:MOST_PLACED_FEATURES]
    if len(known) < FEWEST_FEATURES or dataset.n < FEWEST_FEATURES:
        return []
    table = np.column_stack([_standard(one) for one in known])
    fit = np.random.default_rng(0).choice(len(table), FIT_ROWS, replace=False) if len(table) > FIT_ROWS else slice(None)
    spread = np.cov(table[fit], rowvar=False)
    sizes, axes = np.linalg.eigh(spread)
    axes = axes[:, ::-1][:, :2]
    axes = axes * np.sign(axes[np.abs(axes).argmax(0), [0, 1]])  # the same sign everywhere
    placed = (table @ axes).astype(np.float32)
    shares = sizes[::-1][:2] / max(float(sizes.sum()), 1e-12)
    return [
        Column(
            f"feature PC {i + 1}",
            np.ascontiguousarray(placed[:, i]),
            title=f"principal component {i + 1} of {len(known)} numeric columns, {shares[i]:.0%} of their variance",
        )
        for i in range(2)
    ]


def _standard(values: np.ndarray) -> np.ndarray:
    """(n,) float32 with mean 0 and standard deviation 1, clipped to [-5, 5]; 0 where missing."""
    known = values[np.isfinite(values)]
    low, high = np.quantile(known, [0.001, 0.999])
    values = np.clip(values, low, high)
    mean, deviation = float(known.clip(low, high).mean()), float(known.clip(low, high).std())
    scaled = (values - mean) / deviation if deviation > 0 else np.zeros_like(values)
    return np.nan_to_num(scaled.clip(-5, 5)).astype(np.float32)


def _spread(dataset: Dataset) -> Column:
    """The given class as a number, with jitter so that examples do not hide each other."""
    beside = np.random.default_rng(0).uniform(-0.35, 0.35, dataset.n)
    place = np.where(dataset.given_labels < 0, np.nan, dataset.given_labels + beside)
    names = ", ".join(f"{code} {name}" for code, name in enumerate(dataset.classes))
    return Column(
        "class (spread)", place.astype(np.float32), range=(-0.5, dataset.k - 0.5), title=f"given label: {names}"
    )


def _of_links(dataset: Dataset) -> list[Column]:
    """Columns for nodes: number of links, and probability of the given label by the labels of linked nodes."""
    edges, k = dataset.edges, dataset.k
    if edges is None or k < 2 or dataset.n * k > MOST_LINKED_CELLS or not edges.links.nnz:
        return []
    given, linked = dataset.given_labels, edges.degree > 0
    probs = linked_bayes(given, edges, k=k)[np.arange(dataset.n), np.maximum(given, 0)]
    beside = np.random.default_rng(0).uniform(-SIDEWAYS, SIDEWAYS, dataset.n)
    links = np.where(linked, np.log2(np.maximum(edges.degree, 1)) + beside, np.nan)
    return [
        Column("links (log2)", links.astype(np.float32), title="number of linked nodes, as a power of two"),
        Column(
            "p_given (links)", np.where(linked & (given >= 0), probs, np.nan).astype(np.float32), suspicious="low",
            range=(0.0, 1.0), title="probability of the given label by the labels of the linked nodes alone",
        ),
    ]  # fmt: skip


def _of_units(doubts: pd.DataFrame | None, n: int) -> list[Column]:
    """Columns for candidate sets and single numbers: the two most informative ones of `find_issues`."""
    if doubts is None or len(doubts) != n:
        return []
    if "mass_inside" in doubts:
        words = {
            "margin": "difference between the probabilities of the first and the second candidate",
            "mass_inside": "probability that the true class is in the set",
        }
        return [
            Column(name, doubts[name].to_numpy(np.float32), suspicious="low", range=(0.0, 1.0), title=title)
            for name, title in words.items()
        ]
    if not {"low", "high"} <= set(doubts):
        return []
    given = doubts["given_label"].to_numpy(np.float64, na_value=np.nan)
    middle = (doubts["low"].to_numpy(np.float64) + doubts["high"].to_numpy(np.float64)) / 2
    known = np.abs(given[np.isfinite(given)])
    usual = float(np.median(known)) if len(known) else 0.0
    bent = usual > 0 and float(known.max()) > LOG_FROM * usual
    if bent:
        given, middle = np.arcsinh(given / usual), np.arcsinh(middle / usual)
    scale = f"; the scale is asinh(number / {usual:.3g}), logarithmic for large numbers" if bent else ""
    return [
        Column(name, values.astype(np.float32), title=title + scale)
        for name, values, title in (
            ("expected number", middle, "middle of the interval that contains 90 % of correct numbers"),
            ("given number", given, "number in the data"),
        )
    ]
