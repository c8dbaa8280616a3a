"""The scale on which residuals are judged: numbers as they are, or their inverse hyperbolic sine.

Prices, weights and counts err by a share of their size: on a scale that is linear near 0 and logarithmic beyond, the
spread is about the same everywhere, and a lost sign stays a number.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np

POSITIVE = 0.8
"""Share of positive numbers above which the logarithmic scale is tried."""
STRETCH = 10.0
"""The scale is logarithmic above a tenth of the median size."""


class Scale(Protocol):
    """A strictly increasing map of numbers.

    Attributes
    ----------
    name : in words.
    """

    name: str

    def to(self, y: np.ndarray) -> np.ndarray:
        """Numbers on this scale."""
        ...

    def back(self, z: np.ndarray) -> np.ndarray:
        """The inverse."""
        ...

    def log_slope(self, y: np.ndarray) -> np.ndarray:
        """log of the derivative of `to` at y."""
        ...


class Plain:
    """Numbers as they are."""

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
    """The scales worth trying for finite numbers (n,)."""
    found: list[Scale] = [Plain()]
    middle = float(np.median(np.abs(y))) if len(y) else 0.0
    if middle > 0 and (y > 0).mean() > POSITIVE:
        found.append(Logarithmic(middle / STRETCH))
    return found


def spread_of(residuals: np.ndarray) -> float:
    """A standard deviation that wrong numbers do not move: 1.4826 times the median absolute residual, above 0."""
    found = 1.4826 * float(np.median(np.abs(residuals))) if len(residuals) else 0.0
    if found > 0:
        return found
    rest = np.abs(residuals[residuals != 0])  # more than half are met exactly
    return max(1e-3 * float(np.median(rest)), 1e-12) if len(rest) else 1e-12
