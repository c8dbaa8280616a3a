"""The scale on which residuals are judged: the numbers themselves, or their inverse hyperbolic sine.

Errors of prices, weights and counts are often proportional to their size. On a scale that is linear near 0 and
logarithmic beyond, their spread is about constant, and negative numbers remain valid.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np

POSITIVE = 0.8
"""Minimum share of positive numbers for which the logarithmic scale is tried."""
STRETCH = 10.0
"""The scale is logarithmic above the median absolute value divided by this."""


class Scale(Protocol):
    """A strictly increasing transformation of numbers.

    Attributes
    ----------
    name : description of the scale.
    """

    name: str

    def to(self, y: np.ndarray) -> np.ndarray:
        """Transform numbers to this scale."""
        ...

    def back(self, z: np.ndarray) -> np.ndarray:
        """Invert `to`."""
        ...

    def log_slope(self, y: np.ndarray) -> np.ndarray:
        """Return the log of the derivative of `to` at y."""
        ...


class Plain:
    """The identity."""

    name = "as they are"

    def to(self, y: np.ndarray) -> np.ndarray:
        return y

    def back(self, z: np.ndarray) -> np.ndarray:
        return z

    def log_slope(self, y: np.ndarray) -> np.ndarray:
        return np.zeros(np.shape(y))


class Logarithmic:
    """asinh(y / unit): y / unit near 0, log(2 y / unit) far above `unit`."""

    name = "on a logarithmic scale"

    def __init__(self, unit: float) -> None:
        self.unit = unit

    def to(self, y: np.ndarray) -> np.ndarray:
        return np.arcsinh(y / self.unit)

    def back(self, z: np.ndarray) -> np.ndarray:
        return self.unit * np.sinh(np.clip(z, -600, 600))

    def log_slope(self, y: np.ndarray) -> np.ndarray:
        return -np.log(self.unit) - 0.5 * np.log1p(np.square(y / self.unit))


def scales_for(y: np.ndarray) -> list[Scale]:
    """Return the scales to try for finite numbers (n,)."""
    found: list[Scale] = [Plain()]
    middle = float(np.median(np.abs(y))) if len(y) else 0.0
    if middle > 0 and (y > 0).mean() > POSITIVE:
        found.append(Logarithmic(middle / STRETCH))
    return found


def spread_of(residuals: np.ndarray) -> float:
    """Return a robust standard deviation: 1.4826 times the median absolute residual, always positive."""
    found = 1.4826 * float(np.median(np.abs(residuals))) if len(residuals) else 0.0
    if found > 0:
        return found
    rest = np.abs(residuals[residuals != 0])  # more than half of the residuals are 0
    return max(1e-3 * float(np.median(rest)), 1e-12) if len(rest) else 1e-12
