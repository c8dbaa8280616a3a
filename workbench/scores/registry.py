"""The table of scores: the evidence each one needs, which end is suspicious, its range and its source.

A score is a pure function. `@register(...)` returns it unchanged and adds a row to `SCORES`. The names of its
positional parameters are the evidence that it needs (`given_labels`, `pred_probs`, `margin`, ...); its keyword-only
parameters are its options.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal, TypeVar

from workbench.foundation.errors import InputError
from workbench.scores.running import Running

Function = TypeVar("Function", bound=Callable[..., Any])


@dataclass(frozen=True)
class Score:
    """One row of `SCORES`.

    Attributes
    ----------
    name : str
        Key in `SCORES` and column name; the name of the function.
    function : callable
        The pure function: evidence arrays in, one value per example out.
    needs : tuple of str
        Names of evidence, in the order of the function's positional parameters.
    options : mapping of str to object
        Keyword-only parameters with their defaults.
    suspicious : {"low", "high"}
        Which end of the score points to a wrong (or hard) example.
    range : tuple of float
        Smallest and largest possible value; `inf` if unbounded.
    source : str
        The paper or definition of the score.
    in_words : str
        One-sentence description for users.
    running : Running or None
        For scores of one statistic per epoch: the state to which epochs are added.
    """

    name: str
    function: Callable[..., Any]
    needs: tuple[str, ...]
    options: Mapping[str, Any]
    suspicious: Literal["low", "high"]
    range: tuple[float, float]
    source: str
    in_words: str
    running: Running | None = None


SCORES: dict[str, Score] = {}


def register(
    *,
    suspicious: str,
    range: tuple[float, float],
    source: str,
    in_words: str | None = None,
    running: Running | None = None,
) -> Callable[[Function], Function]:
    """Register a pure function as a score; the function is returned unchanged.

    Parameters
    ----------
    suspicious : {"low", "high"}
        Which end points to a wrong (or hard) example.
    range : (float, float)
        Smallest and largest possible value.
    source : str
        Paper or definition.
    in_words : str, optional
        One-sentence description for users; by default the first line of the docstring.
    running : Running, optional
        For a function of one statistic (epochs, n): the same score as a state to which epochs are added.

    Raises
    ------
    InputError
        The name is taken by another function, the function has no evidence parameters, or a field is invalid.
    """
    if suspicious not in ("low", "high"):
        raise InputError.at("suspicious", f"is {suspicious!r}", 'Use "low" or "high".')
    low, high = range
    if not low < high:
        raise InputError.at("range", f"is {range!r}", "Give (smallest, largest).")

    def add(function: Function) -> Function:
        name = function.__name__
        here, known = function.__module__, SCORES.get(name)
        if known is not None and (known.function.__module__, known.function.__qualname__) != (
            here,
            function.__qualname__,
        ):
            raise InputError.at(
                "score", f"{name!r} is registered by both {known.function.__module__} and {here}", "Rename one of them."
            )
        needs, options = [], {}
        for parameter in inspect.signature(function).parameters.values():
            if parameter.kind in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD):
                if parameter.default is not parameter.empty:
                    raise InputError.at(
                        "score", f"{name!r} has a default for evidence {parameter.name!r}", "Make it keyword-only."
                    )
                needs.append(parameter.name)
            elif parameter.kind is parameter.KEYWORD_ONLY and parameter.default is not parameter.empty:
                options[parameter.name] = parameter.default
            else:
                raise InputError.at(
                    "score",
                    f"{name!r} has the parameter {parameter}, which is neither evidence nor an option with a default",
                    "Make evidence positional parameters, and options keyword-only parameters with defaults.",
                )
        if not needs:
            raise InputError.at("score", f"{name!r} needs no evidence", "Make evidence positional parameters.")
        words = in_words or (inspect.getdoc(function) or "").partition("\n")[0]
        SCORES[name] = Score(
            name,
            function,
            tuple(needs),
            MappingProxyType(options),
            suspicious,
            (float(low), float(high)),
            source,
            words,
            running,
        )
        return function

    return add
