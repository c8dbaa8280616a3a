"""Small drawings as inline SVG: data map, curves, reliability, residuals. Colours come from the page's style sheet."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import overload

import numpy as np
import pandas as pd

EASY_TO_LEARN, AMBIGUOUS = "easy to learn", "ambiguous"
HARD_TO_LEARN = "hard to learn: look here for wrong labels"
"""Regions of Dataset Cartography's data map."""

CORRECTNESS_BINS = 5
"""Number of steps of correctness with a separate colour (classes m0, most suspicious, to m4)."""

AREA_POINTS, AREA_GROUPS = 15, 30
"""Minimum number of points, and maximum number, of the groups whose median intervals are drawn."""


class Axes:
    """A plot area with linear axes, in a drawing of `width` x `height`; `powers`: values are decimal logarithms."""

    left, bottom, top, right = 54, 40, 10, 10

    def __init__(
        self, width: int, height: int, x: tuple[float, float], y: tuple[float, float], *, powers: bool = False
    ) -> None:
        self.width, self.height = width, height
        self._x, self._y, self._powers = x, y, powers

    @overload
    def x(self, value: float) -> float: ...

    @overload
    def x(self, value: np.ndarray) -> np.ndarray: ...

    def x(self, value: float | np.ndarray) -> float | np.ndarray:
        """Pixels from the left."""
        low, high = self._x
        return self.left + (value - low) / (high - low) * (self.width - self.left - self.right)

    @overload
    def y(self, value: float) -> float: ...

    @overload
    def y(self, value: np.ndarray) -> np.ndarray: ...

    def y(self, value: float | np.ndarray) -> float | np.ndarray:
        """Pixels from the top."""
        low, high = self._y
        return self.height - self.bottom - (value - low) / (high - low) * (self.height - self.top - self.bottom)

    def frame(self, x_ticks: Sequence[float], y_ticks: Sequence[float], x_name: str, y_name: str) -> str:
        """Grid lines, tick labels and axis names."""
        parts = []
        right, floor = self.width - self.right, self.height - self.bottom
        for tick in x_ticks:
            at = self.x(tick)
            parts.append(f'<path class="grid" d="M{at:.1f} {self.top}V{floor}"/>')
            parts.append(_text("tick", at, floor + 15, "middle", self._label(tick)))
        for tick in y_ticks:
            at = self.y(tick)
            parts.append(f'<path class="grid" d="M{self.left} {at:.1f}H{right}"/>')
            parts.append(_text("tick", self.left - 6, at + 4, "end", self._label(tick)))
        middle = (self.left + right) / 2
        parts.append(_text("axis", middle, self.height - 6, "middle", x_name))
        up = (self.top + floor) / 2
        turned = f'transform="translate(12 {up:.0f}) rotate(-90)"'
        parts.append(f'<text class="axis" {turned} text-anchor="middle">{escape(y_name)}</text>')
        return "".join(parts)

    def _label(self, tick: float) -> str:
        return _number(10**tick if self._powers else tick)

    def wrap(self, inside: str, title: str) -> str:
        """Return the complete drawing."""
        return (
            f'<svg class="plot" viewBox="0 0 {self.width} {self.height}" role="img" aria-label="{escape(title)}">'
            f"{inside}</svg>"
        )


def data_map_svg(
    variability: np.ndarray,
    confidence: np.ndarray,
    correctness: np.ndarray,
    marks: Sequence[tuple[float, float, str, str | None]],
) -> str:
    """Points by correctness, and marks (variability, confidence, words, link or None) for label issues."""
    widest = max(0.5, float(np.nanmax(variability, initial=0)))
    axes = Axes(760, 460, (-0.012, widest + 0.01), (-0.07, 1.07))
    parts = [
        axes.frame(np.arange(0, widest + 0.01, 0.1).tolist(), [0, 0.25, 0.5, 0.75, 1], "variability", "confidence")
    ]
    step = np.clip((np.nan_to_num(correctness) * CORRECTNESS_BINS).astype(int), 0, CORRECTNESS_BINS - 1)
    size = "s" if len(confidence) > 3000 else ""
    x, y = axes.x(variability), axes.y(confidence)
    for bin in range(CORRECTNESS_BINS - 1, -1, -1):
        mine = step == bin
        if mine.any():
            parts.append(f'<path class="points m{bin} {size}" d="{_dots(x[mine], y[mine])}"/>')
    parts += [_ring(axes.x(at_x), axes.y(at_y), words, link) for at_x, at_y, words, link in marks]
    for words, at_x, at_y, anchor in (
        (EASY_TO_LEARN, axes.left + 6, axes.top + 12, "start"),
        (AMBIGUOUS, axes.width - axes.right - 4, axes.y(0.5) - 6, "end"),
        (HARD_TO_LEARN, axes.left + 6, axes.height - axes.bottom - 6, "start"),
    ):
        parts.append(_text("region", at_x, at_y, anchor, words))
    return axes.wrap("".join(parts), "Data map: confidence against variability of every example")


def curve(given: np.ndarray, suggested: np.ndarray) -> str:
    """Draw p(given), solid, and p(suggested), dashed, over epochs, without axes."""
    if len(given) < 2:
        return ""
    lines = []
    for name, values in (("given", given), ("suggested", suggested)):
        path = _polyline(values, 150, 34)
        if path:
            lines.append(f'<path class="{name}" d="{path}"/>')
    words = "probability over the epochs: given label solid, suggested label dashed"
    inside = f"<title>{words}</title>{''.join(lines)}"
    return f'<svg class="spark" viewBox="0 0 150 34" role="img" aria-label="{words}">{inside}</svg>'


def _polyline(values: np.ndarray, width: int, height: int) -> str:
    """Path through the available values, interrupted at gaps."""
    step, out, drawing = (width - 4) / max(len(values) - 1, 1), "", False
    for place, value in enumerate(np.asarray(values, float).tolist()):
        if value != value:
            drawing = False
            continue
        out += f"{'L' if drawing else 'M'}{2 + place * step:.1f} {height - 2 - value * (height - 4):.1f}"
        drawing = True
    return out


def reliability_svg(table: pd.DataFrame) -> str:
    """Predicted against observed share of errors, with intervals."""
    axes = Axes(380, 300, (-0.03, 1.03), (-0.03, 1.03))
    ticks = [0, 0.25, 0.5, 0.75, 1]
    parts = [axes.frame(ticks, ticks, "predicted probability of error", "share wrong")]
    parts.append(f'<path class="ideal" d="M{axes.x(0):.1f} {axes.y(0):.1f}L{axes.x(1):.1f} {axes.y(1):.1f}"/>')
    largest = table["count"].max()
    for row in table.itertuples(index=False):
        count, at = row[0], axes.x(row.predicted)
        words = f"{count:,} labels: predicted {row.predicted:.2f}, wrong {row.observed:.2f}"
        parts.append(f'<path class="error" d="M{at:.1f} {axes.y(row.low):.1f}V{axes.y(row.high):.1f}"/>')
        place, size = f'cx="{at:.1f}" cy="{axes.y(row.observed):.1f}"', 3 + 5 * (count / largest) ** 0.5
        parts.append(f'<circle class="dot" {place} r="{size:.1f}"><title>{words}</title></circle>')
    return axes.wrap("".join(parts), "Reliability: predicted against observed share of errors")


def gain(reviewed: np.ndarray, found: np.ndarray, ideal: int) -> str:
    """Share of planted errors found among the examples reviewed from the top; `ideal` is their number.

    The part far beyond the last planted error is cut off.
    """
    enough = reviewed[np.argmax(found >= min(0.99, found[-1]))]
    shown = reviewed <= max(2 * ideal, 1.5 * enough)
    reviewed, found = reviewed[shown], found[shown]
    n = max(int(reviewed[-1]), 1)
    axes = Axes(380, 300, (0, n), (-0.03, 1.03))
    names = ("examples reviewed, most suspicious first", "planted errors found")
    parts = [axes.frame(_round_ticks(0, n, 1.0), [0, 0.25, 0.5, 0.75, 1], *names)]
    best = f"M{axes.x(0):.1f} {axes.y(0):.1f}L{axes.x(min(ideal, n)):.1f} {axes.y(1):.1f}H{axes.x(n):.1f}"
    parts.append(f'<path class="ideal" d="{best}"/>')
    path = "L".join(f"{axes.x(a):.1f} {axes.y(b):.1f}" for a, b in zip(reviewed.tolist(), found.tolist()))
    parts.append(f'<path class="line" d="M{path}"/>')
    return axes.wrap("".join(parts), "Planted errors found against examples reviewed")


def residual_svg(
    predicted: np.ndarray, off: np.ndarray, low: np.ndarray, high: np.ndarray, marked: np.ndarray,
    marks: Sequence[tuple[str, str | None]], *, ratio: bool,
) -> tuple[str, int]:  # fmt: skip
    """Draw residuals against predictions, with the interval of correct numbers as an area.

    Parameters
    ----------
    predicted, off, low, high : (m,) predictions; differences from them, or ratios to them; and the interval of these.
    marked : places of label issues among the points. marks : words and link (or None) of each.
    ratio : whether `off`, `low` and `high` are ratios, which are drawn on logarithmic axes; NaN if negative.

    Returns
    -------
    the drawing, and the number of points beyond its frame, which are drawn at the edge.
    """
    if ratio:
        predicted, off, low, high = (np.log10(one) for one in (predicted, off, low, high))
    usual = 3 * float(np.quantile(np.maximum(np.abs(low), np.abs(high)), 0.95))
    far = np.where(np.isnan(off), -np.inf, off)
    most = float(np.abs(far[np.isfinite(far)]).max(initial=0))
    limit = max(min(1.05 * most, max(usual, 1.3) if ratio else usual), usual / 3, 1e-12)
    left, right = float(predicted.min()), float(predicted.max())
    side = max(0.02 * (right - left), 1e-9 * max(abs(left), 1.0))
    axes = Axes(760, 380, (left - side, right + side), (-1.03 * limit, 1.03 * limit), powers=ratio)
    ticks = _power_ticks if ratio else _round_ticks
    name = "given number / prediction" if ratio else "given number - prediction"
    parts = [axes.frame(ticks(left, right), ticks(-limit, limit), "prediction", name)]
    parts.append(f'<path class="area" d="{_area(axes, predicted, low, high)}"/>')
    parts.append(f'<path class="ideal" d="M{axes.left} {axes.y(0.0):.1f}H{axes.width - axes.right}"/>')
    inside = np.clip(far, -limit, limit)
    x, y = axes.x(predicted), axes.y(inside)
    parts.append(f'<path class="points one {"s" if len(x) > 3000 else ""}" d="{_dots(x, y)}"/>')
    parts += [_ring(float(x[at]), float(y[at]), *mark) for at, mark in zip(marked.tolist(), marks)]
    return axes.wrap("".join(parts), "Residuals against predictions"), int((inside != far).sum())


def _area(axes: Axes, x: np.ndarray, low: np.ndarray, high: np.ndarray) -> str:
    """Path around the medians of `low` and `high` over groups of similar x."""
    order = np.argsort(x, kind="stable")
    groups = np.array_split(order, max(min(len(x) // AREA_POINTS, AREA_GROUPS), 1))
    middle = [float(np.median(x[one])) for one in groups]
    bottom, top = axes.height - axes.bottom, axes.top
    at = axes.x(np.array([float(x.min()), *middle, float(x.max())]))
    sides = []
    for values in (low, high):
        medians = [float(np.median(values[one])) for one in groups]
        y = np.clip(axes.y(np.array([medians[0], *medians, medians[-1]])), top, bottom)
        sides.append([f"{a:.1f} {b:.1f}" for a, b in zip(at.tolist(), y.tolist())])
    return f"M{'L'.join(sides[0] + sides[1][::-1])}Z"


def _dots(x: np.ndarray, y: np.ndarray) -> str:
    return "".join(f"M{a:.1f} {b:.1f}h0" for a, b in zip(x.tolist(), y.tolist()))


def _ring(x: float, y: float, words: str, link: str | None) -> str:
    circle = f'<circle class="ring" cx="{x:.1f}" cy="{y:.1f}" r="5"><title>{escape(words)}</title></circle>'
    return f'<a href="{escape(link)}">{circle}</a>' if link else circle


def _round_ticks(low: float, high: float, least: float = 0.0) -> list[float]:
    """About four round numbers from low to high, at least `least` apart."""
    span = max(high - low, 1e-300)
    step = 10.0 ** np.floor(np.log10(span / 2))
    step = next(step * factor for factor in (1, 2, 2.5, 5, 10) if span / (step * factor) <= 5)
    step = max(step, least)
    first = int(np.ceil(low / step - 1e-9))
    return [float(place * step) for place in range(first, int(np.floor(high / step + 1e-9)) + 1)]


def _power_ticks(low: float, high: float) -> list[float]:
    """Decimal logarithms of round numbers from low to high, at most seven or the whole powers of ten."""
    for parts in ((1, 2, 5), (1, 3), (1,)):
        powers = range(int(np.floor(low)), int(np.ceil(high)) + 1)
        found = [power + float(np.log10(part)) for power in powers for part in parts]
        found = [one for one in found if low - 1e-9 <= one <= high + 1e-9]
        if len(found) <= 7:
            break
    return found


def _text(kind: str, x: float, y: float, anchor: str, words: str) -> str:
    return f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(words)}</text>'


def _number(value: float) -> str:
    return f"{value:,.0f}" if value == int(value) else f"{value:.3g}"
